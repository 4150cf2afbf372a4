#include "schema/types.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/type_row.h"
#include "vault/limits.h"
#include "vault/names.h"

#define FIELD(name_, kind_, field_) { .name = (name_), .kind = (kind_), .offset = offsetof(struct schema_type, field_) }
#define TEXTS(name_, field_) \
	{ .name = (name_), .kind = ARGUMENT_TEXTS, .offset = offsetof(struct schema_type, field_), \
	  .len_offset = offsetof(struct schema_type, field_##_len) }

static const struct argument_row string_arguments[] = {
	FIELD("minLength", ARGUMENT_COUNT, min_len),
	FIELD("maxLength", ARGUMENT_COUNT, max_len),
	FIELD("isLength", ARGUMENT_COUNT, is_len),
	FIELD("startsWith", ARGUMENT_TEXT, starts),
	FIELD("endsWith", ARGUMENT_TEXT, ends),
	FIELD("matches", ARGUMENT_REGEX, matches),
	FIELD("toUpperCase", ARGUMENT_BOOL, upper),
	FIELD("toLowerCase", ARGUMENT_BOOL, lower),
	FIELD("allowEmpty", ARGUMENT_BOOL, allow_empty),
};
static const struct argument_row number_arguments[] = {
	FIELD("min", ARGUMENT_NUMBER, min),
	FIELD("max", ARGUMENT_NUMBER, max),
	FIELD("coerceToMinMaxRange", ARGUMENT_BOOL, clamp),
	FIELD("isDivisibleBy", ARGUMENT_NUMBER, divisor),
	FIELD("isInt", ARGUMENT_BOOL, is_int),
	FIELD("precision", ARGUMENT_COUNT, precision),
};
static const struct argument_row bounds_arguments[] = {
	FIELD("min", ARGUMENT_NUMBER, min),
	FIELD("max", ARGUMENT_NUMBER, max),
};
static const struct argument_row url_arguments[] = {
	FIELD("prependHttps", ARGUMENT_BOOL, prepend_https),
	TEXTS("allowedDomains", domains),
	TEXTS("allowedProtocols", protocols),
	FIELD("noTrailingSlash", ARGUMENT_BOOL, no_trailing_slash),
	FIELD("matches", ARGUMENT_REGEX, matches),
};
static const struct argument_row domain_arguments[] = {
	FIELD("allowWildcard", ARGUMENT_BOOL, allow_wildcard),
	FIELD("allowSingleLabel", ARGUMENT_BOOL, allow_single),
	FIELD("allowIp", ARGUMENT_BOOL, allow_ip),
	FIELD("allowIpV6", ARGUMENT_BOOL, allow_ip6),
	FIELD("normalize", ARGUMENT_BOOL, normalize),
	FIELD("matches", ARGUMENT_REGEX, matches),
};
static const struct argument_row email_arguments[] = {
	FIELD("normalize", ARGUMENT_BOOL, normalize),
};
static const struct argument_row ip_arguments[] = {
	FIELD("version", ARGUMENT_COUNT, version),
	FIELD("normalize", ARGUMENT_BOOL, normalize),
};
static const struct argument_row duration_arguments[] = {
	FIELD("output", ARGUMENT_TEXT, output),
	FIELD("min", ARGUMENT_TIME, min_time),
	FIELD("max", ARGUMENT_TIME, max_time),
};
static const struct argument_row array_arguments[] = {
	FIELD("separator", ARGUMENT_TEXT, separator),
	FIELD("format", ARGUMENT_TEXT, format),
	FIELD("minLength", ARGUMENT_COUNT, min_len),
	FIELD("maxLength", ARGUMENT_COUNT, max_len),
	FIELD("isLength", ARGUMENT_COUNT, is_len),
	FIELD("unique", ARGUMENT_BOOL, unique),
};
static const struct argument_row record_arguments[] = {
	FIELD("keyType", ARGUMENT_TYPE, key),
	FIELD("entriesMinLength", ARGUMENT_COUNT, min_len),
	FIELD("entriesMaxLength", ARGUMENT_COUNT, max_len),
	FIELD("entriesIsLength", ARGUMENT_COUNT, is_len),
};

#define ARGUMENTS(array) .arguments = (array), .arguments_len = ARRAY_LEN(array)

static const struct type_row rows[] = {
	{ "string", .judge = judge_string, ARGUMENTS(string_arguments) },
	{ "number", .judge = judge_number, ARGUMENTS(number_arguments) },
	{ "boolean", .judge = judge_boolean },
	{ "url", .judge = judge_url, ARGUMENTS(url_arguments) },
	{ "enum", .judge = judge_enum, .positional = POSITIONAL_MEMBERS },
	{ "email", .judge = judge_email, ARGUMENTS(email_arguments) },
	{ "port", .judge = judge_port, ARGUMENTS(bounds_arguments) },
	{ "ip", .judge = judge_ip, ARGUMENTS(ip_arguments) },
	{ "domain", .judge = judge_domain, ARGUMENTS(domain_arguments) },
	{ "semver", .judge = judge_semver },
	{ "isoDate", .judge = judge_iso_date },
	{ "uuid", .judge = judge_uuid },
	{ "md5", .judge = judge_md5 },
	{ "simple-object", .judge = judge_object },
	{ "duration", .judge = judge_duration, ARGUMENTS(duration_arguments) },
	{ "array", .judge = judge_array, .positional = POSITIONAL_INNER, ARGUMENTS(array_arguments) },
	{ "record", .judge = judge_record, .positional = POSITIONAL_INNER, ARGUMENTS(record_arguments) },
	{ "hostport", .own = true, .judge = judge_hostport },
	{ "host", .own = true, .judge = judge_host },
	{ "path", .own = true, .judge = judge_path },
	{ "json", .own = true, .judge = judge_json },
	{ "base64", .own = true, .judge = judge_base64, .positional = POSITIONAL_LENGTH },
	{ "hex", .own = true, .judge = judge_hex, .positional = POSITIONAL_LENGTH },
	{ "pem", .own = true, .judge = judge_pem },
	{ "jwt", .own = true, .judge = judge_jwt },
	{ "cron", .own = true, .judge = judge_cron },
	{ "tz", .own = true, .judge = judge_tz },
	{ "dsn", .own = true, .judge = judge_dsn, .positional = POSITIONAL_MEMBERS },
	{ "int", .own = true, .judge = judge_int, ARGUMENTS(bounds_arguments) },
	{ "regex", .own = true, .judge = judge_regex },
};

/* A type that is computed, "@type=if(...)", is a string whose checks are not known. */
static const char *const functions[] = { "ref", "if", "ifs", "remap", "fallback", "concat", "cache" };
static const struct type_row computed = { "string", .judge = judge_string };

/* Most variables have a type without arguments, and a compiled type is larger than their lines: these have one of each row. */
static struct schema_type bare[ARRAY_LEN(rows)];
static struct schema_type bare_computed = { .row = &computed, .shared = true };
static pthread_once_t bare_once = PTHREAD_ONCE_INIT;

static void fill_bare(void)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		bare[i] = (struct schema_type){ .row = &rows[i], .shared = true };
}

bool refuse(struct verdict *verdict, const char *why)
{
	if (!verdict->why)
		verdict->why = why;
	return false;
}

bool refuse_because(struct verdict *verdict, const char *why, const char *format, ...)
{
	va_list args;

	if (verdict->why)
		return false;
	verdict->why = why;
	if (verdict->detail_size == 0)
		return false;
	va_start(args, format);
	vsnprintf(verdict->detail, verdict->detail_size, format, args);
	va_end(args);
	return false;
}

static void texts_free(struct text *texts, size_t len)
{
	for (size_t i = 0; i < len; i++)
		free(texts[i].at);
	free(texts);
}

void schema_type_free(struct schema_type *type)
{
	if (!type || type->shared)
		return;
	schema_type_free(type->inner);
	schema_type_free(type->key);
	schema_regex_free(type->matches);
	texts_free(type->members, type->members_len);
	texts_free(type->domains, type->domains_len);
	texts_free(type->protocols, type->protocols_len);
	free(type->starts.at);
	free(type->ends.at);
	free(type->separator.at);
	free(type->format.at);
	free(type->output.at);
	free(type);
}

DEFINE_CLEANUP(struct schema_type *, schema_type_free);

#define BLOCK 16	/* of the allocator, beside what is asked for */

static size_t texts_bytes(const struct text *texts, size_t len)
{
	size_t bytes = len * sizeof(*texts);

	for (size_t i = 0; i < len; i++)
		bytes += texts[i].len + 1 + BLOCK;
	return bytes;
}

size_t schema_type_bytes(const struct schema_type *type)
{
	if (type->shared)
		return 0;
	return sizeof(*type) + BLOCK + (type->inner ? schema_type_bytes(type->inner) : 0) +
	       (type->key ? schema_type_bytes(type->key) : 0) + (type->matches ? schema_regex_bytes(type->matches) : 0) +
	       texts_bytes(type->members, type->members_len) + texts_bytes(type->domains, type->domains_len) +
	       texts_bytes(type->protocols, type->protocols_len) + type->starts.len + type->ends.len + type->separator.len;
}

static bool named(struct span text, const char *name)
{
	return text.len == strlen(name) && memcmp(text.at, name, text.len) == 0;
}

static const struct type_row *find_row(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (named(name, rows[i].name))
			return &rows[i];
	return NULL;
}

static bool is_function(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(functions); i++)
		if (named(name, functions[i]))
			return true;
	return false;
}

/* What stands for a type may be anything, a value in the wrong place too: only a plain word is repeated. */
static enum error_code unknown_type(struct span name, struct error *err)
{
	bool plain = name.len > 0 && name.len <= 24;
	char word[32] = "";

	for (size_t i = 0; i < name.len && plain; i++)
		plain = is_letter(name.at[i]) || name.at[i] == '-';
	if (!plain)
		return error_set(err, ERR_INVALID, "this is no type that is known; docs/schema.md lists them");
	memcpy(word, name.at, name.len);
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (name_distance(word, rows[i].name) <= (name.len > 4 ? 2 : 1))
			return error_set(err, ERR_INVALID, "unknown type %s; did you mean %s?", word, rows[i].name);
	return error_set(err, ERR_INVALID, "unknown type %s; docs/schema.md lists those that there are", word);
}

/* NULL when memory is out. */
static struct schema_type *type_of_row(const struct type_row *row, bool has_arguments)
{
	struct schema_type *type;

	if (row == &computed)
		return &bare_computed;
	if (!has_arguments) {
		pthread_once(&bare_once, fill_bare);
		return &bare[row - rows];
	}
	type = calloc(1, sizeof(*type));
	if (type)
		type->row = row;
	return type;
}

enum error_code type_compile_at(const struct node *node, bool own, unsigned depth, struct schema_type **ret,
				struct error *err)
{
	cleanup_(schema_type_freep) struct schema_type *type = NULL;
	const struct type_row *row;
	enum error_code code = ERR_OK;

	if (depth > LIMIT_TYPE_DEPTH)
		return error_set(err, ERR_INVALID, "types stand more than %d deep in one another", LIMIT_TYPE_DEPTH);
	if (node->kind != NODE_TEXT && node->kind != NODE_CALL)
		return error_set(err, ERR_INVALID, "a type is a name, or a name with arguments in parentheses");
	row = node->kind == NODE_CALL && is_function(node->text) ? &computed : find_row(node->text);
	if (!row)
		return unknown_type(node->text, err);
	if (row->own && !own)
		return error_set(err, ERR_INVALID, "%s is a type of our own, which other tools refuse: write \"# vaultd: type=%s\"",
				 row->name, row->name);
	type = type_of_row(row, node->kind == NODE_CALL && node->items_len > 0);
	if (!type)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	/* Without arguments this only looks whether the type can be without. */
	if (row != &computed)
		code = type_arguments_read(type, node, own, depth, err);
	if (code == ERR_OK)
		*ret = take_ptr(type);
	return code;
}

enum error_code schema_type_compile(const struct node *node, bool own, struct schema_type **ret, struct error *err)
{
	return type_compile_at(node, own, 1, ret, err);
}

const char *schema_type_name(const struct schema_type *type)
{
	return type->row->name;
}

bool schema_type_judge(const struct schema_type *type, const char *value, size_t len, struct regex_budget *budget,
		       const char **ret_why, char *detail, size_t detail_size)
{
	struct verdict verdict = { .detail = detail, .detail_size = detail ? detail_size : 0, .budget = budget };

	if (verdict.detail_size > 0)
		detail[0] = '\0';
	if (type->row->judge(type, value, len, &verdict))
		return true;
	*ret_why = verdict.why;
	return false;
}

bool schema_type_accepts(const struct schema_type *type, const char *value, size_t len, const char **ret_why,
			 char *detail, size_t detail_size)
{
	cleanup_(regex_budget_end) struct regex_budget budget = REGEX_BUDGET(len);

	return schema_type_judge(type, value, len, &budget, ret_why, detail, detail_size);
}

bool schema_type_is_free(const struct schema_type *type)
{
	static judge_fn *const judges[] = { judge_string, judge_hex, judge_base64, judge_json, judge_object };

	for (size_t i = 0; i < ARRAY_LEN(judges); i++)
		if (type->row->judge == judges[i])
			return true;
	return false;
}

bool schema_type_allows_empty(const struct schema_type *type)
{
	return type->allow_empty;
}
