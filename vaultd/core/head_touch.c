#include "core/head_touch.h"

#include "vault/limits.h"

static enum error_code put_head(const struct head_entry *entry, const struct head_record *head, struct records_write *write,
				struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the environment's head");
	encode_head(encoding, head);
	if (secret_buf_check(encoding, "the environment's head", err) != ERR_OK)
		return err->code;
	return records_put(write, &entry->pinned.key, entry->eid, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

enum error_code head_touch(const struct head_entry *entry, int64_t now, struct records_write *write, struct error *err)
{
	struct head_record head = entry->head;

	head.updated = now;
	return put_head(entry, &head, write, err);
}

enum error_code head_touch_parents(const struct head_entry *entry, int64_t now, const struct text_span *parents,
				   size_t parents_len, struct records_write *write, struct error *err)
{
	struct text_span spans[LIMIT_PARENTS];
	struct head_record head = entry->head;

	for (size_t i = 0; i < parents_len; i++)
		spans[i] = parents[i];
	head.parents = spans;
	head.parents_len = parents_len;
	head.updated = now;
	return put_head(entry, &head, write, err);
}
