/* Masked differences between two revisions: names, never values. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/environment_read.h"
#include "core/revision_compare.h"
#include "core/vault_state.h"

void kv_diff_free(struct kv_diff *diff)
{
	for (size_t i = 0; i < diff->len; i++) {
		if (diff->entries[i].name)
			sodium_memzero(diff->entries[i].name, diff->entries[i].name_len);
		free(diff->entries[i].name);
	}
	free(diff->entries);
	*diff = (struct kv_diff){0};
}

static void kv_diff_freep(struct kv_diff *diff)
{
	kv_diff_free(diff);
}

struct diffing {
	struct kv_diff *diff;
	bool failed;
};

static bool add_entry(void *arg, const struct variable *from, const struct variable *to)
{
	struct diffing *diffing = arg;
	struct kv_diff *diff = diffing->diff;
	const struct text_span *name = to ? &to->name : &from->name;
	struct kv_diff_entry *entry;

	if (from && to && variables_equal(from, to)) {
		diff->unchanged++;
		return true;
	}
	entry = &diff->entries[diff->len];
	*entry = (struct kv_diff_entry){
		.name = malloc((size_t)name->len + 1),
		.name_len = name->len,
		.change = !from ? DIFF_ADDED : !to ? DIFF_REMOVED : DIFF_CHANGED,
		.from_changed_revision = from ? from->changed_revision : 0,
		.to_changed_revision = to ? to->changed_revision : 0,
	};
	if (!entry->name) {
		diffing->failed = true;
		return false;
	}
	memcpy(entry->name, name->at, name->len);
	entry->name[name->len] = '\0';
	diff->len++;
	return true;
}

static enum error_code compare(const struct kv_read_result *from, const struct kv_read_result *to, struct kv_diff *ret,
			       struct error *err)
{
	cleanup_(kv_diff_freep) struct kv_diff diff = {
		.from_revision = from->version.revision,
		.to_revision = to->version.revision,
	};
	struct diffing diffing = { .diff = &diff };

	diff.entries = calloc(from->revision.variables_len + to->revision.variables_len + 1, sizeof(*diff.entries));
	if (diff.entries)
		revisions_compare(&from->revision, &to->revision, add_entry, &diffing);
	if (!diff.entries || diffing.failed)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the differences");
	*ret = diff;
	diff = (struct kv_diff){0};
	return ERR_OK;
}

static enum error_code read_side(struct vault *vault, struct records_view *view, const struct kv_target *target,
				 uint64_t revision, struct kv_read_result *ret, struct error *err)
{
	if (environment_read(vault, view, target, revision, ret, err) != ERR_OK)
		return err->code;
	return ret->readable ? ERR_OK : environment_deleted(target, ret->version.revision, err);
}

enum error_code kv_diff(struct vault *vault, const struct caller *caller, const struct kv_target *from,
			uint64_t from_revision, const struct kv_target *to, uint64_t to_revision, struct kv_diff *ret,
			struct error *err)
{
	cleanup_(kv_read_result_freep) struct kv_read_result left = {0}, right = {0};
	vault_use_scope use = {0};

	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    vault_decide_data(caller, CAP_READ, from->mount, from->path, err) != ERR_OK ||
	    vault_decide_data(caller, CAP_READ, to->mount, to->path, err) != ERR_OK ||
	    read_side(vault, use.view, from, from_revision, &left, err) != ERR_OK ||
	    read_side(vault, use.view, to, to_revision, &right, err) != ERR_OK)
		return err->code;
	return compare(&left, &right, ret, err);
}
