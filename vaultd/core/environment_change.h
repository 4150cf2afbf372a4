/*
 * How an environment changes, for core/ alone: the steps of one vault_op.
 *
 * prepare() may run several times, with a newer view each time; a struct
 * change is what one run has computed, and is made anew by the next.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "core/head_cache.h"
#include "core/json_data.h"
#include "core/mounts.h"
#include "core/revision_build.h"
#include "core/vault.h"

struct change {
	struct vault_op *op;
	struct records_view *view;
	struct records_write *write;
	struct mount mount;
	int64_t now;
	struct record_key head_key;
	uint8_t eid[ID_LEN];
	struct head_entry *old;		/* NULL: no such environment */
	struct secret_buf *before_plain;	/* the current revision's content, when it was needed */
	struct revision_record before;
	struct secret_buf *source_plain;	/* of a rollback */
	struct revision_record source;
	struct variable_list variables;
	struct head_draft draft;
	bool head_changed;
	/* the result */
	struct kv_version result;
	struct secret_buf *head_plain;
	struct head_record head;
	char warning[ERROR_TEXT_MAX];	/* see vault_op */
};

void change_free(struct change *change);
DEFINE_CLEANUP(struct change *, change_free);

/* Steps that make a revision (revision_change.c): KV_PUT, KV_PATCH, KV_ROLLBACK. */
enum error_code change_put(struct change *change, struct error *err) must_check;
enum error_code change_patch(struct change *change, struct error *err) must_check;
enum error_code change_rollback(struct change *change, struct error *err) must_check;

/* Steps that mark revisions or change the head (head_change.c). */
enum error_code change_delete(struct change *change, struct error *err) must_check;
enum error_code change_delete_revisions(struct change *change, struct error *err) must_check;
enum error_code change_undelete(struct change *change, struct error *err) must_check;
enum error_code change_destroy(struct change *change, struct error *err) must_check;
enum error_code change_metadata_put(struct change *change, struct error *err) must_check;
enum error_code change_metadata_patch(struct change *change, struct error *err) must_check;
enum error_code change_metadata_delete(struct change *change, struct error *err) must_check;
