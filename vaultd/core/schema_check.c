/* Judging an environment when nothing is written: what is stored, or what is proposed. */
#include <string.h>

#include "core/environment_read.h"
#include "core/json_data.h"
#include "core/revision_build.h"
#include "core/revision_kinds.h"
#include "core/schema_judge.h"
#include "core/schema_twins.h"
#include "core/vault_schema.h"
#include "core/vault_state.h"

/* -- what is stored -------------------------------------------------------------- */

static struct chain_root root_of(struct vault *vault, struct records_view *view, const struct kv_target *target,
				 const struct head_entry *entry)
{
	struct chain_root root = {
		.vault = vault,
		.view = view,
		.mount = target->mount,
		.path = target->path,
	};

	if (entry) {
		root.eid = entry->eid;
		root.parents = entry->head.parents;
		root.parents_len = entry->head.parents_len;
	}
	return root;
}

static struct schema_subject subject_of(const struct chain_root *root, const struct caller *caller)
{
	return (struct schema_subject){
		.vault = root->vault,
		.view = root->view,
		.caller = caller,
		.mount = root->mount,
		.path = root->path,
		.parents = root->parents,
		.parents_len = root->parents_len,
	};
}

enum error_code kv_schema_findings(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				   struct findings *findings, size_t *ret_hidden, struct error *err)
{
	cleanup_(schema_chain_wipe) struct schema_chain chain = { .len = 0 };
	cleanup_(kv_read_result_freep) struct kv_read_result read = {0};
	struct schema_subject subject;
	struct chain_root root;
	vault_use_scope use = {0};
	enum error_code code;

	*ret_hidden = 0;
	if (vault_use_begin_view(vault, &use, err) != ERR_OK)
		return err->code;
	code = environment_metadata(vault, use.view, target, &read, err);
	if (code != ERR_OK || !read.readable)
		return code;
	root = root_of(vault, use.view, target, read.head_entry_);
	if (schema_chain_load(&root, &chain, err) != ERR_OK || schema_chain_is_empty(&chain))
		return err->code;
	if (environment_revision(use.view, read.head_entry_, read.version.revision, &read.plain, &read.revision, err) !=
	    ERR_OK)
		return err->code;
	subject = subject_of(&root, caller);
	subject.variables = read.revision.variables;
	subject.variables_len = read.revision.variables_len;
	return schema_judge(&subject, &chain, NULL, findings, ret_hidden, err);
}

/* -- what is proposed --------------------------------------------------------------- */

struct proposal {
	struct kv_read_result stored;	/* its head; its content, when that can be read */
	bool exists;
	struct variable_list variables;
	struct schema *schema;
};

static void proposal_free(struct proposal *proposal)
{
	variable_list_wipe(&proposal->variables);
	kv_read_result_free(&proposal->stored);
	schema_free(proposal->schema);
}

static enum error_code load_stored(const struct vault_use *use, const struct kv_check *check, struct proposal *ret,
				   struct error *err)
{
	const struct kv_target *target = check->target;
	cleanup_(error_wipe) struct error missing = ERROR_INIT;
	struct kv_read_result *stored = &ret->stored;

	if (environment_metadata(use->vault, use->view, target, stored, &missing) != ERR_OK) {
		if (missing.code == ERR_NOT_FOUND && check->has_data)
			return ERR_OK;
		*err = missing;
		return err->code;
	}
	ret->exists = true;
	if (stored->readable)
		return environment_revision(use->view, stored->head_entry_, stored->version.revision, &stored->plain,
					    &stored->revision, err);
	if (check->has_data)
		return ERR_OK;
	if (stored->version.revision == 0)
		return error_set(err, ERR_NOT_FOUND, "the environment %s has no revision", target->path->text);
	return environment_deleted(target, stored->version.revision, err);
}

/* As a PUT would store it: what was a template stays one, and masks stay. */
static enum error_code make_variables(const struct kv_check *check, struct proposal *proposal, struct error *err)
{
	static const struct kv_kinds as_they_are = { .has_templates = false };
	const struct revision_record *stored = &proposal->stored.revision;

	if (!check->has_data)
		return variables_from_revision(stored, &proposal->variables, err);
	if (variables_from_json(&check->data, &proposal->variables, err) != ERR_OK)
		return err->code;
	return variables_set_kinds(&proposal->variables, stored, &as_they_are, false, err);
}

static enum error_code parse_proposed(struct kv_check *check, struct proposal *proposal, struct error *err)
{
	cleanup_(error_wipe) struct error reason = ERROR_INIT;
	enum error_code code;

	if (!check->schema)
		return ERR_OK;
	code = schema_parse(check->schema, check->schema_len, &check->findings, &proposal->schema, &reason);
	check->schema_refused = code == ERR_INVALID;
	if (code == ERR_OK || code == ERR_INVALID)
		return ERR_OK;
	*err = reason;
	return code;
}

/* Nothing to find is not the same as nothing to ask for. */
static void note_no_schema(struct findings *findings)
{
	static const struct finding none = {
		.severity = FINDING_INFO,
		.code = "no-schema",
		.hint = "begin one with envctl schema infer ENV > FILE and give it with envctl schema set ENV FILE, or check against --schema FILE",
	};

	findings_add(findings, &none, "", 0, "no schema counts for this environment: its variables were not checked");
}

static enum error_code judge(const struct vault_use *use, struct kv_check *check, const struct proposal *proposal,
			     struct error *err)
{
	cleanup_(schema_chain_wipe) struct schema_chain chain = { .len = 0 };
	struct chain_root root =
		root_of(use->vault, use->view, check->target, proposal->exists ? proposal->stored.head_entry_ : NULL);
	struct schema_subject subject = subject_of(&root, check->caller);
	struct twins_result twins;
	size_t hidden;

	root.proposed = proposal->schema;
	subject.variables = proposal->variables.items;
	subject.variables_len = proposal->variables.len;
	subject.as_caller = true;
	subject.strict = check->strict;
	subject.required = check->required;
	if (schema_chain_load(&root, &chain, err) != ERR_OK || schema_chain_decide(&chain, check->caller, check->target->mount, err) != ERR_OK ||
	    schema_judge(&subject, &chain, NULL, &check->findings, &hidden, err) != ERR_OK ||
	    schema_twins(&subject, &chain, &check->findings, &twins, err) != ERR_OK)
		return err->code;
	if (schema_chain_is_empty(&chain))
		note_no_schema(&check->findings);
	check->compared = twins.compared;
	check->more = twins.more;
	findings_sort(&check->findings);
	return ERR_OK;
}

enum error_code kv_check(struct vault *vault, struct kv_check *check, struct error *err)
{
	cleanup_(proposal_free) struct proposal proposal = { .exists = false };
	vault_use_scope use = {0};

	check->findings = (struct findings){ .items = NULL };
	check->schema_refused = false;
	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    vault_decide_data(check->caller, CAP_READ, check->target->mount, check->target->path, err) != ERR_OK ||
	    parse_proposed(check, &proposal, err) != ERR_OK || check->schema_refused)
		return err->code;
	if (load_stored(&use, check, &proposal, err) != ERR_OK || make_variables(check, &proposal, err) != ERR_OK)
		return err->code;
	return judge(&use, check, &proposal, err);
}
