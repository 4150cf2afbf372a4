/*
 * Policies and what they allow: written, read, asked. Part of the contract of
 * vault.h.
 *
 * Whether a caller may ask is decided by the route, on the request's own path
 * (vault_authorize()); here is decided what a policy may be. Names are taken as
 * clients write them and normalised (core/policy_text.h). A policy's text may
 * name what nobody else should know of: no sentence of an error quotes it.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "core/acl.h"
#include "core/action.h"
#include "core/caller.h"
#include "core/policy_text.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

struct name_list;

/* Written: ERR_INVALID when the text is no policy, or the name is "root" or one of Vault's internal ones; ERR_TOO_LARGE.
 * Deleted: ERR_INVALID for "root" and "default"; what is not there is deleted with success. See action.h. */
struct vault_policy_change {
	struct vault_action action;
	/* set by the caller */
	const char *name;
	size_t name_len;
	const char *text;		/* of a write */
	size_t text_len;
	/* core's own */
	struct policy_name name_;
};
enum error_code vault_policy_write(struct vault *vault, struct vault_policy_change *change, struct error *err) must_check;
enum error_code vault_policy_delete(struct vault *vault, struct vault_policy_change *change, struct error *err) must_check;

/* Appends the text, which is empty for "root". ret is the normalised name. ERR_NOT_FOUND. */
enum error_code vault_policy_read(struct vault *vault, const char *name, size_t len, struct policy_name *ret,
				  struct secret_buf *out, struct error *err) must_check;
/* Sorted names, and "root" as the last. name_list_free(). */
enum error_code vault_policy_list(struct vault *vault, struct name_list *ret, struct error *err) must_check;

/* -- what somebody may ------------------------------------------------------ */

struct vault_subject {
	bool root;
	struct acl *acl;	/* held; NULL: nothing but what root may */
};
void vault_subject_release(struct vault_subject *subject);

void vault_subject_of_caller(const struct caller *caller, struct vault_subject *ret);
/* ERR_INVALID "invalid token" for one that is unknown or over. */
enum error_code vault_subject_of_token(struct vault *vault, const char *token, size_t len, struct vault_subject *ret,
				       struct error *err) must_check;
/* ERR_INVALID "invalid accessor" likewise. */
enum error_code vault_subject_of_accessor(struct vault *vault, const char *accessor, size_t len,
					  struct vault_subject *ret, struct error *err) must_check;
/* Of a token that would have these policies. ERR_INVALID for what is no name; ERR_NOT_FOUND for one without a policy. */
enum error_code vault_subject_of_policies(struct vault *vault, const struct policy_name *names, size_t len,
					  struct vault_subject *ret, struct error *err) must_check;

/* Bits of enum capability; see acl_capabilities() and acl_explain(). */
unsigned vault_subject_capabilities(const struct vault_subject *subject, const char *path);
void vault_subject_explain(const struct vault_subject *subject, unsigned capability, const char *path,
			   struct acl_explanation *ret);

static inline void vault_subject_releasep(struct vault_subject *subject)
{
	vault_subject_release(subject);
}
