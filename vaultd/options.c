#include "options.h"

#include <getopt.h>
#include <string.h>

enum { OPT_DEV = 1000, OPT_DEV_ROOT, OPT_DEV_LISTEN, OPT_CONFIG, OPT_CHECK, OPT_VERSION, OPT_HELP };

static const struct option rows[] = {
	{ "dev", no_argument, NULL, OPT_DEV },
	{ "dev-root-token-id", required_argument, NULL, OPT_DEV_ROOT },
	{ "dev-listen-address", required_argument, NULL, OPT_DEV_LISTEN },
	{ "config", required_argument, NULL, OPT_CONFIG },
	{ "check-config", no_argument, NULL, OPT_CHECK },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ "help", no_argument, NULL, OPT_HELP },
	{ NULL, 0, NULL, 0 },
};

static bool take(struct options *options, int option)
{
	switch (option) {
	case OPT_DEV: options->dev = true; return true;
	case OPT_DEV_ROOT: options->dev_root_token = optarg; return true;
	case OPT_DEV_LISTEN: options->dev_listen_address = optarg; return true;
	case OPT_CONFIG: options->config_file = optarg; return true;
	case OPT_CHECK: options->check_config = true; return true;
	case OPT_VERSION: options->version = true; return true;
	case 'h':
	case OPT_HELP: options->help = true; return true;
	default: return false;
	}
}

static enum error_code check(const struct options *options, struct error *err)
{
	if (!options->dev && (options->dev_root_token || options->dev_listen_address))
		return error_set(err, ERR_USAGE, "--dev-root-token-id and --dev-listen-address need --dev");
	if (options->dev && (options->config_file || options->check_config))
		return error_set(err, ERR_USAGE, "--dev has no configuration file");
	return ERR_OK;
}

enum error_code options_parse(int argc, char *const argv[], struct options *ret, struct error *err)
{
	struct options options = {0};
	int option;

	opterr = 0;
	optind = 1;
	/* As Vault's, "-dev" with one dash is accepted. */
	while ((option = getopt_long_only(argc, argv, ":h", rows, NULL)) != -1) {
		if (option == ':')
			return error_set(err, ERR_USAGE, "%s needs a value (see vaultd --help)", argv[optind - 1]);
		if (!take(&options, option))
			return error_set(err, ERR_USAGE, "there is no option %s (see vaultd --help)", argv[optind - 1]);
	}
	if (optind < argc)
		return error_set(err, ERR_USAGE, "unexpected word \"%s\" (see vaultd --help)", argv[optind]);
	if (check(&options, err) != ERR_OK)
		return err->code;
	*ret = options;
	return ERR_OK;
}

void options_help(FILE *out)
{
	fputs("vaultd: keeps the environment variables of services encrypted and versioned\n"
	      "\n"
	      "Usage: vaultd [--config FILE] [--check-config]\n"
	      "       vaultd --dev [--dev-root-token-id TOKEN] [--dev-listen-address ADDRESS]\n"
	      "       vaultd restore [OPTION]... DIRECTORY < BACKUP\n"
	      "       vaultd recover accept [OPTION]...\n"
	      "\n"
	      "Without options it runs as a personal vault: data in $XDG_DATA_HOME/vaultd,\n"
	      "socket in $XDG_RUNTIME_DIR/vaultd/vaultd.sock, and whoever started it is root\n"
	      "of the vault. A file $XDG_CONFIG_HOME/vaultd/vaultd.conf (for root:\n"
	      "/etc/vaultd/vaultd.conf) is read when it exists.\n"
	      "\n"
	      "Options:\n"
	      "  --config FILE                 read this configuration\n"
	      "  --check-config                check the configuration, and start nothing\n"
	      "  --dev                         temporary data, unsealed, gone at the end\n"
	      "  --dev-root-token-id TOKEN     the root token of --dev, else one is made\n"
	      "  --dev-listen-address ADDRESS  127.0.0.1:8200 (the default) or unix:///path\n"
	      "  --version                     print the version\n"
	      "  -h, --help                    print this text\n"
	      "\n"
	      "Signals: TERM and INT answer what is under way and end the daemon; HUP reads\n"
	      "the TLS certificates again.\n"
	      "\n"
	      "Examples:\n"
	      "  vaultd                                   your own; then: envctl init\n"
	      "  vaultd --dev --dev-root-token-id root    a vault to try things with\n"
	      "  vaultd --dev --dev-listen-address unix:///tmp/v/v.sock\n"
	      "  vaultd --config /etc/vaultd/vaultd.conf --check-config\n",
	      out);
}
