#include "client/vault_client.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/address.h"
#include "client/connection.h"
#include "client/http_response.h"
#include "client/token.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

#define TIMEOUT_SECONDS 60	 /* the daemon's own deadline of a request */
#define TIMEOUT_SLOW_SECONDS 300 /* init and unseal: Argon2, one at a time */
#define RECEIVE_BYTES 16384

struct vault_client {
	struct address address;
	struct secret_buf *token; /* or NULL */
	enum token_source token_source;
	struct connection *connection; /* or NULL */
	struct secret_buf *receive;    /* RECEIVE_BYTES, wiped with the rest */
};

struct call {
	const char *method;
	const char *target;	       /* below /v1/, with the query */
	const struct secret_buf *body; /* or NULL */
	const char *media_type;	       /* of the body */
	bool slow;
};

void client_free(struct vault_client *client)
{
	if (client == NULL)
		return;
	connection_free(client->connection);
	secret_buf_free(client->token);
	secret_buf_free(client->receive);
	free(client);
}

enum error_code client_new(const char *address, const char *token_file, struct vault_client **ret, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = calloc(1, sizeof(*client));

	if (client == NULL || (client->receive = secret_buf_new(RECEIVE_BYTES)) == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = address_find(address, &client->address, err);
	if (rc == ERR_OK)
		rc = token_find(token_file, &client->token, &client->token_source, err);
	if (rc == ERR_OK)
		*ret = take_ptr(client);
	return rc;
}

const char *client_address(const struct vault_client *client)
{
	return client->address.text;
}

/* -- one request and its response ------------------------------------------- */

static void append_host(struct secret_buf *out, const struct address *address)
{
	bool v6 = strchr(address->host, ':') != NULL;

	if (address->kind == ADDRESS_UNIX) {
		secret_buf_append_text(out, "localhost");
		return;
	}
	secret_buf_append_text(out, v6 ? "[" : "");
	secret_buf_append_text(out, address->host);
	secret_buf_append_text(out, v6 ? "]:" : ":");
	secret_buf_append_text(out, address->port);
}

static void append_request(struct secret_buf *out, const struct vault_client *client, const struct call *call)
{
	bool has_content = call->body != NULL || strcmp(call->method, "GET") != 0;

	secret_buf_append_text(out, call->method);
	secret_buf_append_text(out, " /v1/");
	secret_buf_append_text(out, call->target);
	secret_buf_append_text(out, " HTTP/1.1\r\nHost: ");
	append_host(out, &client->address);
	secret_buf_append_text(out, "\r\nX-Vault-Request: true\r\n");
	if (client->token != NULL) {
		secret_buf_append_text(out, "X-Vault-Token: ");
		secret_buf_append(out, secret_buf_bytes(client->token), secret_buf_len(client->token));
		secret_buf_append_text(out, "\r\n");
	}
	if (call->body != NULL) {
		secret_buf_append_text(out, "Content-Type: ");
		secret_buf_append_text(out, call->media_type);
		secret_buf_append_text(out, "\r\n");
	}
	if (has_content) {
		secret_buf_append_text(out, "Content-Length: ");
		json_emit_uint(out, call->body != NULL ? secret_buf_len(call->body) : 0);
		secret_buf_append_text(out, "\r\n");
	}
	secret_buf_append_text(out, "\r\n");
	if (call->body != NULL)
		secret_buf_append(out, secret_buf_bytes(call->body), secret_buf_len(call->body));
}

static enum error_code connect_client(struct vault_client *client, const struct call *call, struct error *err)
{
	unsigned seconds = call->slow ? TIMEOUT_SLOW_SECONDS : TIMEOUT_SECONDS;

	if (client->connection != NULL && !connection_is_stale(client->connection)) {
		connection_set_timeout(client->connection, seconds);
		return ERR_OK;
	}
	connection_free(take_ptr(client->connection));
	return connection_open(&client->address, seconds, &client->connection, err);
}

static enum error_code receive_response(struct vault_client *client, struct http_response *response, struct error *err)
{
	enum error_code rc = ERR_OK;

	secret_buf_reset(client->receive);
	char *bytes = (char *)secret_buf_reserve(client->receive, RECEIVE_BYTES);
	if (bytes == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	while (rc == ERR_OK && !http_response_is_done(response)) {
		size_t got = 0, used = 0;

		rc = connection_receive(client->connection, bytes, RECEIVE_BYTES, &got, err);
		if (rc == ERR_OK && got == 0)
			rc = error_set(err, ERR_PROTOCOL,
				       "the daemon closed the connection before its answer was complete");
		if (rc == ERR_OK)
			rc = http_response_feed(response, bytes, got, &used, err);
		if (rc == ERR_OK && used < got)
			rc = error_set(err, ERR_PROTOCOL, "the daemon sent more than its answer");
	}
	/* What the daemon sent lies in that memory: make it part of the content, so that it is wiped with it. */
	secret_buf_advance(client->receive, RECEIVE_BYTES);
	return rc;
}

static enum error_code take_answer(struct http_response *response, struct answer *ret, struct error *err)
{
	struct answer answer = {.status = response->status, .body = take_ptr(response->body)};
	enum error_code rc = ERR_OK;

	if (response->is_json && secret_buf_len(answer.body) > 0) {
		rc = json_scan(secret_buf_text(answer.body), secret_buf_len(answer.body), &answer.root, err);
		answer.has_json = rc == ERR_OK && answer.root.kind == JSON_SCAN_OBJECT;
	}
	if (rc != ERR_OK || (response->status < 300 && response->status != 204 && !answer.has_json)) {
		answer_free(&answer);
		error_clear(err);
		return error_set(err, ERR_PROTOCOL, "the answer is not JSON as vaultd writes it; is this its address?");
	}
	answer.has_data = answer.has_json && json_find(&answer.root, "data", &answer.data) &&
			  answer.data.kind == JSON_SCAN_OBJECT;
	*ret = answer;
	return ERR_OK;
}

static enum error_code exchange(struct vault_client *client, const struct secret_buf *request, struct answer *ret,
				struct error *err)
{
	cleanup_(http_response_free) struct http_response response;
	enum error_code rc = http_response_start(&response, ANSWER_MAX, err);
	struct error send_failure = ERROR_INIT;

	if (rc != ERR_OK)
		return rc;
	/* A daemon that refuses a large body answers and closes before it has read all: look for the answer anyway. */
	enum error_code sent =
		connection_send(client->connection, secret_buf_bytes(request), secret_buf_len(request), &send_failure);
	rc = receive_response(client, &response, err);
	if (rc != ERR_OK && sent != ERR_OK)
		*err = send_failure;
	if (rc != ERR_OK || response.closes || sent != ERR_OK)
		connection_free(take_ptr(client->connection));
	if (rc == ERR_OK)
		return take_answer(&response, ret, err);
	return err->code;
}

/* Any status is ERR_OK here. */
static enum error_code perform(struct vault_client *client, const struct call *call, struct answer *ret,
			       struct error *err)
{
	size_t body_len = call->body != NULL ? secret_buf_len(call->body) : 0;
	cleanup_(secret_buf_freep) struct secret_buf *request =
		secret_buf_new(body_len + LIMIT_TARGET_LEN + LIMIT_HEADER_LEN);

	if (request == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	append_request(request, client, call);
	enum error_code rc = secret_buf_check(request, "the request", err);
	if (rc == ERR_OK)
		rc = connect_client(client, call, err);
	if (rc == ERR_OK)
		rc = exchange(client, request, ret, err);
	return rc;
}

static enum error_code answer_to_error(struct vault_client *client, const struct answer *answer, const char *what,
				       struct error *err)
{
	const char *text = client->token != NULL ? token_source_text(client->token_source) : NULL;
	struct answer status = {0};

	/* "sealed" and "not initialised" are the same status in Vault's API; people need to know which. */
	if (answer->status == 503 && client->connection != NULL) {
		struct error ignored = ERROR_INIT;
		const struct call ask = {.method = "GET", .target = "sys/seal-status"};
		struct json_value initialized;
		bool value = true;

		if (perform(client, &ask, &status, &ignored) == ERR_OK && status.has_json &&
		    json_find(&status.root, "initialized", &initialized) && json_as_bool(&initialized, &value) &&
		    !value) {
			answer_free(&status);
			return error_set(err, ERR_NOT_INITIALIZED,
					 "the vault is new and empty; set it up: envctl init");
		}
		answer_free(&status);
	}
	return answer_error(answer, what, text, err);
}

static enum error_code perform_expecting(struct vault_client *client, const struct call *call, const char *what,
					 struct answer *ret, struct error *err)
{
	struct answer answer = {0};
	enum error_code rc = perform(client, call, &answer, err);

	if (rc == ERR_OK && answer.status >= 300)
		rc = answer_to_error(client, &answer, what, err);
	if (rc == ERR_OK && ret != NULL)
		*ret = answer;
	else
		answer_free(&answer);
	return rc;
}

static enum error_code printf_like(3, 4)
	format_target(char target[static LIMIT_TARGET_LEN], struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(target, LIMIT_TARGET_LEN, format, args);
	va_end(args);
	if (len < 0 || len >= LIMIT_TARGET_LEN)
		return error_set(err, ERR_TOO_LARGE, "the request's path is too long");
	return ERR_OK;
}

/* -- the vault --------------------------------------------------------------- */

enum error_code client_seal_status(struct vault_client *client, struct answer *ret, struct error *err)
{
	const struct call call = {.method = "GET", .target = "sys/seal-status"};

	return perform_expecting(client, &call, "the vault", ret, err);
}

enum error_code client_init(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
			    struct error *err)
{
	const struct call call = {
		.method = "POST",
		.target = "sys/init",
		.body = body,
		.media_type = "application/json",
		.slow = true,
	};

	return perform_expecting(client, &call, "the vault", ret, err);
}

enum error_code client_unseal(struct vault_client *client, const struct secret_buf *body, struct answer *ret,
			      struct error *err)
{
	const struct call call = {
		.method = "POST",
		.target = "sys/unseal",
		.body = body,
		.media_type = "application/json",
		.slow = true,
	};

	enum error_code rc = perform_expecting(client, &call, "the vault", ret, err);
	/* The status of a wrong key is that of any bad request; what we sent is well-formed. */
	if (rc == ERR_INVALID)
		rc = err->code = ERR_UNSEAL_FAILED;
	return rc;
}

enum error_code client_seal(struct vault_client *client, struct error *err)
{
	const struct call call = {.method = "POST", .target = "sys/seal"};

	return perform_expecting(client, &call, "the vault", NULL, err);
}

/* -- environments ------------------------------------------------------------ */

static enum error_code require_data(struct answer *answer, struct error *err)
{
	if (answer->has_data)
		return ERR_OK;
	answer_free(answer);
	return error_set(err, ERR_PROTOCOL, "the answer has no data; is this address really vaultd's?");
}

static enum error_code get(struct vault_client *client, const char *target, const char *what, struct answer *ret,
			   struct error *err)
{
	const struct call call = {.method = "GET", .target = target};
	struct answer answer = {0};
	enum error_code rc = perform_expecting(client, &call, what, &answer, err);

	if (rc == ERR_OK)
		rc = require_data(&answer, err);
	if (rc == ERR_OK)
		*ret = answer;
	return rc;
}

enum error_code client_resolve(struct vault_client *client, const struct env_path *env, uint64_t revision, bool origins,
			       struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc;

	if (revision > 0)
		rc = format_target(target, err, "secret/resolve/%s?revision=%" PRIu64 "%s", env->text, revision,
				   origins ? "" : "&origins=false");
	else
		rc = format_target(target, err, "secret/resolve/%s%s", env->text, origins ? "" : "?origins=false");
	return rc == ERR_OK ? get(client, target, env->text, ret, err) : rc;
}

/* The entry of the current revision in the map of all. */
static bool current_is_deleted(const struct json_value *data, uint64_t revision)
{
	struct json_value versions, entry, deletion;
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, revision);
	if (!json_find(data, "versions", &versions) || versions.kind != JSON_SCAN_OBJECT ||
	    !json_find(&versions, number, &entry) || entry.kind != JSON_SCAN_OBJECT)
		return false;
	if (answer_bool(&entry, "destroyed"))
		return true;
	return json_find(&entry, "deletion_time", &deletion) && deletion.kind == JSON_SCAN_STRING &&
	       json_string_span(&deletion).len > 0;
}

enum error_code client_state(struct vault_client *client, const struct env_path *env, struct environment_state *ret,
			     struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	enum error_code rc = format_target(target, err, "secret/metadata/%s", env->text);

	if (rc != ERR_OK)
		return rc;
	rc = get(client, target, env->text, &answer, &found);
	if (rc == ERR_NOT_FOUND) {
		*ret = (struct environment_state){0};
		return ERR_OK;
	}
	if (rc != ERR_OK) {
		*err = found;
		return rc;
	}
	uint64_t revision = (uint64_t)answer_int(&answer.data, "current_version", 0);
	*ret = (struct environment_state){
		.exists = true,
		.revision = revision,
		.deleted = current_is_deleted(&answer.data, revision),
	};
	return ERR_OK;
}

enum error_code client_read(struct vault_client *client, const struct env_path *env, uint64_t revision,
			    struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc;

	if (revision > 0)
		rc = format_target(target, err, "secret/data/%s?version=%" PRIu64, env->text, revision);
	else
		rc = format_target(target, err, "secret/data/%s", env->text);
	return rc == ERR_OK ? get(client, target, env->text, ret, err) : rc;
}

enum error_code client_names(struct vault_client *client, const struct env_path *env, struct answer *ret,
			     struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = format_target(target, err, "secret/subkeys/%s", env->text);

	return rc == ERR_OK ? get(client, target, env->text, ret, err) : rc;
}

static void append_change(struct secret_buf *out, const struct change *change)
{
	bool rollback = change->data == NULL;

	json_emit_raw(out, "{");
	if (rollback) {
		json_emit_key(out, "revision");
		json_emit_uint(out, change->rollback_to);
	} else {
		json_emit_key(out, "data");
		json_emit_raw_n(out, secret_buf_text(change->data), secret_buf_len(change->data));
		json_emit_raw(out, ",\"options\":{");
	}
	const char *comma = rollback ? "," : "";
	if (change->has_cas) {
		json_emit_raw(out, comma);
		json_emit_key(out, "cas");
		json_emit_uint(out, change->cas);
		comma = ",";
	}
	if (change->message != NULL) {
		json_emit_raw(out, comma);
		json_emit_key(out, "message");
		json_emit_cstring(out, change->message);
	}
	json_emit_raw(out, rollback ? "}" : "}}");
}

enum error_code client_write(struct vault_client *client, const struct env_path *env, const struct change *change,
			     uint64_t *ret_revision, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	cleanup_(answer_free) struct answer answer = {0};
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(LIMIT_BODY_DATA);

	if (body == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	append_change(body, change);
	enum error_code rc = secret_buf_check(body, "the environment", err);
	if (rc == ERR_OK)
		rc = format_target(target, err, "secret/%s/%s", change->data == NULL ? "rollback" : "data", env->text);
	if (rc != ERR_OK)
		return rc;
	const struct call call = {
		.method = change->patch ? "PATCH" : "POST",
		.target = target,
		.body = body,
		.media_type = change->patch ? "application/merge-patch+json" : "application/json",
	};
	rc = perform_expecting(client, &call, env->text, &answer, err);
	if (rc == ERR_OK)
		rc = require_data(&answer, err);
	if (rc == ERR_OK)
		*ret_revision = (uint64_t)answer_int(&answer.data, "version", 0);
	return rc;
}

enum error_code client_delete(struct vault_client *client, const struct env_path *env, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = format_target(target, err, "secret/metadata/%s", env->text);
	const struct call call = {.method = "DELETE", .target = target};

	return rc == ERR_OK ? perform_expecting(client, &call, env->text, NULL, err) : rc;
}

enum error_code client_list(struct vault_client *client, const char *prefix, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = format_target(target, err, "secret/metadata/%s?list=true", prefix);

	return rc == ERR_OK ? get(client, target, "the list", ret, err) : rc;
}

/* A query value: unreserved bytes as they are, all others as %XX. */
static void encode_query(const char *text, char *ret, size_t size)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t at = 0;

	for (const char *c = text; *c != '\0' && at + 4 <= size; c++) {
		unsigned char byte = (unsigned char)*c;
		bool plain = (byte >= '0' && byte <= '9') || (byte >= 'A' && byte <= 'Z') ||
			     (byte >= 'a' && byte <= 'z') || byte == '_' || byte == '-' || byte == '.' || byte == '~';

		if (plain) {
			ret[at++] = *c;
			continue;
		}
		ret[at++] = '%';
		ret[at++] = hex[byte >> 4];
		ret[at++] = hex[byte & 15];
	}
	ret[at] = '\0';
}

enum error_code client_history(struct vault_client *client, const struct env_path *env, const char *name,
			       uint64_t before, uint64_t limit, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN], parameters[64] = "", encoded[3 * LIMIT_VARIABLE_NAME_LEN + 4] = "";

	if (before > 0)
		snprintf(parameters, sizeof(parameters), "&before=%" PRIu64, before);
	if (name != NULL)
		encode_query(name, encoded, sizeof(encoded));
	enum error_code rc = format_target(target, err, "secret/history/%s?limit=%" PRIu64 "%s%s%s", env->text, limit,
					   parameters, name != NULL ? "&name=" : "", encoded);
	return rc == ERR_OK ? get(client, target, env->text, ret, err) : rc;
}

enum error_code client_diff(struct vault_client *client, const struct env_path *env, uint64_t from,
			    const struct env_path *other, uint64_t to, struct answer *ret, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc =
		format_target(target, err, "secret/diff/%s?from=%" PRIu64 "&to=%" PRIu64 "%s%s", env->text, from, to,
			      other != NULL ? "&to_environment=" : "", other != NULL ? other->text : "");

	return rc == ERR_OK ? get(client, target, env->text, ret, err) : rc;
}

enum error_code client_settings_read(struct vault_client *client, const struct env_path *env, struct answer *ret,
				     struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = format_target(target, err, "secret/settings/%s", env->text);

	return rc == ERR_OK ? get(client, target, env->text, ret, err) : rc;
}

enum error_code client_settings_write(struct vault_client *client, const struct env_path *env,
				      const struct secret_buf *patch, struct error *err)
{
	char target[LIMIT_TARGET_LEN];
	enum error_code rc = format_target(target, err, "secret/settings/%s", env->text);
	const struct call call = {
		.method = "PATCH",
		.target = target,
		.body = patch,
		.media_type = "application/merge-patch+json",
	};

	return rc == ERR_OK ? perform_expecting(client, &call, env->text, NULL, err) : rc;
}
