/*
 * What a decision costs with 1,000 rules in a token's policies: median nanoseconds of each kind, and of the hash of a
 * token's text, which every request makes before it. Prints one JSON object.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "core/acl_build.h"
#include "core/caller.h"

#define RULES 1000
#define ROUNDS 21
#define CALLS 20000

static struct acl *acl;

static double now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* A fifth each: exact paths, directories, beginnings of names, "+" with and without '*'. */
static void compile(void)
{
	static const struct {
		const char *before, *after, *capabilities;
	} forms[] = {
		{ "secret/data/team", "/service", "\"read\"" },
		{ "secret/data/group", "/*", "\"read\", \"list\"" },
		{ "secret/data/pre", "*", "\"update\"" },
		{ "secret/data/+/app", "", "\"read\"" },
		{ "secret/+/area/+/x", "*", "\"read\"" },
	};
	static char text[65536];
	struct policy_text parsed[2] = {0};
	struct acl_source sources[2];
	struct error err = ERROR_INIT;

	/* Two policies, because 1,000 rules are longer than one may be. */
	for (unsigned half = 0; half < 2; half++) {
		size_t used = 0;

		for (unsigned i = half * RULES / 2; i < (half + 1) * RULES / 2; i++)
			used += (size_t)snprintf(text + used, sizeof(text) - used, "path \"%s%u%s\" { capabilities = [%s] }\n",
						 forms[i % 5].before, i, forms[i % 5].after, forms[i % 5].capabilities);
		if (policy_text_parse(text, used, &parsed[half], &err) != ERR_OK)
			abort();
		sources[half] = (struct acl_source){ .name = { half == 0 ? "a" : "b", 1 }, .text = &parsed[half] };
	}
	if (acl_new(sources, 2, 1, &acl, &err) != ERR_OK)
		abort();
	policy_text_free(&parsed[0]);
	policy_text_free(&parsed[1]);
}

static int by_value(const void *a, const void *b)
{
	double left = *(const double *)a, right = *(const double *)b;

	return (left > right) - (left < right);
}

static void hash_token(const char *text)
{
	static unsigned char out[32], key[32];

	crypto_generichash(out, sizeof(out), (const unsigned char *)text, 53, key, sizeof(key));
}

static volatile unsigned sum;

static void decide(const char *path)
{
	sum += acl_allows(acl, CAP_READ, path);
}

static void decide_list(const char *path)
{
	sum += acl_allows(acl, CAP_LIST, path);
}

static void measure(const char *name, void (*call)(const char *), const char *text, const char *end)
{
	double rounds[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		double begin = now_ns();

		for (int k = 0; k < CALLS; k++)
			call(text);
		rounds[i] = (now_ns() - begin) / CALLS;
	}
	qsort(rounds, ROUNDS, sizeof(rounds[0]), by_value);
	printf("\"%s\": %.0f%s", name, rounds[ROUNDS / 2], end);
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	compile();
	printf("{");
	measure("exact", decide, "secret/data/team500/service", ", ");
	measure("directory", decide, "secret/data/group501/a/b/c", ", ");
	measure("beginning", decide, "secret/data/pre502-x/y", ", ");
	measure("plus", decide, "secret/data/anything/app503", ", ");
	measure("plus_beginning", decide, "secret/x/area/y/x504z/deep", ", ");
	measure("nothing", decide, "secret/data/nobody/knows/this", ", ");
	measure("list", decide_list, "secret/data/group501/a", ", ");
	measure("hash", hash_token, "vlt_svc_0123456789012345678901234567890123456789012345", "}\n");
	acl_unref(acl);
	return 0;
}
