/* An accept that is ended before any single call that changes a file has happened or has not, and can be had again. */
#include "../lib/expect.h"
#include "syscall_points.h"
#include "vault_fixture.h"

#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "records/accept.h"

#define POINTS_MAX 200	/* far more than an accept has */

static enum error_code run(struct vault_fixture *fixture, struct error *err)
{
	const struct slot_secret slot = { .type = SLOT_KEY_FILE, .key = fixture->key, .key_len = sizeof(fixture->key) };
	struct accept_options options = { .accept = false };
	struct accept_report report;
	enum error_code code;

	vault_fixture_open(fixture);
	code = records_accept(fixture->records, &slot, &options, &report, err);
	options.accept = true;
	options.expect = report.counter;
	if (code == ERR_OK)
		code = records_accept(fixture->records, &slot, &options, &report, err);
	vault_fixture_close(fixture);
	return code;
}

/* True when it was ended there. */
static bool ended_at(struct vault_fixture *fixture, int n)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		struct error err = ERROR_INIT;

		alarm(30);
		points_exit_at(n);
		_exit(run(fixture, &err) == ERR_OK ? 0 : 1);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != POINT_EXIT_CODE)
		fail_msg("point %d: the child ended with %d", n, WEXITSTATUS(status));
	return WEXITSTATUS(status) == POINT_EXIT_CODE;
}

/* Whether the start now says that the accept has happened. */
static bool has_happened(struct vault_fixture *fixture, int n)
{
	struct error err = ERROR_INIT;
	enum error_code code = vault_fixture_start(fixture, &err);

	if (code != ERR_OK && code != ERR_ROLLBACK)
		fail_msg("point %d: %s", n, err.text);
	return code == ERR_OK;
}

static void an_accept_ended_anywhere(void **state)
{
	struct vault_fixture *fixture = *state;
	char anchor[96];
	size_t before = 0, after = 0;
	bool ended = true;

	snprintf(anchor, sizeof(anchor), "%s.kept", fixture->anchor_path);
	vault_must_put(fixture, "shop", "old");
	vault_fixture_close(fixture);
	vault_keep(fixture, "a");
	vault_must_start(fixture, ERR_OK);
	vault_must_put(fixture, "shop", "new");
	vault_fixture_close(fixture);
	vault_copy_file(fixture->anchor_path, anchor);
	for (int n = 1; ended && n < POINTS_MAX; n++) {
		struct error err = ERROR_INIT;

		vault_put_back(fixture, "a");
		vault_copy_file(anchor, fixture->anchor_path);
		ended = ended_at(fixture, n);
		if (has_happened(fixture, n)) {
			after++;
		} else {
			before++;
			if (run(fixture, &err) != ERR_OK)
				fail_msg("point %d, again: %s", n, err.text);
			vault_must_start(fixture, ERR_OK);
		}
		vault_must_hold(fixture, "shop", "old");
		vault_must_put(fixture, "shop", "after");
		vault_fixture_close(fixture);
		/* the anchor knows the new history alone */
		vault_must_start(fixture, ERR_OK);
		vault_must_hold(fixture, "shop", "after");
		vault_fixture_close(fixture);
		vault_put_back(fixture, "a");
		vault_must_start(fixture, ERR_FORK);
	}
	assert_false(ended);
	assert_true(before > 3 && after > 1);
	unlink(anchor);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_accept_ended_anywhere, vault_fixture_setup_anchored, vault_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
