#include "http/tls.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "vault/files.h"
#include "vault/limits.h"
#include "vault/secret_buf.h"

#define CHAIN_MAX 8

/* One certificate with its key. Older ones stay until the end: a handshake may still use them. */
struct generation {
	struct generation *older;
	gnutls_pcert_st chain[CHAIN_MAX];
	unsigned chain_len;
	gnutls_privkey_t key;
};

struct tls {
	pthread_mutex_t lock;
	const char *certificate_path, *key_path;
	struct generation *newest;
	gnutls_datum_t ticket_key;
};

static void generation_free(struct generation *generation)
{
	if (!generation)
		return;
	for (unsigned i = 0; i < generation->chain_len; i++)
		gnutls_pcert_deinit(&generation->chain[i]);
	if (generation->key)
		gnutls_privkey_deinit(generation->key);
	free(generation);
}

static void generation_freep(struct generation **generation)
{
	generation_free(*generation);
}

static enum error_code load_chain(const char *path, struct generation *generation, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	gnutls_datum_t pem;
	unsigned len = CHAIN_MAX;
	int rc;

	if (file_read_secret(path, FILE_REGULAR, false, LIMIT_SECRET_FILE, &text, err) != ERR_OK)
		return error_prefix(err, "the TLS certificate");
	pem = (gnutls_datum_t){ .data = secret_buf_mutable(text), .size = (unsigned)secret_buf_len(text) };
	rc = gnutls_pcert_list_import_x509_raw(generation->chain, &len, &pem, GNUTLS_X509_FMT_PEM,
					       GNUTLS_X509_CRT_LIST_FAIL_IF_UNSORTED);
	if (rc < 0)
		return error_set(err, ERR_CONFIG, "the TLS certificate %s does not load (%s): it must be a PEM chain, the server's own "
						  "first", path, gnutls_strerror(rc));
	generation->chain_len = len;
	return ERR_OK;
}

static enum error_code load_key(const char *path, struct generation *generation, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	gnutls_datum_t pem;
	int rc;

	if (file_read_secret(path, FILE_REGULAR | FILE_PRIVATE, false, LIMIT_SECRET_FILE, &text, err) != ERR_OK)
		return error_prefix(err, "the TLS key");
	pem = (gnutls_datum_t){ .data = secret_buf_mutable(text), .size = (unsigned)secret_buf_len(text) };
	rc = gnutls_privkey_init(&generation->key);
	if (rc >= 0)
		rc = gnutls_privkey_import_x509_raw(generation->key, &pem, GNUTLS_X509_FMT_PEM, NULL, 0);
	if (rc < 0)
		return error_set(err, ERR_CONFIG, "the TLS key %s does not load (%s): it must be a PEM key without a password", path,
				 gnutls_strerror(rc));
	return ERR_OK;
}

/* A key of another certificate would only show in each client's handshake. */
static enum error_code check_pair(const struct tls *tls, const struct generation *generation, struct error *err)
{
	static const unsigned char text[] = "vaultd";
	const gnutls_datum_t data = { .data = (unsigned char *)(uintptr_t)text, .size = sizeof(text) };
	gnutls_pubkey_t public_key = generation->chain[0].pubkey;
	gnutls_datum_t signature = {0};
	gnutls_digest_algorithm_t digest;
	int rc = gnutls_pubkey_get_preferred_hash_algorithm(public_key, &digest, NULL);
	gnutls_sign_algorithm_t sign = GNUTLS_SIGN_UNKNOWN;

	if (rc >= 0)
		rc = gnutls_privkey_sign_data(generation->key, digest, 0, &data, &signature);
	if (rc >= 0) {
		sign = gnutls_pk_to_sign((gnutls_pk_algorithm_t)gnutls_privkey_get_pk_algorithm(generation->key, NULL), digest);
		rc = gnutls_pubkey_verify_data2(public_key, sign, 0, &data, &signature);
	}
	gnutls_free(signature.data);
	if (rc < 0)
		return error_set(err, ERR_CONFIG, "the TLS key %s does not belong to the certificate %s", tls->key_path,
				 tls->certificate_path);
	return ERR_OK;
}

enum error_code tls_reload(struct tls *tls, struct error *err)
{
	cleanup_(generation_freep) struct generation *generation = calloc(1, sizeof(*generation));

	if (!generation)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the TLS certificate");
	if (load_chain(tls->certificate_path, generation, err) != ERR_OK || load_key(tls->key_path, generation, err) != ERR_OK ||
	    check_pair(tls, generation, err) != ERR_OK)
		return err->code;
	pthread_mutex_lock(&tls->lock);
	generation->older = tls->newest;
	tls->newest = take_ptr(generation);
	pthread_mutex_unlock(&tls->lock);
	return ERR_OK;
}

void tls_free(struct tls *tls)
{
	if (!tls)
		return;
	while (tls->newest) {
		struct generation *generation = tls->newest;

		tls->newest = generation->older;
		generation_free(generation);
	}
	if (tls->ticket_key.data)
		gnutls_memset(tls->ticket_key.data, 0, tls->ticket_key.size);
	gnutls_free(tls->ticket_key.data);
	pthread_mutex_destroy(&tls->lock);
	free(tls);
}

enum error_code tls_new(const char *certificate, const char *key, struct tls **ret, struct error *err)
{
	struct tls *tls = calloc(1, sizeof(*tls));

	if (!tls)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the TLS certificate");
	pthread_mutex_init(&tls->lock, NULL);
	tls->certificate_path = certificate;
	tls->key_path = key;
	if (gnutls_session_ticket_key_generate(&tls->ticket_key) < 0)
		error_set(err, ERR_INTERNAL, "no key for TLS tickets can be made");
	else
		(void)!tls_reload(tls, err);
	if (err->code != ERR_OK) {
		tls_free(tls);
		return err->code;
	}
	*ret = tls;
	return ERR_OK;
}

int tls_retrieve(gnutls_session_t session, const gnutls_datum_t *authorities, int authorities_len,
		 const gnutls_pk_algorithm_t *algorithms, int algorithms_len, gnutls_pcert_st **ret, unsigned *ret_len,
		 gnutls_privkey_t *ret_key)
{
	struct tls *tls = gnutls_session_get_ptr(session);
	struct generation *generation;

	(void)authorities;
	(void)authorities_len;
	(void)algorithms;
	(void)algorithms_len;
	if (!tls)
		return -1;
	pthread_mutex_lock(&tls->lock);
	generation = tls->newest;
	pthread_mutex_unlock(&tls->lock);
	*ret = generation->chain;
	*ret_len = generation->chain_len;
	*ret_key = generation->key;
	return 0;
}

void tls_session_start(struct tls *tls, gnutls_session_t session)
{
	gnutls_session_set_ptr(session, tls);
	/* Without tickets each connection costs a whole handshake; a failure here is only slower. */
	(void)gnutls_session_ticket_enable_server(session, &tls->ticket_key);
}
