/* Parents and templates for who may not everything: what is needed, what is told, what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "acl_notation.h"
#include "core/vault_children.h"
#include "resolve_help.h"

/* rules: see acl_notation.h */
static struct caller caller_with(const char *rules)
{
	return (struct caller){ .kind = CALLER_TOKEN, .display = "test", .acl = acl_of(rules) };
}

static enum error_code resolve_as(const struct fixture *fixture, const char *rules, const char *path, struct error *err)
{
	struct caller caller = caller_with(rules);
	struct kv_resolved resolved = {0};

	error_clear(err);
	if (kv_resolve(fixture->vault, &caller, target_of(fixture, path), 0, &resolved, err) == ERR_OK)
		kv_resolved_free(&resolved);
	caller_release(&caller);
	return err->code;
}

static enum error_code set_as(const struct fixture *fixture, const char *rules, const char *path, const char *settings,
			      struct error *err)
{
	struct caller caller = caller_with(rules);
	struct json_value patch = json_of(settings);

	error_clear(err);
	(void)!kv_settings_write(fixture->vault, &caller, target_of(fixture, path), &patch, err);
	caller_release(&caller);
	return err->code;
}

/* *warning gets what the answer says beside it. revision: of a rollback. */
static enum error_code write_as(const struct fixture *fixture, const char *rules, enum kv_change kind, const char *path,
				const char *data, const char *templates, uint64_t revision,
				char warning[static ERROR_TEXT_MAX], struct error *err)
{
	struct caller caller = caller_with(rules);
	struct vault_op op;

	error_clear(err);
	op_init(&op, fixture, kind, path, data, NO_CAS);
	op.caller = &caller;
	op.revision = revision;
	op.kinds.has_templates = templates != NULL;
	if (templates)
		op.kinds.templates = json_of(templates);
	warning[0] = '\0';
	if (vault_submit_wait(fixture->vault, &op, err) == ERR_OK) {
		memcpy(warning, op.warning, ERROR_TEXT_MAX);
		vault_op_release(&op);
	}
	caller_release(&caller);
	return err->code;
}

static enum error_code patch_as(const struct fixture *fixture, const char *rules, const char *path, const char *data,
				const char *templates, char warning[static ERROR_TEXT_MAX], struct error *err)
{
	return write_as(fixture, rules, KV_PATCH, path, data, templates, 0, warning, err);
}

static void broken_as(const struct fixture *fixture, const char *rules, const char *path, const char *expected)
{
	struct caller caller = caller_with(rules);
	struct kv_broken broken = {0};
	struct error err = ERROR_INIT;
	char text[512] = "";
	const char *name;

	assert_int_equal(kv_broken_children(fixture->vault, &caller, target_of(fixture, path), &broken, &err), ERR_OK);
	name = broken.names.block;
	for (size_t i = 0; i < broken.names.count; i++, name += strlen(name) + 1)
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", name);
	assert_string_equal(text, expected);
	kv_broken_free(&broken);
	caller_release(&caller);
}

static void reading_needs_read_on_all_that_is_touched(void **state)
{
	struct error err = ERROR_INIT, missing = ERROR_INIT;

	must_write(*state, KV_PUT, "a/root", "{\"A\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "a/base", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "a/ref", "{\"R\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "a/shop", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "a/other", "{\"T\":\"${a/ref:R}\"}", "[\"T\"]", NULL);
	extend(*state, "a/base", "[\"a/root\"]");
	extend(*state, "a/shop", "[\"a/base\"]");
	assert_int_equal(resolve_as(*state, "secret/data/a/*=r", "a/shop", &err), ERR_OK);
	assert_int_equal(resolve_as(*state, "secret/data/a/base=r secret/data/a/root=r", "a/shop", &err), ERR_DENIED);
	assert_string_equal(err.text, "permission denied");
	assert_int_equal(resolve_as(*state, "secret/data/a/shop=r", "a/shop", &err), ERR_DENIED);
	assert_string_equal(err.text, "permission denied: the environment a/shop extends a/base, which you may not read");
	assert_int_equal(resolve_as(*state, "secret/data/a/shop=r secret/data/a/base=r", "a/shop", &err), ERR_DENIED);
	assert_string_equal(err.text, "permission denied: the environment a/base extends a/root, which you may not read");
	/* resolve/ decides nothing: the data/ paths do. */
	assert_int_equal(resolve_as(*state, "secret/data/a/shop=r secret/resolve/*=r", "a/shop", &err), ERR_DENIED);
	assert_int_equal(resolve_as(*state, "secret/data/a/other=r", "a/other", &err), ERR_DENIED);
	assert_string_equal(err.text,
			    "permission denied: the template of T in a/other refers to a/ref, which you may not read");
	/* What is gone and what was never there look like what is denied. */
	assert_int_equal(change(*state, KV_METADATA_DELETE, "a/ref", NULL), ERR_OK);
	assert_int_equal(resolve_as(*state, "secret/data/a/other=r", "a/other", &missing), ERR_DENIED);
	assert_string_equal(missing.text, err.text);
	assert_int_equal(resolve_as(*state, "secret/data/a/*=r", "a/other", &err), ERR_UNRESOLVED);
}

static void setting_parents_needs_read_on_them(void **state)
{
	struct error err = ERROR_INIT, missing = ERROR_INIT;
	char text[ERROR_TEXT_MAX];

	must_write(*state, KV_PUT, "b/base", "{\"A\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "b/shop", "{}", NULL, NULL);
	assert_int_equal(set_as(*state, "secret/data/b/shop=crudl secret/data/b/base=r", "b/shop", "{\"parents\":[\"b/base\"]}", &err),
			 ERR_DENIED);
	assert_int_equal(set_as(*state, "secret/data/b/shop=p", "b/shop", "{\"parents\":[\"b/base\"]}", &err), ERR_DENIED);
	snprintf(text, sizeof(text), "%s", err.text);
	assert_int_equal(set_as(*state, "secret/data/b/shop=p", "b/shop", "{\"parents\":[\"b/nope\"]}", &missing), ERR_DENIED);
	memcpy(strstr(missing.text, "nope"), "base", 4);
	assert_string_equal(missing.text, text);
	assert_int_equal(set_as(*state, "secret/data/b/shop=p secret/data/b/*=r", "b/shop", "{\"parents\":[\"b/nope\"]}", &err),
			 ERR_INVALID);
	assert_int_equal(set_as(*state, "secret/data/b/shop=p secret/data/b/base=r", "b/shop", "{\"parents\":[\"b/base\"]}", &err),
			 ERR_OK);
	/* Whoever may change the environment may let go of parents that it may not read. */
	assert_int_equal(set_as(*state, "secret/data/b/shop=p", "b/shop", "{\"parents\":[]}", &err), ERR_OK);
}

static void writing_tells_nothing_to_who_cannot_read(void **state)
{
	struct error err = ERROR_INIT;
	char warning[ERROR_TEXT_MAX], other[ERROR_TEXT_MAX];

	must_write(*state, KV_PUT, "c/base", "{\"A\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "c/shop", "{\"HIDDEN\":\"1\"}", NULL, NULL);
	/* Without read on the environment: whether a name is there is not told. */
	assert_int_equal(patch_as(*state, "secret/data/c/shop=p", "c/shop", "{\"T\":\"${HIDDEN}\"}", "[\"T\"]", warning, &err), ERR_OK);
	assert_int_equal(patch_as(*state, "secret/data/c/shop=p", "c/shop", "{\"T\":\"${NOT_THERE}\"}", "[\"T\"]", other, &err), ERR_OK);
	assert_string_equal(warning, other);
	assert_non_null(strstr(warning, "needs the right to read it"));
	assert_int_equal(patch_as(*state, "secret/data/c/shop=p", "c/shop", "{\"T\":\"${\"}", NULL, warning, &err), ERR_INVALID);
	/* A reference needs read on the other environment, whether that exists or not. */
	assert_int_equal(patch_as(*state, "secret/data/c/shop=pr", "c/shop", "{\"T\":\"${c/base:A}\"}", "[\"T\"]", warning, &err),
			 ERR_DENIED);
	assert_string_equal(err.text, "permission denied: the template of T refers to c/base, which you may not read");
	assert_int_equal(patch_as(*state, "secret/data/c/shop=p", "c/shop", "{\"T\":\"${c/nope:A}\"}", "[\"T\"]", warning, &err),
			 ERR_DENIED);
	assert_int_equal(patch_as(*state, "secret/data/c/shop=pr secret/data/c/base=r", "c/shop", "{\"T\":\"${c/base:A}\"}", "[\"T\"]",
				  warning, &err),
			 ERR_OK);
	assert_string_equal(warning, "");
	/* One that stands there already does not keep others from writing. */
	assert_int_equal(patch_as(*state, "secret/data/c/shop=pr", "c/shop", "{\"B\":\"1\"}", NULL, warning, &err), ERR_OK);
	assert_non_null(strstr(warning, "refers to c/base, which you may not read"));
}

/* Who guesses a template that is there and who guesses wrong are answered alike. */
static void a_template_given_word_for_word_is_given(void **state)
{
	static const char right[] = "{\"T\":\"${e/far:A}\"}", wrong[] = "{\"T\":\"${e/far:B}\"}";
	static const enum kv_change kinds[] = { KV_PATCH, KV_PUT };
	struct error err = ERROR_INIT, other = ERROR_INIT;
	char warning[ERROR_TEXT_MAX];

	must_write(*state, KV_PUT, "e/far", "{\"A\":\"1\",\"B\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "e/shop", right, "[\"T\"]", NULL);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		assert_int_equal(write_as(*state, "secret/data/e/shop=pu", kinds[i], "e/shop", right, NULL, 0, warning, &err),
				 ERR_DENIED);
		assert_int_equal(write_as(*state, "secret/data/e/shop=pu", kinds[i], "e/shop", wrong, NULL, 0, warning, &other),
				 ERR_DENIED);
		assert_string_equal(err.text, other.text);
		/* Who reads it has nothing to guess, and may write it again. */
		assert_int_equal(write_as(*state, "secret/data/e/shop=pur", kinds[i], "e/shop", right, NULL, 0, warning, &err), ERR_OK);
		assert_int_equal(write_as(*state, "secret/data/e/shop=pur", kinds[i], "e/shop", wrong, NULL, 0, warning, &err),
				 ERR_DENIED);
	}
	/* What a patch leaves alone is not given. */
	assert_int_equal(patch_as(*state, "secret/data/e/shop=p", "e/shop", "{\"B\":\"1\"}", NULL, warning, &err), ERR_OK);
}

/* Whether it is there, is text, can be read as a template, and what it refers to. */
static void a_patch_asks_nothing_of_what_its_writer_may_not_read(void **state)
{
	static const char *const names[] = { "[\"R\"]", "[\"S\"]", "[\"W\"]", "[\"J\"]", "[\"T\"]", "[\"N\"]" };
	struct error err = ERROR_INIT;
	char warning[ERROR_TEXT_MAX];

	must_write(*state, KV_PUT, "f/shop", "{\"R\":\"${f/canary:A}\",\"S\":\"plain\",\"W\":\"${\",\"J\":1,\"T\":\"x\"}", "[\"T\"]",
		   NULL);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char expected[256];

		assert_int_equal(patch_as(*state, "secret/data/f/shop=p", "f/shop", "{}", names[i], warning, &err), ERR_DENIED);
		snprintf(expected, sizeof(expected),
			 "permission denied: %c gets no value from this patch: making a template of what is there needs the right to read it",
			 names[i][2]);
		assert_string_equal(err.text, expected);
	}
	assert_int_equal(patch_as(*state, "secret/data/f/shop=p", "f/shop", "{\"S\":\"${R}\"}", "[\"S\"]", warning, &err), ERR_OK);
	assert_int_equal(patch_as(*state, "secret/data/f/shop=p", "f/shop", "{\"N\":\"${R}\"}", "[\"N\"]", warning, &err), ERR_OK);
	assert_int_equal(patch_as(*state, "secret/data/f/shop=pr", "f/shop", "{}", "[\"W\"]", warning, &err), ERR_INVALID);
	assert_int_equal(patch_as(*state, "secret/data/f/shop=pr", "f/shop", "{\"S\":\"plain\"}", NULL, warning, &err), ERR_OK);
}

static void a_rollback_names_what_its_caller_may_read(void **state)
{
	struct error err = ERROR_INIT;
	char warning[ERROR_TEXT_MAX];

	must_write(*state, KV_PUT, "g/canary", "{\"A\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "g/shop", "{\"HIDDEN\":\"${g/canary:A}\"}", "[\"HIDDEN\"]", NULL);
	must_write(*state, KV_PUT, "g/shop", "{}", NULL, NULL);
	assert_int_equal(write_as(*state, "secret/data/g/shop=u", KV_ROLLBACK, "g/shop", NULL, NULL, 1, warning, &err), ERR_DENIED);
	assert_null(strstr(err.text, "canary"));
	assert_null(strstr(err.text, "HIDDEN"));
	assert_int_equal(write_as(*state, "secret/data/g/shop=ur", KV_ROLLBACK, "g/shop", NULL, NULL, 1, warning, &err), ERR_DENIED);
	assert_string_equal(err.text, "permission denied: the template of HIDDEN refers to g/canary, which you may not read");
	assert_int_equal(write_as(*state, "secret/data/g/shop=ur secret/data/g/canary=r", KV_ROLLBACK, "g/shop", NULL, NULL, 1, warning,
				  &err),
			 ERR_OK);
}

static void children_are_named_to_who_may_read_them(void **state)
{
	must_write(*state, KV_PUT, "d/base", "{\"A\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "d/far", "{}", NULL, NULL);
	for (int i = 1; i <= 3; i++) {
		char path[16];

		snprintf(path, sizeof(path), "d/%d", i);
		must_write(*state, KV_PUT, path, "{}", NULL, NULL);
		extend(*state, path, i == 3 ? "[\"d/base\",\"d/far\"]" : "[\"d/base\"]");
		must_write(*state, KV_PUT, path, "{\"T\":\"${A}\"}", "[\"T\"]", NULL);
	}
	broken_as(*state, "secret/data/d/*=r", "d/base", "");
	must_write(*state, KV_PUT, "d/base", "{}", NULL, NULL);
	broken_as(*state, "secret/data/d/2=r secret/data/d/base=r", "d/base", "d/2 ");
	broken_as(*state, "secret/data/d/2=r secret/data/d/3=r secret/data/d/base=r", "d/base", "d/2 ");
	broken_as(*state, "secret/data/d/1=u secret/data/d/base=r", "d/base", "");
	broken_as(*state, "secret/data/d/1=r", "d/base", "");
	broken_as(*state, "secret/data/d/3=r secret/data/d/base=r secret/data/d/far=r", "d/far", "d/3 ");
	/* A deleted child cannot break; a child that lets go is none. */
	assert_int_equal(change(*state, KV_DELETE, "d/2", NULL), ERR_OK);
	broken_as(*state, "secret/data/d/2=r secret/data/d/base=r", "d/base", "");
	extend(*state, "d/3", "[\"d/far\"]");
	broken_as(*state, "secret/data/d/3=r secret/data/d/base=r secret/data/d/far=r", "d/base", "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reading_needs_read_on_all_that_is_touched),
		cmocka_unit_test(setting_parents_needs_read_on_them),
		cmocka_unit_test(writing_tells_nothing_to_who_cannot_read),
		cmocka_unit_test(a_template_given_word_for_word_is_given),
		cmocka_unit_test(a_patch_asks_nothing_of_what_its_writer_may_not_read),
		cmocka_unit_test(a_rollback_names_what_its_caller_may_read),
		cmocka_unit_test(children_are_named_to_who_may_read_them),
	};

	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
