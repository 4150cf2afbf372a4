#include "client/kept_token.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/token.h"
#include "vault/files.h"
#include "vault/limits.h"

/* What was kept for all vaults. */
static const char *const earlier_name = "token";

static enum error_code state_path(const char *name, char path[static PATH_MAX], struct error *err)
{
	const char *state = getenv("XDG_STATE_HOME");
	const char *home = getenv("HOME");
	int len = -1;

	if (state != NULL && state[0] == '/')
		len = snprintf(path, PATH_MAX, "%s/envctl/%s", state, name);
	else if (home != NULL && home[0] == '/')
		len = snprintf(path, PATH_MAX, "%s/.local/state/envctl/%s", home, name);
	if (len <= 0 || len >= PATH_MAX)
		return error_set(err, ERR_CONFIG, "neither XDG_STATE_HOME nor HOME says where a token can be kept");
	return ERR_OK;
}

/* False when it does not fit. The locale is never set, so letters are ASCII's. What follows a '%' is the name of a network
 * interface, where case counts. */
static bool append_encoded(char *name, size_t size, const char *text, bool lower)
{
	size_t len = strlen(name);

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;
		bool plain = isalnum(c) || strchr("-._:[]", c) != NULL;

		lower = lower && c != '%';
		if (len + (plain ? 1 : 3) >= size)
			return false;
		if (plain)
			name[len++] = lower ? (char)tolower(c) : (char)c;
		else
			len += (size_t)snprintf(name + len, size - len, "%%%02X", c);
		name[len] = '\0';
	}
	return true;
}

enum error_code kept_token_path(const struct address *address, char path[static PATH_MAX], struct error *err)
{
	char name[sizeof("tokens/") + NAME_MAX] = "tokens/";

	if (!append_encoded(name, sizeof(name), address->text, address->kind != ADDRESS_UNIX))
		return error_set(err, ERR_INVALID,
				 "the address of %s is too long for a token to be kept; use VAULT_TOKEN or --token-file",
				 address->origin);
	return state_path(name, path, err);
}

bool kept_token_earlier(char path[static PATH_MAX])
{
	struct error ignored = ERROR_INIT;

	return state_path(earlier_name, path, &ignored) == ERR_OK && access(path, F_OK) == 0;
}

/* Makes it where it is missing. */
static enum error_code ensure_folder(const char *path, struct error *err)
{
	char folder[PATH_MAX];

	snprintf(folder, sizeof(folder), "%.*s", (int)(strrchr(path, '/') - path), path);
	return directory_ensure(folder, false, err);
}

/* A missing file is no token; everything else that is wrong with it is told. Who can write to the folder can put a token
 * of his own there, and so read what is stored with it: that is looked at here as when a token is kept. */
enum error_code kept_token_read(const struct address *address, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	char path[PATH_MAX];
	struct error found = ERROR_INIT;
	enum error_code rc = kept_token_path(address, path, &found);

	if (rc != ERR_OK)
		return ERR_OK;
	rc = token_read_file(path, &token, &found);
	if (rc == ERR_NOT_FOUND)
		return ERR_OK;
	if (rc == ERR_OK)
		rc = ensure_folder(path, &found);
	if (rc != ERR_OK) {
		*err = found;
		return rc;
	}
	rc = token_check(token, token_source_text(TOKEN_KEPT), err);
	if (rc == ERR_OK)
		*ret = take_ptr(token);
	return rc;
}

/* What cannot be read stays and goes on being told. */
static void remove_earlier_if_same(const struct secret_buf *token)
{
	cleanup_(secret_buf_freep) struct secret_buf *earlier = NULL;
	char path[PATH_MAX];
	struct error ignored = ERROR_INIT;

	if (state_path(earlier_name, path, &ignored) == ERR_OK && token_read_file(path, &earlier, &ignored) == ERR_OK &&
	    secret_buf_len(earlier) == secret_buf_len(token) &&
	    memcmp(secret_buf_bytes(earlier), secret_buf_bytes(token), secret_buf_len(token)) == 0)
		(void)unlink(path);
}

enum error_code kept_token_write(const struct address *address, const struct secret_buf *token, struct error *err)
{
	char path[PATH_MAX];
	cleanup_(secret_buf_freep) struct secret_buf *line = secret_buf_new(LIMIT_TOKEN_LEN + 1);
	enum error_code rc = kept_token_path(address, path, err);

	if (rc == ERR_OK && line == NULL)
		rc = error_set(err, ERR_NO_MEMORY, "out of memory");
	if (rc == ERR_OK)
		rc = token_check(token, "the token", err);
	if (rc != ERR_OK)
		return rc;
	secret_buf_append(line, secret_buf_bytes(token), secret_buf_len(token));
	secret_buf_append_char(line, '\n');
	rc = ensure_folder(path, err);
	if (rc == ERR_OK)
		rc = file_write_atomic(path, 0600, secret_buf_bytes(line), secret_buf_len(line), err);
	if (rc != ERR_OK)
		return error_prefix(err, "keep the token");
	remove_earlier_if_same(token);
	return ERR_OK;
}

static enum error_code remove_file(const char *path, bool *removed, struct error *err)
{
	if (unlink(path) != 0)
		return errno == ENOENT || errno == ENOTDIR ? ERR_OK : error_set_errno(err, ERR_IO, errno, "cannot remove %s", path);
	*removed = true;
	return directory_sync_parent(path, err);
}

enum error_code kept_token_forget(const struct address *address, enum kept_forgotten *ret, struct error *err)
{
	char path[PATH_MAX];
	bool removed = false;
	enum error_code rc = kept_token_path(address, path, err);

	if (rc == ERR_OK)
		rc = remove_file(path, &removed, err);
	else if (rc == ERR_INVALID) { /* nothing can have been kept for it */
		error_clear(err);
		rc = ERR_OK;
	}
	if (rc == ERR_OK && removed) {
		*ret = FORGOTTEN_OF_ADDRESS;
		return rc;
	}
	if (rc == ERR_OK)
		rc = state_path(earlier_name, path, err);
	if (rc == ERR_OK)
		rc = remove_file(path, &removed, err);
	if (rc == ERR_OK)
		*ret = removed ? FORGOTTEN_EARLIER : FORGOTTEN_NONE;
	return rc;
}
