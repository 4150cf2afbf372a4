#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backup_stream.h"
#include "records/backup.h"

static enum error_code collect(void *arg, const void *bytes, size_t len, struct error *err)
{
	struct stream *stream = arg;
	const struct timespec pause = { .tv_nsec = 1000000 };

	if (stream->writes > 0 && stream->len > 0) {
		char name[32];

		snprintf(name, sizeof(name), "shop/e%d", stream->writes % 12);
		assert_int_equal(vault_put(stream->fixture, name, "later"), ERR_OK);
		stream->writes--;
	}
	if (stream->on_recall && stream->len > 0) {
		assert_int_equal(pthread_create(&stream->thread, NULL, stream->on_recall, stream), 0);
		while (!records_backup_recalled(stream->fixture->records))
			nanosleep(&pause, NULL);
		/* Only a seal that does not wait for us can be back by now; one that does never is. */
		for (int i = 0; i < 50; i++)
			nanosleep(&pause, NULL);
		assert_false(atomic_load(&stream->seal_is_back));
		return error_set(err, ERR_SEALED, "recalled");
	}
	/* one byte more, for what a test puts behind the end */
	if (stream->room < stream->len + len + 1) {
		stream->room = 2 * (stream->len + len + 1);
		stream->bytes = realloc(stream->bytes, stream->room);
		assert_non_null(stream->bytes);
	}
	memcpy(stream->bytes + stream->len, bytes, len);
	stream->len += len;
	return ERR_OK;
}

enum error_code stream_make(struct vault_fixture *fixture, struct stream *ret, struct error *err)
{
	struct backup_front front;

	return records_backup(fixture->records, collect, ret, &front, err);
}

static void find_frames(struct stream *stream)
{
	size_t at = BACKUP_FRONT_LEN, len;
	struct error err = ERROR_INIT;
	bool final = false;

	for (stream->frames_len = 0; at < stream->len; at += BACKUP_FRAME_LEN + len) {
		assert_int_equal(backup_frame_read(stream->bytes + at, &len, &final, &err), ERR_OK);
		assert_true(stream->frames_len < sizeof(stream->frames) / sizeof(stream->frames[0]));
		stream->frames[stream->frames_len++] = at;
	}
	assert_int_equal(at, stream->len);
	assert_true(final);
}

void stream_of(struct vault_fixture *fixture, struct stream *ret)
{
	struct error err = ERROR_INIT;

	if (stream_make(fixture, ret, &err) != ERR_OK)
		fail_msg("backup: %s", err.text);
	find_frames(ret);
}

void stream_free(struct stream *stream)
{
	free(stream->bytes);
	stream->bytes = NULL;
}

/* -- reading ---------------------------------------------------------------------------- */

enum error_code stream_source_read(void *arg, void *bytes, size_t size, size_t *ret_len, struct error *err)
{
	struct stream_source *source = arg;
	size_t left = source->stream->len - source->at, len = size < left ? size : left;

	(void)err;
	/* never as much as was asked for, if it can be helped */
	if (len > 1000)
		len -= 7;
	if (len > 0)
		memcpy(bytes, source->stream->bytes + source->at, len);
	source->at += len;
	*ret_len = len;
	return ERR_OK;
}

static void keep(struct stream_content *content, struct store_bytes key, struct store_bytes value)
{
	uint16_t key_len = (uint16_t)key.len;
	uint32_t value_len = (uint32_t)value.len;
	uint8_t *at;

	content->bytes = realloc(content->bytes, content->len + 6 + key.len + value.len);
	assert_non_null(content->bytes);
	at = content->bytes + content->len;
	memcpy(at, &key_len, 2);
	memcpy(at + 2, key.at, key.len);
	memcpy(at + 2 + key.len, &value_len, 4);
	memcpy(at + 6 + key.len, value.at, value.len);
	content->len += 6 + key.len + value.len;
	content->records++;
}

static enum error_code unlock(const struct vault_fixture *fixture, struct backup_reader *reader, struct error *err)
{
	const struct slot_secret secret = { .type = SLOT_KEY_FILE, .key = fixture->key, .key_len = sizeof(fixture->key) };
	struct keyring keyring = { 0 };
	key_scope root_key;

	if (slot_open(backup_reader_header(reader), &secret, -1, &root_key, err) != ERR_OK ||
	    header_unlock(backup_reader_header(reader), &root_key, &keyring, err) != ERR_OK)
		return err->code;
	backup_reader_unlock(reader, keyring_find(&keyring, KEY_BASE, 0)->key);
	keyring_free_keys(&keyring);
	return ERR_OK;
}

enum error_code stream_read(const struct vault_fixture *fixture, const struct stream *stream, struct stream_content *ret,
			    struct error *err)
{
	cleanup_(backup_reader_freep) struct backup_reader *reader = NULL;
	struct stream_source source = { .stream = stream };
	struct store_bytes key, value;
	enum error_code code;

	if (backup_reader_new(stream_source_read, &source, &reader, err) != ERR_OK || unlock(fixture, reader, err) != ERR_OK)
		return err->code;
	while ((code = backup_reader_next(reader, &key, &value, err)) == ERR_OK)
		if (ret)
			keep(ret, key, value);
	if (code != ERR_NOT_FOUND)
		return err->code;
	assert_int_equal(backup_reader_bytes(reader), stream->len);
	if (ret) {
		ret->front = *backup_reader_front(reader);
		ret->summary = *backup_reader_summary(reader);
		assert_int_equal(backup_reader_records(reader), ret->records);
	}
	return ERR_OK;
}

void stream_content_free(struct stream_content *content)
{
	free(content->bytes);
}

/* -- changing ----------------------------------------------------------------------------- */

struct stream stream_copy(const struct stream *stream)
{
	struct stream copy = *stream;

	copy.bytes = malloc(stream->room);
	assert_non_null(copy.bytes);
	memcpy(copy.bytes, stream->bytes, stream->len);
	return copy;
}

static size_t frame_end(const struct stream *stream, size_t i)
{
	return i + 1 < stream->frames_len ? stream->frames[i + 1] : stream->len;
}

void stream_put_frame(struct stream *stream, size_t i, const struct stream *from, size_t j)
{
	size_t len = frame_end(stream, i) - stream->frames[i];

	assert_int_equal(frame_end(from, j) - from->frames[j], len);
	memcpy(stream->bytes + stream->frames[i], from->bytes + from->frames[j], len);
}

void stream_drop_frame(struct stream *stream, size_t i)
{
	size_t end = frame_end(stream, i);

	memmove(stream->bytes + stream->frames[i], stream->bytes + end, stream->len - end);
	stream->len -= end - stream->frames[i];
}
