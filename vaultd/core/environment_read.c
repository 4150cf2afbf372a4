/* Reading environments: the hot path. One lock, one view, a cached head, one decryption. */
#include <sodium.h>
#include <string.h>

#include "core/environment_read.h"
#include "core/revision_build.h"
#include "core/vault_state.h"
#include "records/value.h"
#include "vault/limits.h"

void kv_read_result_free(struct kv_read_result *result)
{
	revision_record_free(&result->revision);
	secret_buf_free(result->plain);
	if (result->head_entry_)
		head_entry_free(result->head_entry_);	/* the head's arrays are the entry's */
	else
		head_record_free(&result->head);
	secret_buf_free(result->head_plain);
	*result = (struct kv_read_result){0};
}

enum error_code vault_load_head(struct vault *vault, struct records_view *view, const struct kv_target *target,
				struct head_entry **ret, struct error *err)
{
	enum error_code code = vault_mount_current(vault, target->mount, err);

	if (code != ERR_OK)
		return code;
	code = head_cache_get(vault->heads, view, target->mount->uuid, target->path, ret, err);
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "there is no environment %s", target->path->text);
	return code;
}

/* Hands the entry over to the result. */
static void result_take_head(struct kv_read_result *result, struct head_entry *entry)
{
	result->head_entry_ = entry;
	result->head = entry->head;
	memcpy(result->eid, entry->eid, ID_LEN);
}

enum error_code environment_revision(struct records_view *view, const struct head_entry *entry, uint64_t revision,
				     struct secret_buf **ret_plain, struct revision_record *ret, struct error *err)
{
	const struct head_revision *place = head_find_revision(&entry->head, revision);
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);

	if (!place || !plain)
		return error_set(err, place ? ERR_NO_MEMORY : ERR_NOT_FOUND,
				 place ? "no memory is left for an environment" : "there is no such revision");
	if (records_read_revision(view, entry->eid, revision, place->pin, plain, err) != ERR_OK ||
	    decode_revision(secret_buf_bytes(plain), secret_buf_len(plain), ret, err) != ERR_OK)
		return err->code;
	*ret_plain = take_ptr(plain);
	return ERR_OK;
}

enum error_code environment_read(struct vault *vault, struct records_view *view, const struct kv_target *target,
				 uint64_t revision, struct kv_read_result *ret, struct error *err)
{
	cleanup_(kv_read_result_freep) struct kv_read_result result = {0};
	struct head_entry *entry = NULL;
	const struct head_revision *place;
	enum error_code code = vault_load_head(vault, view, target, &entry, err);

	if (code != ERR_OK)
		return code;
	result_take_head(&result, entry);
	if (revision == 0)
		revision = entry->head.current;
	place = revision > 0 ? head_find_revision(&entry->head, revision) : NULL;
	if (!place)
		return error_set(err, ERR_NOT_FOUND, "the environment %s has no revision %ju", target->path->text,
				 (uintmax_t)revision);
	result.version = kv_version_of(&entry->head, revision);
	result.readable = revision_is_readable(place, vault_now(vault));
	if (result.readable &&
	    environment_revision(view, entry, revision, &result.plain, &result.revision, err) != ERR_OK)
		return err->code;
	*ret = result;
	result = (struct kv_read_result){0};
	return ERR_OK;
}

enum error_code environment_deleted(const struct kv_target *target, uint64_t revision, struct error *err)
{
	return error_set(err, ERR_DELETED, "revision %ju of the environment %s is deleted or destroyed",
			 (uintmax_t)revision, target->path->text);
}

enum error_code kv_read(struct vault *vault, const struct caller *caller, const struct kv_target *target,
			uint64_t revision, struct kv_read_result *ret, struct error *err)
{
	vault_use_scope use = {0};

	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    vault_decide(caller, CAP_READ, target->api_path, err) != ERR_OK)
		return err->code;
	return environment_read(vault, use.view, target, revision, ret, err);
}

enum error_code environment_metadata(struct vault *vault, struct records_view *view, const struct kv_target *target,
				     struct kv_read_result *ret, struct error *err)
{
	struct kv_read_result result = {0};
	struct head_entry *entry = NULL;
	const struct head_revision *place;

	if (vault_load_head(vault, view, target, &entry, err) != ERR_OK)
		return err->code;
	result_take_head(&result, entry);
	result.version = kv_version_of(&entry->head, entry->head.current);
	place = entry->head.current > 0 ? head_find_revision(&entry->head, entry->head.current) : NULL;
	result.readable = place && revision_is_readable(place, vault_now(vault));
	*ret = result;
	return ERR_OK;
}

enum error_code kv_read_metadata(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				 struct kv_read_result *ret, struct error *err)
{
	vault_use_scope use = {0};

	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    vault_decide(caller, CAP_READ, target->api_path, err) != ERR_OK)
		return err->code;
	return environment_metadata(vault, use.view, target, ret, err);
}

enum error_code kv_list(struct vault *vault, const struct caller *caller, const struct mount_info *mount,
			const char *prefix, const char *api_path, struct name_list *ret, struct error *err)
{
	vault_use_scope use = {0};
	enum error_code code;
	size_t len = strlen(prefix);

	if (vault_use_begin(vault, &use, err) != ERR_OK || vault_decide(caller, CAP_LIST, api_path, err) != ERR_OK ||
	    vault_mount_current(vault, mount, err) != ERR_OK)
		return err->code;
	if (len > LIMIT_ENV_PATH_LEN || (len > 0 && prefix[len - 1] != '/'))
		return error_set(err, ERR_INVALID,
				 "the prefix of a listing is empty or ends with '/', at most %d bytes long",
				 LIMIT_ENV_PATH_LEN);
	code = name_index_list(vault->names, mount->uuid, prefix, ret, err);
	if (code == ERR_NOT_FOUND)
		return error_set(err, ERR_NOT_FOUND, "there is no environment below %s%s", mount->path, prefix);
	return code;
}
