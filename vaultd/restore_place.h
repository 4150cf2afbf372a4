/*
 * Where a restored vault comes to be: a directory beside its target, which gets
 * the target's name only when everything in it is right and durable.
 *
 * The target does not exist, or is an empty directory. Until the last step it is
 * not touched, and after any failure but the very last sync nothing of ours is left.
 *
 * Whoever may write beside the target may exchange names there at any time, and
 * need not be whom root works for. So both directories are held open, nothing
 * is looked up by a path a second time, and what is made in an empty directory's
 * place is made as its owner.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "vault/error.h"

struct restore_place {
	char target[PATH_MAX];		/* "": there is none, everything is thrown away */
	int parent;			/* of target and directory; open, or -1 */
	int directory;			/* open, or -1 */
	char name[NAME_MAX + 1];	/* of the directory in its parent; "" when nothing was made, or it has its name already */
	bool target_is_there;
	uid_t owner;			/* of the empty directory that is there; its files will be his */
	gid_t group;
	bool is_owner;			/* root works as the owner */
};
#define RESTORE_PLACE_NONE { .parent = -1, .directory = -1 }
#define restore_place_scope cleanup_(restore_place_end) struct restore_place

/* Makes the directory (0700). target NULL: in beside (such as "/var/tmp"), for a check. ERR_EXISTS, ERR_PERMISSION, ERR_IO.
 * After a failure there is what restore_place_end() removes. */
enum error_code restore_place_begin(const char *target, const char *beside, struct restore_place *place, struct error *err)
	must_check;
/* The directory becomes the working directory ("."), and root becomes the owner of the empty directory that is there, until the
 * end. So what only root may read, and what has a relative path, is opened before. ERR_PERMISSION, ERR_IO. */
enum error_code restore_place_enter(struct restore_place *place, struct error *err) must_check;
/* Syncs, gives it its name and syncs that. ERR_EXISTS when something has come there meanwhile. ERR_IO also when it has its name and
 * that could not be synced; the sentence says so. */
enum error_code restore_place_finish(struct restore_place *place, struct error *err) must_check;
/* Removes what was not finished. */
void restore_place_end(struct restore_place *place);
