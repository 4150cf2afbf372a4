/* The check of the whole store walks the tree of pages before it reads through it, while others write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <pthread.h>
#include <sodium.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "records/verify.h"
#include "vault_fixture.h"

#define PAGE 4096
#define FLAGS_AT 10	/* in a page of LMDB */
#define IS_BRANCH 1
#define IS_LEAF 2

static int setup(void **state)
{
	const int rc = vault_fixture_setup(state);
	struct vault_fixture *fixture = *state;
	char name[32];

	vault_fixture_close(fixture);
	fixture->walks = true;
	vault_must_start(fixture, ERR_OK);
	for (unsigned n = 0; n < 40; n++) {
		snprintf(name, sizeof(name), "shop/e%u", n % 20);
		vault_must_put(fixture, name, "value");
	}
	return rc;
}

static struct verify_result verify(struct vault_fixture *fixture)
{
	const struct verify_options options = { .progress = NULL };
	struct verify_result result;
	struct error err = ERROR_INIT;

	if (records_verify(fixture->records, &options, &result, &err) != ERR_OK)
		fail_msg("verify: %s", err.text);
	return result;
}

static void write_flags(int fd, off_t page, uint8_t flags)
{
	assert_int_equal(pwrite(fd, &flags, 1, page + FLAGS_AT), 1);
}

/* Nothing reads through a tree that is not one; and the next commit might spread the damage. */
static void a_damaged_tree_is_the_one_finding(void **state)
{
	struct vault_fixture *fixture = *state;
	struct verify_result result = verify(fixture);
	char path[128];
	uint8_t flags;

	assert_int_equal(result.found, 0);
	snprintf(path, sizeof(path), "%s/vault.db", fixture->directory);
	const int fd = open(path, O_RDWR | O_CLOEXEC);
	/* Of the leaves in the file, some are free. */
	for (off_t page = 2 * PAGE; result.found == 0; page += PAGE) {
		assert_int_equal(pread(fd, &flags, 1, page + FLAGS_AT), 1);
		if (flags != IS_LEAF)
			continue;
		verify_result_free(&result);
		write_flags(fd, page, IS_BRANCH);
		result = verify(fixture);
		write_flags(fd, page, IS_LEAF);
	}
	assert_int_equal(result.found, 1);
	assert_int_equal(result.findings[0].code, ERR_STORE_DAMAGED);
	assert_int_equal(result.findings[0].table, 0);
	assert_int_equal(result.records + result.revisions, 0);
	assert_true(result.tampered && records_tampered(fixture->records));
	verify_result_free(&result);
	close(fd);
}

static bool go_on_for_a_while(void *arg, uint64_t done, uint64_t total)
{
	unsigned *left = arg;

	(void)done;
	assert_int_equal(total, 0);	/* still in the walk */
	return --*left > 0;
}

static void the_walk_may_be_ended(void **state)
{
	struct vault_fixture *fixture = *state;
	unsigned left = 5;
	const struct verify_options options = { .progress = go_on_for_a_while, .arg = &left };
	struct verify_result result;
	struct error err = ERROR_INIT;

	assert_int_equal(records_verify(fixture->records, &options, &result, &err), ERR_CONFLICT);
	assert_int_equal(left, 0);
	assert_int_equal(result.found, 0);
	verify_result_free(&result);
}

struct writer {
	struct vault_fixture *fixture;
	atomic_bool stop;
	size_t writes;
	enum error_code code;
};

static void *write_all_the_time(void *arg)
{
	struct writer *writer = arg;
	char name[32];

	for (; !writer->stop && writer->code == ERR_OK; writer->writes++) {
		snprintf(name, sizeof(name), "shop/e%zu", writer->writes % 17);
		writer->code = writer->writes % 7 == 6 ? vault_destroy(writer->fixture, name) :
							  vault_put(writer->fixture, name, "value");
		if (writer->code == ERR_NOT_FOUND)
			writer->code = ERR_OK;
	}
	return NULL;
}

/* Its snapshot keeps the pages that it walks, and its meta page is the snapshot's. */
static void writers_are_never_taken_for_damage(void **state)
{
	struct vault_fixture *fixture = *state;
	struct writer writer = { .fixture = fixture };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, write_all_the_time, &writer), 0);
	for (int turn = 0; turn < 300; turn++) {
		struct verify_result result = verify(fixture);

		if (result.found > 0)
			fail_msg("turn %d: %s", turn, result.findings[0].text);
		verify_result_free(&result);
	}
	writer.stop = true;
	pthread_join(thread, NULL);
	assert_int_equal(writer.code, ERR_OK);
	assert_true(writer.writes > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_damaged_tree_is_the_one_finding, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(the_walk_may_be_ended, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(writers_are_never_taken_for_damage, setup, vault_fixture_teardown),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
