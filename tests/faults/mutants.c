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
	static const char *const answers[] = { "ack\tenv:", "ack\ttoken:", "ack\tpolicy:", "ack\tmount:" };

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
