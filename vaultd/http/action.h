/*
 * Changes of anything but environments (core/action.h), from a handler: the
 * request is suspended until the change is durable. Internal to http/.
 *
 *	struct token_create *create = request_work(request, sizeof(*create), NULL);
 *
 *	if (!create || !read_create(request, create))
 *		return;
 *	action_begin(request, &create->action, answer_create);
 *	action_submitted(request, vault_token_create(vault, create, &request->err));
 */
#pragma once

#include "core/action.h"
#include "http/request.h"

/* Zeroed memory that lives as long as the request; it is passed to wipe() (NULL: none), zeroed and freed at its end. One for
 * each request. NULL when memory is out, and then 500 is the answer. */
void *request_work(struct request *request, size_t size, void (*wipe)(void *work));
/* Suspends the request. A success is answered by then() on the event thread, NULL: 204; a failure with the error. */
void action_begin(struct request *request, struct vault_action *action, route_handler *then);
/* What the function of core/ returned, with its error in request->err. */
void action_submitted(struct request *request, enum error_code code);
