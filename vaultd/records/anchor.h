/*
 * The anchor: a small file outside the data directory that remembers how far
 * the store has come, so that putting back an old copy of everything is found
 * (docs/storage-format.md section 5).
 *
 * 8 KiB, slots at 0 and 4,096; a write goes to the slot that does not hold the
 * highest valid counter, with pwrite and fdatasync.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "records/tables.h"
#include "vault/error.h"

struct anchor_point {
	uint8_t store_id[ID_LEN], fork_id[ID_LEN];
	uint64_t counter;
	uint8_t commit[32];	/* of the state record */
	int64_t time;
};

struct anchor;
void anchor_close(struct anchor *anchor);	/* NULL is allowed */

/* One slot (exposed for the known-answer test). */
#define ANCHOR_SLOT_LEN 128
void anchor_encode(const struct secret_key *anchor_key, const struct anchor_point *point, uint8_t out[static ANCHOR_SLOT_LEN]);

/* Whether the directory of the file is there, which nobody makes but the administrator: an anchor beside a disk that is not mounted
 * would be a new one. ERR_CONFIG when it is missing; what else is wrong with it anchor_open() tells. */
enum error_code anchor_check_directory(const char *path, struct error *err) must_check;
/* Opens the file (0600; makes it when create is true). ERR_ANCHOR_MISSING (also for its directory), ERR_PERMISSION,
 * ERR_IO. The descriptor stays open, so that the sandbox need not allow the path. */
enum error_code anchor_open(const char *path, bool create, struct anchor **ret, struct error *err) must_check;
/* The highest valid slot of this store. ERR_ANCHOR_MISSING when no slot is valid under the key. */
enum error_code anchor_read(struct anchor *anchor, const struct secret_key *anchor_key, const uint8_t store_id[static ID_LEN],
			    struct anchor_point *ret, struct error *err) must_check;
enum error_code anchor_write(struct anchor *anchor, const struct secret_key *anchor_key, const struct anchor_point *point,
			     struct error *err) must_check;
