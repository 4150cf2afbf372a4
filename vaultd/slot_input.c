#include "slot_input.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http/credential.h"
#include "vault/files.h"
#include "vault/limits.h"
#include "vault/terminal.h"

#define SHARES_FILE_MAX 8192	/* 16 shares with whatever hyphens people write them with */

void slot_input_free(struct slot_input *input)
{
	secret_buf_free(input->passphrase);
	secret_buf_free(input->key);
	*input = (struct slot_input){ .key = NULL };
}

bool slot_input_is_given(const struct slot_input_options *options)
{
	return options->ask || options->passphrase_file || options->key_file || options->shares_file || options->credential;
}

enum error_code slot_input_check(const struct slot_input_options *options, struct error *err)
{
	bool passphrase = options->ask || options->passphrase_file;
	int others = (options->shares_file != NULL) + (options->credential != NULL);

	if (others > 1 || (others == 1 && (passphrase || options->key_file)) || (options->ask && options->passphrase_file))
		return error_set(err, ERR_USAGE, "give one of --passphrase, --passphrase-file, --key-file, --shares-file and --credential; "
				 "only a passphrase and a key file go together");
	return ERR_OK;
}

/* -- reading ---------------------------------------------------------------- */

/* There is no other way here than a file: standard input may be a backup. */
static enum error_code ask_passphrase(struct slot_input *ret, struct error *err)
{
	struct error found = ERROR_INIT;
	enum error_code code = terminal_read_secret("Passphrase of the vault: ", &ret->passphrase, &found);

	if (code == ERR_OK)
		return ERR_OK;
	return error_set(err, code, "%s", code == ERR_USAGE ? "there is no terminal to ask for the passphrase at: give --passphrase-file FILE" :
							      found.text);
}

static enum error_code read_passphrase(const struct slot_input_options *options, struct slot_input *ret, struct error *err)
{
	if (options->passphrase_file) {
		if (strcmp(options->passphrase_file, "-") == 0)
			return error_set(err, ERR_USAGE, "--passphrase-file takes a file; standard input is for the backup");
		if (terminal_passphrase(options->passphrase_file, false, &ret->passphrase, err) != ERR_OK)
			return err->code;
	} else if (ask_passphrase(ret, err) != ERR_OK) {
		return err->code;
	}
	if (secret_buf_len(ret->passphrase) == 0 || secret_buf_len(ret->passphrase) > LIMIT_PASSPHRASE_LEN)
		return error_set(err, ERR_INVALID, "a passphrase has 1 to %d bytes", LIMIT_PASSPHRASE_LEN);
	ret->secret.passphrase = secret_buf_bytes(ret->passphrase);
	ret->secret.passphrase_len = secret_buf_len(ret->passphrase);
	return ERR_OK;
}

static void use_key(struct slot_input *ret)
{
	ret->secret.key = secret_buf_bytes(ret->key);
	ret->secret.key_len = secret_buf_len(ret->key);
}

static enum error_code add_share(const char *line, size_t len, struct secret_buf *out, struct error *err)
{
	uint8_t share[SHARE_LEN];

	while (len > 0 && (line[len - 1] == '\r' || line[len - 1] == ' '))
		len--;
	if (len == 0)
		return ERR_OK;
	if (share_parse(line, len, share, err) == ERR_OK)
		secret_buf_append(out, share, sizeof(share));
	explicit_bzero(share, sizeof(share));	/* of a mistyped one a part may be there */
	return err->code;
}

static enum error_code read_shares(const char *file, struct slot_input *ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;

	if (file_read_secret(file, FILE_PRIVATE | FILE_REGULAR, false, SHARES_FILE_MAX, &text, err) != ERR_OK)
		return err->code;
	ret->key = secret_buf_new((size_t)LIMIT_SHARES * SHARE_LEN);
	if (!ret->key)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the shares");
	for (size_t at = 0, len; at < secret_buf_len(text); at += len + 1) {
		const char *line = secret_buf_text(text) + at, *end = memchr(line, '\n', secret_buf_len(text) - at);

		len = end ? (size_t)(end - line) : secret_buf_len(text) - at;
		if (add_share(line, len, ret->key, err) != ERR_OK)
			return err->code;
	}
	ret->secret.type = SLOT_SHARES;
	use_key(ret);
	return secret_buf_check(ret->key, "the shares", err);
}

static enum error_code read_credential(const char *name, struct slot_input *ret, struct error *err)
{
	if (credential_read(getenv("CREDENTIALS_DIRECTORY"), name, &ret->key, err) != ERR_OK)
		return err->code;
	ret->secret.type = SLOT_CREDENTIAL;
	ret->secret.credential = name;
	use_key(ret);
	return ERR_OK;
}

static enum error_code read_keys(const struct slot_input_options *options, struct slot_input *ret, struct error *err)
{
	bool passphrase = options->ask || options->passphrase_file || !options->key_file;

	if (options->key_file) {
		if (file_read_secret(options->key_file, FILE_PRIVATE | FILE_REGULAR, false, LIMIT_KEY_FILE_MAX, &ret->key, err) !=
		    ERR_OK)
			return err->code;
		use_key(ret);
	}
	ret->secret.type = !options->key_file ? SLOT_PASSPHRASE : passphrase ? SLOT_BOTH : SLOT_KEY_FILE;
	return passphrase ? read_passphrase(options, ret, err) : ERR_OK;
}

/* -- what may be asked for ----------------------------------------------------- */

static enum error_code demand_option(const struct slot_info *slots, size_t len, struct error *err)
{
	char text[SLOT_WAYS_MAX];

	for (size_t i = 0; i < len; i++)
		if (slots[i].type == SLOT_PASSPHRASE)
			return ERR_OK;
	slot_ways(slots, len, text);
	return error_set(err, ERR_USAGE, "no passphrase opens this vault; give %s", text);
}

enum error_code slot_input_read(const struct slot_input_options *options, const struct slot_info *slots, size_t slots_len,
				struct slot_input *ret, struct error *err)
{
	if (!slot_input_is_given(options) && demand_option(slots, slots_len, err) != ERR_OK)
		return err->code;
	if (options->shares_file)
		return read_shares(options->shares_file, ret, err);
	if (options->credential)
		return read_credential(options->credential, ret, err);
	return read_keys(options, ret, err);
}
