/*
 * One byte stream to the daemon: Unix socket, TCP on loopback, or TLS.
 *
 * A Unix socket is accepted only when its file and its listening process belong
 * to ourselves, root or the user vaultd, so that nobody else can pose as the
 * daemon. Plain TCP is accepted to loopback addresses only: tokens and values
 * would cross the network in clear.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "client/address.h"
#include "vault/attributes.h"
#include "vault/error.h"

struct connection;

void connection_free(struct connection *connection);

/* Whom TLS believes, where it is not as the environment says (client/tls.h). */
struct connection_trust {
	const char *ca_file; /* instead of VAULT_CACERT; or NULL */
	bool other;	     /* VAULT_TLS_SERVER_NAME is about another server */
};

/* deadline_us (of clock_system's monotonic time): of connecting, and of all that is sent and received until
 * connection_set_deadline(), however slowly the other side does its part. ERR_UNREACHABLE, ERR_TIMEOUT, ERR_PERMISSION
 * (a socket of somebody else). Looking up a name is bounded by the system's resolver instead. */
enum error_code connection_open(const struct address *address, const struct connection_trust *trust,
				int64_t deadline_us, struct connection **ret, struct error *err) must_check;
void connection_set_deadline(struct connection *connection, int64_t deadline_us);

enum error_code connection_send(struct connection *connection, const void *bytes, size_t len,
				struct error *err) must_check;
/* *ret_len 0: the other side closed. */
enum error_code connection_receive(struct connection *connection, void *bytes, size_t size, size_t *ret_len,
				   struct error *err) must_check;

/* Between requests: whether the other side has closed or sent something unasked. */
bool connection_is_stale(const struct connection *connection);

DEFINE_CLEANUP(struct connection *, connection_free);
