/*
 * A new database, filled in one go before anybody else knows of it: what a
 * restore does. Records come in key order (LMDB appends them, so that the file
 * has no holes); the one that is known last, the state, may come out of order
 * at the end. Nothing is durable before store_fill_end(); a fill that is
 * abandoned leaves files that the caller removes with their directory.
 *
 * One thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "store/store.h"
#include "vault/attributes.h"
#include "vault/error.h"

struct store_fill;
void store_fill_free(struct store_fill *fill);	/* NULL is allowed */

/* Makes vault.db (0600) in a directory that has none. ERR_EXISTS, ERR_STORAGE_FULL, ERR_IO. */
enum error_code store_fill_begin(const char *directory, size_t max_size, struct store_fill **ret, struct error *err) must_check;
/* ERR_INVALID when the key does not come after the one before. */
enum error_code store_fill_append(struct store_fill *fill, struct store_bytes key, struct store_bytes value, struct error *err)
	must_check;
/* Puts the last record wherever its key belongs, and syncs. */
enum error_code store_fill_end(struct store_fill *fill, struct store_bytes key, struct store_bytes value, struct error *err)
	must_check;

DEFINE_CLEANUP(struct store_fill *, store_fill_free);
