#include "core/schema_chain.h"

#include <sodium.h>
#include <string.h>

#include "core/vault_state.h"
#include "records/tables_rotation.h"

void schema_chain_wipe(struct schema_chain *chain)
{
	for (size_t i = 0; i < chain->len; i++) {
		head_entry_free(chain->nodes[i].head);
		schema_entry_free(chain->nodes[i].schema);
	}
	sodium_memzero(chain, sizeof(*chain));
}

static bool is_there(const struct schema_chain *chain, const struct text_span *path)
{
	for (size_t i = 0; i < chain->len; i++)
		if (chain->nodes[i].path.len == path->len &&
		    memcmp(chain->nodes[i].path.text, path->at, path->len) == 0)
			return true;
	return false;
}

static enum error_code take_schema(const struct chain_root *root, struct chain_node *node, struct error *err)
{
	enum error_code code;

	if (!node->exists)
		return ERR_OK;
	code = schema_cache_get(root->vault->schemas, root->view, node->eid, &node->schema, err);
	return code == ERR_NOT_FOUND ? ERR_OK : code;
}

static enum error_code take_head(const struct chain_root *root, struct chain_node *node, struct error *err)
{
	const uint8_t *mount = root->mount->uuid;
	enum error_code code;

	node->head_key = records_head_key(root->view, mount, node->path.text, node->path.len);
	code = head_cache_get(root->vault->heads, root->view, mount, &node->path, &node->head, err);
	if (code == ERR_NOT_FOUND)
		return ERR_OK;
	if (code != ERR_OK)
		return code;
	memcpy(node->eid, node->head->eid, ID_LEN);
	node->exists = true;
	return take_schema(root, node, err);
}

static enum error_code add_parents(const struct chain_root *root, struct schema_chain *chain,
				   const struct text_span *parents, size_t parents_len, struct error *err);

/* Recursion is as deep as there are nodes. */
static enum error_code add_parent(const struct chain_root *root, struct schema_chain *chain, const struct text_span *path,
				  struct error *err)
{
	struct chain_node *node = &chain->nodes[chain->len];

	if (is_there(chain, path))
		return ERR_OK;
	if (chain->len == LIMIT_RESOLVE_ENVIRONMENTS) {
		chain->more = true;
		return ERR_OK;
	}
	if (env_path_parse(path->at, path->len, &node->path, err) != ERR_OK)
		return err->code;
	chain->len++;
	if (take_head(root, node, err) != ERR_OK || !node->head)
		return err->code;
	return add_parents(root, chain, node->head->head.parents, node->head->head.parents_len, err);
}

/* The last one wins over the others and what they extend. */
static enum error_code add_parents(const struct chain_root *root, struct schema_chain *chain,
				   const struct text_span *parents, size_t parents_len, struct error *err)
{
	for (size_t i = parents_len; i > 0; i--)
		if (add_parent(root, chain, &parents[i - 1], err) != ERR_OK)
			return err->code;
	return ERR_OK;
}

static void fill_parts(const struct chain_root *root, struct schema_chain *chain)
{
	for (size_t i = chain->len; i > 0; i--) {
		const struct chain_node *node = &chain->nodes[i - 1];
		bool proposed = i == 1 && root->proposed;
		const struct schema *schema = proposed ? root->proposed : node->schema ? node->schema->schema : NULL;

		if (schema)
			chain->parts[chain->parts_len++] = (struct schema_part){
				.schema = schema,
				.origin = i == 1 ? NULL : node->path.text,
				.enforce = proposed || node->schema->mode == SCHEMA_ENFORCE,
			};
	}
}

enum error_code schema_chain_load(const struct chain_root *root, struct schema_chain *ret, struct error *err)
{
	struct chain_node *own = &ret->nodes[ret->len++];

	own->path = *root->path;
	own->exists = root->eid != NULL;
	if (root->eid)
		memcpy(own->eid, root->eid, ID_LEN);
	if ((!root->proposed && take_schema(root, own, err) != ERR_OK) ||
	    add_parents(root, ret, root->parents, root->parents_len, err) != ERR_OK)
		return err->code;
	fill_parts(root, ret);
	return ERR_OK;
}

enum error_code schema_chain_decide(const struct schema_chain *chain, const struct caller *caller, const struct mount_info *mount,
				    struct error *err)
{
	for (size_t i = 1; i < chain->len; i++)
		if (!vault_may_read_data(caller, mount, &chain->nodes[i].path))
			return error_set(err, ERR_DENIED,
					 "permission denied: the environment %.150s extends %.150s, which you may not read",
					 chain->nodes[0].path.text, chain->nodes[i].path.text);
	return ERR_OK;
}

bool schema_chain_is_empty(const struct schema_chain *chain)
{
	if (chain->parts_len > 0)
		return false;
	for (size_t i = 0; i < chain->len; i++)
		if (chain->nodes[i].schema)
			return false;
	return true;
}

static enum error_code guard_schema(const struct chain_node *node, struct records_write *write, struct error *err)
{
	struct record_key key = record_key_id(TABLE_SCHEMA, node->eid);

	return records_guard(write, &key, node->schema ? node->schema->pinned.pin : NULL, err);
}

enum error_code schema_chain_guard(const struct schema_chain *chain, struct records_write *write, struct error *err)
{
	for (size_t i = 0; i < chain->len; i++) {
		const struct chain_node *node = &chain->nodes[i];

		if (i > 0 && records_guard(write, &node->head_key, node->head ? node->head->pinned.pin : NULL, err) != ERR_OK)
			return err->code;
		if (node->exists && guard_schema(node, write, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}
