/* An environment as the text of an env-file dialect, for machines that have nothing but curl. */
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "http/etag.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "vault/dialect.h"
#include "vault/env_json.h"
#include "vault/finding.h"
#include "vault/json_emit.h"
#include "vault/json_scan.h"
#include "vault/limits.h"
#include "vault/name_filter.h"
#include "vault/suggestion.h"

#define FORMAT_DEFAULT "dotenv"

struct render {
	const struct dialect *dialect;
	struct dialect_options options;
	struct name_filter filter;
	uint64_t revision;
};

/* -- arguments --------------------------------------------------------------- */

static const char *media_type(const struct dialect *dialect)
{
	static const char *const of_yaml[] = { "yaml", "kubernetes", "compose-environment" };
	const char *name = dialect_name(dialect);

	if (strcmp(name, "json") == 0)
		return "application/json";
	for (size_t i = 0; i < ARRAY_LEN(of_yaml); i++)
		if (strcmp(name, of_yaml[i]) == 0)
			return "application/yaml";
	return "text/plain; charset=utf-8";
}

static void refuse_format(struct request *request, const char *format, const struct dialect *dialect)
{
	struct suggestion best = SUGGESTION_INIT;
	char text[ERROR_TEXT_MAX];
	size_t used = 0;

	if (dialect) {
		snprintf(text, sizeof(text), "%s is a directory of files and no text: use envctl render --format %s --output "
			 "DIRECTORY, or take format=json and write the files", dialect_name(dialect), dialect_name(dialect));
	} else {
		for (size_t i = 0; (dialect = dialect_at(i)); i++)
			if (!dialect_is_directory(dialect))
				suggestion_offer(&best, format, dialect_name(dialect));
		used = (size_t)snprintf(text, sizeof(text), "the argument format is unknown%s%.32s%s", best.text[0] ? "; did you mean " : "",
					best.text, best.text[0] ? "? There are" : "; there are");
		for (size_t i = 0; (dialect = dialect_at(i)) && used < sizeof(text); i++)
			if (!dialect_is_directory(dialect))
				used += (size_t)snprintf(text + used, sizeof(text) - used, "%s %s", i > 0 ? "," : "",
							 dialect_name(dialect));
	}
	reply_refuse(request, 400, text);
}

static bool read_format(struct request *request, struct render *render)
{
	const char *format = canon_path_arg(&request->path, "format");

	render->dialect = dialect_find(format ? format : FORMAT_DEFAULT);
	if (render->dialect && !dialect_is_directory(render->dialect))
		return true;
	refuse_format(request, format ? format : FORMAT_DEFAULT, render->dialect);
	return false;
}

static bool read_flag(struct request *request, const char *name, bool *ret)
{
	const char *text = canon_path_arg(&request->path, name);

	*ret = text && strcmp(text, "true") == 0;
	if (!text || *ret || strcmp(text, "false") == 0)
		return true;
	reply_refuse(request, 400, "the argument skip_unrepresentable must be true or false");
	return false;
}

/* An empty list of globs would take nothing, which nobody asks for. */
static bool read_globs(struct request *request, const char *name, const char **ret, size_t *ret_len)
{
	const char *text = canon_path_arg(&request->path, name);

	*ret_len = text ? 1 : 0;
	*ret = text;
	if (!text || text[0] != '\0')
		return true;
	reply_refuse(request, 400, "the arguments only and except need names or globs, parted by commas");
	return false;
}

/* What names a Kubernetes object has no meaning elsewhere. */
static bool read_object(struct request *request, struct render *render)
{
	const char *name = canon_path_arg(&request->path, "name"), *namespace = canon_path_arg(&request->path, "namespace");

	render->options.object = name;
	render->options.namespace_ = namespace;
	if ((!name && !namespace) || strcmp(dialect_name(render->dialect), "kubernetes") == 0)
		return true;
	reply_refuse(request, 400, "the arguments name and namespace are for format=kubernetes");
	return false;
}

static bool read_arguments(struct request *request, struct render *render)
{
	static const char *const allowed[] = { "format", "revision", "only", "except", "skip_unrepresentable", "name", "namespace",
					       NULL };

	if (request->wrap_ttl_s > 0) {
		reply_refuse(request, 400, "text cannot be wrapped: wrap the answer of resolve");
		return false;
	}
	return request_args_only(request, allowed) && read_format(request, render) &&
	       request_arg_uint(request, "revision", 0, INT64_MAX, &render->revision) &&
	       read_globs(request, "only", &render->filter.only[0], &render->filter.only_len) &&
	       read_globs(request, "except", &render->filter.except[0], &render->filter.except_len) &&
	       read_flag(request, "skip_unrepresentable", &render->options.skip) && read_object(request, render);
}

/* -- what could not be held -------------------------------------------------- */

static void add_finding(struct findings *findings, const struct note *note, const struct dialect *dialect)
{
	const struct finding finding = {
		.severity = note->severity == NOTE_ERROR ? FINDING_ERROR : FINDING_WARNING,
		.code = "unrepresentable",
		.hint = note->hint,
	};
	char holders[80];

	note_holders(note, holders, sizeof(holders));
	findings_add(findings, &finding, note->name, strlen(note->name), "cannot be written as %s: %s%s%s%s",
		     dialect_name(dialect), note->reason, holders[0] ? "; " : "", holders, holders[0] ? " can hold it" : "");
}

static void emit_line(struct secret_buf *out, const struct finding *finding)
{
	char line[sizeof(finding->name) + FINDING_TEXT_MAX + 8];

	snprintf(line, sizeof(line), "%s%s%s", finding->name, finding->name[0] ? " " : "", finding->text);
	json_emit_cstring(out, line);
}

static void reply_unrepresentable(struct request *request, const struct dialect *dialect, const struct notes *notes)
{
	cleanup_(findings_free) struct findings findings = { 0 };
	struct secret_buf *out = reply_bare(request, 400);

	for (size_t i = 0; i < notes->len; i++)
		if (notes->items[i].severity == NOTE_ERROR)
			add_finding(&findings, &notes->items[i], dialect);
	if (!out)
		return;
	json_emit_raw(out, "{\"errors\":[");
	for (size_t i = 0; i < findings.len; i++) {
		if (i > 0)
			json_emit_raw(out, ",");
		emit_line(out, &findings.items[i]);
	}
	json_emit_raw(out, "],\"data\":{\"findings\":");
	findings_emit_json(&findings, out);
	json_emit_raw(out, "}}");
}

/* Names may be anything: what is no ordinary character of a name is %XX. */
static void append_name(struct secret_buf *out, const char *name)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-";
	char escaped[4];

	for (; *name; name++) {
		if (strchr(plain, *name)) {
			secret_buf_append_char(out, *name);
			continue;
		}
		snprintf(escaped, sizeof(escaped), "%%%02X", (unsigned char)*name);
		secret_buf_append_text(out, escaped);
	}
}

/* The header is bounded; how many more there are closes it. */
static void tell_skipped(struct request *request, const struct notes *notes)
{
	struct secret_buf *out = NULL;
	size_t more = notes->omitted;
	char rest[24];

	for (size_t i = 0; i < notes->len; i++) {
		if (!notes->items[i].skipped)
			continue;
		if (!out && !(out = secret_buf_new(LIMIT_SKIPPED_HEADER + 512)))
			return;
		if (secret_buf_len(out) >= LIMIT_SKIPPED_HEADER) {
			more++;
			continue;
		}
		if (secret_buf_len(out) > 0)
			secret_buf_append_char(out, ',');
		append_name(out, notes->items[i].name);
	}
	if (!out)
		return;
	snprintf(rest, sizeof(rest), ",+%zu", more);
	if (more > 0)
		secret_buf_append_text(out, rest);
	secret_buf_append_char(out, '\0');
	request->reply.skipped = out;
}

/* -- the text ----------------------------------------------------------------- */

static enum error_code put_variable(struct env_set *set, const struct variable *variable, bool skip, struct secret_buf *work,
				    struct notes *notes, struct error *err)
{
	struct json_value value;

	switch ((enum variable_kind)variable->kind) {
	case KIND_TEXT:
	case KIND_TEMPLATE:
		return env_set_put(set, variable->name.at, variable->name.len, variable->value.at, variable->value.len, 0, NULL,
				   err);
	case KIND_JSON:
		if (json_scan(variable->value.at, variable->value.len, &value, err) != ERR_OK)
			return err->code;
		return env_json_put(set, variable->name.at, variable->name.len, &value, skip, work, notes, err);
	case KIND_UNSET:
		break;
	}
	return ERR_OK;
}

static enum error_code put_variables(const struct render *render, const struct kv_resolved *resolved, struct env_set *set,
				     struct notes *notes, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *work = secret_buf_new(LIMIT_RESOLVED);
	enum error_code code = ERR_OK;

	if (!work)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	for (size_t i = 0; code == ERR_OK && i < resolved->variables_len; i++) {
		const struct variable *variable = &resolved->variables[i];

		if (name_filter_takes(&render->filter, variable->name.at, variable->name.len))
			code = put_variable(set, variable, render->options.skip, work, notes, err);
	}
	return code;
}

/* ERR_UNREPRESENTABLE: the notes say why. */
static enum error_code encode(struct render *render, const struct kv_resolved *resolved, struct secret_buf *out,
			      struct notes *notes, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(LIMIT_RESOLVED);
	enum error_code code;
	bool all_texts;

	if (!set)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	randombytes_buf(render->options.random, sizeof(render->options.random));
	code = put_variables(render, resolved, set, notes, err);
	all_texts = notes->errors == 0;
	if (code == ERR_OK)
		code = dialect_encode(render->dialect, set, &render->options, out, notes, err);
	if (code == ERR_OK && !all_texts)
		code = error_set(err, ERR_UNREPRESENTABLE, "not all variables are text");
	return code;
}

static void answer_rendered(struct request *request, struct render *render, const struct kv_resolved *resolved)
{
	cleanup_(notes_free) struct notes notes = { 0 };
	struct secret_buf *out = reply_bare(request, 200);
	struct error err = ERROR_INIT;
	enum error_code code;

	if (!out)
		return;
	code = encode(render, resolved, out, &notes, &err);
	if (code == ERR_UNREPRESENTABLE) {
		reply_unrepresentable(request, render->dialect, &notes);
	} else if (code != ERR_OK) {
		reply_error(request, &err, false);
	} else {
		request->reply.content_type = media_type(render->dialect);
		reply_etag(request, resolved->etag);
		tell_skipped(request, &notes);
	}
}

void handle_render(struct request *request)
{
	cleanup_(kv_resolved_freep) struct kv_resolved resolved = { 0 };
	struct render render = { .dialect = NULL };
	struct error err = ERROR_INIT;

	if (!read_arguments(request, &render) || !request_target(request, true))
		return;
	if (kv_resolve(request->server->vault, &request->caller, &request->target, render.revision, &resolved, &err) != ERR_OK)
		reply_error(request, &err, false);
	else if (etag_matches(request->head.if_none_match, resolved.etag))
		reply_not_modified(request, resolved.etag);
	else
		answer_rendered(request, &render, &resolved);
}
