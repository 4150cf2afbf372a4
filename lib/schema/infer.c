/*
 * A schema for variables that are there, without their values.
 *
 * A type is written only if the variable's own value is of it, so that the
 * environment passes the check of its own schema. Of what its name calls a
 * secret no type is told that would give away how it is made.
 */
#include <string.h>
#include <strings.h>

#include "dialect/text.h"
#include "schema/types.h"
#include "vault/limits.h"
#include "vault/names.h"
#include "vault/schema.h"

static const char heading[] =
	"# Inferred from an environment: its names and what can be told of their types, no values.\n"
	"# @defaultRequired=true\n"
	"# @defaultSensitive=true\n"
	"# ---\n";

struct guess {
	const char *name;	/* of the type */
	bool own;		/* one of a vaultd comment */
	bool of_secrets;	/* tells nothing of how a secret is made that its name does not tell */
	const char *const *words;	/* in the variable's name, one of them; NULL: any name */
};

static const char *const port_words[] = { "PORT", NULL };
static const char *const email_words[] = { "EMAIL", "MAIL_FROM", "FROM", NULL };
static const char *const zone_words[] = { "TZ", "TIMEZONE", NULL };
static const char *const cron_words[] = { "CRON", "SCHEDULE", NULL };

/* The first that fits. */
static const struct guess guesses[] = {
	{ "pem", true, true, NULL },
	{ "jwt", true, true, NULL },
	{ "port", false, false, port_words },
	{ "email", false, false, email_words },
	{ "tz", true, false, zone_words },
	{ "cron", true, false, cron_words },
	{ "url", false, true, NULL },
	{ "uuid", false, false, NULL },
	{ "boolean", false, false, NULL },
	{ "number", false, false, NULL },
};

static bool has_word(const char *name, size_t len, const char *const *words)
{
	for (; *words; words++) {
		size_t word = strlen(*words);

		for (size_t at = 0; at + word <= len; at++)
			if (strncasecmp(name + at, *words, word) == 0 && (at == 0 || !is_letter(name[at - 1])) &&
			    (at + word == len || !is_letter(name[at + word])))
				return true;
	}
	return false;
}

static bool is_called_secret(const char *name, size_t len)
{
	static const char *const words[] = { "SECRET", "PASSWORD", "PASSWD", "PASS", "PW", "PIN", "TOKEN", "KEY", "APIKEY", "PRIVATE",
					     "CREDENTIAL", "CREDENTIALS", "AUTH", "SALT", "SIGNATURE", "COOKIE", NULL };

	return has_word(name, len, words);
}

/* Only true and false: 1, t or on may be anything. */
static bool is_plain_boolean(const struct schema_variable *variable)
{
	return (variable->value_len == 4 && memcmp(variable->value, "true", 4) == 0) ||
	       (variable->value_len == 5 && memcmp(variable->value, "false", 5) == 0);
}

/* Only digits without a zero before them: 007 and 1e5 may be texts. */
static bool is_plain_number(const struct schema_variable *variable)
{
	for (size_t i = 0; i < variable->value_len; i++)
		if (!is_digit(variable->value[i]))
			return false;
	return variable->value_len > 0 && variable->value_len < 10 && (variable->value[0] != '0' || variable->value_len == 1);
}

static enum error_code accepts(const struct guess *guess, const struct schema_variable *variable, bool *ret,
			       struct error *err)
{
	const struct node node = { .kind = NODE_TEXT, .text = { guess->name, strlen(guess->name) } };
	struct schema_type *type = NULL;
	const char *why;
	char detail[64];

	*ret = false;
	if ((strcmp(guess->name, "boolean") == 0 && !is_plain_boolean(variable)) ||
	    (strcmp(guess->name, "number") == 0 && !is_plain_number(variable)))
		return ERR_OK;
	if (schema_type_compile(&node, guess->own, &type, err) != ERR_OK)
		return err->code;
	*ret = schema_type_accepts(type, variable->value, variable->value_len, &why, detail, sizeof(detail));
	schema_type_free(type);
	return ERR_OK;
}

/* *ret NULL: nothing can be told. */
static enum error_code guess_type(const struct schema_variable *variable, const struct guess **ret, struct error *err)
{
	bool secret = is_called_secret(variable->name, variable->name_len), fits = false;

	*ret = NULL;
	for (size_t i = 0; i < ARRAY_LEN(guesses) && !variable->is_json; i++) {
		const struct guess *guess = &guesses[i];

		if ((secret && !guess->of_secrets) ||
		    (guess->words && !has_word(variable->name, variable->name_len, guess->words)))
			continue;
		if (accepts(guess, variable, &fits, err) != ERR_OK)
			return err->code;
		if (!fits)
			continue;
		*ret = guess;
		break;
	}
	return ERR_OK;
}

static enum error_code write_variable(const struct schema_variable *variable, struct secret_buf *out, struct error *err)
{
	const struct guess *guess = NULL;

	if (variable->value_len > 0 && guess_type(variable, &guess, err) != ERR_OK)
		return err->code;
	secret_buf_append_char(out, '\n');
	if (variable->value_len == 0)
		secret_buf_append_text(out, "# @optional\n");
	if (variable->is_json)
		secret_buf_append_text(out, "# vaultd: type=json\n");
	if (guess) {
		secret_buf_append_text(out, guess->own ? "# vaultd: type=" : "# @type=");
		secret_buf_append_text(out, guess->name);
		secret_buf_append_char(out, '\n');
	}
	secret_buf_append(out, variable->name, variable->name_len);
	secret_buf_append_text(out, "=\n");
	return ERR_OK;
}

enum error_code schema_infer(const struct schema_variable *variables, size_t len, struct secret_buf *out, struct error *err)
{
	size_t left_out = 0;

	secret_buf_append_text(out, heading);
	for (size_t i = 0; i < len; i++) {
		if (!variable_name_is_portable(variables[i].name, variables[i].name_len))
			left_out++;
		else if (write_variable(&variables[i], out, err) != ERR_OK)
			return err->code;
	}
	if (left_out > 0)
		secret_buf_append_text(out, "\n# Some variables are left out: their names are none that a schema can hold.\n");
	return secret_buf_check(out, "the schema", err);
}
