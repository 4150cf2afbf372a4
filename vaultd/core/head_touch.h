/*
 * Puts the head of an environment anew, for core/ alone, inside prepare(): what
 * hangs on an environment and is not its values (settings, schema) changes in
 * one commit with its head, so that caches of heads hold both and whoever waits
 * for the environment is told.
 */
#pragma once

#include "core/head_cache.h"
#include "records/records.h"
#include "vault/error.h"

/* The head as it is, updated at now. The put guards it: a destroyed environment makes a loser. */
enum error_code head_touch(const struct head_entry *entry, int64_t now, struct records_write *write,
			   struct error *err) must_check;
/* The same with other parents, at most LIMIT_PARENTS. */
enum error_code head_touch_parents(const struct head_entry *entry, int64_t now, const struct text_span *parents,
				   size_t parents_len, struct records_write *write, struct error *err) must_check;
