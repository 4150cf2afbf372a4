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
#define FIRST_BYTES 256u

static size_t kek_epochs(const struct records *records)
{
	size_t epochs = 0;

	for (size_t i = 0; i < records->keyring.len; i++)
		epochs += records->keyring.keys[i].kind == KEY_KEK;
	return epochs;
}

static uint32_t newest_epoch(const struct records *records)
{
	return keyring_find(&records->keyring, KEY_KEK, 0)->epoch;	/* keys_install() made sure that there is one */
}

static enum error_code gain_epoch(struct records *records, struct error *err)
{
	struct keyring wider = records->keyring;
	struct keyring_key key = { .kind = KEY_KEK, .epoch = newest_epoch(records) + 1, .created = records_now(records) };

	if (wider.len < KEYRING_MAX)
		key.key = secret_key_new();
	if (!key.key)
		return error_set(err, ERR_NO_MEMORY, "no room is left for keys");
	random_fill(key.key->bytes, KEY_LEN);
	wider.keys[wider.len++] = key;
	if (header_advance(records, NULL, NULL, &wider, err) != ERR_OK) {
		secret_key_free(key.key);
		return err->code;
	}
	pthread_rwlock_wrlock(&records->keys);
	records->keyring = wider;
	pthread_rwlock_unlock(&records->keys);
	return ERR_OK;
}

static enum error_code lose_old_epochs(struct records *records, struct error *err)
{
	struct keyring narrower = { 0 }, old = { 0 };
	uint32_t newest = newest_epoch(records);

	for (size_t i = 0; i < records->keyring.len; i++) {
		const struct keyring_key *key = &records->keyring.keys[i];
		struct keyring *to = key->kind == KEY_KEK && key->epoch != newest ? &old : &narrower;

		to->keys[to->len++] = *key;
	}
	if (header_advance(records, NULL, NULL, &narrower, err) != ERR_OK)
		return err->code;
	/* A view may still see data keys as they were under the old epoch: it ends first. */
	pthread_rwlock_wrlock(&records->use);
	pthread_rwlock_wrlock(&records->keys);
	records->keyring = narrower;
	pthread_rwlock_unlock(&records->keys);
	pthread_rwlock_unlock(&records->use);
	keyring_free_keys(&old);
	return ERR_OK;
}

/* -- sealing data keys anew ------------------------------------------------------------- */

struct sweep {
	struct records_request request;
	uint32_t epoch;
	/* Data keys by the first byte of their eid: the bytes [from, to) were looked at, `to` itself when there were too many. */
	unsigned from, to;
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

	sweep->view = view;
	sweep->write = write;
	sweep->err = err;
	sweep->done = 0;
	for (sweep->to = sweep->from; sweep->to < FIRST_BYTES; sweep->to++) {
		uint8_t prefix[2] = { TABLE_DATA_KEY, (uint8_t)sweep->to };

		if (store_scan(view->snapshot, prefix, sizeof(prefix), true, reseal, sweep, err) != ERR_OK || err->code != ERR_OK)
			return err->code;	/* the scan's, or set by reseal() */
		if (sweep->done >= KEYS_PER_COMMIT)
			break;
	}
	return ERR_OK;
}

/* Until one look at all of them finds nothing under an old epoch: new environments meanwhile use the new one. */
static enum error_code sweep_all(struct records *records, struct error *err)
{
	struct sweep sweep = { .request = { .prepare = prepare_sweep }, .epoch = newest_epoch(records) };

	do {
		sweep.from = sweep.to % FIRST_BYTES;
		if (records_submit_wait(records, &sweep.request, err) != ERR_OK)
			return err->code;
	} while (sweep.from > 0 || sweep.to < FIRST_BYTES || sweep.done > 0);
	return ERR_OK;
}

/*
 * "Shred pending" is cleared at the beginning, and only when nothing was destroyed since before the new epoch was made: what
 * is destroyed later may have a wrap under the new epoch already, and needs another rotation.
 */
static enum error_code announce(struct records *records, bool clear_shred, uint64_t destroys, struct error *err)
{
	struct state_patch patch = { .set_header_seq = true, .header_seq = header_seq(records->header), .set_job = true,
				     .job = JOB_KEK, .set_kek_epoch = true, .kek_epoch = newest_epoch(records),
				     .clear_shred = clear_shred, .destroys = destroys };

	return header_commit_patch(records, &patch, err);
}

static enum error_code conclude(struct records *records, struct error *err)
{
	struct state_patch patch = { .set_header_seq = true, .header_seq = header_seq(records->header), .set_job = true,
				     .job = JOB_NONE };

	if (header_commit_patch(records, &patch, err) != ERR_OK)
		return err->code;
	return anchor_catch_up(records, err);
}

enum error_code kek_rotate(struct records *records, struct error *err)
{
	uint64_t destroys = atomic_load(&records->destroys);
	bool fresh;

	if (atomic_load(&records->sealed))
		return error_set(err, ERR_SEALED, "Vault is sealed");
	/* Two epochs: an earlier attempt ended with an error and is finished now. */
	fresh = kek_epochs(records) < 2;
	/* Its last commit may have failed: with one more header the state would be two behind, which a start takes for a rollback. */
	if (fresh && records->header_ahead && (header_catch_up(records, err) != ERR_OK || conclude(records, err) != ERR_OK))
		return err->code;
	if (fresh && gain_epoch(records, err) != ERR_OK)
		return err->code;
	if (announce(records, fresh, destroys, err) != ERR_OK || sweep_all(records, err) != ERR_OK ||
	    lose_old_epochs(records, err) != ERR_OK)
		return err->code;
	return conclude(records, err);
}

enum error_code records_rotate_kek(struct records *records, struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&records->rotation);
	code = kek_rotate(records, err);
	pthread_mutex_unlock(&records->rotation);
	return code;
}

enum error_code kek_rotation_resume(struct records *records, struct error *err)
{
	uint8_t job = records->state.job;

	if (job != JOB_NONE && job != JOB_KEK)
		return error_set(err, ERR_FORMAT_NEWER, "a newer version of vaultd is changing keys in this vault: let it finish");
	if (kek_epochs(records) > 1) {
		if (job != JOB_KEK && announce(records, false, 0, err) != ERR_OK)
			return err->code;
		if (sweep_all(records, err) != ERR_OK || lose_old_epochs(records, err) != ERR_OK)
			return err->code;
		return conclude(records, err);
	}
	/* The header was written last and the state did not hear of it any more. */
	return job == JOB_KEK ? conclude(records, err) : ERR_OK;
}
