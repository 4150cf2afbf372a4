/*
 * A sealed store in a directory of its own, for the tests of records/: environments by name, changes that are waited for, and a
 * hand that changes vault.db behind its back.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "records/records.h"

struct vault_fixture {
	char directory[64], anchor_path[80];
	uint8_t key[32];
	bool anchored;
	bool walks;			/* the structure, at a start and in a check; not after raw_put(), whose traces it finds */
	enum anchor_mode anchor_mode;	/* strict, unless a test wants another */
	size_t max_size;
	struct records *records;
	int64_t now;
};

int vault_fixture_setup(void **state);
int vault_fixture_setup_anchored(void **state);
int vault_fixture_setup_empty(void **state);	/* anchored, opened, not initialised */
int vault_fixture_teardown(void **state);
enum error_code vault_fixture_init(struct vault_fixture *fixture, struct error *err);

void vault_fixture_open(struct vault_fixture *fixture);
void vault_fixture_close(struct vault_fixture *fixture);
enum error_code vault_fixture_unseal(struct vault_fixture *fixture, struct error *err);
/* Open and unseal; the code, with the store closed again on failure. */
enum error_code vault_fixture_start(struct vault_fixture *fixture, struct error *err);

/* A new revision of an environment with one variable; the outcome. */
enum error_code vault_put(struct vault_fixture *fixture, const char *name, const char *value);
enum error_code vault_destroy(struct vault_fixture *fixture, const char *name);
/* A wrapped answer, the same each time. */
enum error_code vault_put_wrapped(struct vault_fixture *fixture);
/* The value of the current revision into out (NUL-terminated), or the error. */
enum error_code vault_get(struct vault_fixture *fixture, const char *name, char *out, size_t max);

/* The same, as the test demands it. */
void vault_must_start(struct vault_fixture *fixture, enum error_code wanted);
void vault_must_put(struct vault_fixture *fixture, const char *name, const char *value);
void vault_must_hold(struct vault_fixture *fixture, const char *name, const char *wanted);

/* While the store is closed. Keys and values are copies; free() them. */
struct raw_record {
	uint8_t key[64];
	size_t key_len;
	uint8_t *value;
	size_t value_len;
};
/* Record number n of a table in key order; false when there are not as many. */
bool raw_find(const struct vault_fixture *fixture, uint8_t table, unsigned n, struct raw_record *ret);
/* value NULL: delete. LMDB's transaction is then hidden, so that the store looks as if nothing had been written. */
void raw_put(const struct vault_fixture *fixture, const struct raw_record *at, const uint8_t *value, size_t len);
/* The same by another process while the store is open: LMDB's own transaction, not hidden. */
void raw_put_live(const struct vault_fixture *fixture, const struct raw_record *at, const uint8_t *value, size_t len);
/* Record number n of a table loses a bit, or is removed; hidden as by raw_put(). */
void raw_damage(const struct vault_fixture *fixture, uint8_t table, unsigned n, bool remove);

/* The closed vault's files (not its anchor) beside themselves, as "a" or "b", and back again. */
void vault_keep(const struct vault_fixture *fixture, const char *name);
void vault_put_back(const struct vault_fixture *fixture, const char *name);
void vault_forget_kept(const struct vault_fixture *fixture);	/* the teardown does it */
void vault_copy_file(const char *from, const char *to);
