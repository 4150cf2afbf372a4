/*
 * The mounts, in memory: filled at unseal, kept by the feed. Few and read
 * often. Any thread.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vault.h"
#include "core/vault_mounts.h"
#include "records/tables.h"
#include "vault/error.h"

struct mount {
	struct mount_info info;
	struct kv_config config;
	uint8_t class_;
	bool going;		/* disabled: nobody finds it by a path any more, its environments are being destroyed */
	uint8_t pin[PIN_LEN];	/* of the record that this was read from */
};

#define MOUNT_DEFAULT "secret/"
#define MOUNT_RESOLVED "resolved/"

struct mount_table;
void mount_table_free(struct mount_table *table);
struct mount_table *mount_table_new(void) owned_by(mount_table_free);
void mount_table_clear(struct mount_table *table);

/* A mount as it stands in the store; uuid is in the key. ERR_RECORD. */
enum error_code mount_decode(const struct record_key *key, const uint8_t *plain, size_t len, const uint8_t *pin,
			     struct mount *ret, struct error *err) must_check;
/* The encoding of a mount's record. */
enum error_code mount_encode(const struct mount *mount, struct secret_buf *out, struct error *err) must_check;

/* A new mount with a random id; the accessor is the given word and random digits. */
void mount_make(struct mount *ret, uint8_t class_, const char *path, const char *type, const char *accessor);

/* Adds or replaces (same uuid). */
enum error_code mount_table_put(struct mount_table *table, const struct mount *mount, struct error *err) must_check;
void mount_table_remove(struct mount_table *table, const uint8_t uuid[static ID_LEN]);
/* By its id, also when it is going. */
bool mount_table_find(struct mount_table *table, const uint8_t uuid[static ID_LEN], struct mount *ret);
/* One that is going. */
bool mount_table_going(struct mount_table *table, struct mount *ret);
/* The longest mount that holds the path; and the one at exactly this path, with or without its slash. */
bool mount_table_holding(struct mount_table *table, const char *path, struct mount *ret);
bool mount_table_at(struct mount_table *table, const char *path, struct mount *ret);
/* Whether this mount is still at its path. */
bool mount_table_is_current(struct mount_table *table, const struct mount_info *info);
/* All that are not going, sorted by path, malloc'ed. */
enum error_code mount_table_all(struct mount_table *table, struct mount_info **ret, size_t *ret_len,
				struct error *err) must_check;

/* Remounts, for those who ask how theirs went. */
void mount_table_moved(struct mount_table *table, const struct mount_migration *migration);
bool mount_table_migration(struct mount_table *table, const char *id, struct mount_migration *ret);

/* What a new vault has: secret/, cubbyhole/, auth/token/, auth/peer/, with random ids. */
#define INITIAL_MOUNTS 4
void mounts_initial(struct mount ret[static INITIAL_MOUNTS]);
/* What every vault has without a record: identity/, resolved/, sys/, with ids that follow from the store's. */
#define BUILT_IN_MOUNTS 3
void mounts_built_in(const uint8_t store_id[static ID_LEN], struct mount ret[static BUILT_IN_MOUNTS]);
