/* What happened, followed event by event: what of it is durable, and what is pending. */
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "disk_nodes.h"

void *must_have(void *memory)
{
	if (!memory)
		errx(2, "no memory");
	return memory;
}

struct disk *disk_new(void)
{
	return must_have(calloc(1, sizeof(struct disk)));
}

static void node_free(struct node *node)
{
	free(node->bytes);
	free(node->page_hashes);
	free(node->changes);
	for (size_t i = 0; i < node->entries_len; i++)
		free(node->entries[i].name);
	free(node->entries);
	free(node->place);
}

void disk_free(struct disk *disk)
{
	if (!disk)
		return;
	for (size_t i = 0; i < disk->len; i++)
		node_free(&disk->nodes[i]);
	free(disk->nodes);
	free(disk->pending);
	free(disk);
}

/* The newest node with an inode's number: numbers are used again. */
static struct node *node_of(struct disk *disk, uint64_t inode)
{
	for (size_t i = disk->len; i-- > 0;)
		if (disk->nodes[i].inode == inode)
			return &disk->nodes[i];
	return NULL;
}

static size_t node_new(struct disk *disk, uint64_t inode, bool is_directory)
{
	disk->nodes = must_have(reallocarray(disk->nodes, disk->len + 1, sizeof(*disk->nodes)));
	disk->nodes[disk->len] = (struct node){ .inode = inode, .is_directory = is_directory };
	return disk->len++;
}

void disk_root(struct disk *disk, uint64_t inode, const char *path)
{
	const size_t at = node_new(disk, inode, true);

	disk->nodes[at].place = must_have(strdup(path));
}

/* -- changes ---------------------------------------------------------------------------------------- */

static void change_add(struct node *node, struct change change)
{
	node->changes = must_have(reallocarray(node->changes, node->changes_len + 1, sizeof(*node->changes)));
	node->changes[node->changes_len++] = change;
}

static bool names_match(const char *a, size_t a_len, const char *b, size_t b_len)
{
	return a_len == b_len && memcmp(a, b, a_len) == 0;
}

static void entry_remove(struct entries *entries, const char *name, size_t len)
{
	for (size_t i = 0; i < entries->len; i++)
		if (names_match(entries->at[i].name, strlen(entries->at[i].name), name, len)) {
			free(entries->at[i].name);
			entries->at[i] = entries->at[--entries->len];
			return;
		}
}

static void entry_put(struct entries *entries, const char *name, size_t len, size_t node)
{
	entry_remove(entries, name, len);
	entries->at = must_have(reallocarray(entries->at, entries->len + 1, sizeof(*entries->at)));
	entries->at[entries->len++] = (struct entry){ must_have(strndup(name, len)), node };
}

void entries_change(struct entries *entries, const struct change *change)
{
	switch (change->kind) {
	case CHANGE_LINK:
		entry_put(entries, change->bytes, change->len, change->node);
		break;
	case CHANGE_UNLINK:
		entry_remove(entries, change->bytes, change->len);
		break;
	case CHANGE_RENAME:
		entry_remove(entries, change->bytes, change->len);
		entry_put(entries, change->to, change->to_len, change->node);
		break;
	case CHANGE_WRITE:
	case CHANGE_SIZE:
	case CHANGE_LEAST_SIZE:
		break;
	}
}

struct entries entries_copy(const struct node *node)
{
	struct entries copy = { 0 };

	for (size_t i = 0; i < node->entries_len; i++)
		entry_put(&copy, node->entries[i].name, strlen(node->entries[i].name), node->entries[i].node);
	return copy;
}

void entries_free(struct entries *entries)
{
	for (size_t i = 0; i < entries->len; i++)
		free(entries->at[i].name);
	free(entries->at);
	*entries = (struct entries){ 0 };
}

/* What a name in a directory stands for at this moment, durable or not; false when it is unknown. */
static bool resolve(const struct node *directory, const char *name, size_t len, size_t *ret)
{
	struct entries now = entries_copy(directory);
	bool found = false;

	for (size_t i = 0; i < directory->changes_len; i++)
		entries_change(&now, &directory->changes[i]);
	for (size_t i = 0; i < now.len && !found; i++) {
		found = names_match(now.at[i].name, strlen(now.at[i].name), name, len);
		*ret = now.at[i].node;
	}
	entries_free(&now);
	return found;
}

/* -- events ----------------------------------------------------------------------------------------- */

static bool is_lock(const char *name, size_t len)
{
	return names_match(name, len, "lock", 4) || (len > 5 && memcmp(name + len - 5, "-lock", 5) == 0);
}

static void apply_new(struct disk *disk, const struct trace_event *event)
{
	const char *name = (const char *)event->bytes;
	size_t made;

	if (!node_of(disk, event->head.other))
		return;
	made = event->head.kind == TRACE_LINK ? (size_t)(node_of(disk, event->head.inode) - disk->nodes) :
						node_new(disk, event->head.inode, event->head.kind == TRACE_MKDIR);
	disk->nodes[made].is_lock = is_lock(name, event->head.len);
	change_add(node_of(disk, event->head.other),
		   (struct change){ .kind = CHANGE_LINK, .bytes = name, .len = event->head.len, .node = made });
}

static void apply_rename(struct disk *disk, const struct trace_event *event)
{
	struct node *directory = node_of(disk, event->head.inode);
	const char *from = (const char *)event->bytes;
	const size_t from_len = strnlen(from, event->head.len);
	struct change change = { .kind = CHANGE_RENAME, .bytes = from, .len = from_len, .to = from + from_len + 1,
				 .to_len = event->head.len - from_len - 1 };

	if (!directory && !node_of(disk, event->head.other))
		return;
	if (event->head.inode != event->head.other)
		errx(2, "a rename from one directory to another is not known here: %s", from);
	if (!resolve(directory, from, from_len, &change.node))
		errx(2, "a file was renamed that was never seen: %s", from);
	change_add(directory, change);
}

static void apply_to(struct node *node, enum change_kind kind, const struct trace_event *event)
{
	if (node && !node->is_directory && !node->is_lock)
		change_add(node, (struct change){ .kind = kind, .offset = event->head.offset, .bytes = (const char *)event->bytes,
						  .len = event->head.len });
}

void disk_apply(struct disk *disk, const struct trace_event *event)
{
	struct node *node = node_of(disk, event->head.inode);

	switch ((enum trace_kind)event->head.kind) {
	case TRACE_CREATE:
	case TRACE_MKDIR:
	case TRACE_LINK:
		apply_new(disk, event);
		break;
	case TRACE_WRITE:
		apply_to(node, CHANGE_WRITE, event);
		break;
	case TRACE_TRUNCATE:
		apply_to(node, CHANGE_SIZE, event);
		break;
	case TRACE_ALLOCATE:
		apply_to(node, CHANGE_LEAST_SIZE, event);
		break;
	case TRACE_RENAME:
		apply_rename(disk, event);
		break;
	case TRACE_UNLINK:
		if (node)
			change_add(node, (struct change){ .kind = CHANGE_UNLINK, .bytes = (const char *)event->bytes,
							  .len = event->head.len });
		break;
	case TRACE_NOTE:
	case TRACE_SYNC:
	case TRACE_KINDS:
		break;
	}
}

/* -- durable ---------------------------------------------------------------------------------------- */

static void settle_directory(struct node *node)
{
	struct entries entries = { node->entries, node->entries_len };

	for (size_t i = 0; i < node->changes_len; i++)
		entries_change(&entries, &node->changes[i]);
	node->entries = entries.at;
	node->entries_len = entries.len;
}

/* Pages that are as they were keep their hash. */
static void settle_file(struct node *node)
{
	struct content content = { 0 };
	uint64_t *hashes;

	content_take(&content, node->bytes, node->size);
	for (size_t i = 0; i < node->changes_len; i++)
		content_change(&content, &node->changes[i], &(struct choice){ .happening = HAPPENS });
	hashes = content_hashes(&content, node);
	free(node->page_hashes);
	node->page_hashes = hashes;
	free(node->bytes);
	node->bytes = content.bytes;
	node->size = content.size;
}

void disk_settle(struct disk *disk, const struct trace_event *event)
{
	struct node *node = node_of(disk, event->head.inode);

	if (!node || node->changes_len == 0)
		return;
	if (event->head.kind == TRACE_WRITE) {
		node->changes[node->changes_len - 1].is_durable = true;
		return;
	}
	if (node->is_directory)
		settle_directory(node);
	else
		settle_file(node);
	node->changes_len = 0;
}

/* -- pending ---------------------------------------------------------------------------------------- */

/* A file that no directory knows, and none may come to know, is in no image. */
static bool is_reachable(const struct disk *disk, size_t node)
{
	for (size_t i = 0; i < disk->len; i++) {
		const struct node *directory = &disk->nodes[i];

		for (size_t k = 0; directory->is_directory && k < directory->entries_len; k++)
			if (directory->entries[k].node == node)
				return true;
		for (size_t k = 0; directory->is_directory && k < directory->changes_len; k++)
			if (directory->changes[k].kind != CHANGE_UNLINK && directory->changes[k].node == node)
				return true;
	}
	return disk->nodes[node].place != NULL;
}

#define SMALL_PAGE 256	/* bytes at most of a record that is written over in place */

static void pending_add(struct disk *disk, size_t node, size_t number)
{
	const struct change *change = &disk->nodes[node].changes[number];
	const bool is_write = change->kind == CHANGE_WRITE;

	disk->pending = must_have(reallocarray(disk->pending, disk->pending_len + 1, sizeof(*disk->pending)));
	disk->pending[disk->pending_len++] = (struct pending){
		.node = node,
		.number = number,
		.is_write = is_write,
		.offset = change->offset,
		.len = change->len,
		.small_page = is_write && change->len <= SMALL_PAGE && change->offset < disk->nodes[node].size,
	};
}

const struct pending *disk_pending(struct disk *disk, size_t *ret_len)
{
	disk->pending_len = 0;
	for (size_t i = 0; i < disk->len; i++)
		for (size_t k = 0; k < disk->nodes[i].changes_len; k++)
			if (!disk->nodes[i].changes[k].is_durable && is_reachable(disk, i))
				pending_add(disk, i, k);
	*ret_len = disk->pending_len;
	return disk->pending;
}
