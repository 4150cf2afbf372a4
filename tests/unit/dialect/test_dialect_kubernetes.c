#include "dialect_test.h"

#define HEAD "apiVersion: v1\nkind: Secret\n"

static const struct decode_row rows[] = {
	{ .text = HEAD "data:\n  A: YmM=\n  B: \"\"\n", .set = { "A", "bc", "B", "" } },
	{ .text = HEAD "metadata: {name: x, labels: {a: [1, yes, ~]}, annotations: {}}\ntype: Opaque\nimmutable: true\ndata: {}\n",
	  .set = { NULL } },
	{ .text = HEAD, .set = { NULL } },
	{ .text = HEAD "data:\nstringData: ~\n", .set = { NULL } },
	{ .text = "{\"kind\": \"Secret\", \"apiVersion\": \"v1\", \"data\": {\"a.b-c\": \"YmM=\"}}", .set = { "a.b-c", "bc" } },
	{ .text = HEAD "data:\n  A: |\n    Ym\n    M=\n", .set = { "A", "bc" } },
	{ .text = HEAD "stringData:\n  A: b c\n  B: \"5\"\n", .set = { "A", "b c", "B", "5" } },
	{ .text = HEAD "stringData: {A: new}\ndata: {A: b2xk, B: YmM=}\n", .set = { "A", "new", "B", "bc" } },
	{ .text = HEAD "data: {A: b2xk, B: YmM=}\nstringData: {A: new}\n", .set = { "A", "new", "B", "bc" } },
	{ .text = HEAD "data:\n  A: Ym\xc3\xbc\n", .refused = "is not base64", .line = 4 },	/* a decoder may take them for '/' */
	{ .text = HEAD "data:\n  A: b*\n", .refused = "is not base64", .line = 4 },
	{ .text = HEAD "data:\n  A: Ym M=\n", .refused = "is not base64", .line = 4 },
	{ .text = HEAD "data:\n  A: Ym\n    M=\n", .refused = "is not base64", .line = 4 },
	{ .text = HEAD "data:\n  A: YmM\n", .refused = "is not base64" },
	{ .text = HEAD "data:\n  A: Ym M=\n", .refused = "is not base64" },
	{ .text = HEAD "data:\n  A: 1234\n", .refused = "is a number" },
	{ .text = HEAD "data:\n  A: true\n", .refused = "is a number" },
	{ .text = HEAD "data:\n  A:\n", .refused = "is a number" },
	{ .text = HEAD "stringData:\n  A: 8080\n", .refused = "is a number" },
	{ .text = HEAD "data:\n  A: !!binary \"YmM=\"\n", .refused = "a tag" },
	{ .text = HEAD "data:\n  A: YmM=\n  A: YmM=\n", .refused = "set more than once", .line = 5 },
	{ .text = HEAD "data: {}\ndata: {}\n", .refused = "set more than once", .line = 4 },
	{ .text = HEAD "data: [A]\n", .refused = "is not a mapping", .line = 3 },
	{ .text = HEAD "data: A\n", .refused = "is not a mapping", .line = 3 },
	{ .text = HEAD "data:\n  A: {b: c}\n", .refused = "a mapping or a list" },
	{ .text = HEAD "data:\n  \"a b\": YmM=\n", .refused = "a key of a Secret" },
	{ .text = HEAD "data:\n  \"..a\": YmM=\n", .refused = "a key of a Secret" },
	{ .text = HEAD "spec: {}\n", .refused = "no such part", .line = 3 },
	{ .text = "apiVersion: v1\nkind: ConfigMap\ndata: {A: b}\n", .refused = "not one Secret" },
	{ .text = "apiVersion: v2\nkind: Secret\n", .refused = "not one Secret" },
	{ .text = "kind: Secret\n", .refused = "not one Secret" },
	{ .text = "- A\n", .refused = "not one Secret" },
	{ .text = "", .refused = "not one Secret" },
	{ .text = HEAD "---\n" HEAD, .refused = "more than one document" },
	{ .text = HEAD "data: &a {A: YmM=}\n", .refused = "anchors" },
	{ .text = HEAD "data:\n  A: \"\n", .refused = "not valid YAML" },
};

static void reads_one_secret(void **state)
{
	(void)state;
	check_decode_table("kubernetes", rows, ARRAY_LEN(rows));
}

#define FIFTY "n1234567890123456789012345678901234567890123456789"
#define LONGEST_NAME FIFTY FIFTY FIFTY FIFTY FIFTY "xyz"

static void holds_any_value(void **state)
{
	static char large[LIMIT_KUBERNETES_BYTES + 1];
	const struct refuse_row refusals[] = {
		{ "A", "a\0\xe9\n", .value_len = 4, .refused = NULL },
		{ "-_.a1", "", .refused = NULL },
		{ "1A", "x", .refused = NULL },
		{ ".a", "x", .refused = NULL },
		{ ".", "x", .refused = "a key of a Secret" },
		{ "..", "x", .refused = "a key of a Secret" },
		{ "..a", "x", .refused = "a key of a Secret" },
		{ "a b", "x", .refused = "a key of a Secret" },
		{ "\xc3\xa9", "x", .refused = "a key of a Secret" },
		{ LONGEST_NAME, "x", .refused = NULL },
		{ LONGEST_NAME "x", "x", .refused = "a key of a Secret" },
		{ "LARGE", large, .value_len = sizeof(large), .refused = "larger than 1 MiB" },
	};
	(void)state;
	assert_int_equal(strlen(LONGEST_NAME), LIMIT_KUBERNETES_NAME_LEN);
	check_refuse_table("kubernetes", refusals, ARRAY_LEN(refusals));
}

static enum error_code encode_two(size_t first, size_t second, struct notes *notes)
{
	static char value[LIMIT_KUBERNETES_BYTES];
	struct error err = ERROR_INIT;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(2 * sizeof(value));
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4 * sizeof(value));
	assert_int_equal(env_set_put(set, "A", 1, value, first, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "B", 1, value, second, 0, NULL, &err), ERR_OK);
	return dialect_encode(must_find("kubernetes"), set, NULL, out, notes, &err);
}

static void a_secret_holds_a_mebibyte(void **state)
{
	cleanup_(notes_free) struct notes fits = { .len = 0 }, over = { .len = 0 };
	(void)state;
	assert_int_equal(encode_two(LIMIT_KUBERNETES_BYTES - 1, 1, &fits), ERR_OK);
	assert_int_equal(encode_two(LIMIT_KUBERNETES_BYTES, 1, &over), ERR_UNREPRESENTABLE);
	assert_non_null(find_note(&over, NOTE_ERROR, "larger than 1 MiB", 0));
}

static void what_a_pod_cannot_take_is_remarked_on(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1000);
	(void)state;
	assert_int_equal(env_set_put(set, "A", 1, "\xe9", 1, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "B", 1, "", 1, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "1C", 2, "x", 1, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, "D", 1, "x", 1, 0, NULL, &err), ERR_OK);
	assert_int_equal(dialect_encode(must_find("kubernetes"), set, NULL, out, &notes, &err), ERR_OK);
	assert_int_equal(notes.len, 3);
	assert_non_null(find_note(&notes, NOTE_WARNING, "NUL byte or is not valid", 0));
	assert_non_null(find_note(&notes, NOTE_WARNING, "starts with a digit", 0));
}

static enum error_code write_as(const char *object, const char *namespace_, const char *expected)
{
	const struct dialect_options options = { .object = object, .namespace_ = namespace_ };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1000);
	assert_int_equal(env_set_put(set, "A", 1, "bc", 2, 0, NULL, &err), ERR_OK);
	enum error_code code = dialect_encode(must_find("kubernetes"), set, &options, out, &notes, &err);
	secret_buf_append_char(out, '\0');
	if (expected)
		assert_string_equal(secret_buf_text(out), expected);
	return code;
}

static void names_are_checked(void **state)
{
	static const char *const bad[] = { "", "Shop", "shop_env", "-shop", "shop-", "shop..env", ".shop", "shop.", "sh op", "\"" };
	(void)state;
	assert_int_equal(write_as(NULL, NULL, "apiVersion: v1\nkind: Secret\nmetadata:\n  name: env\ntype: Opaque\ndata:\n"
					      "  A: \"YmM=\"\n"), ERR_OK);
	assert_int_equal(write_as("shop.env-1", "prod", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: shop.env-1\n"
							"  namespace: prod\ntype: Opaque\ndata:\n  A: \"YmM=\"\n"), ERR_OK);
	assert_int_equal(write_as("1e3", "no", "apiVersion: v1\nkind: Secret\nmetadata:\n  name: \"1e3\"\n  namespace: \"no\"\n"
					       "type: Opaque\ndata:\n  A: \"YmM=\"\n"), ERR_OK);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_int_equal(write_as(bad[i], NULL, ""), ERR_INVALID);
		assert_int_equal(write_as("x", bad[i], ""), ERR_INVALID);
	}
	assert_int_equal(write_as("x", "shop.env", ""), ERR_INVALID);
	assert_int_equal(write_as(LONGEST_NAME, FIFTY "1234567890123", NULL), ERR_OK);
	assert_int_equal(write_as(LONGEST_NAME "x", NULL, ""), ERR_INVALID);
	assert_int_equal(write_as("x", FIFTY "12345678901234", ""), ERR_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_one_secret),
		cmocka_unit_test(holds_any_value),
		cmocka_unit_test(a_secret_holds_a_mebibyte),
		cmocka_unit_test(what_a_pod_cannot_take_is_remarked_on),
		cmocka_unit_test(names_are_checked),
	};
	return cmocka_run_group_tests_name("dialect_kubernetes", tests, NULL, NULL);
}
