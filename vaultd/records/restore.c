#include "records/restore.h"

#include "crypto/seal.h"
#include "records/accept_root.h"
#include "store/fill.h"

/* The base key of the header's keyring opens the chunks. */
static enum error_code unlock(struct backup_reader *reader, const struct slot_secret *secret, struct secret_key *ret_root_key,
			      struct error *err)
{
	const struct header *header = backup_reader_header(reader);
	const struct keyring_key *base;
	struct keyring keyring = { 0 };

	if (slot_open(header, secret, -1, ret_root_key, err) != ERR_OK ||
	    header_unlock(header, ret_root_key, &keyring, err) != ERR_OK)
		return err->code;
	base = keyring_find(&keyring, KEY_BASE, 0);
	if (base)
		backup_reader_unlock(reader, base->key);
	else
		error_set(err, ERR_HEADER_DAMAGED, "the keyring in the backup is incomplete");
	keyring_free_keys(&keyring);
	return err->code;
}

static enum error_code fill(struct backup_reader *reader, const struct restore_options *options, struct error *err)
{
	cleanup_(store_fill_freep) struct store_fill *file = NULL;
	const struct record_key state = record_key_state();
	struct store_bytes key, value;
	enum error_code code;

	if (store_fill_begin(options->records.directory, options->records.max_size, &file, err) != ERR_OK)
		return err->code;
	while ((code = backup_reader_next(reader, &key, &value, err)) == ERR_OK) {
		if (store_fill_append(file, key, value, err) != ERR_OK)
			return err->code;
		if (options->progress)
			options->progress(options->arg, backup_reader_bytes(reader), backup_reader_records(reader));
	}
	if (code != ERR_NOT_FOUND)
		return err->code;
	value = (struct store_bytes){ backup_reader_summary(reader)->state, BACKUP_STATE_LEN };
	return store_fill_end(file, (struct store_bytes){ state.bytes, state.len }, value, err);
}

/* The header is the last, as in init: with it there is a vault. */
static enum error_code lay_out(struct backup_reader *reader, const struct restore_options *options, struct error *err)
{
	const struct header *header = backup_reader_header(reader);

	if (fill(reader, options, err) != ERR_OK ||
	    attempts_create(options->records.directory, header_store_id(header), err) != ERR_OK)
		return err->code;
	return header_put_back(header, options->records.directory, err);
}

static enum error_code accept(struct backup_reader *reader, const struct secret_key *root_key,
			      const struct restore_options *options, struct accept_report *ret, struct error *err)
{
	const struct accept_options accept = { .accept = true, .expect = backup_reader_front(reader)->counter,
					       .keep_tokens = options->keep_tokens, .accept_loss = options->accept_loss,
					       .lost = options->lost, .checking = options->checking, .arg = options->arg };
	struct records *records = NULL;

	if (records_open(&options->records, &records, err) != ERR_OK)
		return err->code;
	/* Its owner may have removed it meanwhile, or the disk did not do what it said. */
	if (!records_initialized(records))
		error_set(err, ERR_IO, "vault.hdr was written and is not there");
	else
		(void)!accept_with_root(records, root_key, true, &accept, ret, err);
	records_close(records);
	return err->code;
}

enum error_code records_restore(struct backup_reader *reader, const struct slot_secret *secret,
				const struct restore_options *options, struct accept_report *ret, struct error *err)
{
	key_scope root_key;

	if (unlock(reader, secret, &root_key, err) != ERR_OK || lay_out(reader, options, err) != ERR_OK)
		return err->code;
	return accept(reader, &root_key, options, ret, err);
}
