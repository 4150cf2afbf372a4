/* An environment as a process should see it. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "core/allow_names.h"
#include "core/environment_read.h"
#include "core/vault_state.h"

void kv_resolved_free(struct kv_resolved *resolved)
{
	kv_read_result_free(&resolved->read);
	allow_names_free(resolved->allow_names, resolved->allow_names_len);
	*resolved = (struct kv_resolved){0};
}

/* Whatever the answer shows is named: which environment (a deleted one of the same name had another eid), which
 * revision, which settings. */
static void format_etag(const struct head_entry *entry, uint64_t revision, char text[static 64])
{
	char eid[9], settings[9];

	sodium_bin2hex(eid, sizeof(eid), entry->eid, 4);
	sodium_bin2hex(settings, sizeof(settings), entry->settings_pin, 4);
	snprintf(text, 64, "%s-%ju-%s", eid, (uintmax_t)revision, settings);
}

enum error_code kv_resolve(struct vault *vault, const struct caller *caller, const struct kv_target *target,
			   uint64_t revision, struct kv_resolved *ret, struct error *err)
{
	cleanup_(kv_resolved_freep) struct kv_resolved resolved = {0};
	vault_use_scope use = {0};
	const struct head_entry *entry;
	struct data_path path;

	data_path_of(target, &path);
	if (vault_use_begin_view(vault, &use, err) != ERR_OK ||
	    vault_decide(caller, CAP_READ, path.text, err) != ERR_OK ||
	    environment_read(vault, use.view, target, revision, &resolved.read, err) != ERR_OK)
		return err->code;
	if (!resolved.read.readable)
		return environment_deleted(target, resolved.read.version.revision, err);
	entry = resolved.read.head_entry_;
	format_etag(entry, resolved.read.version.revision, resolved.etag);
	if (allow_names_read(entry->settings, &resolved.allow_names, &resolved.allow_names_len, err) != ERR_OK)
		return err->code;
	*ret = resolved;
	resolved = (struct kv_resolved){0};
	return ERR_OK;
}

enum error_code kv_settings_read(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				 struct kv_resolved *ret, struct error *err)
{
	cleanup_(kv_resolved_freep) struct kv_resolved settings = {0};

	if (kv_read_metadata(vault, caller, target, &settings.read, err) != ERR_OK ||
	    allow_names_read(settings.read.head_entry_->settings, &settings.allow_names, &settings.allow_names_len,
			     err) != ERR_OK)
		return err->code;
	*ret = settings;
	settings = (struct kv_resolved){0};
	return ERR_OK;
}
