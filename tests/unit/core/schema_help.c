#include "schema_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "acl_notation.h"
#include "resolve_help.h"

struct caller schema_caller(const struct fixture *fixture, const char *rules)
{
	if (!rules)
		return (struct caller){ .kind = CALLER_PEER, .root = true, .display = "root", .uid = fixture->root.uid };
	return (struct caller){ .kind = CALLER_TOKEN, .display = "test", .acl = acl_of(rules) };
}

static const struct kv_target *schema_target(const struct fixture *fixture, const char *path, struct kv_target *target,
					     char text[static 256])
{
	*target = *target_of(fixture, path);
	snprintf(text, 256, "secret/schema/%s", path);
	target->api_path = text;
	return target;
}

static enum error_code run(const struct fixture *fixture, struct kv_schema_change *change, bool delete_, struct error *err)
{
	struct action_wait wait;
	enum error_code code;

	action_wait_begin(&wait, &change->action);
	code = delete_ ? kv_schema_delete(fixture->vault, change, err) : kv_schema_write(fixture->vault, change, err);
	code = action_wait_end(&wait, code, err);
	findings_free(&change->findings);
	return code;
}

enum error_code schema_set(const struct fixture *fixture, const char *rules, const char *path, const char *text,
			   const char *mode, struct error *err)
{
	struct caller caller = schema_caller(fixture, rules);
	struct kv_schema_change change = { .caller = &caller, .text = text, .text_len = text ? strlen(text) : 0 };
	struct kv_target target;
	char api_path[256];
	enum error_code code;

	error_clear(err);
	change.target = schema_target(fixture, path, &target, api_path);
	change.has_mode = mode != NULL;
	change.mode = mode && strcmp(mode, "enforce") == 0 ? SCHEMA_ENFORCE : SCHEMA_WARN;
	code = run(fixture, &change, false, err);
	caller_release(&caller);
	return code;
}

void schema_must(const struct fixture *fixture, const char *path, const char *text, const char *mode)
{
	struct error err = ERROR_INIT;

	if (schema_set(fixture, NULL, path, text, mode, &err) != ERR_OK)
		fail_msg("the schema of %s: %s", path, err.text);
}

enum error_code schema_drop(const struct fixture *fixture, const char *rules, const char *path, struct error *err)
{
	struct caller caller = schema_caller(fixture, rules);
	struct kv_schema_change change = { .caller = &caller };
	struct kv_target target;
	char api_path[256];
	enum error_code code;

	error_clear(err);
	change.target = schema_target(fixture, path, &target, api_path);
	code = run(fixture, &change, true, err);
	caller_release(&caller);
	return code;
}

static void take(struct outcome *outcome, const struct findings *findings, size_t hidden)
{
	outcome->errors = findings->errors;
	outcome->warnings = findings->warnings;
	outcome->hidden = hidden;
	for (size_t i = 0; i < findings->len; i++) {
		const struct finding *finding = &findings->items[i];
		size_t codes = strlen(outcome->codes), texts = strlen(outcome->texts);

		snprintf(outcome->codes + codes, sizeof(outcome->codes) - codes, "%s/%s ", finding->name, finding->code);
		snprintf(outcome->texts + texts, sizeof(outcome->texts) - texts, "%s|%s|%s|%s\n", finding->name, finding->text,
			 finding->origin, finding->hint ? finding->hint : "");
	}
}

struct outcome write_judged(const struct fixture *fixture, const char *rules, enum kv_change kind, const char *path,
			    const char *data, uint64_t revision)
{
	struct caller caller = schema_caller(fixture, rules);
	struct outcome outcome = { .code = ERR_OK };
	struct error err = ERROR_INIT;
	struct vault_op op;

	op_init(&op, fixture, kind, path, data, NO_CAS);
	op.caller = &caller;
	op.revision = revision;
	outcome.code = vault_submit_wait(fixture->vault, &op, &err);
	take(&outcome, &op.findings, op.findings_hidden);
	memcpy(outcome.warning, outcome.code == ERR_OK ? op.warning : err.text, sizeof(outcome.warning));
	vault_op_release(&op);
	caller_release(&caller);
	return outcome;
}

struct outcome findings_now(const struct fixture *fixture, const char *rules, const char *path)
{
	struct caller caller = schema_caller(fixture, rules);
	struct findings findings = { .items = NULL };
	struct outcome outcome = { .code = ERR_OK };
	struct error err = ERROR_INIT;
	size_t hidden = 0;

	outcome.code = kv_schema_findings(fixture->vault, &caller, target_of(fixture, path), &findings, &hidden, &err);
	take(&outcome, &findings, hidden);
	findings_free(&findings);
	caller_release(&caller);
	return outcome;
}

struct outcome check_with(const struct fixture *fixture, const char *rules, const char *path, const char *data,
			  const char *schema, bool strict, enum schema_required required)
{
	struct caller caller = schema_caller(fixture, rules);
	struct kv_check check = { .caller = &caller, .target = target_of(fixture, path), .strict = strict, .required = required };
	struct outcome outcome = { .code = ERR_OK };
	struct error err = ERROR_INIT;

	check.has_data = data != NULL;
	if (data)
		check.data = json_of(data);
	check.schema = schema;
	check.schema_len = schema ? strlen(schema) : 0;
	outcome.code = kv_check(fixture->vault, &check, &err);
	take(&outcome, &check.findings, 0);
	memcpy(outcome.warning, err.text, sizeof(outcome.warning));
	findings_free(&check.findings);
	caller_release(&caller);
	return outcome;
}

bool has(const struct outcome *outcome, const char *name_and_code)
{
	const char *at = strstr(outcome->codes, name_and_code);

	return at && (at == outcome->codes || at[-1] == ' ') && at[strlen(name_and_code)] == ' ';
}
