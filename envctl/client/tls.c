#include "client/tls.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gnutls/gnutls.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "vault/clock.h"

#define LIBRARY "libgnutls.so.30"
#define PRIORITY "NORMAL:-VERS-ALL:+VERS-TLS1.3"
#define HANDSHAKE_US 10000000

/* The functions that we use, by their own types. */
#define TLS_FUNCTIONS(X)                                                                                               \
	X(gnutls_certificate_allocate_credentials)                                                                     \
	X(gnutls_certificate_free_credentials)                                                                         \
	X(gnutls_certificate_set_x509_system_trust)                                                                    \
	X(gnutls_certificate_set_x509_trust_file)                                                                      \
	X(gnutls_init)                                                                                                 \
	X(gnutls_deinit)                                                                                               \
	X(gnutls_priority_set_direct)                                                                                  \
	X(gnutls_credentials_set)                                                                                      \
	X(gnutls_server_name_set)                                                                                      \
	X(gnutls_session_set_verify_cert)                                                                              \
	X(gnutls_session_get_verify_cert_status)                                                                       \
	X(gnutls_transport_set_int2)                                                                                   \
	X(gnutls_handshake)                                                                                            \
	X(gnutls_record_send)                                                                                          \
	X(gnutls_record_recv)                                                                                          \
	X(gnutls_record_get_direction)                                                                                 \
	X(gnutls_bye)                                                                                                  \
	X(gnutls_error_is_fatal)                                                                                       \
	X(gnutls_strerror)

struct tls_library {
	void *handle;
#define X(name) __typeof__(&name) name;
	TLS_FUNCTIONS(X)
#undef X
};

struct tls_session {
	struct tls_library library;
	gnutls_certificate_credentials_t credentials;
	gnutls_session_t session;
	int fd; /* the caller's */
	bool verify;
};

static bool load_function(void *handle, const char *name, void *ret)
{
	void *symbol = dlsym(handle, name);

	memcpy(ret, &symbol, sizeof(symbol));
	return symbol != NULL;
}

static enum error_code library_load(struct tls_library *library, struct error *err)
{
	bool complete = true;

	library->handle = dlopen(LIBRARY, RTLD_LAZY | RTLD_LOCAL);
	if (library->handle == NULL)
		return error_set(err, ERR_UNREACHABLE,
				 "an https address needs " LIBRARY " (Debian: apt install libgnutls30)");
#define X(name) complete = load_function(library->handle, #name, &library->name) && complete;
	TLS_FUNCTIONS(X)
#undef X
	if (!complete)
		return error_set(err, ERR_UNREACHABLE, LIBRARY " is too old: a function is missing in it");
	return ERR_OK;
}

void tls_session_free(struct tls_session *tls)
{
	if (tls == NULL)
		return;
	if (tls->session != NULL) {
		(void)tls->library.gnutls_bye(tls->session, GNUTLS_SHUT_WR);
		tls->library.gnutls_deinit(tls->session);
	}
	if (tls->credentials != NULL)
		tls->library.gnutls_certificate_free_credentials(tls->credentials);
	/* The library stays loaded: the process is about to end or to exec, and unloading costs more than it gives. */
	free(tls);
}

DEFINE_CLEANUP(struct tls_session *, tls_session_free);

static bool flag_is_set(const char *variable)
{
	const char *value = getenv(variable);

	return value != NULL && value[0] != '\0' && strcmp(value, "0") != 0 && strcasecmp(value, "false") != 0;
}

static enum error_code set_trust(struct tls_session *tls, const char *ca_file, struct error *err)
{
	const char *file = ca_file != NULL ? ca_file : getenv("VAULT_CACERT");
	int count;

	if (tls->library.gnutls_certificate_allocate_credentials(&tls->credentials) < 0)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (file != NULL && file[0] != '\0') {
		count = tls->library.gnutls_certificate_set_x509_trust_file(tls->credentials, file,
									    GNUTLS_X509_FMT_PEM);
		if (count <= 0)
			return error_set(err, ERR_CONFIG, "%sno certificate could be read from %s",
					 ca_file != NULL ? "" : "VAULT_CACERT: ", file);
		return ERR_OK;
	}
	count = tls->library.gnutls_certificate_set_x509_system_trust(tls->credentials);
	if (count <= 0)
		return error_set(err, ERR_CONFIG,
				 "the system has no trusted certificates; install ca-certificates or set VAULT_CACERT");
	return ERR_OK;
}

static bool is_ip_address(const char *host)
{
	unsigned char bytes[16];

	return inet_pton(AF_INET, host, bytes) == 1 || inet_pton(AF_INET6, host, bytes) == 1;
}

static enum error_code set_session(struct tls_session *tls, int fd, const char *name, struct error *err)
{
	const struct tls_library *lib = &tls->library;

	if (lib->gnutls_init(&tls->session, GNUTLS_CLIENT | GNUTLS_NO_SIGNAL | GNUTLS_KEY_SHARE_TOP) < 0)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (lib->gnutls_priority_set_direct(tls->session, PRIORITY, NULL) < 0 ||
	    lib->gnutls_credentials_set(tls->session, GNUTLS_CRD_CERTIFICATE, tls->credentials) < 0)
		return error_set(err, ERR_CONFIG,
				 LIBRARY " does not offer TLS 1.3 here (check the system's crypto policy)");
	if (!is_ip_address(name) && lib->gnutls_server_name_set(tls->session, GNUTLS_NAME_DNS, name, strlen(name)) < 0)
		return error_set(err, ERR_INVALID, "the host name of the address is not a valid server name");
	if (tls->verify)
		lib->gnutls_session_set_verify_cert(tls->session, name, 0);
	lib->gnutls_transport_set_int2(tls->session, fd, fd);
	return ERR_OK;
}

static const char *certificate_fault(unsigned status)
{
	if (status & GNUTLS_CERT_UNEXPECTED_OWNER)
		return "it is for another host name";
	if (status & GNUTLS_CERT_EXPIRED)
		return "it has expired";
	if (status & GNUTLS_CERT_NOT_ACTIVATED)
		return "it is not valid yet; is the clock right?";
	if (status & GNUTLS_CERT_SIGNER_NOT_FOUND)
		return "its issuer is not trusted; name the issuer's file in VAULT_CACERT";
	if (status & GNUTLS_CERT_REVOKED)
		return "it was revoked";
	return "it does not verify";
}

/* Waits until the socket is ready for what GnuTLS wants to do. False when the deadline has passed. */
static bool wait_ready(const struct tls_session *tls, int64_t deadline_us)
{
	bool writes = tls->library.gnutls_record_get_direction(tls->session) != 0;
	struct pollfd poll_fd = {.fd = tls->fd, .events = writes ? POLLOUT : POLLIN};
	int64_t left_ms = (deadline_us - clock_system.monotonic_us(clock_system.arg)) / 1000;

	if (left_ms <= 0)
		return false;
	/* An interruption or an early end is no harm: the operation is tried again. */
	(void)poll(&poll_fd, 1, left_ms < INT_MAX ? (int)left_ms : INT_MAX);
	return true;
}

static enum error_code handshake(struct tls_session *tls, const char *host, int64_t deadline_us, struct error *err)
{
	const struct tls_library *lib = &tls->library;
	int64_t own_us = clock_system.monotonic_us(clock_system.arg) + HANDSHAKE_US;
	int rc;

	if (own_us < deadline_us)
		deadline_us = own_us;
	do {
		rc = lib->gnutls_handshake(tls->session);
	} while (rc < 0 && !lib->gnutls_error_is_fatal(rc) &&
		 (rc != GNUTLS_E_AGAIN || wait_ready(tls, deadline_us)));
	if (rc >= 0)
		return ERR_OK;
	if (rc == GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR)
		return error_set(err, ERR_UNREACHABLE, "the certificate of %s is refused: %s", host,
				 certificate_fault(lib->gnutls_session_get_verify_cert_status(tls->session)));
	if (rc == GNUTLS_E_AGAIN || rc == GNUTLS_E_TIMEDOUT)
		return error_set(err, ERR_TIMEOUT, "%s did not finish the TLS handshake in time", host);
	return error_set(err, ERR_UNREACHABLE, "no TLS 1.3 with %s: %s", host, lib->gnutls_strerror(rc));
}

/* So that a peer that sends half a record holds nobody longer than the deadline. */
static enum error_code make_nonblocking(int fd, struct error *err)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot prepare the connection");
	return ERR_OK;
}

enum error_code tls_session_open(int fd, const struct tls_server *server, int64_t deadline_us, struct tls_session **ret,
				 struct error *err)
{
	const char *name = server->other ? NULL : getenv("VAULT_TLS_SERVER_NAME");
	bool skip = flag_is_set("VAULT_SKIP_VERIFY");
	cleanup_(tls_session_freep) struct tls_session *tls = calloc(1, sizeof(*tls));

	if (skip && !server->loopback)
		return error_set(err, ERR_CONFIG,
				 "VAULT_SKIP_VERIFY is accepted for loopback addresses only; name the issuer's file in "
				 "VAULT_CACERT instead");
	if (tls == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	tls->verify = !skip;
	tls->fd = fd;
	enum error_code rc = library_load(&tls->library, err);
	if (rc == ERR_OK)
		rc = set_trust(tls, server->ca_file, err);
	if (rc == ERR_OK)
		rc = set_session(tls, fd, name != NULL && name[0] != '\0' ? name : server->host, err);
	if (rc == ERR_OK)
		rc = make_nonblocking(fd, err);
	if (rc == ERR_OK)
		rc = handshake(tls, server->host, deadline_us, err);
	if (rc == ERR_OK)
		*ret = take_ptr(tls);
	return rc;
}

enum error_code tls_session_send(struct tls_session *tls, const void *bytes, size_t len, int64_t deadline_us,
				 struct error *err)
{
	const char *next = bytes;

	while (len > 0) {
		ssize_t sent = tls->library.gnutls_record_send(tls->session, next, len);

		if (sent == GNUTLS_E_INTERRUPTED)
			continue;
		if (sent == GNUTLS_E_AGAIN && wait_ready(tls, deadline_us))
			continue;
		if (sent == GNUTLS_E_AGAIN)
			return error_set(err, ERR_TIMEOUT, "the daemon did not take the request in time");
		if (sent < 0)
			return error_set(err, ERR_UNREACHABLE, "the TLS connection broke: %s",
					 tls->library.gnutls_strerror((int)sent));
		next += sent;
		len -= (size_t)sent;
	}
	return ERR_OK;
}

enum error_code tls_session_receive(struct tls_session *tls, void *bytes, size_t size, int64_t deadline_us,
				    size_t *ret_len, struct error *err)
{
	ssize_t got;

	/* Not fatal are: nothing there yet, an interruption, and messages without data (a session ticket). */
	do {
		got = tls->library.gnutls_record_recv(tls->session, bytes, size);
	} while (got < 0 && !tls->library.gnutls_error_is_fatal((int)got) && wait_ready(tls, deadline_us));
	if (got < 0 && !tls->library.gnutls_error_is_fatal((int)got))
		return error_set(err, ERR_TIMEOUT, "the daemon did not answer in time");
	if (got < 0)
		return error_set(err, ERR_UNREACHABLE, "the TLS connection broke: %s",
				 tls->library.gnutls_strerror((int)got));
	*ret_len = (size_t)got;
	return ERR_OK;
}
