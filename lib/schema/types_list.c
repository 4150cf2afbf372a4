/*
 * Types that hold several values in one: arrays, records, JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json_text.h"
#include "schema/type_row.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/secret_buf.h"

struct elements {
	const struct schema_type *type;
	struct verdict *verdict;
	struct secret_buf *scratch;	/* for what is escaped; made when it is needed */
	struct span *seen;		/* of an array whose elements are unique; NULL otherwise */
	size_t count;
	const char *noun;		/* "element", "entry" */
};

static void elements_end(struct elements *elements)
{
	secret_buf_free(elements->scratch);
	free(elements->seen);
}

static bool judge_inner(struct elements *elements, const struct schema_type *inner, struct span value, const char *part)
{
	char detail[80] = "";
	struct verdict verdict = { .detail = detail, .detail_size = sizeof(detail), .budget = elements->verdict->budget };

	if (!inner || inner->row->judge(inner, value.at, value.len, &verdict))
		return true;
	if (verdict.why == schema_type_over_budget)
		return refuse(elements->verdict, verdict.why);
	return refuse_because(elements->verdict, "holds something that is not of its type", "%s%s %zu %s%s%s", part,
			      elements->noun, elements->count, verdict.why, detail[0] ? ": " : "", detail);
}

static bool is_composite(const struct schema_type *type)
{
	return type && (type->row->judge == judge_array || type->row->judge == judge_record ||
			type->row->judge == judge_object || type->row->judge == judge_json);
}

/* What a JSON value is as a text: a string's content, "" for null, all else as it stands. */
static bool text_of(struct elements *elements, const struct json_value *value, struct span *ret)
{
	struct json_span content = value->kind == JSON_SCAN_STRING ? json_string_span(value) : value->raw;

	*ret = (struct span){ content.at, value->kind == JSON_SCAN_NULL ? 0 : content.len };
	if (value->kind != JSON_SCAN_STRING || !value->escaped)
		return true;
	if (!elements->scratch)
		elements->scratch = secret_buf_new(LIMIT_SECRET_FILE);
	if (!elements->scratch)
		return refuse(elements->verdict, "cannot be judged: out of memory");
	secret_buf_reset(elements->scratch);
	json_append_unescaped(elements->scratch, content);
	*ret = (struct span){ secret_buf_text(elements->scratch), secret_buf_len(elements->scratch) };
	return secret_buf_ok(elements->scratch) || refuse(elements->verdict, "cannot be judged: out of memory");
}

static bool judge_json_value(struct elements *elements, const struct json_value *value)
{
	const struct schema_type *inner = elements->type->inner;
	struct span text;
	bool scalar = value->kind != JSON_SCAN_OBJECT && value->kind != JSON_SCAN_ARRAY;

	if (!scalar && !is_composite(inner) && (inner || elements->type->row->judge == judge_array))
		return refuse_because(elements->verdict, "holds something that is not of its type",
				      "%s %zu is an object or an array", elements->noun, elements->count);
	return text_of(elements, value, &text) && judge_inner(elements, inner, text, "");
}

static bool count_one(struct elements *elements)
{
	elements->count++;
	return elements->count <= LIMIT_TYPE_ELEMENTS || refuse(elements->verdict, "holds more than 10000 elements");
}

static bool judge_count(const struct elements *elements)
{
	const struct schema_type *type = elements->type;
	double count = (double)elements->count;

	if (type->min_len.set && count < type->min_len.value)
		return refuse_because(elements->verdict, "holds too little", "fewer than %s", type->min_len.text);
	if (type->max_len.set && count > type->max_len.value)
		return refuse_because(elements->verdict, "holds too much", "more than %s", type->max_len.text);
	if (type->is_len.set && (count < type->is_len.value || count > type->is_len.value))
		return refuse_because(elements->verdict, "holds the wrong number of things", "not %s", type->is_len.text);
	if (elements->count == 0 && !type->min_len.set && !type->is_len.set)
		return refuse(elements->verdict, "is empty, which the schema does not allow");
	return true;
}

/* -- arrays ---------------------------------------------------------------------------------- */

static int compare_spans(const void *a, const void *b)
{
	const struct span *first = a, *second = b;
	size_t len = first->len < second->len ? first->len : second->len;
	int order = len > 0 ? memcmp(first->at, second->at, len) : 0;

	return order != 0 ? order : first->len < second->len ? -1 : first->len > second->len;
}

static bool judge_unique(const struct elements *elements)
{
	if (elements->count < 2 || !elements->seen)
		return true;
	qsort(elements->seen, elements->count, sizeof(*elements->seen), compare_spans);
	for (size_t i = 1; i < elements->count; i++)
		if (compare_spans(&elements->seen[i - 1], &elements->seen[i]) == 0)
			return refuse(elements->verdict, "holds an element twice");
	return true;
}

static struct text separator_of(const struct schema_type *type)
{
	static char comma[] = ",";

	return type->separator.len > 0 ? type->separator : (struct text){ comma, 1 };
}

static bool judge_json_array(struct elements *elements, struct span text)
{
	struct text separator = separator_of(elements->type);
	bool joined = !(elements->type->format.at && strcmp(elements->type->format.at, "json") == 0) &&
		      !is_composite(elements->type->inner);
	struct json_value array, element;
	struct json_fault fault;
	size_t cursor = 0;

	if (!json_check(text.at, text.len, &array, &fault) || array.kind != JSON_SCAN_ARRAY)
		return refuse(elements->verdict, "begins with [ and is no JSON array");
	while (json_next_element(&array, &cursor, &element)) {
		if (!count_one(elements) || !judge_json_value(elements, &element))
			return false;
		if (joined && memmem(element.raw.at, element.raw.len, separator.at, separator.len))
			return refuse_because(elements->verdict, "holds an element with the separator in it",
					      "element %zu; format=json allows it", elements->count);
		if (elements->seen)
			elements->seen[elements->count - 1] = (struct span){ element.raw.at, element.raw.len };
	}
	return true;
}

static bool judge_joined_array(struct elements *elements, struct span text)
{
	struct text separator = separator_of(elements->type);
	const char *at = text.at, *end = text.at + text.len;

	while (at <= end) {
		const char *next = memmem(at, (size_t)(end - at), separator.at, separator.len);
		struct span part = text_trimmed(at, (size_t)((next ? next : end) - at));

		at = next ? next + separator.len : end + 1;
		if (part.len == 0)
			continue;
		if (!count_one(elements) || !judge_inner(elements, elements->type->inner, part, ""))
			return false;
		if (elements->seen)
			elements->seen[elements->count - 1] = part;
	}
	return true;
}

bool judge_array(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	cleanup_(elements_end) struct elements elements = { .type = type, .verdict = verdict, .noun = "element" };
	struct span text = text_trimmed(value, len);
	/* An element takes a byte and a separator; arrays may stand in arrays, each with its own room. */
	size_t most = text.len / 2 + 1 < LIMIT_TYPE_ELEMENTS ? text.len / 2 + 1 : LIMIT_TYPE_ELEMENTS;

	if (type->unique) {
		elements.seen = calloc(most, sizeof(*elements.seen));
		if (!elements.seen)
			return refuse(verdict, "cannot be judged: out of memory");
	}
	if (text.len > 0 && text.at[0] == '[' ? !judge_json_array(&elements, text) : !judge_joined_array(&elements, text))
		return false;
	return judge_count(&elements) && judge_unique(&elements);
}

/* -- records --------------------------------------------------------------------------------- */

static bool judge_key(struct elements *elements, const struct json_member *member)
{
	struct json_value name = { .raw = { member->name.at - 1, member->name.len + 2 }, .kind = JSON_SCAN_STRING,
				   .escaped = member->name_escaped };
	struct span text;

	if (!elements->type->key)
		return true;
	return text_of(elements, &name, &text) && judge_inner(elements, elements->type->key, text, "the key of ");
}

bool judge_record(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	cleanup_(elements_end) struct elements elements = { .type = type, .verdict = verdict, .noun = "entry" };
	struct span text = text_trimmed(value, len);
	struct json_value object;
	struct json_member member;
	struct json_fault fault;
	size_t cursor = 0;

	if (!json_check(text.at, text.len, &object, &fault) || object.kind != JSON_SCAN_OBJECT)
		return refuse(verdict, "is no JSON object");
	while (json_next_member(&object, &cursor, &member))
		if (!count_one(&elements) || !judge_key(&elements, &member) || !judge_json_value(&elements, &member.value))
			return false;
	return judge_count(&elements);
}

bool judge_object(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	struct json_value object;
	struct json_fault fault;

	(void)type;
	return (json_check(value, len, &object, &fault) && object.kind == JSON_SCAN_OBJECT) ||
	       refuse(verdict, "is no JSON object");
}

bool judge_json(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	struct json_value any;
	struct json_fault fault;

	(void)type;
	if (json_check(value, len, &any, &fault))
		return true;
	return refuse_because(verdict, "is no JSON", "%s, at byte %zu", fault.reason, fault.at + 1);
}
