/* The keys under which records stand in the store. Numbers inside keys are big-endian, so that they sort. */
#include <endian.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/tables.h"

static const uint8_t no_scope[ID_LEN];

void blind_index(const struct secret_key *index_key, char type, const uint8_t *scope, const void *name, size_t name_len,
		 uint8_t ret[static ID_LEN])
{
	const struct byte_part parts[] = { { &type, 1 }, { scope ? scope : no_scope, ID_LEN }, { name, name_len } };

	blake2b_parts(ret, ID_LEN, index_key->bytes, KEY_LEN, "vaultd-indx-v001", parts, ARRAY_LEN(parts));
}

static void key_add(struct record_key *key, const void *bytes, size_t len)
{
	memcpy(key->bytes + key->len, bytes, len);
	key->len = (uint8_t)(key->len + len);
}

static struct record_key key_of(enum table table)
{
	return (struct record_key){ .len = 1, .bytes = { (uint8_t)table } };
}

struct record_key record_key_state(void)
{
	return key_of(TABLE_STATE);
}

struct record_key record_key_id(enum table table, const uint8_t id[static ID_LEN])
{
	struct record_key key = key_of(table);

	key_add(&key, id, ID_LEN);
	return key;
}

struct record_key record_key_data_key(const uint8_t eid[static ID_LEN], uint32_t version)
{
	struct record_key key = record_key_id(TABLE_DATA_KEY, eid);
	uint32_t be = htobe32(version);

	key_add(&key, &be, sizeof(be));
	return key;
}

struct record_key record_key_revision(const uint8_t eid[static ID_LEN], uint64_t revision)
{
	struct record_key key = record_key_id(TABLE_REVISION, eid);
	uint64_t be = htobe64(revision);

	key_add(&key, &be, sizeof(be));
	return key;
}

struct record_key record_key_setting(uint16_t number)
{
	struct record_key key = key_of(TABLE_SETTING);
	uint16_t be = htobe16(number);

	key_add(&key, &be, sizeof(be));
	return key;
}

struct record_key record_key_blind(enum table table, const struct secret_key *index_key, char type, const uint8_t *scope,
				   const void *name, size_t name_len)
{
	uint8_t id[ID_LEN];

	blind_index(index_key, type, scope, name, name_len, id);
	return record_key_id(table, id);
}

struct record_key record_key_head(const struct secret_key *index_key, const uint8_t mount[static ID_LEN], const char *path,
				  size_t path_len)
{
	return record_key_blind(TABLE_HEAD, index_key, 'H', mount, path, path_len);
}
