/* Reading and changing the schema of an environment. */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/head_touch.h"
#include "core/revision_build.h"
#include "core/schema_chain.h"
#include "core/schema_rights.h"
#include "core/vault_schema.h"
#include "core/vault_state.h"
#include "records/value.h"
#include "vault/limits.h"
#include "vault/plural.h"

/* -- rights ---------------------------------------------------------------- */

struct schema_path {
	char text[sizeof(((struct mount_info *)0)->path) + sizeof("schema/") + LIMIT_ENV_PATH_LEN];
};

static void schema_path_wipe(struct schema_path *path)
{
	sodium_memzero(path, sizeof(*path));
}

static bool may_read_schema(const struct caller *caller, const struct mount_info *mount, const struct env_path *path)
{
	cleanup_(error_wipe) struct error ignored = ERROR_INIT;
	cleanup_(schema_path_wipe) struct schema_path schema_path;

	memcpy(stpcpy(stpcpy(schema_path.text, mount->path), "schema/"), path->text, (size_t)path->len + 1);
	return vault_decide(caller, CAP_READ, schema_path.text, &ignored) == ERR_OK;
}

/* -- reading --------------------------------------------------------------- */

void kv_schemas_free(struct kv_schemas *schemas)
{
	for (size_t i = 0; i < schemas->len; i++)
		secret_buf_free(schemas->items[i].plain);
	schemas->len = 0;
}

/* The chain of an environment as it stands. */
static enum error_code load_chain(const struct vault_use *use, const struct kv_target *target,
				  const struct head_entry *entry, struct schema_chain *ret, struct error *err)
{
	const struct chain_root root = {
		.vault = use->vault,
		.view = use->view,
		.mount = target->mount,
		.path = target->path,
		.eid = entry->eid,
		.parents = entry->head.parents,
		.parents_len = entry->head.parents_len,
	};

	return schema_chain_load(&root, ret, err);
}

static enum error_code read_record(struct records_view *view, const uint8_t eid[static ID_LEN], struct kv_schema *ret,
				   struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *plain = secret_buf_new(VALUE_PADDED_MAX);
	struct record_key key = record_key_id(TABLE_SCHEMA, eid);

	if (!plain)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a schema");
	if (records_read(view, &key, plain, NULL, NULL, err) != ERR_OK ||
	    decode_schema(secret_buf_bytes(plain), secret_buf_len(plain), &ret->record, err) != ERR_OK)
		return err->code;
	ret->plain = take_ptr(plain);
	return ERR_OK;
}

static enum error_code read_all(const struct vault_use *use, const struct caller *caller, const struct kv_target *target,
				const struct schema_chain *chain, struct kv_schemas *ret, struct error *err)
{
	for (size_t i = 0; i < chain->len; i++) {
		const struct chain_node *node = &chain->nodes[i];
		struct kv_schema *item = &ret->items[ret->len];

		if (i > 0 && (!node->schema || !may_read_schema(caller, target->mount, &node->path)))
			continue;
		*item = (struct kv_schema){ .path = node->path };
		ret->len++;
		if (node->schema && read_record(use->view, node->eid, item, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

static enum error_code open_chain(const struct vault_use *use, const struct caller *caller,
				  const struct kv_target *target, struct schema_chain *ret, struct error *err)
{
	cleanup_(head_entry_freep) struct head_entry *entry = NULL;

	if (vault_decide(caller, CAP_READ, target->api_path, err) != ERR_OK ||
	    vault_load_head(use->vault, use->view, target, &entry, err) != ERR_OK)
		return err->code;
	return load_chain(use, target, entry, ret, err);
}

enum error_code kv_schema_read(struct vault *vault, const struct caller *caller, const struct kv_target *target,
			       struct kv_schemas *ret, struct error *err)
{
	cleanup_(schema_chain_wipe) struct schema_chain chain = { .len = 0 };
	vault_use_scope use = {0};

	ret->len = 0;
	if (vault_use_begin_view(vault, &use, err) != ERR_OK || open_chain(&use, caller, target, &chain, err) != ERR_OK ||
	    read_all(&use, caller, target, &chain, ret, err) != ERR_OK)
		kv_schemas_free(ret);
	return err->code;
}

enum error_code kv_schema_explain(struct vault *vault, const struct caller *caller, const struct kv_target *target,
				  const char *name, size_t name_len, struct secret_buf *out, struct error *err)
{
	cleanup_(schema_chain_wipe) struct schema_chain chain = { .len = 0 };
	vault_use_scope use = {0};
	size_t kept = 0;

	if (vault_use_begin_view(vault, &use, err) != ERR_OK || open_chain(&use, caller, target, &chain, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < chain.parts_len; i++) {
		struct env_path path;

		if (!chain.parts[i].origin ||
		    (env_path_parse(chain.parts[i].origin, strlen(chain.parts[i].origin), &path, err) == ERR_OK &&
		     may_read_schema(caller, target->mount, &path)))
			chain.parts[kept++] = chain.parts[i];
	}
	return schema_explain(chain.parts, kept, name, name_len, out, err);
}

/* -- changing ---------------------------------------------------------------- */

static struct kv_schema_change *change_of(struct vault_action *action)
{
	return (struct kv_schema_change *)((char *)action - offsetof(struct kv_schema_change, action));
}

/* The schema judges whatever the environment is put together from. */
static enum error_code decide_sources(const struct kv_schema_change *change, const struct schema_chain *chain,
				      struct error *err)
{
	if (vault_decide_data(change->caller, CAP_READ, change->target->mount, &chain->nodes[0].path, err) != ERR_OK)
		return err->code;
	return schema_chain_decide(chain, change->caller, change->target->mount, err);
}

/* A schema that only warns is no question: who does not read is told nothing of warnings. */
static enum error_code decide_enforced(const struct kv_schema_change *change, const struct head_record *head,
				       struct records_view *view, struct error *err)
{
	const struct schema_rights rights = {
		.vault = change->action.vault_,
		.view = view,
		.caller = change->caller,
		.mount = change->target->mount,
		.path = change->target->path,
		.parents = head ? head->parents : NULL,
		.parents_len = head ? head->parents_len : 0,
	};

	return change->result_mode == SCHEMA_ENFORCE ? schema_rights_check(&rights, err) : ERR_OK;
}

static enum error_code put_schema(const struct kv_schema_change *change, const uint8_t eid[static ID_LEN], int64_t now,
				  struct text_span text, struct records_write *write, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	struct record_key key = record_key_id(TABLE_SCHEMA, eid);
	const struct schema_record record = {
		.mode = change->result_mode,
		.updated = now,
		.actor = { .at = change->caller->display, .len = (uint32_t)strlen(change->caller->display) },
		.text = text,
	};

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a schema");
	encode_schema(encoding, &record);
	if (secret_buf_check(encoding, "the schema", err) != ERR_OK)
		return err->code;
	return records_put(write, &key, eid, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err);
}

static struct text_span text_of(const struct kv_schema_change *change)
{
	return (struct text_span){ .at = change->text, .len = (uint32_t)change->text_len };
}

static enum error_code no_schema(const struct kv_schema_change *change, struct error *err)
{
	return error_set(err, ERR_NOT_FOUND, "the environment %s has no schema of its own: give its text",
			 change->target->path->text);
}

/* A missing environment comes with its schema, so that the first import is judged by it. */
static enum error_code create_with_schema(struct kv_schema_change *change, int64_t now, struct records_view *view,
					  struct records_write *write, struct error *err)
{
	const struct kv_target *target = change->target;
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(LIMIT_REVISION_PLAIN);
	cleanup_(head_draft_wipe) struct head_draft draft = {0};
	struct record_key key = records_head_key(view, target->mount->uuid, target->path->text, target->path->len);
	uint8_t eid[ID_LEN];

	if (!encoding)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the environment's head");
	if (vault_decide(change->caller, CAP_CREATE, target->api_path, err) != ERR_OK ||
	    vault_decide_data(change->caller, CAP_READ, target->mount, target->path, err) != ERR_OK)
		return err->code;
	if (!change->text)
		return no_schema(change, err);
	if (records_new_eid(write, eid, err) != ERR_OK ||
	    head_draft_new(target->mount->uuid, target->path, now, &draft, err) != ERR_OK)
		return err->code;
	encode_head(encoding, &draft.head);
	if (secret_buf_check(encoding, "the environment's head", err) != ERR_OK ||
	    records_put(write, &key, eid, secret_buf_bytes(encoding), secret_buf_len(encoding), NULL, err) != ERR_OK)
		return err->code;
	change->result_mode = change->has_mode ? change->mode : SCHEMA_ENFORCE;
	if (decide_enforced(change, NULL, view, err) != ERR_OK)
		return err->code;
	change->created = true;
	return put_schema(change, eid, now, text_of(change), write, err);
}

static enum error_code write_schema(struct kv_schema_change *change, const struct schema_chain *chain,
				    const struct head_entry *entry, int64_t now, struct records_view *view,
				    struct records_write *write, struct error *err)
{
	cleanup_(kv_schemas_free) struct kv_schemas stored = { .len = 0 };
	const struct schema_entry *own = chain->nodes[0].schema;
	struct text_span text = text_of(change);

	if (vault_decide(change->caller, own ? CAP_UPDATE : CAP_CREATE, change->target->api_path, err) != ERR_OK ||
	    decide_sources(change, chain, err) != ERR_OK)
		return err->code;
	if (!change->text && !own)
		return no_schema(change, err);
	change->result_mode = change->has_mode ? change->mode : own ? own->mode : SCHEMA_ENFORCE;
	if (decide_enforced(change, &entry->head, view, err) != ERR_OK)
		return err->code;
	if (!change->text) {
		stored.len = 1;
		stored.items[0].plain = NULL;
		if (read_record(view, entry->eid, &stored.items[0], err) != ERR_OK)
			return err->code;
		text = stored.items[0].record.text;
	}
	if (put_schema(change, entry->eid, now, text, write, err) != ERR_OK)
		return err->code;
	return head_touch(entry, now, write, err);
}

static enum error_code delete_schema(const struct schema_chain *chain, const struct head_entry *entry, int64_t now,
				     struct records_write *write, struct error *err)
{
	struct record_key key = record_key_id(TABLE_SCHEMA, entry->eid);

	if (!chain->nodes[0].schema || records_delete(write, &key, err) != ERR_OK)
		return err->code;
	return head_touch(entry, now, write, err);
}

static enum error_code guard_mount(struct vault *vault, const struct mount_info *mount, struct records_write *write,
				   struct error *err)
{
	struct record_key key = record_key_id(TABLE_MOUNT, mount->uuid);
	struct mount found;

	if (vault_kv_mount(vault, mount, &found, err) != ERR_OK)
		return err->code;
	return records_guard(write, &key, found.pin, err);
}

static enum error_code prepare(struct vault_action *action, struct records_view *view, struct records_write *write,
			       struct error *err)
{
	struct kv_schema_change *change = change_of(action);
	struct vault *vault = action->vault_;
	const struct vault_use use = { .vault = vault, .view = view };
	cleanup_(head_entry_freep) struct head_entry *entry = NULL;
	cleanup_(schema_chain_wipe) struct schema_chain chain = { .len = 0 };
	cleanup_(error_wipe) struct error missing = ERROR_INIT;
	int64_t now = vault_now(vault);

	change->created = false; /* also when a lost race runs it again */
	if ((change->delete_ && vault_decide(change->caller, CAP_DELETE, change->target->api_path, err) != ERR_OK) ||
	    guard_mount(vault, change->target->mount, write, err) != ERR_OK)
		return err->code;
	if (vault_load_head(vault, view, change->target, &entry, &missing) != ERR_OK) {
		if (missing.code == ERR_NOT_FOUND && change->delete_)
			return ERR_OK;
		if (missing.code == ERR_NOT_FOUND)
			return create_with_schema(change, now, view, write, err);
		*err = missing;
		return err->code;
	}
	if (load_chain(&use, change->target, entry, &chain, err) != ERR_OK)
		return err->code;
	if (change->delete_)
		return delete_schema(&chain, entry, now, write, err);
	/* Who may set it depends on the parents as they are. */
	if (schema_chain_guard(&chain, write, err) != ERR_OK)
		return err->code;
	return write_schema(change, &chain, entry, now, view, write, err);
}

static enum error_code submit(struct vault *vault, struct kv_schema_change *change, struct error *err)
{
	change->action.prepare_ = prepare;
	change->action.finish_ = NULL;
	return vault_action_submit(vault, &change->action, false, err);
}

/* Read once to see whether it can be; what counts is what the cache makes of the record. */
static enum error_code check_text(struct kv_schema_change *change, struct error *err)
{
	cleanup_(schema_freep) struct schema *schema = NULL;
	cleanup_(error_wipe) struct error reason = ERROR_INIT;

	if (schema_parse(change->text, change->text_len, &change->findings, &schema, &reason) == ERR_OK)
		return ERR_OK;
	findings_sort(&change->findings);
	if (reason.code == ERR_INVALID)
		return error_set(err, ERR_SCHEMA, "the schema has %zu error%s", change->findings.errors,
				 plural(change->findings.errors, "", "s"));
	*err = reason;
	return err->code;
}

static enum error_code denied_at_all(struct vault *vault, const struct kv_schema_change *change, struct error *err)
{
	cleanup_(error_wipe) struct error ignored = ERROR_INIT;

	if (vault_authorize(vault, change->caller, CAP_CREATE, change->target->api_path, &ignored) == ERR_OK)
		return ERR_OK;
	return vault_authorize(vault, change->caller, CAP_UPDATE, change->target->api_path, err);
}

enum error_code kv_schema_write(struct vault *vault, struct kv_schema_change *change, struct error *err)
{
	change->findings = (struct findings){ .items = NULL };
	change->delete_ = false;
	if (denied_at_all(vault, change, err) != ERR_OK ||
	    vault_decide_data(change->caller, CAP_READ, change->target->mount, change->target->path, err) != ERR_OK)
		return err->code;
	if (!change->text && !change->has_mode)
		return error_set(err, ERR_INVALID, "a schema is its text, its mode, or both");
	if (change->text && check_text(change, err) != ERR_OK)
		return err->code;
	return submit(vault, change, err);
}

enum error_code kv_schema_delete(struct vault *vault, struct kv_schema_change *change, struct error *err)
{
	change->findings = (struct findings){ .items = NULL };
	change->delete_ = true;
	return submit(vault, change, err);
}
