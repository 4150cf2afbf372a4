/*
 * Bounded reading and writing of record encodings: little-endian integers,
 * bytes, texts with a length in front.
 *
 * A reader is sticky: after the first read that does not fit, all further reads
 * give zeros and codec_reader_ok() is false. So decoders read to the end and
 * look once. Writers append to a secret_buf, which is sticky itself.
 */
#pragma once

#include <endian.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "records/tables.h"
#include "vault/secret_buf.h"

struct codec_reader {
	const uint8_t *at;
	size_t left;
	bool failed;
	bool no_memory;
};

/* Begins behind the encoding's first byte, which must be 1 (the only encoding there is). */
struct codec_reader codec_reader_begin(const uint8_t *plain, size_t len);

/* Fails the reader; nothing is left then, so that the reads below look at one thing only. */
void read_fail(struct codec_reader *reader);

/* Inline, because an environment is decoded by hundreds of them. */
static inline void read_bytes(struct codec_reader *reader, void *out, size_t len)
{
	if (reader->left < len) {
		read_fail(reader);
		memset(out, 0, len);
		return;
	}
	memcpy(out, reader->at, len);
	reader->at += len;
	reader->left -= len;
}

static inline uint8_t read_u8(struct codec_reader *reader)
{
	uint8_t value;

	read_bytes(reader, &value, sizeof(value));
	return value;
}

static inline uint16_t read_u16(struct codec_reader *reader)
{
	uint16_t value;

	read_bytes(reader, &value, sizeof(value));
	return le16toh(value);
}

static inline uint32_t read_u32(struct codec_reader *reader)
{
	uint32_t value;

	read_bytes(reader, &value, sizeof(value));
	return le32toh(value);
}

static inline uint64_t read_u64(struct codec_reader *reader)
{
	uint64_t value;

	read_bytes(reader, &value, sizeof(value));
	return le64toh(value);
}

static inline int64_t read_i64(struct codec_reader *reader)
{
	return (int64_t)read_u64(reader);
}

static inline struct text_span read_span(struct codec_reader *reader, size_t len)
{
	struct text_span span = { .at = (const char *)reader->at, .len = (uint32_t)len };

	if (reader->left < len) {
		read_fail(reader);
		return (struct text_span){ .at = "", .len = 0 };
	}
	reader->at += len;
	reader->left -= len;
	return span;
}

static inline struct text_span read_s16(struct codec_reader *reader)
{
	return read_span(reader, read_u16(reader));
}

static inline struct text_span read_s32(struct codec_reader *reader)
{
	return read_span(reader, read_u32(reader));
}

/* An array of count elements of size bytes, zeroed, or NULL (and failed) when count elements of at least min_encoded bytes
 * cannot be left in the input: no count leads to memory that the input does not justify. NULL for 0 is no failure. When
 * memory is out, the end of the reading says so: the record is not to blame. */
void *read_array(struct codec_reader *reader, uint64_t count, size_t size, size_t min_encoded);

/* Everything fitted and nothing is left. Otherwise ERR_RECORD: "what" is malformed; or ERR_NO_MEMORY. */
enum error_code codec_reader_end(const struct codec_reader *reader, const char *what, struct error *err) must_check;

void write_u8(struct secret_buf *out, uint8_t value);
void write_u16(struct secret_buf *out, uint16_t value);
void write_u32(struct secret_buf *out, uint32_t value);
void write_u64(struct secret_buf *out, uint64_t value);
void write_i64(struct secret_buf *out, int64_t value);
void write_s16(struct secret_buf *out, struct text_span text);
void write_s32(struct secret_buf *out, struct text_span text);
/* The count of a list; a count or a text that is too long for its prefix makes the whole encoding fail (ERR_TOO_LARGE). */
void write_count16(struct secret_buf *out, size_t count);

/* Lists of texts, and maps, whose keys must ascend. Arrays as of read_array(); the length is 0 when there is none. */
void write_texts(struct secret_buf *out, const struct text_span *texts, size_t len);
void write_pairs(struct secret_buf *out, const struct text_pair *pairs, size_t len);
struct text_span *read_texts(struct codec_reader *reader, size_t *ret_len);
struct text_pair *read_pairs(struct codec_reader *reader, size_t *ret_len);
/* Wipes and frees an array of len bytes; NULL is allowed. */
void free_wiped(void *array, size_t len);

/* memcmp order, a prefix first. */
int text_span_compare(struct text_span a, struct text_span b);
