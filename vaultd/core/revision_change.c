/* Changes that make a revision: put, patch, rollback. */
#include <stdio.h>
#include <string.h>

#include "core/environment_change.h"
#include "core/environment_read.h"
#include "core/revision_kinds.h"
#include "core/vault_state.h"
#include "core/write_check.h"
#include "vault/limits.h"

static uint64_t current_of(const struct change *change)
{
	return change->old ? change->old->head.current : 0;
}

static enum error_code check_cas(const struct change *change, struct error *err)
{
	const struct vault_op *op = change->op;
	bool required = change->mount.config.cas_required ||
			(change->old && (change->old->head.flags & HEAD_CAS_REQUIRED));

	if (required && !op->has_cas)
		return error_set(err, ERR_INVALID, "check-and-set parameter required for this call");
	if (op->has_cas && (op->cas < 0 || (uint64_t)op->cas != current_of(change)))
		return error_set(err, ERR_CAS, "check-and-set parameter did not match the current version");
	return ERR_OK;
}

/* The current revision's content; a destroyed one has none, and then nothing is carried over. */
static enum error_code load_before(struct change *change, struct error *err)
{
	uint64_t current = current_of(change);
	const struct head_revision *entry = current > 0 ? head_find_revision(&change->old->head, current) : NULL;

	if (!entry || (entry->flags & REVISION_DESTROYED))
		return ERR_OK;
	return environment_revision(change->view, change->old, current, &change->before_plain, &change->before, err);
}

static struct text_span span_of(const char *text)
{
	return (struct text_span){ .at = text, .len = (uint32_t)strlen(text) };
}

static enum error_code put_revision(struct change *change, const struct revision_record *record,
				    uint8_t ret_pin[static PIN_LEN], struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct record_key key = record_key_revision(change->eid, record->revision);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the new revision");
	encode_revision(encoding, record);
	if (secret_buf_check(encoding, "the new revision", err) != ERR_OK)
		return err->code;
	return records_put(change->write, &key, change->eid, secret_buf_bytes(encoding), secret_buf_len(encoding),
			   ret_pin, err);
}

/* Revisions beyond the kept number go in the same commit. */
static enum error_code prune(struct change *change, struct error *err)
{
	uint64_t keep = effective_max_versions(&change->draft.head, &change->mount.config);

	while (change->draft.head.revisions_len > keep) {
		uint64_t revision;
		bool destroyed;
		struct record_key key;

		head_draft_drop_oldest(&change->draft, &revision, &destroyed);
		key = record_key_revision(change->eid, revision);
		if (!destroyed && records_delete(change->write, &key, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* change->variables become the next revision. */
static enum error_code add_revision(struct change *change, struct text_span message, struct error *err)
{
	const struct caller *caller = change->op->caller;
	struct head_record *head = &change->draft.head;
	struct revision_record record = {
		.revision = head->current + 1,
		.created = change->now,
		.actor = span_of(caller->display),
		.accessor = span_of(caller->accessor),
		.message = message,
		.variables = change->variables.items,
		.variables_len = change->variables.len,
	};
	uint8_t pin[PIN_LEN];

	variables_carry(&change->variables, &change->before, record.revision, change->now);
	if (revision_check_size(&record, err) != ERR_OK || change_check_resolves(change, record.revision, err) != ERR_OK ||
	    change_check_schema(change, record.revision, err) != ERR_OK)
		return err->code;
	if (!change->old && records_new_eid(change->write, change->eid, err) != ERR_OK)
		return err->code;
	if (put_revision(change, &record, pin, err) != ERR_OK)
		return err->code;
	head_draft_add(&change->draft, change->now, effective_deletion(head, &change->mount.config, change->now), pin);
	head->updated = change->now;
	change->head_changed = true;
	if (prune(change, err) != ERR_OK)
		return err->code;
	change->result = kv_version_of(head, head->current);
	return ERR_OK;
}

static struct text_span message_of(const struct vault_op *op)
{
	return op->message ? (struct text_span){ .at = op->message, .len = (uint32_t)op->message_len } : span_of("");
}

enum error_code change_put(struct change *change, struct error *err)
{
	if (check_cas(change, err) != ERR_OK ||
	    variables_from_json(&change->op->data, &change->variables, err) != ERR_OK ||
	    load_before(change, err) != ERR_OK ||
	    variables_set_kinds(&change->variables, &change->before, &change->op->kinds, false, err) != ERR_OK)
		return err->code;
	return add_revision(change, message_of(change->op), err);
}

/* A revision that exists but cannot be read, or does not exist. */
static enum error_code check_readable(const struct change *change, uint64_t revision, struct error *err)
{
	const struct kv_target *target = &change->op->target;
	const struct head_revision *entry = revision > 0 ? head_find_revision(&change->old->head, revision) : NULL;

	if (!entry)
		return error_set(err, ERR_NOT_FOUND, "the environment %s has no revision %ju", target->path->text,
				 (uintmax_t)revision);
	return revision_is_readable(entry, change->now) ? ERR_OK : environment_deleted(target, revision, err);
}

enum error_code change_patch(struct change *change, struct error *err)
{
	const struct vault_op *op = change->op;
	struct kv_kinds kinds = op->kinds;

	kinds.only_given = !vault_may_read_data(op->caller, op->target.mount, op->target.path);
	if (check_readable(change, current_of(change), err) != ERR_OK || check_cas(change, err) != ERR_OK ||
	    load_before(change, err) != ERR_OK ||
	    variables_merge_patch(&change->before, &op->data, &change->variables, err) != ERR_OK ||
	    variables_set_kinds(&change->variables, &change->before, &kinds, true, err) != ERR_OK)
		return err->code;
	return add_revision(change, message_of(change->op), err);
}

enum error_code change_rollback(struct change *change, struct error *err)
{
	uint64_t revision = change->op->revision;
	char message[64];

	if (check_readable(change, revision, err) != ERR_OK || check_cas(change, err) != ERR_OK ||
	    load_before(change, err) != ERR_OK ||
	    environment_revision(change->view, change->old, revision, &change->source_plain, &change->source, err) !=
		    ERR_OK ||
	    variables_from_revision(&change->source, &change->variables, err) != ERR_OK)
		return err->code;
	snprintf(message, sizeof(message), "rollback to revision %ju", (uintmax_t)revision);
	return add_revision(change, change->op->message_len > 0 ? message_of(change->op) : span_of(message), err);
}
