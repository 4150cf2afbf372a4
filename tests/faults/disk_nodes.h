/* The inside of struct disk, for disk.c and image.c. */
#pragma once

#include "disk.h"

#define DISK_PAGE 4096u

enum change_kind { CHANGE_WRITE, CHANGE_SIZE, CHANGE_LEAST_SIZE, CHANGE_LINK, CHANGE_UNLINK, CHANGE_RENAME };

/* Of a file or of a directory; texts and data belong to the trace. */
struct change {
	enum change_kind kind;
	bool is_durable;	/* by itself, while older ones are pending */
	uint64_t offset;	/* or size */
	const char *bytes;	/* data, or a name */
	size_t len;
	const char *to;		/* CHANGE_RENAME: the new name */
	size_t to_len;
	size_t node;		/* what a name stands for */
};

struct entry {
	char *name;
	size_t node;
};

struct entries {
	struct entry *at;
	size_t len;
};

/* A file or a directory: what of it is durable, and the changes since its last sync. */
struct node {
	uint64_t inode;
	bool is_directory, is_lock;
	char *place;		/* of a directory that was there before */
	uint8_t *bytes;
	size_t size;
	uint64_t *page_hashes;	/* of the durable bytes, one for each page begun */
	struct entry *entries;
	size_t entries_len;
	struct change *changes;
	size_t changes_len;
};

struct disk {
	struct node *nodes;
	size_t len;
	struct pending *pending;
	size_t pending_len;
};

/* The bytes of a file in an image. */
struct content {
	uint8_t *bytes;
	size_t size, room;
};

void *must_have(void *memory);	/* ends the program for NULL */
void entries_change(struct entries *entries, const struct change *change);
struct entries entries_copy(const struct node *node);
void entries_free(struct entries *entries);

/* image.c */
void content_take(struct content *content, const uint8_t *bytes, size_t size);
void content_change(struct content *content, const struct change *change, const struct choice *choice);
/* One for each page begun; those of pages that are as in the node are taken from it. malloc'ed. */
uint64_t *content_hashes(const struct content *content, const struct node *node);
