#include "client/token.h"

#include <stdlib.h>
#include <string.h>

#include "client/kept_token.h"
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

enum error_code token_read_file(const char *path, struct secret_buf **ret, struct error *err)
{
	enum error_code rc = file_read_secret(path, FILE_PRIVATE | FILE_REGULAR, false, LIMIT_TOKEN_LEN + 2, ret, err);

	if (rc == ERR_OK)
		token_trim(*ret);
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

enum error_code token_find(const char *option, const struct address *address, struct secret_buf **ret,
			   enum token_source *ret_source, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	const char *variable = getenv("VAULT_TOKEN");
	enum token_source source = TOKEN_NONE;
	enum error_code rc;

	if (option != NULL) {
		source = TOKEN_OPTION;
		rc = token_read_file(option, &token, err);
	} else if (variable != NULL && variable[0] != '\0') {
		source = TOKEN_VARIABLE;
		rc = read_variable(variable, &token, err);
	} else {
		source = TOKEN_KEPT;
		rc = kept_token_read(address, &token, err);
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
	case TOKEN_KEPT:
		return "the token that `envctl login` has kept for this address";
	}
	return "the token";
}
