/* Jobs on the whole store: who may, one at a time, what is told and what is forgotten, and the compaction that comes by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/store_jobs.h"
#include "fixture.h"

static struct job_status status_of(struct fixture *fixture, enum store_job job)
{
	struct job_status status;
	struct error err = ERROR_INIT;

	if (vault_job_status(fixture->vault, &fixture->root, job, &status, &err) != ERR_OK)
		fail_msg("status: %s", err.text);
	return status;
}

static struct job_status wait_for_end(struct fixture *fixture, enum store_job job)
{
	for (;;) {
		struct job_status status = status_of(fixture, job);

		if (status.state != JOB_RUNNING)
			return status;
		job_status_free(&status);
		usleep(1000);
	}
}

static bool start(struct fixture *fixture, enum store_job job, char *ret_id)
{
	struct error err = ERROR_INIT;
	bool began;

	if (vault_job_start(fixture->vault, &fixture->root, job, ret_id, &began, &err) != ERR_OK)
		fail_msg("start: %s", err.text);
	return began;
}

static void put_some(struct fixture *fixture, int environments, size_t len)
{
	char *data = malloc(len + 32), path[32];

	snprintf(data, 16, "{\"A\":\"");
	memset(data + 6, 'x', len);
	strcpy(data + 6 + len, "\"}");
	for (int i = 0; i < environments; i++) {
		snprintf(path, sizeof(path), "shop/e%d", i);
		assert_int_equal(put(fixture, path, data), ERR_OK);
	}
	free(data);
}

static void test_sudo_is_needed(void **state)
{
	struct fixture *fixture = *state;
	const struct caller stranger = { .kind = CALLER_ANONYMOUS };
	struct error err = ERROR_INIT;
	struct job_status status;
	char id[JOB_ID_LEN + 1];
	bool began;

	for (enum store_job job = JOB_VERIFY; job < STORE_JOBS; job++) {
		assert_int_equal(vault_job_start(fixture->vault, &stranger, job, id, &began, &err), ERR_DENIED);
		err = (struct error)ERROR_INIT;
		assert_int_equal(vault_job_status(fixture->vault, &stranger, job, &status, &err), ERR_DENIED);
		err = (struct error)ERROR_INIT;
		assert_int_equal(vault_job_cancel(fixture->vault, &stranger, job, &err), ERR_DENIED);
		err = (struct error)ERROR_INIT;
		status = status_of(fixture, job);
		assert_int_equal(status.state, JOB_NEVER);
		assert_string_equal(status.id, "");
	}
}

static void test_a_verify_and_a_compaction(void **state)
{
	struct fixture *fixture = *state;
	struct job_report report;
	char first[JOB_ID_LEN + 1], second[JOB_ID_LEN + 1];

	put_some(fixture, 10, 100);
	assert_true(start(fixture, JOB_VERIFY, first));
	struct job_status status = wait_for_end(fixture, JOB_VERIFY);
	assert_int_equal(status.state, JOB_DONE);
	assert_string_equal(status.id, first);
	assert_int_equal(status.verify.found, 0);
	assert_int_equal(status.verify.revisions, 10);
	assert_int_equal(status.done, status.total);
	assert_true(status.started >= START_TIME && status.ended >= status.started);
	job_status_free(&status);
	assert_true(start(fixture, JOB_COMPACT, second));
	assert_string_not_equal(first, second);
	status = wait_for_end(fixture, JOB_COMPACT);
	assert_int_equal(status.state, JOB_DONE);
	assert_true(status.compacted.bytes_after > 0);
	job_status_free(&status);
	/* What the other found is still told. */
	status = status_of(fixture, JOB_VERIFY);
	assert_string_equal(status.id, first);
	job_status_free(&status);
	assert_true(vault_job_report(fixture->vault, &report));
	assert_false(report.is_damage);
	assert_true(strncmp(report.text, "verify: done", 12) == 0);
	assert_true(vault_job_report(fixture->vault, &report));
	assert_true(strncmp(report.text, "compact: ", 9) == 0);
	assert_false(vault_job_report(fixture->vault, &report));
}

/* One that runs is told of, one of the other kind refused, and it ends when it is asked to: it is long enough for that. */
static void test_one_at_a_time_and_cancelled(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	char first[JOB_ID_LEN + 1], second[JOB_ID_LEN + 1];
	bool began, seen_running = false, seen_busy = false, seen_cancelled = false;

	put_some(fixture, 60, 300000);
	for (int turn = 0; turn < 200 && !(seen_running && seen_busy && seen_cancelled); turn++) {
		assert_true(start(fixture, JOB_VERIFY, first));
		if (!start(fixture, JOB_VERIFY, second)) {
			assert_string_equal(first, second);
			seen_running = true;
		}
		err = (struct error)ERROR_INIT;
		if (vault_job_start(fixture->vault, &fixture->root, JOB_COMPACT, second, &began, &err) == ERR_BUSY)
			seen_busy = true;
		err = (struct error)ERROR_INIT;
		assert_int_equal(vault_job_cancel(fixture->vault, &fixture->root, JOB_VERIFY, &err), ERR_OK);
		struct job_status status = wait_for_end(fixture, JOB_VERIFY);
		seen_cancelled |= status.state == JOB_ENDED;
		assert_true(status.state == JOB_ENDED || status.state == JOB_DONE);
		job_status_free(&status);
		status = wait_for_end(fixture, JOB_COMPACT);
		job_status_free(&status);
	}
	assert_true(seen_running && seen_busy && seen_cancelled);
}

/* -- damage ------------------------------------------------------------------------------------------ */

/* Flips a bit in the body of the largest value in the file, while the vault is closed. */
static void test_none_begins_at_the_end(void **state)
{
	struct fixture *fixture = *state;
	char id[JOB_ID_LEN + 1] = "";
	struct job_status status;
	struct error err = ERROR_INIT;
	bool began = true;

	put_some(fixture, 200, 4000);
	assert_true(start(fixture, JOB_VERIFY, id));
	vault_end_jobs(fixture->vault);
	status = wait_for_end(fixture, JOB_VERIFY);
	assert_true(status.state == JOB_ENDED || status.state == JOB_DONE);
	job_status_free(&status);
	for (unsigned job = 0; job < STORE_JOBS; job++) {
		err = (struct error)ERROR_INIT;
		assert_int_equal(vault_job_start(fixture->vault, &fixture->root, job, id, &began, &err), ERR_BUSY);
		assert_non_null(strstr(err.text, "is stopping"));
		assert_false(began);
	}
	/* and changes are made as before */
	put_some(fixture, 1, 10);
}

static void damage_a_revision(const struct fixture *fixture)
{
	char path[128];
	uint32_t pages, longest = 0;
	long at = 0;
	uint8_t head[16];

	snprintf(path, sizeof(path), "%s/vault.db", fixture->directory);
	FILE *file = fopen(path, "r+");
	assert_non_null(file);
	for (long page = 8192; fseek(file, page, SEEK_SET) == 0 && fread(head, sizeof(head), 1, file) == 1; page += 4096) {
		memcpy(&pages, head + 12, sizeof(pages));
		if (head[10] == 4 && head[11] == 0 && pages > longest && pages < 200) {
			longest = pages;
			at = page + 5000;
		}
	}
	assert_true(longest > 10);
	fseek(file, at, SEEK_SET);
	int byte = fgetc(file);
	fseek(file, at, SEEK_SET);
	fputc(byte ^ 1, file);
	fclose(file);
}

static void close_and(struct fixture *fixture, void (*what)(const struct fixture *fixture))
{
	vault_close(fixture->vault);
	fixture->vault = NULL;
	what(fixture);
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
}

static void test_findings_name_the_environment_and_the_log_does_not(void **state)
{
	struct fixture *fixture = *state;
	struct job_report report;
	struct error err = ERROR_INIT;
	char id[JOB_ID_LEN + 1];
	unsigned damage = 0;

	put_some(fixture, 1, 100000);
	close_and(fixture, damage_a_revision);
	start(fixture, JOB_VERIFY, id);
	struct job_status status = wait_for_end(fixture, JOB_VERIFY);
	assert_int_equal(status.state, JOB_DONE);
	assert_int_equal(status.verify.found, 1);
	assert_int_equal(status.verify.findings[0].code, ERR_RECORD);
	assert_string_equal(status.environments[0], "secret/shop/e0");
	job_status_free(&status);
	while (vault_job_report(fixture->vault, &report)) {
		damage += report.is_damage;
		assert_null(strstr(report.text, "shop"));
	}
	assert_int_equal(damage, 2);
	assert_false(vault_seal_tampered(fixture->vault));
	/* Names do not outlive the keys. */
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	assert_int_equal(vault_job_status(fixture->vault, &fixture->root, JOB_VERIFY, &status, &err), ERR_SEALED);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	status = status_of(fixture, JOB_VERIFY);
	assert_int_equal(status.state, JOB_NEVER);
	assert_int_equal(status.verify.len, 0);
}

/* -- by itself ----------------------------------------------------------------------------------------- */

static void test_it_compacts_by_itself_once_an_hour(void **state)
{
	struct fixture *fixture = *state;
	struct job_status status;
	char first[JOB_ID_LEN + 1];

	vault_tick(fixture->vault);
	assert_int_equal(status_of(fixture, JOB_COMPACT).state, JOB_NEVER);
	/* 75 MiB, of which nothing is left. */
	put_some(fixture, 200, 390000);
	for (int i = 0; i < 200; i++) {
		char path[32];

		snprintf(path, sizeof(path), "shop/e%d", i);
		assert_int_equal(change(fixture, KV_METADATA_DELETE, path, NULL), ERR_OK);
	}
	/* Free pages are counted once a minute. */
	vault_tick(fixture->vault);
	assert_int_equal(status_of(fixture, JOB_COMPACT).state, JOB_NEVER);
	fixture->now += COMPACT_LOOK_US;
	vault_tick(fixture->vault);
	status = wait_for_end(fixture, JOB_COMPACT);
	assert_int_equal(status.state, JOB_DONE);
	assert_true(status.compacted.bytes_before > 64u << 20 && status.compacted.bytes_after < 1u << 20);
	memcpy(first, status.id, sizeof(first));
	for (int turn = 0; turn < 2; turn++) {
		put_some(fixture, 200, 390000);
		for (int i = 0; i < 200; i++) {
			char path[32];

			snprintf(path, sizeof(path), "shop/e%d", i);
			assert_int_equal(change(fixture, KV_METADATA_DELETE, path, NULL), ERR_OK);
		}
		fixture->now += turn == 0 ? COMPACT_LOOK_US : COMPACT_AGAIN_US;
		vault_tick(fixture->vault);
		status = wait_for_end(fixture, JOB_COMPACT);
		if (turn == 0)
			assert_string_equal(status.id, first);
		else
			assert_string_not_equal(status.id, first);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_start, fixture_stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_sudo_is_needed),
		TEST(test_a_verify_and_a_compaction),
		TEST(test_one_at_a_time_and_cancelled),
		TEST(test_none_begins_at_the_end),
		TEST(test_findings_name_the_environment_and_the_log_does_not),
		TEST(test_it_compacts_by_itself_once_an_hour),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
