/*
 * What a vault means: the typed operations of the daemon, without HTTP and
 * without LMDB. http/ includes this header and its parts, caller.h, action.h
 * and vault_*.h, and nothing else of core/. Here: opening and sealing,
 * environments, and what of a mount all of them need.
 *
 * Threads: all functions may be called by any thread. Reads answer at once.
 * Changes are struct vault_op: the operation is prepared on the calling thread,
 * committed by the writer thread, and done() is called there, once, when the
 * outcome is durable. done() must be quick (resume a connection). The caller
 * keeps the op and all that its request points to until done() was called; if
 * the submitting function returns an error, done() will not be called. Neither
 * done() nor the watcher may call any function of this header but
 * vault_op_release(): a seal waits for both.
 *
 * Every operation takes the caller and decides with vault_authorize() first:
 * default deny, ERR_DENIED for what exists and what does not alike. Everything
 * but status, init, unseal is ERR_SEALED while sealed.
 *
 * Time is the options' clock.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "core/action.h"
#include "core/caller.h"
#include "records/header.h"
#include "records/records.h"
#include "records/tables.h"
#include "vault/canon_path.h"
#include "vault/clock.h"
#include "vault/error.h"
#include "vault/finding.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/names.h"
#include "vault/secret_buf.h"

struct vault;

struct vault_options {
	struct records_options records;
	bool personal;		/* the owner's uid (over the Unix socket) is root of the vault */
	uid_t owner;
};

enum error_code vault_open(const struct vault_options *options, struct vault **ret, struct error *err) must_check;
void vault_close(struct vault *vault);	/* seals; NULL is allowed */

/* -- state ------------------------------------------------------------- */

struct vault_status {
	bool initialized, sealed, personal;
	char cluster_id[37];	/* UUID text of the store id; "" while sealed */
	char cluster_name[32];	/* "vault-cluster-" and 8 hex digits; "" while sealed */
	unsigned shares, threshold;	/* of the slot for shares; 1, 1 without one; 0, 0 when not initialised */
	unsigned progress;		/* shares that an unseal was given so far */
	char nonce[37];			/* of that unseal; "" when there is none */
	struct records_health records;
	size_t tokens, wrapped;		/* stored tokens; answers that wait to be unwrapped; 0 while sealed */
};
void vault_status(struct vault *vault, struct vault_status *ret);

/*
 * Initialises and unseals. slot NULL: Vault's form for one share: a random 32-byte key is made, put into a key-file slot
 * and given back. root_token (TOKEN text) may be chosen by a dev server, else NULL. Takes a second or more (Argon2):
 * call it on the slow worker, not on an event thread. The result's texts are wiped by vault_init_result_wipe().
 */
struct vault_init_result {
	char root_token[256];
	uint8_t key[32];	/* valid when slot was NULL */
	bool has_key;
};
enum error_code vault_init(struct vault *vault, const struct slot_secret *slot, const char *root_token,
			   struct vault_init_result *ret, struct error *err) must_check;
void vault_init_result_wipe(struct vault_init_result *result);
/*
 * Also slow. ERR_OK when it is unsealed already. SLOT_SHARES: any number of shares; they are collected until there are as many
 * as the slot asks for, so ERR_OK may leave it sealed (vault_status() says how many there are). A share that does not belong
 * to the vault or was given already is ERR_INVALID; what was collected stays. It is wiped by a reset, by the attempt that it
 * makes, and LIMIT_SHARE_MINUTES after the last share.
 */
enum error_code vault_unseal(struct vault *vault, const struct slot_secret *slot, struct error *err) must_check;
/* ERR_INVALID when it is unsealed. */
enum error_code vault_unseal_reset(struct vault *vault, struct error *err) must_check;

enum error_code vault_seal(struct vault *vault, const struct caller *caller, struct error *err) must_check;

/* -- mounts -------------------------------------------------------------- */

struct mount_info {
	uint8_t uuid[ID_LEN];
	char path[LIMIT_MOUNT_PATH_LEN + 1];	/* "secret/" */
	char type[32];		/* "kv" */
	char accessor[64];
	char description[LIMIT_MOUNT_DESCRIPTION_LEN + 1];
	unsigned version;	/* of KV: 1 or 2, else 0 */
	int64_t default_lease_ttl, max_lease_ttl;	/* seconds; 0: the system's */
	bool listed;		/* shown to those without identity */
};
/* All mounts, sorted by path; *ret is malloc'ed. */
enum error_code vault_mounts(struct vault *vault, const struct caller *caller, struct mount_info **ret, size_t *ret_len,
			     struct error *err) must_check;
/* The mount that holds a path ("secret/data/x", "secret"); ERR_NOT_FOUND. No authorisation: the caller decides. More of
 * mounts is in vault_mounts.h. */
enum error_code vault_mount_of(struct vault *vault, const char *path, struct mount_info *ret, struct error *err) must_check;

/* -- environments (KV version 2) ----------------------------------------- */

struct kv_version {		/* of one revision */
	uint64_t revision;	/* 0: none */
	int64_t created, deletion;
	bool destroyed;
};

struct kv_read_result {
	struct kv_version version;
	uint8_t eid[ID_LEN];
	bool readable;			/* false: deleted or destroyed; revision is then empty */
	struct secret_buf *plain;	/* what revision points into */
	struct revision_record revision;
	struct secret_buf *head_plain;	/* NULL: head points into a cached entry, which the result holds */
	struct head_record head;	/* custom metadata, settings */
	/* core's own */
	struct head_entry *head_entry_;
};
void kv_read_result_free(struct kv_read_result *result);

struct kv_target {
	const struct mount_info *mount;
	const struct env_path *path;
	const char *api_path;	/* for vault_authorize(), without "/v1/" */
};

/* revision 0: the current one. ERR_NOT_FOUND: no such environment or revision. A deleted or destroyed revision is ERR_OK
 * with readable false. */
enum error_code kv_read(struct vault *vault, const struct caller *caller, const struct kv_target *target, uint64_t revision,
			struct kv_read_result *ret, struct error *err) must_check;
/* Head only, for metadata. */
enum error_code kv_read_metadata(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				 struct kv_read_result *ret, struct error *err) must_check;

/* Sorted names below a prefix ("" or "shop/"; anything else is ERR_INVALID): leaves as "x", folders as "x/". One malloc'ed
 * block: count texts, each with its NUL. ERR_NOT_FOUND when there is nothing. */
struct name_list {
	char *block;
	size_t block_len, count;
};
void name_list_free(struct name_list *list);
enum error_code kv_list(struct vault *vault, const struct caller *caller, const struct mount_info *mount,
			const char *prefix, const char *api_path, struct name_list *ret, struct error *err) must_check;

/* Changes. */
enum kv_change {
	KV_PUT,			/* data: the whole environment */
	KV_PATCH,		/* data: JSON merge patch of the current revision */
	KV_ROLLBACK,		/* revision: becomes the content of a new revision */
	KV_DELETE,		/* soft-deletes the current revision */
	KV_DELETE_REVISIONS,	/* soft-deletes the listed ones */
	KV_UNDELETE,
	KV_DESTROY,
	KV_METADATA_PUT,	/* creates the environment with no revision when it is missing; without any field: no change */
	KV_METADATA_PATCH,
	KV_METADATA_DELETE,	/* the environment with everything */
};

struct kv_metadata_change {
	bool has_max_versions, has_cas_required, has_delete_after, has_custom;
	int64_t max_versions;		/* over LIMIT_MAX_VERSIONS or negative: ERR_INVALID; 0: the default */
	bool cas_required;
	int64_t delete_after_s;		/* negative: never */
	struct json_value custom;	/* object of strings; in a patch null removes */
};

/* Kinds of the variables that a write gives (docs/templates.md): lists of names, as validated JSON arrays. */
struct kv_kinds {
	bool has_templates, has_unset;
	bool only_given;	/* set by the vault: who writes does not read what is there */
	struct json_value templates, unset;
};

struct vault_op;
typedef void vault_op_done(struct vault_op *op, enum error_code outcome, const struct error *err);

struct vault_op {
	/* set by the caller before vault_submit() */
	enum kv_change change;
	const struct caller *caller;
	struct kv_target target;
	struct json_value data;		/* KV_PUT, KV_PATCH: validated object text (json_scan) */
	struct kv_kinds kinds;		/* of these */
	bool has_cas;
	int64_t cas;
	uint64_t revision;		/* KV_ROLLBACK */
	const int64_t *revisions;	/* listed revisions */
	size_t revisions_len;
	struct kv_metadata_change metadata;
	const char *message;		/* why, or NULL; at most LIMIT_MESSAGE_LEN bytes of UTF-8 */
	size_t message_len;
	vault_op_done *done;
	void *arg;
	/* the result, valid in and after done() when the outcome is ERR_OK. KV_PATCH of a deleted revision: ERR_DELETED. */
	struct kv_version result;
	struct secret_buf *head_plain;	/* the environment's new head, for custom metadata */
	struct head_record head;
	char warning[ERROR_TEXT_MAX];	/* why the result could not be resolved and checked; "": it was */
	/* What the schema says (vault_schema.h), also when the outcome is ERR_SCHEMA: only what the caller may be told; the
	 * other errors are counted. */
	struct findings findings;
	size_t findings_hidden;
	/* core's own */
	struct vault *vault_;
	struct records_request request_;
	void *work_;
};
/* ERR_OK: done() will be called. */
enum error_code vault_submit(struct vault *vault, struct vault_op *op, struct error *err) must_check;
/* Frees what the result holds; also after a failure, for the findings. */
void vault_op_release(struct vault_op *op);
/* Submits and waits; for tests and start-up, never on an event thread. */
enum error_code vault_submit_wait(struct vault *vault, struct vault_op *op, struct error *err) must_check;

/* Mount configuration (GET and POST secret/config). */
struct kv_config {
	bool cas_required;
	int64_t max_versions;
	int64_t delete_after_s;
};
enum error_code kv_config_read(struct vault *vault, const struct caller *caller, const struct mount_info *mount,
			       struct kv_config *ret, struct error *err) must_check;
/* Changes what the parts have (custom has no place here); needs update and no read. Waits for the commit: call it on the slow worker. */
enum error_code kv_config_write(struct vault *vault, const struct caller *caller, const struct mount_info *mount,
				const struct kv_metadata_change *parts, struct error *err) must_check;

/* -- what Vault does not have ---------------------------------------------- */

/*
 * As a process should see it: parents merged, templates evaluated (docs/templates.md), all in one view. Needs read on every
 * environment that is touched. revision counts for this environment; all others are as they are today. ERR_DELETED when the
 * revision is deleted; ERR_UNRESOLVED, ERR_DENIED name the parent, the template or the circle. ETag is
 * "<eid hex 8>-<revision>-<settings pin hex 8>", and with parents or templates "<eid hex 8>-<revision>-<16 hex digits of all
 * that was touched>".
 */
struct kv_resolved {
	struct kv_read_result read;	/* of the environment itself */
	char etag[64];
	char **allow_names;	/* its own, that `run` may accept; malloc'ed block of pointers and texts */
	size_t allow_names_len;
	const struct variable *variables;	/* sorted; with masks (KIND_UNSET), which are no variables */
	size_t variables_len;
	const struct text_span *origins;	/* the environment that each is written in; NULL: all in this one */
	struct name_list touched;	/* other environments that it depends on, of the same mount */
	/* core's own */
	struct resolve_graph *graph_;
	void *arrays_;
};
void kv_resolved_free(struct kv_resolved *resolved);
enum error_code kv_resolve(struct vault *vault, const struct caller *caller, const struct kv_target *target,
			   uint64_t revision, struct kv_resolved *ret, struct error *err) must_check;
/* Called on the writer thread after a change of an environment was committed (its mount's path and its own), and with
 * both NULL when everything changed (seal). For blocking reads. */
void vault_set_watcher(struct vault *vault, void (*changed)(void *arg, const char *mount_path, const char *path), void *arg);

/*
 * Settings of an environment beside KV's. patch is a validated object of one or both of "allow_names" (names that `run` may
 * accept: a list of portable names) and "parents" (paths of environments of the same mount, later ones win); null and an
 * empty list take the setting away, what is absent stays. Needs patch on the data/ path; parents need read on theirs, too,
 * and must exist, resolve, and form no circle. Slow worker.
 */
enum error_code kv_settings_write(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				  const struct json_value *patch, struct error *err) must_check;
/* Reads them: allow_names, read.head.parents; and the content of a revision (0: the current one), for its kinds: read.revision
 * is empty when it is deleted, or there is none yet. ERR_NOT_FOUND: no such environment or revision. */
enum error_code kv_settings_read(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				 uint64_t revision, struct kv_resolved *ret, struct error *err) must_check;

/* Newest first, at most limit revisions below `before` (0: from the newest); optionally only those in which the variable
 * `name` changed. */
struct kv_history_entry {
	struct kv_version version;
	char actor[65], accessor[41], message[LIMIT_MESSAGE_LEN + 1];	/* "" when the revision is destroyed */
	struct name_list changed, added, removed;	/* names against the revision before; names only, never values */
	bool baseline;	/* the revision before is gone: everything counts as added */
};
struct kv_history {
	struct kv_history_entry *entries;
	size_t len;
};
void kv_history_free(struct kv_history *history);
enum error_code kv_history(struct vault *vault, const struct caller *caller, const struct kv_target *target,
			   const char *name /* or NULL */, uint64_t before, size_t limit, struct kv_history *ret,
			   struct error *err) must_check;

/* Masked differences between two revisions, also of two environments (needs read on both). 0: the current revision. */
enum diff_change { DIFF_ADDED, DIFF_REMOVED, DIFF_CHANGED };
struct kv_diff_entry {
	char *name;		/* malloc'ed */
	size_t name_len;
	enum diff_change change;
	uint64_t from_changed_revision, to_changed_revision;	/* 0: absent there */
};
struct kv_diff {
	struct kv_diff_entry *entries;	/* by name */
	size_t len;
	size_t unchanged;
	uint64_t from_revision, to_revision;
};
void kv_diff_free(struct kv_diff *diff);
enum error_code kv_diff(struct vault *vault, const struct caller *caller, const struct kv_target *from, uint64_t from_revision,
			const struct kv_target *to, uint64_t to_revision, struct kv_diff *ret, struct error *err) must_check;

/*
 * Seals when something else than the daemon changed the store behind its back: the keys go, and the next unseal's checks
 * say what it was. True when it did so. From the thread of vault_tick().
 */
bool vault_seal_tampered(struct vault *vault);

/* Housekeeping, once a second, from one thread. */
void vault_tick(struct vault *vault);

static inline void kv_read_result_freep(struct kv_read_result *result)
{
	kv_read_result_free(result);
}
static inline void kv_resolved_freep(struct kv_resolved *resolved)
{
	kv_resolved_free(resolved);
}
