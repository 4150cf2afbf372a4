/* auth/token/create and create-orphan; accessors and tidy. */
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_tokens.h"
#include "http/action.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "http/params.h"
#include "vault/json_emit.h"
#include "vault/safe_json.h"

struct create_work {
	struct vault_token_create create;
	json_t *body;
};

static void wipe_create(void *arg)
{
	struct create_work *work = arg;

	token_grant_free(&work->create.grant);
	free(work->create.wish.policies);
	free(work->create.wish.meta);
	json_decref(work->body);
}

static enum error_code read_times(const json_t *body, struct token_wish *wish, struct error *err)
{
	/* "lease" is what old clients call it. */
	if (safe_json_duration(body, "lease", &wish->ttl, err) != ERR_OK ||
	    safe_json_duration(body, "ttl", &wish->ttl, err) != ERR_OK ||
	    safe_json_duration(body, "explicit_max_ttl", &wish->explicit_max_ttl, err) != ERR_OK ||
	    safe_json_duration(body, "period", &wish->period, err) != ERR_OK)
		return err->code;
	return safe_json_int(body, "num_uses", &wish->uses, err);
}

static enum error_code read_flags(const json_t *body, struct token_wish *wish, struct error *err)
{
	bool renewable = true;

	if (safe_json_bool(body, "renewable", &renewable, err) != ERR_OK ||
	    safe_json_bool(body, "no_parent", &wish->no_parent, err) != ERR_OK)
		return err->code;
	wish->not_renewable = !renewable;
	return safe_json_bool(body, "no_default_policy", &wish->no_default_policy, err);
}

static bool text_is(struct text_span text, const char *word)
{
	return text.len == strlen(word) && memcmp(text.at, word, text.len) == 0;
}

static enum error_code read_type(const json_t *body, struct token_wish *wish, struct error *err)
{
	struct text_span type;

	if (params_text(body, "type", &type, err) != ERR_OK)
		return err->code;
	if (text_is(type, "service"))
		wish->type = TOKEN_TYPE_SERVICE;
	else if (text_is(type, "batch"))
		wish->type = TOKEN_TYPE_BATCH;
	else if (type.len > 0 && !text_is(type, "default"))
		return error_set(err, ERR_INVALID, "invalid 'type' value: it is \"service\" or \"batch\"");
	return ERR_OK;
}

static enum error_code read_names(const json_t *body, struct token_wish *wish, struct error *err)
{
	struct text_span alias;

	if (params_list(body, "policies", LIMIT_TOKEN_POLICIES, &wish->policies, &wish->policies_len, err) != ERR_OK ||
	    params_text(body, "display_name", &wish->display, err) != ERR_OK || params_text(body, "id", &wish->id, err) != ERR_OK ||
	    params_text(body, "entity_alias", &alias, err) != ERR_OK)
		return err->code;
	if (alias.len > 0)
		return error_set(err, ERR_INVALID, "'entity_alias' cannot be used: this server has no entities");
	if (params_map(body, "metadata", LIMIT_TOKEN_META_KEYS, &wish->meta, &wish->meta_len, err) != ERR_OK)
		return err->code;
	if (wish->meta)
		return ERR_OK;
	return params_map(body, "meta", LIMIT_TOKEN_META_KEYS, &wish->meta, &wish->meta_len, err);
}

static enum error_code read_wish(const json_t *body, struct token_wish *wish, struct error *err)
{
	if (read_times(body, wish, err) != ERR_OK || read_flags(body, wish, err) != ERR_OK ||
	    read_type(body, wish, err) != ERR_OK)
		return err->code;
	return read_names(body, wish, err);
}

static void answer_created(struct request *request)
{
	const struct create_work *work = request->work;

	reply_auth(request, &work->create.grant);
}

static void create(struct request *request, bool orphan, const char *role)
{
	struct create_work *work = request_work(request, sizeof(*work), wipe_create);
	struct error err = ERROR_INIT;

	if (!work || !params_body(request, &work->body))
		return;
	if (read_wish(work->body, &work->create.wish, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	work->create.caller = &request->caller;
	work->create.api_path = request->path.path + strlen("/v1/");
	work->create.orphan = orphan;
	work->create.role = role;
	action_begin(request, &work->create.action, answer_created);
	action_submitted(request, vault_token_create(request->server->vault, &work->create, &request->err));
}

void handle_token_create(struct request *request)
{
	create(request, false, NULL);
}

void handle_token_create_role(struct request *request)
{
	create(request, false, request->rest);
}

void handle_token_create_orphan(struct request *request)
{
	create(request, true, NULL);
}

/* -- all tokens ----------------------------------------------------------------- */

/* On the slow worker. */
void handle_token_accessors(struct request *request)
{
	struct name_list list = { 0 };
	struct error err = ERROR_INIT;

	if (vault_token_accessors(request->server->vault, &list, &err) == ERR_OK)
		reply_keys(request, &list);
	else
		reply_error(request, &err, true);
	name_list_free(&list);
}

/* On the slow worker. */
void handle_token_tidy(struct request *request)
{
	struct error err = ERROR_INIT;
	struct secret_buf *out;

	if (vault_token_tidy(request->server->vault, &err) != ERR_OK) {
		reply_error(request, &err, false);
		return;
	}
	out = reply_envelope(request, 202);
	if (!out)
		return;
	json_emit_raw(out, "null");
	reply_envelope_end(request, "Tidy operation successfully started. What is over is deleted in bounded steps.", false);
}
