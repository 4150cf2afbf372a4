/* What happened to an environment, newest first: who, when, why, and which names. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/environment_read.h"
#include "core/name_list.h"
#include "core/revision_build.h"
#include "core/revision_compare.h"
#include "core/vault_state.h"
#include "vault/limits.h"

static void entry_wipe(struct kv_history_entry *entry)
{
	name_list_free(&entry->changed);
	name_list_free(&entry->added);
	name_list_free(&entry->removed);
	sodium_memzero(entry, sizeof(*entry));
}

void kv_history_free(struct kv_history *history)
{
	for (size_t i = 0; i < history->len; i++)
		entry_wipe(&history->entries[i]);
	free(history->entries);
	*history = (struct kv_history){0};
}

/* -- one opened revision ------------------------------------------------- */

struct opened {
	struct secret_buf *plain;
	struct revision_record record;
	bool there;		/* false: destroyed, or no longer kept */
};

static void opened_close(struct opened *opened)
{
	revision_record_free(&opened->record);
	secret_buf_free(opened->plain);
	*opened = (struct opened){0};
}

static enum error_code open_revision(struct records_view *view, const struct head_entry *entry, uint64_t revision,
				     struct opened *ret, struct error *err)
{
	const struct head_revision *place = revision > 0 ? head_find_revision(&entry->head, revision) : NULL;

	opened_close(ret);
	if (!place || (place->flags & REVISION_DESTROYED))
		return ERR_OK;
	if (environment_revision(view, entry, revision, &ret->plain, &ret->record, err) != ERR_OK)
		return err->code;
	ret->there = true;
	return ERR_OK;
}

/* -- what changed -------------------------------------------------------- */

struct changes {
	struct name_collector changed, added, removed;
	const char *wanted;	/* a name, or NULL */
	size_t wanted_len;
	bool found;
};

static void changes_wipe(struct changes *changes)
{
	name_collector_wipe(&changes->changed);
	name_collector_wipe(&changes->added);
	name_collector_wipe(&changes->removed);
}

static bool collect(void *arg, const struct variable *from, const struct variable *to)
{
	struct changes *changes = arg;
	const struct text_span *name = to ? &to->name : &from->name;

	if (from && to && variables_equal(from, to))
		return true;
	name_collector_add(!from ? &changes->added : !to ? &changes->removed : &changes->changed, name->at, name->len);
	if (changes->wanted && name->len == changes->wanted_len && memcmp(name->at, changes->wanted, name->len) == 0)
		changes->found = true;
	return true;
}

static enum error_code finish_changes(struct changes *changes, struct kv_history_entry *entry, struct error *err)
{
	if (name_collector_finish(&changes->changed, &entry->changed, err) != ERR_OK ||
	    name_collector_finish(&changes->added, &entry->added, err) != ERR_OK)
		return err->code;
	return name_collector_finish(&changes->removed, &entry->removed, err);
}

static void copy_text(char *to, size_t size, const struct text_span *from)
{
	snprintf(to, size, "%.*s", (int)from->len, from->at);
}

/* *ret_wanted: whether the entry is one of those that were asked for. */
static enum error_code describe(const struct opened *now, const struct opened *before, const char *name,
				struct kv_history_entry *entry, bool *ret_wanted, struct error *err)
{
	cleanup_(changes_wipe) struct changes changes = {
		.changed = NAME_COLLECTOR_INIT(2 * LIMIT_REVISION_PLAIN),
		.added = NAME_COLLECTOR_INIT(2 * LIMIT_REVISION_PLAIN),
		.removed = NAME_COLLECTOR_INIT(2 * LIMIT_REVISION_PLAIN),
		.wanted = name,
		.wanted_len = name ? strlen(name) : 0,
	};

	*ret_wanted = !name;
	if (!now->there)
		return ERR_OK;
	copy_text(entry->actor, sizeof(entry->actor), &now->record.actor);
	copy_text(entry->accessor, sizeof(entry->accessor), &now->record.accessor);
	copy_text(entry->message, sizeof(entry->message), &now->record.message);
	entry->baseline = !before->there && entry->version.revision > 1;
	revisions_compare(&before->record, &now->record, collect, &changes);
	if (changes.found)
		*ret_wanted = true;
	return *ret_wanted ? finish_changes(&changes, entry, err) : ERR_OK;
}

/* -- walking ------------------------------------------------------------- */

static void opened_move(struct opened *to, struct opened *from)
{
	opened_close(to);
	*to = *from;
	*from = (struct opened){0};
}

static enum error_code walk(struct records_view *view, const struct head_entry *entry, const char *name,
			    uint64_t revision, size_t limit, struct kv_history *history, struct error *err)
{
	cleanup_(opened_close) struct opened now = {0}, before = {0};
	const struct head_record *head = &entry->head;

	if (open_revision(view, entry, revision, &now, err) != ERR_OK)
		return err->code;
	for (; revision >= head->oldest && revision > 0 && history->len < limit; revision--) {
		struct kv_history_entry *place = &history->entries[history->len];
		bool wanted = false;

		place->version = kv_version_of(head, revision);
		if (open_revision(view, entry, revision - 1, &before, err) != ERR_OK ||
		    describe(&now, &before, name, place, &wanted, err) != ERR_OK) {
			entry_wipe(place);
			return err->code;
		}
		if (wanted)
			history->len++;
		else
			entry_wipe(place);
		opened_move(&now, &before);
	}
	return ERR_OK;
}

static void kv_history_freep(struct kv_history *history)
{
	kv_history_free(history);
}

enum error_code kv_history(struct vault *vault, const struct caller *caller, const struct kv_target *target,
			   const char *name, uint64_t before, size_t limit, struct kv_history *ret, struct error *err)
{
	cleanup_(head_entry_freep) struct head_entry *entry = NULL;
	cleanup_(kv_history_freep) struct kv_history history = {0};
	vault_use_scope use = {0};
	uint64_t newest;

	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    vault_decide_data(caller, CAP_READ, target->mount, target->path, err) != ERR_OK ||
	    vault_load_head(vault, use.view, target, &entry, err) != ERR_OK)
		return err->code;
	if (limit > entry->head.revisions_len)
		limit = entry->head.revisions_len;
	history.entries = calloc(limit + 1, sizeof(*history.entries));
	if (!history.entries)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the history of an environment");
	newest = before == 0 || before > entry->head.current ? entry->head.current : before - 1;
	if (walk(use.view, entry, name, newest, limit, &history, err) != ERR_OK)
		return err->code;
	*ret = history;
	history = (struct kv_history){0};
	return ERR_OK;
}
