/*
 * Decoded heads, so that reading an environment costs one decryption. How they
 * are kept: pinned_cache.h.
 *
 * Settings of an environment (Q) are read with its head: whoever changes them
 * puts the head anew in the same commit.
 */
#pragma once

#include <stdint.h>

#include "core/pinned_cache.h"
#include "records/records.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/names.h"
#include "vault/secret_buf.h"

struct head_entry {
	struct pinned_entry pinned;
	uint8_t eid[ID_LEN];
	struct secret_buf *plain;
	struct head_record head;
	uint8_t settings_pin[PIN_LEN];	/* zeros: no settings */
	struct secret_buf *settings_plain;
	struct text_span settings;	/* JSON text, or len 0 */
};

void head_entry_free(struct head_entry *entry);	/* lets go; NULL is allowed */

/* The head as the view sees it; the caller lets go of *ret. ERR_NOT_FOUND without a sentence, ERR_RECORD. */
enum error_code head_cache_get(struct pinned_cache *cache, struct records_view *view, const uint8_t mount[static ID_LEN],
			       const struct env_path *path, struct head_entry **ret, struct error *err) must_check;

DEFINE_CLEANUP(struct head_entry *, head_entry_free);
