#include "cmd/env_output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/dialect_option.h"
#include "cmd/env_directory.h"
#include "cmd/output.h"
#include "vault/files.h"
#include "vault/limits.h"
#include "vault/plural.h"

static bool is_named(const struct dialect *dialect, const char *name)
{
	return dialect != NULL && strcmp(dialect_name(dialect), name) == 0;
}

/* -- options ---------------------------------------------------------------------- */

static enum error_code read_print_files(const struct invocation *inv, struct env_output *ret, struct error *err)
{
	if (!option_is_given(inv, OPT_PRINT_FILES))
		return ERR_OK;
	if (dialect_of_option(inv, OPT_PRINT_FILES, "print-files", NULL, &ret->print_files, err) != ERR_OK)
		return err->code;
	if (dialect_is_directory(ret->print_files))
		return error_set(err, ERR_USAGE, "--print-files needs a dialect that is a text");
	return ERR_OK;
}

static enum error_code check_together(const struct env_output *output, struct error *err)
{
	bool directory = dialect_is_directory(output->dialect);
	const char *name = dialect_name(output->dialect);

	if (directory && output->place == NULL)
		return error_set(err, ERR_USAGE, "%s is a directory of files: name it with --output DIR", name);
	if (!directory && (output->allow_disk || output->print_files != NULL))
		return error_set(err, ERR_USAGE, "--allow-disk and --print-files are for directories of files");
	if (output->print_files != NULL && !is_named(output->dialect, "directory"))
		return error_set(err, ERR_USAGE, "--print-files is for the format directory");
	if ((output->options.object != NULL || output->options.namespace_ != NULL) && !is_named(output->dialect, "kubernetes"))
		return error_set(err, ERR_USAGE, "--name and --namespace are for the format kubernetes");
	return ERR_OK;
}

enum error_code env_output_read(const struct invocation *inv, enum option_id format, const char *format_name,
				struct env_output *ret, struct error *err)
{
	const char *place = option_value(inv, OPT_OUTPUT);

	*ret = (struct env_output){
		.options = {
			.skip = option_is_given(inv, OPT_SKIP_UNREPRESENTABLE),
			.object = option_value(inv, OPT_NAME),
			.namespace_ = option_value(inv, OPT_NAMESPACE),
		},
		.place = place != NULL && strcmp(place, "-") != 0 ? place : NULL,
		.allow_disk = option_is_given(inv, OPT_ALLOW_DISK),
	};
	randombytes_buf(ret->options.random, sizeof(ret->options.random));
	enum error_code rc = dialect_of_option(inv, format, format_name, NULL, &ret->dialect, err);
	if (rc == ERR_OK)
		rc = read_print_files(inv, ret, err);
	return rc == ERR_OK ? check_together(ret, err) : rc;
}

/* -- GITHUB_ENV -------------------------------------------------------------------- */

/* Text behind a line without an end would become part of it. */
static enum error_code end_last_line(int fd, const char *file, struct error *err)
{
	off_t size = lseek(fd, 0, SEEK_END);
	char last = '\n';

	if (size > 0 && pread(fd, &last, 1, size - 1) != 1)
		return error_set_errno(err, ERR_IO, errno, "cannot read %.200s", file);
	return last == '\n' ? ERR_OK : fd_write_all(fd, "\n", 1, err);
}

/* The runner's file is shared by all steps: it is added to, and never replaced. */
static enum error_code append(const char *file, const struct secret_buf *text, struct error *err)
{
	cleanup_(fd_closep) int fd = open(file, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0600);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) != 0)
		return error_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "cannot open %.200s", file);
	if (!S_ISREG(st.st_mode))
		return error_set(err, ERR_INVALID, "%.200s is a device, pipe or socket, not a regular file", file);
	enum error_code rc = end_last_line(fd, file, err);
	if (rc == ERR_OK)
		rc = fd_write_all(fd, secret_buf_bytes(text), secret_buf_len(text), err);
	return rc == ERR_OK ? ERR_OK : error_prefix(err, "add to %.200s", file);
}

/* The masks come first: nothing may be in the runner's hands that its log would show. */
static enum error_code write_github(const struct env_output *output, const struct env_set *set, const struct secret_buf *text,
				    struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *masks = output_new(err);

	if (masks == NULL)
		return err->code;
	github_add_masks(set, masks);
	enum error_code rc = output_flush(masks, err);
	return rc == ERR_OK ? append(output->place, text, err) : rc;
}

/* -- texts and directories ----------------------------------------------------------- */

static enum error_code write_text(const struct invocation *inv, const struct env_output *output, const struct env_set *set,
				  struct secret_buf *text, struct error *err)
{
	bool github = is_named(output->dialect, "github");

	if (output->place == NULL && github)
		warn("warning: no value is masked in the log; give --output \"$GITHUB_ENV\"");
	if (output->place == NULL)
		return output_flush(text, err);
	enum error_code rc = github ? write_github(output, set, text, err) :
				      file_write_atomic(output->place, 0600, secret_buf_bytes(text), secret_buf_len(text), err);
	if (rc == ERR_OK)
		say(inv, "wrote %s", output->place);
	return rc;
}

/* NAME_FILE=DIR/NAME for each file that there is. */
static enum error_code add_file_name(const struct env_output *output, const struct env_entry *entry, const char *directory,
				     struct secret_buf *work, struct env_set *ret, struct error *err)
{
	char name[LIMIT_VARIABLE_NAME_LEN + sizeof("_FILE")], path[PATH_MAX];
	bool present = false;
	enum error_code rc = dialect_encode_file(output->dialect, entry, work, &present, err);

	if (rc != ERR_OK || !present)
		return rc;
	int name_len = snprintf(name, sizeof(name), "%s_FILE", entry->name);
	int path_len = snprintf(path, sizeof(path), "%s/%s", directory, entry->name);
	if (name_len < 0 || path_len < 0 || (size_t)name_len >= sizeof(name) || (size_t)path_len >= sizeof(path))
		return error_set(err, ERR_INVALID, "a name or a path is too long for --print-files");
	return env_set_put(ret, name, (size_t)name_len, path, (size_t)path_len, 0, NULL, err);
}

static enum error_code make_file_names(const struct env_output *output, const struct env_set *set, struct secret_buf *out,
				       struct notes *notes, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *files = env_set_new(LIMIT_ENV_FILE);
	cleanup_(secret_buf_freep) struct secret_buf *work = secret_buf_new(LIMIT_ENV_FILE);
	char directory[PATH_MAX];
	enum error_code rc = ERR_OK;

	if (files == NULL || work == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (realpath(output->place, directory) == NULL)
		return error_set_errno(err, ERR_IO, errno, "cannot find %.200s", output->place);
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);

		rc = add_file_name(output, &entry, directory, work, files, err);
	}
	return rc == ERR_OK ? dialect_encode(output->print_files, files, &output->options, out, notes, err) : rc;
}

static enum error_code write_directory(const struct invocation *inv, const struct env_output *output, const struct env_set *set,
				       struct secret_buf *out, struct notes *notes, struct error *err)
{
	enum error_code rc = env_directory_write(output->dialect, set, &output->options, output->place, output->allow_disk, notes, err);

	if (rc != ERR_OK)
		return rc;
	say(inv, "wrote %s", output->place);
	if (output->print_files == NULL)
		return ERR_OK;
	rc = make_file_names(output, set, out, notes, err);
	return rc == ERR_OK ? output_flush(out, err) : rc;
}

static enum error_code encode(const struct invocation *inv, const struct env_output *output, const struct env_set *set,
			      struct secret_buf *out, struct notes *notes, struct error *err)
{
	if (!dialect_is_directory(output->dialect))
		return dialect_encode(output->dialect, set, &output->options, out, notes, err);
	if (notes->errors == 0)
		return write_directory(inv, output, set, out, notes, err);
	return dialect_check(output->dialect, set, &output->options, notes, err);
}

enum error_code env_output_write(const struct invocation *inv, struct env_output *output, const struct env_set *set,
				 struct notes *notes, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	enum error_code rc = encode(inv, output, set, out, notes, err);
	warn_notes(notes, NULL);
	if (notes->errors > 0 && (rc == ERR_OK || rc == ERR_UNREPRESENTABLE)) {
		error_clear(err);
		return error_set(err, ERR_UNREPRESENTABLE, "%s cannot hold %zu %s; nothing was written",
				 dialect_name(output->dialect), notes->errors, plural(notes->errors, "variable", "variables"));
	}
	return rc == ERR_OK && !dialect_is_directory(output->dialect) ? write_text(inv, output, set, out, err) : rc;
}
