/* An environment as a process should see it. */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/allow_names.h"
#include "core/environment_read.h"
#include "core/name_list.h"
#include "core/resolve_graph.h"
#include "core/vault_state.h"

static void graph_free(struct resolve_graph *graph)
{
	if (!graph)
		return;
	resolve_graph_wipe(graph);
	free(graph);
}

void kv_resolved_free(struct kv_resolved *resolved)
{
	if (resolved->arrays_)	/* nothing in it but pointers and numbers */
		sodium_memzero(resolved->arrays_, resolved->variables_len * sizeof(*resolved->variables));
	free(resolved->arrays_);
	graph_free(resolved->graph_);
	name_list_free(&resolved->touched);
	kv_read_result_free(&resolved->read);
	allow_names_free(resolved->allow_names, resolved->allow_names_len);
	*resolved = (struct kv_resolved){0};
}

/* Whatever the answer shows is named: which environment (a deleted one of the same name had another eid), which
 * revision, which settings; and all that it is put together from. */
static void format_etag(const struct kv_resolved *resolved, char text[static 64])
{
	const struct head_entry *entry = resolved->read.head_entry_;
	char eid[9], state[17];

	sodium_bin2hex(eid, sizeof(eid), entry->eid, 4);
	if (resolved->graph_)
		resolve_fingerprint(resolved->graph_, state);
	else
		sodium_bin2hex(state, sizeof(state), entry->settings_pin, 4);
	snprintf(text, 64, "%s-%ju-%s", eid, (uintmax_t)resolved->read.version.revision, state);
}

/* -- with parents or templates ------------------------------------------------- */

static struct variable result_of(const struct merged_variable *merged)
{
	struct variable variable = *merged->variable;

	if (variable.kind == KIND_TEMPLATE)
		variable.value = merged->value;
	return variable;
}

static enum error_code take_variables(struct kv_resolved *resolved, struct error *err)
{
	const struct resolve_graph *graph = resolved->graph_;
	const struct resolve_node *root = graph->nodes[0];
	struct variable *variables = calloc(root->merged_len + 1, sizeof(*variables) + sizeof(struct text_span));
	struct text_span *origins = variables ? (struct text_span *)(variables + root->merged_len + 1) : NULL;

	if (!variables)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for resolving an environment");
	for (size_t i = 0; i < root->merged_len; i++) {
		const struct env_path *origin = &graph->nodes[root->merged[i].origin]->path;

		variables[i] = result_of(&root->merged[i]);
		origins[i] = (struct text_span){ .at = origin->text, .len = origin->len };
	}
	resolved->arrays_ = variables;
	resolved->variables = variables;
	resolved->variables_len = root->merged_len;
	resolved->origins = origins;
	return ERR_OK;
}

static enum error_code take_touched(struct kv_resolved *resolved, struct error *err)
{
	struct name_collector names = NAME_COLLECTOR_INIT(LIMIT_RESOLVE_ENVIRONMENTS * (LIMIT_ENV_PATH_LEN + 1));
	const struct resolve_graph *graph = resolved->graph_;
	enum error_code code;

	for (size_t i = 1; i < graph->len; i++)
		name_collector_add(&names, graph->nodes[i]->path.text, graph->nodes[i]->path.len);
	code = name_collector_finish(&names, &resolved->touched, err);
	name_collector_wipe(&names);
	return code;
}

static enum error_code put_together(const struct vault_use *use, const struct caller *caller,
				    const struct kv_target *target, struct kv_resolved *resolved, struct error *err)
{
	struct resolve_graph *graph = calloc(1, sizeof(*graph));

	if (!graph)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for resolving an environment");
	resolved->graph_ = graph;
	*graph = (struct resolve_graph){
		.vault = use->vault,
		.view = use->view,
		.caller = caller,
		.mount = target->mount,
	};
	if (resolve_root_read(graph, target->path, &resolved->read, err) != ERR_OK ||
	    resolve_merge(graph, err) != ERR_OK || resolve_evaluate(graph, err) != ERR_OK ||
	    take_variables(resolved, err) != ERR_OK)
		return err->code;
	return take_touched(resolved, err);
}

static enum error_code take_plain(struct kv_resolved *resolved)
{
	resolved->variables = resolved->read.revision.variables;
	resolved->variables_len = resolved->read.revision.variables_len;
	return ERR_OK;
}

static bool is_plain(const struct kv_read_result *read)
{
	return resolve_is_plain(read->head.parents_len, read->revision.variables, read->revision.variables_len);
}

enum error_code kv_resolve(struct vault *vault, const struct caller *caller, const struct kv_target *target,
			   uint64_t revision, struct kv_resolved *ret, struct error *err)
{
	cleanup_(kv_resolved_freep) struct kv_resolved resolved = {0};
	vault_use_scope use = {0};
	enum error_code code;

	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    vault_decide_data(caller, CAP_READ, target->mount, target->path, err) != ERR_OK ||
	    environment_read(vault, use.view, target, revision, &resolved.read, err) != ERR_OK)
		return err->code;
	if (!resolved.read.readable)
		return environment_deleted(target, resolved.read.version.revision, err);
	code = is_plain(&resolved.read) ? take_plain(&resolved) : put_together(&use, caller, target, &resolved, err);
	if (code != ERR_OK ||
	    allow_names_read(resolved.read.head_entry_->settings, &resolved.allow_names, &resolved.allow_names_len,
			     err) != ERR_OK)
		return err->code;
	format_etag(&resolved, resolved.etag);
	*ret = resolved;
	resolved = (struct kv_resolved){0};
	return ERR_OK;
}

/* -- settings ---------------------------------------------------------------- */

/* revision 0: the current one, which read stands for already. */
static enum error_code read_content(const struct vault_use *use, const struct kv_target *target, uint64_t revision,
				    struct kv_read_result *read, struct error *err)
{
	if (revision > 0) {
		kv_read_result_free(read);
		return environment_read(use->vault, use->view, target, revision, read, err);
	}
	if (!read->readable)
		return ERR_OK;
	return environment_revision(use->view, read->head_entry_, read->version.revision, &read->plain, &read->revision, err);
}

enum error_code kv_settings_read(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				 uint64_t revision, struct kv_resolved *ret, struct error *err)
{
	cleanup_(kv_resolved_freep) struct kv_resolved settings = {0};
	vault_use_scope use = {0};

	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    vault_decide(caller, CAP_READ, target->api_path, err) != ERR_OK ||
	    environment_metadata(vault, use.view, target, &settings.read, err) != ERR_OK ||
	    read_content(&use, target, revision, &settings.read, err) != ERR_OK ||
	    allow_names_read(settings.read.head_entry_->settings, &settings.allow_names, &settings.allow_names_len,
			     err) != ERR_OK)
		return err->code;
	*ret = settings;
	settings = (struct kv_resolved){0};
	return ERR_OK;
}
