/*
 * Conditional reads: If-None-Match against the tag of a resolved environment.
 * Internal to http/.
 */
#pragma once

#include <stdbool.h>

struct request;

/* condition is If-None-Match's value (NULL: none): a list of quoted tags, a bare tag, or "*". */
bool etag_matches(const char *condition, const char *etag);
/* Quotes it into the reply. */
void reply_etag(struct request *request, const char *etag);
/* 304 with the tag. */
void reply_not_modified(struct request *request, const char *etag);
