#include "cmd/walk.h"

#include <stdio.h>
#include <string.h>

#include "vault/limits.h"

struct walk {
	struct vault_client *client;
	size_t requests; /* that are left */
	walk_visit *visit;
	void *arg;
	bool stopped;
};

static enum error_code walk_folder(struct walk *walk, const char *prefix, unsigned depth, struct error *err);

/* Recursion is bounded by the depth of a path. */
static enum error_code walk_key(struct walk *walk, const char *prefix, const char *key, unsigned depth,
				struct error *err)
{
	char path[LIMIT_ENV_PATH_LEN + 2];
	int len = snprintf(path, sizeof(path), "%s%s", prefix, key);

	if (key[0] == '\0' || len < 0 || (size_t)len >= sizeof(path))
		return ERR_OK;
	if (path[len - 1] == '/')
		return walk_folder(walk, path, depth + 1, err);
	walk->stopped = !walk->visit(walk->arg, path);
	return ERR_OK;
}

static enum error_code walk_folder(struct walk *walk, const char *prefix, unsigned depth, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	struct json_value keys, key;
	size_t cursor = 0;

	if (walk->requests == 0 || depth > LIMIT_ENV_SEGMENTS)
		return ERR_OK;
	walk->requests--;
	enum error_code rc = client_list(walk->client, prefix, &answer, &found);
	if (rc == ERR_NOT_FOUND)
		return ERR_OK;
	if (rc != ERR_OK) {
		*err = found;
		return rc;
	}
	if (!json_find(&answer.data, "keys", &keys) || keys.kind != JSON_SCAN_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the list has no keys");
	while (rc == ERR_OK && !walk->stopped && json_next_element(&keys, &cursor, &key)) {
		char text[LIMIT_ENV_SEGMENT_LEN + 2];

		json_value_text(&key, text, sizeof(text));
		rc = walk_key(walk, prefix, text, depth, err);
	}
	return rc;
}

enum error_code walk_environments(struct vault_client *client, const char *prefix, size_t requests, walk_visit *visit,
				  void *arg, struct error *err)
{
	struct walk walk = {.client = client, .requests = requests, .visit = visit, .arg = arg};

	return walk_folder(&walk, prefix, 0, err);
}
