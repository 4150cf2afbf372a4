/*
 * Any text in the dialect FUZZ_DIALECT (each row of lib/dialect/ gets a target
 * of its own from this source): no input makes a reader read out of bounds,
 * answer and complain at once, give a variable that its own dialect writes
 * differently, or take more time than its length is worth.
 *
 * A directory dialect reads one file: the input's first line is its name.
 */
#include <sodium.h>
#include <string.h>
#include <time.h>

#include "fuzz_expect.h"
#include "vault/dialect.h"
#include "vault/limits.h"

#define ROOM (1u << 24)
#define LONG_TEXT (256u * 1024)
#define LONG_TEXT_SECONDS 3	/* of CPU; some forty times what a linear reader takes with sanitizers */
#define LONG_TEXT_EVERY 4096	/* inputs, about */

static const struct dialect *dialect;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	dialect = dialect_find(FUZZ_DIALECT);
	fuzz_expect(dialect);
	return 0;
}

struct input {
	const char *name;	/* of a directory's file */
	size_t name_len;
	const char *text;
	size_t len;
};

static struct input split(const char *data, size_t size)
{
	struct input input = { .text = data, .len = size };
	const char *end = dialect_is_directory(dialect) && size > 0 ? memchr(data, '\n', size) : NULL;
	if (!end)
		return input;
	input.name = data;
	input.name_len = (size_t)(end - data);
	input.text = end + 1;
	input.len = size - input.name_len - 1;
	return input;
}

static enum error_code decode(const struct input *input, struct env_set *set, struct notes *notes)
{
	struct error err = ERROR_INIT;
	size_t errors_before = notes->errors;
	enum error_code code = dialect_is_directory(dialect) ?
				       dialect_decode_file(dialect, input->name ? input->name : "", input->name_len,
							   input->text, input->len, set, notes, &err) :
				       dialect_decode(dialect, input->text, input->len, set, notes, &err);
	fuzz_expect(code == ERR_OK || code == ERR_INVALID || code == ERR_TOO_LARGE);
	fuzz_expect(code == ERR_TOO_LARGE || (code == ERR_OK) == (notes->errors == errors_before));
	return code;
}

/* A reader takes some names that its writer avoids; it never gives a value that cannot be written. */
static void expect_no_changed_value(const struct notes *notes)
{
	for (size_t i = 0; i < notes->len; i++)
		fuzz_expect(notes->items[i].severity != NOTE_ERROR || !strstr(notes->items[i].reason, "read back"));
}

static void expect_same_file(const struct env_set *set)
{
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct error err = ERROR_INIT;
		struct env_entry entry = env_set_at(set, i);
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(ROOM);
		bool present = false;
		/* It checks by itself that the file reads back. */
		fuzz_expect(dialect_encode_file(dialect, &entry, out, &present, &err) == ERR_OK);
	}
}

static void expect_same_text(const struct env_set *set)
{
	static const struct dialect_options options = { .random = "0123456789abcde" };
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *again = env_set_new(ROOM);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(ROOM);
	enum error_code code = dialect_encode(dialect, set, &options, out, &notes, &err);
	fuzz_expect(code == ERR_OK || code == ERR_UNREPRESENTABLE);
	fuzz_expect((code == ERR_OK) == (notes.errors == 0));
	expect_no_changed_value(&notes);
	if (code != ERR_OK)
		return;
	struct input text = { .text = secret_buf_text(out), .len = secret_buf_len(out) };
	fuzz_expect(decode(&text, again, &notes) == ERR_OK);
	fuzz_expect(env_set_equal(set, again));
}

/* The same for the same input, so that a finding is found again. */
static bool is_picked(const char *data, size_t size)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < size; i++)
		hash = (hash ^ (unsigned char)data[i]) * 16777619u;
	return (hash >> 8) % LONG_TEXT_EVERY == 0;
}

static void expect_linear_time(const struct input *input)
{
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(ROOM);
	char *text = malloc(LONG_TEXT);
	fuzz_expect(text && set);
	for (size_t at = 0; at < LONG_TEXT; at++)
		text[at] = input->text[at % input->len];
	struct input repeated = { .name = input->name, .name_len = input->name_len, .text = text, .len = LONG_TEXT };
	double start = fuzz_seconds_used();
	decode(&repeated, set, &notes);
	fuzz_expect(fuzz_seconds_used() - start < LONG_TEXT_SECONDS);
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(ROOM);
	struct input input = split((const char *)data, size);
	enum error_code code = decode(&input, set, &notes);
	if (code == ERR_OK && dialect_is_directory(dialect))
		expect_same_file(set);
	else if (code == ERR_OK)
		expect_same_text(set);
	if (input.len > 0 && is_picked(input.text, input.len))
		expect_linear_time(&input);
	return 0;
}
