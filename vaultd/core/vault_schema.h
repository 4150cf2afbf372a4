/*
 * Schemas of environments (docs/schema.md). Part of the contract of vault.h.
 *
 * An environment has at most one schema of its own: the text of a .env.example
 * and a mode. Those of its parents count for it as well, in the order in which
 * they are merged, item by item, each with its own mode; its own wins.
 *
 * Every write of an environment (vault_submit()) is judged before it is
 * committed: ERR_SCHEMA when an enforced schema is broken, else the findings
 * come with the result. Changing a schema never fails for the values that are
 * there.
 *
 * Rights: reading a schema needs read on the schema/ path; so does each
 * inherited one to be shown. Writing needs create or update there, and read on
 * the data/ path of the environment and all that it extends: by what a schema
 * refuses, its author could learn of values.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/action.h"
#include "core/caller.h"
#include "core/vault.h"
#include "records/tables_rotation.h"
#include "vault/error.h"
#include "vault/finding.h"
#include "vault/json_scan.h"
#include "vault/schema.h"

/* -- reading --------------------------------------------------------------- */

struct kv_schema {		/* of one environment */
	struct env_path path;
	struct secret_buf *plain;	/* what the spans point into; NULL: it has none */
	struct schema_record record;
};

struct kv_schemas {
	struct kv_schema items[LIMIT_RESOLVE_ENVIRONMENTS];	/* the environment itself, then what it extends: who wins first */
	size_t len;		/* only those that exist, have a schema (but for the first), and may be read */
};
void kv_schemas_free(struct kv_schemas *schemas);

/* ERR_NOT_FOUND: no such environment. *ret is large: keep it off small stacks. */
enum error_code kv_schema_read(struct vault *vault, const struct caller *caller, const struct kv_target *target,
			       struct kv_schemas *ret, struct error *err) must_check;
/* What those schemas say of a variable: schema_explain(). */
enum error_code kv_schema_explain(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				  const char *name, size_t name_len, struct secret_buf *out,
				  struct error *err) must_check;

/* -- changing ---------------------------------------------------------------- */

struct kv_schema_change {
	struct vault_action action;
	const struct caller *caller;
	const struct kv_target *target;
	const char *text;	/* NULL: the one that is there stays */
	size_t text_len;
	bool has_mode;
	uint8_t mode;		/* SCHEMA_WARN, SCHEMA_ENFORCE; absent: as it is, enforced at first */
	/* the result */
	struct findings findings;	/* of the text, also when it is refused: ERR_SCHEMA. The caller frees them */
	uint8_t result_mode;
	bool created;			/* the environment was missing; it has this schema and no revision now */
	/* core's own */
	bool delete_;
};
/* Creates the environment, without a revision, when it is missing. ERR_SCHEMA: the text has errors; ERR_TOO_LARGE. */
enum error_code kv_schema_write(struct vault *vault, struct kv_schema_change *change, struct error *err) must_check;
/* Needs delete on the schema/ path, which is decided before anything is looked up. Nothing is there: ERR_OK. */
enum error_code kv_schema_delete(struct vault *vault, struct kv_schema_change *change, struct error *err) must_check;

/* -- checking ------------------------------------------------------------------ */

/*
 * What the schemas say of the environment as it stands, told by the caller's rights (docs/schema.md): for what follows a
 * change that is never refused (a schema, parents, an undelete). Nothing for an environment without content or schema.
 */
enum error_code kv_schema_findings(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				   struct findings *findings, size_t *ret_hidden, struct error *err) must_check;

struct kv_check {
	const struct caller *caller;
	const struct kv_target *target;
	bool has_data;
	struct json_value data;		/* a proposed set of variables instead of the stored one: an object, as for KV_PUT */
	const char *schema;		/* a proposed schema instead of its own one, enforced; NULL: the stored one */
	size_t schema_len;
	bool strict;
	enum schema_required required;
	/* the result; the caller frees findings */
	struct findings findings;
	bool schema_refused;		/* the proposed schema has errors: findings are of its text alone */
	size_t compared;		/* other environments that were looked at for the same secrets */
	bool more;			/* there were others */
};
/*
 * Needs read on the data/ path of the environment and of all that it is put together from; ERR_DENIED names what may not be
 * read. ERR_NOT_FOUND: nothing is stored, and no data is proposed. That no schema counts is a finding (no-schema). The same secret in another environment is looked for among
 * those of the mount that the caller may read. Takes up to a tenth of a second: slow worker.
 */
enum error_code kv_check(struct vault *vault, struct kv_check *check, struct error *err) must_check;
