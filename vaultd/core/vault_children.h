/*
 * Environments that extend another one, after that one changed. Part of the
 * contract of vault.h; a read, for any thread.
 */
#pragma once

#include <stdbool.h>

#include "core/caller.h"
#include "core/vault.h"
#include "vault/error.h"

struct kv_broken {
	struct name_list names;		/* of environments that do not resolve, nearest first */
	struct name_list invalid;	/* of those that resolve and break a schema that is enforced for them */
	bool more;			/* not all children were looked at */
};
void kv_broken_free(struct kv_broken *broken);

/*
 * Those which extend the target, directly or over others, and do not resolve or are not what their schema asks for. Only what the caller may read is looked at and
 * named: a child, and all that it is put together from. At most LIMIT_CHILDREN_CHECKED children and
 * LIMIT_CHILDREN_BYTES of content. An empty list for a target without children costs one look into memory.
 */
enum error_code kv_broken_children(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				   struct kv_broken *ret, struct error *err) must_check;
