/* What a token may be given: by its parent, by a role, by sudo. */
#include <stdio.h>
#include <string.h>

#include "core/policy_table.h"
#include "core/token_making.h"
#include "core/token_ttl.h"
#include "records/tables_access.h"

static enum error_code invalid(const char *sentence, struct error *err)
{
	return error_set(err, ERR_INVALID, "%s", sentence);
}

static const struct token_wish *wish_of(const struct token_making *making)
{
	return &making->create->wish;
}

/* -- parent and role ------------------------------------------------------------ */

/* The parent's record is guarded: a token is not made by one that is revoked in the same moment. */
enum error_code making_parent(struct token_making *making, struct error *err)
{
	const struct caller *caller = making->create->caller;
	struct record_key key = record_key_id(TABLE_TOKEN, caller->token_id);
	uint8_t pin[PIN_LEN];
	enum error_code code;

	if (caller->batch)
		return invalid("batch tokens cannot create more tokens", err);
	if (caller->counted)
		return invalid("restricted use token cannot generate child tokens", err);
	if (policy_set_of_caller(caller, &making->parent_policies, err) != ERR_OK || caller->kind != CALLER_TOKEN)
		return err->code;
	code = token_read(making->vault, making->view, caller->token_id, &making->parent, pin, err);
	if (code == ERR_NOT_FOUND ||
	    (code == ERR_OK && !token_is_alive(making->vault, &making->parent, caller->token_id)))
		return error_set(err, ERR_DENIED, "permission denied");
	if (code != ERR_OK)
		return code;
	return records_guard(making->write, &key, pin, err);
}

enum error_code making_role(struct token_making *making, struct error *err)
{
	const char *name = making->create->role;
	struct record_key key;
	enum error_code code;

	if (!name)
		return ERR_OK;
	code = token_role_find(making->vault, making->view, name, &making->role, err);
	if (code == ERR_NOT_FOUND)
		return invalid("unknown role", err);
	if (code != ERR_OK)
		return code;
	memcpy(making->record.role_id, making->role.id, ID_LEN);
	making->record.role_generation = making->role.generation;
	key = record_key_id(TABLE_ROLE, making->role.id);
	return records_guard(making->write, &key, making->role.pin, err);
}

static enum error_code check_batch(const struct token_making *making, struct error *err)
{
	const struct token_wish *wish = wish_of(making);

	if (wish->period > 0 || token_role_number(&making->role, "token_period") > 0)
		return invalid("batch tokens cannot be periodic", err);
	if (wish->uses > 0 || token_role_number(&making->role, "token_num_uses") > 0)
		return invalid("batch tokens cannot have a limited number of uses", err);
	if (wish->explicit_max_ttl > 0)
		return invalid("batch tokens cannot have an explicit maximum: they are not renewed", err);
	if (wish->id.len > 0)
		return invalid("batch tokens cannot have a chosen id", err);
	return ERR_OK;
}

/* A role that says "service" or "batch" leaves no choice. */
enum error_code making_type(struct token_making *making, struct error *err)
{
	const char *type = making_has_role(making) ? token_role_text(&making->role, "token_type") : "default-service";
	enum token_type wanted = wish_of(making)->type;

	if (strcmp(type, "batch") == 0 || strcmp(type, "service") == 0)
		making->batch = strcmp(type, "batch") == 0;
	else if (wanted == TOKEN_TYPE_DEFAULT)
		making->batch = strcmp(type, "default-batch") == 0;
	else
		making->batch = wanted == TOKEN_TYPE_BATCH;
	return making->batch ? check_batch(making, err) : ERR_OK;
}

enum error_code making_orphan(struct token_making *making, struct error *err)
{
	const struct caller *caller = making->create->caller;
	bool granted = making->create->orphan || token_role_flag(&making->role, "orphan");

	if (wish_of(making)->no_parent && !granted && !making->sudo)
		return invalid("root or sudo privileges required to create orphan token", err);
	if (granted || wish_of(making)->no_parent || caller->kind != CALLER_TOKEN) {
		making->record.flags |= TOKEN_ORPHAN;
		return ERR_OK;
	}
	if (token_index_depth(making->vault->token_index, caller->token_id) >= LIMIT_TOKEN_DEPTH)
		return error_set(err, ERR_INVALID, "tokens made by tokens go at most %d deep: make an orphan", LIMIT_TOKEN_DEPTH);
	memcpy(making->record.parent, caller->token_id, ID_LEN);
	return ERR_OK;
}

/* -- policies ---------------------------------------------------------------------- */

static bool role_decides(const struct token_making *making)
{
	static const char *const lists[] = { "allowed_policies", "allowed_policies_glob", "disallowed_policies",
					     "disallowed_policies_glob" };
	bool any = false;

	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		any |= token_role_count(&making->role, lists[i]) > 0;
	return any;
}

static enum error_code add_default(struct token_making *making, struct error *err)
{
	return policy_set_add(&making->policies, (struct text_span){ .at = "default", .len = 7 }, err);
}

/* The role's lists decide, and the parent's own policies do not matter. */
static enum error_code policies_by_role(struct token_making *making, bool wants_default, struct error *err)
{
	const struct token_role *role = &making->role;
	bool allows = token_role_count(role, "allowed_policies") > 0 || token_role_count(role, "allowed_policies_glob") > 0;
	struct policy_set *set = &making->policies;

	wants_default = wants_default && !token_role_lists(role, "disallowed_policies", "disallowed_policies_glob", "default");
	if (set->len == 0 && allows && token_role_policies(role, "allowed_policies", set, err) != ERR_OK)
		return err->code;
	if (set->len == 0 && !allows)
		*set = making->parent_policies;
	for (size_t i = 0; i < set->len; i++) {
		const char *name = set->names[i];
		bool is_default = wants_default && strcmp(name, "default") == 0;

		if (allows && !is_default && !token_role_lists(role, "allowed_policies", "allowed_policies_glob", name))
			return invalid("token policies must be subset of the role's allowed policies", err);
		if (token_role_lists(role, "disallowed_policies", "disallowed_policies_glob", name))
			return invalid("a token policy is disallowed by this role", err);
	}
	return wants_default ? add_default(making, err) : ERR_OK;
}

static enum error_code policies_by_parent(struct token_making *making, bool wants_default, struct error *err)
{
	if (making->policies.len == 0) {
		/* Those of the parent, of which "default" may be one. */
		making->policies = making->parent_policies;
		return ERR_OK;
	}
	if (!making->sudo) {
		if (!policy_set_within(&making->policies, &making->parent_policies))
			return invalid("child policies must be subset of parent", err);
		wants_default = wants_default && policy_set_has(&making->parent_policies, "default");
	}
	return wants_default ? add_default(making, err) : ERR_OK;
}

static enum error_code check_root(const struct token_making *making, struct error *err)
{
	if (!policy_set_has(&making->policies, "root"))
		return ERR_OK;
	if (!policy_set_has(&making->parent_policies, "root"))
		return invalid("root tokens may not be created without parent token being root", err);
	return making->batch ? invalid("batch tokens cannot be root tokens", err) : ERR_OK;
}

static void warn_of_unknown(struct token_making *making)
{
	char text[LIMIT_POLICY_NAME_LEN + 40];

	for (size_t i = 0; i < making->policies.len; i++) {
		const char *name = making->policies.names[i];

		if (strcmp(name, "root") == 0 || policy_table_has(making->vault->policies, name))
			continue;
		snprintf(text, sizeof(text), "Policy \"%s\" does not exist", name);
		token_warn(making->warnings, text);
	}
}

enum error_code making_policies(struct token_making *making, struct error *err)
{
	const struct token_wish *wish = wish_of(making);
	bool wants_default = !wish->no_default_policy && !token_role_flag(&making->role, "token_no_default_policy");

	if (policy_set_add_all(&making->policies, wish->policies, wish->policies_len, err) != ERR_OK ||
	    (role_decides(making) ? policies_by_role(making, wants_default, err) :
				    policies_by_parent(making, wants_default, err)) != ERR_OK ||
	    check_root(making, err) != ERR_OK)
		return err->code;
	warn_of_unknown(making);
	policy_set_spans(&making->policies, making->policy_spans);
	making->record.policies = making->policy_spans;
	making->record.policies_len = making->policies.len;
	return ERR_OK;
}

/* -- times and uses ------------------------------------------------------------------- */

static enum error_code check_numbers(const struct token_making *making, struct error *err)
{
	const struct token_wish *wish = wish_of(making);

	if (wish->uses < 0)
		return invalid("number of uses cannot be negative", err);
	if (wish->uses > LIMIT_TOKEN_USES)
		return error_set(err, ERR_INVALID, "num_uses is at most %d", LIMIT_TOKEN_USES);
	if (wish->ttl < 0)
		return invalid("ttl must be positive", err);
	if (wish->explicit_max_ttl < 0)
		return invalid("explicit_max_ttl must be positive", err);
	if (wish->period < 0)
		return invalid("period must be positive", err);
	if (wish->period > 0 && !making->sudo)
		return invalid("root or sudo privileges required to create periodic token", err);
	return ERR_OK;
}

/* The smaller of two of which 0 means none. */
static int64_t stricter(int64_t a, int64_t b)
{
	return a == 0 || (b != 0 && b < a) ? b : a;
}

static struct token_ttl asked_of(const struct token_making *making)
{
	const struct token_wish *wish = wish_of(making);
	int64_t period = token_role_number(&making->role, "token_period");

	return (struct token_ttl){
		.ttl = wish->ttl,
		.period = period > 0 ? period : wish->period,
		.explicit_max = stricter(wish->explicit_max_ttl, token_role_number(&making->role, "token_explicit_max_ttl")),
		.limit = making->batch ? LIMIT_BATCH_TTL_SECONDS : LIMIT_TOKEN_TTL_SECONDS,
	};
}

/* A root token lives for ever unless it was given an end, or its parent has one. */
static bool is_endless(const struct token_making *making, const struct token_ttl *asked)
{
	return policy_set_has(&making->policies, "root") && asked->ttl == 0 && asked->period == 0 && asked->explicit_max == 0;
}

enum error_code making_times(struct token_making *making, struct error *err)
{
	struct token_record *record = &making->record;
	struct token_ttl asked = asked_of(making);
	struct token_times times;

	if (check_numbers(making, err) != ERR_OK)
		return err->code;
	record->uses_left = (uint32_t)stricter(wish_of(making)->uses, token_role_number(&making->role, "token_num_uses"));
	record->created = making->now;
	if (is_endless(making, &asked)) {
		if (making->parent.plain && making->parent.record.expires != 0)
			return invalid("expiring root tokens cannot create non-expiring root tokens", err);
		return ERR_OK;
	}
	token_ttl_new(&asked, making->now, &times, making->warnings);
	record->explicit_max_ttl = asked.explicit_max;
	record->creation_ttl = times.creation_ttl;
	record->expires = times.expires;
	record->max_expires = times.max_expires;
	record->period = times.period;
	if (!making->batch && !wish_of(making)->not_renewable &&
	    (!making_has_role(making) || token_role_flag(&making->role, "renewable")))
		record->flags |= TOKEN_RENEWABLE;
	return ERR_OK;
}

/* -- networks ----------------------------------------------------------------------------- */

static enum error_code add_cidr(struct token_making *making, const struct cidr *cidr, struct error *err)
{
	size_t *len = &making->record.cidrs_len;
	char text[CIDR_TEXT_MAX];

	cidr_format(cidr, text);
	for (size_t i = 0; i < *len; i++)
		if (strcmp(making->cidr_texts[i], text) == 0)
			return ERR_OK;
	if (*len == LIMIT_TOKEN_CIDRS)
		return error_set(err, ERR_INVALID, "a token is bound to at most %d blocks of addresses", LIMIT_TOKEN_CIDRS);
	memcpy(making->cidr_texts[*len], text, sizeof(text));
	making->cidr_spans[*len] = (struct text_span){ .at = making->cidr_texts[*len],
						       .len = (uint32_t)strlen(making->cidr_texts[*len]) };
	(*len)++;
	return ERR_OK;
}

/* What the role's block and the parent's have in common: the narrower, when one holds the other. */
static enum error_code add_common(struct token_making *making, const struct cidr *mine, struct error *err)
{
	const struct token_record *parent = &making->parent.record;
	struct cidr other;

	for (size_t i = 0; i < parent->cidrs_len; i++) {
		if (!cidr_parse(parent->cidrs[i].at, parent->cidrs[i].len, &other))
			return error_set(err, ERR_RECORD, "a token's record holds a block of addresses that is none");
		if (cidr_within(mine, &other) && add_cidr(making, mine, err) != ERR_OK)
			return err->code;
		if (cidr_within(&other, mine) && add_cidr(making, &other, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

enum error_code making_cidrs(struct token_making *making, struct error *err)
{
	static const struct cidr everywhere = { .bits = 0 };
	const json_t *list = json_object_get(making->role.settings, "token_bound_cidrs");
	size_t count = json_array_size(list), inherited = making->parent.plain ? making->parent.record.cidrs_len : 0;
	struct cidr cidr;

	/* A root token for ever is bound to no place, as in Vault. */
	if (making->record.expires == 0)
		return ERR_OK;
	for (size_t i = 0; i < count; i++) {
		const char *text = json_string_value(json_array_get(list, i));

		if (!text || !cidr_parse(text, strlen(text), &cidr))
			return error_set(err, ERR_RECORD, "a role's record holds a block of addresses that is none");
		if ((inherited > 0 ? add_common(making, &cidr, err) : add_cidr(making, &cidr, err)) != ERR_OK)
			return err->code;
	}
	if (count == 0 && inherited > 0 && add_common(making, &everywhere, err) != ERR_OK)
		return err->code;
	if (making->record.cidrs_len == 0 && (count > 0 || inherited > 0))
		return invalid("the role's blocks of addresses and the parent's have nothing in common", err);
	making->record.cidrs = making->cidr_spans;
	return ERR_OK;
}
