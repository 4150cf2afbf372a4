/*
 * Which environments extend which, in memory: filled at unseal and kept by the
 * feed, from the parents in the heads. Only environments with parents are in
 * it. Names are wiped when they go. Any thread.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "core/vault.h"
#include "records/tables.h"
#include "vault/error.h"

struct children;
void children_free(struct children *children);
struct children *children_new(void) owned_by(children_free);
void children_clear(struct children *children);

/* What a head says: replaces what was known of the environment. ERR_NO_MEMORY: then it is not in the table. */
enum error_code children_put(struct children *children, const struct record_key *head_key,
			     const struct head_record *head, struct error *err) must_check;
void children_remove(struct children *children, const struct record_key *head_key);

/*
 * The environments that extend the one, directly or over others, nearest first; at most limit, and each once (not the one
 * itself). *ret_more: there are others. ERR_NO_MEMORY.
 */
enum error_code children_of(struct children *children, const uint8_t mount[static ID_LEN], const struct env_path *path,
			    size_t limit, struct name_list *ret, bool *ret_more, struct error *err) must_check;
