/* Reading: one snapshot, every value's pin compared before it is opened. */
#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "crypto/seal.h"
#include "crypto/token_text.h"
#include "records/sealed_store.h"
#include "records/value.h"

struct records_view view_on(struct records *records, const struct store_snapshot *snapshot)
{
	return (struct records_view){ .records = records, .snapshot = snapshot };
}

static enum error_code may_read(struct records *records, bool also_broken, struct error *err)
{
	if (!also_broken && atomic_load(&records->broken))
		return error_set(err, ERR_RECORD, "the store was changed by something else than vaultd; seal it and look at the log");
	return atomic_load(&records->sealed) ? error_set(err, ERR_SEALED, "Vault is sealed") : ERR_OK;
}

static enum error_code begin(struct records *records, bool also_broken, struct records_view **ret, struct error *err)
{
	struct records_view *view = malloc(sizeof(*view));

	if (!view)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to read");
	pthread_rwlock_rdlock(&records->use);
	if (may_read(records, also_broken, err) != ERR_OK) {
		pthread_rwlock_unlock(&records->use);
		free(view);
		return err->code;
	}
	*view = (struct records_view){ .records = records, .entered = pins_enter(records->pins) };
	if (store_snapshot_begin(records->store, &view->owned, err) != ERR_OK) {
		pins_leave(view->entered);
		pthread_rwlock_unlock(&records->use);
		free(view);
		return err->code;
	}
	view->snapshot = view->owned;
	*ret = view;
	return ERR_OK;
}

enum error_code records_view_begin(struct records *records, struct records_view **ret, struct error *err)
{
	return begin(records, false, ret, err);
}

enum error_code view_begin_of_broken(struct records *records, struct records_view **ret, struct error *err)
{
	return begin(records, true, ret, err);
}

void records_view_end(struct records_view *view)
{
	struct records *records;

	if (!view)
		return;
	records = view->records;
	store_snapshot_end(view->owned);
	pins_leave(view->entered);
	pthread_rwlock_unlock(&records->use);
	free(view);
}

/* -- values ------------------------------------------------------------------------ */

static enum error_code changed_behind_our_back(const struct record_key *key, struct error *err)
{
	return error_set(err, ERR_RECORD, "a record of table %c was changed, put back or removed by something else than vaultd",
			 key->bytes[0] >= 'A' ? key->bytes[0] : '0');
}

/* The start checks have seen this record whole: whoever changed it since can write to the store. Nothing is answered any more,
 * and core seals. (A revision is first looked at when it is read, and may be damaged without anybody's doing.) */
static enum error_code tampered(struct records_view *view, const struct record_key *key, struct error *err)
{
	atomic_store(&view->records->broken, true);
	return changed_behind_our_back(key, err);
}

/* The structure was sound when the store was opened: it was changed since, and a write would spread the damage. */
static enum error_code unreadable(struct records_view *view, enum error_code code, struct error *err)
{
	if (code != ERR_STORE_DAMAGED)
		return error_set(err, code, "a record cannot be read from vault.db");
	atomic_store(&view->records->broken, true);
	return error_set(err, code, "the structure of vault.db was damaged while it was open; restore a backup");
}

bool view_pin_is_right(struct records_view *view, const struct record_key *key, struct store_bytes value)
{
	uint8_t pin[PIN_LEN];

	return value.len >= VALUE_OVERHEAD &&
	       pins_find(view->records->pins, store_snapshot_id(view->snapshot), key->bytes, key->len, pin) &&
	       memcmp(pin, value.at + VALUE_PIN_OFFSET, PIN_LEN) == 0;
}

enum error_code view_value(struct records_view *view, const struct record_key *key, struct store_bytes *ret, struct error *err)
{
	enum error_code code = store_get(view->snapshot, key->bytes, key->len, ret);
	uint8_t pin[PIN_LEN];

	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return unreadable(view, code, err);
	if (code == ERR_NOT_FOUND)
		return pins_find(view->records->pins, store_snapshot_id(view->snapshot), key->bytes, key->len, pin) ?
			       tampered(view, key, err) :
			       ERR_NOT_FOUND;
	return view_pin_is_right(view, key, *ret) ? ERR_OK : tampered(view, key, err);
}

enum error_code view_open(struct records_view *view, const struct record_key *key, struct store_bytes value,
			  struct secret_buf *out, struct error *err)
{
	struct value_header header;
	key_scope seal_key;

	if (value_header_read(value.at, value.len, key, &header, err) != ERR_OK ||
	    key_for_value(view, key, &header, &seal_key, err) != ERR_OK)
		return err->code;
	return value_open(&seal_key, view->records->store_id, key, value.at, value.len, out, err);
}

enum error_code view_check_revision(struct records_view *view, const struct record_key *key, const uint8_t *pin,
				    struct store_bytes value, struct secret_buf *plain, struct error *err)
{
	struct revision_record record = { 0 };
	uint64_t number;

	if (value.len < VALUE_OVERHEAD || memcmp(pin, value.at + VALUE_PIN_OFFSET, PIN_LEN) != 0)
		return error_set(err, ERR_RECORD, "the revision is not the one that its environment names: it was changed or replaced");
	secret_buf_reset(plain);
	memcpy(&number, key->bytes + 1 + ID_LEN, sizeof(number));
	if (view_open(view, key, value, plain, err) == ERR_OK &&
	    decode_revision(secret_buf_bytes(plain), secret_buf_len(plain), &record, err) == ERR_OK &&
	    record.revision != be64toh(number))
		error_set(err, ERR_RECORD, "a revision says that it is another one");
	revision_record_free(&record);
	return err->code;
}

enum error_code records_read(struct records_view *view, const struct record_key *key, struct secret_buf *out,
			     uint8_t *ret_pin, uint8_t *ret_kid, struct error *err)
{
	struct store_bytes value;
	enum error_code code = view_value(view, key, &value, err);

	if (code != ERR_OK)
		return code;
	if (view_open(view, key, value, out, err) != ERR_OK)
		return err->code;
	if (ret_pin)
		memcpy(ret_pin, value.at + VALUE_PIN_OFFSET, PIN_LEN);
	if (ret_kid)
		memcpy(ret_kid, value.at + 16, ID_LEN);
	return ERR_OK;
}

enum error_code records_peek(struct records_view *view, const struct record_key *key, uint8_t ret_pin[static PIN_LEN],
			     struct error *err)
{
	struct store_bytes value;
	enum error_code code = view_value(view, key, &value, err);

	if (code == ERR_OK)
		memcpy(ret_pin, value.at + VALUE_PIN_OFFSET, PIN_LEN);
	return code;
}

enum error_code records_read_revision(struct records_view *view, const uint8_t eid[static ID_LEN], uint64_t revision,
				      const uint8_t pin[static PIN_LEN], struct secret_buf *out, struct error *err)
{
	struct record_key key = record_key_revision(eid, revision);
	struct store_bytes value;
	enum error_code code = store_get(view->snapshot, key.bytes, key.len, &value);

	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_REVISION_MISSING, "revision %llu of an environment is missing in the store",
				 (unsigned long long)revision);
	if (code != ERR_OK)
		return unreadable(view, code, err);
	if (value.len < VALUE_OVERHEAD || memcmp(pin, value.at + VALUE_PIN_OFFSET, PIN_LEN) != 0)
		return changed_behind_our_back(&key, err);
	return view_open(view, &key, value, out, err);
}

/* -- scanning ------------------------------------------------------------------------ */

bool record_key_from(struct store_bytes bytes, struct record_key *ret)
{
	if (bytes.len < 1 || bytes.len > RECORD_KEY_MAX)
		return false;
	ret->len = (uint8_t)bytes.len;
	memcpy(ret->bytes, bytes.at, bytes.len);
	return true;
}

struct scan {
	struct records_view *view;
	struct secret_buf *plain;
	size_t seen;
	bool (*each)(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain, size_t plain_len,
		     const uint8_t *pin);
	void *arg;
	struct error *err;
	enum error_code code;
	bool stopped;
};

static bool scan_one(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct scan *scan = arg;
	struct record_key key;

	if (!record_key_from(at, &key) || !view_pin_is_right(scan->view, &key, value)) {
		key.bytes[0] = at.len ? at.at[0] : 0;
		scan->code = tampered(scan->view, &key, scan->err);
		return false;
	}
	secret_buf_reset(scan->plain);
	scan->code = view_open(scan->view, &key, value, scan->plain, scan->err);
	if (scan->code != ERR_OK)
		return false;
	scan->seen++;
	scan->stopped = !scan->each(scan->arg, &key, value.at + 16, secret_buf_bytes(scan->plain), secret_buf_len(scan->plain),
				    value.at + VALUE_PIN_OFFSET);
	return !scan->stopped;
}

enum error_code records_scan(struct records_view *view, enum table table,
			     bool (*each)(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain,
					  size_t plain_len, const uint8_t *pin),
			     void *arg, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	struct scan scan = { .view = view, .plain = plain, .each = each, .arg = arg, .err = err, .code = ERR_OK };
	uint8_t prefix = (uint8_t)table;

	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to read");
	struct error failure = ERROR_INIT;

	if (store_scan(view->snapshot, &prefix, 1, true, scan_one, &scan, &failure) != ERR_OK)
		return unreadable(view, failure.code, err);
	if (scan.code != ERR_OK || scan.stopped)
		return scan.code;
	if (scan.seen != pins_count(view->records->pins, store_snapshot_id(view->snapshot), prefix))
		return error_set(err, ERR_SET_CHANGED, "records of table %c were removed by something else than vaultd", prefix);
	return ERR_OK;
}

/* -- keys that core needs -------------------------------------------------------------- */

struct record_key records_blind_key(struct records_view *view, enum table table, char type, const uint8_t *scope,
				    const void *name, size_t name_len)
{
	struct error ignored = ERROR_INIT;
	key_scope index_key;

	if (keyring_copy(view->records, KEY_INDEX, 0, &index_key, NULL, &ignored) != ERR_OK)
		return (struct record_key){ 0 };	/* keys_install() made sure that there is one */
	return record_key_blind(table, &index_key, type, scope, name, name_len);
}

struct record_key records_head_key(struct records_view *view, const uint8_t mount[static ID_LEN], const char *path,
				   size_t path_len)
{
	return records_blind_key(view, TABLE_HEAD, 'H', mount, path, path_len);
}

bool records_token_hash(struct records_view *view, const char *text, size_t len, struct token_hash *ret)
{
	key_scope token_key;

	pthread_rwlock_rdlock(&view->records->keys);
	memcpy(token_key.bytes, view->records->base.token->bytes, KEY_LEN);
	pthread_rwlock_unlock(&view->records->keys);
	return token_text_hash(&token_key, text, len, ret);
}
