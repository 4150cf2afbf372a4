#include "cmd/diff_print.h"

#include <inttypes.h>
#include <string.h>

#include "cmd/output.h"
#include "vault/limits.h"

struct counts {
	size_t added, changed, removed;
};

static char sign_of(const char *change, struct counts *counts)
{
	if (strcmp(change, "added") == 0) {
		counts->added++;
		return '+';
	}
	if (strcmp(change, "removed") == 0) {
		counts->removed++;
		return '-';
	}
	counts->changed++;
	return '~';
}

static void print_side(const struct env_set *set, const char *name, char sign, enum style style, struct secret_buf *out)
{
	struct env_entry entry;

	if (set == NULL || !env_set_find(set, name, strlen(name), &entry))
		return;
	output_style(out, style);
	output_format(out, "      %c ", sign);
	output_visible(out, entry.value, entry.value_len);
	output_plain(out);
	secret_buf_append_char(out, '\n');
}

static void print_change(const struct json_value *change, const struct env_set *before, const struct env_set *after,
			 struct counts *counts, struct secret_buf *out)
{
	char name[LIMIT_VARIABLE_NAME_LEN + 1], kind[16];

	answer_text(change, "name", name, sizeof(name));
	answer_text(change, "change", kind, sizeof(kind));
	char sign = sign_of(kind, counts);
	output_style(out, sign == '+' ? STYLE_ADDED : sign == '-' ? STYLE_REMOVED : STYLE_CHANGED);
	output_format(out, "  %c ", sign);
	output_visible(out, name, strlen(name));
	output_plain(out);
	if (sign == '~' && answer_int(change, "from_revision", 0) != answer_int(change, "to_revision", 0))
		output_format(out, "  (revision %" PRId64 " -> %" PRId64 ")", answer_int(change, "from_revision", 0),
			      answer_int(change, "to_revision", 0));
	secret_buf_append_char(out, '\n');
	print_side(before, name, '-', STYLE_REMOVED, out);
	print_side(after, name, '+', STYLE_ADDED, out);
}

enum error_code diff_print(const struct json_value *data, const struct env_set *before, const struct env_set *after,
			   struct secret_buf *out, struct error *err)
{
	struct json_value changes, change;
	struct counts counts = {0};
	size_t cursor = 0;

	if (!json_find(data, "changes", &changes) || changes.kind != JSON_SCAN_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the answer holds no changes");
	while (json_next_element(&changes, &cursor, &change))
		if (change.kind == JSON_SCAN_OBJECT)
			print_change(&change, before, after, &counts, out);
	output_format(out, "%zu added, %zu changed, %zu removed, %" PRId64 " unchanged\n", counts.added, counts.changed,
		      counts.removed, answer_int(data, "unchanged", 0));
	return ERR_OK;
}
