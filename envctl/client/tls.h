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
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/error.h"

struct tls_session;

void tls_session_free(struct tls_session *session);

struct tls_server {
	const char *host;
	bool loopback;	     /* it is on this machine */
	const char *ca_file; /* instead of VAULT_CACERT; or NULL */
	bool other;	     /* VAULT_TLS_SERVER_NAME is about another server */
};

/* Handshake on fd, which stays the caller's and is made non-blocking. ERR_UNREACHABLE with the reason, ERR_TIMEOUT. */
enum error_code tls_session_open(int fd, const struct tls_server *server, int64_t deadline_us, struct tls_session **ret,
				 struct error *err) must_check;
/* Both wait until deadline_us (of clock_system's monotonic time) at most: ERR_TIMEOUT. */
enum error_code tls_session_send(struct tls_session *session, const void *bytes, size_t len, int64_t deadline_us,
				 struct error *err) must_check;
/* *ret_len 0: the peer ended the session properly. */
enum error_code tls_session_receive(struct tls_session *session, void *bytes, size_t size, int64_t deadline_us,
				    size_t *ret_len, struct error *err) must_check;
