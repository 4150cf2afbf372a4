#include "cmd/commands.h"

/* Tables. */
/* clang-format off */

static const struct option_row backup_options[] = {
	{ OPT_OUTPUT, 'o', "output", "FILE", "the file to be made (mode 0600, all or nothing); - is standard output", false },
	{ OPT_FORCE, 0, "force", NULL, "replace FILE when it is there", false },
};
static const char *const backup_examples[] = {
	"envctl backup -o vault-$(date +%F).backup",
	"envctl backup -o - | ssh backup@store 'cat > vault.backup'",
	"envctl backup -o vault.backup --json | jq .counter",
	NULL,
};

static const struct option_row restore_options[] = {
	{ OPT_PASSPHRASE, 0, "passphrase", NULL, "ask for the passphrase (the default)", false },
	{ OPT_PASSPHRASE_FILE, 0, "passphrase-file", "FILE", "the passphrase is the first line of this file", false },
	{ OPT_KEY_FILE, 0, "key-file", "FILE", "this key file opens the vault; with a passphrase, both", false },
	{ OPT_SHARES_FILE, 0, "shares-file", "FILE", "shares that open the vault, one a line", false },
	{ OPT_CREDENTIAL, 0, "credential", "NAME", "this file in $CREDENTIALS_DIRECTORY opens the vault", false },
	{ OPT_CHECK, 0, "check", NULL, "check the backup, and keep nothing; DIRECTORY is then where there is room for it", false },
	{ OPT_ANCHOR, 0, "anchor", "FILE", "the anchor of the restored vault; it is made or rewritten", false },
	{ OPT_KEEP_TOKENS, 0, "keep-tokens", NULL, "tokens of before count: some may have been revoked since", false },
	{ OPT_ACCEPT_LOSS, 0, "accept-loss", NULL, "also a backup of a store that was damaged: lists what is lost", false },
	{ OPT_MAX_SIZE, 0, "max-size", "SIZE", "how large the database may become (64GiB)", false },
	{ OPT_VAULTD, 0, "vaultd", "PATH", "the daemon's program, which does it", false },
};
static const char *const restore_examples[] = {
	"envctl restore vault.backup ~/.local/share/vaultd",
	"envctl restore vault.backup /var/lib/vaultd --key-file /root/vault.key",
	"envctl restore --check vault.backup --key-file /root/vault.key",
	NULL,
};

#define OPTIONS(rows) .options = (rows), .options_len = ARRAY_LEN(rows)

static const struct command commands[] = {
	{
		.name = "backup", .words = "", .json = true, OPTIONS(backup_options), .examples = backup_examples,
		.handler = command_backup, .summary = "Back the whole vault up while it is used",
		.details = "One state of everything, sealed under the vault's own keys: what opens the vault opens the backup, so "
			   "keep that elsewhere. Needs sudo on sys/backup.",
	},
	{
		.name = "restore", .words = "FILE [DIRECTORY]", .words_min = 1, .words_max = 2, .json = true, OPTIONS(restore_options),
		.examples = restore_examples, .handler = command_restore,
		.summary = "Make a data directory from a backup, or check one",
		.details = "DIRECTORY must not exist, or be empty; it is made when everything in the backup was opened and found right. "
			   "FILE - is standard input. No daemon is asked: vaultd's program does it.\n"
			   "The restored vault is another history from then on: its counter goes on, its fork id is new, and tokens of "
			   "before end.",
	},
};

/* clang-format on */

const struct command_table backup_commands = {commands, ARRAY_LEN(commands)};
