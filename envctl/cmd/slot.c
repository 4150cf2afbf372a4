#include "cmd/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cmd/terminal.h"
#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/names.h"

#define BODY_MAX (LIMIT_KEY_FILE_MAX * 2)

static enum error_code create_key_file(const char *path, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *key = secret_buf_new(LIMIT_KEY_FILE_MIN);
	uint8_t *bytes = key != NULL ? secret_buf_reserve(key, LIMIT_KEY_FILE_MIN) : NULL;

	if (bytes == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (getrandom(bytes, LIMIT_KEY_FILE_MIN, 0) != LIMIT_KEY_FILE_MIN)
		return error_set_errno(err, ERR_IO, errno, "cannot get random bytes");
	secret_buf_advance(key, LIMIT_KEY_FILE_MIN);
	enum error_code rc = file_write_atomic(path, 0400, bytes, LIMIT_KEY_FILE_MIN, err);
	return rc == ERR_OK ? rc : error_prefix(err, "make the key file");
}

static enum error_code read_key_file(const struct invocation *inv, enum slot_purpose purpose, struct secret_buf **ret,
				     bool *ret_created, struct error *err)
{
	const char *path = option_value(inv, OPT_KEY_FILE);
	struct error found = ERROR_INIT;
	enum error_code rc =
		file_read_secret(path, FILE_PRIVATE | FILE_REGULAR, false, LIMIT_KEY_FILE_MAX, ret, &found);

	if (rc == ERR_NOT_FOUND && purpose == SLOT_FOR_INIT) {
		rc = create_key_file(path, err);
		if (rc != ERR_OK)
			return rc;
		*ret_created = true;
		return file_read_secret(path, FILE_PRIVATE | FILE_REGULAR, false, LIMIT_KEY_FILE_MAX, ret, err);
	}
	if (rc != ERR_OK)
		*err = found;
	return rc;
}

static void emit_base64(struct secret_buf *out, const uint8_t *bytes, size_t len)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
				 (left > 2 ? (unsigned)bytes[i + 2] : 0);

		secret_buf_append_char(out, alphabet[group >> 18]);
		secret_buf_append_char(out, alphabet[group >> 12 & 63]);
		secret_buf_append_char(out, left > 1 ? alphabet[group >> 6 & 63] : '=');
		secret_buf_append_char(out, left > 2 ? alphabet[group & 63] : '=');
	}
}

static void emit_key_slot(struct secret_buf *out, enum slot_purpose purpose, const struct secret_buf *key)
{
	json_emit_raw(out, purpose == SLOT_FOR_INIT ? "{\"slot\":{\"type\":\"key_file\",\"key\":\""
						    : "{\"slot\":\"key_file\",\"key_file\":\"");
	emit_base64(out, secret_buf_bytes(key), secret_buf_len(key));
	json_emit_raw(out, purpose == SLOT_FOR_INIT ? "\"}}" : "\"}");
}

static void emit_passphrase_slot(struct secret_buf *out, enum slot_purpose purpose, const struct secret_buf *passphrase)
{
	json_emit_raw(out, purpose == SLOT_FOR_INIT ? "{\"slot\":{\"type\":\"passphrase\",\"passphrase\":"
						    : "{\"slot\":\"passphrase\",\"passphrase\":");
	json_emit_string(out, secret_buf_text(passphrase), secret_buf_len(passphrase));
	json_emit_raw(out, purpose == SLOT_FOR_INIT ? "}}" : "}");
}

static enum error_code check_options(const struct invocation *inv, struct error *err)
{
	int given = option_is_given(inv, OPT_KEY_FILE) + option_is_given(inv, OPT_PASSPHRASE_FILE) +
		    option_is_given(inv, OPT_PASSPHRASE);

	if (given > 1)
		return error_set(err, ERR_USAGE, "give one of --passphrase, --passphrase-file and --key-file");
	return ERR_OK;
}

enum error_code slot_body(const struct invocation *inv, enum slot_purpose purpose, struct secret_buf **ret,
			  bool *ret_created, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(BODY_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *secret = NULL;
	bool created = false;
	enum error_code rc = check_options(inv, err);

	if (rc == ERR_OK && body == NULL)
		rc = error_set(err, ERR_NO_MEMORY, "out of memory");
	if (rc != ERR_OK)
		return rc;
	if (option_is_given(inv, OPT_KEY_FILE)) {
		rc = read_key_file(inv, purpose, &secret, &created, err);
		if (rc == ERR_OK)
			emit_key_slot(body, purpose, secret);
	} else {
		rc = terminal_passphrase(option_value(inv, OPT_PASSPHRASE_FILE), purpose == SLOT_FOR_INIT, &secret,
					 err);
		if (rc == ERR_OK && !utf8_is_valid(secret_buf_text(secret), secret_buf_len(secret)))
			rc = error_set(err, ERR_INVALID, "the passphrase is not UTF-8 text");
		if (rc == ERR_OK)
			emit_passphrase_slot(body, purpose, secret);
	}
	if (rc == ERR_OK)
		rc = secret_buf_check(body, "the key", err);
	if (rc != ERR_OK)
		return rc;
	*ret_created = created;
	*ret = take_ptr(body);
	return ERR_OK;
}
