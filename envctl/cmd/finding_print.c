#include "cmd/finding_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"
#include "cmd/output.h"
#include "vault/json_emit.h"

static const char *const severities[] = {
	[FINDING_INFO] = "info",
	[FINDING_WARNING] = "warning",
	[FINDING_ERROR] = "error",
};

void finding_list_free(struct finding_list *list)
{
	free(list->items);
	*list = (struct finding_list){.items = NULL};
}

static struct shown_finding *new_item(struct finding_list *list, enum finding_severity severity, struct error *err)
{
	if (list->len == list->room) {
		size_t room = list->room > 0 ? 2 * list->room : 16;
		struct shown_finding *items = reallocarray(list->items, room, sizeof(*items));

		if (items == NULL) {
			(void)error_set(err, ERR_NO_MEMORY, "out of memory");
			return NULL;
		}
		list->items = items;
		list->room = room;
	}
	list->errors += severity == FINDING_ERROR;
	list->warnings += severity == FINDING_WARNING;
	list->items[list->len] = (struct shown_finding){.file = NULL};
	return &list->items[list->len++];
}

enum error_code finding_list_add(struct finding_list *list, const struct findings *findings, const char *file,
				 const char *schema_file, struct error *err)
{
	for (size_t i = 0; i < findings->len; i++) {
		const struct finding *finding = &findings->items[i];
		struct shown_finding *item = new_item(list, finding->severity, err);

		if (item == NULL)
			return err->code;
		item->finding = *finding;
		item->file = finding->in_schema ? schema_file : file;
		snprintf(item->code, sizeof(item->code), "%s", finding->code != NULL ? finding->code : "");
		snprintf(item->hint, sizeof(item->hint), "%s", finding->hint != NULL ? finding->hint : "");
	}
	list->omitted += findings->omitted;
	return ERR_OK;
}

/* -- from the daemon ---------------------------------------------------------- */

static enum finding_severity severity_of(const struct json_value *object)
{
	char text[16];

	answer_text(object, "severity", text, sizeof(text));
	for (size_t i = 0; i < ARRAY_LEN(severities); i++)
		if (strcmp(text, severities[i]) == 0)
			return (enum finding_severity)i;
	return FINDING_ERROR;
}

static enum schema_layer layer_of(const struct json_value *object)
{
	char text[16];

	answer_text(object, "layer", text, sizeof(text));
	for (int layer = LAYER_PLAIN; layer <= LAYER_OWN; layer++)
		if (strcmp(text, schema_layer_name((enum schema_layer)layer)) == 0)
			return (enum schema_layer)layer;
	return LAYER_NONE;
}

static unsigned place_of(const struct json_value *object, const char *name)
{
	int64_t number = answer_int(object, name, 0);

	return number > 0 && number < INT32_MAX ? (unsigned)number : 0;
}

static void read_finding(const struct json_value *object, struct shown_finding *item)
{
	struct finding *finding = &item->finding;

	finding->severity = severity_of(object);
	finding->layer = layer_of(object);
	finding->in_schema = place_of(object, "schema_line") > 0;
	finding->line = place_of(object, finding->in_schema ? "schema_line" : "line");
	finding->column = place_of(object, finding->in_schema ? "schema_column" : "column");
	answer_text(object, "code", item->code, sizeof(item->code));
	answer_text(object, "variable", finding->name, sizeof(finding->name));
	answer_text(object, "origin", finding->origin, sizeof(finding->origin));
	answer_text(object, "message", finding->text, sizeof(finding->text));
	answer_text(object, "hint", item->hint, sizeof(item->hint));
}

enum error_code finding_list_add_json(struct finding_list *list, const struct json_value *array, struct error *err)
{
	struct json_value object;
	size_t cursor = 0;

	if (array->kind != JSON_SCAN_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the answer's findings are no list; is this address really vaultd's?");
	while (json_next_element(array, &cursor, &object)) {
		struct shown_finding *item;

		if (object.kind != JSON_SCAN_OBJECT)
			continue;
		item = new_item(list, severity_of(&object), err);
		if (item == NULL)
			return err->code;
		read_finding(&object, item);
	}
	return ERR_OK;
}

void finding_list_make_strict(struct finding_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		if (list->items[i].finding.severity == FINDING_WARNING)
			list->items[i].finding.severity = FINDING_ERROR;
	list->errors += list->warnings;
	list->warnings = 0;
}

/* -- forms ----------------------------------------------------------------------- */

enum error_code finding_format_of(const struct invocation *inv, enum finding_format *ret, struct error *err)
{
	static const char *const names[] = {[FINDING_HUMAN] = "human", [FINDING_JSON] = "json", [FINDING_GITHUB] = "github"};
	const char *name = option_value(inv, OPT_FORMAT);

	*ret = option_is_given(inv, OPT_JSON) ? FINDING_JSON : FINDING_HUMAN;
	if (name == NULL)
		return ERR_OK;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum finding_format)i;
			return ERR_OK;
		}
	return error_set(err, ERR_USAGE, "--format is human, json or github");
}

/* "FILE:LINE:COLUMN: ", or "schema of ENV, line LINE: " for what has no file here. */
static void print_place(const struct shown_finding *item, struct secret_buf *out)
{
	const struct finding *finding = &item->finding;

	if (item->file != NULL) {
		output_format(out, "%s:", item->file);
		if (finding->line > 0)
			output_format(out, "%u:%u:", finding->line, finding->column);
		secret_buf_append_char(out, ' ');
		return;
	}
	if (finding->origin[0] != '\0')
		output_format(out, "schema of %s%s", finding->origin, finding->line > 0 ? ", " : ": ");
	if (finding->line > 0)
		output_format(out, "%sline %u: ", finding->origin[0] == '\0' ? "schema, " : "", finding->line);
}

static void print_human(const struct shown_finding *item, struct secret_buf *out)
{
	const struct finding *finding = &item->finding;
	static const enum style styles[] = {
		[FINDING_INFO] = STYLE_BOLD,
		[FINDING_WARNING] = STYLE_CHANGED,
		[FINDING_ERROR] = STYLE_REMOVED,
	};

	print_place(item, out);
	output_style(out, styles[finding->severity]);
	secret_buf_append_text(out, severities[finding->severity]);
	output_plain(out);
	output_format(out, ": %s%s", finding->name, finding->name[0] != '\0' ? ": " : "");
	output_visible(out, finding->text, strlen(finding->text));
	if (item->hint[0] != '\0') {
		secret_buf_append_text(out, " (");
		output_visible(out, item->hint, strlen(item->hint));
		secret_buf_append_char(out, ')');
	}
	if (item->code[0] != '\0')
		output_format(out, " [%s%s%s]", item->code, finding->layer != LAYER_NONE ? ", " : "",
			      schema_layer_name(finding->layer));
	secret_buf_append_char(out, '\n');
}

/* As workflow commands want it: properties also without : and , */
static void append_escaped(struct secret_buf *out, const char *text, bool property)
{
	for (; *text != '\0'; text++) {
		if (*text == '%' || *text == '\r' || *text == '\n' || (property && (*text == ':' || *text == ',')))
			output_format(out, "%%%02X", (unsigned)(unsigned char)*text);
		else
			secret_buf_append_char(out, *text);
	}
}

static void print_github(const struct shown_finding *item, struct secret_buf *out)
{
	const struct finding *finding = &item->finding;
	static const char *const commands[] = {
		[FINDING_INFO] = "notice",
		[FINDING_WARNING] = "warning",
		[FINDING_ERROR] = "error",
	};

	output_format(out, "::%s ", commands[finding->severity]);
	if (item->file != NULL) {
		secret_buf_append_text(out, "file=");
		append_escaped(out, item->file, true);
		if (finding->line > 0)
			output_format(out, ",line=%u,col=%u", finding->line, finding->column);
		secret_buf_append_char(out, ',');
	}
	secret_buf_append_text(out, "title=");
	append_escaped(out, item->code[0] != '\0' ? item->code : "envctl check", true);
	if (finding->layer != LAYER_NONE)
		output_format(out, " (%s)", schema_layer_name(finding->layer));
	secret_buf_append_text(out, "::");
	append_escaped(out, finding->name, false);
	secret_buf_append_text(out, finding->name[0] != '\0' ? ": " : "");
	append_escaped(out, finding->text, false);
	if (item->hint[0] != '\0') {
		secret_buf_append_text(out, " (");
		append_escaped(out, item->hint, false);
		secret_buf_append_char(out, ')');
	}
	secret_buf_append_char(out, '\n');
}

static void emit_text(struct secret_buf *out, const char *name, const char *text)
{
	if (text == NULL || text[0] == '\0')
		return;
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	json_emit_cstring(out, text);
}

static void emit_place(struct secret_buf *out, const char *name, unsigned number)
{
	if (number == 0)
		return;
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	json_emit_uint(out, number);
}

static void print_json(const struct finding_list *list, struct secret_buf *out)
{
	json_emit_raw(out, "{\"valid\":");
	json_emit_bool(out, list->errors == 0);
	json_emit_raw(out, ",\"errors\":");
	json_emit_uint(out, list->errors);
	json_emit_raw(out, ",\"warnings\":");
	json_emit_uint(out, list->warnings);
	json_emit_raw(out, ",\"omitted\":");
	json_emit_uint(out, list->omitted);
	json_emit_raw(out, ",\"findings\":[");
	for (size_t i = 0; i < list->len; i++) {
		const struct shown_finding *item = &list->items[i];
		const struct finding *finding = &item->finding;

		json_emit_raw(out, i == 0 ? "{\"severity\":" : ",{\"severity\":");
		json_emit_cstring(out, severities[finding->severity]);
		emit_text(out, "code", item->code);
		emit_text(out, "variable", finding->name);
		emit_text(out, "file", item->file);
		emit_place(out, finding->in_schema ? "schema_line" : "line", finding->line);
		emit_place(out, finding->in_schema ? "schema_column" : "column", finding->column);
		emit_text(out, "layer", schema_layer_name(finding->layer));
		emit_text(out, "origin", finding->origin);
		emit_text(out, "message", finding->text);
		emit_text(out, "hint", item->hint);
		json_emit_raw(out, "}");
	}
	json_emit_raw(out, "]}\n");
}

void finding_list_print(const struct finding_list *list, enum finding_format format, struct secret_buf *out)
{
	if (format == FINDING_JSON) {
		print_json(list, out);
		return;
	}
	for (size_t i = 0; i < list->len; i++) {
		if (format == FINDING_GITHUB)
			print_github(&list->items[i], out);
		else
			print_human(&list->items[i], out);
	}
	if (list->omitted > 0 && format == FINDING_HUMAN)
		output_format(out, "and %zu more\n", list->omitted);
}
