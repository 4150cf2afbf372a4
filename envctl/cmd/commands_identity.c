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

#define ROW_ACCESSOR { OPT_ACCESSOR, 0, "accessor", "ACCESSOR", "the token that has this accessor", false }
#define ROW_FIELD { OPT_FIELD, 0, "field", "NAME", "print this one alone, for scripts", false }
#define ROW_POLICY(text) { OPT_POLICY, 0, "policy", "NAME", text, true }

static const struct option_row unwrap_options[] = { ROW_FIELD };
static const char *const unwrap_examples[] = {
	"envctl unwrap",
	"envctl unwrap --token-file /run/secrets/wrapped --field token > /run/token",
	NULL,
};

static const struct option_row token_create_options[] = {
	ROW_POLICY("a policy of the token; those of your own token when left out; repeatable"),
	{ OPT_TTL, 0, "ttl", "DURATION", "how long it lives: 3600, 90s, 1h30m, 7d", false },
	{ OPT_PERIOD, 0, "period", "DURATION", "it can be renewed for ever, for so long each time", false },
	{ OPT_EXPLICIT_MAX_TTL, 0, "explicit-max-ttl", "DURATION", "it ends then, however often it is renewed", false },
	{ OPT_USES, 0, "uses", "N", "it can be used so many times", false },
	{ OPT_NOT_RENEWABLE, 0, "not-renewable", NULL, "it cannot be renewed", false },
	{ OPT_ORPHAN, 0, "orphan", NULL, "it stays when your own token is revoked", false },
	{ OPT_NO_DEFAULT_POLICY, 0, "no-default-policy", NULL, "without the policy \"default\"", false },
	{ OPT_ROLE, 0, "role", "NAME", "as this token role says", false },
	{ OPT_TYPE, 0, "type", "TYPE", "service (the default) or batch: not stored, short-lived, not renewable", false },
	{ OPT_DISPLAY_NAME, 0, "display-name", "TEXT", "what the history calls it", false },
	{ OPT_META, 0, "meta", "NAME=VALUE", "is shown with the token; repeatable; no secrets", true },
	{ OPT_WRAP_TTL, 0, "wrap-ttl", "DURATION", "give out a wrapping token instead, that works once within this time",
	  false },
	ROW_FIELD,
};
static const char *const token_create_examples[] = {
	"envctl token create --policy ci --ttl 15m --field token",
	"envctl token create --policy shop --period 1d --orphan --display-name web",
	"envctl token create --policy ci --uses 1 --wrap-ttl 60s --field token",
	NULL,
};

static const struct option_row token_lookup_options[] = { ROW_ACCESSOR, ROW_FIELD };
static const char *const token_lookup_examples[] = {
	"envctl token lookup",
	"envctl token lookup --accessor 3f9a... --field ttl",
	"envctl token lookup - < token.txt",
	NULL,
};

static const struct option_row token_renew_options[] = {
	ROW_ACCESSOR,
	{ OPT_INCREMENT, 0, "increment", "DURATION", "for so long from now, if that is allowed", false },
	ROW_FIELD,
};
static const char *const token_renew_examples[] = { "envctl token renew", "envctl token renew --increment 1h", NULL };

static const struct option_row token_revoke_options[] = {
	{ OPT_SELF, 0, "self", NULL, "your own token", false },
	ROW_ACCESSOR,
	{ OPT_ORPHAN, 0, "orphan", NULL, "tokens that were made with it stay", false },
};
static const char *const token_revoke_examples[] = {
	"envctl token revoke --self",
	"envctl token revoke --accessor 3f9a...",
	"envctl token revoke - < token.txt",
	NULL,
};

static const char *const policy_write_examples[] = {
	"envctl policy write ci ci.hcl",
	"envctl policy read old | envctl policy write new -",
	NULL,
};
static const char *const policy_read_examples[] = { "envctl policy read ci > ci.hcl", NULL };
static const char *const policy_list_examples[] = { "envctl policy list", NULL };
static const char *const policy_delete_examples[] = { "envctl policy delete ci", NULL };

static const struct option_row policy_explain_options[] = {
	ROW_POLICY("what a token of this policy may; repeatable"),
	{ OPT_TOKEN, 0, "token", NULL, "what the token may that is asked for, or read from standard input", false },
};
static const char *const policy_explain_examples[] = {
	"envctl policy explain secret/data/shop/production read",
	"envctl policy explain secret/metadata/shop list --policy ci",
	"envctl policy explain secret/data/shop/a update --token --quiet < token.txt",
	NULL,
};

#define OPTIONS(rows) .options = (rows), .options_len = ARRAY_LEN(rows)

static const struct command commands[] = {
	{
		.name = "login", .words = "", .json = true, OPTIONS(login_options), .examples = login_examples,
		.handler = command_login, .summary = "Give a token, and keep it for later calls",
		.details = "The token is asked for without echo; without a terminal it is the first line of standard "
			   "input. It is kept in a file below envctl/tokens in XDG_STATE_HOME (~/.local/state), mode 0600, only "
			   "if the vault knows it, and only for its address: no other vault is shown it.",
	},
	{
		.name = "logout", .words = "", OPTIONS(logout_options), .examples = logout_examples,
		.handler = command_logout, .summary = "Remove the token that `envctl login` keeps for this vault",
		.details = "No vault needs to answer, but where none has a socket, --address or VAULT_ADDR has to name it. Tokens for other "
			   "addresses stay. Where there is none for this one, what an earlier envctl kept for all vaults is removed, "
			   "but not with --revoke: it may be another vault's.",
	},
	{
		.name = "whoami", .words = "", .json = true, .examples = whoami_examples, .handler = command_whoami,
		.summary = "Show who you are for the vault, and by which means",
	},
	{
		.name = "unwrap", .words = "", .json = true, OPTIONS(unwrap_options), .examples = unwrap_examples,
		.handler = command_unwrap, .summary = "Take out what a wrapping token holds; it works once",
		.details = "The wrapping token is asked for without echo; without a terminal it is the first line of "
			   "standard input. A token that was wrapped is shown as `envctl token create` does, other data "
			   "as JSON. When it was unwrapped already, somebody else has it: tell who gave it to you.",
	},
	{
		.name = "token create", .words = "", .json = true, OPTIONS(token_create_options),
		.examples = token_create_examples, .handler = command_token_create, .summary = "Make a token",
		.details = "It is a child of your own token and ends with it, unless --orphan.",
	},
	{
		.name = "token lookup", .words = "[-]", .words_max = 1, .json = true, OPTIONS(token_lookup_options),
		.examples = token_lookup_examples, .handler = command_token_lookup,
		.summary = "Show what is known of a token: yours, or another",
		.details = "With - the token is asked for, or is the first line of standard input. Its text is never "
			   "shown.",
	},
	{
		.name = "token renew", .words = "[-]", .words_max = 1, .json = true, OPTIONS(token_renew_options),
		.examples = token_renew_examples, .handler = command_token_renew,
		.summary = "Let a token live longer: yours, or another",
		.details = "With - the token is asked for, or is the first line of standard input.",
	},
	{
		.name = "token revoke", .words = "[-]", .words_max = 1, OPTIONS(token_revoke_options),
		.examples = token_revoke_examples, .handler = command_token_revoke,
		.summary = "Make a token invalid, with all that were made with it",
		.details = "With - the token is asked for, or is the first line of standard input.",
	},
	{
		.name = "policy write", .words = "POLICY FILE", .words_min = 2, .words_max = 2,
		.examples = policy_write_examples, .handler = command_policy_write, .summary = "Make or replace a policy",
		.details = "FILE - is standard input. The text is HCL or JSON as Vault reads it. It counts for all "
			   "tokens that name the policy, from their next request on.",
	},
	{
		.name = "policy read", .words = "POLICY", .words_min = 1, .words_max = 1, .json = true,
		.examples = policy_read_examples, .handler = command_policy_read, .summary = "Print a policy",
	},
	{
		.name = "policy list", .words = "", .json = true, .examples = policy_list_examples,
		.handler = command_policy_list, .summary = "List policies",
	},
	{
		.name = "policy delete", .words = "POLICY", .words_min = 1, .words_max = 1,
		.examples = policy_delete_examples, .handler = command_policy_delete, .summary = "Delete a policy",
	},
	{
		.name = "policy explain", .words = "PATH CAPABILITY", .words_min = 2, .words_max = 2, .json = true,
		OPTIONS(policy_explain_options), .examples = policy_explain_examples,
		.handler = command_policy_explain, .summary = "Show which rule decides, and why",
		.details = "PATH is that of the request without /v1/ (for `run` and `get` of ENV: secret/data/ENV); "
			   "CAPABILITY is create, read, update, patch, delete, list or sudo. When it is denied, the nearest rule shows what to change. About yourself, "
			   "unless --policy or --token. Exit code 4 when it is denied.",
	},
};

const struct command_table identity_commands = { commands, ARRAY_LEN(commands) };
