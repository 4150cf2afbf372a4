#include "records/accept.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "crypto/seal.h"
#include "records/accept_root.h"
#include "records/start_findings.h"
#include "records/verify.h"
#include "vault/plural.h"

struct accept {
	struct records_request request;	/* first: see prepare_accept() */
	struct records *records;
	const struct accept_options *options;
	struct start_findings findings;
	struct loss loss;
	struct state_patch patch;
};

static void accept_end(struct accept *accept)
{
	loss_free(&accept->loss);
	sodium_memzero(&accept->patch, sizeof(accept->patch));
}

/* -- what is there --------------------------------------------------------------------------- */

static void fill_report(const struct accept *accept, struct accept_report *ret)
{
	const struct state_record *state = &accept->records->state;
	const struct start_findings *findings = &accept->findings;

	*ret = (struct accept_report){ .counter = state->counter, .n_live = state->n_live, .n_revisions = state->n_revisions,
				       .time = state->time, .has_anchor = findings->has_anchor,
				       .anchor_counter = findings->anchor.counter, .anchor_time = findings->anchor.time,
				       .anchor_is_other_fork = findings->anchor_is_other_fork,
				       .lost = accept->loss.len + accept->loss.set_differs };
	memcpy(ret->store_id, accept->records->store_id, ID_LEN);
	memcpy(ret->fork_id, state->fork_id, ID_LEN);
	(void)snprintf(ret->refused, sizeof(ret->refused), "%s", findings->refused.text);
}

/* Every record and revision is opened, as `envctl verify` does it. */
static enum error_code verify(const struct accept *accept, struct error *err)
{
	const struct verify_options options = { .progress = accept->options->checking, .arg = accept->options->arg };
	struct verify_result result = { 0 };

	if (records_verify(accept->records, &options, &result, err) == ERR_OK && result.found > 0)
		error_set(err, result.findings[0].code, "%s (%llu such finding%s in all)", result.findings[0].text,
			  (unsigned long long)result.found, plural(result.found, "", "s"));
	verify_result_free(&result);
	return err->code;
}

/* -- the commit ------------------------------------------------------------------------------- */

struct wrapped {
	struct records_write *write;
	struct error *err;
};

/* A wrapped answer may have been unwrapped in what is lost. Whether it opens does not matter. */
static bool drop_wrapped(void *arg, struct store_bytes key, struct store_bytes value)
{
	struct wrapped *wrapped = arg;

	(void)value;
	return store_write_delete(wrapped->write->store_write, key.at, key.len, wrapped->err) == ERR_OK;
}

/*
 * Rotations that are under way must be held, and all looked after, before the past may come back (section 5 of the storage's
 * specification). This version has none; a store that has some is of one that has.
 */
static bool refuse_rotation(void *arg, struct store_bytes key, struct store_bytes value)
{
	(void)key;
	(void)value;
	*(bool *)arg = true;
	return false;
}

static enum error_code check_rotations(struct records_view *view, struct error *err)
{
	static const uint8_t tables[] = { TABLE_POLICY_ROTATION, TABLE_OPERATION };
	bool found = false;

	for (size_t i = 0; i < sizeof(tables); i++)
		if (store_scan(view->snapshot, &tables[i], 1, false, refuse_rotation, &found, err) != ERR_OK)
			return err->code;
	return found ? error_set(err, ERR_FORMAT_NEWER, "the store holds rotations of variables, which this version cannot hold back: use "
				 "the version that made them") : ERR_OK;
}

static enum error_code prepare_accept(struct records_request *request, struct records_view *view, struct records_write *write,
				      struct error *err)
{
	struct accept *accept = (struct accept *)(void *)request;
	struct wrapped wrapped = { .write = write, .err = err };
	struct record_key key = record_key_state();
	const uint8_t table = TABLE_WRAPPED;
	uint8_t *space;

	if (check_rotations(view, err) != ERR_OK || loss_drop(write, &accept->loss, err) != ERR_OK ||
	    store_scan(view->snapshot, &table, 1, false, drop_wrapped, &wrapped, err) != ERR_OK || err->code != ERR_OK)
		return err->code;
	if (store_write_put(write->store_write, key.bytes, key.len, sizeof(accept->patch), &space, err) != ERR_OK)
		return err->code;
	memcpy(space, &accept->patch, sizeof(accept->patch));
	return ERR_OK;
}

static void make_patch(struct accept *accept)
{
	struct records *records = accept->records;
	struct state_patch *patch = &accept->patch;
	int64_t now = records_now(records), high = records->state.time_high_water;

	patch->set_fork = true;
	random_fill(patch->fork_id, ID_LEN);
	patch->fork_counter = accept->findings.witnessed;
	patch->set_header_seq = header_seq(records->header) != records->state.header_seq;
	patch->header_seq = header_seq(records->header);
	/* As after a start: that header may be one with a new root key, and behind that a new KEK comes. */
	patch->set_shred = patch->set_header_seq;
	patch->anchored = records->anchor != NULL;
	/* Also tokens that were made while the machine's time was ahead of what it is now. */
	if (!accept->options->keep_tokens)
		patch->tokens_not_before = now > high ? now : high + 1;
	records_raise_time(records, patch->tokens_not_before);
}

static enum error_code commit(struct accept *accept, struct error *err)
{
	struct records *records = accept->records;

	make_patch(accept);
	/* The anchor hears of it when everything else is done. */
	records->anchored_counter = UINT64_MAX;
	return records_submit_wait(records, &accept->request, err);
}

/* The point of the new fork is always written: its counter is above that of any other. */
static enum error_code tell_anchor(struct records *records, struct error *err)
{
	pthread_mutex_lock(&records->status);
	records->anchored_counter = 0;
	pthread_mutex_unlock(&records->status);
	return anchor_catch_up(records, err);
}

static void report_new(const struct records *records, struct accept_report *ret)
{
	ret->new_counter = records->state.counter;
	memcpy(ret->new_fork_id, records->state.fork_id, ID_LEN);
}

static enum error_code go_on(struct accept *accept, struct accept_report *ret, struct error *err)
{
	struct records *records = accept->records;
	/* The state of a file that was filled, or that has lost something, is only right when it was committed anew. */
	bool first = accept->findings.filled || ret->lost > 0;

	if (ret->lost > 0) {
		memcpy(records->state.accumulator, accept->loss.sum, sizeof(accept->loss.sum));
		records->state.n_live = accept->loss.live;
		records->state.n_revisions = accept->loss.revisions;
	}
	if (records->anchor_mode != ANCHOR_NONE && !records->anchor &&
	    anchor_open(records->anchor_path, true, &records->anchor, err) != ERR_OK)
		return err->code;
	state_show(records);
	if (header_needs_repair(records->header) && header_repair(records->header, records->directory, err) != ERR_OK)
		return err->code;
	if (store_start(records->store, err) != ERR_OK)
		return err->code;
	atomic_store(&records->sealed, false);
	if ((!first && verify(accept, err) != ERR_OK) || commit(accept, err) != ERR_OK)
		return err->code;
	/* A file that was filled is thrown away when it is not right. */
	if (!accept->findings.filled)
		report_new(records, ret);
	if (first && verify(accept, err) != ERR_OK)
		return err->code;
	report_new(records, ret);
	return tell_anchor(records, err);
}

static enum error_code look(struct accept *accept, const struct secret_key *root_key, struct accept_report *ret,
			    struct error *err)
{
	struct records *records = accept->records;
	struct keyring keyring = { 0 };

	if (header_unlock(records->header, root_key, &keyring, err) != ERR_OK ||
	    keys_install(records, &keyring, root_key, err) != ERR_OK ||
	    start_checks_for(records, &accept->findings, err) != ERR_OK)
		return err->code;
	fill_report(accept, ret);
	loss_tell(&accept->loss, accept->options->lost, accept->options->arg);
	if (!accept->options->accept)
		return ERR_OK;
	if (ret->counter != accept->options->expect)
		return error_set(err, ERR_INVALID, "vault.db is at counter %llu, not at the %llu that was expected: nothing was changed",
				 (unsigned long long)ret->counter, (unsigned long long)accept->options->expect);
	return go_on(accept, ret, err);
}

enum error_code accept_with_root(struct records *records, const struct secret_key *root_key, bool filled,
				 const struct accept_options *options, struct accept_report *ret, struct error *err)
{
	cleanup_(accept_end) struct accept accept = { .request = { .prepare = prepare_accept },
						      .records = records, .options = options };

	accept.findings.filled = filled;
	accept.findings.loss = options->accept_loss ? &accept.loss : NULL;
	atomic_store(&records->broken, false);
	(void)!look(&accept, root_key, ret, err);
	records_seal(records);
	return err->code;
}

enum error_code records_accept(struct records *records, const struct slot_secret *slot, const struct accept_options *options,
			       struct accept_report *ret, struct error *err)
{
	key_scope root_key;

	if (!records->header)
		return error_set(err, ERR_NOT_INITIALIZED, "there is no vault in %s", records->directory);
	if (slot_try(records, records->header, slot, -1, &root_key, err) != ERR_OK)
		return err->code;
	return accept_with_root(records, &root_key, false, options, ret, err);
}
