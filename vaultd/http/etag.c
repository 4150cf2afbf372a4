#include "http/etag.h"

#include <stdio.h>
#include <string.h>

#include "http/request.h"

bool etag_matches(const char *condition, const char *etag)
{
	char quoted[72];

	if (!condition)
		return false;
	snprintf(quoted, sizeof(quoted), "\"%s\"", etag);
	return strcmp(condition, "*") == 0 || strcmp(condition, etag) == 0 || strstr(condition, quoted) != NULL;
}

void reply_etag(struct request *request, const char *etag)
{
	snprintf(request->reply.etag, sizeof(request->reply.etag), "\"%.61s\"", etag);
}

void reply_not_modified(struct request *request, const char *etag)
{
	reply_empty(request, 304);
	reply_etag(request, etag);
}
