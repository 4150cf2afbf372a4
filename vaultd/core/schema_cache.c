#include "core/schema_cache.h"

#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>

#include "records/tables_rotation.h"
#include "records/value.h"

static struct schema_entry *entry_of(struct pinned_entry *pinned)
{
	return (struct schema_entry *)((char *)pinned - offsetof(struct schema_entry, pinned));
}

static void entry_destroy(struct pinned_entry *pinned)
{
	struct schema_entry *entry = entry_of(pinned);

	schema_free(entry->schema);
	sodium_memzero(entry, sizeof(*entry));
	free(entry);
}

void schema_entry_free(struct schema_entry *entry)
{
	if (entry)
		pinned_entry_free(&entry->pinned);
}

/* A text that was taken once and is not any more is kept as one that cannot be read: whoever judges says so. */
static enum error_code compile(const struct schema_record *record, struct schema_entry *entry, struct error *err)
{
	struct findings findings = { .items = NULL };
	struct error reason = ERROR_INIT;
	enum error_code code = schema_parse(record->text.at, record->text.len, &findings, &entry->schema, &reason);

	findings_free(&findings);
	if (code != ERR_OK && code != ERR_INVALID && code != ERR_TOO_LARGE) {
		*err = reason;
		return code;
	}
	return ERR_OK;
}

static enum error_code load(struct records_view *view, const struct record_key *key, struct schema_entry **ret,
			    struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	cleanup_(schema_entry_freep) struct schema_entry *entry = calloc(1, sizeof(*entry));
	struct schema_record record;

	if (entry)
		pinned_entry_init(&entry->pinned, key, entry_destroy);
	if (!plain || !entry)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's schema");
	if (records_read(view, key, plain, entry->pinned.pin, NULL, err) != ERR_OK ||
	    decode_schema(secret_buf_bytes(plain), secret_buf_len(plain), &record, err) != ERR_OK ||
	    compile(&record, entry, err) != ERR_OK)
		return err->code;
	entry->mode = record.mode;
	entry->pinned.bytes = sizeof(*entry) + (entry->schema ? schema_bytes(entry->schema) : 0);
	*ret = take_ptr(entry);
	return ERR_OK;
}

enum error_code schema_cache_get(struct pinned_cache *cache, struct records_view *view, const uint8_t eid[static ID_LEN],
				 struct schema_entry **ret, struct error *err)
{
	struct record_key key = record_key_id(TABLE_SCHEMA, eid);
	struct pinned_entry *kept;
	uint8_t pin[PIN_LEN];
	enum error_code code = records_peek(view, &key, pin, err);

	if (code != ERR_OK)
		return code;
	kept = pinned_cache_find(cache, &key, pin);
	if (kept) {
		*ret = entry_of(kept);
		return ERR_OK;
	}
	code = load(view, &key, ret, err);
	if (code == ERR_OK)
		pinned_cache_add(cache, &(*ret)->pinned);
	return code;
}
