#include "dialect/versions.h"

#include <string.h>

#include "dialect/text.h"

struct merge {
	struct reader *reader;
	const struct version_rules *rules;
	struct version versions[VERSIONS_MAX];
	bool is_over[VERSIONS_MAX];
	size_t count;
	unsigned refused_line;	/* the last; what else differs on it needs no saying */
};

const char *version_value(const struct version *version, size_t *ret_len)
{
	*ret_len = version->piece ? version->piece_len : secret_buf_len(version->reader.value);
	return version->piece ? version->piece : secret_buf_text(version->reader.value);
}

struct secret_buf *version_own(struct version *version)
{
	struct secret_buf *value = version->reader.value;

	if (version->piece)
		secret_buf_append(value, version->piece, version->piece_len);
	version->piece = NULL;
	return value;
}

void version_expand(struct version *version, const char *letters)
{
	size_t len;
	const char *value = version_value(version, &len);

	if (text_has(value, len, '\\'))
		value_expand(version_own(version), letters);
}

void version_drop(struct version *version)
{
	version->piece = NULL;
	secret_buf_truncate(version->reader.value, 0);
}

static void advance(struct merge *merge, size_t i)
{
	struct version *version = &merge->versions[i];

	version_drop(version);
	version->refused = NULL;
	merge->is_over[i] = !merge->rules->next[i](version);
	/* What an escape took is not needed while the others are read. */
	if (i + 1 < merge->count)
		secret_buf_trim(version->reader.value);
	if (merge->reader->code == ERR_OK)
		merge->reader->code = secret_buf_check(version->reader.value, "a value", merge->reader->err);
}

/* The version whose find stands first in the text, or NULL when all are at the end. */
static struct version *first_found(struct merge *merge)
{
	struct version *first = NULL;

	for (size_t i = 0; i < merge->count; i++)
		if (!merge->is_over[i] && (!first || merge->versions[i].name < first->name))
			first = &merge->versions[i];
	return first;
}

static bool same_find(const struct version *a, const struct version *b)
{
	size_t a_len, b_len;
	const char *a_value = version_value(a, &a_len), *b_value = version_value(b, &b_len);

	return a->name == b->name && a->name_len == b->name_len && a_len == b_len &&
	       (a_len == 0 || a_value == b_value || memcmp(a_value, b_value, a_len) == 0);
}

/* Why the find that stands first is no variable, or NULL. What one version says of it goes before that versions differ. */
static const struct remark *judge(const struct merge *merge, const struct version *first)
{
	const struct remark *refused = NULL;

	for (size_t i = 0; i < merge->count; i++) {
		const struct version *version = &merge->versions[i];
		bool is_there = !merge->is_over[i] && version->name == first->name;
		if (is_there && version->refused)
			return version->refused;
		if (!is_there || !same_find(version, first))
			refused = merge->rules->differ;
	}
	return refused ? refused : merge->rules->check(first);
}

static void take(struct merge *merge, const struct version *found)
{
	struct reader *reader = merge->reader;
	const struct remark *refused = judge(merge, found);
	bool said = refused == merge->rules->differ && found->line == merge->refused_line;
	size_t len;
	const char *value = version_value(found, &len);

	if (!refused)
		reader_put_text(reader, found->name, found->name_len, value, len, found->line);
	else if (!said)
		reader_refuse(reader, found->line, found->name, found->name_len, refused);
	if (refused)
		merge->refused_line = found->line;
}

static void merge_all(struct merge *merge)
{
	struct version *found;

	for (size_t i = 0; i < merge->count; i++)
		advance(merge, i);
	while (merge->reader->code == ERR_OK && (found = first_found(merge))) {
		const char *place = found->name;
		take(merge, found);
		for (size_t i = 0; i < merge->count; i++)
			if (!merge->is_over[i] && merge->versions[i].name == place)
				advance(merge, i);
	}
}

static void merge_end(struct merge *merge)
{
	for (size_t i = 0; i < merge->count; i++)
		secret_buf_free(merge->versions[i].reader.value);
}

static bool add_version(struct merge *merge, struct reader *reader)
{
	struct version *version = &merge->versions[merge->count];

	version->reader = *reader;
	version->reader.value = reader_value_new(reader);
	if (merge->count > 0)
		version->reader.notes = NULL;
	if (!version->reader.value)
		return false;
	merge->count++;
	return true;
}

static bool out_of_memory(struct reader *reader)
{
	reader->code = error_set(reader->err, ERR_NO_MEMORY, "out of memory while reading an env file");
	return false;
}

void versions_read(struct reader *reader, const struct version_rules *rules)
{
	cleanup_(merge_end) struct merge merge = { .reader = reader, .rules = rules };

	while (merge.count < VERSIONS_MAX && rules->next[merge.count]) {
		if (!add_version(&merge, reader)) {
			out_of_memory(reader);
			return;
		}
	}
	merge_all(&merge);
	reader->at = reader->len;
}

bool versions_without_cr(struct reader *reader, bool line_feed, struct secret_buf **ret)
{
	const char *text = reader->text;
	size_t at = reader->at;
	cleanup_(secret_buf_freep) struct secret_buf *copy = NULL;

	if (reader_find(reader, at, '\r') == reader->len)
		return true;
	copy = secret_buf_new(reader->len);
	if (!copy || !secret_buf_reserve(copy, reader->len))
		return out_of_memory(reader);
	while (at < reader->len) {
		size_t end = reader_find(reader, at, '\r');
		secret_buf_append(copy, text + at, end - at);
		if (line_feed && end < reader->len && (end + 1 == reader->len || text[end + 1] != '\n'))
			secret_buf_append_char(copy, '\n');
		at = end + 1;
	}
	reader->text = secret_buf_text(copy);
	reader->len = secret_buf_len(copy);
	reader->at = 0;
	*ret = take_ptr(copy);
	return true;
}

void version_ignore(struct version *version, unsigned line, const char *name, size_t name_len,
		    const struct remark *remark)
{
	if (version->reader.notes)
		reader_warn(&version->reader, line, name, name_len, remark);
}
