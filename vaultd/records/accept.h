/*
 * Accepting what a start refuses (docs/storage-format.md section 5.3): a store
 * that was rolled back, or that is of another history than its anchor; and, when
 * asked for, one that has lost records.
 *
 * Nothing else is let pass: the slot must open, the header, the state and every
 * record must be right. Then the store becomes a fork: a new fork id, and a
 * counter above everything that any witness has seen, so that neither the anchor
 * nor a client takes it for the history that went on elsewhere. Tokens made
 * before end, because some of them may have been revoked in what is lost.
 *
 * The records are those of an open, sealed store (records_open() holds the
 * directory's lock), and are sealed again afterwards. One thread.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "records/records.h"
#include "vault/error.h"

struct accept_options {
	bool accept;		/* false: only look, and fill the report */
	uint64_t expect;	/* the counter that the store must have */
	bool keep_tokens;
	bool accept_loss;	/* damaged and missing records are dropped */
	/* Called for each record and revision that is dropped, or would be: a sentence without values. May be NULL. */
	void (*lost)(void *arg, const char *text);
	/* Of the whole check, called often; false ends it with ERR_CONFLICT, and nothing was accepted. May be NULL. */
	bool (*checking)(void *arg, uint64_t done, uint64_t total);
	void *arg;
};

struct accept_report {
	/* what was found */
	uint64_t counter, n_live, n_revisions;
	int64_t time;
	uint8_t store_id[ID_LEN], fork_id[ID_LEN];
	bool has_anchor;		/* it is configured, and knows the vault */
	uint64_t anchor_counter;
	int64_t anchor_time;
	bool anchor_is_other_fork;
	char refused[ERROR_TEXT_MAX];	/* why a start refuses it; "": it does not */
	uint64_t lost;			/* records and revisions */
	/* what was made of it, when options->accept was set; 0: nothing so far */
	uint64_t new_counter;
	uint8_t new_fork_id[ID_LEN];
};

/*
 * ERR_INVALID: expect is not the counter. Errors of the slot as of records_unseal(). Of the start's errors ERR_ROLLBACK, ERR_FORK and
 * ERR_ANCHOR_MISSING are let pass; with accept_loss also ERR_RECORD, ERR_SET_CHANGED, ERR_REVISION_MISSING, ERR_REVISION_UNKNOWN.
 * After a failure the store is as it was, unless ret->new_counter is there: then it was accepted, and what failed came behind that,
 * mostly at the anchor. Of ERR_OUTCOME_UNKNOWN nobody knows which.
 */
enum error_code records_accept(struct records *records, const struct slot_secret *slot, const struct accept_options *options,
			       struct accept_report *ret, struct error *err) must_check;
