/*
 * The environments of one resolve, for core/ alone: the one that is resolved
 * (the root), its parents and theirs, and whatever templates name. At most
 * LIMIT_RESOLVE_ENVIRONMENTS of one mount, all read in one view, each once.
 *
 * Merging: what the parents resolve to, in their order, the later over the
 * earlier; then the environment's own variables. Names that it masks are out.
 * A template is evaluated in the environment that is resolved (a parent's
 * template sees the child's values), each once, and what it gives is not looked
 * at again. `${env:NAME}` is NAME as env itself resolves.
 *
 * The caller of the vault needs read on the data/ path of every environment but
 * the root, whose access is decided before. That is decided before anything is
 * looked up, so that a denied environment does not show whether it exists.
 *
 * Failures are ERR_DENIED, ERR_UNRESOLVED, or the store's; their sentences
 * name the environment or the variable. One thread; not kept longer than the
 * view. Work is bounded by the plaintexts that are read and by LIMIT_RESOLVED.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/head_cache.h"
#include "core/text_pool.h"
#include "core/vault.h"
#include "vault/limits.h"

struct merged_variable {
	const struct variable *variable;
	uint8_t origin;		/* the node it is written in */
	uint8_t state;		/* of a template: not looked at, under way, done */
	struct text_span value;	/* when it is done */
};

struct resolve_node {
	struct env_path path;
	struct head_entry *held;	/* NULL: a given root */
	const struct head_entry *entry;	/* the same; of a given root the caller's, or NULL */
	uint64_t revision;
	struct secret_buf *plain;	/* owned, as is record; not of a given root */
	struct revision_record record;
	const struct variable *variables;	/* its own ones */
	size_t variables_len;
	const struct text_span *parents;
	size_t parents_len;
	bool open;		/* its parents are being merged */
	struct merged_variable *merged;	/* sorted by name, with masks (KIND_UNSET); NULL: not yet */
	size_t merged_len;
};

/* Where a failure lies: in what the root says, or in an environment that it depends on (gone, deleted, denied, cycles). */
enum resolve_fault { FAULT_NONE, FAULT_CONTENT, FAULT_ENVIRONMENT };

struct resolve_graph {
	struct vault *vault;
	struct records_view *view;
	const struct caller *caller;
	const struct mount_info *mount;
	struct resolve_node *nodes[LIMIT_RESOLVE_ENVIRONMENTS];	/* the root first */
	size_t len;
	struct {
		uint8_t node;
		const struct variable *variable;
	} under_way[LIMIT_TEMPLATE_DEPTH];	/* templates */
	size_t depth;
	struct text_pool texts;	/* what templates gave */
	size_t bytes;		/* of these */
	size_t references;	/* that were followed */
	size_t read_bytes;	/* plaintext that was opened */
	enum resolve_fault fault;
};

/* graph is zeros but for vault, view, caller, mount. Wipes all of it; the graph can be freed or used anew. */
void resolve_graph_wipe(struct resolve_graph *graph);

/* Whether an environment needs no graph: its own variables are what it resolves to (but for masks). */
bool resolve_is_plain(size_t parents_len, const struct variable *variables, size_t variables_len);

/* The root from content that the caller keeps: parents, variables (sorted by name). ERR_NO_MEMORY. */
enum error_code resolve_root_given(struct resolve_graph *graph, const struct env_path *path,
				   const struct text_span *parents, size_t parents_len, const struct variable *variables,
				   size_t variables_len, struct error *err) must_check;
/* The root from what was read of it, which the caller keeps. ERR_NO_MEMORY. */
enum error_code resolve_root_read(struct resolve_graph *graph, const struct env_path *path,
				  const struct kv_read_result *read, struct error *err) must_check;
/* The root from the store. A missing, deleted or empty one is ERR_UNRESOLVED. */
enum error_code resolve_root_load(struct resolve_graph *graph, const struct env_path *path,
				  struct error *err) must_check;

/* Loads the parents and merges: afterwards the root's merged variables are there. */
enum error_code resolve_merge(struct resolve_graph *graph, struct error *err) must_check;
/* Evaluates all templates of the root, and checks the size of the result. */
enum error_code resolve_evaluate(struct resolve_graph *graph, struct error *err) must_check;

/* By name, a mask too; NULL: there is none. The node is merged. */
struct merged_variable *resolve_find(const struct resolve_node *node, const char *name, size_t len);

/* What was decided holds only while these stay: guards the heads of all environments but the root's. */
enum error_code resolve_guard(const struct resolve_graph *graph, struct records_write *write, struct error *err) must_check;

/* Names the state of everything that was read: which environments, revisions, settings and parents. 16 hex digits. The
 * root was read. */
void resolve_fingerprint(const struct resolve_graph *graph, char ret[static 17]);
