/*
 * Members of a request's body as lenient as Vault takes them: lists as arrays
 * or as one text with commas, null as absent. Internal to http/.
 *
 * Spans point into the body, which must outlive them; lists are malloc'ed.
 */
#pragma once

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "records/tables.h"
#include "vault/error.h"

struct request;

/* The request's body as an object; json_decref() it. False: 400 is the answer. */
bool params_body(struct request *request, json_t **ret);

/* Absent, null and empty texts give none. At most max elements; empty ones between commas are left out. ERR_INVALID. */
enum error_code params_list(const json_t *body, const char *name, size_t max, struct text_span **ret, size_t *ret_len,
			    struct error *err) must_check;
/* An object of texts (numbers and booleans are refused). ERR_INVALID. */
enum error_code params_map(const json_t *body, const char *name, size_t max, struct text_pair **ret, size_t *ret_len,
			   struct error *err) must_check;
/* A text; absent gives an empty one. */
enum error_code params_text(const json_t *body, const char *name, struct text_span *ret, struct error *err) must_check;
