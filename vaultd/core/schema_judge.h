/*
 * What the schemas of an environment say of its variables. For core/ alone.
 *
 * Judged is the resolved state: parents merged, templates evaluated. The daemon
 * resolves with its own authority, so that what a schema enforces holds for
 * every writer; what it finds is told by the caller's rights:
 *
 *   reads all that the environment is put together from   everything
 *   reads the environment, not all of its parents         its own variables that are no templates
 *   does not read the environment                         what this write gives, but for templates
 *
 * The rest is counted. Names of environments that the caller may not read are
 * taken out of what is told, and that it does not resolve is told to who reads
 * all that resolving it comes to: it may be for a name, a length or an
 * environment that others do not know.
 *
 * A template with references that is judged by an enforced schema is a question
 * about what it refers to: who gives one must read all that the environment is
 * put together from.
 *
 * What has ended meanwhile (a certificate) is an error of the write that gives
 * it, and a warning in any other. A value is the same when the write leaves the
 * variable alone or gives it the same value again, and, for who reads all, when
 * it resolves to the same. Who does not read the environment is answered as if
 * what he gives were new: whether it is would tell him what is there. So he
 * cannot give what the schema calls immutable.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/resolve_graph.h"
#include "core/schema_chain.h"
#include "core/vault.h"
#include "vault/finding.h"
#include "vault/json_scan.h"
#include "vault/schema.h"

struct schema_subject {
	struct vault *vault;
	struct records_view *view;
	const struct caller *caller;
	const struct mount_info *mount;
	const struct env_path *path;
	const struct variable *variables;	/* its own ones, sorted */
	size_t variables_len;
	const struct text_span *parents;
	size_t parents_len;
	const struct revision_record *before;	/* of a write: what was there, or zeros; NULL: nothing is taken for older */
	const struct json_value *given;		/* the object whose members this write gives; NULL: none */
	bool asks;				/* this write gives a template with references, and a schema is enforced */
	bool as_caller;				/* resolve with the caller's rights: ERR_DENIED where they end */
	bool strict;
	enum schema_required required;
};

/* The audience's share of findings is added to them, and sorted; *ret_hidden counts errors about the rest. chain holds at least
 * one schema. write NULL: nothing is guarded; else all that the judgement depends on is, but for the environment's own head.
 * ERR_OK whatever is found; ERR_DENIED: the subject asks, and the caller does not read all. */
enum error_code schema_judge(const struct schema_subject *subject, const struct schema_chain *chain,
			     struct records_write *write, struct findings *findings, size_t *ret_hidden,
			     struct error *err) must_check;
/* The same of a graph that was evaluated: subject->variables and parents are not looked at. */
enum error_code schema_judge_graph(const struct schema_subject *subject, const struct schema_chain *chain,
				   const struct resolve_graph *graph, struct findings *findings, size_t *ret_hidden,
				   struct error *err) must_check;
