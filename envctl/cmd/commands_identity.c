#include "cmd/commands.h"

/* Tables. */
/* clang-format off */

static const struct option_row login_options[] = {
	{ OPT_NO_STORE, 0, "no-store", NULL, "only look whether the vault knows the token", false },
};
static const char *const login_examples[] = {
	"envctl login",
	"envctl login --token-file /run/secrets/token",
	"pass show vault/token | envctl login --address https://vault:8200",
	NULL,
};

static const struct option_row logout_options[] = {
	{ OPT_REVOKE, 0, "revoke", NULL, "make the token invalid first, with all that was made with it", false },
};
static const char *const logout_examples[] = { "envctl logout", "envctl logout --revoke", NULL };

static const char *const whoami_examples[] = { "envctl whoami", "envctl whoami --json", NULL };

#define OPTIONS(rows) .options = (rows), .options_len = ARRAY_LEN(rows)

static const struct command commands[] = {
	{
		.name = "login", .words = "", .json = true, OPTIONS(login_options), .examples = login_examples,
		.handler = command_login, .summary = "Give a token, and keep it for later calls",
		.details = "The token is asked for without echo; without a terminal it is the first line of standard "
			   "input. It is kept in envctl/token below XDG_STATE_HOME (~/.local/state), mode 0600, only "
			   "if the vault knows it.",
	},
	{
		.name = "logout", .words = "", OPTIONS(logout_options), .examples = logout_examples,
		.handler = command_logout, .summary = "Remove the token that `envctl login` keeps",
	},
	{
		.name = "whoami", .words = "", .json = true, .examples = whoami_examples, .handler = command_whoami,
		.summary = "Show who you are for the vault, and by which means",
	},
};

const struct command_table identity_commands = { commands, ARRAY_LEN(commands) };
