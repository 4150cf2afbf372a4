#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd/import_vault.h"
#include "cmd/output.h"
#include "vault/json_emit.h"
#include "vault/plural.h"

#define REFUSED_SHOWN 50

void import_progress(struct import *import, const char *what, size_t done, size_t of, const char *path)
{
	cleanup_(secret_buf_freep) struct secret_buf *shown = NULL;

	if (option_is_given(import->inv, OPT_QUIET) || isatty(STDERR_FILENO) != 1)
		return;
	if (path == NULL) {
		if (import->progressing)
			fputs("\r\033[K", stderr);
		import->progressing = false;
		return;
	}
	shown = secret_buf_new(1024);
	if (shown == NULL)
		return;
	output_visible(shown, path, strnlen(path, 40));
	import->progressing = true;
	if (of > 0)
		fprintf(stderr, "\r\033[K%s %zu of %zu: %.*s", what, done, of, (int)secret_buf_len(shown),
			secret_buf_text(shown));
	else
		fprintf(stderr, "\r\033[K%s %zu: %.*s", what, done, (int)secret_buf_len(shown), secret_buf_text(shown));
}

void import_refuse(struct import *import, const char *path, const struct error *why)
{
	import_progress(import, NULL, 0, 0, NULL);
	if (import->refused < REFUSED_SHOWN)
		warn("cannot be imported: %.300s: %s", path, why->text);
	else if (import->refused == REFUSED_SHOWN)
		warn("… and more of them");
	import->refused++;
}

static size_t count(const struct import *import, enum import_action action)
{
	size_t found = 0;

	for (size_t i = 0; i < import->len; i++)
		found += import->items[i].action == action;
	return found;
}

static void emit_item(struct import *import, const struct import_item *item, struct secret_buf *out)
{
	struct env_path env;
	struct error ignored = ERROR_INIT;

	json_emit_raw(out, "{\"environment\":");
	json_emit_cstring(out, import_target(item->path, import->prefix, import->to, &env, &ignored) == ERR_OK
				       ? env.text
				       : "");
	json_emit_raw(out, ",\"action\":");
	json_emit_cstring(out, import_action_name(item->action));
	json_emit_raw(out, ",\"versions\":");
	json_emit_uint(out, item->versions);
	json_emit_raw(out, ",\"placeholders\":");
	json_emit_uint(out, item->placeholders);
	json_emit_raw(out, "}");
}

static void emit_all(struct import *import, bool written, struct secret_buf *out)
{
	json_emit_raw(out, "{\"source\":");
	json_emit_cstring(out, client_address(import->source));
	json_emit_raw(out, ",\"kv_version\":");
	json_emit_uint(out, import->mount.version);
	json_emit_raw(out, ",\"written\":");
	json_emit_bool(out, written);
	json_emit_raw(out, ",\"refused\":");
	json_emit_uint(out, import->refused);
	json_emit_raw(out, ",\"environments\":[");
	for (size_t i = 0; i < import->len; i++) {
		json_emit_raw(out, i > 0 ? "," : "");
		emit_item(import, &import->items[i], out);
	}
	json_emit_raw(out, "]}\n");
}

static void print_item(struct import *import, const struct import_item *item, struct secret_buf *out)
{
	static const char signs[] = {
		[IMPORT_NEW] = '+', [IMPORT_RESUME] = '>', [IMPORT_UPDATE] = '~', [IMPORT_CONFLICT] = '!', [IMPORT_EMPTY] = '0',
	};
	struct env_path env;
	struct error ignored = ERROR_INIT;

	if (item->action == IMPORT_EQUAL || import_target(item->path, import->prefix, import->to, &env, &ignored) != ERR_OK)
		return;
	output_format(out, "  %c ", signs[item->action]);
	secret_buf_append_text(out, env.text);
	switch (item->action) {
	case IMPORT_CONFLICT:
		secret_buf_append_text(out, " (is here already, and different)");
		break;
	case IMPORT_EMPTY:
		secret_buf_append_text(out, " (left out: its current version is deleted)");
		break;
	case IMPORT_NEW:
	case IMPORT_RESUME:
	case IMPORT_UPDATE:
		output_format(out, " (%" PRIu64 " version%s", item->versions, plural(item->versions, "", "s"));
		if (item->placeholders > 0)
			output_format(out, ", %" PRIu64 " of them without content", item->placeholders);
		secret_buf_append_text(out, ")");
		break;
	case IMPORT_EQUAL:
		break;
	}
	secret_buf_append_char(out, '\n');
}

static void print_all(struct import *import, struct secret_buf *out)
{
	for (size_t i = 0; i < import->len; i++)
		print_item(import, &import->items[i], out);
	output_format(out, "%zu new, %zu continued, %zu updated, %zu equal", count(import, IMPORT_NEW),
		      count(import, IMPORT_RESUME), count(import, IMPORT_UPDATE), count(import, IMPORT_EQUAL));
	if (count(import, IMPORT_CONFLICT) > 0)
		output_format(out, ", %zu different", count(import, IMPORT_CONFLICT));
	if (count(import, IMPORT_EMPTY) > 0)
		output_format(out, ", %zu left out", count(import, IMPORT_EMPTY));
	if (import->refused > 0)
		output_format(out, ", %zu refused", import->refused);
	secret_buf_append_char(out, '\n');
}

/* What Vault's API does not let anybody write. */
static void say_losses(const struct import *import)
{
	uint64_t placeholders = 0;
	size_t changed = count(import, IMPORT_NEW) + count(import, IMPORT_RESUME) + count(import, IMPORT_UPDATE);

	for (size_t i = 0; i < import->len; i++)
		placeholders += import->items[i].placeholders;
	if (changed > 0)
		say(import->inv, "not kept: when versions were written and by whom (their messages name the first)");
	if (placeholders > 0)
		say(import->inv,
		    "not kept: the content of %" PRIu64 " version%s that the source does not give: deleted or destroyed "
		    "here as well",
		    placeholders, plural(placeholders, "", "s"));
	if (import->timed > 0)
		say(import->inv, "not kept: the time at which %zu version%s to be deleted", import->timed,
		    plural(import->timed, " was", "s were"));
	if (import->left_out > 0)
		say(import->inv, "not kept: %zu old version%s, as an environment has at most %d", import->left_out,
		    plural(import->left_out, "", "s"), LIMIT_MAX_VERSIONS);
	if (import->odd_settings > 0)
		say(import->inv, "not kept: settings of %zu environment%s that are over the limits here",
		    import->odd_settings, plural(import->odd_settings, "", "s"));
}

enum error_code import_report(struct import *import, bool written, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	import_progress(import, NULL, 0, 0, NULL);
	if (option_is_given(import->inv, OPT_JSON))
		emit_all(import, written, out);
	else if (!option_is_given(import->inv, OPT_QUIET))
		print_all(import, out);
	enum error_code rc = output_flush(out, err);
	if (rc == ERR_OK)
		say_losses(import);
	if (rc == ERR_OK && !written)
		say(import->inv, "nothing was written");
	return rc;
}
