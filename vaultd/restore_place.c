#include "restore_place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/files.h"

static bool directory_is_empty(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool empty = directory != NULL;

	while (empty && (entry = readdir(directory)) != NULL)
		empty = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0;
	if (directory)
		closedir(directory);
	return empty;
}

static enum error_code look_at_target(struct restore_place *place, struct error *err)
{
	struct stat info;

	if (lstat(place->target, &info) != 0)
		return errno == ENOENT ? ERR_OK : error_set_errno(err, ERR_IO, errno, "look at %s", place->target);
	if (!S_ISDIR(info.st_mode) || !directory_is_empty(place->target))
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
	if (len == 0 || (len == 1 && target[0] == '/'))
		return error_set(err, ERR_USAGE, "give the directory that is to be made");
	if (snprintf(place->target, sizeof(place->target), "%.*s", (int)len, target) >= (int)sizeof(place->target))
		return error_set(err, ERR_USAGE, "the directory's path is too long");
	return look_at_target(place, err);
}

enum error_code restore_place_begin(const char *target, const char *beside, struct restore_place *ret, struct error *err)
{
	struct restore_place place = { .target = "" };
	int len;

	if (target && take_target(&place, target, err) != ERR_OK)
		return err->code;
	len = target ? snprintf(place.directory, sizeof(place.directory), "%.4070s.restore-XXXXXX", place.target) :
		       snprintf(place.directory, sizeof(place.directory), "%.4070s/vaultd-check-XXXXXX", beside);
	if (len >= (int)sizeof(place.directory))
		return error_set(err, ERR_USAGE, "the directory's path is too long");
	if (!mkdtemp(place.directory))
		return error_set_errno(err, ERR_IO, errno, "make %s", place.directory);
	*ret = place;
	return ERR_OK;
}

/* -- the end ------------------------------------------------------------------------ */

/* Each file of the directory, and then the directory itself. */
static bool each_file(const char *path, bool (*act)(void *arg, int directory, const char *name), void *arg)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	bool good = directory != NULL;

	while (good && (entry = readdir(directory)) != NULL)
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			good = act(arg, dirfd(directory), entry->d_name);
	if (directory)
		closedir(directory);
	return good;
}

static bool remove_file(void *arg, int directory, const char *name)
{
	(void)arg;
	(void)unlinkat(directory, name, 0);
	return true;
}

void restore_place_end(struct restore_place *place)
{
	if (place->directory[0] == '\0')
		return;
	(void)each_file(place->directory, remove_file, NULL);
	(void)rmdir(place->directory);
	place->directory[0] = '\0';
}

/* Root restores for the daemon's user: who owns the empty directory gets what comes in its place. */
static bool give_away(void *arg, int directory, const char *name)
{
	const struct restore_place *place = arg;

	return fchownat(directory, name, place->owner, place->group, AT_SYMLINK_NOFOLLOW) == 0;
}

static enum error_code sync_directory(const char *path, struct error *err)
{
	cleanup_(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || fsync(fd) != 0)
		return error_set_errno(err, ERR_IO, errno, "sync %s", path);
	return ERR_OK;
}

static bool rename_new(const char *from, const char *to)
{
	struct stat info;

	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return true;
	/* A file system without that flag: a directory still replaces nothing but an empty directory. */
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	if (lstat(to, &info) == 0) {
		errno = EEXIST;
		return false;
	}
	return rename(from, to) == 0;
}

enum error_code restore_place_finish(struct restore_place *place, struct error *err)
{
	bool named;

	if (place->target_is_there && place->owner != geteuid() &&
	    (!each_file(place->directory, give_away, place) || chown(place->directory, place->owner, place->group) != 0))
		return error_set_errno(err, ERR_PERMISSION, errno, "give the files to the owner of %s", place->target);
	if (sync_directory(place->directory, err) != ERR_OK)
		return err->code;
	/* An empty directory is replaced in one step; one that is not empty any more is not. */
	named = place->target_is_there ? rename(place->directory, place->target) == 0 : rename_new(place->directory, place->target);
	if (!named && (errno == EEXIST || errno == ENOTEMPTY || errno == ENOTDIR))
		return error_set(err, ERR_EXISTS, "something has come to %s meanwhile: nothing was restored", place->target);
	if (!named)
		return error_set_errno(err, ERR_IO, errno, "give %s its name", place->target);
	place->directory[0] = '\0';
	return directory_sync_parent(place->target, err);
}
