/*
 * Planted bugs: what a trace would be if the product made a certain mistake. A harness that does not find them finds nothing.
 *
 * Files are known by the last name that they were given: vault.db, vault.hdr, vault.anchor.
 */
#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "trace.h"

static bool is_name(const uint8_t *bytes, size_t len, const char *name)
{
	return len == strlen(name) && memcmp(bytes, name, len) == 0;
}

/* The inode that was created, linked or renamed to a name last before an event; 0: none. */
static uint64_t inode_named(const struct trace *trace, size_t before, const char *name)
{
	uint64_t temporary_parent = 0;
	const char *wanted = name;

	for (size_t i = before; i-- > 0;) {
		const struct trace_event *event = &trace->events[i];
		const char *bytes = (const char *)event->bytes;

		if (event->head.kind == TRACE_RENAME && temporary_parent == 0) {
			const size_t old = strnlen(bytes, event->head.len);

			if (is_name(event->bytes + old + 1, event->head.len - old - 1, name)) {
				wanted = bytes;
				temporary_parent = event->head.inode;
			}
		} else if ((event->head.kind == TRACE_CREATE || event->head.kind == TRACE_LINK) &&
			   is_name(event->bytes, event->head.len, wanted) &&
			   (temporary_parent == 0 || event->head.other == temporary_parent)) {
			return event->head.inode;
		}
	}
	return 0;
}

static bool is_of(const struct trace *trace, size_t at, enum trace_kind kind, const char *name)
{
	const struct trace_entry *head = &trace->events[at].head;

	return head->kind == (uint32_t)kind && head->inode != 0 && head->inode == inode_named(trace, at, name);
}

static bool is_directory(const struct trace *trace, uint64_t inode)
{
	for (size_t i = 0; i < trace->len; i++) {
		const struct trace_entry *head = &trace->events[i].head;

		if ((head->kind == TRACE_MKDIR && head->inode == inode) ||
		    ((head->kind == TRACE_CREATE || head->kind == TRACE_LINK) && head->other == inode))
			return true;
	}
	return false;
}

/* An event that never was. */
static void drop(struct trace *trace, size_t at)
{
	trace->events[at].head.kind = TRACE_NOTE;
	trace->events[at].head.len = 0;
}

static void move(struct trace *trace, size_t from, size_t to)
{
	const struct trace_event event = trace->events[from];

	memmove(&trace->events[to + 1], &trace->events[to], (from - to) * sizeof(event));
	trace->events[to] = event;
}

/* LMDB's meta page: the write through the descriptor with O_DSYNC. */
static bool is_meta(const struct trace *trace, size_t at)
{
	return trace->events[at].head.kind == TRACE_WRITE && (trace->events[at].head.flags & TRACE_SYNCED);
}

/* Where the commit begins whose meta page is written at an event: behind the one before. */
static size_t commit_begin(const struct trace *trace, size_t meta)
{
	size_t i = meta;

	while (i > 0 && !is_meta(trace, i - 1))
		i--;
	while (i < meta && !is_of(trace, i, TRACE_WRITE, "vault.db"))
		i++;
	return i;
}

static bool is_note(const struct trace *trace, size_t at, const char *word)
{
	const struct trace_event *event = &trace->events[at];

	return event->head.kind == TRACE_NOTE && event->head.len > strlen(word) && memcmp(event->bytes, word, strlen(word)) == 0;
}

/* -- the mistakes ---------------------------------------------------------------------------------- */

static void no_sync(struct trace *trace)
{
	for (size_t i = 0; i < trace->len; i++) {
		trace->events[i].head.flags &= ~TRACE_SYNCED;
		if (trace->events[i].head.kind == TRACE_SYNC)
			drop(trace, i);
	}
}

static void wrong_file(struct trace *trace)
{
	for (size_t i = 0; i < trace->len; i++)
		if (is_of(trace, i, TRACE_SYNC, "vault.db"))
			trace->events[i].head.inode = inode_named(trace, i, "lock");
}

static void no_directory_sync(struct trace *trace)
{
	for (size_t i = 0; i < trace->len; i++)
		if (trace->events[i].head.kind == TRACE_SYNC && is_directory(trace, trace->events[i].head.inode))
			drop(trace, i);
}

static void rename_before_sync(struct trace *trace)
{
	for (size_t i = 1; i < trace->len; i++)
		if (trace->events[i].head.kind == TRACE_RENAME && trace->events[i - 1].head.kind == TRACE_SYNC)
			drop(trace, i - 1);
}

static void meta_before_data(struct trace *trace)
{
	for (size_t i = 0; i < trace->len; i++)
		if (is_meta(trace, i))
			move(trace, i, commit_begin(trace, i));
}

/* The answer to what is a commit and nothing else. */
static bool is_note_of_commit(const struct trace *trace, size_t at)
{
	static const char *const answers[] = { "ack\tenv:", "ack\ttoken:", "ack\tpolicy:", "ack\tmount:", "ack\tquota:", "ack\tschema:",
					       "ack\tcubbyhole:" };

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (is_note(trace, at, answers[i]))
			return true;
	return false;
}

static void answer_before_sync(struct trace *trace)
{
	for (size_t i = 0, meta = 0; i < trace->len; i++) {
		if (is_meta(trace, i)) {
			meta = i;
		} else if (meta > 0 && is_note_of_commit(trace, i)) {
			move(trace, i, meta);
			meta++;
		}
	}
}

/* An answer is given before the first of some events that it tells of: those behind the note before it. */
static void answer_before(struct trace *trace, const char *answer, enum trace_kind kind, const char *file)
{
	for (size_t i = 0; i < trace->len; i++) {
		size_t first = i;

		if (!is_note(trace, i, answer))
			continue;
		for (size_t k = i; k-- > 0 && trace->events[k].head.kind != TRACE_NOTE;)
			if (file ? is_of(trace, k, kind, file) : trace->events[k].head.kind == (uint32_t)kind)
				first = k;
		move(trace, i, first);
	}
}

static void answer_before_header(struct trace *trace)
{
	answer_before(trace, "ack\tslots", TRACE_WRITE, "vault.hdr");
}

static void answer_before_count(struct trace *trace)
{
	answer_before(trace, "ack\tattempts", TRACE_RENAME, NULL);
}

static void anchor_before_commit(struct trace *trace)
{
	for (size_t i = 0, meta = 0; i < trace->len; i++) {
		const bool is_anchors = is_of(trace, i, TRACE_WRITE, "vault.anchor") || is_of(trace, i, TRACE_SYNC, "vault.anchor");

		if (is_meta(trace, i)) {
			meta = i;
		} else if (meta > 0 && is_anchors) {
			move(trace, i, meta);
			meta++;
		}
	}
}

/* The sync between the header's two copies: the next thing that happens is the write of the other one. */
static void header_copies_together(struct trace *trace)
{
	size_t sync = 0;

	for (size_t i = 0; i < trace->len; i++) {
		if (is_of(trace, i, TRACE_SYNC, "vault.hdr")) {
			sync = i;
		} else if (sync > 0 && is_of(trace, i, TRACE_WRITE, "vault.hdr")) {
			drop(trace, sync);
			sync = 0;
		} else if (is_note(trace, i, "ack\t") || is_meta(trace, i)) {
			sync = 0;
		}
	}
}

/* -- of the care of a store ------------------------------------------------------------------------ */

/* A file or directory that was made beside its place and gets its name: "vault.db.new", "….restore-…", "….part-…". */
static bool is_naming(const struct trace *trace, size_t at, const char *mark)
{
	const struct trace_event *event = &trace->events[at];

	return event->head.kind == TRACE_RENAME && memmem(event->bytes, strnlen((const char *)event->bytes, event->head.len), mark, strlen(mark));
}

/* The event that made what is renamed at another one. */
static size_t made_at(const struct trace *trace, size_t naming)
{
	const char *name = (const char *)trace->events[naming].bytes;

	for (size_t i = naming; i-- > 0;)
		if ((trace->events[i].head.kind == TRACE_CREATE || trace->events[i].head.kind == TRACE_MKDIR) &&
		    trace->events[i].head.other == trace->events[naming].head.inode && is_name(trace->events[i].bytes, trace->events[i].head.len, name))
			return i;
	errx(2, "what is renamed to %s was never made", name + strlen(name) + 1);
}

/* When everything was written into what gets its name; a new vault's first file is no compaction. */
static size_t next_naming(const struct trace *trace, size_t from, const char *mark)
{
	const bool is_compaction = strcmp(mark, "vault.db.new") == 0;

	for (size_t i = from; i < trace->len; i++) {
		if (!is_naming(trace, i, mark))
			continue;
		for (size_t k = i; k-- > 0 && is_compaction;)
			if (is_naming(trace, k, mark))
				return i;
		if (!is_compaction)
			return i;
	}
	return trace->len;
}

/* Of what is named: itself and, for a directory, what stands in it. */
static void named_unsynced(struct trace *trace, const char *mark)
{
	for (size_t i = next_naming(trace, 0, mark); i < trace->len; i = next_naming(trace, i + 1, mark)) {
		const size_t made = made_at(trace, i);
		const bool is_folder = trace->events[made].head.kind == TRACE_MKDIR;

		for (size_t k = made; k < i; k++)
			if (trace->events[k].head.kind == TRACE_SYNC &&
			    (is_folder || trace->events[k].head.inode == trace->events[made].head.inode))
				drop(trace, k);
	}
}

/* The next sync of the directory that has the name. */
static void name_unsynced(struct trace *trace, const char *mark)
{
	for (size_t i = next_naming(trace, 0, mark); i < trace->len; i = next_naming(trace, i + 1, mark))
		for (size_t k = i; k < trace->len; k++)
			if (trace->events[k].head.kind == TRACE_SYNC && trace->events[k].head.inode == trace->events[i].head.other) {
				drop(trace, k);
				break;
			}
}

/* It has its name before anything is in it. */
static void named_first(struct trace *trace, const char *mark)
{
	for (size_t i = next_naming(trace, 0, mark); i < trace->len; i = next_naming(trace, i + 1, mark))
		move(trace, i, made_at(trace, i) + 1);
}

/* What has the name is removed first, instead of replaced. */
static void removed_before_named(struct trace *trace, const char *mark)
{
	for (size_t i = next_naming(trace, 0, mark); i < trace->len; i = next_naming(trace, i + 2, mark)) {
		const struct trace_event *naming = &trace->events[i];
		struct trace_event removal = *naming;
		const size_t old = strnlen((const char *)naming->bytes, naming->head.len) + 1;

		removal.head.kind = TRACE_UNLINK;
		removal.head.inode = naming->head.other;
		removal.bytes = naming->bytes + old;
		removal.head.len = naming->head.len - (uint32_t)old;
		trace->events = reallocarray(trace->events, trace->len + 1, sizeof(*trace->events));
		if (!trace->events)
			errx(2, "no memory");
		trace->events[trace->len++] = removal;
		move(trace, trace->len - 1, i);
	}
}

static void compaction_unsynced(struct trace *trace)
{
	named_unsynced(trace, "vault.db.new");
}

static void compaction_name_unsynced(struct trace *trace)
{
	name_unsynced(trace, "vault.db.new");
}

static void compaction_removes_first(struct trace *trace)
{
	removed_before_named(trace, "vault.db.new");
}

static void restore_unsynced(struct trace *trace)
{
	named_unsynced(trace, ".restore-");
}

static void restore_name_unsynced(struct trace *trace)
{
	name_unsynced(trace, ".restore-");
}

static void restore_named_first(struct trace *trace)
{
	named_first(trace, ".restore-");
}

static void backup_unsynced(struct trace *trace)
{
	named_unsynced(trace, ".part-");
}

static void backup_removes_first(struct trace *trace)
{
	removed_before_named(trace, ".part-");
}

static void accept_told_early(struct trace *trace)
{
	answer_before(trace, "ack\thistory", TRACE_WRITE, "vault.db");
}

/* Neither the anchor nor that it was made is durable when the vault is said to be accepted. */
static void accept_anchor_unsynced(struct trace *trace)
{
	bool accepting = false;

	for (size_t i = 0; i < trace->len; i++) {
		accepting = is_note(trace, i, "ask\thistory") || (accepting && !is_note(trace, i, "ack\thistory"));
		if (accepting && (is_of(trace, i, TRACE_SYNC, "vault.anchor") ||
				  (trace->events[i].head.kind == TRACE_SYNC && is_directory(trace, trace->events[i].head.inode))))
			drop(trace, i);
	}
}

static const struct {
	const char *name;
	void (*plant)(struct trace *trace);
} mutants[] = {
	{ "no_sync", no_sync },
	{ "wrong_file", wrong_file },
	{ "no_directory_sync", no_directory_sync },
	{ "rename_before_sync", rename_before_sync },
	{ "meta_before_data", meta_before_data },
	{ "answer_before_sync", answer_before_sync },
	{ "answer_before_header", answer_before_header },
	{ "answer_before_count", answer_before_count },
	{ "anchor_before_commit", anchor_before_commit },
	{ "header_copies_together", header_copies_together },
	{ "compaction_unsynced", compaction_unsynced },
	{ "compaction_name_unsynced", compaction_name_unsynced },
	{ "compaction_removes_first", compaction_removes_first },
	{ "restore_unsynced", restore_unsynced },
	{ "restore_name_unsynced", restore_name_unsynced },
	{ "restore_named_first", restore_named_first },
	{ "backup_unsynced", backup_unsynced },
	{ "backup_removes_first", backup_removes_first },
	{ "accept_told_early", accept_told_early },
	{ "accept_anchor_unsynced", accept_anchor_unsynced },
};
#define MUTANTS (sizeof(mutants) / sizeof(mutants[0]))

void trace_plant(struct trace *trace, const char *mutant)
{
	for (size_t i = 0; i < MUTANTS; i++)
		if (strcmp(mutants[i].name, mutant) == 0) {
			mutants[i].plant(trace);
			return;
		}
	errx(2, "there is no mutant %s", mutant);
}

const char *const *trace_mutants(void)
{
	static const char *names[MUTANTS + 1];

	for (size_t i = 0; i < MUTANTS; i++)
		names[i] = mutants[i].name;
	return names;
}
