#include "run/child_env.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "vault/limits.h"
#include "vault/names.h"
#include "vault/plural.h"
#include "vault/secret_buf.h"

#define BLOCK_MAX (8u * 1024 * 1024) /* more than the kernel takes: the size is then explained, not cut off */
/* What the kernel puts beside our strings: the file name, the platform's name, random bytes, alignment. */
#define KERNEL_RESERVE 4096

struct child_env {
	struct secret_buf *block; /* NAME=VALUE NUL NAME=VALUE NUL … */
	size_t *offsets;	  /* of each string in the block */
	size_t count;		  /* of the vault's variables */
	char **pointers;
	size_t largest_at, largest_len;
};

struct builder {
	struct child_env *env;
	const struct child_env_options *options;
	const struct json_value *allowed;
	struct secret_buf *name; /* unescaped; names are not secret, the type is handy */
	struct notes *notes;
};

void child_env_free(struct child_env *env)
{
	if (env == NULL)
		return;
	secret_buf_free(env->block);
	free(env->offsets);
	free(env->pointers);
	free(env);
}

char **child_env_pointers(const struct child_env *env)
{
	return env->pointers;
}

size_t child_env_from_vault(const struct child_env *env)
{
	return env->count;
}

static bool is_allowed(const struct json_value *allowed, const char *name, size_t len)
{
	struct json_value item;
	size_t cursor = 0;

	if (allowed == NULL || allowed->kind != JSON_SCAN_ARRAY)
		return false;
	while (json_next_element(allowed, &cursor, &item)) {
		struct json_span text;

		if (item.kind != JSON_SCAN_STRING)
			continue;
		text = json_string_span(&item);
		if (text.len == len && memcmp(text.at, name, len) == 0)
			return true;
	}
	return false;
}

static const char *inherited_value_end(const char *entry)
{
	const char *equals = strchr(entry, '=');

	return equals != NULL ? equals : entry + strlen(entry);
}

static bool is_inherited(char *const *inherited, const char *name, size_t len)
{
	for (; *inherited != NULL; inherited++)
		if (strncmp(*inherited, name, len) == 0 && (*inherited)[len] == '=')
			return true;
	return false;
}

static void note(struct builder *b, enum note_severity severity, const char *reason, const char *hint)
{
	notes_add(b->notes, severity, 0, secret_buf_text(b->name), secret_buf_len(b->name), reason, hint);
}

/* Decides by the name alone; notes what people have to know. */
static bool name_goes_in(struct builder *b)
{
	const char *name = secret_buf_text(b->name);
	size_t len = secret_buf_len(b->name);

	if (!name_filter_takes(&b->options->filter, name, len))
		return false;
	if (!variable_name_is_portable(name, len)) {
		note(b, NOTE_WARNING, "left out: programs cannot have a variable of this name",
		     "names are letters, digits and _, not beginning with a digit");
		return false;
	}
	if (name_list_has(b->options->preserve, name, len) && is_inherited(b->options->inherited, name, len))
		return false;
	if (is_allowed(b->allowed, name, len))
		return true;
	switch (variable_name_danger(name, len)) {
	case NAME_HARMLESS:
		break;
	case NAME_WARN:
		note(b, NOTE_WARNING, "comes from the vault and changes what programs load or run",
		     "`envctl env settings ENV --allow-names` accepts it silently");
		break;
	case NAME_REFUSED:
		note(b, NOTE_ERROR, "refused: it would load code into whatever is run",
		     "leave it out with --except, or accept it with `envctl env settings ENV --allow-names`");
		return false;
	}
	return true;
}

static bool value_has_text(struct builder *b, const struct json_value *value)
{
	switch (value->kind) {
	case JSON_SCAN_STRING:
	case JSON_SCAN_NUMBER:
	case JSON_SCAN_BOOL:
		return true;
	case JSON_SCAN_NULL:
		note(b, NOTE_WARNING, "left out: its value is null", NULL);
		return false;
	case JSON_SCAN_ARRAY:
	case JSON_SCAN_OBJECT:
		note(b, NOTE_WARNING, "left out: its value is a JSON list or object, not text", NULL);
		return false;
	}
	return false;
}

static void append_value(struct secret_buf *block, const struct json_value *value)
{
	if (value->kind == JSON_SCAN_STRING && value->escaped)
		json_append_unescaped(block, json_string_span(value));
	else if (value->kind == JSON_SCAN_STRING)
		secret_buf_append(block, json_string_span(value).at, json_string_span(value).len);
	else
		secret_buf_append(block, value->raw.at, value->raw.len);
}

/* Writes NAME=VALUE and its NUL behind the others; takes it back when no program can have it. */
static void add_variable(struct builder *b, const struct json_value *value)
{
	struct child_env *env = b->env;
	size_t start = secret_buf_len(env->block);

	secret_buf_append(env->block, secret_buf_bytes(b->name), secret_buf_len(b->name));
	secret_buf_append_char(env->block, '=');
	append_value(env->block, value);
	if (!secret_buf_ok(env->block))
		return;
	size_t len = secret_buf_len(env->block) - start;
	const char *fault = NULL;
	if (memchr(secret_buf_text(env->block) + start, '\0', len) != NULL)
		fault = "refused: its value holds a NUL, which no program can get";
	else if (len > LIMIT_EXEC_STRING)
		fault = "refused: name and value are over 131071 bytes, which Linux cannot pass to a program";
	if (fault != NULL) {
		note(b, NOTE_ERROR, fault, "leave it out with --except");
		secret_buf_truncate(env->block, start);
		return;
	}
	secret_buf_append_char(env->block, '\0');
	if (len > env->largest_len) {
		env->largest_at = start;
		env->largest_len = len;
	}
	env->offsets[env->count++] = start;
}

static void take_member(struct builder *b, const struct json_member *member)
{
	secret_buf_reset(b->name);
	if (member->name_escaped)
		json_append_unescaped(b->name, member->name);
	else
		secret_buf_append(b->name, member->name.at, member->name.len);
	if (!secret_buf_ok(b->name)) {
		notes_add(b->notes, NOTE_WARNING, 0, "", 0, "a variable was left out: its name is over-long", NULL);
		return;
	}
	if (name_goes_in(b) && value_has_text(b, &member->value))
		add_variable(b, &member->value);
}

static enum error_code take_variables(struct builder *b, const struct json_value *variables, struct error *err)
{
	struct json_member member;
	size_t cursor = 0;

	while (json_next_member(variables, &cursor, &member))
		take_member(b, &member);
	enum error_code rc = secret_buf_check(b->env->block, "the environment for the program", err);
	if (rc != ERR_OK)
		return rc;
	if (b->notes->errors > 0)
		return error_set(err, ERR_UNREPRESENTABLE, "%zu %s cannot be given to a program; nothing was started",
				 b->notes->errors, plural(b->notes->errors, "variable", "variables"));
	return ERR_OK;
}

static bool block_has_name(const struct child_env *env, const char *name, size_t len)
{
	const char *block = secret_buf_text(env->block);

	for (size_t i = 0; i < env->count; i++)
		if (strncmp(block + env->offsets[i], name, len) == 0 && block[env->offsets[i] + len] == '=')
			return true;
	return false;
}

static bool inherited_stays(const struct builder *b, const char *entry)
{
	size_t len = (size_t)(inherited_value_end(entry) - entry);

	if (len == 11 && memcmp(entry, "VAULT_TOKEN", 11) == 0)
		return false;
	if (b->options->pristine && !(len == 4 && memcmp(entry, "PATH", 4) == 0) &&
	    !name_list_has(b->options->preserve, entry, len))
		return false;
	return !block_has_name(b->env, entry, len);
}

static size_t strings_count(char *const *strings)
{
	size_t count = 0;

	while (strings[count] != NULL)
		count++;
	return count;
}

/* What the kernel charges: each string with its NUL and each pointer. */
static size_t strings_bytes(char *const *strings)
{
	size_t bytes = sizeof(char *);

	for (; *strings != NULL; strings++)
		bytes += strlen(*strings) + 1 + sizeof(char *);
	return bytes;
}

static enum error_code check_total(const struct child_env *env, const struct child_env_options *options,
				   struct error *err)
{
	size_t total = strings_bytes(env->pointers) + strings_bytes(options->arguments) + KERNEL_RESERVE;

	if (total <= options->max_bytes)
		return ERR_OK;
	const char *name = secret_buf_text(env->block) + env->largest_at;
	return error_set(
		err, ERR_TOO_LARGE,
		"environment and arguments are %zu bytes, and this system starts programs with at most %zu; the "
		"largest variable is %.*s (%zu bytes)",
		total, options->max_bytes, env->largest_len > 0 ? (int)strcspn(name, "=") : 0, name, env->largest_len);
}

static enum error_code point_at_all(struct builder *b, struct error *err)
{
	struct child_env *env = b->env;
	size_t at = 0;

	env->pointers = calloc(env->count + strings_count(b->options->inherited) + 1, sizeof(char *));
	if (env->pointers == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (char *const *entry = b->options->inherited; *entry != NULL; entry++)
		if (inherited_stays(b, *entry))
			env->pointers[at++] = *entry;
	for (size_t i = 0; i < env->count; i++)
		env->pointers[at++] = (char *)secret_buf_mutable(env->block) + env->offsets[i];
	return check_total(env, b->options, err);
}

enum error_code child_env_build(const struct json_value *variables, const struct json_value *allowed,
				const struct child_env_options *options, struct child_env **ret, struct notes *notes,
				struct error *err)
{
	cleanup_(child_env_freep) struct child_env *env = calloc(1, sizeof(*env));
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_VARIABLE_NAME_LEN);
	struct builder b = {.env = env, .options = options, .allowed = allowed, .name = name, .notes = notes};

	if (env == NULL || name == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	env->block = secret_buf_new(BLOCK_MAX);
	env->offsets = calloc(json_count(variables) + 1, sizeof(*env->offsets));
	if (env->block == NULL || env->offsets == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	enum error_code rc = take_variables(&b, variables, err);
	if (rc == ERR_OK)
		rc = point_at_all(&b, err);
	if (rc == ERR_OK)
		*ret = take_ptr(env);
	return rc;
}
