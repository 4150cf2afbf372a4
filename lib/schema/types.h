/*
 * Types of variables: what @type=... and type=... of a "# vaultd:" comment
 * name. Private to lib/schema/.
 *
 * A type is compiled once, when the schema is read: its arguments are checked,
 * its regular expression is compiled. Judging a value then allocates nothing
 * but what a library needs, and takes time linear in the value or a budget.
 */
#pragma once

#include "schema/item.h"
#include "vault/limits.h"
#include "vault/secret_buf.h"

/* Types without arguments are one for all: freeing one of these does nothing, and nobody may change a compiled type. Any thread. */
void schema_type_free(struct schema_type *type);

/* node: a NODE_TEXT (the name alone) or a NODE_CALL (with arguments). own: a type of a "# vaultd:" comment, which has more
 * names (hostport, pem, cron, ...). ERR_INVALID with a sentence that says what of it is wrong: unknown type, unknown or
 * misplaced argument, a bound that is no number, a regular expression that does not compile. */
enum error_code schema_type_compile(const struct node *node, bool own, struct schema_type **ret, struct error *err) must_check;

/* Estimate of its memory; 0 of one without arguments. */
size_t schema_type_bytes(const struct schema_type *type);

const char *schema_type_name(const struct schema_type *type);	/* as it was written: "port" */

#define SCHEMA_TYPE_TEXT_MAX LIMIT_SCHEMA_TEXT	/* what is longer is left out */

/* What it asks for beyond its name, in the schema's own words, a call each: "member" (of a fixed set), "of" (the type inside),
 * "length", the names of its arguments ("minLength", "matches"), "not known" (what refers to other variables). value is valid
 * during the call. */
typedef void schema_type_tell(void *arg, const char *name, struct span value);
void schema_type_describe(const struct schema_type *type, schema_type_tell *tell_one, void *arg);
/* All of it: "array(string(minLength=3), separator=;)". For people: quotes are not put back. */
void schema_type_write(const struct schema_type *type, struct secret_buf *out);

/* True when the value is of the type. Else *ret_why is a static sentence ("is no port: 1 to 65535"), and detail, when it is not
 * empty, says which bound of the type it broke, without the value ("shorter than 12 characters"). */
bool schema_type_accepts(const struct schema_type *type, const char *value, size_t len, const char **ret_why,
			 char *detail, size_t detail_size);

/* The same with a budget for patterns that many values share. */
struct regex_budget;
bool schema_type_judge(const struct schema_type *type, const char *value, size_t len, struct regex_budget *budget,
		       const char **ret_why, char *detail, size_t detail_size);

/* May a secret of this type be chosen badly? Not a port or a URL. */
bool schema_type_is_free(const struct schema_type *type);

/* The why of a pattern that would take too many steps: the value counts as not matching, and people must be told of the pattern. */
extern const char schema_type_over_budget[];

/* string(allowEmpty=true): an empty value counts as given. */
bool schema_type_allows_empty(const struct schema_type *type);

/* What a value says of itself: when a certificate or JWT in it stops being valid. False: it is neither. */
bool value_expiry(const char *value, size_t len, int64_t *ret_expires_s, const char **ret_what);

/* A rough lower bound of what guessing takes, in bits: by the characters that occur and their repetition. */
unsigned value_entropy_bits(const char *value, size_t len);
