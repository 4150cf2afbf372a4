/*
 * Kinds of variables in a write: which values are templates, which inherited
 * names are masked. Pure functions, for core/ alone.
 *
 * The rules, for the variables of a write (KV_PUT: all; KV_PATCH: those in the
 * patch) over the revision before:
 *
 *   templates absent   a text keeps being a template when the one before was
 *   templates given    of the names that get a value, exactly these are
 *                      templates; in a patch also names that it leaves alone
 *   unset absent       masks stay where the write gives no value
 *   unset given        KV_PUT: exactly these masks; KV_PATCH: these as well
 *
 * In a patch, a value or null for a name takes its mask away. With
 * kinds->only_given a patch makes no template of what it gives no value:
 * whether there is one, and what it refers to, would show in the answer.
 */
#pragma once

#include <stdbool.h>

#include "core/json_data.h"
#include "core/vault.h"
#include "records/tables.h"
#include "vault/error.h"

/*
 * list holds the new variables, as made by variables_from_json() or variables_merge_patch() from `before` (zeros when
 * there is none). ERR_INVALID: a template that cannot be read or is not text, a name that is in both lists or has a value
 * and a mask, a template without a value; all name the variable. ERR_DENIED: only_given says no. ERR_TOO_LARGE, ERR_NO_MEMORY.
 */
enum error_code variables_set_kinds(struct variable_list *list, const struct revision_record *before,
				    const struct kv_kinds *kinds, bool patch, struct error *err) must_check;
