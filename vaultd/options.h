/* The command line of vaultd. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "vault/error.h"

struct options {
	bool help, version, check_config;
	bool dev;
	const char *config_file;		/* NULL: the places of config.h */
	const char *dev_root_token;		/* NULL: one is made */
	const char *dev_listen_address;		/* NULL: 127.0.0.1:8200 */
};

/* ERR_USAGE with a sentence that names the option. The texts belong to argv. */
enum error_code options_parse(int argc, char *const argv[], struct options *ret, struct error *err) must_check;
void options_help(FILE *out);
