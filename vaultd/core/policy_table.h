/*
 * The policies, in memory: filled at unseal, kept by the feed; and the compiled
 * acl of each set of names that was asked for. Any thread.
 */
#pragma once

#include <stddef.h>

#include "core/acl.h"
#include "records/tables.h"
#include "vault/error.h"

struct policy_table;
void policy_table_free(struct policy_table *table);
struct policy_table *policy_table_new(void) owned_by(policy_table_free);
void policy_table_clear(struct policy_table *table);	/* wiped */

/* The acl of a set of policy names (in any order); names without a policy give nothing. *ret is the caller's to unref. */
enum error_code policy_table_acl(struct policy_table *table, const struct text_span *names, size_t len, struct acl **ret,
				 struct error *err) must_check;
