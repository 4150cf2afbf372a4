/*
 * Which records of one table end when: ids with their time and size, in memory
 * that is wiped. Filled at unseal and kept by the feed; for sweeps in bounded
 * batches and for limits of number and size.
 *
 * Any thread. Adding, removing and taking the first are O(log n).
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/tables.h"
#include "vault/attributes.h"
#include "vault/error.h"

struct expiry_index;

void expiry_index_free(struct expiry_index *index);
struct expiry_index *expiry_index_new(void) owned_by(expiry_index_free);

/* An id that is there already gets the new time and size. ERR_NO_MEMORY. */
enum error_code expiry_index_put(struct expiry_index *index, const uint8_t id[static ID_LEN], int64_t expires, size_t size,
				 struct error *err) must_check;
void expiry_index_remove(struct expiry_index *index, const uint8_t id[static ID_LEN]);
void expiry_index_clear(struct expiry_index *index);

struct expiry_totals {
	size_t count;
	uint64_t size;
};
struct expiry_totals expiry_index_totals(struct expiry_index *index);

/* At most max ids that end at now or earlier, in no order; they stay in the index. Returns how many. */
size_t expiry_index_due(struct expiry_index *index, int64_t now, uint8_t (*ret)[ID_LEN], size_t max);
