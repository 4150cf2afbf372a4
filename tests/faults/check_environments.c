/* The environments of an image: the state of each as the oracle writes it, and that a write is taken. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "check_vault.h"
#include "vault/json_scan.h"

#define PROBE "probe/after-the-cut"

bool check_place(struct checking *checking, const char *what, const char *path, struct place *ret)
{
	struct error err = ERROR_INIT;

	if (env_path_parse(path, strlen(path), &ret->path, &err) != ERR_OK)
		return found(checking, "%s is no environment: %s", path, err.text);
	snprintf(ret->api_path, sizeof(ret->api_path), "%s/%s", what, path);
	ret->target = (struct kv_target){ .mount = &checking->mount, .path = &ret->path, .api_path = ret->api_path };
	return true;
}

static void digest_text(const struct revision_record *revision, char text[static 17])
{
	crypto_generichash_state state;
	uint8_t digest[8];

	/* The names ascend in every revision. */
	crypto_generichash_init(&state, NULL, 0, sizeof(digest));
	for (size_t i = 0; i < revision->variables_len; i++) {
		const struct variable *variable = &revision->variables[i];

		crypto_generichash_update(&state, (const uint8_t *)variable->name.at, variable->name.len);
		crypto_generichash_update(&state, (const uint8_t *)"", 1);
		crypto_generichash_update(&state, (const uint8_t *)variable->value.at, variable->value.len);
		crypto_generichash_update(&state, (const uint8_t *)"", 1);
	}
	crypto_generichash_final(&state, digest, sizeof(digest));
	sodium_bin2hex(text, 17, digest, sizeof(digest));
}

/* "3:0123456789abcdef" */
static bool describe_revision(struct checking *checking, const struct place *place, uint64_t number, char text[static 64])
{
	struct kv_read_result result = { 0 };
	struct error err = ERROR_INIT;
	char digest[17] = "";

	if (kv_read(checking->vault, &checking->root, &place->target, number, &result, &err) != ERR_OK)
		return found(checking, "%s revision %llu: %s", place->path.text, (unsigned long long)number, err.text);
	if (result.readable)
		digest_text(&result.revision, digest);
	snprintf(text, 64, "%llu:%s", (unsigned long long)number,
		 result.readable ? digest : result.version.destroyed ? "x" : "d");
	kv_read_result_free(&result);
	return true;
}

static bool describe_revisions(struct checking *checking, const struct place *place, const struct head_record *head,
			       char text[static ORACLE_TEXT])
{
	size_t at = 0;

	snprintf(text, ORACLE_TEXT, "empty");
	for (size_t i = 0; i < head->revisions_len && at < ORACLE_TEXT - 64; i++) {
		char one[64];

		if (!describe_revision(checking, place, head->oldest + i, one))
			return false;
		at += (size_t)snprintf(text + at, ORACLE_TEXT - at, "%s%s", i > 0 ? " " : "", one);
	}
	return true;
}

static bool describe(struct checking *checking, const char *path, char text[static ORACLE_TEXT])
{
	struct kv_read_result result = { 0 };
	struct error err = ERROR_INIT;
	struct place place;
	enum error_code code;
	bool done;

	if (!check_place(checking, "secret/data", path, &place))
		return false;
	code = kv_read_metadata(checking->vault, &checking->root, &place.target, &result, &err);
	if (code == ERR_NOT_FOUND) {
		snprintf(text, ORACLE_TEXT, "absent");
		return true;
	}
	if (code != ERR_OK)
		return found(checking, "%s cannot be read: %s", path, err.text);
	done = describe_revisions(checking, &place, &result.head, text);
	kv_read_result_free(&result);
	return done;
}

/* -- nothing else is there -------------------------------------------------------------------------------- */

static bool check_known(struct checking *checking, const char *path)
{
	char name[128];

	snprintf(name, sizeof(name), "env:%.100s", path);
	return strcmp(path, PROBE) == 0 || oracle_find(checking->oracle, name) ||
	       found(checking, "%s is there, and nobody asked for it", path);
}

static bool check_folder(struct checking *checking, const char *prefix, unsigned depth)
{
	struct name_list list = { 0 };
	struct error err = ERROR_INIT;
	const enum error_code code = kv_list(checking->vault, &checking->root, &checking->mount, prefix, "secret/metadata", &list,
					     &err);
	bool good = code == ERR_OK || code == ERR_NOT_FOUND || found(checking, "no list of \"%s\": %s", prefix, err.text);
	const char *name = list.block;

	for (size_t i = 0; i < list.count && good; i++, name += strlen(name) + 1) {
		char path[1024];

		snprintf(path, sizeof(path), "%s%s", prefix, name);
		if (path[strlen(path) - 1] != '/')
			good = check_known(checking, path);
		else
			good = depth < 8 && check_folder(checking, path, depth + 1);
	}
	if (code == ERR_OK)
		name_list_free(&list);
	return good;
}

bool check_environments(struct checking *checking)
{
	char state[ORACLE_TEXT];

	for (size_t i = 0; i < checking->oracle->len; i++) {
		const char *name = checking->oracle->objects[i].name;

		if (strncmp(name, "env:", 4) == 0 &&
		    (!describe(checking, name + 4, state) || !compare(checking, name, state)))
			return false;
	}
	return check_folder(checking, "", 0);
}

/* -- a write ------------------------------------------------------------------------------------------------ */

bool check_probe(struct checking *checking)
{
	static const char data[] = "{\"PROBE\":\"written\"}";
	struct vault_op op = { .change = KV_PUT, .caller = &checking->root };
	struct error err = ERROR_INIT;
	struct place place;
	char state[ORACLE_TEXT];

	if (!check_place(checking, "secret/data", PROBE, &place))
		return false;
	op.target = place.target;
	if (json_scan(data, sizeof(data) - 1, &op.data, &err) != ERR_OK ||
	    vault_submit_wait(checking->vault, &op, &err) != ERR_OK)
		return found(checking, "the vault takes no write: %s", err.text);
	vault_op_release(&op);
	return describe(checking, PROBE, state) &&
	       (strcmp(state, "absent") != 0 || found(checking, "a write after the cut is not there"));
}
