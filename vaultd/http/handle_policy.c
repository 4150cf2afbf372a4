/* sys/policies/acl, and sys/policy of older clients. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/vault_policies.h"
#include "http/action.h"
#include "http/change.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/base64.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* -- the name in the path ------------------------------------------------------ */

/*
 * Policies have small letters only, requests may have others: what was decided about the path as it was sent is decided
 * again about the policy that is meant, or a rule for it could be gone round. False: the answer is made.
 */
static bool may_use_name(struct request *request)
{
	const char *path = request->path.path + strlen("/v1/");
	size_t before = strlen(path) - strlen(request->rest);
	struct error err = ERROR_INIT;
	struct policy_name name;
	char meant[sizeof("sys/policies/acl/") + LIMIT_POLICY_NAME_LEN];

	enum error_code code = policy_name_normalise(request->rest, strlen(request->rest), &name, &err);

	if (code == ERR_OK && strcmp(name.text, request->rest) != 0) {
		snprintf(meant, sizeof(meant), "%.*s%s", (int)before, path, name.text);
		code = vault_authorize(request->server->vault, &request->caller, request->route->capability, meant, &err);
	}
	if (code != ERR_OK)
		reply_error(request, &err, false);
	return code == ERR_OK;
}

/* -- reading -------------------------------------------------------------------- */

static void read_policy(struct request *request, const char *text_member, bool copy)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_POLICY_TEXT);
	struct error err = ERROR_INIT;
	struct policy_name name;
	struct secret_buf *out;

	if (!may_use_name(request))
		return;
	if (!text) {
		reply_without_memory(request);
		return;
	}
	if (vault_policy_read(request->server->vault, request->rest, strlen(request->rest), &name, text, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{\"name\":");
	json_emit_cstring(out, name.text);
	json_emit_raw(out, ",");
	json_emit_key(out, text_member);
	json_emit_string(out, secret_buf_text(text), secret_buf_len(text));
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, copy);
}

void handle_policy_read(struct request *request)
{
	read_policy(request, "policy", false);
}

void handle_old_policy_read(struct request *request)
{
	read_policy(request, "rules", true);
}

static void emit_names(struct secret_buf *out, const char *member_name, const struct name_list *list)
{
	const char *name = list->block;

	json_emit_key(out, member_name);
	json_emit_raw(out, "[");
	for (size_t i = 0; i < list->count; i++, name += strlen(name) + 1) {
		if (i > 0)
			json_emit_raw(out, ",");
		json_emit_cstring(out, name);
	}
	json_emit_raw(out, "]");
}

static void list_policies(struct request *request, bool old)
{
	cleanup_(name_list_free) struct name_list list = {0};
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (vault_policy_list(request->server->vault, &list, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	json_emit_raw(out, "{");
	emit_names(out, "keys", &list);
	if (old) {
		json_emit_raw(out, ",");
		emit_names(out, "policies", &list);
	}
	json_emit_raw(out, "}");
	reply_envelope_end(request, NULL, old);
}

void handle_policy_list(struct request *request)
{
	list_policies(request, false);
}

void handle_old_policy_list(struct request *request)
{
	list_policies(request, true);
}

/* -- changes --------------------------------------------------------------------- */

struct policy_work {
	struct vault_policy_change change;
	struct secret_buf *text;
};

static void wipe_work(void *work)
{
	secret_buf_free(((struct policy_work *)work)->text);
}

/* A text that is base64 as a whole is what it stands for: no policy is. */
static void decode_base64(struct secret_buf *text)
{
	size_t len = secret_buf_len(text), made;
	cleanup_(secret_buf_freep) struct secret_buf *bytes = secret_buf_new(len + 1);
	uint8_t *room = bytes ? secret_buf_reserve(bytes, len) : NULL;

	if (len == 0 || !room ||
	    !base64_read(secret_buf_text(text), len, "\r\n", sodium_base64_VARIANT_ORIGINAL, room, len, &made))
		return;
	secret_buf_advance(bytes, made);
	secret_buf_reset(text);
	secret_buf_append(text, secret_buf_bytes(bytes), made);
}

/* What OpenBao lets a write ask for and restricts the policy or the write: refused, because it would not be heeded. */
static bool asks_for_more(struct request *request, const struct json_value *body)
{
	static const char *const names[] = { "expiration", "ttl", "cas", "cas_required" };
	struct json_value value;
	char sentence[64];

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!member(body, names[i], &value) || (value.kind == JSON_SCAN_BOOL && value.raw.at[0] == 'f') ||
		    (value.kind == JSON_SCAN_STRING && json_string_span(&value).len == 0))
			continue;
		snprintf(sentence, sizeof(sentence), "%s is not supported for policies", names[i]);
		reply_refuse(request, 400, sentence);
		return true;
	}
	return false;
}

/* The member policy, or rules as older clients call it. False: the answer is made. */
static bool take_text(struct request *request, struct policy_work *work)
{
	struct error err = ERROR_INIT;
	struct json_value body, text;

	if (!body_object(request, &body) || asks_for_more(request, &body))
		return false;
	if ((!member(&body, "policy", &text) && !member(&body, "rules", &text)) || text.kind != JSON_SCAN_STRING ||
	    json_string_span(&text).len == 0) {
		reply_refuse(request, 400, "'policy' parameter not supplied or empty");
		return false;
	}
	work->text = secret_buf_new(2u * LIMIT_POLICY_TEXT);	/* base64 is longer by a third */
	if (!work->text) {
		reply_without_memory(request);
		return false;
	}
	json_append_unescaped(work->text, json_string_span(&text));
	if (secret_buf_check(work->text, "the policy", &err) != ERR_OK) {
		reply_error(request, &err, false);
		return false;
	}
	decode_base64(work->text);
	work->change.text = secret_buf_text(work->text);
	work->change.text_len = secret_buf_len(work->text);
	return true;
}

static struct policy_work *begin(struct request *request)
{
	struct policy_work *work = may_use_name(request) ? request_work(request, sizeof(*work), wipe_work) : NULL;

	if (!work)
		return NULL;
	work->change.name = request->rest;
	work->change.name_len = strlen(request->rest);
	return work;
}

void handle_policy_write(struct request *request)
{
	struct policy_work *work = begin(request);

	if (!work || !take_text(request, work))
		return;
	action_begin(request, &work->change.action, NULL);
	action_submitted(request, vault_policy_write(request->server->vault, &work->change, &request->err));
}

void handle_policy_delete(struct request *request)
{
	struct policy_work *work = begin(request);

	if (!work)
		return;
	action_begin(request, &work->change.action, NULL);
	action_submitted(request, vault_policy_delete(request->server->vault, &work->change, &request->err));
}
