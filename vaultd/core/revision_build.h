/*
 * A new revision and the new head that goes with it, computed from the old
 * ones. Pure functions: no clock, no store; the pin of the revision comes from
 * the caller once it was sealed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/json_data.h"
#include "core/text_pool.h"
#include "core/vault.h"
#include "records/tables.h"
#include "vault/error.h"

/*
 * Gives every variable of the list its version, changed_revision and changed: those of `before` when kind and value
 * are the same, one version more when they differ, version 1 when it was not there. before NULL: there is none.
 */
void variables_carry(struct variable_list *list, const struct revision_record *before, uint64_t revision, int64_t now);

/* ERR_TOO_LARGE, naming the size and the limit. */
enum error_code revision_check_size(const struct revision_record *record, struct error *err) must_check;

/* What applies to an environment: its own setting, or its mount's. */
uint64_t effective_max_versions(const struct head_record *head, const struct kv_config *mount);
/* When a revision made (or undeleted) now is deleted by itself; 0: never. A mount's negative value switches this off;
 * when both are set the sooner one counts. */
int64_t effective_deletion(const struct head_record *head, const struct kv_config *mount, int64_t now);

/* Deletion is due or the revision was destroyed. */
bool revision_is_readable(const struct head_revision *entry, int64_t now);
struct kv_version kv_version_of(const struct head_record *head, uint64_t revision);

/* A head that is being changed: owns its arrays; spans point to the old head, the request or its pool. */
struct head_draft {
	struct head_record head;
	struct text_pool texts;
};
void head_draft_wipe(struct head_draft *draft);
/* A copy of old with room for one revision more. ret must be zeros. ERR_NO_MEMORY. */
enum error_code head_draft_copy(const struct head_record *old, struct head_draft *ret, struct error *err) must_check;
/* A head without revisions. path is borrowed. */
enum error_code head_draft_new(const uint8_t mount[static ID_LEN], const struct env_path *path, int64_t now,
			       struct head_draft *ret, struct error *err) must_check;
/* Appends revision current + 1; once for each draft. */
void head_draft_add(struct head_draft *draft, int64_t created, int64_t deletion, const uint8_t pin[static PIN_LEN]);
/* Takes the oldest revision off and says whether it was destroyed already. */
void head_draft_drop_oldest(struct head_draft *draft, uint64_t *ret_revision, bool *ret_destroyed);
/*
 * Custom metadata from a validated value: an object of strings, or null. patch: null members remove, others stay; else
 * the object replaces all. ERR_INVALID names the limit.
 */
enum error_code head_draft_custom(struct head_draft *draft, const struct json_value *custom, bool patch,
				  struct error *err) must_check;
