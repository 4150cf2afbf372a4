#include "cmd/finding_print.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/output.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/suggestion.h"

#define DEMAND_MAX 8192	/* a file's name and a line */

/* -- forms ----------------------------------------------------------------------- */

enum error_code finding_format_of(const struct invocation *inv, enum finding_format *ret, struct error *err)
{
	static const char *const names[] = {[FINDING_HUMAN] = "human", [FINDING_JSON] = "json", [FINDING_GITHUB] = "github"};
	const char *name = option_value(inv, OPT_FORMAT);
	struct suggestion best = SUGGESTION_INIT;

	*ret = option_is_given(inv, OPT_JSON) ? FINDING_JSON : FINDING_HUMAN;
	if (name == NULL)
		return ERR_OK;
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (enum finding_format)i;
			return ERR_OK;
		}
		suggestion_offer(&best, name, names[i]);
	}
	return error_set(err, ERR_USAGE, "--format is human, json or github%s%.16s%s", best.text[0] != '\0' ? "; did you mean " : "",
			 best.text, best.text[0] != '\0' ? "?" : "");
}

/* "FILE:LINE:COLUMN", or "schema of ENV, line LINE" for what has no file here; nothing when nothing is known. */
static void append_place(const struct finding_place *place, const struct finding *finding, struct secret_buf *out)
{
	if (place->file != NULL) {
		output_visible(out, place->file, strlen(place->file));
		if (place->line > 0)
			output_format(out, ":%u", place->line);
		if (place->column > 0)
			output_format(out, ":%u", place->column);
		return;
	}
	if (finding->origin[0] != '\0')
		output_format(out, "schema of %s%s", finding->origin, finding->line > 0 ? ", " : "");
	if (finding->line > 0)
		output_format(out, "%sline %u", finding->origin[0] == '\0' ? "schema, " : "", finding->line);
}

/* Where the schema asks for it, when the line that is shown first is that of the variable. */
static void append_demand(const struct shown_finding *item, struct secret_buf *out)
{
	const struct finding_place place = {.file = item->file, .line = item->finding.line};

	if (item->variable_file == NULL || !item->finding.in_schema)
		return;
	secret_buf_append_text(out, " (");
	append_place(&place, &item->finding, out);
	secret_buf_append_char(out, ')');
}

static void print_human(const struct shown_finding *item, size_t more, struct secret_buf *out)
{
	const struct finding *finding = &item->finding;
	const struct finding_place place = shown_finding_place(item);
	static const enum style styles[] = {
		[FINDING_INFO] = STYLE_BOLD,
		[FINDING_WARNING] = STYLE_CHANGED,
		[FINDING_ERROR] = STYLE_REMOVED,
	};

	append_place(&place, finding, out);
	if (place.file != NULL || finding->line > 0 || finding->origin[0] != '\0')
		secret_buf_append_text(out, ": ");
	output_style(out, styles[finding->severity]);
	secret_buf_append_text(out, finding_severity_name(finding->severity));
	output_plain(out);
	output_format(out, ": %s%s", finding->name, finding->name[0] != '\0' ? ": " : "");
	output_visible(out, finding->text, strlen(finding->text));
	append_demand(item, out);
	if (more > 0)
		output_format(out, ", and %zu more like it", more);
	if (item->code[0] != '\0')
		output_format(out, " [%s%s%s]", item->code, finding->layer != LAYER_NONE ? ", " : "",
			      schema_layer_name(finding->layer));
	secret_buf_append_char(out, '\n');
}

/* -- hints ------------------------------------------------------------------------ */

/* By hint, those of one hint in the order in which they are shown. */
static int compare_hints(const void *a, const void *b)
{
	const struct shown_finding *const *first = a, *const *second = b;
	int order = strcmp((*first)->hint, (*second)->hint);

	return order != 0 ? order : (*first > *second) - (*first < *second);
}

static int compare_pointers(const void *a, const void *b)
{
	const struct shown_finding *const *first = a, *const *second = b;

	return (*first > *second) - (*first < *second);
}

/* What to do, each once, in the order of the first finding that asks for it. */
static void print_hints(const struct finding_list *list, struct secret_buf *out)
{
	const struct shown_finding **items = calloc(list->len + 1, sizeof(struct shown_finding *));
	size_t len = 0, kept = 0;

	/* Without memory the hints are left out, not the findings. */
	if (items == NULL)
		return;
	for (size_t i = 0; i < list->len; i++)
		if (list->items[i].hint[0] != '\0')
			items[len++] = &list->items[i];
	qsort(items, len, sizeof(struct shown_finding *), compare_hints);
	for (size_t i = 0; i < len; i++)
		if (kept == 0 || strcmp(items[kept - 1]->hint, items[i]->hint) != 0)
			items[kept++] = items[i];
	qsort(items, kept, sizeof(struct shown_finding *), compare_pointers);
	for (size_t i = 0; i < kept; i++) {
		output_format(out, "hint: [%s] ", items[i]->code);
		output_visible(out, items[i]->hint, strlen(items[i]->hint));
		secret_buf_append_char(out, '\n');
	}
	free(items);
}

/* -- for workflows ---------------------------------------------------------------- */

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

static void print_github(const struct shown_finding *item, size_t more, struct secret_buf *out)
{
	const struct finding *finding = &item->finding;
	const struct finding_place place = shown_finding_place(item);
	cleanup_(secret_buf_freep) struct secret_buf *demand = secret_buf_new(DEMAND_MAX);
	static const char *const commands[] = {
		[FINDING_INFO] = "notice",
		[FINDING_WARNING] = "warning",
		[FINDING_ERROR] = "error",
	};

	output_format(out, "::%s ", commands[finding->severity]);
	if (place.file != NULL) {
		secret_buf_append_text(out, "file=");
		append_escaped(out, place.file, true);
		if (place.line > 0)
			output_format(out, ",line=%u", place.line);
		if (place.column > 0)
			output_format(out, ",col=%u", place.column);
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
	if (demand != NULL) {
		append_demand(item, demand);
		secret_buf_append_char(demand, '\0');
		append_escaped(out, secret_buf_ok(demand) ? secret_buf_text(demand) : "", false);
	}
	if (more > 0)
		output_format(out, ", and %zu more like it", more);
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
	json_emit_sentence(out, text); /* a file's name may hold any bytes */
}

static void emit_place(struct secret_buf *out, const char *name, unsigned number)
{
	if (number == 0)
		return;
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	json_emit_uint(out, number);
}

/* The members of the object, without its braces. */
static void emit_list(const struct finding_list *list, struct secret_buf *out)
{
	json_emit_raw(out, "\"valid\":");
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
		json_emit_cstring(out, finding_severity_name(finding->severity));
		emit_text(out, "code", item->code);
		emit_text(out, "variable", finding->name);
		emit_text(out, "file", shown_finding_place(item).file);
		emit_place(out, "line", item->variable_line);
		emit_text(out, "schema_file", finding->in_schema ? item->file : NULL);
		emit_place(out, finding->in_schema ? "schema_line" : "line", finding->line);
		emit_place(out, finding->in_schema ? "schema_column" : "column", finding->column);
		emit_text(out, "layer", schema_layer_name(finding->layer));
		emit_text(out, "origin", finding->origin);
		emit_text(out, "message", finding->text);
		emit_text(out, "hint", item->hint);
		json_emit_raw(out, "}");
	}
	json_emit_raw(out, "]");
}

static void print_json(const struct finding_list *list, struct secret_buf *out)
{
	json_emit_raw(out, "{");
	emit_list(list, out);
	json_emit_raw(out, "}\n");
}

/* What is one thing to say of a file, however many of its lines it is true of: names out of order, Windows' line ends. */
static const char *const folded[] = {"UnorderedKey", "line-end"};

/* Its place in `folded`, or that behind the last. */
static size_t fold_of(const struct shown_finding *item)
{
	size_t i = 0;

	while (i < ARRAY_LEN(folded) && strcmp(item->code, folded[i]) != 0)
		i++;
	return i;
}

void finding_list_print(const struct finding_list *list, enum finding_format format, struct secret_buf *out)
{
	size_t counts[ARRAY_LEN(folded) + 1] = {0};

	if (format == FINDING_JSON) {
		print_json(list, out);
		return;
	}
	for (size_t i = 0; i < list->len; i++)
		counts[fold_of(&list->items[i])]++;
	for (size_t i = 0; i < list->len; i++) {
		const struct shown_finding *item = &list->items[i];
		size_t fold = fold_of(item), more = fold < ARRAY_LEN(folded) && counts[fold] > 0 ? counts[fold] - 1 : 0;

		if (fold < ARRAY_LEN(folded) && counts[fold] == 0)
			continue;
		if (fold < ARRAY_LEN(folded))
			counts[fold] = 0;
		if (format == FINDING_GITHUB)
			print_github(item, more, out);
		else
			print_human(item, more, out);
	}
	if (format == FINDING_GITHUB)
		return;
	if (list->omitted > 0)
		output_format(out, "and %zu more\n", list->omitted);
	print_hints(list, out);
}

/* -- what was refused --------------------------------------------------------------- */

#define REFUSED_MAX 100	/* lines; a check shows all */

/* "set it: envctl set ENV NAME" with what these stand for; without a hint, where the rules can be seen. */
static void tell_next_step(const struct shown_finding *item, const struct env_path *env, char *ret, size_t size)
{
	static const char words[] = "ENV NAME";
	const char *at = strstr(item->hint, words);

	if (item->hint[0] == '\0' && item->finding.name[0] != '\0')
		snprintf(ret, size, "what it may be: envctl schema explain %s %s", env->text, item->finding.name);
	else if (at != NULL)
		snprintf(ret, size, "%.*s%s %s%s", (int)(at - item->hint), item->hint, env->text, item->finding.name,
			 at + strlen(words));
	else
		snprintf(ret, size, "%s", item->hint);
}

static void warn_refusal(const struct shown_finding *item, const struct env_path *env, const char *before)
{
	const struct finding *finding = &item->finding;
	const bool is_placed = finding->in_schema && finding->line > 0, is_inherited = finding->origin[0] != '\0';
	char next[FINDING_TEXT_MAX + LIMIT_ENV_PATH_LEN + 128], place[sizeof(finding->origin) + 48] = "";

	if (is_placed)
		snprintf(place, sizeof(place), " (line %u of the schema%s%s)", finding->line, is_inherited ? " of " : "",
			 finding->origin);
	tell_next_step(item, env, next, sizeof(next));
	warn("%s: %s%s%s%s%s%s%s%s", env->text, before, before[0] != '\0' ? ": " : "", finding->name, finding->name[0] != '\0' ? ": " : "", finding->text, place,
	     next[0] != '\0' ? "; " : "", next);
}

void finding_list_tell(struct finding_list *list, const struct env_path *env, const char *message)
{
	cleanup_(secret_buf_freep) struct secret_buf *object = secret_buf_new(OUTPUT_MAX);

	if (object == NULL)
		return;
	finding_list_name_environment(list, env);
	finding_list_sort(list);
	json_emit_raw(object, "{\"environment\":");
	json_emit_cstring(object, env->text);
	emit_text(object, "message", message);
	json_emit_raw(object, ",");
	emit_list(list, object);
	json_emit_raw(object, "}");
	message_object("check", object);
}

/* A write is not refused for what other environments have as well. */
static void drop_shared(struct finding_list *list)
{
	size_t kept = 0;

	for (size_t i = 0; i < list->len; i++) {
		if (list->items[i].finding.severity == FINDING_ERROR && strcmp(list->items[i].code, "unique") == 0)
			list->errors--;
		else
			list->items[kept++] = list->items[i];
	}
	list->len = kept;
}

size_t finding_list_warn(struct finding_list *list, const struct env_path *env, const char *before)
{
	size_t told = 0;

	drop_shared(list);
	if (list->errors > 0 && messages_are_json()) {
		finding_list_tell(list, env, before);
		return list->errors;
	}
	for (size_t i = 0; i < list->len && told < REFUSED_MAX; i++) {
		if (list->items[i].finding.severity != FINDING_ERROR)
			continue;
		warn_refusal(&list->items[i], env, before);
		told++;
	}
	if (list->errors > told)
		warn("%s: and %zu more", env->text, list->errors - told);
	return list->errors;
}
