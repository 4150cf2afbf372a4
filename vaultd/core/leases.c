/* Leases, which are tokens by another name. */
#include "core/vault_leases.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/name_list.h"
#include "core/vault_state.h"
#include "vault/limits.h"

enum { REVOKE_WINDOW = 64 };

static void token_info_freep(struct token_info *info)
{
	token_info_free(info);
}

/* -- names --------------------------------------------------------------- */

struct lease_id {
	char text[LIMIT_LEASE_ID_LEN + 1];
	size_t len;
};

/* False when the token has no lease. */
static bool id_of(const struct token_info *info, struct lease_id *ret)
{
	const struct text_span path = info->record.path;

	if (info->batch || info->record.expires == 0 || path.len + 1 + ACCESSOR_LEN > LIMIT_LEASE_ID_LEN)
		return false;
	ret->len = (size_t)snprintf(ret->text, sizeof(ret->text), "%.*s/%s", (int)path.len, path.at, info->accessor);
	return true;
}

static enum error_code look_up(struct vault *vault, const char *accessor, struct token_info *ret, struct error *err)
{
	const struct token_name name = { .by = TOKEN_BY_ACCESSOR, .text = accessor, .len = ACCESSOR_LEN };

	return vault_token_lookup(vault, &name, ret, err);
}

/* The accessor alone finds the token; the path before it must be the token's own. */
enum error_code vault_lease_lookup(struct vault *vault, const char *id, size_t len, struct token_info *ret,
				   struct error *err)
{
	struct token_info info = {0};
	struct lease_id right;
	enum error_code code;

	if (len <= ACCESSOR_LEN + 1 || len > LIMIT_LEASE_ID_LEN)
		return ERR_NOT_FOUND;
	code = look_up(vault, id + len - ACCESSOR_LEN, &info, err);
	if (code != ERR_OK)
		return code;
	if (id_of(&info, &right) && right.len == len && memcmp(right.text, id, len) == 0) {
		*ret = info;
		return ERR_OK;
	}
	token_info_free(&info);
	return ERR_NOT_FOUND;
}

/* -- all of them ----------------------------------------------------------- */

/* A prefix ends where a segment does. Returns what follows it in the name ("" when it is the name), or NULL. */
static const char *rest_below(const struct lease_id *id, const char *prefix)
{
	size_t len = strlen(prefix);

	while (len > 0 && prefix[len - 1] == '/')
		len--;
	if (len == 0)
		return id->text;
	if (len > id->len || memcmp(id->text, prefix, len) != 0)
		return NULL;
	return id->text[len] == '/' ? id->text + len + 1 : id->text[len] == '\0' ? id->text + len : NULL;
}

/* Calls each() with every lease below the prefix. */
static enum error_code for_each_below(struct vault *vault, const char *prefix,
				      void (*each)(struct name_collector *names, const char *rest,
						   const struct token_info *info),
				      struct name_collector *names, struct error *err)
{
	cleanup_(name_list_free) struct name_list accessors = {0};
	enum error_code code = vault_token_accessors(vault, &accessors, err);
	const char *accessor = accessors.block;

	if (code != ERR_OK)
		return code;
	for (size_t i = 0; i < accessors.count; i++, accessor += strlen(accessor) + 1) {
		cleanup_(token_info_freep) struct token_info info = {0};
		struct lease_id id;
		const char *rest;

		code = look_up(vault, accessor, &info, err);
		if (code == ERR_NOT_FOUND)
			continue;	/* gone meanwhile */
		if (code != ERR_OK)
			return code;
		rest = id_of(&info, &id) ? rest_below(&id, prefix) : NULL;
		if (rest)
			each(names, rest, &info);
	}
	return ERR_OK;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void add_segment(struct name_collector *names, const char *rest, const struct token_info *info)
{
	const char *slash = strchr(rest, '/');

	(void)info;
	if (rest[0] != '\0')
		name_collector_add(names, rest, slash ? (size_t)(slash - rest) + 1 : strlen(rest));
}

static enum error_code sorted_once(const struct name_list *list, struct name_collector *names, struct error *err)
{
	const char **texts = calloc(list->count + 1, sizeof(*texts));
	const char *name = list->block;

	if (!texts)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a list of leases");
	for (size_t i = 0; i < list->count; i++, name += strlen(name) + 1)
		texts[i] = name;
	qsort(texts, list->count, sizeof(*texts), by_text);
	for (size_t i = 0; i < list->count; i++)
		if (i == 0 || strcmp(texts[i], texts[i - 1]) != 0)
			name_collector_add(names, texts[i], strlen(texts[i]));
	free(texts);
	return ERR_OK;
}

enum error_code vault_lease_list(struct vault *vault, const char *prefix, struct name_list *ret, struct error *err)
{
	cleanup_(name_collector_wipe) struct name_collector found = NAME_COLLECTOR_INIT(LIMIT_NAME_LIST);
	cleanup_(name_collector_wipe) struct name_collector names = NAME_COLLECTOR_INIT(LIMIT_NAME_LIST);
	cleanup_(name_list_free) struct name_list list = {0};
	enum error_code code = for_each_below(vault, prefix, add_segment, &found, err);

	if (code != ERR_OK && code != ERR_NOT_FOUND)
		return code;
	if (found.count == 0 && !found.failed)
		return error_set(err, ERR_NOT_FOUND, "there is no lease below this path");
	if (name_collector_finish(&found, &list, err) != ERR_OK || sorted_once(&list, &names, err) != ERR_OK)
		return err->code;
	return name_collector_finish(&names, ret, err);
}

/* -- revoking ---------------------------------------------------------------- */

struct revocation {
	struct vault_token_revoke revoke;
	struct action_wait wait;
	enum error_code submitted;
	struct error err;
};

static void add_accessor(struct name_collector *names, const char *rest, const struct token_info *info)
{
	(void)rest;
	name_collector_add(names, info->accessor, ACCESSOR_LEN);
}

/* One that is gone already, with its parent perhaps, is what was wanted. */
static enum error_code end_revocation(struct vault *vault, struct revocation *one, struct error *err)
{
	cleanup_(token_info_freep) struct token_info info = {0};
	enum error_code code = action_wait_end(&one->wait, one->submitted, &one->err);
	struct error ignored = ERROR_INIT;

	if (code == ERR_OK || look_up(vault, one->revoke.name.text, &info, &ignored) == ERR_NOT_FOUND)
		return ERR_OK;
	return error_set(err, code, "%s", one->err.text);
}

/* Up to REVOKE_WINDOW at a time, so that they share commits. *accessor moves on behind them. */
static enum error_code revoke_some(struct vault *vault, const char **accessor, size_t count, struct error *err)
{
	struct revocation *all = calloc(count, sizeof(*all));

	if (!all)
		return error_set(err, ERR_NO_MEMORY, "no memory is left to revoke leases");
	for (size_t i = 0; i < count; i++, *accessor += ACCESSOR_LEN + 1) {
		all[i].revoke.name = (struct token_name){ .by = TOKEN_BY_ACCESSOR, .text = *accessor, .len = ACCESSOR_LEN };
		action_wait_begin(&all[i].wait, &all[i].revoke.action);
		all[i].submitted = vault_token_revoke(vault, &all[i].revoke, &all[i].err);
	}
	for (size_t i = 0; i < count; i++)
		(void)!end_revocation(vault, &all[i], err);
	free(all);
	return err->code;
}

enum error_code vault_lease_revoke_prefix(struct vault *vault, const char *prefix, struct error *err)
{
	cleanup_(name_collector_wipe) struct name_collector found = NAME_COLLECTOR_INIT(LIMIT_NAME_LIST);
	cleanup_(name_list_free) struct name_list list = {0};
	enum error_code code = for_each_below(vault, prefix, add_accessor, &found, err);
	const char *accessor;

	if (code == ERR_NOT_FOUND || (code == ERR_OK && found.count == 0 && !found.failed))
		return ERR_OK;
	if (code != ERR_OK || name_collector_finish(&found, &list, err) != ERR_OK)
		return err->code;
	accessor = list.block;
	for (size_t left = list.count, some; left > 0; left -= some) {
		some = left < REVOKE_WINDOW ? left : REVOKE_WINDOW;
		if (revoke_some(vault, &accessor, some, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}
