/*
 * What the pure functions of @env-spec give: ref, concat, fallback, if, ifs,
 * eq, not, isEmpty, forEnv, remap. Private to lib/schema/.
 *
 * They put variables together and compare them; nothing is run, and no file or
 * clock is asked. Each node is looked at once at most; the bytes that are
 * compared and joined are charged for, and what concat() joins is bounded by
 * LIMIT_SCHEMA_JOINED.
 */
#pragma once

#include "schema/item.h"
#include "vault/secret_buf.h"

struct evaluation {
	/* The value of a variable; empty when it has none. *ret_is_false: its type makes it false (no, off, 0). */
	struct span (*value_of)(void *arg, struct span name, bool *ret_is_false);
	bool (*is_environment)(void *arg, struct span name);	/* forEnv() */
	bool (*charge)(void *arg, size_t bytes);	/* false: no more; it cannot be told then. NULL: all is free */
	void *arg;
	struct secret_buf *joined;	/* NULL at first; evaluation_end() frees it */
};

void evaluation_end(struct evaluation *evaluation);

/* Are these functions and their numbers of arguments known? Only then it can be told. */
bool node_can_be_told(const struct node *node);

/* Is the outcome true? Empty texts, "false" and "0" are not, nor what cannot be told. */
bool node_is_true(struct evaluation *evaluation, const struct node *node);
