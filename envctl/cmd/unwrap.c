#include <string.h>

#include "client/address.h"
#include "client/identity.h"
#include "cmd/fields.h"
#include "cmd/output.h"
#include "cmd/token_input.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

static const struct field_row auth_rows[] = {
	{"token", "client_token", FIELD_TEXT},	   {"accessor", "accessor", FIELD_TEXT},
	{"policies", "policies", FIELD_LIST},	   {"ttl", "lease_duration", FIELD_DURATION},
	{"renewable", "renewable", FIELD_FLAG}, {"type", "token_type", FIELD_TEXT},
};

/* The variables of an environment lie one level deeper than other data. */
static bool find_field(const struct json_value *data, const char *name, struct json_value *ret)
{
	struct json_value inner;

	return json_find(data, name, ret) || (json_find(data, "data", &inner) && inner.kind == JSON_SCAN_OBJECT &&
					      json_find(&inner, name, ret));
}

/* Into a pipe or file the exact bytes go; a terminal gets a line that cannot play tricks on it. */
static enum error_code print_value(const struct json_value *value, struct secret_buf *out, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(value->raw.len + 1);

	if (text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (value->kind == JSON_SCAN_STRING)
		json_append_unescaped(text, json_string_span(value));
	else
		secret_buf_append(text, value->raw.at, value->raw.len);
	if (output_is_terminal()) {
		output_visible(out, secret_buf_text(text), secret_buf_len(text));
		secret_buf_append_char(out, '\n');
	} else {
		secret_buf_append(out, secret_buf_bytes(text), secret_buf_len(text));
	}
	return ERR_OK;
}

/* It cannot be unwrapped again. */
static enum error_code print_all(const struct json_value *value, const char *why, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	json_emit_raw_n(out, value->raw.at, value->raw.len);
	json_emit_raw(out, "\n");
	if (why != NULL)
		warn("what was wrapped has no %s; all of it is printed, as it is gone from the vault", why);
	return output_flush(out, err);
}

static enum error_code print_token(const struct invocation *inv, const struct json_value *auth, struct error *err)
{
	struct error no_field = ERROR_INIT;

	if (fields_check(inv, auth_rows, ARRAY_LEN(auth_rows), &no_field) != ERR_OK)
		return print_all(auth, "field of that name", err);
	return fields_print(inv, auth_rows, ARRAY_LEN(auth_rows), auth, NULL, err);
}

static enum error_code print_data(const struct invocation *inv, const struct json_value *data, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = NULL;
	const char *field = option_value(inv, OPT_FIELD);
	struct json_value value;

	if (field == NULL)
		return print_all(data, NULL, err);
	if (!find_field(data, field, &value))
		return print_all(data, "field of that name", err);
	out = output_new(err);
	if (out == NULL || print_value(&value, out, err) != ERR_OK)
		return err->code;
	return output_flush(out, err);
}

enum error_code command_unwrap(struct invocation *inv, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(answer_free) struct answer answer = {0};
	struct address address;
	struct json_value auth;
	enum error_code rc = address_find(option_value(inv, OPT_ADDRESS), &address, err);

	if (rc == ERR_OK && option_is_given(inv, OPT_FIELD) && option_is_given(inv, OPT_JSON))
		rc = error_set(err, ERR_USAGE, "give one of --field and --json");
	if (rc == ERR_OK && option_value(inv, OPT_TOKEN_FILE) != NULL)
		rc = token_input_file(option_value(inv, OPT_TOKEN_FILE), &token, err);
	else if (rc == ERR_OK)
		rc = token_input("Wrapping token: ", &token, err);
	if (rc != ERR_OK)
		return rc;
	const struct client_place place = {.address = &address, .token = token, .token_text = "that token"};
	rc = client_new_for(&place, &client, err);
	if (rc == ERR_OK)
		rc = client_unwrap(client, &answer, err);
	/* The vault does not tell these apart. */
	if (rc == ERR_INVALID) {
		error_clear(err);
		return error_set(err, rc,
				 "the wrapping token was used already, is over, or is none of this vault; when you did not "
				 "use it and it is not old, somebody else has what was in it: tell who gave it to you");
	}
	if (rc != ERR_OK)
		return rc;
	if (!answer.has_json)
		return error_set(err, ERR_PROTOCOL, "the answer holds nothing");
	if (json_find(&answer.root, "auth", &auth) && auth.kind == JSON_SCAN_OBJECT)
		return print_token(inv, &auth, err);
	return answer.has_data ? print_data(inv, &answer.data, err) : print_all(&answer.root, "data and is no token", err);
}
