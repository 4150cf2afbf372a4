/*
 * A file system that keeps only what POSIX promises, for asking what may be left after a power cut.
 *
 * What a sync of a file covers (data and size) is durable, and what a write through O_DSYNC has written. That a file was made,
 * renamed or removed is durable after a sync of its directory, and not before, even if the file itself was synced. Everything
 * else is pending: it may have happened or not, each change for itself, in any subset; a write may be torn.
 *
 * An image is what is durable and a choice of what is pending. Files that carry no data across a start (locks) are whole at once.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

struct disk;

/* Without files. Ends the program when memory does, as all functions here. */
struct disk *disk_new(void);
void disk_free(struct disk *disk);	/* NULL is allowed */
/* A directory that was there, durably, before anything was recorded; path is its place in an image. */
void disk_root(struct disk *disk, uint64_t inode, const char *path);

/* Follows one event: what it changes is pending then. What happens in places that are unknown is left out. */
void disk_apply(struct disk *disk, const struct trace_event *event);
/* The file or directory of an event is durable now (TRACE_SYNC), or the write is (TRACE_WRITE with TRACE_SYNCED). */
void disk_settle(struct disk *disk, const struct trace_event *event);

/* One pending change. */
struct pending {
	size_t node, number;	/* disk.c's own */
	bool is_write;
	uint64_t offset;
	size_t len;		/* of a write */
	bool small_page;	/* a record of a few words that is written over in place: LMDB's meta page, an anchor */
};
/* Those that are not durable yet, oldest first in each file. Valid until the next event. */
const struct pending *disk_pending(struct disk *disk, size_t *ret_len);

enum happening { HAPPENS_NOT, HAPPENS, HAPPENS_FIRST_PART, HAPPENS_IN_PARTS };
/* What becomes of one pending change; only writes happen in parts. */
struct choice {
	enum happening happening;
	unsigned unit;		/* 512 or 8: what is whole or absent, at multiples of it in the file */
	size_t parts;		/* HAPPENS_FIRST_PART: so many units */
	uint64_t seed;		/* HAPPENS_IN_PARTS: which of them, each with one half */
};

struct image;
/* choices: one for each of disk_pending(). */
struct image *disk_image(struct disk *disk, const struct choice *choices);
void image_free(struct image *image);
/* The same for the same names, sizes and bytes. */
uint64_t image_digest(const struct image *image);
/* Puts it below a directory that exists; files 0600, directories 0700. */
void image_write(const struct image *image, const char *directory);
/* Compares it with what stands below a directory, but for locks. Prints each difference; true when there was none. */
bool image_is(const struct image *image, const char *directory);
