/* The inside of check_image(), for check.c and check_environments.c. */
#pragma once

#include "check.h"
#include "core/vault.h"
#include "core/vault_state.h"

struct checking {
	const struct oracle *oracle;
	char data[2048], anchor[2048];
	char *finding;
	int64_t later;		/* how far the clock is ahead of the machine's */
	struct vault *vault;
	struct caller root;
	struct mount_info mount;	/* secret/ */
};

/* Writes the finding; false. */
bool found(struct checking *checking, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* True when the oracle allows the state, or knows nothing of the object. */
bool compare(struct checking *checking, const char *name, const char *state);

/* Every environment that is there or should be. */
bool check_environments(struct checking *checking);
/* A write is taken and read back; the environment is not one that the oracle may know. */
bool check_probe(struct checking *checking);
