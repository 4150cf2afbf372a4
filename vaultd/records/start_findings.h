/*
 * What the checks of a start found and went on in spite of, for an accept
 * (accept.c); and what is lost in the store (loss.c). Internal to records/.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "records/anchor.h"
#include "records/sealed_store.h"
#include "records/tables.h"

enum loss_kind {
	LOSS_RECORD,		/* does not open, is malformed, or of an environment that is lost: deleted */
	LOSS_UNKNOWN_REVISION,	/* of no environment: deleted */
	LOSS_REVISION,		/* missing, or does not open: its head says "destroyed", and what is there of it is deleted */
};

struct loss_item {
	enum loss_kind kind;
	struct record_key key;		/* of the record or the revision */
	uint64_t revision;		/* LOSS_REVISION */
};

/* Items are as many as the store has damaged records; each is small. */
struct loss {
	struct loss_item *items;
	size_t len, room;
	bool set_differs;		/* what is there is not what the state's sum says */
	uint8_t sum[64];		/* of what is there, whole or damaged */
	uint64_t live, revisions;	/* that are there */
};
void loss_free(struct loss *loss);
enum error_code loss_add(struct loss *loss, enum loss_kind kind, const struct record_key *key, uint64_t revision,
			 struct error *err) must_check;
/* In the order of keys, each once; when all are added. */
void loss_settle(struct loss *loss);
/* Whether an error of a record is one that can be taken for lost. */
bool loss_takes(enum error_code code);

struct start_findings {
	bool filled;			/* set by the caller: a restore made the file, whose transactions the state does not know */
	struct loss *loss;		/* set by the caller; NULL: nothing may be lost */
	struct error refused;		/* the first that was let pass */
	bool has_anchor, anchor_is_other_fork;
	struct anchor_point anchor;
	uint64_t witnessed;		/* the highest counter that state, header or anchor have seen */
};

/* As start_checks(); findings NULL: nothing is let pass. */
enum error_code start_checks_for(struct records *records, struct start_findings *findings, struct error *err) must_check;

/* loss.c: revisions of all heads, each opened; those that do not are added. Pins are loaded. */
enum error_code loss_of_revisions(struct records_view *view, struct loss *loss, struct error *err) must_check;
/* In a prepare(): everything in the list is deleted but wrapped answers (an accept deletes them all), and heads are told. */
enum error_code loss_drop(struct records_write *write, const struct loss *loss, struct error *err) must_check;
void loss_tell(const struct loss *loss, void (*lost)(void *arg, const char *text), void *arg);
