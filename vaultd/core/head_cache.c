#include "core/head_cache.h"

#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "records/value.h"

static struct head_entry *entry_of(struct pinned_entry *pinned)
{
	return (struct head_entry *)((char *)pinned - offsetof(struct head_entry, pinned));
}

static void entry_destroy(struct pinned_entry *pinned)
{
	struct head_entry *entry = entry_of(pinned);

	head_record_free(&entry->head);
	secret_buf_free(entry->plain);
	secret_buf_free(entry->settings_plain);
	sodium_memzero(entry, sizeof(*entry));
	free(entry);
}

void head_entry_free(struct head_entry *entry)
{
	if (entry)
		pinned_entry_free(&entry->pinned);
}

/* -- loading ------------------------------------------------------------- */

static enum error_code load_settings(struct head_entry *entry, struct records_view *view, struct error *err)
{
	struct record_key key = record_key_id(TABLE_SETTINGS, entry->eid);
	cleanup_(secret_buf_freep) struct secret_buf *plain = NULL;
	enum error_code code;
	uint8_t pin[PIN_LEN];

	/* Most environments have none: ask for the pin before making a buffer. */
	code = records_peek(view, &key, pin, err);
	if (code == ERR_NOT_FOUND)
		return ERR_OK;
	if (code != ERR_OK)
		return code;
	plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's settings");
	code = records_read(view, &key, plain, entry->settings_pin, NULL, err);
	if (code == ERR_OK)
		code = decode_text(secret_buf_bytes(plain), secret_buf_len(plain), &entry->settings, err);
	if (code == ERR_OK)
		entry->settings_plain = take_ptr(plain);
	return code;
}

static enum error_code check_name(const struct head_record *head, const uint8_t mount[static ID_LEN],
				  const struct env_path *path, struct error *err)
{
	if (memcmp(head->mount, mount, ID_LEN) != 0 || head->path.len != path->len ||
	    memcmp(head->path.at, path->text, path->len) != 0)
		return error_set(err, ERR_RECORD, "the head of %s holds another environment's name", path->text);
	return ERR_OK;
}

static size_t entry_bytes(const struct head_entry *entry)
{
	const struct head_record *head = &entry->head;
	size_t settings = entry->settings_plain ? secret_buf_len(entry->settings_plain) : 0;

	return sizeof(*entry) + secret_buf_len(entry->plain) + settings +
	       head->revisions_len * sizeof(*head->revisions) + head->custom_len * sizeof(*head->custom) +
	       head->parents_len * sizeof(*head->parents);
}

static enum error_code load(struct records_view *view, const struct record_key *key, const uint8_t mount[static ID_LEN],
			    const struct env_path *path, struct head_entry **ret, struct error *err)
{
	cleanup_(head_entry_freep) struct head_entry *entry = calloc(1, sizeof(*entry));
	enum error_code code;

	if (!entry)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's head");
	pinned_entry_init(&entry->pinned, key, entry_destroy);
	entry->plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!entry->plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's head");
	code = records_read(view, key, entry->plain, entry->pinned.pin, entry->eid, err);
	if (code == ERR_OK)
		code = decode_head(secret_buf_bytes(entry->plain), secret_buf_len(entry->plain), &entry->head, err);
	if (code == ERR_OK)
		code = check_name(&entry->head, mount, path, err);
	if (code == ERR_OK)
		code = load_settings(entry, view, err);
	if (code != ERR_OK)
		return code;
	entry->pinned.bytes = entry_bytes(entry);
	*ret = take_ptr(entry);
	return ERR_OK;
}

enum error_code head_cache_get(struct pinned_cache *cache, struct records_view *view, const uint8_t mount[static ID_LEN],
			       const struct env_path *path, struct head_entry **ret, struct error *err)
{
	struct record_key key = records_head_key(view, mount, path->text, path->len);
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
	code = load(view, &key, mount, path, ret, err);
	if (code == ERR_OK)
		pinned_cache_add(cache, &(*ret)->pinned);
	return code;
}
