/*
 * Answers: a status and a body that is wiped when it was sent. Internal to http/.
 *
 * A handler makes exactly one answer. Bodies are written with json_emit.h into
 * the buffer that reply_bare() or reply_envelope() gives.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

struct backups;
struct request;

struct reply {
	int status;			/* 0: none yet */
	struct secret_buf *body;	/* NULL: none */
	bool unmade;			/* there was no memory for the body: the answer is a sentence that says so */
	size_t data_at;			/* where the envelope's data begins */
	bool enveloped;			/* begun by reply_envelope(): may be wrapped */
	struct backups *backups;	/* the body is the backup that was begun there, instead; NULL: it is not */
	const char *content_type;	/* NULL: application/json */
	char etag[64];			/* "": none */
	struct secret_buf *skipped;	/* the value of X-Vault-Skipped with its NUL; NULL: none */
	bool close;			/* the connection ends after this answer */
	unsigned retry_after_s;		/* 0: not said */
	bool rate_limited;		/* these are said: of the quota that refused */
	uint32_t rate_limit, rate_remaining, rate_reset_s;
};

/* The answer when there is no memory for another one; what was asked for may have happened. */
void reply_without_memory(struct request *request);

/* A body without envelope (or without any: 204). NULL without memory: then reply_without_memory() was called. */
struct secret_buf *reply_bare(struct request *request, int status);
void reply_empty(struct request *request, int status);

/* Vault's envelope: what is written between the two calls is the value of "data". */
struct secret_buf *reply_envelope(struct request *request, int status);
/* The same with a lease_duration that is not 0, in seconds. */
struct secret_buf *reply_envelope_lease(struct request *request, int status, int64_t lease_duration);
/* With several warnings: JSON texts with commas between; NULL or empty: none. */
void reply_envelope_end_list(struct request *request, const struct secret_buf *warnings);
/* warning NULL: none. copy: the members of data (an object) also stand at the top level, as old clients expect. */
void reply_envelope_end(struct request *request, const char *warning, bool copy);

/* {"errors":[sentence]} with the error's status; not found has an empty list when bare is set. What is the machine's or the
 * store's fault is logged as well. */
void reply_error(struct request *request, const struct error *err, bool bare_not_found);
/* The same with a status and sentence of one's own; sentence NULL: an empty list. */
void reply_refuse(struct request *request, int status, const char *sentence);

/* 503 for a limit of concurrent work. */
void reply_busy(struct request *request, const char *sentence);

/* Forgets an answer that was begun. */
void reply_reset(struct reply *reply);
