/* The dev server: temporary data, initialised and unsealed, everything gone at the end. */
#pragma once

#include <limits.h>

#include "config.h"
#include "core/vault.h"
#include "options.h"
#include "vault/error.h"

struct dev {
	char directory[PATH_MAX];	/* ours, 0700; "" when there is none */
	char parent[PATH_MAX];
};

enum error_code dev_make_directory(struct dev *dev, struct error *err) must_check;
/* Removes the directory and the files in it; harmless when there is none. */
void dev_remove_directory(struct dev *dev);
/* Initialises the vault and prints how to reach it, with the root token, on standard output. port: of TCP. */
enum error_code dev_start_vault(struct vault *vault, const struct options *options, const struct config *config, int port,
				struct error *err) must_check;
