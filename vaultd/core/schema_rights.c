#include "core/schema_rights.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "core/children.h"
#include "core/environment_read.h"
#include "core/name_list.h"
#include "core/revision_build.h"
#include "core/vault_state.h"
#include "vault/limits.h"
#include "vault/template.h"

/* Environments whose values are judged, or go into what is; each is looked at in its turn. */
struct closure {
	const struct schema_rights *rights;
	struct env_path *paths;
	size_t len, bytes;
};

static void closure_end(struct closure *closure)
{
	if (closure->paths)
		sodium_memzero(closure->paths, closure->len * sizeof(*closure->paths));
	free(closure->paths);
}

static enum error_code deny(const struct closure *closure, struct error *err)
{
	return error_set(err, ERR_DENIED,
			 "permission denied: a schema that is enforced for %.150s judges values that you may not read, of environments "
			 "that extend it or go into it; one with the mode warn may be put",
			 closure->rights->path->text);
}

static enum error_code add(struct closure *closure, const char *text, size_t len, struct error *err)
{
	for (size_t i = 0; i < closure->len; i++)
		if (closure->paths[i].len == len && memcmp(closure->paths[i].text, text, len) == 0)
			return ERR_OK;
	if (closure->len == LIMIT_RIGHTS_ENVIRONMENTS)
		return error_set(err, ERR_DENIED,
				 "permission denied: an enforced schema of %.150s judges more than %d environments, which only root may ask for",
				 closure->rights->path->text, LIMIT_RIGHTS_ENVIRONMENTS);
	if (env_path_parse(text, len, &closure->paths[closure->len], err) != ERR_OK)
		return err->code;
	closure->len++;
	return ERR_OK;
}

static enum error_code add_list(struct closure *closure, const struct text_span *parents, size_t len, struct error *err)
{
	for (size_t i = 0; i < len; i++)
		if (add(closure, parents[i].at, parents[i].len, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

static enum error_code add_children(struct closure *closure, struct error *err)
{
	const struct schema_rights *rights = closure->rights;
	cleanup_(name_list_free) struct name_list children = { 0 };
	const char *name;
	bool more = false;

	if (children_of(rights->vault->children, rights->mount->uuid, rights->path, LIMIT_RIGHTS_ENVIRONMENTS, &children, &more,
			err) != ERR_OK)
		return err->code;
	name = children.block;
	for (size_t i = 0; i < children.count; i++, name += strlen(name) + 1)
		if (add(closure, name, strlen(name), err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

/* A text that is no template any more refers to nothing. */
static enum error_code add_references(struct closure *closure, const struct revision_record *revision, struct error *err)
{
	for (size_t i = 0; i < revision->variables_len; i++) {
		const struct variable *variable = &revision->variables[i];
		struct template_piece piece;
		cleanup_(error_wipe) struct error ignored = ERROR_INIT;
		size_t cursor = 0;
		bool more = variable->kind == KIND_TEMPLATE;

		while (more && template_next(variable->value.at, variable->value.len, &cursor, &piece, &more, &ignored) == ERR_OK)
			if (more && piece.is_reference && piece.environment_len > 0 &&
			    add(closure, piece.environment, piece.environment_len, err) != ERR_OK)
				return err->code;
	}
	return ERR_OK;
}

/* A deleted revision counts: it may be brought back when the schema is there. */
static enum error_code look_into(struct closure *closure, size_t i, struct error *err)
{
	const struct schema_rights *rights = closure->rights;
	const struct env_path path = closure->paths[i];
	const struct kv_target target = { .mount = rights->mount, .path = &path };
	cleanup_(kv_read_result_freep) struct kv_read_result read = { 0 };
	cleanup_(error_wipe) struct error missing = ERROR_INIT;
	const struct head_record *head;

	if (environment_metadata(rights->vault, rights->view, &target, &read, &missing) != ERR_OK) {
		if (missing.code == ERR_NOT_FOUND)
			return ERR_OK;
		*err = missing;
		return err->code;
	}
	head = &read.head_entry_->head;
	if (i > 0 && add_list(closure, head->parents, head->parents_len, err) != ERR_OK)
		return err->code;
	if (read.version.revision == 0 || read.version.destroyed)
		return ERR_OK;
	if (environment_revision(rights->view, read.head_entry_, read.version.revision, &read.plain, &read.revision, err) != ERR_OK)
		return err->code;
	closure->bytes += secret_buf_len(read.plain);
	if (closure->bytes > LIMIT_RIGHTS_BYTES)
		return error_set(err, ERR_DENIED,
				 "permission denied: an enforced schema of %.150s judges more than %u bytes, which only root may ask for",
				 rights->path->text, LIMIT_RIGHTS_BYTES);
	return add_references(closure, &read.revision, err);
}

static enum error_code look_at(struct closure *closure, size_t i, struct error *err)
{
	const struct schema_rights *rights = closure->rights;

	if (!vault_may_read_data(rights->caller, rights->mount, &closure->paths[i]))
		return deny(closure, err);
	return look_into(closure, i, err);
}

enum error_code schema_rights_check(const struct schema_rights *rights, struct error *err)
{
	cleanup_(closure_end) struct closure closure = { .rights = rights };

	if (rights->caller->root)
		return ERR_OK;
	closure.paths = calloc(LIMIT_RIGHTS_ENVIRONMENTS, sizeof(*closure.paths));
	if (!closure.paths)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a list of environments");
	if (add(&closure, rights->path->text, rights->path->len, err) != ERR_OK ||
	    add_list(&closure, rights->parents, rights->parents_len, err) != ERR_OK || add_children(&closure, err) != ERR_OK)
		return err->code;
	for (size_t i = 0; i < closure.len; i++)
		if (look_at(&closure, i, err) != ERR_OK)
			return err->code;
	return ERR_OK;
}
