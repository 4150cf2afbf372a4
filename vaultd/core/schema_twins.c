#include "core/schema_twins.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/environment_read.h"
#include "core/revision_build.h"
#include "core/vault_state.h"
#include "vault/limits.h"
#include "vault/plural.h"

#define HASH_LEN crypto_shorthash_siphashx24_BYTES
#define PAGE 128		/* names at a time */

struct value_hash {
	uint8_t hash[HASH_LEN];
	const struct variable *variable;
	size_t others;		/* places beyond the first */
	bool found;
	char place[2][128];	/* environment and variable of the first, cut */
};

struct search {
	const struct schema_subject *subject;
	uint8_t key[crypto_shorthash_siphashx24_KEYBYTES];
	struct value_hash *values;	/* sorted by hash */
	size_t len;
	struct record_key keys[PAGE];
	size_t names, bytes;	/* looked at so far */
	struct twins_result result;
};

static void search_end(struct search *search)
{
	if (search->values)
		sodium_memzero(search->values, search->len * sizeof(*search->values));
	free(search->values);
	sodium_memzero(search->key, sizeof(search->key));
}

static void hash_of(const struct search *search, const struct text_span *value, uint8_t ret[static HASH_LEN])
{
	crypto_shorthash_siphashx24(ret, (const unsigned char *)value->at, value->len, search->key);
}

static int by_hash(const void *a, const void *b)
{
	return memcmp(((const struct value_hash *)a)->hash, ((const struct value_hash *)b)->hash, HASH_LEN);
}

static bool is_candidate(const struct variable *variable)
{
	return variable->kind == KIND_TEXT && variable->value.len >= LIMIT_CHECK_VALUE_MIN;
}

/* Two variables of the environment with one value share a place: the first is told of. */
static enum error_code take_values(struct search *search, const struct schema_chain *chain, struct error *err)
{
	const struct schema_subject *subject = search->subject;

	search->values = calloc(subject->variables_len + 1, sizeof(*search->values));
	if (!search->values)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for comparing environments");
	for (size_t i = 0; i < subject->variables_len; i++) {
		const struct variable *variable = &subject->variables[i];

		if (!is_candidate(variable) ||
		    !schema_is_sensitive(chain->parts, chain->parts_len, variable->name.at, variable->name.len))
			continue;
		hash_of(search, &variable->value, search->values[search->len].hash);
		search->values[search->len++].variable = variable;
	}
	qsort(search->values, search->len, sizeof(*search->values), by_hash);
	return ERR_OK;
}

static int cut(size_t len)
{
	return len < 100 ? (int)len : 100;
}

static void note_place(struct value_hash *value, const struct env_path *path, const struct variable *variable)
{
	if (value->found) {
		value->others++;
		return;
	}
	value->found = true;
	snprintf(value->place[0], sizeof(value->place[0]), "%.*s", cut(path->len), path->text);
	snprintf(value->place[1], sizeof(value->place[1]), "%.*s", cut(variable->name.len), variable->name.at);
}

static void compare_one(struct search *search, const struct env_path *path, const struct variable *variable)
{
	struct value_hash wanted = { .found = false }, *value;

	hash_of(search, &variable->value, wanted.hash);
	value = bsearch(&wanted, search->values, search->len, sizeof(wanted), by_hash);
	if (!value)
		return;
	/* All that have it stand side by side. */
	while (value > search->values && by_hash(value - 1, value) == 0)
		value--;
	for (; value < search->values + search->len && by_hash(value, &wanted) == 0; value++)
		note_place(value, path, variable);
}

static enum error_code compare_environment(struct search *search, const struct env_path *path, struct error *err)
{
	const struct schema_subject *subject = search->subject;
	const struct kv_target target = { .mount = subject->mount, .path = path };
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	cleanup_(error_wipe) struct error missing = ERROR_INIT;

	search->result.compared++;
	if (environment_read(subject->vault, subject->view, &target, 0, &read, &missing) != ERR_OK) {
		if (missing.code == ERR_NOT_FOUND)	/* it went meanwhile, or has no revision */
			return ERR_OK;
		*err = missing;
		return err->code;
	}
	if (!read.readable)
		return ERR_OK;
	search->bytes += secret_buf_len(read.plain);
	for (size_t i = 0; i < read.revision.variables_len; i++)
		if (is_candidate(&read.revision.variables[i]))
			compare_one(search, path, &read.revision.variables[i]);
	return ERR_OK;
}

static bool is_at_its_limit(const struct search *search)
{
	return search->result.compared == LIMIT_CHECK_ENVIRONMENTS || search->bytes > LIMIT_CHECK_BYTES ||
	       search->names > LIMIT_CHECK_NAMES;
}

/* name->path is the last one that was looked at; what is left out of a page went meanwhile. */
static enum error_code compare_page(struct search *search, size_t len, struct index_name *name, struct error *err)
{
	const struct schema_subject *subject = search->subject;

	for (size_t i = 0; i < len && !search->result.more; i++) {
		if (!name_index_find(subject->vault->names, &search->keys[i], name) ||
		    strcmp(name->path.text, subject->path->text) == 0)
			continue;
		/* What may not be read does not show in what is told. */
		if (search->names++ < LIMIT_CHECK_NAMES && !vault_may_read_data(search->subject->caller, search->subject->mount, &name->path))
			continue;
		search->result.more = is_at_its_limit(search);
		if (!search->result.more && compare_environment(search, &name->path, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static enum error_code compare_all(struct search *search, struct error *err)
{
	const struct schema_subject *subject = search->subject;
	struct index_name name = { .path = { .len = 0 } };
	size_t len;

	do {
		len = name_index_keys(subject->vault->names, subject->mount->uuid, name.path.text, search->keys, PAGE);
		(void)!compare_page(search, len, &name, err);
	} while (err->code == ERR_OK && len == PAGE && !search->result.more);
	sodium_memzero(&name, sizeof(name));
	return err->code;
}

static void tell(const struct search *search, const struct schema_chain *chain, struct findings *findings)
{
	for (size_t i = 0; i < search->len; i++) {
		const struct value_hash *value = &search->values[i];
		const struct text_span *name = &value->variable->name;
		bool unique = schema_is_unique(chain->parts, chain->parts_len, name->at, name->len);
		bool secret = schema_is_known_secret(chain->parts, chain->parts_len, name->at, name->len);
		const struct finding finding = {
			.severity = unique || (secret && search->subject->strict) ? FINDING_ERROR :
				    secret					  ? FINDING_WARNING :
										    FINDING_INFO,
			.code = unique ? "unique" : "shared",
			.hint = unique ? "give each environment a value of its own" :
					 "give each a value of its own, or say @public if it is no secret",
		};
		char more[64] = "";

		if (!value->found)
			continue;
		if (value->others > 0)
			snprintf(more, sizeof(more), " and in %zu other place%s", value->others, plural(value->others, "", "s"));
		findings_add(findings, &finding, name->at, name->len, "has the same value as %.60s in %.100s%s",
			     value->place[1], value->place[0], more);
	}
}

enum error_code schema_twins(const struct schema_subject *subject, const struct schema_chain *chain,
			     struct findings *findings, struct twins_result *ret, struct error *err)
{
	cleanup_(search_end) struct search search = { .subject = subject };

	*ret = (struct twins_result){ .compared = 0 };
	randombytes_buf(search.key, sizeof(search.key));
	if (take_values(&search, chain, err) != ERR_OK || search.len == 0)
		return err->code;
	if (compare_all(&search, err) != ERR_OK)
		return err->code;
	*ret = search.result;
	tell(&search, chain, findings);
	return ERR_OK;
}
