/*
 * What an import decides, without talking to anybody: which versions both
 * sides have, and what has to be done so that they are the same.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/names.h"
#include "vault/secret_buf.h"

enum version_state {
	VERSION_ABSENT,	   /* never written, or gone with its number */
	VERSION_READABLE,  /* also one with a time at which it will be deleted, until reading shows that this is past */
	VERSION_DELETED,   /* marked; its content cannot be read */
	VERSION_DESTROYED, /* its content is gone */
};

struct version_entry {
	uint64_t number;
	enum version_state state;
	bool timed;	  /* has a time of deletion, past or to come */
	bool empty;	  /* was read, and has no variables */
	char created[40]; /* as the server says it; "" when it does not */
};

struct version_list {
	uint64_t current; /* the highest number; 0: none was ever written */
	size_t len;
	struct version_entry entries[LIMIT_MAX_VERSIONS]; /* by number */
	size_t left_out;				  /* older ones than fit */
	/* settings */
	int64_t max_versions; /* at most LIMIT_MAX_VERSIONS */
	bool cas_required;
	int64_t delete_after; /* seconds */
	bool odd_settings;    /* something of them cannot be kept as it is */
};

/* data of a metadata answer. ERR_PROTOCOL: versions that cannot be. */
enum error_code version_list_parse(const struct json_value *data, struct version_list *ret, struct error *err) must_check;
/* Makes it one readable version of number 1, settings as they are: a version 1 mount, or only the current version wanted.
 */
void version_list_single(struct version_list *list);
/* NULL when the number is not in the list; its state is then VERSION_ABSENT. */
struct version_entry *version_list_find(struct version_list *list, uint64_t number);
enum version_state version_list_state(struct version_list *list, uint64_t number);
bool version_settings_equal(const struct version_list *a, const struct version_list *b);

/*
 * What a version on both sides says about whether ours is a copy. equal: both were read and are the same; empty: ours was
 * read and has no variables, as the placeholder of a version that the source cannot give has before it is marked.
 */
enum version_match {
	MATCH_NO,
	MATCH_YES,	/* read on both sides */
	MATCH_FITS,	/* one side has no content, and that is how an import leaves it */
	MATCH_UNPROVEN, /* ours has content; the source's was deleted or fell out, perhaps since */
};
enum version_match version_compare(enum version_state source, enum version_state ours, bool equal, bool empty);
/* Whether a version of ours still needs the mark of the source's. Content of ours that fell out there stays. */
bool version_needs_mark(enum version_state source, enum version_state ours, bool empty);

enum import_action {
	IMPORT_EQUAL,	 /* nothing to do */
	IMPORT_NEW,	 /* all versions */
	IMPORT_RESUME,	 /* ours is the beginning of theirs: the versions behind it, marks, settings */
	IMPORT_UPDATE,	 /* ours is different: their current version as a new one (--update) */
	IMPORT_CONFLICT, /* ours is different */
	IMPORT_EMPTY,	 /* the source has nothing that can be read, and we were to take the current version only */
};
const char *import_action_name(enum import_action action); /* "new", for --json */

/* same_until: all of ours up to our current one match. marked: nothing is missing of marks and settings. */
enum import_action import_decide(uint64_t source_current, uint64_t ours_current, bool same_until, bool marked,
				 bool update);

/* The name of an environment for a path of the source: prefix (without its '/') becomes to. to NULL: as it is there.
 * ERR_INVALID: it cannot be the name of an environment. */
enum error_code import_target(const char *path, const char *prefix, const char *to, struct env_path *ret,
			      struct error *err) must_check;

/* What a revision could not hold, looked at before anything is written. what: "version 3 of shop/a". */
enum error_code import_check_values(const struct json_value *data, const char *what, struct error *err) must_check;
