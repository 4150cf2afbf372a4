#include "cmd/import_vault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/address.h"
#include "client/token.h"
#include "cmd/output.h"
#include "cmd/plan.h"
#include "cmd/session.h"
#include "cmd/token_input.h"
#include "cmd/walk.h"
#include "vault/plural.h"

#define CUSTOM_MAX (64u * 1024 * 8) /* 64 keys with their values, escaped */
#define MESSAGE_MAX (LIMIT_MESSAGE_LEN - 200)

static void import_free(struct import *import)
{
	for (size_t i = 0; i < import->len; i++)
		free(import->items[i].path);
	free(import->items);
	free(import->theirs);
	free(import->ours);
	env_set_free(import->their_custom);
	env_set_free(import->our_custom);
	secret_buf_free(import->custom);
	client_free(import->source);
	client_free(import->target);
}

/* -- the source -------------------------------------------------------------- */

/* *ret stays NULL for a socket: its owner then says who we are. */
static enum error_code source_token(const struct invocation *inv, const struct address *address, struct secret_buf **ret,
				    struct error *err)
{
	const char *file = option_value(inv, OPT_SOURCE_TOKEN_FILE);
	const char *name = option_value(inv, OPT_SOURCE_TOKEN_ENV);

	if (file != NULL && name != NULL)
		return error_set(err, ERR_USAGE, "give one of --source-token-file and --source-token-env");
	if (file != NULL)
		return token_input_file(file, ret, err);
	if (name != NULL) {
		const char *value = getenv(name);
		cleanup_(secret_buf_freep) struct secret_buf *token = secret_buf_new(LIMIT_TOKEN_LEN + 1);

		if (token == NULL)
			return error_set(err, ERR_NO_MEMORY, "out of memory");
		if (value == NULL || value[0] == '\0')
			return error_set(err, ERR_USAGE, "the variable that --source-token-env names is not set");
		secret_buf_append(token, value, strnlen(value, LIMIT_TOKEN_LEN + 1));
		*ret = take_ptr(token);
		return ERR_OK;
	}
	if (address->kind == ADDRESS_UNIX || token_input("Token of the source: ", ret, err) == ERR_OK)
		return ERR_OK;
	return error_prefix(err, "the source needs a token of its own (--source-token-file, --source-token-env)");
}

static enum error_code check_namespace(const char *text, struct error *err)
{
	for (const char *c = text; c != NULL && *c != '\0'; c++)
		if (*c < 0x21 || *c > 0x7e || c - text > 255)
			return error_set(err, ERR_USAGE, "--source-namespace needs one word of printable ASCII");
	return ERR_OK;
}

static enum error_code open_source(struct import *import, struct error *err)
{
	const struct invocation *inv = import->inv;
	cleanup_(secret_buf_freep) struct secret_buf *token = NULL;
	struct address address;
	enum error_code rc = address_parse(option_value(inv, OPT_FROM_VAULT), "--from-vault", &address, err);

	if (rc == ERR_OK)
		rc = check_namespace(option_value(inv, OPT_SOURCE_NAMESPACE), err);
	if (rc == ERR_OK && strcmp(address.text, client_address(import->target)) == 0)
		rc = error_set(err, ERR_USAGE, "source and target are both %s; name the target with --address",
			       address.text);
	if (rc == ERR_OK)
		rc = source_token(inv, &address, &token, err);
	if (rc != ERR_OK)
		return rc;
	const struct client_place place = {
		.address = &address,
		.token = token,
		.token_text = "the token of the source",
		.ca_file = option_value(inv, OPT_SOURCE_CA),
		.name_space = option_value(inv, OPT_SOURCE_NAMESPACE),
		.other = true,
	};
	return client_new_for(&place, &import->source, err);
}

/* -- what there is ----------------------------------------------------------- */

struct gathering {
	struct import *import;
	struct error *err;
};

static enum error_code add_item(struct import *import, const char *path, struct error *err)
{
	if (import->len == IMPORT_ENVIRONMENTS_MAX)
		return error_set(err, ERR_TOO_LARGE, "there are more than %d environments; name a prefix",
				 IMPORT_ENVIRONMENTS_MAX);
	if (import->len == import->size) {
		size_t size = import->size > 0 ? 2 * import->size : 64;
		struct import_item *items = reallocarray(import->items, size, sizeof(*items));

		if (items == NULL)
			return error_set(err, ERR_NO_MEMORY, "out of memory");
		import->items = items;
		import->size = size;
	}
	char *copy = strdup(path);
	if (copy == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	import->items[import->len++] = (struct import_item){.path = copy};
	return ERR_OK;
}

static bool gather(void *arg, const char *path)
{
	struct gathering *gathering = arg;
	struct import *import = gathering->import;
	struct env_path env;
	struct error why = ERROR_INIT;
	enum error_code rc = ERR_OK;

	if (!name_filter_takes(&import->filter, path, strlen(path)))
		return true;
	if (import_target(path, import->prefix, import->to, &env, &why) != ERR_OK)
		import_refuse(import, path, &why);
	else
		rc = add_item(import, path, gathering->err);
	import_progress(import, "found", import->len, 0, path);
	return rc == ERR_OK;
}

static enum error_code list_folder(void *arg, const char *prefix, struct answer *ret, struct error *err)
{
	struct import *import = arg;

	return kv_source_list(import->source, &import->mount, prefix, ret, err);
}

/* The prefix may also be the name of one environment itself. */
static enum error_code gather_prefix_itself(struct import *import, struct gathering *gathering, struct error *err)
{
	cleanup_(answer_free) struct answer answer = {0};
	struct error found = ERROR_INIT;
	struct json_value data;
	enum error_code rc;

	if (import->prefix[0] == '\0')
		return ERR_OK;
	if (import->mount.version == 2)
		rc = kv_source_metadata(import->source, &import->mount, import->prefix, &answer, &found);
	else
		rc = kv_source_read(import->source, &import->mount, import->prefix, 0, &answer, &data, &found);
	if (rc == ERR_NOT_FOUND || rc == ERR_DENIED)
		return ERR_OK;
	if (rc != ERR_OK) {
		*err = found;
		return rc;
	}
	return gather(gathering, import->prefix) ? ERR_OK : err->code;
}

static enum error_code gather_all(struct import *import, struct error *err)
{
	const struct walk_source source = {.list = list_folder, .arg = import, .folders = WALK_FOLDERS_MAX};
	struct gathering gathering = {.import = import, .err = err};
	char folder[KV_PATH_MAX + 1];
	enum error_code rc = gather_prefix_itself(import, &gathering, err);

	if (rc != ERR_OK)
		return error_prefix(err, "the source");
	snprintf(folder, sizeof(folder), "%s%s", import->prefix, import->prefix[0] != '\0' ? "/" : "");
	client_set_deadline(import->source, WALK_SECONDS);
	rc = walk_tree(&source, folder, gather, &gathering, err);
	client_set_deadline(import->source, 0);
	if (rc == ERR_OK)
		rc = err->code; /* of gather(), which can only stop the walk */
	if (rc != ERR_OK)
		return error_prefix(err, "the source");
	if (import->len == 0 && import->refused == 0)
		return error_set(err, ERR_NOT_FOUND, "the source has nothing below %s%s", import->mount.path,
				 import->prefix);
	return ERR_OK;
}

static enum error_code examine_all(struct import *import, struct error *err)
{
	for (size_t i = 0; i < import->len; i++) {
		struct import_item *item = &import->items[i];
		struct error found = ERROR_INIT;

		import_progress(import, "looking at", i + 1, import->len, item->path);
		enum error_code rc = import_examine(import, item, &found);
		if (rc == ERR_INVALID || rc == ERR_TOO_LARGE) {
			import_refuse(import, item->path, &found);
		} else if (rc != ERR_OK) {
			*err = found;
			return error_prefix(err, "%.200s: nothing was written", item->path);
		}
	}
	return ERR_OK;
}

/* -- doing it ---------------------------------------------------------------- */

static size_t conflicts(const struct import *import)
{
	size_t found = 0;

	for (size_t i = 0; i < import->len; i++)
		found += import->items[i].action == IMPORT_CONFLICT;
	return found;
}

static enum error_code copy_all(struct import *import, struct error *err)
{
	enum error_code rc = ERR_OK;

	for (size_t i = 0; rc == ERR_OK && i < import->len; i++) {
		struct import_item *item = &import->items[i];

		if (item->action != IMPORT_NEW && item->action != IMPORT_RESUME && item->action != IMPORT_UPDATE)
			continue;
		import_progress(import, "copying", i + 1, import->len, item->path);
		rc = import_copy(import, item, err);
	}
	import_progress(import, NULL, 0, 0, NULL);
	if (rc != ERR_OK)
		error_prefix(err, "the import stopped, and goes on where it was when it is run again");
	return rc;
}

static enum error_code perform(struct import *import, struct error *err)
{
	enum error_code rc = gather_all(import, err);
	size_t different = 0;

	if (rc == ERR_OK)
		rc = examine_all(import, err);
	if (rc != ERR_OK)
		return rc;
	different = conflicts(import);
	rc = client_default_versions(import->target, &import->room, err);
	if (rc != ERR_OK)
		return rc;
	bool write = !import->dry_run && import->refused == 0 && different == 0;
	if (write)
		rc = copy_all(import, err);
	if (rc == ERR_OK)
		rc = import_report(import, write, err);
	if (rc == ERR_OK && import->refused > 0)
		rc = error_set(err, ERR_INVALID,
			       "%zu environment%s of the source cannot be imported; --except leaves %s out", import->refused,
			       plural(import->refused, "", "s"), plural(import->refused, "it", "them"));
	if (rc == ERR_OK && different > 0)
		rc = error_set(err, ERR_EXISTS,
			       "%zu environment%s here already, and different; --update makes a new revision of "
			       "each, --except leaves %s out",
			       different, plural(different, " is", "s are"), plural(different, "it", "them"));
	return rc;
}

/* -- options ----------------------------------------------------------------- */

static enum error_code take_to(struct import *import, struct error *err)
{
	const char *to = option_value(import->inv, OPT_TO);
	size_t len = to != NULL ? strlen(to) : 0;
	struct env_path path;

	if (to == NULL)
		return ERR_OK;
	if (len > 0 && to[len - 1] == '/')
		len--;
	enum error_code rc = env_path_parse(to, len, &path, err);
	if (rc != ERR_OK)
		return error_prefix(err, "--to");
	snprintf(import->to_text, sizeof(import->to_text), "%s", path.text);
	import->to = import->to_text;
	return ERR_OK;
}

/* "secret/" and "secret" are the same. */
static enum error_code take_place(struct import *import, struct error *err)
{
	int len = snprintf(import->place, sizeof(import->place), "%s", import->inv->words[0]);

	if (len < 1 || (size_t)len >= sizeof(import->place))
		return error_set(err, ERR_USAGE, "MOUNT[/PREFIX] is 1 to %d bytes long", KV_PATH_MAX - 1);
	if (import->place[len - 1] == '/')
		import->place[len - 1] = '\0';
	return ERR_OK;
}

static enum error_code prepare(struct import *import, struct error *err)
{
	const char *message = option_value(import->inv, OPT_MESSAGE);

	import->theirs = calloc(1, sizeof(*import->theirs));
	import->ours = calloc(1, sizeof(*import->ours));
	import->custom = secret_buf_new(CUSTOM_MAX);
	if (import->theirs == NULL || import->ours == NULL || import->custom == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	if (message != NULL && strlen(message) > MESSAGE_MAX)
		return error_set(err, ERR_USAGE, "--message is longer than %d bytes", MESSAGE_MAX);
	enum error_code rc = take_to(import, err);
	return rc == ERR_OK ? session_filter(import->inv, &import->filter, err) : rc;
}

enum error_code import_from_vault(struct invocation *inv, struct error *err)
{
	cleanup_(import_free) struct import import = {
		.inv = inv,
		.secret = {.path = "secret/", .version = 2},
		.update = option_is_given(inv, OPT_UPDATE),
		.dry_run = option_is_given(inv, OPT_DRY_RUN),
	};
	enum error_code rc = prepare(&import, err);

	if (rc == ERR_OK)
		rc = take_place(&import, err);
	if (rc == ERR_OK)
		rc = session_open(inv, &import.target, err);
	if (rc == ERR_OK)
		rc = open_source(&import, err);
	if (rc == ERR_OK) {
		rc = kv_mount_find(import.source, import.place, &import.mount, &import.prefix, err);
		if (rc != ERR_OK)
			error_prefix(err, "the source");
	}
	import.latest = option_is_given(inv, OPT_LATEST) || import.mount.version == 1;
	return rc == ERR_OK ? perform(&import, err) : rc;
}
