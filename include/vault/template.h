/*
 * Templates: values that are put together from other variables.
 *
 *	postgres://${DB_USER|urlencode}:${DB_PASSWORD|urlencode}@${shop/common:DB_HOST}/shop
 *
 *   ${NAME}              a variable of the environment that is resolved
 *   ${shop/common:NAME}  one of another environment, as it is resolved there
 *   ${NAME|filter|…}     through filters, from left to right:
 *        urlencode       all but A-Z a-z 0-9 - . _ ~ as %XX (RFC 3986)
 *        base64          the standard alphabet, padded
 *        json            a JSON string with its quotes
 *   $${                  the two characters ${
 *
 * NAME is [A-Za-z_][A-Za-z0-9_]*. There is no white space, no default value
 * and no nesting inside the braces: whatever is not of this form is an error,
 * so that nothing is passed on half understood. Of dollar signs right before a
 * brace two stand for one ("$$${A}" is a dollar sign and a reference); all
 * others stand for themselves. Every text can be written.
 *
 * Pure functions. Nothing here follows references: the caller's lookup does,
 * and sees to it that each value is computed once and that it ends. Time is
 * linear in the text and in what is appended. Errors name a place by its byte
 * offset: a template holds secrets, its text is in no sentence.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/error.h"
#include "vault/limits.h"
#include "vault/secret_buf.h"

enum template_filter { TEMPLATE_URLENCODE, TEMPLATE_BASE64, TEMPLATE_JSON };

struct template_piece {
	bool is_reference;
	const char *text;	/* what stands for itself */
	size_t text_len;
	const char *environment;	/* a reference: the environment's path, of the right form; len 0: the own one */
	size_t environment_len;
	const char *name;
	size_t name_len;
	enum template_filter filters[LIMIT_TEMPLATE_FILTERS];
	size_t filters_len;
};

/* The next piece. *cursor starts at 0; *ret_more is false at the end, and then there is none. ERR_INVALID. */
enum error_code template_next(const char *text, size_t len, size_t *cursor, struct template_piece *ret, bool *ret_more,
			      struct error *err) must_check;

/* Whether the whole text can be read. ERR_INVALID. */
enum error_code template_check(const char *text, size_t len, struct error *err) must_check;

/* Gives the value of a reference: *ret_value must live until the next call. An error ends the expansion with it. */
typedef enum error_code template_lookup(void *arg, const struct template_piece *reference, const char **ret_value,
					size_t *ret_len, struct error *err);

/*
 * Appends the value. It may become as large as out allows, and no intermediate text of a filter larger than
 * LIMIT_RESOLVED: ERR_TOO_LARGE. ERR_INVALID, ERR_NO_MEMORY, and whatever lookup() says.
 */
enum error_code template_expand(const char *text, size_t len, template_lookup *lookup, void *arg, struct secret_buf *out,
				struct error *err) must_check;

/* Appends a text in which every "${" is written so that it expands to the text itself. */
void template_escape(struct secret_buf *out, const char *text, size_t len);
