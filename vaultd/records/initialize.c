/*
 * A new vault: the database first, the header last. Until the header is there the vault is not initialised, and what an init
 * that broke off has left is made anew.
 */
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "crypto/seal.h"
#include "records/sealed_store.h"
#include "records/value.h"

struct init_request {
	struct records_request request;
	enum error_code (*make_initial)(void *arg, struct records_view *view, struct records_write *write, struct error *err);
	void *arg;
};

static enum error_code remove_file(const char *directory, const char *name, struct error *err)
{
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/%s", directory, name) >= (int)sizeof(path))
		return error_set(err, ERR_CONFIG, "the data directory's path is too long");
	if (unlink(path) != 0 && errno != ENOENT)
		return error_set_errno(err, ERR_IO, errno, "remove %s, which an init that broke off has left", path);
	return ERR_OK;
}

static enum error_code open_new_store(struct records *records, struct error *err)
{
	struct store_options options = { .directory = records->directory, .max_size = records->max_size, .create = true,
					 .skip_walk = true };
	struct store_hooks hooks = commit_hooks(records);
	enum error_code code = store_open(&options, &records->store, err);

	if (code == ERR_OK)
		store_set_hooks(records->store, &hooks);
	return code;
}

/*
 * An init commits once before it writes the header. A database with more than that belongs to a vault whose header was
 * lost: it must not be touched.
 */
static enum error_code start_empty(struct records *records, struct error *err)
{
	struct store_counts counts;

	/* An init that failed may have left it closed. */
	if (!records->store && open_new_store(records, err) != ERR_OK)
		return err->code;
	if (store_reopen_stopped(records->store, err) != ERR_OK || store_counts(records->store, &counts, err) != ERR_OK)
		return err->code;
	if (counts.entries == 0)
		return ERR_OK;
	if (counts.last_txn_id > 1)
		return error_set(err, ERR_EXISTS,
				 "%s holds a vault.db with data but no vault.hdr: put vault.hdr back, or move vault.db away first",
				 records->directory);
	store_close(take_ptr(records->store));
	if (remove_file(records->directory, "vault.db", err) != ERR_OK ||
	    remove_file(records->directory, "vault.db-lock", err) != ERR_OK)
		return err->code;
	return open_new_store(records, err);
}

static enum error_code make_keyring(int64_t now, struct keyring *ret, struct error *err)
{
	static const enum key_kind kinds[] = { KEY_KEK, KEY_INDEX, KEY_BASE };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct keyring_key *key = &ret->keys[i];

		*key = (struct keyring_key){ .kind = kinds[i], .epoch = 1, .created = now, .key = secret_key_new() };
		if (!key->key)
			return error_set(err, ERR_NO_MEMORY, "no room is left for keys");
		random_fill(key->key->bytes, KEY_LEN);
		ret->len = i + 1;
	}
	return ERR_OK;
}

static void first_state(struct records *records)
{
	records->state = (struct state_record){ .kek_epoch = 1, .index_epoch = 1, .base_epoch = 1, .header_seq = 1,
						.flags = records->anchor ? STATE_ANCHORED : 0 };
	random_fill(records->state.fork_id, ID_LEN);
	records->anchored_counter = 0;
	records->header_uncertain = false;
	records->header_ahead = false;
}

static enum error_code prepare_initial(struct records_request *request, struct records_view *view, struct records_write *write,
				       struct error *err)
{
	struct init_request *init = (struct init_request *)(void *)request;
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(VALUE_PADDED_MAX);
	struct record_key key = record_key_data_key(system_kid, DATA_KEY_FIRST);
	struct data_key_record record = { .created = records_now(view->records) };

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a data key");
	random_fill(write->new_key.bytes, KEY_LEN);
	memcpy(write->new_eid, system_kid, ID_LEN);
	write->has_new_key = true;
	memcpy(record.key, write->new_key.bytes, KEY_LEN);
	encode_data_key(encoding, &record);
	sodium_memzero(&record, sizeof(record));
	if (secret_buf_check(encoding, "a data key", err) != ERR_OK ||
	    records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err) != ERR_OK)
		return err->code;
	return init->make_initial ? init->make_initial(init->arg, view, write, err) : ERR_OK;
}

static enum error_code write_files(struct records *records, struct init_request *init, const struct secret_key *root_key,
				   struct error *err)
{
	/* The header is the last: with it there is a vault, and everything that its unseal asks for must be there before. */
	if (store_start(records->store, err) != ERR_OK || records_submit_wait(records, &init->request, err) != ERR_OK ||
	    attempts_create(records->directory, records->store_id, err) != ERR_OK || anchor_catch_up(records, err) != ERR_OK)
		return err->code;
	return header_create(records->header, root_key, records->directory, err);
}

static enum error_code initialize(struct records *records, const struct slot_secret *slot, struct init_request *init,
				  struct error *err)
{
	uint8_t slot_id;
	struct keyring keyring = { 0 };
	key_scope root_key;
	enum error_code code;

	random_fill(root_key.bytes, KEY_LEN);
	random_fill(records->store_id, ID_LEN);
	code = make_keyring(records_now(records), &keyring, err);
	if (code == ERR_OK)
		code = header_new(records->store_id, records_now(records), &root_key, &keyring, &records->header, err);
	if (code == ERR_OK)
		code = slot_make(records->header, slot, &root_key, records_now(records), &slot_id, err);
	/* Before the header stands in the file: from then on nothing may fail. */
	if (code == ERR_OK)
		code = header_show(records, err);
	if (code != ERR_OK) {
		keyring_free_keys(&keyring);
		return code;
	}
	if (keys_install(records, &keyring, &root_key, err) != ERR_OK)
		return err->code;
	first_state(records);
	return write_files(records, init, &root_key, err);
}

enum error_code records_init(struct records *records, const struct slot_secret *slot,
			     enum error_code (*make_initial)(void *arg, struct records_view *view, struct records_write *write,
							     struct error *err),
			     void *arg, struct error *err)
{
	struct init_request init = { .request = { .prepare = prepare_initial }, .make_initial = make_initial, .arg = arg };
	struct error ignored = ERROR_INIT;
	enum error_code code;

	if (records->header)
		return error_set(err, ERR_ALREADY_INITIALIZED, "Vault is already initialized");
	if (start_empty(records, err) != ERR_OK)
		return err->code;
	if (records->anchor_mode != ANCHOR_NONE && !records->anchor &&
	    anchor_open(records->anchor_path, true, &records->anchor, err) != ERR_OK)
		return err->code;
	atomic_store(&records->broken, false);
	code = initialize(records, slot, &init, err);
	if (code == ERR_OK)
		code = header_show(records, err);
	if (code == ERR_OK) {
		atomic_store(&records->sealed, false);
		return ERR_OK;
	}
	records_seal(records);
	header_free(take_ptr(records->header));
	(void)!header_show(records, &ignored);	/* that there is none */
	return code;
}
