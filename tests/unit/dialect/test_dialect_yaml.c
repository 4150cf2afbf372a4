#include "dialect_test.h"

#include <stdlib.h>
#include <unistd.h>

#include "dialect/yaml_memory.h"

#define TYPED "is a number, a truth value"
#define NOT_YAML "not valid YAML"

static const struct decode_row rows[] = {
	{ .text = "{}\n", .set = { NULL } },
	{ .text = "A: b\nB: \"\"\nC: ''\n", .set = { "A", "b", "B", "", "C", "" } },
	{ .text = "---\n# c\nA: b # c\n...\n", .set = { "A", "b" } },
	{ .text = "{\"A\": \"b\", 'C': d}", .set = { "A", "b", "C", "d" } },
	{ .text = "A: 'it''s \\n $x'\n", .set = { "A", "it's \\n $x" } },
	{ .text = "A: |\n  -----BEGIN\n  x: y\n\n  #z\nB: |-\n  x\nC: |+\n  y\n\n",
	  .set = { "A", "-----BEGIN\nx: y\n\n#z\n", "B", "x", "C", "y\n\n" } },
	{ .text = "A: >\n  b\n  c\n\n  d\n", .set = { "A", "b c\nd\n" } },
	{ .text = "A: b\n  c\n", .set = { "A", "b c" } },
	{ .text = "A: \"b\n  c\\\n  d\"\n", .set = { "A", "b cd" } },
	{ .text = "A: \"b\tc\" # d\te\n", .set = { "A", "b\tc" } },
	{ .text = "? A\n: b\n? \"C d\"\n: e\n", .set = { "A", "b", "C d", "e" } },
	{ .text = "A: b:c=d,e/f#g@h{i}[j]\n", .set = { "A", "b:c=d,e/f#g@h{i}[j]" } },
	{ .text = "A: b\r\nB: |\r\n  c\r\n  d\r\n", .set = { "A", "b", "B", "c\nd\n" } },
	{ .text = "\xef\xbb\xbf" "A: b\n", .set = { "A", "b" }, .warned = "byte order mark", .line = 1 },
	{ .text = "A: !!str 012\nB: !!str\n", .set = { "A", "012", "B", "" } },
	{ .text = "A: !!binary \"aGk=\"\nB: !!binary |\n  aG\n  k=\n", .set = { "A", "hi", "B", "hi" } },
	{ .text = "A: 8080\nB: 0\nC: -5\nD: 10.0.0.1\n", .set = { "A", "8080", "B", "0", "C", "-5", "D", "10.0.0.1" } },
	{ .text = "A: 3 apples\nB: 1st\nC: 5/7\nD: -v\n", .set = { "A", "3 apples", "B", "1st", "C", "5/7", "D", "-v" } },
	{ .text = "A: yesterday\nB: nullable\nC: 'yes'\nD: Nope\n",
	  .set = { "A", "yesterday", "B", "nullable", "C", "yes", "D", "Nope" } },
	{ .text = "A: yes\n", .refused = TYPED, .line = 1 },
	{ .text = "B: c\nA: Off\n", .refused = TYPED, .line = 2 },
	{ .text = "A: y\n", .refused = TYPED },
	{ .text = "A: N\n", .refused = TYPED },
	{ .text = "A: true\n", .refused = TYPED },
	{ .text = "A: False\n", .refused = TYPED },
	{ .text = "A: null\n", .refused = TYPED },
	{ .text = "A: ~\n", .refused = TYPED },
	{ .text = "A:\n", .refused = TYPED },
	{ .text = "A: 012\n", .refused = TYPED },
	{ .text = "A: 0o14\n", .refused = TYPED },
	{ .text = "A: 0x1F\n", .refused = TYPED },
	{ .text = "A: 0b11\n", .refused = TYPED },
	{ .text = "A: 1_000\n", .refused = TYPED },
	{ .text = "A: 1,000\n", .refused = TYPED },
	{ .text = "A: 1:20\n", .refused = TYPED },
	{ .text = "A: 1e3\n", .refused = TYPED },
	{ .text = "A: 1.5\n", .refused = TYPED },
	{ .text = "A: 1.\n", .refused = TYPED },
	{ .text = "A: .5\n", .refused = TYPED },
	{ .text = "A: +5\n", .refused = TYPED },
	{ .text = "A: -0\n", .refused = TYPED },
	{ .text = "A: 1000000000000000\n", .refused = TYPED },
	{ .text = "A: .inf\n", .refused = TYPED },
	{ .text = "A: -.Inf\n", .refused = TYPED },
	{ .text = "A: .NaN\n", .refused = TYPED },
	{ .text = "A: 2001-12-14\n", .refused = TYPED },
	{ .text = "A: 2001-12-14t21:59:43.10-05:00\n", .refused = TYPED },
	{ .text = "A: 1..2\n", .refused = TYPED },
	{ .text = "A: :b\n", .refused = TYPED },
	{ .text = "A: =\n", .refused = TYPED },
	{ .text = "yes: b\n", .refused = "a key is not a name" },
	{ .text = "12: b\n", .refused = "a key is not a name" },
	{ .text = "? [A]\n: b\n", .refused = "a key is not a name" },
	{ .text = "? {A: b}\n: {c: d}\nE: 1.5\n", .refused = TYPED, .line = 3 },
	{ .text = "<<: b\n", .refused = "a key is not a name" },
	{ .text = "A: &x b\n", .refused = "anchors" },
	{ .text = "A: &x b\nB: *x\n", .refused = "anchors", .line = 2 },
	{ .text = "A: &x [b]\n", .refused = "anchors" },
	{ .text = "A: !!int 5\n", .refused = "a tag" },
	{ .text = "A: !x b\n", .refused = "a tag" },
	{ .text = "A: ! \"5\"\n", .refused = "a tag" },
	{ .text = "A: ! b\n", .refused = "a tag" },
	{ .text = "A: !!binary \"a*\"\n", .refused = "a tag" },
	{ .text = "!!map {A: b}\n", .refused = "a tag" },
	{ .text = "%YAML 1.1\n---\nA: b\n", .refused = "directives" },
	{ .text = "%TAG ! x\n---\nA: b\n", .refused = "directives" },
	{ .text = "A: b\n---\nB: c\n", .refused = "more than one document", .line = 2 },
	{ .text = "A: [b]\nB: {c: d}\n", .refused = "a mapping or a list", .line = 2 },
	{ .text = "A: b\nA: c\n", .refused = "set more than once", .line = 2 },
	{ .text = "- A\n", .refused = "not one mapping" },
	{ .text = "A\n", .refused = "not one mapping" },
	{ .text = "", .refused = "not one mapping" },
	{ .text = "# c\n", .refused = "not one mapping" },
	{ .text = "\"\": b\n", .refused = "the name is empty" },
	{ .text = "A:\tb\n", .refused = "a tab outside quotes", .line = 1 },
	{ .text = "A: b\tc\n", .refused = "a tab outside quotes" },
	{ .text = "A: \"b\"\t\nB: c\n", .refused = "a tab outside quotes" },
	{ .text = "A: b\n\tc\n", .refused = NOT_YAML, .line = 2 },
	{ .text = "A: \"b\"#c\n", .refused = "without a space", .line = 1 },
	/* libyaml counts characters, and these have several bytes. */
	{ .text = "A: \"\xc3\xa4\xe2\x82\xac\"\nB: \"b\tc\" # d\n", .set = { "A", "\xc3\xa4\xe2\x82\xac", "B", "b\tc" } },
	{ .text = "A: \"\xc3\xa4\xe2\x82\xac\"\nB: \"c\"\t\n", .refused = "a tab outside quotes", .line = 2 },
	{ .text = "A: \xf0\x9f\x98\x80\xf0\x9f\x98\x80\nB: \"b\"#c\n", .refused = "without a space", .line = 2 },
	{ .text = "A: \"\xf0\x9f\x98\x80\xf0\x9f\x98\x80\"\nB: \"c\n d\"\n", .set = { "A", "\xf0\x9f\x98\x80\xf0\x9f\x98\x80", "B", "c d" } },
	{ .text = "A: \"b\nc\"\n", .refused = "in a line that is not indented", .line = 1 },
	{ .text = "A: 'b\n\n  \n'\n", .refused = "in a line that is not indented" },
	{ .text = "A: 'b\r\n\r\n c'\r\n", .set = { "A", "b\nc" } },
	{ .text = "A: |\n  b", .refused = "a block", .line = 1 },
	{ .text = "A: >-\n  b", .refused = "a block" },
	{ .text = "A: |#c\n  b\n", .refused = "a block" },
	{ .text = "A: |2- # c\n   b\n", .set = { "A", " b" } },
	{ .text = "A: \"b\xe2\x80\xa8" "c\"\n", .refused = "U+2028", .line = 1 },
	{ .text = "A: b\n# \xc2\x85\n", .refused = "U+2028", .line = 2 },
	{ .text = "A: \"\xef\xbb\xbf\"\n", .refused = "byte order mark inside" },
	{ .text = "A: b\nB: \"c\n", .refused = NOT_YAML },
	{ .text = "A: b: c\n", .refused = NOT_YAML, .line = 1 },
	{ .text = "A: @b\n", .refused = NOT_YAML, .line = 1 },
	{ .text = "B: c\nA: \"\\$\"\n", .refused = NOT_YAML, .line = 2 },
	{ .text = "A: b\nB: \xe9\n", .refused = NOT_YAML, .line = 2 },
	{ .text = "A: b\nB: \x01\n", .refused = NOT_YAML, .line = 2 },
	{ .text = "A: b\0\n", .refused = "not a text file", .len = 6 },
};

static void reads_what_every_reader_reads_alike(void **state)
{
	(void)state;
	check_decode_table("yaml", rows, ARRAY_LEN(rows));
}

static void escapes_and_integers(void **state)
{
	static const char text[] = "A: \"\\\"\\\\\\n\\t\\x41\\u00e9\\U0001F600\\0\\N\\_\\e\"\nE: 999999999999999\n";
	static const char value[] = "\"\\\n\tA\xc3\xa9\xf0\x9f\x98\x80\0\xc2\x85\xc2\xa0\x1b";
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	struct env_entry entry;
	(void)state;
	assert_int_equal(dialect_decode(must_find("yaml"), text, strlen(text), set, &notes, &err), ERR_OK);
	assert_true(env_set_find(set, "A", 1, &entry));
	assert_int_equal(entry.value_len, sizeof(value) - 1);
	assert_memory_equal(entry.value, value, sizeof(value) - 1);
	assert_true(env_set_find(set, "E", 1, &entry));
	assert_string_equal(entry.value, "999999999999999");
}

static void every_flaw_is_named(void **state)
{
	static const char text[] = "A: yes\nB: ok\nC: [x, {y: z}]\nD: *e\nF: !x g\nB: twice\n";
	static const char *const names[] = { "A", "C", "D", "F", "B" };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	(void)state;
	assert_int_equal(dialect_decode(must_find("yaml"), text, strlen(text), set, &notes, &err), ERR_INVALID);
	assert_int_equal(notes.errors, ARRAY_LEN(names));
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		assert_string_equal(notes.items[i].name, names[i]);
}

static void holds_any_text(void **state)
{
	static const struct refuse_row refusals[] = {
		{ "A", "a\0b", .value_len = 3, .refused = NULL },
		{ "any name: =\n", "'\"\\\r\n\t\x01\x7f\xef\xbf\xbe", .refused = NULL },
		{ "B", "\xe9", .refused = "not valid UTF-8" },
		{ "C\xe9", "x", .refused = "the name" },
		{ "D\0E", "x", .name_len = 3, .refused = "the name" },
	};
	(void)state;
	check_refuse_table("yaml", refusals, ARRAY_LEN(refusals));
}

static void writes_double_quotes(void **state)
{
	(void)state;
	check_written("yaml", "A", "b", "A: \"b\"\n");
	check_written("yaml", "No", "", "\"No\": \"\"\n");
	check_written("yaml", "1A", "'$", "\"1A\": \"'$\"\n");
	check_written("yaml", "A", "\"\\\n\r\t\x01\x1b\x7f", "A: \"\\\"\\\\\\n\\r\\t\\x01\\x1B\\x7F\"\n");
	check_written("yaml", "A", "\xc2\x80\xc2\x85\xc2\xa0\xe2\x80\xa8\xe2\x80\xa9\xef\xbb\xbf\xef\xbf\xbe\xef\xbf\xbd",
		      "A: \"\\x80\\x85\xc2\xa0\\u2028\\u2029\\uFEFF\\uFFFE\xef\xbf\xbd\"\n");
}

/* The longest name there may be, in escapes that make it ten times as long. */
static void the_longest_name(void **state)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 16), *again = env_set_new(1u << 16);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1u << 16);
	char name[LIMIT_VARIABLE_NAME_LEN];
	(void)state;
	memset(name, '\x01', sizeof(name));
	assert_int_equal(env_set_put(set, name, sizeof(name), "x", 1, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, name, LIMIT_YAML_SIMPLE_KEY, "y", 1, 0, NULL, &err), ERR_OK);
	assert_int_equal(env_set_put(set, name, LIMIT_YAML_SIMPLE_KEY + 1, "z", 1, 0, NULL, &err), ERR_OK);
	if (dialect_encode(must_find("yaml"), set, NULL, out, &notes, &err) != ERR_OK)
		fail_msg("%s", err.text);
	assert_int_equal(dialect_decode(must_find("yaml"), secret_buf_text(out), secret_buf_len(out), again, &notes, &err),
			 ERR_OK);
	assert_true(env_set_equal(set, again));
}

static enum error_code decode_nested(unsigned depth, struct notes *notes)
{
	struct error err = ERROR_INIT;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1000);
	char text[200] = "A: ";
	size_t len = strlen(text);
	memset(text + len, '[', depth);
	memset(text + len + depth, ']', depth);
	return dialect_decode(must_find("yaml"), text, len + 2 * depth, set, notes, &err);
}

/* The mapping itself is the first level. */
static void depth_is_bounded(void **state)
{
	cleanup_(notes_free) struct notes well = { .len = 0 }, deep = { .len = 0 };
	(void)state;
	assert_int_equal(decode_nested(LIMIT_YAML_DEPTH - 1, &well), ERR_INVALID);
	assert_non_null(find_note(&well, NOTE_ERROR, "a mapping or a list", 1));
	assert_null(find_note(&well, NOTE_ERROR, "nested too deeply", 0));
	assert_int_equal(decode_nested(LIMIT_YAML_DEPTH, &deep), ERR_INVALID);
	assert_non_null(find_note(&deep, NOTE_ERROR, "nested too deeply", 1));
}

/* libyaml takes its memory from the program, within the limit, and everything is wiped. */
static void memory_is_bounded_and_ours(void **state)
{
	struct yaml_memory memory;
	(void)state;
	yaml_memory_begin(&memory, 1000);
	char *block = yaml_malloc(600);
	assert_non_null(block);
	assert_null(yaml_malloc(600));
	assert_true(memory.full);
	memset(block, 'x', 600);
	assert_null(yaml_realloc(block, 700));
	yaml_free(block);
	assert_int_equal(memory.used, 0);
	block = yaml_realloc(NULL, 10);
	unsigned char *copy = yaml_strdup((const unsigned char *)"text");
	assert_string_equal((char *)copy, "text");
	memcpy(block, "123456789", 10);
	block = yaml_realloc(block, 300);
	assert_string_equal(block, "123456789");
	yaml_free(block);
	yaml_free(copy);
	yaml_free(NULL);
	assert_null(yaml_strdup(NULL));
	assert_int_equal(memory.used, 0);
	assert_true(memory.peak >= 600 && memory.peak <= memory.limit);
	yaml_memory_end();
	block = yaml_malloc(5000);
	assert_non_null(block);
	yaml_free(block);
}

static const char canary[] = "canary-of-libyaml";
enum { CANARY_SIZE = 600, CANARY_AT = 300 };

static char *block_with_canary(void)
{
	char *block = yaml_malloc(CANARY_SIZE);
	assert_non_null(block);
	memcpy(block + CANARY_AT, canary, sizeof(canary));
	return block;
}

/* The allocator gives the block that was given up last to the next who asks for its size. */
static void expect_no_canary(void)
{
	char *next = malloc(CANARY_SIZE);
	char seen[CANARY_SIZE];
	ssize_t len = -1;
	int fds[2];
	assert_non_null(next);
	assert_int_equal(pipe(fds), 0);
	/* Through a pipe, because what the block holds is nobody's to read. */
	if (write(fds[1], next, CANARY_SIZE) == CANARY_SIZE)
		len = read(fds[0], seen, sizeof(seen));
	close(fds[0]);
	close(fds[1]);
	free(next);
	assert_int_equal(len, CANARY_SIZE);
	assert_null(memmem(seen, sizeof(seen), canary, sizeof(canary)));
}

static void what_is_given_up_is_wiped(void **state)
{
	(void)state;
	yaml_free(block_with_canary());
	expect_no_canary();
	char *moved = yaml_realloc(block_with_canary(), 4 * CANARY_SIZE);
	assert_non_null(moved);
	assert_memory_equal(moved + CANARY_AT, canary, sizeof(canary));
	expect_no_canary();
	yaml_free(moved);
}

/* One value of 8 MiB, the worst case: its text is a single scalar. */
static void one_large_value(void **state)
{
	const size_t len = 8u << 20;
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(len + 100);
	char *text = malloc(len);
	(void)state;
	assert_non_null(text);
	memset(text, 'x', len);
	memcpy(text, "A: \"", 4);
	text[len - 1] = '"';
	assert_int_equal(dialect_decode(must_find("yaml"), text, len, set, &notes, &err), ERR_OK);
	assert_int_equal(env_set_at(set, 0).value_len, len - 5);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_what_every_reader_reads_alike),
		cmocka_unit_test(escapes_and_integers),
		cmocka_unit_test(every_flaw_is_named),
		cmocka_unit_test(holds_any_text),
		cmocka_unit_test(writes_double_quotes),
		cmocka_unit_test(the_longest_name),
		cmocka_unit_test(depth_is_bounded),
		cmocka_unit_test(memory_is_bounded_and_ours),
		cmocka_unit_test(what_is_given_up_is_wiped),
		cmocka_unit_test(one_large_value),
	};
	return cmocka_run_group_tests_name("dialect_yaml", tests, NULL, NULL);
}
