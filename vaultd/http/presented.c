#include "http/presented.h"

#include <sodium.h>
#include <string.h>

#include "http/credential.h"
#include "vault/base64.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

#define ONE_KEY_LEN 32

void presented_free(struct presented *presented)
{
	secret_buf_free(presented->key);
	secret_buf_free(presented->made);
	*presented = (struct presented){ .key = NULL };
}

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "no memory is left for a key");
}

/* base64 as all the world writes it: either alphabet, with or without padding. ERR_INVALID without a sentence: it is something else. */
static enum error_code decode_base64(const char *text, size_t len, struct secret_buf **ret, struct error *err)
{
	static const int variants[] = { sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING,
					sodium_base64_VARIANT_URLSAFE, sodium_base64_VARIANT_URLSAFE_NO_PADDING };
	struct secret_buf *out = secret_buf_new(len + 1);
	uint8_t *room = out ? secret_buf_reserve(out, len) : NULL;
	size_t bin_len;

	if (!room) {
		secret_buf_free(out);
		return no_memory(err);
	}
	for (size_t i = 0; i < ARRAY_LEN(variants); i++) {
		if (base64_read(text, len, "\r\n", variants[i], room, len, &bin_len)) {
			secret_buf_advance(out, bin_len);
			*ret = out;
			return ERR_OK;
		}
	}
	secret_buf_free(out);
	return ERR_INVALID;
}

static enum error_code decode_hex(const char *text, size_t len, struct secret_buf **ret, struct error *err)
{
	struct secret_buf *out = secret_buf_new(len / 2);
	uint8_t *room = out ? secret_buf_reserve(out, len / 2) : NULL;
	size_t bin_len;

	if (!room) {
		secret_buf_free(out);
		return no_memory(err);
	}
	if (sodium_hex2bin(room, len / 2, text, len, NULL, &bin_len, NULL) == 0 && bin_len == len / 2) {
		secret_buf_advance(out, bin_len);
		*ret = out;
		return ERR_OK;
	}
	secret_buf_free(out);
	return ERR_INVALID;
}

static void use_key(struct presented *presented, enum slot_type type)
{
	presented->secret.type = type;
	presented->secret.key = secret_buf_bytes(presented->key);
	presented->secret.key_len = secret_buf_len(presented->key);
}

/* -- Vault's form ------------------------------------------------------------------ */

static enum error_code add_share(struct secret_buf *shares, const char *text, size_t len, struct error *err)
{
	uint8_t share[SHARE_LEN];

	if (share_parse(text, len, share, err) != ERR_OK)
		return err->code;
	secret_buf_append(shares, share, SHARE_LEN);
	sodium_memzero(share, sizeof(share));
	return secret_buf_check(shares, "the shares", err);
}

/* What has a share's length and its first byte is a share; nobody makes key files of that form. */
static bool is_share(const struct secret_buf *bytes)
{
	return secret_buf_len(bytes) == SHARE_LEN && secret_buf_bytes(bytes)[0] == 1;
}

static enum error_code read_share_text(struct presented *ret, const char *text, size_t len, struct error *err)
{
	ret->key = secret_buf_new(SHARE_LEN);
	if (!ret->key)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a share");
	if (add_share(ret->key, text, len, err) != ERR_OK)
		return err->code;
	use_key(ret, SLOT_SHARES);
	return ERR_OK;
}

/* Hex first when it has the length of one of ours, else base64. */
enum error_code presented_read_key(struct presented *ret, const char *text, size_t len, struct error *err)
{
	bool hex = len == 2 * ONE_KEY_LEN || len == 2 * SHARE_LEN;
	enum error_code code = ERR_INVALID;

	if (share_text_is(text, len))
		return read_share_text(ret, text, len, err);
	if (hex)
		code = decode_hex(text, len, &ret->key, err);
	if (code == ERR_INVALID && len > 0)
		code = decode_base64(text, len, &ret->key, err);
	if (code != ERR_OK)
		return error_set(err, ERR_INVALID, "'key' must be a valid hex or base64 string, or a share (vls1-...)");
	use_key(ret, is_share(ret->key) ? SLOT_SHARES : SLOT_KEY_FILE);
	return ERR_OK;
}

/* -- ours ----------------------------------------------------------------------------- */

static enum error_code take_key(struct presented *presented, const json_t *slot, const char *name, struct error *err)
{
	const char *text = NULL;
	size_t len = 0;

	if (safe_json_text(slot, name, &text, &len, err) != ERR_OK || !text)
		return err->code;
	if (presented->key || len == 0 || decode_base64(text, len, &presented->key, err) != ERR_OK)
		return error_set(err, ERR_INVALID, "the member %s must be the key file's content in base64", name);
	use_key(presented, presented->secret.type == SLOT_PASSPHRASE ? SLOT_BOTH : SLOT_KEY_FILE);
	return ERR_OK;
}

static enum error_code take_credential(struct presented *presented, const char *directory, const json_t *slot,
				       struct error *err)
{
	const char *name = CREDENTIAL_DEFAULT_NAME;
	size_t len;

	if (safe_json_text(slot, "name", &name, &len, err) != ERR_OK ||
	    credential_read(directory, name, &presented->key, err) != ERR_OK)
		return err->code;
	use_key(presented, SLOT_CREDENTIAL);
	presented->secret.credential = name;
	return ERR_OK;
}

static enum error_code take_passphrase(struct presented *presented, const json_t *slot, struct error *err)
{
	const char *text = NULL;
	size_t len = 0;

	if (safe_json_text(slot, "passphrase", &text, &len, err) != ERR_OK || !text)
		return err->code;
	if (len == 0 || len > LIMIT_PASSPHRASE_LEN)
		return error_set(err, ERR_INVALID, "the passphrase must have 1 to %d bytes", LIMIT_PASSPHRASE_LEN);
	presented->secret.type = SLOT_PASSPHRASE;
	presented->secret.passphrase = text;
	presented->secret.passphrase_len = len;
	return ERR_OK;
}

static enum error_code take_shares(struct presented *presented, const json_t *slot, struct error *err)
{
	const json_t *shares = json_object_get(slot, "shares"), *text;
	size_t i;

	if (!json_is_array(shares) || json_array_size(shares) < 1 || json_array_size(shares) > LIMIT_SHARES)
		return error_set(err, ERR_INVALID, "the member shares must be a list of 1 to %d shares", LIMIT_SHARES);
	presented->key = secret_buf_new(LIMIT_SHARES * SHARE_LEN);
	if (!presented->key)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the shares");
	json_array_foreach(shares, i, text) {
		if (!json_is_string(text))
			return error_set(err, ERR_INVALID, "the member shares must be a list of texts");
		if (add_share(presented->key, json_string_value(text), json_string_length(text), err) != ERR_OK)
			return error_prefix(err, "share number %zu of the list", i + 1);
	}
	use_key(presented, SLOT_SHARES);
	return ERR_OK;
}

enum error_code presented_new_shares(struct presented *ret, int64_t shares, int64_t threshold, struct error *err)
{
	if (shares < 0 || shares > LIMIT_SHARES || threshold < 0 || threshold > LIMIT_SHARES)
		return error_set(err, ERR_INVALID, "the numbers of shares and of the threshold must be from 1 to %d", LIMIT_SHARES);
	if (shares_check((unsigned)shares, (unsigned)threshold, err) != ERR_OK || shares == 1)
		return err->code;
	ret->made = secret_buf_new(LIMIT_SHARES * SHARE_LEN);
	if (!ret->made)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the shares");
	ret->secret.type = SLOT_SHARES;
	ret->secret.shares = (unsigned)shares;
	ret->secret.threshold = (unsigned)threshold;
	ret->secret.made = ret->made;
	return ERR_OK;
}

static enum error_code take_new_shares(struct presented *presented, const json_t *slot, struct error *err)
{
	int64_t shares = 0, threshold = 0;

	if (safe_json_int(slot, "shares", &shares, err) != ERR_OK || safe_json_int(slot, "threshold", &threshold, err) != ERR_OK)
		return err->code;
	if (shares == 1)
		return error_set(err, ERR_INVALID, "one share of one is a key file: make a slot of that type");
	return presented_new_shares(presented, shares, threshold, err);
}

const char *presented_type_name(enum slot_type type)
{
	static const char *const names[] = { "", "passphrase", "key_file", "both", "credential", "shares" };

	return names[type];
}

static enum error_code take_secret(struct presented *presented, const char *directory, const json_t *slot, const char *type,
				   enum presented_for purpose, struct error *err)
{
	if (type && strcmp(type, "credential") == 0)
		return take_credential(presented, directory, slot, err);
	if (take_passphrase(presented, slot, err) != ERR_OK || take_key(presented, slot, "key", err) != ERR_OK ||
	    take_key(presented, slot, "key_file", err) != ERR_OK)
		return err->code;
	if (presented->secret.type != SLOT_EMPTY || !json_object_get(slot, "shares"))
		return ERR_OK;
	return purpose == PRESENTED_TO_MAKE ? take_new_shares(presented, slot, err) : take_shares(presented, slot, err);
}

enum error_code presented_read(struct presented *ret, const char *directory, const json_t *slot, const char *type,
			       enum presented_for purpose, struct error *err)
{
	static const char *const allowed[] = { "type", "passphrase", "key", "key_file", "name", "label", "shares", "threshold",
					       NULL };
	size_t len;

	if (!json_is_object(slot))
		return error_set(err, ERR_INVALID, "a slot must be an object such as {\"type\":\"passphrase\",...}");
	if (safe_json_only(slot, allowed, err) != ERR_OK || safe_json_text(slot, "type", &type, &len, err) != ERR_OK ||
	    safe_json_text(slot, "label", &ret->secret.label, &len, err) != ERR_OK ||
	    take_secret(ret, directory, slot, type, purpose, err) != ERR_OK)
		return err->code;
	if (ret->secret.type == SLOT_EMPTY)
		return error_set(err, ERR_INVALID, "the slot needs a passphrase, or a key in base64, or shares, or the type credential");
	if ((type && strcmp(type, presented_type_name(ret->secret.type)) != 0) ||
	    (ret->secret.type != SLOT_SHARES && (json_object_get(slot, "shares") || json_object_get(slot, "threshold"))) ||
	    (ret->secret.type != SLOT_CREDENTIAL && json_object_get(slot, "name")))
		return error_set(err, ERR_INVALID, "the type of a slot is passphrase, key_file, both, credential or shares, and must be "
						   "that of what the slot holds");
	return ERR_OK;
}

/* slot is an object, or the type's name with the secret beside it. */
static enum error_code read_flat(struct presented *ret, const char *directory, const json_t *body, const json_t *slot,
				 struct error *err)
{
	cleanup_(safe_json_decrefp) json_t *flat = NULL;

	if (!json_is_string(slot))
		return presented_read(ret, directory, slot, NULL, PRESENTED_TO_OPEN, err);
	flat = json_copy((json_t *)(uintptr_t)body);
	/* Without memory the copy lacks members, silently. */
	if (json_object_size(flat) != json_object_size(body))
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the request");
	json_object_del(flat, "slot");
	json_object_del(flat, "nonce");
	/* The texts belong to the body, which stays. */
	return presented_read(ret, directory, flat, json_string_value(slot), PRESENTED_TO_OPEN, err);
}

enum error_code presented_read_any(struct presented *ret, const char *directory, const json_t *body, struct error *err)
{
	const json_t *slot = json_object_get(body, "slot");
	const char *key = NULL;
	size_t len = 0;

	if (slot && !json_is_null(slot))
		return read_flat(ret, directory, body, slot, err);
	if (safe_json_text(body, "key", &key, &len, err) != ERR_OK)
		return err->code;
	if (!key)
		return error_set(err, ERR_INVALID, "'key' must be specified in the request body as JSON, or 'reset' set to true");
	return presented_read_key(ret, key, len, err);
}
