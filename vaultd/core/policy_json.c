/* The JSON form of a policy. */
#include <string.h>

#include "core/caller.h"
#include "core/policy_reader.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

/* A text or name of the source, unescaped into the buffer, which is emptied first. */
static enum error_code take_text(const struct policy_source *source, struct secret_buf *buf, struct json_span between_quotes)
{
	secret_buf_reset(buf);
	json_append_unescaped(buf, between_quotes);
	return secret_buf_check(buf, "a text of the policy", source->err);
}

static enum error_code read_capabilities(const struct policy_source *source, const struct json_value *list,
					 struct secret_buf *buf, struct policy_block *block)
{
	struct json_value element;
	size_t cursor = 0;

	if (list->kind != JSON_SCAN_ARRAY)
		return policy_fault_at(source, list->raw.at, "capabilities are a list of texts: [\"read\", \"list\"]");
	while (json_next_element(list, &cursor, &element)) {
		if (element.kind != JSON_SCAN_STRING)
			return policy_fault_at(source, element.raw.at, "capabilities are a list of texts: [\"read\", \"list\"]");
		if (take_text(source, buf, json_string_span(&element)) != ERR_OK ||
		    policy_add_capability(source, element.raw.at, secret_buf_text(buf), secret_buf_len(buf), block) != ERR_OK)
			return source->err->code;
	}
	return ERR_OK;
}

static enum error_code read_old_word(const struct policy_source *source, const struct json_value *word,
				     struct secret_buf *buf, struct policy_block *block)
{
	if (take_text(source, buf, json_string_span(word)) != ERR_OK)
		return source->err->code;
	return policy_add_old_word(source, word->raw.at, secret_buf_text(buf), secret_buf_len(buf), block);
}

static enum error_code read_member(const struct policy_source *source, const struct json_member *found,
				   struct secret_buf *buf, struct policy_block *block)
{
	enum policy_member member;

	if (take_text(source, buf, found->name) != ERR_OK)
		return source->err->code;
	member = policy_member_of(source, found->name.at, secret_buf_text(buf), secret_buf_len(buf), block);
	if (member == MEMBER_REFUSED)
		return source->err->code;
	if (member == MEMBER_CAPABILITIES)
		return read_capabilities(source, &found->value, buf, block);
	if (found->value.kind != JSON_SCAN_STRING)
		return policy_fault_at(source, found->value.raw.at, "a text in quotes is missing here");
	return member == MEMBER_POLICY ? read_old_word(source, &found->value, buf, block) : ERR_OK;
}

static enum error_code read_rule(const struct policy_source *source, const struct json_member *rule, struct secret_buf *buf)
{
	struct policy_block block = {0};
	struct json_member member;
	size_t cursor = 0;

	if (rule->value.kind != JSON_SCAN_OBJECT)
		return policy_fault_at(source, rule->value.raw.at, "a path has an object with its capabilities");
	while (json_next_member(&rule->value, &cursor, &member))
		if (read_member(source, &member, buf, &block) != ERR_OK)
			return source->err->code;
	if (take_text(source, buf, rule->name) != ERR_OK)
		return source->err->code;
	return policy_add_rule(source, rule->name.at, secret_buf_text(buf), secret_buf_len(buf), &block);
}

static enum error_code read_rules(const struct policy_source *source, const struct json_value *rules, struct secret_buf *buf)
{
	struct json_member rule;
	size_t cursor = 0;

	if (rules->kind != JSON_SCAN_OBJECT)
		return policy_fault_at(source, rules->raw.at, "path is an object of paths, or a list of such objects");
	while (json_next_member(rules, &cursor, &rule))
		if (read_rule(source, &rule, buf) != ERR_OK)
			return source->err->code;
	return ERR_OK;
}

/* As HCL's own JSON form allows: one object, or a list of them. */
static enum error_code read_paths(const struct policy_source *source, const struct json_value *paths, struct secret_buf *buf)
{
	struct json_value element;
	size_t cursor = 0;

	if (paths->kind != JSON_SCAN_ARRAY)
		return read_rules(source, paths, buf);
	while (json_next_element(paths, &cursor, &element))
		if (read_rules(source, &element, buf) != ERR_OK)
			return source->err->code;
	return ERR_OK;
}

static bool name_is(const struct json_member *member, const char *word)
{
	return !member->name_escaped && member->name.len == strlen(word) && memcmp(member->name.at, word, member->name.len) == 0;
}

/* The scanner counts bytes, the other reader lines; what only the scanner refuses keeps its sentence. */
static enum error_code not_json(const struct policy_source *source, const struct error *scan_err)
{
	cleanup_(safe_json_decrefp) json_t *ignored = NULL;

	if (safe_json_parse(source->text, source->len, &ignored, source->err) == ERR_OK)
		error_set(source->err, ERR_INVALID, "%s", scan_err->text);
	return error_prefix(source->err, "the policy cannot be used");
}

enum error_code policy_read_json(struct policy_source *source)
{
	cleanup_(secret_buf_freep) struct secret_buf *buf = secret_buf_new(LIMIT_POLICY_TEXT);
	struct error scan_err = ERROR_INIT;
	struct json_value object;
	struct json_member member;
	size_t cursor = 0;

	if (!buf)
		return error_set(source->err, ERR_NO_MEMORY, "no memory is left for a policy");
	if (json_scan(source->text, source->len, &object, &scan_err) != ERR_OK)
		return not_json(source, &scan_err);
	while (json_next_member(&object, &cursor, &member)) {
		if (name_is(&member, "path")) {
			if (read_paths(source, &member.value, buf) != ERR_OK)
				return source->err->code;
		} else if (!name_is(&member, "name") || member.value.kind != JSON_SCAN_STRING) {
			return policy_fault_at(source, member.name.at, "a policy is an object with the one member path");
		}
	}
	return ERR_OK;
}
