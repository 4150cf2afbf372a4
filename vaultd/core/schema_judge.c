#include "core/schema_judge.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/json_data.h"
#include "core/revision_compare.h"
#include "core/vault_state.h"

/* The daemon itself. */
static const struct caller own_authority = { .kind = CALLER_PEER, .root = true };

/* -- what is judged ------------------------------------------------------------ */

struct state {
	struct schema_variable *items;	/* malloc'ed; pointers and numbers only */
	size_t len;
};

static void state_free(struct state *state)
{
	if (state->items)
		sodium_memzero(state->items, state->len * sizeof(*state->items));
	free(state->items);
}

static enum error_code state_new(size_t room, struct state *ret, struct error *err)
{
	ret->items = calloc(room + 1, sizeof(*ret->items));
	return ret->items ? ERR_OK : error_set(err, ERR_NO_MEMORY, "no memory is left for checking an environment");
}

static void state_add(struct state *state, const struct variable *variable, const struct text_span *value)
{
	state->items[state->len++] = (struct schema_variable){
		.name = variable->name.at,
		.name_len = variable->name.len,
		.value = value->at,
		.value_len = value->len,
		.is_json = variable->kind == KIND_JSON,
	};
}

/* Templates have no value here: without a graph there are none, or nothing resolves. */
static enum error_code state_of_own(const struct schema_subject *subject, struct state *ret, struct error *err)
{
	if (state_new(subject->variables_len, ret, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < subject->variables_len; i++) {
		const struct variable *variable = &subject->variables[i];

		if (variable->kind != KIND_UNSET && variable->kind != KIND_TEMPLATE)
			state_add(ret, variable, &variable->value);
	}
	return ERR_OK;
}

static enum error_code state_of_graph(const struct resolve_graph *graph, struct state *ret, struct error *err)
{
	const struct resolve_node *root = graph->nodes[0];

	if (state_new(root->merged_len, ret, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < root->merged_len; i++) {
		const struct merged_variable *merged = &root->merged[i];
		const struct variable *variable = merged->variable;

		if (variable->kind != KIND_UNSET)
			state_add(ret, variable, variable->kind == KIND_TEMPLATE ? &merged->value : &variable->value);
	}
	return ERR_OK;
}

/* -- who is told what ------------------------------------------------------------- */

struct audience {
	const struct schema_subject *subject;
	const struct schema_chain *chain;
	const struct resolve_graph *graph;	/* NULL: only the environment's own variables are there */
	bool denied;				/* it does not resolve, and with the caller's rights is denied before */
	bool all;				/* reads everything */
	bool reads;				/* reads the environment itself */
	struct variable_list given;		/* when not all is read */
	struct records_write *write;		/* NULL: nothing is guarded */
	struct resolve_graph before;		/* of the revision before; made when it is asked for */
	bool before_made;
	bool before_counts;	/* it resolves, and the caller reads all of it */
	struct error failure;			/* of making it */
};

static bool may_read(const struct schema_subject *subject, const struct env_path *path)
{
	return vault_may_read_data(subject->caller, subject->mount, path);
}

static bool reads_graph(const struct audience *audience, const struct resolve_graph *graph)
{
	for (size_t i = 1; i < graph->len; i++)
		if (!may_read(audience->subject, &graph->nodes[i]->path))
			return false;
	return true;
}

static bool reads_all(const struct audience *audience)
{
	if (audience->denied)
		return false;
	for (size_t i = 1; i < audience->chain->len; i++)
		if (!may_read(audience->subject, &audience->chain->nodes[i].path))
			return false;
	return !audience->graph || reads_graph(audience, audience->graph);
}

static enum error_code audience_begin(struct audience *audience, struct error *err)
{
	const struct schema_subject *subject = audience->subject;

	audience->reads = may_read(subject, subject->path);
	audience->all = audience->reads && (subject->caller->root || reads_all(audience));
	if (audience->all || !subject->given)
		return ERR_OK;
	return variables_from_json(subject->given, &audience->given, err);
}

static void audience_end(struct audience *audience)
{
	variable_list_wipe(&audience->given);
	resolve_graph_wipe(&audience->before);
	error_wipe(&audience->failure);
}

/* What a template gives may come from anywhere. */
static bool may_show(void *arg, const char *name, size_t len)
{
	const struct audience *audience = arg;
	const struct schema_subject *subject = audience->subject;
	const struct text_span wanted = { .at = name, .len = (uint32_t)len };
	const struct variable *own;

	if (audience->all)
		return true;
	own = variables_find(subject->variables, subject->variables_len, &wanted);
	if (own && own->kind == KIND_TEMPLATE)
		return false;
	/* What a patch takes away is not given: what stands behind it is a parent's. */
	return own && (audience->reads || variables_find(audience->given.items, audience->given.len, &wanted));
}

/* Which environment's schema it is, is told to those who may read that environment. */
static void hide_origins(const struct audience *audience, struct findings *findings, size_t from)
{
	for (size_t i = from; i < findings->len && !audience->all; i++) {
		struct finding *finding = &findings->items[i];

		for (size_t n = 1; n < audience->chain->len && finding->origin[0] != '\0'; n++) {
			const struct env_path *path = &audience->chain->nodes[n].path;

			if (strncmp(finding->origin, path->text, sizeof(finding->origin) - 1) == 0 &&
			    !(audience->reads && may_read(audience->subject, path)))
				memset(finding->origin, 0, sizeof(finding->origin));
		}
	}
}

/* -- what the write changes ---------------------------------------------------------- */

static enum error_code resolve(const struct schema_subject *subject, const struct variable *variables, size_t variables_len,
			       struct resolve_graph *graph, struct error *err)
{
	if (resolve_root_given(graph, subject->path, subject->parents, subject->parents_len, variables, variables_len, err) !=
		    ERR_OK ||
	    resolve_merge(graph, err) != ERR_OK)
		return err->code;
	return resolve_evaluate(graph, err);
}

/* What it depends on is guarded, as is what comes after it. */
static void make_before(struct audience *audience)
{
	const struct schema_subject *subject = audience->subject;
	const struct revision_record *before = subject->before;
	cleanup_(error_wipe) struct error reason = ERROR_INIT;

	audience->before_made = true;
	audience->before = (struct resolve_graph){
		.vault = subject->vault,
		.view = subject->view,
		.caller = &own_authority,
		.mount = subject->mount,
	};
	if (resolve(subject, before->variables, before->variables_len, &audience->before, &reason) == ERR_OK)
		audience->before_counts = subject->caller->root || reads_graph(audience, &audience->before);
	else if (reason.code != ERR_UNRESOLVED)
		audience->failure = reason;
	if (audience->write && audience->failure.code == ERR_OK &&
	    resolve_guard(&audience->before, audience->write, &audience->failure) != ERR_OK)
		audience->before_counts = false;
}

static const struct text_span *resolved_value(const struct merged_variable *merged)
{
	return merged->variable->kind == KIND_TEMPLATE ? &merged->value : &merged->variable->value;
}

static bool resolves_to_the_same(struct audience *audience, const struct variable *own, const struct text_span *name)
{
	const struct resolve_graph *graph = audience->graph;
	const struct merged_variable *old, *new = graph ? resolve_find(graph->nodes[0], name->at, name->len) : NULL;
	const struct text_span *value = new ? resolved_value(new) : own ? &own->value : NULL;

	if (!audience->before_made)
		make_before(audience);
	old = audience->before_counts ? resolve_find(audience->before.nodes[0], name->at, name->len) : NULL;
	return old && value && old->variable->kind != KIND_UNSET && text_order(resolved_value(old), value) == 0;
}

static bool is_template(const struct audience *audience, const struct variable *own, const struct text_span *name)
{
	const struct merged_variable *merged =
		audience->graph ? resolve_find(audience->graph->nodes[0], name->at, name->len) : NULL;

	return merged ? merged->variable->kind == KIND_TEMPLATE : own && own->kind == KIND_TEMPLATE;
}

/* Who does not read the environment is answered as if what he gives were new, and in the place of something. */
static bool is_given_blindly(const struct audience *audience, const struct variable *own, const struct text_span *name)
{
	return !audience->reads && own &&
	       (!audience->subject->given || variables_find(audience->given.items, audience->given.len, name));
}

/* The parents are the same before and after: what the environment does not have itself stays, unless it is a template. */
static bool is_new(void *arg, const char *name, size_t len)
{
	struct audience *audience = arg;
	const struct schema_subject *subject = audience->subject;
	const struct text_span wanted = { .at = name, .len = (uint32_t)len };
	const struct variable *own = variables_find(subject->variables, subject->variables_len, &wanted);
	const struct variable *old;

	if (!subject->before)
		return true;
	old = variables_find(subject->before->variables, subject->before->variables_len, &wanted);
	if (is_given_blindly(audience, own, &wanted))
		return true;
	if (!is_template(audience, own, &wanted) && (own && old ? variables_equal(own, old) : !own && !old))
		return false;
	return !audience->all || !resolves_to_the_same(audience, own, &wanted);
}

/* Its own ones: what a parent gives is the parent's to change. */
static bool replaces(void *arg, const char *name, size_t len)
{
	struct audience *audience = arg;
	const struct schema_subject *subject = audience->subject;
	const struct text_span wanted = { .at = name, .len = (uint32_t)len };
	const struct variable *own = variables_find(subject->variables, subject->variables_len, &wanted);
	const struct variable *old;

	if (!subject->before)
		return false;
	if (is_given_blindly(audience, own, &wanted))
		return true;
	old = variables_find(subject->before->variables, subject->before->variables_len, &wanted);
	if (!old || old->kind == KIND_UNSET || old->value.len == 0)
		return false;
	return !own || !variables_equal(own, old);
}

/* -- judging --------------------------------------------------------------------------- */

static void note_parents(const struct audience *audience, struct findings *findings)
{
	static const struct finding gone = {
		.severity = FINDING_WARNING,
		.code = "parent-gone",
		.hint = "set the environment's parents again, or write the missing one",
	};

	for (size_t i = 1; i < audience->chain->len; i++) {
		const struct chain_node *node = &audience->chain->nodes[i];

		if (!node->exists && audience->reads && may_read(audience->subject, &node->path))
			findings_add(findings, &gone, "", 0, "the parent %.120s does not exist: its schema does not count",
				     node->path.text);
	}
}

/* A stored text that this version's reader refuses: nobody can say that it is kept to. */
static void note_unreadable(const struct audience *audience, struct findings *findings)
{
	for (size_t i = 0; i < audience->chain->len; i++) {
		const struct chain_node *node = &audience->chain->nodes[i];
		bool told = audience->reads && (i == 0 || may_read(audience->subject, &node->path));
		const struct finding finding = {
			.severity = node->schema && node->schema->mode ? FINDING_ERROR : FINDING_WARNING,
			.code = "schema-unreadable",
			.hint = "put the schema again: the answer says what is wrong with it",
		};

		if (node->schema && !node->schema->schema)
			findings_add(findings, &finding, "", 0, "the schema of %.120s cannot be read by this version",
				     told ? node->path.text : "an environment that this one extends");
	}
}

static void note_unresolved(const struct schema_subject *subject, const struct error *reason, struct findings *findings)
{
	static const struct finding unresolved = {
		.severity = FINDING_WARNING,
		.code = "unresolved",
		.hint = "mend what it extends or refers to, then check again",
	};

	if (subject->as_caller)
		findings_add(findings, &unresolved, "", 0, "only its own variables were checked: %.180s", reason->text);
	else
		findings_add(findings, &unresolved, "", 0,
			     "the environment does not resolve: only its own variables were checked, and not what is missing");
}

/* forEnv(production) means shop/production. */
static const char *environment_name(const struct env_path *path)
{
	const char *slash = strrchr(path->text, '/');

	return slash ? slash + 1 : path->text;
}

static enum error_code judge_state(struct audience *audience, const struct state *state, bool incomplete,
				   struct findings *findings, size_t *ret_hidden, struct error *err)
{
	const struct schema_subject *subject = audience->subject;
	const struct schema_check check = {
		.parts = audience->chain->parts,
		.parts_len = audience->chain->parts_len,
		.variables = state->items,
		.variables_len = state->len,
		.now_s = vault_now(subject->vault) / 1000000,
		.environment = environment_name(subject->path),
		.required = subject->required,
		.strict = subject->strict,
		.incomplete = incomplete,
		.is_new = is_new,
		.replaces = replaces,
		.may_show = may_show,
		.arg = audience,
	};
	size_t from = findings->len;

	note_parents(audience, findings);
	note_unreadable(audience, findings);
	if (check.parts_len > 0 && schema_validate(&check, findings, ret_hidden, err) != ERR_OK)
		return err->code;
	if (audience->failure.code != ERR_OK) {
		*err = audience->failure;
		return err->code;
	}
	hide_origins(audience, findings, from);
	findings_sort(findings);
	return ERR_OK;
}

static enum error_code judge_with(struct audience *audience, const struct error *unresolved, struct findings *findings,
				  size_t *ret_hidden, struct error *err)
{
	cleanup_(state_free) struct state state = { .items = NULL };
	enum error_code code = audience->graph ? state_of_graph(audience->graph, &state, err) :
						 state_of_own(audience->subject, &state, err);

	*ret_hidden = 0;
	if (code != ERR_OK || audience_begin(audience, err) != ERR_OK)
		return err->code;
	if (audience->subject->asks && !audience->all)
		return error_set(err, ERR_DENIED,
				 "permission denied: a schema is enforced for %.150s, and would judge what the template of this write "
				 "gives: that needs the right to read the environment and all that it is put together from",
				 audience->subject->path->text);
	/* That it does not would tell others what is there. */
	if (unresolved && audience->all)
		note_unresolved(audience->subject, unresolved, findings);
	return judge_state(audience, &state, unresolved != NULL, findings, ret_hidden, err);
}

enum error_code schema_judge_graph(const struct schema_subject *subject, const struct schema_chain *chain,
				   const struct resolve_graph *graph, struct findings *findings, size_t *ret_hidden,
				   struct error *err)
{
	cleanup_(audience_end) struct audience audience = { .subject = subject, .chain = chain, .graph = graph };

	return judge_with(&audience, NULL, findings, ret_hidden, err);
}

/* What it fails on may be in an environment that was reached and may not be read, or one that is gone. */
static bool is_denied(const struct schema_subject *subject)
{
	cleanup_(resolve_graph_wipe) struct resolve_graph graph = {
		.vault = subject->vault,
		.view = subject->view,
		.caller = subject->caller,
		.mount = subject->mount,
	};
	cleanup_(error_wipe) struct error reason = ERROR_INIT;

	return resolve(subject, subject->variables, subject->variables_len, &graph, &reason) != ERR_UNRESOLVED;
}

/* All that was looked at is guarded, also of what does not resolve: mended meanwhile, it is judged again. */
static enum error_code guard_all(const struct schema_chain *chain, const struct resolve_graph *graph,
				 struct records_write *write, struct error *err)
{
	if (!write)
		return ERR_OK;
	if (graph->len > 0 && resolve_guard(graph, write, err) != ERR_OK)
		return err->code;
	return schema_chain_guard(chain, write, err);
}

enum error_code schema_judge(const struct schema_subject *subject, const struct schema_chain *chain,
			     struct records_write *write, struct findings *findings, size_t *ret_hidden, struct error *err)
{
	cleanup_(resolve_graph_wipe) struct resolve_graph graph = {
		.vault = subject->vault,
		.view = subject->view,
		.caller = subject->as_caller ? subject->caller : &own_authority,
		.mount = subject->mount,
	};
	cleanup_(audience_end) struct audience audience = { .subject = subject, .chain = chain, .write = write };
	cleanup_(error_wipe) struct error reason = ERROR_INIT;

	if (!resolve_is_plain(subject->parents_len, subject->variables, subject->variables_len)) {
		if (resolve(subject, subject->variables, subject->variables_len, &graph, &reason) == ERR_OK) {
			audience.graph = &graph;
		} else if (reason.code != ERR_UNRESOLVED) {
			*err = reason;
			return err->code;
		} else {
			audience.denied = is_denied(subject);
		}
	}
	if (guard_all(chain, &graph, write, err) != ERR_OK)
		return err->code;
	return judge_with(&audience, reason.code != ERR_OK ? &reason : NULL, findings, ret_hidden, err);
}
