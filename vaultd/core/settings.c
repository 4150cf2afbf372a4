/* Settings of an environment beside KV's, and the configuration of a mount. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/allow_names.h"
#include "core/head_touch.h"
#include "core/parents.h"
#include "core/revision_build.h"
#include "core/vault_state.h"
#include "core/write_check.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/names.h"

/* -- allow_names --------------------------------------------------------- */

void allow_names_free(char **names, size_t len)
{
	if (!names)
		return;
	for (size_t i = 0; i < len; i++)
		sodium_memzero(names[i], strlen(names[i]));
	free(names);
}

/* Names are portable ones, so their JSON text holds no escapes. */
static bool portable_element(const struct json_value *element)
{
	struct json_span name;

	if (element->kind != JSON_SCAN_STRING || element->escaped)
		return false;
	name = json_string_span(element);
	return name.len <= LIMIT_VARIABLE_NAME_LEN && variable_name_is_portable(name.at, name.len);
}

static char **block_of(const struct json_value *list, size_t count)
{
	char **names = calloc(1, count * sizeof(char *) + list->raw.len);
	struct json_value element;
	size_t cursor = 0, i = 0;
	char *text;

	if (!names)
		return NULL;
	text = (char *)(names + count);
	while (i < count && json_next_element(list, &cursor, &element)) {
		struct json_span name = json_string_span(&element);

		memcpy(text, name.at, name.len);
		names[i++] = text;
		text += name.len + 1;	/* the quotes leave room for the NUL */
	}
	return names;
}

static bool all_portable(const struct json_value *list)
{
	struct json_value element;
	size_t cursor = 0;

	while (json_next_element(list, &cursor, &element))
		if (!portable_element(&element))
			return false;
	return true;
}

enum error_code allow_names_read(struct text_span settings, char ***ret, size_t *ret_len, struct error *err)
{
	struct error damaged = ERROR_INIT;
	struct json_value object, list;
	size_t count;

	*ret = NULL;
	*ret_len = 0;
	if (settings.len == 0)
		return ERR_OK;
	if (json_scan(settings.at, settings.len, &object, &damaged) != ERR_OK || object.kind != JSON_SCAN_OBJECT)
		return error_set(err, ERR_RECORD, "the settings of an environment are not a JSON object");
	if (!json_find(&object, "allow_names", &list))
		return ERR_OK;
	count = list.kind == JSON_SCAN_ARRAY ? json_count(&list) : 0;
	if (count == 0 || !all_portable(&list))
		return error_set(err, ERR_RECORD, "the settings of an environment hold names that cannot be");
	*ret = block_of(&list, count);
	if (!*ret)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's settings");
	*ret_len = count;
	return ERR_OK;
}

static enum error_code check_names(const struct json_value *list, struct error *err)
{
	size_t count;

	if (list->kind == JSON_SCAN_NULL)
		return ERR_OK;
	if (list->kind != JSON_SCAN_ARRAY)
		return error_set(err, ERR_INVALID, "allow_names is a list of names, or null");
	count = json_count(list);
	if (count > LIMIT_ALLOW_NAMES)
		return error_set(err, ERR_INVALID, "allow_names holds %zu names, the limit is %d", count,
				 LIMIT_ALLOW_NAMES);
	if (!all_portable(list))
		return error_set(err, ERR_INVALID,
				 "allow_names may hold only names of the form [A-Za-z_][A-Za-z0-9_]*");
	return ERR_OK;
}

enum error_code allow_names_patch(const struct json_value *list, struct secret_buf *out, struct error *err)
{
	struct json_value element;
	size_t cursor = 0;
	const char *before = "";

	if (check_names(list, err) != ERR_OK)
		return err->code;
	if (list->kind == JSON_SCAN_NULL || json_count(list) == 0)
		return ERR_OK;
	json_emit_raw(out, "{\"allow_names\":[");
	while (json_next_element(list, &cursor, &element)) {
		json_emit_raw(out, before);
		json_emit_raw_n(out, element.raw.at, element.raw.len);
		before = ",";
	}
	json_emit_raw(out, "]}");
	return secret_buf_check(out, "the settings of the environment", err);
}

/* -- writing settings ---------------------------------------------------- */

struct settings_write {
	const struct caller *caller;
	const struct kv_target *target;
	const struct secret_buf *text;	/* of allow_names; empty: none any more; NULL: as they are */
	const struct parent_list *parents;	/* NULL: as they are */
};

static enum error_code put_settings(const struct settings_write *change, const struct head_entry *entry,
				    struct records_write *write, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct record_key key = record_key_id(TABLE_SETTINGS, entry->eid);

	if (secret_buf_len(change->text) == 0)
		return entry->settings.len > 0 ? records_delete(write, &key, err) : ERR_OK;
	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the environment's settings");
	encode_text(encoding, secret_buf_text(change->text), secret_buf_len(change->text));
	if (secret_buf_check(encoding, "the settings of the environment", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, entry->eid, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

static enum error_code check_parents(struct vault *vault, const struct settings_write *change,
				     const struct head_entry *entry, struct records_view *view,
				     struct records_write *write, struct error *err)
{
	const struct parents_check check = {
		.vault = vault,
		.view = view,
		.write = write,
		.caller = change->caller,
		.target = change->target,
		.entry = entry,
		.parents = change->parents->items,
		.parents_len = change->parents->len,
	};

	return parents_check(&check, err);
}

static enum error_code prepare_settings(struct records_request *request, struct records_view *view,
					struct records_write *write, struct error *err)
{
	const struct waited_request *waited = waited_request_of(request);
	const struct settings_write *change = waited->arg;
	cleanup_(head_entry_freep) struct head_entry *entry = NULL;

	if (vault_load_head(waited->vault, view, change->target, &entry, err) != ERR_OK)
		return err->code;
	if (change->parents && check_parents(waited->vault, change, entry, view, write, err) != ERR_OK)
		return err->code;
	if (change->text && put_settings(change, entry, write, err) != ERR_OK)
		return err->code;
	if (!change->parents)
		return head_touch(entry, vault_now(waited->vault), write, err);
	return head_touch_parents(entry, vault_now(waited->vault), change->parents->items, change->parents->len, write, err);
}

struct settings_patch {
	bool has_names, has_parents;
	struct json_value names, parents;
};

static enum error_code read_patch(const struct json_value *patch, struct settings_patch *ret, struct error *err)
{
	*ret = (struct settings_patch){0};
	if (patch->kind == JSON_SCAN_OBJECT) {
		ret->has_names = json_find(patch, "allow_names", &ret->names);
		ret->has_parents = json_find(patch, "parents", &ret->parents);
		if (json_count(patch) == (size_t)ret->has_names + ret->has_parents && json_count(patch) > 0)
			return ERR_OK;
	}
	return error_set(err, ERR_INVALID, "settings are an object with allow_names, parents, or both");
}

enum error_code kv_settings_write(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				  const struct json_value *patch, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_REVISION_PLAIN);
	cleanup_(parent_list_wipe) struct parent_list parents = {0};
	struct settings_write change = { .caller = caller, .target = target };
	struct settings_patch wanted;

	if (vault_authorize(vault, caller, CAP_PATCH, target->api_path, err) != ERR_OK)
		return err->code;
	if (!text)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the environment's settings");
	if (read_patch(patch, &wanted, err) != ERR_OK ||
	    (wanted.has_names && allow_names_patch(&wanted.names, text, err) != ERR_OK) ||
	    (wanted.has_parents && parent_list_read(&wanted.parents, &parents, err) != ERR_OK))
		return err->code;
	change.text = wanted.has_names ? text : NULL;
	change.parents = wanted.has_parents ? &parents : NULL;
	return vault_commit(vault, prepare_settings, &change, err);
}

/* -- the configuration of a mount ---------------------------------------- */

enum error_code kv_config_read(struct vault *vault, const struct caller *caller, const struct mount_info *mount,
			       struct kv_config *ret, struct error *err)
{
	vault_use_scope use = {0};
	char path[sizeof(mount->path) + sizeof("config")];
	struct mount found;

	stpcpy(stpcpy(path, mount->path), "config");
	if (vault_use_begin(vault, &use, err) != ERR_OK || vault_decide(caller, CAP_READ, path, err) != ERR_OK ||
	    vault_kv_mount(vault, mount, &found, err) != ERR_OK)
		return err->code;
	*ret = found.config;
	return ERR_OK;
}

struct config_write {
	const struct mount_info *mount;
	const struct kv_metadata_change *parts;
};

static void apply_config(struct kv_config *config, const struct kv_metadata_change *parts)
{
	if (parts->has_cas_required)
		config->cas_required = parts->cas_required;
	if (parts->has_max_versions)
		config->max_versions = parts->max_versions;
	if (parts->has_delete_after)
		config->delete_after_s = parts->delete_after_s < 0 ? -1 : parts->delete_after_s;
}

static enum error_code prepare_config(struct records_request *request, struct records_view *view,
				      struct records_write *write, struct error *err)
{
	const struct waited_request *waited = waited_request_of(request);
	const struct config_write *change = waited->arg;
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct record_key key = record_key_id(TABLE_MOUNT, change->mount->uuid);
	struct mount mount;

	(void)view;
	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the mount's record");
	if (vault_kv_mount(waited->vault, change->mount, &mount, err) != ERR_OK ||
	    records_guard(write, &key, mount.pin, err) != ERR_OK)
		return err->code;
	apply_config(&mount.config, change->parts);
	if (mount_encode(&mount, encoding, err) != ERR_OK)
		return err->code;
	return records_put(write, &key, NULL, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

enum error_code kv_config_write(struct vault *vault, const struct caller *caller, const struct mount_info *mount,
				const struct kv_metadata_change *parts, struct error *err)
{
	struct config_write change = { .mount = mount, .parts = parts };
	char path[sizeof(mount->path) + sizeof("config")];

	stpcpy(stpcpy(path, mount->path), "config");
	if (vault_authorize(vault, caller, CAP_UPDATE, path, err) != ERR_OK)
		return err->code;
	if (parts->has_max_versions && (parts->max_versions < 0 || parts->max_versions > LIMIT_MAX_VERSIONS))
		return error_set(err, ERR_INVALID, "max_versions must be 0 (the default) to %d", LIMIT_MAX_VERSIONS);
	return vault_commit(vault, prepare_config, &change, err);
}
