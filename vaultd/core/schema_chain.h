/*
 * The schemas that count for an environment: those of its parents, in the order
 * in which they are merged, and its own, which wins. For core/ alone; within one
 * view.
 *
 * Environments are the nodes: the one itself first, then its parents and theirs,
 * what wins before what loses. One that is extended over several ways counts
 * once, where it wins most. Nothing is decided here about who may see what: the
 * daemon looks with its own authority.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/head_cache.h"
#include "core/schema_cache.h"
#include "core/vault.h"
#include "vault/limits.h"
#include "vault/schema.h"

struct chain_node {
	struct env_path path;
	struct head_entry *head;	/* NULL: the environment itself, or one that is gone */
	struct record_key head_key;	/* of a parent */
	uint8_t eid[ID_LEN];
	bool exists;			/* it has an eid */
	struct schema_entry *schema;	/* NULL: it has none */
};

struct schema_chain {
	struct chain_node nodes[LIMIT_RESOLVE_ENVIRONMENTS];
	size_t len;
	bool more;	/* there are parents beyond that: the environment does not resolve */
	/* what schema_validate() takes; the loser first. Readable ones only. */
	struct schema_part parts[LIMIT_RESOLVE_ENVIRONMENTS];
	size_t parts_len;
};

struct chain_root {
	struct vault *vault;
	struct records_view *view;
	const struct mount_info *mount;
	const struct env_path *path;
	const uint8_t *eid;		/* NULL: it does not exist yet */
	const struct text_span *parents;
	size_t parents_len;
	const struct schema *proposed;	/* NULL, or what counts instead of its own one, enforced */
};

/* *ret must be zeros; it is wiped by schema_chain_wipe(), also after a failure. Borrows nothing but root->proposed. */
enum error_code schema_chain_load(const struct chain_root *root, struct schema_chain *ret, struct error *err) must_check;
void schema_chain_wipe(struct schema_chain *chain);

/* Whether any schema counts at all. */
bool schema_chain_is_empty(const struct schema_chain *chain);

/* ERR_DENIED, naming it, when the caller may not read one of those behind the first: who reads an environment may know its
 * parents' names. */
enum error_code schema_chain_decide(const struct schema_chain *chain, const struct caller *caller, const struct mount_info *mount,
				    struct error *err) must_check;

/* What was decided holds only while these stay: the heads of the parents, and all schemas, those too that are not there. */
enum error_code schema_chain_guard(const struct schema_chain *chain, struct records_write *write,
				   struct error *err) must_check;
