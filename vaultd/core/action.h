/*
 * A change of anything but an environment (vault_op of vault.h does those).
 * Part of the contract of vault.h.
 *
 * Each vault_…() function that takes a struct with an action in it works the
 * same way: the caller sets what it asks for, and the action's done() and arg;
 * the function prepares on this thread and queues; one commit takes all that
 * is queued; done() is called on the writer thread, once, when the outcome is
 * durable. If the function itself returns an error, done() is not called. The
 * struct and all that it points to must stay until then. done() must be quick
 * and must not call core/.
 *
 * prepare_() may run several times, with a newer view each time: it writes
 * results into its struct from the beginning each time.
 */
#pragma once

#include <stdbool.h>

#include "core/completion.h"
#include "records/records.h"
#include "vault/error.h"

struct vault;
struct vault_action;
typedef void vault_action_done(struct vault_action *action, enum error_code outcome, const struct error *err);

struct vault_action {
	vault_action_done *done;
	void *arg;
	/* core's own */
	struct vault *vault_;
	struct records_request request_;
	enum error_code (*prepare_)(struct vault_action *action, struct records_view *view, struct records_write *write,
				    struct error *err);
	void (*finish_)(struct vault_action *action, enum error_code outcome);	/* before done(); may be NULL */
};

/*
 * For threads that may wait (the slow worker, tests, start-up):
 *
 *	struct action_wait wait;
 *	action_wait_begin(&wait, &create.action);
 *	code = action_wait_end(&wait, vault_token_create(vault, &create, err), err);
 */
struct action_wait {
	struct completion completion;
};
void action_wait_begin(struct action_wait *wait, struct vault_action *action);
enum error_code action_wait_end(struct action_wait *wait, enum error_code submitted, struct error *err) must_check;
