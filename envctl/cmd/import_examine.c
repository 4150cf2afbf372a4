#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "client/schema.h"
#include "cmd/import_vault.h"
#include "cmd/plan.h"
#include "cmd/refusal.h"
#include "vault/json_emit.h"

/* The values of a version on one side as a comparable set. *ret_code: ERR_DELETED, ERR_NOT_FOUND: it has none. */
static enum error_code read_set(struct vault_client *client, const struct kv_mount *mount, const char *path,
				uint64_t version, struct env_set **ret, enum error_code *ret_code, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(env_set_freep) struct env_set *set = env_set_new(PLAN_SET_MAX);
	struct error found = ERROR_INIT;
	struct json_value data;

	if (set == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	*ret_code = kv_source_read(client, mount, path, version, &answer, &data, &found);
	if (*ret_code == ERR_DELETED || *ret_code == ERR_NOT_FOUND)
		return ERR_OK;
	if (*ret_code != ERR_OK) {
		*err = found;
		return found.code;
	}
	enum error_code rc = plan_add_object(set, &data, NULL, err);
	if (rc == ERR_OK)
		*ret = take_ptr(set);
	return rc;
}

/* -- both sides' versions ---------------------------------------------------- */

static enum error_code take_custom(const struct json_value *data, struct env_set **ret_set, struct secret_buf *ret_text,
				   struct error *err)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(PLAN_SET_MAX);
	struct json_value custom;
	bool there = json_find(data, "custom_metadata", &custom) && custom.kind == JSON_SCAN_OBJECT;
	enum error_code rc = ERR_OK;

	if (set == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (there)
		rc = plan_add_object(set, &custom, NULL, err);
	if (rc == ERR_OK && ret_text != NULL) {
		secret_buf_reset(ret_text);
		if (there)
			json_emit_raw_n(ret_text, custom.raw.at, custom.raw.len);
		else
			json_emit_raw(ret_text, "{}");
		rc = secret_buf_check(ret_text, "the custom metadata", err);
	}
	if (rc != ERR_OK)
		return rc;
	env_set_free(*ret_set);
	*ret_set = take_ptr(set);
	return ERR_OK;
}

/* A missing one has no versions. */
static enum error_code load_side(struct vault_client *client, const struct kv_mount *mount, const char *path,
				 struct version_list *list, struct env_set **custom, struct secret_buf *text,
				 struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	static const struct json_value nothing = {.raw = {"{}", 2}, .kind = JSON_SCAN_OBJECT};
	enum error_code rc = kv_source_metadata(client, mount, path, &answer, &found);

	if (rc != ERR_OK && rc != ERR_NOT_FOUND) {
		*err = found;
		return rc;
	}
	*list = (struct version_list){.current = 0};
	if (rc == ERR_OK)
		rc = version_list_parse(&answer.data, list, err);
	else
		rc = ERR_OK;
	return rc == ERR_OK ? take_custom(answer.has_data ? &answer.data : &nothing, custom, text, err) : rc;
}

static enum error_code load_theirs(struct import *import, const char *path, struct error *err)
{
	static const struct json_value nothing = {.raw = {"{}", 2}, .kind = JSON_SCAN_OBJECT};
	enum error_code rc;

	if (import->mount.version == 1) {
		*import->theirs = (struct version_list){.current = 0};
		rc = take_custom(&nothing, &import->their_custom, import->custom, err);
	} else {
		rc = load_side(import->source, &import->mount, path, import->theirs, &import->their_custom,
			       import->custom, err);
	}
	if (rc == ERR_OK && import->latest)
		version_list_single(import->theirs);
	return rc == ERR_OK ? rc : error_prefix(err, "the source");
}

static enum error_code load_both(struct import *import, const struct import_item *item, struct error *err)
{
	enum error_code rc = import_target(item->path, import->prefix, import->to, &import->env, err);

	if (rc == ERR_OK)
		rc = load_theirs(import, item->path, err);
	if (rc == ERR_OK)
		rc = load_side(import->target, &import->secret, import->env.text, import->ours, &import->our_custom,
			       NULL, err);
	return rc;
}

/* -- what is the same -------------------------------------------------------- */

/* Reads a version of theirs only when it may have values. */
static enum error_code compare_version(struct import *import, const char *path, struct version_entry *ours,
				       enum version_match *ret, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *mine = NULL, *yours = NULL;
	struct version_entry *theirs = version_list_find(import->theirs, ours->number);
	enum error_code code, rc = ERR_OK;

	if (ours->state == VERSION_READABLE) {
		rc = read_set(import->target, &import->secret, import->env.text, ours->number, &mine, &code, err);
		if (rc == ERR_OK && mine == NULL)
			ours->state = VERSION_DELETED;
	}
	if (rc == ERR_OK && theirs != NULL && theirs->state == VERSION_READABLE) {
		rc = read_set(import->source, &import->mount, path, ours->number, &yours, &code, err);
		if (rc == ERR_OK && yours == NULL)
			theirs->state = VERSION_DELETED;
	}
	if (rc != ERR_OK)
		return rc;
	bool equal = mine != NULL && yours != NULL && env_set_equal(mine, yours);
	ours->empty = mine != NULL && env_set_count(mine) == 0;
	*ret = version_compare(theirs != NULL ? theirs->state : VERSION_ABSENT, ours->state, equal, ours->empty);
	return ERR_OK;
}

/* Content that cannot be compared any more is believed to be a copy when something else is one. */
static enum error_code compare_all(struct import *import, const char *path, bool *ret, struct error *err)
{
	bool same = import->ours->current <= import->theirs->current;
	size_t found[MATCH_UNPROVEN + 1] = {0};
	enum error_code rc = ERR_OK;

	for (size_t i = 0; rc == ERR_OK && same && i < import->ours->len; i++) {
		enum version_match match = MATCH_NO;

		rc = compare_version(import, path, &import->ours->entries[i], &match, err);
		found[match]++;
		same = match != MATCH_NO;
	}
	if (rc == ERR_OK)
		*ret = same && (found[MATCH_UNPROVEN] == 0 || found[MATCH_YES] > 0);
	return rc;
}

/* *ret_theirs: the source's current version has values; *ret: and ours has the same. */
static enum error_code compare_current(struct import *import, const char *path, bool *ret_theirs, bool *ret,
				       struct error *err)
{
	cleanup_(env_set_freep) struct env_set *mine = NULL, *yours = NULL;
	enum error_code code;
	enum error_code rc = read_set(import->source, &import->mount, path, 0, &yours, &code, err);

	if (rc == ERR_OK && import->ours->current > 0)
		rc = read_set(import->target, &import->secret, import->env.text, 0, &mine, &code, err);
	if (rc != ERR_OK)
		return rc;
	*ret_theirs = yours != NULL;
	*ret = mine != NULL && yours != NULL && env_set_equal(mine, yours);
	return ERR_OK;
}

static bool is_marked(struct import *import)
{
	for (size_t i = 0; !import->latest && i < import->ours->len; i++) {
		const struct version_entry *entry = &import->ours->entries[i];

		if (version_needs_mark(version_list_state(import->theirs, entry->number), entry->state, entry->empty))
			return false;
	}
	if (import->mount.version == 1)
		return true;
	return version_settings_equal(import->theirs, import->ours) &&
	       env_set_equal(import->their_custom, import->our_custom);
}

/* -- what would be written --------------------------------------------------- */

/* Who may not ask whether there is one is told by the write. */
static enum error_code find_schema(struct import *import, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	enum error_code rc = client_schema_read(import->target, &import->env, &answer, &found);

	import->has_schema = rc == ERR_OK;
	if (rc == ERR_OK || rc == ERR_NOT_FOUND || rc == ERR_DENIED)
		return ERR_OK;
	*err = found;
	return rc;
}

/* What a schema refuses would stop the import in the middle: it is told with all the rest, before anything is written. */
static enum error_code check_schema(struct import *import, struct json_span data, const char *what, struct error *err)
{
	size_t found = 0;
	enum error_code rc;

	if (!import->has_schema)
		return ERR_OK;
	rc = refusal_warn(import->target, &import->env, data, what, &found, err);
	if (rc != ERR_OK || found == 0)
		return rc;
	return error_set(err, ERR_INVALID,
			 "%s is not what the schema asks for; envctl schema set %.150s --mode warn lets it in%s", what,
			 import->env.text, import->latest ? "" : ", --latest takes the current version only");
}

/* The values of versions that are to be written must fit. */
static enum error_code check_version(struct import *import, const char *path, struct version_entry *entry,
				     struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	struct json_value data;
	char what[LIMIT_ENV_PATH_LEN / 2];
	enum error_code rc = kv_source_read(import->source, &import->mount, path, import->latest ? 0 : entry->number,
					    &answer, &data, &found);

	if (rc == ERR_DELETED || rc == ERR_NOT_FOUND) {
		entry->state = VERSION_DELETED;
		return ERR_OK;
	}
	if (rc != ERR_OK) {
		*err = found;
		return rc;
	}
	import->timed += entry->timed;
	snprintf(what, sizeof(what), "version %" PRIu64, entry->number);
	rc = import_check_values(&data, what, err);
	return rc == ERR_OK ? check_schema(import, data.raw, what, err) : rc;
}

static enum error_code check_rest(struct import *import, struct import_item *item, struct error *err)
{
	uint64_t from = item->ours_current + 1;
	enum error_code rc = ERR_OK;
	uint64_t readable = 0;

	for (size_t i = 0; rc == ERR_OK && i < import->theirs->len; i++) {
		struct version_entry *entry = &import->theirs->entries[i];

		if (entry->number < from || entry->state != VERSION_READABLE)
			continue;
		rc = check_version(import, item->path, entry, err);
		readable += entry->state == VERSION_READABLE;
	}
	item->versions = import->theirs->current - item->ours_current;
	item->placeholders = item->versions - readable;
	if (rc == ERR_OK && item->placeholders > IMPORT_PLACEHOLDERS_MAX)
		rc = error_set(err, ERR_TOO_LARGE,
			       "%" PRIu64 " of its versions are gone, too many to keep the numbers; --latest takes the "
			       "current one only",
			       item->placeholders);
	if (rc == ERR_OK && item->placeholders > 0)
		rc = check_schema(import, (struct json_span){"{}", 2}, "a version without content", err);
	return rc;
}

/* The source's current version comes after ours. */
static enum error_code check_update(struct import *import, struct import_item *item, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct json_value data;
	enum error_code rc;

	item->versions = item->action == IMPORT_UPDATE;
	if (item->action != IMPORT_UPDATE || !import->has_schema)
		return ERR_OK;
	rc = kv_source_read(import->source, &import->mount, item->path, 0, &answer, &data, err);
	return rc == ERR_OK ? check_schema(import, data.raw, "the current version", err) : rc;
}

static enum error_code decide_latest(struct import *import, struct import_item *item, struct error *err)
{
	bool theirs = false, same = false;
	enum error_code rc = compare_current(import, item->path, &theirs, &same, err);

	if (rc != ERR_OK)
		return rc;
	if (!theirs)
		item->action = IMPORT_EMPTY;
	else
		item->action = import_decide(1, item->ours_current == 0 ? 0 : same ? 1 : 2, same, is_marked(import),
					     import->update);
	if (item->action == IMPORT_NEW)
		return check_rest(import, item, err);
	return check_update(import, item, err);
}

static enum error_code decide_all(struct import *import, struct import_item *item, struct error *err)
{
	bool same = true, theirs = false, current_same = false;
	enum error_code rc = compare_all(import, item->path, &same, err);

	if (rc != ERR_OK)
		return rc;
	item->action = import_decide(import->theirs->current, item->ours_current, same, is_marked(import),
				     import->update);
	if (item->action == IMPORT_NEW || item->action == IMPORT_RESUME)
		return check_rest(import, item, err);
	if (item->action != IMPORT_UPDATE)
		return ERR_OK;
	rc = compare_current(import, item->path, &theirs, &current_same, err);
	if (rc == ERR_OK && (!theirs || current_same))
		item->action = theirs ? IMPORT_EQUAL : IMPORT_EMPTY;
	return rc == ERR_OK ? check_update(import, item, err) : rc;
}

enum error_code import_examine(struct import *import, struct import_item *item, struct error *err)
{
	enum error_code rc = load_both(import, item, err);

	if (rc != ERR_OK)
		return rc;
	item->ours_current = import->ours->current;
	import->left_out += import->theirs->left_out;
	import->odd_settings += import->theirs->odd_settings;
	rc = find_schema(import, err);
	if (rc != ERR_OK)
		return rc;
	return import->latest ? decide_latest(import, item, err) : decide_all(import, item, err);
}

enum error_code import_look_again(struct import *import, const struct import_item *item, struct error *err)
{
	bool same = true;
	enum error_code rc = load_both(import, item, err);

	if (rc == ERR_OK && import->ours->current != item->ours_current)
		rc = error_set(err, ERR_CAS, "it changed meanwhile");
	if (rc != ERR_OK || item->action != IMPORT_RESUME)
		return rc;
	/* Also finds out which versions have content, for the marks. */
	rc = compare_all(import, item->path, &same, err);
	if (rc == ERR_OK && !same)
		rc = error_set(err, ERR_CAS, "one of both sides changed meanwhile");
	return rc;
}
