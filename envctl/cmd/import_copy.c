#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/import_vault.h"
#include "cmd/session.h"
#include "vault/clock.h"
#include "vault/json_emit.h"

#define MARKS_AT_ONCE 100

/* Versions that are marked together, so that an old environment does not need a request for each. */
struct marks {
	uint64_t numbers[MARKS_AT_ONCE];
	size_t len;
	bool destroy;
};

static enum error_code flush_marks(struct import *import, struct marks *marks, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = NULL;

	if (marks->len == 0)
		return ERR_OK;
	body = secret_buf_new(LIMIT_BODY_SMALL);
	if (body == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	json_emit_raw(body, "{\"versions\":[");
	for (size_t i = 0; i < marks->len; i++) {
		json_emit_raw(body, i > 0 ? "," : "");
		json_emit_uint(body, marks->numbers[i]);
	}
	json_emit_raw(body, "]}");
	marks->len = 0;
	enum error_code rc = secret_buf_check(body, "the list of versions", err);
	return rc == ERR_OK ? client_mark_revisions(import->target, &import->env, marks->destroy, body, err) : rc;
}

/* What has no content in the source is deleted or destroyed here as well. */
static enum error_code add_mark(struct import *import, struct marks *marks, uint64_t number, struct error *err)
{
	bool destroy = version_list_state(import->theirs, number) != VERSION_DELETED;
	enum error_code rc = ERR_OK;

	if (marks->len == MARKS_AT_ONCE || (marks->len > 0 && marks->destroy != destroy))
		rc = flush_marks(import, marks, err);
	marks->destroy = destroy;
	marks->numbers[marks->len++] = number;
	return rc;
}

/* -- versions ---------------------------------------------------------------- */

/* Why, in the history: where it came from and when it was written there, as our own time and actor are the import's. */
static void message_of(const struct import *import, uint64_t number, const struct version_entry *entry,
		       char ret[static LIMIT_MESSAGE_LEN + 1])
{
	const char *given = option_value(import->inv, OPT_MESSAGE);
	const char *created = entry != NULL ? entry->created : "";
	char origin[LIMIT_MESSAGE_LEN / 2];

	snprintf(origin, sizeof(origin), "imported from %s", client_address(import->source));
	snprintf(ret, LIMIT_MESSAGE_LEN + 1, "%s: version %" PRIu64 "%s%s%s", given != NULL ? given : origin, number,
		 created[0] != '\0' ? ", written " : "", created,
		 entry == NULL || entry->state != VERSION_READABLE ? " (its content is gone)" : "");
	if (!utf8_is_valid(ret, strlen(ret)))
		snprintf(ret, LIMIT_MESSAGE_LEN + 1, "imported: version %" PRIu64, number);
}

static enum error_code write_data(struct import *import, const struct json_value *data, uint64_t revision,
				  uint64_t number, const struct version_entry *entry, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_BODY_DATA);
	cleanup_(secret_buf_freep) struct secret_buf *templates = secret_buf_new(2);
	cleanup_(answer_free) struct answer answer = {0};
	char message[LIMIT_MESSAGE_LEN + 1];
	uint64_t got = 0;

	if (text == NULL || templates == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	/* What comes is text, also where a template stands now: "${" in a password must not be evaluated. */
	json_emit_raw(templates, "[]");
	if (data != NULL)
		json_emit_raw_n(text, data->raw.at, data->raw.len);
	else
		json_emit_raw(text, "{}");
	message_of(import, number, entry, message);
	const struct change change = {.data = text, .has_cas = true, .cas = revision - 1, .message = message,
				      .templates = templates};
	enum error_code rc = secret_buf_check(text, "the version", err);
	if (rc == ERR_OK)
		rc = client_write(import->target, &import->env, &change, &got, &answer, err);
	/* What an old version would be warned of is no news. */
	if (rc != ERR_OK)
		session_tell(&import->env, &answer);
	if (rc == ERR_OK && got != revision)
		rc = error_set(err, ERR_PROTOCOL, "the vault made revision %" PRIu64 " instead of %" PRIu64, got,
			       revision);
	return rc;
}

static enum error_code copy_version(struct import *import, const char *path, uint64_t number, struct marks *marks,
				    struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct version_entry *entry = version_list_find(import->theirs, number);
	struct error found = ERROR_INIT;
	struct json_value data;
	bool readable = entry != NULL && entry->state == VERSION_READABLE;

	if (readable) {
		enum error_code rc = kv_source_read(import->source, &import->mount, path, import->latest ? 0 : number,
						    &answer, &data, &found);

		if (rc == ERR_DELETED || rc == ERR_NOT_FOUND) {
			entry->state = VERSION_DELETED;
			readable = false;
		} else if (rc != ERR_OK) {
			*err = found;
			return error_prefix(err, "the source");
		}
	}
	enum error_code rc = write_data(import, readable ? &data : NULL, number, number, entry, err);
	if (rc == ERR_OK && !readable)
		rc = add_mark(import, marks, number, err);
	return rc;
}

/* Marks that an interrupted import has not come to, or that the source has got since. */
static enum error_code mark_old(struct import *import, struct marks *marks, struct error *err)
{
	enum error_code rc = ERR_OK;

	for (size_t i = 0; rc == ERR_OK && i < import->ours->len; i++) {
		const struct version_entry *entry = &import->ours->entries[i];

		if (version_needs_mark(version_list_state(import->theirs, entry->number), entry->state, entry->empty))
			rc = add_mark(import, marks, entry->number, err);
	}
	return rc;
}

/* -- settings ---------------------------------------------------------------- */

static enum error_code write_settings(struct import *import, int64_t max_versions, bool all, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(LIMIT_BODY_SMALL);
	const struct version_list *theirs = import->theirs;

	if (body == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	json_emit_raw(body, "{\"max_versions\":");
	json_emit_int(body, max_versions);
	if (all) {
		json_emit_raw(body, ",\"cas_required\":");
		json_emit_bool(body, theirs->cas_required);
		json_emit_raw(body, ",\"delete_version_after\":\"");
		json_emit_int(body, theirs->delete_after);
		json_emit_raw(body, "s\",\"custom_metadata\":");
		json_emit_raw_n(body, secret_buf_text(import->custom), secret_buf_len(import->custom));
	}
	json_emit_raw(body, "}");
	enum error_code rc = secret_buf_check(body, "the metadata", err);
	if (rc == ERR_OK)
		rc = client_metadata_write(import->target, &import->env, body, err);
	return rc == ERR_OK ? rc : error_prefix(err, "its metadata");
}

static bool settings_differ(const struct import *import)
{
	return !version_settings_equal(import->theirs, import->ours) ||
	       !env_set_equal(import->their_custom, import->our_custom);
}

/* While versions are written, none of them is to fall out; a mount may keep fewer than the source does. */
static enum error_code make_room(struct import *import, bool *ret_made, struct error *err)
{
	uint64_t wanted = import->theirs->current;
	uint64_t room = import->ours->max_versions > 0 ? (uint64_t)import->ours->max_versions : import->room;

	*ret_made = wanted > room;
	if (!*ret_made)
		return ERR_OK;
	return write_settings(import, wanted < LIMIT_MAX_VERSIONS ? (int64_t)wanted : LIMIT_MAX_VERSIONS, false, err);
}

static enum error_code copy_versions(struct import *import, const struct import_item *item, bool *ret_made_room,
				     struct error *err)
{
	struct marks marks = {.len = 0};
	enum error_code rc = ERR_OK;

	if (item->ours_current < import->theirs->current)
		rc = make_room(import, ret_made_room, err);
	if (rc == ERR_OK && !import->latest)
		rc = mark_old(import, &marks, err);
	for (uint64_t n = item->ours_current + 1; rc == ERR_OK && n <= import->theirs->current; n++) {
		rc = copy_version(import, item->path, n, &marks, err);
		if (rc != ERR_OK)
			error_prefix(err, "version %" PRIu64, n);
	}
	return rc == ERR_OK ? flush_marks(import, &marks, err) : rc;
}

static enum error_code update_current(struct import *import, const struct import_item *item, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct version_entry *entry = version_list_find(import->theirs, import->theirs->current);
	struct json_value data;
	enum error_code rc = kv_source_read(import->source, &import->mount, item->path, 0, &answer, &data, err);

	if (rc != ERR_OK)
		return error_prefix(err, "the source");
	return write_data(import, &data, item->ours_current + 1, import->theirs->current, entry, err);
}

enum error_code import_copy(struct import *import, struct import_item *item, struct error *err)
{
	bool made_room = false;
	enum error_code rc = import_look_again(import, item, err);

	/* The source may have more versions by now: then they come along. */
	if (rc == ERR_OK && item->action == IMPORT_UPDATE)
		rc = update_current(import, item, err);
	else if (rc == ERR_OK)
		rc = copy_versions(import, item, &made_room, err);
	/* Version 1 has no settings; then only what make_room() has set goes back. */
	if (rc == ERR_OK && (made_room || (import->mount.version == 2 && settings_differ(import))))
		rc = write_settings(import, import->theirs->max_versions, import->mount.version == 2, err);
	return rc == ERR_OK ? rc : error_prefix(err, "%.200s", import->env.text);
}
