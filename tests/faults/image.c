/* One possible content of the disk: durable bytes and a choice of what was pending. */
#include <dirent.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_nodes.h"

struct image_file {
	char path[512];		/* below the image's directory */
	bool is_directory, was_there, is_lock;
	struct content content;
	uint64_t *page_hashes;
};

struct image {
	struct image_file *files;
	size_t len;
};

/* -- bytes ------------------------------------------------------------------------------------------ */

static void content_size(struct content *content, size_t size)
{
	if (size > content->room) {
		content->room = size + size / 8 + DISK_PAGE;
		content->bytes = must_have(realloc(content->bytes, content->room));
	}
	if (size > content->size)
		memset(content->bytes + content->size, 0, size - content->size);
	content->size = size;
}

void content_take(struct content *content, const uint8_t *bytes, size_t size)
{
	content_size(content, size);
	if (size > 0)
		memcpy(content->bytes, bytes, size);
}

static void content_put(struct content *content, size_t offset, const char *bytes, size_t len)
{
	if (offset + len > content->size)
		content_size(content, offset + len);
	memcpy(content->bytes + offset, bytes, len);
}

static uint64_t mix(uint64_t value)
{
	value ^= value >> 31;
	value *= UINT64_C(0x9e3779b97f4a7c15);
	value ^= value >> 29;
	value *= UINT64_C(0xbf58476d1ce4e5b9);
	return value ^ value >> 32;
}

/* Units are counted in the file, so the first and the last of a write may be shorter. */
static void content_put_parts(struct content *content, const struct change *change, const struct choice *choice)
{
	const size_t begin = change->offset, end = begin + change->len;
	size_t number = 0;

	for (size_t at = begin, next; at < end; at = next, number++) {
		next = (at / choice->unit + 1) * choice->unit;
		if (next > end)
			next = end;
		if (choice->happening == HAPPENS_FIRST_PART ? number < choice->parts : mix(choice->seed + number) & 1)
			content_put(content, at, change->bytes + (at - begin), next - at);
	}
}

void content_change(struct content *content, const struct change *change, const struct choice *choice)
{
	switch (change->kind) {
	case CHANGE_WRITE:
		if (choice->happening == HAPPENS)
			content_put(content, change->offset, change->bytes, change->len);
		else
			content_put_parts(content, change, choice);
		break;
	case CHANGE_SIZE:
		content_size(content, change->offset);
		break;
	case CHANGE_LEAST_SIZE:
		if (change->offset > content->size)
			content_size(content, change->offset);
		break;
	case CHANGE_LINK:
	case CHANGE_UNLINK:
	case CHANGE_RENAME:
		break;
	}
}

static uint64_t hash(const void *bytes, size_t len)
{
	static const uint8_t key[crypto_shorthash_KEYBYTES] = "distinct images";
	uint64_t ret;

	crypto_shorthash((uint8_t *)&ret, bytes, len, key);
	return ret;
}

uint64_t *content_hashes(const struct content *content, const struct node *node)
{
	const size_t pages = (content->size + DISK_PAGE - 1) / DISK_PAGE;
	uint64_t *hashes = must_have(calloc(pages + 1, sizeof(*hashes)));

	for (size_t i = 0; i < pages; i++) {
		const size_t at = i * DISK_PAGE, rest = content->size - at, len = rest < DISK_PAGE ? rest : DISK_PAGE;

		if (node->page_hashes && len == DISK_PAGE && at + len <= node->size &&
		    memcmp(content->bytes + at, node->bytes + at, len) == 0)
			hashes[i] = node->page_hashes[i];
		else
			hashes[i] = hash(content->bytes + at, len);
	}
	return hashes;
}

/* -- making an image --------------------------------------------------------------------------------- */

struct making {
	struct disk *disk;
	const struct choice *choices;
	struct image *image;
};

static const struct choice *choice_of(const struct making *making, size_t node, size_t number)
{
	static const struct choice happens = { .happening = HAPPENS };

	for (size_t i = 0; i < making->disk->pending_len; i++)
		if (making->disk->pending[i].node == node && making->disk->pending[i].number == number)
			return &making->choices[i];
	return &happens;	/* durable by itself */
}

static struct image_file *file_add(struct image *image, const char *folder, const char *name)
{
	struct image_file *file;

	image->files = must_have(reallocarray(image->files, image->len + 1, sizeof(*image->files)));
	file = &image->files[image->len++];
	*file = (struct image_file){ 0 };
	snprintf(file->path, sizeof(file->path), "%.250s%s%.250s", folder, *folder && *name ? "/" : "", name);
	return file;
}

static void add_file(struct making *making, size_t at, const char *folder, const char *name)
{
	const struct node *node = &making->disk->nodes[at];
	struct image_file *file = file_add(making->image, folder, name);

	file->is_lock = node->is_lock;
	content_take(&file->content, node->bytes, node->size);
	for (size_t i = 0; i < node->changes_len; i++) {
		const struct choice *choice = choice_of(making, at, i);

		if (choice->happening != HAPPENS_NOT)
			content_change(&file->content, &node->changes[i], choice);
	}
	file->page_hashes = content_hashes(&file->content, node);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

static void add_directory(struct making *making, size_t at, const char *folder, const char *name)
{
	const struct node *node = &making->disk->nodes[at];
	struct entries entries = entries_copy(node);
	char path[512];

	struct image_file *file = file_add(making->image, folder, name);

	file->is_directory = true;
	file->was_there = node->place != NULL;
	snprintf(path, sizeof(path), "%s", file->path);
	for (size_t i = 0; i < node->changes_len; i++)
		if (choice_of(making, at, i)->happening != HAPPENS_NOT)
			entries_change(&entries, &node->changes[i]);
	if (entries.len > 0)
		qsort(entries.at, entries.len, sizeof(*entries.at), by_name);
	for (size_t i = 0; i < entries.len; i++)
		if (making->disk->nodes[entries.at[i].node].is_directory)
			add_directory(making, entries.at[i].node, path, entries.at[i].name);
		else
			add_file(making, entries.at[i].node, path, entries.at[i].name);
	entries_free(&entries);
}

struct image *disk_image(struct disk *disk, const struct choice *choices)
{
	struct making making = { disk, choices, must_have(calloc(1, sizeof(struct image))) };

	for (size_t i = 0; i < disk->len; i++)
		if (disk->nodes[i].place)
			add_directory(&making, i, disk->nodes[i].place, "");
	return making.image;
}

void image_free(struct image *image)
{
	for (size_t i = 0; i < image->len; i++) {
		free(image->files[i].content.bytes);
		free(image->files[i].page_hashes);
	}
	free(image->files);
	free(image);
}

uint64_t image_digest(const struct image *image)
{
	uint64_t digest = 0;

	for (size_t i = 0; i < image->len; i++) {
		const struct image_file *file = &image->files[i];
		const size_t pages = (file->content.size + DISK_PAGE - 1) / DISK_PAGE;
		const uint64_t parts[4] = { digest, hash(file->path, strlen(file->path)), file->content.size,
					    file->is_directory ? 1 : hash(file->page_hashes, pages * sizeof(uint64_t)) };

		digest = hash(parts, sizeof(parts));
	}
	return digest;
}

/* -- on a real file system ---------------------------------------------------------------------------- */

static void write_file(const struct image_file *file, const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0 || (file->content.size > 0 && write(fd, file->content.bytes, file->content.size) != (ssize_t)file->content.size))
		err(2, "%s", path);
	close(fd);
}

void image_write(const struct image *image, const char *directory)
{
	for (size_t i = 0; i < image->len; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, image->files[i].path);
		if (!image->files[i].is_directory)
			write_file(&image->files[i], path);
		else if (mkdir(path, 0700) != 0 && errno != EEXIST)
			err(2, "%s", path);
	}
}

static bool file_is(const struct image_file *file, const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	uint8_t *there = must_have(malloc(file->content.size + 1));
	bool same = false;

	if (fd < 0) {
		printf("# %s is not there, but was recorded\n", path);
	} else {
		const ssize_t len = read(fd, there, file->content.size + 1);

		same = len == (ssize_t)file->content.size && memcmp(there, file->content.bytes, file->content.size) == 0;
		if (!same)
			printf("# %s differs from what was recorded (%zd and %zu bytes)\n", path, len, file->content.size);
		close(fd);
	}
	free(there);
	return same;
}

/* Nothing may stand in a directory of the daemon's that the image does not have. */
static bool all_are_known(const struct image *image, const struct image_file *folder, const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool all = true;

	while (directory && (entry = readdir(directory))) {
		char name[1024];
		bool known = entry->d_type != DT_REG;

		snprintf(name, sizeof(name), "%s%s%s", folder->path, *folder->path ? "/" : "", entry->d_name);
		for (size_t i = 0; i < image->len && !known; i++)
			known = strcmp(image->files[i].path, name) == 0;
		if (!known)
			printf("# %s/%s is there, but was not recorded\n", path, entry->d_name);
		all &= known;
	}
	if (directory)
		closedir(directory);
	return all;
}

bool image_is(const struct image *image, const char *directory)
{
	bool same = true;

	for (size_t i = 0; i < image->len; i++) {
		char path[4096];

		snprintf(path, sizeof(path), "%s/%s", directory, image->files[i].path);
		if (image->files[i].was_there)
			continue;
		if (image->files[i].is_directory)
			same &= all_are_known(image, &image->files[i], path);
		else if (!image->files[i].is_lock)
			same &= file_is(&image->files[i], path);
	}
	return same;
}
