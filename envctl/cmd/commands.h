/*
 * The table of verbs: one row generates the parsing of a verb's options, its
 * help, its completion, and names the function that does it.
 *
 * A handler gets the parsed command line and returns an error code; main()
 * prints the error's sentence, once, and turns the code into the exit code.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/dialect.h"
#include "vault/error.h"

enum option_id {
	/* of every verb */
	OPT_ADDRESS,
	OPT_TOKEN_FILE,
	OPT_JSON,
	OPT_QUIET,
	OPT_HELP,
	OPT_VERSION,
	/* of some */
	OPT_ACCEPT_LOSS,
	OPT_ACCESSOR,
	OPT_ALLOW_DISK,
	OPT_ALLOW_EMPTY,
	OPT_ALLOW_NAMES,
	OPT_ANCHOR,
	OPT_CANCEL,
	OPT_CAS,
	OPT_CHECK,
	OPT_CLEAR,
	OPT_CREDENTIAL,
	OPT_DIALECT,
	OPT_DISPLAY_NAME,
	OPT_DRY_RUN,
	OPT_ENVIRONMENT,
	OPT_ENV_FILE,
	OPT_EXACT,
	OPT_EXCEPT,
	OPT_EXPLICIT_MAX_TTL,
	OPT_FIELD,
	OPT_FILE,
	OPT_FIX,
	OPT_FORCE,
	OPT_FORMAT,
	OPT_FROM,
	OPT_FROM_VAULT,
	OPT_INCREMENT,
	OPT_KEEP_TOKENS,
	OPT_KEY_FILE,
	OPT_KV_VERSION,
	OPT_LABEL,
	OPT_LATEST,
	OPT_LIMIT,
	OPT_LISTED,
	OPT_MASK,
	OPT_MAX_SIZE,
	OPT_MERGE,
	OPT_MESSAGE,
	OPT_META,
	OPT_MODE,
	OPT_NAME,
	OPT_NAMESPACE,
	OPT_NOT_RENEWABLE,
	OPT_NO_DEFAULT_POLICY,
	OPT_NO_LINT,
	OPT_NO_STORE,
	OPT_NO_WAIT,
	OPT_ONLY,
	OPT_ORPHAN,
	OPT_OUTPUT,
	OPT_PASSPHRASE,
	OPT_PASSPHRASE_FILE,
	OPT_PERIOD,
	OPT_POLICY,
	OPT_PRESERVE_ENV,
	OPT_PRINT_FILES,
	OPT_PRISTINE,
	OPT_RAW,
	OPT_REPLACE,
	OPT_RESET,
	OPT_REVEAL,
	OPT_REVISION,
	OPT_REVOKE,
	OPT_ROLE,
	OPT_SCHEMA,
	OPT_SELF,
	OPT_SHARE,
	OPT_SHARES,
	OPT_SHARES_FILE,
	OPT_SKIP_UNREPRESENTABLE,
	OPT_SOURCE_CA,
	OPT_SOURCE_NAMESPACE,
	OPT_SOURCE_TOKEN_ENV,
	OPT_SOURCE_TOKEN_FILE,
	OPT_STRICT,
	OPT_TEMPLATE,
	OPT_TEXT,
	OPT_THRESHOLD,
	OPT_TO,
	OPT_TOKEN,
	OPT_TOKEN_OUTPUT,
	OPT_TTL,
	OPT_TYPE,
	OPT_UNLOCK_CREDENTIAL,
	OPT_UNLOCK_KEY_FILE,
	OPT_UNLOCK_PASSPHRASE_FILE,
	OPT_UNLOCK_SHARES_FILE,
	OPT_UNMASK,
	OPT_UPDATE,
	OPT_USES,
	OPT_VAULTD,
	OPT_WRAP_TTL,
	OPT_YES,
};

struct option_row {
	enum option_id id;
	char letter;	   /* 0: long form only */
	const char *name;  /* without dashes */
	const char *value; /* what its value is called in the help; NULL: a flag */
	const char *help;
	bool repeats;
};

struct invocation;
typedef enum error_code command_handler(struct invocation *inv, struct error *err);

struct command {
	const char *name;  /* "get", "env create" */
	const char *words; /* for the help: "ENV [NAME]" */
	size_t words_min, words_max;
	bool program;	     /* takes "-- PROGRAM [ARGUMENT]..." */
	bool json;	     /* prints data, so that --json means something */
	bool needs_no_token; /* the vault answers anybody */
	const char *summary; /* one line */
	const char *details; /* paragraphs parted by line feeds, wrapped when printed; or NULL */
	const struct option_row *options;
	size_t options_len;
	const char *const *examples; /* NULL-terminated */
	command_handler *handler;
	bool (*takes_dialect)(const struct dialect *dialect); /* of those that the help lists; NULL: all */
};

/* One table of verbs; commands.c has the list of them. */
struct command_table {
	const struct command *rows;
	size_t len;
};
extern const struct command_table backup_commands; /* copies of all of it */
extern const struct command_table slots_commands; /* what opens the vault */
extern const struct command_table store_commands; /* jobs on the whole store */
extern const struct command_table identity_commands; /* who is who, and who may what */
extern const struct command_table schema_commands; /* what variables must be */

/* Row i of all tables, or NULL behind the last. */
const struct command *command_at(size_t i);
const struct command *command_find(const char *name);
/* Whether some rows are called "<word> …". */
bool command_is_group(const char *word);
/* Writes "create, delete, list or settings" for the word; cut to fit. */
void command_group_words(const char *word, char *ret, size_t size);
/* Options of every verb. */
extern const struct option_row global_options[];
extern const size_t global_options_len;

#define GIVEN_MAX 64

struct invocation {
	const struct command *command; /* NULL: none was named */
	const char *group;	       /* "env" when only the first word of such a verb was given, else NULL */
	struct given_option {
		enum option_id id;
		const char *value;
	} given[GIVEN_MAX];
	size_t given_len;
	char **words; /* owned array of pointers into argv */
	size_t words_len;
	char **program;	    /* NULL-terminated tail of argv, or NULL */
	int failure_status; /* exit code of any failure; 0: that of the error code */
	int exit_status;    /* of success */
};

/* ERR_USAGE with a sentence; --help and --version are accepted with everything else missing. */
enum error_code invocation_parse(int argc, char **argv, struct invocation *ret, struct error *err) must_check;
void invocation_free(struct invocation *inv);

bool option_is_given(const struct invocation *inv, enum option_id id);
/* Of the last time it was given; NULL when it was not. */
const char *option_value(const struct invocation *inv, enum option_id id);
/* *ret stays as it is when the option was not given. ERR_USAGE when it is not a whole number from 1 (0 with zero_too).
 */
enum error_code option_number(const struct invocation *inv, enum option_id id, bool zero_too, uint64_t *ret,
			      struct error *err) must_check;

command_handler command_backup, command_restore, command_verify, command_compact;
command_handler command_slots_list, command_slots_add, command_slots_change, command_slots_remove;
command_handler command_init, command_unseal, command_seal, command_status, command_get, command_set, command_unset,
	command_edit, command_copy, command_list, command_import, command_run, command_render, command_history,
	command_diff, command_rollback, command_env_create, command_env_delete, command_env_extends, command_env_settings,
	command_convert, command_version, command_completion, command_login, command_logout, command_whoami, command_unwrap, command_token_create,
	command_token_lookup, command_token_renew, command_token_revoke, command_policy_write, command_policy_read,
	command_policy_list, command_policy_delete, command_policy_explain, command_check, command_schema_get,
	command_schema_set, command_schema_delete, command_schema_explain, command_schema_infer;
