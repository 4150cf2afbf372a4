/* What must be right before a vault answers (docs/storage-format.md, "Start"). Any failure leaves it sealed. */
#include <endian.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records/sealed_store.h"
#include "records/start_findings.h"
#include "records/value.h"

#define ANCHOR_LAG_US INT64_C(60000000)

/* Whoever accepts is told, and the checks go on. */
static enum error_code let_pass(struct start_findings *findings, struct error *err)
{
	if (!findings)
		return err->code;
	if (findings->refused.code == ERR_OK)
		findings->refused = *err;
	error_clear(err);
	return ERR_OK;
}

static void witness(struct start_findings *findings, uint64_t counter)
{
	if (findings && counter > findings->witnessed)
		findings->witnessed = counter;
}

/* -- the state record ------------------------------------------------------------------------- */

/* What kept us from looking, and what says more by itself, stays what it is; all else is damage. */
static enum error_code state_failure(const struct error *failure, const char *damage, struct error *err)
{
	const enum error_code code = failure->code;
	const bool is_kept = code == ERR_STORE_FOREIGN || code == ERR_FORMAT_NEWER || code == ERR_NO_MEMORY || code == ERR_IO ||
			     code == ERR_BUSY || code == ERR_SEALED;

	if (!is_kept)
		return error_set(err, ERR_STATE_DAMAGED, "%s", damage);
	return error_set(err, code, "%s", failure->text[0] ? failure->text : "the state record cannot be read");
}

enum error_code state_read(struct records *records, const struct store_snapshot *snapshot, struct state_record *ret,
			   uint8_t ret_commit[static 32], struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	struct record_key key = record_key_state();
	struct records_view view = view_on(records, snapshot);
	struct error failure = ERROR_INIT;
	struct store_bytes value;

	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to unseal");
	if ((failure.code = store_get(snapshot, key.bytes, key.len, &value)) != ERR_OK)
		return state_failure(&failure, "vault.db has no state record: it is not a whole store of this vault", err);
	if (view_open(&view, &key, value, plain, &failure) != ERR_OK)
		return state_failure(&failure, "the state record in vault.db does not open: it was changed", err);
	if (decode_state(secret_buf_bytes(plain), secret_buf_len(plain), ret, &failure) != ERR_OK)
		return state_failure(&failure, "the state record in vault.db is malformed", err);
	memcpy(ret_commit, value.at + VALUE_PIN_OFFSET, 32);
	return ERR_OK;
}

static enum error_code check_counts(struct records *records, struct store_snapshot *snapshot, struct start_findings *findings,
				    struct error *err)
{
	const struct state_record *state = &records->state;
	/* A restore has filled a file of its own: LMDB counts anew. */
	bool same = (findings && findings->filled) || state->lmdb_txn_id == store_snapshot_id(snapshot);
	struct store_counts counts;

	if (store_counts(records->store, &counts, err) != ERR_OK)
		return err->code;
	if (same && counts.entries == state->n_live + state->n_revisions + 1)
		return ERR_OK;
	error_set(err, ERR_STORE_DAMAGED,
		  "vault.db is not at the state that it says it is at (transaction %llu, %llu records; expected %llu, %llu)",
		  (unsigned long long)store_snapshot_id(snapshot), (unsigned long long)counts.entries,
		  (unsigned long long)state->lmdb_txn_id, (unsigned long long)(state->n_live + state->n_revisions + 1));
	return findings && findings->loss ? let_pass(findings, err) : err->code;
}

static enum error_code check_header(const struct records *records, struct start_findings *findings, struct error *err)
{
	uint64_t seq = header_seq(records->header);
	const struct state_record *state = &records->state;

	if (seq < state->header_seq)
		return error_set(err, ERR_HEADER_STALE,
				 "vault.hdr is older (%llu) than vault.db knows (%llu): put back the newest vault.hdr",
				 (unsigned long long)seq, (unsigned long long)state->header_seq);
	witness(findings, records->keyring.min_counter);
	if (seq > state->header_seq + 1 || state->counter < records->keyring.min_counter) {
		error_set(err, ERR_ROLLBACK,
				 "vault.db is older than vault.hdr: an old copy of it was put back (counter %llu, at least %llu expected)",
				 (unsigned long long)state->counter, (unsigned long long)records->keyring.min_counter);
		return let_pass(findings, err);
	}
	return ERR_OK;
}

/* -- the anchor --------------------------------------------------------------------------------- */

static enum error_code compare_anchor(struct records *records, const struct anchor_point *point, struct error *err)
{
	const struct state_record *state = &records->state;

	if (memcmp(point->fork_id, state->fork_id, ID_LEN) != 0) {
		if (memcmp(point->fork_id, state->previous_fork_id, ID_LEN) == 0 && point->counter <= state->fork_counter)
			return ERR_OK;
		return error_set(err, ERR_FORK, "the anchor knows another history of this vault than vault.db holds");
	}
	if (point->counter > state->counter)
		return error_set(err, ERR_ROLLBACK,
				 "the data directory was rolled back: the anchor has seen counter %llu, vault.db is older at %llu",
				 (unsigned long long)point->counter, (unsigned long long)state->counter);
	if (point->counter == state->counter && memcmp(point->commit, records->state_commit, 32) != 0)
		return error_set(err, ERR_FORK, "the anchor has seen another state with the same counter than vault.db holds");
	if (state->time - point->time > ANCHOR_LAG_US) {
		struct error late = ERROR_INIT;

		(void)snprintf(late.text, sizeof(late.text), "the anchor was more than a minute behind and was brought up to date");
		note_error(records, &late);
	}
	return ERR_OK;
}

/* The anchor as a witness of an accept: it is looked at whether the state knows of it or not, and never made. */
static void ask_anchor(struct records *records, struct start_findings *findings)
{
	struct error ignored = ERROR_INIT;

	if (records->anchor_mode == ANCHOR_NONE ||
	    (!records->anchor && anchor_open(records->anchor_path, false, &records->anchor, &ignored) != ERR_OK) ||
	    anchor_read(records->anchor, records->base.anchor, header_store_id(records->header), &findings->anchor, &ignored) !=
		    ERR_OK)
		return;
	findings->has_anchor = true;
	findings->anchor_is_other_fork = memcmp(findings->anchor.fork_id, records->state.fork_id, ID_LEN) != 0;
	witness(findings, findings->anchor.counter);
}

static enum error_code check_anchor(struct records *records, struct error *err)
{
	bool anchored = records->state.flags & STATE_ANCHORED;
	struct anchor_point point;

	records->anchored_counter = 0;
	if (!records->anchor_path || records->anchor_mode == ANCHOR_NONE)
		return anchored ? error_set(err, ERR_ANCHOR_MISSING,
					    "this vault has an anchor, but none is configured: set \"anchor\" in the configuration") :
				  ERR_OK;
	if (!records->anchor && anchor_open(records->anchor_path, !anchored, &records->anchor, err) != ERR_OK)
		return err->code;
	if (anchor_read(records->anchor, records->base.anchor, header_store_id(records->header), &point, err) != ERR_OK) {
		if (anchored || err->code != ERR_ANCHOR_MISSING)
			return err->code;
		error_clear(err);	/* a new one: it gets its first point, and the state the flag, when everything else is right */
		return ERR_OK;
	}
	/* Also when the state has no flag: a copy of before the anchor was configured may have been put back. */
	if (compare_anchor(records, &point, err) != ERR_OK)
		return err->code;
	if (!anchored)
		return ERR_OK;
	records->anchored_counter = memcmp(point.fork_id, records->state.fork_id, ID_LEN) == 0 ? point.counter : 0;
	return ERR_OK;
}

/* -- every record, and every revision against its head ------------------------------------------------ */

struct expected_revisions {
	uint8_t eid[ID_LEN];
	uint64_t oldest, current;
	uint8_t *destroyed;	/* one bit each, NULL: none is */
};

struct inventory {
	struct records *records;
	struct records_view view;
	struct secret_buf *plain;
	uint8_t sum[64];
	uint64_t live;
	struct expected_revisions *heads;
	size_t heads_len, heads_room;
	/* the walk of the revisions */
	size_t head;
	uint64_t next_revision, revisions;
	uint8_t skip_a, skip_b;
	struct loss *loss;	/* NULL: nothing may be lost */
	struct error *err;
};

static void inventory_wipe(struct inventory *inventory)
{
	for (size_t i = 0; i < inventory->heads_len; i++)
		free(inventory->heads[i].destroyed);
	free(inventory->heads);
	secret_buf_free(inventory->plain);
	sodium_memzero(inventory->sum, sizeof(inventory->sum));
}

static bool note_destroyed(struct expected_revisions *expected, const struct head_record *head)
{
	for (size_t i = 0; i < head->revisions_len; i++) {
		if (!(head->revisions[i].flags & REVISION_DESTROYED))
			continue;
		if (!expected->destroyed)
			expected->destroyed = calloc(head->revisions_len / 8 + 1, 1);
		if (!expected->destroyed)
			return false;
		expected->destroyed[i / 8] |= (uint8_t)(1u << (i % 8));
	}
	return true;
}

static enum error_code take_head(struct inventory *inventory, const struct record_key *key, const uint8_t *kid, struct error *err)
{
	struct head_record head = { 0 };
	struct record_key right;
	struct expected_revisions *expected;

	if (decode_head(secret_buf_bytes(inventory->plain), secret_buf_len(inventory->plain), &head, err) != ERR_OK)
		return err->code;
	right = records_head_key(&inventory->view, head.mount, head.path.at, head.path.len);
	if (right.len != key->len || memcmp(right.bytes, key->bytes, key->len) != 0)
		error_set(err, ERR_RECORD, "the head of an environment stands in the place of another");
	if (inventory->heads_len == inventory->heads_room) {
		size_t room = inventory->heads_room ? 2 * inventory->heads_room : 256;
		struct expected_revisions *heads = reallocarray(inventory->heads, room, sizeof(*heads));

		if (heads) {
			inventory->heads = heads;
			inventory->heads_room = room;
		} else {
			error_set(err, ERR_NO_MEMORY, "no memory is left to unseal");
		}
	}
	if (err->code == ERR_OK) {
		expected = &inventory->heads[inventory->heads_len++];
		*expected = (struct expected_revisions){ .oldest = head.oldest, .current = head.current };
		memcpy(expected->eid, kid, ID_LEN);
		if (!note_destroyed(expected, &head))
			error_set(err, ERR_NO_MEMORY, "no memory is left to unseal");
	}
	head_record_free(&head);
	return err->code;
}

static bool core_loads(uint8_t table)
{
	return table == TABLE_HEAD || table == TABLE_TOKEN || table == TABLE_MOUNT || table == TABLE_POLICY || table == TABLE_QUOTA ||
	       table == TABLE_WRAPPED || table == TABLE_REVOKED;
}

static enum error_code load_record(const struct inventory *inventory, const struct record_key *key, const uint8_t *pin,
				   struct error *err)
{
	const struct records *records = inventory->records;
	struct records_change record = { .key = *key, .plain = secret_buf_bytes(inventory->plain),
					 .plain_len = secret_buf_len(inventory->plain) };

	if (!records->load || !core_loads(key->bytes[0]))
		return ERR_OK;
	memcpy(record.pin, pin, PIN_LEN);
	return records->load(records->load_arg, &record, err);
}

/* The error is taken back, when what it is about may be lost. */
static bool take_for_lost(struct inventory *inventory, enum loss_kind kind, const struct record_key *key, uint64_t revision)
{
	if (!inventory->loss || !loss_takes(inventory->err->code))
		return false;
	error_clear(inventory->err);
	return loss_add(inventory->loss, kind, key, revision, inventory->err) == ERR_OK;
}

static enum error_code open_record(struct inventory *inventory, const struct record_key *key, struct store_bytes value)
{
	struct error *err = inventory->err;

	secret_buf_reset(inventory->plain);
	if (pins_load(inventory->records->pins, key->bytes, key->len, value.at + VALUE_PIN_OFFSET, err) != ERR_OK ||
	    view_open(&inventory->view, key, value, inventory->plain, err) != ERR_OK ||
	    (key->bytes[0] == TABLE_HEAD && take_head(inventory, key, value.at + 16, err) != ERR_OK))
		return err->code;
	return load_record(inventory, key, value.at + VALUE_PIN_OFFSET, err);
}

static bool take_record(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct inventory *inventory = arg;
	struct record_key key;
	uint8_t element[64];

	if (!record_key_from(at, &key)) {
		error_set(inventory->err, ERR_SET_CHANGED, "vault.db holds a record that vaultd did not write");
		return false;
	}
	if (key.bytes[0] == TABLE_STATE || key.bytes[0] == TABLE_REVISION || key.bytes[0] == inventory->skip_a ||
	    key.bytes[0] == inventory->skip_b)
		return true;
	if (value.len < VALUE_OVERHEAD) {
		error_set(inventory->err, ERR_RECORD, "a record of table %c is cut off", key.bytes[0]);
		return false;
	}
	if (open_record(inventory, &key, value) != ERR_OK && !take_for_lost(inventory, LOSS_RECORD, &key, 0))
		return false;
	accumulator_element(inventory->records->base.accumulator, key.bytes, key.len, value.at, element);
	accumulator_add(inventory->sum, element);
	inventory->live++;
	return true;
}

/* K first, because the keys of all others are there; H next, because it says which revisions there are. */
static enum error_code scan_records(struct inventory *inventory, struct error *err)
{
	static const uint8_t first[] = { TABLE_DATA_KEY, TABLE_HEAD };
	const struct state_record *state = &inventory->records->state;

	for (size_t i = 0; i < sizeof(first); i++)
		if (store_scan(inventory->view.snapshot, &first[i], 1, true, take_record, inventory, err) != ERR_OK ||
		    err->code != ERR_OK)
			return err->code;
	inventory->skip_a = TABLE_DATA_KEY;
	inventory->skip_b = TABLE_HEAD;
	for (unsigned table = 0; table < 256; table++) {
		uint8_t prefix = (uint8_t)table;

		if (prefix == TABLE_REVISION || prefix == TABLE_STATE)
			continue;
		if (store_scan(inventory->view.snapshot, &prefix, 1, true, take_record, inventory, err) != ERR_OK ||
		    err->code != ERR_OK)
			return err->code;
	}
	if (inventory->live == state->n_live && memcmp(inventory->sum, state->accumulator, sizeof(inventory->sum)) == 0)
		return ERR_OK;
	if (!inventory->loss)
		return error_set(err, ERR_SET_CHANGED,
				 "records were removed, added or put back by something else than vaultd (%llu found, %llu expected)",
				 (unsigned long long)inventory->live, (unsigned long long)state->n_live);
	inventory->loss->set_differs = true;
	return ERR_OK;
}

static int by_eid(const void *a, const void *b)
{
	return memcmp(((const struct expected_revisions *)a)->eid, ((const struct expected_revisions *)b)->eid, ID_LEN);
}

static bool is_destroyed(const struct expected_revisions *expected, uint64_t revision)
{
	uint64_t i = revision - expected->oldest;

	return expected->destroyed && (expected->destroyed[i / 8] >> (i % 8) & 1);
}

/* Moves to the next revision that must be there; false when there is none. */
static bool next_expected(struct inventory *inventory)
{
	for (; inventory->head < inventory->heads_len; inventory->head++, inventory->next_revision = 0) {
		const struct expected_revisions *expected = &inventory->heads[inventory->head];

		if (inventory->next_revision == 0)
			inventory->next_revision = expected->oldest;
		while (expected->current > 0 && inventory->next_revision <= expected->current &&
		       is_destroyed(expected, inventory->next_revision))
			inventory->next_revision++;
		if (expected->current > 0 && inventory->next_revision <= expected->current)
			return true;
	}
	return false;
}

/* A revision is missing, or (unknown) none that an environment has. */
static bool miss_revision(struct inventory *inventory, const struct record_key *key, bool unknown)
{
	uint64_t revision = inventory->next_revision;

	if (unknown)
		error_set(inventory->err, ERR_REVISION_UNKNOWN, "vault.db holds a revision that no environment has");
	else
		error_set(inventory->err, ERR_REVISION_MISSING, "a revision of an environment is missing in vault.db");
	return take_for_lost(inventory, unknown ? LOSS_UNKNOWN_REVISION : LOSS_REVISION, key, unknown ? 0 : revision);
}

static bool take_revision(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct inventory *inventory = arg;
	struct record_key right = { 0 }, found;
	int order = 1;

	(void)value;
	if (!record_key_from(at, &found)) {
		error_set(inventory->err, ERR_SET_CHANGED, "vault.db holds a record that vaultd did not write");
		return false;
	}
	inventory->revisions++;
	while (order > 0) {
		order = -1;
		if (next_expected(inventory)) {
			right = record_key_revision(inventory->heads[inventory->head].eid, inventory->next_revision);
			order = memcmp(at.at, right.bytes, at.len < right.len ? at.len : right.len);
			if (order == 0 && at.len != right.len)
				order = -1;
		}
		if (order < 0)
			return miss_revision(inventory, &found, true);
		if (order > 0 && !miss_revision(inventory, &right, false))
			return false;
		inventory->next_revision++;
	}
	return true;
}

/* Those behind the last one that is there. */
static enum error_code expect_no_more(struct inventory *inventory)
{
	while (next_expected(inventory)) {
		struct record_key right = record_key_revision(inventory->heads[inventory->head].eid, inventory->next_revision);

		if (!miss_revision(inventory, &right, false))
			return inventory->err->code;
		inventory->next_revision++;
	}
	return ERR_OK;
}

static enum error_code scan_revisions(struct inventory *inventory, struct error *err)
{
	uint8_t prefix = TABLE_REVISION;

	if (inventory->heads_len > 0)
		qsort(inventory->heads, inventory->heads_len, sizeof(*inventory->heads), by_eid);
	if (store_scan(inventory->view.snapshot, &prefix, 1, false, take_revision, inventory, err) != ERR_OK ||
	    err->code != ERR_OK || expect_no_more(inventory) != ERR_OK)
		return err->code;
	if (inventory->revisions != inventory->records->state.n_revisions && !inventory->loss)
		return error_set(err, ERR_REVISION_MISSING, "a revision of an environment is missing in vault.db");
	return ERR_OK;
}

/* What hangs on an environment without its head: with a lost head its keys are of no use. Heads are in order by now. */
static bool take_orphan(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct inventory *inventory = arg;
	struct expected_revisions wanted;
	struct record_key key;

	(void)value;
	if (at.len <= ID_LEN || !record_key_from(at, &key) || memcmp(key.bytes + 1, system_kid, ID_LEN) == 0)
		return true;
	memcpy(wanted.eid, key.bytes + 1, ID_LEN);
	if (inventory->heads_len > 0 && bsearch(&wanted, inventory->heads, inventory->heads_len, sizeof(wanted), by_eid))
		return true;
	return loss_add(inventory->loss, LOSS_RECORD, &key, 0, inventory->err) == ERR_OK;
}

static enum error_code find_orphans(struct inventory *inventory, struct error *err)
{
	static const uint8_t tables[] = { TABLE_DATA_KEY, TABLE_SCHEMA, TABLE_SETTINGS, TABLE_POLICY_ROTATION, TABLE_OPERATION };

	for (size_t i = 0; i < sizeof(tables); i++)
		if (store_scan(inventory->view.snapshot, &tables[i], 1, false, take_orphan, inventory, err) != ERR_OK ||
		    err->code != ERR_OK)
			return err->code;
	return ERR_OK;
}

static enum error_code take_inventory(struct records *records, const struct store_snapshot *snapshot, struct loss *loss,
				      struct error *err)
{
	cleanup_(inventory_wipe) struct inventory inventory = { .records = records, .view = view_on(records, snapshot),
								.plain = secret_buf_new(VALUE_PADDED_MAX), .loss = loss, .err = err };

	if (!inventory.plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to unseal");
	if (scan_records(&inventory, err) != ERR_OK || scan_revisions(&inventory, err) != ERR_OK)
		return err->code;
	if (!loss)
		return ERR_OK;
	memcpy(loss->sum, inventory.sum, sizeof(loss->sum));
	loss->live = inventory.live;
	loss->revisions = inventory.revisions;
	if (find_orphans(&inventory, err) != ERR_OK || loss_of_revisions(&inventory.view, loss, err) != ERR_OK)
		return err->code;
	loss_settle(loss);
	return ERR_OK;
}

enum error_code start_checks_for(struct records *records, struct start_findings *findings, struct error *err)
{
	cleanup_(store_snapshot_endp) struct store_snapshot *snapshot = NULL;

	if (store_snapshot_begin(records->store, &snapshot, err) != ERR_OK ||
	    state_read(records, snapshot, &records->state, records->state_commit, err) != ERR_OK ||
	    check_counts(records, snapshot, findings, err) != ERR_OK || check_header(records, findings, err) != ERR_OK)
		return err->code;
	witness(findings, records->state.counter);
	if (findings)
		ask_anchor(records, findings);
	/* An accept may have opened no anchor, and makes none before it writes. */
	if ((!findings || records->anchor || records->state.flags & STATE_ANCHORED) && check_anchor(records, err) != ERR_OK &&
	    ((err->code != ERR_ROLLBACK && err->code != ERR_FORK && err->code != ERR_ANCHOR_MISSING) ||
	     let_pass(findings, err) != ERR_OK))
		return err->code;
	return take_inventory(records, snapshot, findings ? findings->loss : NULL, err);
}

enum error_code start_checks(struct records *records, struct error *err)
{
	return start_checks_for(records, NULL, err);
}
