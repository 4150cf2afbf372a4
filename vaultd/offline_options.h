/* The command lines of `vaultd restore` and `vaultd recover`. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "slot_input.h"
#include "vault/error.h"

struct offline_options {
	struct slot_input_options slot;
	bool json, help, keep_tokens, accept_loss;
	/* restore */
	bool check, quiet;
	const char *anchor;		/* NULL: none */
	size_t max_size;
	/* recover */
	const char *config_file;
	bool has_expect;
	uint64_t expect;
	/* the words behind the options */
	char **words;
	size_t words_len;
};

enum offline_command { OFFLINE_RESTORE, OFFLINE_RECOVER };

/* ERR_USAGE with a sentence that names the option. The texts belong to argv. */
enum error_code offline_options_parse(enum offline_command command, int argc, char **argv, struct offline_options *ret,
				      struct error *err) must_check;
void offline_options_help(enum offline_command command);
