/* What changed, by whom, and between which: names only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fixture.h"
#include "vault/limits.h"

static size_t append_names(char *text, size_t size, const char *label, const struct name_list *list)
{
	size_t len = 0;
	const char *name = list->block;

	for (size_t i = 0; i < list->count; i++) {
		len += (size_t)snprintf(text + len, size - len, "%s%s", label, name);
		name += strlen(name) + 1;
	}
	return len;
}

/* "3~A+B-C 2*+A 1x": ~ changed, + added, - removed, * baseline, x destroyed. */
static void assert_history(const struct fixture *fixture, const char *path, const char *name, uint64_t before,
			   size_t limit, const char *expected)
{
	struct kv_history history = {0};
	struct error err = ERROR_INIT;
	char text[1024] = "";
	size_t len = 0;

	assert_int_equal(kv_history(fixture->vault, &fixture->root, target_of(fixture, path), name, before, limit,
				    &history, &err),
			 ERR_OK);
	for (size_t i = 0; i < history.len; i++) {
		const struct kv_history_entry *entry = &history.entries[i];

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u%s%s", i > 0 ? " " : "",
					(unsigned)entry->version.revision, entry->version.destroyed ? "x" : "",
					entry->baseline ? "*" : "");
		len += append_names(text + len, sizeof(text) - len, "~", &entry->changed);
		len += append_names(text + len, sizeof(text) - len, "+", &entry->added);
		len += append_names(text + len, sizeof(text) - len, "-", &entry->removed);
		assert_string_equal(entry->actor, entry->version.destroyed ? "" : fixture->root.display);
	}
	kv_history_free(&history);
	assert_string_equal(text, expected);
}

static void make_revisions(const struct fixture *fixture, const char *path)
{
	static const char *const data[] = {
		"{\"A\":\"1\"}",
		"{\"A\":\"2\",\"B\":\"x\"}",
		"{\"A\":\"2\",\"B\":\"x\"}",
		"{\"B\":\"y\",\"C\":1}",
		"{\"A\":\"2\",\"B\":\"y\",\"C\":\"1\"}",
	};

	for (size_t i = 0; i < ARRAY_LEN(data); i++)
		assert_int_equal(put(fixture, path, data[i]), ERR_OK);
}

static void test_history(void **state)
{
	struct fixture *fixture = *state;
	struct kv_history history = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(
		kv_history(fixture->vault, &fixture->root, target_of(fixture, "none"), NULL, 0, 9, &history, &err),
		ERR_NOT_FOUND);
	make_revisions(fixture, "h");
	assert_history(fixture, "h", NULL, 0, 100, "5~C+A 4~B+C-A 3 2~A+B 1+A");
	assert_history(fixture, "h", NULL, 0, 2, "5~C+A 4~B+C-A");
	assert_history(fixture, "h", NULL, 4, 2, "3 2~A+B");
	assert_history(fixture, "h", NULL, 1, 2, "");
	assert_history(fixture, "h", NULL, 99, 1, "5~C+A");
	assert_history(fixture, "h", NULL, 0, 0, "");
	assert_history(fixture, "h", "A", 0, 100, "5~C+A 4~B+C-A 2~A+B 1+A");
	assert_history(fixture, "h", "A", 0, 2, "5~C+A 4~B+C-A");
	assert_history(fixture, "h", "B", 4, 1, "2~A+B");
	assert_history(fixture, "h", "Z", 0, 100, "");
}

static void test_history_of_what_is_gone(void **state)
{
	struct fixture *fixture = *state;

	make_revisions(fixture, "g");
	assert_int_equal(change_listed(fixture, KV_DESTROY, "g", "3"), ERR_OK);
	/* A deleted revision still tells who and which names. */
	assert_int_equal(change_listed(fixture, KV_DELETE_REVISIONS, "g", "2"), ERR_OK);
	assert_history(fixture, "g", NULL, 0, 100, "5~C+A 4*+B+C 3x 2~A+B 1+A");
	assert_history(fixture, "g", "B", 0, 100, "4*+B+C 2~A+B");
	assert_int_equal(metadata(fixture, KV_METADATA_PUT, "g", "{\"max_versions\":2}"), ERR_OK);
	assert_int_equal(put(fixture, "g", "{\"A\":\"2\"}"), ERR_OK);
	assert_history(fixture, "g", NULL, 0, 100, "6-B-C 5*+A+B+C");
	assert_int_equal(metadata(fixture, KV_METADATA_PUT, "empty", "{\"max_versions\":2}"), ERR_OK);
	assert_history(fixture, "empty", NULL, 0, 100, "");
}

static void test_history_texts(void **state)
{
	struct fixture *fixture = *state;
	struct kv_history history = {0};
	struct error err = ERROR_INIT;
	char message[LIMIT_MESSAGE_LEN + 1];
	struct vault_op op;

	memset(message, 'm', LIMIT_MESSAGE_LEN);
	message[LIMIT_MESSAGE_LEN] = '\0';
	op_init(&op, fixture, KV_PUT, "texts", "{}", NO_CAS);
	op.message = message;
	op.message_len = LIMIT_MESSAGE_LEN;
	assert_int_equal(op_run(fixture, &op), ERR_OK);
	assert_int_equal(
		kv_history(fixture->vault, &fixture->root, target_of(fixture, "texts"), NULL, 0, 9, &history, &err),
		ERR_OK);
	assert_int_equal(history.len, 1);
	assert_string_equal(history.entries[0].message, message);
	assert_string_equal(history.entries[0].accessor, fixture->root.accessor);
	assert_int_equal(history.entries[0].version.created, fixture->now);
	kv_history_free(&history);
}

/* -- diff ------------------------------------------------------------------ */

/* "4>5 C~4:5 A+0:5 =1" */
static void assert_diff(const struct fixture *fixture, const char *from, uint64_t from_revision, const char *to,
			uint64_t to_revision, const char *expected)
{
	static const char marks[] = { [DIFF_ADDED] = '+', [DIFF_REMOVED] = '-', [DIFF_CHANGED] = '~' };
	struct kv_diff diff = {0};
	struct error err = ERROR_INIT;
	char text[1024];
	size_t len;

	assert_int_equal(kv_diff(fixture->vault, &fixture->root, target_of(fixture, from), from_revision,
				 target_of(fixture, to), to_revision, &diff, &err), ERR_OK);
	len = (size_t)snprintf(text, sizeof(text), "%u>%u ", (unsigned)diff.from_revision, (unsigned)diff.to_revision);
	for (size_t i = 0; i < diff.len; i++) {
		const struct kv_diff_entry *entry = &diff.entries[i];

		assert_int_equal(entry->name_len, strlen(entry->name));
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%c%u:%u ", entry->name, marks[entry->change],
					(unsigned)entry->from_changed_revision, (unsigned)entry->to_changed_revision);
	}
	snprintf(text + len, sizeof(text) - len, "=%zu", diff.unchanged);
	kv_diff_free(&diff);
	assert_string_equal(text, expected);
}

static enum error_code diff_outcome(const struct fixture *fixture, const char *from, uint64_t from_revision,
				    const char *to, uint64_t to_revision)
{
	struct kv_diff diff = {0};
	struct error err = ERROR_INIT;
	enum error_code code = kv_diff(fixture->vault, &fixture->root, target_of(fixture, from), from_revision,
				       target_of(fixture, to), to_revision, &diff, &err);

	kv_diff_free(&diff);
	return code;
}

static void test_diff(void **state)
{
	struct fixture *fixture = *state;

	make_revisions(fixture, "d");
	assert_int_equal(put(fixture, "other", "{\"B\":\"y\",\"C\":1,\"Z\":\"\"}"), ERR_OK);
	assert_diff(fixture, "d", 4, "d", 0, "4>5 A+0:5 C~4:5 =1");
	assert_diff(fixture, "d", 5, "d", 4, "5>4 A-5:0 C~5:4 =1");
	assert_diff(fixture, "d", 2, "d", 3, "2>3 =2");
	assert_diff(fixture, "d", 0, "d", 0, "5>5 =3");
	assert_diff(fixture, "d", 4, "other", 0, "4>1 Z+0:1 =2");
	assert_int_equal(diff_outcome(fixture, "d", 1, "d", 9), ERR_NOT_FOUND);
	assert_int_equal(diff_outcome(fixture, "d", 1, "absent", 0), ERR_NOT_FOUND);
	assert_int_equal(change_listed(fixture, KV_DELETE_REVISIONS, "d", "1"), ERR_OK);
	assert_int_equal(change_listed(fixture, KV_DESTROY, "d", "2"), ERR_OK);
	assert_int_equal(diff_outcome(fixture, "d", 1, "d", 3), ERR_DELETED);
	assert_int_equal(diff_outcome(fixture, "d", 3, "d", 2), ERR_DELETED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_history),
		cmocka_unit_test(test_history_of_what_is_gone),
		cmocka_unit_test(test_history_texts),
		cmocka_unit_test(test_diff),
	};

	return cmocka_run_group_tests_name("history_diff", tests, fixture_start, fixture_stop);
}
