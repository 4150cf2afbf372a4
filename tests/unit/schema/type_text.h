/*
 * The text of a type as nodes, for tests that need no reader: name, name(a, key=b, [c, d], /e/f, inner(g)), "quoted".
 * Nodes and texts live in a fixed block; what does not fit or is malformed gives NULL.
 */
#pragma once

#include <string.h>

#include "schema/item.h"

struct type_text {
	struct node nodes[64];
	size_t len;
	const char *at, *end;
};

static inline void type_text_blanks(struct type_text *text)
{
	while (text->at < text->end && *text->at == ' ')
		text->at++;
}

static inline bool type_text_take(struct type_text *text, char c)
{
	type_text_blanks(text);
	if (text->at == text->end || *text->at != c)
		return false;
	text->at++;
	return true;
}

static inline struct span type_text_word(struct type_text *text, const char *ends)
{
	const char *start = text->at;

	while (text->at < text->end && *text->at != '\0' && !strchr(ends, *text->at))
		text->at++;
	return (struct span){ start, (size_t)(text->at - start) };
}

static inline bool type_text_value(struct type_text *text, struct node *node, unsigned depth);

static inline bool type_text_items(struct type_text *text, struct node *node, char close, unsigned depth)
{
	struct node items[16];
	size_t len = 0;

	while (!type_text_take(text, close)) {
		if (len == 16 || depth == 0 || (len > 0 && !type_text_take(text, ',')))
			return false;
		type_text_blanks(text);
		if (!type_text_value(text, &items[len++], depth - 1))
			return false;
	}
	if (text->len + len > 64)
		return false;
	node->items = text->nodes + text->len;
	node->items_len = len;
	memcpy(node->items, items, len * sizeof(items[0]));
	text->len += len;
	return true;
}

static inline bool type_text_regex(struct type_text *text, struct node *node)
{
	const char *start = ++text->at;

	while (text->at < text->end && *text->at != '/')
		text->at += *text->at == '\\' && text->at + 1 < text->end ? 2 : 1;
	if (text->at >= text->end)
		return false;
	node->kind = NODE_REGEX;
	node->text = (struct span){ start, (size_t)(text->at - start) };
	text->at++;
	node->flags = type_text_word(text, " ,)]=(");
	return true;
}

static inline bool type_text_value(struct type_text *text, struct node *node, unsigned depth)
{
	*node = (struct node){ .kind = NODE_TEXT };
	if (text->at < text->end && *text->at == '/')
		return type_text_regex(text, node);
	if (type_text_take(text, '[')) {
		node->kind = NODE_LIST;
		return type_text_items(text, node, ']', depth);
	}
	if (type_text_take(text, '"')) {
		node->quoted = true;
		node->text = type_text_word(text, "\"");
		return type_text_take(text, '"');
	}
	if (type_text_take(text, '$')) {
		node->kind = NODE_REFERENCE;
		node->text = type_text_word(text, " ,)]");
		return true;
	}
	node->text = type_text_word(text, " ,)]=(");
	if (type_text_take(text, '(')) {
		node->kind = NODE_CALL;
		return type_text_items(text, node, ')', depth);
	}
	if (depth > 0 && type_text_take(text, '=')) {
		struct span key = node->text;

		type_text_blanks(text);
		if (!type_text_value(text, node, depth - 1))
			return false;
		node->key = key;
	}
	return true;
}

static inline bool type_text_read(struct type_text *text, const char *source, size_t len, struct node *ret)
{
	*text = (struct type_text){ .at = source, .end = source + len };
	return type_text_value(text, ret, 8) && text->at == text->end;
}
