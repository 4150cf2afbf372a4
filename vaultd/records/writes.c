/* Writing: sealing what a request wants to put, guarding what it replaces, and the way through the store's queue. */
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/sealed_store.h"
#include "records/value.h"

enum error_code records_guard(struct records_write *write, const struct record_key *key, const uint8_t *pin, struct error *err)
{
	return store_write_guard(write->store_write, key->bytes, key->len, pin, err);
}

/* The version of the record that is there, and a guard that it stays; 0 and a guard of absence when there is none. */
static enum error_code guard_old(struct records_write *write, const struct record_key *key, uint64_t *ret_version,
				 struct error *err)
{
	struct value_header header;
	struct store_bytes value;
	enum error_code code = view_value(write->view, key, &value, err);

	*ret_version = 0;
	if (code == ERR_NOT_FOUND)
		return records_guard(write, key, NULL, err);
	if (code != ERR_OK || value_header_read(value.at, value.len, key, &header, err) != ERR_OK)
		return err->code;
	*ret_version = header.record_version;
	return records_guard(write, key, value.at + VALUE_PIN_OFFSET, err);
}

enum error_code records_put(struct records_write *write, const struct record_key *key, const uint8_t *eid,
			    const void *encoding, size_t len, uint8_t *ret_pin, struct error *err)
{
	struct value_header header = { 0 };
	size_t sealed_len = value_len(key->bytes[0], len);
	uint64_t old_version = 0;
	uint8_t *space;
	key_scope seal_key;

	if (sealed_len == 0)
		return error_set(err, ERR_TOO_LARGE, "a record of %zu bytes is larger than the store takes", len);
	memcpy(header.kid, eid ? eid : system_kid, ID_LEN);
	if (key->bytes[0] == TABLE_REVISION ? records_guard(write, key, NULL, err) != ERR_OK :
					      guard_old(write, key, &old_version, err) != ERR_OK)
		return err->code;
	header.record_version = old_version + 1;
	if (key_for_put(write, key, header.kid, &header.key_version, &seal_key, err) != ERR_OK ||
	    store_write_put(write->store_write, key->bytes, key->len, sealed_len, &space, err) != ERR_OK)
		return err->code;
	value_seal(&seal_key, write->records->store_id, key, &header, encoding, len, NULL, space);
	if (ret_pin)
		memcpy(ret_pin, space + VALUE_PIN_OFFSET, PIN_LEN);
	return ERR_OK;
}

enum error_code records_delete(struct records_write *write, const struct record_key *key, struct error *err)
{
	uint64_t version;

	/* A revision is guarded by its head, which changes with it. */
	if (key->bytes[0] != TABLE_REVISION && guard_old(write, key, &version, err) != ERR_OK)
		return err->code;
	return store_write_delete(write->store_write, key->bytes, key->len, err);
}

/* -- environments that come and go --------------------------------------------------- */

static enum error_code put_data_key(struct records_write *write, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(VALUE_PADDED_MAX);
	struct record_key key = record_key_data_key(write->new_eid, DATA_KEY_FIRST);
	struct data_key_record record = { .created = records_now(write->records) };

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a data key");
	memcpy(record.key, write->new_key.bytes, KEY_LEN);
	encode_data_key(encoding, &record);
	sodium_memzero(&record, sizeof(record));
	if (secret_buf_check(encoding, "a data key", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, write->new_eid, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

/*
 * A rotation of the KEK seals the system's data key, the first in key order, anew before all others. With a guard on it no
 * new data key can be committed under the old KEK once the rotation has begun its sweep, however long its write was under
 * way: it loses, and is prepared again with the new one.
 */
static enum error_code guard_kek(struct records_write *write, struct error *err)
{
	struct record_key key = record_key_data_key(system_kid, DATA_KEY_FIRST);
	uint64_t version;

	return guard_old(write, &key, &version, err);
}

enum error_code records_new_eid(struct records_write *write, uint8_t ret_eid[static ID_LEN], struct error *err)
{
	if (write->has_new_key)
		return error_set(err, ERR_INTERNAL, "one change can make one environment");
	random_fill(write->new_eid, ID_LEN);
	random_fill(write->new_key.bytes, KEY_LEN);
	write->has_new_key = true;
	memcpy(ret_eid, write->new_eid, ID_LEN);
	if (guard_kek(write, err) != ERR_OK)
		return err->code;
	return put_data_key(write, err);
}

struct gather {
	struct records_write *write;
	struct error *err;
};

static bool delete_each(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct gather *gather = arg;
	struct record_key key;

	(void)value;
	if (!record_key_from(at, &key))
		return false;
	return records_delete(gather->write, &key, gather->err) == ERR_OK;
}

enum error_code records_destroy_eid(struct records_write *write, const struct record_key *head_key,
				    const uint8_t eid[static ID_LEN], uint64_t oldest, uint64_t current, struct error *err)
{
	static const uint8_t tables[] = { TABLE_DATA_KEY, TABLE_REVISION, TABLE_SCHEMA, TABLE_POLICY_ROTATION, TABLE_OPERATION,
					  TABLE_SETTINGS };
	struct gather gather = { .write = write, .err = err };

	(void)oldest;	/* what is there is found by its prefix, whatever the head says */
	(void)current;
	for (size_t i = 0; i < sizeof(tables); i++) {
		struct record_key prefix = record_key_id(tables[i], eid);

		if (store_scan(write->view->snapshot, prefix.bytes, prefix.len, false, delete_each, &gather, err) != ERR_OK ||
		    err->code != ERR_OK)
			return err->code;
	}
	return records_delete(write, head_key, err);
}

/* -- the store's queue ------------------------------------------------------------------- */

static struct records_request *request_of(struct store_request *store_request)
{
	return (struct records_request *)((char *)store_request - offsetof(struct records_request, store_));
}

static enum error_code prepare(struct store_request *store_request, const struct store_snapshot *snapshot,
			       struct store_write *store_write, struct error *err)
{
	struct records_request *request = request_of(store_request);
	struct records_view view = view_on(request->records_, snapshot);
	struct records_write write = { .records = request->records_, .view = &view, .store_write = store_write };
	enum error_code code = request->prepare(request, &view, &write, err);

	secret_key_wipe(&write.new_key);
	return code;
}

static void done(struct store_request *store_request, enum error_code outcome, const struct error *err)
{
	struct records_request *request = request_of(store_request);
	struct records *records = request->records_;
	/* Init and unseal write the anchor themselves, and an init whose anchor fails has not happened. */
	bool strict = records->anchor_mode == ANCHOR_STRICT && !atomic_load(&records->sealed);
	struct error failure = ERROR_INIT;

	/* The first request of a batch writes the anchor for all of them. */
	if (outcome == ERR_OK && (strict || request->anchor_now) && anchor_catch_up(records, &failure) != ERR_OK) {
		note_error(records, &failure);	/* the change is durable; health tells about the anchor */
		if (strict) {
			error_prefix(&failure, "the change is durable, but the anchor does not know it");
			outcome = failure.code = ERR_IO;	/* a full disk, as a code, would say that nothing happened */
			err = &failure;
		}
	}
	request->done(request, outcome, err);
}

static enum error_code submit(struct records *records, struct records_request *request, struct error *err)
{
	struct pin_batch *entered = pins_enter(records->pins);
	enum error_code code;

	request->records_ = records;
	request->store_ = (struct store_request){ .prepare = prepare, .done = done };
	/* The pins were entered before the store takes the snapshot, as they must be. */
	code = store_submit(records->store, &request->store_, err);
	pins_leave(entered);
	return code;
}

enum error_code records_submit(struct records *records, struct records_request *request, struct error *err)
{
	enum error_code code;

	pthread_rwlock_rdlock(&records->use);
	if (atomic_load(&records->sealed))
		code = error_set(err, ERR_SEALED, "Vault is sealed");
	else if (atomic_load(&records->broken))
		code = error_set(err, ERR_RECORD,
				 "the store was changed by something else than vaultd; seal it and look at the log");
	else
		code = submit(records, request, err);
	pthread_rwlock_unlock(&records->use);
	return code;
}

struct waited {
	struct records_request request;
	struct records_request *wanted;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
	enum error_code outcome;
	struct error error;
};

static enum error_code waited_prepare(struct records_request *request, struct records_view *view, struct records_write *write,
				      struct error *err)
{
	struct waited *waited = (struct waited *)((char *)request - offsetof(struct waited, request));

	return waited->wanted->prepare(waited->wanted, view, write, err);
}

static void waited_done(struct records_request *request, enum error_code outcome, const struct error *err)
{
	struct waited *waited = (struct waited *)((char *)request - offsetof(struct waited, request));

	pthread_mutex_lock(&waited->lock);
	waited->outcome = outcome;
	if (err)
		waited->error = *err;
	waited->done = true;
	pthread_cond_signal(&waited->changed);
	pthread_mutex_unlock(&waited->lock);
}

/* Also while the store is not answering yet (init, unseal): it does not look at `sealed`. */
enum error_code records_submit_wait(struct records *records, struct records_request *request, struct error *err)
{
	struct waited waited = { .request = { .prepare = waited_prepare, .done = waited_done }, .wanted = request,
				 .error = ERROR_INIT };
	enum error_code code;

	pthread_mutex_init(&waited.lock, NULL);
	pthread_cond_init(&waited.changed, NULL);
	/* done() may have come before submit() returns: the outcome is not submit()'s to write. */
	code = submit(records, &waited.request, err);
	if (code == ERR_OK) {
		pthread_mutex_lock(&waited.lock);
		while (!waited.done)
			pthread_cond_wait(&waited.changed, &waited.lock);
		pthread_mutex_unlock(&waited.lock);
		code = waited.outcome;
		if (code != ERR_OK)
			error_set(err, code, "%s", waited.error.text[0] ? waited.error.text : error_name(code));
	}
	pthread_cond_destroy(&waited.changed);
	pthread_mutex_destroy(&waited.lock);
	return code;
}
