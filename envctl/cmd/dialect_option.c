#include "cmd/dialect_option.h"

#include <stdio.h>
#include <string.h>

#include "vault/suggestion.h"

#define PROBE_MAX 4096 /* bytes */

static bool is_taken(const struct invocation *inv, const struct dialect *dialect)
{
	return inv->command == NULL || inv->command->takes_dialect == NULL || inv->command->takes_dialect(dialect);
}

/* Of those that the verb takes. */
static void all_names(const struct invocation *inv, char *ret, size_t size)
{
	const struct dialect *dialect;
	size_t used = 0;

	ret[0] = '\0';
	for (size_t i = 0; (dialect = dialect_at(i)) != NULL && used < size; i++) {
		if (!is_taken(inv, dialect))
			continue;
		snprintf(ret + used, size - used, "%s%s", used > 0 ? ", " : "", dialect_name(dialect));
		used += strlen(ret + used);
	}
}

/* "; did you mean X? There are ", or the last words alone. */
static void tell_nearest(const struct invocation *inv, const char *name, bool auto_too, char *ret, size_t size)
{
	struct suggestion best = SUGGESTION_INIT;
	const struct dialect *dialect;

	if (auto_too)
		suggestion_offer(&best, name, DIALECT_AUTO);
	for (size_t i = 0; (dialect = dialect_at(i)) != NULL; i++)
		if (is_taken(inv, dialect))
			suggestion_offer(&best, name, dialect_name(dialect));
	snprintf(ret, size, best.text[0] != '\0' ? "; did you mean %.32s? There are" : "%s; there are", best.text);
}

enum error_code dialect_of_option(const struct invocation *inv, enum option_id id, const char *option,
				  const char *otherwise, const struct dialect **ret, struct error *err)
{
	const char *name = option_is_given(inv, id) ? option_value(inv, id) : otherwise;
	bool auto_too = otherwise != NULL && strcmp(otherwise, DIALECT_AUTO) == 0;
	char names[320] = "", nearest[64];

	*ret = name != NULL ? dialect_find(name) : NULL;
	bool refused = *ret != NULL && !is_taken(inv, *ret);
	if ((*ret != NULL && !refused) || (auto_too && name != NULL && strcmp(name, DIALECT_AUTO) == 0))
		return ERR_OK;
	if (auto_too)
		snprintf(names, sizeof(names), "%s, ", DIALECT_AUTO);
	all_names(inv, names + strlen(names), sizeof(names) - strlen(names));
	if (name == NULL)
		return error_set(err, ERR_USAGE, "--%s is needed, one of %s", option, names);
	if (refused)
		return error_set(err, ERR_USAGE, "--%s %.32s cannot be edited, as it has no comments; there are %s", option, name, names);
	tell_nearest(inv, name, auto_too, nearest, sizeof(nearest));
	return error_set(err, ERR_USAGE, "--%s %.32s is unknown%s %s", option, name, nearest, names);
}

/* Not said by the dialects, but by what they make of a text with a comment. */
bool dialect_can_be_edited(const struct dialect *dialect)
{
	cleanup_(env_set_freep) struct env_set *written = env_set_new(PROBE_MAX), *read = env_set_new(PROBE_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(PROBE_MAX), *text = secret_buf_new(PROBE_MAX);
	cleanup_(notes_free) struct notes notes = {.len = 0};
	struct error ignored = ERROR_INIT;

	if (written == NULL || read == NULL || body == NULL || text == NULL || dialect_is_directory(dialect) ||
	    env_set_put(written, "A", 1, "1", 1, 0, NULL, &ignored) != ERR_OK ||
	    dialect_encode(dialect, written, NULL, body, &notes, &ignored) != ERR_OK)
		return false;
	secret_buf_append_text(text, "# A comment\n\n");
	secret_buf_append(text, secret_buf_bytes(body), secret_buf_len(body));
	return dialect_decode(dialect, secret_buf_text(text), secret_buf_len(text), read, &notes, &ignored) == ERR_OK &&
	       env_set_count(read) == 1;
}
