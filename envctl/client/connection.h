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

#include "client/address.h"
#include "vault/attributes.h"
#include "vault/error.h"

struct connection;

void connection_free(struct connection *connection);

/* seconds: for the connection, and for each send or receive until connection_set_timeout(). ERR_UNREACHABLE,
 * ERR_TIMEOUT, ERR_PERMISSION (a socket of somebody else). */
enum error_code connection_open(const struct address *address, unsigned seconds, struct connection **ret,
				struct error *err) must_check;
void connection_set_timeout(struct connection *connection, unsigned seconds);

enum error_code connection_send(struct connection *connection, const void *bytes, size_t len,
				struct error *err) must_check;
/* *ret_len 0: the other side closed. */
enum error_code connection_receive(struct connection *connection, void *bytes, size_t size, size_t *ret_len,
				   struct error *err) must_check;

/* Between requests: whether the other side has closed or sent something unasked. */
bool connection_is_stale(const struct connection *connection);

DEFINE_CLEANUP(struct connection *, connection_free);
