#include "cmd/commands.h"

/* Tables. */
/* clang-format off */

static const struct option_row job_options[] = {
	{ OPT_NO_WAIT, 0, "no-wait", NULL, "begin it, print its id, and do not wait for its end", false },
	{ OPT_CANCEL, 0, "cancel", NULL, "end the one that runs", false },
};
static const char *const verify_examples[] = { "envctl verify", "envctl verify --json", "envctl verify --cancel", NULL };
static const char *const compact_examples[] = { "envctl compact", "envctl compact --no-wait", NULL };

static const struct command commands[] = {
	{
		.name = "verify", .words = "", .json = true, .options = job_options, .options_len = ARRAY_LEN(job_options),
		.examples = verify_examples, .handler = command_verify,
		.summary = "Check the whole store: every record and every revision",
		.details = "The vault answers meanwhile. What is damaged is named, and the exit code is then 65. If the vault seals "
			   "itself because somebody else writes to its store, its log has what was found. Interrupted, envctl "
			   "ends and the check goes on.",
	},
	{
		.name = "compact", .words = "", .json = true, .options = job_options, .options_len = ARRAY_LEN(job_options),
		.examples = compact_examples, .handler = command_compact,
		.summary = "Write the store anew without what was deleted",
		.details = "Reads go on; changes wait, for some seconds a GiB. The disk must have room for the new file beside "
			   "the old one.",
	},
};

/* clang-format on */

const struct command_table store_commands = {commands, ARRAY_LEN(commands)};
