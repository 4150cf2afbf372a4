/*
 * The one backup that may be under way: a thread that makes it, a bounded ring
 * between, and a response that reads from there on the event thread.
 *
 * The thread waits when the ring is full, the connection is suspended when it is
 * empty; nobody polls but for the vault's recall, some times a second. Whoever
 * takes nothing for BACKUP_STALL_SECONDS is cut off, because a backup keeps
 * pages of the database from being used again. A backup that fails on the way
 * ends the connection without the stream's last chunk, so that nobody takes what
 * came for a whole one.
 *
 * Internal to http/.
 */
#pragma once

#include <microhttpd.h>
#include <stdint.h>

#include "vault/error.h"

struct request;
struct server;
struct backups;

#define BACKUP_RING (1024u * 1024)
#define BACKUP_STALL_SECONDS 30

void backups_free(struct backups *backups);	/* stopped before; NULL is allowed */
struct backups *backups_new(struct server *server);
/* Ends the one that is under way, waits for its thread, and begins no more. */
void backups_stop(struct backups *backups);

/* Suspends the request; its answer is the stream, or the error that came before its first byte. ERR_BUSY: there is one under
 * way; nothing was suspended then. Event thread only. */
enum error_code backups_begin(struct backups *backups, struct request *request, struct error *err) must_check;

/* For answer.c: the response of the request that was begun. NULL when memory is out. */
struct MHD_Response *backups_response(struct backups *backups);
/* The answer that was made is not sent. */
void backups_abandon(struct backups *backups);

/* For /metrics: ended whole and broken off, since the start; the time of the last whole one in s, 0: none. */
struct backups_counts {
	uint64_t whole, broken;
	int64_t last;
};
void backups_count(struct backups *backups, struct backups_counts *ret);
