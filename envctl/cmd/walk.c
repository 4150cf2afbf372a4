#include "cmd/walk.h"

#include <stdio.h>
#include <string.h>

#include "vault/limits.h"

struct walk {
	const struct walk_source *source;
	size_t folders; /* that are left */
	size_t names;	/* that are left */
	size_t held;	/* bytes of the listings that are open */
	walk_visit *visit;
	void *arg;
	bool stopped;
};

static enum error_code walk_folder(struct walk *walk, const char *prefix, unsigned depth, struct error *err);

static enum error_code too_long(const struct walk *walk, struct error *err)
{
	if (walk->source->depth > 0)
		return ERR_OK;
	return error_set(err, ERR_TOO_LARGE, "a listing holds names of more than %d bytes or deeper than %d levels",
			 WALK_PATH_MAX - 1, WALK_DEPTH_MAX);
}

/* Whether the text is what the server said, and not made safe for terminals. */
static bool is_as_said(const struct json_value *key, const char *name)
{
	cleanup_(secret_buf_freep) struct secret_buf *said = secret_buf_new(key->raw.len + 1);

	if (said == NULL || key->kind != JSON_SCAN_STRING)
		return false;
	json_append_unescaped(said, json_string_span(key));
	return secret_buf_len(said) == strlen(name) &&
	       memcmp(secret_buf_bytes(said), name, secret_buf_len(said)) == 0;
}

/* Recursion is bounded by the depth. */
static enum error_code walk_key(struct walk *walk, const char *prefix, const struct json_value *key, unsigned depth,
				struct error *err)
{
	char path[WALK_PATH_MAX], name[WALK_PATH_MAX + 1]; /* a name that was cut is too long for a path */
	size_t room = walk->source->depth > 0 ? LIMIT_ENV_PATH_LEN + 2 : sizeof(path);

	if (walk->names == 0)
		return error_set(err, ERR_TOO_LARGE, "there are more than %d names; name a prefix", WALK_NAMES_MAX);
	walk->names--;
	json_value_text(key, name, sizeof(name));
	int len = snprintf(path, sizeof(path), "%s%s", prefix, name);
	if (name[0] == '\0')
		return ERR_OK;
	if (len < 0 || (size_t)len >= room)
		return too_long(walk, err);
	/* A folder whose name holds control characters cannot be asked for by the name that we have: it is told itself. */
	if (path[len - 1] == '/' && !is_as_said(key, name))
		path[len - 1] = '\0';
	if (path[len - 1] == '/')
		return walk_folder(walk, path, depth + 1, err);
	walk->stopped = !walk->visit(walk->arg, path);
	return ERR_OK;
}

static enum error_code walk_keys(struct walk *walk, const char *prefix, const struct json_value *keys, unsigned depth,
				 struct error *err)
{
	enum error_code rc = ERR_OK;
	struct json_value key;
	size_t cursor = 0;

	while (rc == ERR_OK && !walk->stopped && json_next_element(keys, &cursor, &key))
		rc = walk_key(walk, prefix, &key, depth, err);
	return rc;
}

static enum error_code walk_folder(struct walk *walk, const char *prefix, unsigned depth, struct error *err)
{
	const struct walk_source *source = walk->source;
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	struct json_value keys;

	if (source->depth > 0 && depth > source->depth)
		return ERR_OK;
	if (depth > WALK_DEPTH_MAX)
		return too_long(walk, err);
	if (walk->folders == 0 && source->folders < WALK_FOLDERS_MAX)
		return ERR_OK;
	if (walk->folders == 0)
		return error_set(err, ERR_TOO_LARGE, "there are more than %d folders; name a prefix", WALK_FOLDERS_MAX);
	walk->folders--;
	enum error_code rc = source->list(source->arg, prefix, &answer, &found);
	if (rc == ERR_NOT_FOUND)
		return ERR_OK;
	if (rc != ERR_OK) {
		*err = found;
		return rc;
	}
	if (!json_find(&answer.data, "keys", &keys) || keys.kind != JSON_SCAN_ARRAY)
		return error_set(err, ERR_PROTOCOL, "the list has no keys");
	size_t size = secret_buf_len(answer.body);
	if (size > WALK_HELD_MAX - walk->held)
		return error_set(err, ERR_TOO_LARGE, "the listings are larger than %u bytes; name a prefix", WALK_HELD_MAX);
	walk->held += size;
	rc = walk_keys(walk, prefix, &keys, depth, err);
	walk->held -= size;
	return rc;
}

enum error_code walk_tree(const struct walk_source *source, const char *prefix, walk_visit *visit, void *arg,
			  struct error *err)
{
	struct walk walk = {.source = source, .folders = source->folders, .visit = visit, .arg = arg};

	if (walk.folders > WALK_FOLDERS_MAX)
		walk.folders = WALK_FOLDERS_MAX;
	walk.names = WALK_NAMES_MAX;
	return walk_folder(&walk, prefix, 0, err);
}

static enum error_code list_environments(void *arg, const char *prefix, struct answer *ret, struct error *err)
{
	return client_list(arg, prefix, ret, err);
}

enum error_code walk_environments(struct vault_client *client, const char *prefix, size_t folders, walk_visit *visit,
				  void *arg, struct error *err)
{
	const struct walk_source source = {
		.list = list_environments,
		.arg = client,
		.folders = folders,
		.depth = LIMIT_ENV_SEGMENTS,
	};

	return walk_tree(&source, prefix, visit, arg, err);
}
