#include "cmd/env_directory.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/output.h"
#include "vault/file_set.h"
#include "vault/files.h"
#include "vault/limits.h"

static int is_shown(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static enum error_code read_one(const struct dialect *dialect, const char *path, const char *name, struct env_set *set,
				size_t *errors, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	struct error found = ERROR_INIT;
	char file[4096];

	int len = snprintf(file, sizeof(file), "%s/%s", path, name);
	if (len < 0 || (size_t)len >= sizeof(file))
		return error_set(err, ERR_INVALID, "the path of a file is too long");
	enum error_code rc = file_read_secret(file, FILE_REGULAR, false, LIMIT_ENV_FILE, &text, err);
	if (rc != ERR_OK)
		return rc;
	rc = dialect_decode_file(dialect, name, strlen(name), secret_buf_text(text), secret_buf_len(text), set, &notes, &found);
	warn_notes(&notes, file);
	if (rc == ERR_INVALID) {
		(*errors)++;
		return ERR_OK;
	}
	return rc == ERR_OK ? ERR_OK : error_set(err, rc, "%s", found.text);
}

static enum error_code read_all(const struct dialect *dialect, const char *path, struct dirent **names, size_t len,
				struct env_set *set, struct error *err)
{
	enum error_code rc = ERR_OK;
	size_t errors = 0;

	for (size_t i = 0; rc == ERR_OK && i < len; i++)
		rc = read_one(dialect, path, names[i]->d_name, set, &errors, err);
	if (rc == ERR_OK && errors > 0)
		rc = error_set(err, ERR_INVALID, "%zu of its files cannot be read", errors);
	return rc;
}

enum error_code env_directory_read(const struct dialect *dialect, const char *path, struct env_set *set, struct error *err)
{
	struct dirent **names = NULL;
	int len = scandir(path, &names, is_shown, alphasort);

	if (len < 0 && errno == ENOTDIR)
		return error_set(err, ERR_INVALID, "%.200s is not a directory, and %s is a directory of files", path,
				 dialect_name(dialect));
	if (len < 0)
		return error_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "cannot open the directory %.200s", path);
	enum error_code rc = len > LIMIT_VARIABLES ?
				     error_set(err, ERR_TOO_LARGE, "%.200s holds more than %d files", path, LIMIT_VARIABLES) :
				     read_all(dialect, path, names, (size_t)len, set, err);
	for (int i = 0; i < len; i++)
		free(names[i]);
	free(names);
	return rc;
}

static enum error_code add_all(const struct dialect *dialect, const struct env_set *set, struct file_set *files, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *content = secret_buf_new(LIMIT_ENV_FILE);
	enum error_code rc = ERR_OK;

	if (content == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);
		bool present = false;

		rc = dialect_encode_file(dialect, &entry, content, &present, err);
		if (rc == ERR_OK && present)
			rc = file_set_add(files, entry.name, secret_buf_bytes(content), secret_buf_len(content), err);
	}
	return rc;
}

enum error_code env_directory_write(const struct dialect *dialect, const struct env_set *set, const struct dialect_options *options,
				    const char *path, bool allow_disk, struct notes *notes, struct error *err)
{
	cleanup_(file_set_freep) struct file_set *files = NULL;
	enum error_code rc = dialect_check(dialect, set, options, notes, err);

	if (rc == ERR_OK)
		rc = file_set_begin(path, allow_disk, &files, err);
	if (rc == ERR_OK)
		rc = add_all(dialect, set, files, err);
	return rc == ERR_OK ? file_set_commit(files, err) : rc;
}
