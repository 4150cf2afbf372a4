/* JSON to variables and RFC 7396, on raw text; carrying of counters; custom metadata; deletion times. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "core/json_data.h"
#include "core/revision_build.h"
#include "vault/limits.h"

static struct json_value scan(const char *text)
{
	struct error err = ERROR_INIT;
	struct json_value value;

	assert_int_equal(json_scan(text, strlen(text), &value, &err), ERR_OK);
	return value;
}

/* -- merging objects ------------------------------------------------------ */

/* The examples of RFC 7396 appendix A whose patch and target are objects, and what raw text adds. */
static const struct {
	const char *target, *patch, *expected;
} merges[] = {
	{ "{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}" },
	{ "{\"a\":\"b\"}", "{\"a\":null}", "{}" },
	{ "{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}" },
	{ "{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}" },
	{ "{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}" },
	{ "{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}" },
	{ "{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}" },
	{ "{\"e\":null}", "{\"a\":1}", "{\"e\":null,\"a\":1}" },
	{ "{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}" },
	{ "{\"a\":1}", "{}", "{\"a\":1}" },
	{ NULL, "{\"a\":{\"b\":null,\"c\":2},\"d\":null}", "{\"a\":{\"c\":2}}" },
	{ "{\"a\":7}", "{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"c\":1}}" },
	/* untouched text stays as it stands */
	{ "{\"n\":1.10,\"big\":123456789012345678901234567890}", "{\"x\":1e999999}",
	  "{\"n\":1.10,\"big\":123456789012345678901234567890,\"x\":1e999999}" },
	/* the same name in two spellings */
	{ "{\"\\u0061\":1,\"c\":2}", "{\"a\":3}", "{\"a\":3,\"c\":2}" },
	{ "{\"a\":{\"x\":1}}", "{\"\\u0061\":{\"y\":2}}", "{\"\\u0061\":{\"x\":1,\"y\":2}}" },
	{ "{\"a\\n\":1}", "{\"a\\u000a\":null}", "{}" },
	{ "{ \"a\" : { \"b\" : 1 } , \"c\" : 2 }", "{\"a\":{\"b\":3}}", "{\"a\":{\"b\":3},\"c\":2}" },
};

static void test_merge_objects(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1024);
		struct json_value target = scan(merges[i].target ? merges[i].target : "{}"),
				  patch = scan(merges[i].patch);
		struct error err = ERROR_INIT;

		assert_int_equal(json_merge_patch(merges[i].target ? &target : NULL, &patch, out, &err), ERR_OK);
		secret_buf_append_char(out, '\0');
		assert_true(secret_buf_ok(out));
		assert_string_equal(secret_buf_text(out), merges[i].expected);
	}
}

/* Two objects of many members: n log n, or this would take minutes. */
static void test_merge_many(void **state)
{
	enum { MEMBERS = 200000 };
	cleanup_(secret_buf_freep) struct secret_buf *target = secret_buf_new(16u << 20),
						     *patch = secret_buf_new(16u << 20);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(32u << 20);
	struct json_value target_value, patch_value, merged;
	struct error err = ERROR_INIT;
	char text[64];

	(void)state;
	secret_buf_append_char(target, '{');
	secret_buf_append_char(patch, '{');
	for (unsigned i = 0; i < MEMBERS; i++) {
		snprintf(text, sizeof(text), "%s\"k%u\":%u", i > 0 ? "," : "", i, i);
		secret_buf_append_text(target, text);
		snprintf(text, sizeof(text), "%s\"k%u\":%s", i > 0 ? "," : "", MEMBERS + MEMBERS / 2 - i,
			 i % 2 ? "null" : "7");
		secret_buf_append_text(patch, text);
	}
	secret_buf_append_char(target, '}');
	secret_buf_append_char(patch, '}');
	assert_int_equal(json_scan(secret_buf_text(target), secret_buf_len(target), &target_value, &err), ERR_OK);
	assert_int_equal(json_scan(secret_buf_text(patch), secret_buf_len(patch), &patch_value, &err), ERR_OK);
	assert_int_equal(json_merge_patch(&target_value, &patch_value, out, &err), ERR_OK);
	assert_int_equal(json_scan(secret_buf_text(out), secret_buf_len(out), &merged, &err), ERR_OK);
	/* k100001 to k199999 are in both: the odd half of them goes; k200000 to k300000 come, the even half. */
	assert_int_equal(json_count(&merged), 100001 + 49999 + 50001);
}

/* -- variables ------------------------------------------------------------- */

/* A revision from a text like {"A":"1","B":[2]}; the list owns what it needs. */
struct made {
	struct variable_list list;
	struct revision_record record;
};

static void make(struct made *made, const char *json, const struct revision_record *before, uint64_t revision)
{
	struct json_value value = scan(json);
	struct error err = ERROR_INIT;

	*made = (struct made){0};
	assert_int_equal(variables_from_json(&value, &made->list, &err), ERR_OK);
	variables_carry(&made->list, before, revision, (int64_t)revision * 1000);
	made->record = (struct revision_record){
		.revision = revision,
		.variables = made->list.items,
		.variables_len = made->list.len,
	};
}

static void describe(const struct variable_list *list, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < list->len; i++) {
		const struct variable *variable = &list->items[i];

		len += (size_t)snprintf(text + len, size - len, "%s%.*s%s%.*s", i > 0 ? " " : "",
					(int)variable->name.len, variable->name.at,
					variable->kind == KIND_TEXT ? "=" : ":", (int)variable->value.len,
					variable->value.at);
	}
}

static const struct {
	const char *json, *expected;
} objects[] = {
	{ "{}", "" },
	{ "{\"B\":\"2\",\"A\":\"1\",\"AA\":\"\"}", "A=1 AA= B=2" },
	{ "{\"T\":true,\"N\":null,\"L\":[1, 2],\"O\":{\"a\" :1},\"F\":1.10,\"I\":123456789012345678901234567890}",
	  "F:1.10 I:123456789012345678901234567890 L:[1, 2] N:null O:{\"a\" :1} T:true" },
	{ "{\"E\":\"a\\nb\\u00e9\\\"\",\"\\u0041\":\"x\"}", "A=x E=a\nb\xc3\xa9\"" },
	{ "{\"my key.with-dots\":\"x\"}", "my key.with-dots=x" },
};

static void test_variables_from_json(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(objects); i++) {
		struct json_value value = scan(objects[i].json);
		cleanup_(variable_list_wipe) struct variable_list list = {0};
		struct error err = ERROR_INIT;
		char text[256];

		assert_int_equal(variables_from_json(&value, &list, &err), ERR_OK);
		describe(&list, text, sizeof(text));
		assert_string_equal(text, objects[i].expected);
	}
}

static void test_value_with_nul(void **state)
{
	struct json_value value = scan("{\"A\":\"x\\u0000y\"}");
	cleanup_(variable_list_wipe) struct variable_list list = {0};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(variables_from_json(&value, &list, &err), ERR_OK);
	assert_int_equal(list.items[0].value.len, 3);
	assert_memory_equal(list.items[0].value.at, "x\0y", 3);
}

static void assert_refused(const char *json, enum error_code expected)
{
	struct json_value value = scan(json);
	cleanup_(variable_list_wipe) struct variable_list list = {0}, merged = {0};
	struct revision_record empty = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(variables_from_json(&value, &list, &err), expected);
	error_clear(&err);
	assert_int_equal(variables_merge_patch(&empty, &value, &merged, &err), expected);
}

static void test_names_refused(void **state)
{
	char json[LIMIT_VARIABLE_NAME_LEN + 16];
	struct made made;

	(void)state;
	assert_refused("[]", ERR_INVALID);
	assert_refused("\"x\"", ERR_INVALID);
	assert_refused("{\"\":\"x\"}", ERR_INVALID);
	assert_refused("{\"a\\u0000b\":\"x\"}", ERR_INVALID);
	snprintf(json, sizeof(json), "{\"%0*d\":1}", LIMIT_VARIABLE_NAME_LEN + 1, 0);
	assert_refused(json, ERR_INVALID);
	snprintf(json, sizeof(json), "{\"%0*d\":1}", LIMIT_VARIABLE_NAME_LEN, 0);
	make(&made, json, NULL, 1);
	assert_int_equal(made.list.items[0].name.len, LIMIT_VARIABLE_NAME_LEN);
	variable_list_wipe(&made.list);
}

static const struct {
	const char *target, *patch, *expected;
} patches[] = {
	{ "{\"A\":\"1\",\"B\":\"2\"}", "{\"B\":\"3\",\"C\":\"4\"}", "A=1 B=3 C=4" },
	{ "{\"A\":\"1\",\"B\":\"2\"}", "{\"A\":null,\"Z\":null}", "B=2" },
	{ "{\"A\":\"1\"}", "{}", "A=1" },
	{ "{}", "{\"O\":{\"x\":null,\"y\":1}}", "O:{\"y\":1}" },
	{ "{\"O\":{\"x\":1,\"y\":1.0}}", "{\"O\":{\"x\":null,\"z\":{}}}", "O:{\"y\":1.0,\"z\":{}}" },
	{ "{\"O\":\"{\\\"x\\\":1}\"}", "{\"O\":{\"y\":2}}",
	 "O:{\"y\":2}"}, /* a string that looks like an object is a string */
	{ "{\"O\":[1]}", "{\"O\":{\"y\":2}}", "O:{\"y\":2}" },
	{ "{\"O\":{\"y\":2}}", "{\"O\":\"s\"}", "O=s" },
	{ "{\"A\":\"1\"}", "{\"\\u0041\":\"2\"}", "A=2" },
};

static void test_merge_variables(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(patches); i++) {
		struct json_value patch = scan(patches[i].patch);
		cleanup_(variable_list_wipe) struct variable_list list = {0};
		struct error err = ERROR_INIT;
		struct made target;
		char text[256];

		make(&target, patches[i].target, NULL, 1);
		assert_int_equal(variables_merge_patch(&target.record, &patch, &list, &err), ERR_OK);
		describe(&list, text, sizeof(text));
		assert_string_equal(text, patches[i].expected);
		variable_list_wipe(&target.list);
	}
}

static void assert_counter(const struct made *made, size_t i, uint32_t version, uint64_t changed_revision)
{
	assert_int_equal(made->list.items[i].version, version);
	assert_int_equal(made->list.items[i].changed_revision, changed_revision);
	assert_int_equal(made->list.items[i].changed, changed_revision * 1000);
}

static void test_counters(void **state)
{
	struct made one, two, three, four;

	(void)state;
	make(&one, "{\"A\":\"1\",\"B\":\"x\",\"C\":\"5\"}", NULL, 1);
	make(&two, "{\"A\":\"1\",\"B\":\"y\"}", &one.record, 2);
	make(&three, "{\"A\":1,\"B\":\"y\",\"C\":\"5\"}", &two.record, 3);	/* 1 is not "1"; C comes back */
	make(&four, "{\"0\":\"\",\"A\":1,\"B\":\"z\",\"D\":\"\"}", &three.record, 4);
	assert_counter(&one, 0, 1, 1);
	assert_counter(&two, 0, 1, 1);
	assert_counter(&two, 1, 2, 2);
	assert_counter(&three, 0, 2, 3);
	assert_counter(&three, 1, 2, 2);
	assert_counter(&three, 2, 1, 3);
	assert_counter(&four, 0, 1, 4);
	assert_counter(&four, 1, 2, 3);
	assert_counter(&four, 2, 3, 4);
	assert_counter(&four, 3, 1, 4);
	variable_list_wipe(&one.list);
	variable_list_wipe(&two.list);
	variable_list_wipe(&three.list);
	variable_list_wipe(&four.list);
}

/* -- limits of the whole --------------------------------------------------- */

static void many_variables(struct secret_buf *out, unsigned count)
{
	char text[32];

	secret_buf_reset(out);
	secret_buf_append_char(out, '{');
	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s\"N%u\":\"\"", i > 0 ? "," : "", i);
		secret_buf_append_text(out, text);
	}
	secret_buf_append_text(out, "}");
	secret_buf_append_char(out, '\0');
}

static void test_variable_count(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(1u << 20);
	cleanup_(variable_list_wipe) struct variable_list full = {0}, over = {0}, patched = {0};
	struct json_value value, one_more = scan("{\"extra\":\"\"}");
	struct revision_record record = {0};
	struct error err = ERROR_INIT;

	(void)state;
	many_variables(text, LIMIT_VARIABLES + 1);
	value = scan(secret_buf_text(text));
	assert_int_equal(variables_from_json(&value, &over, &err), ERR_TOO_LARGE);
	error_clear(&err);
	many_variables(text, LIMIT_VARIABLES);
	value = scan(secret_buf_text(text));
	assert_int_equal(variables_from_json(&value, &full, &err), ERR_OK);
	assert_int_equal(full.len, LIMIT_VARIABLES);
	record.variables = full.items;
	record.variables_len = full.len;
	assert_int_equal(variables_merge_patch(&record, &one_more, &patched, &err), ERR_TOO_LARGE);
}

/* -- the head --------------------------------------------------------------- */

static void test_deletion_times(void **state)
{
	static const struct {
		int64_t head, mount, expected_s;
	} rows[] = {
		{ 0, 0, 0 },	 { 60, 0, 60 },	  { 0, 90, 90 }, { 60, 90, 60 },
		{ 90, 60, 60 },	 { -1, 60, 0 },	  { 60, -1, 0 }, { 0, -1, 0 },
		{ INT64_MAX, 0, 0 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct head_record head = { .delete_after_s = rows[i].head };
		struct kv_config mount = { .delete_after_s = rows[i].mount };
		int64_t expected = rows[i].expected_s > 0 ? 5000000 + rows[i].expected_s * 1000000 : 0;

		assert_int_equal(effective_deletion(&head, &mount, 5000000), expected);
	}
}

static void test_max_versions(void **state)
{
	struct head_record head = {0};
	struct kv_config mount = {0};

	(void)state;
	assert_int_equal(effective_max_versions(&head, &mount), DEFAULT_MAX_VERSIONS);
	mount.max_versions = 7;
	assert_int_equal(effective_max_versions(&head, &mount), 7);
	head.max_revisions = 3;
	assert_int_equal(effective_max_versions(&head, &mount), 3);
}

static void custom_json(struct secret_buf *out, unsigned first, unsigned count, const char *value, const char *more)
{
	char text[64];

	secret_buf_reset(out);
	secret_buf_append_char(out, '{');
	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof(text), "%s\"k%03u\":%s", i > 0 ? "," : "", first + i, value);
		secret_buf_append_text(out, text);
	}
	secret_buf_append_text(out, more);
	secret_buf_append_text(out, "}");
	secret_buf_append_char(out, '\0');
}

static enum error_code custom(struct head_draft *draft, const char *json, bool patch)
{
	struct json_value value = scan(json);
	struct error err = ERROR_INIT;

	return head_draft_custom(draft, &value, patch, &err);
}

static void test_custom_metadata(void **state)
{
	cleanup_(head_draft_wipe) struct head_draft draft = {0};
	struct head_record empty = {0};
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(head_draft_copy(&empty, &draft, &err), ERR_OK);
	assert_int_equal(custom(&draft, "{\"b\":\"2\",\"a\":\"\\u0031\"}", false), ERR_OK);
	assert_int_equal(draft.head.custom_len, 2);
	assert_memory_equal(draft.head.custom[0].key.at, "a", 1);
	assert_memory_equal(draft.head.custom[0].value.at, "1", 1);
	assert_int_equal(custom(&draft, "{\"b\":null,\"c\":\"3\",\"a\":\"9\"}", true), ERR_OK);
	assert_int_equal(draft.head.custom_len, 2);
	assert_memory_equal(draft.head.custom[0].value.at, "9", 1);
	assert_memory_equal(draft.head.custom[1].key.at, "c", 1);
	assert_int_equal(custom(&draft, "{\"z\":\"1\"}", false), ERR_OK);
	assert_int_equal(draft.head.custom_len, 1);
	assert_int_equal(custom(&draft, "null", true), ERR_OK);
	assert_int_equal(draft.head.custom_len, 0);
	assert_int_equal(custom(&draft, "{\"z\":1}", false), ERR_INVALID);
	assert_int_equal(custom(&draft, "{\"z\":null}", false), ERR_INVALID);
	assert_int_equal(custom(&draft, "[]", false), ERR_INVALID);
	assert_int_equal(custom(&draft, "{\"\":\"x\"}", false), ERR_INVALID);
}

static void test_custom_metadata_limits(void **state)
{
	cleanup_(head_draft_wipe) struct head_draft draft = {0};
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(1u << 20);
	struct head_record empty = {0};
	struct error err = ERROR_INIT;
	char json[2048];

	(void)state;
	assert_int_equal(head_draft_copy(&empty, &draft, &err), ERR_OK);
	custom_json(text, 0, LIMIT_CUSTOM_METADATA_KEYS + 1, "\"x\"", "");
	assert_int_equal(custom(&draft, secret_buf_text(text), false), ERR_INVALID);
	custom_json(text, 0, LIMIT_CUSTOM_METADATA_KEYS, "\"x\"", "");
	assert_int_equal(custom(&draft, secret_buf_text(text), false), ERR_OK);
	/* One over at first, in the end not: what counts is the end. */
	assert_int_equal(custom(&draft, "{\"new\":\"x\",\"k000\":null}", true), ERR_OK);
	assert_int_equal(draft.head.custom_len, LIMIT_CUSTOM_METADATA_KEYS);
	assert_int_equal(custom(&draft, "{\"newer\":\"x\"}", true), ERR_INVALID);
	snprintf(json, sizeof(json), "{\"%0*d\":\"x\"}", LIMIT_CUSTOM_METADATA_KEY_LEN, 0);
	assert_int_equal(custom(&draft, json, false), ERR_OK);
	snprintf(json, sizeof(json), "{\"%0*d\":\"x\"}", LIMIT_CUSTOM_METADATA_KEY_LEN + 1, 0);
	assert_int_equal(custom(&draft, json, false), ERR_INVALID);
	snprintf(json, sizeof(json), "{\"x\":\"%0*d\"}", LIMIT_CUSTOM_METADATA_VALUE_LEN, 0);
	assert_int_equal(custom(&draft, json, false), ERR_OK);
	snprintf(json, sizeof(json), "{\"x\":\"%0*d\"}", LIMIT_CUSTOM_METADATA_VALUE_LEN + 1, 0);
	assert_int_equal(custom(&draft, json, false), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_merge_objects),
		cmocka_unit_test(test_merge_many),
		cmocka_unit_test(test_variables_from_json),
		cmocka_unit_test(test_value_with_nul),
		cmocka_unit_test(test_names_refused),
		cmocka_unit_test(test_merge_variables),
		cmocka_unit_test(test_counters),
		cmocka_unit_test(test_variable_count),
		cmocka_unit_test(test_deletion_times),
		cmocka_unit_test(test_max_versions),
		cmocka_unit_test(test_custom_metadata),
		cmocka_unit_test(test_custom_metadata_limits),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests_name("patch", tests, NULL, NULL);
}
