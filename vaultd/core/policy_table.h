/*
 * The policies, in memory: filled at unseal, kept by the feed; and the compiled
 * acl of each set of names that was asked for lately. Any thread.
 *
 * "root" is no policy of the table. "default" is there always: with the text
 * that was written, else with the built-in one.
 *
 * An acl is current until the next change of any policy. Whoever keeps one
 * beyond a request looks with policy_table_current() before he uses it again.
 *
 * When memory for a change is out, or a stored text cannot be read, sets that
 * would need it are refused: a policy that is missing could be one that denies.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/acl.h"
#include "core/vault.h"
#include "records/records.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

struct policy_table;
void policy_table_free(struct policy_table *table);
struct policy_table *policy_table_new(void) owned_by(policy_table_free);
void policy_table_clear(struct policy_table *table);	/* wiped */

/* A C record, new or changed or deleted. ERR_RECORD; then sets are refused until the table is cleared. ERR_NO_MEMORY; then they
 * are refused until the same change is given again. */
enum error_code policy_table_change(struct policy_table *table, const struct records_change *change,
				    struct error *err) must_check;

/* The acl of a set of policy names (in any order); names without a policy give nothing. *ret is the caller's to unref. */
enum error_code policy_table_acl(struct policy_table *table, const struct text_span *names, size_t len, struct acl **ret,
				 struct error *err) must_check;
/* No policy has changed since the acl was made. NULL is current. */
bool policy_table_current(struct policy_table *table, const struct acl *acl);

/* Appends the text. ERR_NOT_FOUND. */
enum error_code policy_table_text(struct policy_table *table, const char *name, struct secret_buf *out,
				  struct error *err) must_check;
bool policy_table_has(struct policy_table *table, const char *name);
/* Sorted, with "default", and "root" as the last, as Vault lists them. */
enum error_code policy_table_names(struct policy_table *table, struct name_list *ret, struct error *err) must_check;
/* A text of len bytes under this name would keep within LIMIT_POLICIES and LIMIT_POLICY_TEXTS. ERR_TOO_LARGE. Changes that are
 * under way are not counted, so that there may be more by as many as can be: the table has places for them. */
enum error_code policy_table_room(struct policy_table *table, const char *name, size_t len, struct error *err) must_check;
