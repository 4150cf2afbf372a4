/*
 * The schema of an environment: its .env.example (docs/schema.md).
 *
 * Three layers in one text, each optional: plain assignments and what their
 * comments say; @env-spec decorators; facts of our own in "# vaultd:" comments.
 * Nothing of a schema is ever executed, and no file is opened: what a schema
 * refers to (exec(), $(...)) is reported as not resolved. @import is reported and
 * listed: who has files may read them, as envctl does.
 *
 * A parsed schema is immutable, but for what is said of imports, and may be used
 * by any thread. All functions are
 * pure but for the libraries they load. Work is bounded: linear in text and
 * values, but for the regular expressions, which have a budget.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/env_set.h"
#include "vault/error.h"
#include "vault/finding.h"
#include "vault/secret_buf.h"

struct schema;

void schema_free(struct schema *schema);
DEFINE_CLEANUP(struct schema *, schema_free);

/*
 * Every finding at once, with line and column. ERR_INVALID when one of them is an error: *ret is then NULL. ERR_TOO_LARGE over
 * LIMIT_SCHEMA_TEXT bytes or LIMIT_VARIABLES items. Warnings leave it usable.
 */
enum error_code schema_parse(const char *text, size_t len, struct findings *findings, struct schema **ret,
			     struct error *err) must_check;

size_t schema_count(const struct schema *schema);
/* Name of item i, in order of the text; valid as long as the schema. */
const char *schema_name(const struct schema *schema, size_t i, size_t *ret_len);
bool schema_knows(const struct schema *schema, const char *name, size_t len);
/* Estimate of its memory, for caches. */
size_t schema_bytes(const struct schema *schema);

/* -- imports -------------------------------------------------------------------- */

struct schema_word {
	const char *at;		/* not terminated */
	size_t len;
};

/* @import(path, pick=[...], omit=[...], enabled=, allowMissing=) of the head. All texts are the schema's. */
struct schema_import {
	struct schema_word path;		/* as it is written, at least one byte, no NUL */
	struct schema_word *pick, *omit;	/* names; none: everything, nothing */
	size_t pick_len, omit_len;
	bool enabled;			/* false: =false. A condition counts as true, with a warning */
	bool allow_missing;
	unsigned line, column;
	size_t begin, end;		/* of the decorator, in the text whose line ends are line feeds */
};

/* Those of a schema in order of the text, at most LIMIT_SCHEMA_PARTS; valid as long as the schema. A schema that @disable turns
 * off has none. */
size_t schema_imports(const struct schema *schema, const struct schema_import **ret);

/* For the reader of an imported file, before anybody else has the schema: takes out of it what the import does not pick, or omits. */
enum error_code schema_limit(struct schema *schema, const struct schema_import *import, struct error *err) must_check;
/* Likewise: @currentEnv of the importing schema, which must live longer, where the imported one has none. */
void schema_inherit(struct schema *schema, const struct schema *importing);

/* A schema with the text that it was read from. */
struct schema_text {
	const struct schema *schema;
	const char *text;
	size_t len;
	const char *file;	/* for "# from FILE" and for errors */
};

/*
 * One text that says what several say together: of a name that several have, the last one's item counts. First stands the last
 * one's text, with an empty comment line for each line of an @import, so that its lines keep their numbers; then the items of
 * the others that count, each file's behind "# from FILE", with the defaults of their file's head as decorators. What is only
 * expected (a warning when it is missing) is written as optional where the last one's head has @defaultRequired.
 * ERR_INVALID: it cannot be said in one text; the sentence says of what. ERR_TOO_LARGE over LIMIT_SCHEMA_TEXT bytes.
 */
enum error_code schema_join(const struct schema_text *texts, size_t len, struct secret_buf *out, struct error *err) must_check;

/* -- checking ---------------------------------------------------------------- */

/* Schemas that count together: those of an environment's parents and its own. For a variable that several have, the later
 * one's item counts alone. */
struct schema_part {
	const struct schema *schema;
	const char *origin;	/* the environment it belongs to; NULL: the one that is checked */
	bool enforce;		/* its findings are errors; otherwise all of them are warnings */
};

struct schema_variable {
	const char *name;
	size_t name_len;
	const char *value;
	size_t value_len;
	bool is_json;		/* the value is JSON text that is no string */
};

enum schema_required {
	SCHEMA_REQUIRED_AS_WRITTEN,
	SCHEMA_REQUIRED_LISTED,	/* every item that is not commented out must be set and not empty, as dotenv-safe has it */
	SCHEMA_REQUIRED_LISTED_MAY_BE_EMPTY,	/* must be set, as dotenv-safe has it with allowEmptyValues */
};

struct schema_check {
	const struct schema_part *parts;
	size_t parts_len;
	const struct schema_variable *variables;	/* sorted by name (memcmp), each once */
	size_t variables_len;
	int64_t now_s;			/* for what expires */
	const char *environment;	/* for forEnv() where @currentEnv names no variable that is set; NULL: none */
	enum schema_required required;
	bool strict;			/* warnings are errors */
	bool unknown_ok;		/* variables that no part knows are not remarked on */
	bool is_one_text;		/* the parts are files of one text: a condition finds the item that counts in any of them */
	bool incomplete;		/* there may be other variables than these: nothing is said to be missing */
	/* Does its value come with the change that is judged? NULL: every one does. What has only ended meanwhile is a warning
	 * where it does not. */
	bool (*is_new)(void *arg, const char *name, size_t name_len);
	/* Was it set, and does the change that is judged take its value away or replace it? NULL: there is no change. (immutable) */
	bool (*replaces)(void *arg, const char *name, size_t name_len);
	/* May a finding speak of this variable? NULL: of all. What it may not speak of is judged and counted, not shown. */
	bool (*may_show)(void *arg, const char *name, size_t name_len);
	void *arg;			/* of all three */
};

/* *ret_hidden (may be NULL): errors about what may not be shown. ERR_OK whatever was found; errors are findings->errors. */
enum error_code schema_validate(const struct schema_check *check, struct findings *findings, size_t *ret_hidden,
				struct error *err) must_check;

/* Is this variable sensitive? True for what no part says to be public. */
bool schema_is_sensitive(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len);
/* Is it said to be a secret, by a decorator, a comment or its name, and not only taken for one? */
bool schema_is_known_secret(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len);
/* Is it to be unique: no other environment may have this value? (unique=env) */
bool schema_is_unique(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len);

/* -- for people --------------------------------------------------------------- */

/* What is known of a variable and why: JSON object of name, origin, known, required, sensitive, type, type_text (with its
 * arguments, if it has any), example, docs, tags, deprecated, placeholder, vaultd and "facts": all of it, also the arguments of
 * the type, as a list of {fact, value, layer, line, why}. */
enum error_code schema_explain(const struct schema_part *parts, size_t parts_len, const char *name, size_t name_len,
			       struct secret_buf *out, struct error *err) must_check;

/* A schema for variables, without their values: names and what can be told of types and requiredness. */
enum error_code schema_infer(const struct schema_variable *variables, size_t len, struct secret_buf *out,
			     struct error *err) must_check;

/* -- lint ------------------------------------------------------------------------ */

/* The checks of dotenv-linter that apply (docs/schema.md), on an env file or a schema; "# dotenv-linter:off X" is honoured. */
enum error_code env_lint(const char *text, size_t len, struct findings *findings, struct error *err) must_check;
/* The text with everything mended that can be mended without changing what any reader reads from it, but for order. */
enum error_code env_lint_fix(const char *text, size_t len, struct secret_buf *out, size_t *ret_fixed,
			     struct error *err) must_check;
