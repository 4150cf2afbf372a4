/*
 * jansson with memory that is wiped, and strict, lenient-where-Vault-is getters.
 *
 * safe_json_start() installs the wiping allocator and seeds jansson's hash; call
 * it once before any other use and before the sandbox closes. Duplicate names
 * are refused, depth is at most LIMIT_JSON_DEPTH. Errors give line and column,
 * never content.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

void safe_json_start(void);

/* Parses an object. An empty text is an empty object. The caller owns *ret (json_decref). ERR_INVALID; ERR_NO_MEMORY, of which
 * jansson itself may say nothing while it drops characters. */
enum error_code safe_json_parse(const char *text, size_t len, json_t **ret, struct error *err) must_check;

/* A copy of all that it holds. NULL without memory; jansson's own copies leave out members then. */
json_t *safe_json_copy(const json_t *value) must_check;

/* Typed getters: absent and null leave *ret alone and give ERR_OK; a wrong type gives ERR_INVALID
 * with "name must be ...". */
enum error_code safe_json_int(const json_t *object, const char *name, int64_t *ret, struct error *err) must_check;
enum error_code safe_json_bool(const json_t *object, const char *name, bool *ret, struct error *err) must_check;
/* Whole seconds from a number, numeric string or duration text. "" is as absent, as it is for Vault. */
enum error_code safe_json_duration(const json_t *object, const char *name, int64_t *ret, struct error *err) must_check;
/* The pointer belongs to the object. */
enum error_code safe_json_text(const json_t *object, const char *name, const char **ret, size_t *ret_len,
			       struct error *err) must_check;
/* ERR_INVALID when a member is not in the NULL-terminated list; the sentence names the list, not the member. For our own
 * resources. */
enum error_code safe_json_only(const json_t *object, const char *const *allowed, struct error *err) must_check;

static inline void safe_json_decrefp(json_t **owned)
{
	json_decref(*owned);
}
