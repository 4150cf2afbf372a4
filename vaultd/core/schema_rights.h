/*
 * Who may have a schema enforced. For core/ alone.
 *
 * An enforced schema refuses writes, and each refusal is an answer about values
 * that are there. Who chooses the schema chooses the question: he must be
 * allowed to read whatever it judges. That is the environment, all that extends
 * it, and all that these are put together from, parents and templates.
 */
#pragma once

#include "core/vault.h"
#include "records/records.h"

struct schema_rights {
	struct vault *vault;
	struct records_view *view;
	const struct caller *caller;
	const struct mount_info *mount;
	const struct env_path *path;	/* of the environment */
	const struct text_span *parents;	/* as they are to be */
	size_t parents_len;
};

/* ERR_DENIED: not all of it may be read, or it is more than LIMIT_RIGHTS_ENVIRONMENTS or LIMIT_RIGHTS_BYTES. No name is told. */
enum error_code schema_rights_check(const struct schema_rights *rights, struct error *err) must_check;
