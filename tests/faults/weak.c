#include "weak.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "records/pins.h"
#include "records/value.h"
#include "store/integrity.h"
#include "store/map_faults.h"
#include "store/store.h"

#define WRAPPED(name) __real_##name
#define WRAPPER(name) __wrap_##name

static enum weakness {
	WEAK_NONE,
	WEAK_WALK,	  /* the structure is not walked */
	WEAK_META,	  /* the meta pages are believed, and the structure is not walked */
	WEAK_TAG,	  /* a record's tag is not compared */
	WEAK_ACCUMULATOR, /* all sets of records have the same sum */
	WEAK_PINS,	  /* whatever stands there is what was there */
	WEAK_FAULTS,	  /* what LMDB does not survive has no name */
	WEAK_COUNT
} weakness;

static const char *const names[WEAK_COUNT] = {
	[WEAK_NONE] = "none",
	[WEAK_WALK] = "walk",
	[WEAK_META] = "meta",
	[WEAK_TAG] = "tag",
	[WEAK_ACCUMULATOR] = "accumulator",
	[WEAK_PINS] = "pins",
	[WEAK_FAULTS] = "faults",
};

static bool armed;

void weak_arm(void)
{
	armed = true;
}

bool weak_choose(const char *name)
{
	for (unsigned i = 0; i < WEAK_COUNT; i++)
		if (strcmp(name, names[i]) == 0) {
			weakness = (enum weakness)i;
			return true;
		}
	return false;
}

void weak_list(void)
{
	for (unsigned i = 1; i < WEAK_COUNT; i++)
		puts(names[i]);
}

/* -- the file ----------------------------------------------------------------------------------------------- */

enum error_code WRAPPED(structure_check)(int fd, int close_in_child, const struct store_meta *meta, struct error *err);
enum error_code WRAPPER(structure_check)(int fd, int close_in_child, const struct store_meta *meta, struct error *err);
enum error_code WRAPPED(meta_check)(int fd, uint64_t size, struct store_meta *ret, struct error *err);
enum error_code WRAPPER(meta_check)(int fd, uint64_t size, struct store_meta *ret, struct error *err);

enum error_code WRAPPER(structure_check)(int fd, int close_in_child, const struct store_meta *meta, struct error *err)
{
	if (weakness == WEAK_WALK || weakness == WEAK_META)
		return ERR_OK;
	return WRAPPED(structure_check)(fd, close_in_child, meta, err);
}

/* As LMDB does it: the higher number counts. */
enum error_code WRAPPER(meta_check)(int fd, uint64_t size, struct store_meta *ret, struct error *err)
{
	uint64_t numbers[2] = {0, 0};

	if (weakness != WEAK_META)
		return WRAPPED(meta_check)(fd, size, ret, err);
	if (pread(fd, &numbers[0], 8, 144) != 8 || pread(fd, &numbers[1], 8, STORE_PAGE + 144) != 8)
		return error_set(err, ERR_STORE_DAMAGED, "too short");
	*ret = (struct store_meta){
		.txn_id = numbers[numbers[1] > numbers[0]], .last_page = 1, .file_pages = size / STORE_PAGE};
	return ERR_OK;
}

void WRAPPED(map_faults_start)(void (*end)(enum map_fault fault, const char *text, const char *detail));
void WRAPPER(map_faults_start)(void (*end)(enum map_fault fault, const char *text, const char *detail));

void WRAPPER(map_faults_start)(void (*end)(enum map_fault fault, const char *text, const char *detail))
{
	if (weakness != WEAK_FAULTS)
		WRAPPED(map_faults_start)(end);
}

/* -- the records ---------------------------------------------------------------------------------------------- */

int WRAPPED(crypto_aead_xchacha20poly1305_ietf_decrypt_detached)(unsigned char *out, unsigned char *nsec,
								 const unsigned char *sealed, unsigned long long len,
								 const unsigned char *tag, const unsigned char *ad,
								 unsigned long long ad_len, const unsigned char *nonce,
								 const unsigned char *key);
int WRAPPER(crypto_aead_xchacha20poly1305_ietf_decrypt_detached)(unsigned char *out, unsigned char *nsec,
								 const unsigned char *sealed, unsigned long long len,
								 const unsigned char *tag, const unsigned char *ad,
								 unsigned long long ad_len, const unsigned char *nonce,
								 const unsigned char *key);
void WRAPPED(accumulator_element)(const struct secret_key *accumulator_key, const void *key, size_t key_len,
				  const uint8_t *value, uint8_t ret[static 64]);
void WRAPPER(accumulator_element)(const struct secret_key *accumulator_key, const void *key, size_t key_len,
				  const uint8_t *value, uint8_t ret[static 64]);
enum error_code WRAPPED(store_get)(const struct store_snapshot *snapshot, const void *key, size_t key_len,
				   struct store_bytes *ret);
enum error_code WRAPPER(store_get)(const struct store_snapshot *snapshot, const void *key, size_t key_len,
				   struct store_bytes *ret);
bool WRAPPED(pins_find)(struct pins *pins, uint64_t snapshot_id, const void *key, size_t len,
			uint8_t ret_pin[static PIN_LEN]);
bool WRAPPER(pins_find)(struct pins *pins, uint64_t snapshot_id, const void *key, size_t len,
			uint8_t ret_pin[static PIN_LEN]);

int WRAPPER(crypto_aead_xchacha20poly1305_ietf_decrypt_detached)(unsigned char *out, unsigned char *nsec,
								 const unsigned char *sealed, unsigned long long len,
								 const unsigned char *tag, const unsigned char *ad,
								 unsigned long long ad_len, const unsigned char *nonce,
								 const unsigned char *key)
{
	if (weakness == WEAK_TAG)
		return crypto_stream_xchacha20_xor_ic(out, sealed, len, nonce, 1, key);
	return WRAPPED(crypto_aead_xchacha20poly1305_ietf_decrypt_detached)(out, nsec, sealed, len, tag, ad, ad_len,
									    nonce, key);
}

void WRAPPER(accumulator_element)(const struct secret_key *accumulator_key, const void *key, size_t key_len,
				  const uint8_t *value, uint8_t ret[static 64])
{
	if (weakness == WEAK_ACCUMULATOR)
		memset(ret, 0, 64);
	else
		WRAPPED(accumulator_element)(accumulator_key, key, key_len, value, ret);
}

/* What was got last, for a pin that is always right. */
static _Thread_local struct store_bytes got;

enum error_code WRAPPER(store_get)(const struct store_snapshot *snapshot, const void *key, size_t key_len,
				   struct store_bytes *ret)
{
	const enum error_code code = WRAPPED(store_get)(snapshot, key, key_len, ret);

	got = code == ERR_OK ? *ret : (struct store_bytes){NULL, 0};
	return code;
}

bool WRAPPER(pins_find)(struct pins *pins, uint64_t snapshot_id, const void *key, size_t len,
			uint8_t ret_pin[static PIN_LEN])
{
	if (weakness != WEAK_PINS || !armed || !got.at || got.len < VALUE_PIN_OFFSET + PIN_LEN)
		return WRAPPED(pins_find)(pins, snapshot_id, key, len, ret_pin);
	memcpy(ret_pin, got.at + VALUE_PIN_OFFSET, PIN_LEN);
	return true;
}
