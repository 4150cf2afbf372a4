/*
 * URLs by the rules of the WHATWG standard, as "new URL()" has them, but for white space and control characters, which that
 * would take away: a program that gets the value as it stands may not.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "schema/type_row.h"
#include "utf8.h"

#define HOST_MAX 255	/* no name of a host is longer */

struct url {
	struct span scheme, host, port;
	bool special;
};

static const struct {
	const char *name;
	const char *port;
} special_schemes[] = { { "http", "80" }, { "https", "443" }, { "ws", "80" }, { "wss", "443" }, { "ftp", "21" }, { "file", "" } };

static const char *default_port(struct span scheme)
{
	for (size_t i = 0; i < ARRAY_LEN(special_schemes); i++)
		if (text_equals_lower(scheme.at, scheme.len, special_schemes[i].name))
			return special_schemes[i].port;
	return NULL;
}

/* Length of "scheme:", or 0. */
static size_t scheme_length(const char *text, size_t len)
{
	if (len == 0 || !is_letter(text[0]))
		return 0;
	for (size_t i = 1; i < len; i++) {
		if (text[i] == ':')
			return i + 1;
		if (!is_letter(text[i]) && !is_digit(text[i]) && !memchr("+.-", text[i], 3))
			return 0;
	}
	return 0;
}

/* A part of an IPv4 address may be decimal, octal or hexadecimal. False when it is no number. */
static bool address_part(const char *text, size_t len, uint64_t *ret)
{
	unsigned base = 10;

	*ret = 0;
	if (len >= 2 && text[0] == '0' && to_lower(text[1]) == 'x') {
		base = 16;
		text += 2;
		len -= 2;
	} else if (len >= 2 && text[0] == '0') {
		base = 8;
	}
	for (size_t i = 0; i < len; i++) {
		unsigned digit = is_digit(text[i]) ? (unsigned)(text[i] - '0') :
				 is_hex_digit(text[i]) ? (unsigned)(to_lower(text[i]) - 'a' + 10) : 99;

		if (digit >= base)
			return false;
		*ret = *ret < (1ull << 40) ? *ret * base + digit : *ret;
	}
	return true;
}

/* The last part decides: when it is a number, the host must be an address. */
static bool looks_like_address(const char *host, size_t len)
{
	const char *dot = memrchr(host, '.', len);
	const char *last = dot ? dot + 1 : host;
	size_t last_len = (size_t)(host + len - last);
	bool digits = last_len > 0;
	uint64_t number;

	for (size_t i = 0; i < last_len; i++)
		digits = digits && is_digit(last[i]);
	return digits || (last_len >= 2 && last[0] == '0' && to_lower(last[1]) == 'x' && address_part(last, last_len, &number));
}

static bool is_loose_ipv4(const char *host, size_t len)
{
	uint64_t number = 0, parts = 0;
	size_t start = 0;

	for (size_t i = 0; i <= len; i++) {
		if (i < len && host[i] != '.')
			continue;
		/* All but the last must fit a byte; the last fills what is left. */
		if (parts == 4 || (parts > 0 && number > 255) || i == start || !address_part(host + start, i - start, &number))
			return false;
		parts++;
		start = i + 1;
	}
	return number < 1ull << (8 * (5 - parts));
}

static bool is_bracketed(struct span host)
{
	return host.len > 2 && host.at[0] == '[' && host.at[host.len - 1] == ']' &&
	       !memchr(host.at, '%', host.len) && is_ipv6(host.at + 1, host.len - 2);
}

static int hex_value(char c)
{
	return is_digit(c) ? c - '0' : to_lower(c) - 'a' + 10;
}

/* Percent escapes taken off, letters in lower case. Returns the length, 0 when it does not fit. */
static size_t decode_host(struct span host, char ret[static HOST_MAX])
{
	size_t len = 0;

	for (size_t i = 0; i < host.len; i++) {
		if (len == HOST_MAX)
			return 0;
		if (host.at[i] == '%' && i + 2 < host.len && is_hex_digit(host.at[i + 1]) && is_hex_digit(host.at[i + 2])) {
			ret[len++] = to_lower((char)(hex_value(host.at[i + 1]) << 4 | hex_value(host.at[i + 2])));
			i += 2;
		} else {
			ret[len++] = to_lower(host.at[i]);
		}
	}
	return len;
}

static bool is_domain(struct span host)
{
	char text[HOST_MAX];
	size_t len = decode_host(host, text), bytes;

	if (len == 0)
		return false;
	for (size_t i = 0; i < len; i += bytes) {
		bytes = utf8_char_len((const unsigned char *)text + i, len - i);
		if (bytes == 0 || (bytes == 1 && ((unsigned char)text[i] <= ' ' || text[i] == 0x7f || strchr("#/:<>?@[\\]^|%", text[i]))))
			return false;
	}
	if (len > 1 && text[len - 1] == '.')
		len--;
	return !looks_like_address(text, len) || is_loose_ipv4(text, len);
}

/* A host of a scheme that the standard does not know: anything but what ends one. */
static bool is_opaque_host(struct span host)
{
	if (host.len > 0 && host.at[0] == '[')
		return is_bracketed(host);
	for (size_t i = 0; i < host.len; i++)
		if (host.at[i] == '\0' || strchr(" #/:<>?@[\\]^|", host.at[i]))
			return false;
	return true;
}

/* The host ends at the first colon outside of brackets. */
static bool split_port(struct span authority, struct url *url)
{
	bool inside = false;
	size_t i = 0;

	for (; i < authority.len && (inside || authority.at[i] != ':'); i++)
		inside = authority.at[i] == '[' || (inside && authority.at[i] != ']');
	url->host = (struct span){ authority.at, i };
	if (i == authority.len)
		return true;
	url->port = (struct span){ authority.at + i + 1, authority.len - i - 1 };
	if (i == 0)
		return false;
	for (size_t j = 0; j < url->port.len; j++)
		if (!is_digit(url->port.at[j]))
			return false;
	while (url->port.len > 1 && url->port.at[0] == '0')
		url->port = (struct span){ url->port.at + 1, url->port.len - 1 };
	return url->port.len == 0 || is_port(url->port.at, url->port.len);
}

static bool read_authority(struct span authority, struct url *url)
{
	const char *at = memrchr(authority.at, '@', authority.len);

	if (at)
		authority = (struct span){ at + 1, (size_t)(authority.at + authority.len - at) - 1 };
	if (!split_port(authority, url))
		return false;
	if (!url->special)
		return (url->host.len > 0 || !at) && is_opaque_host(url->host);
	if (url->host.len == 0)
		return false;
	return url->host.at[0] == '[' ? is_bracketed(url->host) : is_domain(url->host);
}

static struct span up_to(struct span text, const char *ends)
{
	size_t i = 0;

	while (i < text.len && !strchr(ends, text.at[i]))
		i++;
	return (struct span){ text.at, i };
}

static bool read_file(struct span rest, struct url *url)
{
	struct span host;

	if (rest.len < 2 || !memchr("/\\", rest.at[0], 2) || !memchr("/\\", rest.at[1], 2))
		return true;
	host = up_to((struct span){ rest.at + 2, rest.len - 2 }, "/\\?#");
	/* file://C:/ has a drive and no host. */
	if (host.len == 0 || (host.len == 2 && is_letter(host.at[0]) && memchr(":|", host.at[1], 2)))
		return true;
	url->host = host;
	return host.at[0] == '[' ? is_bracketed(host) : is_domain(host);
}

static bool url_read(const char *text, size_t len, struct url *url)
{
	size_t scheme = scheme_length(text, len);
	struct span rest = { text + scheme, len - scheme };

	if (scheme == 0)
		return false;
	*url = (struct url){ .scheme = { text, scheme - 1 } };
	url->special = default_port(url->scheme) != NULL;
	if (text_equals_lower(text, scheme - 1, "file"))
		return read_file(rest, url);
	if (url->special) {
		while (rest.len > 0 && memchr("/\\", rest.at[0], 2))
			rest = (struct span){ rest.at + 1, rest.len - 1 };
		return read_authority(up_to(rest, "/\\?#"), url);
	}
	if (rest.len >= 2 && memcmp(rest.at, "//", 2) == 0)
		return read_authority(up_to((struct span){ rest.at + 2, rest.len - 2 }, "/?#"), url);
	return true;
}

/* -- what the schema allows ------------------------------------------------------------------ */

static bool protocol_is_allowed(const struct schema_type *type, struct span scheme)
{
	for (size_t i = 0; i < type->protocols_len; i++) {
		size_t len = type->protocols[i].len;
		bool same;

		len -= len > 0 && type->protocols[i].at[len - 1] == ':';
		same = len == scheme.len;
		for (size_t j = 0; j < len && same; j++)
			same = to_lower(type->protocols[i].at[j]) == to_lower(scheme.at[j]);
		if (same)
			return true;
	}
	return type->protocols_len == 0;
}

static bool hosts_equal(struct span a, struct span b)
{
	char first[HOST_MAX], second[HOST_MAX];
	size_t len = decode_host(a, first);

	return len > 0 && len == decode_host(b, second) && memcmp(first, second, len) == 0;
}

static struct span effective_port(const struct url *url, struct span port)
{
	const char *usual = default_port(url->scheme);

	return port.len == 0 && usual ? (struct span){ usual, strlen(usual) } : port;
}

/* An entry that names a port asks for it; one without allows any. */
static bool domain_is_allowed(const struct schema_type *type, const struct url *url)
{
	for (size_t i = 0; i < type->domains_len; i++) {
		struct span text = text_trimmed(type->domains[i].at, type->domains[i].len);
		struct url entry = { .scheme = url->scheme, .special = url->special };
		struct span wanted, given = effective_port(url, url->port);

		if (!split_port(text, &entry) || !hosts_equal(entry.host, url->host))
			continue;
		wanted = effective_port(url, entry.port);
		if (entry.port.len == 0 || (wanted.len == given.len && memcmp(wanted.at, given.at, given.len) == 0))
			return true;
	}
	return type->domains_len == 0;
}

static bool judge_url_text(const struct schema_type *type, const char *text, size_t len, struct verdict *verdict)
{
	struct url url;
	struct span before_query = up_to((struct span){ text, len }, "?#");

	if (!url_read(text, len, &url))
		return refuse(verdict, scheme_length(text, len) == 0 ? "is no URL: it has no scheme, such as https://" : "is no URL");
	if (!protocol_is_allowed(type, url.scheme))
		return refuse(verdict, "is a URL with another protocol than the schema allows");
	if (!domain_is_allowed(type, &url))
		return refuse(verdict, "is a URL of another domain than the schema allows");
	if (type->no_trailing_slash && before_query.len > 0 && before_query.at[before_query.len - 1] == '/')
		return refuse(verdict, "is a URL that ends with a slash, which the schema does not allow");
	if (!type->matches)
		return true;
	switch (schema_regex_test(type->matches, text, len, verdict->budget)) {
	case REGEX_MATCHES:
		return true;
	case REGEX_OVER_BUDGET:
		return refuse(verdict, schema_type_over_budget);
	case REGEX_DIFFERS:
	case REGEX_NOT_TEXT:
		break;
	}
	return refuse(verdict, "does not match the pattern of the schema");
}

bool judge_url(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	static const char prefix[] = "https://";
	char *text;
	bool good;

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)value[i] < ' ')
			return refuse(verdict, "is no URL: it holds a control character or a line's end");
	if (len > 0 && (value[0] == ' ' || value[len - 1] == ' '))
		return refuse(verdict, "is no URL: it begins or ends with white space");
	if (!type->prepend_https || scheme_length(value, len) > 0)
		return judge_url_text(type, value, len, verdict);
	text = malloc(sizeof(prefix) - 1 + len);
	if (!text)
		return refuse(verdict, "cannot be judged: out of memory");
	memcpy(text, prefix, sizeof(prefix) - 1);
	memcpy(text + sizeof(prefix) - 1, value, len);
	good = judge_url_text(type, text, sizeof(prefix) - 1 + len, verdict);
	sodium_memzero(text, sizeof(prefix) - 1 + len);
	free(text);
	return good;
}
