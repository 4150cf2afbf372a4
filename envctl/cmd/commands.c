#include "cmd/commands.h"

#include <stdio.h>
#include <string.h>

#include "cmd/dialect_option.h"
#include "vault/limits.h"

/* Tables. */
/* clang-format off */

/* Rows that several verbs have. */
#define ROW_CAS \
	{ OPT_CAS, 0, "cas", "REVISION", "write only if this is the current revision (0: if there is none)", false }
#define ROW_DIALECT \
	{ OPT_DIALECT, 0, "dialect", "DIALECT", "how the text is written (dotenv)", false }
#define ROW_DRY_RUN { OPT_DRY_RUN, 'n', "dry-run", NULL, "show what would change, and write nothing", false }
#define ROW_EXCEPT { OPT_EXCEPT, 0, "except", "GLOB", "leave out variables of these names", true }
#define ROW_KEY_FILE(text) { OPT_KEY_FILE, 0, "key-file", "FILE", text, false }
#define ROW_MESSAGE { OPT_MESSAGE, 'm', "message", "TEXT", "why; kept in the history", false }
#define ROW_ONLY \
	{ OPT_ONLY, 0, "only", "GLOB", \
	  "take only variables of these names: * and ?, several parted by commas", true }
#define ROW_PASSPHRASE \
	{ OPT_PASSPHRASE, 0, "passphrase", NULL, \
	  "ask for a passphrase (the default); without a terminal, the first line of standard input", false }
#define ROW_PASSPHRASE_FILE \
	{ OPT_PASSPHRASE_FILE, 0, "passphrase-file", "FILE", \
	  "the first line of this file, or of standard input for -", false }
#define ROW_REPLACE(text) { OPT_REPLACE, 0, "replace", NULL, text, false }
#define ROW_ALLOW_DISK \
	{ OPT_ALLOW_DISK, 0, "allow-disk", NULL, "write a directory of files also where it is not in memory", false }
#define ROW_KUBERNETES_NAME \
	{ OPT_NAME, 0, "name", "NAME", "name of the Kubernetes Secret; env without it", false }
#define ROW_KUBERNETES_NAMESPACE \
	{ OPT_NAMESPACE, 0, "namespace", "NAME", "namespace of the Kubernetes Secret; without it, the one that kubectl is set to", false }
#define ROW_PRINT_FILES \
	{ OPT_PRINT_FILES, 0, "print-files", "DIALECT", \
	  "with directory: print NAME_FILE=DIR/NAME for each file, in this dialect", false }
#define ROW_SKIP_UNREPRESENTABLE \
	{ OPT_SKIP_UNREPRESENTABLE, 0, "skip-unrepresentable", NULL, \
	  "leave out what the format cannot hold, and name it on standard error", false }
#define ROW_REVISION { OPT_REVISION, 0, "revision", "N", "of this revision instead of the current one", false }

const struct option_row global_options[] = {
	{ OPT_ADDRESS, 0, "address", "ADDRESS",
	  "where the vault is: unix:///path, http://host:port (loopback only), https://host:port", false },
	{ OPT_TOKEN_FILE, 0, "token-file", "FILE", "the token, instead of VAULT_TOKEN", false },
	{ OPT_JSON, 0, "json", NULL, "print data as JSON", false },
	{ OPT_QUIET, 'q', "quiet", NULL, "say nothing but warnings and errors", false },
	{ OPT_HELP, 'h', "help", NULL, "explain, and do nothing", false },
	{ OPT_VERSION, 0, "version", NULL, "print the version, and do nothing", false },
};
const size_t global_options_len = ARRAY_LEN(global_options);

static const struct option_row init_options[] = {
	ROW_PASSPHRASE,
	ROW_PASSPHRASE_FILE,
	ROW_KEY_FILE("open with this file; it is made (32 random bytes) when it is missing. With a passphrase, both are needed"),
	{ OPT_SHARES, 0, "shares", "N", "open with N shares for N people, or K-of-N; they are printed once", false },
	{ OPT_THRESHOLD, 0, "threshold", "K", "so many of the shares open the vault", false },
	{ OPT_TOKEN_OUTPUT, 0, "token-output", "FILE",
	  "write the root token there (mode 0600) instead of printing it", false },
};
static const char *const init_examples[] = {
	"envctl init",
	"envctl init --key-file ~/vault.key --token-output ~/root.token",
	"pass show vault | envctl init --passphrase",
	"envctl init --shares 5 --threshold 3",
	NULL,
};

static const struct option_row unseal_options[] = {
	ROW_PASSPHRASE,
	ROW_PASSPHRASE_FILE,
	ROW_KEY_FILE("open with this file; with a passphrase, if the vault was set up with both"),
	{ OPT_CREDENTIAL, 0, "credential", "NAME", "open with this systemd credential of the daemon", false },
	{ OPT_SHARE, 0, "share", NULL,
	  "ask for shares (the default when the vault has some); without a terminal, one a line of standard input", false },
	{ OPT_RESET, 0, "reset", NULL, "forget the shares that were given so far", false },
};
static const char *const unseal_examples[] = {
	"envctl unseal",
	"envctl unseal --share < my-share",
	"envctl unseal --key-file /etc/vaultd/vault.key",
	NULL,
};

static const char *const seal_examples[] = { "envctl seal", NULL };
static const char *const status_examples[] = { "envctl status", "until envctl status --quiet; do sleep 1; done", NULL };

static const struct option_row get_options[] = {
	{ OPT_REVEAL, 0, "reveal", NULL, "show the values in the table", false },
	{ OPT_RAW, 0, "raw", NULL, "as it is stored: templates as their text, nothing of parents", false },
	ROW_REVISION,
};
static const char *const get_examples[] = {
	"envctl get shop/production",
	"envctl get shop/production --reveal",
	"envctl get shop/production TLS_KEY > key.pem",
	"envctl get shop/production --json | jq -r .variables.PORT",
	NULL,
};

static const struct option_row set_options[] = {
	{ OPT_FILE, 'f', "file", "FILE", "the value of the one NAME is in this file", false },
	{ OPT_EXACT, 0, "exact", NULL, "keep the last line end of a file or of standard input", false },
	{ OPT_TEMPLATE, 't', "template", NULL, "the values are templates: ${NAME} in them is that variable", false },
	{ OPT_TEXT, 0, "text", NULL, "the values are plain text, also where a template was", false },
	ROW_MESSAGE,
	ROW_CAS,
};
static const char *const set_examples[] = {
	"envctl set shop/production DB_PASSWORD",
	"pwgen 32 1 | envctl set shop/production DB_PASSWORD -",
	"envctl set shop/production TLS_KEY --file key.pem",
	"envctl set shop/production PORT=8080 LOG_LEVEL=info -m 'first deploy'",
	"envctl set shop/production -t 'DB_URL=pg://app:${DB_PW|urlencode}@db/shop'",
	NULL,
};

static const struct option_row unset_options[] = {
	{ OPT_MASK, 0, "mask", NULL, "hide the names from what parents give", false },
	{ OPT_UNMASK, 0, "unmask", NULL, "take masks away", false },
	ROW_MESSAGE,
	ROW_CAS,
};
static const char *const unset_examples[] = {
	"envctl unset shop/production OLD_KEY",
	"envctl unset shop/production A B -m 'not used any more'",
	"envctl unset shop/production SENTRY_DSN --mask",
	NULL,
};

static const struct option_row edit_options[] = { ROW_DIALECT, ROW_MESSAGE };
static const char *const edit_examples[] = {
	"envctl edit shop/production",
	"EDITOR=nano envctl edit shop/production -m 'new mail server'",
	NULL,
};

static const struct option_row copy_options[] = {
	ROW_ONLY,
	ROW_EXCEPT,
	ROW_REPLACE("remove variables of ENV2 that are not copied"),
	{ OPT_REVISION, 0, "revision", "N", "copy this revision of ENV instead of the current one", false },
	ROW_DRY_RUN,
	ROW_MESSAGE,
};
static const char *const copy_examples[] = {
	"envctl copy shop/staging shop/production --dry-run",
	"envctl copy shop/staging shop/production --only 'FEATURE_*'",
	NULL,
};

static const char *const list_examples[] = { "envctl list", "envctl list shop", NULL };

static const struct option_row import_options[] = {
	{ OPT_DIALECT, 0, "dialect", "DIALECT",
	  "the program that the file is for (see below), or auto, the default: only what all readers of env files read alike", false },
	{ OPT_MERGE, 0, "merge", NULL, "keep variables that the file does not have (the default)", false },
	ROW_REPLACE("remove variables that the file does not have"),
	{ OPT_FROM_VAULT, 0, "from-vault", "ADDRESS",
	  "take environments with all versions from the server there: https://host:port, or http on loopback", false },
	{ OPT_TO, 0, "to", "PREFIX", "put what is below PREFIX of the source below this one", false },
	{ OPT_ONLY, 0, "only", "GLOB", "take only environments of these paths: * and ?, several parted by commas", true },
	{ OPT_EXCEPT, 0, "except", "GLOB", "leave out environments of these paths", true },
	{ OPT_LATEST, 0, "latest", NULL, "take only the current version of each", false },
	{ OPT_UPDATE, 0, "update", NULL,
	  "where an environment is here and different, make the source's current version a new revision", false },
	{ OPT_SOURCE_TOKEN_FILE, 0, "source-token-file", "FILE",
	  "the source's token; - for standard input; asked for without any", false },
	{ OPT_SOURCE_TOKEN_ENV, 0, "source-token-env", "NAME", "the source's token is in this variable", false },
	{ OPT_SOURCE_CA, 0, "source-ca", "FILE", "certificates to verify the source with, instead of VAULT_CACERT", false },
	{ OPT_SOURCE_NAMESPACE, 0, "source-namespace", "NAME", "namespace of the source, where it has such", false },
	ROW_DRY_RUN,
	ROW_MESSAGE,
};
static const char *const import_examples[] = {
	"envctl import shop/production .env",
	"envctl import shop/production /etc/default/shop --dialect systemd --dry-run",
	"ssh web cat .env | envctl import shop/production - --replace",
	"envctl import --from-vault https://vault:8200 secret --dry-run",
	"envctl import --from-vault https://vault:8200 kv/shop --to shop",
	NULL,
};

static const struct option_row run_options[] = {
	ROW_ONLY,
	ROW_EXCEPT,
	{ OPT_PRISTINE, 0, "pristine", NULL,
	  "pass on nothing of the environment of envctl but PATH and what --preserve-env names", false },
	{ OPT_PRESERVE_ENV, 0, "preserve-env", "NAMES",
	  "keep these variables of the environment of envctl, parted by commas: the vault does not replace "
	  "them", false },
	ROW_REVISION,
};
static const char *const run_examples[] = {
	"envctl run shop/production -- node server.js",
	"envctl run shop/production --only 'DB_*' -- psql",
	"envctl run shop/production --pristine --preserve-env HOME,LANG -- ./job",
	"ExecStart=/usr/bin/envctl run shop/production -- /usr/bin/shopd",
	NULL,
};

static const struct option_row render_options[] = {
	{ OPT_FORMAT, 0, "format", "DIALECT", "the program that shall read it (see below)", false },
	{ OPT_OUTPUT, 'o', "output", "FILE",
	  "write this file (mode 0600, all or nothing) or directory instead of standard output", false },
	ROW_ONLY,
	ROW_EXCEPT,
	ROW_REVISION,
	ROW_SKIP_UNREPRESENTABLE,
	ROW_ALLOW_DISK,
	ROW_PRINT_FILES,
	ROW_KUBERNETES_NAME,
	ROW_KUBERNETES_NAMESPACE,
};
static const char *const render_examples[] = {
	"envctl render shop/production --format systemd --output /run/shop.env",
	"envctl render shop/production --format docker --skip-unrepresentable",
	"envctl render shop/production --format envdir -o /run/shop/env",
	"eval \"$(envctl render shop/production --format shell)\"",
	NULL,
};

static const struct option_row convert_options[] = {
	{ OPT_FROM, 0, "from", "DIALECT", "the program that the file is for (see below), or auto, the default: only what all readers of env files read alike", false },
	{ OPT_TO, 0, "to", "DIALECT", "the program that shall read it (see below)", false },
	{ OPT_OUTPUT, 'o', "output", "FILE",
	  "write this file (mode 0600, all or nothing) or directory instead of standard output", false },
	ROW_ONLY,
	ROW_EXCEPT,
	ROW_SKIP_UNREPRESENTABLE,
	ROW_ALLOW_DISK,
	ROW_PRINT_FILES,
	ROW_KUBERNETES_NAME,
	ROW_KUBERNETES_NAMESPACE,
};
static const char *const convert_examples[] = {
	"envctl convert .env --from dotenv --to systemd -o /run/shop.env",
	"envctl convert - --from json --to docker < vars.json",
	"envctl convert .env --to json",
	NULL,
};

static const struct option_row history_options[] = {
	{ OPT_NAME, 0, "name", "NAME", "only revisions that changed this variable", false },
	{ OPT_LIMIT, 0, "limit", "N", "at most so many, newest first (20)", false },
};
static const char *const history_examples[] = {
	"envctl history shop/production",
	"envctl history shop/production --name DB_PASSWORD --limit 5",
	NULL,
};

static const struct option_row diff_options[] = {
	{ OPT_FROM, 0, "from", "N", "compare this revision of ENV", false },
	{ OPT_TO, 0, "to", "N", "with this one (of ENV2 if it is named); the current one if left out", false },
	{ OPT_REVEAL, 0, "reveal", NULL, "show the values", false },
};
static const char *const diff_examples[] = {
	"envctl diff shop/production",
	"envctl diff shop/production --from 3 --to 5",
	"envctl diff shop/staging shop/production",
	NULL,
};

static const struct option_row rollback_options[] = { ROW_MESSAGE, ROW_CAS };
static const char *const rollback_examples[] = {
	"envctl rollback shop/production 41",
	"envctl rollback shop/production 41 -m 'the new key does not work'",
	NULL,
};

static const struct option_row env_create_options[] = { ROW_MESSAGE };
static const char *const env_create_examples[] = { "envctl env create shop/production", NULL };

static const struct option_row env_delete_options[] = {
	{ OPT_YES, 'y', "yes", NULL, "do not ask to type the name", false },
};
static const char *const env_delete_examples[] = {
	"envctl env delete shop/old",
	"envctl env delete ci/run-4711 --yes",
	NULL,
};

static const struct option_row env_extends_options[] = {
	{ OPT_CLEAR, 0, "clear", NULL, "extend nothing any more", false },
};
static const char *const env_extends_examples[] = {
	"envctl env extends shop/production",
	"envctl env extends shop/production base/common base/mail",
	"envctl env extends shop/production --clear",
	NULL,
};

static const struct option_row env_settings_options[] = {
	{ OPT_ALLOW_NAMES, 0, "allow-names", "NAMES",
	  "exactly these names, parted by commas, may be given to programs although they can load code into "
	  "them; '' for none", false },
};
static const char *const env_settings_examples[] = {
	"envctl env settings shop/production",
	"envctl env settings shop/production --allow-names NODE_OPTIONS,PATH",
	NULL,
};

static const char *const version_examples[] = { "envctl version", NULL };
static const char *const completion_examples[] = { "eval \"$(envctl completion bash)\"", NULL };

#define OPTIONS(rows) .options = (rows), .options_len = ARRAY_LEN(rows)

static const struct command commands[] = {
	{
		.name = "init", .words = "", .json = true, .needs_no_token = true, OPTIONS(init_options), .examples = init_examples,
		.handler = command_init, .summary = "Set up a new vault and open it",
		.details = "The vault is opened by a passphrase, by a key file, by both together, or by some of several shares. The root token, which allows "
			   "everything, is printed once. A vault of your own also knows you by your user id.",
	},
	{
		.name = "unseal", .words = "", .json = true, .needs_no_token = true, OPTIONS(unseal_options), .examples = unseal_examples,
		.handler = command_unseal, .summary = "Open a sealed vault",
		.details = "With shares, each person gives his own, in any order and from any place; the vault opens with the "
			   "last that is needed, and forgets them after an hour. Exit code 2: more shares are needed.",
	},
	{
		.name = "seal", .words = "", .examples = seal_examples, .handler = command_seal,
		.summary = "Close the vault: it forgets its key until it is opened again",
	},
	{
		.name = "status", .words = "", .json = true, .needs_no_token = true, .examples = status_examples, .handler = command_status,
		.summary = "Show whether the vault is open",
		.details = "Exit code 0: it is open; 2: it is sealed or not set up; 5: it cannot be reached.",
	},
	{
		.name = "get", .words = "ENV [NAME]", .words_min = 1, .words_max = 2, .json = true,
		OPTIONS(get_options),
		.examples = get_examples, .handler = command_get, .summary = "Print a variable, or list all of them",
		.details = "With NAME, its value is printed: into a pipe or file exactly, without a line end of its "
			   "own; to a terminal with control characters made visible.\nWithout NAME, all names are "
			   "listed, their values masked unless --reveal is given.\nWith --json, values are shown.\nWhat is "
			   "shown is what `run` gives to a program: with the variables of parents, and templates "
			   "evaluated. --raw shows what is stored.",
	},
	{
		.name = "set", .words = "ENV NAME...", .words_min = 2, .words_max = SIZE_MAX, .json = true,
		OPTIONS(set_options), .examples = set_examples, .handler = command_set,
		.summary = "Set variables, all in one revision",
		.details = "The value of a NAME is asked for without echo. `NAME -` reads it from standard input; "
			   "so does a single NAME when there is no terminal. NAME=VALUE is accepted, but other "
			   "users can see it in the list of processes, and it stays in the shell's history: do not "
			   "give secrets this way.\nThe last line end of standard input and of files is dropped, "
			   "unless --exact.\nThe environment is made when it is missing.",
	},
	{
		.name = "unset", .words = "ENV NAME...", .words_min = 2, .words_max = SIZE_MAX, .json = true,
		OPTIONS(unset_options), .examples = unset_examples, .handler = command_unset,
		.summary = "Remove variables, all in one revision",
	},
	{
		.name = "edit", .words = "ENV", .words_min = 1, .words_max = 1, .json = true,
		OPTIONS(edit_options),
		.examples = edit_examples, .handler = command_edit, .takes_dialect = dialect_can_be_edited, .summary = "Change variables in an editor",
		.details = "The text is in memory, never in a file on disk; $VISUAL or $EDITOR opens it as "
			   "/proc/PID/fd/N. vim and neovim are run without swap, backup and history files.\nWhat "
			   "the portable dialect cannot hold is shown in that of the shell.",
	},
	{
		.name = "copy", .words = "ENV ENV2", .words_min = 2, .words_max = 2, .json = true,
		OPTIONS(copy_options),
		.examples = copy_examples, .handler = command_copy,
		.summary = "Copy variables into another environment (promotion)",
		.details = "Prints the names that change, never a value. Refused when ENV2 changes meanwhile.",
	},
	{
		.name = "list", .words = "[PREFIX]", .words_max = 1, .json = true, .examples = list_examples,
		.handler = command_list, .summary = "List environments",
	},
	{
		.name = "import", .words = "ENV FILE | --from-vault ADDRESS MOUNT[/PREFIX]", .words_min = 1, .words_max = 2, .json = true,
		OPTIONS(import_options),
		.examples = import_examples, .handler = command_import,
		.summary = "Take in a .env file, or all of another vault",
		.details = "FILE - is standard input. Without --dialect (or with --dialect auto) the file is decoded as "
			   "every reader of env files would; where they differ, each variable is reported with what "
			   "they make of it, without its value, and nothing is written until a dialect is named. What "
			   "cannot be read is reported with its line.\n"
			   "With --from-vault, a key-value mount of HashiCorp Vault, OpenBao or another vaultd is "
			   "copied: values exactly, all versions under their numbers, deletion marks, settings and "
			   "custom metadata; not times and authors, and of deleted versions no content. What cannot "
			   "be imported is listed first, and then nothing is written. An import that was interrupted "
			   "goes on when it is run again; what is equal is left alone.",
	},
	{
		.name = "run", .words = "ENV -- PROGRAM [ARGUMENT]...", .words_min = 1, .words_max = 1, .program = true,
		OPTIONS(run_options), .examples = run_examples, .handler = command_run,
		.summary = "Run a program with the variables of an environment",
		.details = "envctl becomes the program: no process of it is left. The variables come on top of the "
			   "environment that envctl has; VAULT_TOKEN is not passed on. Names that would load code "
			   "into any program (LD_*, BASH_ENV, ENV, IFS, ...) are refused unless `envctl env "
			   "settings` allows them; others (PATH, PYTHON*, NODE_OPTIONS, ...) are warned about. "
			   "Names that no program can have are left out with a warning.\nExit code 125: envctl "
			   "failed; 126, 127: the program cannot be executed, or is not found in the PATH of its "
			   "environment; else that of the program.",
	},
	{
		.name = "render", .words = "ENV", .words_min = 1, .words_max = 1, OPTIONS(render_options),
		.examples = render_examples, .handler = command_render,
		.summary = "Write an environment as a file for other programs",
		.details = "The text is read back and compared before it is written. What the format cannot hold is "
			   "refused, all such variables at once, unless --skip-unrepresentable is given.\n"
			   "A directory of files is replaced as a whole. It must be in memory (below /run or /dev/shm): "
			   "on a disk, values can be found even after the files are deleted. --allow-disk allows it.",
	},
	{
		.name = "convert", .words = "FILE", .words_min = 1, .words_max = 1, OPTIONS(convert_options),
		.examples = convert_examples, .handler = command_convert,
		.summary = "Write an env file in another dialect, without a vault",
		.details = "FILE - is standard input. What cannot be read is reported with its line; what cannot be "
			   "written, by name: then nothing is written, unless --skip-unrepresentable is given.",
	},
	{
		.name = "history", .words = "ENV", .words_min = 1, .words_max = 1, .json = true,
		OPTIONS(history_options),
		.examples = history_examples, .handler = command_history,
		.summary = "Show who changed what, when and why",
	},
	{
		.name = "diff", .words = "ENV [ENV2]", .words_min = 1, .words_max = 2, .json = true,
		OPTIONS(diff_options),
		.examples = diff_examples, .handler = command_diff,
		.summary = "Compare revisions, or two environments, by names",
		.details = "Alone, shows what the last revision changed. Values are shown with --reveal only.",
	},
	{
		.name = "rollback", .words = "ENV REVISION", .words_min = 2, .words_max = 2, .json = true,
		OPTIONS(rollback_options), .examples = rollback_examples, .handler = command_rollback,
		.summary = "Make an earlier revision the newest one again",
		.details = "A new revision with the old content is made; nothing is lost.",
	},
	{
		.name = "env create", .words = "ENV", .words_min = 1, .words_max = 1, .json = true,
		OPTIONS(env_create_options), .examples = env_create_examples, .handler = command_env_create,
		.summary = "Make an environment without variables",
	},
	{
		.name = "env delete", .words = "ENV", .words_min = 1, .words_max = 1, OPTIONS(env_delete_options),
		.examples = env_delete_examples, .handler = command_env_delete,
		.summary = "Delete an environment with all its revisions, for good",
	},
	{
		.name = "env list", .words = "[PREFIX]", .words_max = 1, .json = true, .examples = list_examples,
		.handler = command_list, .summary = "List environments (as `envctl list`)",
	},
	{
		.name = "env extends", .words = "ENV [PARENT]...", .words_min = 1, .words_max = 1 + LIMIT_PARENTS,
		.json = true, OPTIONS(env_extends_options), .examples = env_extends_examples,
		.handler = command_env_extends, .summary = "Show or set which environments an environment extends",
		.details = "The variables of a later PARENT come over those of an earlier one, the environment's own "
			   "ones over all. The PARENTs replace those from before. `envctl unset --mask` hides single "
			   "names of theirs.",
	},
	{
		.name = "env settings", .words = "ENV", .words_min = 1, .words_max = 1, .json = true,
		OPTIONS(env_settings_options), .examples = env_settings_examples, .handler = command_env_settings,
		.summary = "Show or change an environment's settings",
	},
};

/* Behind those of the other files. */
static const struct command last_commands[] = {
	{
		.name = "version", .words = "", .json = true, .examples = version_examples, .handler = command_version,
		.summary = "Print the version of envctl",
	},
	{
		.name = "completion", .words = "SHELL", .words_min = 1, .words_max = 1, .examples = completion_examples,
		.handler = command_completion, .summary = "Print completion for the shell (bash)",
	},
};

/* clang-format on */

static const struct command_table main_commands = {commands, ARRAY_LEN(commands)};
static const struct command_table closing_commands = {last_commands, ARRAY_LEN(last_commands)};
static const struct command_table *const tables[] = {&main_commands, &schema_commands, &identity_commands, &slots_commands,
						     &backup_commands, &store_commands, &closing_commands};

const struct command *command_at(size_t i)
{
	for (size_t t = 0; t < ARRAY_LEN(tables); t++) {
		if (i < tables[t]->len)
			return &tables[t]->rows[i];
		i -= tables[t]->len;
	}
	return NULL;
}

const struct command *command_find(const char *name)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (strcmp(command->name, name) == 0)
			return command;
	return NULL;
}

/* What stands behind "<word> " in a verb's name, or NULL. */
static const char *second_word(const struct command *command, const char *word)
{
	size_t len = strlen(word);

	return strncmp(command->name, word, len) == 0 && command->name[len] == ' ' ? command->name + len + 1 : NULL;
}

bool command_is_group(const char *word)
{
	const struct command *command;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (second_word(command, word) != NULL)
			return true;
	return false;
}

void command_group_words(const char *word, char *ret, size_t size)
{
	const struct command *command;
	const char *seconds[32];
	size_t count = 0, used = 0;

	ret[0] = '\0';
	for (size_t i = 0; (command = command_at(i)) != NULL && count < ARRAY_LEN(seconds); i++)
		if ((seconds[count] = second_word(command, word)) != NULL)
			count++;
	for (size_t i = 0; i < count && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s",
					 i == 0 ? "" : i + 1 == count ? " or " : ", ", seconds[i]);
}
