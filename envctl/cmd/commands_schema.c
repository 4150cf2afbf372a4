#include "cmd/commands.h"

/* Tables. */
/* clang-format off */

static const struct option_row check_options[] = {
	{ OPT_SCHEMA, 0, "schema", "FILE", "the .env.example to check against; with ENV, instead of its own one", false },
	{ OPT_ENV_FILE, 0, "env-file", "FILE", "the variables to check; with ENV, instead of the stored ones", false },
	{ OPT_DIALECT, 0, "dialect", "NAME", "the program that reads the env file, as `envctl convert --help` lists them; dotenv without it", false },
	{ OPT_FORMAT, 0, "format", "FORM", "human (the default), json, or github for annotations of a workflow", false },
	{ OPT_STRICT, 0, "strict", NULL, "warnings are errors", false },
	{ OPT_LISTED, 0, "listed", NULL, "every variable that the schema lists must be set and not empty", false },
	{ OPT_ALLOW_EMPTY, 0, "allow-empty", NULL, "with --listed: must be set, and may be empty", false },
	{ OPT_ENVIRONMENT, 0, "environment", "NAME", "the environment that forEnv() in a schema asks for", false },
	{ OPT_FIX, 0, "fix", NULL, "first mend how the env file is written, without changing names or values", false },
	{ OPT_NO_LINT, 0, "no-lint", NULL, "do not look at how the env file is written", false },
};
static const char *const check_examples[] = {
	"envctl check shop/production",
	"envctl check shop/production --schema .env.example",
	"envctl check --schema .env.example --env-file .env",
	"envctl check --schema .env.example --env-file .env --format github --strict",
	"envctl check --env-file .env --fix",
	NULL,
};

#define ROW_OUTPUT { OPT_OUTPUT, 'o', "output", "FILE", "write to this file (mode 0600) instead of standard output", false }
#define ROW_FORCE { OPT_FORCE, 0, "force", NULL, "replace FILE when it is there", false }

static const struct option_row schema_get_options[] = { ROW_OUTPUT, ROW_FORCE };
static const char *const schema_get_examples[] = {
	"envctl schema get shop/production > .env.example",
	"envctl schema get shop/production --json",
	NULL,
};

static const struct option_row schema_set_options[] = {
	{ OPT_MODE, 0, "mode", "MODE", "enforce: refuse writes that break it; warn: keep them and say so", false },
};
static const char *const schema_set_examples[] = {
	"envctl schema set shop/production .env.example",
	"envctl schema set shop/production .env.example --mode warn",
	"envctl schema set shop/production --mode enforce",
	NULL,
};

static const char *const schema_delete_examples[] = { "envctl schema delete shop/production", NULL };

static const struct option_row schema_explain_options[] = {
	{ OPT_SCHEMA, 0, "schema", "FILE", "of this .env.example, without the daemon", false },
};
static const char *const schema_explain_examples[] = {
	"envctl schema explain shop/production DB_PASSWORD",
	"envctl schema explain DB_PASSWORD --schema .env.example",
	NULL,
};

static const struct option_row schema_infer_options[] = { ROW_OUTPUT, ROW_FORCE };
static const char *const schema_infer_examples[] = {
	"envctl schema infer shop/production > .env.example",
	NULL,
};

#define OPTIONS(rows) .options = (rows), .options_len = ARRAY_LEN(rows)

static const struct command commands[] = {
	{
		.name = "check", .words = "[ENV]", .words_max = 1, .json = true, OPTIONS(check_options),
		.examples = check_examples, .handler = command_check,
		.summary = "Check variables against their schema, here or in the vault",
		.details = "With ENV the vault checks the environment as a process would see it, also for secrets that another "
			   "environment has and for certificates that expire. Without ENV the files are checked here, and "
			   "no vault is needed. A finding names the line to mend: that of the env file, with that of the "
			   "schema in parentheses, or that of the schema alone. Exit code 1 when there are errors. No "
			   "message shows a value, unless the schema says that it is public.",
	},
	{
		.name = "schema get", .words = "ENV", .words_min = 1, .words_max = 1, .json = true,
		OPTIONS(schema_get_options), .examples = schema_get_examples, .handler = command_schema_get,
		.summary = "Print the schema of an environment",
	},
	{
		.name = "schema set", .words = "ENV [FILE]", .words_min = 1, .words_max = 2, .json = true,
		OPTIONS(schema_set_options), .examples = schema_set_examples, .handler = command_schema_set,
		.summary = "Keep a .env.example as the schema of an environment",
		.details = "FILE - is standard input. Every write is checked against it from now on, also in environments that "
			   "extend this one. Variables that are there already and do not fit stay; `envctl check ENV` names "
			   "them. What FILE imports (@import) is put in. Without FILE only the mode changes.",
	},
	{
		.name = "schema delete", .words = "ENV", .words_min = 1, .words_max = 1,
		.examples = schema_delete_examples, .handler = command_schema_delete,
		.summary = "Take the schema of an environment away",
	},
	{
		.name = "schema explain", .words = "[ENV] NAME", .words_min = 1, .words_max = 2, .json = true,
		OPTIONS(schema_explain_options), .examples = schema_explain_examples, .handler = command_schema_explain,
		.summary = "Show what a schema says of a variable, and where",
		.details = "Whether it is required and a secret, its type with all limits, defaults and examples; each with "
			   "the reason, the layer of the schema (plain, decorator, vaultd) and its line. With ENV of the "
			   "schemas that count for it, with --schema of a file.",
	},
	{
		.name = "schema infer", .words = "ENV", .words_min = 1, .words_max = 1,
		OPTIONS(schema_infer_options), .examples = schema_infer_examples, .handler = command_schema_infer,
		.summary = "Write a schema for the variables of an environment, without their values",
	},
};

const struct command_table schema_commands = { commands, ARRAY_LEN(commands) };
