/*
 * A vault in a temporary directory, initialised and unsealed, with a clock that
 * the test moves; and short forms of the operations.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/vault.h"
#include "vault/clock.h"

#define SECOND 1000000LL
#define START_TIME (1700000000 * SECOND)
#define NO_CAS INT64_MIN

struct fixture {
	char directory[64];
	int64_t now;		/* moved by the test */
	struct vault *vault;
	struct caller root;
	struct mount_info mount;	/* secret/ */
	struct vault_init_result init;
};

/* For cmocka's group or test setup; *state becomes the fixture. The owner of personal mode is uid 4242. */
int fixture_start(void **state);
int fixture_stop(void **state);
#define FIXTURE_OWNER 4242
/* Closes the vault and opens the same directory again, sealed. */
void fixture_reopen(struct fixture *fixture);
enum error_code fixture_unseal(struct fixture *fixture);

/* A target that lives as long as the next eight calls. */
const struct kv_target *target_of(const struct fixture *fixture, const char *path);

/* Fills an op; data may be NULL. Text must outlive the op. */
void op_init(struct vault_op *op, const struct fixture *fixture, enum kv_change change, const char *path,
	     const char *data, int64_t cas);
/* Runs an op to its end. */
enum error_code op_run(const struct fixture *fixture, struct vault_op *op);

enum error_code put(const struct fixture *fixture, const char *path, const char *data);
enum error_code put_cas(const struct fixture *fixture, const char *path, const char *data, int64_t cas);
enum error_code change(const struct fixture *fixture, enum kv_change kind, const char *path, const char *data);
/* A change of listed revisions: "1,3". */
enum error_code change_listed(const struct fixture *fixture, enum kv_change kind, const char *path, const char *list);
/* Metadata from {"max_versions":3,"cas_required":true,"delete_version_after":60,"custom_metadata":{..}}. */
enum error_code metadata(const struct fixture *fixture, enum kv_change kind, const char *path, const char *json);

/*
 * "none", or the head and the current content: "current/oldest: 1- 2d 3x 4f | A=text#version@changed B:json#… C~template#… D!#…":
 * - live, d deleted, x destroyed, f deleted in the future; "gone" where the content cannot be read.
 */
void describe(const struct fixture *fixture, const char *path, char *text, size_t size);
void assert_state(const struct fixture *fixture, const char *path, const char *expected);
/* The content of one revision in the same form, or "gone", or "missing". */
void assert_content(const struct fixture *fixture, const char *path, uint64_t revision, const char *expected);
