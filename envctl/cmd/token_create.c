#include <string.h>

#include "client/identity.h"
#include "cmd/fields.h"
#include "cmd/output.h"
#include "cmd/policy_option.h"
#include "cmd/session.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static const struct field_row auth_rows[] = {
	{"token", "client_token", FIELD_TEXT},	  {"accessor", "accessor", FIELD_TEXT},
	{"policies", "policies", FIELD_LIST},	  {"ttl", "lease_duration", FIELD_DURATION},
	{"uses", "num_uses", FIELD_NUMBER},	  {"renewable", "renewable", FIELD_FLAG},
	{"orphan", "orphan", FIELD_FLAG},	  {"type", "token_type", FIELD_TEXT},
	{"meta", "metadata", FIELD_MAP},
};

static const struct field_row wrap_rows[] = {
	{"token", "token", FIELD_TEXT},
	{"accessor", "accessor", FIELD_TEXT},
	{"ttl", "ttl", FIELD_DURATION},
	{"wrapped_accessor", "wrapped_accessor", FIELD_TEXT},
};

/* -- the request ------------------------------------------------------------- */

static void emit_key(struct secret_buf *out, const char *name)
{
	if (secret_buf_len(out) > 1)
		json_emit_raw(out, ",");
	json_emit_key(out, name);
}

static enum error_code add_duration(const struct invocation *inv, enum option_id id, const char *option,
				    const char *member, struct secret_buf *out, struct error *err)
{
	const char *text = option_value(inv, id);
	int64_t seconds;

	if (text == NULL)
		return ERR_OK;
	if (!duration_parse(text, strlen(text), &seconds) || seconds < 0)
		return error_set(err, ERR_USAGE, "--%s needs a duration such as 3600, 90s, 1h30m or 7d", option);
	emit_key(out, member);
	json_emit_int(out, seconds);
	return ERR_OK;
}

static enum error_code add_policies(const struct invocation *inv, struct secret_buf *out, struct error *err)
{
	if (!option_is_given(inv, OPT_POLICY))
		return ERR_OK;
	emit_key(out, "policies");
	return emit_policy_list(inv, out, err);
}

/* "name=value", each name once: the scanner on the other side refuses the second. */
static enum error_code add_meta(const struct invocation *inv, struct secret_buf *out, struct error *err)
{
	const char *comma = "";

	if (!option_is_given(inv, OPT_META))
		return ERR_OK;
	emit_key(out, "meta");
	json_emit_raw(out, "{");
	for (size_t i = 0; i < inv->given_len; i++) {
		const char *text = inv->given[i].value;

		if (inv->given[i].id != OPT_META)
			continue;
		size_t len = strcspn(text, "=");
		if (len == 0 || text[len] != '=' || !utf8_is_valid(text, strlen(text)))
			return error_set(err, ERR_USAGE, "--meta needs NAME=VALUE, in UTF-8");
		json_emit_raw(out, comma);
		json_emit_string(out, text, len);
		json_emit_raw(out, ":");
		json_emit_cstring(out, text + len + 1);
		comma = ",";
	}
	json_emit_raw(out, "}");
	return ERR_OK;
}

static enum error_code add_texts(const struct invocation *inv, struct secret_buf *out, struct error *err)
{
	const char *name = option_value(inv, OPT_DISPLAY_NAME);
	const char *type = option_value(inv, OPT_TYPE);
	uint64_t uses = 0;

	if (name != NULL && !utf8_is_valid(name, strlen(name)))
		return error_set(err, ERR_USAGE, "--display-name is not UTF-8 text");
	if (type != NULL && strcmp(type, "service") != 0 && strcmp(type, "batch") != 0)
		return error_set(err, ERR_USAGE, "--type is service or batch");
	enum error_code rc = option_number(inv, OPT_USES, false, &uses, err);
	if (rc != ERR_OK)
		return rc;
	if (name != NULL) {
		emit_key(out, "display_name");
		json_emit_cstring(out, name);
	}
	if (type != NULL) {
		emit_key(out, "type");
		json_emit_cstring(out, type);
	}
	if (uses > 0) {
		emit_key(out, "num_uses");
		json_emit_uint(out, uses);
	}
	if (option_is_given(inv, OPT_NOT_RENEWABLE)) {
		emit_key(out, "renewable");
		json_emit_bool(out, false);
	}
	if (option_is_given(inv, OPT_NO_DEFAULT_POLICY)) {
		emit_key(out, "no_default_policy");
		json_emit_bool(out, true);
	}
	return ERR_OK;
}

static enum error_code make_body(const struct invocation *inv, struct secret_buf *out, struct error *err)
{
	json_emit_raw(out, "{");
	enum error_code rc = add_policies(inv, out, err);
	if (rc == ERR_OK)
		rc = add_duration(inv, OPT_TTL, "ttl", "ttl", out, err);
	if (rc == ERR_OK)
		rc = add_duration(inv, OPT_PERIOD, "period", "period", out, err);
	if (rc == ERR_OK)
		rc = add_duration(inv, OPT_EXPLICIT_MAX_TTL, "explicit-max-ttl", "explicit_max_ttl", out, err);
	if (rc == ERR_OK)
		rc = add_texts(inv, out, err);
	if (rc == ERR_OK)
		rc = add_meta(inv, out, err);
	json_emit_raw(out, "}");
	return rc == ERR_OK ? secret_buf_check(out, "the request", err) : rc;
}

static enum error_code check_options(const struct invocation *inv, struct error *err)
{
	const char *role = option_value(inv, OPT_ROLE), *wrap = option_value(inv, OPT_WRAP_TTL);
	int64_t seconds;

	if (role != NULL && option_is_given(inv, OPT_ORPHAN))
		return error_set(err, ERR_USAGE, "--orphan is decided by the role; give one of --role and --orphan");
	if (role != NULL && policy_name_check(role, err) != ERR_OK) {
		error_clear(err);
		return error_set(err, ERR_USAGE, "--role needs the name of a role: letters, digits, '.', '_' and '-'");
	}
	if (wrap != NULL && (!duration_parse(wrap, strlen(wrap), &seconds) || seconds <= 0))
		return error_set(err, ERR_USAGE, "--wrap-ttl needs a duration such as 60s or 5m");
	return ERR_OK;
}

/* Such as a policy that does not exist. */
static void warn_all(const struct answer *answer)
{
	struct json_value warnings, warning;
	char text[ERROR_TEXT_MAX];
	size_t cursor = 0;

	if (!json_find(&answer->root, "warnings", &warnings) || warnings.kind != JSON_SCAN_ARRAY)
		return;
	while (json_next_element(&warnings, &cursor, &warning)) {
		json_value_text(&warning, text, sizeof(text));
		warn("warning: %s", text);
	}
}

enum error_code command_token_create(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(LIMIT_BODY_SMALL);
	const struct token_creation creation = {
		.body = body,
		.role = option_value(inv, OPT_ROLE),
		.orphan = option_is_given(inv, OPT_ORPHAN),
		.wrap_ttl = option_value(inv, OPT_WRAP_TTL),
	};
	struct json_value result;

	if (body == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = check_options(inv, err);
	if (rc == ERR_OK)
		rc = fields_check(inv, creation.wrap_ttl != NULL ? wrap_rows : auth_rows,
				  creation.wrap_ttl != NULL ? ARRAY_LEN(wrap_rows) : ARRAY_LEN(auth_rows), err);
	if (rc == ERR_OK)
		rc = make_body(inv, body, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = client_token_create(client, &creation, &answer, err);
	if (rc != ERR_OK)
		return rc;
	warn_all(&answer);
	if (creation.wrap_ttl != NULL && json_find(&answer.root, "wrap_info", &result))
		return fields_print(inv, wrap_rows, ARRAY_LEN(wrap_rows), &result, NULL, err);
	if (json_find(&answer.root, "auth", &result))
		return fields_print(inv, auth_rows, ARRAY_LEN(auth_rows), &result, NULL, err);
	return error_set(err, ERR_PROTOCOL, "the answer holds no token");
}
