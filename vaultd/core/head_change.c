/* Changes of the head alone: deletion marks, destruction, metadata. */
#include <string.h>

#include "core/environment_change.h"
#include "vault/limits.h"

/* The draft's entry of a listed revision, or NULL: numbers that do not exist are passed over, as in Vault. */
static struct head_revision *listed(struct change *change, size_t i)
{
	int64_t revision = change->op->revisions[i];

	return revision > 0 ? head_find_revision(&change->draft.head, (uint64_t)revision) : NULL;
}

static bool is_destroyed(const struct head_revision *entry)
{
	return (entry->flags & REVISION_DESTROYED) != 0;
}

/* A deletion that lies ahead becomes one now; one that has happened keeps its time. */
static void soft_delete(struct change *change, struct head_revision *entry)
{
	if (!revision_is_readable(entry, change->now))
		return;
	entry->deletion = change->now;
	change->head_changed = true;
}

enum error_code change_delete(struct change *change, struct error *err)
{
	struct head_record *head = &change->draft.head;

	(void)err;
	if (head->current > 0)
		soft_delete(change, head_find_revision(head, head->current));
	return ERR_OK;
}

enum error_code change_delete_revisions(struct change *change, struct error *err)
{
	(void)err;
	for (size_t i = 0; i < change->op->revisions_len; i++) {
		struct head_revision *entry = listed(change, i);

		if (entry)
			soft_delete(change, entry);
	}
	return ERR_OK;
}

/* The deletion time goes; an automatic one starts anew from now. */
enum error_code change_undelete(struct change *change, struct error *err)
{
	int64_t deletion = effective_deletion(&change->draft.head, &change->mount.config, change->now);

	(void)err;
	for (size_t i = 0; i < change->op->revisions_len; i++) {
		struct head_revision *entry = listed(change, i);

		if (!entry || is_destroyed(entry) || entry->deletion == deletion)
			continue;
		entry->deletion = deletion;
		change->head_changed = true;
	}
	return ERR_OK;
}

enum error_code change_destroy(struct change *change, struct error *err)
{
	for (size_t i = 0; i < change->op->revisions_len; i++) {
		struct head_revision *entry = listed(change, i);
		struct record_key key;

		if (!entry || is_destroyed(entry))
			continue;
		key = record_key_revision(change->eid, (uint64_t)change->op->revisions[i]);
		if (records_delete(change->write, &key, err) != ERR_OK)
			return err->code;
		entry->flags |= REVISION_DESTROYED;
		change->head_changed = true;
	}
	return ERR_OK;
}

/* -- metadata ------------------------------------------------------------ */

static enum error_code apply_metadata(struct change *change, bool patch, struct error *err)
{
	const struct kv_metadata_change *metadata = &change->op->metadata;
	struct head_record *head = &change->draft.head;

	if (metadata->has_max_versions)
		head->max_revisions = (uint32_t)metadata->max_versions;
	if (metadata->has_cas_required)
		head->flags = (uint8_t)((head->flags & ~HEAD_CAS_REQUIRED) |
					(metadata->cas_required ? HEAD_CAS_REQUIRED : 0));
	if (metadata->has_delete_after)
		head->delete_after_s = metadata->delete_after_s < 0 ? -1 : metadata->delete_after_s;
	if (metadata->has_custom && head_draft_custom(&change->draft, &metadata->custom, patch, err) != ERR_OK)
		return err->code;
	head->updated = change->now;
	change->head_changed = true;
	return ERR_OK;
}

static bool metadata_is_empty(const struct kv_metadata_change *metadata)
{
	return !metadata->has_max_versions && !metadata->has_cas_required && !metadata->has_delete_after &&
	       !metadata->has_custom;
}

enum error_code change_metadata_put(struct change *change, struct error *err)
{
	if (metadata_is_empty(&change->op->metadata))
		return ERR_OK;
	if (!change->old && records_new_eid(change->write, change->eid, err) != ERR_OK)
		return err->code;
	return apply_metadata(change, false, err);
}

enum error_code change_metadata_patch(struct change *change, struct error *err)
{
	return metadata_is_empty(&change->op->metadata) ? ERR_OK : apply_metadata(change, true, err);
}

enum error_code change_metadata_delete(struct change *change, struct error *err)
{
	const struct head_record *head = &change->old->head;

	if (records_guard(change->write, &change->head_key, change->old->pinned.pin, err) != ERR_OK ||
	    records_destroy_eid(change->write, &change->head_key, change->eid, head->oldest, head->current, err) !=
		    ERR_OK)
		return err->code;
	head_draft_wipe(&change->draft);	/* there is no head to show any more */
	return ERR_OK;
}
