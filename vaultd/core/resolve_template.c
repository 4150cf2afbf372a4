/* Evaluating templates: each once, in the environment that is resolved. */
#include <stdio.h>
#include <string.h>

#include "core/json_data.h"
#include "core/resolve_parts.h"
#include "vault/template.h"

enum { NOT_YET, UNDER_WAY, DONE };

struct place {		/* a variable in the environment in which it is evaluated */
	size_t node;
	struct merged_variable *merged;
};

static int shown(size_t len)
{
	return len < 80 ? (int)len : 80;
}

/* "DATABASE_URL in shop/production" */
static void describe(const struct resolve_graph *graph, size_t node, const struct variable *variable, char *text,
		     size_t size)
{
	snprintf(text, size, "%.*s in %.100s", shown(variable->name.len), variable->name.at,
		 graph->nodes[node]->path.text);
}

struct merged_variable *resolve_find(const struct resolve_node *node, const char *name, size_t len)
{
	const struct text_span wanted = { .at = name, .len = (uint32_t)len };
	size_t low = 0, high = node->merged_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int order = text_order(&node->merged[middle].variable->name, &wanted);

		if (order == 0)
			return &node->merged[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* -- failures ---------------------------------------------------------------- */

/* "A -> B -> A", with the environment's name where it is another one than the root. */
static size_t add_link(const struct resolve_graph *graph, size_t node, const struct variable *variable,
		       const char *arrow, char *text, size_t size)
{
	int len = node == 0 ? snprintf(text, size, "%.*s%s", shown(variable->name.len), variable->name.at, arrow)
			    : snprintf(text, size, "%.60s:%.*s%s", graph->nodes[node]->path.text,
				       shown(variable->name.len), variable->name.at, arrow);

	return len < 0 ? 0 : (size_t)len;
}

static enum error_code cycle(const struct resolve_graph *graph, const struct place *place, struct error *err)
{
	char chain[400] = "";
	size_t used = 0, from = 0;

	while (graph->under_way[from].node != place->node ||
	       graph->under_way[from].variable != place->merged->variable)
		from++;
	for (size_t i = from; i < graph->depth && used < sizeof(chain); i++)
		used += add_link(graph, graph->under_way[i].node, graph->under_way[i].variable, " -> ", chain + used,
				 sizeof(chain) - used);
	if (used < sizeof(chain))
		add_link(graph, place->node, place->merged->variable, "", chain + used, sizeof(chain) - used);
	return error_set(err, ERR_UNRESOLVED, "templates refer to each other in a circle: %s", chain);
}

static enum error_code no_value(const struct resolve_graph *graph, const struct place *from,
				const struct template_piece *reference, size_t node, const char *why, struct error *err)
{
	char text[256];

	describe(graph, from->node, from->merged->variable, text, sizeof(text));
	return error_set(err, ERR_UNRESOLVED, "the template of %s refers to %.*s, which %s %.100s", text,
			 shown(reference->name_len), reference->name, why, graph->nodes[node]->path.text);
}

/* What expanding itself found: the text, the size, the memory. */
static enum error_code cannot_expand(const struct resolve_graph *graph, const struct place *place,
				     const struct error *reason, struct error *err)
{
	char text[256];

	if (reason->code != ERR_INVALID && reason->code != ERR_TOO_LARGE) {
		*err = *reason;
		return err->code;
	}
	describe(graph, place->node, place->merged->variable, text, sizeof(text));
	return error_set(err, ERR_UNRESOLVED, "the template of %s: %s", text, reason->text);
}

/* -- evaluating -------------------------------------------------------------- */

struct lookup {
	struct resolve_graph *graph;
	const struct place *from;
};

static enum error_code evaluate(struct resolve_graph *graph, const struct place *place, struct error *err);

/* The environment that a reference means: the one in which the template is evaluated, or the one that it names. */
static enum error_code node_of(const struct lookup *lookup, const struct template_piece *reference, size_t *ret,
			       struct error *err)
{
	char name[256], why[320];

	*ret = lookup->from->node;
	if (reference->environment_len == 0)
		return ERR_OK;
	describe(lookup->graph, lookup->from->node, lookup->from->merged->variable, name, sizeof(name));
	snprintf(why, sizeof(why), "the template of %s refers to ", name);
	return resolve_other(lookup->graph, reference->environment, reference->environment_len, why, ret, err);
}

static enum error_code look_up(void *arg, const struct template_piece *reference, const char **ret_value,
			       size_t *ret_len, struct error *err)
{
	const struct lookup *lookup = arg;
	struct resolve_graph *graph = lookup->graph;
	struct place place;

	if (graph->references++ == LIMIT_TEMPLATE_REFERENCES)
		return error_set(err, ERR_UNRESOLVED, "the templates of %.100s hold more than %d references",
				 graph->nodes[0]->path.text, LIMIT_TEMPLATE_REFERENCES);
	if (node_of(lookup, reference, &place.node, err) != ERR_OK)
		return err->code;
	place.merged = resolve_find(graph->nodes[place.node], reference->name, reference->name_len);
	if (!place.merged)
		return no_value(graph, lookup->from, reference, place.node, "is not a variable of", err);
	switch ((enum variable_kind)place.merged->variable->kind) {
	case KIND_UNSET:
		return no_value(graph, lookup->from, reference, place.node, "is unset in", err);
	case KIND_JSON:
		return no_value(graph, lookup->from, reference, place.node, "is JSON and not text in", err);
	case KIND_TEXT:
		*ret_value = place.merged->variable->value.at;
		*ret_len = place.merged->variable->value.len;
		return ERR_OK;
	case KIND_TEMPLATE:
		break;
	}
	if (evaluate(graph, &place, err) != ERR_OK)
		return err->code;
	*ret_value = place.merged->value.at;
	*ret_len = place.merged->value.len;
	return ERR_OK;
}

static enum error_code keep_value(struct resolve_graph *graph, struct merged_variable *merged,
				  const struct secret_buf *text, struct error *err)
{
	size_t len = secret_buf_len(text);
	char *kept = text_pool_copy(&graph->texts, secret_buf_bytes(text), len);

	if (!kept)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the value of a template");
	graph->bytes += len;
	merged->value = (struct text_span){ .at = kept, .len = (uint32_t)len };
	merged->state = DONE;
	return ERR_OK;
}

static enum error_code expand(struct resolve_graph *graph, const struct place *place, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(LIMIT_RESOLVED - graph->bytes);
	const struct variable *variable = place->merged->variable;
	struct lookup lookup = { .graph = graph, .from = place };
	struct error reason = ERROR_INIT;

	if (!out)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the value of a template");
	if (template_expand(variable->value.at, variable->value.len, look_up, &lookup, out, &reason) != ERR_OK)
		return cannot_expand(graph, place, &reason, err);
	if (secret_buf_len(out) > LIMIT_RESOLVED - graph->bytes)
		return error_set(err, ERR_UNRESOLVED, "the templates of %.100s give more than %u bytes",
				 graph->nodes[0]->path.text, LIMIT_RESOLVED);
	return keep_value(graph, place->merged, out, err);
}

static enum error_code evaluate(struct resolve_graph *graph, const struct place *place, struct error *err)
{
	struct merged_variable *merged = place->merged;
	char text[256];

	if (merged->state == DONE)
		return ERR_OK;
	if (merged->state == UNDER_WAY)
		return cycle(graph, place, err);
	if (graph->depth == LIMIT_TEMPLATE_DEPTH) {
		describe(graph, place->node, merged->variable, text, sizeof(text));
		return error_set(err, ERR_UNRESOLVED, "templates refer to templates more than %d deep, at %s",
				 LIMIT_TEMPLATE_DEPTH, text);
	}
	merged->state = UNDER_WAY;
	graph->under_way[graph->depth].node = (uint8_t)place->node;
	graph->under_way[graph->depth++].variable = merged->variable;
	if (expand(graph, place, err) != ERR_OK)
		return err->code;
	graph->depth--;
	return ERR_OK;
}

static size_t result_len(const struct merged_variable *merged)
{
	const struct text_span *value =
		merged->variable->kind == KIND_TEMPLATE ? &merged->value : &merged->variable->value;

	return (size_t)merged->variable->name.len + value->len;
}

enum error_code resolve_evaluate(struct resolve_graph *graph, struct error *err)
{
	struct resolve_node *root = graph->nodes[0];
	size_t total = 0;

	for (size_t i = 0; i < root->merged_len; i++) {
		struct place place = { .node = 0, .merged = &root->merged[i] };

		if (place.merged->variable->kind == KIND_TEMPLATE && evaluate(graph, &place, err) != ERR_OK)
			return resolve_fails(graph, FAULT_CONTENT, err);
		total += result_len(place.merged);
	}
	if (total <= LIMIT_RESOLVED)
		return ERR_OK;
	error_set(err, ERR_UNRESOLVED, "%.150s resolves to %zu bytes, the limit is %u", root->path.text, total,
		  LIMIT_RESOLVED);
	return resolve_fails(graph, FAULT_CONTENT, err);
}
