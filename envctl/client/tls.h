/*
 * TLS over a connected socket, by GnuTLS that is loaded only when an https
 * address is used: linked in, it would triple the start of every other call.
 *
 * TLS 1.3 only. The certificate is verified against the file of VAULT_CACERT
 * or else the system's store, and must be for the host of the address (or for
 * VAULT_TLS_SERVER_NAME). VAULT_SKIP_VERIFY is accepted for loopback only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/attributes.h"
#include "vault/error.h"

struct tls_session;

void tls_session_free(struct tls_session *session);

/* Handshake on fd, which stays the caller's. loopback: the peer is on this machine. ERR_UNREACHABLE with the reason. */
enum error_code tls_session_open(int fd, const char *host, bool loopback, struct tls_session **ret,
				 struct error *err) must_check;
enum error_code tls_session_send(struct tls_session *session, const void *bytes, size_t len,
				 struct error *err) must_check;
/* *ret_len 0: the peer ended the session properly. */
enum error_code tls_session_receive(struct tls_session *session, void *bytes, size_t size, size_t *ret_len,
				    struct error *err) must_check;
