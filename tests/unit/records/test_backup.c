/*
 * A backup is one state, whole or refused: what was written is read, and whatever is cut off, changed, moved, exchanged or added
 * has a name. The stream is of a real store, of several chunks.
 */
#include "../lib/expect.h"
#include "backup_stream.h"
#include "vault_fixture.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "records/backup.h"

static uint64_t noise = 88172645463325252u;

static void fill(struct vault_fixture *fixture)
{
	char *large = malloc(30001);

	assert_non_null(large);
	for (int i = 0; i < 12; i++) {
		char name[32];

		memset(large, 'a' + i, 30000);
		large[30000] = '\0';
		snprintf(name, sizeof(name), "shop/e%d", i);
		assert_int_equal(vault_put(fixture, name, large), ERR_OK);
	}
	free(large);
}

static int setup(void **state)
{
	int failed = vault_fixture_setup(state);

	if (!failed)
		fill(*state);
	return failed;
}

static void expect_code(struct vault_fixture *fixture, const struct stream *stream, enum error_code wanted, const char *what, size_t at)
{
	struct error err = ERROR_INIT;
	enum error_code code = stream_read(fixture, stream, NULL, &err);

	if (code != wanted)
		fail_msg("%s at %zu: %s (%s), expected %s", what, at, error_name(code), err.text, error_name(wanted));
}

/* -- what fits ----------------------------------------------------------------------------- */

static void what_is_written_is_read(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream stream = { 0 };
	struct stream_content content = { 0 };
	struct records_health health;
	struct error err = ERROR_INIT;
	struct raw_record raw;

	stream_of(fixture, &stream);
	assert_true(stream.frames_len >= 6);
	assert_int_equal(stream_read(fixture, &stream, &content, &err), ERR_OK);
	records_health(fixture->records, &health);
	assert_int_equal(content.front.counter, health.counter);
	assert_memory_equal(content.front.fork_id, health.fork_id, ID_LEN);
	assert_memory_equal(content.front.store_id, records_store_id(fixture->records), ID_LEN);
	assert_int_equal(content.front.records, health.n_live + health.n_revisions);
	assert_int_equal(content.records, health.n_live + health.n_revisions);
	assert_int_equal(content.summary.n_live, health.n_live);
	assert_int_equal(content.summary.n_revisions, health.n_revisions);
	vault_fixture_close(fixture);
	/* every record, and each as it stands in the store */
	size_t at = 0;
	static const uint8_t tables[] = { 'H', 'K', 'R' };
	for (size_t t = 0; t < sizeof(tables); t++)
		for (unsigned n = 0; raw_find(fixture, tables[t], n, &raw); n++) {
			uint16_t key_len = (uint16_t)raw.key_len;
			uint32_t value_len = (uint32_t)raw.value_len;

			assert_memory_equal(content.bytes + at, &key_len, 2);
			assert_memory_equal(content.bytes + at + 2, raw.key, raw.key_len);
			assert_memory_equal(content.bytes + at + 2 + raw.key_len, &value_len, 4);
			assert_memory_equal(content.bytes + at + 6 + raw.key_len, raw.value, raw.value_len);
			at += 6 + raw.key_len + raw.value_len;
			free(raw.value);
		}
	assert_int_equal(at, content.len);
	assert_true(raw_find(fixture, 0x01, 0, &raw));
	assert_int_equal(raw.value_len, BACKUP_STATE_LEN);
	assert_memory_equal(raw.value, content.summary.state, BACKUP_STATE_LEN);
	free(raw.value);
	stream_content_free(&content);
	stream_free(&stream);
}

static void no_two_backups_are_alike(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream one = { 0 }, other = { 0 };

	stream_of(fixture, &one);
	stream_of(fixture, &other);
	assert_int_equal(one.len, other.len);
	assert_memory_not_equal(one.bytes + 32, other.bytes + 32, BACKUP_ID_LEN);
	for (size_t i = 0; i < one.frames_len; i++)
		assert_memory_not_equal(one.bytes + one.frames[i], other.bytes + one.frames[i], 64);
	stream_free(&one);
	stream_free(&other);
}

static void it_is_one_state_while_others_write(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream stream = { .fixture = fixture, .writes = 40 };
	struct stream_content content = { 0 };
	struct error err = ERROR_INIT;
	struct records_health before, after;

	records_health(fixture->records, &before);
	stream_of(fixture, &stream);
	records_health(fixture->records, &after);
	assert_true(after.counter >= before.counter + 5);
	assert_int_equal(stream_read(fixture, &stream, &content, &err), ERR_OK);
	assert_int_equal(content.front.counter, before.counter);
	assert_int_equal(content.records, before.n_live + before.n_revisions);
	stream_content_free(&content);
	stream_free(&stream);
}

/* -- what does not -------------------------------------------------------------------------- */

static void cut(struct vault_fixture *fixture, struct stream *stream, size_t len)
{
	size_t whole = stream->len;

	if (len >= whole)
		return;
	stream->len = len;
	expect_code(fixture, stream, ERR_BACKUP_CUT, "cut", len);
	stream->len = whole;
}

static void what_is_cut_off_is_named(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream stream = { 0 };

	stream_of(fixture, &stream);
	for (size_t i = 0; i < stream.frames_len; i++)
		for (size_t around = 0; around < 13; around++)
			if (stream.frames[i] + around >= 6)
				cut(fixture, &stream, stream.frames[i] + around - 6);
	for (size_t i = 1; i < 40; i++)
		cut(fixture, &stream, stream.len - i);
	for (size_t i = 0; i < 200; i++)
		cut(fixture, &stream, next_random(&noise) % stream.len);
	stream_free(&stream);
}

static void flip(struct vault_fixture *fixture, struct stream *stream, size_t at, unsigned bit)
{
	struct error err = ERROR_INIT;
	enum error_code code;

	stream->bytes[at] ^= (uint8_t)(1u << bit);
	code = stream_read(fixture, stream, NULL, &err);
	stream->bytes[at] ^= (uint8_t)(1u << bit);
	if (code == ERR_OK)
		fail_msg("bit %u of byte %zu was flipped, and the backup is taken", bit, at);
	if (code != ERR_BACKUP_DAMAGED && code != ERR_BACKUP_CUT && code != ERR_HEADER_DAMAGED && code != ERR_INVALID &&
	    code != ERR_FORMAT_NEWER)
		fail_msg("bit %u of byte %zu: %s (%s)", bit, at, error_name(code), err.text);
	assert_true(err.text[0] != '\0');
}

static void no_flipped_bit_is_taken(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream stream = { 0 };

	stream_of(fixture, &stream);
	for (size_t at = 0; at < BACKUP_FRONT_FIELDS; at++)
		for (unsigned bit = 0; bit < 8; bit++)
			flip(fixture, &stream, at, bit);
	for (size_t i = 0; i < stream.frames_len; i++)
		for (size_t at = 0; at < 40; at++)
			flip(fixture, &stream, stream.frames[i] + at % 90, (unsigned)at % 8);
	for (size_t i = 0; i < 300; i++)
		flip(fixture, &stream, next_random(&noise) % stream.len, (unsigned)(next_random(&noise) % 8));
	stream_free(&stream);
}

static void chunks_have_their_places(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream one = { 0 }, other = { 0 }, changed;

	stream_of(fixture, &one);
	stream_of(fixture, &other);
	/* two whole chunks exchanged */
	changed = stream_copy(&one);
	stream_put_frame(&changed, 1, &one, 2);
	stream_put_frame(&changed, 2, &one, 1);
	expect_code(fixture, &changed, ERR_BACKUP_DAMAGED, "exchanged", 1);
	stream_free(&changed);
	/* one twice */
	changed = stream_copy(&one);
	stream_put_frame(&changed, 2, &one, 1);
	expect_code(fixture, &changed, ERR_BACKUP_DAMAGED, "twice", 2);
	stream_free(&changed);
	/* any of another backup of the same state */
	for (size_t i = 0; i < one.frames_len; i++) {
		changed = stream_copy(&one);
		stream_put_frame(&changed, i, &other, i);
		expect_code(fixture, &changed, ERR_BACKUP_DAMAGED, "spliced", i);
		stream_free(&changed);
	}
	/* the front of another one */
	changed = stream_copy(&one);
	memcpy(changed.bytes, other.bytes, BACKUP_FRONT_LEN);
	expect_code(fixture, &changed, ERR_BACKUP_DAMAGED, "front", 0);
	stream_free(&changed);
	/* one left out */
	changed = stream_copy(&one);
	stream_drop_frame(&changed, 1);
	expect_code(fixture, &changed, ERR_BACKUP_DAMAGED, "left out", 1);
	stream_free(&changed);
	stream_free(&one);
	stream_free(&other);
}

static void the_end_is_the_end(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream one = { 0 }, changed;
	size_t last;

	stream_of(fixture, &one);
	last = one.frames_len - 1;
	changed = stream_copy(&one);
	stream_drop_frame(&changed, last);
	expect_code(fixture, &changed, ERR_BACKUP_CUT, "without its last chunk", last);
	/* the chunk before it says that it is the last */
	changed.bytes[one.frames[last - 1] + 3] |= 0x80;
	expect_code(fixture, &changed, ERR_BACKUP_DAMAGED, "a wrong end", last - 1);
	stream_free(&changed);
	/* the last one says that it is none */
	changed = stream_copy(&one);
	changed.bytes[one.frames[last] + 3] &= 0x7f;
	expect_code(fixture, &changed, ERR_BACKUP_DAMAGED, "no end", last);
	stream_free(&changed);
	changed = stream_copy(&one);
	changed.bytes[changed.len++] = 0;
	expect_code(fixture, &changed, ERR_BACKUP_DAMAGED, "a byte behind the end", changed.len);
	changed.len--;
	expect_code(fixture, &changed, ERR_OK, "whole again", changed.len);
	stream_free(&changed);
	stream_free(&one);
}

static void the_walk_sees_the_form_without_a_key(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream stream = { 0 };

	stream_of(fixture, &stream);
	for (size_t piece = 1; piece < 70000; piece = piece * 3 + 1) {
		struct backup_walk walk = { 0 };
		struct error err = ERROR_INIT;

		for (size_t at = 0; at < stream.len; at += piece) {
			assert_fails(backup_walk_end(&walk, &err), &err, ERR_BACKUP_CUT);
			error_clear(&err);
			assert_int_equal(backup_walk_feed(&walk, stream.bytes + at, stream.len - at < piece ? stream.len - at : piece,
							  &err), ERR_OK);
		}
		assert_int_equal(backup_walk_end(&walk, &err), ERR_OK);
		assert_int_equal(walk.chunks, stream.frames_len);
		assert_int_equal(walk.bytes, stream.len);
		assert_fails(backup_walk_feed(&walk, "x", 1, &err), &err, ERR_BACKUP_DAMAGED);
	}
	stream_free(&stream);
}

/* -- the store that is copied ----------------------------------------------------------------- */

static void a_tampered_store_gets_no_end(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream stream = { 0 };
	struct raw_record old;

	vault_fixture_close(fixture);
	assert_true(raw_find(fixture, TABLE_HEAD, 0, &old));
	struct error err = ERROR_INIT;
	assert_int_equal(vault_fixture_start(fixture, &err), ERR_OK);
	for (int i = 0; i < 12; i++) {
		char name[32];

		snprintf(name, sizeof(name), "shop/e%d", i);
		assert_int_equal(vault_put(fixture, name, "newer"), ERR_OK);
	}
	raw_put_live(fixture, &old, old.value, old.value_len);
	assert_fails(stream_make(fixture, &stream, &err), &err, ERR_SET_CHANGED);
	expect_code(fixture, &stream, ERR_BACKUP_CUT, "of a tampered store", 0);
	free(old.value);
	stream_free(&stream);
}

static void a_sealed_vault_gives_none(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream stream = { 0 };
	struct error err = ERROR_INIT;

	records_seal(fixture->records);
	assert_fails(stream_make(fixture, &stream, &err), &err, ERR_SEALED);
	assert_int_equal(stream.len, 0);
	stream_free(&stream);
}

static void *seal(void *arg)
{
	struct stream *stream = arg;

	records_seal(stream->fixture->records);
	atomic_store(&stream->seal_is_back, true);
	return NULL;
}

/* The writer of the stream waits until the seal has recalled it; the seal comes back only when the backup has let its keys go. */
static void a_seal_ends_it(void **state)
{
	struct vault_fixture *fixture = *state;
	struct stream stream = { .fixture = fixture, .on_recall = seal };
	struct error err = ERROR_INIT;

	assert_fails(stream_make(fixture, &stream, &err), &err, ERR_SEALED);
	assert_int_equal(pthread_join(stream.thread, NULL), 0);
	assert_true(stream.len > 0);
	assert_int_equal(secret_arena_used(), 0);
	expect_code(fixture, &stream, ERR_BACKUP_CUT, "after a seal", 0);
	stream_free(&stream);
	error_clear(&err);
	assert_int_equal(vault_fixture_unseal(fixture, &err), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_written_is_read, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(no_two_backups_are_alike, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(it_is_one_state_while_others_write, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(what_is_cut_off_is_named, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(no_flipped_bit_is_taken, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(chunks_have_their_places, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(the_end_is_the_end, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(the_walk_sees_the_form_without_a_key, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_tampered_store_gets_no_end, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_sealed_vault_gives_none, setup, vault_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_seal_ends_it, setup, vault_fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
