/*
 * The outside of a backup (docs/storage-format.md section 9): the front, which
 * is clear, and the frames of the chunks behind it. What a chunk holds only
 * vaultd can open; that a stream has the right form and its end can be seen
 * without any key, and both programs look.
 *
 *   front    128 bytes, then one copy of vault.hdr of 16,384 bytes
 *   frames   u32: length of the sealed chunk, bit 31 set on the last one; chunk
 *
 * Nothing follows the last frame. Pure functions, safe for all threads.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"

#define BACKUP_ID_LEN 16
#define BACKUP_FRONT_FIELDS 128
#define BACKUP_FRONT_BEGIN 8	/* of these: what every backup begins with */
#define BACKUP_HEADER_LEN 16384
#define BACKUP_FRONT_LEN (BACKUP_FRONT_FIELDS + BACKUP_HEADER_LEN)
#define BACKUP_FRAME_LEN 4
#define BACKUP_CHUNK_PLAIN 65536	/* of one chunk at most, and 1 at least */
#define BACKUP_CHUNK_OVERHEAD 80
#define BACKUP_CHUNK_MAX (BACKUP_CHUNK_PLAIN + BACKUP_CHUNK_OVERHEAD)

struct backup_front {
	uint8_t store_id[BACKUP_ID_LEN], backup_id[BACKUP_ID_LEN], fork_id[BACKUP_ID_LEN];
	uint64_t counter;	/* of the state that was copied */
	uint64_t records;	/* that follow, without the state's */
	int64_t created;	/* µs */
};

/* The first BACKUP_FRONT_FIELDS bytes. */
void backup_front_write(const struct backup_front *front, uint8_t out[static BACKUP_FRONT_FIELDS]);
/* Of what is a backup, and may be cut off. ERR_INVALID: it is none. */
enum error_code backup_front_begin(const uint8_t bytes[static BACKUP_FRONT_BEGIN], struct error *err) must_check;
/* ERR_INVALID: not a backup. ERR_FORMAT_NEWER. ERR_BACKUP_DAMAGED: what must be zero is not. */
enum error_code backup_front_read(const uint8_t bytes[static BACKUP_FRONT_FIELDS], struct backup_front *ret,
				  struct error *err) must_check;

void backup_frame_write(size_t chunk_len, bool final, uint8_t out[static BACKUP_FRAME_LEN]);
/* *ret_len is from BACKUP_CHUNK_OVERHEAD + 1 to BACKUP_CHUNK_MAX. ERR_BACKUP_DAMAGED otherwise. */
enum error_code backup_frame_read(const uint8_t bytes[static BACKUP_FRAME_LEN], size_t *ret_len, bool *ret_final,
				  struct error *err) must_check;

/* A stream that comes in pieces of any size. Zeroed at the beginning. */
struct backup_walk {
	struct backup_front front;	/* valid when bytes >= BACKUP_FRONT_LEN */
	uint64_t bytes, chunks;		/* seen so far; chunks that are whole */
	uint8_t head[BACKUP_FRONT_FIELDS];	/* what is being collected, and how much of it */
	size_t head_len;
	size_t left;			/* of the chunk, or of the header's copy */
	bool final;			/* the chunk at hand is the last */
	bool done;			/* it is whole */
};
/* ERR_BACKUP_DAMAGED also when something follows the end. */
enum error_code backup_walk_feed(struct backup_walk *walk, const void *bytes, size_t len, struct error *err) must_check;
/* The stream has ended: ERR_BACKUP_CUT unless its last chunk was there. */
enum error_code backup_walk_end(const struct backup_walk *walk, struct error *err) must_check;
