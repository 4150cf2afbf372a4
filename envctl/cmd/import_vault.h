/*
 * `import --from-vault`: a key-value mount of another server becomes
 * environments here, with all versions.
 *
 * First everything is looked at and nothing is written: names, values, what is
 * here already. Then one environment after another is copied, version by version
 * under check-and-set, so that the numbers are those of the source. An import
 * that was interrupted goes on where it was: what is equal is left alone, and an
 * environment that is the beginning of the source's gets the rest.
 */
#pragma once

#include "client/kv_source.h"
#include "cmd/commands.h"
#include "cmd/import_versions.h"
#include "vault/env_set.h"
#include "vault/name_filter.h"

#define IMPORT_ENVIRONMENTS_MAX 100000
#define IMPORT_PLACEHOLDERS_MAX 10000 /* writes that only keep numbers in step, in one environment */

struct import_item {
	char *path; /* in the source's mount; owned */
	enum import_action action;
	uint64_t ours_current; /* our revision when it was looked at */
	uint64_t versions;     /* to write, placeholders among them */
	uint64_t placeholders;
};

struct import {
	const struct invocation *inv;
	struct vault_client *source, *target;
	struct kv_mount mount;	/* of the source */
	struct kv_mount secret; /* where environments are here */
	char place[KV_PATH_MAX];
	const char *prefix;	/* in the mount (points into place), without a '/' at its end */
	const char *to;		/* instead of the prefix; NULL: as it is there */
	char to_text[LIMIT_ENV_PATH_LEN + 2];
	uint64_t room; /* versions that an environment of ours keeps without being told */
	bool latest, update, dry_run;
	struct name_filter filter;
	struct import_item *items; /* owned */
	size_t len, size;
	size_t refused;	 /* names that no environment can have, or values that no revision can hold */
	size_t timed;	 /* versions whose time of deletion is still to come */
	size_t left_out; /* versions beyond LIMIT_MAX_VERSIONS */
	size_t odd_settings;
	bool progressing;
	bool has_schema; /* the environment at hand is there, and a schema counts for it */
	/* of the environment at hand; owned */
	struct env_path env;
	struct version_list *theirs, *ours;
	struct env_set *their_custom, *our_custom;
	struct secret_buf *custom; /* the source's custom metadata as JSON, an object */
};

/* The verb, when --from-vault is given. */
enum error_code import_from_vault(struct invocation *inv, struct error *err) must_check;

/* -- import_examine.c --------------------------------------------------------- */

/* Reads both sides of an item into import->theirs and ->ours and decides; values are checked. Also what import->env is.
 * ERR_INVALID and ERR_TOO_LARGE: this item cannot be imported, and why. */
enum error_code import_examine(struct import *import, struct import_item *item, struct error *err) must_check;
/* Again, right before writing, without deciding. ERR_CAS: it is not as it was examined. */
enum error_code import_look_again(struct import *import, const struct import_item *item, struct error *err) must_check;

/* -- import_copy.c ------------------------------------------------------------ */

/* Does what was decided. */
enum error_code import_copy(struct import *import, struct import_item *item, struct error *err) must_check;

/* -- import_report.c ---------------------------------------------------------- */

/* A line that is written over and over, on a terminal only. path NULL: wiped away. */
void import_progress(struct import *import, const char *what, size_t done, size_t of, const char *path);
/* One refused path and why, on standard error; the first ones only. */
void import_refuse(struct import *import, const char *path, const struct error *why);
enum error_code import_report(struct import *import, bool written, struct error *err) must_check;
