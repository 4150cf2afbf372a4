/* auth/token/roles. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_token_roles.h"
#include "http/action.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/params.h"
#include "vault/json_emit.h"
#include "vault/safe_json.h"

struct role_work {
	struct vault_role_write write;
	json_t *body;
};

static void wipe_role(void *arg)
{
	struct role_work *work = arg;

	json_decref(work->write.change);
	json_decref(work->body);
}

/* -- reading a body ----------------------------------------------------------------- */

static json_t *list_of(const json_t *body, const char *name, struct error *err)
{
	struct text_span *texts = NULL;
	json_t *list = json_array();
	size_t len = 0;

	if (params_list(body, name, LIMIT_TOKEN_POLICIES, &texts, &len, err) == ERR_OK)
		for (size_t i = 0; i < len; i++)
			if (json_array_append_new(list, json_stringn(texts[i].at, texts[i].len)) != 0)
				error_set(err, ERR_NO_MEMORY, "no memory is left for a request");
	free(texts);
	return list;
}

static json_t *value_of(const json_t *body, const char *name, enum role_member_kind kind, struct error *err)
{
	struct text_span text = { .at = "" };
	int64_t number = 0;
	bool flag = false;

	switch (kind) {
	case ROLE_TEXTS:
		return list_of(body, name, err);
	case ROLE_TEXT:
		return params_text(body, name, &text, err) == ERR_OK ? json_stringn(text.at, text.len) : NULL;
	case ROLE_FLAG:
		return safe_json_bool(body, name, &flag, err) == ERR_OK ? json_boolean(flag) : NULL;
	case ROLE_SECONDS:
		return safe_json_duration(body, name, &number, err) == ERR_OK ? json_integer(number) : NULL;
	case ROLE_COUNT:
		return safe_json_int(body, name, &number, err) == ERR_OK ? json_integer(number) : NULL;
	}
	return NULL;
}

static bool is_given(const json_t *body, const char *name)
{
	const json_t *value = name ? json_object_get(body, name) : NULL;

	return value && !json_is_null(value);
}

/* The members of the body that a role has, in the form of core/. */
static enum error_code read_change(const json_t *body, json_t *change, struct error *err)
{
	for (const struct role_member *member = token_role_members; member->name; member++) {
		const char *name = is_given(body, member->name) ? member->name : member->old_name;
		json_t *value;

		if (!is_given(body, name))
			continue;
		value = value_of(body, name, member->kind, err);
		if (err->code != ERR_OK) {
			json_decref(value);
			return err->code;
		}
		if (!value || json_object_set_new(change, member->name, value) != 0)
			return error_set(err, ERR_NO_MEMORY, "no memory is left for a request");
	}
	return ERR_OK;
}

/* -- the resources -------------------------------------------------------------------- */

static void submit(struct request *request, struct role_work *work)
{
	work->write.caller = &request->caller;
	work->write.api_path = request->path.path + strlen("/v1/");
	work->write.name = request->rest;
	action_begin(request, &work->write.action, NULL);
	action_submitted(request, vault_role_write(request->server->vault, &work->write, &request->err));
}

void handle_token_role_write(struct request *request)
{
	struct role_work *work = request_work(request, sizeof(*work), wipe_role);
	struct error err = ERROR_INIT;

	if (!work || !params_body(request, &work->body))
		return;
	work->write.change = json_object();
	if (!work->write.change)
		error_set(&err, ERR_NO_MEMORY, "no memory is left for a request");
	else if (read_change(work->body, work->write.change, &err) == ERR_OK)
		submit(request, work);
	if (err.code != ERR_OK)
		reply_error(request, &err, false);
}

void handle_token_role_delete(struct request *request)
{
	struct role_work *work = request_work(request, sizeof(*work), wipe_role);

	if (work)
		submit(request, work);
}

static void emit_value(struct secret_buf *out, const json_t *value)
{
	if (json_is_array(value)) {
		for (size_t i = 0; i < json_array_size(value); i++) {
			json_emit_raw(out, i == 0 ? "[" : ",");
			json_emit_cstring(out, json_string_value(json_array_get(value, i)));
		}
		json_emit_raw(out, json_array_size(value) == 0 ? "[]" : "]");
	} else if (json_is_string(value)) {
		json_emit_cstring(out, json_string_value(value));
	} else if (json_is_boolean(value)) {
		json_emit_bool(out, json_is_true(value));
	} else {
		json_emit_int(out, json_integer_value(value));
	}
}

void handle_token_role_read(struct request *request)
{
	cleanup_(safe_json_decrefp) json_t *settings = NULL;
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (vault_role_read(request->server->vault, request->rest, &settings, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"name\":");
	json_emit_cstring(out, request->rest);
	for (const struct role_member *member = token_role_members; member->name; member++) {
		const json_t *value = json_object_get(settings, member->name);

		json_emit_raw(out, ",");
		json_emit_key(out, member->name);
		emit_value(out, value);
		if (!member->old_name)
			continue;
		json_emit_raw(out, ",");
		json_emit_key(out, member->old_name);
		emit_value(out, value);
	}
	json_emit_raw(out, ",\"allowed_entity_aliases\":[]}");
	reply_envelope_end(request, NULL, false);
}

/* On the slow worker. */
void handle_token_roles(struct request *request)
{
	struct name_list list = { 0 };
	struct error err = ERROR_INIT;

	if (vault_role_list(request->server->vault, &list, &err) == ERR_OK)
		reply_keys(request, &list);
	else
		reply_error(request, &err, true);
	name_list_free(&list);
}
