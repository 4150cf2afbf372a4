/*
 * A token role as it is used when a token is made or judged. For core/ alone.
 */
#pragma once

#include <jansson.h>

#include "core/token_policies.h"
#include "core/vault_state.h"
#include "core/vault_token_roles.h"

struct token_role {
	uint8_t id[ID_LEN];	/* of its record's key */
	uint8_t pin[PIN_LEN];
	uint32_t generation;
	char name[LIMIT_TOKEN_ROLE_NAME_LEN + 1];
	json_t *settings;
};
void token_role_end(struct token_role *role);	/* for cleanup_() */

/* ERR_NOT_FOUND without a sentence; also for names that no role can have. */
enum error_code token_role_find(struct vault *vault, struct records_view *view, const char *name, struct token_role *ret,
				struct error *err) must_check;
/* By the id in a token's record. */
enum error_code token_role_of(struct records_view *view, const uint8_t id[static ID_LEN], struct token_role *ret,
			      struct error *err) must_check;

bool token_role_flag(const struct token_role *role, const char *member);
int64_t token_role_number(const struct token_role *role, const char *member);
const char *token_role_text(const struct token_role *role, const char *member);
size_t token_role_count(const struct token_role *role, const char *member);
/* The names of a list are in it, or one of its patterns (* at its ends or inside) fits. */
bool token_role_lists(const struct token_role *role, const char *exact, const char *globs, const char *policy);
/* Adds the texts of a list to the set. */
enum error_code token_role_policies(const struct token_role *role, const char *member, struct policy_set *set,
				    struct error *err) must_check;
