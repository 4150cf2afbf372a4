#include "resolve_help.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

struct json_value json_of(const char *text)
{
	struct error err = ERROR_INIT;
	struct json_value value;

	if (json_scan(text, strlen(text), &value, &err) != ERR_OK)
		fail_msg("not JSON: %s", text);
	return value;
}

enum error_code write_kinds(const struct fixture *fixture, enum kv_change kind, const char *path, const char *data,
				   const char *templates, const char *unset, struct error *err)
{
	struct vault_op op;

	error_clear(err);
	op_init(&op, fixture, kind, path, data, NO_CAS);
	op.kinds.has_templates = templates != NULL;
	if (templates)
		op.kinds.templates = json_of(templates);
	op.kinds.has_unset = unset != NULL;
	if (unset)
		op.kinds.unset = json_of(unset);
	(void)!vault_submit_wait(fixture->vault, &op, err);
	vault_op_release(&op);
	return err->code;
}

void must_write(const struct fixture *fixture, enum kv_change kind, const char *path, const char *data,
		       const char *templates, const char *unset)
{
	struct error err = ERROR_INIT;

	if (write_kinds(fixture, kind, path, data, templates, unset, &err) != ERR_OK)
		fail_msg("%s: %s", path, err.text);
}

void assert_refused(const struct fixture *fixture, enum kv_change kind, const char *path, const char *data,
			   const char *templates, const char *unset, const char *says)
{
	struct error err = ERROR_INIT;

	assert_int_equal(write_kinds(fixture, kind, path, data, templates, unset, &err), ERR_INVALID);
	if (!strstr(err.text, says))
		fail_msg("%s, not %s", err.text, says);
}

enum error_code set(const struct fixture *fixture, const char *path, const char *settings, struct error *err)
{
	struct json_value patch = json_of(settings);

	error_clear(err);
	return kv_settings_write(fixture->vault, &fixture->root, target_of(fixture, path), &patch, err);
}

void extend(const struct fixture *fixture, const char *path, const char *parents)
{
	struct error err = ERROR_INIT;
	char text[2048];

	snprintf(text, sizeof(text), "{\"parents\":%s}", parents);
	if (set(fixture, path, text, &err) != ERR_OK)
		fail_msg("%s: %s", path, err.text);
}

void assert_settings_refused(const struct fixture *fixture, const char *path, const char *settings,
				    const char *says)
{
	struct error err = ERROR_INIT;

	assert_int_equal(set(fixture, path, settings, &err), ERR_INVALID);
	if (!strstr(err.text, says))
		fail_msg("%s, not %s", err.text, says);
}
