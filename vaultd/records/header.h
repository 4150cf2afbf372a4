/*
 * vault.hdr: the key slots and the sealed keyring (docs/storage-format.md
 * section 6), and the counter of failed attempts beside it (vault.try).
 *
 * The file is two copies of 16,384 bytes, overwritten in place, lower sequence
 * first. Reading takes the valid copy with the higher sequence; the caller
 * repairs after the unseal by writing.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/arena.h"
#include "crypto/passphrase.h"
#include "crypto/shares.h"
#include "records/tables.h"
#include "vault/clock.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

#define HEADER_COPY_LEN 16384
#define HEADER_FILE "vault.hdr"
#define ATTEMPTS_FILE "vault.try"
#define SLOTS_MAX 8
#define KEYRING_MAX 8

enum slot_type { SLOT_EMPTY = 0, SLOT_PASSPHRASE = 1, SLOT_KEY_FILE = 2, SLOT_BOTH = 3, SLOT_CREDENTIAL = 4, SLOT_SHARES = 5 };
enum key_kind { KEY_KEK = 1, KEY_INDEX = 2, KEY_BASE = 3 };

/* What a caller presents to open or make a slot. Bytes are borrowed. */
struct slot_secret {
	enum slot_type type;
	const void *passphrase;		/* SLOT_PASSPHRASE: exact bytes, one trailing LF removed by slot_open/slot_make */
	size_t passphrase_len;
	const void *key;		/* SLOT_KEY_FILE: contents of the key file; SLOT_CREDENTIAL: exactly 32 bytes;
					 * SLOT_SHARES, to open: shares of SHARE_LEN bytes, one after another */
	size_t key_len;
	unsigned shares, threshold;	/* SLOT_SHARES, to make */
	struct secret_buf *made;	/* SLOT_SHARES, to make: the shares are appended here */
	const char *credential;		/* SLOT_CREDENTIAL: its name */
	const char *label;		/* for slot_make; "" if none */
};

struct slot_info {		/* for status; nothing secret */
	enum slot_type type;
	uint8_t id;
	int64_t created;
	char label[65], credential[65];
	unsigned shares, threshold;	/* SLOT_SHARES */
};

struct keyring_key {
	enum key_kind kind;
	uint32_t epoch;
	int64_t created;
	struct secret_key *key;		/* in the arena, owned by the keyring */
};

struct keyring {
	uint64_t min_counter;
	struct keyring_key keys[KEYRING_MAX];
	size_t len;
};
void keyring_free_keys(struct keyring *keyring);
/* Newest epoch of a kind, or that epoch (epoch 0: newest). NULL if there is none. */
const struct keyring_key *keyring_find(const struct keyring *keyring, enum key_kind kind, uint32_t epoch);

struct header;	/* one parsed copy, with where it came from */
void header_free(struct header *header);

/* A new header in memory: store id, sequence 1, no slots, this keyring. root_key is the caller's to wipe. */
enum error_code header_new(const uint8_t store_id[static ID_LEN], int64_t now, const struct secret_key *root_key,
			   const struct keyring *keyring, struct header **ret, struct error *err) must_check;
/* Adds a slot that opens the root key. ERR_INVALID for secrets outside the limits, ERR_BUSY when all slots are taken. */
enum error_code slot_make(struct header *header, const struct slot_secret *secret, const struct secret_key *root_key,
			  int64_t now, uint8_t *ret_id, struct error *err) must_check;
/* The same in the place of slot id (0 to 7), whatever is there; it stays as it is when this fails. */
enum error_code slot_make_at(struct header *header, unsigned id, const struct slot_secret *secret,
			     const struct secret_key *root_key, int64_t now, struct error *err) must_check;
void slot_clear(struct header *header, unsigned id);
/* All slots as they are in another header. */
void slots_copy(struct header *to, const struct header *from);
bool slots_are_equal(const struct header *one, const struct header *other);
/* For init: temp file, fsync, rename, fsync of the directory. */
enum error_code header_create(struct header *header, const struct secret_key *root_key, const char *directory,
			      struct error *err) must_check;
/* ERR_NOT_INITIALIZED when there is none, ERR_HEADER_DAMAGED, ERR_HEADER_TAMPERED (equal sequences, different bytes),
 * ERR_FORMAT_NEWER, ERR_PERMISSION. */
enum error_code header_read(const char *directory, struct header **ret, struct error *err) must_check;
/* sequence + 1, new keyring, both copies with fdatasync between. */
enum error_code header_write(struct header *header, const struct secret_key *root_key, const struct keyring *keyring,
			     int64_t now, const char *directory, struct error *err) must_check;
/* True when one copy was bad or older: write both again after the unseal (same sequence). */
bool header_needs_repair(const struct header *header);
enum error_code header_repair(struct header *header, const char *directory, struct error *err) must_check;

/* The HEADER_COPY_LEN bytes of the copy that counts, as they stand in the file; nothing secret is clear in them. */
const uint8_t *header_bytes(const struct header *header);
/* A header of such bytes. ERR_HEADER_DAMAGED, ERR_FORMAT_NEWER. */
enum error_code header_from_bytes(const uint8_t bytes[static HEADER_COPY_LEN], struct header **ret, struct error *err) must_check;
/* Makes the file in a directory that has none: both copies are these bytes. */
enum error_code header_put_back(const struct header *header, const char *directory, struct error *err) must_check;

const uint8_t *header_store_id(const struct header *header);
uint64_t header_seq(const struct header *header);
size_t header_slots(const struct header *header, struct slot_info ret[static SLOTS_MAX]);

#define SLOT_WAYS_MAX 256
/* What opens them, for a sentence: the options of envctl and of vaultd's offline commands, each kind once:
 * "--passphrase, or --key-file FILE". "" without slots. */
void slot_ways(const struct slot_info *slots, size_t len, char ret[static SLOT_WAYS_MAX]);

/*
 * Whether a share belongs to a slot of this vault, before anything is combined. ERR_INVALID names what is wrong: a typing
 * mistake, another vault, another slot or set, another threshold, a number that was not made, another share than was made.
 */
enum error_code slot_check_share(const struct header *header, const uint8_t share[static SHARE_LEN], struct share_info *ret,
				 struct error *err) must_check;

/* Opens the root key with the first slot of that type that the secret opens (the named slot only when slot_id >= 0).
 * ERR_UNSEAL_FAILED, the same for every wrong secret; ERR_NOT_FOUND when no slot has that type. Shares say themselves which
 * slot they open: what slot_check_share() refuses is refused here, and so are too few, too many and the same twice. */
enum error_code slot_open(const struct header *header, const struct slot_secret *secret, int slot_id,
			  struct secret_key *ret_root_key, struct error *err) must_check;
/* MAC and keyring under the root key. ERR_HEADER_TAMPERED. */
enum error_code header_unlock(const struct header *header, const struct secret_key *root_key, struct keyring *ret,
			      struct error *err) must_check;
/*
 * Header keys to keep while unsealed (HS seals the keyring, HM MACs the header), so that the root key can be wiped:
 * header_write_derived() does what header_write() does with them, and with the slots of another header unless that is NULL.
 * After ERR_NO_MEMORY nothing was written and the header is what it was.
 */
struct header_keys {
	struct secret_key *seal_key, *mac_key;	/* in the arena */
};
enum error_code header_keys_derive(const struct secret_key *root_key, struct header_keys *ret, struct error *err) must_check;
void header_keys_free(struct header_keys *keys);
enum error_code header_write_derived(struct header *header, const struct header *slots, const struct header_keys *keys,
				     const struct keyring *keyring, int64_t now, const char *directory,
				     struct error *err) must_check;

/* The key of a slot from what was presented: SKEK (exposed for the known-answer tests). */
void slot_key_derive(enum slot_type type, uint8_t slot_id, const uint8_t store_id[static ID_LEN], const uint8_t salt[static 16],
		     const struct secret_key *argon2_output, const struct secret_key *key_file_hash,
		     const uint8_t *credential /* 32 bytes */, struct secret_key *ret);
void key_file_hash(const void *contents, size_t len, struct secret_key *ret);

/*
 * Failed attempts. attempts_begin() answers ERR_SLOWED_DOWN ("try again in N seconds") or writes and syncs one more
 * failure for the slot BEFORE the attempt is evaluated; attempts_success() sets it back. After 5 failures one attempt a
 * minute, after 20 one in 10 minutes, doubling to one an hour. A missing or bad file counts as 5 failures, except when
 * the header was just created (attempts_create()). slot_id 0 to 7.
 */
enum error_code attempts_create(const char *directory, const uint8_t store_id[static ID_LEN], struct error *err) must_check;
enum error_code attempts_begin(const char *directory, const uint8_t store_id[static ID_LEN], unsigned slot_id, int64_t now,
			       struct error *err) must_check;
enum error_code attempts_success(const char *directory, const uint8_t store_id[static ID_LEN], unsigned slot_id,
				 struct error *err) must_check;

DEFINE_CLEANUP(struct header *, header_free);
