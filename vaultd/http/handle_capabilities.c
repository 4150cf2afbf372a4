/* What somebody may, and why: sys/capabilities, sys/policy/explain, sys/internal/ui/resultant-acl. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/vault_policies.h"
#include "http/change.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/canon_path.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* -- texts of a body --------------------------------------------------------------- */

static bool refuse(struct request *request, const char *sentence)
{
	reply_refuse(request, 400, sentence);
	return false;
}

/* A text that is at most as long as a path, with its NUL. False: it is none. */
struct text {
	size_t len;
	char at[LIMIT_TARGET_LEN + 1];
};

static bool take_span(const char *at, size_t len, struct text *ret)
{
	if (len >= sizeof(ret->at) || memchr(at, '\0', len))
		return false;
	memcpy(ret->at, at, len);
	ret->at[len] = '\0';
	ret->len = len;
	return true;
}

static bool take_text(const struct json_value *value, struct text *ret)
{
	return json_copy_text(value, ret->at, sizeof(ret->at), &ret->len);
}

static void wipe_text(struct text *text)
{
	sodium_memzero(text, sizeof(*text));
}

/* Calls each() for the texts of a list, or of a text with commas, as Vault reads lists. False when one is none or each() is. */
static bool each_text(const struct json_value *value, bool (*each)(void *arg, const struct text *text), void *arg)
{
	cleanup_(wipe_text) struct text whole, one;
	struct json_value element;
	size_t cursor = 0;

	if (value->kind == JSON_SCAN_ARRAY) {
		while (json_next_element(value, &cursor, &element))
			if (!take_text(&element, &one) || !each(arg, &one))
				return false;
		return true;
	}
	if (!take_text(value, &whole))
		return false;
	for (const char *at = whole.at; at;) {
		const char *comma = strchr(at, ',');

		if (!take_span(at, comma ? (size_t)(comma - at) : strlen(at), &one) || !each(arg, &one))
			return false;
		at = comma ? comma + 1 : NULL;
	}
	return true;
}

/* The path of a request, as policies know it. */
static const char *api_path(const struct text *text)
{
	const char *path = text->at[0] == '/' ? text->at + 1 : text->at;

	return canon_path_is_plain(path, strlen(path)) ? path : NULL;
}

/* -- capabilities ------------------------------------------------------------------- */

static void emit_capabilities(struct secret_buf *out, unsigned capabilities)
{
	const char *name, *before = "";
	unsigned bit;

	json_emit_raw(out, "[");
	for (size_t i = 0; (name = capability_name(i, &bit)); i++) {
		if ((capabilities & bit) == 0)
			continue;
		json_emit_raw(out, before);
		json_emit_cstring(out, name);
		before = ",";
	}
	/* What gives nothing and what denies is one to who asks. */
	json_emit_raw(out, before[0] == '\0' ? "\"deny\"]" : "]");
}

static void emit_given(struct secret_buf *out, const struct vault_subject *subject, const char *path)
{
	if (subject->root)
		json_emit_raw(out, "[\"root\"]");
	else
		emit_capabilities(out, vault_subject_capabilities(subject, path));
}

struct answer {
	struct secret_buf *out;
	const struct vault_subject *subject;
	size_t count;
	bool collides;		/* with a member of the envelope, where these are copied to */
	struct secret_buf *told;	/* the paths that have been, each between two NULs */
	struct text first;
};

static bool is_envelope_member(const char *name)
{
	static const char *const members[] = {
		"request_id", "lease_id", "renewable", "lease_duration", "data", "wrap_info", "warnings", "auth", "mount_type",
	};

	for (size_t i = 0; i < ARRAY_LEN(members); i++)
		if (strcmp(members[i], name) == 0)
			return true;
	return false;
}

/* A path that stands there twice is answered once: JSON has each name once. */
static bool is_told(const struct answer *answer, const struct text *path)
{
	const char *at = secret_buf_text(answer->told), *end = at + secret_buf_len(answer->told);

	for (; at < end; at += strlen(at) + 1)
		if (strcmp(at, path->at) == 0)
			return true;
	return false;
}

static bool answer_path(void *arg, const struct text *text)
{
	struct answer *answer = arg;
	const char *path = api_path(text);

	if (!path || answer->count == LIMIT_CAPABILITY_PATHS)
		return false;
	if (answer->count++ == 0)
		answer->first = *text;
	if (is_told(answer, text))
		return true;
	secret_buf_append(answer->told, text->at, text->len + 1);
	answer->collides |= is_envelope_member(text->at);
	if (secret_buf_len(answer->out) > 0)
		json_emit_raw(answer->out, ",");
	json_emit_string(answer->out, text->at, text->len);
	json_emit_raw(answer->out, ":");
	emit_given(answer->out, answer->subject, path);
	return true;
}

static void emit_answer(struct request *request, const struct answer *answer)
{
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{");
	json_emit_raw_n(out, secret_buf_text(answer->out), secret_buf_len(answer->out));
	if (answer->count == 1 && strcmp(answer->first.at, "capabilities") != 0) {
		json_emit_raw(out, ",\"capabilities\":");
		emit_given(out, answer->subject, api_path(&answer->first));
	}
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, !answer->collides);
}

static void wipe_answer(struct answer *answer)
{
	secret_buf_free(answer->out);
	secret_buf_free(answer->told);
	wipe_text(&answer->first);
}

static void answer_capabilities(struct request *request, const struct json_value *body, const struct vault_subject *subject)
{
	cleanup_(wipe_answer) struct answer answer = {
		.out = secret_buf_new(16u * LIMIT_BODY_SMALL),
		.told = secret_buf_new(2u * LIMIT_BODY_SMALL),
		.subject = subject,
	};
	struct json_value paths;

	if (!answer.out || !answer.told)
		reply_without_memory(request);
	else if (!member(body, "paths", &paths) && !member(body, "path", &paths))
		(void)refuse(request, "paths must be supplied");
	else if (!each_text(&paths, answer_path, &answer) || answer.count == 0)
		(void)refuse(request, "paths must be a list of at most 256 paths without /v1/, each in the form that requests have");
	else if (!secret_buf_ok(answer.out) || !secret_buf_ok(answer.told))
		reply_without_memory(request);
	else
		emit_answer(request, &answer);
}

void handle_capabilities_self(struct request *request)
{
	cleanup_(vault_subject_releasep) struct vault_subject subject = {0};
	struct json_value body;

	if (!body_object(request, &body))
		return;
	vault_subject_of_caller(&request->caller, &subject);
	answer_capabilities(request, &body, &subject);
}

typedef enum error_code subject_finder(struct vault *vault, const char *text, size_t len, struct vault_subject *ret,
				       struct error *err);

/* The subject that a member of the body names. False: the answer is made. */
static bool find_subject(struct request *request, const struct json_value *body, const char *name, subject_finder *find,
			 struct vault_subject *ret)
{
	cleanup_(wipe_text) struct text text = {0};
	struct error err = ERROR_INIT;
	struct json_value value;
	char sentence[64];

	if (!member(body, name, &value) || !take_text(&value, &text) || text.len == 0) {
		snprintf(sentence, sizeof(sentence), "missing %s", name);
		return refuse(request, sentence);
	}
	if (find(request->server->vault, text.at, text.len, ret, &err) == ERR_OK)
		return true;
	reply_error(request, &err, false);
	return false;
}

static void capabilities_of(struct request *request, const char *name, subject_finder *find)
{
	cleanup_(vault_subject_releasep) struct vault_subject subject = {0};
	struct json_value body;

	if (body_object(request, &body) && find_subject(request, &body, name, find, &subject))
		answer_capabilities(request, &body, &subject);
}

void handle_capabilities(struct request *request)
{
	capabilities_of(request, "token", vault_subject_of_token);
}

void handle_capabilities_accessor(struct request *request)
{
	capabilities_of(request, "accessor", vault_subject_of_accessor);
}

/* -- explain -------------------------------------------------------------------------- */

struct named_policies {
	struct policy_name names[LIMIT_EXPLAIN_POLICIES];
	size_t len;
};

static bool take_policy(void *arg, const struct text *text)
{
	struct named_policies *named = arg;
	struct error ignored = ERROR_INIT;

	return named->len < LIMIT_EXPLAIN_POLICIES &&
	       policy_name_normalise(text->at, text->len, &named->names[named->len++], &ignored) == ERR_OK;
}

/* Rules are told to those who may read the policy that they stand in. */
static bool may_read(struct request *request, const char *policy)
{
	char path[sizeof("sys/policies/acl/") + LIMIT_POLICY_NAME_LEN];
	struct error err = ERROR_INIT;

	snprintf(path, sizeof(path), "sys/policies/acl/%s", policy);
	if (vault_authorize(request->server->vault, &request->caller, CAP_READ, path, &err) == ERR_OK)
		return true;
	reply_error(request, &err, false);
	return false;
}

static bool find_by_policies(struct request *request, const struct json_value *list, struct vault_subject *ret)
{
	struct named_policies named = { .len = 0 };
	struct error err = ERROR_INIT;

	if (!each_text(list, take_policy, &named) || named.len == 0)
		return refuse(request, "policies must be a list of 1 to 64 names of policies");
	for (size_t i = 0; i < named.len; i++)
		if (!may_read(request, named.names[i].text))
			return false;
	if (vault_subject_of_policies(request->server->vault, named.names, named.len, ret, &err) == ERR_OK)
		return true;
	reply_error(request, &err, false);
	return false;
}

/* Who it is about: the caller, a token, or a token that would have these policies. False: the answer is made. */
static bool find_explained(struct request *request, const struct json_value *body, struct vault_subject *ret)
{
	struct json_value policies, token;
	bool by_policies = member(body, "policies", &policies), by_token = member(body, "token", &token);
	const char *const *names;
	size_t len;

	if (by_policies && by_token)
		return refuse(request, "give policies or token, not both");
	if (by_policies)
		return find_by_policies(request, &policies, ret);
	if (!by_token) {
		vault_subject_of_caller(&request->caller, ret);
		return true;
	}
	if (!find_subject(request, body, "token", vault_subject_of_token, ret))
		return false;
	names = acl_policies(ret->acl, &len);
	for (size_t i = 0; i < len; i++)
		if (!may_read(request, names[i]))
			return false;
	return true;
}

static void emit_rule(struct secret_buf *out, const char *name, bool there, const struct acl_rule *rule)
{
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	if (!there) {
		json_emit_raw(out, "null");
		return;
	}
	json_emit_raw(out, "{\"path\":");
	json_emit_cstring(out, rule->pattern);
	json_emit_raw(out, ",\"capabilities\":");
	emit_capabilities(out, rule->capabilities);
	json_emit_raw(out, ",\"policies\":{");
	for (size_t i = 0; i < rule->grants_len; i++) {
		json_emit_raw(out, i > 0 ? "," : "");
		json_emit_cstring(out, rule->grants[i].policy);
		json_emit_raw(out, ":");
		emit_capabilities(out, rule->grants[i].capabilities);
	}
	json_emit_raw(out, "}}");
}

static const char *reason_of(const struct acl_explanation *why)
{
	if (why->root)
		return "root may everything";
	if (!why->has_rule)
		return "no rule has this path, and what no rule allows is denied";
	if (why->allowed)
		return "the rule that decides about this path gives the capability";
	if (why->rule.capabilities == POLICY_DENY)
		return "the rule that decides about this path denies";
	return "the rule that decides about this path does not give the capability";
}

static void emit_explanation(struct request *request, const struct vault_subject *subject, const char *path,
			     const struct text *capability)
{
	struct acl_explanation why;
	struct secret_buf *out;

	vault_subject_explain(subject, capability_of_name(capability->at, capability->len), path, &why);
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"allowed\":");
	json_emit_bool(out, why.allowed);
	json_emit_raw(out, ",\"capability\":");
	json_emit_cstring(out, capability->at);
	json_emit_raw(out, ",\"path\":");
	json_emit_cstring(out, path);
	json_emit_raw(out, ",\"reason\":");
	json_emit_cstring(out, reason_of(&why));
	emit_rule(out, "rule", why.has_rule, &why.rule);
	emit_rule(out, "nearest", why.has_nearest, &why.nearest);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}

void handle_policy_explain(struct request *request)
{
	static const char *const members[] = { "path", "capability", "policies", "token", NULL };
	cleanup_(vault_subject_releasep) struct vault_subject subject = {0};
	cleanup_(wipe_text) struct text path_text = {0};
	struct text capability = {0};
	struct json_value body, value;
	unsigned bit;

	if (!body_object(request, &body) || !members_only(request, &body, members))
		return;
	if (!member(&body, "path", &value) || !take_text(&value, &path_text) || !api_path(&path_text)) {
		(void)refuse(request, "path must be the path of a request without /v1/");
		return;
	}
	bit = member(&body, "capability", &value) && take_text(&value, &capability) ?
	      capability_of_name(capability.at, capability.len) : 0;
	if (bit == 0 || bit == POLICY_DENY) {
		(void)refuse(request, "capability must be one of create, read, update, patch, delete, list, sudo");
		return;
	}
	if (find_explained(request, &body, &subject))
		emit_explanation(request, &subject, api_path(&path_text), &capability);
}

/* -- resultant-acl ----------------------------------------------------------------------- */

static bool has_plus(const char *pattern)
{
	for (const char *at = pattern; *at != '\0'; at++)
		if (*at == '+' && (at == pattern || at[-1] == '/') && (at[1] == '\0' || at[1] == '/'))
			return true;
	return false;
}

/* Rules of one kind, as Vault's interface asks for them: without the '*', as all there are prefixes. */
static void emit_rules(struct secret_buf *out, const struct acl *acl, bool exact)
{
	const char *before = "";
	struct acl_rule rule;

	json_emit_raw(out, "{");
	for (size_t i = 0; acl_rule_at(acl, i, &rule); i++) {
		size_t len = strlen(rule.pattern);
		bool open = rule.pattern[len - 1] == '*';

		if (exact == (open || has_plus(rule.pattern)))
			continue;
		json_emit_raw(out, before);
		json_emit_string(out, rule.pattern, open ? len - 1 : len);
		json_emit_raw(out, ":{\"capabilities\":");
		emit_capabilities(out, rule.capabilities);
		json_emit_raw(out, "}");
		before = ",";
	}
	json_emit_raw(out, "}");
}

void handle_resultant_acl(struct request *request)
{
	const struct caller *caller = &request->caller;
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"exact_paths\":");
	emit_rules(out, caller->acl, true);
	json_emit_raw(out, ",\"glob_paths\":");
	emit_rules(out, caller->acl, false);
	json_emit_raw(out, ",\"root\":");
	json_emit_bool(out, caller->root);
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, false);
}
