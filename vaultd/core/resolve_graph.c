/* Loading and merging the environments of one resolve. Templates: resolve_template.c. */
#include "core/resolve_graph.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/environment_read.h"
#include "core/json_data.h"
#include "core/resolve_parts.h"
#include "core/revision_build.h"
#include "core/vault_state.h"

static void node_free(struct resolve_node *node)
{
	if (!node)
		return;
	head_entry_free(node->held);
	revision_record_free(&node->record);
	secret_buf_free(node->plain);
	if (node->merged)
		sodium_memzero(node->merged, node->merged_len * sizeof(*node->merged));
	free(node->merged);
	sodium_memzero(node, sizeof(*node));
	free(node);
}

DEFINE_CLEANUP(struct resolve_node *, node_free);

void resolve_graph_wipe(struct resolve_graph *graph)
{
	for (size_t i = 0; i < graph->len; i++)
		node_free(graph->nodes[i]);
	text_pool_wipe(&graph->texts);
	sodium_memzero(graph, sizeof(*graph));
}

bool resolve_is_plain(size_t parents_len, const struct variable *variables, size_t variables_len)
{
	if (parents_len > 0)
		return false;
	for (size_t i = 0; i < variables_len; i++)
		if (variables[i].kind == KIND_TEMPLATE)
			return false;
	return true;
}

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "no memory is left for resolving an environment");
}

enum error_code resolve_fails(struct resolve_graph *graph, enum resolve_fault fault, struct error *err)
{
	if (graph->fault == FAULT_NONE)
		graph->fault = fault;
	return err->code;
}

/* -- nodes ----------------------------------------------------------------- */

enum error_code resolve_root_given(struct resolve_graph *graph, const struct env_path *path,
				   const struct text_span *parents, size_t parents_len, const struct variable *variables,
				   size_t variables_len, struct error *err)
{
	struct resolve_node *node = calloc(1, sizeof(*node));

	if (!node)
		return no_memory(err);
	node->path = *path;
	node->parents = parents;
	node->parents_len = parents_len;
	node->variables = variables;
	node->variables_len = variables_len;
	graph->nodes[graph->len++] = node;
	return ERR_OK;
}

enum error_code resolve_root_read(struct resolve_graph *graph, const struct env_path *path,
				  const struct kv_read_result *read, struct error *err)
{
	const struct head_record *head = &read->head;

	if (resolve_root_given(graph, path, head->parents, head->parents_len, read->revision.variables,
			       read->revision.variables_len, err) != ERR_OK)
		return err->code;
	graph->nodes[0]->entry = read->head_entry_;
	graph->nodes[0]->revision = read->version.revision;
	return ERR_OK;
}

static enum error_code check_readable(const struct resolve_graph *graph, const struct resolve_node *node,
				      const char *why, struct error *err)
{
	const struct head_record *head = &node->entry->head;
	const struct head_revision *place = head->current > 0 ? head_find_revision(head, head->current) : NULL;

	if (!place)
		return error_set(err, ERR_UNRESOLVED, "%s%.150s, which has no revision yet", why, node->path.text);
	if (!revision_is_readable(place, vault_now(graph->vault)))
		return error_set(err, ERR_UNRESOLVED, "%s%.150s, whose current revision is deleted or destroyed", why,
				 node->path.text);
	return ERR_OK;
}

/* why: "the environment x extends ". */
static enum error_code load_content(struct resolve_graph *graph, struct resolve_node *node, const char *why,
				    struct error *err)
{
	const struct kv_target target = { .mount = graph->mount, .path = &node->path };
	struct error missing = ERROR_INIT;

	if (vault_load_head(graph->vault, graph->view, &target, &node->held, &missing) != ERR_OK) {
		if (missing.code == ERR_NOT_FOUND)
			return error_set(err, ERR_UNRESOLVED, "%s%.150s, which does not exist", why, node->path.text);
		*err = missing;
		return err->code;
	}
	node->entry = node->held;
	if (check_readable(graph, node, why, err) != ERR_OK)
		return err->code;
	node->revision = node->entry->head.current;
	if (environment_revision(graph->view, node->entry, node->revision, &node->plain, &node->record, err) != ERR_OK)
		return err->code;
	graph->read_bytes += secret_buf_len(node->plain);
	node->variables = node->record.variables;
	node->variables_len = node->record.variables_len;
	node->parents = node->entry->head.parents;
	node->parents_len = node->entry->head.parents_len;
	return ERR_OK;
}

enum error_code resolve_root_load(struct resolve_graph *graph, const struct env_path *path, struct error *err)
{
	cleanup_(node_freep) struct resolve_node *node = calloc(1, sizeof(*node));

	if (!node)
		return no_memory(err);
	node->path = *path;
	if (load_content(graph, node, "the environment ", err) != ERR_OK)
		return resolve_fails(graph, FAULT_ENVIRONMENT, err);
	graph->nodes[graph->len++] = take_ptr(node);
	return ERR_OK;
}

static bool find_node(const struct resolve_graph *graph, const char *path, size_t len, size_t *ret)
{
	for (size_t i = 0; i < graph->len; i++)
		if (graph->nodes[i]->path.len == len && memcmp(graph->nodes[i]->path.text, path, len) == 0) {
			*ret = i;
			return true;
		}
	return false;
}

/* The decision comes before the look: whether a denied environment exists is not told. */
static enum error_code decide(const struct resolve_graph *graph, const struct env_path *path, const char *why,
			      struct error *err)
{
	if (vault_may_read_data(graph->caller, graph->mount, path))
		return ERR_OK;
	return error_set(err, ERR_DENIED, "permission denied: %s%.150s, which you may not read", why, path->text);
}

static enum error_code add_node(struct resolve_graph *graph, const char *path, size_t len, const char *why, size_t *ret,
				struct error *err)
{
	cleanup_(node_freep) struct resolve_node *node = calloc(1, sizeof(*node));

	if (!node)
		return no_memory(err);
	if (env_path_parse(path, len, &node->path, err) != ERR_OK)
		return err->code;
	if (graph->len == LIMIT_RESOLVE_ENVIRONMENTS)
		return error_set(err, ERR_UNRESOLVED, "resolving %.150s needs more than %d environments",
				 graph->nodes[0]->path.text, LIMIT_RESOLVE_ENVIRONMENTS);
	if (decide(graph, &node->path, why, err) != ERR_OK || load_content(graph, node, why, err) != ERR_OK)
		return err->code;
	*ret = graph->len;
	graph->nodes[graph->len++] = take_ptr(node);
	return ERR_OK;
}

/* -- merging --------------------------------------------------------------- */

/* b over a, both sorted. Masks of `a` are of no meaning to the child: they hide what the parent inherits. */
static enum error_code overlay(const struct merged_variable *a, size_t a_len, const struct merged_variable *b,
			       size_t b_len, struct merged_variable **ret, size_t *ret_len, struct error *err)
{
	struct merged_variable *merged = calloc(a_len + b_len + 1, sizeof(*merged));
	size_t i = 0, j = 0, len = 0;

	if (!merged)
		return no_memory(err);
	while (i < a_len || j < b_len) {
		int order = i == a_len ? 1 : j == b_len ? -1 : text_order(&a[i].variable->name, &b[j].variable->name);

		merged[len++] = order < 0 ? a[i] : b[j];
		i += order <= 0;
		j += order >= 0;
	}
	*ret = merged;
	*ret_len = len;
	return ERR_OK;
}

struct layer {
	struct merged_variable *items;
	size_t len;
};

static void layer_free(struct layer *layer)
{
	if (layer->items)
		sodium_memzero(layer->items, layer->len * sizeof(*layer->items));
	free(layer->items);
	*layer = (struct layer){0};
}

static enum error_code put_over(struct layer *below, const struct layer *above, struct error *err)
{
	struct layer merged = {0};

	if (overlay(below->items, below->len, above->items, above->len, &merged.items, &merged.len, err) != ERR_OK)
		return err->code;
	layer_free(below);
	*below = merged;
	return ERR_OK;
}

/* What a parent gives: all it resolves to, without its masks, and not evaluated yet. */
static enum error_code parent_layer(const struct resolve_node *parent, struct layer *ret, struct error *err)
{
	ret->items = calloc(parent->merged_len + 1, sizeof(*ret->items));
	if (!ret->items)
		return no_memory(err);
	for (size_t i = 0; i < parent->merged_len; i++)
		if (parent->merged[i].variable->kind != KIND_UNSET)
			ret->items[ret->len++] = (struct merged_variable){
				.variable = parent->merged[i].variable,
				.origin = parent->merged[i].origin,
			};
	return ERR_OK;
}

static enum error_code own_layer(const struct resolve_node *node, size_t index, struct layer *ret, struct error *err)
{
	ret->items = calloc(node->variables_len + 1, sizeof(*ret->items));
	if (!ret->items)
		return no_memory(err);
	for (; ret->len < node->variables_len; ret->len++)
		ret->items[ret->len] = (struct merged_variable){
			.variable = &node->variables[ret->len],
			.origin = (uint8_t)index,
		};
	return ERR_OK;
}

static enum error_code merge(struct resolve_graph *graph, size_t index, struct error *err);

/* The open nodes in the order of the graph are the path from the root to here. */
static enum error_code cycle(const struct resolve_graph *graph, size_t again, struct error *err)
{
	char chain[384] = "";
	size_t used = 0;

	for (size_t i = again; i < graph->len && used < sizeof(chain); i++)
		if (graph->nodes[i]->open)
			used += (size_t)snprintf(chain + used, sizeof(chain) - used, "%.80s -> ",
						 graph->nodes[i]->path.text);
	return error_set(err, ERR_UNRESOLVED, "the parents form a cycle: %s%.80s", chain,
			 graph->nodes[again]->path.text);
}

static enum error_code open_parent(struct resolve_graph *graph, size_t child, const struct text_span *path, size_t *ret,
				   struct error *err)
{
	char why[256];

	if (find_node(graph, path->at, path->len, ret))
		return graph->nodes[*ret]->open ? cycle(graph, *ret, err) : ERR_OK;
	snprintf(why, sizeof(why), "the environment %.150s extends ", graph->nodes[child]->path.text);
	return add_node(graph, path->at, path->len, why, ret, err);
}

static enum error_code merge_parents(struct resolve_graph *graph, size_t index, struct layer *below, struct error *err)
{
	const struct resolve_node *node = graph->nodes[index];

	for (size_t i = 0; i < node->parents_len; i++) {
		cleanup_(layer_free) struct layer layer = {0};
		size_t parent;

		if (open_parent(graph, index, &node->parents[i], &parent, err) != ERR_OK ||
		    merge(graph, parent, err) != ERR_OK ||
		    parent_layer(graph->nodes[parent], &layer, err) != ERR_OK || put_over(below, &layer, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* Recursion is as deep as there are environments. */
static enum error_code merge(struct resolve_graph *graph, size_t index, struct error *err)
{
	struct resolve_node *node = graph->nodes[index];
	cleanup_(layer_free) struct layer below = {0}, own = {0};

	if (node->merged)
		return ERR_OK;
	node->open = true;
	if (merge_parents(graph, index, &below, err) != ERR_OK || own_layer(node, index, &own, err) != ERR_OK ||
	    put_over(&below, &own, err) != ERR_OK)
		return err->code;
	if (below.len > LIMIT_VARIABLES)
		return error_set(err, ERR_UNRESOLVED, "%.150s resolves to %zu variables, the limit is %d",
				 node->path.text, below.len, LIMIT_VARIABLES);
	node->open = false;
	node->merged = take_ptr(below.items);
	node->merged_len = below.len;
	return ERR_OK;
}

enum error_code resolve_merge(struct resolve_graph *graph, struct error *err)
{
	return merge(graph, 0, err) == ERR_OK ? ERR_OK : resolve_fails(graph, FAULT_ENVIRONMENT, err);
}

enum error_code resolve_other(struct resolve_graph *graph, const char *path, size_t len, const char *why, size_t *ret,
			      struct error *err)
{
	if (!find_node(graph, path, len, ret) && add_node(graph, path, len, why, ret, err) != ERR_OK)
		return resolve_fails(graph, FAULT_ENVIRONMENT, err);
	return merge(graph, *ret, err) == ERR_OK ? ERR_OK : resolve_fails(graph, FAULT_ENVIRONMENT, err);
}

enum error_code resolve_guard(const struct resolve_graph *graph, struct records_write *write, struct error *err)
{
	for (size_t i = 1; i < graph->len; i++) {
		const struct head_entry *entry = graph->nodes[i]->entry;

		if (records_guard(write, &entry->pinned.key, entry->pinned.pin, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* -- the fingerprint ------------------------------------------------------- */

static void hash_node(crypto_generichash_state *state, const struct resolve_node *node)
{
	uint64_t numbers[2] = { node->revision, node->parents_len };

	crypto_generichash_update(state, node->entry->eid, ID_LEN);
	crypto_generichash_update(state, node->entry->settings_pin, PIN_LEN);
	crypto_generichash_update(state, (const unsigned char *)numbers, sizeof(numbers));
	for (size_t i = 0; i < node->parents_len; i++) {
		uint32_t len = node->parents[i].len;

		crypto_generichash_update(state, (const unsigned char *)&len, sizeof(len));
		crypto_generichash_update(state, (const unsigned char *)node->parents[i].at, len);
	}
}

void resolve_fingerprint(const struct resolve_graph *graph, char ret[static 17])
{
	crypto_generichash_state state;
	unsigned char hash[16];

	crypto_generichash_init(&state, NULL, 0, sizeof(hash));
	for (size_t i = 0; i < graph->len; i++)
		hash_node(&state, graph->nodes[i]);
	crypto_generichash_final(&state, hash, sizeof(hash));
	sodium_bin2hex(ret, 17, hash, 8);
	sodium_memzero(&state, sizeof(state));
}
