/*
 * One run of making a token (token_create.c, token_rights.c): what is asked for,
 * what the parent and the role allow, and the record that comes of it.
 */
#pragma once

#include "core/cidr.h"
#include "core/token_policies.h"
#include "core/token_roles.h"
#include "core/token_store.h"

struct token_making {
	struct vault *vault;
	struct vault_token_create *create;
	struct records_view *view;
	struct records_write *write;
	int64_t now;
	bool sudo, batch;
	struct token_info parent;	/* plain NULL: a peer has no token */
	struct token_role role;		/* settings NULL: none */
	struct policy_set parent_policies, policies;
	struct text_span policy_spans[LIMIT_TOKEN_POLICIES];
	char cidr_texts[LIMIT_TOKEN_CIDRS][CIDR_TEXT_MAX];
	struct text_span cidr_spans[LIMIT_TOKEN_CIDRS];
	char display[LIMIT_TOKEN_DISPLAY_LEN + 1];
	char path[sizeof(((struct caller *)0)->path)];
	struct token_record record;
	struct secret_buf *warnings;
};

static inline bool making_has_role(const struct token_making *making)
{
	return making->role.settings != NULL;
}

/* Each checks what is asked for against parent, role and rights, and fills its part of the record. ERR_INVALID, ERR_DENIED. */
enum error_code making_parent(struct token_making *making, struct error *err) must_check;
enum error_code making_role(struct token_making *making, struct error *err) must_check;
enum error_code making_type(struct token_making *making, struct error *err) must_check;
enum error_code making_orphan(struct token_making *making, struct error *err) must_check;
enum error_code making_policies(struct token_making *making, struct error *err) must_check;
enum error_code making_times(struct token_making *making, struct error *err) must_check;
enum error_code making_cidrs(struct token_making *making, struct error *err) must_check;
