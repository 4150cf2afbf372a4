#include "core/name_list.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

void name_list_free(struct name_list *list)
{
	if (list->block) {
		sodium_memzero(list->block, list->block_len);
		free(list->block);
	}
	*list = (struct name_list){0};
}

void name_collector_add(struct name_collector *collector, const char *text, size_t len)
{
	if (!collector->texts)
		collector->texts = secret_buf_new(collector->limit);
	if (!collector->texts) {
		collector->failed = true;
		return;
	}
	secret_buf_append(collector->texts, text, len);
	secret_buf_append_char(collector->texts, '\0');
	collector->count++;
}

static enum error_code finish(const struct name_collector *collector, struct name_list *ret, struct error *err)
{
	size_t len = collector->texts ? secret_buf_len(collector->texts) : 0;
	char *block;

	if (collector->texts && secret_buf_check(collector->texts, "the list of names", err) != ERR_OK)
		return err->code;
	block = collector->failed ? NULL : malloc(len + 1);
	if (!block)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a list of names");
	if (len > 0)
		memcpy(block, secret_buf_bytes(collector->texts), len);
	block[len] = '\0';
	*ret = (struct name_list){ .block = block, .block_len = len, .count = collector->count };
	return ERR_OK;
}

enum error_code name_collector_finish(struct name_collector *collector, struct name_list *ret, struct error *err)
{
	enum error_code code = finish(collector, ret, err);

	name_collector_wipe(collector);
	return code;
}

void name_collector_wipe(struct name_collector *collector)
{
	secret_buf_free(collector->texts);
	collector->texts = NULL;
	collector->count = 0;
}
