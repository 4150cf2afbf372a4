#include "restore_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "vault/files.h"

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_CLOEXEC)
#define NAME_TRIES 100

/* Each entry of the directory, until act() is false. False also when it cannot be read. */
static bool each_entry(int directory, bool (*act)(int directory, const char *name))
{
	int fd = openat(directory, ".", OPEN_DIRECTORY);
	DIR *entries = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool good = entries != NULL;

	while (good && (entry = readdir(entries)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			good = act(dirfd(entries), entry->d_name);
	if (entries)
		closedir(entries);
	else if (fd >= 0)
		close(fd);
	return good;
}

static bool refuse_entry(int directory, const char *name)
{
	(void)directory;
	(void)name;
	return false;
}

static bool is_empty(int directory)
{
	return each_entry(directory, refuse_entry);
}

/* -- the beginning ------------------------------------------------------------------ */

/* The last part of the target's path. */
static const char *base_of(const struct restore_place *place)
{
	const char *slash = strrchr(place->target, '/');

	return slash ? slash + 1 : place->target;
}

static enum error_code open_parent(struct restore_place *place, const char *path, struct error *err)
{
	place->parent = open(path, OPEN_DIRECTORY);
	if (place->parent >= 0)
		return ERR_OK;
	if (errno != ENOENT)
		return error_set_errno(err, ERR_IO, errno, "open the directory %s", path);
	if (place->target[0] == '\0')
		return error_set(err, ERR_IO, "the backup is checked in %s, which is not there: make it first", path);
	return error_set(err, ERR_IO, "%s cannot be made: its parent directory is not there: make it first", place->target);
}

static enum error_code open_parent_of_target(struct restore_place *place, struct error *err)
{
	char path[PATH_MAX];
	size_t len = (size_t)(base_of(place) - place->target);

	(void)snprintf(path, sizeof(path), "%.*s", len > 0 ? (int)len : 1, len > 0 ? place->target : ".");
	return open_parent(place, path, err);
}

static enum error_code look_at_target(struct restore_place *place, struct error *err)
{
	cleanup_(fd_closep) int fd = -1;
	struct stat info;

	if (fstatat(place->parent, base_of(place), &info, AT_SYMLINK_NOFOLLOW) != 0)
		return errno == ENOENT ? ERR_OK : error_set_errno(err, ERR_IO, errno, "look at %s", place->target);
	fd = openat(place->parent, base_of(place), OPEN_DIRECTORY | O_NOFOLLOW);
	if (fd < 0 || !is_empty(fd))
		return error_set(err, ERR_EXISTS, "%s is there and is not an empty directory: give another place, or move it away", place->target);
	place->target_is_there = true;
	place->owner = info.st_uid;
	place->group = info.st_gid;
	return ERR_OK;
}

static enum error_code take_target(struct restore_place *place, const char *target, struct error *err)
{
	size_t len = strlen(target);

	while (len > 1 && target[len - 1] == '/')
		len--;
	if (snprintf(place->target, sizeof(place->target), "%.*s", (int)len, target) >= (int)sizeof(place->target))
		return error_set(err, ERR_USAGE, "the directory's path is too long");
	if (base_of(place)[0] == '\0' || strcmp(base_of(place), ".") == 0 || strcmp(base_of(place), "..") == 0)
		return error_set(err, ERR_USAGE, "give the directory that is to be made by its name");
	return open_parent_of_target(place, err) == ERR_OK ? look_at_target(place, err) : err->code;
}

/* As mkdtemp(), below a directory that is open. */
static enum error_code make_directory(struct restore_place *place, const char *prefix, struct error *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t random[6];
	char name[NAME_MAX + 1];
	int made = -1;

	for (unsigned i = 0; i < NAME_TRIES && made != 0; i++) {
		random_fill(random, sizeof(random));
		for (size_t j = 0; j < sizeof(random); j++)
			random[j] = (uint8_t)letters[random[j] % 32];
		if (snprintf(name, sizeof(name), "%s-%.6s", prefix, (const char *)random) >= (int)sizeof(name))
			return error_set(err, ERR_USAGE, "the directory's name is too long");
		made = mkdirat(place->parent, name, 0700);
		if (made != 0 && errno != EEXIST)
			break;
	}
	if (made != 0)
		return error_set_errno(err, ERR_IO, errno, "make the directory %s", name);
	memcpy(place->name, name, sizeof(name));
	return ERR_OK;
}

/* It is the one that was made, and not what somebody has put under its name. */
static enum error_code hold_directory(struct restore_place *place, struct error *err)
{
	struct stat info;
	int fd = openat(place->parent, place->name, OPEN_DIRECTORY | O_NOFOLLOW);

	place->directory = fd;
	if (fd < 0 || fstat(fd, &info) != 0)
		return error_set_errno(err, ERR_IO, errno, "open the directory %s", place->name);
	if (info.st_uid == geteuid() && (info.st_mode & 077) == 0 && is_empty(fd))
		return ERR_OK;
	fd_closep(&place->directory);
	place->name[0] = '\0';
	return error_set(err, ERR_PERMISSION, "somebody else has put a directory in the place of what was made: restore below a "
			 "directory that nobody else may write to");
}

enum error_code restore_place_begin(const char *target, const char *beside, struct restore_place *place, struct error *err)
{
	char prefix[NAME_MAX + 1] = "vaultd-check";

	if ((target ? take_target(place, target, err) : open_parent(place, beside, err)) != ERR_OK)
		return err->code;
	if (target && snprintf(prefix, sizeof(prefix), "%s.restore", base_of(place)) >= (int)sizeof(prefix))
		return error_set(err, ERR_USAGE, "the directory's name is too long");
	return make_directory(place, prefix, err) == ERR_OK ? hold_directory(place, err) : err->code;
}

/* -- as the owner -------------------------------------------------------------------- */

static enum error_code become_owner(struct restore_place *place, struct error *err)
{
	const bool root = geteuid() == 0;

	if (!place->target_is_there || place->owner == geteuid())
		return ERR_OK;
	if (fchown(place->directory, place->owner, place->group) != 0)
		return error_set_errno(err, ERR_PERMISSION, errno, "give the files to the owner of %s", place->target);
	place->is_owner = root;
	if (root && (setgroups(0, NULL) != 0 || setegid(place->group) != 0 || seteuid(place->owner) != 0))
		return error_set_errno(err, ERR_PERMISSION, errno, "become the owner of %s", place->target);
	return ERR_OK;
}

/* Only what was root before comes here, and it may always go back. */
static void become_root(struct restore_place *place)
{
	if (place->is_owner && (seteuid(0) != 0 || setegid(0) != 0))
		abort();
	place->is_owner = false;
}

enum error_code restore_place_enter(struct restore_place *place, struct error *err)
{
	if (fchdir(place->directory) != 0)
		return error_set_errno(err, ERR_IO, errno, "go to the directory %s", place->name);
	return become_owner(place, err);
}

/* -- the end ------------------------------------------------------------------------ */

static bool remove_file(int directory, const char *name)
{
	(void)unlinkat(directory, name, 0);
	return true;
}

void restore_place_end(struct restore_place *place)
{
	if (place->name[0] != '\0' && place->directory >= 0)
		(void)each_entry(place->directory, remove_file);
	become_root(place);
	if (place->name[0] != '\0')
		(void)unlinkat(place->parent, place->name, AT_REMOVEDIR);
	place->name[0] = '\0';
	fd_closep(&place->directory);
	fd_closep(&place->parent);
}

static bool rename_new(int parent, const char *from, const char *to)
{
	struct stat info;

	if (renameat2(parent, from, parent, to, RENAME_NOREPLACE) == 0)
		return true;
	/* A file system without that flag: a directory still replaces nothing but an empty directory. */
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	if (fstatat(parent, to, &info, AT_SYMLINK_NOFOLLOW) == 0) {
		errno = EEXIST;
		return false;
	}
	return renameat(parent, from, parent, to) == 0;
}

enum error_code restore_place_finish(struct restore_place *place, struct error *err)
{
	const char *base = base_of(place);
	bool named;

	if (fsync(place->directory) != 0)
		return error_set_errno(err, ERR_IO, errno, "sync the directory %s", place->name);
	become_root(place);
	/* An empty directory is replaced in one step; one that is not empty any more is not. */
	named = place->target_is_there ? renameat(place->parent, place->name, place->parent, base) == 0 :
					 rename_new(place->parent, place->name, base);
	/* A rename that is told as failed may have happened, as over a network. */
	named = named || fd_is_named(place->directory, place->parent, base);
	if (!named && (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR))
		return error_set(err, ERR_EXISTS, "something has come to %s meanwhile: nothing was restored", place->target);
	if (!named)
		return error_set_errno(err, ERR_IO, errno, "give %s its name", place->target);
	place->name[0] = '\0';
	if (fsync(place->parent) == 0)
		return ERR_OK;
	return error_set_errno(err, ERR_IO, errno, "%s is there and whole, but a power cut may undo that: sync its directory", place->target);
}
