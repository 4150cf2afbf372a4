#include <string.h>

#include "cmd/dialect_option.h"
#include "cmd/env_output.h"
#include "cmd/env_text.h"
#include "cmd/session.h"
#include "vault/limits.h"

static enum error_code take(const struct env_set *read, const struct name_filter *filter, struct env_set *ret, struct error *err)
{
	enum error_code rc = ERR_OK;

	for (size_t i = 0; rc == ERR_OK && i < env_set_count(read); i++) {
		struct env_entry entry = env_set_at(read, i);

		if (name_filter_takes(filter, entry.name, entry.name_len))
			rc = env_set_put(ret, entry.name, entry.name_len, entry.value, entry.value_len, entry.line, NULL, err);
	}
	return rc;
}

static enum error_code convert(const struct invocation *inv, const struct dialect *from, const struct name_filter *filter,
			       struct env_output *output, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *read = env_set_new(2 * LIMIT_ENV_FILE);
	cleanup_(env_set_freep) struct env_set *taken = env_set_new(2 * LIMIT_ENV_FILE);
	cleanup_(notes_free) struct notes notes = { .len = 0 };

	if (read == NULL || taken == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = env_text_read(from, "from", inv->words[0], read, err);
	if (rc == ERR_OK)
		rc = session_filter_check_set(filter, read, strcmp(inv->words[0], "-") == 0 ? "standard input" : inv->words[0], "nothing was written", err);
	if (rc == ERR_OK)
		rc = take(read, filter, taken, err);
	return rc == ERR_OK ? env_output_write(inv, output, taken, &notes, err) : rc;
}

enum error_code command_convert(struct invocation *inv, struct error *err)
{
	const struct dialect *from = NULL;
	struct env_output output;
	struct name_filter filter;
	enum error_code rc = dialect_of_option(inv, OPT_FROM, "from", DIALECT_AUTO, &from, err);

	if (rc == ERR_OK)
		rc = env_output_read(inv, OPT_TO, "to", &output, err);
	if (rc == ERR_OK)
		rc = session_filter(inv, &filter, err);
	return rc == ERR_OK ? convert(inv, from, &filter, &output, err) : rc;
}
