#include "records/verify.h"

#include <endian.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records/sealed_store.h"
#include "records/value.h"

#define REVISION_KEY_LEN (1 + ID_LEN + 8)

struct verify {
	struct records *records;
	const struct verify_options *options;
	struct verify_result *result;
	struct secret_buf *plain, *revision_plain;
	uint64_t seals;			/* as the check began */
	uint64_t done, total;
	struct error *err;

	/* the slice */
	struct records_view *view;
	int64_t began;
	size_t opened;			/* bytes */
	bool slice_is_over;

	/* where the walk stands: the first key to look at, and when it is that of a head begun before, the first revision */
	uint8_t place[LIMIT_STORE_KEY];
	size_t place_len;
	struct record_key begun;
	uint64_t begun_revision;
	bool at_revisions;

	/* the set, on one snapshot */
	uint8_t sum[64];
	uint64_t live, revisions;
	size_t live_of[256];
	bool behind_revisions;		/* the scan of the tables behind theirs, which may be empty */
	uint8_t eid[ID_LEN];		/* of the revision before */
	bool has_eid;
};

/* What is to be said of the revisions of one environment. */
struct verify_head {
	struct verify *verify;
	const struct head_record *head;
	const uint8_t *eid;
	uint64_t next;			/* the next that must be there */
};

/* -- findings ------------------------------------------------------------------------------ */

void verify_result_free(struct verify_result *result)
{
	if (result->findings)
		sodium_memzero(result->findings, result->len * sizeof(*result->findings));
	free(result->findings);
	*result = (struct verify_result){ 0 };
}

/* Damage of what is stored, against what keeps us from looking. */
static bool is_damage(enum error_code code)
{
	return code == ERR_RECORD || code == ERR_AUTH || code == ERR_SET_CHANGED || code == ERR_REVISION_MISSING ||
	       code == ERR_REVISION_UNKNOWN || code == ERR_FORMAT_NEWER || code == ERR_STORE_FOREIGN ||
	       code == ERR_STATE_DAMAGED || code == ERR_STORE_DAMAGED || code == ERR_FORK;
}

/* False, as an each() that ends a scan: memory is out. */
static bool note(struct verify *verify, const struct verify_finding *finding)
{
	struct verify_result *result = verify->result;

	if (result->len < VERIFY_FINDINGS_MAX) {
		struct verify_finding *longer = reallocarray(result->findings, result->len + 1, sizeof(*longer));

		if (!longer) {
			error_set(verify->err, ERR_NO_MEMORY, "no memory is left to name what was found");
			return false;
		}
		result->findings = longer;
		longer[result->len++] = *finding;
	}
	result->found++;
	return true;
}

static struct verify_finding finding_of(enum error_code code, const struct record_key *key, const char *text)
{
	struct verify_finding finding = { .code = code };
	size_t id = key->len > ID_LEN ? ID_LEN : key->len > 0 ? key->len - 1u : 0;

	if (key->len > 0) {
		finding.table = key->bytes[0];
		sodium_bin2hex(finding.id, sizeof(finding.id), key->bytes + 1, id);
	}
	(void)snprintf(finding.text, sizeof(finding.text), "%s", text);
	return finding;
}

/* Of a record that is not a revision. */
static bool note_record(struct verify *verify, const struct record_key *key, enum error_code code, const char *text)
{
	struct verify_finding finding = finding_of(code, key, text);

	return note(verify, &finding);
}

/* Takes a failure as a finding when it is damage; otherwise it ends the check. */
static bool note_failure(struct verify *verify, const struct record_key *key, const struct error *failure)
{
	if (is_damage(failure->code))
		return note_record(verify, key, failure->code, failure->text);
	error_set(verify->err, failure->code, "%s", failure->text);
	return false;
}

static void name_environment(struct verify_finding *finding, const struct head_record *head)
{
	finding->has_environment = true;
	memcpy(finding->mount, head->mount, ID_LEN);
	(void)snprintf(finding->path, sizeof(finding->path), "%.*s", (int)head->path.len, head->path.at);
}

static bool note_revision(struct verify_head *of, uint64_t revision, enum error_code code, const char *text)
{
	struct record_key key = record_key_revision(of->eid, revision);
	struct verify_finding finding = finding_of(code, &key, text);

	name_environment(&finding, of->head);
	finding.revision = revision;
	return note(of->verify, &finding);
}

/* -- going on -------------------------------------------------------------------------------- */

static bool may_go_on(struct verify *verify)
{
	const struct verify_options *options = verify->options;

	if (atomic_load(&verify->records->seals) != verify->seals) {
		error_set(verify->err, ERR_SEALED, "the vault was sealed before everything was checked");
		return false;
	}
	if (options->progress && !options->progress(options->arg, verify->done, verify->total)) {
		error_set(verify->err, ERR_CONFLICT, "the check was ended before everything was checked");
		return false;
	}
	return true;
}

/* Counts a record, and says whether the snapshot should be given up. */
static bool slice_goes_on(struct verify *verify, size_t bytes)
{
	const struct clock_source *clock = &verify->records->clock;

	verify->done++;
	verify->opened += bytes;
	verify->slice_is_over = verify->opened >= VERIFY_SLICE_BYTES ||
				clock->monotonic_us(clock->arg) - verify->began >= VERIFY_SLICE_US;
	return may_go_on(verify) && !verify->slice_is_over;
}

static enum error_code begin_view(struct verify *verify)
{
	const struct clock_source *clock = &verify->records->clock;

	verify->began = clock->monotonic_us(clock->arg);
	verify->opened = 0;
	verify->slice_is_over = false;
	if (view_begin_of_broken(verify->records, &verify->view, verify->err) != ERR_OK)
		return verify->err->code;
	return may_go_on(verify) ? ERR_OK : verify->err->code;
}

static void end_view(struct verify *verify)
{
	records_view_end(verify->view);
	verify->view = NULL;
}

/* -- the set: sums and numbers, on one snapshot ------------------------------------------------- */

/* Goes through the keys between two tables, neither of them included but for the first. */
static enum error_code scan_from_table(struct verify *verify, uint8_t first, bool with_values,
				       bool (*each)(void *arg, struct store_bytes at, struct store_bytes value))
{
	return store_scan_from(verify->view->snapshot, (struct store_bytes){ &first, 1 }, 0, with_values, each, verify, verify->err);
}

static bool sum_record(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct verify *verify = arg;
	uint8_t element[64];

	if (at.len == 1 && at.at[0] == TABLE_STATE)
		return true;
	if (at.at[0] >= TABLE_REVISION && !verify->behind_revisions)
		return false;	/* the next scan begins behind them */
	verify->live++;
	verify->live_of[at.at[0]]++;
	if (value.len >= VALUE_OVERHEAD) {
		accumulator_element(verify->records->base.accumulator, at.at, at.len, value.at, element);
		accumulator_add(verify->sum, element);
		sodium_memzero(element, sizeof(element));
	}
	return may_go_on(verify);
}

/* Each environment's data key is there while the environment is: so a revision without one has no environment. */
static bool count_revision(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct verify *verify = arg;
	struct record_key key, data_key;
	uint8_t pin[PIN_LEN];

	(void)value;
	if (at.at[0] != TABLE_REVISION)
		return false;
	verify->revisions++;
	if (!record_key_from(at, &key) || key.len != REVISION_KEY_LEN) {
		key = (struct record_key){ .len = 1, .bytes = { TABLE_REVISION } };
		return note_record(verify, &key, ERR_REVISION_UNKNOWN, "vault.db holds a revision under a key that no revision has");
	}
	if (verify->has_eid && memcmp(verify->eid, key.bytes + 1, ID_LEN) == 0)
		return may_go_on(verify);
	verify->has_eid = true;
	memcpy(verify->eid, key.bytes + 1, ID_LEN);
	data_key = record_key_data_key(verify->eid, DATA_KEY_FIRST);
	if (!pins_find(verify->records->pins, store_snapshot_id(verify->view->snapshot), data_key.bytes, data_key.len, pin) &&
	    !note_record(verify, &key, ERR_REVISION_UNKNOWN, "vault.db holds revisions of an environment that is not there"))
		return false;
	return may_go_on(verify);
}

/* A missing record cannot be named: its key is in no place but the pins, and means nothing without the record. */
static bool compare_tables(struct verify *verify)
{
	struct pins *pins = verify->records->pins;
	uint64_t id = store_snapshot_id(verify->view->snapshot);

	for (unsigned table = 'A'; table <= 'Z'; table++) {
		struct record_key key = { .len = 1, .bytes = { (uint8_t)table } };
		size_t expected = pins_count(pins, id, (uint8_t)table);
		char text[160];

		if (table == TABLE_REVISION || verify->live_of[table] >= expected)
			continue;
		verify->result->tampered = true;
		(void)snprintf(text, sizeof(text), "of table %c there are %zu records and should be %zu: some were removed by something "
			       "else than vaultd", (int)table, verify->live_of[table], expected);
		if (!note_record(verify, &key, ERR_SET_CHANGED, text))
			return false;
	}
	if (pins_count(pins, id, TABLE_DATA_KEY) == pins_count(pins, id, TABLE_HEAD) + 1)
		return true;
	return note_record(verify, &(struct record_key){ .len = 1, .bytes = { TABLE_DATA_KEY } }, ERR_SET_CHANGED,
			   "there are not as many data keys as environments");
}

static bool compare_state(struct verify *verify, const struct state_record *state, const uint8_t *commit)
{
	const struct records *records = verify->records;
	uint64_t id = store_snapshot_id(verify->view->snapshot);
	struct record_key key = record_key_state();
	bool put_back;

	pthread_mutex_lock(&verify->records->status);
	put_back = records->shown_point.counter == state->counter &&
		   memcmp(records->shown_point.commit, commit, sizeof(records->shown_point.commit)) != 0;
	pthread_mutex_unlock(&verify->records->status);
	if ((put_back || state->lmdb_txn_id != id) &&
	    !note_record(verify, &key, ERR_STATE_DAMAGED, "the state record is not that of the newest commit: it was put back"))
		return false;
	if ((verify->live != state->n_live || memcmp(verify->sum, state->accumulator, sizeof(verify->sum)) != 0) &&
	    !note_record(verify, &key, ERR_SET_CHANGED,
			 "records were removed, added or put back by something else than vaultd: their sum or number is not the state's"))
		return false;
	if (verify->revisions != state->n_revisions || verify->total != verify->live + verify->revisions)
		return note_record(verify, &key, ERR_STORE_DAMAGED, "the number of revisions in vault.db is not the state's");
	return true;
}

static enum error_code check_state(struct verify *verify)
{
	struct record_key key = record_key_state();
	struct error failure = ERROR_INIT;
	struct state_record state;
	uint8_t commit[32];

	if (state_read(verify->records, verify->view->snapshot, &state, commit, &failure) != ERR_OK)
		(void)note_failure(verify, &key, &failure);
	else
		(void)compare_state(verify, &state, commit);
	sodium_memzero(&state, sizeof(state));
	return verify->err->code;
}

static enum error_code check_set(struct verify *verify)
{
	uint64_t entries;

	if (store_entries(verify->view->snapshot, &entries, verify->err) != ERR_OK)
		return verify->err->code;
	verify->total = entries > 0 ? entries - 1 : 0;	/* without the state's */
	if (scan_from_table(verify, 0, true, sum_record) != ERR_OK || verify->err->code != ERR_OK)
		return verify->err->code;
	verify->behind_revisions = true;
	if (scan_from_table(verify, TABLE_REVISION + 1, true, sum_record) != ERR_OK || verify->err->code != ERR_OK ||
	    scan_from_table(verify, TABLE_REVISION, false, count_revision) != ERR_OK || verify->err->code != ERR_OK ||
	    !compare_tables(verify))
		return verify->err->code;
	return check_state(verify);
}

/* -- the revisions of one head -------------------------------------------------------------------- */

/* The next revision that must be there, from the given one; current + 1 when there is none. */
static uint64_t next_kept(const struct head_record *head, uint64_t revision)
{
	if (revision < head->oldest)
		revision = head->oldest;
	while (head->current > 0 && revision <= head->current &&
	       (head->revisions[revision - head->oldest].flags & REVISION_DESTROYED))
		revision++;
	return revision;
}

/* Those between the last one that was seen and this one. */
static bool note_missing(struct verify_head *of, uint64_t end)
{
	while (of->head->current > 0 && of->next <= of->head->current && of->next < end) {
		if (!note_revision(of, of->next, ERR_REVISION_MISSING, "a revision that its environment has is not in vault.db"))
			return false;
		of->next = next_kept(of->head, of->next + 1);
	}
	return true;
}

static bool open_revision(struct verify_head *of, uint64_t number, struct store_bytes value)
{
	struct verify *verify = of->verify;
	struct record_key key = record_key_revision(of->eid, number);
	const uint8_t *pin = of->head->revisions[number - of->head->oldest].pin;
	struct error failure = ERROR_INIT;

	if (view_check_revision(verify->view, &key, pin, value, verify->revision_plain, &failure) == ERR_OK) {
		verify->result->revisions++;
		return true;
	}
	if (is_damage(failure.code))
		return note_revision(of, number, failure.code, failure.text);
	error_set(verify->err, failure.code, "%s", failure.text);
	return false;
}

static bool check_revision(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct verify_head *of = arg;
	struct verify *verify = of->verify;
	uint64_t number;

	if (at.len != REVISION_KEY_LEN)
		return true;	/* named when the set was looked at */
	memcpy(&number, at.at + 1 + ID_LEN, sizeof(number));
	number = be64toh(number);
	if (!note_missing(of, number))
		return false;
	if (number != of->next || of->head->current == 0 || number > of->head->current) {
		if (!note_revision(of, number, ERR_REVISION_UNKNOWN, "vault.db holds a revision that its environment does not have"))
			return false;
	} else if (open_revision(of, number, value)) {
		of->next = next_kept(of->head, number + 1);
	} else {
		return false;
	}
	verify->begun_revision = number + 1;
	return slice_goes_on(verify, value.len);
}

/* From verify->begun_revision on. */
static bool check_revisions(struct verify *verify, const struct head_record *head, const uint8_t *eid)
{
	struct verify_head of = { .verify = verify, .head = head, .eid = eid, .next = next_kept(head, verify->begun_revision) };
	struct record_key from = record_key_revision(eid, verify->begun_revision);

	if (store_scan_from(verify->view->snapshot, (struct store_bytes){ from.bytes, from.len }, 1 + ID_LEN, true, check_revision,
			    &of, verify->err) != ERR_OK ||
	    verify->err->code != ERR_OK || verify->slice_is_over)
		return false;
	return note_missing(&of, UINT64_MAX);
}

/* -- every record ------------------------------------------------------------------------------------ */

/* The plaintext of a head stands in verify->plain. Sets *err when the head itself is wrong. */
static bool check_head(struct verify *verify, const struct record_key *key, const uint8_t *eid, struct error *err)
{
	struct head_record head = { 0 };
	struct record_key right;
	bool goes_on = true;

	if (decode_head(secret_buf_bytes(verify->plain), secret_buf_len(verify->plain), &head, err) != ERR_OK)
		return true;
	right = records_head_key(verify->view, head.mount, head.path.at, head.path.len);
	if (right.len != key->len || memcmp(right.bytes, key->bytes, key->len) != 0)
		error_set(err, ERR_RECORD, "the head of an environment stands in the place of another");
	else
		goes_on = check_revisions(verify, &head, eid);
	head_record_free(&head);
	return goes_on;
}

static bool check_data_key(const struct verify *verify, struct error *err)
{
	struct data_key_record record = { 0 };
	enum error_code code = decode_data_key(secret_buf_bytes(verify->plain), secret_buf_len(verify->plain), &record, err);

	sodium_memzero(&record, sizeof(record));
	return code == ERR_OK;
}

/* Opens a record with the right pin. False when the slice or the check ends. */
static bool check_content(struct verify *verify, const struct record_key *key, struct store_bytes value)
{
	struct error failure = ERROR_INIT;
	bool goes_on = true;

	secret_buf_reset(verify->plain);
	if (view_open(verify->view, key, value, verify->plain, &failure) == ERR_OK) {
		if (key->bytes[0] == TABLE_HEAD)
			goes_on = check_head(verify, key, value.at + 16, &failure);
		else if (key->bytes[0] == TABLE_DATA_KEY)
			(void)check_data_key(verify, &failure);
	}
	if (failure.code != ERR_OK)
		return note_failure(verify, key, &failure);
	if (goes_on)
		verify->result->records++;
	return goes_on;
}

static bool note_tampered(struct verify *verify, const struct record_key *key)
{
	uint8_t pin[PIN_LEN];
	bool pinned = pins_find(verify->records->pins, store_snapshot_id(verify->view->snapshot), key->bytes, key->len, pin);

	verify->result->tampered = true;
	return note_record(verify, key, pinned ? ERR_RECORD : ERR_SET_CHANGED,
			   pinned ? "the record was changed or put back by something else than vaultd" :
				    "the record was added by something else than vaultd");
}

/* The first key that sorts behind this one. Of the longest keys, which no table has, some more are passed over. */
static void go_behind(struct verify *verify, struct store_bytes at)
{
	size_t len = at.len < LIMIT_STORE_KEY ? at.len : LIMIT_STORE_KEY;

	memcpy(verify->place, at.at, len);
	if (len < LIMIT_STORE_KEY) {
		verify->place[len++] = 0;
	} else {
		while (len > 1 && verify->place[len - 1] == UINT8_MAX)
			len--;
		verify->place[len - 1]++;
	}
	verify->place_len = len;
	verify->begun.len = 0;
	verify->begun_revision = 0;
}

/* The slice ended within the revisions of a head: the next one goes on there. */
static void stay_at(struct verify *verify, const struct record_key *key)
{
	memcpy(verify->place, key->bytes, key->len);
	verify->place_len = key->len;
	verify->begun = *key;
}

static bool check_unknown(struct verify *verify, struct store_bytes at)
{
	struct record_key key = { .len = 1, .bytes = { at.at[0] } };

	verify->result->tampered = true;
	if (!note_record(verify, &key, ERR_SET_CHANGED, "vault.db holds a record under a key that no table has"))
		return false;
	go_behind(verify, at);
	return slice_goes_on(verify, 0);
}

static bool check_record(void *arg, struct store_bytes at, struct store_bytes value)
{
	struct verify *verify = arg;
	struct record_key key;

	verify->at_revisions = at.at[0] == TABLE_REVISION;
	if (verify->at_revisions)
		return false;
	if (at.len == 1 && at.at[0] == TABLE_STATE)
		return true;
	if (!record_key_from(at, &key))
		return check_unknown(verify, at);
	if (verify->begun.len != key.len || memcmp(verify->begun.bytes, key.bytes, key.len) != 0)
		verify->begun_revision = 0;
	if (!(view_pin_is_right(verify->view, &key, value) ? check_content(verify, &key, value) : note_tampered(verify, &key))) {
		stay_at(verify, &key);
		return false;
	}
	go_behind(verify, at);
	return slice_goes_on(verify, value.len);
}

/* From the place on until the slice is over (true) or all is done (false). */
static bool check_slice(struct verify *verify)
{
	do {
		verify->at_revisions = false;
		if (store_scan_from(verify->view->snapshot, (struct store_bytes){ verify->place, verify->place_len }, 0, true,
				    check_record, verify, verify->err) != ERR_OK ||
		    verify->err->code != ERR_OK)
			return false;
		/* Those stand behind the heads, and were looked at with them. */
		if (verify->at_revisions) {
			verify->place[0] = TABLE_REVISION + 1;
			verify->place_len = 1;
		}
	} while (verify->at_revisions);
	return verify->slice_is_over;
}

static bool goes_on(void *arg)
{
	return may_go_on(arg);
}

/* First of all: what follows reads through LMDB, which a damaged tree may crash. False when nothing more is to be looked at. */
static bool check_structure(struct verify *verify)
{
	struct error failure = ERROR_INIT;

	if (verify->records->skip_walk)
		return true;
	if (store_check_structure(verify->records->store, goes_on, verify, &failure) == ERR_OK)
		return true;
	if (verify->err->code != ERR_OK)
		return false;	/* by may_go_on() */
	verify->result->tampered = failure.code == ERR_STORE_DAMAGED;
	(void)note_failure(verify, &(struct record_key){ .len = 0 }, &failure);
	return false;
}

static enum error_code check_all(struct verify *verify)
{
	bool more;

	if (!may_go_on(verify) || !check_structure(verify))
		return verify->err->code;
	if (begin_view(verify) == ERR_OK)
		(void)check_set(verify);
	end_view(verify);
	if (verify->err->code != ERR_OK)
		return verify->err->code;
	do {
		more = begin_view(verify) == ERR_OK && check_slice(verify);
		end_view(verify);
	} while (more && verify->err->code == ERR_OK);
	return verify->err->code;
}

enum error_code records_verify(struct records *records, const struct verify_options *options, struct verify_result *ret,
			       struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *revision_plain = secret_buf_new(VALUE_PADDED_MAX);
	struct verify verify = { .records = records, .options = options, .result = ret, .plain = plain,
				 .revision_plain = revision_plain, .seals = atomic_load(&records->seals), .err = err };

	*ret = (struct verify_result){ 0 };
	if (!plain || !revision_plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to check the store");
	(void)check_all(&verify);
	sodium_memzero(verify.sum, sizeof(verify.sum));
	if (ret->tampered)
		atomic_store(&records->broken, true);
	return err->code;
}
