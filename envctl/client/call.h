/*
 * One request to the daemon and its answer: what the calls of vault_client.h
 * and of the other parts of this folder are made of. Verbs do not use it.
 *
 * Each request has a deadline of its own (60 s, 300 s for slow ones) that counts
 * from its beginning to the last byte of the answer, however slowly these
 * come; client_set_deadline() bounds all requests together.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "client/answer.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/limits.h"
#include "vault/secret_buf.h"

struct vault_client;

struct call {
	const char *method;
	const char *target;	       /* below /v1/, with the query */
	const struct secret_buf *body; /* or NULL */
	const char *media_type;	       /* of the body; NULL: application/json */
	const char *wrap_ttl;	       /* or NULL: the answer is wrapped and lives so long; checked by the caller */
	bool slow;		       /* Argon2 on the other side */
	/* Takes the body of a 200 piece by piece, each of which may take as long as a whole answer else; NULL: it is the answer's. */
	enum error_code (*take)(void *arg, const char *bytes, size_t len, struct error *err);
	void *take_arg;
};

/* Formats a target of at most LIMIT_TARGET_LEN - 1 bytes; ERR_TOO_LARGE. */
enum error_code call_target(char target[static LIMIT_TARGET_LEN], struct error *err, const char *format, ...)
	printf_like(3, 4) must_check;

/* A query value, cut to fit: unreserved bytes as they are, all others as %XX. */
void call_encode_query(const char *text, char *ret, size_t size);

/* Any status is ERR_OK. The answer is the caller's to free. */
enum error_code call_any(struct vault_client *client, const struct call *call, struct answer *ret,
			 struct error *err) must_check;
/* What an answer of status 300 and more means; what: the environment or "the vault". Always fails. */
enum error_code call_error(struct vault_client *client, const struct answer *answer, const char *what,
			   struct error *err) must_check;
/* A status below 300 is ERR_OK, others are the error that they mean. ret may be NULL. */
enum error_code call_expecting(struct vault_client *client, const struct call *call, const char *what,
			       struct answer *ret, struct error *err) must_check;
/* As call_expecting(); ERR_SCHEMA: refused with findings, which *ret then holds and is to be freed as after ERR_OK. */
enum error_code call_with_findings(struct vault_client *client, const struct call *call, const char *what,
				   struct answer *ret, struct error *err) must_check;
/* ERR_PROTOCOL, and the answer freed, when it has no member "data" that is an object. */
enum error_code call_require_data(struct answer *answer, struct error *err) must_check;
/* A GET whose answer has data. */
enum error_code call_get(struct vault_client *client, const char *target, const char *what, struct answer *ret,
			 struct error *err) must_check;
