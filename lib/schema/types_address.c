/*
 * Types that name a place in a network: addresses, hosts, ports, and connection texts of databases.
 */
#include <arpa/inet.h>
#include <string.h>

#include "schema/type_row.h"

#define HOST_NAME_MAX_LEN 253
#define LABEL_MAX_LEN 63

static bool pton(int family, const char *text, size_t len)
{
	unsigned char address[16];
	char copy[INET6_ADDRSTRLEN + 1];

	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	return inet_pton(family, copy, address) == 1;
}

bool is_ipv4(const char *text, size_t len)
{
	return pton(AF_INET, text, len);
}

bool is_ipv6(const char *text, size_t len)
{
	const char *zone = memchr(text, '%', len);
	size_t address = zone ? (size_t)(zone - text) : len;

	if (zone && address + 1 == len)
		return false;
	for (size_t i = address + 1; i < len; i++)
		if (!is_letter(text[i]) && !is_digit(text[i]))
			return false;
	return pton(AF_INET6, text, address);
}

/* Letters, digits and hyphens, none of them at the ends; underscores for services' names in container networks. */
static bool is_label(const char *text, size_t len, bool underscores)
{
	if (len == 0 || len > LABEL_MAX_LEN || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_letter(text[i]) && !is_digit(text[i]) && text[i] != '-' && !(underscores && text[i] == '_'))
			return false;
	return true;
}

static size_t count_labels(const char *text, size_t len, bool underscores)
{
	size_t start = 0, labels = 0;

	if (len == 0 || len > HOST_NAME_MAX_LEN)
		return 0;
	for (size_t i = 0; i <= len; i++) {
		if (i < len && text[i] != '.')
			continue;
		if (!is_label(text + start, i - start, underscores))
			return 0;
		labels++;
		start = i + 1;
	}
	return labels;
}

static bool ends_in_number(const char *text, size_t len)
{
	const char *dot = memrchr(text, '.', len);

	for (const char *at = dot ? dot + 1 : text; at < text + len; at++)
		if (!is_digit(*at))
			return false;
	return len > 0;
}

bool is_host_name(const char *text, size_t len)
{
	/* A name may end with a dot; one that ends with a number is a damaged address. */
	size_t without_dot = len > 1 && text[len - 1] == '.' ? len - 1 : len;

	return count_labels(text, without_dot, true) > 0 && !ends_in_number(text, without_dot);
}

bool judge_ip(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	bool four = !type->version.set || strcmp(type->version.text, "4") == 0;
	bool six = !type->version.set || strcmp(type->version.text, "6") == 0;

	if ((four && is_ipv4(value, len)) || (six && is_ipv6(value, len)))
		return true;
	return refuse(verdict, four && six ? "is no IP address" : four ? "is no IPv4 address" : "is no IPv6 address");
}

static bool judge_domain_form(const struct schema_type *type, struct span name, struct verdict *verdict)
{
	size_t labels, skip = 0;

	if (memmem(name.at, name.len, "://", 3))
		return refuse(verdict, "is no domain: it has a protocol; url is the type for that");
	if (memchr(name.at, '/', name.len))
		return refuse(verdict, "is no domain: it has a path; url is the type for that");
	if (memchr(name.at, ':', name.len))
		return refuse(verdict, "is no domain: it has a port");
	if (memchr(name.at, '@', name.len))
		return refuse(verdict, "is no domain: it has an @");
	if (type->allow_ip && is_ipv4(name.at, name.len))
		return true;
	if (name.len > 2 && memcmp(name.at, "*.", 2) == 0) {
		if (!type->allow_wildcard)
			return refuse(verdict, "is a wildcard, which the schema does not allow");
		skip = 2;
	}
	labels = name.len <= HOST_NAME_MAX_LEN ? count_labels(name.at + skip, name.len - skip, false) : 0;
	if (labels == 0)
		return refuse(verdict, "is no domain");
	if (ends_in_number(name.at, name.len))
		return refuse(verdict, "is no domain: it ends with a number, as an IP address does");
	if (labels < 2 && !type->allow_single)
		return refuse(verdict, "is no domain: it has a single part, which the schema does not allow");
	return true;
}

bool judge_domain(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	struct span name = text_trimmed(value, len);
	bool bracketed = name.len > 2 && name.at[0] == '[' && name.at[name.len - 1] == ']';
	bool six = type->allow_ip6 && is_ipv6(name.at + bracketed, name.len - 2 * (size_t)bracketed);

	if (!six && !judge_domain_form(type, name, verdict))
		return false;
	if (!type->matches)
		return true;
	switch (schema_regex_test(type->matches, name.at, name.len, verdict->budget)) {
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

static bool is_host(const char *text, size_t len)
{
	return is_host_name(text, len) || is_ipv4(text, len) || is_ipv6(text, len);
}

bool judge_host(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	(void)type;
	if (is_host(value, len))
		return true;
	if (memmem(value, len, "://", 3))
		return refuse(verdict, "is no host: it has a protocol; url is the type for that");
	return refuse(verdict, memchr(value, ':', len) ? "is no host: it has a port; hostport is the type for that" :
							 "is no host: a name or an IP address");
}

/* host:port, [address]:port. */
static bool is_hostport(const char *text, size_t len)
{
	const char *colon = memrchr(text, ':', len);
	size_t host = colon ? (size_t)(colon - text) : 0;

	if (!colon || !is_port(colon + 1, len - host - 1))
		return false;
	if (host > 2 && text[0] == '[' && text[host - 1] == ']')
		return is_ipv6(text + 1, host - 2);
	return is_host_name(text, host) || is_ipv4(text, host);
}

bool judge_hostport(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	(void)type;
	if (is_hostport(value, len))
		return true;
	if (is_host_name(value, len) || is_ipv4(value, len))
		return refuse(verdict, "has no port: host:port");
	return refuse(verdict, "is no host and port: host:port or [IPv6]:port");
}

/* -- dsn ------------------------------------------------------------------------------------ */

/* Percent escapes stand for sockets' paths: %2Frun%2Fpostgresql. */
static bool is_dsn_host(const char *text, size_t len)
{
	const char *colon;
	size_t host = len;

	if (len > 0 && text[0] == '[') {
		const char *end = memchr(text, ']', len);

		return end && is_ipv6(text + 1, (size_t)(end - text) - 1) &&
		       (end + 1 == text + len || (end[1] == ':' && is_port(end + 2, (size_t)(text + len - end) - 2)));
	}
	colon = memrchr(text, ':', len);
	if (colon) {
		host = (size_t)(colon - text);
		if (!is_port(colon + 1, len - host - 1))
			return false;
	}
	if (memchr(text, '%', host)) {
		for (size_t i = 0; i < host; i++)
			if (!is_letter(text[i]) && !is_digit(text[i]) && !memchr("%._-", text[i], 4))
				return false;
		return true;
	}
	return is_host_name(text, host) || is_ipv4(text, host);
}

/* Hosts with commas between, or none at all when a path follows: sqlite:///data/app.db. */
static bool are_dsn_hosts(struct span hosts, bool has_path)
{
	size_t start = 0;

	if (hosts.len == 0)
		return has_path;
	for (size_t i = 0; i <= hosts.len; i++) {
		if (i < hosts.len && hosts.at[i] != ',')
			continue;
		if (!is_dsn_host(hosts.at + start, i - start))
			return false;
		start = i + 1;
	}
	return true;
}

static bool scheme_is_allowed(const struct schema_type *type, struct span scheme)
{
	for (size_t i = 0; i < type->members_len; i++)
		if (scheme.len == type->members[i].len && memcmp(scheme.at, type->members[i].at, scheme.len) == 0)
			return true;
	return type->members_len == 0 || type->unresolved;
}

static bool is_scheme(struct span text)
{
	if (text.len == 0 || !is_letter(text.at[0]))
		return false;
	for (size_t i = 0; i < text.len; i++)
		if (!is_letter(text.at[i]) && !is_digit(text.at[i]) && !memchr("+.-", text.at[i], 3))
			return false;
	return true;
}

static bool judge_dsn_url(const struct schema_type *type, struct span scheme, struct span rest, struct verdict *verdict)
{
	size_t authority = 0;
	const char *at;
	struct span hosts;

	if (scheme.len > 5 && memcmp(scheme.at, "jdbc:", 5) == 0)
		scheme = (struct span){ scheme.at + 5, scheme.len - 5 };
	if (!is_scheme(scheme))
		return refuse(verdict, "is no DSN: what stands before :// is no scheme");
	if (!scheme_is_allowed(type, scheme))
		return refuse(verdict, "is a DSN with another scheme than the schema allows");
	while (authority < rest.len && !memchr("/?#", rest.at[authority], 3))
		authority++;
	at = memrchr(rest.at, '@', authority);
	hosts = at ? (struct span){ at + 1, (size_t)(rest.at + authority - at) - 1 } : (struct span){ rest.at, authority };
	if (!are_dsn_hosts(hosts, rest.len > authority + 1))
		return refuse(verdict, "is no DSN: its host or port is not valid; '/', '?', '#' and '@' in a password must be "
				       "percent-encoded");
	return true;
}

/* host=db port=5432 dbname='my app': names, = and values, as libpq reads them. */
static bool are_pairs(const char *text, size_t len)
{
	size_t at = 0, pairs = 0;

	while (at < len) {
		size_t name = at;

		while (at < len && (is_letter(text[at]) || text[at] == '_'))
			at++;
		if (at == name || at == len || text[at++] != '=')
			return false;
		if (at < len && text[at] == '\'') {
			for (at++; at < len && text[at] != '\''; at++)
				at += text[at] == '\\';
			if (at++ >= len)
				return false;
		} else {
			while (at < len && text[at] != ' ')
				at++;
		}
		while (at < len && text[at] == ' ')
			at++;
		pairs++;
	}
	return pairs > 0;
}

/* user:password@tcp(host:3306)/database, as Go's driver of MySQL reads it. */
static bool is_go_dsn(const char *text, size_t len)
{
	const char *slash = memrchr(text, '/', len), *close, *open, *at;

	if (!slash || slash == text || slash[-1] != ')')
		return false;
	close = slash - 1;
	open = memrchr(text, '(', (size_t)(close - text));
	if (!open)
		return false;
	for (at = open; at > text && is_letter(at[-1]); at--)
		;
	return at < open && (at == text || at[-1] == '@') && close > open + 1;
}

bool judge_dsn(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	const char *mark = memmem(value, len, "://", 3);

	if (memchr(value, '\n', len) || memchr(value, '\0', len))
		return refuse(verdict, "is no DSN: it holds a line's end or a NUL");
	if (mark && !is_go_dsn(value, len))
		return judge_dsn_url(type, (struct span){ value, (size_t)(mark - value) },
				     (struct span){ mark + 3, len - (size_t)(mark - value) - 3 }, verdict);
	if (type->members_len == 0 && (is_go_dsn(value, len) || are_pairs(value, len)))
		return true;
	return refuse(verdict, "is no DSN: scheme://user:password@host/database");
}
