#include "vault/finding.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"
#include "vault/json_emit.h"
#include "vault/names.h"

const char *schema_layer_name(enum schema_layer layer)
{
	static const char *const names[] = { [LAYER_NONE] = "", [LAYER_PLAIN] = "plain", [LAYER_ENV_SPEC] = "decorator",
					     [LAYER_OWN] = "vaultd" };

	return names[layer];
}

void findings_free(struct findings *findings)
{
	free(findings->items);
	*findings = (struct findings){ .items = NULL };
}

static bool make_room(struct findings *findings)
{
	size_t room = findings->room > 0 ? 2 * findings->room : 16;
	struct finding *items;

	if (findings->len < findings->room)
		return true;
	items = reallocarray(findings->items, room, sizeof(*items));
	if (!items)
		return false;
	findings->items = items;
	findings->room = room;
	return true;
}

/* Takes out what is no error, in time that is paid by what had been put in. */
static void drop_remarks(struct findings *findings)
{
	size_t kept = 0;

	for (size_t i = 0; i < findings->len; i++)
		if (findings->items[i].severity == FINDING_ERROR)
			findings->items[kept++] = findings->items[i];
	findings->omitted += findings->len - kept;
	findings->len = kept;
}

static struct finding *place(struct findings *findings, enum finding_severity severity)
{
	if (findings->len == FINDINGS_MAX && severity == FINDING_ERROR && findings->errors <= FINDINGS_MAX)
		drop_remarks(findings);
	if (findings->len < FINDINGS_MAX && make_room(findings))
		return &findings->items[findings->len++];
	findings->omitted++;
	return NULL;
}

/* A sentence whose pieces were cut is still UTF-8. */
static void replace_broken_bytes(char *text)
{
	size_t len = strlen(text), bytes;

	for (size_t i = 0; i < len; i += bytes) {
		bytes = utf8_char_len((const unsigned char *)text + i, len - i);
		if (bytes == 0) {
			text[i] = '?';
			bytes = 1;
		}
	}
}

void findings_add(struct findings *findings, const struct finding *finding, const char *name, size_t name_len,
		  const char *format, ...)
{
	struct finding *item;
	va_list args;

	if (finding->severity == FINDING_ERROR)
		findings->errors++;
	else if (finding->severity == FINDING_WARNING)
		findings->warnings++;
	item = place(findings, finding->severity);
	if (!item)
		return;
	*item = *finding;
	variable_name_for_print(item->name, sizeof(item->name), name, name_len);
	va_start(args, format);
	vsnprintf(item->text, sizeof(item->text), format, args);
	va_end(args);
	utf8_trim_cut(item->text);
	replace_broken_bytes(item->text);
}

static int compare(const void *a, const void *b)
{
	const struct finding *first = a, *second = b;

	if (first->line != second->line)
		return first->line < second->line ? -1 : 1;
	if (first->column != second->column)
		return first->column < second->column ? -1 : 1;
	if (strcmp(first->name, second->name) != 0)
		return strcmp(first->name, second->name);
	return strcmp(first->code, second->code);
}

void findings_sort(struct findings *findings)
{
	if (findings->len > 1)
		qsort(findings->items, findings->len, sizeof(*findings->items), compare);
}

static void emit_text(struct secret_buf *out, bool *first, const char *name, const char *text)
{
	if (text[0] == '\0')
		return;
	json_emit_raw(out, *first ? "" : ",");
	*first = false;
	json_emit_key(out, name);
	json_emit_cstring(out, text);
}

static void emit_number(struct secret_buf *out, const char *name, unsigned number)
{
	if (number == 0)
		return;
	json_emit_raw(out, ",");
	json_emit_key(out, name);
	json_emit_uint(out, number);
}

static void emit_one(const struct finding *finding, struct secret_buf *out)
{
	static const char *const severities[] = { [FINDING_INFO] = "info", [FINDING_WARNING] = "warning",
						  [FINDING_ERROR] = "error" };
	bool first = true;

	json_emit_raw(out, "{");
	emit_text(out, &first, "severity", severities[finding->severity]);
	emit_text(out, &first, "code", finding->code);
	emit_text(out, &first, "variable", finding->name);
	emit_number(out, finding->in_schema ? "schema_line" : "line", finding->line);
	emit_number(out, finding->in_schema ? "schema_column" : "column", finding->column);
	emit_text(out, &first, "layer", schema_layer_name(finding->layer));
	emit_text(out, &first, "origin", finding->origin);
	emit_text(out, &first, "message", finding->text);
	emit_text(out, &first, "hint", finding->hint ? finding->hint : "");
	json_emit_raw(out, "}");
}

void findings_emit_json(const struct findings *findings, struct secret_buf *out)
{
	json_emit_raw(out, "[");
	for (size_t i = 0; i < findings->len; i++) {
		json_emit_raw(out, i == 0 ? "" : ",");
		emit_one(&findings->items[i], out);
	}
	json_emit_raw(out, "]");
}
