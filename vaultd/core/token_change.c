/* One token: looked up, renewed, revoked, used. */
#include <sodium.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "core/token_batch.h"
#include "core/token_roles.h"
#include "core/token_store.h"
#include "core/token_ttl.h"

#define WARNINGS_MAX 1024

/* A role that is gone has no name any more. */
static enum error_code name_role(struct records_view *view, struct token_info *info, struct error *err)
{
	cleanup_(token_role_end) struct token_role role = { .settings = NULL };
	enum error_code code;

	if (sodium_is_zero(info->record.role_id, ID_LEN))
		return ERR_OK;
	code = token_role_of(view, info->record.role_id, &role, err);
	if (code == ERR_OK)
		memcpy(info->role, role.name, sizeof(info->role));
	else if (code != ERR_NOT_FOUND)
		token_info_free(info);
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

enum error_code vault_token_lookup(struct vault *vault, const struct token_name *name, struct token_info *ret,
				   struct error *err)
{
	vault_use_scope use = { 0 };
	uint8_t id[ID_LEN];

	if (vault_use_begin_view(vault, &use, err) != ERR_OK)
		return err->code;
	if (token_find(vault, use.view, name, ret, id, err) != ERR_OK)
		return err->code != ERR_OK ? err->code : ERR_NOT_FOUND;
	return name_role(use.view, ret, err);
}

/* -- renewing ---------------------------------------------------------------- */

/* A token's text that is unknown where one asks for oneself: it was revoked a moment ago. */
static enum error_code unknown(const struct token_name *name, struct error *err)
{
	if (name->by == TOKEN_BY_ACCESSOR)
		return error_set(err, ERR_INVALID, "invalid accessor");
	return name->self ? error_set(err, ERR_DENIED, "permission denied") : error_set(err, ERR_INVALID, "token not found");
}

static enum error_code renew_record(struct token_grant *grant, int64_t increment, struct error *err)
{
	struct token_record *record = &grant->info.record;
	const struct token_times times = {
		.creation_ttl = record->creation_ttl,
		.expires = record->expires,
		.max_expires = record->max_expires,
		.period = record->period,
	};

	if (grant->info.batch)
		return error_set(err, ERR_INVALID, "batch tokens cannot be renewed");
	if (record->expires == 0 || !(record->flags & TOKEN_RENEWABLE))
		return error_set(err, ERR_INVALID, "lease is not renewable");
	if (token_ttl_renew(&times, increment, grant->info.now, &record->expires, grant->warnings, err) != ERR_OK)
		return err->code;
	record->last_renewal = grant->info.now;
	return secret_buf_check(grant->warnings, "the list of warnings", err);
}

/* Whose role is gone is not renewed any more; the period is that of the role as it is now. */
static enum error_code check_role(struct records_view *view, struct records_write *write, struct token_grant *grant,
				  struct error *err)
{
	cleanup_(token_role_end) struct token_role role = { .settings = NULL };
	struct token_record *record = &grant->info.record;
	struct record_key key = record_key_id(TABLE_ROLE, record->role_id);
	enum error_code code;
	int64_t period;

	if (grant->info.batch || sodium_is_zero(record->role_id, ID_LEN))
		return ERR_OK;
	code = token_role_of(view, record->role_id, &role, err);
	if (code == ERR_NOT_FOUND || (code == ERR_OK && role.generation != record->role_generation))
		return error_set(err, ERR_INVALID, "original token role could not be found, not renewing");
	if (code != ERR_OK)
		return code;
	memcpy(grant->info.role, role.name, sizeof(grant->info.role));
	period = token_role_number(&role, "token_period");
	if (record->period > 0 && period > 0)
		record->period = (uint32_t)(period < LIMIT_TOKEN_TTL_SECONDS ? period : LIMIT_TOKEN_TTL_SECONDS);
	return records_guard(write, &key, role.pin, err);
}

static enum error_code keep_text(const struct vault_token_renew *renew, struct token_grant *grant, struct error *err)
{
	if (renew->name.by != TOKEN_BY_TEXT)
		return ERR_OK;
	grant->text = secret_buf_new(LIMIT_TOKEN_LEN);
	if (!grant->text)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token");
	secret_buf_append(grant->text, renew->name.text, renew->name.len);
	return secret_buf_check(grant->text, "a token", err);
}

static enum error_code prepare_renew(struct vault_action *action, struct records_view *view,
				     struct records_write *write, struct error *err)
{
	struct vault_token_renew *renew =
		(struct vault_token_renew *)((char *)action - offsetof(struct vault_token_renew, action));
	struct token_grant *grant = &renew->grant;
	uint8_t id[ID_LEN];
	enum error_code code;

	token_grant_free(grant);
	code = token_find(action->vault_, view, &renew->name, &grant->info, id, err);
	if (code != ERR_OK)
		return code == ERR_NOT_FOUND ? unknown(&renew->name, err) : code;
	grant->warnings = secret_buf_new(WARNINGS_MAX);
	if (!grant->warnings)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a token");
	if (keep_text(renew, grant, err) != ERR_OK || check_role(view, write, grant, err) != ERR_OK || renew_record(grant, renew->increment, err) != ERR_OK)
		return err->code;
	return token_put(write, id, &grant->info.record, err);
}

enum error_code vault_token_renew(struct vault *vault, struct vault_token_renew *renew, struct error *err)
{
	renew->action.prepare_ = prepare_renew;
	renew->action.finish_ = NULL;
	return vault_action_submit(vault, &renew->action, false, err);
}

/* -- revoking ------------------------------------------------------------------ */

static enum error_code delete_all(struct records_view *view, struct records_write *write,
				  uint8_t (*ids)[ID_LEN], size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++)
		if (token_delete_records(view, write, ids[i], err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/*
 * The token goes in this commit, and as many of those below it as fit. The others are dead with it: their chain is broken
 * (token_index_alive()), and the housekeeping deletes them.
 */
static enum error_code prepare_revoke(struct vault_action *action, struct records_view *view,
				      struct records_write *write, struct error *err)
{
	const struct vault_token_revoke *revoke =
		(struct vault_token_revoke *)((char *)action - offsetof(struct vault_token_revoke, action));
	cleanup_(token_info_freep) struct token_info info = { 0 };
	uint8_t ids[LIMIT_REVOKE_BATCH][ID_LEN];
	enum error_code code = token_find(action->vault_, view, &revoke->name, &info, ids[0], err);

	/* A text that is no token's is revoked already: whoever asks learns nothing. */
	if (code == ERR_NOT_FOUND)
		return revoke->name.by == TOKEN_BY_TEXT ? ERR_OK : unknown(&revoke->name, err);
	if (code != ERR_OK)
		return code;
	if (info.batch)
		return token_batch_revoke(write, &info, ids[0], err);
	return delete_all(view, write, ids,
			  token_index_subtree(action->vault_->token_index, ids[0], ids, LIMIT_REVOKE_BATCH), err);
}

enum error_code vault_token_revoke(struct vault *vault, struct vault_token_revoke *revoke, struct error *err)
{
	revoke->action.prepare_ = prepare_revoke;
	revoke->action.finish_ = NULL;
	return vault_action_submit(vault, &revoke->action, true, err);
}

/* -- revoking one alone ----------------------------------------------------------- */

struct orphaning {
	struct vault_action action;
	const struct token_name *name;
	bool finished;		/* the token itself went in this commit */
};

static enum error_code make_orphan(struct vault *vault, struct records_view *view, struct records_write *write,
				   const uint8_t id[static ID_LEN], struct error *err)
{
	cleanup_(token_info_freep) struct token_info info = { 0 };
	enum error_code code = token_read(vault, view, id, &info, NULL, err);

	if (code != ERR_OK)
		return code == ERR_NOT_FOUND ? ERR_OK : code;
	/* What hangs there, but is dead, is not raised by it. */
	if (!token_is_alive(vault, &info, id))
		return token_delete_records(view, write, id, err);
	info.record.flags |= TOKEN_ORPHAN;
	memset(info.record.parent, 0, ID_LEN);
	return token_put(write, id, &info.record, err);
}

/* Some children become orphans; when none is left, the token goes. Stopped half-way, it still lives, and so does no child of
 * a revoked one. */
static enum error_code prepare_orphaning(struct vault_action *action, struct records_view *view,
					 struct records_write *write, struct error *err)
{
	struct orphaning *orphaning = (struct orphaning *)((char *)action - offsetof(struct orphaning, action));
	cleanup_(token_info_freep) struct token_info info = { 0 };
	uint8_t id[ID_LEN], children[LIMIT_REVOKE_BATCH][ID_LEN];
	enum error_code code = token_find(action->vault_, view, orphaning->name, &info, id, err);
	size_t len;

	orphaning->finished = code == ERR_OK && info.batch;
	if (code != ERR_OK)
		return code == ERR_NOT_FOUND ? error_set(err, ERR_NOT_FOUND, "token to revoke not found") : code;
	if (info.batch)
		return token_batch_revoke(write, &info, id, err);
	len = token_index_children(action->vault_->token_index, id, children, LIMIT_REVOKE_BATCH);
	for (size_t i = 0; i < len; i++)
		if (make_orphan(action->vault_, view, write, children[i], err) != ERR_OK)
			return err->code;
	orphaning->finished = len < LIMIT_REVOKE_BATCH;
	return orphaning->finished ? token_delete_records(view, write, id, err) : ERR_OK;
}

enum error_code vault_token_revoke_orphan(struct vault *vault, const struct token_name *name, struct error *err)
{
	struct orphaning orphaning = { .action = { .prepare_ = prepare_orphaning }, .name = name };
	struct action_wait wait;

	while (!orphaning.finished) {
		action_wait_begin(&wait, &orphaning.action);
		if (action_wait_end(&wait, vault_action_submit(vault, &orphaning.action, true, err), err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* -- using ----------------------------------------------------------------------- */

static enum error_code prepare_use(struct vault_action *action, struct records_view *view, struct records_write *write,
				   struct error *err)
{
	const struct vault_token_use *use =
		(struct vault_token_use *)((char *)action - offsetof(struct vault_token_use, action));
	cleanup_(token_info_freep) struct token_info info = { 0 };
	const uint8_t *id = use->caller->token_id;
	uint32_t *left = &info.record.uses_left;
	enum error_code code = token_read(action->vault_, view, id, &info, NULL, err);

	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	if (code == ERR_NOT_FOUND || *left == TOKEN_SPENT || !token_is_alive(action->vault_, &info, id))
		return error_set(err, ERR_DENIED, "permission denied");
	if (*left == 0)
		return ERR_OK;
	*left = *left == 1 ? TOKEN_SPENT : *left - 1;
	return token_put(write, id, &info.record, err);
}

enum error_code vault_token_use(struct vault *vault, struct vault_token_use *use, struct error *err)
{
	use->action.prepare_ = prepare_use;
	use->action.finish_ = NULL;
	return vault_action_submit(vault, &use->action, false, err);
}
