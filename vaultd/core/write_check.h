/*
 * Whether an environment still resolves, and is what its schema asks for, after
 * a change, before it is made. For
 * core/ alone, inside prepare().
 *
 * Whether it resolves is looked at with the caller's rights, or the answers would
 * tell names and environments to who can only write: without read on the
 * environment itself nothing is checked but the text of templates. What a schema
 * enforces holds for every writer; what is told of it: schema_judge.h.
 */
#pragma once

#include "core/environment_change.h"
#include "core/vault.h"
#include "records/records.h"

/*
 * The new revision (change->variables with versions, draft) of a write. ERR_INVALID: a template does not evaluate.
 * ERR_DENIED: a template that this write gives refers to an environment that the caller may not read. When the environment
 * depends on what is gone or may not be read for other reasons than this write, it goes through, and change->warning says
 * why it was not checked.
 */
enum error_code change_check_resolves(struct change *change, uint64_t revision, struct error *err) must_check;

/*
 * The same revision against the schemas that count for the environment; the findings go to the op. ERR_SCHEMA: an enforced
 * one is broken. ERR_DENIED: one is enforced, and the write gives a template with references to who does not read all that
 * the environment is put together from. Guards all that this depends on.
 */
enum error_code change_check_schema(struct change *change, uint64_t revision, struct error *err) must_check;

struct parents_check {
	struct vault *vault;
	struct records_view *view;
	struct records_write *write;
	const struct caller *caller;
	const struct kv_target *target;
	const struct head_entry *entry;	/* of the environment */
	const struct text_span *parents;	/* the new ones */
	size_t parents_len;
};
/*
 * ERR_DENIED: the schema of a parent is enforced, and schema_rights.h says no; or the environment's own one, and the caller
 * does not read the environment.
 * ERR_DENIED, ERR_INVALID: a parent may not be read, is gone, makes a circle or more environments than a resolve takes; or
 * the templates evaluate now and would not with the new parents. Guards all that this depends on.
 */
enum error_code parents_check(const struct parents_check *check, struct error *err) must_check;
