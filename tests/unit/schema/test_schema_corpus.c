/*
 * The corpus of schemas in tests/vectors/schemas: each NN-name.env.example is read, and the variables of its .valid.env
 * and .invalid.env are checked; all findings are those of index.txt, a line each. A valid set has no errors.
 *
 * After a change that is meant, VAULT_INDEX_OUT=FILE writes the new index, to be looked at line by line.
 */
#include "schema_expect.h"

#include <dirent.h>
#include <stdlib.h>

#include "vault/dialect.h"
#include "vault/limits.h"

struct corpus {
	char folder[512];
	struct secret_buf *out;
	unsigned schemas, valid, invalid;
};

static char *read_whole(const struct corpus *corpus, const char *name, const char *ending, size_t *ret_len)
{
	char path[1024];
	char *text = malloc(LIMIT_SCHEMA_TEXT);
	FILE *file;

	assert_non_null(text);
	snprintf(path, sizeof(path), "%s/%s%s", corpus->folder, name, ending);
	file = fopen(path, "rb");
	if (!file) {
		free(text);
		return NULL;
	}
	*ret_len = fread(text, 1, LIMIT_SCHEMA_TEXT, file);
	fclose(file);
	return text;
}

static void write_findings(struct corpus *corpus, const char *name, const char *what, const struct findings *findings)
{
	for (size_t i = 0; i < findings->len; i++) {
		const struct finding *item = &findings->items[i];
		char line[256];

		if (item->severity == FINDING_INFO)
			continue;
		snprintf(line, sizeof(line), "%s %s %s %s %u:%u%s%s\n", name, what, item->severity == FINDING_ERROR ? "error" : "warning",
			 item->code, item->line, item->column, item->name[0] ? " " : "", item->name);
		secret_buf_append_text(corpus->out, line);
	}
}

static void check_set(struct corpus *corpus, const char *name, const char *ending, const char *what, struct schema *schema)
{
	size_t len, count;
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1 << 22);
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(findings_free) struct findings findings = { 0 };
	struct schema_variable variables[64];
	const struct schema_part part = { schema, NULL, true };
	struct schema_check check = { .parts = &part, .parts_len = 1, .variables = variables, .now_s = 1800000000 };
	struct error err = ERROR_INIT;
	char *text = read_whole(corpus, name, ending, &len);

	if (!text)
		return;
	if (dialect_decode(dialect_find("dotenv"), text, len, set, &notes, &err) != ERR_OK)
		fail_msg("%s%s: %s", name, ending, err.text);
	env_set_sort(set);
	count = env_set_count(set);
	assert_true(count <= ARRAY_LEN(variables));
	for (size_t i = 0; i < count; i++) {
		struct env_entry entry = env_set_at(set, i);

		variables[i] = (struct schema_variable){ entry.name, entry.name_len, entry.value, entry.value_len, false };
	}
	check.variables_len = count;
	assert_int_equal(schema_validate(&check, &findings, NULL, &err), ERR_OK);
	findings_sort(&findings);
	write_findings(corpus, name, what, &findings);
	if (strcmp(what, "valid") == 0 && findings.errors > 0)
		fail_msg("%s%s has errors", name, ending);
	if (strcmp(what, "invalid") == 0 && findings.len == 0)
		fail_msg("%s%s has no findings", name, ending);
	corpus->valid += strcmp(what, "valid") == 0;
	corpus->invalid += strcmp(what, "invalid") == 0;
	free(text);
}

static void read_one(struct corpus *corpus, const char *name)
{
	size_t len;
	char *text = read_whole(corpus, name, ".env.example", &len);

	assert_non_null(text);
	cleanup_(read_schema_free) struct read_schema read = read_bytes(text, len);
	write_findings(corpus, name, "read", &read.findings);
	corpus->schemas++;
	if (read.schema) {
		check_set(corpus, name, ".valid.env", "valid", read.schema);
		check_set(corpus, name, ".invalid.env", "invalid", read.schema);
	}
	free(text);
}

static int is_schema(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return len > 12 && strcmp(entry->d_name + len - 12, ".env.example") == 0;
}

static void compare_with_index(struct corpus *corpus)
{
	const char *actual = secret_buf_text(corpus->out), *expected;
	const char *path = getenv("VAULT_INDEX_OUT");
	size_t len;
	char *index = read_whole(corpus, "index", ".txt", &len);

	if (path) {
		FILE *file = fopen(path, "wb");

		assert_non_null(file);
		fwrite(actual, 1, secret_buf_len(corpus->out), file);
		fclose(file);
	}
	assert_non_null(index);
	assert_true(len < LIMIT_SCHEMA_TEXT);
	index[len] = '\0';
	secret_buf_append_char(corpus->out, '\0');
	actual = secret_buf_text(corpus->out);
	expected = index;
	while (*actual || *expected) {
		size_t a = strcspn(actual, "\n"), e = strcspn(expected, "\n");

		if (a != e || memcmp(actual, expected, a) != 0)
			fail_msg("found \"%.*s\", expected \"%.*s\"", (int)a, actual, (int)e, expected);
		actual += a + (actual[a] == '\n');
		expected += e + (expected[e] == '\n');
	}
	free(index);
}

static void findings_are_those_of_the_index(void **state)
{
	struct corpus corpus = { .out = secret_buf_new(1 << 20) };
	const char *vectors = getenv("VAULT_VECTORS");
	struct dirent **entries = NULL;
	int count;

	(void)state;
	assert_non_null(vectors);
	snprintf(corpus.folder, sizeof(corpus.folder), "%s/schemas", vectors);
	count = scandir(corpus.folder, &entries, is_schema, alphasort);
	for (int i = 0; i < count; i++) {
		entries[i]->d_name[strlen(entries[i]->d_name) - 12] = '\0';
		read_one(&corpus, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	print_message("%u schemas, %u valid and %u invalid sets\n", corpus.schemas, corpus.valid, corpus.invalid);
	assert_true(corpus.schemas >= 60 && corpus.valid >= 60 && corpus.invalid >= 55);
	compare_with_index(&corpus);
	secret_buf_free(corpus.out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(findings_are_those_of_the_index) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
