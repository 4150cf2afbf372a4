#include "records/codec.h"

#include <endian.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define ENCODING 1

struct codec_reader codec_reader_begin(const uint8_t *plain, size_t len)
{
	struct codec_reader reader = { .at = plain, .left = len };

	if (read_u8(&reader) != ENCODING)
		read_fail(&reader);
	return reader;
}

void read_fail(struct codec_reader *reader)
{
	reader->failed = true;
	reader->left = 0;
}

void *read_array(struct codec_reader *reader, uint64_t count, size_t size, size_t min_encoded)
{
	void *array;

	if (reader->failed || count == 0)
		return NULL;
	if (count > reader->left / min_encoded) {
		read_fail(reader);
		return NULL;
	}
	array = calloc((size_t)count, size);
	if (!array) {
		reader->no_memory = true;
		read_fail(reader);
	}
	return array;
}

enum error_code codec_reader_end(const struct codec_reader *reader, const char *what, struct error *err)
{
	if (reader->no_memory)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the record of %s", what);
	if (reader->failed || reader->left != 0)
		return error_set(err, ERR_RECORD, "the record of %s is malformed", what);
	return ERR_OK;
}

void write_u8(struct secret_buf *out, uint8_t value)
{
	secret_buf_append(out, &value, sizeof(value));
}

void write_u16(struct secret_buf *out, uint16_t value)
{
	value = htole16(value);
	secret_buf_append(out, &value, sizeof(value));
}

void write_u32(struct secret_buf *out, uint32_t value)
{
	value = htole32(value);
	secret_buf_append(out, &value, sizeof(value));
}

void write_u64(struct secret_buf *out, uint64_t value)
{
	value = htole64(value);
	secret_buf_append(out, &value, sizeof(value));
}

void write_i64(struct secret_buf *out, int64_t value)
{
	write_u64(out, (uint64_t)value);
}

/* What is too long for its prefix would be cut silently: it makes the whole encoding fail instead. */
void write_count16(struct secret_buf *out, size_t count)
{
	if (count > UINT16_MAX)
		(void)secret_buf_reserve(out, SIZE_MAX / 2);
	else
		write_u16(out, (uint16_t)count);
}

void write_s16(struct secret_buf *out, struct text_span text)
{
	write_count16(out, text.len);
	secret_buf_append(out, text.at, text.len);
}

void write_s32(struct secret_buf *out, struct text_span text)
{
	write_u32(out, text.len);
	secret_buf_append(out, text.at, text.len);
}

/* -- lists ----------------------------------------------------------------- */

void write_texts(struct secret_buf *out, const struct text_span *texts, size_t len)
{
	write_count16(out, len);
	for (size_t i = 0; i < len; i++)
		write_s16(out, texts[i]);
}

void write_pairs(struct secret_buf *out, const struct text_pair *pairs, size_t len)
{
	write_count16(out, len);
	for (size_t i = 0; i < len; i++) {
		write_s16(out, pairs[i].key);
		write_s16(out, pairs[i].value);
	}
}

struct text_span *read_texts(struct codec_reader *reader, size_t *ret_len)
{
	uint16_t count = read_u16(reader);
	struct text_span *texts = read_array(reader, count, sizeof(*texts), 2);

	*ret_len = texts ? count : 0;
	for (size_t i = 0; i < *ret_len; i++)
		texts[i] = read_s16(reader);
	return texts;
}

struct text_pair *read_pairs(struct codec_reader *reader, size_t *ret_len)
{
	uint16_t count = read_u16(reader);
	struct text_pair *pairs = read_array(reader, count, sizeof(*pairs), 4);

	*ret_len = pairs ? count : 0;
	for (size_t i = 0; i < *ret_len; i++) {
		pairs[i].key = read_s16(reader);
		pairs[i].value = read_s16(reader);
		if (i > 0 && text_span_compare(pairs[i - 1].key, pairs[i].key) >= 0)
			read_fail(reader);
	}
	return pairs;
}

void free_wiped(void *array, size_t len)
{
	if (array)
		sodium_memzero(array, len);
	free(array);
}

int text_span_compare(struct text_span a, struct text_span b)
{
	int order = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}
