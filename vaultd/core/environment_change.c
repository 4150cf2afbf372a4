/* Changes of environments: submitting, deciding, preparing, answering. */
#include "core/environment_change.h"

#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/completion.h"
#include "core/environment_read.h"
#include "core/vault_state.h"
#include "vault/limits.h"
#include "vault/names.h"

enum missing { MISSING_CREATES, MISSING_FAILS, MISSING_IS_DONE };

static const struct change_row {
	enum error_code (*apply)(struct change *change, struct error *err);
	unsigned create, update;	/* the capability when the environment is missing, when it is there */
	bool on_data_path;		/* decided by the data/ path, whatever the request's path was */
	enum missing missing;
	bool anchor_now;		/* content is gone for good: the anchor must know before the answer */
	bool version_1;			/* a mount of KV version 1 has it as well */
} rows[] = {
	[KV_PUT] = { change_put, CAP_CREATE, CAP_UPDATE, false, MISSING_CREATES, false, true },
	[KV_PATCH] = { change_patch, CAP_PATCH, CAP_PATCH, false, MISSING_FAILS, false, false },
	[KV_ROLLBACK] = { change_rollback, CAP_UPDATE, CAP_UPDATE, true, MISSING_FAILS, false, false },
	[KV_DELETE] = { change_delete, CAP_DELETE, CAP_DELETE, false, MISSING_IS_DONE, false, false },
	[KV_DELETE_REVISIONS] = { change_delete_revisions, CAP_UPDATE, CAP_UPDATE, false, MISSING_IS_DONE, false, false },
	[KV_UNDELETE] = { change_undelete, CAP_UPDATE, CAP_UPDATE, false, MISSING_IS_DONE, false, false },
	[KV_DESTROY] = { change_destroy, CAP_UPDATE, CAP_UPDATE, false, MISSING_IS_DONE, true, false },
	[KV_METADATA_PUT] = { change_metadata_put, CAP_CREATE, CAP_UPDATE, false, MISSING_CREATES, false, false },
	[KV_METADATA_PATCH] = { change_metadata_patch, CAP_PATCH, CAP_PATCH, false, MISSING_FAILS, false, false },
	[KV_METADATA_DELETE] = { change_metadata_delete, CAP_DELETE, CAP_DELETE, false, MISSING_IS_DONE, true, true },
};

void change_free(struct change *change)
{
	if (!change)
		return;
	head_entry_free(change->old);
	revision_record_free(&change->before);
	secret_buf_free(change->before_plain);
	revision_record_free(&change->source);
	secret_buf_free(change->source_plain);
	variable_list_wipe(&change->variables);
	head_draft_wipe(&change->draft);
	head_record_free(&change->head);
	secret_buf_free(change->head_plain);
	sodium_memzero(change, sizeof(*change));
	free(change);
}

static enum error_code decide(const struct change *change, const struct change_row *row, struct error *err)
{
	const struct vault_op *op = change->op;

	if (!row->on_data_path)
		return vault_decide(op->caller, change->old ? row->update : row->create, op->target.api_path, err);
	return vault_decide_data(op->caller, row->update, op->target.mount, op->target.path, err);
}

static enum error_code load_head(struct change *change, struct error *err)
{
	const struct kv_target *target = &change->op->target;
	enum error_code code;

	change->head_key = records_head_key(change->view, target->mount->uuid, target->path->text, target->path->len);
	code = head_cache_get(change->op->vault_->heads, change->view, target->mount->uuid, target->path, &change->old,
			      err);
	if (code == ERR_NOT_FOUND)
		return ERR_OK;
	if (code == ERR_OK)
		memcpy(change->eid, change->old->eid, ID_LEN);
	return code;
}

/*
 * The put of the new head guards the old one. The mount is guarded here, so that a change of its configuration that was
 * answered before this one counts.
 */
static enum error_code load_mount(struct change *change, const struct change_row *row, struct error *err)
{
	const struct mount_info *mount = change->op->target.mount;
	struct record_key key = record_key_id(TABLE_MOUNT, mount->uuid);
	bool version_1 = mount->version == 1 && row->version_1;

	if ((version_1 ? vault_kv1_mount(change->op->vault_, mount, &change->mount, err) :
			 vault_kv_mount(change->op->vault_, mount, &change->mount, err)) != ERR_OK)
		return err->code;
	return records_guard(change->write, &key, change->mount.pin, err);
}

static enum error_code start_draft(struct change *change, struct error *err)
{
	const struct kv_target *target = &change->op->target;

	if (change->old)
		return head_draft_copy(&change->old->head, &change->draft, err);
	return head_draft_new(target->mount->uuid, target->path, change->now, &change->draft, err);
}

/* Puts the head, and keeps what the answer shows of it. */
static enum error_code finish_head(struct change *change, struct error *err)
{
	change->head_plain = secret_buf_new(LIMIT_REVISION_PLAIN);
	if (!change->head_plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the environment's head");
	encode_head(change->head_plain, &change->draft.head);
	if (secret_buf_check(change->head_plain, "the environment's head", err) != ERR_OK ||
	    decode_head(secret_buf_bytes(change->head_plain), secret_buf_len(change->head_plain), &change->head, err) !=
		    ERR_OK)
		return err->code;
	if (!change->head_changed)
		return ERR_OK;
	return records_put(change->write, &change->head_key, change->eid, secret_buf_bytes(change->head_plain),
			   secret_buf_len(change->head_plain), NULL, err);
}

static enum error_code run(struct change *change, const struct change_row *row, struct error *err)
{
	change->now = vault_now(change->op->vault_);
	if (load_head(change, err) != ERR_OK || decide(change, row, err) != ERR_OK || load_mount(change, row, err) != ERR_OK)
		return err->code;
	if (!change->old && row->missing == MISSING_IS_DONE)
		return ERR_OK;
	if (!change->old && row->missing == MISSING_FAILS)
		return error_set(err, ERR_NOT_FOUND, "there is no environment %s", change->op->target.path->text);
	if (start_draft(change, err) != ERR_OK || row->apply(change, err) != ERR_OK)
		return err->code;
	/* A missing environment that no step created, and one that is deleted, have no head to show. */
	if (change->draft.head.path.len == 0 || (!change->old && !change->head_changed))
		return ERR_OK;
	if (change->result.revision == 0)
		change->result = kv_version_of(&change->draft.head, change->draft.head.current);
	return finish_head(change, err);
}

static struct vault_op *op_of(struct records_request *request)
{
	return (struct vault_op *)((char *)request - offsetof(struct vault_op, request_));
}

static void drop_work(struct vault_op *op)
{
	change_free(op->work_);
	op->work_ = NULL;
}

static enum error_code prepare(struct records_request *request, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	struct vault_op *op = op_of(request);
	cleanup_(change_freep) struct change *change = calloc(1, sizeof(*change));

	drop_work(op);
	findings_free(&op->findings);
	op->findings_hidden = 0;
	if (!change)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for this change");
	change->op = op;
	change->view = view;
	change->write = write;
	if (run(change, &rows[op->change], err) != ERR_OK)
		return err->code;
	op->work_ = take_ptr(change);
	return ERR_OK;
}

static void done(struct records_request *request, enum error_code outcome, const struct error *err)
{
	struct vault_op *op = op_of(request);
	struct change *change = op->work_;

	if (outcome == ERR_OK && change) {
		op->result = change->result;
		op->head = change->head;
		op->head_plain = take_ptr(change->head_plain);
		memcpy(op->warning, change->warning, sizeof(op->warning));
		change->head = (struct head_record){0};
	}
	drop_work(op);
	op->done(op, outcome, err);
}

/* -- what can be refused without looking at the store ---------------------- */

static enum error_code check_op(const struct vault_op *op, struct error *err)
{
	const struct kv_metadata_change *metadata = &op->metadata;

	if (op->message && op->message_len > LIMIT_MESSAGE_LEN)
		return error_set(err, ERR_INVALID, "the message is %zu bytes long, the limit is %d", op->message_len,
				 LIMIT_MESSAGE_LEN);
	if (op->message && (!utf8_is_valid(op->message, op->message_len) || memchr(op->message, '\0', op->message_len)))
		return error_set(err, ERR_INVALID, "the message must be UTF-8 text without NUL");
	if (metadata->has_max_versions && (metadata->max_versions < 0 || metadata->max_versions > LIMIT_MAX_VERSIONS))
		return error_set(err, ERR_INVALID, "max_versions must be 0 (the default) to %d", LIMIT_MAX_VERSIONS);
	return ERR_OK;
}

enum error_code vault_submit(struct vault *vault, struct vault_op *op, struct error *err)
{
	vault_use_scope use = {0};
	enum error_code code;

	op->vault_ = vault;
	op->work_ = NULL;
	op->head_plain = NULL;
	op->head = (struct head_record){0};
	op->result = (struct kv_version){0};
	op->warning[0] = '\0';
	op->findings = (struct findings){ .items = NULL };
	op->findings_hidden = 0;
	op->request_ =
		(struct records_request){ .prepare = prepare, .done = done, .anchor_now = rows[op->change].anchor_now };
	if (vault_use_begin(vault, &use, err) != ERR_OK || check_op(op, err) != ERR_OK)
		return err->code;
	code = records_submit(vault->records, &op->request_, err);
	if (code != ERR_OK)
		drop_work(op);	/* otherwise the op may be gone already */
	return code;
}

void vault_op_release(struct vault_op *op)
{
	head_record_free(&op->head);
	findings_free(&op->findings);
	secret_buf_free(op->head_plain);
	op->head_plain = NULL;
	op->head = (struct head_record){0};
}

static void wake_waiter(struct vault_op *op, enum error_code outcome, const struct error *err)
{
	completion_set(op->arg, outcome, err);
}

enum error_code vault_submit_wait(struct vault *vault, struct vault_op *op, struct error *err)
{
	struct completion completion;

	completion_init(&completion);
	op->done = wake_waiter;
	op->arg = &completion;
	if (vault_submit(vault, op, err) != ERR_OK) {
		completion_abandon(&completion);
		return err->code;
	}
	return completion_wait(&completion, err);
}
