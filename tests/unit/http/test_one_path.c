/*
 * A million targets as a client might send them. What the gate lets through has one form, and the decision, the route and
 * the name in the store are all made from it: no other spelling of a path reaches anything.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/acl_build.h"
#include "core/caller.h"
#include "http/routes.h"
#include "vault/canon_path.h"
#include "vault/names.h"

#define TARGETS 1000000

static uint64_t random_state = 12345;

static unsigned random_below(unsigned n)
{
	random_state = random_state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(random_state >> 33) % n;
}

/* Pieces that lead into the mount, and what people have got past gates with. */
static const char *const pieces[] = {
	"/v1", "/secret", "/data", "/shop", "/production", "/metadata", "/a", "/b", "/sys", "/policies", "/acl", "/", "//", "/.", "/..", "/../",
	"/%2e%2e", "/%2E", "%2f", "%2F", "%00", "%25", "%2525", "%41", "%61", "%7e", "%c0%af", "%c3%a4", "%", "%4", "+", "%2B", "%20", " ", "*",
	";x", "?list=true", "?a=1&a=2", "#f", "\\", "\t", "~", ":", "@", "=", ",", "-", ".", "_", "A", "\xc3\xa4", "/+", "/x.y", "/-x",
};

static size_t random_target(char ret[static 512])
{
	unsigned count = 1 + random_below(6);
	/* Most begin as a client's would; pieces without a slash grow onto the last segment. */
	size_t len = random_below(8) == 0 ? 0 : (size_t)sprintf(ret, "%s", random_below(3) == 0 ? "/v1" : "/v1/secret/data/shop");

	for (unsigned i = 0; i < count; i++) {
		const char *piece = pieces[random_below(random_below(2) == 0 ? 11 : ARRAY_LEN(pieces))];

		memcpy(ret + len, piece, strlen(piece));
		len += strlen(piece);
	}
	ret[len] = '\0';
	return len;
}

struct counts {
	unsigned accepted, stored, decided;
};

/* A rule for exactly this path, as its owner would write it, is taken and decides about it, and about nothing else. */
static void check_decision(const char *path, struct counts *counts)
{
	char text[700];
	struct policy_text parsed = {0};
	struct acl_source source = { .name = { "p", 1 }, .text = &parsed };
	struct acl *acl = NULL;
	struct error err = ERROR_INIT;
	char other[520];

	snprintf(text, sizeof(text), "path \"%s\" { capabilities = [\"read\"] }", path);
	if (policy_text_parse(text, strlen(text), &parsed, &err) != ERR_OK ||
	    acl_new(&source, 1, 1, &acl, &err) != ERR_OK)
		fail_msg("%s: %s", path, err.text);
	policy_text_free(&parsed);
	/* A path that has "+" as a segment is matched by its pattern as well as by itself. */
	assert_true(acl_allows(acl, CAP_READ, path));
	snprintf(other, sizeof(other), "%sx", path);
	assert_false(acl_allows(acl, CAP_READ, other) && !strstr(path, "+"));
	acl_unref(acl);
	counts->decided++;
}

static void check_store_name(const char *path, struct counts *counts)
{
	struct route_match match;
	struct env_path env;
	struct error err = ERROR_INIT;

	if (route_find(path, "secret/", ROUTE_KV2, METHOD_GET, &match) != ROUTE_FOUND)
		return;
	/* The route's rest is a part of the path itself. */
	assert_true(match.rest[0] == '\0' || (match.rest > path && match.rest < path + strlen(path)));
	if (strncmp(match.route->pattern, "/v1/{mount}/data/", 17) != 0 ||
	    env_path_parse(match.rest, strlen(match.rest), &env, &err) != ERR_OK)
		return;
	assert_string_equal(env.text, match.rest);
	assert_string_equal(path + strlen("/v1/secret/data/"), env.text);
	counts->stored++;
}

static void check_accepted(const struct canon_path *path, struct counts *counts)
{
	struct canon_path again;
	struct error err = ERROR_INIT;

	counts->accepted++;
	assert_int_equal(canon_path_parse(path->path, path->path_len, &again, &err), ERR_OK);
	assert_string_equal(again.path, path->path);
	if (path->path_len == 1)
		return;
	assert_true(canon_path_is_plain(path->path + 1, path->path_len - 1u));
	check_store_name(path->path, counts);
	if (counts->accepted % 8 == 0 && strncmp(path->path, "/v1/", 4) == 0)
		check_decision(path->path + 4, counts);
}

static void test_a_million_targets(void **state)
{
	static struct canon_path path;
	struct counts counts = {0};
	char target[512];

	(void)state;
	for (int i = 0; i < TARGETS; i++) {
		struct error err = ERROR_INIT;
		size_t len = random_target(target);

		if (canon_path_parse(target, len, &path, &err) == ERR_OK)
			check_accepted(&path, &counts);
		/* What is refused as a target because of its path is no path in a body or a policy either. */
		else if (len > 1 && target[0] == '/' && !strchr(target, '?'))
			assert_false(canon_path_is_plain(target + 1, len - 1));
	}
	/* The pieces must reach what is tested. */
	assert_true(counts.accepted > TARGETS / 10);
	assert_true(counts.stored > TARGETS / 100);
	assert_true(counts.decided > TARGETS / 200);
}

static void test_plain(void **state)
{
	static const struct {
		const char *path;
		bool plain;
	} rows[] = {
		{ "a", true }, { "a/b", true }, { "a/b/", true }, { "a.b/c+d", true }, { "+/+", true }, { "~@:=,-_", true },
		{ "", false }, { "/", false }, { "/a", false }, { "a//b", false }, { "a//", false }, { ".", false }, { "..", false },
		{ "a/..", false }, { "a/./b", false }, { "a/../", false }, { "a%41", false }, { "a%2Fb", false }, { "a b", false },
		{ "a*", false }, { "a?b", false }, { "a#", false }, { "\xc3\xa4", false }, { "a\n", false },
	};
	char text[LIMIT_TARGET_LEN + 1];

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		assert_int_equal(canon_path_is_plain(rows[i].path, strlen(rows[i].path)), rows[i].plain);
	memset(text, 'a', sizeof(text));
	assert_true(canon_path_is_plain(text, LIMIT_TARGET_LEN - 1));
	assert_false(canon_path_is_plain(text, LIMIT_TARGET_LEN));
	assert_false(canon_path_is_plain("a\0b", 3));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain),
		cmocka_unit_test(test_a_million_targets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
