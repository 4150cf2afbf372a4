#include "http/gate.h"

#include <string.h>
#include <strings.h>

static const struct {
	const char *name;
	enum http_method method;
} methods[] = {
	{ "GET", METHOD_GET },	   { "POST", METHOD_POST },	{ "PUT", METHOD_PUT },	 { "LIST", METHOD_LIST },
	{ "DELETE", METHOD_DELETE }, { "PATCH", METHOD_PATCH }, { "HEAD", METHOD_HEAD },
};

const char *http_method_name(enum http_method method)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++)
		if (methods[i].method == method)
			return methods[i].name;
	return "?";
}

/* -- bytes --------------------------------------------------------------- */

static bool is_token_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
	       (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static bool is_value_byte(unsigned char c)
{
	return c == '\t' || (c >= ' ' && c != 0x7f);
}

/* A place in the head that never passes its end. */
struct walk {
	const char *at, *end;
};

/* Length of the run of good bytes at the walk's place, which must end in a NUL; -1 when it does not. */
static ptrdiff_t walk_text(struct walk *walk, bool (*is_good)(unsigned char), const char **ret)
{
	const char *begin = walk->at;

	while (walk->at < walk->end && is_good((unsigned char)*walk->at))
		walk->at++;
	if (walk->at == walk->end || *walk->at != '\0')
		return -1;
	*ret = begin;
	return walk->at++ - begin;
}

static bool walk_nul(struct walk *walk)
{
	return walk->at < walk->end && *walk->at++ == '\0';
}

/* -- the request line ------------------------------------------------------ */

static enum error_code check_method(const char *name, size_t len, enum http_method *ret, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(methods); i++) {
		if (len == strlen(methods[i].name) && memcmp(name, methods[i].name, len) == 0) {
			*ret = methods[i].method;
			return ERR_OK;
		}
	}
	for (size_t i = 0; i < len; i++)
		if (name[i] < 'A' || name[i] > 'Z')
			return error_set(err, ERR_INVALID, "malformed request: the method is not a word of capital letters");
	return error_set(err, ERR_METHOD, "unsupported operation");
}

static enum error_code check_request_line(struct walk *walk, const struct gate_input *input, struct gate_head *ret,
					  struct error *err)
{
	const char *method, *version;
	ptrdiff_t len = walk_text(walk, is_token_byte, &method);

	if (len <= 0)
		return error_set(err, ERR_INVALID, "malformed request: the request line has no method");
	if (input->target_len > LIMIT_TARGET_LEN)
		return error_set(err, ERR_TOO_LARGE, "the request target is longer than %d bytes", LIMIT_TARGET_LEN);
	/* The target itself is judged by canon_path_parse(); here only that it stands where it must. */
	if ((size_t)(walk->end - walk->at) <= input->target_len)
		return error_set(err, ERR_INVALID, "malformed request: the request line is not in its one form");
	walk->at += input->target_len;
	if (!walk_nul(walk) || walk_text(walk, is_value_byte, &version) < 0 || !walk_nul(walk))
		return error_set(err, ERR_INVALID, "malformed request: the request line is not in its one form");
	if (strcmp(version, "HTTP/1.1") != 0)
		return error_set(err, ERR_INVALID, "malformed request: only HTTP/1.1 is spoken here");
	return check_method(method, (size_t)len, &ret->method, err);
}

/* -- headers --------------------------------------------------------------- */

/* What is read of a head, and once at most. */
struct known {
	const char *host, *content_length, *transfer_encoding, *authorization, *token, *expect, *idempotency_key, *connection;
	const char *content_type, *if_none_match, *namespace_, *wrap_ttl;
};

#define KNOWN(name_, member_) { name_, sizeof(name_) - 1, offsetof(struct known, member_) }
static const struct {
	const char *name;
	size_t len, offset;
} known_headers[] = {
	KNOWN("Host", host),
	KNOWN("Content-Length", content_length),
	KNOWN("Transfer-Encoding", transfer_encoding),
	KNOWN("Authorization", authorization),
	KNOWN("X-Vault-Token", token),
	KNOWN("X-Vault-Namespace", namespace_),
	KNOWN("X-Vault-Wrap-TTL", wrap_ttl),
	KNOWN("Content-Type", content_type),
	KNOWN("If-None-Match", if_none_match),
	KNOWN("Expect", expect),
	KNOWN("Idempotency-Key", idempotency_key),
	KNOWN("Connection", connection),
};

static enum error_code note_known(struct known *known, const char *name, size_t len, const char *value, struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(known_headers); i++) {
		const char **place = (const char **)(void *)((char *)known + known_headers[i].offset);

		if (len != known_headers[i].len || strncasecmp(name, known_headers[i].name, len) != 0)
			continue;
		if (*place)
			return error_set(err, ERR_INVALID, "malformed request: the header %s is repeated", known_headers[i].name);
		*place = value;
		return ERR_OK;
	}
	/* Another protocol on this connection, or a header that an older proxy takes for the target. */
	if (len == 7 && strncasecmp(name, "Upgrade", len) == 0)
		return error_set(err, ERR_INVALID, "malformed request: there is nothing to upgrade to");
	return ERR_OK;
}

static enum error_code check_header(struct walk *walk, struct gate_head *ret, struct known *known, struct error *err)
{
	struct gate_header *header;
	ptrdiff_t len;

	if (ret->headers_len == LIMIT_HEADERS)
		return error_set(err, ERR_TOO_LARGE, "the request has more than %d headers", LIMIT_HEADERS);
	header = &ret->headers[ret->headers_len++];
	len = walk_text(walk, is_token_byte, &header->name);
	if (len <= 0)
		return error_set(err, ERR_INVALID, "malformed request: the name of a header is not a token");
	while (walk->at < walk->end && (*walk->at == ' ' || *walk->at == '\t'))
		walk->at++;
	if (walk_text(walk, is_value_byte, &header->value) < 0 || !walk_nul(walk))
		return error_set(err, ERR_INVALID, "malformed request: a header's value holds control characters or its line "
						   "does not end in CR LF");
	return note_known(known, header->name, (size_t)len, header->value, err);
}

/* -- what the headers say ---------------------------------------------------- */

static enum error_code check_length(const char *text, struct gate_head *ret, struct error *err)
{
	size_t len = strlen(text);

	if (len == 0 || len > 18 || strspn(text, "0123456789") != len)
		return error_set(err, ERR_INVALID, "malformed request: Content-Length is not a plain number");
	for (size_t i = 0; i < len; i++)
		ret->content_length = ret->content_length * 10 + (uint64_t)(text[i] - '0');
	return ERR_OK;
}

static enum error_code check_framing(const struct known *known, struct gate_head *ret, struct error *err)
{
	if (known->transfer_encoding && known->content_length)
		return error_set(err, ERR_INVALID, "malformed request: Content-Length and Transfer-Encoding exclude each other");
	if (known->transfer_encoding && strcasecmp(known->transfer_encoding, "chunked") != 0)
		return error_set(err, ERR_INVALID, "malformed request: the only Transfer-Encoding is chunked");
	if (known->expect && strcasecmp(known->expect, "100-continue") != 0)
		return error_set(err, ERR_INVALID, "malformed request: the only expectation is 100-continue");
	ret->chunked = known->transfer_encoding != NULL;
	ret->expects_continue = known->expect != NULL;
	if (known->content_length && check_length(known->content_length, ret, err) != ERR_OK)
		return err->code;
	/* RFC 9110 forbids it, and libmicrohttpd would carry out the request but not answer it when another stands behind it. */
	if (ret->expects_continue && !ret->chunked && ret->content_length == 0)
		return error_set(err, ERR_INVALID, "malformed request: 100-continue is expected for a body, and there is none");
	return ERR_OK;
}

static enum error_code check_token(const struct known *known, struct gate_head *ret, struct error *err)
{
	const char *bearer = NULL;

	/* Other schemes (a proxy's Basic, say) are not ours and give no identity. */
	if (known->authorization && strncasecmp(known->authorization, "Bearer ", 7) == 0)
		bearer = known->authorization + 7;
	if (bearer && known->token && strcmp(bearer, known->token) != 0)
		return error_set(err, ERR_INVALID, "malformed request: X-Vault-Token and Authorization hold different tokens");
	ret->token = known->token ? known->token : bearer;
	ret->token_len = ret->token ? strlen(ret->token) : 0;
	if (ret->token_len > LIMIT_TOKEN_LEN)
		return error_set(err, ERR_TOO_LARGE, "the token is longer than %d bytes", LIMIT_TOKEN_LEN);
	for (size_t i = 0; i < ret->token_len; i++)
		if (ret->token[i] < '!' || ret->token[i] > '~')
			return error_set(err, ERR_INVALID, "malformed request: a token is made of visible ASCII characters");
	return ERR_OK;
}

enum error_code gate_check(const struct gate_input *input, struct gate_head *ret, struct error *err)
{
	struct walk walk = { .at = input->head, .end = input->head + input->head_len };
	struct known known = {0};

	memset(ret, 0, offsetof(struct gate_head, headers));
	memset((char *)ret + offsetof(struct gate_head, headers_len), 0, sizeof(*ret) - offsetof(struct gate_head, headers_len));
	if (input->head_len > LIMIT_HEADER_LEN)
		return error_set(err, ERR_TOO_LARGE, "the request's headers are longer than %d bytes", LIMIT_HEADER_LEN);
	if (check_request_line(&walk, input, ret, err) != ERR_OK)
		return err->code;
	while (walk.at < walk.end && *walk.at != '\0')
		if (check_header(&walk, ret, &known, err) != ERR_OK)
			return err->code;
	if (walk.end - walk.at != 2 || walk.at[0] != '\0' || walk.at[1] != '\0')
		return error_set(err, ERR_INVALID, "malformed request: the head does not end in CR LF CR LF");
	if (!known.host)
		return error_set(err, ERR_INVALID, "malformed request: the header Host is missing");
	ret->content_type = known.content_type;
	ret->if_none_match = known.if_none_match;
	ret->namespace_ = known.namespace_;
	ret->wrap_ttl = known.wrap_ttl;
	if (check_framing(&known, ret, err) != ERR_OK)
		return err->code;
	return check_token(&known, ret, err);
}

/* -- method and path together ------------------------------------------------ */

static bool read_boolean(const char *text, bool *ret)
{
	static const char *const yes[] = { "1", "t", "T", "true", "TRUE", "True" };
	static const char *const no[] = { "0", "f", "F", "false", "FALSE", "False" };

	for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
		if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
			*ret = strcmp(text, yes[i]) == 0;
			return true;
		}
	}
	return false;
}

enum error_code gate_check_path(const struct canon_path *path, const struct gate_head *head, enum http_method *method,
				struct error *err)
{
	static const char preflight[] = "/v1/sys/internal/ui/mounts/";
	const char *list = canon_path_arg(path, "list");
	bool wanted = false;

	*method = head->method;
	if (list && list[0] != '\0' && !read_boolean(list, &wanted))
		return error_set(err, ERR_INVALID, "the argument list must be true or false");
	if (wanted && head->method == METHOD_GET)
		*method = METHOD_LIST;
	if (path->trailing_slash && *method != METHOD_LIST && strncmp(path->path, preflight, sizeof(preflight) - 1) != 0) {
		if (*method == METHOD_GET || *method == METHOD_HEAD)
			return error_set(err, ERR_INVALID, "malformed request: only a listing may end in a slash");
		return error_set(err, ERR_INVALID, "cannot write to a path ending in '/'");
	}
	if ((head->chunked || head->content_length > 0) &&
	    (head->method & (METHOD_GET | METHOD_HEAD | METHOD_DELETE | METHOD_LIST)) != 0)
		return error_set(err, ERR_INVALID, "malformed request: %s has no body", http_method_name(head->method));
	return ERR_OK;
}
