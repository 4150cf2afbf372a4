/*
 * The configuration: a file read with libconfuse, or the defaults of a personal
 * vault. Unknown keys are refused; each complaint names file and line, and what
 * to do. packaging/systemd/vaultd.conf is the commented example.
 *
 *   data_dir, anchor, anchor_mode (none, relaxed, strict), unseal_remote, personal
 *   listen_unix { path, mode, group }          may be repeated
 *   listen_tcp { address, port, certificate, key, plain }
 *   store { max_size }
 *   limits { connections, connections_per_peer, waiters }
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "http/server.h"
#include "options.h"
#include "records/records.h"
#include "vault/error.h"

#define CONFIG_LISTENERS 8
#define CONFIG_SYSTEM_FILE "/etc/vaultd/vaultd.conf"

struct config {
	char source[PATH_MAX];		/* the file, or "built-in defaults" */
	char data_dir[PATH_MAX];
	char anchor[PATH_MAX];		/* "": none */
	enum anchor_mode anchor_mode;
	bool personal;			/* whoever runs the daemon is root of the vault */
	bool unseal_remote;
	size_t max_size;
	size_t connections, connections_per_peer, waiters;	/* 0: the defaults */
	struct listen_options listen[CONFIG_LISTENERS];
	size_t listen_len;
};

/* The file of --config, else the personal or the system's file if there is one, else the defaults. ERR_CONFIG, ERR_NOT_FOUND. */
enum error_code config_load(const struct options *options, struct config *ret, struct error *err) must_check;

/* One file; what it leaves out is as in a personal vault when personal is set. */
enum error_code config_read_file(const char *path, bool personal, struct config *ret, struct error *err) must_check;
enum error_code config_personal(struct config *ret, struct error *err) must_check;

/* --dev: data in this directory, one listener from the text of --dev-listen-address (NULL: 127.0.0.1:8200). */
enum error_code config_dev(const char *data_dir, const char *listen_address, struct config *ret, struct error *err) must_check;

/* "64GiB", "512MiB", "1073741824" in bytes: KiB, MiB, GiB, TiB. False when it is none. */
bool config_parse_size(const char *text, size_t *ret);
