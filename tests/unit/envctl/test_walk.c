/*
 * Walks: the order, and the ends of a server that makes names up.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cmd/walk.h"
#include "vault/json_emit.h"

struct server {
	const char *const (*rows)[2]; /* prefix, keys as JSON; NULL: every prefix has `keys` */
	const char *keys;
	size_t padding; /* bytes of white space behind each answer */
	size_t asked;
};

static enum error_code list(void *arg, const char *prefix, struct answer *ret, struct error *err)
{
	struct server *server = arg;
	const char *keys = server->keys;

	server->asked++;
	for (size_t i = 0; server->rows != NULL && server->rows[i][0] != NULL; i++)
		if (strcmp(server->rows[i][0], prefix) == 0)
			keys = server->rows[i][1];
	if (keys == NULL)
		return error_set(err, ERR_NOT_FOUND, "nothing");
	*ret = (struct answer){.status = 200, .body = secret_buf_new(ANSWER_MAX)};
	json_emit_raw(ret->body, "{\"keys\":");
	json_emit_raw(ret->body, keys);
	json_emit_raw(ret->body, "}");
	for (size_t i = 0; i < server->padding; i++)
		secret_buf_append_char(ret->body, ' ');
	assert_int_equal(json_scan(secret_buf_text(ret->body), secret_buf_len(ret->body), &ret->data, err), ERR_OK);
	return ERR_OK;
}

struct seen {
	char text[512];
	size_t count, stop_at;
};

static bool visit(void *arg, const char *path)
{
	struct seen *seen = arg;

	if (strlen(seen->text) + strlen(path) + 2 < sizeof(seen->text)) {
		strcat(seen->text, path);
		strcat(seen->text, " ");
	}
	return ++seen->count != seen->stop_at;
}

static const char *const tree[][2] = {
	{"", "[\"a\",\"b/\",\"b\",\"\",\"/\"]"},
	{"b/", "[\"c/\",\"d\\u0065\"]"},
	{"b/c/", "[\"x y\",\"n\\u0001/\"]"},
	{NULL, NULL},
};

static enum error_code walk(struct server *server, size_t folders, size_t depth, struct seen *seen, struct error *err)
{
	const struct walk_source source = {.list = list, .arg = server, .folders = folders, .depth = depth};

	*seen = (struct seen){.stop_at = seen->stop_at};
	return walk_tree(&source, "", visit, seen, err);
}

static void test_order(void **state)
{
	struct server server = {.rows = tree};
	struct seen seen = {.stop_at = 0};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk(&server, WALK_FOLDERS_MAX, 0, &seen, &err), ERR_OK);
	assert_string_equal(seen.text, "a b/c/x y b/c/n  b/de b ");
	/* "/" is asked for as a folder of no name and holds nothing */
	assert_int_equal(server.asked, 4);
	seen.stop_at = 2;
	assert_int_equal(walk(&server, WALK_FOLDERS_MAX, 0, &seen, &err), ERR_OK);
	assert_string_equal(seen.text, "a b/c/x y ");
}

/* A suggestion looks into a few folders and is content with these. */
static void test_few_folders_are_silent(void **state)
{
	struct server server = {.rows = tree};
	struct seen seen = {.stop_at = 0};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk(&server, 2, 8, &seen, &err), ERR_OK);
	assert_string_equal(seen.text, "a b/de b ");
}

static void test_endless_depth(void **state)
{
	struct server server = {.keys = "[\"x\",\"deeper/\"]"};
	struct seen seen = {.stop_at = 0};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk(&server, WALK_FOLDERS_MAX, 0, &seen, &err), ERR_TOO_LARGE);
	assert_int_equal(seen.count, WALK_DEPTH_MAX + 1);
	/* of environments nothing can be deeper than their names */
	error_clear(&err);
	assert_int_equal(walk(&server, WALK_FOLDERS_MAX, 8, &seen, &err), ERR_OK);
	assert_int_equal(seen.count, 9);
}

static void test_endless_breadth(void **state)
{
	struct server server = {.keys = "[\"a/\",\"b/\"]"};
	struct seen seen = {.stop_at = 0};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk(&server, WALK_FOLDERS_MAX, 20, &seen, &err), ERR_TOO_LARGE);
	assert_int_equal(server.asked, WALK_FOLDERS_MAX);
	assert_non_null(strstr(err.text, "folders"));
}

static void test_held_listings(void **state)
{
	struct server server = {.keys = "[\"a/\"]", .padding = WALK_HELD_MAX / 3};
	struct seen seen = {.stop_at = 0};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(walk(&server, WALK_FOLDERS_MAX, 0, &seen, &err), ERR_TOO_LARGE);
	assert_int_equal(server.asked, 3);
}

static void test_long_names(void **state)
{
	static char keys[2 * WALK_PATH_MAX];
	struct server server = {.keys = keys};
	struct seen seen = {.stop_at = 0};
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t len = WALK_PATH_MAX - 1; len <= WALK_PATH_MAX; len++) {
		memset(keys, 'n', sizeof(keys));
		memcpy(keys, "[\"", 2);
		memcpy(keys + 2 + len, "\"]", 3);
		error_clear(&err);
		assert_int_equal(walk(&server, 9, 0, &seen, &err), len < WALK_PATH_MAX ? ERR_OK : ERR_TOO_LARGE);
		error_clear(&err);
		assert_int_equal(walk(&server, 9, 8, &seen, &err), ERR_OK);
		assert_int_equal(seen.count, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_order),	       cmocka_unit_test(test_few_folders_are_silent),
		cmocka_unit_test(test_endless_depth),  cmocka_unit_test(test_endless_breadth),
		cmocka_unit_test(test_held_listings), cmocka_unit_test(test_long_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
