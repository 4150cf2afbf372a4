#include "http/server.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/vault_jobs.h"
#include "http/backups.h"
#include "http/internal.h"
#include "vault/clock.h"
#include "vault/limits.h"

/* From malloc, which is faster than mapped pools and wiped by our free(); holds LIMIT_HEADER_LEN and the answer's head. */
#define CONNECTION_MEMORY (32u * 1024)
#define CLOCK_NANOSECONDS 500000000
#define COMPLAINTS_A_SECOND 5
/* The head walk of gate.c knows how this version lays a head out in memory. */
#define MICROHTTPD_VERSION "0.9.75"

/* -- the clock ------------------------------------------------------------------ */

static void *run_clock(void *arg)
{
	struct server *server = arg;
	const struct timespec pause = { .tv_nsec = CLOCK_NANOSECONDS };

	while (!atomic_load(&server->clock_ends)) {
		int64_t now = clock_system.monotonic_us(clock_system.arg);

		connections_tick(server->connections, now);
		waiters_tick(server->waiters, now);
		nanosleep(&pause, NULL);
	}
	return NULL;
}

static enum error_code start_clock(struct server *server, struct error *err)
{
	int failed = pthread_create(&server->clock, NULL, run_clock, server);

	if (failed != 0)
		return error_set_errno(err, ERR_IO, failed, "cannot start the clock thread");
	server->clock_runs = true;
	return ERR_OK;
}

/* -- libmicrohttpd ---------------------------------------------------------------- */

static size_t keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

static enum MHD_Result may_accept(void *arg, const struct sockaddr *address, socklen_t len)
{
	const struct listener *listener = arg;

	(void)address;
	(void)len;
	if (atomic_load(&listener->server->draining))
		return MHD_NO;
	return connections_may_accept(listener->server->connections, listener->options->kind == LISTEN_TCP) ? MHD_YES : MHD_NO;
}

/* Strangers make the library complain; their number of lines is bounded. */
static bool may_complain(struct listener *listener)
{
	int64_t second = connections_now(listener->server->connections) / 1000000;

	if (atomic_exchange(&listener->complaint_second, second) != second)
		atomic_store(&listener->complaints, 0);
	return atomic_fetch_add(&listener->complaints, 1) < COMPLAINTS_A_SECOND;
}

__attribute__((format(printf, 2, 0))) static void complain(void *arg, const char *format, va_list args)
{
	struct listener *listener = arg;
	char text[512];

	if (!listener->server->options.log || !may_complain(listener))
		return;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\n")] = '\0';
	listener->server->options.log("microhttpd", text);
}

static enum error_code start_listener(struct listener *listener, struct error *err)
{
	const struct server_options *options = &listener->server->options;
	unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ITC | MHD_USE_ERROR_LOG;
	struct MHD_OptionItem tls_items[] = {
		{ MHD_OPTION_HTTPS_CERT_CALLBACK, 0, (void *)(uintptr_t)tls_retrieve },
		{ MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)(uintptr_t)TLS_PRIORITIES },
		{ MHD_OPTION_END, 0, NULL },
	};

	/*
	 * TLS by poll(): with epoll the library does not notice that a handshake has read all that there is, and tries again
	 * without a pause until more comes. One client that sends half of his first message would keep a core busy.
	 */
	flags |= listener->tls ? MHD_USE_TLS | MHD_USE_POLL : MHD_USE_EPOLL;
	if (!listener->tls)
		tls_items[0].option = MHD_OPTION_END;
	listener->daemon = MHD_start_daemon(
		flags, 0, may_accept, listener, request_continue, listener, MHD_OPTION_EXTERNAL_LOGGER, complain, listener,
		MHD_OPTION_LISTEN_SOCKET, listener->fd, MHD_OPTION_URI_LOG_CALLBACK, request_begin, listener,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_NOTIFY_COMPLETED, request_end, listener,
		MHD_OPTION_NOTIFY_CONNECTION, connections_notify, listener, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		(size_t)CONNECTION_MEMORY, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)KEEP_ALIVE_SECONDS,
		MHD_OPTION_CONNECTION_LIMIT, (unsigned)(options->connections + options->waiters), MHD_OPTION_ARRAY, tls_items,
		MHD_OPTION_END);
	if (!listener->daemon)
		return error_set(err, ERR_INTERNAL, "the HTTP library does not start on %s",
				 listener->options->kind == LISTEN_UNIX ? listener->options->path : listener->options->address);
	return ERR_OK;
}

static enum error_code make_listener(struct server *server, size_t i, struct error *err)
{
	struct listener *listener = &server->listeners[i];
	const struct listen_options *options = &server->options.listen[i];

	listener->server = server;
	listener->options = options;
	listener->fd = server->options.listen_fds[i];
	if (options->kind == LISTEN_TCP && !options->plain)
		return tls_new(options->certificate, options->key, &listener->tls, err);
	return ERR_OK;
}

/* -- life ---------------------------------------------------------------------------- */

static void server_free(struct server *server)
{
	for (size_t i = 0; i < server->listeners_len; i++) {
		request_cache_free(&server->listeners[i]);
		tls_free(server->listeners[i].tls);
		if (server->listeners[i].fd >= 0)
			close(server->listeners[i].fd);
	}
	free(server->listeners);
	connections_free(server->connections);
	waiters_free(server->waiters);
	backups_free(server->backups);
	free(server);
}

static struct server *server_alloc(const struct server_options *options)
{
	struct server *server = calloc(1, sizeof(*server));

	if (!server)
		return NULL;
	server->options = *options;
	if (options->connections == 0)
		server->options.connections = LIMIT_CONNECTIONS;
	if (options->connections_per_peer == 0)
		server->options.connections_per_peer = server->options.connections / 2 + 1;
	if (options->waiters == 0)
		server->options.waiters = LIMIT_WAITERS;
	server->vault = options->vault;
	server->started_us = clock_system.monotonic_us(clock_system.arg);
	server->connections = connections_new(server->options.connections, server->options.connections_per_peer,
					      server->options.waiters);
	server->waiters = waiters_new(server->options.waiters);
	server->backups = backups_new(server);
	server->listeners = calloc(options->listen_len, sizeof(*server->listeners));
	if (!server->connections || !server->waiters || !server->backups || !server->listeners) {
		server_free(server);
		return NULL;
	}
	server->listeners_len = options->listen_len;
	for (size_t i = 0; i < options->listen_len; i++)
		server->listeners[i].fd = -1;
	return server;
}

static enum error_code start_all(struct server *server, struct error *err)
{
	for (size_t i = 0; i < server->listeners_len; i++)
		if (make_listener(server, i, err) != ERR_OK)
			return err->code;
	if (worker_start(&server->worker, err) != ERR_OK || start_clock(server, err) != ERR_OK)
		return err->code;
	vault_set_watcher(server->vault, waiters_changed, server->waiters);
	for (size_t i = 0; i < server->listeners_len; i++)
		if (start_listener(&server->listeners[i], err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

enum error_code server_start(const struct server_options *options, struct server **ret, struct error *err)
{
	struct server *server;

	if (strcmp(MHD_get_version(), MICROHTTPD_VERSION) != 0)
		return error_set(err, ERR_CONFIG, "libmicrohttpd %s is installed; the checks of requests are made for %s",
				 MHD_get_version(), MICROHTTPD_VERSION);
	server = server_alloc(options);
	if (!server)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the server");
	if (start_all(server, err) != ERR_OK) {
		server_stop(server, 0);
		return err->code;
	}
	*ret = server;
	return ERR_OK;
}

enum error_code server_reload_tls(struct server *server, struct error *err)
{
	for (size_t i = 0; i < server->listeners_len; i++)
		if (server->listeners[i].tls && tls_reload(server->listeners[i].tls, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/* -- the end --------------------------------------------------------------------------- */

static void stop_listening(struct server *server)
{
	for (size_t i = 0; i < server->listeners_len; i++) {
		struct listener *listener = &server->listeners[i];

		if (listener->daemon && listener->fd >= 0) {
			MHD_socket fd = MHD_quiesce_daemon(listener->daemon);

			if (fd != MHD_INVALID_SOCKET)
				listener->fd = fd;
		}
		if (listener->options && listener->options->kind == LISTEN_UNIX)
			unlink(listener->options->path);
	}
}

/* Polls: nothing is gained by waking a moment earlier. */
static bool wait_until_zero(const atomic_size_t *count, unsigned seconds)
{
	const struct timespec pause = { .tv_nsec = 5000000 };
	int64_t end = clock_system.monotonic_us(clock_system.arg) + (int64_t)seconds * 1000000;

	while (atomic_load(count) > 0) {
		if (clock_system.monotonic_us(clock_system.arg) >= end)
			return false;
		nanosleep(&pause, NULL);
	}
	return true;
}

static void stop_clock(struct server *server)
{
	if (!server->clock_runs)
		return;
	atomic_store(&server->clock_ends, true);
	pthread_join(server->clock, NULL);
}

bool server_stop(struct server *server, unsigned seconds)
{
	if (!server)
		return true;
	atomic_store(&server->draining, true);
	stop_listening(server);
	waiters_stop(server->waiters);
	/* A compaction of a large store would keep changes, and a backup, waiting for longer than the end may take. */
	vault_end_jobs(server->vault);
	backups_stop(server->backups);
	(void)wait_until_zero(&server->active, seconds);
	worker_stop(server->worker);
	/* libmicrohttpd ends the process when it is stopped with a suspended connection. */
	if (!wait_until_zero(&server->suspended, seconds))
		return false;
	for (size_t i = 0; i < server->listeners_len; i++)
		if (server->listeners[i].daemon)
			MHD_stop_daemon(server->listeners[i].daemon);
	vault_set_watcher(server->vault, NULL, NULL);
	stop_clock(server);
	server_free(server);
	return true;
}
