/* Children that do not resolve any more, or break a schema that is enforced for them. */
#include <string.h>

#include "core/children.h"
#include "core/environment_read.h"
#include "core/name_list.h"
#include "core/resolve_graph.h"
#include "core/schema_judge.h"
#include "core/vault_children.h"
#include "core/vault_state.h"

void kv_broken_free(struct kv_broken *broken)
{
	name_list_free(&broken->names);
	name_list_free(&broken->invalid);
	*broken = (struct kv_broken){0};
}

struct checking {
	struct vault *vault;
	struct records_view *view;
	const struct caller *caller;
	const struct kv_target *target;
	size_t read_bytes;
};

/* All that it is put together from was read with the caller's rights: so may what is found in it be. */
static enum error_code judge_child(const struct checking *checking, const struct resolve_graph *graph, bool *ret_invalid,
				   struct error *err)
{
	cleanup_(schema_chain_wipe) struct schema_chain chain = { .len = 0 };
	cleanup_(findings_free) struct findings findings = { .items = NULL };
	const struct resolve_node *child = graph->nodes[0];
	const struct chain_root root = {
		.vault = checking->vault,
		.view = checking->view,
		.mount = checking->target->mount,
		.path = &child->path,
		.eid = child->entry->eid,
		.parents = child->parents,
		.parents_len = child->parents_len,
	};
	const struct schema_subject subject = {
		.vault = checking->vault,
		.view = checking->view,
		.caller = checking->caller,
		.mount = checking->target->mount,
		.path = &child->path,
	};
	size_t hidden = 0;

	if (schema_chain_load(&root, &chain, err) != ERR_OK || schema_chain_is_empty(&chain))
		return err->code;
	if (schema_judge_graph(&subject, &chain, graph, &findings, &hidden, err) != ERR_OK)
		return err->code;
	*ret_invalid = findings.errors > 0 || hidden > 0;
	return ERR_OK;
}

/* ERR_OK, or why it does not resolve. *ret_invalid: it does, and breaks what is enforced. */
static enum error_code resolve_child(struct checking *checking, const struct env_path *path, bool *ret_invalid,
				     struct error *err)
{
	cleanup_(resolve_graph_wipe) struct resolve_graph graph = {
		.vault = checking->vault,
		.view = checking->view,
		.caller = checking->caller,
		.mount = checking->target->mount,
	};

	if (resolve_root_load(&graph, path, err) == ERR_OK && resolve_merge(&graph, err) == ERR_OK &&
	    resolve_evaluate(&graph, err) == ERR_OK && judge_child(checking, &graph, ret_invalid, err) == ERR_OK)
		error_clear(err);
	checking->read_bytes += graph.read_bytes;
	return err->code;
}

/* A child whose own revision is deleted or not there yet has nothing that could break. */
static bool has_content(const struct checking *checking, const struct env_path *path)
{
	const struct kv_target child = { .mount = checking->target->mount, .path = path };
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct error ignored = ERROR_INIT;

	return environment_metadata(checking->vault, checking->view, &child, &read, &ignored) == ERR_OK && read.readable;
}

static enum error_code check_child(struct checking *checking, const char *name, struct name_collector *broken,
				   struct name_collector *invalid, struct error *err)
{
	struct error reason = ERROR_INIT;
	bool is_invalid = false;
	struct env_path path;

	if (env_path_parse(name, strlen(name), &path, err) != ERR_OK)
		return err->code;
	if (!vault_may_read_data(checking->caller, checking->target->mount, &path) || !has_content(checking, &path))
		return ERR_OK;
	/* Denied: what it is put together from is not all readable, and whether it breaks is not for this caller. */
	if (resolve_child(checking, &path, &is_invalid, &reason) == ERR_UNRESOLVED)
		name_collector_add(broken, name, strlen(name));
	else if (is_invalid)
		name_collector_add(invalid, name, strlen(name));
	else if (reason.code != ERR_OK && reason.code != ERR_DENIED)
		*err = reason;
	return err->code;
}

static enum error_code check_all(struct checking *checking, const struct name_list *children, struct kv_broken *ret,
				 struct error *err)
{
	struct name_collector broken = NAME_COLLECTOR_INIT(LIMIT_CHILDREN_CHECKED * (LIMIT_ENV_PATH_LEN + 1));
	struct name_collector invalid = NAME_COLLECTOR_INIT(LIMIT_CHILDREN_CHECKED * (LIMIT_ENV_PATH_LEN + 1));
	const char *name = children->block;

	for (size_t i = 0; i < children->count && err->code == ERR_OK; i++, name += strlen(name) + 1) {
		if (checking->read_bytes > LIMIT_CHILDREN_BYTES) {
			ret->more = true;
			break;
		}
		if (check_child(checking, name, &broken, &invalid, err) != ERR_OK)
			break;
	}
	if (err->code != ERR_OK || name_collector_finish(&broken, &ret->names, err) != ERR_OK ||
	    name_collector_finish(&invalid, &ret->invalid, err) != ERR_OK)
		kv_broken_free(ret);
	name_collector_wipe(&broken);
	name_collector_wipe(&invalid);
	return err->code;
}

enum error_code kv_broken_children(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				   struct kv_broken *ret, struct error *err)
{
	cleanup_(name_list_free) struct name_list children = {0};
	vault_use_scope use = {0};
	struct checking checking;

	*ret = (struct kv_broken){0};
	if (vault_use_begin(vault, &use, err) != ERR_OK ||
	    children_of(vault->children, target->mount->uuid, target->path, LIMIT_CHILDREN_CHECKED, &children,
			&ret->more, err) != ERR_OK)
		return err->code;
	if (children.count == 0)
		return ERR_OK;
	if (records_view_begin(vault->records, &use.view, err) != ERR_OK)
		return err->code;
	checking = (struct checking){ .vault = vault, .view = use.view, .caller = caller, .target = target };
	return check_all(&checking, &children, ret, err);
}
