/*
 * Between the JSON object of a request and the variables of a revision. Pure
 * functions.
 *
 * A string becomes KIND_TEXT with its unescaped content, every other value
 * KIND_JSON with its raw text. Spans point into the request's text, into the
 * revision that was merged with, or into the list's own pool; the first two
 * must outlive the list.
 */
#pragma once

#include <stddef.h>

#include "core/text_pool.h"
#include "records/tables.h"
#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/secret_buf.h"

struct variable_list {
	struct variable *items;		/* sorted by name; version, changed and changed_revision are 0 */
	size_t len, capacity;
	struct text_pool texts;
	struct secret_buf *scratch;
};

/* Wipes and frees what the list holds; a list of zeros is allowed. */
void variable_list_wipe(struct variable_list *list);

/* A name that may be escaped, as the list keeps it. ERR_INVALID when it cannot be stored. */
enum error_code variables_name(struct variable_list *list, struct json_span raw, bool escaped, struct text_span *ret,
			       struct error *err) must_check;

/*
 * object is validated text (json_scan). *ret must be zeros; wipe it also after a failure.
 * ERR_INVALID: not an object, or a name that cannot be stored. ERR_TOO_LARGE: more than LIMIT_VARIABLES.
 */
enum error_code variables_from_json(const struct json_value *object, struct variable_list *ret,
				    struct error *err) must_check;
/*
 * RFC 7396 on the variables of a revision: null removes, an object merges into an object of the same name, anything
 * else replaces. The same outputs and errors.
 */
enum error_code variables_merge_patch(const struct revision_record *target, const struct json_value *patch,
				      struct variable_list *ret, struct error *err) must_check;
/* The variables of a revision as a list. ERR_NO_MEMORY. */
enum error_code variables_from_revision(const struct revision_record *source, struct variable_list *ret,
					struct error *err) must_check;

/*
 * RFC 7396 on two objects: appends the merged text. target NULL counts as the empty object. Members keep their raw text
 * and order, new ones follow. Time is n log n. Failure of the buffer is sticky there (secret_buf_check()).
 * ERR_NO_MEMORY.
 */
enum error_code json_merge_patch(const struct json_value *target, const struct json_value *patch,
				 struct secret_buf *out, struct error *err) must_check;

/* By name in sorted variables; NULL: there is none. */
const struct variable *variables_find(const struct variable *items, size_t len, const struct text_span *name);

/* memcmp order of two texts, a shorter one first. */
int text_order(const struct text_span *a, const struct text_span *b);
