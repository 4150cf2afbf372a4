#include "offline_options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

enum {
	OPT_KEY_FILE = 1000, OPT_PASSPHRASE, OPT_PASSPHRASE_FILE, OPT_SHARES_FILE, OPT_CREDENTIAL, OPT_JSON, OPT_KEEP_TOKENS, OPT_HELP,
	OPT_CHECK, OPT_ANCHOR, OPT_MAX_SIZE, OPT_CONFIG, OPT_EXPECT, OPT_ACCEPT_LOSS, OPT_QUIET,
};

#define SHARED_ROWS \
	{ "key-file", required_argument, NULL, OPT_KEY_FILE }, { "passphrase", no_argument, NULL, OPT_PASSPHRASE }, \
	{ "passphrase-file", required_argument, NULL, OPT_PASSPHRASE_FILE }, \
	{ "shares-file", required_argument, NULL, OPT_SHARES_FILE }, { "credential", required_argument, NULL, OPT_CREDENTIAL }, \
	{ "json", no_argument, NULL, OPT_JSON }, { "keep-tokens", no_argument, NULL, OPT_KEEP_TOKENS }, \
	{ "accept-loss", no_argument, NULL, OPT_ACCEPT_LOSS }, \
	{ "help", no_argument, NULL, OPT_HELP }

static const struct option restore_rows[] = {
	SHARED_ROWS,
	{ "check", no_argument, NULL, OPT_CHECK },
	{ "quiet", no_argument, NULL, OPT_QUIET },
	{ "anchor", required_argument, NULL, OPT_ANCHOR },
	{ "max-size", required_argument, NULL, OPT_MAX_SIZE },
	{ NULL, 0, NULL, 0 },
};

static const struct option recover_rows[] = {
	SHARED_ROWS,
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "expect", required_argument, NULL, OPT_EXPECT },
	{ NULL, 0, NULL, 0 },
};

static bool take_number(const char *text, uint64_t *ret)
{
	char *end;

	errno = 0;
	*ret = strtoull(text, &end, 10);
	return strspn(text, "0123456789") == strlen(text) && text[0] != '\0' && errno == 0 && *end == '\0';
}

static enum error_code take(struct offline_options *options, int option, struct error *err)
{
	switch (option) {
	case OPT_KEY_FILE: options->slot.key_file = optarg; break;
	case OPT_PASSPHRASE: options->slot.ask = true; break;
	case OPT_PASSPHRASE_FILE: options->slot.passphrase_file = optarg; break;
	case OPT_SHARES_FILE: options->slot.shares_file = optarg; break;
	case OPT_CREDENTIAL: options->slot.credential = optarg; break;
	case OPT_JSON: options->json = true; break;
	case OPT_KEEP_TOKENS: options->keep_tokens = true; break;
	case OPT_CHECK: options->check = true; break;
	case OPT_QUIET: options->quiet = true; break;
	case OPT_ANCHOR: options->anchor = optarg; break;
	case OPT_CONFIG: options->config_file = optarg; break;
	case OPT_ACCEPT_LOSS: options->accept_loss = true; break;
	case OPT_EXPECT:
		options->has_expect = true;
		if (!take_number(optarg, &options->expect))
			return error_set(err, ERR_USAGE, "--expect takes the counter of vault.db, a whole number");
		break;
	case OPT_MAX_SIZE:
		if (!config_parse_size(optarg, &options->max_size))
			return error_set(err, ERR_USAGE, "--max-size takes a size such as 64GiB");
		break;
	case 'h':
	case OPT_HELP: options->help = true; break;
	default: return error_set(err, ERR_USAGE, "an option is unknown (see --help)");
	}
	return ERR_OK;
}

static enum error_code parse(enum offline_command command, int argc, char **argv, struct offline_options *ret, struct error *err)
{
	struct offline_options options = { .max_size = DEFAULT_STORE_MAX_SIZE };
	const struct option *rows = command == OFFLINE_RESTORE ? restore_rows : recover_rows;
	int option;

	opterr = 0;
	optind = 1;
	while ((option = getopt_long(argc, argv, ":h", rows, NULL)) != -1) {
		if (option == ':')
			return error_set(err, ERR_USAGE, "%s needs a value (see vaultd %s --help)", argv[optind - 1], argv[0]);
		if (option == '?')
			return error_set(err, ERR_USAGE, "there is no option %s (see vaultd %s --help)", argv[optind - 1], argv[0]);
		if (take(&options, option, err) != ERR_OK)
			return err->code;
	}
	options.words = argv + optind;
	options.words_len = (size_t)(argc - optind);
	if (slot_input_check(&options.slot, err) != ERR_OK)
		return err->code;
	*ret = options;
	return ERR_OK;
}

enum error_code offline_options_parse(enum offline_command command, int argc, char **argv, struct offline_options *ret,
				      struct error *err)
{
	enum error_code rc = parse(command, argc, argv, ret, err);

	if (rc != ERR_OK)
		ret->json = json_error_is_asked_for(argv);
	return rc;
}

/* -- help --------------------------------------------------------------------------- */

static const char secrets_help[] =
	"What opens the vault (as it was when the copy was made):\n"
	"  --passphrase             ask for a passphrase at the terminal (the default)\n"
	"  --passphrase-file FILE   the first line of this file\n"
	"  --key-file FILE          this file; with a passphrase, both\n"
	"  --shares-file FILE       shares, one a line\n"
	"  --credential NAME        this file in $CREDENTIALS_DIRECTORY\n";

static const char restore_help[] =
	"vaultd restore: a data directory from a backup on standard input\n"
	"\n"
	"Usage: vaultd restore [OPTION]... DIRECTORY < BACKUP\n"
	"       vaultd restore --check [OPTION]... [DIRECTORY] < BACKUP\n"
	"\n"
	"DIRECTORY must not exist, or be an empty directory, whose owner then owns what\n"
	"is restored. Everything is opened and checked before it gets its name. The\n"
	"restored vault is another history from then on, and tokens of before end.\n"
	"`envctl restore` calls this.\n"
	"\n"
	"Options:\n"
	"  --check                  restore below DIRECTORY (or below $TMPDIR), check, and\n"
	"                           remove it again\n"
	"  --anchor FILE            the anchor of the restored vault; it is made or rewritten\n"
	"  --keep-tokens            tokens of before count: some may have been revoked since\n"
	"  --accept-loss            also a backup of a store that was damaged: lists what is\n"
	"                           lost, and restores the rest\n"
	"  --max-size SIZE          how large the database may become (64GiB)\n"
	"  --quiet                  do not show on a terminal how far it is\n"
	"  --json                   print the result as JSON\n"
	"\n";

static const char recover_help[] =
	"vaultd recover: what an unseal refuses\n"
	"\n"
	"Usage: vaultd recover accept [OPTION]...\n"
	"\n"
	"For a data directory that was put back from a copy, or whose anchor is gone: its\n"
	"unseal says rollback, fork or anchor_missing. The daemon is stopped for this.\n"
	"Without --expect it only says what it finds. With it, everything in the store is\n"
	"opened and checked, and the vault becomes another history: nobody takes it for the\n"
	"one that went on elsewhere, and tokens of before end.\n"
	"\n"
	"Options:\n"
	"  --expect COUNTER         accept the store with this counter\n"
	"  --keep-tokens            tokens of before count: some may have been revoked since\n"
	"  --accept-loss            also when records are damaged or missing: lists what is\n"
	"                           lost and, with --expect, drops it\n"
	"  --config FILE            the daemon's configuration\n"
	"  --json                   print the result as JSON\n"
	"\n";

void offline_options_help(enum offline_command command)
{
	fputs(command == OFFLINE_RESTORE ? restore_help : recover_help, stdout);
	fputs(secrets_help, stdout);
	fputs(command == OFFLINE_RESTORE ?
		      "\nExamples:\n"
		      "  vaultd restore --key-file /root/vault.key /var/lib/vaultd < vault.backup\n"
		      "  vaultd restore --check --passphrase < vault.backup\n" :
		      "\nExamples:\n"
		      "  vaultd recover accept --key-file /root/vault.key\n"
		      "  vaultd recover accept --key-file /root/vault.key --expect 4711\n",
	      stdout);
}
