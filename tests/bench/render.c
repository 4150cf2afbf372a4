/*
 * What it costs to write an environment in each dialect and to read it back: for 50 variables of 64 bytes and for one of 512 KiB,
 * median microseconds of processor time of each, and the most memory that was taken meanwhile beside the environment itself. Beside it the same
 * number of variables copied into a set. Then a text of 10 MB in as many lines as are taken, asked of all readers of env files and of one alone. Prints
 * one JSON object.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit/lib/counted_memory.h"
#include "vault/dialect.h"
#include "vault/dialect_compare.h"
#include "vault/limits.h"

#define ROUNDS 15

/* -- what is measured --------------------------------------------------------- */

struct figures {
	double us;
	size_t memory;
};

static double now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

/* Text that every dialect can hold, with what most of them must quote: a directory of values for NAME_FILE is no text. */
static struct env_set *make_set(unsigned variables, size_t size, bool plain)
{
	struct env_set *set = env_set_new(SIZE_MAX);
	struct error err = ERROR_INIT;
	char *value = malloc(size), name[32];

	for (unsigned i = 0; i < variables; i++) {
		for (size_t j = 0; j < size; j++)
			value[j] = plain ? "abcdefghijklmnopqrstuvwxyz012345"[(i + j) % 32] : "ab cd#ef $gh \"i\" kl"[(i + j) % 19];
		value[0] = value[size - 1] = 'x';
		snprintf(name, sizeof(name), "VARIABLE_%05u", i);
		if (env_set_put(set, name, strlen(name), value, size, 0, NULL, &err) != ERR_OK)
			abort();
	}
	free(value);
	return set;
}

static bool encode(const struct dialect *dialect, const struct env_set *set)
{
	struct secret_buf *out = secret_buf_new(LIMIT_ENV_FILE);
	struct dialect_options options = { .random = { 1 } };
	struct notes notes = { 0 };
	struct error err = ERROR_INIT;
	bool ok = dialect_encode(dialect, set, &options, out, &notes, &err) == ERR_OK;

	notes_free(&notes);
	secret_buf_free(out);
	return ok;
}

static bool copy(const struct dialect *dialect, const struct env_set *set)
{
	struct env_set *other = env_set_new(SIZE_MAX);
	struct error err = ERROR_INIT;

	(void)dialect;
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);

		if (env_set_put(other, entry.name, entry.name_len, entry.value, entry.value_len, 0, NULL, &err) != ERR_OK)
			abort();
	}
	env_set_free(other);
	return true;
}

/* False: the dialect cannot hold it. */
static bool measure(bool (*call)(const struct dialect *, const struct env_set *), const struct dialect *dialect,
		    const struct env_set *set, unsigned calls, struct figures *ret)
{
	double rounds[ROUNDS];
	size_t before = taken;

	most = taken;
	if (!call(dialect, set))
		return false;
	ret->memory = most - before;
	for (int i = 0; i < ROUNDS; i++) {
		double begin = now_us();

		for (unsigned j = 0; j < calls; j++)
			(void)call(dialect, set);
		rounds[i] = (now_us() - begin) / calls;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
	ret->us = rounds[ROUNDS / 2];
	return true;
}

static size_t bytes_of(const struct env_set *set)
{
	size_t bytes = 0;

	for (size_t i = 0; i < env_set_count(set); i++)
		bytes += env_set_at(set, i).name_len + env_set_at(set, i).value_len;
	return bytes;
}

/* {"copy": [µs, memory in bytes], "systemd": …}; plain text where the dialect cannot hold the other. */
static void print_case(const char *name, unsigned variables, size_t size, unsigned calls)
{
	struct env_set *hard = make_set(variables, size, false), *plain = make_set(variables, size, true);
	const struct dialect *dialect;
	struct figures got;

	if (measure(copy, NULL, hard, calls, &got))
		printf("\"%s\":{\"input\":%zu,\"copy\":[%.2f,%zu]", name, bytes_of(hard), got.us, got.memory);
	for (size_t i = 0; (dialect = dialect_at(i)); i++)
		if (!dialect_is_directory(dialect) &&
		    (measure(encode, dialect, hard, calls, &got) || measure(encode, dialect, plain, calls, &got)))
			printf(",\"%s\":[%.2f,%zu]", dialect_name(dialect), got.us, got.memory);
	printf("}");
	env_set_free(hard);
	env_set_free(plain);
}

/* -- reading what nobody said the dialect of ---------------------------------- */

#define TEXT_LEN ((size_t)10 << 20)

static bool ask(const struct dialect *dialect, const struct env_set *texts)
{
	struct env_entry text = env_set_at(texts, 0);
	struct env_set *set = env_set_new(2 * TEXT_LEN);
	struct comparison comparison = { 0 };
	struct notes notes = { 0 };
	struct error err = ERROR_INIT;
	enum error_code code = dialect ? dialect_decode(dialect, text.value, text.value_len, set, &notes, &err) :
					 dialect_compare(text.value, text.value_len, set, &comparison, &err);

	comparison_free(&comparison);
	notes_free(&notes);
	env_set_free(set);
	return code == ERR_OK || (!dialect && code == ERR_INVALID);	/* that they do not agree has been found out as well */
}

/* {"input": bytes, "all": [µs, memory in bytes], "one": …}. Each line sets a variable again. */
static void print_readers(const char *line)
{
	struct env_set *texts = env_set_new(SIZE_MAX);
	struct error err = ERROR_INIT;
	char *text = malloc(TEXT_LEN);
	struct figures all = { 0 }, one = { 0 };

	for (size_t i = 0; i < TEXT_LEN; i++)
		text[i] = line[i % strlen(line)];
	if (env_set_put(texts, "text", 4, text, TEXT_LEN, 0, NULL, &err) != ERR_OK)
		abort();
	if (!measure(ask, dialect_find("docker"), texts, 1, &one))
		abort();
	(void)measure(ask, NULL, texts, 1, &all);
	printf("\"readers\":{\"input\":%zu,\"all\":[%.2f,%zu],\"one\":[%.2f,%zu]}", TEXT_LEN, all.us, all.memory, one.us, one.memory);
	free(text);
	env_set_free(texts);
}

int main(void)
{
	if (sodium_init() < 0)
		abort();
	printf("{");
	print_case("small", 50, 64, 200);
	printf(",");
	print_case("large", 512, 1024 - 14, 1);
	printf(",");
	print_readers("A_VARIABLE=some/value/of/ordinary:length\n");
	printf("}\n");
	return 0;
}
