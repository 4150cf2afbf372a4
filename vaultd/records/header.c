/* vault.hdr: reading, checking and writing the two copies, and the keyring inside. Slots are in slots.c. */
#include "records/header_copy.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "vault/files.h"

#define MAGIC "VAULTHDR"
#define FORMAT 1
#define KEYRING_ENTRY (1 + 4 + 8 + KEY_LEN)
#define FILE_MAX (1024 * 1024)	/* so much is read to see whether a file of another length is of a newer format */

static enum error_code header_path(const char *directory, char path[static PATH_LEN], struct error *err)
{
	if (snprintf(path, PATH_LEN, "%s/" HEADER_FILE, directory) >= PATH_LEN)
		return error_set(err, ERR_INVALID, "the data directory's path is too long");
	return ERR_OK;
}

/* -- numbers in the copy ----------------------------------------------------- */

uint64_t copy_u64(const uint8_t *copy, size_t at)
{
	uint64_t value;

	memcpy(&value, copy + at, sizeof(value));
	return le64toh(value);
}

void copy_set_u64(uint8_t *copy, size_t at, uint64_t value)
{
	value = htole64(value);
	memcpy(copy + at, &value, sizeof(value));
}

void copy_set_u32(uint8_t *copy, size_t at, uint32_t value)
{
	value = htole32(value);
	memcpy(copy + at, &value, sizeof(value));
}

uint32_t copy_u32(const uint8_t *copy, size_t at)
{
	uint32_t value;

	memcpy(&value, copy + at, sizeof(value));
	return le32toh(value);
}

/* -- checksum and MAC --------------------------------------------------------- */

static void checksum(const uint8_t *copy, uint8_t ret[static 32])
{
	const struct byte_part part = { copy, HEADER_AT_SUM };

	blake2b_parts(ret, 32, NULL, 0, "vaultd-hsum-v001", &part, 1);
}

static void authenticate(const uint8_t *copy, const struct secret_key *mac_key, uint8_t ret[static 32])
{
	const struct byte_part part = { copy, HEADER_AT_MAC };

	blake2b_parts(ret, 32, mac_key->bytes, KEY_LEN, "vaultd-head-v001", &part, 1);
}

static bool magic_is_right(const uint8_t *copy)
{
	return memcmp(copy, MAGIC, 8) == 0;
}

static uint16_t format_of(const uint8_t *copy)
{
	uint16_t format;

	memcpy(&format, copy + 8, sizeof(format));
	return le16toh(format);
}

static bool sum_is_right(const uint8_t *copy)
{
	uint8_t sum[32];

	checksum(copy, sum);
	return memcmp(sum, copy + HEADER_AT_SUM, sizeof(sum)) == 0;
}

static bool zeros_are_zero(const uint8_t *copy)
{
	for (size_t i = 0; i < SLOTS_MAX; i++)
		if (sodium_is_zero(copy + HEADER_AT_SLOTS + i * HEADER_SLOT_LEN + HEADER_SLOT_USED,
				   HEADER_SLOT_LEN - HEADER_SLOT_USED) != 1)
			return false;
	return copy[10] == 0 && copy[11] == 0 && sodium_is_zero(copy + 56, 8) == 1 &&
	       sodium_is_zero(copy + 656, HEADER_AT_SLOTS - 656) == 1 &&
	       sodium_is_zero(copy + HEADER_AT_SUM + 32, HEADER_COPY_LEN - HEADER_AT_SUM - 32) == 1;
}

static bool copy_is_valid(const uint8_t *copy)
{
	return magic_is_right(copy) && format_of(copy) == FORMAT && copy_u32(copy, 12) == HEADER_COPY_LEN &&
	       sum_is_right(copy) && zeros_are_zero(copy);
}

/* -- keyring ------------------------------------------------------------------ */

void keyring_free_keys(struct keyring *keyring)
{
	for (size_t i = 0; i < keyring->len; i++)
		secret_key_free(keyring->keys[i].key);
	*keyring = (struct keyring){ 0 };
}

const struct keyring_key *keyring_find(const struct keyring *keyring, enum key_kind kind, uint32_t epoch)
{
	const struct keyring_key *found = NULL;

	for (size_t i = 0; i < keyring->len; i++) {
		const struct keyring_key *key = &keyring->keys[i];

		if (key->kind == kind && (epoch == 0 ? !found || key->epoch > found->epoch : key->epoch == epoch))
			found = key;
	}
	return found;
}

static void keyring_aad(const uint8_t *copy, uint8_t aad[static KEYRING_AAD_LEN])
{
	memcpy(aad, "VDkr", 4);
	memcpy(aad + 4, copy + HEADER_AT_STORE_ID, ID_LEN);
	memcpy(aad + 4 + ID_LEN, copy + HEADER_AT_SEQ, 8);
}

static void keyring_put(uint8_t *copy, const struct secret_key *seal_key, const struct keyring *keyring)
{
	uint8_t plain[HEADER_KEYRING_PLAIN] = { 1, (uint8_t)keyring->len }, aad[KEYRING_AAD_LEN];
	size_t at = 10;

	copy_set_u64(plain, 2, keyring->min_counter);
	for (size_t i = 0; i < keyring->len; i++) {
		plain[at] = (uint8_t)keyring->keys[i].kind;
		copy_set_u32(plain, at + 1, keyring->keys[i].epoch);
		copy_set_u64(plain, at + 5, (uint64_t)keyring->keys[i].created);
		memcpy(plain + at + 13, keyring->keys[i].key->bytes, KEY_LEN);
		at += KEYRING_ENTRY;
	}
	keyring_aad(copy, aad);
	seal(seal_key, aad, sizeof(aad), plain, sizeof(plain), NULL, copy + HEADER_AT_KEYRING);
	sodium_memzero(plain, sizeof(plain));
}

static enum error_code tampered(struct error *err)
{
	return error_set(err, ERR_HEADER_TAMPERED,
			 "vault.hdr was changed by something else than vaultd; put back the right one from a copy");
}

static enum error_code keyring_take(const uint8_t plain[static HEADER_KEYRING_PLAIN], struct keyring *ret, struct error *err)
{
	size_t at = 10;

	if (plain[0] != 1 || plain[1] > KEYRING_MAX)
		return tampered(err);
	ret->min_counter = copy_u64(plain, 2);
	for (size_t i = 0; i < plain[1]; i++, at += KEYRING_ENTRY) {
		struct keyring_key *key = &ret->keys[i];

		if (plain[at] < KEY_KEK || plain[at] > KEY_BASE)
			return tampered(err);
		key->kind = plain[at];
		key->epoch = copy_u32(plain, at + 1);
		key->created = (int64_t)copy_u64(plain, at + 5);
		key->key = secret_key_new();
		if (!key->key)
			return error_set(err, ERR_NO_MEMORY, "no room is left for keys");
		memcpy(key->key->bytes, plain + at + 13, KEY_LEN);
		ret->len = i + 1;
	}
	return sodium_is_zero(plain + at, HEADER_KEYRING_PLAIN - at) == 1 ? ERR_OK : tampered(err);
}

enum error_code header_unlock(const struct header *header, const struct secret_key *root_key, struct keyring *ret,
			      struct error *err)
{
	uint8_t mac[32], aad[KEYRING_AAD_LEN], plain[HEADER_KEYRING_PLAIN];
	struct keyring keyring = { 0 };
	key_scope seal_key, mac_key;
	enum error_code code;

	derive_key(root_key, 1, "vdHEADER", &seal_key);
	derive_key(root_key, 2, "vdHEADER", &mac_key);
	authenticate(header->copy, &mac_key, mac);
	if (sodium_memcmp(mac, header->copy + HEADER_AT_MAC, sizeof(mac)) != 0)
		return tampered(err);
	keyring_aad(header->copy, aad);
	if (open_sealed(&seal_key, aad, sizeof(aad), header->copy + HEADER_AT_KEYRING,
			SEAL_OVERHEAD + HEADER_KEYRING_PLAIN, plain) != ERR_OK)
		return tampered(err);
	code = keyring_take(plain, &keyring, err);
	sodium_memzero(plain, sizeof(plain));
	if (code != ERR_OK) {
		keyring_free_keys(&keyring);
		return code;
	}
	*ret = keyring;
	return ERR_OK;
}

/* -- a header in memory -------------------------------------------------------- */

void header_free(struct header *header)
{
	if (!header)
		return;
	sodium_memzero(header, sizeof(*header));
	free(header);
}

static void finish(struct header *header, const struct secret_key *seal_key, const struct secret_key *mac_key,
		   const struct keyring *keyring)
{
	if (keyring)
		keyring_put(header->copy, seal_key, keyring);
	authenticate(header->copy, mac_key, header->copy + HEADER_AT_MAC);
	checksum(header->copy, header->copy + HEADER_AT_SUM);
}

enum error_code header_new(const uint8_t store_id[static ID_LEN], int64_t now, const struct secret_key *root_key,
			   const struct keyring *keyring, struct header **ret, struct error *err)
{
	struct header *header = calloc(1, sizeof(*header));
	key_scope seal_key;

	if (!header)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the header");
	memcpy(header->copy, MAGIC, 8);
	header->copy[8] = FORMAT;
	copy_set_u32(header->copy, 12, HEADER_COPY_LEN);
	copy_set_u64(header->copy, HEADER_AT_SEQ, 1);
	memcpy(header->copy + HEADER_AT_STORE_ID, store_id, ID_LEN);
	copy_set_u64(header->copy, HEADER_AT_CREATED, (uint64_t)now);
	copy_set_u64(header->copy, HEADER_AT_UPDATED, (uint64_t)now);
	derive_key(root_key, 1, "vdHEADER", &seal_key);
	keyring_put(header->copy, &seal_key, keyring);
	*ret = header;
	return ERR_OK;
}

const uint8_t *header_store_id(const struct header *header)
{
	return header->copy + HEADER_AT_STORE_ID;
}

uint64_t header_seq(const struct header *header)
{
	return copy_u64(header->copy, HEADER_AT_SEQ);
}

bool header_needs_repair(const struct header *header)
{
	return header->needs_repair;
}

/* -- the file ------------------------------------------------------------------- */

enum error_code header_put_back(const struct header *header, const char *directory, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *both = secret_buf_new(2 * HEADER_COPY_LEN);
	char path[PATH_LEN];

	if (header_path(directory, path, err) != ERR_OK)
		return err->code;
	if (!both)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the header");
	secret_buf_append(both, header->copy, HEADER_COPY_LEN);
	secret_buf_append(both, header->copy, HEADER_COPY_LEN);
	if (secret_buf_check(both, "the header", err) != ERR_OK)
		return err->code;
	return file_write_atomic(path, 0600, secret_buf_bytes(both), secret_buf_len(both), err);
}

enum error_code header_create(struct header *header, const struct secret_key *root_key, const char *directory,
			      struct error *err)
{
	key_scope mac_key;

	derive_key(root_key, 2, "vdHEADER", &mac_key);
	finish(header, NULL, &mac_key, NULL);
	return header_put_back(header, directory, err);
}

static enum error_code write_copy(int fd, const uint8_t *copy, unsigned number, struct error *err)
{
	size_t done = 0;

	while (done < HEADER_COPY_LEN) {
		ssize_t n = pwrite(fd, copy + done, HEADER_COPY_LEN - done, (off_t)(number * HEADER_COPY_LEN + done));

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return error_set_errno(err, errno == ENOSPC ? ERR_STORAGE_FULL : ERR_IO, n < 0 ? errno : EIO,
					       "write vault.hdr");
		done += (size_t)n;
	}
	if (fdatasync(fd) != 0)
		return error_set_errno(err, ERR_IO, errno, "sync vault.hdr");
	return ERR_OK;
}

/* The worse copy first: at every moment one of the two is whole. */
static enum error_code write_both(struct header *header, const char *directory, struct error *err)
{
	char path[PATH_LEN];

	if (header_path(directory, path, err) != ERR_OK)
		return err->code;
	cleanup_(fd_closep) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "open %s", path);
	header->needs_repair = true;	/* until both are whole */
	if (write_copy(fd, header->copy, header->better ^ 1u, err) != ERR_OK ||
	    write_copy(fd, header->copy, header->better, err) != ERR_OK)
		return err->code;
	header->needs_repair = false;
	return ERR_OK;
}

enum error_code header_repair(struct header *header, const char *directory, struct error *err)
{
	return write_both(header, directory, err);
}

enum error_code header_keys_derive(const struct secret_key *root_key, struct header_keys *ret, struct error *err)
{
	struct header_keys keys = { secret_key_new(), secret_key_new() };

	if (!keys.seal_key || !keys.mac_key) {
		header_keys_free(&keys);
		return error_set(err, ERR_NO_MEMORY, "no room is left for keys");
	}
	derive_key(root_key, 1, "vdHEADER", keys.seal_key);
	derive_key(root_key, 2, "vdHEADER", keys.mac_key);
	*ret = keys;
	return ERR_OK;
}

void header_keys_free(struct header_keys *keys)
{
	secret_key_free(keys->seal_key);
	secret_key_free(keys->mac_key);
	*keys = (struct header_keys){ 0 };
}

enum error_code header_write_derived(struct header *header, const struct header *slots, const struct header_keys *keys,
				     const struct keyring *keyring, int64_t now, const char *directory, struct error *err)
{
	cleanup_(header_freep) struct header *next = calloc(1, sizeof(*next));
	enum error_code code;

	if (!next)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the header");
	*next = *header;
	if (slots)
		slots_copy(next, slots);
	copy_set_u64(next->copy, HEADER_AT_SEQ, header_seq(header) + 1);
	copy_set_u64(next->copy, HEADER_AT_UPDATED, (uint64_t)now);
	finish(next, keys->seal_key, keys->mac_key, keyring);
	code = write_both(next, directory, err);
	/* Also after a failure one copy may be the new one; the caller must not go on with the old header then. */
	*header = *next;
	return code;
}

enum error_code header_write(struct header *header, const struct secret_key *root_key, const struct keyring *keyring,
			     int64_t now, const char *directory, struct error *err)
{
	struct header_keys keys = { 0 };
	enum error_code code = header_keys_derive(root_key, &keys, err);

	if (code == ERR_OK)
		code = header_write_derived(header, NULL, &keys, keyring, now, directory, err);
	header_keys_free(&keys);
	return code;
}

static bool is_newer(const uint8_t *copy)
{
	return magic_is_right(copy) && format_of(copy) > FORMAT;
}

static enum error_code newer(const uint8_t *copy, struct error *err)
{
	return error_set(err, ERR_FORMAT_NEWER, "vault.hdr has format %u, this version reads up to %d: use a newer vaultd",
			 format_of(copy), FORMAT);
}

static enum error_code choose_copy(const uint8_t *file, struct header *header, struct error *err)
{
	const uint8_t *copies[2] = { file, file + HEADER_COPY_LEN };
	bool valid[2] = { copy_is_valid(copies[0]), copy_is_valid(copies[1]) };
	uint64_t seq[2] = { copy_u64(copies[0], HEADER_AT_SEQ), copy_u64(copies[1], HEADER_AT_SEQ) };

	/* A newer version may have been stopped between its two writes: what it wrote is not repaired away. Beside a valid
	 * copy the sum must be right, because a damaged copy may look newer. */
	for (size_t i = 0; i < 2; i++)
		if (is_newer(copies[i]) && (sum_is_right(copies[i]) || !valid[i ^ 1]))
			return newer(copies[i], err);
	if (!valid[0] && !valid[1])
		return error_set(err, ERR_HEADER_DAMAGED,
				 "both copies in vault.hdr are damaged; put it back from a copy of the data directory");
	if (valid[0] && valid[1] && seq[0] == seq[1] && memcmp(copies[0], copies[1], HEADER_COPY_LEN) != 0)
		return tampered(err);
	header->better = valid[0] && (!valid[1] || seq[0] >= seq[1]) ? 0 : 1;
	header->needs_repair = !valid[0] || !valid[1] || seq[0] != seq[1];
	memcpy(header->copy, copies[header->better], HEADER_COPY_LEN);
	return ERR_OK;
}

const uint8_t *header_bytes(const struct header *header)
{
	return header->copy;
}

enum error_code header_from_bytes(const uint8_t bytes[static HEADER_COPY_LEN], struct header **ret, struct error *err)
{
	struct header *header;

	if (is_newer(bytes))
		return newer(bytes, err);
	if (!copy_is_valid(bytes))
		return error_set(err, ERR_HEADER_DAMAGED, "this copy of vault.hdr is damaged");
	header = calloc(1, sizeof(*header));
	if (!header)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the header");
	memcpy(header->copy, bytes, HEADER_COPY_LEN);
	*ret = header;
	return ERR_OK;
}

enum error_code header_read(const char *directory, struct header **ret, struct error *err)
{
	cleanup_(header_freep) struct header *header = calloc(1, sizeof(*header));
	cleanup_(secret_buf_freep) struct secret_buf *file = NULL;
	struct error failure = ERROR_INIT;
	char path[PATH_LEN];
	enum error_code code;

	if (!header)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the header");
	if (header_path(directory, path, err) != ERR_OK)
		return err->code;
	code = file_read_secret(path, FILE_PRIVATE | FILE_REGULAR, false, FILE_MAX, &file, &failure);
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_NOT_INITIALIZED, "the vault is not initialized (there is no %s)", path);
	if (code == ERR_OK && secret_buf_len(file) >= 10 && secret_buf_len(file) != 2 * HEADER_COPY_LEN &&
	    is_newer(secret_buf_bytes(file)))
		return newer(secret_buf_bytes(file), err);
	if (code == ERR_TOO_LARGE || (code == ERR_OK && secret_buf_len(file) != 2 * HEADER_COPY_LEN))
		return error_set(err, ERR_HEADER_DAMAGED, "vault.hdr does not have its %d bytes; put it back from a copy",
				 2 * HEADER_COPY_LEN);
	if (code != ERR_OK)
		return error_set(err, code, "%s", failure.text);
	if (choose_copy(secret_buf_bytes(file), header, err) != ERR_OK)
		return err->code;
	*ret = take_ptr(header);
	return ERR_OK;
}
