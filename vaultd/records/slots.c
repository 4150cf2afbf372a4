/* The slots of the header: each wraps the root key under a key made from what its owner knows or has. */
#include <assert.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "crypto/passphrase.h"
#include "crypto/seal.h"
#include "records/header_copy.h"
#include "vault/limits.h"

static_assert(SLOT_AT_SEALED + SLOT_SEALED_LEN == HEADER_SLOT_USED, "nothing stands behind the sealed root key");

#define CREDENTIAL_LEN 32

uint8_t *slot_at(struct header *header, unsigned id)
{
	return header->copy + HEADER_AT_SLOTS + id * HEADER_SLOT_LEN;
}

const uint8_t *slot_of(const struct header *header, unsigned id)
{
	return header->copy + HEADER_AT_SLOTS + id * HEADER_SLOT_LEN;
}

static void slot_aad(const struct header *header, const uint8_t *slot, uint8_t aad[static SLOT_AAD_LEN])
{
	memcpy(aad, "VDsl", 4);
	memcpy(aad + 4, header_store_id(header), ID_LEN);
	memcpy(aad + 4 + ID_LEN, slot, SLOT_AT_SEALED);
}

size_t header_slots(const struct header *header, struct slot_info ret[static SLOTS_MAX])
{
	size_t len = 0;

	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		const uint8_t *slot = slot_of(header, i);

		if (slot[SLOT_AT_STATE] != 1)
			continue;
		ret[len] = (struct slot_info){ .type = slot[SLOT_AT_TYPE], .id = slot[SLOT_AT_ID],
					       .created = (int64_t)copy_u64(slot, SLOT_AT_CREATED) };
		memcpy(ret[len].label, slot + SLOT_AT_LABEL, SLOT_TEXT_LEN);
		memcpy(ret[len].credential, slot + SLOT_AT_CREDENTIAL, SLOT_TEXT_LEN);
		ret[len].threshold = slot[SLOT_AT_THRESHOLD];
		ret[len].shares = slot[SLOT_AT_SHARES];
		len++;
	}
	return len;
}

static const char *way_of(enum slot_type type)
{
	switch (type) {
	case SLOT_PASSPHRASE: return "--passphrase";
	case SLOT_KEY_FILE: return "--key-file FILE";
	case SLOT_BOTH: return "--key-file FILE --passphrase";
	case SLOT_CREDENTIAL: return "--credential NAME";
	case SLOT_SHARES: return "shares (envctl unseal --share, else --shares-file FILE)";
	case SLOT_EMPTY: break;
	}
	return "";
}

void slot_ways(const struct slot_info *slots, size_t len, char ret[static SLOT_WAYS_MAX])
{
	unsigned told = 0;
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; i < len && used < SLOT_WAYS_MAX; i++) {
		const char *way = way_of(slots[i].type);

		if (way[0] == '\0' || told & 1u << slots[i].type)
			continue;
		told |= 1u << slots[i].type;
		used += (size_t)snprintf(ret + used, SLOT_WAYS_MAX - used, "%s%s", used > 0 ? ", or " : "", way);
	}
}

/* -- from a secret to the slot's key --------------------------------------------- */

void key_file_hash(const void *contents, size_t len, struct secret_key *ret)
{
	const struct byte_part part = { contents, len };

	blake2b_parts(ret->bytes, KEY_LEN, NULL, 0, "vaultd-kfil-v001", &part, 1);
}

void slot_key_derive(enum slot_type type, uint8_t slot_id, const uint8_t store_id[static ID_LEN], const uint8_t salt[static 16],
		     const struct secret_key *argon2_output, const struct secret_key *key_file,
		     const uint8_t *credential, struct secret_key *ret)
{
	const uint8_t words[2] = { (uint8_t)type, slot_id };
	const struct byte_part parts[] = { { words, sizeof(words) }, { store_id, ID_LEN }, { salt, 16 } };
	uint8_t secret[2 * KEY_LEN];
	size_t len = 0;

	if (argon2_output) {
		memcpy(secret, argon2_output->bytes, KEY_LEN);
		len += KEY_LEN;
	}
	if (key_file) {
		memcpy(secret + len, key_file->bytes, KEY_LEN);
		len += KEY_LEN;
	}
	if (credential) {
		memcpy(secret, credential, CREDENTIAL_LEN);
		len = CREDENTIAL_LEN;
	}
	blake2b_parts(ret->bytes, KEY_LEN, secret, len, "vaultd-slot-v001", parts, ARRAY_LEN(parts));
	sodium_memzero(secret, sizeof(secret));
}

static bool needs_passphrase(enum slot_type type)
{
	return type == SLOT_PASSPHRASE || type == SLOT_BOTH;
}

static bool needs_key_file(enum slot_type type)
{
	return type == SLOT_KEY_FILE || type == SLOT_BOTH;
}

/* One line feed at the end is the terminal's or the editor's, not the passphrase's. */
static size_t passphrase_len(const struct slot_secret *secret)
{
	const char *passphrase = secret->passphrase;
	size_t len = secret->passphrase_len;

	return len > 0 && passphrase[len - 1] == '\n' ? len - 1 : len;
}

static enum error_code check_secret(const struct slot_secret *secret, struct error *err)
{
	size_t len = needs_passphrase(secret->type) ? passphrase_len(secret) : 1;

	if (secret->type < SLOT_PASSPHRASE || secret->type > SLOT_SHARES)
		return error_set(err, ERR_INVALID, "this type of slot is not known; use passphrase, key_file, both, credential or "
						   "shares");
	if (len < 1 || len > LIMIT_PASSPHRASE_LEN)
		return error_set(err, ERR_INVALID, "a passphrase has 1 to %d bytes", LIMIT_PASSPHRASE_LEN);
	if (needs_key_file(secret->type) && (secret->key_len < LIMIT_KEY_FILE_MIN || secret->key_len > LIMIT_KEY_FILE_MAX))
		return error_set(err, ERR_INVALID, "a key file has %d to %d bytes", LIMIT_KEY_FILE_MIN, LIMIT_KEY_FILE_MAX);
	if (secret->type == SLOT_CREDENTIAL && secret->key_len != CREDENTIAL_LEN)
		return error_set(err, ERR_INVALID, "a credential has exactly %d bytes", CREDENTIAL_LEN);
	return ERR_OK;
}

static struct argon2_cost slot_cost(const uint8_t *slot)
{
	return (struct argon2_cost){ .t = copy_u32(slot, SLOT_AT_COST), .m_kib = copy_u32(slot, SLOT_AT_COST + 4),
				     .p = copy_u32(slot, SLOT_AT_COST + 8) };
}

/* combined: what the shares make together, NULL for other types. */
static enum error_code slot_key(const struct header *header, const uint8_t *slot, const struct slot_secret *secret,
				const struct secret_key *combined, struct secret_key *ret, struct error *err)
{
	const uint8_t *bytes = combined ? combined->bytes : secret->type == SLOT_CREDENTIAL ? secret->key : NULL;
	struct argon2_cost cost = slot_cost(slot);
	key_scope stretched, key_file;

	if (needs_passphrase(secret->type) &&
	    argon2_derive(&cost, secret->passphrase, passphrase_len(secret), slot + SLOT_AT_SALT, &stretched, err) != ERR_OK)
		return err->code;
	if (needs_key_file(secret->type))
		key_file_hash(secret->key, secret->key_len, &key_file);
	slot_key_derive(secret->type, slot[SLOT_AT_ID], header_store_id(header), slot + SLOT_AT_SALT,
			needs_passphrase(secret->type) ? &stretched : NULL, needs_key_file(secret->type) ? &key_file : NULL,
			bytes, ret);
	return ERR_OK;
}

/* -- making ------------------------------------------------------------------------ */

static int free_slot(const struct header *header)
{
	for (int i = 0; i < SLOTS_MAX; i++)
		if (slot_of(header, (unsigned)i)[SLOT_AT_STATE] == 0)
			return i;
	return -1;
}

/* A name that was cut would be another name. */
static enum error_code put_text(uint8_t *at, const char *text, const char *what, struct error *err)
{
	size_t len = text ? strlen(text) : 0;

	if (len > SLOT_TEXT_LEN)
		return error_set(err, ERR_INVALID, "the %s of a slot has at most %d bytes", what, SLOT_TEXT_LEN);
	if (len > 0)
		memcpy(at, text, len);
	return ERR_OK;
}

static void put_cost(uint8_t *slot, const struct argon2_cost *cost)
{
	copy_set_u32(slot, SLOT_AT_COST, cost->t);
	copy_set_u32(slot, SLOT_AT_COST + 4, cost->m_kib);
	copy_set_u32(slot, SLOT_AT_COST + 8, cost->p);
}

/* Seals the root key into a slot of which all else is filled. Shares come last: nothing may fail when they are handed out. */
static enum error_code seal_into(const struct header *header, uint8_t *slot, const struct slot_secret *secret,
				 const struct secret_key *root_key, struct error *err)
{
	uint8_t aad[SLOT_AAD_LEN];
	key_scope key, combined;
	bool shares = secret->type == SLOT_SHARES;

	if (shares && slot_shares_make(header, slot, secret, &combined, err) != ERR_OK)
		return err->code;
	if (slot_key(header, slot, secret, shares ? &combined : NULL, &key, err) != ERR_OK)
		return err->code;
	slot_aad(header, slot, aad);
	seal(&key, aad, sizeof(aad), root_key->bytes, KEY_LEN, NULL, slot + SLOT_AT_SEALED);
	return ERR_OK;
}

enum error_code slot_make_at(struct header *header, unsigned id, const struct slot_secret *secret,
			     const struct secret_key *root_key, int64_t now, struct error *err)
{
	struct argon2_cost cost = { 0 };
	uint8_t made[HEADER_SLOT_LEN] = { 0 };

	if (id >= SLOTS_MAX)
		return error_set(err, ERR_INVALID, "slots are numbered 0 to %d", SLOTS_MAX - 1);
	if (check_secret(secret, err) != ERR_OK)
		return err->code;
	if (put_text(made + SLOT_AT_LABEL, secret->label, "label", err) != ERR_OK ||
	    put_text(made + SLOT_AT_CREDENTIAL, secret->credential, "credential's name", err) != ERR_OK)
		return err->code;
	if (needs_passphrase(secret->type) && argon2_cost_choose(&cost, err) != ERR_OK)
		return err->code;
	made[SLOT_AT_STATE] = 1;
	made[SLOT_AT_TYPE] = (uint8_t)secret->type;
	made[SLOT_AT_ID] = (uint8_t)id;
	put_cost(made, &cost);
	random_fill(made + SLOT_AT_SALT, 16);
	copy_set_u64(made, SLOT_AT_CREATED, (uint64_t)now);
	if (seal_into(header, made, secret, root_key, err) != ERR_OK)
		return err->code;
	memcpy(slot_at(header, id), made, sizeof(made));
	return ERR_OK;
}

enum error_code slot_make(struct header *header, const struct slot_secret *secret, const struct secret_key *root_key,
			  int64_t now, uint8_t *ret_id, struct error *err)
{
	int number = free_slot(header);

	if (check_secret(secret, err) != ERR_OK)
		return err->code;
	if (number < 0)
		return error_set(err, ERR_BUSY, "all %d slots are taken; remove one first", SLOTS_MAX);
	if (slot_make_at(header, (unsigned)number, secret, root_key, now, err) != ERR_OK)
		return err->code;
	*ret_id = (uint8_t)number;
	return ERR_OK;
}

void slot_clear(struct header *header, unsigned id)
{
	memset(slot_at(header, id), 0, HEADER_SLOT_LEN);
}

void slots_copy(struct header *to, const struct header *from)
{
	memcpy(slot_at(to, 0), slot_of(from, 0), SLOTS_MAX * HEADER_SLOT_LEN);
}

bool slots_are_equal(const struct header *one, const struct header *other)
{
	return memcmp(slot_of(one, 0), slot_of(other, 0), SLOTS_MAX * HEADER_SLOT_LEN) == 0;
}

/* -- opening ----------------------------------------------------------------------- */

static bool slot_fits(const uint8_t *slot, enum slot_type type, int slot_id)
{
	return slot[SLOT_AT_STATE] == 1 && slot[SLOT_AT_TYPE] == type && (slot_id < 0 || slot[SLOT_AT_ID] == slot_id);
}

static enum error_code try_slot(const struct header *header, const uint8_t *slot, const struct slot_secret *secret,
				const struct secret_key *combined, struct secret_key *ret_root_key, struct error *err)
{
	uint8_t aad[SLOT_AAD_LEN];
	key_scope key;

	if (slot_key(header, slot, secret, combined, &key, err) != ERR_OK)
		return err->code;
	slot_aad(header, slot, aad);
	return open_sealed(&key, aad, sizeof(aad), slot + SLOT_AT_SEALED, SLOT_SEALED_LEN, ret_root_key->bytes);
}

static enum error_code nothing_opened(enum slot_type type, bool seen, struct error *err)
{
	static const char *const wrong[] = {
		[SLOT_EMPTY] = "the secret is wrong",
		[SLOT_PASSPHRASE] = "the passphrase is wrong",
		[SLOT_KEY_FILE] = "the key or key file is not the one that it was made with",
		[SLOT_BOTH] = "the passphrase is wrong, or the key file is not the one that it was made with",
		[SLOT_CREDENTIAL] = "the credential is not the one that it was made with",
		[SLOT_SHARES] = "the shares are wrong",
	};

	if (!seen)
		return error_set(err, ERR_NOT_FOUND, "the vault has no slot of this type");
	return error_set(err, ERR_UNSEAL_FAILED, "the slot did not open: %s", wrong[type]);
}

/* Shares name their slot. */
static enum error_code open_with_shares(const struct header *header, const struct slot_secret *secret, int slot_id,
					struct secret_key *ret_root_key, struct error *err)
{
	key_scope combined;
	uint8_t id;
	enum error_code code;

	if (slot_shares_combine(header, secret, &id, &combined, err) != ERR_OK)
		return err->code;
	if (slot_id >= 0 && id != slot_id)
		return nothing_opened(secret->type, false, err);
	code = try_slot(header, slot_of(header, id), secret, &combined, ret_root_key, err);
	return code == ERR_AUTH ? error_set(err, ERR_UNSEAL_FAILED, "the shares did not open their slot") : code;
}

enum error_code slot_open(const struct header *header, const struct slot_secret *secret, int slot_id,
			  struct secret_key *ret_root_key, struct error *err)
{
	bool seen = false;

	if (check_secret(secret, err) != ERR_OK)
		return err->code;
	if (secret->type == SLOT_SHARES)
		return open_with_shares(header, secret, slot_id, ret_root_key, err);
	for (unsigned i = 0; i < SLOTS_MAX; i++) {
		enum error_code code;

		if (!slot_fits(slot_of(header, i), secret->type, slot_id))
			continue;
		seen = true;
		code = try_slot(header, slot_of(header, i), secret, NULL, ret_root_key, err);
		if (code != ERR_AUTH)
			return code;
	}
	return nothing_opened(secret->type, seen, err);
}
