/* Which key opens or seals what (docs/storage-format.md section 2 and 3.2). Keys leave here as copies in a scope. */
#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/sealed_store.h"
#include "records/value.h"

const uint8_t system_kid[ID_LEN];

enum error_code keyring_copy(struct records *records, enum key_kind kind, uint32_t epoch, struct secret_key *ret,
			     uint32_t *ret_epoch, struct error *err)
{
	const struct keyring_key *key;

	pthread_rwlock_rdlock(&records->keys);
	key = keyring_find(&records->keyring, kind, epoch);
	if (key) {
		memcpy(ret->bytes, key->key->bytes, KEY_LEN);
		if (ret_epoch)
			*ret_epoch = key->epoch;
	}
	pthread_rwlock_unlock(&records->keys);
	return key ? ERR_OK : error_set(err, ERR_RECORD, "a record needs a key that the keyring does not have");
}

static bool is_of_environment(uint8_t table)
{
	return table == TABLE_HEAD || table == TABLE_REVISION || table == TABLE_SCHEMA || table == TABLE_POLICY_ROTATION ||
	       table == TABLE_OPERATION || table == TABLE_SETTINGS;
}

static void copy_base(struct records *records, const struct secret_key *from, struct secret_key *ret)
{
	pthread_rwlock_rdlock(&records->keys);
	memcpy(ret->bytes, from->bytes, KEY_LEN);
	pthread_rwlock_unlock(&records->keys);
}

/* A data key comes from the cache, or from its K record, whose own key is in the keyring. */
static enum error_code data_key(struct records_view *view, const uint8_t *kid, uint32_t version, struct secret_key *ret,
				struct error *err)
{
	struct records *records = view->records;
	struct record_key key = record_key_data_key(kid, version);
	cleanup_(secret_buf_freep) struct secret_buf *plain = NULL;
	struct data_key_record record;
	struct store_bytes value;
	enum error_code code;

	if (data_keys_find(records->data_keys, kid, version, ret))
		return ERR_OK;
	code = view_value(view, &key, &value, err);
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_RECORD, "the data key of a record is missing: it was removed by something else than vaultd");
	plain = secret_buf_new(VALUE_PADDED_MAX);
	if (code == ERR_OK && !plain)
		code = error_set(err, ERR_NO_MEMORY, "no memory is left for a data key");
	if (code != ERR_OK || view_open(view, &key, value, plain, err) != ERR_OK ||
	    decode_data_key(secret_buf_bytes(plain), secret_buf_len(plain), &record, err) != ERR_OK)
		return err->code;
	memcpy(ret->bytes, record.key, KEY_LEN);
	sodium_memzero(&record, sizeof(record));
	data_keys_add(records->data_keys, kid, version, ret);
	/* An older snapshot may show the key of an environment that was destroyed meanwhile. Looking after the adding leaves no
	 * gap: either the destroy is seen here, or the writer forgets the key after its commit. */
	if (!pins_is_newest(records->pins, key.bytes, key.len, value.at + VALUE_PIN_OFFSET))
		data_keys_forget(records->data_keys, kid);
	return ERR_OK;
}

/* Whether the clear part of a value says what its place demands. */
static bool kid_is_right(const struct records *records, const struct record_key *key, const uint8_t *kid)
{
	switch (key->bytes[0]) {
	case TABLE_STATE:
		return memcmp(kid, records->store_id, ID_LEN) == 0;
	case TABLE_HEAD:
		return memcmp(kid, system_kid, ID_LEN) != 0;
	case TABLE_DATA_KEY:
		return key->len > ID_LEN && memcmp(kid, key->bytes + 1, ID_LEN) == 0;
	default:
		if (is_of_environment(key->bytes[0]))
			return key->len > ID_LEN && memcmp(kid, key->bytes + 1, ID_LEN) == 0;
		return memcmp(kid, system_kid, ID_LEN) == 0;
	}
}

enum error_code key_for_value(struct records_view *view, const struct record_key *key, const struct value_header *header,
			      struct secret_key *ret, struct error *err)
{
	struct records *records = view->records;

	if (!kid_is_right(records, key, header->kid))
		return error_set(err, key->bytes[0] == TABLE_STATE ? ERR_STORE_FOREIGN : ERR_RECORD,
				 key->bytes[0] == TABLE_STATE ? "vault.db belongs to another vault than vault.hdr" :
								"a record stands in a place that is not its own");
	if (key->bytes[0] == TABLE_DATA_KEY)
		return keyring_copy(records, KEY_KEK, header->key_version, ret, NULL, err);
	if (key->bytes[0] == TABLE_STATE) {
		copy_base(records, records->base.state, ret);
		return ERR_OK;
	}
	return data_key(view, header->kid, header->key_version, ret, err);
}

enum error_code key_for_put(struct records_write *write, const struct record_key *key, const uint8_t *kid,
			    uint32_t *ret_version, struct secret_key *ret, struct error *err)
{
	if (key->bytes[0] == TABLE_DATA_KEY)
		return keyring_copy(write->records, KEY_KEK, 0, ret, ret_version, err);
	*ret_version = DATA_KEY_FIRST;
	if (write->has_new_key && memcmp(kid, write->new_eid, ID_LEN) == 0) {
		memcpy(ret->bytes, write->new_key.bytes, KEY_LEN);
		return ERR_OK;
	}
	return data_key(write->view, kid, DATA_KEY_FIRST, ret, err);
}

/* -- installing and dropping ---------------------------------------------------- */

static enum error_code derive_base(struct records *records, const struct secret_key *base_key, struct error *err)
{
	struct {
		struct secret_key **to;
		const char *context;
	} derived[] = {
		{ &records->base.state, "vdSTATE_" },
		{ &records->base.accumulator, "vdACCUM_" },
		{ &records->base.token, "vdTOKEN_" },
		{ &records->base.anchor, "vdANCHOR" },
		{ &records->base.batch, "vdBATCH_" },
	};

	for (size_t i = 0; i < ARRAY_LEN(derived); i++) {
		*derived[i].to = secret_key_new();
		if (!*derived[i].to)
			return error_set(err, ERR_NO_MEMORY, "no room is left for keys");
		derive_key(base_key, 1, derived[i].context, *derived[i].to);
	}
	return ERR_OK;
}

enum error_code keys_install(struct records *records, struct keyring *keyring, const struct secret_key *root_key,
			     struct error *err)
{
	const struct keyring_key *base;

	records->keyring = *keyring;
	*keyring = (struct keyring){ 0 };
	base = keyring_find(&records->keyring, KEY_BASE, 0);
	if (!base || !keyring_find(&records->keyring, KEY_KEK, 0) || !keyring_find(&records->keyring, KEY_INDEX, 0))
		return error_set(err, ERR_HEADER_DAMAGED, "the keyring in vault.hdr is incomplete");
	records->data_keys = data_keys_new();
	records->pins = pins_new();
	if (!records->data_keys || !records->pins)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to unseal");
	records->base.epoch = base->epoch;
	if (derive_base(records, base->key, err) != ERR_OK)
		return err->code;
	return header_keys_derive(root_key, &records->header_keys, err);
}

void keys_drop(struct records *records)
{
	data_keys_free(records->data_keys);
	records->data_keys = NULL;
	pins_free(records->pins);
	records->pins = NULL;
	keyring_free_keys(&records->keyring);
	header_keys_free(&records->header_keys);
	secret_key_free(records->base.state);
	secret_key_free(records->base.accumulator);
	secret_key_free(records->base.token);
	secret_key_free(records->base.anchor);
	secret_key_free(records->base.batch);
	records->base = (struct base_keys){ 0 };
}
