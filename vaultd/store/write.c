/* What one request wants: guards and changes, in the order in which they were added. */
#include <stdlib.h>
#include <string.h>

#include "store/engine.h"

/* Pages that one change may copy besides those of its value: the path to its leaf and the list of free pages. */
#define PAGES_OF_A_PATH 8

/* LMDB keeps a value that does not fit half a page in pages of its own. */
static size_t pages_of(size_t key_len, size_t value_len)
{
	return key_len + value_len > STORE_PAGE / 2 - 64 ? (value_len + 16 + STORE_PAGE - 1) / STORE_PAGE : 1;
}

struct store_write *store_write_new(void)
{
	return calloc(1, sizeof(struct store_write));
}

void store_write_free(struct store_write *write)
{
	if (!write)
		return;
	for (struct write_item *item = write->first, *next; item; item = next) {
		next = item->next;
		free(item);
	}
	free(write);
}

static enum error_code add(struct store_write *write, enum write_kind kind, const void *key, size_t key_len,
			   size_t value_len, struct write_item **ret, struct error *err)
{
	struct write_item *item;

	if (key_len < 1 || key_len > LIMIT_STORE_KEY)
		return error_set(err, ERR_INTERNAL, "a record's key has %zu bytes; 1 to %d are possible", key_len, LIMIT_STORE_KEY);
	if (value_len > LIMIT_BATCH_BYTES - key_len || write->bytes > LIMIT_BATCH_BYTES - key_len - value_len)
		return error_set(err, ERR_TOO_LARGE, "one change is larger than %u bytes", LIMIT_BATCH_BYTES);
	item = malloc(sizeof(*item) + value_len + key_len);
	if (!item)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a change");
	item->next = NULL;
	item->kind = kind;
	item->key_len = key_len;
	item->value_len = value_len;
	memcpy(item->bytes + value_len, key, key_len);
	if (write->last)
		write->last->next = item;
	else
		write->first = item;
	write->last = item;
	write->bytes += key_len + value_len;
	if (kind == WRITE_PUT || kind == WRITE_DELETE)
		write->pages += PAGES_OF_A_PATH + (kind == WRITE_PUT ? pages_of(key_len, value_len) : 0);
	*ret = item;
	return ERR_OK;
}

enum error_code store_write_guard(struct store_write *write, const void *key, size_t key_len, const uint8_t *pin,
				  struct error *err)
{
	struct write_item *item;

	if (add(write, pin ? WRITE_GUARD_PIN : WRITE_GUARD_ABSENT, key, key_len, pin ? VALUE_PIN_LEN : 0, &item, err) != ERR_OK)
		return err->code;
	if (pin)
		memcpy(item->bytes, pin, VALUE_PIN_LEN);
	return ERR_OK;
}

enum error_code store_write_put(struct store_write *write, const void *key, size_t key_len, size_t len, uint8_t **ret_space,
				struct error *err)
{
	struct write_item *item = NULL;

	if (len < VALUE_PIN_OFFSET + VALUE_PIN_LEN)
		return error_set(err, ERR_INTERNAL, "a value of %zu bytes has no pin", len);
	if (add(write, WRITE_PUT, key, key_len, len, &item, err) != ERR_OK)
		return err->code;
	*ret_space = item->bytes;
	return ERR_OK;
}

enum error_code store_write_delete(struct store_write *write, const void *key, size_t key_len, struct error *err)
{
	struct write_item *item;

	return add(write, WRITE_DELETE, key, key_len, 0, &item, err);
}
