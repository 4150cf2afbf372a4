#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/session.h"
#include "vault/files.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/terminal.h"

#define VALUE_MAX LIMIT_REVISION_PLAIN /* no environment can hold more */

static enum error_code check_name(const char *name, size_t len, struct error *err)
{
	if (variable_name_is_portable(name, len))
		return ERR_OK;
	/* The word may be a value that stands in the wrong place: it is not repeated. */
	return error_set(err, ERR_USAGE,
			 "a word is no variable's name: names are letters, digits and _, not beginning with a digit");
}

static void warn_danger(const char *name)
{
	switch (variable_name_danger(name, strlen(name))) {
	case NAME_HARMLESS:
		return;
	case NAME_WARN:
		warn("%s changes what programs load or run; `run` will warn about it", name);
		return;
	case NAME_REFUSED:
		warn("%s could load code into any program: `run` will refuse it, unless `envctl env settings ENV "
		     "--allow-names %s` accepts it",
		     name, name);
		return;
	}
}

static enum error_code put(struct env_set *set, const char *name, size_t name_len, const char *value, size_t value_len,
			   struct error *err)
{
	bool replaced = false;
	enum error_code rc = check_name(name, name_len, err);

	if (rc == ERR_OK && memchr(value, '\0', value_len) != NULL)
		rc = error_set(
			err, ERR_INVALID,
			"the value of %.*s holds a NUL, which no program can get; encode it, for example with base64",
			(int)name_len, name);
	if (rc == ERR_OK)
		rc = env_set_put(set, name, name_len, value, value_len, 0, &replaced, err);
	if (rc == ERR_OK && replaced)
		rc = error_set(err, ERR_USAGE, "%.*s is given twice", (int)name_len, name);
	return rc;
}

/* Standard input and files: their final line end is not meant, unless --exact says so. Nothing is not meant either: a program
 * that failed in front of the pipe must not empty a password. */
static enum error_code put_text(const struct invocation *inv, struct env_set *set, const char *name, const char *file,
				struct secret_buf *text, struct error *err)
{
	size_t len = secret_buf_len(text);

	if (!option_is_given(inv, OPT_EXACT) && len > 0 && secret_buf_text(text)[len - 1] == '\n')
		len--;
	if (len == 0)
		return error_set(err, ERR_INVALID, "%.200s is empty; an empty value is given as %s=",
				 strcmp(file, "-") == 0 ? "standard input" : file, name);
	return put(set, name, strlen(name), secret_buf_text(text), len, err);
}

static enum error_code put_from_file(const struct invocation *inv, struct env_set *set, const char *name,
				     const char *file, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	enum error_code rc = file_read_secret(file, FILE_ANY_MODE, true, VALUE_MAX, &text, err);

	return rc == ERR_OK ? put_text(inv, set, name, file, text, err) : rc;
}

static enum error_code put_from_prompt(struct env_set *set, const char *name, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	char prompt[LIMIT_VARIABLE_NAME_LEN + 8];

	snprintf(prompt, sizeof(prompt), "%s: ", name);
	enum error_code rc = terminal_read_secret(prompt, &text, err);
	if (rc != ERR_OK)
		return rc;
	if (secret_buf_len(text) == 0)
		warn("the line is empty, and so is now %s", name);
	return put(set, name, strlen(name), secret_buf_text(text), secret_buf_len(text), err);
}

/* Words behind ENV: NAME=VALUE, NAME -, NAME. */
static enum error_code gather(const struct invocation *inv, struct env_set *set, struct error *err)
{
	const char *file = option_value(inv, OPT_FILE);
	bool alone = inv->words_len == 2;
	enum error_code rc = ERR_OK;

	if (file != NULL && (!alone || strchr(inv->words[1], '=') != NULL))
		return error_set(err, ERR_USAGE, "--file gives the value of one NAME");
	for (size_t i = 1; rc == ERR_OK && i < inv->words_len; i++) {
		const char *word = inv->words[i];
		const char *equals = strchr(word, '=');
		const char *next = i + 1 < inv->words_len ? inv->words[i + 1] : "";

		if (equals != NULL) {
			rc = put(set, word, (size_t)(equals - word), equals + 1, strlen(equals + 1), err);
			continue;
		}
		rc = check_name(word, strlen(word), err);
		if (rc != ERR_OK)
			return rc;
		if (file != NULL) {
			rc = put_from_file(inv, set, word, file, err);
		} else if (strcmp(next, "-") == 0) {
			rc = put_from_file(inv, set, word, "-", err);
			i++;
		} else if (terminal_is_there()) {
			rc = put_from_prompt(set, word, err);
		} else if (alone) {
			rc = put_from_file(inv, set, word, "-", err);
		} else {
			rc = error_set(
				err, ERR_USAGE,
				"there is no terminal to ask for %.100s, and standard input can give one value only: "
				"name one variable, or use `envctl import`",
				word);
		}
	}
	return rc;
}

static enum error_code object_of(const struct env_set *texts, struct secret_buf *ret, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *raw = env_set_new(PLAN_SET_MAX);

	if (raw == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = plan_add_texts(raw, texts, err);
	if (rc != ERR_OK)
		return rc;
	for (size_t i = 0; i < env_set_count(raw); i++) {
		struct env_entry entry = env_set_at(raw, i);

		json_emit_raw(ret, i == 0 ? "{" : ",");
		json_emit_string(ret, entry.name, entry.name_len);
		json_emit_raw(ret, ":");
		json_emit_raw_n(ret, entry.value, entry.value_len);
	}
	json_emit_raw(ret, "}");
	return secret_buf_check(ret, "the variables", err);
}

/* The list of --template: all names of this call; that of --text: none of them. */
static enum error_code templates_of(const struct invocation *inv, const struct env_set *texts, struct secret_buf *ret,
				    struct error *err)
{
	bool template = option_is_given(inv, OPT_TEMPLATE);

	if (template && option_is_given(inv, OPT_TEXT))
		return error_set(err, ERR_USAGE, "--template and --text exclude each other");
	json_emit_raw(ret, "[");
	for (size_t i = 0; template && i < env_set_count(texts); i++) {
		struct env_entry entry = env_set_at(texts, i);

		json_emit_raw(ret, i == 0 ? "" : ",");
		json_emit_string(ret, entry.name, entry.name_len);
	}
	json_emit_raw(ret, "]");
	return secret_buf_check(ret, "the list of names", err);
}

enum error_code command_set(struct invocation *inv, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *templates = secret_buf_new(LIMIT_BODY_DATA);
	struct change change = {0};
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(env_set_freep) struct env_set *texts = env_set_new(PLAN_SET_MAX);
	cleanup_(secret_buf_freep) struct secret_buf *data = secret_buf_new(LIMIT_BODY_DATA);
	struct env_path env;
	uint64_t revision = 0;
	char what[48];

	if (texts == NULL || data == NULL || templates == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = session_environment(inv, 0, &env, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc == ERR_OK)
		rc = gather(inv, texts, err);
	if (rc == ERR_OK)
		rc = object_of(texts, data, err);
	if (rc == ERR_OK)
		rc = templates_of(inv, texts, templates, err);
	change.data = data;
	change.templates = option_is_given(inv, OPT_TEMPLATE) || option_is_given(inv, OPT_TEXT) ? templates : NULL;
	if (rc == ERR_OK)
		rc = session_patch(inv, client, &env, &change, true, &revision, err);
	if (rc != ERR_OK)
		return rc;
	for (size_t i = 0; i < env_set_count(texts); i++)
		warn_danger(env_set_at(texts, i).name);
	snprintf(what, sizeof(what), "%zu set", env_set_count(texts));
	return session_report(inv, &env, revision, what, err);
}
