/* The inside of check_image(), for check.c, check_environments.c, check_system.c and check_care.c. */
#pragma once

#include "check.h"
#include "core/vault.h"
#include "core/vault_state.h"

struct checking {
	const struct oracle *oracle;
	char data[2048], anchor[2048];
	char *finding;
	const char *image;	/* its directory */
	int64_t later;		/* how far the clock is ahead of the machine's */
	bool accepted;		/* by the check itself, as what a start had refused */
	struct vault *vault;
	struct caller root;
	struct mount_info mount;	/* secret/ */
};

/* Writes the finding; false. */
bool found(struct checking *checking, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True when the oracle allows the state, or knows nothing of the object. */
bool compare(struct checking *checking, const char *name, const char *state);

#define CHECK_WAIT_US (INT64_C(7200) * 1000000)	/* longer than any waiting after failed attempts */
struct slot_secret check_slot(const struct oracle_secret *secret);

/* A vault that was unsealed as it is: of a history that had to be accepted, it must be allowed that it was. */
bool check_opened(struct checking *checking);
/* A vault whose unseal was refused: when its history may still be one that a start refuses, it is accepted and unsealed. */
bool check_refused(struct checking *checking, const struct slot_secret *slot, const struct error *refusal);
/* Whether the vault's directory is there, before anything makes it. Nothing in it counts as absent. */
bool check_directory(struct checking *checking, bool *ret_absent);
/* The files of backups: whole, or not there. */
bool check_backups(struct checking *checking);

/* What the oracle knows of tokens, policies, mounts, schemas, quotas and cubbyholes. */
bool check_system(struct checking *checking);
/* Every environment that is there or should be. */
struct place {		/* of an environment in secret/ */
	struct env_path path;
	char api_path[1200];	/* below `what`: "secret/data", "secret/schema" */
	struct kv_target target;
};
bool check_place(struct checking *checking, const char *what, const char *path, struct place *ret);
bool check_environments(struct checking *checking);
/* A write is taken and read back; the environment is not one that the oracle may know. */
bool check_probe(struct checking *checking);
