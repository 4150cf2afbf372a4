#include "cmd/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/names.h"
#include "vault/terminal.h"

#define SHARES_FILE_MAX 8192 /* 16 shares with whatever hyphens people write them with */

struct secret_buf *slot_body_new(struct error *err)
{
	struct secret_buf *body = secret_buf_new(LIMIT_BODY_SLOTS);

	if (body == NULL)
		error_set(err, ERR_NO_MEMORY, "out of memory");
	return body;
}

/* -- options ----------------------------------------------------------------- */

/* "5", or "3-of-5". */
static enum error_code read_numbers(const char *text, struct slot_choice *choice, struct error *err)
{
	unsigned first = 0, second = 0;
	int end = 0;

	if (strspn(text, "0123456789") > 2)
		return error_set(err, ERR_USAGE, "--shares takes at most %d shares", LIMIT_SHARES);
	if (sscanf(text, "%2u-of-%2u%n", &first, &second, &end) == 2 && text[end] == '\0') {
		choice->threshold = first;
		choice->shares = second;
	} else if (sscanf(text, "%2u%n", &first, &end) == 1 && text[end] == '\0') {
		choice->shares = first;
	} else {
		return error_set(err, ERR_USAGE, "--shares takes a number, or K-of-N such as 3-of-5");
	}
	return ERR_OK;
}

/* Both numbers are there, and make sense together. */
static enum error_code check_numbers(const struct slot_choice *choice, struct error *err)
{
	static const char form[] = "--shares 3-of-5: any 3 of 5 shares open the vault";

	if (choice->threshold == 0)
		return error_set(err, ERR_USAGE, "how many of the %u shares are needed is not said; %s", choice->shares, form);
	if (choice->shares > LIMIT_SHARES)
		return error_set(err, ERR_USAGE, "at most %d shares can be made, not %u; %s", LIMIT_SHARES, choice->shares, form);
	if (choice->threshold > choice->shares)
		return error_set(err, ERR_USAGE, "%u of them cannot be needed where there are %u; %s", choice->threshold, choice->shares, form);
	if (choice->threshold < 2)
		return error_set(err, ERR_USAGE, "at least 2 shares must be needed, as one alone is a key file; %s", form);
	return ERR_OK;
}

static enum error_code read_shares(const struct invocation *inv, struct slot_choice *choice, struct error *err)
{
	uint64_t threshold = 0;
	enum error_code rc = option_number(inv, OPT_THRESHOLD, false, &threshold, err);

	if (rc == ERR_OK && option_is_given(inv, OPT_SHARES))
		rc = read_numbers(option_value(inv, OPT_SHARES), choice, err);
	if (rc != ERR_OK)
		return rc;
	if (threshold > 0 && (choice->shares == 0 || choice->threshold > 0))
		return error_set(err, ERR_USAGE, "--threshold goes with --shares N");
	if (threshold > 0)
		choice->threshold = threshold > UINT_MAX ? UINT_MAX : (unsigned)threshold;
	if (choice->shares == 0)
		return ERR_OK;
	return check_numbers(choice, err);
}

/* Only a passphrase and a key file go together. */
static enum error_code check_ways(const struct slot_choice *choice, const char *names, struct error *err)
{
	bool passphrase = choice->ask || choice->passphrase_file != NULL;
	int others = (choice->shares > 0) + (choice->shares_file != NULL) + (choice->credential != NULL);

	if (others > 1 || (others == 1 && (passphrase || choice->key_file != NULL)) ||
	    (choice->ask && choice->passphrase_file != NULL))
		return error_set(err, ERR_USAGE, "give one of %s; only a passphrase and a key file go together", names);
	return ERR_OK;
}

enum error_code slot_choice_read(const struct invocation *inv, struct slot_choice *ret, struct error *err)
{
	struct slot_choice choice = {
		.ask = option_is_given(inv, OPT_PASSPHRASE),
		.passphrase_file = option_value(inv, OPT_PASSPHRASE_FILE),
		.key_file = option_value(inv, OPT_KEY_FILE),
		.credential = option_value(inv, OPT_CREDENTIAL),
		.label = option_value(inv, OPT_LABEL),
	};
	enum error_code rc = read_shares(inv, &choice, err);

	if (rc == ERR_OK)
		rc = check_ways(&choice, "--passphrase, --passphrase-file, --key-file, --credential and --shares", err);
	if (rc == ERR_OK)
		*ret = choice;
	return rc;
}

enum error_code slot_unlock_read(const struct invocation *inv, struct slot_choice *ret, struct error *err)
{
	struct slot_choice choice = {
		.passphrase_file = option_value(inv, OPT_UNLOCK_PASSPHRASE_FILE),
		.key_file = option_value(inv, OPT_UNLOCK_KEY_FILE),
		.shares_file = option_value(inv, OPT_UNLOCK_SHARES_FILE),
		.credential = option_value(inv, OPT_UNLOCK_CREDENTIAL),
	};
	enum error_code rc = check_ways(&choice,
					"--unlock-passphrase-file, --unlock-key-file, --unlock-shares-file and "
					"--unlock-credential",
					err);

	if (rc == ERR_OK)
		*ret = choice;
	return rc;
}

/* -- secrets ------------------------------------------------------------------ */

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

static enum error_code read_key_file(const char *path, enum slot_purpose purpose, struct secret_buf **ret,
				     bool *ret_created, struct error *err)
{
	struct error found = ERROR_INIT;
	enum error_code rc =
		file_read_secret(path, FILE_PRIVATE | FILE_REGULAR, false, LIMIT_KEY_FILE_MAX, ret, &found);

	if (rc == ERR_NOT_FOUND && purpose == SLOT_TO_MAKE) {
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

static enum error_code append_key(const char *path, enum slot_purpose purpose, struct secret_buf *out, bool *ret_created,
				  struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *key = NULL;
	enum error_code rc = read_key_file(path, purpose, &key, ret_created, err);

	if (rc != ERR_OK)
		return rc;
	if (secret_buf_len(key) == 0)
		return error_set(err, ERR_INVALID, "the key file %.300s is empty; a key file has %d to %d bytes%s", path, LIMIT_KEY_FILE_MIN,
				 LIMIT_KEY_FILE_MAX,
				 purpose == SLOT_TO_MAKE ? ", and is made when it is missing" : ": is it the right one?");
	json_emit_raw(out, ",\"key\":\"");
	emit_base64(out, secret_buf_bytes(key), secret_buf_len(key));
	json_emit_raw(out, "\"");
	return ERR_OK;
}

static enum error_code append_passphrase(const char *file, enum slot_purpose purpose, struct secret_buf *out,
					 struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *passphrase = NULL;
	enum error_code rc = terminal_passphrase(file, purpose == SLOT_TO_MAKE, &passphrase, err);

	if (rc == ERR_OK && !utf8_is_valid(secret_buf_text(passphrase), secret_buf_len(passphrase)))
		rc = error_set(err, ERR_INVALID, "the passphrase is not UTF-8 text");
	if (rc != ERR_OK)
		return rc;
	json_emit_raw(out, ",\"passphrase\":");
	json_emit_string(out, secret_buf_text(passphrase), secret_buf_len(passphrase));
	return ERR_OK;
}

/* One a line; empty lines do not count. */
static enum error_code append_shares(const char *file, struct secret_buf *out, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	bool is_stdin = strcmp(file, "-") == 0;
	enum error_code rc = file_read_secret(file, is_stdin ? FILE_ANY_MODE : FILE_PRIVATE, is_stdin, SHARES_FILE_MAX, &text,
					      err);
	const char *comma = "";

	if (rc != ERR_OK)
		return rc;
	if (!utf8_is_valid(secret_buf_text(text), secret_buf_len(text)))
		return error_set(err, ERR_INVALID, "the shares are not text");
	json_emit_raw(out, ",\"shares\":[");
	for (size_t at = 0; at < secret_buf_len(text);) {
		const char *line = secret_buf_text(text) + at;
		const char *end = memchr(line, '\n', secret_buf_len(text) - at);
		size_t len = end != NULL ? (size_t)(end - line) : secret_buf_len(text) - at;

		at += len + 1;
		while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
			len--;
		if (len == 0)
			continue;
		json_emit_raw(out, comma);
		json_emit_string(out, line, len);
		comma = ",";
	}
	json_emit_raw(out, "]");
	return comma[0] != '\0' ? ERR_OK : error_set(err, ERR_INVALID, "there is no share in the file");
}

/* -- as JSON -------------------------------------------------------------------- */

static const char *type_of(const struct slot_choice *choice)
{
	if (choice->shares > 0 || choice->shares_file != NULL)
		return "shares";
	if (choice->credential != NULL)
		return "credential";
	if (choice->key_file == NULL)
		return "passphrase";
	return choice->ask || choice->passphrase_file != NULL ? "both" : "key_file";
}

static enum error_code append_secret(const struct slot_choice *choice, enum slot_purpose purpose, struct secret_buf *out,
				     bool *ret_created, struct error *err)
{
	enum error_code rc = ERR_OK;

	if (choice->shares > 0) {
		json_emit_raw(out, ",\"shares\":");
		json_emit_uint(out, choice->shares);
		json_emit_raw(out, ",\"threshold\":");
		json_emit_uint(out, choice->threshold);
		return ERR_OK;
	}
	if (choice->shares_file != NULL)
		return append_shares(choice->shares_file, out, err);
	if (choice->credential != NULL) {
		json_emit_raw(out, ",\"name\":");
		json_emit_cstring(out, choice->credential);
		return ERR_OK;
	}
	if (choice->key_file != NULL)
		rc = append_key(choice->key_file, purpose, out, ret_created, err);
	if (rc == ERR_OK && (choice->key_file == NULL || choice->ask || choice->passphrase_file != NULL))
		rc = append_passphrase(choice->passphrase_file, purpose, out, err);
	return rc;
}

enum error_code slot_append(const struct slot_choice *choice, enum slot_purpose purpose, struct secret_buf *out,
			    bool *ret_created, struct error *err)
{
	json_emit_raw(out, "{\"type\":");
	json_emit_cstring(out, type_of(choice));
	enum error_code rc = append_secret(choice, purpose, out, ret_created, err);
	if (rc != ERR_OK)
		return rc;
	if (choice->label != NULL) {
		if (!utf8_is_valid(choice->label, strlen(choice->label)))
			return error_set(err, ERR_INVALID, "the label is not UTF-8 text");
		json_emit_raw(out, ",\"label\":");
		json_emit_cstring(out, choice->label);
	}
	json_emit_raw(out, "}");
	return secret_buf_check(out, "the secret", err);
}
