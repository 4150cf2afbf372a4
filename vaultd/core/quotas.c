/* Quotas: who may write them, and what they cost a request. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "core/mounts.h"
#include "core/quota_table.h"
#include "core/setting_numbers.h"
#include "core/vault_state.h"
#include "vault/names.h"

static struct quota_change *change_of(struct vault_action *action)
{
	return (struct quota_change *)((char *)action - offsetof(struct quota_change, action));
}

static enum error_code decide(struct vault *vault, const struct caller *caller, unsigned capability, const char *name,
			      struct error *err)
{
	char path[sizeof("sys/quotas/rate-limit/") + LIMIT_QUOTA_NAME_LEN];

	snprintf(path, sizeof(path), "sys/quotas/rate-limit/%s", name);
	return vault_authorize(vault, caller, capability, path, err);
}

static struct record_key key_of(struct records_view *view, const char *name)
{
	return records_blind_key(view, TABLE_QUOTA, 'U', NULL, name, strlen(name));
}

/* -- what can be refused at once ----------------------------------------- */

static enum error_code check_name(const char *name, struct error *err)
{
	struct env_path checked;

	if (strchr(name, '/') || env_path_parse(name, strlen(name), &checked, err) != ERR_OK) {
		error_clear(err);
		return error_set(err, ERR_INVALID, "the name of a quota has 1 to %d of A-Z a-z 0-9 _ . -", LIMIT_QUOTA_NAME_LEN);
	}
	return ERR_OK;
}

static enum error_code check_path(struct vault *vault, const char *path, struct error *err)
{
	static const char bytes[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~@:+=,/-";
	size_t len = strlen(path), plain = strspn(path, bytes);
	struct mount mount;

	if (len == 0)
		return ERR_OK;
	if (plain != len && (path[plain] != '*' || plain + 1 != len))
		return error_set(err, ERR_INVALID, "the path of a quota holds a byte that no path can hold");
	if (!mount_table_holding(vault->mounts, path, &mount))
		return error_set(err, ERR_INVALID, "invalid path: no mount holds it");
	return ERR_OK;
}

static enum error_code check_values(const struct quota_rule *rule, struct error *err)
{
	if (!(rule->rate >= 0.01 && rule->rate <= 1e9))
		return error_set(err, ERR_INVALID, "'rate' must be from 0.01 to 1000000000");
	if (rule->interval_s < 1 || rule->interval_s > 3600)
		return error_set(err, ERR_INVALID, "'interval' must be from 1s to 1h");
	if (rule->block_s < 0 || rule->block_s > 86400)
		return error_set(err, ERR_INVALID, "'block_interval' must be from 0s to 24h");
	return ERR_OK;
}

/* -- changes ------------------------------------------------------------- */

struct search {
	const struct quota_rule *rule;
	size_t others;
	bool same_path;
	struct error *err;
};

static bool look_at(void *arg, const struct record_key *key, const uint8_t *kid, const uint8_t *plain, size_t plain_len,
		    const uint8_t *pin)
{
	struct search *search = arg;
	struct quota_rule rule;

	(void)key;
	(void)kid;
	(void)pin;
	if (quota_decode(plain, plain_len, &rule, search->err) != ERR_OK)
		return false;
	if (strcmp(rule.name, search->rule->name) == 0)
		return true;
	search->others++;
	search->same_path |= strcmp(rule.path, search->rule->path) == 0;
	return true;
}

/* What was found by looking at all quotas holds until this commit: everybody who writes one puts this record. */
static enum error_code exclude_others(struct records_write *write, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_BODY_SMALL);
	struct record_key key = record_key_setting(SETTING_QUOTAS);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the record of a quota");
	encode_text(encoding, "{}", 2);
	if (secret_buf_check(encoding, "the mark of the quotas", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

static enum error_code prepare_write(struct vault_action *action, struct records_view *view, struct records_write *write,
				     struct error *err)
{
	struct quota_change *change = change_of(action);
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_BODY_SMALL);
	struct search search = { .rule = &change->rule, .err = err };
	struct record_key key = key_of(view, change->rule.name);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the record of a quota");
	if (records_scan(view, TABLE_QUOTA, look_at, &search, err) != ERR_OK || err->code != ERR_OK)
		return err->code;
	if (search.same_path)
		return error_set(err, ERR_INVALID, "another quota has this path");
	if (search.others >= LIMIT_QUOTAS)
		return error_set(err, ERR_TOO_LARGE, "there are %zu quotas, the limit is %d", search.others, LIMIT_QUOTAS);
	if (quota_encode(&change->rule, encoding, err) != ERR_OK || exclude_others(write, err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

enum error_code vault_quota_write(struct vault *vault, struct quota_change *change, struct error *err)
{
	if (decide(vault, change->caller, CAP_UPDATE, change->rule.name, err) != ERR_OK ||
	    check_name(change->rule.name, err) != ERR_OK || check_path(vault, change->rule.path, err) != ERR_OK ||
	    check_values(&change->rule, err) != ERR_OK)
		return err->code;
	change->action.prepare_ = prepare_write;
	change->action.finish_ = NULL;
	return vault_action_submit(vault, &change->action, false, err);
}

static enum error_code prepare_delete(struct vault_action *action, struct records_view *view,
				      struct records_write *write, struct error *err)
{
	struct record_key key = key_of(view, change_of(action)->rule.name);
	uint8_t pin[PIN_LEN];
	enum error_code code = records_peek(view, &key, pin, err);

	if (code != ERR_OK)
		return code == ERR_NOT_FOUND ? ERR_OK : code;
	return records_delete(write, &key, err);
}

enum error_code vault_quota_delete(struct vault *vault, struct quota_change *change, struct error *err)
{
	if (decide(vault, change->caller, CAP_DELETE, change->rule.name, err) != ERR_OK)
		return err->code;
	change->action.prepare_ = prepare_delete;
	change->action.finish_ = NULL;
	return vault_action_submit(vault, &change->action, false, err);
}

/* -- reading ------------------------------------------------------------- */

enum error_code vault_quota_read(struct vault *vault, const struct caller *caller, const char *name,
				 struct quota_rule *ret, struct error *err)
{
	if (decide(vault, caller, CAP_READ, name, err) != ERR_OK)
		return err->code;
	if (!quota_table_find(vault->quotas, name, ret))
		return error_set(err, ERR_NOT_FOUND, "there is no such quota");
	return ERR_OK;
}

enum error_code vault_quota_list(struct vault *vault, const struct caller *caller, struct name_list *ret, struct error *err)
{
	if (decide(vault, caller, CAP_LIST, "", err) != ERR_OK)
		return err->code;
	return quota_table_names(vault->quotas, ret, err);
}

void vault_quota_take(struct vault *vault, const uint8_t client[static QUOTA_CLIENT_LEN], const char *path,
		      struct quota_verdict *ret)
{
	quota_table_take(vault->quotas, client, path, vault->clock.monotonic_us(vault->clock.arg), ret);
}
