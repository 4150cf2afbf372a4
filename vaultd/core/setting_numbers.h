/* Which G record is what (docs/storage-format.md 3.3): one list, so that no number is given twice. */
#pragma once

enum setting_number {
	SETTING_MOUNTS = 1,	/* put anew whenever a mount comes or moves: two that do so at a time exclude each other */
	SETTING_QUOTAS = 2,	/* the same for quotas */
};
