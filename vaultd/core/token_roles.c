#include "core/token_roles.h"

#include <sodium.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/cidr.h"
#include "core/name_list.h"
#include "core/policy_text.h"
#include "records/tables_access.h"
#include "records/value.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

#define SETTINGS_MAX 65536

const struct role_member token_role_members[] = {
	{ "allowed_policies", NULL, ROLE_TEXTS },
	{ "allowed_policies_glob", NULL, ROLE_TEXTS },
	{ "disallowed_policies", NULL, ROLE_TEXTS },
	{ "disallowed_policies_glob", NULL, ROLE_TEXTS },
	{ "orphan", NULL, ROLE_FLAG },
	{ "renewable", NULL, ROLE_FLAG },
	{ "path_suffix", NULL, ROLE_TEXT },
	{ "token_type", NULL, ROLE_TEXT },
	{ "token_bound_cidrs", "bound_cidrs", ROLE_TEXTS },
	{ "token_explicit_max_ttl", "explicit_max_ttl", ROLE_SECONDS },
	{ "token_period", "period", ROLE_SECONDS },
	{ "token_num_uses", NULL, ROLE_COUNT },
	{ "token_no_default_policy", NULL, ROLE_FLAG },
	{ NULL, NULL, ROLE_FLAG },
};

void token_role_end(struct token_role *role)
{
	json_decref(role->settings);
	*role = (struct token_role){ .settings = NULL };
}

/* -- keys -------------------------------------------------------------------- */

static bool is_role_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= LIMIT_TOKEN_ROLE_NAME_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

/* The record of a role under auth/token/. */
static bool role_key(struct vault *vault, struct records_view *view, const char *name, struct mount *ret_mount,
		     struct record_key *ret)
{
	char text[LIMIT_TOKEN_ROLE_NAME_LEN + 2];
	int len;

	if (!is_role_name(name) || !mount_table_holding(vault->mounts, "auth/token/", ret_mount))
		return false;
	len = snprintf(text, sizeof(text), "%c%s", ROLE_TOKEN, name);
	*ret = records_blind_key(view, TABLE_ROLE, 'L', ret_mount->info.uuid, text, (size_t)len);
	return true;
}

/* -- reading ------------------------------------------------------------------- */

static enum error_code damaged(struct error *err)
{
	return error_set(err, ERR_RECORD, "the record of a token role holds what this version does not understand");
}

static enum error_code decode_role_settings(const struct role_record *record, struct token_role *ret, struct error *err)
{
	struct error ignored = ERROR_INIT;

	if (record->kind != ROLE_TOKEN || record->name.len > LIMIT_TOKEN_ROLE_NAME_LEN)
		return damaged(err);
	if (safe_json_parse(record->settings.at, record->settings.len, &ret->settings, &ignored) != ERR_OK)
		return ignored.code == ERR_NO_MEMORY ? error_set(err, ERR_NO_MEMORY, "%s", ignored.text) : damaged(err);
	ret->generation = record->generation;
	memcpy(ret->name, record->name.at, record->name.len);
	return ERR_OK;
}

static enum error_code read_role(struct records_view *view, const struct record_key *key, struct token_role *ret,
				 struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	struct token_role role = { .settings = NULL };
	struct role_record record;
	enum error_code code;

	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token role");
	code = records_read(view, key, plain, role.pin, NULL, err);
	if (code == ERR_OK)
		code = decode_role(secret_buf_bytes(plain), secret_buf_len(plain), &record, err);
	if (code == ERR_OK)
		code = decode_role_settings(&record, &role, err);
	if (code != ERR_OK)
		return code;
	memcpy(role.id, key->bytes + 1, ID_LEN);
	*ret = role;
	return ERR_OK;
}

enum error_code token_role_find(struct vault *vault, struct records_view *view, const char *name, struct token_role *ret,
				struct error *err)
{
	struct record_key key;
	struct mount mount;

	return role_key(vault, view, name, &mount, &key) ? read_role(view, &key, ret, err) : ERR_NOT_FOUND;
}

enum error_code token_role_of(struct records_view *view, const uint8_t id[static ID_LEN], struct token_role *ret,
			      struct error *err)
{
	struct record_key key = record_key_id(TABLE_ROLE, id);

	return read_role(view, &key, ret, err);
}

bool token_role_flag(const struct token_role *role, const char *member)
{
	return json_is_true(json_object_get(role->settings, member));
}

int64_t token_role_number(const struct token_role *role, const char *member)
{
	return json_integer_value(json_object_get(role->settings, member));
}

const char *token_role_text(const struct token_role *role, const char *member)
{
	const char *text = json_string_value(json_object_get(role->settings, member));

	return text ? text : "";
}

size_t token_role_count(const struct token_role *role, const char *member)
{
	return json_array_size(json_object_get(role->settings, member));
}

/* A * stands for any text, nothing too; there is no other special character. */
static bool glob_fits(const char *glob, const char *text)
{
	const char *star = NULL, *retry = NULL;

	while (*text) {
		if (*glob == '*') {
			star = ++glob;
			retry = text;
		} else if (*glob == *text) {
			glob++;
			text++;
		} else if (star) {
			glob = star;
			text = ++retry;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

bool token_role_lists(const struct token_role *role, const char *exact, const char *globs, const char *policy)
{
	const json_t *list = json_object_get(role->settings, exact), *patterns = json_object_get(role->settings, globs);

	for (size_t i = 0; i < json_array_size(list); i++)
		if (strcmp(json_string_value(json_array_get(list, i)), policy) == 0)
			return true;
	for (size_t i = 0; i < json_array_size(patterns); i++)
		if (glob_fits(json_string_value(json_array_get(patterns, i)), policy))
			return true;
	return false;
}

enum error_code token_role_policies(const struct token_role *role, const char *member, struct policy_set *set,
				    struct error *err)
{
	const json_t *list = json_object_get(role->settings, member);

	for (size_t i = 0; i < json_array_size(list); i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (policy_set_add(set, (struct text_span){ .at = text, .len = (uint32_t)strlen(text) }, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* -- checking a change ------------------------------------------------------------ */

static enum error_code wrong(const char *member, const char *wanted, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s must be %s", member, wanted);
}

static json_t *defaults(void)
{
	json_t *settings = json_object();

	for (const struct role_member *member = token_role_members; settings && member->name; member++) {
		json_t *value = member->kind == ROLE_TEXTS ? json_array() :
				member->kind == ROLE_FLAG  ? json_boolean(strcmp(member->name, "renewable") == 0) :
				member->kind == ROLE_TEXT  ? json_string(strcmp(member->name, "token_type") == 0 ?
								 "default-service" : "") :
							     json_integer(0);

		if (json_object_set_new(settings, member->name, value) != 0) {
			json_decref(settings);
			return NULL;
		}
	}
	return settings;
}

/* Puts a text's stored form in its place. */
static enum error_code check_element(const char *member, json_t *list, size_t i, struct error *err)
{
	const char *text = json_string_value(json_array_get(list, i)), *form = text;
	char block[CIDR_TEXT_MAX];
	struct policy_name name;
	struct cidr cidr;

	if (!text)
		return wrong(member, "a list of texts", err);
	if (strcmp(member, "token_bound_cidrs") == 0) {
		if (!cidr_parse(text, strlen(text), &cidr))
			return wrong(member, "a list of blocks such as 10.0.0.0/8 or fd00::/8", err);
		cidr_format(&cidr, block);
		form = block;
	} else if (strstr(member, "_glob")) {
		return policy_pattern_check(text, err);
	} else {
		if (policy_name_normalise(text, strlen(text), &name, err) != ERR_OK)
			return err->code;
		form = name.text;
	}
	if (json_array_set_new(list, i, json_string(form)) != 0)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token role");
	return ERR_OK;
}

static enum error_code check_texts(const char *member, json_t *list, struct error *err)
{
	int most = strcmp(member, "token_bound_cidrs") == 0 ? LIMIT_TOKEN_CIDRS : LIMIT_TOKEN_POLICIES;

	if (!json_is_array(list) || json_array_size(list) > (size_t)most)
		return error_set(err, ERR_INVALID, "%s must be a list of at most %d texts", member, most);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (check_element(member, list, i, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

static enum error_code check_text(const char *member, const json_t *value, struct error *err)
{
	static const char *const types[] = { "service", "batch", "default-service", "default-batch" };
	const char *text = json_string_value(value);

	if (!text)
		return wrong(member, "a text", err);
	if (strcmp(member, "path_suffix") == 0) {
		if (strlen(text) <= LIMIT_TOKEN_PATH_SUFFIX_LEN &&
		    strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == strlen(text) &&
		    strcmp(text, ".") != 0 && strcmp(text, "..") != 0)
			return ERR_OK;
		return error_set(err, ERR_INVALID, "path_suffix has at most %d of the characters A-Z a-z 0-9 _ . -",
				 LIMIT_TOKEN_PATH_SUFFIX_LEN);
	}
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strcmp(text, types[i]) == 0)
			return ERR_OK;
	return wrong(member, "service, batch, default-service or default-batch", err);
}

static enum error_code check_member(const struct role_member *member, json_t *value, struct error *err)
{
	json_int_t most = member->kind == ROLE_COUNT ? LIMIT_TOKEN_USES : INT64_C(100) * 366 * 86400;

	switch (member->kind) {
	case ROLE_TEXTS:
		return check_texts(member->name, value, err);
	case ROLE_TEXT:
		return check_text(member->name, value, err);
	case ROLE_FLAG:
		return json_is_boolean(value) ? ERR_OK : wrong(member->name, "true or false", err);
	case ROLE_SECONDS:
	case ROLE_COUNT:
		if (json_is_integer(value) && json_integer_value(value) >= 0 && json_integer_value(value) <= most)
			return ERR_OK;
		return wrong(member->name, "a whole number that is not negative and not too large", err);
	}
	return ERR_OK;
}

static enum error_code check_together(const json_t *settings, struct error *err)
{
	const char *type = json_string_value(json_object_get(settings, "token_type"));
	bool batch = strcmp(type, "batch") == 0;

	if (batch && (json_integer_value(json_object_get(settings, "token_period")) > 0 ||
		      json_integer_value(json_object_get(settings, "token_num_uses")) > 0))
		return error_set(err, ERR_INVALID, "batch tokens have no period and no limited number of uses");
	return ERR_OK;
}

/* Puts the change into the settings. Members that no role has are left out. */
static enum error_code apply(json_t *settings, const json_t *change, struct error *err)
{
	for (const struct role_member *member = token_role_members; member->name; member++) {
		json_t *value = json_object_get(change, member->name);

		if (!value)
			continue;
		value = safe_json_copy(value);
		if (!value || json_object_set_new(settings, member->name, value) != 0)
			return error_set(err, ERR_NO_MEMORY, "no memory is left for a token role");
		if (check_member(member, value, err) != ERR_OK)
			return err->code;
	}
	return check_together(settings, err);
}

/* -- writing -------------------------------------------------------------------------- */

static enum error_code dump(const json_t *settings, struct secret_buf *out, struct error *err)
{
	size_t len = json_dumpb(settings, NULL, 0, JSON_COMPACT | JSON_SORT_KEYS);
	uint8_t *room = len > 0 ? secret_buf_reserve(out, len) : NULL;

	if (room && json_dumpb(settings, (char *)room, len, JSON_COMPACT | JSON_SORT_KEYS) == len)
		secret_buf_advance(out, len);
	if (len == 0 || (len <= SETTINGS_MAX && secret_buf_len(out) == 0))
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token role");
	if (secret_buf_len(out) == 0)
		return error_set(err, ERR_INVALID, "the settings of a token role have more than %d bytes", SETTINGS_MAX);
	return ERR_OK;
}

static enum error_code put_role(struct records_write *write, const struct record_key *key, const struct mount *mount,
				const struct token_role *role, const char *name, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *settings = secret_buf_new(SETTINGS_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct role_record record = { .kind = ROLE_TOKEN, .generation = role->generation };

	if (!settings || !encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token role");
	if (dump(role->settings, settings, err) != ERR_OK)
		return err->code;
	memcpy(record.mount, mount->info.uuid, ID_LEN);
	record.name = (struct text_span){ .at = name, .len = (uint32_t)strlen(name) };
	record.settings = (struct text_span){ .at = secret_buf_text(settings), .len = (uint32_t)secret_buf_len(settings) };
	encode_role(encoding, &record);
	if (secret_buf_check(encoding, "the record of a token role", err) != ERR_OK)
		return err->code;
	return records_put(write, key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

/* A role that is made again is another one: its generation is random, so that nothing of the former counts for it. */
static enum error_code begin_role(struct token_role *role, struct error *err)
{
	role->settings = defaults();
	if (!role->settings)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token role");
	randombytes_buf(&role->generation, sizeof(role->generation));
	return ERR_OK;
}

static enum error_code prepare(struct vault_action *action, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	const struct vault_role_write *wanted =
		(const struct vault_role_write *)((const char *)action - offsetof(struct vault_role_write, action));
	cleanup_(token_role_end) struct token_role role = { .settings = NULL };
	struct record_key key;
	struct mount mount;
	enum error_code code;

	if (!role_key(action->vault_, view, wanted->name, &mount, &key))
		return error_set(err, ERR_INVALID, "a role's name has 1 to %d of the characters A-Z a-z 0-9 _ . -",
				 LIMIT_TOKEN_ROLE_NAME_LEN);
	code = read_role(view, &key, &role, err);
	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	if (!wanted->change)
		return code == ERR_OK ? records_delete(write, &key, err) : ERR_OK;
	if (vault_decide(wanted->caller, code == ERR_OK ? CAP_UPDATE : CAP_CREATE, wanted->api_path, err) != ERR_OK)
		return err->code;
	if ((code == ERR_NOT_FOUND && begin_role(&role, err) != ERR_OK) ||
	    apply(role.settings, wanted->change, err) != ERR_OK)
		return err->code;
	return put_role(write, &key, &mount, &role, wanted->name, err);
}

enum error_code vault_role_write(struct vault *vault, struct vault_role_write *write, struct error *err)
{
	write->action.prepare_ = prepare;
	write->action.finish_ = NULL;
	/* What hangs on a role that is deleted is revoked with it. */
	return vault_action_submit(vault, &write->action, !write->change, err);
}

/* -- asking ------------------------------------------------------------------------------ */

enum error_code vault_role_read(struct vault *vault, const char *name, json_t **ret, struct error *err)
{
	struct token_role role = { .settings = NULL };
	vault_use_scope use = { 0 };
	enum error_code code;

	if (vault_use_begin_view(vault, &use, err) != ERR_OK)
		return err->code;
	code = token_role_find(vault, use.view, name, &role, err);
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "there is no such token role");
	if (code == ERR_OK)
		*ret = role.settings;
	return code;
}

struct listing {
	struct name_collector collector;
	uint8_t mount[ID_LEN];
	struct error *err;
};

static bool take_name(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain, size_t plain_len,
		      const uint8_t *pin)
{
	struct listing *listing = arg;
	struct role_record record;

	(void)key;
	(void)kid;
	(void)pin;
	if (decode_role(plain, plain_len, &record, listing->err) != ERR_OK)
		return false;
	if (record.kind == ROLE_TOKEN && memcmp(record.mount, listing->mount, ID_LEN) == 0)
		name_collector_add(&listing->collector, record.name.at, record.name.len);
	return true;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Records stand in the order of their keyed hashes; names are wanted sorted. */
static enum error_code sorted(struct name_list *list, struct error *err)
{
	struct name_collector again = NAME_COLLECTOR_INIT(LIMIT_NAME_LIST);
	const char **names = calloc(list->count + 1, sizeof(*names));
	const char *at = list->block;
	struct name_list result = { 0 };

	if (!names)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the list of token roles");
	for (size_t i = 0; i < list->count; i++, at += strlen(at) + 1)
		names[i] = at;
	qsort(names, list->count, sizeof(*names), by_text);
	for (size_t i = 0; i < list->count; i++)
		name_collector_add(&again, names[i], strlen(names[i]));
	free(names);
	if (name_collector_finish(&again, &result, err) != ERR_OK)
		return err->code;
	name_list_free(list);
	*list = result;
	return ERR_OK;
}

enum error_code vault_role_list(struct vault *vault, struct name_list *ret, struct error *err)
{
	struct listing listing = { .collector = NAME_COLLECTOR_INIT(LIMIT_NAME_LIST), .err = err };
	struct name_list list = { 0 };
	vault_use_scope use = { 0 };
	struct mount mount;
	enum error_code code;

	if (vault_use_begin_view(vault, &use, err) != ERR_OK)
		return err->code;
	if (!mount_table_holding(vault->mounts, "auth/token/", &mount))
		return error_set(err, ERR_NOT_FOUND, "there is no token role");
	memcpy(listing.mount, mount.info.uuid, ID_LEN);
	code = records_scan(use.view, TABLE_ROLE, take_name, &listing, err);
	if (code == ERR_OK && err->code != ERR_OK)
		code = err->code;
	if (code == ERR_OK && listing.collector.count == 0 && !listing.collector.failed)
		code = error_set(err, ERR_NOT_FOUND, "there is no token role");
	if (code != ERR_OK) {
		name_collector_wipe(&listing.collector);
		return code;
	}
	if (name_collector_finish(&listing.collector, &list, err) != ERR_OK || sorted(&list, err) != ERR_OK) {
		name_list_free(&list);
		return err->code;
	}
	*ret = list;
	return ERR_OK;
}
