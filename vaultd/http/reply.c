#include "http/reply.h"

#include <stdio.h>
#include <string.h>

#include "http/backups.h"
#include "http/internal.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

/* Names of a listing (limits.h) with quotes and commas; a revision is far smaller even when each byte is escaped. */
#define REPLY_MAX (2u * LIMIT_NAME_LIST)

void reply_reset(struct reply *reply)
{
	secret_buf_free(reply->body);
	secret_buf_free(reply->skipped);
	if (reply->backups)
		backups_abandon(reply->backups);
	*reply = (struct reply){ .close = reply->close };
}

void reply_empty(struct request *request, int status)
{
	reply_reset(&request->reply);
	request->reply.status = status;
}

void reply_without_memory(struct request *request)
{
	reply_empty(request, 500);
	request->reply.unmade = true;
}

struct secret_buf *reply_bare(struct request *request, int status)
{
	reply_empty(request, status);
	request->reply.body = secret_buf_new(REPLY_MAX);
	if (!request->reply.body)
		reply_without_memory(request);
	return request->reply.body;
}

struct secret_buf *reply_envelope(struct request *request, int status)
{
	return reply_envelope_lease(request, status, 0);
}

struct secret_buf *reply_envelope_lease(struct request *request, int status, int64_t lease_duration)
{
	static const char after_id[] = "\",\"lease_id\":\"\",\"renewable\":false,\"lease_duration\":";
	struct secret_buf *out = reply_bare(request, status);

	if (!out)
		return NULL;
	json_emit_raw_n(out, "{\"request_id\":\"", 15);
	json_emit_raw_n(out, request->id, REQUEST_ID_LEN);
	json_emit_raw_n(out, after_id, sizeof(after_id) - 1);
	json_emit_int(out, lease_duration);
	json_emit_raw_n(out, ",\"data\":", 8);
	request->reply.data_at = secret_buf_len(out);
	request->reply.enveloped = true;
	return out;
}

/* The members of data once more, behind the envelope's own. */
static void copy_members(struct secret_buf *out, size_t data_at, size_t data_len)
{
	/* The reserve may move the content, so the source is looked up after it. */
	uint8_t *room;

	if (data_len <= 2)
		return;
	json_emit_raw(out, ",");
	room = secret_buf_reserve(out, data_len - 2);
	if (!room)
		return;
	memcpy(room, secret_buf_bytes(out) + data_at + 1, data_len - 2);
	secret_buf_advance(out, data_len - 2);
}

void reply_envelope_end(struct request *request, const char *warning, bool copy)
{
	static const char tail[] = ",\"wrap_info\":null,\"warnings\":null,\"auth\":null";
	struct secret_buf *out = request->reply.body;
	size_t data_len = secret_buf_len(out) - request->reply.data_at;

	if (warning) {
		json_emit_raw(out, ",\"wrap_info\":null,\"warnings\":[");
		json_emit_cstring(out, warning);
		json_emit_raw(out, "],\"auth\":null");
	} else {
		json_emit_raw_n(out, tail, sizeof(tail) - 1);
	}
	if (copy)
		copy_members(out, request->reply.data_at, data_len);
	json_emit_raw_n(out, "}", 1);
}

void reply_envelope_end_list(struct request *request, const struct secret_buf *warnings)
{
	struct secret_buf *out = request->reply.body;

	if (!warnings || secret_buf_len(warnings) == 0) {
		reply_envelope_end(request, NULL, false);
		return;
	}
	json_emit_raw(out, ",\"wrap_info\":null,\"warnings\":[");
	json_emit_raw_n(out, secret_buf_text(warnings), secret_buf_len(warnings));
	json_emit_raw(out, "],\"auth\":null}");
}

/* sentence and name may be NULL. */
static void refuse(struct request *request, int status, const char *sentence, const char *name)
{
	struct secret_buf *out = reply_bare(request, status);

	if (!out)
		return;
	json_emit_raw(out, "{\"errors\":[");
	if (sentence)
		json_emit_cstring(out, sentence);
	json_emit_raw(out, "]");
	if (name) {
		json_emit_raw(out, ",\"code\":");
		json_emit_cstring(out, name);
	}
	json_emit_raw(out, "}");
}

void reply_refuse(struct request *request, int status, const char *sentence)
{
	refuse(request, status, sentence, NULL);
}

void reply_busy(struct request *request, const char *sentence)
{
	reply_refuse(request, 503, sentence);
	request->reply.retry_after_s = 1;
}

static void log_fault(const struct request *request, const struct error *err)
{
	const struct server_options *options = &request->server->options;
	char line[ERROR_TEXT_MAX + REQUEST_ID_LEN + 64];

	if (!options->log)
		return;
	snprintf(line, sizeof(line), "%s (%s, request %s)", err->text, error_name(err->code), request->id);
	options->log("request_failed", line);
}

static bool is_explained(const struct error *err)
{
	static const char begin[] = "permission denied: ";

	return strncmp(err->text, begin, sizeof(begin) - 1) == 0;
}

void reply_error(struct request *request, const struct error *err, bool bare_not_found)
{
	const char *sentence = err->text;
	int status = error_http_status(err->code);

	/* Clients compare these texts; a sealed vault says nothing else, whatever was asked. Who is not known gets another text
	 * than who is known and may not, as in Vault; neither says what exists. What was denied is named only where core/ says
	 * that the caller knows of it. */
	if (err->code == ERR_SEALED || err->code == ERR_NOT_INITIALIZED)
		sentence = "Vault is sealed";
	else if (err->code == ERR_DENIED && !is_explained(err))
		sentence = request->caller.kind == CALLER_ANONYMOUS ? "permission denied" :
								      "1 error occurred:\n\t* permission denied\n\n";
	else if (bare_not_found && err->code == ERR_NOT_FOUND)
		sentence = NULL;
	/* One status stands for all that is wrong with the store: its name tells what to do. */
	refuse(request, status, sentence, status == 500 ? error_name(err->code) : NULL);
	if (err->code == ERR_SLOWED_DOWN)
		request->reply.retry_after_s = 60;
	else if (err->code == ERR_BUSY)
		request->reply.retry_after_s = 1;
	else if (status >= 500 && status != 503)
		log_fault(request, err);
}
