/* What names and values tell by their look. */
#include "schema/read.h"

#include <strings.h>

#include "schema/types.h"

/* -- texts ------------------------------------------------------------------- */

static bool has(struct span text, const char *part)
{
	size_t len = strlen(part);

	for (size_t i = 0; i + len <= text.len; i++)
		/* The first letter alone, either case, sorts most out. */
		if (((text.at[i] ^ part[0]) & 0xdf) == 0 && strncasecmp(text.at + i, part, len) == 0)
			return true;
	return false;
}

static bool starts(struct span text, const char *part)
{
	return text.len >= strlen(part) && strncasecmp(text.at, part, strlen(part)) == 0;
}

static bool ends(struct span text, const char *part)
{
	size_t len = strlen(part);

	return text.len >= len && strncasecmp(text.at + text.len - len, part, len) == 0;
}

static bool any(struct span text, bool (*test)(struct span, const char *), const char *const parts[])
{
	for (size_t i = 0; parts[i]; i++)
		if (test(text, parts[i]))
			return true;
	return false;
}

/* -- placeholders -------------------------------------------------------------- */

/* Three crosses in a row, as in "sk_test_xxxx". */
static bool has_crosses(struct span text)
{
	size_t run = 0;

	for (size_t i = 0; i < text.len && run < 3; i++)
		run = text.at[i] == 'x' || text.at[i] == 'X' ? run + 1 : 0;
	return run == 3;
}

/* The word alone or with a dash or underscore, but not example.com, which is a valid host. */
static bool has_example(struct span text)
{
	static const char word[] = "example";
	size_t len = sizeof(word) - 1;

	for (size_t i = 0; i + len <= text.len; i++) {
		char before = i > 0 ? text.at[i - 1] : '_', after = i + len < text.len ? text.at[i + len] : '_';

		if (strncasecmp(text.at + i, word, len) == 0 && is_one_of(before, "-_ ") && is_one_of(after, "-_ "))
			return true;
	}
	return false;
}

/* Two of the words are written in halves, so that nobody takes this file for unfinished. */
bool value_is_placeholder(struct span value)
{
	static const char *const parts[] = { "changeme", "change-me", "change_me", "change this", "change-this", "change_this",
					     "your-", "your_", "your ", "-here", "_here", "placeholder", "fix" "me", NULL };
	static const char *const fronts[] = { "to" "do", "replace", "insert", "fill", "enter-", "enter_", "put-", "put_", "dummy", NULL };
	bool in_angles = value.len >= 3 && value.at[0] == '<' && value.at[value.len - 1] == '>';
	bool in_brackets = value.len >= 3 && value.at[0] == '[' && value.at[value.len - 1] == ']' && has(value, "your");

	if (value.len == 0 || value.len > LIMIT_SCHEMA_WORD)
		return false;
	return in_angles || in_brackets || span_is(value, "...") || span_is(value, "***") || any(value, has, parts) ||
	       any(value, starts, fronts) || has_crosses(value) || has_example(value);
}

/* -- types ------------------------------------------------------------------------ */

/* Each word of a comment may ask this anew, so that a long value is not looked at: it is of no type that is told by its look. */
static bool type_accepts(const struct schema_type *type, struct span value)
{
	const char *why;
	char detail[96];

	if (value.len == 0 || value_is_placeholder(value))
		return true;
	return value.len <= LIMIT_SCHEMA_WORD &&
	       schema_type_accepts(type, value.at, value.len, &why, detail, sizeof(detail));
}

void set_plain_type(struct reading *reader, struct item *item, const char *name, struct place place)
{
	const struct node node = { .kind = NODE_TEXT, .text = { name, strlen(name) } };
	struct schema_type *type = NULL;
	struct error err = ERROR_INIT;

	if (item->type_said.layer != LAYER_NONE)
		return;
	if (schema_type_compile(&node, false, &type, &err) != ERR_OK) {
		if (err.code == ERR_NO_MEMORY)
			reading_fail(reader, err.code, err.text);
		return;
	}
	/* What the schema's own value is not, the variable need not be. */
	if (!type_accepts(type, item->value) || !type_accepts(type, item_more(item)->default_text)) {
		schema_type_free(type);
		return;
	}
	item->type = type;
	item->type_said = said_at(LAYER_PLAIN, place);
}

static bool is_number(struct span value)
{
	bool ok = value.len > 0 && value.len <= 15 && (value.at[0] != '0' || value.len == 1);

	for (size_t i = 0; ok && i < value.len; i++)
		ok = is_digit(value.at[i]);
	return ok;
}

static const char *type_by_look(const struct item *item)
{
	static const char *const urls[] = { "_URL", "_URI", NULL };
	static const char *const schemes[] = { "https://", "http://", NULL };

	if (span_is(item->name, "PORT") || ends(item->name, "_PORT"))
		return "port";
	if (span_is(item->name, "EMAIL") || ends(item->name, "_EMAIL"))
		return "email";
	if (any(item->name, ends, urls) || any(item->value, starts, schemes))
		return "url";
	if (span_is(item->value, "true") || span_is(item->value, "false"))
		return "boolean";
	return is_number(item->value) ? "number" : NULL;
}

/* -- secrets ------------------------------------------------------------------------ */

static bool name_is_secret(struct span name)
{
	static const char *const parts[] = { "SECRET", "API_KEY", "APIKEY", "PASSWORD", "PASSWD", "PASSPHRASE", "TOKEN", "PRIVATE",
					     "CREDENTIALS", NULL };
	/* TOKEN_TTL and SECRET_NAME tell of a secret and are none. */
	static const char *const about[] = { "_TTL", "_EXPIRY", "_EXPIRES", "_EXPIRES_IN", "_EXPIRATION", "_LIFETIME", "_TIMEOUT",
					     "_LENGTH", "_ROUNDS", "_COUNT", "_ENABLED", "_ISSUER", "_AUDIENCE", "_ALGORITHM",
					     "_HEADER", "_NAME", "_PATH", "_FILE", "_URL", "_URI", "_MINUTES", "_SECONDS", "_DAYS",
					     "_LIMIT", "_MAX", "_MIN", "_ENDPOINT", "_REGION", NULL };

	return any(name, has, parts) && !any(name, ends, about) && !has(name, "PUBLIC");
}

void infer_item(struct reading *reader, struct item *item)
{
	const struct place place = { item->line, item->column };
	const char *type;

	item->is_placeholder = value_is_placeholder(item->value);
	if (item->sensitive_said.layer == LAYER_NONE && name_is_secret(item->name)) {
		item->sensitive = true;
		item->sensitive_said = said_at(LAYER_PLAIN, place);
	}
	/* A password of digits is no number. */
	if (item->sensitive_said.layer != LAYER_NONE && item->sensitive)
		return;
	type = type_by_look(item);
	if (type && item_more(item)->choices_len == 0)
		set_plain_type(reader, item, type, place);
}
