/* Reading within one view, for core/ alone. The caller has decided and holds the view. */
#pragma once

#include <stdint.h>

#include "core/head_cache.h"
#include "core/vault.h"

/* kv_read() without the lock and the decision. */
enum error_code environment_read(struct vault *vault, struct records_view *view, const struct kv_target *target,
				 uint64_t revision, struct kv_read_result *ret, struct error *err) must_check;
/* kv_read_metadata() without the lock and the decision. */
enum error_code environment_metadata(struct vault *vault, struct records_view *view, const struct kv_target *target,
				     struct kv_read_result *ret, struct error *err) must_check;
/* One stored revision, deleted or not. ERR_NOT_FOUND when the head does not know it; a destroyed one is
 * ERR_REVISION_MISSING: look at the flags first. The caller frees both outputs. */
enum error_code environment_revision(struct records_view *view, const struct head_entry *entry, uint64_t revision,
				     struct secret_buf **ret_plain, struct revision_record *ret,
				     struct error *err) must_check;
/* ERR_DELETED with its sentence. */
enum error_code environment_deleted(const struct kv_target *target, uint64_t revision, struct error *err);
