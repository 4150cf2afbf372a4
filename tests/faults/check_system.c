/* What is in an image beside environments and keys: the state of each thing as the oracle writes it (oracle.h). */
#include <err.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check_vault.h"
#include "core/vault_cubbyhole.h"
#include "core/vault_policies.h"
#include "core/vault_quotas.h"
#include "core/vault_schema.h"
#include "vault/limits.h"

#define STATE_LEN 64

static const char *token_state(struct checking *checking, const char *text, char state[static STATE_LEN])
{
	struct error err = ERROR_INIT;
	struct caller caller = { 0 };
	const bool valid = vault_authenticate(checking->vault, text, strlen(text), NULL, &caller, &err) == ERR_OK;

	(void)state;
	caller_release(&caller);
	return valid ? "valid" : "invalid";
}

static const char *digest_of(const void *bytes, size_t len, char state[static STATE_LEN])
{
	uint8_t digest[8];

	crypto_generichash(digest, sizeof(digest), bytes, len, NULL, 0);
	return sodium_bin2hex(state, STATE_LEN, digest, sizeof(digest));
}

static const char *policy_state(struct checking *checking, const char *name, char state[static STATE_LEN])
{
	cleanup_(secret_buf_freep) struct secret_buf *text = secret_buf_new(LIMIT_BODY_SMALL);
	struct error err = ERROR_INIT;
	struct policy_name normal;

	if (!text)
		errx(2, "no memory");
	if (vault_policy_read(checking->vault, name, strlen(name), &normal, text, &err) != ERR_OK)
		return err.code == ERR_NOT_FOUND ? "absent" : "unreadable";
	return digest_of(secret_buf_bytes(text), secret_buf_len(text), state);
}

static const char *mount_state(struct checking *checking, const char *path, char state[static STATE_LEN])
{
	struct error err = ERROR_INIT;
	struct mount_info mount;

	if (vault_mount_of(checking->vault, path, &mount, &err) != ERR_OK || strcmp(mount.path, path) != 0)
		return "absent";
	snprintf(state, STATE_LEN, "%.20s %u", mount.type, mount.version);
	return state;
}

static const char *quota_state(struct checking *checking, const char *name, char state[static STATE_LEN])
{
	struct error err = ERROR_INIT;
	struct quota_rule rule;

	if (vault_quota_read(checking->vault, &checking->root, name, &rule, &err) != ERR_OK)
		return err.code == ERR_NOT_FOUND ? "absent" : "unreadable";
	snprintf(state, STATE_LEN, "%.0f %.20s", rule.rate, rule.path);
	return state;
}

/* Of the environment itself; the digest of the text comes first, because it is written there. */
static const char *schema_state(struct checking *checking, const char *path, char state[static STATE_LEN])
{
	struct kv_schemas *schemas = calloc(1, sizeof(*schemas));
	struct error err = ERROR_INIT;
	struct place place;
	const char *mode = "unreadable";

	if (!schemas)
		errx(2, "no memory");
	if (check_place(checking, "secret/schema", path, &place)) {
		if (kv_schema_read(checking->vault, &checking->root, &place.target, schemas, &err) != ERR_OK)
			mode = err.code == ERR_NOT_FOUND ? "absent" : "unreadable";
		else if (schemas->len == 0 || !schemas->items[0].plain)
			mode = "absent";
		else
			mode = schemas->items[0].record.mode == SCHEMA_ENFORCE ? " enforce" : " warn";
	}
	state[0] = '\0';
	if (mode[0] == ' ')
		digest_of(schemas->items[0].record.text.at, schemas->items[0].record.text.len, state);
	snprintf(state + strlen(state), STATE_LEN - strlen(state), "%s", mode);
	kv_schemas_free(schemas);
	free(schemas);
	return state;
}

/* "TOKEN:PATH" */
static const char *cubbyhole_state(struct checking *checking, const char *name, char state[static STATE_LEN])
{
	cleanup_(secret_buf_freep) struct secret_buf *json = secret_buf_new(LIMIT_BODY_SMALL);
	const char *colon = strchr(name, ':'), *told = "unreadable";
	struct error err = ERROR_INIT;
	struct caller caller = { 0 };
	struct env_path path;

	if (!json || !colon || env_path_parse(colon + 1, strlen(colon + 1), &path, &err) != ERR_OK)
		errx(2, "no memory, or no path: %s", name);
	if (vault_authenticate(checking->vault, name, (size_t)(colon - name), NULL, &caller, &err) != ERR_OK)
		told = "no token";
	else if (vault_cubbyhole_read(checking->vault, &caller, &path, json, &err) == ERR_OK)
		told = digest_of(secret_buf_bytes(json), secret_buf_len(json), state);
	else if (err.code == ERR_NOT_FOUND)
		told = "absent";
	caller_release(&caller);
	return told;
}

bool check_system(struct checking *checking)
{
	static const struct {
		const char *prefix;
		const char *(*state)(struct checking *checking, const char *name, char state[static STATE_LEN]);
	} kinds[] = { { "token:", token_state }, { "policy:", policy_state }, { "mount:", mount_state },
		    { "quota:", quota_state }, { "schema:", schema_state }, { "cubbyhole:", cubbyhole_state } };

	for (size_t i = 0; i < checking->oracle->len; i++)
		for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
			const char *name = checking->oracle->objects[i].name;
			const size_t len = strlen(kinds[k].prefix);
			char state[STATE_LEN];

			if (strncmp(name, kinds[k].prefix, len) == 0 &&
			    !compare(checking, name, kinds[k].state(checking, name + len, state)))
				return false;
		}
	return true;
}
