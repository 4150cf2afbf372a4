/* All tokens: the list of accessors, and what is over. */
#include "core/token_store.h"

/* In one call of the housekeeping; what is left waits for the next second. */
#define SWEEP_BATCHES 16

enum error_code vault_token_accessors(struct vault *vault, struct name_list *ret, struct error *err)
{
	vault_use_scope use = { 0 };

	if (vault_use_begin(vault, &use, err) != ERR_OK)
		return err->code;
	return token_index_list(vault->token_index, token_clock_now(&vault->token_clock), ret, err);
}

/* The index may be older than the view by one commit: what was renewed in it is not deleted. */
static enum error_code delete_if_over(struct vault *vault, struct records_view *view, struct records_write *write,
				      const uint8_t id[static ID_LEN], struct error *err)
{
	cleanup_(token_info_freep) struct token_info info = { 0 }, parent = { 0 };
	const struct token_record *record = &info.record;
	enum error_code code = token_read(vault, view, id, &info, NULL, err);

	if (code != ERR_OK)
		return code == ERR_NOT_FOUND ? ERR_OK : code;
	if (record->uses_left == TOKEN_SPENT || (record->expires != 0 && record->expires <= info.now))
		return token_delete_records(view, write, id, err);
	if (record->flags & TOKEN_ORPHAN)
		return ERR_OK;
	code = token_read(vault, view, record->parent, &parent, NULL, err);
	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	/* A younger parent is another token with the same text. */
	return code == ERR_NOT_FOUND || parent.record.created > record->created ? token_delete_records(view, write, id, err) : ERR_OK;
}

static enum error_code prepare_sweep(struct vault_action *action, struct records_view *view,
				     struct records_write *write, struct error *err)
{
	struct vault *vault = action->vault_;
	uint8_t ids[LIMIT_REVOKE_BATCH][ID_LEN];
	size_t len;

	len = token_index_due(vault->token_index, token_clock_now(&vault->token_clock), ids, LIMIT_REVOKE_BATCH);
	for (size_t i = 0; i < len; i++)
		if (delete_if_over(vault, view, write, ids[i], err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

static bool anything_due(struct vault *vault)
{
	uint8_t id[1][ID_LEN];

	return token_index_due(vault->token_index, token_clock_now(&vault->token_clock), id, 1) > 0;
}

/* -- revocations of batch tokens -------------------------------------------- */

static enum error_code prepare_forget(struct vault_action *action, struct records_view *view,
				      struct records_write *write, struct error *err)
{
	struct vault *vault = action->vault_;
	uint8_t ids[LIMIT_REVOKE_BATCH][ID_LEN];
	size_t len = expiry_index_due(vault->revoked, token_clock_now(&vault->token_clock), ids, LIMIT_REVOKE_BATCH);

	(void)view;
	for (size_t i = 0; i < len; i++) {
		struct record_key key = record_key_id(TABLE_REVOKED, ids[i]);

		if (records_delete(write, &key, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static enum error_code forget_revocations(struct vault *vault, struct error *err)
{
	struct vault_action forget = { .prepare_ = prepare_forget };
	struct action_wait wait;
	uint8_t id[1][ID_LEN];

	if (expiry_index_due(vault->revoked, token_clock_now(&vault->token_clock), id, 1) == 0)
		return ERR_OK;
	action_wait_begin(&wait, &forget);
	return action_wait_end(&wait, vault_action_submit(vault, &forget, false, err), err);
}

enum error_code vault_token_tidy(struct vault *vault, struct error *err)
{
	struct vault_action sweep = { .prepare_ = prepare_sweep };
	struct action_wait wait;

	for (int i = 0; i < SWEEP_BATCHES && anything_due(vault); i++) {
		action_wait_begin(&wait, &sweep);
		if (action_wait_end(&wait, vault_action_submit(vault, &sweep, false, err), err) != ERR_OK)
			return err->code;
	}
	return forget_revocations(vault, err);
}
