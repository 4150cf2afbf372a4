#include "cmd/new_file.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "vault/files.h"

static const int ending_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};

/* Of the file at hand: for the signal handler, which may call unlink() and raise() and little else. */
static char unfinished[PATH_MAX];

static void remove_and_end(int number)
{
	if (unfinished[0] != '\0')
		(void)unlink(unfinished);
	(void)signal(number, SIG_DFL);
	(void)raise(number);
}

static void catch_signals(void)
{
	struct sigaction action = {.sa_handler = remove_and_end}, before;

	sigemptyset(&action.sa_mask);
	for (size_t i = 0; i < ARRAY_LEN(ending_signals); i++) {
		sigaction(ending_signals[i], NULL, &before);
		if (before.sa_handler != SIG_IGN)
			sigaction(ending_signals[i], &action, NULL);
	}
}

enum error_code new_file_begin(const char *path, bool force, struct new_file *ret, struct error *err)
{
	struct new_file file = {.fd = -1, .force = force};
	struct stat info;
	bool is_there = lstat(path, &info) == 0;

	if (snprintf(file.path, sizeof(file.path), "%s", path) >= (int)sizeof(file.path) ||
	    snprintf(file.temporary, sizeof(file.temporary), "%.4080s.part-XXXXXX", path) >= (int)sizeof(file.temporary))
		return error_set(err, ERR_USAGE, "the file's path is too long");
	/* A name in /dev would be a file from then on, for everybody. */
	if (is_there && !S_ISREG(info.st_mode) && !S_ISLNK(info.st_mode))
		return error_set(err, ERR_EXISTS, "%s is there and is no file: give another name, or -o - for standard output", path);
	if (!force && is_there)
		return error_set(err, ERR_EXISTS, "%s is there already: give another name, or --force", path);
	file.fd = mkstemp(file.temporary); /* O_EXCL, mode 0600 */
	if (file.fd < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot make a file beside %s", path);
	memcpy(unfinished, file.temporary, sizeof(unfinished));
	catch_signals();
	*ret = file;
	return ERR_OK;
}

enum error_code new_file_write(struct new_file *file, const void *bytes, size_t len, struct error *err)
{
	return fd_write_all(file->fd, bytes, len, err);
}

/* Nothing is replaced without being asked for: a second name fails when the first is taken. */
static bool give_name(const struct new_file *file)
{
	if (file->force)
		return rename(file->temporary, file->path) == 0;
	if (renameat2(AT_FDCWD, file->temporary, AT_FDCWD, file->path, RENAME_NOREPLACE) == 0)
		return true;
	if (errno != EINVAL && errno != ENOSYS)
		return false;
	return link(file->temporary, file->path) == 0 && unlink(file->temporary) == 0;
}

enum error_code new_file_finish(struct new_file *file, struct error *err)
{
	if (fsync(file->fd) != 0)
		return error_set_errno(err, ERR_IO, errno, "cannot sync %s", file->temporary);
	/* A rename that is told as failed may have happened, as over a network. */
	if (!give_name(file) && !fd_is_named(file->fd, AT_FDCWD, file->path))
		return errno == EEXIST ? error_set(err, ERR_EXISTS, "%s has come to be meanwhile; it was not replaced", file->path) :
					 error_set_errno(err, ERR_IO, errno, "cannot give %s its name", file->path);
	(void)unlink(file->temporary); /* when it was linked; otherwise there is none */
	unfinished[0] = '\0';
	file->temporary[0] = '\0';
	if (directory_sync_parent(file->path, err) == ERR_OK)
		return ERR_OK;
	return error_prefix(err, "%s is there and whole, but a power cut may undo that", file->path);
}

void new_file_end(struct new_file *file)
{
	fd_closep(&file->fd);
	if (file->temporary[0] == '\0')
		return;
	(void)unlink(file->temporary);
	unfinished[0] = '\0';
	file->temporary[0] = '\0';
}
