/*
 * What validation costs: 50 variables of 20 types, patterns among them; one value of 512 KiB as a url, as JSON, as arrays, and
 * against a pattern; 5,000 variables of 512 KiB together, by types and each by a pattern; and how much memory the largest of these takes beside its value. Prints one JSON object: microseconds of
 * processor time, medians.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit/lib/counted_memory.h"
#include "vault/schema.h"

#define ROUNDS 41
#define LONG (512u * 1024)

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static struct schema *read_schema(const char *text)
{
	struct findings findings = { 0 };
	struct error err = ERROR_INIT;
	struct schema *schema = NULL;

	if (schema_parse(text, strlen(text), &findings, &schema, &err) != ERR_OK) {
		fprintf(stderr, "%s\n", findings.len > 0 ? findings.items[0].text : err.text);
		abort();
	}
	findings_free(&findings);
	return schema;
}

static double median(const char *schema_text, const struct schema_variable *variables, size_t len, size_t *ret_findings)
{
	struct schema *schema = read_schema(schema_text);
	struct schema_part part = { schema, NULL, true };
	struct schema_check check = { .parts = &part, .parts_len = 1, .variables = variables, .variables_len = len };
	double times[ROUNDS];

	for (unsigned i = 0; i < ROUNDS; i++) {
		struct findings findings = { 0 };
		struct error err = ERROR_INIT;
		double begin = now_us();

		if (schema_validate(&check, &findings, NULL, &err) != ERR_OK)
			abort();
		times[i] = now_us() - begin;
		*ret_findings = findings.len;
		findings_free(&findings);
	}
	schema_free(schema);
	qsort(times, ROUNDS, sizeof(times[0]), ascending);
	return times[ROUNDS / 2];
}

static const struct {
	const char *type, *value;
} kinds[] = {
	{ "# @type=port", "5432" },
	{ "# @type=url", "https://api.example.com/v1/things?limit=20" },
	{ "# @type=email", "ops@example.com" },
	{ "# @type=string(matches=/^sk_live_[A-Za-z0-9]{24}$/) @sensitive", "sk_live_4eC39HqLyjWDarjtT1zdp7dc" },
	{ "# @type=enum(debug, info, warn, error)", "info" },
	{ "# @type=number(min=0, max=1)", "0.25" },
	{ "# @type=boolean", "true" },
	{ "# @type=duration", "30s" },
	{ "# @type=array(string)", "a,b,c,d" },
	{ "# @type=uuid", "123e4567-e89b-42d3-a456-426614174000" },
	{ "# vaultd: type=dsn", "postgres://app:kV9xQm2Tp@db.internal:5432/app?sslmode=require" },
	{ "# vaultd: type=hostport", "cache.internal:6379" },
	{ "# vaultd: type=cron", "*/5 0 * * 1-5" },
	{ "# vaultd: type=hex(16) minEntropy=100", "6f1ed002ab5595859014ebf0951522d9" },
	{ "# @sensitive", "m0QkJ6rVn2hY8sXwZ5tLbU1oC9dGfE3a" },
	{ "# @type=string(minLength=8)", "a value that is long enough" },
	{ "# @type=semver", "1.4.2" },
	{ "# @type=ip", "10.0.0.1" },
	{ "# @required=eq($V01, https)", "anything" },
	{ "", "three words here" },
};

#define COUNT (sizeof(kinds) / sizeof(kinds[0]))

static double fifty(size_t *ret_findings)
{
	static char schema[8192], names[50][8];
	struct schema_variable variables[50];
	size_t used = 0;

	for (unsigned i = 0; i < 50; i++) {
		snprintf(names[i], sizeof(names[i]), "V%02u", i);
		used += (size_t)snprintf(schema + used, sizeof(schema) - used, "%s\n%s=\n\n", kinds[i % COUNT].type, names[i]);
		variables[i] = (struct schema_variable){ names[i], 3, kinds[i % COUNT].value, strlen(kinds[i % COUNT].value), false };
	}
	return median(schema, variables, 50, ret_findings);
}

#define MANY 5000
#define MANY_VALUE 100	/* bytes; with a name of five, 512 KiB together */

/* 5,000 variables; a line with its type for each from lines, in turn. */
static double many(const char *const *lines, size_t lines_len, size_t *ret_findings)
{
	static char schema[256 * 1024], names[MANY][8], value[MANY_VALUE + 1];
	static struct schema_variable variables[MANY];
	size_t used = 0;

	snprintf(value, sizeof(value), "https://api.example.com/");
	memset(value + strlen(value), 'a', MANY_VALUE - strlen(value));
	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "V%04u", i);
		used += (size_t)snprintf(schema + used, sizeof(schema) - used, "%s\n%s=\n", lines[i % lines_len], names[i]);
		variables[i] = (struct schema_variable){ names[i], 5, value, MANY_VALUE, false };
	}
	return median(schema, variables, MANY, ret_findings);
}

/* "first", then ones with commas between, or ones alone after a one; a bracket at the end, or two. */
static void fill(char *value, const char *first)
{
	for (unsigned i = 0; i < LONG; i++)
		value[i] = i % 2 == 1 || first[1] == '\0' ? '1' : ',';
	memcpy(value, first, strlen(first));
	value[LONG - 2] = ']';
	/* As many numbers as there can be: each array in the array has 40. */
	for (unsigned i = 80; first[1] == '[' && i + 8 < LONG; i += 82)
		memcpy(value + i, "],[", 3);
	if (first[1] == '[')
		memcpy(value + LONG - 4, "1]]", 3);
}

int main(void)
{
	static const struct {
		const char *name, *schema, *first;
		size_t findings;
	} rows[] = {
		{ "url", "# @type=url\nA=", "http://a/", 0 },
		{ "json", "# vaultd: type=json\nA=", "[1,1,1,1,", 0 },
		{ "pattern", "# @type=string(matches=/^[0-9,\\[\\]]+$/)\nA=", "[1,1,1,1,", 0 },
		/* too many steps: an error and a warning; too many elements: an error */
		{ "catastrophe", "# @type=string(matches=regex(\"^(1+,?)+$\"))\nA=", "1", 2 },
		{ "array", "# @type=array(number)\nA=", "[1,1,1,1,", 1 },
		{ "nested", "# @type=array(array(number(isDivisibleBy=5e-324)))\nA=", "[[1", 0 },
	};
	static const char *const types[] = { "# @type=url", "# @sensitive", "#", "# @type=string(minLength=8)" };
	static const char *const pattern[] = { "# @type=string(matches=/^[a-z:.\\/]+$/)" };
	char *value = malloc(LONG);
	struct schema_variable variable = { "A", 1, value, LONG - 1, false };
	size_t found;
	size_t before;

	if (!value)
		return 1;
	printf("{\"fifty\":%.1f", fifty(&found));
	printf(",\"fifty_findings\":%zu", found);
	before = most = taken;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fill(value, rows[i].first);
		printf(",\"%s\":%.0f", rows[i].name, median(rows[i].schema, &variable, 1, &found));
		if (found != rows[i].findings)
			return 1;
	}
	printf(",\"peak\":%zu", most - before);
	printf(",\"many\":%.0f", many(types, sizeof(types) / sizeof(types[0]), &found));
	printf(",\"many_findings\":%zu", found);
	printf(",\"many_patterns\":%.0f", many(pattern, 1, &found));
	printf(",\"many_patterns_findings\":%zu}\n", found);
	free(value);
	return 0;
}
