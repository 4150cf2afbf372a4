/* sys/quotas: how often one client may ask. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vault_quotas.h"
#include "http/action.h"
#include "http/change.h"
#include "http/emit.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/json_emit.h"

/* -- bodies -------------------------------------------------------------- */

/* A text or a number as it stands; false when it is neither or too long. */
static bool text_of(const struct json_value *value, char *to, size_t size)
{
	struct json_span text = value->kind == JSON_SCAN_STRING ? json_string_span(value) : value->raw;

	if ((value->kind != JSON_SCAN_STRING && value->kind != JSON_SCAN_NUMBER) || value->escaped || text.len >= size)
		return false;
	memcpy(to, text.at, text.len);
	to[text.len] = '\0';
	return true;
}

static bool read_rate(struct request *request, const struct json_value *body, double *ret)
{
	struct json_value value;
	char text[32], *end = text;

	if (member(body, "rate", &value) && text_of(&value, text, sizeof(text)) && strspn(text, "0123456789.eE+") == strlen(text))
		*ret = strtod(text, &end);
	if (end != text && *end == '\0')
		return true;
	reply_refuse(request, 400, "'rate' must be a number of requests, from 0.01 to 1000000000");
	return false;
}

static bool is_empty(const struct json_value *body, const char *name)
{
	struct json_value value;

	return !member(body, name, &value) || (value.kind == JSON_SCAN_STRING && json_string_span(&value).len == 0);
}

static bool read_seconds(struct request *request, const struct json_value *body, const char *name, int64_t absent, int64_t *ret)
{
	struct json_value value;
	char text[32], sentence[80];

	*ret = absent;
	if (is_empty(body, name))
		return true;
	if (member(body, name, &value) && text_of(&value, text, sizeof(text)) && duration_parse(text, strlen(text), ret))
		return true;
	snprintf(sentence, sizeof(sentence), "'%s' must be a duration such as 60 or \"1m\"", name);
	reply_refuse(request, 400, sentence);
	return false;
}

static bool read_rule(struct request *request, struct quota_rule *rule)
{
	struct json_value body, path;

	if (!body_object(request, &body))
		return false;
	if (!is_empty(&body, "role")) {
		reply_refuse(request, 400, "a quota of one role is not supported");
		return false;
	}
	if (member(&body, "path", &path) && (path.kind != JSON_SCAN_STRING || !text_of(&path, rule->path, sizeof(rule->path)))) {
		reply_refuse(request, 400, "'path' must be a text of at most 511 bytes");
		return false;
	}
	return read_rate(request, &body, &rule->rate) && read_seconds(request, &body, "interval", 1, &rule->interval_s) &&
	       read_seconds(request, &body, "block_interval", 0, &rule->block_s);
}

static struct quota_change *begin(struct request *request)
{
	struct quota_change *change;

	if (strlen(request->rest) > LIMIT_QUOTA_NAME_LEN) {
		reply_refuse(request, 400, "the name of a quota has at most 127 bytes");
		return NULL;
	}
	change = request_work(request, sizeof(*change), NULL);
	if (!change)
		return NULL;
	change->caller = &request->caller;
	memcpy(change->rule.name, request->rest, strlen(request->rest) + 1);
	return change;
}

void handle_quota_write(struct request *request)
{
	struct quota_change *change = begin(request);

	if (!change || !read_rule(request, &change->rule))
		return;
	action_begin(request, &change->action, NULL);
	action_submitted(request, vault_quota_write(request->server->vault, change, &request->err));
}

void handle_quota_delete(struct request *request)
{
	struct quota_change *change = begin(request);

	if (!change)
		return;
	action_begin(request, &change->action, NULL);
	action_submitted(request, vault_quota_delete(request->server->vault, change, &request->err));
}

/* -- reading ------------------------------------------------------------- */

static void emit_rule(struct secret_buf *out, const struct quota_rule *rule)
{
	char rate[32];

	snprintf(rate, sizeof(rate), "%.10g", rule->rate);
	json_emit_raw(out, "{\"block_interval\":");
	json_emit_int(out, rule->block_s);
	json_emit_raw(out, ",\"inheritable\":true,\"interval\":");
	json_emit_int(out, rule->interval_s);
	json_emit_raw(out, ",\"name\":");
	json_emit_cstring(out, rule->name);
	json_emit_raw(out, ",\"path\":");
	json_emit_cstring(out, rule->path);
	json_emit_raw(out, ",\"rate\":");
	json_emit_raw(out, rate);
	json_emit_raw(out, ",\"role\":\"\",\"type\":\"rate-limit\"}");
}

void handle_quota_read(struct request *request)
{
	struct error err = ERROR_INIT;
	struct quota_rule rule;
	struct secret_buf *out;

	if (vault_quota_read(request->server->vault, &request->caller, request->rest, &rule, &err) != ERR_OK) {
		reply_error(request, &err, true);
		return;
	}
	out = reply_envelope(request, 200);
	if (!out)
		return;
	emit_rule(out, &rule);
	reply_envelope_end(request, NULL, false);
}

void handle_quota_list(struct request *request)
{
	cleanup_(name_list_free) struct name_list list = {0};
	struct error err = ERROR_INIT;

	if (vault_quota_list(request->server->vault, &request->caller, &list, &err) != ERR_OK)
		reply_error(request, &err, true);
	else
		reply_keys(request, &list);
}

/* The answers that need no identity are never counted. */
static void emit_exempt(struct secret_buf *out)
{
	const char *last = "", *comma = "";
	const struct route *route;

	for (size_t i = 0; (route = route_at(i)) != NULL; i++) {
		if ((route->flags & ROUTE_OPEN) == 0 || strncmp(route->pattern, "/v1/", 4) != 0 || strcmp(route->pattern, last) == 0)
			continue;
		last = route->pattern;
		json_emit_raw(out, comma);
		json_emit_cstring(out, route->pattern + 4);
		comma = ",";
	}
}

void handle_quota_config(struct request *request)
{
	struct secret_buf *out = reply_envelope(request, 200);

	if (!out)
		return;
	json_emit_raw(out, "{\"enable_rate_limit_audit_logging\":false,\"enable_rate_limit_response_headers\":true,"
			   "\"rate_limit_exempt_paths\":[");
	emit_exempt(out);
	json_emit_raw(out, "]}");
	reply_envelope_end(request, NULL, false);
}
