#include <string.h>

#include "cmd/output.h"
#include "cmd/session.h"
#include "cmd/walk.h"
#include "vault/json_emit.h"
#include "vault/limits.h"

struct listing {
	struct secret_buf *out;
	bool json;
	size_t count;
};

static bool add_environment(void *arg, const char *path)
{
	struct listing *listing = arg;

	if (listing->json) {
		json_emit_raw(listing->out, listing->count > 0 ? "," : "");
		json_emit_cstring(listing->out, path);
	} else {
		secret_buf_append_text(listing->out, path);
		secret_buf_append_char(listing->out, '\n');
	}
	listing->count++;
	return secret_buf_ok(listing->out);
}

/* "shop" and "shop/" both mean what lies below shop. */
static enum error_code prefix_of(const struct invocation *inv, char *ret, size_t size, struct error *err)
{
	struct env_path path;
	size_t len = inv->words_len > 0 ? strlen(inv->words[0]) : 0;

	ret[0] = '\0';
	if (len == 0)
		return ERR_OK;
	if (inv->words[0][len - 1] == '/')
		len--;
	enum error_code rc = env_path_parse(inv->words[0], len, &path, err);
	if (rc != ERR_OK)
		return error_prefix(err, "the prefix");
	if ((size_t)path.len + 2 > size)
		return error_set(err, ERR_TOO_LARGE, "the prefix is too long");
	memcpy(ret, path.text, path.len);
	memcpy(ret + path.len, "/", 2);
	return ERR_OK;
}

enum error_code command_list(struct invocation *inv, struct error *err)
{
	cleanup_(client_freep) struct vault_client *client = NULL;
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);
	struct listing listing = {.out = out, .json = option_is_given(inv, OPT_JSON)};
	char prefix[LIMIT_ENV_PATH_LEN + 2];
	enum error_code rc = out != NULL ? prefix_of(inv, prefix, sizeof(prefix), err) : err->code;

	if (rc == ERR_OK)
		rc = session_open(inv, &client, err);
	if (rc != ERR_OK)
		return rc;
	client_set_deadline(client, WALK_SECONDS);
	if (listing.json)
		json_emit_raw(out, "[");
	rc = walk_environments(client, prefix, WALK_FOLDERS_MAX, add_environment, &listing, err);
	if (rc != ERR_OK)
		return rc;
	if (listing.json)
		json_emit_raw(out, "]\n");
	if (listing.count == 0 && prefix[0] != '\0')
		say(inv, "there is nothing below %s", prefix);
	else if (listing.count == 0)
		say(inv, "there is no environment yet; make one: envctl import shop/production .env");
	return output_flush(out, err);
}
