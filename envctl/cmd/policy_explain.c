#include <string.h>

#include "client/identity.h"
#include "cmd/output.h"
#include "cmd/policy_option.h"
#include "cmd/session.h"
#include "cmd/token_input.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/names.h"

#define EXIT_DENIED 4

/* The path as policies write it; that of a request is understood as well. */
static enum error_code make_body(const struct invocation *inv, struct secret_buf *body, struct error *err)
{
	const char *path = inv->words[0], *capability = inv->words[1];
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	enum error_code rc = ERR_OK;

	if (strncmp(path, "/v1/", 4) == 0)
		path += 4;
	if (!utf8_is_valid(path, strlen(path)) || !utf8_is_valid(capability, strlen(capability)))
		return error_set(err, ERR_USAGE, "PATH and CAPABILITY must be UTF-8 text");
	if (option_is_given(inv, OPT_POLICY) && option_is_given(inv, OPT_TOKEN))
		return error_set(err, ERR_USAGE, "give one of --policy and --token");
	json_emit_raw(body, "{\"path\":");
	json_emit_cstring(body, path);
	json_emit_raw(body, ",\"capability\":");
	json_emit_cstring(body, capability);
	if (option_is_given(inv, OPT_POLICY)) {
		json_emit_raw(body, ",\"policies\":");
		rc = emit_policy_list(inv, body, err);
	} else if (option_is_given(inv, OPT_TOKEN)) {
		rc = token_input("Token: ", &token, err);
		if (rc == ERR_OK) {
			json_emit_raw(body, ",\"token\":");
			json_emit_string(body, secret_buf_text(token), secret_buf_len(token));
		}
	}
	json_emit_raw(body, "}");
	return rc == ERR_OK ? secret_buf_check(body, "the request", err) : rc;
}

static void append_texts(struct secret_buf *out, const struct json_value *list)
{
	struct json_value item;
	size_t cursor = 0;
	const char *separator = "";

	if (list->kind != JSON_SCAN_ARRAY)
		return;
	while (json_next_element(list, &cursor, &item)) {
		char text[64];

		json_value_text(&item, text, sizeof(text));
		output_format(out, "%s%s", separator, text);
		separator = ", ";
	}
}

/* The rule, and below it what each policy gives by it. */
static void print_rule(struct secret_buf *out, const char *label, const struct json_value *data, const char *member)
{
	struct json_value rule, capabilities, policies;
	struct json_member policy;
	char path[ERROR_TEXT_MAX];
	size_t cursor = 0;

	if (!json_find(data, member, &rule) || rule.kind != JSON_SCAN_OBJECT)
		return;
	answer_text(&rule, "path", path, sizeof(path));
	output_format(out, "%-17s %s  [", label, path);
	if (json_find(&rule, "capabilities", &capabilities))
		append_texts(out, &capabilities);
	secret_buf_append_text(out, "]\n");
	if (!json_find(&rule, "policies", &policies) || policies.kind != JSON_SCAN_OBJECT)
		return;
	while (json_next_member(&policies, &cursor, &policy)) {
		secret_buf_append_text(out, "  of policy       ");
		output_visible(out, policy.name.at, policy.name.len);
		secret_buf_append_text(out, "  [");
		append_texts(out, &policy.value);
		secret_buf_append_text(out, "]\n");
	}
}

static bool holds_text(const struct json_value *list, const char *wanted)
{
	struct json_value item;
	size_t cursor = 0;
	char text[64];

	while (list->kind == JSON_SCAN_ARRAY && json_next_element(list, &cursor, &item)) {
		json_value_text(&item, text, sizeof(text));
		if (strcmp(text, wanted) == 0)
			return true;
	}
	return false;
}

/* Of all capabilities those that the deciding rule gives, or does not: who lacks one often lacks others. */
static void print_capabilities(struct secret_buf *out, const char *label, const struct json_value *data, bool given)
{
	static const char *const names[] = {"create", "read", "update", "patch", "delete", "list", "sudo"};
	struct json_value rule, capabilities = {.kind = JSON_SCAN_NULL};
	const char *separator = "";

	if (json_find(data, "rule", &rule) && rule.kind == JSON_SCAN_OBJECT)
		(void)json_find(&rule, "capabilities", &capabilities);
	output_format(out, "%-17s ", label);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (holds_text(&capabilities, names[i]) != given)
			continue;
		output_format(out, "%s%s", separator, names[i]);
		separator = ", ";
	}
	output_format(out, "%s\n", separator[0] == '\0' ? "nothing" : "");
}

static void print_all(struct secret_buf *out, const struct json_value *data)
{
	bool allowed = answer_bool(data, "allowed");
	char path[ERROR_TEXT_MAX], capability[32], reason[ERROR_TEXT_MAX];
	struct json_value rule;

	answer_text(data, "path", path, sizeof(path));
	answer_text(data, "capability", capability, sizeof(capability));
	answer_text(data, "reason", reason, sizeof(reason));
	output_style(out, allowed ? STYLE_ADDED : STYLE_REMOVED);
	secret_buf_append_text(out, allowed ? "allowed" : "denied");
	output_plain(out);
	output_format(out, ": %s on %s\n", capability, path);
	output_format(out, "%-17s %s\n", "because", reason);
	/* Root needs no rule. */
	if (!allowed || (json_find(data, "rule", &rule) && rule.kind == JSON_SCAN_OBJECT)) {
		print_capabilities(out, "given there", data, true);
		print_capabilities(out, "not given there", data, false);
	}
	print_rule(out, "deciding rule", data, "rule");
	print_rule(out, "nearest rule", data, "nearest");
}

enum error_code command_policy_explain(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(LIMIT_BODY_SMALL);
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (body == NULL || out == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = make_body(inv, body, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_policy_explain(client, body, &answer, err);
	if (rc == ERR_DENIED) {
		error_clear(err);
		return error_set(err, rc,
				 "you may not ask (that needs update on sys/policy/explain, and for --policy and --token read "
				 "on the policies): somebody who may can ask about your token with --token");
	}
	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_JSON)) {
		json_emit_raw_n(out, answer.data.raw.at, answer.data.raw.len);
		json_emit_raw(out, "\n");
	} else if (!option_is_given(inv, OPT_QUIET)) {
		print_all(out, &answer.data);
	}
	inv->exit_status = answer_bool(&answer.data, "allowed") ? 0 : EXIT_DENIED;
	return output_flush(out, err);
}
