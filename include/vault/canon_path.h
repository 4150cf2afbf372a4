/*
 * The one canonical form of a request's target, and its only parser.
 *
 * Input is the raw target as it stood on the request line. Output is the
 * decoded path and the decoded query arguments, or a refusal: there is exactly
 * one accepted spelling for each path. docs/http-api.md has the rules; in short:
 * origin form only; path bytes [A-Za-z0-9._~@:+=,/-]; %XX is decoded once and may
 * not produce a byte outside that set nor '/', '.', '%'; no empty, "." or ".."
 * segment; a trailing slash is remembered, and allowed only where the caller
 * says so; query values are decoded once (any byte but NUL and controls);
 * repeated or over-long arguments are refused. A path is its own canonical
 * form: parsing the output again gives the same output.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/limits.h"

struct query_arg {
	const char *name;	/* NUL-terminated, points into the canon_path */
	const char *value;	/* "" when there was no '=' */
};

struct canon_path {
	char path[LIMIT_TARGET_LEN + 1];	/* "/v1/secret/data/shop/production", no trailing slash */
	uint16_t path_len;
	bool trailing_slash;
	char query[LIMIT_TARGET_LEN + 1];	/* decoded names and values, NUL-separated */
	struct query_arg args[LIMIT_QUERY_ARGS];
	uint8_t args_len;
};

/* ERR_INVALID (never naming the bytes) or ERR_TOO_LARGE. ret is written only on success. */
enum error_code canon_path_parse(const char *target, size_t len, struct canon_path *ret, struct error *err) must_check;

/* Value of a query argument, or NULL when it is absent. */
const char *canon_path_arg(const struct canon_path *path, const char *name);

/* The text, written without its leading slash, is a path in its canonical form, so that a request may have it: for paths in
 * bodies and in policies, which are not decoded. One slash at the end is allowed. */
bool canon_path_is_plain(const char *text, size_t len);
