/*
 * Changes of environments: the body, then submit, suspend, and answer when it is
 * durable. Internal to http/.
 */
#pragma once

#include <stdbool.h>

#include "http/request.h"
#include "vault/json_scan.h"

/* request->op is filled but for caller, target, done. The answer of a success is made by then(), with request->op.result;
 * NULL: 204. ERR_DELETED is answered with the revision's metadata. */
void change_submit(struct request *request, enum kv_change change, route_handler *then);

/* What a change says about environments that do not resolve: why the changed one was not checked (own, may be ""), and which
 * of those that extend it do not resolve. NULL when there is nothing to say; else text, which is filled. */
struct change_warning {
	char text[2048];
};
const char *change_warning(struct request *request, const char *own, struct change_warning *ret);

/* The body as one validated JSON object; an empty body is an empty object. False: 400 is the answer. */
bool body_object(struct request *request, struct json_value *ret);
/* A member that is there and not null. */
bool member(const struct json_value *object, const char *name, struct json_value *ret);
/* Our own resources refuse members that they do not know. False: 400 is the answer. */
bool members_only(struct request *request, const struct json_value *object, const char *const *allowed);
/* cas and message of an object (absent is fine) into request->op. False: 400 is the answer. */
bool read_cas(struct request *request, const struct json_value *object);
bool read_message(struct request *request, const struct json_value *object);
