/*
 * Changes of environments: the body, then submit, suspend, and answer when it is
 * durable. Internal to http/.
 */
#pragma once

#include <stdbool.h>

#include "http/request.h"
#include "vault/json_scan.h"

/* request->op is filled but for caller, target, done. The answer of a success is made by then(), with request->op.result;
 * NULL: 204. ERR_DELETED is answered with the revision's metadata, ERR_SCHEMA with the findings. */
void change_submit(struct request *request, enum kv_change change, route_handler *then);

/*
 * What a change says beside its result, as JSON texts for reply_envelope_end_list(): why the changed environment was not
 * checked (own, may be ""), which of those that extend it do not resolve or break their schema, and the findings of its own
 * schema. NULL when there is nothing to say.
 */
struct secret_buf *change_warnings(struct request *request, const char *own, const struct findings *findings,
				   size_t hidden) owned_by(secret_buf_free);
/* What the schemas say of the environment as it stands. NULL; or, in words, that nobody can say: the change is made, and its
 * answer must not look as if all was well. The caller frees the findings in both cases. */
const char *change_judge_now(struct request *request, struct findings *findings, size_t *ret_hidden) must_check;
/* The same with what the schema says of the environment as it stands now: after changes that are never refused for it. */
struct secret_buf *change_warnings_now(struct request *request) owned_by(secret_buf_free);
/* 204, or 200 with data null and the warnings, which are freed. */
void reply_warnings(struct request *request, struct secret_buf *warnings);

/* The body as one validated JSON object; an empty body is an empty object. False: 400 is the answer. */
bool body_object(struct request *request, struct json_value *ret);
/* A member that is there and not null. */
bool member(const struct json_value *object, const char *name, struct json_value *ret);
/* Our own resources refuse members that they do not know. False: 400 is the answer. */
bool members_only(struct request *request, const struct json_value *object, const char *const *allowed);
/* cas and message of an object (absent is fine) into request->op. False: 400 is the answer. */
bool read_cas(struct request *request, const struct json_value *object);
bool read_message(struct request *request, const struct json_value *object);
