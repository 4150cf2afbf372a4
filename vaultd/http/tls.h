/*
 * Certificates that can be read again while the daemon runs, and tickets for
 * returning clients. TLS 1.3 only.
 */
#pragma once

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>

#include "vault/error.h"

/* Exclude what is slow here (performance: ChaCha without AVX-512) and everything before 1.3. */
#define TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:-CIPHER-ALL:+AES-256-GCM:+AES-128-GCM"

struct tls;
void tls_free(struct tls *tls);
/* Paths are borrowed. ERR_CONFIG names the file that does not load, ERR_PERMISSION a key that others may read. */
enum error_code tls_new(const char *certificate, const char *key, struct tls **ret, struct error *err) must_check;
enum error_code tls_reload(struct tls *tls, struct error *err) must_check;

/* For MHD_OPTION_HTTPS_CERT_CALLBACK, which has no argument: the session's pointer says which. */
int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int authorities_len,
		 const gnutls_pk_algorithm_t *algorithms, int algorithms_len, gnutls_pcert_st **ret, unsigned *ret_len,
		 gnutls_privkey_t *ret_key);
/* A new connection: the session belongs to this struct tls and may resume by ticket. */
void tls_session_start(struct tls *tls, gnutls_session_t session);
