#include "client/token.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "vault/files.h"
#include "vault/limits.h"

void token_trim(struct secret_buf *token)
{
	const char *text = secret_buf_text(token);
	size_t len = secret_buf_len(token);

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	secret_buf_truncate(token, len);
}

enum error_code token_check(const struct secret_buf *token, const char *what, struct error *err)
{
	const char *text = secret_buf_text(token);
	size_t len = secret_buf_len(token);

	if (len == 0)
		return error_set(err, ERR_INVALID, "%s is empty", what);
	if (len > LIMIT_TOKEN_LEN)
		return error_set(err, ERR_TOO_LARGE, "%s is longer than %d bytes", what, LIMIT_TOKEN_LEN);
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return error_set(err, ERR_INVALID, "%s is not a token: it must be one word of printable ASCII",
					 what);
	return ERR_OK;
}

static enum error_code read_file(const char *path, struct secret_buf **ret, struct error *err)
{
	enum error_code rc = file_read_secret(path, FILE_PRIVATE | FILE_REGULAR, false, LIMIT_TOKEN_LEN + 2, ret, err);

	if (rc == ERR_OK)
		token_trim(*ret);
	return rc;
}

enum error_code token_state_path(char path[static PATH_MAX], struct error *err)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int len = -1;

	if (state != NULL && state[0] == '/')
		len = snprintf(path, PATH_MAX, "%s/envctl/token", state);
	else if (home != NULL && home[0] == '/')
		len = snprintf(path, PATH_MAX, "%s/.local/state/envctl/token", home);
	if (len <= 0 || len >= PATH_MAX)
		return error_set(err, ERR_CONFIG, "neither XDG_STATE_HOME nor HOME says where a token can be kept");
	return ERR_OK;
}

/* A missing file is no token; everything else that is wrong with it is told. */
static enum error_code read_state_file(struct secret_buf **ret, struct error *err)
{
	char path[PATH_MAX];
	struct error found = ERROR_INIT;
	enum error_code rc = token_state_path(path, &found);

	if (rc == ERR_CONFIG)
		return ERR_OK;
	rc = read_file(path, ret, &found);
	if (rc == ERR_OK || rc == ERR_NOT_FOUND)
		return ERR_OK;
	*err = found;
	return rc;
}

enum error_code token_stored(struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	enum error_code rc = read_state_file(&token, err);

	if (rc == ERR_OK && token != NULL)
		rc = token_check(token, token_source_text(TOKEN_STATE_FILE), err);
	if (rc == ERR_OK)
		*ret = take_ptr(token);
	return rc;
}

enum error_code token_store(const struct secret_buf *token, struct error *err)
{
	char path[PATH_MAX], folder[PATH_MAX];
	cleanup_(secret_buf_freep) struct secret_buf *line = secret_buf_new(LIMIT_TOKEN_LEN + 1);
	enum error_code rc = token_state_path(path, err);

	if (rc == ERR_OK && line == NULL)
		rc = error_set(err, ERR_NO_MEMORY, "out of memory");
	if (rc == ERR_OK)
		rc = token_check(token, "the token", err);
	if (rc != ERR_OK)
		return rc;
	secret_buf_append(line, secret_buf_bytes(token), secret_buf_len(token));
	secret_buf_append_char(line, '\n');
	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	rc = directory_ensure(folder, false, err);
	if (rc == ERR_OK)
		rc = file_write_atomic(path, 0600, secret_buf_bytes(line), secret_buf_len(line), err);
	return rc == ERR_OK ? rc : error_prefix(err, "keep the token");
}

enum error_code token_forget(bool *ret_removed, struct error *err)
{
	char path[PATH_MAX];
	enum error_code rc = token_state_path(path, err);

	if (rc != ERR_OK)
		return rc;
	*ret_removed = unlink(path) == 0;
	if (!*ret_removed && errno != ENOENT && errno != ENOTDIR)
		return error_set_errno(err, ERR_IO, errno, "cannot remove %s", path);
	return *ret_removed ? directory_sync_parent(path, err) : ERR_OK;
}

static enum error_code read_variable(const char *value, struct secret_buf **ret, struct error *err)
{
	struct secret_buf *token = secret_buf_new(LIMIT_TOKEN_LEN + 1);

	if (token == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	secret_buf_append(token, value, strnlen(value, LIMIT_TOKEN_LEN + 1));
	*ret = token;
	return ERR_OK;
}

enum error_code token_find(const char *option, struct secret_buf **ret, enum token_source *ret_source,
			   struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	const char *variable = getenv("VAULT_TOKEN");
	enum token_source source = TOKEN_NONE;
	enum error_code rc;

	if (option != NULL) {
		source = TOKEN_OPTION;
		rc = read_file(option, &token, err);
	} else if (variable != NULL && variable[0] != '\0') {
		source = TOKEN_VARIABLE;
		rc = read_variable(variable, &token, err);
	} else {
		source = TOKEN_STATE_FILE;
		rc = read_state_file(&token, err);
	}
	if (rc == ERR_OK && token != NULL)
		rc = token_check(token, token_source_text(source), err);
	if (rc != ERR_OK)
		return rc;
	*ret_source = token != NULL ? source : TOKEN_NONE;
	*ret = take_ptr(token);
	return ERR_OK;
}

const char *token_source_text(enum token_source source)
{
	switch (source) {
	case TOKEN_NONE:
		return "no token";
	case TOKEN_OPTION:
		return "the token of --token-file";
	case TOKEN_VARIABLE:
		return "the token of VAULT_TOKEN";
	case TOKEN_STATE_FILE:
		return "the token of the file envctl/token in XDG_STATE_HOME";
	}
	return "the token";
}
