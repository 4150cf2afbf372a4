#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/memory_folder.h"
#include "crypto/arena.h"
#include "records/tables_access.h"
#include "vault_fixture.h"

#define PAGE 4096
#define META_TXN_ID 144

static int64_t fixture_now(void *arg)
{
	return __atomic_fetch_add(&((struct vault_fixture *)arg)->now, 1, __ATOMIC_RELAXED);
}

void vault_fixture_open(struct vault_fixture *fixture)
{
	struct error err = ERROR_INIT;
	struct records_options options = { .directory = fixture->directory, .max_size = fixture->max_size, .skip_walk = !fixture->walks,
					   .anchor_path = fixture->anchored ? fixture->anchor_path : NULL,
					   .anchor_mode = fixture->anchor_mode,
					   .clock = { fixture_now, fixture_now, fixture } };

	if (records_open(&options, &fixture->records, &err) != ERR_OK)
		fail_msg("open: %s", err.text);
}

void vault_fixture_close(struct vault_fixture *fixture)
{
	records_close(fixture->records);
	fixture->records = NULL;
}

static struct slot_secret slot_of(const struct vault_fixture *fixture)
{
	return (struct slot_secret){ .type = SLOT_KEY_FILE, .key = fixture->key, .key_len = sizeof(fixture->key), .label = "" };
}

enum error_code vault_fixture_unseal(struct vault_fixture *fixture, struct error *err)
{
	struct slot_secret slot = slot_of(fixture);

	return records_unseal(fixture->records, &slot, -1, err);
}

enum error_code vault_fixture_start(struct vault_fixture *fixture, struct error *err)
{
	struct records_options options = { .directory = fixture->directory, .max_size = fixture->max_size, .skip_walk = !fixture->walks,
					   .anchor_path = fixture->anchored ? fixture->anchor_path : NULL,
					   .anchor_mode = fixture->anchor_mode,
					   .clock = { fixture_now, fixture_now, fixture } };

	if (records_open(&options, &fixture->records, err) != ERR_OK || vault_fixture_unseal(fixture, err) != ERR_OK) {
		vault_fixture_close(fixture);
		return err->code;
	}
	return ERR_OK;
}

enum error_code vault_fixture_init(struct vault_fixture *fixture, struct error *err)
{
	struct slot_secret slot = slot_of(fixture);

	return records_init(fixture->records, &slot, NULL, NULL, err);
}

static struct vault_fixture *setup_empty(bool anchored)
{
	struct vault_fixture *fixture = calloc(1, sizeof(*fixture));
	struct error err = ERROR_INIT;

	assert_int_equal(secret_arena_start(&err), ERR_OK);
	assert_true(memory_folder(fixture->directory, sizeof(fixture->directory), "vault-records"));
	snprintf(fixture->anchor_path, sizeof(fixture->anchor_path), "%s.anchor", fixture->directory);
	fixture->anchored = anchored;
	fixture->anchor_mode = ANCHOR_STRICT;
	fixture->max_size = 64u << 20;
	fixture->now = INT64_C(1764000000000000);
	randombytes_buf(fixture->key, sizeof(fixture->key));
	vault_fixture_open(fixture);
	return fixture;
}

static int setup(void **state, bool anchored)
{
	struct vault_fixture *fixture = setup_empty(anchored);
	struct error err = ERROR_INIT;

	if (vault_fixture_init(fixture, &err) != ERR_OK)
		fail_msg("init: %s", err.text);
	*state = fixture;
	return 0;
}

int vault_fixture_setup_empty(void **state)
{
	*state = setup_empty(true);
	return 0;
}

int vault_fixture_setup(void **state)
{
	return setup(state, false);
}

int vault_fixture_setup_anchored(void **state)
{
	return setup(state, true);
}

int vault_fixture_teardown(void **state)
{
	struct vault_fixture *fixture = *state;

	vault_fixture_close(fixture);
	vault_forget_kept(fixture);
	unlink(fixture->anchor_path);
	if (!memory_folder_remove(fixture->directory))
		return -1;
	free(fixture);
	return 0;
}

/* -- environments --------------------------------------------------------------------------- */

struct change {
	struct records_request request;
	const char *name, *value;	/* value NULL: destroy */
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool done;
	enum error_code outcome;
};

static const uint8_t mount[ID_LEN] = { 7 };

static struct text_span text(const char *at)
{
	return (struct text_span){ .at = at, .len = (uint32_t)strlen(at) };
}

static enum error_code put_revision(struct records_write *write, const uint8_t *eid, uint64_t number, const char *value,
				    uint8_t *ret_pin, struct error *err)
{
	struct variable variable = { .name = text("V"), .value = text(value), .version = 1, .changed_revision = number };
	struct revision_record record = { .revision = number, .actor = text("test"), .accessor = text(""), .message = text(""),
					  .variables = &variable, .variables_len = 1 };
	struct record_key key = record_key_revision(eid, number);
	struct secret_buf *out = secret_buf_new(1 << 19);
	enum error_code code;

	encode_revision(out, &record);
	code = records_put(write, &key, eid, secret_buf_bytes(out), secret_buf_len(out), ret_pin, err);
	secret_buf_free(out);
	return code;
}

/* The head keeps the last three revisions, so that pruning happens as well. */
static enum error_code put_head(struct records_write *write, const struct record_key *key, const uint8_t *eid,
				struct head_record *head, const uint8_t *pin, struct error *err)
{
	struct head_revision revisions[4] = { { 0 } };
	struct secret_buf *out = secret_buf_new(1 << 19);
	size_t kept = head->revisions_len < 3 ? head->revisions_len : 2, from = head->revisions_len - kept;
	struct head_record next = *head;
	enum error_code code = ERR_OK;

	if (kept > 0)
		memcpy(revisions, head->revisions + from, kept * sizeof(*revisions));
	memcpy(revisions[kept].pin, pin, PIN_LEN);
	next.current = head->current + 1;
	next.oldest = next.current - kept;
	next.revisions = revisions;
	next.revisions_len = kept + 1;
	for (size_t i = 0; code == ERR_OK && i < from; i++) {
		struct record_key old = record_key_revision(eid, head->oldest + i);

		code = records_delete(write, &old, err);
	}
	encode_head(out, &next);
	if (code == ERR_OK)
		code = records_put(write, key, eid, secret_buf_bytes(out), secret_buf_len(out), NULL, err);
	secret_buf_free(out);
	return code;
}

static enum error_code prepare(struct records_request *request, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	struct change *change = (struct change *)request;
	struct record_key key = records_head_key(view, mount, change->name, strlen(change->name));
	struct head_record head = { .path = text(change->name), .data_key_version = 1 };
	struct secret_buf *plain = secret_buf_new(1 << 20);
	uint8_t eid[ID_LEN], pin[PIN_LEN];
	enum error_code code = records_read(view, &key, plain, NULL, eid, err);

	memcpy(head.mount, mount, ID_LEN);
	if (code == ERR_OK)
		code = decode_head(secret_buf_bytes(plain), secret_buf_len(plain), &head, err);
	else if (code == ERR_NOT_FOUND && change->value)
		code = records_new_eid(write, eid, err);
	if (code == ERR_OK && !change->value)
		code = records_destroy_eid(write, &key, eid, head.oldest, head.current, err);
	else if (code == ERR_OK)
		code = put_revision(write, eid, head.current + 1, change->value, pin, err);
	if (code == ERR_OK && change->value)
		code = put_head(write, &key, eid, &head, pin, err);
	head_record_free(&head);
	secret_buf_free(plain);
	return code;
}

static void done(struct records_request *request, enum error_code outcome, const struct error *err)
{
	struct change *change = (struct change *)request;

	(void)err;
	pthread_mutex_lock(&change->lock);
	change->outcome = outcome;
	change->done = true;
	pthread_cond_signal(&change->changed);
	pthread_mutex_unlock(&change->lock);
}

static enum error_code submit_change(struct vault_fixture *fixture, struct change *change)
{
	struct error err = ERROR_INIT;
	enum error_code code = records_submit(fixture->records, &change->request, &err);

	if (code != ERR_OK)
		return code;
	pthread_mutex_lock(&change->lock);
	while (!change->done)
		pthread_cond_wait(&change->changed, &change->lock);
	pthread_mutex_unlock(&change->lock);
	return change->outcome;
}

static enum error_code submit(struct vault_fixture *fixture, const char *name, const char *value)
{
	struct change change = { .request = { .prepare = prepare, .done = done }, .name = name, .value = value,
				 .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER };

	return submit_change(fixture, &change);
}

static enum error_code prepare_wrapped(struct records_request *request, struct records_view *view, struct records_write *write,
				       struct error *err)
{
	const struct text_span body = { .at = "{}", .len = 2 };
	const struct wrapped_record record = { .created = 1, .expires = INT64_MAX, .path = body, .body = body };
	const uint8_t id[ID_LEN] = { 9 };
	struct record_key key = record_key_id(TABLE_WRAPPED, id);
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(1024);

	(void)request;
	(void)view;
	assert_non_null(encoding);
	encode_wrapped(encoding, &record);
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

enum error_code vault_put_wrapped(struct vault_fixture *fixture)
{
	struct change change = { .request = { .prepare = prepare_wrapped, .done = done }, .lock = PTHREAD_MUTEX_INITIALIZER,
				 .changed = PTHREAD_COND_INITIALIZER };

	return submit_change(fixture, &change);
}

enum error_code vault_put(struct vault_fixture *fixture, const char *name, const char *value)
{
	return submit(fixture, name, value);
}

enum error_code vault_destroy(struct vault_fixture *fixture, const char *name)
{
	return submit(fixture, name, NULL);
}

static enum error_code get_from(struct records_view *view, const char *name, char *out, size_t max, struct error *err)
{
	struct record_key key = records_head_key(view, mount, name, strlen(name));
	struct secret_buf *plain = secret_buf_new(1 << 20), *content = secret_buf_new(1 << 20);
	struct head_record head = { 0 };
	struct revision_record revision = { 0 };
	uint8_t eid[ID_LEN];
	enum error_code code = records_read(view, &key, plain, NULL, eid, err);

	if (code == ERR_OK)
		code = decode_head(secret_buf_bytes(plain), secret_buf_len(plain), &head, err);
	if (code == ERR_OK)
		code = records_read_revision(view, eid, head.current, head.revisions[head.revisions_len - 1].pin, content, err);
	if (code == ERR_OK)
		code = decode_revision(secret_buf_bytes(content), secret_buf_len(content), &revision, err);
	if (code == ERR_OK)
		snprintf(out, max, "%.*s", (int)revision.variables[0].value.len, revision.variables[0].value.at);
	revision_record_free(&revision);
	head_record_free(&head);
	secret_buf_free(plain);
	secret_buf_free(content);
	return code;
}

enum error_code vault_get(struct vault_fixture *fixture, const char *name, char *out, size_t max)
{
	struct records_view *view = NULL;
	struct error err = ERROR_INIT;
	enum error_code code = records_view_begin(fixture->records, &view, &err);

	if (code == ERR_OK)
		code = get_from(view, name, out, max, &err);
	records_view_end(view);
	return code;
}

/* -- behind its back ---------------------------------------------------------------------------- */

static MDB_env *raw_open(const struct vault_fixture *fixture)
{
	MDB_env *env;
	char path[128];

	snprintf(path, sizeof(path), "%s/vault.db", fixture->directory);
	assert_int_equal(mdb_env_create(&env), 0);
	assert_int_equal(mdb_env_set_mapsize(env, 64u << 20), 0);
	assert_int_equal(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
	return env;
}

bool raw_find(const struct vault_fixture *fixture, uint8_t table, unsigned n, struct raw_record *ret)
{
	MDB_env *env = raw_open(fixture);
	MDB_val key = { 1, &table }, value;
	MDB_cursor *cursor;
	MDB_txn *txn;
	MDB_dbi dbi;
	int rc;

	assert_int_equal(mdb_txn_begin(env, NULL, MDB_RDONLY, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(mdb_cursor_open(txn, dbi, &cursor), 0);
	rc = mdb_cursor_get(cursor, &key, &value, MDB_SET_RANGE);
	while (rc == 0 && *(uint8_t *)key.mv_data == table && n-- > 0)
		rc = mdb_cursor_get(cursor, &key, &value, MDB_NEXT);
	bool found = rc == 0 && *(uint8_t *)key.mv_data == table;
	if (found) {
		ret->key_len = key.mv_size;
		memcpy(ret->key, key.mv_data, key.mv_size);
		ret->value_len = value.mv_size;
		ret->value = malloc(value.mv_size);
		memcpy(ret->value, value.mv_data, value.mv_size);
	}
	mdb_cursor_close(cursor);
	mdb_txn_abort(txn);
	mdb_env_close(env);
	return found;
}

/* The newest meta page takes the number of the one before, as somebody who edits the file would do it. */
static void hide_transaction(const struct vault_fixture *fixture)
{
	uint8_t pages[2][PAGE];
	uint64_t ids[2], zero;
	char path[128];

	snprintf(path, sizeof(path), "%s/vault.db", fixture->directory);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, pages, sizeof(pages), 0), sizeof(pages));
	memcpy(&ids[0], pages[0] + META_TXN_ID, 8);
	memcpy(&ids[1], pages[1] + META_TXN_ID, 8);
	unsigned newest = ids[1] > ids[0], other = newest ^ 1u;
	uint64_t shown = ids[newest] - 1, before = ids[newest] - 2;
	uint8_t swap[PAGE];
	memcpy(swap, pages[newest], PAGE);
	memcpy(pages[newest], pages[other], PAGE);
	memcpy(pages[other], swap, PAGE);
	memcpy(pages[other] + META_TXN_ID, &shown, 8);
	memcpy(pages[newest] + META_TXN_ID, &before, 8);
	zero = other;
	memcpy(pages[other], &zero, 8);
	zero = newest;
	memcpy(pages[newest], &zero, 8);
	assert_int_equal(pwrite(fd, pages, sizeof(pages), 0), sizeof(pages));
	close(fd);
}

void raw_put_live(const struct vault_fixture *fixture, const struct raw_record *at, const uint8_t *value, size_t len)
{
	MDB_env *env = raw_open(fixture);
	uint8_t *key_copy = malloc(at->key_len), *value_copy = malloc(len + 1);
	MDB_val key = { at->key_len, key_copy }, content = { len, value_copy };
	MDB_txn *txn;
	MDB_dbi dbi;

	memcpy(key_copy, at->key, at->key_len);
	if (value)
		memcpy(value_copy, value, len);
	assert_int_equal(mdb_txn_begin(env, NULL, 0, &txn), 0);
	assert_int_equal(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
	assert_int_equal(value ? mdb_put(txn, dbi, &key, &content, 0) : mdb_del(txn, dbi, &key, NULL), 0);
	assert_int_equal(mdb_txn_commit(txn), 0);
	mdb_env_close(env);
	free(key_copy);
	free(value_copy);
}

void raw_put(const struct vault_fixture *fixture, const struct raw_record *at, const uint8_t *value, size_t len)
{
	raw_put_live(fixture, at, value, len);
	hide_transaction(fixture);
}

/* -- what must be so -------------------------------------------------------------------------- */

void vault_must_start(struct vault_fixture *fixture, enum error_code wanted)
{
	struct error err = ERROR_INIT;
	enum error_code code = vault_fixture_start(fixture, &err);

	if (code != wanted)
		fail_msg("started with %s (%s), expected %s", error_name(code), err.text, error_name(wanted));
}

void vault_must_hold(struct vault_fixture *fixture, const char *name, const char *wanted)
{
	char value[64] = "";
	enum error_code code = vault_get(fixture, name, value, sizeof(value));

	if (code != ERR_OK)
		fail_msg("%s: %s", name, error_name(code));
	assert_string_equal(value, wanted);
}

void vault_must_put(struct vault_fixture *fixture, const char *name, const char *value)
{
	assert_int_equal(vault_put(fixture, name, value), ERR_OK);
}

void raw_damage(const struct vault_fixture *fixture, uint8_t table, unsigned n, bool remove)
{
	struct raw_record raw;

	assert_true(raw_find(fixture, table, n, &raw));
	raw.value[raw.value_len / 2] ^= 1;
	raw_put(fixture, &raw, remove ? NULL : raw.value, raw.value_len);
	free(raw.value);
}

/* -- copies of the closed vault ----------------------------------------------------------------------- */

static const char *const kept_files[] = { "vault.db", "vault.hdr", "vault.try" };

void vault_copy_file(const char *from, const char *to)
{
	static uint8_t bytes[1 << 16];
	int in = open(from, O_RDONLY), out = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	ssize_t n;

	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		assert_int_equal(write(out, bytes, (size_t)n), n);
	close(in);
	close(out);
}

/* The closed vault's files beside themselves, under a name, and back again. */
void vault_keep(const struct vault_fixture *fixture, const char *name)
{
	char from[160], to[160];

	for (size_t i = 0; i < ARRAY_LEN(kept_files); i++) {
		snprintf(from, sizeof(from), "%s/%s", fixture->directory, kept_files[i]);
		snprintf(to, sizeof(to), "%s/%s.%s", fixture->directory, kept_files[i], name);
		vault_copy_file(from, to);
	}
}

void vault_put_back(const struct vault_fixture *fixture, const char *name)
{
	char from[160], to[160];

	for (size_t i = 0; i < ARRAY_LEN(kept_files); i++) {
		snprintf(from, sizeof(from), "%s/%s.%s", fixture->directory, kept_files[i], name);
		snprintf(to, sizeof(to), "%s/%s", fixture->directory, kept_files[i]);
		vault_copy_file(from, to);
	}
	snprintf(to, sizeof(to), "%s/vault.db-lock", fixture->directory);
	unlink(to);
}

void vault_forget_kept(const struct vault_fixture *fixture)
{
	static const char *const names[] = { "a", "b" };
	char path[160];

	for (size_t n = 0; n < ARRAY_LEN(names); n++)
		for (size_t i = 0; i < ARRAY_LEN(kept_files); i++) {
			snprintf(path, sizeof(path), "%s/%s.%s", fixture->directory, kept_files[i], names[n]);
			unlink(path);
		}
}
