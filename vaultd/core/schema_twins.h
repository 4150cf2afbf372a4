/*
 * The same secret in two environments. For core/ alone.
 *
 * Looked at are the environments of a mount that the caller may read, in the
 * order of their names, with their own stored texts; at most
 * LIMIT_CHECK_ENVIRONMENTS of them and LIMIT_CHECK_BYTES of content. Values are
 * compared by a hash under a key that lives as long as the search; a finding
 * names the other environment and variable, and nothing of the value.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/schema_judge.h"

struct twins_result {
	size_t compared;	/* environments */
	bool more;		/* there were others */
};

/* subject->variables that are sensitive texts of at least LIMIT_CHECK_VALUE_MIN bytes: a warning for each that another
 * environment has as well (an error when the subject is strict), an error for one that is to be unique, and only a remark
 * for what nobody said to be a secret: hosts and modes are alike in many places. */
enum error_code schema_twins(const struct schema_subject *subject, const struct schema_chain *chain,
			     struct findings *findings, struct twins_result *ret, struct error *err) must_check;
