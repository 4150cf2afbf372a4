/* Backups in memory: made of a fixture's vault, read with its key, and changed frame by frame. */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "records/backup_format.h"
#include "vault_fixture.h"

struct stream {
	uint8_t *bytes;
	size_t len, room;
	size_t frames[64];		/* where each begins */
	size_t frames_len;
	/* while it is made */
	struct vault_fixture *fixture;
	int writes;			/* so many changes of the vault, one with each piece */
	void *(*on_recall)(void *stream);	/* started with the second piece; then the stream waits for the recall */
	atomic_bool seal_is_back;
	pthread_t thread;
};

struct stream_content {
	struct backup_front front;
	struct backup_summary summary;
	uint8_t *bytes;			/* the plaintext of all records, as it stands in the chunks */
	size_t len;
	uint64_t records;
};

enum error_code stream_make(struct vault_fixture *fixture, struct stream *ret, struct error *err);
/* The same, which must not fail; the frames are found. */
void stream_of(struct vault_fixture *fixture, struct stream *ret);
void stream_free(struct stream *stream);
/* Opens it with the fixture's key file and reads it to its end. ret may be NULL. */
enum error_code stream_read(const struct vault_fixture *fixture, const struct stream *stream, struct stream_content *ret,
			    struct error *err);
void stream_content_free(struct stream_content *content);

struct stream stream_copy(const struct stream *stream);
/* Frame i of a stream becomes frame j of another; both must have one length. */
void stream_put_frame(struct stream *stream, size_t i, const struct stream *from, size_t j);
void stream_drop_frame(struct stream *stream, size_t i);

/* A backup_read of a stream. Zeroed but for the stream. */
struct stream_source {
	const struct stream *stream;
	size_t at;
};
enum error_code stream_source_read(void *source, void *bytes, size_t size, size_t *ret_len, struct error *err);
