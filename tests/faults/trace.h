/*
 * The trace of a power-cut campaign: everything that a daemon did to its files, in order, and in between what its clients
 * asked and were told.
 *
 * record.c (loaded with LD_PRELOAD) and the clients (workload.py) append to one file, each entry with one write, so that the
 * order is the kernel's: a note "ack" stands behind all that had been done when the answer was read.
 *
 * An entry is struct trace_entry and `len` bytes behind it. Numbers are the machine's own; a trace is read where it was made.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define TRACE_MAGIC 0x31544656u		/* "VFT1" */
#define TRACE_SYNCED 1u			/* flag of TRACE_WRITE: through a descriptor with O_DSYNC or O_SYNC */

enum trace_kind {
	TRACE_NOTE,		/* bytes: the text, see oracle.h */
	TRACE_CREATE,		/* inode in the directory `other`; bytes: its name there */
	TRACE_MKDIR,		/* the same */
	TRACE_WRITE,		/* inode, offset; bytes: the data */
	TRACE_TRUNCATE,		/* inode, offset: the new size */
	TRACE_ALLOCATE,		/* inode, offset: the least size */
	TRACE_SYNC,		/* inode, of a file or a directory */
	TRACE_RENAME,		/* from the directory inode to `other`; bytes: old name, NUL, new name */
	TRACE_LINK,		/* inode in the directory `other`; bytes: the name */
	TRACE_UNLINK,		/* in the directory inode; bytes: the name */
	TRACE_KINDS
};

struct trace_entry {
	uint32_t magic, kind, flags, len;
	uint64_t inode, other, offset;
};

/* One entry of a trace in memory. */
struct trace_event {
	struct trace_entry head;
	const uint8_t *bytes;	/* head.len; belongs to the trace */
};

struct trace {
	struct trace_event *events;
	size_t len;
	uint8_t *file;		/* what the events point into */
};

/* Reads a trace; ends the program with a sentence when it is none. It lives until the program ends. */
struct trace trace_read(const char *path);

/*
 * A planted bug: the trace as a product with that mistake would have made it. Ends the program for a name that it does not know.
 * Which there are stands in mutants.c; trace_mutants() lists them, NULL at the end.
 */
void trace_plant(struct trace *trace, const char *mutant);
const char *const *trace_mutants(void);
