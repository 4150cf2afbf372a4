#include "core/action.h"

#include <stddef.h>

#include "core/vault_state.h"

static struct vault_action *action_of(struct records_request *request)
{
	return (struct vault_action *)((char *)request - offsetof(struct vault_action, request_));
}

static enum error_code prepare(struct records_request *request, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	struct vault_action *action = action_of(request);

	return action->prepare_(action, view, write, err);
}

static void done(struct records_request *request, enum error_code outcome, const struct error *err)
{
	struct vault_action *action = action_of(request);

	if (action->finish_)
		action->finish_(action, outcome);
	action->done(action, outcome, err);
}

enum error_code vault_action_submit(struct vault *vault, struct vault_action *action, bool anchor_now, struct error *err)
{
	vault_use_scope use = {0};

	action->vault_ = vault;
	action->request_ = (struct records_request){ .prepare = prepare, .done = done, .anchor_now = anchor_now };
	if (vault_use_begin(vault, &use, err) != ERR_OK)
		return err->code;
	return records_submit(vault->records, &action->request_, err);
}

/* -- waiting ------------------------------------------------------------- */

static void wake(struct vault_action *action, enum error_code outcome, const struct error *err)
{
	completion_set(action->arg, outcome, err);
}

void action_wait_begin(struct action_wait *wait, struct vault_action *action)
{
	completion_init(&wait->completion);
	action->done = wake;
	action->arg = &wait->completion;
}

enum error_code action_wait_end(struct action_wait *wait, enum error_code submitted, struct error *err)
{
	if (submitted == ERR_OK)
		return completion_wait(&wait->completion, err);
	completion_abandon(&wait->completion);
	return submitted;
}
