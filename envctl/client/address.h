/*
 * Where the daemon is: one address, found in a fixed order.
 *
 *   1. --address            unix:///path, /path, http://host[:port], https://host[:port]
 *   2. VAULT_ADDR           the same forms
 *   3. the personal socket  $XDG_RUNTIME_DIR/vaultd/vaultd.sock, then
 *                           $XDG_DATA_HOME/vaultd/run/vaultd.sock
 *   4. the system socket    /run/vaultd/vaultd.sock
 *
 * Nothing here opens a connection; a socket counts as found when the file exists.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "vault/error.h"

#define ADDRESS_SYSTEM_SOCKET "/run/vaultd/vaultd.sock"
#define ADDRESS_DEFAULT_PORT "8200" /* as Vault's */

enum address_kind { ADDRESS_UNIX, ADDRESS_HTTP, ADDRESS_HTTPS };

struct address {
	enum address_kind kind;
	char path[108]; /* ADDRESS_UNIX: fits sockaddr_un with its NUL */
	char host[256]; /* else: name or IP address, without brackets */
	char port[6];
	char text[400];	    /* for messages: "unix:///run/…", "https://vault:8200" */
	const char *origin; /* static: "--address", "VAULT_ADDR", "personal socket", "system socket" */
};

/* ERR_INVALID: another scheme, a path or user part in the address, an over-long or empty host, a bad port. */
enum error_code address_parse(const char *text, const char *origin, struct address *ret, struct error *err) must_check;

/* option is the value of --address or NULL. ERR_UNREACHABLE when nothing is named and no socket exists. */
enum error_code address_find(const char *option, struct address *ret, struct error *err) must_check;

/* Whether a socket or its listening process may belong to uid: ourselves, root, or the user vaultd. */
bool address_owner_is_trusted(uid_t uid);
