#include "core/write_check.h"

#include <stdio.h>
#include <string.h>

#include "core/environment_read.h"
#include "core/resolve_graph.h"
#include "core/schema_judge.h"
#include "core/schema_rights.h"
#include "core/vault_state.h"
#include "records/tables_rotation.h"
#include "vault/template.h"

/* In a write, what cannot be resolved is the request's fault. */
static enum error_code refuse(const struct error *reason, struct error *err)
{
	if (reason->code != ERR_UNRESOLVED) {
		*err = *reason;
		return err->code;
	}
	return error_set(err, ERR_INVALID, "%s", reason->text);
}

/* -- writes ------------------------------------------------------------------ */

/* Also what was there before, word for word: else the answer would tell that it was. A patch keeps what it leaves alone in
 * the memory of the revision before; a rollback gives nothing. */
static bool is_given(const struct change *change, const struct variable *variable, uint64_t revision)
{
	const struct revision_record *before = &change->before;
	const struct variable *old = variables_find(before->variables, before->variables_len, &variable->name);

	if (change->op->change == KV_PUT || variable->changed_revision == revision || !old)
		return true;
	return change->op->change == KV_PATCH && old->value.at != variable->value.at;
}

static bool reads_own(const struct change *change)
{
	return vault_may_read_data(change->op->caller, change->op->target.mount, change->op->target.path);
}

static enum error_code check_reference(const struct change *change, const struct variable *variable,
				       const struct template_piece *piece, struct error *err)
{
	const struct vault_op *op = change->op;
	struct env_path path;

	if (env_path_parse(piece->environment, piece->environment_len, &path, err) != ERR_OK)
		return err->code;
	if (vault_may_read_data(op->caller, op->target.mount, &path))
		return ERR_OK;
	/* Who gives the text knows what stands in it. */
	if (op->change == KV_ROLLBACK && !reads_own(change))
		return error_set(err, ERR_DENIED, "permission denied: a template of that revision refers to an environment that you may not read");
	return error_set(err, ERR_DENIED, "permission denied: the template of %.*s refers to %.150s, which you may not read",
			 variable->name.len < 100 ? (int)variable->name.len : 100, variable->name.at, path.text);
}

/* Other environments in one template: all of them must be readable. */
static enum error_code check_references(const struct change *change, const struct variable *variable, bool *ret_any,
					struct error *err)
{
	struct template_piece piece;
	size_t cursor = 0;
	bool more = true;

	while (more) {
		if (template_next(variable->value.at, variable->value.len, &cursor, &piece, &more, err) != ERR_OK)
			return err->code;
		if (!more || !piece.is_reference || piece.environment_len == 0)
			continue;
		*ret_any = true;
		if (check_reference(change, variable, &piece, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* *ret_any: a template that this write gives refers to another environment. Who reads what is there may write it again. */
static enum error_code check_new_references(const struct change *change, uint64_t revision, bool *ret_any,
					    struct error *err)
{
	bool reads = reads_own(change);

	for (size_t i = 0; i < change->variables.len; i++) {
		const struct variable *variable = &change->variables.items[i];
		bool given = reads ? variable->changed_revision == revision : is_given(change, variable, revision);

		if (variable->kind == KIND_TEMPLATE && given &&
		    check_references(change, variable, ret_any, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static enum error_code not_checked(struct change *change, const char *why)
{
	snprintf(change->warning, sizeof(change->warning), "the environment was not resolved and checked: %.400s", why);
	return ERR_OK;
}

static enum error_code check_graph(struct change *change, struct resolve_graph *graph, bool new_references,
				   struct error *err)
{
	struct error reason = ERROR_INIT;

	if (resolve_merge(graph, &reason) != ERR_OK) {
		/* The parents are not of this write. */
		if (reason.code == ERR_UNRESOLVED || reason.code == ERR_DENIED)
			return not_checked(change, reason.text);
		return refuse(&reason, err);
	}
	if (resolve_evaluate(graph, &reason) != ERR_OK) {
		if (graph->fault == FAULT_ENVIRONMENT && !new_references &&
		    (reason.code == ERR_UNRESOLVED || reason.code == ERR_DENIED))
			return not_checked(change, reason.text);
		return refuse(&reason, err);
	}
	return resolve_guard(graph, change->write, err);
}

enum error_code change_check_resolves(struct change *change, uint64_t revision, struct error *err)
{
	const struct vault_op *op = change->op;
	const struct head_record *head = &change->draft.head;
	cleanup_(resolve_graph_wipe) struct resolve_graph graph = {
		.vault = op->vault_,
		.view = change->view,
		.caller = op->caller,
		.mount = op->target.mount,
	};
	bool new_references = false;

	if (resolve_is_plain(head->parents_len, change->variables.items, change->variables.len))
		return ERR_OK;
	if (check_new_references(change, revision, &new_references, err) != ERR_OK)
		return err->code;
	if (!reads_own(change))
		return not_checked(change, "that needs the right to read it");
	if (resolve_root_given(&graph, op->target.path, head->parents, head->parents_len, change->variables.items,
			       change->variables.len, err) != ERR_OK)
		return err->code;
	return check_graph(change, &graph, new_references, err);
}

/* -- the schema ------------------------------------------------------------ */

static bool enforces(const struct chain_node *node)
{
	return node->schema && node->schema->mode == SCHEMA_ENFORCE;
}

static bool is_enforced(const struct schema_chain *chain, size_t from)
{
	for (size_t i = from; i < chain->len; i++)
		if (enforces(&chain->nodes[i]))
			return true;
	return false;
}

/* A text that is no template any more refers to nothing. */
static bool refers(const struct variable *variable)
{
	cleanup_(error_wipe) struct error ignored = ERROR_INIT;
	struct template_piece piece;
	size_t cursor = 0;
	bool more = variable->kind == KIND_TEMPLATE;

	while (more && template_next(variable->value.at, variable->value.len, &cursor, &piece, &more, &ignored) == ERR_OK)
		if (more && piece.is_reference)
			return true;
	return false;
}

/* What is there, as far as it may be read: what is deleted is given anew. */
static const struct revision_record *before_of(const struct change *change)
{
	static const struct revision_record nothing = { .revision = 0 };
	const struct head_record *head = change->old ? &change->old->head : NULL;
	const struct head_revision *place = head && head->current > 0 ? head_find_revision(head, head->current) : NULL;

	return place && revision_is_readable(place, change->now) ? &change->before : &nothing;
}

/* A rollback asks nothing that was not asked before. */
static bool asks(const struct change *change, const struct schema_chain *chain, uint64_t revision)
{
	if (change->op->caller->root || change->op->change == KV_ROLLBACK || !is_enforced(chain, 0))
		return false;
	for (size_t i = 0; i < change->variables.len; i++)
		if (refers(&change->variables.items[i]) && is_given(change, &change->variables.items[i], revision))
			return true;
	return false;
}

enum error_code change_check_schema(struct change *change, uint64_t revision, struct error *err)
{
	struct vault_op *op = change->op;
	const struct head_record *head = &change->draft.head;
	cleanup_(schema_chain_wipe) struct schema_chain chain = { .len = 0 };
	const struct chain_root root = {
		.vault = op->vault_,
		.view = change->view,
		.mount = op->target.mount,
		.path = op->target.path,
		.eid = change->old ? change->eid : NULL,
		.parents = head->parents,
		.parents_len = head->parents_len,
	};
	struct schema_subject subject = {
		.vault = op->vault_,
		.view = change->view,
		.caller = op->caller,
		.mount = op->target.mount,
		.path = op->target.path,
		.variables = change->variables.items,
		.variables_len = change->variables.len,
		.parents = head->parents,
		.parents_len = head->parents_len,
		.before = before_of(change),
		.given = op->change == KV_ROLLBACK ? NULL : &op->data,
	};

	if (schema_chain_load(&root, &chain, err) != ERR_OK)
		return err->code;
	if (schema_chain_is_empty(&chain))
		return schema_chain_guard(&chain, change->write, err);
	subject.asks = asks(change, &chain, revision);
	if (schema_judge(&subject, &chain, change->write, &op->findings, &op->findings_hidden, err) != ERR_OK)
		return err->code;
	if (op->findings.errors == 0 && op->findings_hidden == 0)
		return ERR_OK;
	return error_set(err, ERR_SCHEMA, "the variables are not what the schema of %.150s asks for",
			 op->target.path->text);
}

/* -- parents ----------------------------------------------------------------- */

static struct resolve_graph graph_of(const struct parents_check *check)
{
	return (struct resolve_graph){
		.vault = check->vault,
		.view = check->view,
		.caller = check->caller,
		.mount = check->target->mount,
	};
}

struct content {	/* the current one, if it can be read */
	struct secret_buf *plain;
	struct revision_record record;
};

static void content_free(struct content *content)
{
	revision_record_free(&content->record);
	secret_buf_free(content->plain);
}

static enum error_code load_content(const struct parents_check *check, struct content *ret, struct error *err)
{
	const struct head_record *head = &check->entry->head;
	const struct head_revision *place = head->current > 0 ? head_find_revision(head, head->current) : NULL;

	if (!place || !revision_is_readable(place, vault_now(check->vault)) ||
	    !vault_may_read_data(check->caller, check->target->mount, check->target->path))
		return ERR_OK;
	return environment_revision(check->view, check->entry, head->current, &ret->plain, &ret->record, err);
}

static enum error_code resolve_with(const struct parents_check *check, const struct text_span *parents,
				    size_t parents_len, const struct revision_record *record,
				    struct resolve_graph *graph, struct error *err)
{
	if (resolve_root_given(graph, check->target->path, parents, parents_len, record->variables,
			       record->variables_len, err) != ERR_OK ||
	    resolve_merge(graph, err) != ERR_OK)
		return err->code;
	return resolve_evaluate(graph, err);
}

/* Nobody is kept from repairing an environment in steps. */
static bool resolves_now(const struct parents_check *check, const struct revision_record *record)
{
	cleanup_(resolve_graph_wipe) struct resolve_graph graph = graph_of(check);
	const struct head_record *head = &check->entry->head;
	struct error ignored = ERROR_INIT;

	return resolve_with(check, head->parents, head->parents_len, record, &graph, &ignored) == ERR_OK;
}

/* Who may choose the parents chooses the schemas with them; and gives the parents' templates, which see the environment's own
 * values, to its own schema. That he reads the rest, the resolve with his rights has shown. */
static enum error_code check_schemas(const struct parents_check *check, struct error *err)
{
	cleanup_(schema_chain_wipe) struct schema_chain chain = { .len = 0 };
	const struct chain_root root = {
		.vault = check->vault,
		.view = check->view,
		.mount = check->target->mount,
		.path = check->target->path,
		.eid = check->entry->eid,
		.parents = check->parents,
		.parents_len = check->parents_len,
	};
	const struct schema_rights rights = {
		.vault = check->vault,
		.view = check->view,
		.caller = check->caller,
		.mount = check->target->mount,
		.path = check->target->path,
		.parents = check->parents,
		.parents_len = check->parents_len,
	};

	if (check->caller->root || check->parents_len == 0)
		return ERR_OK;
	if (schema_chain_load(&root, &chain, err) != ERR_OK || schema_chain_guard(&chain, check->write, err) != ERR_OK)
		return err->code;
	if (enforces(&chain.nodes[0]) && !vault_may_read_data(check->caller, check->target->mount, check->target->path))
		return error_set(err, ERR_DENIED,
				 "permission denied: a schema is enforced for %.150s, and would judge what these parents give: that needs "
				 "the right to read the environment",
				 check->target->path->text);
	return is_enforced(&chain, 1) ? schema_rights_check(&rights, err) : ERR_OK;
}

enum error_code parents_check(const struct parents_check *check, struct error *err)
{
	cleanup_(resolve_graph_wipe) struct resolve_graph graph = graph_of(check);
	cleanup_(content_free) struct content content = {0};
	struct error reason = ERROR_INIT;

	if (load_content(check, &content, err) != ERR_OK)
		return err->code;
	if (resolve_with(check, check->parents, check->parents_len, &content.record, &graph, &reason) != ERR_OK &&
	    (graph.fault != FAULT_CONTENT || resolves_now(check, &content.record)))
		return refuse(&reason, err);
	if (check_schemas(check, err) != ERR_OK)
		return err->code;
	return resolve_guard(&graph, check->write, err);
}
