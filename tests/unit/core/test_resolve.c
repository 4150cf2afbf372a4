/* Parents and templates: what core/ promises about an environment that is resolved. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "resolve_help.h"
#include "vault/limits.h"

/* "A=1@base/common B=2@shop" */
static void assert_resolves(const struct fixture *fixture, const char *path, uint64_t revision, const char *expected)
{
	struct kv_resolved resolved = {0};
	struct error err = ERROR_INIT;
	char text[2048] = "";
	size_t len = 0;

	if (kv_resolve(fixture->vault, &fixture->root, target_of(fixture, path), revision, &resolved, &err) != ERR_OK)
		fail_msg("%s: %s", path, err.text);
	for (size_t i = 0; i < resolved.variables_len && len < sizeof(text); i++) {
		const struct variable *variable = &resolved.variables[i];

		if (variable->kind == KIND_UNSET)
			continue;
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%.*s=%.*s", len > 0 ? " " : "",
					(int)variable->name.len, variable->name.at, (int)variable->value.len,
					variable->value.at);
		if (resolved.origins && len < sizeof(text))
			len += (size_t)snprintf(text + len, sizeof(text) - len, "@%.*s", (int)resolved.origins[i].len,
						resolved.origins[i].at);
	}
	kv_resolved_free(&resolved);
	assert_string_equal(text, expected);
}

static void assert_unresolved(const struct fixture *fixture, const char *path, const char *says)
{
	struct kv_resolved resolved = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(kv_resolve(fixture->vault, &fixture->root, target_of(fixture, path), 0, &resolved, &err),
			 ERR_UNRESOLVED);
	if (!strstr(err.text, says))
		fail_msg("%s, not %s", err.text, says);
}

static void etag_of(const struct fixture *fixture, const char *path, char ret[static 64])
{
	struct kv_resolved resolved = {0};
	struct error err = ERROR_INIT;

	assert_int_equal(kv_resolve(fixture->vault, &fixture->root, target_of(fixture, path), 0, &resolved, &err),
			 ERR_OK);
	memcpy(ret, resolved.etag, 64);
	kv_resolved_free(&resolved);
}

/* -- merging ------------------------------------------------------------------- */

static void parents_are_merged_in_order(void **state)
{
	const struct fixture *fixture = *state;

	must_write(fixture, KV_PUT, "m/base", "{\"A\":\"base\",\"B\":\"base\",\"C\":\"base\",\"D\":\"base\"}", NULL, NULL);
	must_write(fixture, KV_PUT, "m/one", "{\"B\":\"one\",\"C\":\"one\"}", NULL, "[\"D\"]");
	must_write(fixture, KV_PUT, "m/two", "{\"C\":\"two\",\"E\":{\"x\":1}}", NULL, NULL);
	must_write(fixture, KV_PUT, "m/own", "{\"F\":\"own\"}", NULL, "[\"A\"]");
	extend(fixture, "m/one", "[\"m/base\"]");
	assert_resolves(fixture, "m/one", 0, "A=base@m/base B=one@m/one C=one@m/one");
	extend(fixture, "m/own", "[\"m/one\",\"m/two\"]");
	assert_resolves(fixture, "m/own", 0, "B=one@m/one C=two@m/two E={\"x\":1}@m/two F=own@m/own");
	extend(fixture, "m/own", "[\"m/two\",\"m/one\"]");
	assert_resolves(fixture, "m/own", 0, "B=one@m/one C=one@m/one E={\"x\":1}@m/two F=own@m/own");
	/* What a parent masks, another one may give. */
	extend(fixture, "m/own", "[\"m/base\",\"m/one\"]");
	assert_resolves(fixture, "m/own", 0, "B=one@m/one C=one@m/one D=base@m/base F=own@m/own");
	/* The revision is this environment's, the parents are today's. */
	must_write(fixture, KV_PUT, "m/own", "{\"F\":\"new\"}", NULL, "[]");
	must_write(fixture, KV_PATCH, "m/base", "{\"A\":\"later\"}", NULL, NULL);
	assert_resolves(fixture, "m/own", 1, "B=one@m/one C=one@m/one D=base@m/base F=own@m/own");
	assert_resolves(fixture, "m/own", 0, "A=later@m/base B=one@m/one C=one@m/one D=base@m/base F=new@m/own");
	/* Stored text is stored text. */
	assert_content(fixture, "m/own", 0, "F=new#2@2");
	extend(fixture, "m/own", "[]");
	assert_resolves(fixture, "m/own", 0, "F=new");
	extend(fixture, "m/own", "[\"m/one\"]");
	extend(fixture, "m/own", "null");
	assert_resolves(fixture, "m/own", 0, "F=new");
}

static void templates_see_the_environment_that_is_resolved(void **state)
{
	const struct fixture *fixture = *state;

	must_write(fixture, KV_PUT, "t/base", "{\"HOST\":\"db\",\"PW\":\"a/b\",\"URL\":\"pg://${PW|urlencode}@${HOST}/\"}",
		   "[\"URL\"]", NULL);
	must_write(fixture, KV_PUT, "t/shop", "{}", NULL, NULL);
	extend(fixture, "t/shop", "[\"t/base\"]");
	must_write(fixture, KV_PUT, "t/shop", "{\"HOST\":\"db2\",\"ALL\":\"[${URL}]\",\"RAW\":\"${HOST}\"}", "[\"ALL\"]", NULL);
	assert_resolves(fixture, "t/base", 0, "HOST=db@t/base PW=a/b@t/base URL=pg://a%2Fb@db/@t/base");
	assert_resolves(fixture, "t/shop", 0,
			"ALL=[pg://a%2Fb@db2/]@t/shop HOST=db2@t/shop PW=a/b@t/base RAW=${HOST}@t/shop "
			"URL=pg://a%2Fb@db2/@t/base");
	/* Another environment's variable is what that one resolves to. */
	must_write(fixture, KV_PUT, "t/other", "{\"A\":\"${t/shop:URL}\",\"B\":\"${t/base:URL}\"}", "[\"A\",\"B\"]", NULL);
	assert_resolves(fixture, "t/other", 0, "A=pg://a%2Fb@db2/@t/other B=pg://a%2Fb@db/@t/other");
	/* Of itself by its own name, as well. */
	must_write(fixture, KV_PUT, "t/self", "{\"A\":\"${t/self:B}\",\"B\":\"$${x}\"}", "[\"A\",\"B\"]", NULL);
	assert_resolves(fixture, "t/self", 0, "A=${x}@t/self B=${x}@t/self");
}

/* -- failures -------------------------------------------------------------------- */

static void templates_that_give_nothing_are_refused(void **state)
{
	const struct fixture *fixture = *state;
	static const struct {
		const char *data, *templates, *unset, *says;
	} rows[] = {
		{ "{\"A\":\"${B}\"}", "[\"A\"]", NULL, "the template of A in f/x refers to B, which is not a variable of f/x" },
		{ "{\"A\":\"${B}\",\"B\":1}", "[\"A\"]", NULL, "refers to B, which is JSON and not text in f/x" },
		{ "{\"A\":\"${B}\"}", "[\"A\"]", "[\"B\"]", "refers to B, which is unset in f/x" },
		{ "{\"A\":\"${A}\"}", "[\"A\"]", NULL, "in a circle: A -> A" },
		{ "{\"A\":\"${B}\",\"B\":\"${C}\",\"C\":\"${B}\"}", "[\"A\",\"B\",\"C\"]", NULL, "in a circle: B -> C -> B" },
		{ "{\"A\":\"${f/none:B}\"}", "[\"A\"]", NULL,
		  "the template of A in f/x refers to f/none, which does not exist" },
		{ "{\"A\":\"${f/there:B}\"}", "[\"A\"]", NULL, "refers to B, which is not a variable of f/there" },
		{ "{\"A\":\"${f/gone:B}\"}", "[\"A\"]", NULL, "f/gone, whose current revision is deleted" },
		{ "{\"A\":\"${f/empty:B}\"}", "[\"A\"]", NULL, "f/empty, which has no revision yet" },
		{ "{\"A\":\"${f/x:A}\"}", "[\"A\"]", NULL, "in a circle: A -> A" },
		{ "{\"A\":\"x\",\"B\":\"${f/there:UP}\"}", "[\"B\"]", NULL, NULL },
		{ "{\"A\":\"${f/there:UP}\"}", "[\"A\"]", NULL, "in a circle: A -> f/there:UP -> A" },
	};
	struct error err = ERROR_INIT;

	must_write(fixture, KV_PUT, "f/x", "{\"A\":\"1\"}", NULL, NULL);
	must_write(fixture, KV_PUT, "f/there", "{\"UP\":\"${f/x:A}\"}", "[\"UP\"]", NULL);
	must_write(fixture, KV_PUT, "f/gone", "{\"B\":\"1\"}", NULL, NULL);
	assert_int_equal(change(fixture, KV_DELETE, "f/gone", NULL), ERR_OK);
	assert_int_equal(metadata(fixture, KV_METADATA_PUT, "f/empty", "{\"max_versions\":3}"), ERR_OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		if (rows[i].says)
			assert_refused(fixture, KV_PUT, "f/x", rows[i].data, rows[i].templates, rows[i].unset, rows[i].says);
		else
			assert_int_equal(write_kinds(fixture, KV_PUT, "f/x", rows[i].data, rows[i].templates, NULL, &err),
					 ERR_OK);
	}
	assert_resolves(fixture, "f/x", 0, "A=x@f/x B=x@f/x");
}

/* What a change of another environment broke is an error of the reading, which names what is wrong. */
static void what_breaks_later_is_named(void **state)
{
	const struct fixture *fixture = *state;
	struct vault_op op;
	struct error err = ERROR_INIT;

	must_write(fixture, KV_PUT, "b/base", "{\"A\":\"1\"}", NULL, NULL);
	must_write(fixture, KV_PUT, "b/child", "{\"X\":\"0\"}", NULL, NULL);
	extend(fixture, "b/child", "[\"b/base\"]");
	must_write(fixture, KV_PUT, "b/child", "{\"T\":\"${A}\"}", "[\"T\"]", NULL);
	must_write(fixture, KV_PUT, "b/base", "{}", NULL, NULL);
	assert_unresolved(fixture, "b/child", "the template of T in b/child refers to A, which is not a variable of b/child");
	/* A write that does not mend it is refused; one that does goes through. */
	assert_refused(fixture, KV_PATCH, "b/child", "{\"Z\":\"1\"}", NULL, NULL, "refers to A");
	must_write(fixture, KV_PATCH, "b/child", "{\"A\":\"own\"}", NULL, NULL);
	assert_resolves(fixture, "b/child", 0, "A=own@b/child T=own@b/child");
	assert_int_equal(change(fixture, KV_DELETE, "b/base", NULL), ERR_OK);
	assert_unresolved(fixture, "b/child", "b/child extends b/base, whose current revision is deleted");
	assert_int_equal(change(fixture, KV_METADATA_DELETE, "b/base", NULL), ERR_OK);
	assert_unresolved(fixture, "b/child", "b/child extends b/base, which does not exist");
	/* That is not the writer's fault: the write goes through and says that it was not checked. */
	op_init(&op, fixture, KV_PATCH, "b/child", "{\"Z\":\"1\"}", NO_CAS);
	assert_int_equal(vault_submit_wait(fixture->vault, &op, &err), ERR_OK);
	assert_non_null(strstr(op.warning, "b/child extends b/base, which does not exist"));
	vault_op_release(&op);
	extend(fixture, "b/child", "[]");
	assert_resolves(fixture, "b/child", 0, "A=own@b/child T=own@b/child Z=1@b/child");
}

static void circles_of_parents_are_refused(void **state)
{
	const struct fixture *fixture = *state;

	must_write(fixture, KV_PUT, "c/1", "{}", NULL, NULL);
	must_write(fixture, KV_PUT, "c/2", "{}", NULL, NULL);
	must_write(fixture, KV_PUT, "c/3", "{}", NULL, NULL);
	assert_settings_refused(fixture, "c/1", "{\"parents\":[\"c/1\"]}", "a cycle: c/1 -> c/1");
	extend(fixture, "c/1", "[\"c/2\"]");
	extend(fixture, "c/2", "[\"c/3\"]");
	assert_settings_refused(fixture, "c/3", "{\"parents\":[\"c/1\"]}", "a cycle: c/3 -> c/1 -> c/2 -> c/3");
	assert_settings_refused(fixture, "c/2", "{\"parents\":[\"c/3\",\"c/1\"]}", "a cycle: c/2 -> c/1 -> c/2");
	/* Diamonds are no circles. */
	extend(fixture, "c/1", "[\"c/2\",\"c/3\"]");
	assert_resolves(fixture, "c/1", 0, "");
}

static void wrong_settings_are_refused(void **state)
{
	const struct fixture *fixture = *state;
	struct error err = ERROR_INIT;

	must_write(fixture, KV_PUT, "s/x", "{\"T\":\"${P}\",\"P\":\"1\"}", "[\"T\"]", NULL);
	must_write(fixture, KV_PUT, "s/p", "{\"P\":\"2\"}", NULL, NULL);
	assert_settings_refused(fixture, "s/x", "{}", "allow_names, parents, or both");
	assert_settings_refused(fixture, "s/x", "{\"parent\":[]}", "allow_names, parents, or both");
	assert_settings_refused(fixture, "s/x", "{\"parents\":[],\"other\":1}", "allow_names, parents, or both");
	assert_settings_refused(fixture, "s/x", "{\"parents\":\"s/p\"}", "list of at most 15");
	assert_settings_refused(fixture, "s/x", "{\"parents\":[1]}", "list of at most 15");
	assert_settings_refused(fixture, "s/x", "{\"parents\":[\"../x\"]}", "parents: ");
	assert_settings_refused(fixture, "s/x", "{\"parents\":[\"s/p\",\"s/p\"]}", "names s/p twice");
	assert_settings_refused(fixture, "s/x", "{\"parents\":[\"s/none\"]}", "s/x extends s/none, which does not exist");
	assert_int_equal(set(fixture, "s/none", "{\"parents\":[]}", &err), ERR_NOT_FOUND);
	/* Both at once, each alone leaves the other, escapes are understood. */
	assert_int_equal(set(fixture, "s/x", "{\"parents\":[\"s\\/p\"],\"allow_names\":[\"PATH\"]}", &err), ERR_OK);
	must_write(fixture, KV_PUT, "s/x", "{\"T\":\"${P}\"}", NULL, NULL);
	assert_resolves(fixture, "s/x", 0, "P=2@s/p T=2@s/x");
	assert_int_equal(set(fixture, "s/x", "{\"allow_names\":null}", &err), ERR_OK);
	assert_resolves(fixture, "s/x", 0, "P=2@s/p T=2@s/x");
	/* Taking the parents away would break it. */
	assert_settings_refused(fixture, "s/x", "{\"parents\":[]}", "the template of T in s/x refers to P");
	/* It is broken already: nobody is kept from going on. */
	must_write(fixture, KV_PUT, "s/p", "{}", NULL, NULL);
	extend(fixture, "s/x", "[]");
	assert_unresolved(fixture, "s/x", "refers to P");
}

/* -- limits ------------------------------------------------------------------------ */

static void sixteen_environments_and_no_more(void **state)
{
	const struct fixture *fixture = *state;
	char path[32], parents[600] = "[", data[64];
	struct error err = ERROR_INIT;

	/* A chain: n/0 <- n/1 <- … */
	for (int i = 0; i <= LIMIT_RESOLVE_ENVIRONMENTS; i++) {
		snprintf(path, sizeof(path), "n/%d", i);
		snprintf(data, sizeof(data), "{\"V\":\"%d\"}", i);
		must_write(fixture, KV_PUT, path, data, NULL, NULL);
		if (i == 0)
			continue;
		snprintf(parents, sizeof(parents), "{\"parents\":[\"n/%d\"]}", i - 1);
		assert_int_equal(set(fixture, path, parents, &err), i < LIMIT_RESOLVE_ENVIRONMENTS ? ERR_OK : ERR_INVALID);
	}
	assert_non_null(strstr(err.text, "more than 16 environments"));
	assert_resolves(fixture, "n/15", 0, "V=15@n/15");
	/* Parents side by side: 15 are a list, 16 are none. */
	for (int count = LIMIT_PARENTS; count <= LIMIT_PARENTS + 1; count++) {
		size_t len = (size_t)snprintf(parents, sizeof(parents), "{\"parents\":[");

		for (int i = 0; i < count; i++) {
			snprintf(path, sizeof(path), "w/%d", i);
			must_write(fixture, KV_PUT, path, "{}", NULL, NULL);
			len += (size_t)snprintf(parents + len, sizeof(parents) - len, "%s\"w/%d\"", i > 0 ? "," : "", i);
		}
		snprintf(parents + len, sizeof(parents) - len, "]}");
		must_write(fixture, KV_PUT, "w/child", "{\"A\":\"1\"}", NULL, NULL);
		assert_int_equal(set(fixture, "w/child", parents, &err), count == LIMIT_PARENTS ? ERR_OK : ERR_INVALID);
	}
	/* A reference to a 17th. */
	assert_refused(fixture, KV_PUT, "w/child", "{\"A\":\"${n/0:V}\"}", "[\"A\"]", NULL, "more than 16 environments");
	must_write(fixture, KV_PUT, "w/child", "{\"A\":\"${w/0:V}\",\"V\":\"x\"}", "[]", NULL);
}

/* Each of them costs work, and the work is an event thread's: that nothing comes out of it is no excuse. */
static void references_have_their_limit(void **state)
{
	const struct fixture *fixture = *state;
	static char data[16 * LIMIT_TEMPLATE_REFERENCES];
	size_t len;

	for (int count = LIMIT_TEMPLATE_REFERENCES; count <= LIMIT_TEMPLATE_REFERENCES + 1; count++) {
		len = (size_t)snprintf(data, sizeof(data), "{\"E\":\"\",\"T\":\"");
		for (int i = 0; i < count; i++)
			len += (size_t)snprintf(data + len, sizeof(data) - len, i % 2 == 0 ? "${E}" : "${w/e:E}");
		snprintf(data + len, sizeof(data) - len, "\"}");
		must_write(fixture, KV_PUT, "w/e", "{\"E\":\"\"}", "[]", NULL);
		if (count == LIMIT_TEMPLATE_REFERENCES)
			must_write(fixture, KV_PUT, "w/many", data, "[\"T\"]", NULL);
		else
			assert_refused(fixture, KV_PUT, "w/many", data, "[\"T\"]", NULL, "more than 20000 references");
	}
}

static void depth_and_size_have_their_limits(void **state)
{
	const struct fixture *fixture = *state;
	char data[4096], templates[1024];

	for (int depth = LIMIT_TEMPLATE_DEPTH; depth <= LIMIT_TEMPLATE_DEPTH + 1; depth++) {
		size_t len = (size_t)snprintf(data, sizeof(data), "{\"V%d\":\"end\"", depth);
		size_t used = (size_t)snprintf(templates, sizeof(templates), "[");

		for (int i = 0; i < depth; i++) {
			len += (size_t)snprintf(data + len, sizeof(data) - len, ",\"V%d\":\"${V%d}\"", i, i + 1);
			used += (size_t)snprintf(templates + used, sizeof(templates) - used, "%s\"V%d\"", i > 0 ? "," : "", i);
		}
		snprintf(data + len, sizeof(data) - len, "}");
		snprintf(templates + used, sizeof(templates) - used, "]");
		if (depth == LIMIT_TEMPLATE_DEPTH)
			must_write(fixture, KV_PUT, "d/x", data, templates, NULL);
		else
			assert_refused(fixture, KV_PUT, "d/x", data, templates, NULL, "more than 32 deep, at V32 in d/x");
	}
	/* Ten times ten times … of ten bytes: work ends at the limit, not at the end of the world. */
	size_t len = (size_t)snprintf(data, sizeof(data), "{\"B9\":\"0123456789\"");

	for (int i = 0; i < 9; i++) {
		len += (size_t)snprintf(data + len, sizeof(data) - len, ",\"B%d\":\"", i);
		for (int k = 0; k < 10; k++)
			len += (size_t)snprintf(data + len, sizeof(data) - len, "${B%d}", i + 1);
		len += (size_t)snprintf(data + len, sizeof(data) - len, "\"");
	}
	snprintf(data + len, sizeof(data) - len, "}");
	assert_refused(fixture, KV_PUT, "d/y", data, "[\"B0\",\"B1\",\"B2\",\"B3\",\"B4\",\"B5\",\"B6\",\"B7\",\"B8\"]", NULL,
		       "is larger than");
}

/* -- the tag, and changes meanwhile --------------------------------------------------- */

static void the_tag_covers_all_that_is_touched(void **state)
{
	const struct fixture *fixture = *state;
	char before[64], after[64];
	struct error err = ERROR_INIT;

	must_write(fixture, KV_PUT, "e/ref", "{\"A\":\"1\"}", NULL, NULL);
	must_write(fixture, KV_PUT, "e/root", "{\"A\":\"1\"}", NULL, NULL);
	must_write(fixture, KV_PUT, "e/base", "{\"B\":\"1\"}", NULL, NULL);
	extend(fixture, "e/base", "[\"e/root\"]");
	must_write(fixture, KV_PUT, "e/x", "{\"C\":\"${e/ref:A}\"}", "[\"C\"]", NULL);
	extend(fixture, "e/x", "[\"e/base\"]");
	etag_of(fixture, "e/x", before);
	for (int i = 0; i < 6; i++) {
		etag_of(fixture, "e/x", after);
		assert_string_equal(before, after);
		switch (i) {
		case 0:
			must_write(fixture, KV_PUT, "e/ref", "{\"A\":\"2\"}", NULL, NULL);
			break;
		case 1:
			must_write(fixture, KV_PUT, "e/root", "{\"A\":\"2\"}", NULL, NULL);
			break;
		case 2:
			must_write(fixture, KV_PUT, "e/base", "{\"B\":\"2\"}", NULL, NULL);
			break;
		case 3:
			must_write(fixture, KV_PUT, "e/x", "{\"C\":\"${e/ref:A}!\"}", NULL, NULL);
			break;
		case 4:
			extend(fixture, "e/base", "[]");
			break;
		default:
			assert_int_equal(set(fixture, "e/root", "{\"allow_names\":[\"PATH\"]}", &err), ERR_OK);
			extend(fixture, "e/base", "[\"e/root\"]");
			break;
		}
		etag_of(fixture, "e/x", after);
		assert_string_not_equal(before, after);
		memcpy(before, after, sizeof(before));
	}
	/* A change of something else is none. */
	must_write(fixture, KV_PUT, "e/other", "{}", NULL, NULL);
	etag_of(fixture, "e/x", after);
	assert_string_equal(before, after);
}

struct racing {
	const struct fixture *fixture;
	const char *path, *parents;
	enum error_code code;
	atomic_bool stop;
};

static void *set_parents(void *arg)
{
	struct racing *racing = arg;
	struct json_value patch = json_of(racing->parents);
	const struct fixture *fixture = racing->fixture;
	struct error err = ERROR_INIT;
	struct env_path path;
	struct kv_target target = { .mount = &fixture->mount, .path = &path, .api_path = "secret/data/x" };

	if (env_path_parse(racing->path, strlen(racing->path), &path, &err) == ERR_OK)
		racing->code = kv_settings_write(fixture->vault, &fixture->root, &target, &patch, &err);
	return NULL;
}

/* Two settings that are each fine and together a circle: one of them loses, always. */
static void no_race_makes_a_circle(void **state)
{
	const struct fixture *fixture = *state;

	must_write(fixture, KV_PUT, "r/a", "{}", NULL, NULL);
	must_write(fixture, KV_PUT, "r/b", "{}", NULL, NULL);
	for (int i = 0; i < 50; i++) {
		struct racing racing[2] = {
			{ .fixture = fixture, .path = "r/a", .parents = "{\"parents\":[\"r/b\"]}" },
			{ .fixture = fixture, .path = "r/b", .parents = "{\"parents\":[\"r/a\"]}" },
		};
		pthread_t threads[2];

		for (int k = 0; k < 2; k++)
			assert_int_equal(pthread_create(&threads[k], NULL, set_parents, &racing[k]), 0);
		for (int k = 0; k < 2; k++)
			pthread_join(threads[k], NULL);
		assert_true((racing[0].code == ERR_OK) != (racing[1].code == ERR_OK));
		assert_true(racing[0].code == ERR_INVALID || racing[1].code == ERR_INVALID);
		extend(fixture, "r/a", "[]");
		extend(fixture, "r/b", "[]");
	}
}

static void *write_on(void *arg)
{
	struct racing *racing = arg;
	char data[64];

	for (unsigned i = 0; !atomic_load(&racing->stop); i++) {
		struct vault_op op;
		struct error err = ERROR_INIT;
		struct env_path path;

		snprintf(data, sizeof(data), "{\"A\":\"%u\",\"B\":\"%u\"}", i, i);
		op_init(&op, racing->fixture, KV_PUT, racing->path, data, NO_CAS);
		if (env_path_parse(racing->path, strlen(racing->path), &path, &err) == ERR_OK)
			op.target.path = &path;
		racing->code = op_run(racing->fixture, &op);
	}
	return NULL;
}

/* A parent that changes all the time: the child is always of one moment. */
static void a_resolve_is_of_one_moment(void **state)
{
	const struct fixture *fixture = *state;
	struct racing racing = { .fixture = fixture, .path = "o/base" };
	pthread_t thread;

	must_write(fixture, KV_PUT, "o/base", "{\"A\":\"0\",\"B\":\"0\"}", NULL, NULL);
	must_write(fixture, KV_PUT, "o/x", "{\"P\":\"${A}\",\"Q\":\"${o/base:B}\"}", "[]", NULL);
	extend(fixture, "o/x", "[\"o/base\"]");
	must_write(fixture, KV_PUT, "o/x", "{\"P\":\"${A}\",\"Q\":\"${o/base:B}\"}", "[\"P\",\"Q\"]", NULL);
	assert_int_equal(pthread_create(&thread, NULL, write_on, &racing), 0);
	for (int i = 0; i < 3000; i++) {
		struct env_path path = { .len = 3, .text = "o/x" };
		struct kv_target target = { .mount = &fixture->mount, .path = &path, .api_path = "secret/data/o/x" };
		struct kv_resolved resolved = {0};
		struct error err = ERROR_INIT;

		assert_int_equal(kv_resolve(fixture->vault, &fixture->root, &target, 0, &resolved, &err), ERR_OK);
		assert_int_equal(resolved.variables_len, 4);
		for (size_t k = 1; k < 4; k++) {
			assert_int_equal(resolved.variables[k].value.len, resolved.variables[0].value.len);
			assert_memory_equal(resolved.variables[k].value.at, resolved.variables[0].value.at,
					    resolved.variables[0].value.len);
		}
		kv_resolved_free(&resolved);
	}
	atomic_store(&racing.stop, true);
	pthread_join(thread, NULL);
	assert_int_equal(racing.code, ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parents_are_merged_in_order),
		cmocka_unit_test(templates_see_the_environment_that_is_resolved),
		cmocka_unit_test(templates_that_give_nothing_are_refused),
		cmocka_unit_test(what_breaks_later_is_named),
		cmocka_unit_test(circles_of_parents_are_refused),
		cmocka_unit_test(wrong_settings_are_refused),
		cmocka_unit_test(sixteen_environments_and_no_more),
		cmocka_unit_test(references_have_their_limit),
		cmocka_unit_test(depth_and_size_have_their_limits),
		cmocka_unit_test(the_tag_covers_all_that_is_touched),
		cmocka_unit_test(no_race_makes_a_circle),
		cmocka_unit_test(a_resolve_is_of_one_moment),
	};

	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
