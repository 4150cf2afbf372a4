#include "core/policy_text.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/caller.h"
#include "core/policy_pattern.h"
#include "core/policy_reader.h"
#include "vault/limits.h"
#include "vault/names.h"

void policy_text_free(struct policy_text *text)
{
	if (text->rules)
		sodium_memzero(text->rules, text->rules_room * sizeof(*text->rules));
	free(text->rules);
	text_pool_wipe(&text->pool);
	*text = (struct policy_text){0};
}

enum error_code policy_fault_at(const struct policy_source *source, const char *place, const char *fault)
{
	size_t line = 1, column = 1;

	for (const char *at = source->text; at < place; at++) {
		column = *at == '\n' ? 1 : column + 1;
		line += *at == '\n';
	}
	return error_set(source->err, ERR_INVALID, "the policy cannot be used: line %zu, column %zu: %s", line, column, fault);
}

/* -- members of a rule --------------------------------------------------- */

/* What restricts a rule in Vault or its relatives and has no meaning here. */
static const struct refused_member {
	const char *name, *fault;
} refused_members[] = {
	{ "allowed_parameters", "allowed_parameters is not supported, so the rule would allow more than it says" },
	{ "denied_parameters", "denied_parameters is not supported, so the rule would allow more than it says" },
	{ "required_parameters", "required_parameters is not supported, so the rule would allow more than it says" },
	{ "min_wrapping_ttl", "min_wrapping_ttl is not supported, so the rule would allow more than it says" },
	{ "max_wrapping_ttl", "max_wrapping_ttl is not supported, so the rule would allow more than it says" },
	{ "control_group", "control_group is not supported, so the rule would allow more than it says" },
	{ "mfa_methods", "mfa_methods is not supported, so the rule would allow more than it says" },
	{ "expiration", "expiration is not supported, so the rule would allow for longer than it says" },
	{ "pagination_limit", "pagination_limit is not supported, so the rule would allow more than it says" },
	{ "list_scan_response_keys_filter_path",
	  "list_scan_response_keys_filter_path is not supported, so the rule would allow more than it says" },
	{ "subscribe_event_types", "subscribe_event_types is not supported: there is no event system of Vault's" },
};

static bool is_word(const char *name, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(name, word, len) == 0;
}

static enum policy_member refuse(const struct policy_source *source, const char *place, const char *fault)
{
	(void)policy_fault_at(source, place, fault);
	return MEMBER_REFUSED;
}

static enum policy_member once(const struct policy_source *source, const char *place, bool *there,
			       enum policy_member member)
{
	if (*there)
		return refuse(source, place, "a member of a path stands there twice");
	*there = true;
	return member;
}

enum policy_member policy_member_of(const struct policy_source *source, const char *place, const char *name, size_t len,
				    struct policy_block *block)
{
	if (is_word(name, len, "capabilities"))
		return once(source, place, &block->has_capabilities, MEMBER_CAPABILITIES);
	if (is_word(name, len, "policy"))
		return once(source, place, &block->has_policy, MEMBER_POLICY);
	if (is_word(name, len, "comment"))
		return once(source, place, &block->has_comment, MEMBER_COMMENT);
	for (size_t i = 0; i < ARRAY_LEN(refused_members); i++)
		if (is_word(name, len, refused_members[i].name))
			return refuse(source, place, refused_members[i].fault);
	return refuse(source, place, "a path has only the members capabilities, policy and comment");
}

enum error_code policy_add_capability(const struct policy_source *source, const char *place, const char *name, size_t len,
				      struct policy_block *block)
{
	unsigned bit = capability_of_name(name, len);
	struct suggestion best = SUGGESTION_INIT;
	char fault[128];

	if (bit == 0) {
		capability_suggest(name, len, &best);
		snprintf(fault, sizeof(fault), "a capability is one of create, read, update, patch, delete, list, sudo, deny%s%.16s%s",
			 best.text[0] ? "; did you mean " : "", best.text, best.text[0] ? "?" : "");
		return policy_fault_at(source, place, fault);
	}
	block->capabilities |= bit;
	return ERR_OK;
}

enum error_code policy_add_old_word(const struct policy_source *source, const char *place, const char *word, size_t len,
				    struct policy_block *block)
{
	const unsigned read = CAP_READ | CAP_LIST, write = read | CAP_CREATE | CAP_UPDATE | CAP_DELETE;

	if (is_word(word, len, "read"))
		block->capabilities |= read;
	else if (is_word(word, len, "write"))
		block->capabilities |= write;
	else if (is_word(word, len, "sudo"))
		block->capabilities |= write | CAP_SUDO;
	else if (is_word(word, len, "deny"))
		block->capabilities |= POLICY_DENY;
	else
		return policy_fault_at(source, place, "the old form of a rule is policy = \"read\", \"write\", \"sudo\" or \"deny\"");
	return ERR_OK;
}

/* -- rules ---------------------------------------------------------------- */

static enum error_code no_memory(const struct policy_source *source)
{
	return error_set(source->err, ERR_NO_MEMORY, "no memory is left for a policy");
}

static bool make_room(struct policy_text *text)
{
	size_t room = text->rules_room == 0 ? 16 : 2 * text->rules_room;
	struct policy_rule *rules;

	if (text->rules_len < text->rules_room)
		return true;
	rules = calloc(room, sizeof(*rules));
	if (!rules)
		return false;
	if (text->rules) {
		memcpy(rules, text->rules, text->rules_len * sizeof(*rules));
		sodium_memzero(text->rules, text->rules_room * sizeof(*rules));
	}
	free(text->rules);
	text->rules = rules;
	text->rules_room = room;
	return true;
}

enum error_code policy_add_rule(const struct policy_source *source, const char *place, const char *pattern, size_t len,
				const struct policy_block *block)
{
	struct policy_text *text = source->ret;
	const char *fault;
	char *copy;

	/* As in Vault: paths begin behind the slash of "/v1/". */
	if (len > 0 && pattern[0] == '/') {
		pattern++;
		len--;
	}
	fault = policy_pattern_fault(pattern, len);
	if (fault)
		return policy_fault_at(source, place, fault);
	if (text->rules_len == LIMIT_POLICY_RULES)
		return error_set(source->err, ERR_TOO_LARGE, "the policy has more than %d rules", LIMIT_POLICY_RULES);
	copy = text_pool_space(&text->pool, len + 1);
	if (!copy || !make_room(text))
		return no_memory(source);
	memcpy(copy, pattern, len);
	copy[len] = '\0';
	text->rules[text->rules_len++] = (struct policy_rule){
		.pattern = copy,
		.len = len,
		.capabilities = (block->capabilities & POLICY_DENY) != 0 ? POLICY_DENY : block->capabilities,
	};
	return ERR_OK;
}

/* -- the text --------------------------------------------------------------- */

/* Nothing that could make a text look different from what it says, to whoever reads it again. */
static enum error_code check_bytes(const struct policy_source *source)
{
	if (!utf8_is_valid(source->text, source->len))
		return error_set(source->err, ERR_INVALID, "the policy is not UTF-8");
	for (size_t i = 0; i < source->len; i++) {
		unsigned char c = (unsigned char)source->text[i];

		if ((c < ' ' && c != '\t' && c != '\n' && c != '\r') || c == 0x7f)
			return policy_fault_at(source, source->text + i, "control characters are refused");
	}
	return ERR_OK;
}

static bool is_json(const char *text, size_t len)
{
	size_t i = 0;

	while (i < len && (text[i] == ' ' || text[i] == '\t' || text[i] == '\n' || text[i] == '\r'))
		i++;
	return i < len && text[i] == '{';
}

enum error_code policy_text_parse(const char *text, size_t len, struct policy_text *ret, struct error *err)
{
	cleanup_(policy_text_freep) struct policy_text made = {0};
	struct policy_source source = { .text = text, .len = len, .ret = &made, .err = err };

	if (len > LIMIT_POLICY_TEXT)
		return error_set(err, ERR_TOO_LARGE, "the policy is longer than %u bytes", LIMIT_POLICY_TEXT);
	if (check_bytes(&source) != ERR_OK)
		return err->code;
	if ((is_json(text, len) ? policy_read_json(&source) : policy_read_hcl(&source)) != ERR_OK)
		return err->code;
	*ret = made;
	made = (struct policy_text){0};
	return ERR_OK;
}
