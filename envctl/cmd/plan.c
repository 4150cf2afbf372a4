#include "cmd/plan.h"

#include <string.h>

#include "cmd/output.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/names.h"

void plan_free(struct plan *plan)
{
	secret_buf_free(plan->lines);
	secret_buf_free(plan->data);
	*plan = (struct plan){0};
}

/* Strings are unescaped and written again in our own spelling; other values keep their text. */
static void append_canonical(struct secret_buf *out, struct secret_buf *scratch, const struct json_value *value)
{
	if (value->kind != JSON_SCAN_STRING) {
		secret_buf_append(out, value->raw.at, value->raw.len);
		return;
	}
	secret_buf_reset(scratch);
	json_append_unescaped(scratch, json_string_span(value));
	json_emit_string(out, secret_buf_text(scratch), secret_buf_len(scratch));
}

static enum error_code add_member(struct env_set *set, const struct json_member *member,
				  const struct name_filter *filter, struct secret_buf *const work[static 3],
				  struct error *err)
{
	struct secret_buf *name = work[0], *text = work[1], *scratch = work[2];

	secret_buf_reset(name);
	secret_buf_reset(text);
	json_append_unescaped(name, member->name);
	if (filter != NULL && !name_filter_takes(filter, secret_buf_text(name), secret_buf_len(name)))
		return ERR_OK;
	append_canonical(text, scratch, &member->value);
	enum error_code rc = secret_buf_check(text, "a variable", err);
	if (rc == ERR_OK)
		rc = secret_buf_check(name, "a variable's name", err);
	if (rc == ERR_OK)
		rc = env_set_put(set, secret_buf_text(name), secret_buf_len(name), secret_buf_text(text),
				 secret_buf_len(text), 0, NULL, err);
	return rc;
}

enum error_code plan_add_object(struct env_set *set, const struct json_value *object, const struct name_filter *filter,
				struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_BODY_DATA);
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(PLAN_SET_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *scratch = secret_buf_new(PLAN_SET_MAX);
	struct secret_buf *const work[3] = {name, text, scratch};
	struct json_member member;
	size_t cursor = 0;
	enum error_code rc = ERR_OK;

	if (name == NULL || text == NULL || scratch == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	while (rc == ERR_OK && json_next_member(object, &cursor, &member))
		rc = add_member(set, &member, filter, work, err);
	return rc;
}

enum error_code plan_add_texts(struct env_set *set, const struct env_set *texts, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(PLAN_SET_MAX);
	enum error_code rc = ERR_OK;

	if (text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(texts); i++) {
		struct env_entry entry = env_set_at(texts, i);

		if (!utf8_is_valid(entry.value, entry.value_len))
			return error_set(err, ERR_INVALID,
					 "the value of %.100s is not UTF-8 text; encode it, for example with base64",
					 entry.name);
		secret_buf_reset(text);
		json_emit_string(text, entry.value, entry.value_len);
		rc = secret_buf_check(text, "a variable", err);
		if (rc == ERR_OK)
			rc = env_set_put(set, entry.name, entry.name_len, secret_buf_text(text), secret_buf_len(text),
					 0, NULL, err);
	}
	return rc;
}

static void add_line(struct plan *plan, char sign, const struct env_entry *entry)
{
	secret_buf_append_char(plan->lines, sign);
	secret_buf_append(plan->lines, entry->name, entry->name_len);
	secret_buf_append_char(plan->lines, '\0');
}

static void add_data(struct plan *plan, const struct env_entry *name, const struct env_entry *value)
{
	json_emit_raw(plan->data, secret_buf_len(plan->data) > 1 ? "," : "");
	json_emit_string(plan->data, name->name, name->name_len);
	json_emit_raw(plan->data, ":");
	json_emit_raw_n(plan->data, value->value, value->value_len);
}

/* Variables that are there already keep their place. */
static void plan_present(struct plan *plan, const struct env_entry *old, const struct env_set *wanted,
			 bool remove_others)
{
	struct env_entry new_entry;

	if (!env_set_find(wanted, old->name, old->name_len, &new_entry)) {
		if (remove_others) {
			plan->removed++;
			add_line(plan, '-', old);
			return;
		}
		new_entry = *old;
	}
	if (new_entry.value_len == old->value_len && memcmp(new_entry.value, old->value, old->value_len) == 0) {
		plan->unchanged++;
	} else {
		plan->changed++;
		add_line(plan, '~', old);
	}
	add_data(plan, old, &new_entry);
}

enum error_code plan_make(const struct env_set *base, const struct env_set *wanted, bool remove_others,
			  struct plan *ret, struct error *err)
{
	cleanup_(plan_free) struct plan plan = {
		.lines = secret_buf_new(PLAN_SET_MAX),
		.data = secret_buf_new(PLAN_SET_MAX),
	};

	if (plan.lines == NULL || plan.data == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	json_emit_raw(plan.data, "{");
	for (size_t i = 0; i < env_set_count(base); i++) {
		struct env_entry old = env_set_at(base, i);

		plan_present(&plan, &old, wanted, remove_others);
	}
	for (size_t i = 0; i < env_set_count(wanted); i++) {
		struct env_entry entry = env_set_at(wanted, i);

		if (env_set_find(base, entry.name, entry.name_len, &(struct env_entry){0}))
			continue;
		plan.added++;
		add_line(&plan, '+', &entry);
		add_data(&plan, &entry, &entry);
	}
	json_emit_raw(plan.data, "}");
	enum error_code rc = secret_buf_check(plan.data, "the environment", err);
	if (rc == ERR_OK)
		rc = secret_buf_check(plan.lines, "the list of changes", err);
	if (rc != ERR_OK)
		return rc;
	*ret = plan;
	plan = (struct plan){0};
	return ERR_OK;
}

static enum style style_of(char sign)
{
	return sign == '+' ? STYLE_ADDED : sign == '~' ? STYLE_CHANGED : STYLE_REMOVED;
}

void plan_print(const struct plan *plan, struct secret_buf *out)
{
	const char *line = secret_buf_text(plan->lines);
	const char *end = line + secret_buf_len(plan->lines);

	for (; line < end; line += strlen(line) + 1) {
		output_style(out, style_of(line[0]));
		output_format(out, "  %c ", line[0]);
		output_visible(out, line + 1, strlen(line + 1));
		output_plain(out);
		secret_buf_append_char(out, '\n');
	}
	output_format(out, "%zu added, %zu changed, %zu removed, %zu unchanged\n", plan->added, plan->changed,
		      plan->removed, plan->unchanged);
}

static void emit_names(const struct plan *plan, const char *key, char sign, struct secret_buf *out)
{
	const char *line = secret_buf_text(plan->lines);
	const char *end = line + secret_buf_len(plan->lines);
	const char *comma = "";

	json_emit_key(out, key);
	json_emit_raw(out, "[");
	for (; line < end; line += strlen(line) + 1) {
		if (line[0] != sign)
			continue;
		json_emit_raw(out, comma);
		json_emit_cstring(out, line + 1);
		comma = ",";
	}
	json_emit_raw(out, "],");
}

void plan_emit(const struct plan *plan, struct secret_buf *out)
{
	emit_names(plan, "added", '+', out);
	emit_names(plan, "changed", '~', out);
	emit_names(plan, "removed", '-', out);
	json_emit_key(out, "unchanged");
	json_emit_uint(out, plan->unchanged);
}
