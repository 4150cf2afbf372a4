#include "client/token.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/files.h"
#include "vault/limits.h"

static void trim_line_end(struct secret_buf *token)
{
	const char *text = secret_buf_text(token);
	size_t len = secret_buf_len(token);

	if (len > 0 && text[len - 1] == '\n')
		len--;
	if (len > 0 && text[len - 1] == '\r')
		len--;
	secret_buf_truncate(token, len);
}

/* What is sent in a header must not be able to end that header. */
static enum error_code check_text(const struct secret_buf *token, enum token_source source, struct error *err)
{
	const char *text = secret_buf_text(token);
	size_t len = secret_buf_len(token);

	if (len == 0)
		return error_set(err, ERR_INVALID, "%s is empty", token_source_text(source));
	if (len > LIMIT_TOKEN_LEN)
		return error_set(err, ERR_TOO_LARGE, "%s is longer than %d bytes", token_source_text(source),
				 LIMIT_TOKEN_LEN);
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e)
			return error_set(err, ERR_INVALID, "%s is not a token: it must be one word of printable ASCII",
					 token_source_text(source));
	return ERR_OK;
}

static enum error_code read_file(const char *path, struct secret_buf **ret, struct error *err)
{
	enum error_code rc = file_read_secret(path, FILE_PRIVATE | FILE_REGULAR, false, LIMIT_TOKEN_LEN + 2, ret, err);

	if (rc == ERR_OK)
		trim_line_end(*ret);
	return rc;
}

static bool state_file_path(char *path, size_t size)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int len;

	if (state != NULL && state[0] == '/')
		len = snprintf(path, size, "%s/envctl/token", state);
	else if (home != NULL && home[0] == '/')
		len = snprintf(path, size, "%s/.local/state/envctl/token", home);
	else
		return false;
	return len > 0 && (size_t)len < size;
}

/* A missing file is no token; everything else that is wrong with it is told. */
static enum error_code read_state_file(struct secret_buf **ret, struct error *err)
{
	char path[PATH_MAX];
	struct error found = ERROR_INIT;

	if (!state_file_path(path, sizeof(path)))
		return ERR_OK;
	enum error_code rc = read_file(path, ret, &found);
	if (rc == ERR_OK || rc == ERR_NOT_FOUND)
		return ERR_OK;
	*err = found;
	return rc;
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
		rc = check_text(token, source, err);
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
