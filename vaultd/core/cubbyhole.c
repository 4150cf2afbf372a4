/* Cubbyholes: the directory of a token's paths, and one record for each path. */
#include "core/cubbyhole.h"

#include <stdio.h>
#include <string.h>

#include "core/name_list.h"
#include "core/vault_cubbyhole.h"
#include "core/vault_state.h"
#include "records/tables_access.h"
#include "records/value.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* -- records ------------------------------------------------------------- */

static struct record_key key_of(struct records_view *view, const uint8_t token_id[static ID_LEN], const char *path,
				size_t len)
{
	return records_blind_key(view, TABLE_CUBBYHOLE, 'B', token_id, path, len);
}

/* The record of a path; its own name must be the one that was asked for. ERR_NOT_FOUND without a sentence. */
static enum error_code read_record(struct records_view *view, const uint8_t token_id[static ID_LEN],
				   struct json_span path, struct secret_buf *plain, struct text_span *ret_json,
				   struct error *err)
{
	struct record_key key = key_of(view, token_id, path.at, path.len);
	struct cubbyhole_record record;
	enum error_code code = records_read(view, &key, plain, NULL, NULL, err);

	if (code == ERR_OK)
		code = decode_cubbyhole(secret_buf_bytes(plain), secret_buf_len(plain), &record, err);
	if (code != ERR_OK)
		return code;
	if (memcmp(record.token_id, token_id, ID_LEN) != 0 || record.path.len != path.len ||
	    (path.len > 0 && memcmp(record.path.at, path.at, path.len) != 0))
		return error_set(err, ERR_RECORD, "a record of a cubbyhole stands in the place of another");
	*ret_json = record.json;
	return ERR_OK;
}

static enum error_code put_record(struct records_view *view, struct records_write *write,
				  const uint8_t token_id[static ID_LEN], struct json_span path, struct json_span json,
				  struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct record_key key = key_of(view, token_id, path.at, path.len);
	struct cubbyhole_record record = {
		.path = { .at = path.at, .len = (uint32_t)path.len },
		.json = { .at = json.at, .len = (uint32_t)json.len },
	};

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a cubbyhole");
	memcpy(record.token_id, token_id, ID_LEN);
	encode_cubbyhole(encoding, &record);
	if (secret_buf_check(encoding, "a record of the cubbyhole", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

/* -- the directory ------------------------------------------------------- */

/* {"path":bytes,…}, sorted by path; paths hold nothing that JSON escapes. */
struct directory {
	struct secret_buf *plain;
	bool there;
	struct json_value entries;
};

static void directory_wipe(struct directory *directory)
{
	secret_buf_free(directory->plain);
}

static const struct json_span no_path = { .at = "", .len = 0 };

static enum error_code load_directory(struct records_view *view, const uint8_t token_id[static ID_LEN],
				      struct directory *ret, struct error *err)
{
	static const char nothing[] = "{}";
	struct error damaged = ERROR_INIT;
	struct text_span json = {0};
	enum error_code code;

	ret->plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!ret->plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a cubbyhole");
	code = read_record(view, token_id, no_path, ret->plain, &json, err);
	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	ret->there = code == ERR_OK;
	if (!ret->there)
		json = (struct text_span){ .at = nothing, .len = 2 };
	if (json_scan(json.at, json.len, &ret->entries, &damaged) != ERR_OK || ret->entries.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_RECORD, "the directory of a cubbyhole is not a JSON object");
	return ERR_OK;
}

static int compare_paths(struct json_span a, struct json_span b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len > 0 ? memcmp(a.at, b.at, len) : 0;

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

struct directory_change {
	struct secret_buf *out;
	size_t count;
	int64_t bytes;
};

static void add_entry(struct directory_change *change, struct json_span path, int64_t bytes)
{
	json_emit_raw(change->out, change->count == 0 ? "{\"" : ",\"");
	json_emit_raw_n(change->out, path.at, path.len);
	json_emit_raw(change->out, "\":");
	json_emit_int(change->out, bytes);
	change->count++;
	change->bytes += bytes;
}

/* The directory with one path set (bytes 0: without it) into change. */
static void change_entries(const struct directory *directory, struct json_span path, int64_t bytes,
			   struct directory_change *change)
{
	struct json_member member;
	bool placed = bytes == 0;
	size_t cursor = 0;

	while (json_next_member(&directory->entries, &cursor, &member)) {
		int order = compare_paths(path, member.name);
		int64_t kept = 0;

		if (!placed && order <= 0) {
			add_entry(change, path, bytes);
			placed = true;
		}
		if (order != 0 && json_as_int(&member.value, &kept))
			add_entry(change, member.name, kept);
	}
	if (!placed)
		add_entry(change, path, bytes);
	json_emit_raw(change->out, change->count == 0 ? "{}" : "}");
}

static enum error_code put_directory(struct records_view *view, struct records_write *write,
				     const uint8_t token_id[static ID_LEN], const struct directory *directory,
				     struct json_span path, int64_t bytes, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct directory_change change = { .out = text };
	struct record_key key = key_of(view, token_id, "", 0);

	if (!text)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a cubbyhole");
	change_entries(directory, path, bytes, &change);
	if (change.count == 0)
		return records_delete(write, &key, err);
	if (bytes > 0 && (change.count > LIMIT_CUBBYHOLE_PATHS || change.bytes > LIMIT_CUBBYHOLE_BYTES))
		return error_set(err, ERR_TOO_LARGE, "the token's cubbyhole is full: it takes %d paths and %d bytes in all",
				 LIMIT_CUBBYHOLE_PATHS, LIMIT_CUBBYHOLE_BYTES);
	if (secret_buf_check(text, "the directory of the cubbyhole", err) != ERR_OK)
		return err->code;
	return put_record(view, write, token_id, no_path,
			  (struct json_span){ .at = secret_buf_text(text), .len = secret_buf_len(text) }, err);
}

enum error_code cubbyhole_delete_all(struct records_view *view, struct records_write *write,
				     const uint8_t token_id[static ID_LEN], struct error *err)
{
	cleanup_(directory_wipe) struct directory directory = {0};
	struct record_key key = key_of(view, token_id, "", 0);
	struct json_member member;
	size_t cursor = 0;

	if (load_directory(view, token_id, &directory, err) != ERR_OK)
		return err->code;
	if (!directory.there)
		return records_guard(write, &key, NULL, err);
	while (json_next_member(&directory.entries, &cursor, &member)) {
		struct record_key at = key_of(view, token_id, member.name.at, member.name.len);

		if (records_delete(write, &at, err) != ERR_OK)
			return err->code;
	}
	return records_delete(write, &key, err);
}

/* -- who has one --------------------------------------------------------- */

/* The pin of the caller's token, which a change guards. */
static enum error_code find_owner(struct records_view *view, const struct caller *caller, uint8_t ret_pin[static PIN_LEN],
				  struct error *err)
{
	struct record_key key = record_key_id(TABLE_TOKEN, caller->token_id);
	enum error_code code;

	if (caller->kind != CALLER_TOKEN)
		return error_set(err, ERR_INVALID, "a cubbyhole belongs to a token, and this request came without one");
	code = caller->batch ? ERR_NOT_FOUND : records_peek(view, &key, ret_pin, err);
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_INVALID, "cubbyhole operations are only supported by \"service\" type tokens");
	return code;
}

static enum error_code decide(const struct caller *caller, unsigned capability, const char *path, struct error *err)
{
	char api_path[sizeof("cubbyhole/") + LIMIT_ENV_PATH_LEN + 1];

	snprintf(api_path, sizeof(api_path), "cubbyhole/%s", path);
	return vault_decide(caller, capability, api_path, err);
}

/* -- what callers ask ------------------------------------------------------ */

enum error_code vault_cubbyhole_read(struct vault *vault, const struct caller *caller, const struct env_path *path,
				     struct secret_buf *out, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	const struct json_span name = { .at = path->text, .len = path->len };
	vault_use_scope use = {0};
	uint8_t pin[PIN_LEN];
	struct text_span json = {0};
	enum error_code code;

	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a cubbyhole");
	if (vault_use_begin_view(vault, &use, err) != ERR_OK || decide(caller, CAP_READ, path->text, err) != ERR_OK ||
	    find_owner(use.view, caller, pin, err) != ERR_OK)
		return err->code;
	code = read_record(use.view, caller->token_id, name, plain, &json, err);
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "nothing stands at this path of the cubbyhole");
	if (code != ERR_OK)
		return code;
	secret_buf_append(out, json.at, json.len);
	return secret_buf_check(out, "what stands in the cubbyhole", err);
}

/* The entries are sorted, so what a folder holds stands together. */
static void collect_names(const struct directory *directory, const char *prefix, struct name_collector *names)
{
	size_t prefix_len = strlen(prefix), cursor = 0;
	struct json_span last = no_path;
	struct json_member member;

	while (json_next_member(&directory->entries, &cursor, &member)) {
		struct json_span name = member.name;
		const char *slash;

		if (name.len <= prefix_len || memcmp(name.at, prefix, prefix_len) != 0)
			continue;
		name.at += prefix_len;
		name.len -= prefix_len;
		slash = memchr(name.at, '/', name.len);
		if (slash)
			name.len = (size_t)(slash - name.at) + 1;
		if (compare_paths(name, last) != 0)
			name_collector_add(names, name.at, name.len);
		last = name;
	}
}

enum error_code vault_cubbyhole_list(struct vault *vault, const struct caller *caller, const char *prefix,
				     struct name_list *ret, struct error *err)
{
	cleanup_(name_collector_wipe) struct name_collector names = NAME_COLLECTOR_INIT(LIMIT_REVISION_PLAIN);
	cleanup_(directory_wipe) struct directory directory = {0};
	vault_use_scope use = {0};
	uint8_t pin[PIN_LEN];

	if (vault_use_begin_view(vault, &use, err) != ERR_OK || decide(caller, CAP_LIST, prefix, err) != ERR_OK ||
	    find_owner(use.view, caller, pin, err) != ERR_OK ||
	    load_directory(use.view, caller->token_id, &directory, err) != ERR_OK)
		return err->code;
	collect_names(&directory, prefix, &names);
	if (names.count == 0 && !names.failed)
		return error_set(err, ERR_NOT_FOUND, "nothing stands at this path of the cubbyhole");
	return name_collector_finish(&names, ret, err);
}

static unsigned capability_of(const struct cubbyhole_change *change, bool there)
{
	return !change->value.at ? CAP_DELETE : there ? CAP_UPDATE : CAP_CREATE;
}

static enum error_code prepare_change(struct vault_action *action, struct records_view *view, struct records_write *write,
				      struct error *err)
{
	const struct cubbyhole_change *change = (const struct cubbyhole_change *)action;
	const struct json_span path = { .at = change->path->text, .len = change->path->len };
	const uint8_t *token_id = change->caller->token_id;
	struct record_key token_key = record_key_id(TABLE_TOKEN, token_id), key = key_of(view, token_id, path.at, path.len);
	cleanup_(directory_wipe) struct directory directory = {0};
	struct json_value old;
	uint8_t pin[PIN_LEN];
	bool there;

	if (load_directory(view, token_id, &directory, err) != ERR_OK)
		return err->code;
	there = json_find(&directory.entries, change->path->text, &old);
	if (decide(change->caller, capability_of(change, there), change->path->text, err) != ERR_OK ||
	    find_owner(view, change->caller, pin, err) != ERR_OK)
		return err->code;
	if (!change->value.at && !there)
		return ERR_OK;
	if (records_guard(write, &token_key, pin, err) != ERR_OK ||
	    put_directory(view, write, token_id, &directory, path, (int64_t)change->value.len, err) != ERR_OK)
		return err->code;
	return change->value.at ? put_record(view, write, token_id, path, change->value, err) :
				  records_delete(write, &key, err);
}

enum error_code vault_cubbyhole_change(struct vault *vault, struct cubbyhole_change *change, struct error *err)
{
	change->action.prepare_ = prepare_change;
	return vault_action_submit(vault, &change->action, false, err);
}
