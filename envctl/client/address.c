#include "client/address.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define DAEMON_USER "vaultd"

static enum error_code invalid(const char *origin, const char *why, struct error *err)
{
	return error_set(err, ERR_INVALID,
			 "the address of %s %s; use unix:///path, http://host:port or https://host:port", origin, why);
}

static enum error_code parse_unix(const char *path, const char *origin, struct address *ret, struct error *err)
{
	struct address found = {.kind = ADDRESS_UNIX, .origin = origin};

	if (path[0] != '/')
		return invalid(origin, "has no absolute path", err);
	if (strlen(path) >= sizeof(found.path))
		return invalid(origin, "has a path over 107 bytes", err);
	snprintf(found.path, sizeof(found.path), "%s", path);
	snprintf(found.text, sizeof(found.text), "unix://%s", path);
	*ret = found;
	return ERR_OK;
}

static bool port_is_valid(const char *port, size_t len)
{
	unsigned value = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (port[i] < '0' || port[i] > '9')
			return false;
		value = value * 10 + (unsigned)(port[i] - '0');
	}
	return value > 0 && value <= 65535;
}

static bool host_is_valid(const char *host, size_t len, bool bracketed)
{
	if (len == 0 || len > 255)
		return false;
	for (size_t i = 0; i < len; i++) {
		char c = host[i];
		bool word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

		if (!word && c != '.' && c != '-' && c != '_' && !(bracketed && (c == ':' || c == '%')))
			return false;
	}
	return true;
}

/* authority is "host", "host:port", "[v6]" or "[v6]:port", with at most one '/' behind. */
static enum error_code parse_authority(const char *authority, enum address_kind kind, const char *origin,
				       struct address *ret, struct error *err)
{
	struct address found = {.kind = kind, .origin = origin};
	bool bracketed = authority[0] == '[';
	const char *host = authority + bracketed;
	size_t host_len = strcspn(host, bracketed ? "]" : ":/");
	const char *rest = host + host_len;

	if (bracketed && *rest++ != ']')
		return invalid(origin, "has a bracket that is not closed", err);
	if (!host_is_valid(host, host_len, bracketed))
		return invalid(origin, "has no valid host name", err);
	const char *port = ADDRESS_DEFAULT_PORT;
	size_t port_len = strlen(port);
	if (*rest == ':') {
		port = rest + 1;
		port_len = strcspn(port, "/");
		rest = port + port_len;
	}
	if (!port_is_valid(port, port_len))
		return invalid(origin, "has a bad port", err);
	if (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0)
		return invalid(origin, "has something behind the host", err);
	memcpy(found.host, host, host_len);
	memcpy(found.port, port, port_len);
	snprintf(found.text, sizeof(found.text), "%s://%s%s%s:%s", kind == ADDRESS_HTTPS ? "https" : "http",
		 bracketed ? "[" : "", found.host, bracketed ? "]" : "", found.port);
	*ret = found;
	return ERR_OK;
}

enum error_code address_parse(const char *text, const char *origin, struct address *ret, struct error *err)
{
	if (text[0] == '/')
		return parse_unix(text, origin, ret, err);
	if (strncmp(text, "unix://", 7) == 0)
		return parse_unix(text + 7, origin, ret, err);
	if (strncmp(text, "http://", 7) == 0)
		return parse_authority(text + 7, ADDRESS_HTTP, origin, ret, err);
	if (strncmp(text, "https://", 8) == 0)
		return parse_authority(text + 8, ADDRESS_HTTPS, origin, ret, err);
	return invalid(origin, "has an unknown scheme", err);
}

static bool socket_exists(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISSOCK(st.st_mode);
}

/* Writes the candidate into path; false when the variables for it are not set or it would not fit. */
static bool personal_path(bool runtime, char *path, size_t size)
{
	const char *base = getenv(runtime ? "XDG_RUNTIME_DIR" : "XDG_DATA_HOME");
	const char *below = runtime ? "/vaultd/vaultd.sock" : "/vaultd/run/vaultd.sock";
	const char *home = getenv("HOME");
	int len;

	if (base != NULL && base[0] == '/')
		len = snprintf(path, size, "%s%s", base, below);
	else if (!runtime && home != NULL && home[0] == '/')
		len = snprintf(path, size, "%s/.local/share%s", home, below);
	else
		return false;
	return len > 0 && (size_t)len < size;
}

enum error_code address_find(const char *option, struct address *ret, struct error *err)
{
	const char *variable = getenv("VAULT_ADDR");
	char path[108];

	if (option != NULL)
		return address_parse(option, "--address", ret, err);
	if (variable != NULL && variable[0] != '\0')
		return address_parse(variable, "VAULT_ADDR", ret, err);
	if (personal_path(true, path, sizeof(path)) && socket_exists(path))
		return parse_unix(path, "personal socket", ret, err);
	if (personal_path(false, path, sizeof(path)) && socket_exists(path))
		return parse_unix(path, "personal socket", ret, err);
	if (socket_exists(ADDRESS_SYSTEM_SOCKET))
		return parse_unix(ADDRESS_SYSTEM_SOCKET, "system socket", ret, err);
	return error_set(
		err, ERR_UNREACHABLE,
		"no vaultd is running here: there is neither a personal socket nor " ADDRESS_SYSTEM_SOCKET
		"; start one (`vaultd`, or `systemctl start vaultd`) or name one with --address or VAULT_ADDR");
}

/* /etc/passwd first and by hand: asking NSS loads libraries, which would double the time of `run`. */
static bool uid_of_daemon(uid_t uid)
{
	FILE *passwd = fopen("/etc/passwd", "re");
	const struct passwd *entry;
	bool found = false;

	if (passwd != NULL) {
		while (!found && (entry = fgetpwent(passwd)) != NULL)
			found = entry->pw_uid == uid && strcmp(entry->pw_name, DAEMON_USER) == 0;
		fclose(passwd);
	}
	if (!found && (entry = getpwnam(DAEMON_USER)) != NULL)
		found = entry->pw_uid == uid;
	return found;
}

bool address_owner_is_trusted(uid_t uid)
{
	return uid == geteuid() || uid == 0 || uid_of_daemon(uid);
}
