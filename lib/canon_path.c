#include "vault/canon_path.h"

#include <string.h>

/* What a byte may be in a target. */
enum byte_class {
	IN_PATH = 1 << 0,	/* stands for itself in a path */
	IN_NAME = 1 << 1,	/* in the name of a query argument */
	IN_VALUE = 1 << 2,	/* stands for itself in its value */
	BY_ESCAPE = 1 << 3,	/* may be written as %XX in a path */
};

#define PLAIN (IN_PATH | IN_NAME | IN_VALUE | BY_ESCAPE)

/* '&' separates arguments, '#' begins a fragment, which is never sent, '%' escapes; quotes, brackets and all above
 * ASCII come escaped from every client. A second '?' and '/' are plain in a query by RFC 3986. */
static unsigned classes_of(char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))
		return PLAIN;
	switch (c) {
	case '_':
	case '-':
		return PLAIN;
	case '.':
		return IN_PATH | IN_NAME | IN_VALUE;
	case '/':
		return IN_PATH | IN_VALUE;
	case '~':
	case '@':
	case ':':
	case '+':
	case '=':
	case ',':
		return IN_PATH | IN_VALUE | BY_ESCAPE;
	case '!':
	case '$':
	case '\'':
	case '(':
	case ')':
	case '*':
	case ';':
	case '?':
		return IN_VALUE;
	default:
		return 0;
	}
}

static bool byte_is(char c, unsigned class)
{
	return (classes_of(c) & class) != 0;
}

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

/* at stands on '%'. -1 when no two digits follow. */
static int escaped_byte(const char *at, const char *end)
{
	if (end - at < 3)
		return -1;
	int high = hex_value(at[1]);
	int low = hex_value(at[2]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* Results are made here and copied when all is well: the caller's struct stays as it was on failure, and may even be
 * where the target stands. */
struct draft {
	char path[LIMIT_TARGET_LEN + 1];
	size_t path_len;
	bool trailing_slash;
	char query[LIMIT_TARGET_LEN + 1];
	size_t query_len;
	struct {
		size_t name;	/* offsets into query */
		size_t value;
	} args[LIMIT_QUERY_ARGS];
	size_t args_len;
};

/* All of these return NULL, or which rule was broken. */

static const char *decode_path(const char *at, const char *end, struct draft *draft)
{
	while (at < end) {
		char c = *at;
		if (c == '%') {
			int byte = escaped_byte(at, end);
			if (byte < 0)
				return "a '%' in the path is not followed by two hexadecimal digits";
			c = (char)byte;
			if (!byte_is(c, BY_ESCAPE))
				return "an escape in the path stands for a character that is not allowed there";
			at += 2;
		} else if (!byte_is(c, IN_PATH)) {
			return "the path holds a character that is not allowed there";
		}
		draft->path[draft->path_len++] = c;
		at++;
	}
	return NULL;
}

static const char *check_segments(const char *path, size_t len)
{
	const char *end = path + len;
	for (const char *at = path + 1; at <= end;) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		size_t segment_len = (size_t)((slash ? slash : end) - at);
		if (segment_len == 0)
			return "the path has an empty segment";
		if ((segment_len == 1 && at[0] == '.') || (segment_len == 2 && at[0] == '.' && at[1] == '.'))
			return "the path has a segment \".\" or \"..\"";
		at += segment_len + 1;
	}
	return NULL;
}

static const char *parse_path(const char *at, const char *end, struct draft *draft)
{
	const char *fault = decode_path(at, end, draft);
	if (fault)
		return fault;
	if (draft->path_len == 1)
		return NULL; /* "/" is itself */
	if (draft->path[draft->path_len - 1] == '/') {
		draft->trailing_slash = true;
		draft->path_len--;
	}
	return check_segments(draft->path, draft->path_len);
}

static const char *decode_value(const char *at, const char *end, struct draft *draft)
{
	while (at < end) {
		char c = *at;
		if (c == '%') {
			int byte = escaped_byte(at, end);
			if (byte < 0)
				return "a '%' in the query is not followed by two hexadecimal digits";
			if (byte < 0x20 || byte == 0x7f)
				return "an escape in the query stands for a control character";
			c = (char)byte;
			at += 2;
		} else if (!byte_is(c, IN_VALUE)) {
			return "the query holds a character that must be escaped";
		}
		draft->query[draft->query_len++] = c;
		at++;
	}
	draft->query[draft->query_len++] = '\0';
	return NULL;
}

static const char *take_name(const char *at, size_t len, struct draft *draft)
{
	if (len == 0 || len > LIMIT_QUERY_NAME_LEN)
		return "the name of a query argument is empty or too long";
	for (size_t i = 0; i < len; i++)
		if (!byte_is(at[i], IN_NAME))
			return "the name of a query argument holds a character that is not allowed there";
	char *name = draft->query + draft->query_len;
	memcpy(name, at, len);
	name[len] = '\0';
	for (size_t i = 0; i < draft->args_len; i++)
		if (strcmp(draft->query + draft->args[i].name, name) == 0)
			return "a query argument stands there twice";
	draft->args[draft->args_len].name = draft->query_len;
	draft->query_len += len + 1;
	return NULL;
}

static const char *parse_arg(const char *at, const char *end, struct draft *draft)
{
	if (draft->args_len == LIMIT_QUERY_ARGS)
		return "there are too many query arguments";
	const char *equals = memchr(at, '=', (size_t)(end - at));
	const char *name_end = equals ? equals : end;
	const char *fault = take_name(at, (size_t)(name_end - at), draft);
	if (fault)
		return fault;
	/* Without '=' the value is the NUL of the name: so what is decoded is never longer than what was sent. */
	draft->args[draft->args_len].value = equals ? draft->query_len : draft->query_len - 1;
	draft->args_len++;
	return equals ? decode_value(equals + 1, end, draft) : NULL;
}

static const char *parse_query(const char *at, const char *end, struct draft *draft)
{
	for (;;) {
		const char *ampersand = memchr(at, '&', (size_t)(end - at));
		const char *fault = parse_arg(at, ampersand ? ampersand : end, draft);
		if (fault || !ampersand)
			return fault;
		at = ampersand + 1;
	}
}

static void publish(const struct draft *draft, struct canon_path *ret)
{
	memcpy(ret->path, draft->path, draft->path_len);
	ret->path[draft->path_len] = '\0';
	ret->path_len = (uint16_t)draft->path_len;
	ret->trailing_slash = draft->trailing_slash;
	memcpy(ret->query, draft->query, draft->query_len);
	for (size_t i = 0; i < draft->args_len; i++) {
		ret->args[i].name = ret->query + draft->args[i].name;
		ret->args[i].value = ret->query + draft->args[i].value;
	}
	ret->args_len = (uint8_t)draft->args_len;
}

enum error_code canon_path_parse(const char *target, size_t len, struct canon_path *ret, struct error *err)
{
	if (len > LIMIT_TARGET_LEN)
		return error_set(err, ERR_TOO_LARGE, "the request target is longer than %d bytes", LIMIT_TARGET_LEN);
	if (len == 0 || target[0] != '/')
		return error_set(err, ERR_INVALID, "the request target must begin with '/'");
	const char *end = target + len;
	const char *question = memchr(target, '?', len);
	struct draft draft;
	draft.path_len = 0;
	draft.trailing_slash = false;
	draft.query_len = 0;
	draft.args_len = 0;
	const char *fault = parse_path(target, question ? question : end, &draft);
	if (!fault && question)
		fault = parse_query(question + 1, end, &draft);
	if (fault)
		return error_set(err, ERR_INVALID, "the request target is refused: %s", fault);
	publish(&draft, ret);
	return ERR_OK;
}

const char *canon_path_arg(const struct canon_path *path, const char *name)
{
	for (size_t i = 0; i < path->args_len; i++)
		if (strcmp(path->args[i].name, name) == 0)
			return path->args[i].value;
	return NULL;
}

/* By the parser of requests itself, so that both can never differ: what it leaves as it is, is canonical. */
bool canon_path_is_plain(const char *text, size_t len)
{
	char target[LIMIT_TARGET_LEN];
	struct draft draft;
	size_t full;

	if (len == 0 || len >= sizeof(target))
		return false;
	target[0] = '/';
	memcpy(target + 1, text, len);
	draft.path_len = 0;
	draft.trailing_slash = false;
	if (parse_path(target, target + len + 1, &draft) != NULL)
		return false;
	full = draft.path_len + (draft.trailing_slash ? 1 : 0);
	return full == len + 1 && draft.path_len > 1 && memcmp(draft.path, target, draft.path_len) == 0;
}
