/* The check of the whole store: each kind of damage is named, nothing else is, and writers do not disturb it. */
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
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "records/verify.h"
#include "vault_fixture.h"

static const uint8_t fixture_mount[ID_LEN] = { 7 };

/* -- a hand of another process ------------------------------------------------------------------ */

/* LMDB refuses an environment twice in one process; so this program is run once more, with what it is to write in a file. */
static void put_live(const struct vault_fixture *fixture, const struct raw_record *at, const uint8_t *value, size_t len)
{
	char path[128];
	int status;

	snprintf(path, sizeof(path), "%s/edit", fixture->directory);
	FILE *file = fopen(path, "w");
	assert_non_null(file);
	assert_int_equal(fwrite(&at->key_len, sizeof(at->key_len), 1, file), 1);
	assert_int_equal(fwrite(at->key, 1, at->key_len, file), at->key_len);
	if (value)
		assert_int_equal(fwrite(value, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	pid_t child = fork();
	if (child == 0) {
		alarm(60);
		execl("/proc/self/exe", "put", fixture->directory, path, (char *)NULL);
		_exit(3);
	}
	waitpid(child, &status, 0);
	assert_int_equal(WEXITSTATUS(status), 0);
	unlink(path);
}

/* The other process. */
static int put_from_file(const char *directory, const char *path)
{
	static uint8_t value[1 << 20];
	struct vault_fixture fixture = { 0 };
	struct raw_record at = { 0 };
	FILE *file = fopen(path, "r");

	if (!file || fread(&at.key_len, sizeof(at.key_len), 1, file) != 1 || fread(at.key, 1, at.key_len, file) != at.key_len)
		return 1;
	size_t len = fread(value, 1, sizeof(value), file);
	fclose(file);
	snprintf(fixture.directory, sizeof(fixture.directory), "%s", directory);
	raw_put_live(&fixture, &at, len > 0 ? value : NULL, len);
	return 0;
}

/* A record of the closed store; the store is open again afterwards. */
static struct raw_record take(struct vault_fixture *fixture, uint8_t table, unsigned n)
{
	struct raw_record record;
	struct error err = ERROR_INIT;

	vault_fixture_close(fixture);
	assert_true(raw_find(fixture, table, n, &record));
	if (vault_fixture_start(fixture, &err) != ERR_OK)
		fail_msg("%s", err.text);
	return record;
}

/* -- looking ---------------------------------------------------------------------------------------- */

static struct verify_result verify(struct vault_fixture *fixture)
{
	const struct verify_options options = { .progress = NULL };
	struct verify_result result;
	struct error err = ERROR_INIT;

	if (records_verify(fixture->records, &options, &result, &err) != ERR_OK)
		fail_msg("verify: %s", err.text);
	return result;
}

static const struct verify_finding *find(const struct verify_result *result, enum error_code code, uint8_t table)
{
	for (size_t i = 0; i < result->len; i++)
		if (result->findings[i].code == code && result->findings[i].table == table)
			return &result->findings[i];
	for (size_t i = 0; i < result->len; i++)
		print_message("found %s in %c: %s\n", error_name(result->findings[i].code), result->findings[i].table,
			      result->findings[i].text);
	fail_msg("%s of table %c was not found", error_name(code), table);
	return NULL;
}

static void assert_revision_of(const struct verify_finding *finding, const char *path, uint64_t revision)
{
	assert_true(finding->has_environment);
	assert_memory_equal(finding->mount, fixture_mount, ID_LEN);
	assert_string_equal(finding->path, path);
	assert_int_equal(finding->revision, revision);
	assert_int_equal(strlen(finding->id), 2 * ID_LEN);
	assert_true(finding->text[0] != '\0');
}

static void assert_sound(struct vault_fixture *fixture)
{
	struct verify_result result = verify(fixture);
	struct records_health health;

	records_health(fixture->records, &health);
	for (size_t i = 0; i < result.len; i++)
		print_message("found %s in %c: %s\n", error_name(result.findings[i].code), result.findings[i].table,
			      result.findings[i].text);
	assert_int_equal(result.found, 0);
	assert_false(result.tampered);
	assert_int_equal(result.records, health.n_live);
	assert_int_equal(result.revisions, health.n_revisions);
	verify_result_free(&result);
	assert_false(records_tampered(fixture->records));
}

static void fill(struct vault_fixture *fixture, int environments, int revisions, const char *value)
{
	char name[32];

	for (int i = 0; i < environments; i++)
		for (int turn = 0; turn < revisions; turn++) {
			snprintf(name, sizeof(name), "shop/e%d", i);
			assert_int_equal(vault_put(fixture, name, value), ERR_OK);
		}
}

static void a_sound_store_has_no_findings(void **state)
{
	struct vault_fixture *fixture = *state;
	struct error err = ERROR_INIT;

	assert_sound(fixture);
	fill(fixture, 12, 5, "value");
	assert_sound(fixture);
	assert_int_equal(vault_destroy(fixture, "shop/e3"), ERR_OK);
	assert_sound(fixture);
	assert_int_equal(records_rotate_kek(fixture->records, &err), ERR_OK);
	assert_sound(fixture);
}

/* More than one snapshot, and most of them end within the revisions of a head. */
static void every_record_is_opened_once_however_often_the_snapshot_is_renewed(void **state)
{
	struct vault_fixture *fixture = *state;
	char *value = malloc(400001);

	memset(value, 'x', 400000);
	value[400000] = '\0';
	vault_fixture_close(fixture);
	fixture->max_size = 256u << 20;
	vault_fixture_open(fixture);
	struct error err = ERROR_INIT;
	assert_int_equal(vault_fixture_unseal(fixture, &err), ERR_OK);
	fill(fixture, 50, 3, value);
	free(value);
	assert_sound(fixture);
}

/* -- revisions ---------------------------------------------------------------------------------------- */

static void a_changed_revision_is_named_and_the_store_goes_on(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record revision;
	char value[16];

	fill(fixture, 1, 2, "value");
	revision = take(fixture, TABLE_REVISION, 1);
	revision.value[120] ^= 1;
	put_live(fixture, &revision, revision.value, revision.value_len);
	struct verify_result result = verify(fixture);
	assert_revision_of(find(&result, ERR_RECORD, TABLE_REVISION), "shop/e0", 2);
	assert_false(result.tampered);
	assert_int_equal(result.revisions, 1);
	verify_result_free(&result);
	assert_false(records_tampered(fixture->records));
	assert_int_equal(vault_get(fixture, "shop/e0", value, sizeof(value)), ERR_RECORD);
	assert_int_equal(vault_put(fixture, "shop/e1", "other"), ERR_OK);
	free(revision.value);
}

static void revisions_in_each_others_places_are_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record first, second;

	fill(fixture, 2, 1, "value");
	first = take(fixture, TABLE_REVISION, 0);
	second = take(fixture, TABLE_REVISION, 1);
	put_live(fixture, &first, second.value, second.value_len);
	put_live(fixture, &second, first.value, first.value_len);
	struct verify_result result = verify(fixture);
	size_t revisions = 0;
	for (size_t i = 0; i < result.len; i++)
		revisions += result.findings[i].code == ERR_RECORD && result.findings[i].table == TABLE_REVISION;
	assert_int_equal(revisions, 2);
	verify_result_free(&result);
	free(first.value);
	free(second.value);
}

static void a_removed_revision_is_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record revision;

	for (unsigned n = 0; n < 3; n++) {
		fill(fixture, 1, 3, "value");
		revision = take(fixture, TABLE_REVISION, n);
		put_live(fixture, &revision, NULL, 0);
		struct verify_result result = verify(fixture);
		assert_revision_of(find(&result, ERR_REVISION_MISSING, TABLE_REVISION), "shop/e0", n + 1);
		find(&result, ERR_STORE_DAMAGED, TABLE_STATE);
		verify_result_free(&result);
		free(revision.value);
		vault_fixture_teardown(state);
		vault_fixture_setup(state);
		fixture = *state;
	}
}

/* A revision that the environment has let go of is put back. */
static void a_pruned_revision_put_back_is_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record revision;

	fill(fixture, 1, 1, "value");
	revision = take(fixture, TABLE_REVISION, 0);
	fill(fixture, 1, 4, "value");
	put_live(fixture, &revision, revision.value, revision.value_len);
	struct verify_result result = verify(fixture);
	assert_revision_of(find(&result, ERR_REVISION_UNKNOWN, TABLE_REVISION), "shop/e0", 1);
	verify_result_free(&result);
	free(revision.value);
}

static void a_revision_from_the_future_is_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record revision;

	fill(fixture, 1, 1, "value");
	revision = take(fixture, TABLE_REVISION, 0);
	for (int number = 9; number >= 2; number -= 7) {
		revision.key[revision.key_len - 1] = (uint8_t)number;
		put_live(fixture, &revision, revision.value, revision.value_len);
		struct verify_result result = verify(fixture);
		assert_revision_of(find(&result, ERR_REVISION_UNKNOWN, TABLE_REVISION), "shop/e0", (uint64_t)number);
		verify_result_free(&result);
	}
	free(revision.value);
}

/* It opens, and is as genuine as the one that counts; only the pin tells them apart. */
static void a_revision_of_another_history_is_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record revision;
	struct error err = ERROR_INIT;
	static uint8_t before[1 << 20];
	char path[128];

	snprintf(path, sizeof(path), "%s/vault.db", fixture->directory);
	fill(fixture, 1, 1, "value");
	vault_fixture_close(fixture);
	int fd = open(path, O_RDWR);
	ssize_t len = read(fd, before, sizeof(before));
	assert_true(len > 0 && len < (ssize_t)sizeof(before));
	assert_int_equal(vault_fixture_start(fixture, &err), ERR_OK);
	fill(fixture, 1, 1, "one history");
	revision = take(fixture, TABLE_REVISION, 1);
	vault_fixture_close(fixture);
	assert_int_equal(pwrite(fd, before, (size_t)len, 0), len);
	assert_int_equal(ftruncate(fd, len), 0);
	close(fd);
	assert_int_equal(vault_fixture_start(fixture, &err), ERR_OK);
	fill(fixture, 1, 1, "another one");
	put_live(fixture, &revision, revision.value, revision.value_len);
	struct verify_result result = verify(fixture);
	assert_revision_of(find(&result, ERR_RECORD, TABLE_REVISION), "shop/e0", 2);
	verify_result_free(&result);
	free(revision.value);
}

static void a_revision_of_a_destroyed_environment_is_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record revision;

	fill(fixture, 2, 1, "value");
	revision = take(fixture, TABLE_REVISION, 0);
	assert_int_equal(vault_destroy(fixture, "shop/e0"), ERR_OK);
	assert_int_equal(vault_destroy(fixture, "shop/e1"), ERR_OK);
	put_live(fixture, &revision, revision.value, revision.value_len);
	struct verify_result result = verify(fixture);
	const struct verify_finding *finding = find(&result, ERR_REVISION_UNKNOWN, TABLE_REVISION);
	assert_false(finding->has_environment);
	assert_int_equal(strlen(finding->id), 2 * ID_LEN);
	verify_result_free(&result);
	free(revision.value);
}

/* -- all other records ----------------------------------------------------------------------------------- */

static void an_old_head_put_back_is_named_and_nothing_is_answered(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record head;
	char value[16];

	fill(fixture, 1, 1, "old");
	head = take(fixture, TABLE_HEAD, 0);
	fill(fixture, 1, 1, "new");
	put_live(fixture, &head, head.value, head.value_len);
	struct verify_result result = verify(fixture);
	find(&result, ERR_RECORD, TABLE_HEAD);
	find(&result, ERR_SET_CHANGED, TABLE_STATE);
	assert_true(result.tampered);
	verify_result_free(&result);
	assert_true(records_tampered(fixture->records));
	assert_int_equal(vault_get(fixture, "shop/e0", value, sizeof(value)), ERR_RECORD);
	free(head.value);
}

static void a_removed_record_is_counted_by_its_table(void **state)
{
	struct vault_fixture *fixture = *state;
	static const uint8_t tables[] = { TABLE_HEAD, TABLE_DATA_KEY };
	struct raw_record record;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++) {
		fill(fixture, 2, 1, "value");
		record = take(fixture, tables[i], 1);
		put_live(fixture, &record, NULL, 0);
		struct verify_result result = verify(fixture);
		find(&result, ERR_SET_CHANGED, tables[i]);
		find(&result, ERR_SET_CHANGED, TABLE_STATE);
		assert_true(result.tampered);
		verify_result_free(&result);
		free(record.value);
		vault_fixture_teardown(state);
		vault_fixture_setup(state);
		fixture = *state;
	}
}

static void added_records_are_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record head;
	static const struct {
		uint8_t first;
		size_t len;
	} keys[] = { { TABLE_TOKEN, 17 }, { 'A', 17 }, { 0x02, 1 }, { 0xff, 60 } };

	fill(fixture, 1, 1, "value");
	head = take(fixture, TABLE_HEAD, 0);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct raw_record added = { .key_len = keys[i].len };

		added.key[0] = keys[i].first;
		put_live(fixture, &added, head.value, head.value_len);
		struct verify_result result = verify(fixture);
		find(&result, ERR_SET_CHANGED, keys[i].first);
		assert_true(result.tampered);
		verify_result_free(&result);
	}
	free(head.value);
}

static void a_revision_under_an_impossible_key_is_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record revision, added;

	fill(fixture, 1, 1, "value");
	revision = take(fixture, TABLE_REVISION, 0);
	added = revision;
	added.key[added.key_len++] = 0;
	put_live(fixture, &added, revision.value, revision.value_len);
	struct verify_result result = verify(fixture);
	find(&result, ERR_REVISION_UNKNOWN, TABLE_REVISION);
	verify_result_free(&result);
	free(revision.value);
}

static void an_old_state_put_back_is_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct raw_record record;

	fill(fixture, 1, 1, "value");
	record = take(fixture, TABLE_STATE, 0);
	fill(fixture, 1, 1, "value");
	put_live(fixture, &record, record.value, record.value_len);
	struct verify_result result = verify(fixture);
	find(&result, ERR_STATE_DAMAGED, TABLE_STATE);
	verify_result_free(&result);
	record.value[120] ^= 1;
	put_live(fixture, &record, record.value, record.value_len);
	result = verify(fixture);
	find(&result, ERR_STATE_DAMAGED, TABLE_STATE);
	verify_result_free(&result);
	free(record.value);
}

/* -- ending it ----------------------------------------------------------------------------------------------- */

static void findings_are_bounded_and_all_are_counted(void **state)
{
	struct vault_fixture *fixture = *state;
	const unsigned damaged = VERIFY_FINDINGS_MAX + 20;

	fill(fixture, VERIFY_FINDINGS_MAX + 20, 1, "value");
	vault_fixture_close(fixture);
	for (unsigned n = 0; n < damaged; n++) {
		struct raw_record revision;

		assert_true(raw_find(fixture, TABLE_REVISION, n, &revision));
		revision.value[revision.value_len - 1] ^= 1;
		raw_put(fixture, &revision, revision.value, revision.value_len);
		free(revision.value);
	}
	struct error err = ERROR_INIT;
	assert_int_equal(vault_fixture_start(fixture, &err), ERR_OK);
	struct verify_result result = verify(fixture);
	assert_int_equal(result.len, VERIFY_FINDINGS_MAX);
	assert_int_equal(result.found, damaged);
	verify_result_free(&result);
}

struct watch {
	struct vault_fixture *fixture;
	uint64_t calls, last, total, end_at;
	pthread_t sealer;
	bool seals;
};

static void *seal(void *arg)
{
	records_seal(((struct watch *)arg)->fixture->records);
	return NULL;
}

static bool watch_progress(void *arg, uint64_t done, uint64_t total)
{
	struct watch *watch = arg;

	assert_true(done >= watch->last);
	watch->last = done;
	watch->total = total;
	watch->calls++;
	if (watch->seals && done == watch->end_at) {
		assert_int_equal(pthread_create(&watch->sealer, NULL, seal, watch), 0);
		/* It has begun when nothing can be written any more; now it waits for the view of this thread. */
		while (vault_put(watch->fixture, "shop/e0", "late") != ERR_SEALED)
			usleep(1000);
	}
	return watch->seals || watch->end_at == 0 || done < watch->end_at;
}

static void progress_reaches_the_total_and_may_end_it(void **state)
{
	struct vault_fixture *fixture = *state;
	struct watch watch = { .fixture = fixture };
	struct verify_options options = { .progress = watch_progress, .arg = &watch };
	struct verify_result result;
	struct records_health health;
	struct error err = ERROR_INIT;

	fill(fixture, 10, 3, "value");
	records_health(fixture->records, &health);
	assert_int_equal(records_verify(fixture->records, &options, &result, &err), ERR_OK);
	assert_int_equal(watch.total, health.n_live + health.n_revisions);
	assert_int_equal(watch.last, watch.total);
	verify_result_free(&result);
	watch = (struct watch){ .fixture = fixture, .end_at = 7 };
	assert_int_equal(records_verify(fixture->records, &options, &result, &err), ERR_CONFLICT);
	assert_int_equal(watch.last, 7);
	verify_result_free(&result);
}

/* The seal waits for the record that is looked at, and for no other. */
static void a_seal_ends_it(void **state)
{
	struct vault_fixture *fixture = *state;
	struct watch watch = { .fixture = fixture, .seals = true, .end_at = 5 };
	struct verify_options options = { .progress = watch_progress, .arg = &watch };
	struct verify_result result;
	struct error err = ERROR_INIT;

	fill(fixture, 20, 3, "value");
	assert_int_equal(records_verify(fixture->records, &options, &result, &err), ERR_SEALED);
	assert_int_equal(watch.last, 5);
	verify_result_free(&result);
	pthread_join(watch.sealer, NULL);
	assert_true(records_sealed(fixture->records));
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

static void writers_are_never_taken_for_damage(void **state)
{
	struct vault_fixture *fixture = *state;
	struct writer writer = { .fixture = fixture };
	pthread_t thread;

	fill(fixture, 17, 3, "value");
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
	assert_sound(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, vault_fixture_setup, vault_fixture_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(a_sound_store_has_no_findings),
		TEST(every_record_is_opened_once_however_often_the_snapshot_is_renewed),
		TEST(a_changed_revision_is_named_and_the_store_goes_on),
		TEST(revisions_in_each_others_places_are_named),
		TEST(a_removed_revision_is_named),
		TEST(a_pruned_revision_put_back_is_named),
		TEST(a_revision_from_the_future_is_named),
		TEST(a_revision_of_another_history_is_named),
		TEST(a_revision_of_a_destroyed_environment_is_named),
		TEST(an_old_head_put_back_is_named_and_nothing_is_answered),
		TEST(a_removed_record_is_counted_by_its_table),
		TEST(added_records_are_named),
		TEST(a_revision_under_an_impossible_key_is_named),
		TEST(an_old_state_put_back_is_named),
		TEST(findings_are_bounded_and_all_are_counted),
		TEST(progress_reaches_the_total_and_may_end_it),
		TEST(a_seal_ends_it),
		TEST(writers_are_never_taken_for_damage),
	};

	if (argc == 3 && strcmp(argv[0], "put") == 0)
		return put_from_file(argv[1], argv[2]);
	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
