/* What resolve_graph.c and resolve_template.c share. */
#pragma once

#include <stddef.h>

#include "core/resolve_graph.h"

/* Notes where the failure lies, the first one wins, and gives err's code back. */
enum error_code resolve_fails(struct resolve_graph *graph, enum resolve_fault fault, struct error *err);

/* The node of another environment, merged; it is loaded when it is not there. why goes before its name in the sentence of
 * a failure: "the template of X in y refers to ". */
enum error_code resolve_other(struct resolve_graph *graph, const char *path, size_t len, const char *why, size_t *ret,
			      struct error *err) must_check;
