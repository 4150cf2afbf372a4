/* The sealed store: what is put comes back, and whatever is changed behind its back is found, at the start or live. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault_fixture.h"

static void copy_file(const char *directory, const char *from, const char *to)
{
	char source[160], target[160], buffer[65536];
	ssize_t n;

	snprintf(source, sizeof(source), "%s/%s", directory, from);
	snprintf(target, sizeof(target), "%s/%s", directory, to);
	int in = open(source, O_RDONLY), out = open(target, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(in >= 0 && out >= 0);
	while ((n = read(in, buffer, sizeof(buffer))) > 0)
		assert_int_equal(write(out, buffer, (size_t)n), n);
	close(in);
	close(out);
}

static void remove_file(const char *directory, const char *name)
{
	char path[160];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	unlink(path);
}

static void assert_start(struct vault_fixture *fixture, enum error_code a, enum error_code b)
{
	struct error err = ERROR_INIT;
	enum error_code code = vault_fixture_start(fixture, &err);

	if (code != a && code != b)
		fail_msg("started with %s (%s), expected %s or %s", error_name(code), err.text, error_name(a), error_name(b));
}

static void what_is_put_comes_back(void **state)
{
	struct vault_fixture *fixture = *state;
	char value[64], name[32];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "shop/e%d", i % 10);
		snprintf(value, sizeof(value), "value-%d", i);
		assert_int_equal(vault_put(fixture, name, value), ERR_OK);
	}
	for (int turn = 0; turn < 3; turn++) {
		for (int i = 30; i < 40; i++) {
			char expected[64];

			snprintf(name, sizeof(name), "shop/e%d", i % 10);
			snprintf(expected, sizeof(expected), "value-%d", i);
			assert_int_equal(vault_get(fixture, name, value, sizeof(value)), ERR_OK);
			assert_string_equal(value, expected);
		}
		assert_int_equal(vault_get(fixture, "shop/none", value, sizeof(value)), ERR_NOT_FOUND);
		records_seal(fixture->records);
		assert_int_equal(vault_get(fixture, "shop/e1", value, sizeof(value)), ERR_SEALED);
		assert_int_equal(vault_put(fixture, "shop/e1", "x"), ERR_SEALED);
		struct error err = ERROR_INIT;
		if (turn == 1) {
			vault_fixture_close(fixture);
			assert_int_equal(vault_fixture_start(fixture, &err), ERR_OK);
		} else if (vault_fixture_unseal(fixture, &err) != ERR_OK) {
			fail_msg("%s", err.text);
		}
	}
}

static void a_wrong_key_opens_nothing(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;
	uint8_t right = fixture->key[5];

	vault_fixture_close(fixture);
	fixture->key[5] ^= 1;
	assert_int_equal(vault_fixture_start(fixture, &err), ERR_UNSEAL_FAILED);
	fixture->key[5] = right;
	err = (struct error)ERROR_INIT;
	assert_int_equal(vault_fixture_start(fixture, &err), ERR_OK);
}

static void an_old_record_put_back_is_found(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record old;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	vault_fixture_close(fixture);
	assert_true(raw_find(fixture, TABLE_HEAD, 0, &old));
	assert_start(fixture, ERR_OK, ERR_OK);
	assert_int_equal(vault_put(fixture, "a", "2"), ERR_OK);
	vault_fixture_close(fixture);
	raw_put(fixture, &old, old.value, old.value_len);
	assert_start(fixture, ERR_SET_CHANGED, ERR_RECORD);
	free(old.value);
}

/* Two equal environments' heads, keys and revisions are exchanged. */
static void records_in_the_wrong_place_are_found(void **state)
{
	struct vault_fixture *fixture = *state;
	static const struct {
		uint8_t table;
		unsigned first;
	} tables[] = { { TABLE_HEAD, 0 }, { TABLE_DATA_KEY, 1 } };
	struct raw_record a, b;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	assert_int_equal(vault_put(fixture, "b", "2"), ERR_OK);
	vault_fixture_close(fixture);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		assert_true(raw_find(fixture, tables[i].table, tables[i].first, &a));
		assert_true(raw_find(fixture, tables[i].table, tables[i].first + 1, &b));
		raw_put(fixture, &a, b.value, b.value_len);
		assert_start(fixture, ERR_RECORD, ERR_SET_CHANGED);
		raw_put(fixture, &a, a.value, a.value_len);
		assert_start(fixture, ERR_OK, ERR_OK);
		vault_fixture_close(fixture);
		free(a.value);
		free(b.value);
	}
}

static void an_exchanged_revision_is_never_another_value(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record a, b;
	char value[64];

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	assert_int_equal(vault_put(fixture, "b", "2"), ERR_OK);
	vault_fixture_close(fixture);
	assert_true(raw_find(fixture, TABLE_REVISION, 0, &a));
	assert_true(raw_find(fixture, TABLE_REVISION, 1, &b));
	raw_put(fixture, &a, b.value, b.value_len);
	assert_start(fixture, ERR_OK, ERR_OK);
	enum error_code code_a = vault_get(fixture, "a", value, sizeof(value));
	enum error_code code_b = vault_get(fixture, "b", value, sizeof(value));
	assert_true((code_a == ERR_RECORD && code_b == ERR_OK) || (code_a == ERR_OK && code_b == ERR_RECORD));
	free(a.value);
	free(b.value);
}

static void a_removed_record_of_any_table_is_found(void **state)
{
	struct vault_fixture *fixture = *state;
	static const uint8_t tables[] = { TABLE_HEAD, TABLE_DATA_KEY, TABLE_REVISION, TABLE_STATE };
	struct raw_record record;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	vault_fixture_close(fixture);
	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		assert_true(raw_find(fixture, tables[i], 0, &record));
		raw_put(fixture, &record, NULL, 0);
		struct error err = ERROR_INIT;
		enum error_code code = vault_fixture_start(fixture, &err);
		assert_true(code == ERR_STORE_DAMAGED || code == ERR_STATE_DAMAGED);
		raw_put(fixture, &record, record.value, record.value_len);
		assert_start(fixture, ERR_OK, ERR_OK);
		vault_fixture_close(fixture);
		free(record.value);
	}
}

/* The number of records stays right: only the walk of the revisions sees it. */
static void a_revision_instead_of_another_is_found(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record kept, moved;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	assert_int_equal(vault_put(fixture, "a", "2"), ERR_OK);
	vault_fixture_close(fixture);
	assert_true(raw_find(fixture, TABLE_REVISION, 0, &kept));
	moved = kept;
	moved.key[moved.key_len - 1] = 9;
	raw_put(fixture, &kept, NULL, 0);
	raw_put(fixture, &moved, kept.value, kept.value_len);
	assert_start(fixture, ERR_REVISION_MISSING, ERR_REVISION_UNKNOWN);
	free(kept.value);
}

/* The same with a record that the accumulator covers, and with the state that goes with it. */
static void an_added_record_is_found(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record head, token = { .key_len = 17 };

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	vault_fixture_close(fixture);
	assert_true(raw_find(fixture, TABLE_HEAD, 0, &head));
	token.key[0] = TABLE_TOKEN;
	raw_put(fixture, &token, head.value, head.value_len);
	assert_start(fixture, ERR_STORE_DAMAGED, ERR_SET_CHANGED);
	free(head.value);
}

static void an_old_database_is_refused_by_the_header(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, "vault.db", "old.db");
	copy_file(fixture->directory, "vault.hdr", "old.hdr");
	assert_start(fixture, ERR_OK, ERR_OK);
	assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, "vault.hdr", "new.hdr");
	copy_file(fixture->directory, "old.hdr", "vault.hdr");
	assert_start(fixture, ERR_HEADER_STALE, ERR_HEADER_STALE);
	copy_file(fixture->directory, "new.hdr", "vault.hdr");
	copy_file(fixture->directory, "old.db", "vault.db");
	assert_start(fixture, ERR_ROLLBACK, ERR_ROLLBACK);
	remove_file(fixture->directory, "old.db");
	remove_file(fixture->directory, "old.hdr");
	remove_file(fixture->directory, "new.hdr");
}

static void the_anchor_sees_a_rollback_of_everything(void **state)
{
	struct vault_fixture *fixture = *state;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, "vault.db", "old.db");
	assert_start(fixture, ERR_OK, ERR_OK);
	assert_int_equal(vault_put(fixture, "a", "2"), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, "vault.db", "new.db");
	copy_file(fixture->directory, "old.db", "vault.db");
	assert_start(fixture, ERR_ROLLBACK, ERR_ROLLBACK);
	/* going on from the old copy to the same counter is another history */
	copy_file(fixture->directory, "new.db", "vault.db");
	assert_start(fixture, ERR_OK, ERR_OK);
	vault_fixture_close(fixture);
	fixture->anchored = false;
	assert_start(fixture, ERR_ANCHOR_MISSING, ERR_ANCHOR_MISSING);
	fixture->anchored = true;
	unlink(fixture->anchor_path);
	assert_start(fixture, ERR_ANCHOR_MISSING, ERR_ANCHOR_MISSING);
	remove_file(fixture->directory, "old.db");
	remove_file(fixture->directory, "new.db");
}

/* Such a copy does not say that there is an anchor; the anchor knows the vault all the same. */
static void the_anchor_sees_a_copy_of_before_it_was_configured(void **state)
{
	struct vault_fixture *fixture = *state;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, "vault.db", "old.db");
	fixture->anchored = true;
	assert_start(fixture, ERR_OK, ERR_OK);
	assert_int_equal(vault_put(fixture, "a", "2"), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, "vault.db", "new.db");
	copy_file(fixture->directory, "old.db", "vault.db");
	assert_start(fixture, ERR_ROLLBACK, ERR_ROLLBACK);
	copy_file(fixture->directory, "new.db", "vault.db");
	assert_start(fixture, ERR_OK, ERR_OK);
	remove_file(fixture->directory, "old.db");
	remove_file(fixture->directory, "new.db");
}

/* Two histories that went on from the same copy reach the same counter with different states. */
static void the_anchor_sees_another_history(void **state)
{
	struct vault_fixture *fixture = *state;
	char name[80];

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, "vault.db", "old.db");
	/* The anchor stands beside the directory. */
	snprintf(name, sizeof(name), "../%s", strrchr(fixture->anchor_path, '/') + 1);
	copy_file(fixture->directory, name, "old.anchor");
	assert_start(fixture, ERR_OK, ERR_OK);
	assert_int_equal(vault_put(fixture, "a", "2"), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, name, "first.anchor");
	copy_file(fixture->directory, "old.db", "vault.db");
	copy_file(fixture->directory, "old.anchor", name);
	assert_start(fixture, ERR_OK, ERR_OK);
	assert_int_equal(vault_put(fixture, "a", "3"), ERR_OK);
	vault_fixture_close(fixture);
	copy_file(fixture->directory, name, "second.anchor");
	copy_file(fixture->directory, "first.anchor", name);
	assert_start(fixture, ERR_FORK, ERR_FORK);
	copy_file(fixture->directory, "second.anchor", name);
	assert_start(fixture, ERR_OK, ERR_OK);
	remove_file(fixture->directory, "old.db");
	remove_file(fixture->directory, "old.anchor");
	remove_file(fixture->directory, "first.anchor");
	remove_file(fixture->directory, "second.anchor");
}

/* Another process writes an old head into the open database: pins, not LMDB, decide. */
static void a_change_under_the_running_store_is_found(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record old;
	char value[64];
	int status;

	assert_int_equal(vault_put(fixture, "a", "1"), ERR_OK);
	assert_int_equal(vault_put(fixture, "b", "1"), ERR_OK);
	vault_fixture_close(fixture);
	assert_true(raw_find(fixture, TABLE_HEAD, 0, &old));
	assert_start(fixture, ERR_OK, ERR_OK);
	pid_t child = fork();
	if (child == 0) {
		/* LMDB refuses an environment twice in one process; this is another one. */
		alarm(20);
		old.value[70] ^= 1;
		execl("/proc/self/exe", "put", fixture->directory, (char *)NULL);
		_exit(3);
	}
	waitpid(child, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 0);
	enum error_code a = vault_get(fixture, "a", value, sizeof(value)), b = vault_get(fixture, "b", value, sizeof(value));
	assert_true(a == ERR_RECORD || b == ERR_RECORD);
	assert_true(records_tampered(fixture->records));
	/* A write over it must not launder it. */
	assert_int_equal(vault_put(fixture, a == ERR_RECORD ? "a" : "b", "2"), ERR_RECORD);
	free(old.value);
}

static void read_or_write_page(const struct vault_fixture *fixture, uint64_t page, uint8_t bytes[static 4096], bool writing)
{
	char path[128];

	snprintf(path, sizeof(path), "%s/vault.db", fixture->directory);
	int fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(writing ? pwrite(fd, bytes, 4096, (off_t)page * 4096) : pread(fd, bytes, 4096, (off_t)page * 4096), 4096);
	close(fd);
}

/* Each child of the root becomes a page that there is not. */
static void damage_the_root(const struct vault_fixture *fixture)
{
	uint8_t metas[2][4096], page[4096];
	uint64_t ids[2], root;
	uint16_t lower, node;

	for (unsigned i = 0; i < 2; i++) {
		read_or_write_page(fixture, i, metas[i], false);
		memcpy(&ids[i], metas[i] + 144, 8);
	}
	memcpy(&root, metas[ids[1] > ids[0]] + 128, 8);
	read_or_write_page(fixture, root, page, false);
	memcpy(&lower, page + 12, 2);
	for (unsigned at = 16; at < lower; at += 2) {
		memcpy(&node, page + at, 2);
		memset(page + node, 0xff, 6);
	}
	read_or_write_page(fixture, root, page, true);
}

static void damage_of_the_structure_while_it_runs_ends_the_answers(void **state)
{
	struct vault_fixture *fixture = *state;
	char name[16], value[64];

	for (int i = 0; i < 40; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_put(fixture, name, "1"), ERR_OK);
	}
	assert_int_equal(vault_get(fixture, "e7", value, sizeof(value)), ERR_OK);
	damage_the_root(fixture);
	assert_int_equal(vault_get(fixture, "e7", value, sizeof(value)), ERR_STORE_DAMAGED);
	assert_true(records_tampered(fixture->records));
	assert_int_equal(vault_put(fixture, "e8", "2"), ERR_RECORD);	/* nothing is written to it any more */
}

/* The other process of a_change_under_the_running_store_is_found(). */
static int change_behind(const char *directory)
{
	struct vault_fixture fixture = { 0 };
	struct raw_record head;

	snprintf(fixture.directory, sizeof(fixture.directory), "%s", directory);
	if (!raw_find(&fixture, TABLE_HEAD, 0, &head))
		return 1;
	head.value[70] ^= 1;
	raw_put_live(&fixture, &head, head.value, head.value_len);
	free(head.value);
	return 0;
}

static void destroy_and_rotation_leave_no_old_wrap(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct raw_record record;
	struct records_health health;
	char value[64];

	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_put(fixture, name, "secret"), ERR_OK);
	}
	assert_int_equal(vault_destroy(fixture, "e3"), ERR_OK);
	assert_int_equal(vault_get(fixture, "e3", value, sizeof(value)), ERR_NOT_FOUND);
	records_health(fixture->records, &health);
	uint64_t before = health.counter;
	/* The clock of the fixture is microseconds a call: 25 hours later the tick rotates by itself. */
	fixture->now += INT64_C(25) * 3600 * 1000000;
	records_tick(fixture->records);
	records_health(fixture->records, &health);
	assert_true(health.counter > before);
	assert_string_equal(health.last_error, "");
	for (int i = 0; i < 20; i++) {
		char name[16];

		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_get(fixture, name, value, sizeof(value)), i == 3 ? ERR_NOT_FOUND : ERR_OK);
	}
	assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	vault_fixture_close(fixture);
	for (unsigned i = 0; raw_find(fixture, TABLE_DATA_KEY, i, &record); i++) {
		assert_int_equal(record.value[4], 3);	/* kver: the third epoch */
		free(record.value);
	}
	assert_start(fixture, ERR_OK, ERR_OK);
}

/* Killed anywhere in rotations and writes: the next start finishes what was begun and everything is readable. */
static void a_kill_anywhere_in_a_rotation_is_survived(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;
	char name[16], value[64];

	for (int i = 0; i < 50; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_put(fixture, name, "kept"), ERR_OK);
	}
	vault_fixture_close(fixture);
	for (int turn = 0; turn < 25; turn++) {
		pid_t child = fork();
		if (child == 0) {
			struct error ignored = ERROR_INIT;

			if (vault_fixture_start(fixture, &ignored) != ERR_OK)
				_exit(1);
			for (;;)
				if (records_rotate_kek(fixture->records, &ignored) != ERR_OK)
					_exit(2);
		}
		usleep((useconds_t)(2000 + turn * 1700));
		kill(child, SIGKILL);
		int status;
		waitpid(child, &status, 0);
		assert_true(WIFSIGNALED(status));
		err = (struct error)ERROR_INIT;
		if (vault_fixture_start(fixture, &err) != ERR_OK)
			fail_msg("turn %d: %s", turn, err.text);
		for (int i = 0; i < 50; i++) {
			snprintf(name, sizeof(name), "e%d", i);
			assert_int_equal(vault_get(fixture, name, value, sizeof(value)), ERR_OK);
			assert_string_equal(value, "kept");
		}
		vault_fixture_close(fixture);
	}
	assert_start(fixture, ERR_OK, ERR_OK);
}

/* -- readers race the committer ------------------------------------------------------------------ */

struct race {
	struct vault_fixture *fixture;
	atomic_bool stop;
	size_t reads;
};

static void *read_all_the_time(void *arg)
{
	struct race *race = arg;
	char name[16], value[64];

	while (!race->stop) {
		snprintf(name, sizeof(name), "e%zu", race->reads % 5);
		if (vault_get(race->fixture, name, value, sizeof(value)) != ERR_OK)
			return race;	/* a reader saw an error */
		race->reads++;
	}
	return NULL;
}

static void readers_never_see_a_false_alarm(void **state)
{
	struct vault_fixture *fixture = *state;
	struct race races[3] = { { fixture, false, 0 }, { fixture, false, 0 }, { fixture, false, 0 } };
	pthread_t threads[3];
	char name[16], value[16];

	for (int i = 0; i < 5; i++) {
		snprintf(name, sizeof(name), "e%d", i);
		assert_int_equal(vault_put(fixture, name, "0"), ERR_OK);
	}
	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &races[i]), 0);
	for (int i = 0; i < 1500; i++) {
		snprintf(name, sizeof(name), "e%d", i % 5);
		snprintf(value, sizeof(value), "%d", i);
		assert_int_equal(vault_put(fixture, name, value), ERR_OK);
	}
	for (int i = 0; i < 3; i++) {
		void *trouble;

		races[i].stop = true;
		pthread_join(threads[i], &trouble);
		assert_null(trouble);
		assert_true(races[i].reads > 100);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vault_fixture_setup, vault_fixture_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(what_is_put_comes_back),
		TEST(a_wrong_key_opens_nothing),
		TEST(an_old_record_put_back_is_found),
		TEST(records_in_the_wrong_place_are_found),
		TEST(an_exchanged_revision_is_never_another_value),
		TEST(a_removed_record_of_any_table_is_found),
		TEST(a_revision_instead_of_another_is_found),
		TEST(an_added_record_is_found),
		TEST(an_old_database_is_refused_by_the_header),
		cmocka_unit_test_setup_teardown(the_anchor_sees_a_rollback_of_everything, vault_fixture_setup_anchored,
						vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(the_anchor_sees_a_copy_of_before_it_was_configured, vault_fixture_setup,
						vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(the_anchor_sees_another_history, vault_fixture_setup_anchored,
						vault_fixture_teardown),
		TEST(a_change_under_the_running_store_is_found),
		TEST(damage_of_the_structure_while_it_runs_ends_the_answers),
		TEST(destroy_and_rotation_leave_no_old_wrap),
		TEST(a_kill_anywhere_in_a_rotation_is_survived),
		TEST(readers_never_see_a_false_alarm),
	};

	if (argc == 2 && strcmp(argv[0], "put") == 0)
		return change_behind(argv[1]);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
