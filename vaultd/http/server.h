/*
 * The HTTP side of the daemon. main.c opens the sockets, then the sandbox
 * closes, then the server starts.
 *
 * One event thread a listener, one clock thread (deadlines), one worker (what
 * is slow). Stopping drains: no new connections, blocked reads are answered,
 * changes that were submitted are answered when they are durable.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/vault.h"
#include "http/routes.h"
#include "vault/error.h"
#include "vault/limits.h"

enum listen_kind { LISTEN_UNIX, LISTEN_TCP };

struct listen_options {
	enum listen_kind kind;
	char path[108];		/* LISTEN_UNIX: where the socket is */
	mode_t mode;
	gid_t group;		/* (gid_t)-1: our own */
	char address[64];	/* LISTEN_TCP: a numeric address */
	uint16_t port;		/* 0: any free one (tests) */
	bool plain;		/* without TLS: loopback only */
	char certificate[1024], key[1024];	/* PEM files */
};

/* Whether the options make sense, without touching anything: plain TCP off loopback, TLS without files. ERR_CONFIG. */
enum error_code listen_check(const struct listen_options *options, struct error *err) must_check;

/*
 * Binds and listens. A Unix socket that nobody answers on is replaced; one that answers is ERR_BUSY (another daemon). Its
 * directory is made 0700 when missing and must belong to us or root and not be writable for others (ERR_PERMISSION).
 * ret_port (may be NULL) is the port in use.
 */
enum error_code listen_open(const struct listen_options *options, int *ret_fd, uint16_t *ret_port, struct error *err)
	must_check;

/* What /readyz reports of the process; filled by sandbox.c. */
struct sandbox_report {
	int landlock_abi;	/* 0: the kernel has none */
	bool seccomp, arena_locked, core_dumps_off, no_new_privileges, wiping_memory;
};

/* Called before an answer goes out, on any of the server's threads. */
struct audit_event {
	enum audit_class class_;
	const char *route;	/* the pattern of its row, "" for what has none */
	const char *method;
	const char *caller;	/* display name, "" if unknown */
	int status;
	const char *request_id;
};

struct server_options {
	struct vault *vault;
	const struct listen_options *listen;	/* borrowed until server_stop() */
	const int *listen_fds;			/* owned by the server from the start on */
	size_t listen_len;
	size_t connections, connections_per_peer, waiters;	/* 0: the limits of limits.h */
	bool unseal_remote, dev;
	const struct sandbox_report *sandbox;	/* may be filled until the first request */
	const char *credentials_directory;	/* NULL: none */
	void (*audit)(void *arg, const struct audit_event *event);	/* may be NULL */
	void *audit_arg;
	void (*log)(const char *event, const char *text);	/* for libmicrohttpd's complaints; may be NULL */
};

struct server;
/* Starts the worker, the clock and the listeners. Answers begin at once. */
enum error_code server_start(const struct server_options *options, struct server **ret, struct error *err) must_check;
/* Reads the certificates again. The old ones stay in use when the new ones do not load. */
enum error_code server_reload_tls(struct server *server, struct error *err) must_check;
/* Drains for at most this many seconds, then stops everything. NULL is allowed. False when changes were still not answered:
 * the process must end without going on. */
bool server_stop(struct server *server, unsigned seconds);
