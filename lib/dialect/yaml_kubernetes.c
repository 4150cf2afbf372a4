/*
 * A Secret of Kubernetes as `kubectl apply` takes it: every value in base64
 * under data:, read from data: and stringData:.
 */
#include "dialect/base64_blocks.h"
#include "dialect/text.h"
#include "dialect/yaml.h"
#include "vault/limits.h"
#include "vault/names.h"

static const struct remark remark_name = {
	"a key of a Secret is 1 to 253 letters, digits and - _ . and neither . nor .. nor starts with two dots",
	"rename the variable; the json dialect can hold any name",
};
static const struct remark remark_not_env_name = {
	"no program gets it with envFrom: its name starts with a digit",
	"mount it as a file, or name it in env: one by one",
};
static const struct remark remark_not_env_value = {
	"holds a NUL byte or is not valid UTF-8: a pod that takes it as an environment variable does not start",
	"mount it as a file",
};
static const struct remark remark_size = {
	"the values are larger than 1 MiB, which is the most that one Secret holds",
	"write two Secrets, with --only",
};
static const struct remark remark_not_secret = {
	"the text is not one Secret of apiVersion v1",
	"give one manifest with apiVersion: v1 and kind: Secret",
};
static const struct remark remark_base64 = {
	"is not base64, as values under data: are",
	"encode it, or put it under stringData:",
};
static const struct remark remark_unknown = {
	"a Secret has no such part",
	"take it away",
};
static const struct remark remark_not_values = {
	"what stands under data: or stringData: is not a mapping",
	"write NAME: \"VALUE\" on a line for each variable",
};

static bool name_is_possible(const char *name, size_t len)
{
	if (len == 0 || len > LIMIT_KUBERNETES_NAME_LEN || text_starts(name, len, "..") || (len == 1 && name[0] == '.'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]) && name[i] != '-' && name[i] != '.')
			return false;
	return true;
}

/* -- reading --------------------------------------------------------------- */

static const struct remark *decode(char *value, size_t *len)
{
	return base64_decode(value, len, "\r\n") ? NULL : &remark_base64;
}

static const struct yaml_use use_data = { .convert = decode };
static const struct yaml_use use_text = { .integers = false };

enum part { PART_API_VERSION, PART_KIND, PART_METADATA, PART_TYPE, PART_IMMUTABLE, PART_DATA, PART_STRING_DATA, PART_UNKNOWN };

static const char *const part_names[] = {
	[PART_API_VERSION] = "apiVersion", [PART_KIND] = "kind",	   [PART_METADATA] = "metadata",
	[PART_TYPE] = "type",		   [PART_IMMUTABLE] = "immutable", [PART_DATA] = "data",
	[PART_STRING_DATA] = "stringData",
};

struct manifest {
	struct yaml_text text;
	struct secret_buf *word;
	struct env_set *strings;	/* of stringData, which wins over data wherever it stands */
	unsigned seen;			/* a bit for each part */
	bool is_secret, is_v1;
};

static enum part part_of(const struct secret_buf *word)
{
	for (unsigned i = 0; i < ARRAY_LEN(part_names); i++)
		if (strlen(part_names[i]) == secret_buf_len(word) &&
		    memcmp(part_names[i], secret_buf_text(word), secret_buf_len(word)) == 0)
			return (enum part)i;
	return PART_UNKNOWN;
}

/* The present item is a text, and this one. */
static bool is_text(struct manifest *manifest, const char *expected)
{
	secret_buf_truncate(manifest->word, 0);
	if (manifest->text.kind != YAML_KIND_SCALAR || yaml_take_scalar(&manifest->text, &use_text, manifest->word))
		return false;
	return secret_buf_len(manifest->word) == strlen(expected) &&
	       memcmp(secret_buf_text(manifest->word), expected, strlen(expected)) == 0;
}

static void read_values(struct manifest *manifest, bool strings)
{
	struct yaml_text *text = &manifest->text;
	struct env_set *set = text->reader->set;

	if (text->kind == YAML_KIND_SCALAR && yaml_is_null(text))
		return;
	if (text->kind != YAML_KIND_MAPPING) {
		yaml_refuse(text, "", 0, &remark_not_values);
		return;
	}
	if (strings)
		text->reader->set = manifest->strings;
	yaml_read_mapping(text, strings ? &use_text : &use_data);
	text->reader->set = set;
}

static void read_part(struct manifest *manifest, enum part part)
{
	switch (part) {
	case PART_API_VERSION:
		manifest->is_v1 = is_text(manifest, "v1");
		break;
	case PART_KIND:
		manifest->is_secret = is_text(manifest, "Secret");
		break;
	case PART_DATA:
	case PART_STRING_DATA:
		read_values(manifest, part == PART_STRING_DATA);
		return;
	case PART_METADATA:
	case PART_TYPE:
	case PART_IMMUTABLE:
		break;
	case PART_UNKNOWN:
		yaml_refuse(&manifest->text, "", 0, &remark_unknown);
		return;
	}
	yaml_skip(&manifest->text);
}

static void read_parts(struct manifest *manifest)
{
	struct yaml_text *text = &manifest->text;

	while (yaml_next(text) != YAML_KIND_NONE && text->kind != YAML_KIND_END) {
		enum part part = PART_UNKNOWN;

		secret_buf_truncate(manifest->word, 0);
		if (text->kind == YAML_KIND_SCALAR && !yaml_take_scalar(text, &use_text, manifest->word))
			part = part_of(manifest->word);
		yaml_skip(text);
		if (part != PART_UNKNOWN && manifest->seen & 1u << part)
			yaml_refuse(text, part_names[part], strlen(part_names[part]), &yaml_remark_twice);
		manifest->seen |= 1u << part;
		if (yaml_next(text) == YAML_KIND_NONE)
			return;
		read_part(manifest, part);
	}
}

static void check_names(struct reader *reader)
{
	for (size_t i = 0; i < env_set_count(reader->set); i++) {
		struct env_entry entry = env_set_at(reader->set, i);

		if (!name_is_possible(entry.name, entry.name_len))
			notes_add(reader->notes, NOTE_ERROR, entry.line, entry.name, entry.name_len, remark_name.reason,
				  remark_name.hint);
	}
}

static void join(struct manifest *manifest, struct reader *reader)
{
	for (size_t i = 0; i < env_set_count(manifest->strings) && reader->code == ERR_OK; i++) {
		struct env_entry entry = env_set_at(manifest->strings, i);

		reader->code = env_set_put(reader->set, entry.name, entry.name_len, entry.value, entry.value_len, entry.line,
					   NULL, reader->err);
	}
}

static void kubernetes_read(struct reader *reader)
{
	cleanup_(secret_buf_freep) struct secret_buf *word = secret_buf_new(reader->len);
	cleanup_(env_set_freep) struct env_set *strings = env_set_new(reader->len);
	struct manifest manifest = { .word = word, .strings = strings };

	if (!word || !strings) {
		reader->code = error_set(reader->err, ERR_NO_MEMORY, "out of memory while reading YAML");
		return;
	}
	if (yaml_open(&manifest.text, reader)) {
		if (yaml_next(&manifest.text) == YAML_KIND_MAPPING)
			read_parts(&manifest);
		else
			yaml_skip(&manifest.text);
		yaml_finish(&manifest.text);
		if (!manifest.text.ended && reader->code == ERR_OK && (!manifest.is_secret || !manifest.is_v1))
			notes_add(reader->notes, NOTE_ERROR, 1, "", 0, remark_not_secret.reason, remark_not_secret.hint);
	}
	yaml_close(&manifest.text);
	join(&manifest, reader);
	check_names(reader);
}

/* -- writing --------------------------------------------------------------- */

static const struct remark *kubernetes_refuse(const struct env_entry *entry)
{
	if (!name_is_possible(entry->name, entry->name_len))
		return &remark_name;
	return entry->value_len > LIMIT_KUBERNETES_BYTES ? &remark_size : NULL;
}

static const struct remark *kubernetes_warn(const struct env_entry *entry)
{
	if (is_digit(entry->name[0]))
		return &remark_not_env_name;
	if (text_has(entry->value, entry->value_len, '\0') || !utf8_is_valid(entry->value, entry->value_len))
		return &remark_not_env_value;
	return NULL;
}

static void kubernetes_look_at_all(const struct env_set *set, struct notes *notes)
{
	size_t bytes = 0;

	for (size_t i = 0; i < env_set_count(set); i++)
		bytes += env_set_at(set, i).value_len;
	if (bytes > LIMIT_KUBERNETES_BYTES)
		notes_add(notes, NOTE_ERROR, 0, "", 0, remark_size.reason, remark_size.hint);
}

/* Small letters, digits and -, beginning and ending with a letter or a digit (RFC 1123). */
static bool is_label(const char *text, size_t len)
{
	if (len == 0 || text[0] == '-' || text[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!(text[i] >= 'a' && text[i] <= 'z') && !is_digit(text[i]) && text[i] != '-')
			return false;
	return true;
}

/* Labels joined by dots. */
static bool is_subdomain(const char *text)
{
	if (strlen(text) > LIMIT_KUBERNETES_NAME_LEN)
		return false;
	for (;;) {
		size_t len = strcspn(text, ".");
		if (!is_label(text, len))
			return false;
		if (text[len] == '\0')
			return true;
		text += len + 1;
	}
}

static enum error_code kubernetes_check_options(const struct dialect_options *options, struct error *err)
{
	if (options->object && !is_subdomain(options->object))
		return error_set(err, ERR_INVALID,
				 "the name of a Secret is at most 253 small letters, digits, - and . (RFC 1123)");
	if (options->namespace_ && (strlen(options->namespace_) > LIMIT_KUBERNETES_NAMESPACE_LEN ||
				    !is_label(options->namespace_, strlen(options->namespace_))))
		return error_set(err, ERR_INVALID,
				 "a namespace is at most 63 small letters, digits and - (RFC 1123)");
	return ERR_OK;
}

/* A name that is a number or a word of YAML goes in quotes. */
static void append_word(struct secret_buf *out, const char *key, const char *word)
{
	secret_buf_append_text(out, key);
	if (yaml_is_typed(word, strlen(word)))
		yaml_append_quoted(out, word, strlen(word));
	else
		secret_buf_append_text(out, word);
	secret_buf_append_char(out, '\n');
}

static void kubernetes_open(struct writer *writer)
{
	const struct dialect_options *options = writer->options;

	secret_buf_append_text(writer->out, "apiVersion: v1\nkind: Secret\nmetadata:\n");
	append_word(writer->out, "  name: ", options->object ? options->object : "env");
	if (options->namespace_)
		append_word(writer->out, "  namespace: ", options->namespace_);
	secret_buf_append_text(writer->out, writer->count > 0 ? "type: Opaque\ndata:\n" : "type: Opaque\ndata: {}\n");
}

static void kubernetes_write(const struct env_entry *entry, bool first, struct secret_buf *out)
{
	(void)first;
	yaml_append_key(out, "  ", entry->name, entry->name_len);
	secret_buf_append_char(out, '"');
	base64_append(out, entry->value, entry->value_len);
	secret_buf_append_text(out, "\"\n");
}

/* Of base64. */
static size_t kubernetes_growth(const struct env_entry *entry)
{
	return entry->value_len / 3 + 4;
}

const struct dialect dialect_kubernetes = {
	.name = "kubernetes",
	.summary = "a Secret of Kubernetes (manifest in YAML)",
	.opening = "",
	.closing = "",
	.is_text = true,
	.read = kubernetes_read,
	.refuse = kubernetes_refuse,
	.warn = kubernetes_warn,
	.look_at_all = kubernetes_look_at_all,
	.check_options = kubernetes_check_options,
	.open = kubernetes_open,
	.write = kubernetes_write,
	.growth = kubernetes_growth,
};
