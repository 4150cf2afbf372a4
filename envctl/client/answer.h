/*
 * What the daemon said: the body with its spans, and what a refusal means for
 * the person at the terminal. Status and {"errors": [...]} become one sentence
 * with the next step.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/secret_buf.h"

struct answer {
	int status;
	struct secret_buf *body; /* owns what the spans point into */
	struct json_value root;	 /* valid when has_json */
	struct json_value data;	 /* member "data", an object, when has_data */
	bool has_json, has_data;
};
void answer_free(struct answer *answer); /* zeroed ones are allowed */

/* Members of an answer's object: a text (unescaped, cut to fit, control characters replaced; "" if absent) and a
 * number. */
void answer_text(const struct json_value *object, const char *name, char *ret, size_t size);
int64_t answer_int(const struct json_value *object, const char *name, int64_t otherwise);
bool answer_bool(const struct json_value *object, const char *name);

/* Unescapes a string value into ret, cut to fit, control characters replaced; "" for other kinds. */
void json_value_text(const struct json_value *value, char *ret, size_t size);

struct answer_call {
	const char *what;	/* the environment, or "the vault" */
	const char *token;	/* where the token came from; NULL if none was sent */
	const struct secret_buf *secret; /* the token; NULL if none was sent. What repeats it is not repeated */
	const char *path;	/* of the request; NULL for a vault whose policies are not ours to explain */
	const char *capability; /* that it takes: "read" */
	bool over_tcp;		/* so the vault does not know the caller's user */
};

/* The sentence for an answer of 400 and more. Always fails. */
enum error_code answer_error(const struct answer *answer, const struct answer_call *call, struct error *err);
