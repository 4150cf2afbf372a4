/* Schemas of environments: what is enforced, what is inherited, who is told what, what a race comes to. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/vault_children.h"
#include "core/vault_state.h"
#include "resolve_help.h"
#include "schema_help.h"

#define CANARY "CANARY-7f3a91-never-shown"
#define PORT_SCHEMA "# @type=port @required\nPORT=\n"

static struct outcome put_as(const struct fixture *fixture, const char *rules, const char *path, const char *data)
{
	return write_judged(fixture, rules, KV_PUT, path, data, 0);
}

static struct outcome patch_as(const struct fixture *fixture, const char *rules, const char *path, const char *data)
{
	return write_judged(fixture, rules, KV_PATCH, path, data, 0);
}

/* -- modes ------------------------------------------------------------------- */

static void an_enforced_schema_is_kept_to_by_every_write(void **state)
{
	struct outcome outcome;

	must_write(*state, KV_PUT, "m/a", "{\"PORT\":\"not-" CANARY "\"}", NULL, NULL);
	schema_must(*state, "m/a", PORT_SCHEMA, NULL);
	outcome = put_as(*state, NULL, "m/a", "{\"PORT\":\"" CANARY "\"}");
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_int_equal(outcome.errors, 1);
	assert_true(has(&outcome, "PORT/type"));
	assert_null(strstr(outcome.texts, "CANARY"));
	assert_null(strstr(outcome.warning, "CANARY"));
	assert_int_equal(put_as(*state, NULL, "m/a", "{}").code, ERR_SCHEMA);
	assert_int_equal(patch_as(*state, NULL, "m/a", "{\"OTHER\":\"1\"}").code, ERR_SCHEMA);
	assert_int_equal(put_as(*state, NULL, "m/a", "{\"PORT\":\"80\"}").code, ERR_OK);
	assert_int_equal(patch_as(*state, NULL, "m/a", "{\"PORT\":null}").code, ERR_SCHEMA);
	outcome = write_judged(*state, NULL, KV_ROLLBACK, "m/a", NULL, 1);
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_null(strstr(outcome.texts, "CANARY"));
	assert_int_equal(write_judged(*state, NULL, KV_ROLLBACK, "m/a", NULL, 2).code, ERR_OK);
	assert_content(*state, "m/a", 3, "PORT=80#2@2");
}

static void a_warning_keeps_what_is_written(void **state)
{
	struct outcome outcome;

	must_write(*state, KV_PUT, "w/a", "{}", NULL, NULL);
	schema_must(*state, "w/a", PORT_SCHEMA, "warn");
	outcome = put_as(*state, NULL, "w/a", "{\"PORT\":\"x\"}");
	assert_int_equal(outcome.code, ERR_OK);
	assert_int_equal(outcome.errors, 0);
	assert_true(outcome.warnings >= 1 && has(&outcome, "PORT/type"));
	/* The mode alone changes, the text stays. */
	schema_must(*state, "w/a", NULL, "enforce");
	assert_int_equal(put_as(*state, NULL, "w/a", "{\"PORT\":\"y\"}").code, ERR_SCHEMA);
	/* And stays when only the text does. */
	schema_must(*state, "w/a", "# @type=number @required\nPORT=\n", NULL);
	assert_int_equal(put_as(*state, NULL, "w/a", "{\"PORT\":\"y\"}").code, ERR_SCHEMA);
	assert_int_equal(put_as(*state, NULL, "w/a", "{\"PORT\":\"123456\"}").code, ERR_OK);
}

static void a_schema_may_come_before_its_environment(void **state)
{
	struct error err = ERROR_INIT;

	assert_int_equal(schema_set(*state, NULL, "new/a", NULL, "warn", &err), ERR_NOT_FOUND);
	schema_must(*state, "new/a", PORT_SCHEMA, NULL);
	assert_int_equal(put_as(*state, NULL, "new/a", "{}").code, ERR_SCHEMA);
	assert_int_equal(put_as(*state, NULL, "new/a", "{\"PORT\":\"1\"}").code, ERR_OK);
	assert_content(*state, "new/a", 1, "PORT=1#1@1");
	/* It goes with it. */
	assert_int_equal(change(*state, KV_METADATA_DELETE, "new/a", NULL), ERR_OK);
	assert_int_equal(put_as(*state, NULL, "new/a", "{}").code, ERR_OK);
	/* And away by itself; nothing there is nothing to do. */
	schema_must(*state, "new/a", PORT_SCHEMA, NULL);
	assert_int_equal(schema_drop(*state, NULL, "new/a", &err), ERR_OK);
	assert_int_equal(schema_drop(*state, NULL, "new/a", &err), ERR_OK);
	assert_int_equal(schema_drop(*state, NULL, "new/none", &err), ERR_OK);
	assert_int_equal(put_as(*state, NULL, "new/a", "{}").code, ERR_OK);
}

static void a_text_with_errors_is_no_schema(void **state)
{
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "bad/a", "{}", NULL, NULL);
	assert_int_equal(schema_set(*state, NULL, "bad/a", "# @type=nosuchtype\nA=\n", NULL, &err), ERR_SCHEMA);
	assert_int_equal(schema_set(*state, NULL, "bad/a", NULL, NULL, &err), ERR_INVALID);
	assert_int_equal(put_as(*state, NULL, "bad/a", "{}").code, ERR_OK);
}

/* -- inheritance ----------------------------------------------------------------- */

static void schemas_of_parents_count(void **state)
{
	struct outcome outcome;

	must_write(*state, KV_PUT, "i/one", "{\"DB\":\"x\"}", NULL, NULL);
	must_write(*state, KV_PUT, "i/two", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "i/shop", "{\"PORT\":\"80\"}", NULL, NULL);
	extend(*state, "i/shop", "[\"i/one\",\"i/two\"]");
	schema_must(*state, "i/one", "# @required\nDB=\n# @type=port @required=false\nPORT=\n", NULL);
	/* What is required may be inherited. */
	assert_int_equal(put_as(*state, NULL, "i/shop", "{\"PORT\":\"81\"}").code, ERR_OK);
	outcome = put_as(*state, NULL, "i/shop", "{\"PORT\":\"x\"}");
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_non_null(strstr(outcome.texts, "i/one"));
	/* The later parent wins, item by item, with a mode of its own. */
	schema_must(*state, "i/two", "# @type=number @required=false\nPORT=\n", "warn");
	outcome = put_as(*state, NULL, "i/shop", "{\"PORT\":\"x\"}");
	assert_int_equal(outcome.code, ERR_OK);
	assert_int_equal(outcome.errors, 0);
	assert_true(has(&outcome, "PORT/type"));
	assert_int_equal(put_as(*state, NULL, "i/shop", "{\"DB\":\"\",\"PORT\":\"99999\"}").code, ERR_SCHEMA);
	/* The environment's own wins over both. */
	schema_must(*state, "i/shop", "# @type=email @required=false\nPORT=\n", NULL);
	assert_int_equal(put_as(*state, NULL, "i/shop", "{\"PORT\":\"99999\"}").code, ERR_SCHEMA);
	assert_int_equal(put_as(*state, NULL, "i/shop", "{\"PORT\":\"a@example.org\"}").code, ERR_OK);
	/* A parent that is gone takes its schema with it; nothing is said to be missing then. */
	assert_int_equal(change(*state, KV_METADATA_DELETE, "i/one", NULL), ERR_OK);
	outcome = put_as(*state, NULL, "i/shop", "{}");
	assert_int_equal(outcome.code, ERR_OK);
	assert_true(has(&outcome, "/parent-gone") && has(&outcome, "/unresolved"));
	assert_int_equal(put_as(*state, NULL, "i/shop", "{\"PORT\":\"no\"}").code, ERR_SCHEMA);
	schema_must(*state, "i/shop", "# @required\nNEED=\n", NULL);
	outcome = put_as(*state, NULL, "i/shop", "{}");
	assert_int_equal(outcome.code, ERR_OK);
	assert_false(has(&outcome, "NEED/missing"));
}

static void a_grandparent_over_two_ways_counts_where_it_wins(void **state)
{
	must_write(*state, KV_PUT, "g/top", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "g/left", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "g/right", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "g/end", "{}", NULL, NULL);
	extend(*state, "g/left", "[\"g/top\"]");
	extend(*state, "g/right", "[\"g/top\"]");
	extend(*state, "g/end", "[\"g/left\",\"g/right\"]");
	schema_must(*state, "g/top", "# @type=port @required=false\nV=\n", NULL);
	schema_must(*state, "g/left", "# @type=email @required=false\nV=\n", NULL);
	/* As with values: left's is under what right extends. */
	assert_int_equal(put_as(*state, NULL, "g/end", "{\"V\":\"80\"}").code, ERR_OK);
	assert_int_equal(put_as(*state, NULL, "g/end", "{\"V\":\"a@example.org\"}").code, ERR_SCHEMA);
}

static void templates_are_judged_by_what_they_give(void **state)
{
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "t/a", "{\"HOST\":\"h\"}", NULL, NULL);
	schema_must(*state, "t/a", "HOST=h\n# @type=url @required=false\nURL=\n", NULL);
	assert_int_equal(write_kinds(*state, KV_PUT, "t/a", "{\"HOST\":\"h\",\"URL\":\"https://${HOST}/\"}", "[\"URL\"]", NULL, &err),
			 ERR_OK);
	assert_int_equal(write_kinds(*state, KV_PATCH, "t/a", "{\"URL\":\"${HOST}\"}", "[\"URL\"]", NULL, &err), ERR_SCHEMA);
	/* A mask takes a variable away: it is missing then. */
	must_write(*state, KV_PUT, "t/base", "{\"NEED\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "t/child", "{}", NULL, NULL);
	extend(*state, "t/child", "[\"t/base\"]");
	schema_must(*state, "t/child", "# @required\nNEED=\n", NULL);
	assert_int_equal(write_kinds(*state, KV_PUT, "t/child", "{}", NULL, "[\"NEED\"]", &err), ERR_SCHEMA);
	assert_int_equal(write_kinds(*state, KV_PUT, "t/child", "{}", NULL, NULL, &err), ERR_OK);
}

/* -- who is told what ---------------------------------------------------------------- */

static void who_only_writes_is_told_of_what_he_gives(void **state)
{
	struct outcome outcome;

	must_write(*state, KV_PUT, "r/a", "{\"PORT\":\"" CANARY "\"}", NULL, NULL);
	schema_must(*state, "r/a", "# @type=port @required\nPORT=\n# @type=port @required=false\nMINE=\n", NULL);
	outcome = patch_as(*state, "secret/data/r/a=cup", "r/a", "{\"MINE\":\"x\"}");
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_true(has(&outcome, "MINE/type"));
	assert_false(has(&outcome, "PORT/type"));
	assert_null(strstr(outcome.texts, "PORT"));
	assert_int_equal(outcome.hidden, 1);
	/* The whole given: everything may be told of it. What is missing may not. */
	outcome = put_as(*state, "secret/data/r/a=cup", "r/a", "{\"PORT\":\"" CANARY "\"}");
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_true(has(&outcome, "PORT/type") && outcome.hidden == 0);
	assert_null(strstr(outcome.texts, "CANARY"));
	outcome = put_as(*state, "secret/data/r/a=cup", "r/a", "{}");
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_int_equal(outcome.hidden, 1);
	assert_string_equal(outcome.codes, "");
	outcome = write_judged(*state, "secret/data/r/a=cup", KV_ROLLBACK, "r/a", NULL, 1);
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_string_equal(outcome.codes, "");
	outcome = findings_now(*state, "secret/data/r/b=r", "r/a");
	assert_string_equal(outcome.codes, "");
	assert_int_equal(outcome.hidden, 1);
}

static void what_a_template_gives_is_not_told_to_who_only_writes(void **state)
{
	struct outcome outcome;

	must_write(*state, KV_PUT, "tt/a", "{\"SECRET\":\"x\",\"T\":\"${SECRET}\"}", "[\"T\"]", NULL);
	schema_must(*state, "tt/a", "SECRET=\n# @type=port @required=false\nT=\n", NULL);
	outcome = patch_as(*state, "secret/data/tt/a=p", "tt/a", "{\"SECRET\":\"Zq8-vN3.xW7_kL2mP0\"}");
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_string_equal(outcome.codes, "");
	assert_int_equal(outcome.hidden, 1);
	outcome = patch_as(*state, "secret/data/tt/a=rp", "tt/a", "{\"T\":\"${SECRET}0\"}");
	assert_true(has(&outcome, "T/type"));
}

/* What a template gives is judged with the daemon's own authority: by what is refused, it could be asked for what it refers to. */
static void a_template_is_no_question_of_one_who_may_not_read(void **state)
{
	static const char *const denied = "secret/data/q/shop=cup secret/data/q/other=r";
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "q/other", "{\"FAR\":\"" CANARY "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "q/base", "{\"FAR\":\"" CANARY "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "q/shop", "{\"SECRET\":\"x\",\"PLAIN\":\"a\",\"T\":\"${SECRET}\"}", "[\"T\"]", NULL);
	schema_must(*state, "q/shop", "PLAIN=x\n# @type=string(maxLength=5) @required=false\nT=\n", "enforce");
	/* Whether it fits or not: there is one answer, also to the words that are there. */
	assert_int_equal(patch_as(*state, denied, "q/shop", "{\"T\":\"${SECRET}\"}").code, ERR_DENIED);
	assert_int_equal(patch_as(*state, denied, "q/shop", "{\"T\":\"${SECRET}-\"}").code, ERR_DENIED);
	assert_int_equal(patch_as(*state, denied, "q/shop", "{\"T\":\"${SECRET}------\"}").code, ERR_DENIED);
	assert_int_equal(put_as(*state, denied, "q/shop", "{\"SECRET\":\"x\",\"T\":\"${SECRET}\"}").code, ERR_DENIED);
	assert_int_equal(patch_as(*state, denied, "q/shop", "{\"T\":\"${q/other:FAR}\"}").code, ERR_DENIED);
	/* What refers to nothing is no question, nor is what the write leaves alone, nor a rollback. */
	assert_int_equal(patch_as(*state, denied, "q/shop", "{\"T\":\"$${\"}").code, ERR_OK);
	assert_int_equal(patch_as(*state, NULL, "q/shop", "{\"T\":\"${SECRET}\"}").code, ERR_OK);
	assert_int_equal(patch_as(*state, denied, "q/shop", "{\"PLAIN\":\"b\"}").code, ERR_OK);
	assert_int_equal(write_judged(*state, denied, KV_ROLLBACK, "q/shop", NULL, 1).code, ERR_OK);
	/* All that it is put together from: what it extends, and what other templates bring in. */
	assert_int_equal(patch_as(*state, "secret/data/q/shop=rp", "q/shop", "{\"T\":\"${SECRET}-\"}").code, ERR_OK);
	extend(*state, "q/shop", "[\"q/base\"]");
	assert_int_equal(patch_as(*state, "secret/data/q/shop=rp", "q/shop", "{\"T\":\"${FAR}\"}").code, ERR_DENIED);
	assert_int_equal(patch_as(*state, "secret/data/q/shop=rp secret/data/q/base=r", "q/shop", "{\"T\":\"${FAR}\"}").code, ERR_SCHEMA);
	assert_int_equal(write_kinds(*state, KV_PATCH, "q/shop", "{\"OTHER\":\"${q/other:FAR}\"}", "[\"OTHER\"]", NULL, &err), ERR_OK);
	assert_int_equal(patch_as(*state, "secret/data/q/shop=rp secret/data/q/base=r", "q/shop", "{\"T\":\"${OTHER}\"}").code, ERR_DENIED);
	/* An inherited schema asks as well as the own one; one that warns tells nothing. */
	schema_must(*state, "q/shop", NULL, "warn");
	assert_int_equal(patch_as(*state, "secret/data/q/shop=p", "q/shop", "{\"T\":\"${SECRET}------\"}").code, ERR_OK);
	schema_must(*state, "q/base", "# @type=string(maxLength=5) @required=false\nU=\n", "enforce");
	assert_int_equal(patch_as(*state, "secret/data/q/shop=p", "q/shop", "{\"T\":\"${SECRET}------\"}").code, ERR_DENIED);
}

static void what_a_parent_holds_is_not_told(void **state)
{
	const char *rules = "secret/data/p/shop=crup";
	struct outcome outcome;

	must_write(*state, KV_PUT, "p/base", "{\"PORT\":\"" CANARY "\"}", NULL, NULL);
	must_write(*state, KV_PUT, "p/shop", "{}", NULL, NULL);
	extend(*state, "p/shop", "[\"p/base\"]");
	schema_must(*state, "p/base", "# @type=port @required=false\nOWN=\n# @required\nGONE=\n", NULL);
	schema_must(*state, "p/shop", PORT_SCHEMA, NULL);
	outcome = put_as(*state, rules, "p/shop", "{\"OWN\":\"x\"}");
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_true(has(&outcome, "OWN/type"));
	assert_null(strstr(outcome.texts, "PORT"));
	assert_null(strstr(outcome.texts, "GONE"));
	assert_null(strstr(outcome.texts, "p/base"));
	assert_int_equal(outcome.hidden, 2);
	/* With read on it all is told. */
	outcome = put_as(*state, "secret/data/p/*=crup", "p/shop", "{\"OWN\":\"x\"}");
	assert_true(has(&outcome, "OWN/type") && has(&outcome, "PORT/type") && has(&outcome, "GONE/missing"));
	assert_int_equal(outcome.hidden, 0);
	assert_null(strstr(outcome.texts, "CANARY"));
	/* Who takes a variable away learns nothing of the one behind it. */
	must_write(*state, KV_PUT, "p/taken", "{\"PORT\":\"80\",\"GONE\":\"1\"}", NULL, NULL);
	extend(*state, "p/taken", "[\"p/base\"]");
	outcome = write_judged(*state, "secret/data/p/taken=cup", KV_PATCH, "p/taken", "{\"PORT\":null,\"GONE\":null}", 0);
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_string_equal(outcome.codes, "");
	assert_int_equal(outcome.hidden, 1);
	/* What a template gives is told to who reads all that it may come from. */
	outcome = write_judged(*state, rules, KV_PATCH, "p/shop", "{\"OWN\":\"70000\",\"GONE\":\"1\",\"PORT\":\"1\"}", 0);
	assert_int_equal(outcome.code, ERR_SCHEMA);
	assert_true(has(&outcome, "OWN/type") && outcome.hidden == 0);
}

static void rights_on_a_schema(void **state)
{
	struct kv_schemas *schemas = calloc(1, sizeof(*schemas));
	struct error err = ERROR_INIT;
	struct kv_target target;
	struct caller caller;

	must_write(*state, KV_PUT, "s/base", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "s/a", "{}", NULL, NULL);
	extend(*state, "s/a", "[\"s/base\"]");
	schema_must(*state, "s/base", "B=\n", "warn");
	assert_int_equal(schema_set(*state, "secret/schema/s/a=r", "s/a", "A=\n", NULL, &err), ERR_DENIED);
	assert_int_equal(schema_set(*state, "secret/schema/s/a=c", "s/a", "A=\n", NULL, &err), ERR_DENIED);
	assert_int_equal(schema_set(*state, "secret/schema/s/a=c secret/data/s/a=r", "s/a", "A=\n", "warn", &err), ERR_DENIED);
	assert_int_equal(schema_set(*state, "secret/schema/s/a=u secret/data/s/*=r", "s/a", "A=\n", "warn", &err), ERR_DENIED);
	assert_int_equal(schema_set(*state, "secret/schema/s/a=c secret/data/s/*=r", "s/a", "A=\n", "warn", &err), ERR_OK);
	assert_int_equal(schema_set(*state, "secret/schema/s/a=c secret/data/s/*=r", "s/a", "A=\n", "warn", &err), ERR_DENIED);
	assert_int_equal(schema_set(*state, "secret/schema/s/a=u secret/data/s/*=r", "s/a", "A=\n", "warn", &err), ERR_OK);
	target = *target_of(*state, "s/a");
	target.api_path = "secret/schema/s/a";
	caller = schema_caller(*state, "secret/schema/s/a=r");
	assert_int_equal(kv_schema_read(((struct fixture *)*state)->vault, &caller, &target, schemas, &err), ERR_OK);
	assert_int_equal(schemas->len, 1);
	assert_int_equal(schemas->items[0].record.mode, SCHEMA_WARN);
	assert_memory_equal(schemas->items[0].record.text.at, "A=\n", 3);
	assert_memory_equal(schemas->items[0].record.actor.at, "test", 4);
	kv_schemas_free(schemas);
	caller_release(&caller);
	caller = schema_caller(*state, "secret/schema/s/*=r");
	assert_int_equal(kv_schema_read(((struct fixture *)*state)->vault, &caller, &target, schemas, &err), ERR_OK);
	assert_int_equal(schemas->len, 2);
	assert_string_equal(schemas->items[1].path.text, "s/base");
	kv_schemas_free(schemas);
	caller_release(&caller);
	caller = schema_caller(*state, "secret/data/s/*=r");
	assert_int_equal(kv_schema_read(((struct fixture *)*state)->vault, &caller, &target, schemas, &err), ERR_DENIED);
	caller_release(&caller);
	assert_int_equal(schema_drop(*state, "secret/schema/s/a=ru", "s/a", &err), ERR_DENIED);
	assert_int_equal(schema_drop(*state, "secret/schema/s/a=d", "s/a", &err), ERR_OK);
	free(schemas);
}

/* -- checks --------------------------------------------------------------------------- */

static void checks_of_what_is_and_what_would_be(void **state)
{
	struct outcome outcome;

	must_write(*state, KV_PUT, "c/a", "{\"PORT\":\"80\"}", NULL, NULL);
	schema_must(*state, "c/a", "# @type=port @required\nPORT=\nOPTIONAL=default\n", NULL);
	outcome = check_with(*state, NULL, "c/a", NULL, NULL, false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_int_equal(outcome.code, ERR_OK);
	assert_int_equal(outcome.errors, 0);
	assert_true(outcome.warnings > 0);
	assert_true(check_with(*state, NULL, "c/a", NULL, NULL, true, SCHEMA_REQUIRED_AS_WRITTEN).errors > 0);
	outcome = check_with(*state, NULL, "c/a", NULL, NULL, false, SCHEMA_REQUIRED_LISTED);
	assert_true(has(&outcome, "OPTIONAL/missing") && outcome.errors == 1);
	outcome = check_with(*state, NULL, "c/a", "{\"PORT\":\"x\"}", NULL, false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_true(has(&outcome, "PORT/type") && outcome.errors == 1);
	outcome = check_with(*state, NULL, "c/a", NULL, "# @required\nNEW=\n", false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_true(has(&outcome, "NEW/missing"));
	outcome = check_with(*state, NULL, "c/a", "{\"NEW\":\"1\"}", "# @required\nNEW=\n", false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_int_equal(outcome.errors, 0);
	outcome = check_with(*state, NULL, "c/a", NULL, "# @type=nosuchtype\nA=\n", false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_true(outcome.code == ERR_OK && outcome.errors > 0);
	assert_int_equal(check_with(*state, NULL, "c/none", NULL, NULL, false, SCHEMA_REQUIRED_AS_WRITTEN).code, ERR_NOT_FOUND);
	outcome = check_with(*state, NULL, "c/none", "{\"A\":\"x\"}", "# @type=port\nA=\n", false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_true(has(&outcome, "A/type"));
	/* Nothing of it was kept. */
	assert_int_equal(put_as(*state, NULL, "c/a", "{\"PORT\":\"81\"}").code, ERR_OK);
	assert_int_equal(check_with(*state, "secret/schema/c/a=r", "c/a", NULL, NULL, false, SCHEMA_REQUIRED_AS_WRITTEN).code,
			 ERR_DENIED);
	extend(*state, "c/a", "[\"m/a\"]");
	assert_int_equal(check_with(*state, "secret/data/c/a=r", "c/a", NULL, NULL, false, SCHEMA_REQUIRED_AS_WRITTEN).code,
			 ERR_DENIED);
}

static void the_same_secret_in_two_environments(void **state)
{
	struct outcome outcome;

	must_write(*state, KV_PUT, "d/a", "{\"KEY\":\"" CANARY "\",\"SHORT\":\"1234567\",\"MODE\":\"production\"}", NULL, NULL);
	must_write(*state, KV_PUT, "d/b", "{\"OTHER\":\"" CANARY "\",\"SHORT\":\"1234567\",\"MODE\":\"production\"}", NULL, NULL);
	must_write(*state, KV_PUT, "d/c", "{\"THIRD\":\"" CANARY "\"}", NULL, NULL);
	schema_must(*state, "d/a", "KEY=\nSHORT=\n# @public\nMODE=\n", NULL);
	outcome = check_with(*state, "secret/data/d/a=r secret/data/d/b=r", "d/a", NULL, NULL, false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_true(has(&outcome, "KEY/shared") && !has(&outcome, "SHORT/shared") && !has(&outcome, "MODE/shared"));
	assert_non_null(strstr(outcome.texts, "KEY|has the same value as OTHER in d/b|"));
	assert_null(strstr(outcome.texts, "CANARY"));
	outcome = check_with(*state, "secret/data/d/a=r", "d/a", NULL, NULL, false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_false(has(&outcome, "KEY/shared"));
	outcome = check_with(*state, NULL, "d/a", NULL, NULL, false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_non_null(strstr(outcome.texts, "OTHER in d/b and in "));
	outcome = check_with(*state, NULL, "d/a", NULL, "# vaultd: unique=env\nKEY=\n", false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_true(has(&outcome, "KEY/unique") && outcome.errors == 1);
	/* A deleted one is not compared. */
	assert_int_equal(change(*state, KV_DELETE, "d/b", NULL), ERR_OK);
	outcome = check_with(*state, "secret/data/d/a=r secret/data/d/b=r", "d/a", NULL, NULL, false, SCHEMA_REQUIRED_AS_WRITTEN);
	assert_false(has(&outcome, "KEY/shared"));
}

static void children_that_break_their_schema(void **state)
{
	struct kv_broken broken = {0};
	struct error err = ERROR_INIT;
	struct caller caller;

	must_write(*state, KV_PUT, "k/base", "{\"PORT\":\"80\"}", NULL, NULL);
	must_write(*state, KV_PUT, "k/child", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "k/warned", "{}", NULL, NULL);
	extend(*state, "k/child", "[\"k/base\"]");
	extend(*state, "k/warned", "[\"k/base\"]");
	schema_must(*state, "k/child", PORT_SCHEMA, NULL);
	schema_must(*state, "k/warned", PORT_SCHEMA, "warn");
	caller = schema_caller(*state, NULL);
	assert_int_equal(kv_broken_children(((struct fixture *)*state)->vault, &caller, target_of(*state, "k/base"), &broken, &err),
			 ERR_OK);
	assert_int_equal(broken.invalid.count, 0);
	kv_broken_free(&broken);
	assert_int_equal(put_as(*state, NULL, "k/base", "{\"PORT\":\"x\"}").code, ERR_OK);
	assert_int_equal(kv_broken_children(((struct fixture *)*state)->vault, &caller, target_of(*state, "k/base"), &broken, &err),
			 ERR_OK);
	assert_int_equal(broken.names.count, 0);
	assert_int_equal(broken.invalid.count, 1);
	assert_string_equal(broken.invalid.block, "k/child");
	kv_broken_free(&broken);
	caller_release(&caller);
	caller = schema_caller(*state, "secret/data/k/child=r");
	assert_int_equal(kv_broken_children(((struct fixture *)*state)->vault, &caller, target_of(*state, "k/base"), &broken, &err),
			 ERR_OK);
	assert_int_equal(broken.invalid.count, 0);
	kv_broken_free(&broken);
	caller_release(&caller);
}

/* -- races ------------------------------------------------------------------------------ */

/* Keeps the writer thread in done() until it is let go: what is submitted meanwhile is prepared on a view from before. */
struct gate {
	pthread_mutex_t lock;
	pthread_cond_t moved;
	bool entered, open;
};

static void gate_set(struct gate *gate, bool *flag)
{
	pthread_mutex_lock(&gate->lock);
	*flag = true;
	pthread_cond_broadcast(&gate->moved);
	pthread_mutex_unlock(&gate->lock);
}

static void gate_wait(struct gate *gate, const bool *flag)
{
	pthread_mutex_lock(&gate->lock);
	while (!*flag)
		pthread_cond_wait(&gate->moved, &gate->lock);
	pthread_mutex_unlock(&gate->lock);
}

static void stay(struct vault_op *op, enum error_code outcome, const struct error *err)
{
	struct gate *gate = op->arg;

	(void)outcome;
	(void)err;
	gate_set(gate, &gate->entered);
	gate_wait(gate, &gate->open);
}

struct ending {
	struct gate *gate;
	enum error_code outcome;
	bool done;
};

static void write_ended(struct vault_op *op, enum error_code outcome, const struct error *err)
{
	struct ending *ending = op->arg;

	(void)err;
	ending->outcome = outcome;
	gate_set(ending->gate, &ending->done);
}

static void schema_ended(struct vault_action *action, enum error_code outcome, const struct error *err)
{
	struct ending *ending = action->arg;

	(void)err;
	ending->outcome = outcome;
	gate_set(ending->gate, &ending->done);
}

/* path's write is prepared while the schema of schema_path is queued before it. */
static enum error_code race(struct fixture *fixture, const char *schema_path, const char *rules, const char *path,
			    const char *data)
{
	struct gate gate = { .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER };
	struct ending schema = { .gate = &gate }, write = { .gate = &gate };
	struct caller caller = schema_caller(fixture, NULL), writer = schema_caller(fixture, rules);
	struct kv_target target = *target_of(fixture, schema_path);
	struct kv_schema_change change = { .caller = &caller, .target = &target, .text = PORT_SCHEMA, .text_len = strlen(PORT_SCHEMA) };
	struct vault_op first, op;
	struct error err = ERROR_INIT;

	target.api_path = "secret/schema/x";
	change.action.done = schema_ended;
	change.action.arg = &schema;
	op_init(&first, fixture, KV_PUT, "race/first", "{}", NO_CAS);
	first.done = stay;
	first.arg = &gate;
	assert_int_equal(vault_submit(fixture->vault, &first, &err), ERR_OK);
	gate_wait(&gate, &gate.entered);
	assert_int_equal(kv_schema_write(fixture->vault, &change, &err), ERR_OK);
	op_init(&op, fixture, KV_PUT, path, data, NO_CAS);
	op.caller = &writer;
	op.done = write_ended;
	op.arg = &write;
	assert_int_equal(vault_submit(fixture->vault, &op, &err), ERR_OK);
	assert_int_equal(op.findings.errors, 0);
	gate_set(&gate, &gate.open);
	gate_wait(&gate, &schema.done);
	gate_wait(&gate, &write.done);
	assert_int_equal(schema.outcome, ERR_OK);
	vault_op_release(&first);
	vault_op_release(&op);
	findings_free(&change.findings);
	caller_release(&writer);
	caller_release(&caller);
	return write.outcome;
}

static void a_write_that_lost_to_a_schema_is_judged_by_it(void **state)
{
	must_write(*state, KV_PUT, "race/a", "{}", NULL, NULL);
	assert_int_equal(race(*state, "race/a", NULL, "race/a", "{\"PORT\":\"x\"}"), ERR_SCHEMA);
	must_write(*state, KV_PUT, "race/b", "{}", NULL, NULL);
	assert_int_equal(race(*state, "race/b", NULL, "race/b", "{\"PORT\":\"1\"}"), ERR_OK);
	must_write(*state, KV_PUT, "race/top", "{\"PORT\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "race/base", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "race/c", "{}", NULL, NULL);
	extend(*state, "race/base", "[\"race/top\"]");
	extend(*state, "race/c", "[\"race/base\"]");
	assert_int_equal(race(*state, "race/top", NULL, "race/c", "{\"PORT\":\"x\"}"), ERR_SCHEMA);
	assert_content(*state, "race/c", 1, "");
	/* Also when it does not resolve, and its parents are not read at all. */
	must_write(*state, KV_PUT, "race/gone", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "race/p", "{\"PORT\":\"1\"}", NULL, NULL);
	must_write(*state, KV_PUT, "race/d", "{}", NULL, NULL);
	extend(*state, "race/d", "[\"race/gone\",\"race/p\"]");
	schema_must(*state, "race/d", "OTHER=x\n", "warn");
	assert_int_equal(change(*state, KV_METADATA_DELETE, "race/gone", NULL), ERR_OK);
	assert_int_equal(race(*state, "race/p", NULL, "race/d", "{\"PORT\":\"x\"}"), ERR_SCHEMA);
	/* Nor are they when who writes may not read. */
	must_write(*state, KV_PUT, "race/q", "{}", NULL, NULL);
	must_write(*state, KV_PUT, "race/e", "{}", NULL, NULL);
	extend(*state, "race/e", "[\"race/q\"]");
	assert_int_equal(race(*state, "race/q", "secret/data/race/e=u", "race/e", "{\"PORT\":\"x\"}"), ERR_SCHEMA);
	/* A new environment and its schema. */
	assert_int_equal(race(*state, "race/new", NULL, "race/new", "{\"PORT\":\"x\"}"), ERR_SCHEMA);
}

/* -- memory ------------------------------------------------------------------------------- */

static void a_seal_forgets_schemas(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;

	must_write(*state, KV_PUT, "seal/a", "{\"PORT\":\"1\"}", NULL, NULL);
	schema_must(*state, "seal/a", PORT_SCHEMA, NULL);
	assert_int_equal(put_as(*state, NULL, "seal/a", "{\"PORT\":\"2\"}").code, ERR_OK);
	assert_true(pinned_cache_bytes(fixture->vault->schemas) > 0);
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	assert_int_equal(pinned_cache_bytes(fixture->vault->schemas), 0);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_int_equal(put_as(*state, NULL, "seal/a", "{\"PORT\":\"x\"}").code, ERR_SCHEMA);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_enforced_schema_is_kept_to_by_every_write),
		cmocka_unit_test(a_warning_keeps_what_is_written),
		cmocka_unit_test(a_schema_may_come_before_its_environment),
		cmocka_unit_test(a_text_with_errors_is_no_schema),
		cmocka_unit_test(schemas_of_parents_count),
		cmocka_unit_test(a_grandparent_over_two_ways_counts_where_it_wins),
		cmocka_unit_test(templates_are_judged_by_what_they_give),
		cmocka_unit_test(who_only_writes_is_told_of_what_he_gives),
		cmocka_unit_test(what_a_template_gives_is_not_told_to_who_only_writes),
		cmocka_unit_test(a_template_is_no_question_of_one_who_may_not_read),
		cmocka_unit_test(what_a_parent_holds_is_not_told),
		cmocka_unit_test(rights_on_a_schema),
		cmocka_unit_test(checks_of_what_is_and_what_would_be),
		cmocka_unit_test(the_same_secret_in_two_environments),
		cmocka_unit_test(children_that_break_their_schema),
		cmocka_unit_test(a_write_that_lost_to_a_schema_is_judged_by_it),
		cmocka_unit_test(a_seal_forgets_schemas),
	};

	return cmocka_run_group_tests_name("core_schemas", tests, fixture_start, fixture_stop);
}
