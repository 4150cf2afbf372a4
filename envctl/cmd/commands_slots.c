#include "cmd/commands.h"

/* Tables. */
/* clang-format off */

#define UNLOCK_ROWS \
	{ OPT_UNLOCK_PASSPHRASE_FILE, 0, "unlock-passphrase-file", "FILE", \
	  "the passphrase that opens the vault now: first line of this file, or of standard input for -", false }, \
	{ OPT_UNLOCK_KEY_FILE, 0, "unlock-key-file", "FILE", "the key file that opens the vault now", false }, \
	{ OPT_UNLOCK_SHARES_FILE, 0, "unlock-shares-file", "FILE", \
	  "the shares that open the vault now, one a line; - is standard input", false }, \
	{ OPT_UNLOCK_CREDENTIAL, 0, "unlock-credential", "NAME", \
	  "the daemon's own systemd credential opens the vault now", false }

#define SLOT_ROWS \
	{ OPT_PASSPHRASE, 0, "passphrase", NULL, "a passphrase, asked for twice (the default)", false }, \
	{ OPT_PASSPHRASE_FILE, 0, "passphrase-file", "FILE", \
	  "a passphrase: the first line of this file, or of standard input for -", false }, \
	{ OPT_KEY_FILE, 0, "key-file", "FILE", \
	  "this file; it is made (32 random bytes) when it is missing. With a passphrase, both are needed", false }, \
	{ OPT_CREDENTIAL, 0, "credential", "NAME", "a systemd credential of the daemon (LoadCredential)", false }, \
	{ OPT_SHARES, 0, "shares", "K-of-N", "N shares, of which any K open the vault; they are printed once", false }, \
	{ OPT_LABEL, 0, "label", "TEXT", "whose it is, for the list", false }

static const char *const slots_list_examples[] = { "envctl slots list", NULL };

static const struct option_row slots_add_options[] = { SLOT_ROWS, UNLOCK_ROWS };
static const char *const slots_add_examples[] = {
	"envctl slots add --label team",
	"envctl slots add --shares 3-of-5 --unlock-key-file /etc/vaultd/vault.key",
	"envctl slots add --passphrase --key-file ~/vault.key",
	NULL,
};

static const struct option_row slots_change_options[] = { SLOT_ROWS, UNLOCK_ROWS };
static const char *const slots_change_examples[] = {
	"envctl slots change 1",
	"envctl slots change 2 --shares 2-of-3 --unlock-shares-file -",
	NULL,
};

static const struct option_row slots_remove_options[] = { UNLOCK_ROWS };
static const char *const slots_remove_examples[] = {
	"envctl slots remove 1",
	"envctl slots remove 1 --unlock-key-file ~/vault.key",
	NULL,
};

#define OPTIONS(rows) .options = (rows), .options_len = ARRAY_LEN(rows)
#define UNLOCK_DETAILS \
	"The passphrase that opens the vault now is asked for, unless an --unlock option names something else: the daemon " \
	"does not keep the key that the slots hold."

static const struct command commands[] = {
	{
		.name = "slots list", .words = "", .json = true, .examples = slots_list_examples,
		.handler = command_slots_list, .summary = "List what opens the vault",
	},
	{
		.name = "slots add", .words = "", .json = true, OPTIONS(slots_add_options), .examples = slots_add_examples,
		.handler = command_slots_add, .summary = "Add a way to open the vault",
		.details = "There are up to 8. " UNLOCK_DETAILS,
	},
	{
		.name = "slots change", .words = "ID", .words_min = 1, .words_max = 1, .json = true,
		OPTIONS(slots_change_options), .examples = slots_change_examples, .handler = command_slots_change,
		.summary = "Put another secret in the place of one that opens the vault",
		.details = UNLOCK_DETAILS "\nWhoever has the old secret and an old copy of vault.hdr can still open old "
			   "copies of the data.",
	},
	{
		.name = "slots remove", .words = "ID", .words_min = 1, .words_max = 1, OPTIONS(slots_remove_options),
		.examples = slots_remove_examples, .handler = command_slots_remove,
		.summary = "Remove a way to open the vault; the last one stays",
		.details = UNLOCK_DETAILS,
	},
};

/* clang-format on */

const struct command_table slots_commands = {commands, ARRAY_LEN(commands)};
