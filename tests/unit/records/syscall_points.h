/*
 * The calls that change files, counted: a test may end the process before any one of them, or let one fail. They stand
 * before the C library's for the whole program, LMDB included.
 */
#pragma once

#define POINT_EXIT_CODE 77

/* The process ends with POINT_EXIT_CODE instead of the call number n from now (1: the next). 0: never. */
void points_exit_at(int n);

enum point_fault {
	FAULT_NONE,
	FAULT_META_ERROR_AFTER_WRITE,	/* vault.db: the meta page is written, but the writer hears of an error */
	FAULT_DATABASE_SYNC,		/* vault.db: the data is not synced, the meta page not written */
	EXIT_AT_ANCHOR,			/* the process ends before the anchor is written */
	FAULT_ANCHOR,			/* every write of the anchor, until there is another fault or none */
	FAULT_HEADER_FIRST,		/* one write of vault.hdr: its first copy */
	FAULT_HEADER_SECOND,
	FAULT_HEADER_THIRD,		/* the first copy of the next header */
};
void points_fail(enum point_fault fault);
