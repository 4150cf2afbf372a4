#include "schema/read.h"

#include "vault/names.h"

/* -- which there are ------------------------------------------------------------ */

static const struct {
	const char *name;
	enum decorator_home home;
} decorators[] = {
	{ "required", HOME_ITEM }, { "optional", HOME_ITEM }, { "sensitive", HOME_ITEM }, { "public", HOME_ITEM },
	{ "internal", HOME_ITEM }, { "type", HOME_ITEM }, { "example", HOME_ITEM }, { "docs", HOME_ITEM },
	{ "docsUrl", HOME_ITEM }, { "tag", HOME_ITEM }, { "deprecated", HOME_ITEM }, { "placeholder", HOME_ITEM },
	{ "dynamic", HOME_ITEM }, { "static", HOME_ITEM }, { "icon", HOME_ITEM }, { "auditIgnore", HOME_ITEM },
	{ "proxy", HOME_BOTH }, { "cache", HOME_BOTH },
	{ "defaultRequired", HOME_ROOT }, { "defaultSensitive", HOME_ROOT }, { "defaultDynamic", HOME_ROOT },
	{ "currentEnv", HOME_ROOT }, { "envFlag", HOME_ROOT }, { "disable", HOME_ROOT }, { "import", HOME_ROOT },
	{ "setValuesBulk", HOME_ROOT }, { "plugin", HOME_ROOT }, { "redactLogs", HOME_ROOT }, { "preventLeaks", HOME_ROOT },
	{ "encryptInjectedEnv", HOME_ROOT }, { "disableProcessEnvInjection", HOME_ROOT }, { "auditIgnorePaths", HOME_ROOT },
	{ "proxyConfig", HOME_ROOT }, { "generateTsTypes", HOME_ROOT }, { "generatePythonEnv", HOME_ROOT },
	{ "generateRustEnv", HOME_ROOT }, { "generateGoEnv", HOME_ROOT }, { "generatePhpEnv", HOME_ROOT },
	{ "generateTypes", HOME_ROOT },
};

enum decorator_home decorator_home(struct span name)
{
	for (size_t i = 0; i < ARRAY_LEN(decorators); i++)
		if (span_is(name, decorators[i].name))
			return decorators[i].home;
	return HOME_NOWHERE;
}

void say_decorator(struct reading *reader, const struct decorator *decorator, struct span item, enum finding_severity severity,
		   const char *code, const char *what)
{
	reading_say(reader, &(struct remark_on){ severity, code, decorator->place, LAYER_ENV_SPEC, item, NULL }, "@%s %s",
		   shown(decorator->name).text, what);
}

static const char *nearest(const char *name)
{
	const char *best = NULL;
	size_t least = 3;

	for (size_t i = 0; i < ARRAY_LEN(decorators); i++) {
		size_t distance = name_distance(name, decorators[i].name);

		if (distance < least) {
			least = distance;
			best = decorators[i].name;
		}
	}
	return best;
}

void say_unknown_decorator(struct reading *reader, const struct decorator *decorator, struct span item)
{
	struct shown name = shown(decorator->name);
	const char *near = decorator->name.len <= 32 ? nearest(name.text) : NULL;
	const struct remark_on on = { FINDING_WARNING, "unknown-decorator", decorator->place, LAYER_ENV_SPEC, item,
				      "it was left out of account; begin the comment with another character if it is prose" };

	if (near)
		reading_say(reader, &on, "there is no decorator @%s: did you mean @%s?", name.text, near);
	else
		reading_say(reader, &on, "there is no decorator @%s", name.text);
}

/* -- reading their lines ------------------------------------------------------------ */

static bool is_name_end(char c)
{
	return is_one_of(c, " \t\n=()#@");
}

static bool read_decorator(struct reading *reader)
{
	struct decorator decorator = { .place = reading_place(reader, reader->at), .begin = reader->at };
	void *list = reader->decorators;
	size_t begin = ++reader->at;
	bool ok = true;

	while (reader->at < reader->len && !is_name_end(reader->text[reader->at]))
		reader->at++;
	decorator.name = (struct span){ reader->text + begin, reader->at - begin };
	if (reader->at < reader->len && reader->text[reader->at] == '(') {
		reader->at = begin;
		decorator.is_call = true;
		decorator.value = read_call(reader, decorator.name.len, IN_COMMENT, LAYER_ENV_SPEC);
		ok = decorator.value != NULL;
	} else if (reader->at < reader->len && reader->text[reader->at] == '=') {
		reader->at++;
		decorator.value = read_decorator_value(reader, LAYER_ENV_SPEC);
		ok = decorator.value != NULL;
	}
	if (!ok || !reading_grow(reader, &list, &reader->decorators_room, reader->decorators_len, sizeof(decorator)))
		return false;
	decorator.end = reader->at;
	reader->decorators = list;
	reader->decorators[reader->decorators_len++] = decorator;
	reader->schema->has_decorators = true;
	return true;
}

/* Words between decorators: prose. */
static void skip_words(struct reading *reader)
{
	while (!reading_at_end(reader) && !is_one_of(reader->text[reader->at], "@#")) {
		while (!reading_at_end(reader) && !is_blank(reader->text[reader->at]))
			reader->at++;
		reading_skip_blanks(reader);
	}
}

void read_decorators(struct reading *reader, struct remark *ret_rest)
{
	size_t begin;

	while (!reading_at_end(reader) && reader->text[reader->at] == '@') {
		bool has_name = reader->at + 1 < reader->len && is_letter(reader->text[reader->at + 1]);

		if (has_name && !read_decorator(reader)) {
			reading_skip_line(reader);
			return;
		}
		reader->at += has_name ? 0 : 1;
		reading_skip_blanks(reader);
		skip_words(reader);
	}
	if (reading_at_end(reader))
		return;
	while (!reading_at_end(reader) && is_one_of(reader->text[reader->at], "# \t"))
		reader->at++;
	begin = reader->at;
	ret_rest->place = reading_place(reader, begin);
	reading_skip_line(reader);
	ret_rest->text = span_trim((struct span){ reader->text + begin, reader->at - begin });
}
