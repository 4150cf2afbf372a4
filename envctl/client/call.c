#include "client/call.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/address.h"
#include "client/connection.h"
#include "client/http_response.h"
#include "client/token.h"
#include "client/vault_client.h"
#include "vault/clock.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

#define TIMEOUT_SECONDS 60	 /* the daemon's own deadline of a request */
#define TIMEOUT_SLOW_SECONDS 300 /* init and unseal: Argon2, one at a time */
#define RECEIVE_BYTES 16384

#define SECOND_US 1000000
#define ASKED_MAX 256

struct vault_client {
	struct address address;
	struct secret_buf *token; /* or NULL */
	const char *token_text;	  /* static: where it came from */
	char *ca_file;		  /* or NULL: as the environment says */
	char *name_space;	  /* or NULL */
	bool other;		  /* not the vault of VAULT_ADDR: its variables do not count */
	int64_t deadline_us;	  /* of all calls together; 0: none */
	struct connection *connection; /* or NULL */
	struct secret_buf *receive;    /* RECEIVE_BYTES, wiped with the rest */
	const char *capability;	       /* static: what the last call takes */
	char path[ASKED_MAX];	       /* of the last call, without its query; cut to fit */
};

void client_free(struct vault_client *client)
{
	if (client == NULL)
		return;
	connection_free(client->connection);
	secret_buf_free(client->token);
	secret_buf_free(client->receive);
	free(client->ca_file);
	free(client->name_space);
	free(client);
}

static enum error_code client_make(struct vault_client **ret, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = calloc(1, sizeof(*client));

	if (client == NULL || (client->receive = secret_buf_new(RECEIVE_BYTES)) == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	client->token_text = token_source_text(TOKEN_NONE);
	*ret = take_ptr(client);
	return ERR_OK;
}

enum error_code client_new(const char *address, const char *token_file, struct vault_client **ret, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	enum token_source source = TOKEN_NONE;
	enum error_code rc = client_make(&client, err);

	if (rc == ERR_OK)
		rc = address_find(address, &client->address, err);
	if (rc == ERR_OK)
		rc = token_find(token_file, &client->address, &client->token, &source, err);
	if (rc != ERR_OK)
		return rc;
	client->token_text = token_source_text(source);
	*ret = take_ptr(client);
	return ERR_OK;
}

static enum error_code copy_text(const char *text, char **ret, struct error *err)
{
	if (text != NULL && (*ret = strdup(text)) == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	return ERR_OK;
}

static enum error_code copy_token(const struct secret_buf *token, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *copy = NULL;

	if (token == NULL)
		return ERR_OK;
	enum error_code rc = token_check(token, "the token", err);
	if (rc != ERR_OK)
		return rc;
	copy = secret_buf_new(LIMIT_TOKEN_LEN);
	if (copy == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	secret_buf_append(copy, secret_buf_bytes(token), secret_buf_len(token));
	*ret = take_ptr(copy);
	return ERR_OK;
}

enum error_code client_new_for(const struct client_place *place, struct vault_client **ret, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	enum error_code rc = client_make(&client, err);

	if (rc == ERR_OK)
		rc = copy_token(place->token, &client->token, err);
	if (rc == ERR_OK)
		rc = copy_text(place->ca_file, &client->ca_file, err);
	if (rc == ERR_OK)
		rc = copy_text(place->name_space, &client->name_space, err);
	if (rc != ERR_OK)
		return rc;
	client->address = *place->address;
	client->other = place->other;
	if (place->token != NULL)
		client->token_text = place->token_text;
	*ret = take_ptr(client);
	return ERR_OK;
}

const char *client_address(const struct vault_client *client)
{
	return client->address.text;
}

const char *client_token_text(const struct vault_client *client)
{
	return client->token != NULL ? client->token_text : NULL;
}

static int64_t now_us(void)
{
	return clock_system.monotonic_us(clock_system.arg);
}

void client_set_deadline(struct vault_client *client, unsigned seconds)
{
	client->deadline_us = seconds > 0 ? now_us() + (int64_t)seconds * SECOND_US : 0;
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

static void append_header(struct secret_buf *out, const char *name, const char *value)
{
	secret_buf_append_text(out, name);
	secret_buf_append_text(out, ": ");
	secret_buf_append_text(out, value);
	secret_buf_append_text(out, "\r\n");
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
	if (client->name_space != NULL)
		append_header(out, "X-Vault-Namespace", client->name_space);
	if (call->wrap_ttl != NULL)
		append_header(out, "X-Vault-Wrap-TTL", call->wrap_ttl);
	if (call->body != NULL)
		append_header(out, "Content-Type", call->media_type != NULL ? call->media_type : "application/json");
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
	int64_t now = now_us();
	int64_t deadline = now + (int64_t)(call->slow ? TIMEOUT_SLOW_SECONDS : TIMEOUT_SECONDS) * SECOND_US;
	const struct connection_trust trust = {.ca_file = client->ca_file, .other = client->other};

	if (client->deadline_us != 0 && client->deadline_us < deadline)
		deadline = client->deadline_us;
	if (deadline <= now)
		return error_set(err, ERR_TIMEOUT, "%s needed too long; it was given up", client->address.text);
	if (client->connection != NULL && !connection_is_stale(client->connection)) {
		connection_set_deadline(client->connection, deadline);
		return ERR_OK;
	}
	connection_free(take_ptr(client->connection));
	return connection_open(&client->address, &trust, deadline, &client->connection, err);
}

/* A stream may take as long as it takes, as long as something comes. */
static void extend_deadline(struct vault_client *client)
{
	int64_t deadline = now_us() + (int64_t)TIMEOUT_SECONDS * SECOND_US;

	connection_set_deadline(client->connection, client->deadline_us != 0 && client->deadline_us < deadline ? client->deadline_us : deadline);
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

		if (response->take != NULL)
			extend_deadline(client);
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
	bool taken = response->take != NULL && response->status == 200; /* the body has gone elsewhere */
	enum error_code rc = ERR_OK;

	if (response->is_json && secret_buf_len(answer.body) > 0) {
		rc = json_scan(secret_buf_text(answer.body), secret_buf_len(answer.body), &answer.root, err);
		answer.has_json = rc == ERR_OK && answer.root.kind == JSON_SCAN_OBJECT;
	}
	if (rc != ERR_OK || (response->status < 300 && response->status != 204 && !taken && !answer.has_json)) {
		answer_free(&answer);
		error_clear(err);
		return error_set(err, ERR_PROTOCOL, "the answer is not JSON as vaultd writes it; is this its address?");
	}
	answer.has_data = answer.has_json && json_find(&answer.root, "data", &answer.data) &&
			  answer.data.kind == JSON_SCAN_OBJECT;
	*ret = answer;
	return ERR_OK;
}

static enum error_code exchange(struct vault_client *client, const struct call *call, const struct secret_buf *request,
				struct answer *ret, struct error *err)
{
	cleanup_(http_response_free) struct http_response response;
	enum error_code rc = http_response_start(&response, ANSWER_MAX, err);
	struct error send_failure = ERROR_INIT;

	if (rc != ERR_OK)
		return rc;
	response.take = call->take;
	response.take_arg = call->take_arg;
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

/* For who is denied: what to ask `envctl policy explain` for. */
static void remember(struct vault_client *client, const struct call *call)
{
	static const char *const capabilities[][2] = {{"GET", "read"}, {"PATCH", "patch"}, {"DELETE", "delete"}};
	size_t len = strcspn(call->target, "?");

	client->capability = "update";
	for (size_t i = 0; i < ARRAY_LEN(capabilities); i++)
		if (strcmp(call->method, capabilities[i][0]) == 0)
			client->capability = capabilities[i][1];
	if (strstr(call->target + len, "list=true") != NULL)
		client->capability = "list";
	/* The policies on an environment's data/ decide about what only we have. */
	static const char *const ours[] = {"secret/resolve/", "secret/history/", "secret/diff/", "secret/settings/",
					   "secret/rollback/"};
	for (size_t i = 0; i < ARRAY_LEN(ours); i++) {
		size_t skip = strlen(ours[i]);

		if (strncmp(call->target, ours[i], skip) == 0) {
			snprintf(client->path, sizeof(client->path), "secret/data/%.*s", (int)(len - skip),
				 call->target + skip);
			return;
		}
	}
	snprintf(client->path, sizeof(client->path), "%.*s", (int)len, call->target);
}

enum error_code call_any(struct vault_client *client, const struct call *call, struct answer *ret, struct error *err)
{
	size_t body_len = call->body != NULL ? secret_buf_len(call->body) : 0;
	cleanup_(secret_buf_freep) struct secret_buf *request =
		secret_buf_new(body_len + LIMIT_TARGET_LEN + LIMIT_HEADER_LEN);

	if (request == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	append_request(request, client, call);
	remember(client, call);
	enum error_code rc = secret_buf_check(request, "the request", err);
	if (rc == ERR_OK)
		rc = connect_client(client, call, err);
	if (rc == ERR_OK)
		rc = exchange(client, call, request, ret, err);
	return rc;
}

enum error_code call_error(struct vault_client *client, const struct answer *answer, const char *what,
			   struct error *err)
{
	struct answer status = {0};

	/* "sealed" and "not initialised" are the same status in Vault's API; people need to know which. */
	if (answer->status == 503 && client->connection != NULL) {
		struct error ignored = ERROR_INIT;
		const struct call ask = {.method = "GET", .target = "sys/seal-status"};
		struct json_value initialized;
		bool value = true;

		if (call_any(client, &ask, &status, &ignored) == ERR_OK && status.has_json &&
		    json_find(&status.root, "initialized", &initialized) && json_as_bool(&initialized, &value) &&
		    !value) {
			answer_free(&status);
			return error_set(err, ERR_NOT_INITIALIZED,
					 "the vault is new and empty; set it up: envctl init");
		}
		answer_free(&status);
	}
	const struct answer_call about = {
		.what = what,
		.token = client_token_text(client),
		.secret = client->token,
		.path = client->other ? NULL : client->path,
		.capability = client->capability,
		.over_tcp = client->address.kind != ADDRESS_UNIX,
	};
	return answer_error(answer, &about, err);
}

enum error_code call_expecting(struct vault_client *client, const struct call *call, const char *what,
					 struct answer *ret, struct error *err)
{
	struct answer answer = {0};
	enum error_code rc = call_any(client, call, &answer, err);

	if (rc == ERR_OK && answer.status >= 300)
		rc = call_error(client, &answer, what, err);
	if (rc == ERR_OK && ret != NULL)
		*ret = answer;
	else
		answer_free(&answer);
	return rc;
}

enum error_code call_with_findings(struct vault_client *client, const struct call *call, const char *what,
				   struct answer *ret, struct error *err)
{
	struct json_value findings;
	enum error_code rc = call_any(client, call, ret, err);

	if (rc != ERR_OK || ret->status < 300)
		return rc;
	rc = call_error(client, ret, what, err);
	if (ret->status == 400 && ret->has_data && json_find(&ret->data, "findings", &findings)) {
		error_clear(err);
		return error_set(err, ERR_SCHEMA, "%s: refused for what is listed above; nothing was changed", what);
	}
	answer_free(ret);
	return rc;
}

enum error_code call_target(char target[static LIMIT_TARGET_LEN], struct error *err, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	int len = vsnprintf(target, LIMIT_TARGET_LEN, format, args);
	va_end(args);
	if (len < 0 || len >= LIMIT_TARGET_LEN)
		return error_set(err, ERR_TOO_LARGE, "the request's path is too long");
	return ERR_OK;
}

enum error_code call_require_data(struct answer *answer, struct error *err)
{
	if (answer->has_data)
		return ERR_OK;
	answer_free(answer);
	return error_set(err, ERR_PROTOCOL, "the answer has no data; is this address really vaultd's?");
}

enum error_code call_get(struct vault_client *client, const char *target, const char *what, struct answer *ret,
			   struct error *err)
{
	const struct call call = {.method = "GET", .target = target};
	struct answer answer = {0};
	enum error_code rc = call_expecting(client, &call, what, &answer, err);

	if (rc == ERR_OK)
		rc = call_require_data(&answer, err);
	if (rc == ERR_OK)
		*ret = answer;
	return rc;
}

void call_encode_query(const char *text, char *ret, size_t size)
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
