/* jansson behind safe_json.h: strict parsing, typed getters, wiped memory. */
#include "expect.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "freed_watch.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

#define CANARY "canary-of-json"

static void objects_are_parsed(void **state)
{
	(void)state;
	json_t *object = NULL;
	struct error err = ERROR_INIT;
	assert_int_equal(safe_json_parse("", 0, &object, &err), ERR_OK);
	assert_int_equal(json_object_size(object), 0);
	json_decref(object);
	static const char text[] = "{\"a\": [1, \"x\"], \"b\": null}";
	assert_int_equal(safe_json_parse(text, strlen(text), &object, &err), ERR_OK);
	assert_int_equal(json_object_size(object), 2);
	json_decref(object);
}

static void what_is_no_object_is_refused_with_its_place(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *words;
	} cases[] = {
		{ "[]", "must be an object" },
		{ "1", "must be an object" },
		{ " ", "line 1, column 2" },
		{ "{\n  \"a\": 1,\n  \"a\": 2}", "line 3, column 4" },
		{ "{\"a\": 1,\n}", "line 2, column 1" },
		{ "{\"a\": \"\\ud800\"}", "line 1, column 8" },
		{ "{\"a\": \"\\u0000\"}", "\\u0000 is not allowed" },
		{ "{\"a\\u0000\": 1}", "\\u0000 is not allowed" },
		{ "{\"a\": 99999999999999999999}", "a number is too large" },
		{ "{\"a\": 1e999}", "a number is too large" },
		{ "{\"a\": \"\xff\"}", "not UTF-8" },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		json_t *object = NULL;
		struct error err = ERROR_INIT;
		assert_fails(safe_json_parse(cases[i].text, strlen(cases[i].text), &object, &err), &err, ERR_INVALID);
		if (!strstr(err.text, cases[i].words))
			print_message("%s: %s\n", cases[i].text, err.text);
		assert_non_null(strstr(err.text, cases[i].words));
		assert_null(object);
	}
}

static void getters_are_typed(void **state)
{
	(void)state;
	static const char text[] = "{\"i\":5,\"is\":\"-7\",\"r\":1.5,\"b\":true,\"bs\":\"false\",\"d\":\"1h30m\",\"dn\":90,"
				   "\"ds\":\"90\",\"dbig\":3155760001,\"t\":\"text\",\"n\":null,\"o\":{},\"e\":\"\"}";
	cleanup_(safe_json_decrefp) json_t *object = NULL;
	struct error err = ERROR_INIT;
	assert_int_equal(safe_json_parse(text, strlen(text), &object, &err), ERR_OK);
	int64_t number = 1;
	assert_int_equal(safe_json_int(object, "absent", &number, &err), ERR_OK);
	assert_int_equal(safe_json_int(object, "n", &number, &err), ERR_OK);
	assert_int_equal(number, 1);
	assert_int_equal(safe_json_int(object, "i", &number, &err), ERR_OK);
	assert_int_equal(number, 5);
	assert_int_equal(safe_json_int(object, "is", &number, &err), ERR_OK);
	assert_int_equal(number, -7);
	assert_fails(safe_json_int(object, "r", &number, &err), &err, ERR_INVALID);
	assert_string_equal(err.text, "r must be a whole number");
	assert_fails(safe_json_int(object, "b", &number, &err), &err, ERR_INVALID);
	assert_fails(safe_json_int(object, "t", &number, &err), &err, ERR_INVALID);
	assert_fails(safe_json_int(object, "e", &number, &err), &err, ERR_INVALID);
	assert_int_equal(number, -7);

	bool flag = false;
	error_clear(&err);
	assert_int_equal(safe_json_bool(object, "b", &flag, &err), ERR_OK);
	assert_true(flag);
	assert_int_equal(safe_json_bool(object, "n", &flag, &err), ERR_OK);
	assert_true(flag);
	assert_int_equal(safe_json_bool(object, "bs", &flag, &err), ERR_OK);
	assert_false(flag);
	assert_fails(safe_json_bool(object, "i", &flag, &err), &err, ERR_INVALID);
	assert_fails(safe_json_bool(object, "t", &flag, &err), &err, ERR_INVALID);

	error_clear(&err);
	assert_int_equal(safe_json_duration(object, "d", &number, &err), ERR_OK);
	assert_int_equal(number, 5400);
	assert_int_equal(safe_json_duration(object, "dn", &number, &err), ERR_OK);
	assert_int_equal(number, 90);
	number = 0;
	assert_int_equal(safe_json_duration(object, "ds", &number, &err), ERR_OK);
	assert_int_equal(number, 90);
	assert_int_equal(safe_json_duration(object, "n", &number, &err), ERR_OK);
	assert_int_equal(safe_json_duration(object, "e", &number, &err), ERR_OK);
	assert_fails(safe_json_duration(object, "dbig", &number, &err), &err, ERR_INVALID);
	assert_fails(safe_json_duration(object, "t", &number, &err), &err, ERR_INVALID);
	assert_fails(safe_json_duration(object, "r", &number, &err), &err, ERR_INVALID);
	assert_int_equal(number, 90);

	const char *string = "before";
	size_t len = 6;
	error_clear(&err);
	assert_int_equal(safe_json_text(object, "absent", &string, &len, &err), ERR_OK);
	assert_string_equal(string, "before");
	assert_int_equal(safe_json_text(object, "t", &string, &len, &err), ERR_OK);
	assert_string_equal(string, "text");
	assert_int_equal(len, 4);
	assert_fails(safe_json_text(object, "i", &string, &len, &err), &err, ERR_INVALID);
	assert_fails(safe_json_text(object, "o", &string, &len, &err), &err, ERR_INVALID);
}

static void unknown_members_are_refused(void **state)
{
	(void)state;
	static const char *const allowed[] = { "a", "b", NULL };
	cleanup_(safe_json_decrefp) json_t *object = json_object();
	struct error err = ERROR_INIT;
	assert_int_equal(safe_json_only(object, allowed, &err), ERR_OK);
	json_object_set_new(object, "a", json_true());
	json_object_set_new(object, "b", json_true());
	assert_int_equal(safe_json_only(object, allowed, &err), ERR_OK);
	json_object_set_new(object, "other", json_true());
	assert_fails(safe_json_only(object, allowed, &err), &err, ERR_INVALID);
	/* The member's name is not repeated: it may be a value in the wrong place. What would be right is said. */
	assert_null(strstr(err.text, "other"));
	assert_non_null(strstr(err.text, "known are: a, b"));
}

static void jansson_gives_memory_back_wiped(void **state)
{
	(void)state;
	static const char text[] = "{\"name-" CANARY "\": [\"" CANARY "-value\", {\"k\": \"" CANARY "\"}]}";
	json_t *object = NULL;
	struct error err = ERROR_INIT;
	watch_freed(CANARY);
	assert_int_equal(safe_json_parse(text, strlen(text), &object, &err), ERR_OK);
	json_decref(object);
	assert_freed_clean();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_are_parsed),
		cmocka_unit_test(what_is_no_object_is_refused_with_its_place),
		cmocka_unit_test(getters_are_typed),
		cmocka_unit_test(unknown_members_are_refused),
		cmocka_unit_test(jansson_gives_memory_back_wiped),
	};

	if (sodium_init() < 0)
		return 1;
	safe_json_start();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
