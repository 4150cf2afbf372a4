#include "cmd/finding_list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/answer.h"

const char *finding_severity_name(enum finding_severity severity)
{
	static const char *const names[] = {
		[FINDING_INFO] = "info",
		[FINDING_WARNING] = "warning",
		[FINDING_ERROR] = "error",
	};

	return names[severity];
}

void finding_list_free(struct finding_list *list)
{
	for (size_t i = 0; i < list->names_len; i++)
		free(list->names[i]);
	free(list->names);
	free(list->items);
	*list = (struct finding_list){.items = NULL};
}

const char *finding_list_keep(struct finding_list *list, const char *name, struct error *err)
{
	char **names = reallocarray(list->names, list->names_len + 1, sizeof(*names));
	char *copy = strdup(name);

	if (names != NULL)
		list->names = names;
	if (names == NULL || copy == NULL) {
		free(copy);
		(void)error_set(err, ERR_NO_MEMORY, "out of memory");
		return NULL;
	}
	list->names[list->names_len++] = copy;
	return copy;
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
	for (int severity = FINDING_INFO; severity <= FINDING_ERROR; severity++)
		if (strcmp(text, finding_severity_name((enum finding_severity)severity)) == 0)
			return (enum finding_severity)severity;
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

bool shown_finding_is_style(const struct shown_finding *item)
{
	return item->code[0] >= 'A' && item->code[0] <= 'Z';
}

/* -- which line of a file -------------------------------------------------------- */

/* The names of findings are cut, and then end in dots. */
static size_t known_len(const char *name)
{
	size_t len = strlen(name);

	return len + 1 == sizeof(((struct finding *)NULL)->name) && strcmp(name + len - 3, "...") == 0 ? len - 3 : len;
}

static int compare_start(const struct env_entry *entry, const char *name, size_t len)
{
	int order = memcmp(entry->name, name, entry->name_len < len ? entry->name_len : len);

	return order != 0 ? order : entry->name_len < len ? -1 : 0;
}

/* Where the variable stands; 0: nowhere, or nobody can say which of several with this beginning it is. */
static unsigned line_of(const struct env_set *sorted, const char *name)
{
	size_t len = known_len(name), low = 0, high = env_set_count(sorted);
	struct env_entry entry, next;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		entry = env_set_at(sorted, middle);
		if (compare_start(&entry, name, len) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	if (len == 0 || low == env_set_count(sorted))
		return 0;
	entry = env_set_at(sorted, low);
	if (name[len] == '\0')
		return entry.name_len == len && compare_start(&entry, name, len) == 0 ? entry.line : 0;
	if (compare_start(&entry, name, len) != 0)
		return 0;
	if (low + 1 < env_set_count(sorted)) {
		next = env_set_at(sorted, low + 1);
		if (compare_start(&next, name, len) == 0)
			return 0;
	}
	return entry.line;
}

/* Nothing of a vault is set when a file is mended. */
static const char *hint_of_file(const char *code)
{
	static const char *const hints[][2] = {
		{"missing", "add a line NAME=VALUE to the env file"},
		{"empty", "write a value behind its = in the env file"},
		{"unknown", "take its line out of the env file, or add the variable to the schema"},
	};

	for (size_t i = 0; i < ARRAY_LEN(hints); i++)
		if (strcmp(code, hints[i][0]) == 0)
			return hints[i][1];
	return NULL;
}

void finding_list_place(struct finding_list *list, const struct env_set *sorted, const char *file, const char *schema_file)
{
	for (size_t i = 0; i < list->len; i++) {
		struct shown_finding *item = &list->items[i];
		const struct finding *finding = &item->finding;
		const char *hint = hint_of_file(item->code);

		if (finding->line > 0 && finding->origin[0] == '\0' && item->file == NULL)
			item->file = schema_file;
		if (sorted == NULL || (!finding->in_schema && finding->line > 0))
			continue;
		item->variable_line = line_of(sorted, finding->name);
		item->variable_file = item->variable_line > 0 ? file : NULL;
		if (hint != NULL)
			snprintf(item->hint, sizeof(item->hint), "%s", hint);
	}
}

/* Puts the environment where the hint says ENV; what was put there is not looked at again: an environment may be called ENV. */
static void name_environment(char *hint, size_t size, const struct env_path *env)
{
	static const char word[] = " ENV ";
	char rest[FINDING_TEXT_MAX];
	size_t used = 0;

	for (char *at; used < size && (at = strstr(hint + used, word)) != NULL;) {
		size_t start = (size_t)(at - hint);

		snprintf(rest, sizeof(rest), "%s", at + strlen(word));
		snprintf(at, size - start, " %s %s", env->text, rest);
		used = start + 1 + strlen(env->text);
	}
}

void finding_list_name_environment(struct finding_list *list, const struct env_path *env)
{
	for (size_t i = 0; i < list->len; i++)
		name_environment(list->items[i].hint, sizeof(list->items[i].hint), env);
}

/* -- order ------------------------------------------------------------------------ */

static int rank(const struct shown_finding *item)
{
	static const int ranks[] = {[FINDING_ERROR] = 0, [FINDING_WARNING] = 1, [FINDING_INFO] = 2};

	return shown_finding_is_style(item) ? 3 : ranks[item->finding.severity];
}

struct finding_place shown_finding_place(const struct shown_finding *item)
{
	const struct finding *finding = &item->finding;

	if (item->variable_file != NULL)
		return (struct finding_place){.file = item->variable_file, .line = item->variable_line};
	return (struct finding_place){.file = item->file, .line = finding->line, .column = finding->column};
}

/* Only lines of one file have an order. */
static int compare_places(const struct shown_finding *a, const struct shown_finding *b)
{
	struct finding_place first = shown_finding_place(a), second = shown_finding_place(b);
	int order = strcmp(first.file != NULL ? first.file : "", second.file != NULL ? second.file : "");

	if (order != 0 || first.file == NULL)
		return order;
	if (first.line != second.line)
		return first.line < second.line ? -1 : 1;
	return (first.column > second.column) - (first.column < second.column);
}

static int compare(const void *a, const void *b)
{
	const struct shown_finding *first = a, *second = b;
	int order = rank(first) - rank(second);

	if (order == 0)
		order = compare_places(first, second);
	return order != 0 ? order : (first->number > second->number) - (first->number < second->number);
}

void finding_list_sort(struct finding_list *list)
{
	for (size_t i = 0; i < list->len; i++)
		list->items[i].number = i;
	if (list->len > 1)
		qsort(list->items, list->len, sizeof(*list->items), compare);
}
