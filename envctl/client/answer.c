#include "client/answer.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "vault/names.h"

#define HIDDEN_MIN 8

void answer_free(struct answer *answer)
{
	secret_buf_free(answer->body);
	*answer = (struct answer){0};
}

/* Appends at used, at most to size with its NUL, or nothing. */
static bool append_whole(char *ret, size_t size, size_t *used, const char *piece, size_t len)
{
	if (len >= size - *used)
		return false;
	memcpy(ret + *used, piece, len);
	*used += len;
	ret[*used] = '\0';
	return true;
}

/* Texts go to a terminal: nothing in them may act on it. Cut between characters. hidden (or NULL) is replaced. */
static void copy_printable(const struct secret_buf *text, const struct secret_buf *hidden, char *ret, size_t size)
{
	static const char instead[] = "[token]";
	const char *at = secret_buf_text(text);
	size_t left = secret_buf_len(text), used = 0;
	/* Vault's development server has the token "root", a word of its sentences. */
	size_t hidden_len = hidden != NULL && secret_buf_len(hidden) >= HIDDEN_MIN ? secret_buf_len(hidden) : 0;
	bool fits = true;

	ret[0] = '\0';
	while (fits && left > 0) {
		bool acts;
		size_t char_len = utf8_shown_len(at, left, &acts);
		size_t taken = char_len > 0 ? char_len : 1;

		if (hidden_len > 0 && left >= hidden_len && memcmp(at, secret_buf_bytes(hidden), hidden_len) == 0) {
			taken = hidden_len;
			fits = append_whole(ret, size, &used, instead, sizeof(instead) - 1);
		} else if (char_len == 0 || acts) {
			fits = append_whole(ret, size, &used, " ", 1);
		} else {
			fits = append_whole(ret, size, &used, at, char_len);
		}
		at += taken;
		left -= taken;
	}
}

static void value_text(const struct json_value *value, const struct secret_buf *hidden, char *ret, size_t size)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(value->raw.len + 1);

	ret[0] = '\0';
	if (text == NULL || value->kind != JSON_SCAN_STRING)
		return;
	json_append_unescaped(text, json_string_span(value));
	copy_printable(text, hidden, ret, size);
}

void json_value_text(const struct json_value *value, char *ret, size_t size)
{
	value_text(value, NULL, ret, size);
}

void answer_text(const struct json_value *object, const char *name, char *ret, size_t size)
{
	struct json_value value;

	ret[0] = '\0';
	if (json_find(object, name, &value))
		json_value_text(&value, ret, size);
}

int64_t answer_int(const struct json_value *object, const char *name, int64_t otherwise)
{
	struct json_value value;
	int64_t number;

	return json_find(object, name, &value) && json_as_int(&value, &number) ? number : otherwise;
}

bool answer_bool(const struct json_value *object, const char *name)
{
	struct json_value value;
	bool flag = false;

	return json_find(object, name, &value) && json_as_bool(&value, &flag) && flag;
}

/* The texts of "errors" with "; " between, "" when there are none; those that do not fit are counted. size is at least 64. */
static void join_errors(const struct answer *answer, const struct secret_buf *hidden, char *ret, size_t size)
{
	struct json_value list, element;
	size_t cursor = 0, used = 0, left;
	char text[ERROR_TEXT_MAX];

	ret[0] = '\0';
	if (!answer->has_json || !json_find(&answer->root, "errors", &list) || list.kind != JSON_SCAN_ARRAY)
		return;
	for (left = json_count(&list); json_next_element(&list, &cursor, &element); left--) {
		value_text(&element, hidden, text, size < sizeof(text) ? size : sizeof(text));
		/* Whole sentences, but for the first one, and room for the number of those that are left out. */
		if (used > 0 && used + strlen(text) + 32 > size) {
			snprintf(ret + used, size - used, "; and %zu more", left);
			return;
		}
		snprintf(ret + used, size - used, "%s%s", used > 0 ? "; " : "", text);
		used = strlen(ret);
	}
}

/* The daemon names what was denied where the caller knows of it (a parent, say), and has one text for those whom it knows
 * and another one for those whom it does not. */
static enum error_code denied(const struct answer_call *call, const char *text, struct error *err)
{
	static const char explained[] = "permission denied: ";
	const char *what = call->what, *token = call->token;

	if (strncmp(text, explained, sizeof(explained) - 1) == 0)
		return error_set(err, ERR_DENIED, "permission denied for %s: %s", what, text + sizeof(explained) - 1);
	if (token != NULL && call->path != NULL && strstr(text, "* permission denied") != NULL)
		return error_set(err, ERR_DENIED,
				 "permission denied for %s: the policies of %s do not allow this; "
				 "why: envctl policy explain %s %s",
				 what, token, call->path, call->capability);
	if (token != NULL)
		return error_set(err, ERR_DENIED, "permission denied for %s: %s is not accepted or does not allow this",
				 what, token);
	if (call->over_tcp)
		return error_set(err, ERR_DENIED,
				 "permission denied for %s: no token was sent, and over TCP a vault knows nobody without one; set "
				 "VAULT_TOKEN, name a file with --token-file, or keep one: envctl login",
				 what);
	return error_set(
		err, ERR_DENIED,
		"permission denied for %s: this vault does not know user %u; set VAULT_TOKEN or name a file with "
		"--token-file",
		what, (unsigned)geteuid());
}

static enum error_code bad_request(const char *what, const char *text, struct error *err)
{
	if (strncmp(text, "check-and-set parameter did not match", 37) == 0)
		return error_set(err, ERR_CAS, "%s changed meanwhile; nothing was written", what);
	if (strstr(text, "already initialized") != NULL)
		return error_set(err, ERR_ALREADY_INITIALIZED,
				 "the vault is initialised already; if it is sealed, open it: envctl unseal");
	return error_set(err, ERR_INVALID, "%s: %s", what, text[0] != '\0' ? text : "the daemon refused the request");
}

/* A 404 that carries an envelope is about a revision that was deleted, one that does not about nothing being there. */
static enum error_code absent(const struct answer *answer, const char *what, const char *text, struct error *err)
{
	if (answer->has_data || strstr(text, "deleted") != NULL || strstr(text, "destroyed") != NULL)
		return error_set(err, ERR_DELETED,
				 "that revision of %s is deleted; `envctl history %s` shows which ones are not, "
				 "`envctl rollback` brings one back",
				 what, what);
	if (text[0] != '\0')
		return error_set(err, ERR_NOT_FOUND, "%s: %s", what, text);
	return error_set(err, ERR_NOT_FOUND, "there is no %s", what);
}

/* A daemon that is in trouble says by which name of the table; one that does not (Vault, a proxy) just has failed. */
static enum error_code broken(const struct answer *answer, const char *what, const char *text, struct error *err)
{
	char name[32] = "";
	enum error_code code;

	if (answer->has_json)
		answer_text(&answer->root, "code", name, sizeof(name));
	code = error_named(name);
	/* Of the machine or of what is stored: what else the table has is of requests, and of envctl itself. */
	if (code < ERR_NO_MEMORY || code == ERR_UNREACHABLE || code == ERR_PROTOCOL || error_http_status(code) != answer->status)
		code = ERR_INTERNAL;
	if (code == ERR_ROLLBACK || code == ERR_FORK || code == ERR_ANCHOR_MISSING)
		return error_set(err, code,
				 "%.100s: %.240s; if this is the data that you want, stop the daemon and see what it is: "
				 "vaultd recover accept --help",
				 what, text[0] != '\0' ? text : name);
	if (code != ERR_INTERNAL)
		return error_set(err, code, "%s: the daemon failed: %s", what, text[0] != '\0' ? text : name);
	return error_set(err, ERR_INTERNAL, "%s: the daemon answered %d: %s", what, answer->status,
			 text[0] != '\0' ? text : "no reason given");
}

enum error_code answer_error(const struct answer *answer, const struct answer_call *call, struct error *err)
{
	const char *what = call->what;
	char text[ERROR_TEXT_MAX - 64];

	join_errors(answer, call->secret, text, sizeof(text));
	switch (answer->status) {
	case 400:
		return bad_request(what, text, err);
	case 403:
		return denied(call, text, err);
	case 404:
		return absent(answer, what, text, err);
	case 413:
		return error_set(err, ERR_TOO_LARGE, "%s: %s", what,
				 text[0] != '\0' ? text : "too large for the daemon");
	case 422:
		return error_set(err, ERR_INVALID, "%s: %s", what, text[0] != '\0' ? text : "it does not resolve");
	case 429:
		return error_set(err, ERR_SLOWED_DOWN, "%s",
				 text[0] != '\0' ? text : "too many requests; wait and try again");
	case 503:
		if (text[0] != '\0' && strstr(text, "sealed") == NULL)
			return error_set(err, ERR_BUSY, "%s: %s", what, text);
		return error_set(err, ERR_SEALED, "the vault is sealed; open it: envctl unseal");
	case 507:
		return error_set(err, ERR_STORAGE_FULL, "the daemon's disk is full: nothing was written (%s)",
				 text[0] != '\0' ? text : "no detail");
	default:
		return broken(answer, what, text, err);
	}
}
