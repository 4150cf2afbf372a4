/*
 * What a check found: of a schema's text, of an env file, of variables.
 *
 * A finding names its place and its variable and says what is wrong in one
 * sentence. It never holds a value that may be secret: what may be shown
 * follows the schema, and without one nothing may.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

enum finding_severity { FINDING_INFO, FINDING_WARNING, FINDING_ERROR };

/* Which layer of a schema a conclusion came from (docs/schema.md). */
enum schema_layer {
	LAYER_NONE,	/* not from a schema */
	LAYER_PLAIN,	/* an assignment, a comment's words, a name: never more than a warning, but for what is missing */
	LAYER_ENV_SPEC,	/* a decorator */
	LAYER_OWN,	/* a "# vaultd:" comment */
};
const char *schema_layer_name(enum schema_layer layer);	/* "", "plain", "decorator", "vaultd" */

#define FINDING_TEXT_MAX 240

struct finding {
	enum finding_severity severity;
	const char *code;	/* static: "missing", "type", "DuplicatedKey": stable, for programs */
	char name[64];		/* of the variable, cut and cleaned for printing; "" if none */
	unsigned line, column;	/* from 1, in the text that was checked or in the schema; 0: none */
	bool in_schema;		/* line and column are the schema's */
	enum schema_layer layer;
	char origin[128];	/* the environment whose schema it is, cut; "" if the own one or none */
	char text[FINDING_TEXT_MAX];
	const char *hint;	/* static text or NULL: what to do */
};

#define FINDINGS_MAX 10000	/* kept; further ones are counted */

struct findings {
	struct finding *items;	/* malloc'ed */
	size_t len, room, omitted;
	size_t errors, warnings;	/* also those that are not kept */
};

void findings_free(struct findings *findings);	/* empty again */

/* Adds a copy of *finding with the text made of format, and its name set to name[0..name_len) cleaned for printing. Cut rather
 * than refused. Errors make room for themselves when it is full. */
void findings_add(struct findings *findings, const struct finding *finding, const char *name, size_t name_len,
		  const char *format, ...) printf_like(5, 6);

/* By line, column and name: errors and warnings of one place together. */
void findings_sort(struct findings *findings);

/* One JSON object for each, as an array: severity, code, variable, line, column, layer, origin, message, hint; what is empty is
 * left out. */
void findings_emit_json(const struct findings *findings, struct secret_buf *out);
