#include "http/action.h"

#include <sodium.h>
#include <stdlib.h>

#include "http/internal.h"

void *request_work(struct request *request, size_t size, void (*wipe)(void *work))
{
	request->work = calloc(1, size);
	request->work_size = size;
	request->work_wipe = wipe;
	if (!request->work)
		reply_without_memory(request);
	return request->work;
}

void request_work_free(struct request *request)
{
	if (!request->work)
		return;
	if (request->work_wipe)
		request->work_wipe(request->work);
	sodium_memzero(request->work, request->work_size);
	free(take_ptr(request->work));
}

static void answer_failure(struct request *request)
{
	reply_error(request, &request->err, true);
}

static void answer_done(struct request *request)
{
	reply_empty(request, 204);
}

/* On the writer thread, which waits for this. */
static void done(struct vault_action *action, enum error_code outcome, const struct error *err)
{
	struct request *request = action->arg;
	route_handler *then = request->next;

	if (outcome != ERR_OK)
		error_set(&request->err, outcome, "%s", err->text);
	request_resume(request, outcome == ERR_OK ? then : answer_failure);
}

void action_begin(struct request *request, struct vault_action *action, route_handler *then)
{
	action->done = done;
	action->arg = request;
	request->next = then ? then : answer_done;
	/* Suspended first: done() may be called before the submit returns. */
	request_suspend(request);
}

void action_submitted(struct request *request, enum error_code code)
{
	if (code != ERR_OK)
		request_resume(request, answer_failure);
}
