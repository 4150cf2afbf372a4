#include "cmd/token_input.h"

#include <string.h>

#include "client/token.h"
#include "vault/files.h"
#include "vault/limits.h"
#include "vault/terminal.h"

#define ACCESSOR_MAX 128

/* Only the first line counts, as at a prompt. */
static enum error_code read_first_line(const char *path, struct secret_buf **ret, struct error *err)
{
	bool is_stdin = strcmp(path, "-") == 0;
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	enum error_code rc = file_read_secret(path, is_stdin ? FILE_ANY_MODE : FILE_PRIVATE | FILE_REGULAR, is_stdin,
					      LIMIT_TOKEN_LEN + 2, &text, err);

	if (rc != ERR_OK)
		return rc;
	const char *end = memchr(secret_buf_text(text), '\n', secret_buf_len(text));
	if (end != NULL)
		secret_buf_truncate(text, (size_t)(end - secret_buf_text(text)) + 1);
	token_trim(text);
	*ret = take_ptr(text);
	return ERR_OK;
}

static enum error_code checked(struct secret_buf **token, const char *from, struct secret_buf **ret, struct error *err)
{
	if (secret_buf_len(*token) == 0)
		return error_set(err, ERR_INVALID, "no token was given: %s is empty", from);
	enum error_code rc = token_check(*token, "what was given", err);
	if (rc == ERR_OK)
		*ret = take_ptr(*token);
	return rc;
}

enum error_code token_input(const char *prompt, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	bool terminal = terminal_is_there();
	enum error_code rc = terminal ? terminal_read_secret(prompt, &token, err) : read_first_line("-", &token, err);

	return rc == ERR_OK ? checked(&token, terminal ? "the line" : "the first line of standard input", ret, err) : rc;
}

enum error_code token_input_file(const char *path, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	enum error_code rc = read_first_line(path, &token, err);

	return rc == ERR_OK ? checked(&token, "the first line of that file", ret, err) : rc;
}

static enum error_code accessor_check(const char *accessor, struct error *err)
{
	size_t len = strlen(accessor);

	for (size_t i = 0; i < len && i <= ACCESSOR_MAX; i++)
		if (accessor[i] < 0x21 || accessor[i] > 0x7e)
			len = ACCESSOR_MAX + 1;
	if (len == 0 || len > ACCESSOR_MAX)
		return error_set(err, ERR_USAGE, "--accessor needs an accessor: one word of at most %d characters",
				 ACCESSOR_MAX);
	return ERR_OK;
}

enum error_code token_named(const struct invocation *inv, struct secret_buf **ret_text, struct token_name *ret,
			    struct error *err)
{
	const char *accessor = option_value(inv, OPT_ACCESSOR);
	struct token_name name = {.by = TOKEN_SELF};
	enum error_code rc = ERR_OK;

	if (accessor != NULL && inv->words_len > 0)
		return error_set(err, ERR_USAGE, "give one of --accessor and -");
	if (accessor != NULL) {
		name = (struct token_name){.by = TOKEN_BY_ACCESSOR, .accessor = accessor};
		rc = accessor_check(accessor, err);
	} else if (inv->words_len > 0) {
		if (strcmp(inv->words[0], "-") != 0)
			return error_set(err, ERR_USAGE,
					 "others can see a token in the command line; give - and it is asked for, or read "
					 "from standard input");
		rc = token_input("Token: ", ret_text, err);
		name = (struct token_name){.by = TOKEN_BY_TEXT, .text = *ret_text};
	}
	if (rc == ERR_OK)
		*ret = name;
	return rc;
}
