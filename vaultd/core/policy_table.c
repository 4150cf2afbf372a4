#include "core/policy_table.h"

#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/acl_build.h"
#include "core/name_list.h"
#include "core/policy_default.h"
#include "records/tables_access.h"
#include "vault/limits.h"

struct policy {
	struct record_key key;
	char *name, *text;
	size_t text_len;
};

/* Those that were under way together have all been told that there is room: what is committed must find a place. */
#define PLACES (LIMIT_POLICIES + LIMIT_QUEUED_REQUESTS + LIMIT_BATCH_REQUESTS)

struct policy_table {
	pthread_mutex_t lock;
	struct policy policies[PLACES];	/* sorted by name */
	size_t len, text_bytes;
	bool broken;			/* a change could not be kept */
	bool behind;			/* for lack of memory; the change comes again */
	atomic_uint_fast64_t generation;
	struct acl *acls[LIMIT_ACL_CACHE];
	size_t next_acl;
};

struct policy_table *policy_table_new(void)
{
	struct policy_table *table = calloc(1, sizeof(*table));

	if (table)
		pthread_mutex_init(&table->lock, NULL);
	return table;
}

/* -- entries; the lock is held ---------------------------------------------- */

static void wipe_text(char *text, size_t len)
{
	if (text)
		sodium_memzero(text, len);
	free(text);
}

static void wipe_policy(struct policy *policy)
{
	wipe_text(policy->name, policy->name ? strlen(policy->name) : 0);
	wipe_text(policy->text, policy->text_len);
	*policy = (struct policy){0};
}

static int compare_names(const char *a, size_t a_len, const char *b, size_t b_len)
{
	int order = memcmp(a, b, a_len < b_len ? a_len : b_len);

	return order != 0 ? order : (a_len > b_len) - (a_len < b_len);
}

/* Where the name stands, or would stand. */
static size_t find_place(const struct policy_table *table, const char *name, size_t len, bool *ret_there)
{
	size_t low = 0, high = table->len;

	*ret_there = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const char *other = table->policies[middle].name;
		int order = compare_names(name, len, other, strlen(other));

		if (order == 0) {
			*ret_there = true;
			return middle;
		}
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static void remove_at(struct policy_table *table, size_t place)
{
	table->text_bytes -= table->policies[place].text_len;
	wipe_policy(&table->policies[place]);
	memmove(&table->policies[place], &table->policies[place + 1], (table->len - place - 1) * sizeof(*table->policies));
	table->len--;
}

static void remove_key(struct policy_table *table, const struct record_key *key)
{
	for (size_t i = 0; i < table->len; i++) {
		if (table->policies[i].key.len == key->len && memcmp(table->policies[i].key.bytes, key->bytes, key->len) == 0) {
			remove_at(table, i);
			return;
		}
	}
}

static char *copy_text(struct text_span text)
{
	char *copy = malloc(text.len + 1u);

	if (!copy)
		return NULL;
	if (text.len > 0)
		memcpy(copy, text.at, text.len);
	copy[text.len] = '\0';
	return copy;
}

static enum error_code insert(struct policy_table *table, const struct record_key *key, const struct policy_record *record,
			      struct error *err)
{
	struct policy made = { .key = *key, .text_len = record->text.len };
	bool there;
	size_t place;

	/* Not ERR_NO_MEMORY, for which the feed would wait. */
	if (table->len == PLACES)
		return error_set(err, ERR_TOO_LARGE, "there are more than %d policies", PLACES);
	made.name = copy_text(record->name);
	made.text = copy_text(record->text);
	if (!made.name || !made.text) {
		wipe_policy(&made);
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the policies");
	}
	place = find_place(table, made.name, strlen(made.name), &there);
	memmove(&table->policies[place + 1], &table->policies[place], (table->len - place) * sizeof(*table->policies));
	table->policies[place] = made;
	table->len++;
	table->text_bytes += made.text_len;
	return ERR_OK;
}

static void drop_acls(struct policy_table *table)
{
	for (size_t i = 0; i < LIMIT_ACL_CACHE; i++)
		acl_unref(take_ptr(table->acls[i]));
	atomic_fetch_add(&table->generation, 1);
}

/* -- filling ------------------------------------------------------------------- */

void policy_table_clear(struct policy_table *table)
{
	pthread_mutex_lock(&table->lock);
	drop_acls(table);
	while (table->len > 0)
		remove_at(table, table->len - 1);
	table->broken = table->behind = false;
	pthread_mutex_unlock(&table->lock);
}

void policy_table_free(struct policy_table *table)
{
	if (!table)
		return;
	policy_table_clear(table);
	pthread_mutex_destroy(&table->lock);
	free(table);
}

static enum error_code change_locked(struct policy_table *table, const struct records_change *change, struct error *err)
{
	struct policy_record record;
	enum error_code code;

	drop_acls(table);
	remove_key(table, &change->key);
	if (change->deleted)
		return ERR_OK;
	code = decode_policy(change->plain, change->plain_len, &record, err);
	return code == ERR_OK ? insert(table, &change->key, &record, err) : code;
}

enum error_code policy_table_change(struct policy_table *table, const struct records_change *change, struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&table->lock);
	code = change_locked(table, change, err);
	table->behind = code == ERR_NO_MEMORY;
	table->broken |= code != ERR_OK && code != ERR_NO_MEMORY;
	pthread_mutex_unlock(&table->lock);
	return code;
}

/* -- acls ------------------------------------------------------------------------- */

bool policy_table_current(struct policy_table *table, const struct acl *acl)
{
	return !acl || acl_generation(acl) == atomic_load(&table->generation);
}

static bool span_is(const struct text_span *span, const char *text)
{
	return strlen(text) == span->len && memcmp(span->at, text, span->len) == 0;
}

/* Sets are small. The acl holds each name once: when each of them is among as many names, these are no others. */
static bool is_set(const struct acl *acl, const struct text_span *names, size_t len)
{
	size_t policies_len;
	const char *const *policies = acl_policies(acl, &policies_len);

	if (policies_len != len)
		return false;
	for (size_t i = 0; i < len; i++) {
		size_t k = 0;

		while (k < len && !span_is(&names[k], policies[i]))
			k++;
		if (k == len)
			return false;
	}
	return true;
}

static struct acl *find_acl(const struct policy_table *table, const struct text_span *names, size_t len)
{
	for (size_t i = 0; i < LIMIT_ACL_CACHE; i++)
		if (table->acls[i] && is_set(table->acls[i], names, len))
			return table->acls[i];
	return NULL;
}

static enum error_code parse_one(const struct policy_table *table, const struct text_span *name, struct policy_text *ret,
				 bool *ret_there, struct error *err)
{
	struct error damaged = ERROR_INIT;
	bool there;
	size_t place = find_place(table, name->at, name->len, &there);
	const char *text = there ? table->policies[place].text : NULL;

	if (!there && span_is(name, "default"))
		text = policy_default_text;
	*ret_there = text != NULL;
	if (!text || policy_text_parse(text, strlen(text), ret, &damaged) == ERR_OK)
		return ERR_OK;
	if (damaged.code == ERR_NO_MEMORY)
		return error_set(err, ERR_NO_MEMORY, "%s", damaged.text);
	return error_set(err, ERR_RECORD, "a policy in the store cannot be used: %s; write it again", damaged.text);
}

struct compilation {
	struct acl_source *sources;
	struct policy_text *texts;
	size_t len;
};

static void wipe_compilation(struct compilation *compilation)
{
	for (size_t i = 0; compilation->texts && i < compilation->len; i++)
		policy_text_free(&compilation->texts[i]);
	free(compilation->texts);
	free(compilation->sources);
}

static bool holds_root(const struct text_span *names, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (span_is(&names[i], "root"))
			return true;
	return false;
}

static enum error_code compile(const struct policy_table *table, const struct text_span *names, size_t len,
			       struct acl **ret, struct error *err)
{
	cleanup_(wipe_compilation) struct compilation all = {
		.sources = calloc(len + 1, sizeof(*all.sources)),
		.texts = calloc(len + 1, sizeof(*all.texts)),
		.len = len,
	};
	bool root = holds_root(names, len);

	if (!all.sources || !all.texts)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a set of policies");
	/* Root needs no text, so it can always repair the others. */
	if ((table->broken || table->behind) && !root)
		return error_set(err, ERR_NO_MEMORY, "the policies could not be kept in memory; seal and unseal the vault");
	for (size_t i = 0; i < len; i++) {
		bool there = false;

		if (!root && parse_one(table, &names[i], &all.texts[i], &there, err) != ERR_OK)
			return err->code;
		all.sources[i] = (struct acl_source){ .name = names[i], .text = there ? &all.texts[i] : NULL };
	}
	return acl_new(all.sources, len, atomic_load(&table->generation), ret, err);
}

static enum error_code find_or_compile(struct policy_table *table, const struct text_span *names, size_t len,
				       struct acl **ret, struct error *err)
{
	struct acl *acl = find_acl(table, names, len);

	if (!acl) {
		if (compile(table, names, len, &acl, err) != ERR_OK)
			return err->code;
		acl_unref(table->acls[table->next_acl]);
		table->acls[table->next_acl] = acl;
		table->next_acl = (table->next_acl + 1) % LIMIT_ACL_CACHE;
	}
	*ret = acl_ref(acl);
	return ERR_OK;
}

enum error_code policy_table_acl(struct policy_table *table, const struct text_span *names, size_t len, struct acl **ret,
				 struct error *err)
{
	enum error_code code;

	pthread_mutex_lock(&table->lock);
	code = find_or_compile(table, names, len, ret, err);
	pthread_mutex_unlock(&table->lock);
	return code;
}

/* -- reading ------------------------------------------------------------------------- */

enum error_code policy_table_text(struct policy_table *table, const char *name, struct secret_buf *out, struct error *err)
{
	bool there;
	size_t place;

	pthread_mutex_lock(&table->lock);
	place = find_place(table, name, strlen(name), &there);
	if (there)
		secret_buf_append(out, table->policies[place].text, table->policies[place].text_len);
	pthread_mutex_unlock(&table->lock);
	if (!there && strcmp(name, "default") == 0) {
		secret_buf_append_text(out, policy_default_text);
		there = true;
	}
	return there ? secret_buf_check(out, "the policy", err) : error_set(err, ERR_NOT_FOUND, "there is no such policy");
}

bool policy_table_has(struct policy_table *table, const char *name)
{
	bool there;

	pthread_mutex_lock(&table->lock);
	(void)find_place(table, name, strlen(name), &there);
	pthread_mutex_unlock(&table->lock);
	return there || strcmp(name, "default") == 0;
}

enum error_code policy_table_names(struct policy_table *table, struct name_list *ret, struct error *err)
{
	cleanup_(name_collector_wipe) struct name_collector names = NAME_COLLECTOR_INIT(LIMIT_NAME_LIST);
	bool told = false;

	pthread_mutex_lock(&table->lock);
	for (size_t i = 0; i < table->len; i++) {
		const char *name = table->policies[i].name;

		if (!told && strcmp(name, "default") > 0)
			name_collector_add(&names, "default", 7);
		told |= strcmp(name, "default") >= 0;
		name_collector_add(&names, name, strlen(name));
	}
	if (!told)
		name_collector_add(&names, "default", 7);
	name_collector_add(&names, "root", 4);
	pthread_mutex_unlock(&table->lock);
	return name_collector_finish(&names, ret, err);
}

enum error_code policy_table_room(struct policy_table *table, const char *name, size_t len, struct error *err)
{
	size_t place, others, bytes;
	bool there;

	pthread_mutex_lock(&table->lock);
	place = find_place(table, name, strlen(name), &there);
	others = table->len - (there ? 1 : 0);
	bytes = table->text_bytes - (there ? table->policies[place].text_len : 0);
	pthread_mutex_unlock(&table->lock);
	if (others >= LIMIT_POLICIES)
		return error_set(err, ERR_TOO_LARGE, "there are %d policies already, which is the limit", LIMIT_POLICIES);
	if (bytes + len > LIMIT_POLICY_TEXTS)
		return error_set(err, ERR_TOO_LARGE, "the policies together would be longer than %u bytes", LIMIT_POLICY_TEXTS);
	return ERR_OK;
}
