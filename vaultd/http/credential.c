#include "http/credential.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "records/tables.h"
#include "vault/files.h"

static bool is_plain_name(const char *name)
{
	size_t len = strlen(name);

	return len > 0 && len <= 64 && name[0] != '.' &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == len;
}

enum error_code credential_read(const char *directory, const char *name, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *key = NULL;
	char path[PATH_MAX];
	int len;

	if (!is_plain_name(name))
		return error_set(err, ERR_INVALID, "the credential's name must be a plain file name of at most 64 characters");
	if (!directory)
		return error_set(err, ERR_NOT_FOUND, "systemd gave no credentials: add LoadCredential=%s:FILE to the unit", name);
	len = snprintf(path, sizeof(path), "%s/%s", directory, name);
	if (len < 0 || (size_t)len >= sizeof(path))
		return error_set(err, ERR_INVALID, "the path of the credential is too long");
	if (file_read_secret(path, FILE_REGULAR, false, 4096, &key, err) != ERR_OK)
		return err->code;
	if (secret_buf_len(key) != KEY_LEN)
		return error_set(err, ERR_INVALID, "the credential %s must have exactly %d bytes, it has %zu", name, KEY_LEN,
				 secret_buf_len(key));
	*ret = take_ptr(key);
	return ERR_OK;
}
