/* What a damaged store has lost: found for an accept, told, and dropped, so that the rest is a whole store again. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records/start_findings.h"

void loss_free(struct loss *loss)
{
	free(loss->items);
	sodium_memzero(loss, sizeof(*loss));
}

bool loss_takes(enum error_code code)
{
	return code == ERR_RECORD || code == ERR_REVISION_MISSING || code == ERR_REVISION_UNKNOWN;
}

enum error_code loss_add(struct loss *loss, enum loss_kind kind, const struct record_key *key, uint64_t revision,
			 struct error *err)
{
	if (loss->len == loss->room) {
		size_t room = loss->room ? 2 * loss->room : 64;
		struct loss_item *items = reallocarray(loss->items, room, sizeof(*items));

		if (!items)
			return error_set(err, ERR_NO_MEMORY, "no memory is left for the list of what is lost");
		loss->items = items;
		loss->room = room;
	}
	loss->items[loss->len++] = (struct loss_item){ .kind = kind, .key = *key, .revision = revision };
	return ERR_OK;
}

static int by_key(const void *a, const void *b)
{
	const struct loss_item *one = a, *other = b;
	size_t len = one->key.len < other->key.len ? one->key.len : other->key.len;
	int order = memcmp(one->key.bytes, other->key.bytes, len);

	return order != 0 ? order : (one->key.len > other->key.len) - (one->key.len < other->key.len);
}

void loss_settle(struct loss *loss)
{
	size_t kept = 0;

	if (loss->len == 0)
		return;
	qsort(loss->items, loss->len, sizeof(*loss->items), by_key);
	for (size_t i = 0; i < loss->len; i++)
		if (i == 0 || by_key(&loss->items[i], &loss->items[kept - 1]) != 0)
			loss->items[kept++] = loss->items[i];
	loss->len = kept;
}

/* -- heads -------------------------------------------------------------------------- */

struct heads {
	struct records_view *view;
	struct secret_buf *plain;
	enum error_code (*each)(void *arg, const struct record_key *key, const uint8_t *eid, struct head_record *head,
				struct error *err);
	void *arg;
	struct error *err;
};

/* A head that does not open is in the list itself. */
static bool take_head(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct heads *heads = arg;
	struct head_record head = { 0 };
	struct error failure = ERROR_INIT;
	struct record_key key;

	secret_buf_reset(heads->plain);
	if (!record_key_from(at, &key) || view_open(heads->view, &key, value, heads->plain, &failure) != ERR_OK ||
	    decode_head(secret_buf_bytes(heads->plain), secret_buf_len(heads->plain), &head, &failure) != ERR_OK) {
		if (!loss_takes(failure.code))
			*heads->err = failure;
		return loss_takes(failure.code);
	}
	(void)!heads->each(heads->arg, &key, value.at + 16, &head, heads->err);
	head_record_free(&head);
	return heads->err->code == ERR_OK;
}

static enum error_code each_head(struct heads *heads)
{
	const uint8_t prefix = TABLE_HEAD;

	heads->plain = secret_buf_new(VALUE_PADDED_MAX);
	if (!heads->plain)
		return error_set(heads->err, ERR_NO_MEMORY, "no memory is left to look at the environments");
	if (store_scan(heads->view->snapshot, &prefix, 1, true, take_head, heads, heads->err) != ERR_OK) {
		secret_buf_free(heads->plain);
		return heads->err->code;
	}
	secret_buf_free(heads->plain);
	return heads->err->code;
}

/* -- finding ------------------------------------------------------------------------- */

struct search {
	struct records_view *view;
	struct loss *loss;
	struct secret_buf *plain;
};

static enum error_code open_revision(struct search *search, const struct record_key *key, const uint8_t *pin, struct error *err)
{
	struct store_bytes value;

	/* One that is missing was listed when its place was passed. */
	if (store_get(search->view->snapshot, key->bytes, key->len, &value) != ERR_OK)
		return ERR_OK;
	return view_check_revision(search->view, key, pin, value, search->plain, err);
}

static enum error_code open_revisions(void *arg, const struct record_key *key, const uint8_t *eid, struct head_record *head,
				      struct error *err)
{
	struct search *search = arg;

	(void)key;
	for (size_t i = 0; i < head->revisions_len; i++) {
		struct record_key at = record_key_revision(eid, head->oldest + i);
		struct error failure = ERROR_INIT;

		if (head->revisions[i].flags & REVISION_DESTROYED ||
		    open_revision(search, &at, head->revisions[i].pin, &failure) == ERR_OK)
			continue;
		if (!loss_takes(failure.code))
			return error_set(err, failure.code, "%s", failure.text);
		if (loss_add(search->loss, LOSS_REVISION, &at, head->oldest + i, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

enum error_code loss_of_revisions(struct records_view *view, struct loss *loss, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	struct search search = { .view = view, .loss = loss, .plain = plain };
	struct heads heads = { .view = view, .each = open_revisions, .arg = &search, .err = err };

	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to look at the revisions");
	return each_head(&heads);
}

/* -- dropping ------------------------------------------------------------------------- */

/* Whatever is there under the key; it need not open. */
static enum error_code drop(struct records_write *write, const struct record_key *key, struct error *err)
{
	struct store_bytes value;

	if (store_get(write->view->snapshot, key->bytes, key->len, &value) != ERR_OK)
		return ERR_OK;
	return store_write_delete(write->store_write, key->bytes, key->len, err);
}

struct dropping {
	struct records_write *write;
	const struct loss *loss;
};

static enum error_code mark_destroyed(void *arg, const struct record_key *key, const uint8_t *eid, struct head_record *head,
				      struct error *err)
{
	struct dropping *dropping = arg;
	cleanup_(secret_buf_freep) struct secret_buf *encoding = NULL;
	bool changed = false;

	for (size_t i = 0; i < head->revisions_len; i++) {
		struct loss_item wanted = { .key = record_key_revision(eid, head->oldest + i) };

		if (!bsearch(&wanted, dropping->loss->items, dropping->loss->len, sizeof(wanted), by_key))
			continue;
		head->revisions[i].flags |= REVISION_DESTROYED;
		changed = true;
	}
	if (!changed)
		return ERR_OK;
	encoding = secret_buf_new(VALUE_PADDED_MAX);
	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the head of an environment");
	encode_head(encoding, head);
	if (secret_buf_check(encoding, "the head of an environment", err) != ERR_OK)
		return err->code;
	return records_put(dropping->write, key, eid, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

enum error_code loss_drop(struct records_write *write, const struct loss *loss, struct error *err)
{
	struct dropping dropping = { .write = write, .loss = loss };
	struct heads heads = { .view = write->view, .each = mark_destroyed, .arg = &dropping, .err = err };

	if (loss->len == 0)
		return ERR_OK;
	/* Heads first: they are sealed with their environment's key, which is there. */
	if (each_head(&heads) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < loss->len; i++)
		if (loss->items[i].key.bytes[0] != TABLE_WRAPPED && drop(write, &loss->items[i].key, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/* -- telling ---------------------------------------------------------------------------- */

static const char *name_of_table(uint8_t table)
{
	switch (table) {
	case TABLE_DATA_KEY: return "the data key of an environment";
	case TABLE_HEAD: return "an environment";
	case TABLE_SCHEMA: return "the schema of an environment";
	case TABLE_SETTINGS: return "the settings of an environment";
	case TABLE_TOKEN: return "a token";
	case TABLE_SECRET_ID: return "a secret id";
	case TABLE_REVOKED: return "a revoked batch token";
	case TABLE_POLICY: return "a policy";
	case TABLE_MOUNT: return "a mount";
	case TABLE_ROLE: return "a role or user";
	case TABLE_WRAPPED: return "a wrapped answer";
	case TABLE_SETTING: return "a setting";
	case TABLE_CUBBYHOLE: return "an entry of a cubbyhole";
	case TABLE_QUOTA: return "a quota";
	default: return "a record";
	}
}

void loss_tell(const struct loss *loss, void (*lost)(void *arg, const char *text), void *arg)
{
	char text[256], id[2 * RECORD_KEY_MAX + 1];

	for (size_t i = 0; lost && i < loss->len; i++) {
		const struct loss_item *item = &loss->items[i];

		sodium_bin2hex(id, sizeof(id), item->key.bytes + 1, item->key.len > ID_LEN ? ID_LEN : item->key.len - 1u);
		if (item->kind == LOSS_RECORD)
			(void)snprintf(text, sizeof(text), "%s (table %c, %s) does not open, or belongs to what does not", name_of_table(item->key.bytes[0]),
				       item->key.bytes[0] >= '0' ? item->key.bytes[0] : '?', id);
		else if (item->kind == LOSS_REVISION)
			(void)snprintf(text, sizeof(text), "revision %llu of the environment with the id %s is missing or does not open",
				       (unsigned long long)item->revision, id);
		else
			(void)snprintf(text, sizeof(text), "a revision belongs to no environment (id %s)", id);
		lost(arg, text);
	}
	if (lost && loss->set_differs)
		lost(arg, "records are missing, or were added or put back, that nothing else tells of");
}
