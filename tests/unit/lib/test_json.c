#include "expect.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "freed_watch.h"
#include "vault/json_emit.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

#define CANARY "canary-of-json"

static struct json_value scan_ok(const char *text)
{
	struct json_value value;
	struct error err = ERROR_INIT;
	if (json_scan(text, strlen(text), &value, &err) != ERR_OK)
		print_message("refused: %s: %s\n", text, err.text);
	assert_int_equal(err.code, ERR_OK);
	return value;
}

/* scanning */

static void valid_texts_are_taken(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum json_kind kind;
		const char *raw;
	} cases[] = {
		{ "null", JSON_SCAN_NULL, "null" },
		{ " true\n", JSON_SCAN_BOOL, "true" },
		{ "\tfalse\r", JSON_SCAN_BOOL, "false" },
		{ "0", JSON_SCAN_NUMBER, "0" },
		{ "-0", JSON_SCAN_NUMBER, "-0" },
		{ "1.10", JSON_SCAN_NUMBER, "1.10" },
		{ "-1.5e+10", JSON_SCAN_NUMBER, "-1.5e+10" },
		{ "1E400", JSON_SCAN_NUMBER, "1E400" },
		{ "123456789012345678901234567890123456789012345678901234567890", JSON_SCAN_NUMBER,
		  "123456789012345678901234567890123456789012345678901234567890" },
		{ "\"\"", JSON_SCAN_STRING, "\"\"" },
		{ "\"a\\\"b\"", JSON_SCAN_STRING, "\"a\\\"b\"" },
		{ "\"\\u0000\"", JSON_SCAN_STRING, "\"\\u0000\"" },
		{ "\"\\ud83d\\ude00\"", JSON_SCAN_STRING, "\"\\ud83d\\ude00\"" },
		{ "\"\\uD83D\\uDE00\"", JSON_SCAN_STRING, "\"\\uD83D\\uDE00\"" },
		{ "\"\xf0\x9f\x98\x80\x7f\"", JSON_SCAN_STRING, "\"\xf0\x9f\x98\x80\x7f\"" },
		{ "[]", JSON_SCAN_ARRAY, "[]" },
		{ " [ ] ", JSON_SCAN_ARRAY, "[ ]" },
		{ "[1,[2,{}],\"]\"]", JSON_SCAN_ARRAY, "[1,[2,{}],\"]\"]" },
		{ "{}", JSON_SCAN_OBJECT, "{}" },
		{ "{ \"a\" : 1 , \"\" : { \"a\" : 2 } }", JSON_SCAN_OBJECT, "{ \"a\" : 1 , \"\" : { \"a\" : 2 } }" },
		{ "[{\"a\":1},{\"a\":1}]", JSON_SCAN_ARRAY, "[{\"a\":1},{\"a\":1}]" },
		{ "{\"a\":1,\"A\":1,\"a\\u0000\":1,\"\\u0000\":1}", JSON_SCAN_OBJECT,
		  "{\"a\":1,\"A\":1,\"a\\u0000\":1,\"\\u0000\":1}" },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct json_value value = scan_ok(cases[i].text);
		assert_int_equal(value.kind, cases[i].kind);
		assert_int_equal(value.raw.len, strlen(cases[i].raw));
		assert_memory_equal(value.raw.at, cases[i].raw, value.raw.len);
		assert_int_equal(value.escaped,
				 value.kind == JSON_SCAN_STRING && strchr(cases[i].raw, '\\') != NULL);
	}
}

static void invalid_texts_are_refused_at_their_byte(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		const char *place;
	} cases[] = {
		{ "", "byte 0:" },
		{ "  ", "byte 2:" },
		{ "\xef\xbb\xbf{}", "byte 0:" },
		{ "{} {}", "byte 3:" },
		{ "1 2", "byte 2:" },
		{ "nul", "byte 0:" },
		{ "nullx", "byte 4:" },
		{ "True", "byte 0:" },
		{ "NaN", "byte 0:" },
		{ "-Infinity", "byte 1:" },
		{ "01", "byte 1:" },
		{ "-", "byte 1:" },
		{ "+1", "byte 0:" },
		{ ".5", "byte 0:" },
		{ "1.", "byte 2:" },
		{ "1.e5", "byte 2:" },
		{ "1e", "byte 2:" },
		{ "1e+", "byte 3:" },
		{ "0x10", "byte 1:" },
		{ "[1,]", "byte 3:" },
		{ "[,1]", "byte 1:" },
		{ "[1 2]", "byte 3:" },
		{ "[1", "byte 2:" },
		{ "[", "byte 1:" },
		{ "]", "byte 0:" },
		{ "{", "byte 1:" },
		{ "{]", "byte 1:" },
		{ "{1:2}", "byte 1:" },
		{ "{a:2}", "byte 1:" },
		{ "{'a':2}", "byte 1:" },
		{ "{\"a\"}", "byte 4:" },
		{ "{\"a\":}", "byte 5:" },
		{ "{\"a\":1,}", "byte 7:" },
		{ "{\"a\":1 \"b\":2}", "byte 7:" },
		{ "/* */ 1", "byte 0:" },
		{ "\"abc", "byte 4:" },
		{ "\"abc\\", "byte 5:" },
		{ "\"a\nb\"", "byte 2:" },
		{ "\"a\x1f\"", "byte 2:" },
		{ "\"12345678\x01\"", "byte 9:" },
		{ "\"\\x41\"", "byte 1:" },
		{ "\"\\u12g4\"", "byte 5:" },
		{ "\"\\u12", "byte 5:" },
		{ "\"\\ud800\"", "byte 1:" },
		{ "\"\\ud800x\"", "byte 1:" },
		{ "\"\\udc00\"", "byte 1:" },
		{ "\"\\ud800\\u0041\"", "byte 1:" },
		{ "\"\\ud800\\ud800\"", "byte 1:" },
		{ "\"\\ud800\\n12345\"", "byte 1:" },
		{ "\"\xff\"", "byte 1:" },
		{ "\"\xc0\x80\"", "byte 1:" },
		{ "\"\xed\xa0\x80\"", "byte 1:" },
		{ "\"1234567890\xf4\x90\x80\x80\"", "byte 11:" },
		{ "\"\xe2\x82\"", "byte 1:" },
		{ "{\"a\":1,\"a\":2}", "byte 8:" },
		{ "{\"a\":1,\"\\u0061\":2}", "byte 8:" },
		{ "{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", "byte 19:" },
		{ "{\"\":1,\"\":2}", "byte 7:" },
		{ "{\"x\":{\"b\":1,\"c\":[],\"b\":2}}", "byte 20:" },
		{ "[{\"a\\/b\":1,\"a/b\":1}]", "byte 12:" },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct json_value value = { .kind = JSON_SCAN_BOOL, .escaped = true };
		struct error err = ERROR_INIT;
		assert_fails(json_scan(cases[i].text, strlen(cases[i].text), &value, &err), &err, ERR_INVALID);
		if (!strstr(err.text, cases[i].place))
			print_message("%s: %s\n", cases[i].text, err.text);
		assert_non_null(strstr(err.text, cases[i].place));
		assert_true(value.kind == JSON_SCAN_BOOL && value.escaped);
	}
	struct json_value value;
	struct error err = ERROR_INIT;
	assert_fails(json_scan("\"a\0b\"", 5, &value, &err), &err, ERR_INVALID);
	assert_fails(json_scan("1\0", 2, &value, &err), &err, ERR_INVALID);
	assert_fails(json_scan("\"\\\0\"", 4, &value, &err), &err, ERR_INVALID);
}

static void errors_do_not_quote_the_text(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"{\"" CANARY "\":1,\"" CANARY "\":2}", "{\"a\":" CANARY "}", "\"" CANARY "\\x\"", "[" CANARY, "{\"a\":1}" CANARY,
		"{\"" CANARY "\"", "{\"a\":\"" CANARY "\\u0000\"}", "{\"a\":\"" CANARY "\",\"b\":99999999999999999999}",
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct json_value value;
		struct error err = ERROR_INIT;
		json_t *object = NULL;
		if (json_scan(cases[i], strlen(cases[i]), &value, &err) != ERR_OK)
			assert_null(strstr(err.text, CANARY));
		assert_fails(safe_json_parse(cases[i], strlen(cases[i]), &object, &err), &err, ERR_INVALID);
		assert_null(strstr(err.text, CANARY));
		assert_null(object);
	}
}

static void nest(char *text, unsigned depth, const char *open, const char *close)
{
	text[0] = '\0';
	for (unsigned i = 0; i < depth; i++)
		strcat(text, open);
	strcat(text, "1");
	for (unsigned i = 0; i < depth; i++)
		strcat(text, close);
}

static void depth_has_its_limit(void **state)
{
	(void)state;
	char text[1024];
	struct json_value value;
	struct error err = ERROR_INIT;
	nest(text, LIMIT_JSON_DEPTH, "[", "]");
	scan_ok(text);
	nest(text, LIMIT_JSON_DEPTH + 1, "[", "]");
	assert_fails(json_scan(text, strlen(text), &value, &err), &err, ERR_INVALID);
	nest(text, LIMIT_JSON_DEPTH, "{\"a\":", "}");
	scan_ok(text);
	json_t *object = NULL;
	error_clear(&err);
	assert_int_equal(safe_json_parse(text, strlen(text), &object, &err), ERR_OK);
	json_decref(object);
	nest(text, LIMIT_JSON_DEPTH + 1, "{\"a\":", "}");
	assert_fails(json_scan(text, strlen(text), &value, &err), &err, ERR_INVALID);
	assert_fails(safe_json_parse(text, strlen(text), &object, &err), &err, ERR_INVALID);
	/* Depth is how deep, not how many. */
	text[0] = '\0';
	for (int i = 0; i < 100; i++)
		strcat(text, i == 0 ? "[[]" : ",[]");
	strcat(text, "]");
	scan_ok(text);
}

/* {"<prefix>0":0,...}, and with again not below count, the name of member `again` once more at the end. */
static struct secret_buf *many_members(const char *prefix, unsigned count, int again)
{
	struct secret_buf *text = secret_buf_new(LIMIT_BODY_DATA * 4);
	assert_non_null(text);
	secret_buf_append_char(text, '{');
	for (unsigned i = 0; i < count; i++) {
		secret_buf_append_text(text, i == 0 ? "\"" : ",\"");
		secret_buf_append_text(text, prefix);
		json_emit_uint(text, i);
		secret_buf_append_text(text, "\":0");
	}
	if (again >= 0) {
		secret_buf_append_text(text, ",\"");
		secret_buf_append_text(text, prefix);
		json_emit_uint(text, (unsigned)again);
		secret_buf_append_text(text, "\":0");
	}
	secret_buf_append_char(text, '}');
	assert_true(secret_buf_ok(text));
	return text;
}

static void duplicates_are_found_in_objects_of_any_size(void **state)
{
	(void)state;
	static const char *const prefixes[] = { "", "name_", "\\u006e\\n", "0123456789012345678901234567890123456789" };
	static const unsigned counts[] = { 1, 2, 15, 16, 17, 31, 32, 33, 63, 64, 65, 300, 10000 };
	for (size_t p = 0; p < CASES(prefixes); p++) {
		for (size_t c = 0; c < CASES(counts); c++) {
			struct json_value value;
			struct error err = ERROR_INIT;
			struct secret_buf *text = many_members(prefixes[p], counts[c], -1);
			assert_int_equal(json_scan(secret_buf_text(text), secret_buf_len(text), &value, &err), ERR_OK);
			assert_int_equal(json_count(&value), counts[c]);
			secret_buf_free(text);
			int agains[] = { 0, (int)counts[c] / 2, (int)counts[c] - 1 };
			for (size_t a = 0; a < CASES(agains); a++) {
				text = many_members(prefixes[p], counts[c], agains[a]);
				assert_fails(json_scan(secret_buf_text(text), secret_buf_len(text), &value, &err),
					     &err, ERR_INVALID);
				secret_buf_free(text);
			}
		}
	}
}

static void spelling_makes_no_name_another(void **state)
{
	(void)state;
	/* Both as few names, which are compared in pairs, and as many, which are hashed. */
	static const unsigned counts[] = { 3, 100 };
	static const char *const again[] = { "name_1", "n\\u0061me_1", "\\u006e\\u0061\\u006d\\u0065\\u005f\\u0031" };
	for (size_t c = 0; c < CASES(counts); c++) {
		for (size_t a = 0; a < CASES(again); a++) {
			cleanup_(secret_buf_freep) struct secret_buf *text =
				many_members(a % 2 == 0 ? "name_" : "nam\\u0065_", counts[c], -1);
			secret_buf_truncate(text, secret_buf_len(text) - 1);
			secret_buf_append_text(text, ",\"");
			secret_buf_append_text(text, again[a]);
			secret_buf_append_text(text, "\":0}");
			struct json_value value;
			struct error err = ERROR_INIT;
			assert_fails(json_scan(secret_buf_text(text), secret_buf_len(text), &value, &err), &err,
				     ERR_INVALID);
			assert_non_null(strstr(err.text, "the same name"));
		}
	}
}

static void names_of_nested_objects_stay_apart(void **state)
{
	(void)state;
	/* Outer names before, between and behind an inner object that is big enough for a table. */
	cleanup_(secret_buf_freep) struct secret_buf *inner = many_members("n", 200, -1);
	for (int duplicate = 0; duplicate < 2; duplicate++) {
		cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(100000);
		secret_buf_append_text(text, "{\"n0\":");
		secret_buf_append(text, secret_buf_bytes(inner), secret_buf_len(inner));
		secret_buf_append_text(text, ",\"n1\":[");
		secret_buf_append(text, secret_buf_bytes(inner), secret_buf_len(inner));
		secret_buf_append_text(text, duplicate ? "],\"n0\":1}" : "],\"n2\":1}");
		struct json_value value;
		struct error err = ERROR_INIT;
		assert_int_equal(json_scan(secret_buf_text(text), secret_buf_len(text), &value, &err),
				 duplicate ? ERR_INVALID : ERR_OK);
	}
}

static double seconds_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void check_fast(const struct secret_buf *text)
{
	struct json_value value;
	struct error err = ERROR_INIT;
	double start = seconds_now();
	assert_int_equal(json_scan(secret_buf_text(text), secret_buf_len(text), &value, &err), ERR_OK);
	/* Linear time is well under 0.2 s even with sanitizers; comparing all pairs would take minutes. */
	assert_true(seconds_now() - start < 5.0);
}

static void hostile_bodies_take_linear_time(void **state)
{
	(void)state;
	struct secret_buf *text = many_members("", 400000, -1);
	assert_true(secret_buf_len(text) > LIMIT_BODY_DATA);
	check_fast(text);
	secret_buf_free(text);
	text = many_members("\\u0061", 250000, -1);
	check_fast(text);
	secret_buf_free(text);
	/* Few names, each long and alike to the last byte, written as escapes. */
	char prefix[6 * 4000 + 1];
	for (size_t i = 0; i < 4000; i++)
		memcpy(prefix + 6 * i, "\\u0061", 7);
	text = many_members(prefix, 400, -1);
	check_fast(text);
	secret_buf_free(text);
}

/* walking */

static void members_come_in_order_with_their_spans(void **state)
{
	(void)state;
	struct json_value object =
		scan_ok("{ \"a\" : 1.10 ,\"b\\n\":\"x\\\"}y\",\"c\":[{\"d\":\"]\"},[]],\"\":null , \"e\":{\"f\":{}} }");
	static const struct {
		const char *name;
		const char *raw;
		enum json_kind kind;
		bool name_escaped;
		bool escaped;
	} wanted[] = {
		{ "a", "1.10", JSON_SCAN_NUMBER, false, false },
		{ "b\\n", "\"x\\\"}y\"", JSON_SCAN_STRING, true, true },
		{ "c", "[{\"d\":\"]\"},[]]", JSON_SCAN_ARRAY, false, false },
		{ "", "null", JSON_SCAN_NULL, false, false },
		{ "e", "{\"f\":{}}", JSON_SCAN_OBJECT, false, false },
	};
	struct json_member member;
	size_t cursor = 0;
	for (size_t i = 0; i < CASES(wanted); i++) {
		assert_true(json_next_member(&object, &cursor, &member));
		assert_int_equal(member.name.len, strlen(wanted[i].name));
		assert_memory_equal(member.name.at, wanted[i].name, member.name.len);
		assert_int_equal(member.value.raw.len, strlen(wanted[i].raw));
		assert_memory_equal(member.value.raw.at, wanted[i].raw, member.value.raw.len);
		assert_int_equal(member.value.kind, wanted[i].kind);
		assert_int_equal(member.name_escaped, wanted[i].name_escaped);
		assert_int_equal(member.value.escaped, wanted[i].escaped);
	}
	assert_false(json_next_member(&object, &cursor, &member));
	assert_false(json_next_member(&object, &cursor, &member));
	assert_int_equal(json_count(&object), CASES(wanted));
}

static void elements_come_in_order(void **state)
{
	(void)state;
	struct json_value array = scan_ok("[ 1,\"two\" , [3,3], {\"4\":4},true]");
	static const char *const wanted[] = { "1", "\"two\"", "[3,3]", "{\"4\":4}", "true" };
	struct json_value element;
	size_t cursor = 0;
	for (size_t i = 0; i < CASES(wanted); i++) {
		assert_true(json_next_element(&array, &cursor, &element));
		assert_int_equal(element.raw.len, strlen(wanted[i]));
		assert_memory_equal(element.raw.at, wanted[i], element.raw.len);
	}
	assert_false(json_next_element(&array, &cursor, &element));
	assert_int_equal(json_count(&array), 5);
	cursor = 0;
	array = scan_ok("[ ]");
	assert_false(json_next_element(&array, &cursor, &element));
	assert_int_equal(json_count(&array), 0);
	/* A walk over what is no container ends at once. */
	struct json_value number = scan_ok("12");
	struct json_member member;
	assert_false(json_next_element(&number, &cursor, &element));
	assert_false(json_next_member(&array, &cursor, &member));
	assert_int_equal(json_count(&number), 0);
}

static void members_are_found_by_their_meaning(void **state)
{
	(void)state;
	struct json_value object = scan_ok("{\"a\\u0062c\":1,\"x\\\\n\":2,\"x\\n\":3,\"n\\u0000\":4,\"plain\":5,\"\":6}");
	static const struct {
		const char *name;
		char digit;
	} cases[] = { { "abc", '1' }, { "x\\n", '2' }, { "x\n", '3' }, { "plain", '5' }, { "", '6' } };
	struct json_value value;
	for (size_t i = 0; i < CASES(cases); i++) {
		assert_true(json_find(&object, cases[i].name, &value));
		assert_int_equal(value.raw.at[0], cases[i].digit);
	}
	assert_false(json_find(&object, "n", &value));
	assert_false(json_find(&object, "plai", &value));
	assert_false(json_find(&object, "a\\u0062c", &value));
}

static void strings_are_unescaped(void **state)
{
	(void)state;
	struct json_value value =
		scan_ok("\"plain \\\"\\\\\\/\\b\\f\\n\\r\\t \\u0041\\u00e9\\u20AC\\ud83d\\ude00\\u0000 end\"");
	static const char wanted[] = "plain \"\\/\b\f\n\r\t A\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80\0 end";
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(100);
	json_append_unescaped(out, json_string_span(&value));
	assert_int_equal(secret_buf_len(out), sizeof(wanted) - 1);
	assert_memory_equal(secret_buf_text(out), wanted, sizeof(wanted) - 1);
}

static void numbers_and_booleans_are_read_leniently(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		bool valid;
		int64_t number;
	} cases[] = {
		{ "0", true, 0 },
		{ "-0", true, 0 },
		{ "3600", true, 3600 },
		{ "\"3600\"", true, 3600 },
		{ "\"\\u0033\"", true, 3 },
		{ "9223372036854775807", true, INT64_MAX },
		{ "-9223372036854775808", true, INT64_MIN },
		{ "9223372036854775808", false, 0 },
		{ "-9223372036854775809", false, 0 },
		{ "99999999999999999999999999999999999999999", false, 0 },
		{ "1.0", false, 0 },
		{ "1e3", false, 0 },
		{ "\"\"", false, 0 },
		{ "\"-\"", false, 0 },
		{ "\" 1\"", false, 0 },
		{ "\"+1\"", false, 0 },
		{ "\"007\"", false, 0 },
		{ "\"1x\"", false, 0 },
		{ "true", false, 0 },
		{ "null", false, 0 },
		{ "[1]", false, 0 },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		struct json_value value = scan_ok(cases[i].text);
		int64_t number = 4711;
		assert_int_equal(json_as_int(&value, &number), cases[i].valid);
		assert_true(number == (cases[i].valid ? cases[i].number : 4711));
	}
	static const char *const trues[] = { "true", "\"true\"", "\"\\u0074rue\"" };
	static const char *const neither[] = { "1", "\"1\"", "\"TRUE\"", "\"\"", "null", "\"truex\"", "{}" };
	bool flag = false;
	struct json_value value;
	for (size_t i = 0; i < CASES(trues); i++, flag = false) {
		value = scan_ok(trues[i]);
		assert_true(json_as_bool(&value, &flag));
		assert_true(flag);
	}
	flag = true;
	value = scan_ok("\"false\"");
	assert_true(json_as_bool(&value, &flag));
	assert_false(flag);
	for (size_t i = 0; i < CASES(neither); i++) {
		value = scan_ok(neither[i]);
		assert_false(json_as_bool(&value, &flag));
	}
}

/* emitting */

static void assert_emitted(struct secret_buf *out, const char *wanted)
{
	assert_true(secret_buf_ok(out));
	assert_int_equal(secret_buf_len(out), strlen(wanted));
	assert_memory_equal(secret_buf_text(out), wanted, strlen(wanted));
	secret_buf_reset(out);
}

static void tokens_are_written(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1000);
	json_emit_raw(out, "{");
	json_emit_key(out, "a");
	json_emit_int(out, -12);
	json_emit_raw_n(out, ",xx", 1);
	json_emit_key(out, "b");
	json_emit_bool(out, true);
	json_emit_raw(out, ",");
	json_emit_cstring(out, "c");
	json_emit_raw(out, ":");
	json_emit_bool(out, false);
	json_emit_raw(out, "}");
	assert_emitted(out, "{\"a\":-12,\"b\":true,\"c\":false}");
	json_emit_int(out, INT64_MIN);
	assert_emitted(out, "-9223372036854775808");
	json_emit_int(out, INT64_MAX);
	assert_emitted(out, "9223372036854775807");
	json_emit_uint(out, UINT64_MAX);
	assert_emitted(out, "18446744073709551615");
	json_emit_uint(out, 0);
	assert_emitted(out, "0");
	json_emit_time(out, 0);
	assert_emitted(out, "\"\"");
	json_emit_time(out, 1500000);
	assert_emitted(out, "\"1970-01-01T00:00:01.5Z\"");
	json_emit_string(out, "a\"b\\c/\b\f\n\r\t\x01\x1f\x7f", 14);
	assert_emitted(out, "\"a\\\"b\\\\c/\\b\\f\\n\\r\\t\\u0001\\u001f\x7f\"");
	json_emit_string(out, NULL, 0);
	assert_emitted(out, "\"\"");
}

static void each_byte_at_each_place_is_escaped_as_it_must(void **state)
{
	(void)state;
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1000);
	/* The fast path takes eight bytes at a time: every ASCII byte must be right at every place in them, also behind
	 * bytes with the high bit and next to others that need an escape. */
	static const char *const around[] = { "aaaaaaaaaaaaaaaaaaaa", "\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9\xc3\xa9",
					      "\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"\"", "!!!!!!!!##########" };
	for (size_t a = 0; a < CASES(around); a++) {
		for (int byte = 0; byte < 128; byte++) {
			for (size_t at = 0; at <= 10; at += 2) {
				char text[32];
				size_t len = strlen(around[a]);
				memcpy(text, around[a], at);
				text[at] = (char)byte;
				memcpy(text + at + 1, around[a] + at, len - at);
				json_emit_string(out, text, len + 1);
				struct json_value value;
				struct error err = ERROR_INIT;
				assert_int_equal(json_scan(secret_buf_text(out), secret_buf_len(out), &value, &err), ERR_OK);
				cleanup_(secret_buf_freep) struct secret_buf *back = secret_buf_new(100);
				json_append_unescaped(back, json_string_span(&value));
				assert_int_equal(secret_buf_len(back), len + 1);
				assert_memory_equal(secret_buf_bytes(back), text, len + 1);
				secret_buf_reset(out);
			}
		}
	}
}

/* jansson */

static void the_scanner_gives_memory_back_wiped(void **state)
{
	(void)state;
	/* Names with escapes are unescaped for hashing: the canary comes into being only there. */
	cleanup_(secret_buf_freep) struct secret_buf *text = many_members("canary-of-js\\u006fn", 200, -1);
	struct json_value value;
	struct error err = ERROR_INIT;
	watch_freed(CANARY);
	assert_int_equal(json_scan(secret_buf_text(text), secret_buf_len(text), &value, &err), ERR_OK);
	assert_freed_clean();
}

int main(void)
{
	if (sodium_init() < 0)
		return 1;
	safe_json_start();
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_texts_are_taken),
		cmocka_unit_test(invalid_texts_are_refused_at_their_byte),
		cmocka_unit_test(errors_do_not_quote_the_text),
		cmocka_unit_test(depth_has_its_limit),
		cmocka_unit_test(duplicates_are_found_in_objects_of_any_size),
		cmocka_unit_test(spelling_makes_no_name_another),
		cmocka_unit_test(names_of_nested_objects_stay_apart),
		cmocka_unit_test(hostile_bodies_take_linear_time),
		cmocka_unit_test(members_come_in_order_with_their_spans),
		cmocka_unit_test(elements_come_in_order),
		cmocka_unit_test(members_are_found_by_their_meaning),
		cmocka_unit_test(strings_are_unescaped),
		cmocka_unit_test(numbers_and_booleans_are_read_leniently),
		cmocka_unit_test(tokens_are_written),
		cmocka_unit_test(each_byte_at_each_place_is_escaped_as_it_must),
		cmocka_unit_test(the_scanner_gives_memory_back_wiped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
