#include "cmd/import_versions.h"

#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "vault/clock.h"

#define NUMBER_MAX (INT64_MAX / 2)

static bool parse_number(struct json_span span, uint64_t *ret)
{
	uint64_t number = 0;

	if (span.len == 0 || span.len > 18 || span.at[0] == '0')
		return false;
	for (size_t i = 0; i < span.len; i++) {
		if (span.at[i] < '0' || span.at[i] > '9')
			return false;
		number = number * 10 + (uint64_t)(span.at[i] - '0');
	}
	*ret = number;
	return true;
}

static int by_number(const void *a, const void *b)
{
	const struct version_entry *left = a, *right = b;

	return left->number < right->number ? -1 : left->number > right->number;
}

static void read_entry(const struct json_value *value, uint64_t number, struct version_entry *ret)
{
	struct json_value deletion;

	*ret = (struct version_entry){.number = number, .state = VERSION_READABLE};
	answer_text(value, "created_time", ret->created, sizeof(ret->created));
	ret->timed = json_find(value, "deletion_time", &deletion) && deletion.kind == JSON_SCAN_STRING &&
		     json_string_span(&deletion).len > 0;
	if (answer_bool(value, "destroyed"))
		ret->state = VERSION_DESTROYED;
}

/* The newest ones when there are more than fit: the oldest of the list makes room. */
static void keep_entry(struct version_list *list, const struct version_entry *entry)
{
	size_t oldest = 0;

	if (list->len < LIMIT_MAX_VERSIONS) {
		list->entries[list->len++] = *entry;
		return;
	}
	list->left_out++;
	for (size_t i = 1; i < list->len; i++)
		if (list->entries[i].number < list->entries[oldest].number)
			oldest = i;
	if (list->entries[oldest].number < entry->number)
		list->entries[oldest] = *entry;
}

static void read_settings(const struct json_value *data, struct version_list *list)
{
	char after[64];

	list->max_versions = answer_int(data, "max_versions", 0);
	list->cas_required = answer_bool(data, "cas_required");
	answer_text(data, "delete_version_after", after, sizeof(after));
	if (after[0] != '\0' && !duration_parse(after, strlen(after), &list->delete_after))
		list->odd_settings = true;
	if (list->max_versions < 0 || list->max_versions > LIMIT_MAX_VERSIONS) {
		list->odd_settings = true;
		list->max_versions = LIMIT_MAX_VERSIONS;
	}
}

enum error_code version_list_parse(const struct json_value *data, struct version_list *ret, struct error *err)
{
	int64_t current = answer_int(data, "current_version", -1);
	struct json_value versions;
	struct json_member member;
	size_t cursor = 0;

	*ret = (struct version_list){.len = 0};
	if (current < 0 || current > NUMBER_MAX || !json_find(data, "versions", &versions) ||
	    (versions.kind != JSON_SCAN_OBJECT && versions.kind != JSON_SCAN_NULL))
		return error_set(err, ERR_PROTOCOL, "the metadata name no versions");
	ret->current = (uint64_t)current;
	while (versions.kind == JSON_SCAN_OBJECT && json_next_member(&versions, &cursor, &member)) {
		struct version_entry entry;
		uint64_t number;

		if (!parse_number(member.name, &number) || number > ret->current ||
		    member.value.kind != JSON_SCAN_OBJECT)
			return error_set(err, ERR_PROTOCOL, "the metadata name a version that cannot be");
		read_entry(&member.value, number, &entry);
		keep_entry(ret, &entry);
	}
	qsort(ret->entries, ret->len, sizeof(ret->entries[0]), by_number);
	read_settings(data, ret);
	return ERR_OK;
}

void version_list_single(struct version_list *list)
{
	list->current = 1;
	list->len = 1;
	list->left_out = 0;
	list->entries[0] = (struct version_entry){.number = 1, .state = VERSION_READABLE};
}

struct version_entry *version_list_find(struct version_list *list, uint64_t number)
{
	const struct version_entry wanted = {.number = number};

	return bsearch(&wanted, list->entries, list->len, sizeof(wanted), by_number);
}

enum version_state version_list_state(struct version_list *list, uint64_t number)
{
	const struct version_entry *found = version_list_find(list, number);

	return found != NULL ? found->state : VERSION_ABSENT;
}

bool version_settings_equal(const struct version_list *a, const struct version_list *b)
{
	return a->max_versions == b->max_versions && a->cas_required == b->cas_required &&
	       a->delete_after == b->delete_after;
}

enum version_match version_compare(enum version_state source, enum version_state ours, bool equal, bool empty)
{
	/* What max_versions has taken away here was there once. */
	if (ours == VERSION_ABSENT)
		return MATCH_FITS;
	if (source == VERSION_READABLE)
		return ours == VERSION_READABLE && equal ? MATCH_YES : MATCH_NO;
	return ours != VERSION_READABLE || empty ? MATCH_FITS : MATCH_UNPROVEN;
}

bool version_needs_mark(enum version_state source, enum version_state ours, bool empty)
{
	if (ours == VERSION_DELETED)
		return source == VERSION_DESTROYED;
	if (ours != VERSION_READABLE || source == VERSION_READABLE)
		return false;
	return source != VERSION_ABSENT || empty;
}

const char *import_action_name(enum import_action action)
{
	switch (action) {
	case IMPORT_EQUAL:
		return "equal";
	case IMPORT_NEW:
		return "new";
	case IMPORT_RESUME:
		return "resume";
	case IMPORT_UPDATE:
		return "update";
	case IMPORT_CONFLICT:
		return "conflict";
	case IMPORT_EMPTY:
		return "empty";
	}
	return "";
}

enum import_action import_decide(uint64_t source_current, uint64_t ours_current, bool same_until, bool marked,
				 bool update)
{
	if (ours_current == 0)
		return source_current > 0 || !marked ? IMPORT_NEW : IMPORT_EQUAL;
	if (!same_until || ours_current > source_current)
		return update ? IMPORT_UPDATE : IMPORT_CONFLICT;
	return ours_current == source_current && marked ? IMPORT_EQUAL : IMPORT_RESUME;
}

enum error_code import_target(const char *path, const char *prefix, const char *to, struct env_path *ret,
			      struct error *err)
{
	char text[2 * LIMIT_ENV_PATH_LEN + 2];
	size_t prefix_len = strlen(prefix), len = strlen(path);

	if (to == NULL)
		return env_path_parse(path, len, ret, err);
	/* The walk gives what lies below the prefix, or what is called as it is. */
	const char *rest = prefix_len > 0 && strncmp(path, prefix, prefix_len) == 0 ? path + prefix_len : path;
	rest += rest[0] == '/';
	size_t to_len = strlen(to), rest_len = strlen(rest);
	if (to_len > LIMIT_ENV_PATH_LEN || rest_len > LIMIT_ENV_PATH_LEN)
		return error_set(err, ERR_INVALID, "the path is longer than %d bytes", LIMIT_ENV_PATH_LEN);
	memcpy(text, to, to_len);
	text[to_len] = '/';
	memcpy(text + to_len + 1, rest, rest_len);
	return env_path_parse(text, rest_len > 0 ? to_len + 1 + rest_len : to_len, ret, err);
}

enum error_code import_check_values(const struct json_value *data, const char *what, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_BODY_DATA);
	struct json_member member;
	size_t cursor = 0, count = 0;

	if (name == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (data->raw.len > LIMIT_BODY_DATA - LIMIT_BODY_SMALL)
		return error_set(err, ERR_TOO_LARGE, "%s is larger than %u bytes", what,
				 LIMIT_BODY_DATA - LIMIT_BODY_SMALL);
	while (json_next_member(data, &cursor, &member)) {
		secret_buf_reset(name);
		json_append_unescaped(name, member.name);
		if (!variable_name_is_storable(secret_buf_text(name), secret_buf_len(name)))
			return error_set(err, ERR_INVALID,
					 "%s has a variable whose name is empty, holds a NUL or is longer than %d bytes",
					 what, LIMIT_VARIABLE_NAME_LEN);
		if (++count > LIMIT_VARIABLES)
			return error_set(err, ERR_TOO_LARGE, "%s has more than %d variables", what, LIMIT_VARIABLES);
	}
	return ERR_OK;
}
