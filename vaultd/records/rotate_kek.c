/*
 * A new key-encryption key: the header gains it, the state says that the job runs, every data key is sealed anew, and when
 * none is left under the old one, the header loses that. Wherever this is killed, the next unseal goes on.
 */
#include <sodium.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/sealed_store.h"
#include "records/value.h"

#define KEYS_PER_COMMIT 500

static size_t kek_epochs(const struct records *records)
{
	size_t epochs = 0;

	for (size_t i = 0; i < records->keyring.len; i++)
		epochs += records->keyring.keys[i].kind == KEY_KEK;
	return epochs;
}

/* The header on disk first, then the state that knows its sequence. */
static enum error_code write_header(struct records *records, struct state_patch *patch, struct error *err)
{
	pthread_mutex_lock(&records->status);
	records->keyring.min_counter = records->shown_counter;
	pthread_mutex_unlock(&records->status);
	if (header_write_derived(records->header, &records->header_keys, &records->keyring, records_now(records),
				 records->directory, err) != ERR_OK)
		return err->code;
	patch->set_header_seq = true;
	patch->header_seq = header_seq(records->header);
	return state_commit_patch(records, patch, err);
}

static enum error_code add_epoch(struct records *records, struct error *err)
{
	const struct keyring_key *newest = keyring_find(&records->keyring, KEY_KEK, 0);
	struct keyring_key key = { .kind = KEY_KEK, .epoch = newest->epoch + 1, .created = records_now(records),
				   .key = secret_key_new() };

	if (!key.key || records->keyring.len == KEYRING_MAX) {
		secret_key_free(key.key);
		return error_set(err, ERR_NO_MEMORY, "no room is left for keys");
	}
	random_fill(key.key->bytes, KEY_LEN);
	pthread_rwlock_wrlock(&records->keys);
	records->keyring.keys[records->keyring.len++] = key;
	pthread_rwlock_unlock(&records->keys);
	return ERR_OK;
}

static void drop_old_epochs(struct records *records)
{
	uint32_t newest = keyring_find(&records->keyring, KEY_KEK, 0)->epoch;
	size_t kept = 0;

	pthread_rwlock_wrlock(&records->keys);
	for (size_t i = 0; i < records->keyring.len; i++) {
		struct keyring_key *key = &records->keyring.keys[i];

		if (key->kind == KEY_KEK && key->epoch != newest)
			secret_key_free(key->key);
		else
			records->keyring.keys[kept++] = *key;
	}
	records->keyring.len = kept;
	pthread_rwlock_unlock(&records->keys);
}

/* -- sealing data keys anew ------------------------------------------------------------- */

struct sweep {
	struct records_request request;
	uint32_t epoch;
	size_t done;
	/* of one preparation */
	struct records_view *view;
	struct records_write *write;
	struct error *err;
};

static bool reseal(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct sweep *sweep = arg;
	cleanup_(secret_buf_freep) struct secret_buf *plain = NULL;
	struct value_header header;
	struct record_key key;

	if (!record_key_from(at, &key) || value_header_read(value.at, value.len, &key, &header, sweep->err) != ERR_OK)
		return false;
	if (header.key_version == sweep->epoch)
		return true;
	plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!plain) {
		error_set(sweep->err, ERR_NO_MEMORY, "no memory is left to rotate keys");
		return false;
	}
	if (view_value(sweep->view, &key, &value, sweep->err) != ERR_OK ||
	    view_open(sweep->view, &key, value, plain, sweep->err) != ERR_OK ||
	    records_put(sweep->write, &key, header.kid, secret_buf_bytes(plain), secret_buf_len(plain), NULL, sweep->err) != ERR_OK)
		return false;
	return ++sweep->done < KEYS_PER_COMMIT;
}

static enum error_code prepare_sweep(struct records_request *request, struct records_view *view, struct records_write *write,
				     struct error *err)
{
	struct sweep *sweep = (struct sweep *)(void *)request;
	uint8_t prefix = TABLE_DATA_KEY;

	sweep->view = view;
	sweep->write = write;
	sweep->err = err;
	sweep->done = 0;
	if (store_scan(view->snapshot, &prefix, 1, true, reseal, sweep, err) != ERR_OK)
		return err->code;
	return err->code;	/* set by reseal() */
}

/* Until a scan finds nothing under an old epoch: new environments meanwhile use the new one. */
static enum error_code sweep_all(struct records *records, struct error *err)
{
	struct sweep sweep = { .request = { .prepare = prepare_sweep }, .epoch = keyring_find(&records->keyring, KEY_KEK, 0)->epoch };

	do {
		if (records_submit_wait(records, &sweep.request, err) != ERR_OK)
			return err->code;
	} while (sweep.done > 0);
	return ERR_OK;
}

static enum error_code finish(struct records *records, struct error *err)
{
	struct state_patch patch = { .set_job = true, .job = JOB_NONE, .clear_shred = true };

	if (sweep_all(records, err) != ERR_OK)
		return err->code;
	drop_old_epochs(records);
	if (write_header(records, &patch, err) != ERR_OK)
		return err->code;
	return anchor_catch_up(records, err);
}

static enum error_code announce(struct records *records, struct error *err)
{
	struct state_patch patch = { .set_job = true, .job = JOB_KEK, .set_kek_epoch = true,
				     .kek_epoch = keyring_find(&records->keyring, KEY_KEK, 0)->epoch };

	return write_header(records, &patch, err);
}

enum error_code records_rotate_kek(struct records *records, struct error *err)
{
	if (atomic_load(&records->sealed))
		return error_set(err, ERR_SEALED, "Vault is sealed");
	if (kek_epochs(records) < 2 && add_epoch(records, err) != ERR_OK)
		return err->code;
	if (announce(records, err) != ERR_OK)
		return err->code;
	return finish(records, err);
}

enum error_code kek_rotation_resume(struct records *records, struct error *err)
{
	struct state_patch patch = { .set_job = true, .job = JOB_NONE, .clear_shred = true };

	if (kek_epochs(records) > 1) {
		if (records->state.job != JOB_KEK && announce(records, err) != ERR_OK)
			return err->code;
		return finish(records, err);
	}
	/* The header was written last and the state did not hear of it any more. */
	return records->state.job == JOB_KEK ? state_commit_patch(records, &patch, err) : ERR_OK;
}
