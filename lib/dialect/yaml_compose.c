/*
 * `environment:` of a compose file: a mapping, or a list of NAME=VALUE. Compose
 * fills in $NAME and ${...} there; a dollar sign is written twice.
 */
#include "dialect/text.h"
#include "dialect/yaml.h"
#include "vault/names.h"

static const struct remark remark_name = {
	"the name is empty, holds =, or ends with white space",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_reference = {
	"a $ that is not doubled: compose fills something in, or refuses the file",
	"write $$ for a dollar sign",
};
static const struct remark remark_inherit = {
	"a name alone takes the value of the environment compose is started in; there is none here, so it is left out",
	"write NAME: \"VALUE\"",
};
static const struct remark remark_item = {
	"an item of the list is not NAME=VALUE",
	"write - \"NAME=VALUE\"",
};
static const struct remark remark_whole_file = {
	"this is more than one environment:",
	"give the environment: of one service, with its variables, alone",
};
static const struct remark remark_shape = {
	"the text is not an environment: with a mapping or a list",
	"write environment: and below it NAME: \"VALUE\"",
};

static const struct remark *undouble(char *text, size_t *len)
{
	size_t kept = 0;

	for (size_t i = 0; i < *len; i++) {
		if (text[i] == '$' && (i + 1 == *len || text[++i] != '$'))
			return &remark_reference;
		text[kept++] = text[i];
	}
	*len = kept;
	return NULL;
}

static const struct yaml_use use_mapping = {
	.integers = true,
	.null_warning = &remark_inherit,
	.convert = undouble,
};

/* NAME=VALUE. */
static const struct remark *put_pair(struct yaml_text *text, const char *name, size_t len, unsigned line)
{
	const char *equals = memchr(name, '=', len);
	size_t name_len = equals ? (size_t)(equals - name) : 0;
	struct env_entry found;

	if (!equals) {
		notes_add(text->reader->notes, NOTE_WARNING, line, "", 0, remark_inherit.reason, remark_inherit.hint);
		return NULL;
	}
	if (env_set_find(text->reader->set, name, name_len, &found))
		return &yaml_remark_twice;
	reader_put_text(text->reader, name, name_len, equals + 1, len - name_len - 1, line);
	return NULL;
}

static void read_list(struct yaml_text *text)
{
	static const struct yaml_use use = { .convert = undouble };

	while (yaml_next(text) != YAML_KIND_NONE && text->kind != YAML_KIND_END) {
		unsigned line = text->line;
		const struct remark *refused = &remark_item;
		char *pair;
		size_t len;

		if (text->kind == YAML_KIND_SCALAR)
			refused = yaml_look_at_scalar(text, &use, &pair, &len);
		if (!refused)
			refused = put_pair(text, pair, len, line);
		if (refused)
			yaml_refuse(text, "", 0, refused);
	}
}

static bool is_environment(const struct secret_buf *key)
{
	return secret_buf_len(key) == strlen("environment") &&
	       memcmp(secret_buf_text(key), "environment", strlen("environment")) == 0;
}

static void read_environment(struct yaml_text *text)
{
	if (text->kind == YAML_KIND_MAPPING)
		yaml_read_mapping(text, &use_mapping);
	else if (text->kind == YAML_KIND_LIST)
		read_list(text);
	else if (!text->ended && text->reader->code == ERR_OK)
		yaml_refuse(text, "", 0, &remark_shape);
}

/* A mapping whose first key is `environment` and has no text is the wrapping; any other is the environment itself. */
static void read_mapping(struct yaml_text *text)
{
	cleanup_(secret_buf_freep) struct secret_buf *key = yaml_buffer_new(text->reader);
	bool has_key, is_nested;

	if (!key || yaml_next(text) == YAML_KIND_NONE || text->kind == YAML_KIND_END)
		return;
	has_key = yaml_take_key(text, key);
	yaml_next(text);
	is_nested = text->kind == YAML_KIND_LIST || text->kind == YAML_KIND_MAPPING;
	if (!has_key || !is_nested || !is_environment(key)) {
		yaml_read_pairs(text, &use_mapping, key, has_key);
		return;
	}
	read_environment(text);
	if (yaml_next(text) == YAML_KIND_SCALAR)
		yaml_refuse(text, "", 0, &remark_whole_file);
}

static void compose_environment_read(struct reader *reader)
{
	struct yaml_text text;

	if (yaml_open(&text, reader)) {
		if (yaml_next(&text) == YAML_KIND_MAPPING)
			read_mapping(&text);
		else
			read_environment(&text);
		yaml_finish(&text);
	}
	yaml_close(&text);
}

static bool name_is_possible(const struct env_entry *entry)
{
	if (!variable_name_is_storable(entry->name, entry->name_len) || text_has(entry->name, entry->name_len, '='))
		return false;
	return trimmed_len(entry->name, entry->name_len) == entry->name_len;
}

static const struct remark *compose_environment_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry))
		return &remark_name;
	if (text_has(entry->value, entry->value_len, '\0'))
		return &remark_nul;
	return utf8_is_valid(entry->value, entry->value_len) ? NULL : &remark_not_utf8;
}

static void compose_environment_open(struct writer *writer)
{
	secret_buf_append_text(writer->out, writer->count > 0 ? "environment:\n" : "environment: {}\n");
}

static void compose_environment_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	const char *at = entry->value, *end = at + entry->value_len;
	(void)first;
	yaml_append_key(out, "  ", entry->name, entry->name_len);
	secret_buf_append_char(out, '"');
	while (at < end) {
		const char *dollar = memchr(at, '$', (size_t)(end - at));
		size_t before = (size_t)((dollar ? dollar : end) - at);
		yaml_append_inside(out, at, before);
		if (dollar)
			secret_buf_append_text(out, "$$");
		at += before + (dollar ? 1 : 0);
	}
	secret_buf_append_text(out, "\"\n");
}

static size_t compose_environment_growth(const struct env_entry *entry)
{
	return yaml_inside_growth(entry) + growth_by(entry, "$");
}

const struct dialect dialect_compose_environment = {
	.name = "compose-environment",
	.summary = "environment: of a service in a compose file (YAML)",
	.opening = "",
	.closing = "",
	.is_text = true,
	.read = compose_environment_read,
	.refuse = compose_environment_refuse,
	.open = compose_environment_open,
	.write = compose_environment_write,
	.growth = compose_environment_growth,
};
