/*
 * Whether a request is heard at all, before a handler looks at what it says.
 *
 * It is asked twice: when the head has come, so that nobody without rights is
 * told what is wrong with his body or his path (a mount that exists would answer
 * in another way than one that does not); and again whenever time has passed
 * since then, because a token may have been revoked and a policy changed while
 * the body was sent, a job waited for the worker, or a read for a change.
 */
#pragma once

#include <stdbool.h>

struct request;

/* What the route's row asks for. Below a mount any of its capabilities will do, on the request's path or on the environment's
 * below data/: the handlers decide which. False: the answer is made. */
bool rights_of_route(struct request *request);
/* Looks the caller's token up once more, and then as above. Wherever the request is at home. */
bool rights_again(struct request *request);
