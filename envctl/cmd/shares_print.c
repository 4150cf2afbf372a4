#include "cmd/shares_print.h"

#include "cmd/output.h"
#include "vault/json_scan.h"

static bool list_of(const struct json_value *object, struct json_value *ret)
{
	return json_find(object, "shares", ret) && ret->kind == JSON_SCAN_ARRAY;
}

size_t shares_count(const struct json_value *object)
{
	struct json_value list;

	return list_of(object, &list) ? json_count(&list) : 0;
}

enum error_code shares_append(const struct invocation *inv, const struct json_value *object, unsigned threshold,
			      struct secret_buf *out, struct error *err)
{
	struct json_value list, share;
	unsigned number = 0;
	size_t cursor = 0;

	if (!list_of(object, &list))
		return error_set(err, ERR_PROTOCOL, "the shares were made, but the answer does not have them");
	while (json_next_element(&list, &cursor, &share)) {
		if (share.kind != JSON_SCAN_STRING)
			continue;
		output_format(out, "Share %u: ", ++number);
		json_append_unescaped(out, json_string_span(&share));
		secret_buf_append_char(out, '\n');
	}
	say(inv, "the shares follow; they are shown this once. Give each to another person: any %u of the %u open the vault, "
		 "and fewer open nothing",
	    threshold, number);
	return secret_buf_check(out, "the shares", err);
}
