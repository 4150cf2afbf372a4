#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cmd/dialect_option.h"
#include "cmd/editor.h"
#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/session.h"
#include "cmd/suggest.h"
#include "vault/limits.h"
#include "vault/terminal.h"

#define TEXT_MAX (4u * LIMIT_REVISION_PLAIN) /* quoting makes texts longer */

struct edit {
	const struct invocation *inv;
	struct vault_client *client;
	struct env_path env;
	const struct dialect *dialect;
	struct env_set *base; /* a plan's set: what the revision holds */
	struct env_set *kept; /* of those, what cannot be shown as text; stays as it is */
	uint64_t revision;
};

static void edit_clear(struct edit *edit)
{
	env_set_free(edit->base);
	env_set_free(edit->kept);
	client_free(edit->client);
}

/* Parts the base into texts, which are edited, and the rest, which is kept. */
static enum error_code split_base(struct edit *edit, struct env_set *texts, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(PLAN_SET_MAX);
	enum error_code rc = ERR_OK;

	if (text == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(edit->base); i++) {
		struct env_entry entry = env_set_at(edit->base, i);
		struct json_value value;

		secret_buf_reset(text);
		rc = json_scan(entry.value, entry.value_len, &value, err);
		if (rc != ERR_OK)
			return rc;
		if (value.kind == JSON_SCAN_STRING)
			json_append_unescaped(text, json_string_span(&value));
		bool editable = value.kind == JSON_SCAN_STRING &&
				variable_name_is_portable(entry.name, entry.name_len) &&
				memchr(secret_buf_text(text), '\0', secret_buf_len(text)) == NULL;
		if (editable)
			rc = env_set_put(texts, entry.name, entry.name_len, secret_buf_text(text), secret_buf_len(text),
					 0, NULL, err);
		else
			rc = env_set_put(edit->kept, entry.name, entry.name_len, entry.value, entry.value_len, 0, NULL,
					 err);
	}
	return rc;
}

static void append_heading(const struct edit *edit, struct secret_buf *out)
{
	output_format(out, "# %s, revision %" PRIu64 "\n", edit->env.text, edit->revision);
	output_format(out, "# NAME=VALUE lines in the dialect %s; comments are not kept.\n",
		      dialect_name(edit->dialect));
	secret_buf_append_text(out, "# Save and leave to make a new revision; leave the text as it is to make none.\n");
	if (env_set_count(edit->kept) > 0)
		output_format(out, "# Not shown and kept as they are: %zu that are no plain text.\n",
			      env_set_count(edit->kept));
	secret_buf_append_text(out, "\n");
}

/* The portable dialect cannot hold every text; the shell's can. */
static enum error_code compose(struct edit *edit, const struct env_set *texts, struct secret_buf **ret,
			       struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *body = secret_buf_new(TEXT_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *whole = secret_buf_new(TEXT_MAX);
	struct error found = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };

	if (body == NULL || whole == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = dialect_encode(edit->dialect, texts, NULL, body, &notes, &found);
	if (rc == ERR_UNREPRESENTABLE && !option_is_given(edit->inv, OPT_DIALECT)) {
		error_clear(&found);
		notes_free(&notes);
		secret_buf_reset(body);
		edit->dialect = dialect_find("shell");
		rc = dialect_encode(edit->dialect, texts, NULL, body, &notes, &found);
	}
	if (rc != ERR_OK) {
		warn_notes(&notes, NULL);
		*err = found;
		return rc;
	}
	append_heading(edit, whole);
	secret_buf_append(whole, secret_buf_bytes(body), secret_buf_len(body));
	rc = secret_buf_check(whole, "the text to edit", err);
	if (rc == ERR_OK)
		*ret = take_ptr(whole);
	return rc;
}

/* "y" or just return. Without a terminal always no, and when the input ends: it would be so at every question. */
static bool ask(const char *question)
{
	struct error ignored = ERROR_INIT;
	char answer[8];

	if (!terminal_is_there() || terminal_read_line(question, answer, sizeof(answer), &ignored) != ERR_OK)
		return false;
	return answer[0] == '\0' || answer[0] == 'y' || answer[0] == 'Y';
}

static enum error_code parse(const struct edit *edit, const struct secret_buf *text, struct env_set **ret,
			     struct error *err)
{
	cleanup_(env_set_freep) struct env_set *texts = env_set_new(PLAN_SET_MAX);
	cleanup_(env_set_freep) struct env_set *wanted = env_set_new(PLAN_SET_MAX);
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	enum error_code rc = ERR_OK;

	if (texts == NULL || wanted == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	rc = dialect_decode(edit->dialect, secret_buf_text(text), secret_buf_len(text), texts, &notes, err);
	warn_notes(&notes, NULL);
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(edit->kept); i++) {
		struct env_entry kept = env_set_at(edit->kept, i);

		rc = env_set_put(wanted, kept.name, kept.name_len, kept.value, kept.value_len, 0, NULL, err);
	}
	if (rc == ERR_OK)
		rc = plan_add_texts(wanted, texts, err);
	if (rc == ERR_OK)
		*ret = take_ptr(wanted);
	return rc;
}

/* Lets the person edit until the text can be read. *ret is NULL when the text was left as it was. */
static enum error_code edit_text(struct edit *edit, struct env_set **ret, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *texts = env_set_new(PLAN_SET_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	bool first = true;

	if (texts == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = split_base(edit, texts, err);
	if (rc == ERR_OK)
		rc = compose(edit, texts, &text, err);
	while (rc == ERR_OK) {
		cleanup_(secret_buf_freep) struct secret_buf *edited = NULL;
		struct error found = ERROR_INIT;

		rc = editor_run(text, TEXT_MAX, &edited, err);
		if (rc != ERR_OK)
			return rc;
		if (first && secret_buf_len(edited) == secret_buf_len(text) &&
		    memcmp(secret_buf_bytes(edited), secret_buf_bytes(text), secret_buf_len(text)) == 0)
			return ERR_OK;
		if (parse(edit, edited, ret, &found) == ERR_OK)
			return ERR_OK;
		warn("%s", found.text);
		if (!ask("Edit again? [Y/n] "))
			return error_set(err, found.code, "the edited text cannot be used; nothing was written, and it was kept nowhere");
		secret_buf_free(text);
		text = take_ptr(edited);
		first = false;
	}
	return rc;
}

/* The changes of a plan, made to the environment as it is now. */
static enum error_code rebase(struct edit *edit, const struct plan *plan, struct env_set **wanted, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *base = env_set_new(PLAN_SET_MAX);
	cleanup_(env_set_freep) struct env_set *again = env_set_new(PLAN_SET_MAX);
	const char *line = secret_buf_text(plan->lines);
	const char *end = line + secret_buf_len(plan->lines);

	if (base == NULL || again == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = session_read_base(edit->client, &edit->env, base, &edit->revision, err);
	for (size_t i = 0; rc == ERR_OK && i < env_set_count(base); i++) {
		struct env_entry entry = env_set_at(base, i);

		rc = env_set_put(again, entry.name, entry.name_len, entry.value, entry.value_len, 0, NULL, err);
	}
	for (; rc == ERR_OK && line < end; line += strlen(line) + 1) {
		struct env_entry entry;

		if (line[0] == '-')
			(void)env_set_remove(again, line + 1, strlen(line + 1));
		else if (env_set_find(*wanted, line + 1, strlen(line + 1), &entry))
			rc = env_set_put(again, entry.name, entry.name_len, entry.value, entry.value_len, 0, NULL, err);
	}
	if (rc != ERR_OK)
		return rc;
	env_set_free(edit->base);
	edit->base = take_ptr(base);
	env_set_free(*wanted);
	*wanted = take_ptr(again);
	return ERR_OK;
}

/* What was written. */
static enum error_code show(const struct edit *edit, const struct plan *plan, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	if (option_is_given(edit->inv, OPT_QUIET) || option_is_given(edit->inv, OPT_JSON))
		return ERR_OK;
	plan_print(plan, out);
	return output_flush(out, err);
}

/* Writes; when that fails, the person's work is not thrown away without asking. */
static enum error_code save(struct edit *edit, struct env_set **wanted, struct error *err)
{
	for (;;) {
		cleanup_(plan_free) struct plan plan = {0};
		struct error found = ERROR_INIT;
		uint64_t revision = 0;
		enum error_code rc = plan_make(edit->base, *wanted, true, &plan, err);

		if (rc == ERR_OK && plan_is_empty(&plan)) {
			say(edit->inv, "%s: nothing changed (revision %" PRIu64 ")", edit->env.text, edit->revision);
			return ERR_OK;
		}
		if (rc != ERR_OK)
			return rc;
		const struct change change = {
			.data = plan.data,
			.has_cas = true,
			.cas = edit->revision,
			.message = option_value(edit->inv, OPT_MESSAGE),
		};
		rc = session_write(edit->client, &edit->env, &change, &revision, &found);
		if (rc == ERR_OK) {
			rc = show(edit, &plan, err);
			return rc == ERR_OK ? session_report(edit->inv, &edit->env, revision, "edited", err) : rc;
		}
		warn("%s", found.text);
		if (!ask(rc == ERR_CAS ? "Make the same changes to the environment as it is now? [Y/n] "
				       : "Try to write it again? [Y/n] "))
			return error_set(err, rc, "the edited text was not written, and it was kept nowhere");
		if (rc == ERR_CAS)
			rc = rebase(edit, &plan, wanted, err);
		else
			rc = ERR_OK;
		if (rc != ERR_OK)
			return rc;
	}
}

static enum error_code open_edit(const struct invocation *inv, struct edit *edit, struct error *err)
{
	edit->inv = inv;
	edit->base = env_set_new(PLAN_SET_MAX);
	edit->kept = env_set_new(PLAN_SET_MAX);
	if (edit->base == NULL || edit->kept == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = session_environment(inv, 0, &edit->env, err);
	if (rc == ERR_OK)
		rc = dialect_of_option(inv, OPT_DIALECT, "dialect", "dotenv", &edit->dialect, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &edit->client, err);
	if (rc == ERR_OK)
		rc = session_read_base(edit->client, &edit->env, edit->base, &edit->revision, err);
	if (rc == ERR_OK && edit->revision == 0) {
		error_set(err, ERR_NOT_FOUND, "there is no %s", edit->env.text);
		return suggest_environment(edit->client, &edit->env, err);
	}
	return rc;
}

enum error_code command_edit(struct invocation *inv, struct error *err)
{
	cleanup_(edit_clear) struct edit edit = {.revision = 0};
	cleanup_(env_set_freep) struct env_set *wanted = NULL;
	enum error_code rc = open_edit(inv, &edit, err);

	if (rc == ERR_OK)
		rc = edit_text(&edit, &wanted, err);
	if (rc != ERR_OK)
		return rc;
	if (wanted == NULL) {
		say(inv, "%s: nothing changed (revision %" PRIu64 ")", edit.env.text, edit.revision);
		return ERR_OK;
	}
	return save(&edit, &wanted, err);
}
