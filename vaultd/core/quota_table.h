/*
 * The quotas, in memory: filled at unseal, kept by the feed; and the buckets of
 * the clients. Any thread; without a quota, a request costs one atomic load.
 */
#pragma once

#include "core/vault_quotas.h"
#include "records/records.h"

struct quota_table;
void quota_table_free(struct quota_table *table);
struct quota_table *quota_table_new(void) owned_by(quota_table_free);
void quota_table_clear(struct quota_table *table);	/* wiped */

/* A quota as it stands in the store. ERR_RECORD. */
enum error_code quota_decode(const uint8_t *plain, size_t len, struct quota_rule *ret, struct error *err) must_check;
enum error_code quota_encode(const struct quota_rule *rule, struct secret_buf *out, struct error *err) must_check;

/* What the feed and the loader tell. A quota that changes gives every client a full bucket. */
enum error_code quota_table_change(struct quota_table *table, const struct records_change *change,
				   struct error *err) must_check;
bool quota_table_find(struct quota_table *table, const char *name, struct quota_rule *ret);
enum error_code quota_table_names(struct quota_table *table, struct name_list *ret, struct error *err) must_check;
/* now_us is monotonic. */
void quota_table_take(struct quota_table *table, const uint8_t client[static QUOTA_CLIENT_LEN], const char *path,
		      int64_t now_us, struct quota_verdict *ret);
