#include "vault/file_set.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vault/files.h"

#define MARK ".envctl"
#define STAGE_INSIDE MARK "-"
#define STAGE_NAME_MAX (NAME_MAX + 1)
#define ATTEMPTS 16

struct file_set {
	char path[PATH_MAX];	/* as given, without slashes at its end; for messages */
	char name[STAGE_NAME_MAX];
	int parent_fd;
	int directory_fd;	/* -1: there is none yet */
	bool in_place;		/* it is a mount point */
	char prefix[STAGE_NAME_MAX];	/* of the names of stages */
	char stage[STAGE_NAME_MAX];
	int stage_fd;		/* locked while we are at it */
};

/* Where the stage stands. */
static int place_fd(const struct file_set *set)
{
	return set->in_place ? set->directory_fd : set->parent_fd;
}

static enum error_code fail_errno(const struct file_set *set, int sys_errno, const char *what, struct error *err)
{
	enum error_code code = sys_errno == ENOENT || sys_errno == ENOTDIR				    ? ERR_NOT_FOUND :
			       sys_errno == EACCES || sys_errno == EPERM || sys_errno == EROFS ? ERR_PERMISSION :
			       sys_errno == ENOSPC || sys_errno == EDQUOT			    ? ERR_STORAGE_FULL :
												      ERR_IO;
	return error_set_errno(err, code, sys_errno, "%s: cannot %s", set->path, what);
}

/* -- walking ------------------------------------------------------------------- */

/* Calls for each name but "." and ".."; false when it could not be read or a call says so. */
static bool each_name(int fd, bool (*call)(int fd, const char *name, void *arg), void *arg)
{
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = copy >= 0 ? fdopendir(copy) : NULL;
	const struct dirent *entry;
	bool ok = dir != NULL;

	if (!dir) {
		fd_closep(&copy);
		return false;
	}
	while (ok && (errno = 0, entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			ok = call(fd, entry->d_name, arg);
	ok = ok && errno == 0;
	closedir(dir);
	return ok;
}

static bool unlink_one(int fd, const char *name, void *arg)
{
	(void)arg;
	return unlinkat(fd, name, 0) == 0 || errno == ENOENT;
}

/* A directory without directories in it, which somebody else may be removing as well. */
static bool remove_flat(int at, const char *name)
{
	cleanup_(fd_closep) int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return errno == ENOENT;
	return (each_name(fd, unlink_one, NULL) || errno == ENOENT) && (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT);
}

/* A stage that nobody holds a lock on was left by a crash. */
static bool remove_leftover(int fd, const char *name, void *arg)
{
	const struct file_set *set = arg;
	int left;

	if (strncmp(name, set->prefix, strlen(set->prefix)) != 0)
		return true;
	left = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (left >= 0 && flock(left, LOCK_EX | LOCK_NB) == 0)
		(void)remove_flat(fd, name);
	fd_closep(&left);
	return true;
}

/* -- what is there --------------------------------------------------------------- */

static enum error_code take_path(struct file_set *set, const char *path, struct error *err)
{
	size_t len = strlen(path);
	const char *slash;

	while (len > 1 && path[len - 1] == '/')
		len--;
	if (len == 0 || len >= sizeof(set->path))
		return error_set(err, ERR_INVALID, "the path of a directory must have 1 to %d bytes", PATH_MAX - 1);
	memcpy(set->path, path, len);
	set->path[len] = '\0';
	slash = strrchr(set->path, '/');
	len = strlen(slash ? slash + 1 : set->path);
	if (len == 0 || len > NAME_MAX - 32 || strcmp(slash ? slash + 1 : set->path, ".") == 0 ||
	    strcmp(slash ? slash + 1 : set->path, "..") == 0)
		return error_set(err, ERR_INVALID, "%.200s does not name a directory that can be replaced", set->path);
	memcpy(set->name, slash ? slash + 1 : set->path, len + 1);
	return ERR_OK;
}

static enum error_code open_parent(struct file_set *set, struct error *err)
{
	char parent[PATH_MAX];
	const char *slash = strrchr(set->path, '/');
	size_t len = slash ? (size_t)(slash - set->path) : 0;

	memcpy(parent, slash ? set->path : ".", slash ? len : 1);
	if (slash && len == 0)
		parent[len++] = '/';
	parent[slash ? len : 1] = '\0';
	set->parent_fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return set->parent_fd >= 0 ? ERR_OK : fail_errno(set, errno, "open the directory that holds it", err);
}

struct content {
	bool is_marked, has_others;
};

static bool look_at(int fd, const char *name, void *arg)
{
	struct content *content = arg;
	struct stat st;

	if (strcmp(name, MARK) == 0)
		content->is_marked = fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISREG(st.st_mode);
	else if (strncmp(name, STAGE_INSIDE, strlen(STAGE_INSIDE)) != 0)
		content->has_others = true;
	return true;
}

static enum error_code check_owner(const struct file_set *set, struct error *err)
{
	struct content content = { .is_marked = false };
	struct stat st;

	if (fstat(set->directory_fd, &st) != 0)
		return fail_errno(set, errno, "look at it", err);
	if (st.st_uid != geteuid())
		return error_set(err, ERR_PERMISSION, "%.200s belongs to user %u, not to user %u", set->path, (unsigned)st.st_uid,
				 (unsigned)geteuid());
	if (!each_name(set->directory_fd, look_at, &content))
		return fail_errno(set, errno, "read it", err);
	if (content.has_others && !content.is_marked)
		return error_set(err, ERR_INVALID, "%.200s holds files that envctl did not write, and they would be gone; name an empty "
				 "or a new directory", set->path);
	return ERR_OK;
}

/* Bind mounts have the same device but not the same mount. */
static bool is_mount_point(const struct file_set *set)
{
	struct statx above, here;

	return statx(set->parent_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &above) == 0 &&
	       statx(set->directory_fd, "", AT_EMPTY_PATH, STATX_MNT_ID, &here) == 0 && above.stx_mnt_id != here.stx_mnt_id;
}

static enum error_code open_directory(struct file_set *set, struct error *err)
{
	set->directory_fd = openat(set->parent_fd, set->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (set->directory_fd >= 0) {
		set->in_place = is_mount_point(set);
		return check_owner(set, err);
	}
	if (errno == ENOENT)
		return ERR_OK;
	if (errno == ELOOP || errno == ENOTDIR)
		return error_set(err, ERR_INVALID, "%.200s is a file or a symbolic link, not a directory", set->path);
	return fail_errno(set, errno, "open it", err);
}

static enum error_code check_memory(const struct file_set *set, struct error *err)
{
	struct statfs fs;

	if (fstatfs(place_fd(set), &fs) != 0)
		return fail_errno(set, errno, "find out what it is on", err);
	if (fs.f_type == TMPFS_MAGIC || fs.f_type == RAMFS_MAGIC)
		return ERR_OK;
	return error_set(err, ERR_INVALID, "%.200s is on a disk, where values can be found even after the files are deleted; name a "
			 "directory in memory (below /run or /dev/shm), or give --allow-disk", set->path);
}

/* -- the stage -------------------------------------------------------------------- */

/* Between its making and its lock, somebody else may take it for a leftover; then it is made again. */
static bool lock_stage(struct file_set *set)
{
	struct stat mine, there;

	set->stage_fd = openat(place_fd(set), set->stage, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (set->stage_fd >= 0 && flock(set->stage_fd, LOCK_EX) == 0 && fstat(set->stage_fd, &mine) == 0 &&
	    fstatat(place_fd(set), set->stage, &there, AT_SYMLINK_NOFOLLOW) == 0 && mine.st_ino == there.st_ino)
		return true;
	fd_closep(&set->stage_fd);
	return false;
}

static enum error_code make_stage(struct file_set *set, struct error *err)
{
	for (int i = 0; i < ATTEMPTS; i++) {
		uint64_t bits;

		randombytes_buf(&bits, sizeof(bits));
		snprintf(set->stage, sizeof(set->stage), "%.*s%016llx", NAME_MAX - 16, set->prefix, (unsigned long long)bits);
		if (mkdirat(place_fd(set), set->stage, 0700) == 0 && lock_stage(set))
			return ERR_OK;
		if (errno != ENOENT && errno != EEXIST)
			break;
	}
	return fail_errno(set, errno, "make a directory beside it", err);
}

static enum error_code write_file(const struct file_set *set, const char *name, const void *bytes, size_t len, struct error *err)
{
	cleanup_(fd_closep) int fd = openat(set->stage_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail_errno(set, errno, "make a file", err);
	if (fd_write_all(fd, bytes, len, err) != ERR_OK)
		return error_prefix(err, "%.200s", set->path);
	return fchmod(fd, 0600) == 0 && fsync(fd) == 0 ? ERR_OK : fail_errno(set, errno, "write a file", err);
}

enum error_code file_set_begin(const char *path, bool allow_disk, struct file_set **ret, struct error *err)
{
	static const char mark[] = "The files here are replaced together by envctl render.\n";
	cleanup_(file_set_freep) struct file_set *set = calloc(1, sizeof(*set));

	if (!set)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	set->parent_fd = set->directory_fd = set->stage_fd = -1;
	if (take_path(set, path, err) != ERR_OK || open_parent(set, err) != ERR_OK || open_directory(set, err) != ERR_OK)
		return err->code;
	if (!allow_disk && check_memory(set, err) != ERR_OK)
		return err->code;
	snprintf(set->prefix, sizeof(set->prefix), "%s%.*s%s", set->in_place ? "" : ".", NAME_MAX - 32,
		 set->in_place ? "" : set->name, STAGE_INSIDE);
	if (!each_name(place_fd(set), remove_leftover, set))
		return fail_errno(set, errno, "read the directory that holds it", err);
	if (make_stage(set, err) != ERR_OK || write_file(set, MARK, mark, sizeof(mark) - 1, err) != ERR_OK)
		return err->code;
	*ret = take_ptr(set);
	return ERR_OK;
}

enum error_code file_set_add(struct file_set *set, const char *name, const void *bytes, size_t len, struct error *err)
{
	size_t name_len = strlen(name);

	if (name_len == 0 || name_len > NAME_MAX || name[0] == '.' || strchr(name, '/'))
		return error_set(err, ERR_INVALID, "%.200s: a variable's name cannot be that of a file", set->path);
	return write_file(set, name, bytes, len, err);
}

/* -- the step ---------------------------------------------------------------------- */

struct moving {
	struct file_set *set;
	bool mark;	/* the mark goes first: what a crash leaves must be known as ours */
};

static bool move_in(int fd, const char *name, void *arg)
{
	const struct moving *moving = arg;

	if ((strcmp(name, MARK) == 0) != moving->mark)
		return true;
	return renameat(fd, name, moving->set->directory_fd, name) == 0;
}

struct stale {
	const struct file_set *set;
	char *names;	/* each with its NUL */
	size_t len;
};

static bool find_stale(int fd, const char *name, void *arg)
{
	struct stale *stale = arg;
	size_t size = strlen(name) + 1;
	struct stat st;
	char *names;

	(void)fd;
	if (strncmp(name, MARK, strlen(MARK)) == 0 || fstatat(stale->set->stage_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		return true;
	names = realloc(stale->names, stale->len + size);
	if (!names)
		return false;
	memcpy(names + stale->len, name, size);
	stale->names = names;
	stale->len += size;
	return true;
}

static bool remove_stale(const struct stale *stale)
{
	for (size_t at = 0; at < stale->len; at += strlen(stale->names + at) + 1)
		if (!unlink_one(stale->set->directory_fd, stale->names + at, NULL))
			return false;
	return true;
}

/* A variable that was there before and is there afterwards is there at any moment. */
static enum error_code commit_in_place(struct file_set *set, struct error *err)
{
	struct moving moving = { .set = set, .mark = true };
	struct stale stale = { .set = set };
	bool ok = fchmod(set->directory_fd, 0700) == 0 && each_name(set->directory_fd, find_stale, &stale) &&
		  each_name(set->stage_fd, move_in, &moving);

	moving.mark = false;
	ok = ok && each_name(set->stage_fd, move_in, &moving) && remove_stale(&stale) && fsync(set->directory_fd) == 0;
	free(stale.names);
	return ok ? ERR_OK : fail_errno(set, errno, "replace the files", err);
}

/* Some file systems cannot exchange; then there is a moment with no directory. */
static bool exchange(struct file_set *set)
{
	char aside[STAGE_NAME_MAX];

	if (renameat2(set->parent_fd, set->stage, set->parent_fd, set->name, RENAME_EXCHANGE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	snprintf(aside, sizeof(aside), "%.*sold", NAME_MAX - 4, set->prefix);
	return renameat(set->parent_fd, set->name, set->parent_fd, aside) == 0 &&
	       renameat(set->parent_fd, set->stage, set->parent_fd, set->name) == 0 && remove_flat(set->parent_fd, aside);
}

static enum error_code commit_swap(struct file_set *set, struct error *err)
{
	bool ok;

	if (fsync(set->stage_fd) != 0)
		return fail_errno(set, errno, "write it", err);
	if (set->directory_fd >= 0)
		ok = exchange(set);
	else
		ok = renameat2(set->parent_fd, set->stage, set->parent_fd, set->name, RENAME_NOREPLACE) == 0;
	if (!ok || fsync(set->parent_fd) != 0)
		return fail_errno(set, errno, "put the new files in its place", err);
	return ERR_OK;
}

enum error_code file_set_commit(struct file_set *set, struct error *err)
{
	enum error_code code = set->in_place ? commit_in_place(set, err) : commit_swap(set, err);

	if (code != ERR_OK)
		return code;
	/* Now the old files stand here, or nothing. */
	if (!remove_flat(place_fd(set), set->stage))
		return fail_errno(set, errno, "remove the old files, which stand hidden beside the new ones", err);
	set->stage[0] = '\0';
	return ERR_OK;
}

void file_set_free(struct file_set *set)
{
	if (!set)
		return;
	if (set->stage_fd >= 0 && set->stage[0] != '\0')
		(void)remove_flat(place_fd(set), set->stage);
	fd_closep(&set->stage_fd);
	fd_closep(&set->directory_fd);
	fd_closep(&set->parent_fd);
	free(set);
}
