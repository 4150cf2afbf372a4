/* Policies in a vault: written, read, deleted, and what tokens may with them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <semaphore.h>

#include "core/policy_table.h"
#include "core/vault_policies.h"
#include "core/vault_state.h"
#include "fixture.h"
#include "records/tables_access.h"
#include "token_records.h"
#include "vault/limits.h"

static enum error_code last;
static char sentence[ERROR_TEXT_MAX];

static enum error_code keep(enum error_code code, const struct error *err)
{
	snprintf(sentence, sizeof(sentence), "%s", err->text);
	last = code;
	return code;
}

static enum error_code write_n(struct fixture *fixture, const char *name, const char *text, size_t len)
{
	struct vault_policy_change change = { .name = name, .name_len = strlen(name), .text = text, .text_len = len };
	struct error err = ERROR_INIT;
	struct action_wait wait;

	action_wait_begin(&wait, &change.action);
	return keep(action_wait_end(&wait, vault_policy_write(fixture->vault, &change, &err), &err), &err);
}

static enum error_code write(struct fixture *fixture, const char *name, const char *text)
{
	return write_n(fixture, name, text, strlen(text));
}

static enum error_code delete(struct fixture *fixture, const char *name)
{
	struct vault_policy_change change = { .name = name, .name_len = strlen(name) };
	struct error err = ERROR_INIT;
	struct action_wait wait;

	action_wait_begin(&wait, &change.action);
	return keep(action_wait_end(&wait, vault_policy_delete(fixture->vault, &change, &err), &err), &err);
}

static void assert_text(struct fixture *fixture, const char *name, const char *normal, const char *expected)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(LIMIT_POLICY_TEXT);
	struct error err = ERROR_INIT;
	struct policy_name made;

	assert_int_equal(vault_policy_read(fixture->vault, name, strlen(name), &made, out, &err), ERR_OK);
	assert_string_equal(made.text, normal);
	assert_int_equal(secret_buf_len(out), strlen(expected));
	assert_memory_equal(secret_buf_text(out), expected, strlen(expected));
}

static void assert_names(struct fixture *fixture, const char *expected)
{
	cleanup_(name_list_free) struct name_list list = {0};
	struct error err = ERROR_INIT;
	char joined[512] = "";
	const char *name;

	assert_int_equal(vault_policy_list(fixture->vault, &list, &err), ERR_OK);
	name = list.block;
	for (size_t i = 0; i < list.count; i++, name += strlen(name) + 1)
		snprintf(joined + strlen(joined), sizeof(joined) - strlen(joined), "%s%s", i > 0 ? " " : "", name);
	assert_string_equal(joined, expected);
}

#define READ_A "path \"secret/data/a\" { capabilities = [\"read\"] }"
#define WRITE_A "path \"secret/data/a\" { capabilities = [\"create\", \"update\"] }"
#define DENY_A "path \"secret/data/a\" { capabilities = [\"deny\"] }"

static bool may(struct fixture *fixture, const char *token, unsigned capability, const char *path)
{
	struct caller caller;
	struct error err = ERROR_INIT;
	bool allowed;

	assert_int_equal(sign_in(fixture, token, &caller), ERR_OK);
	allowed = vault_authorize(fixture->vault, &caller, capability, path, &err) == ERR_OK;
	caller_release(&caller);
	return allowed;
}

/* -- changes ------------------------------------------------------------------- */

static void test_write_read_delete(void **state)
{
	struct fixture *fixture = *state;
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(LIMIT_POLICY_TEXT);
	struct error err = ERROR_INIT;
	struct policy_name name;

	assert_names(fixture, "default root");
	assert_int_equal(write(fixture, "  Shop-Admin\n", READ_A), ERR_OK);
	assert_int_equal(write(fixture, "a", WRITE_A), ERR_OK);
	assert_names(fixture, "a default shop-admin root");
	assert_text(fixture, "shop-admin", "shop-admin", READ_A);
	assert_text(fixture, "SHOP-ADMIN", "shop-admin", READ_A);
	assert_int_equal(write(fixture, "shop-admin", ""), ERR_OK);
	assert_text(fixture, "shop-admin", "shop-admin", "");
	assert_int_equal(delete(fixture, "Shop-ADMIN "), ERR_OK);
	assert_int_equal(delete(fixture, "shop-admin"), ERR_OK);
	assert_int_equal(vault_policy_read(fixture->vault, "shop-admin", 10, &name, out, &err), ERR_NOT_FOUND);
	assert_int_equal(delete(fixture, "a"), ERR_OK);
	assert_names(fixture, "default root");
}

static void test_root_and_default(void **state)
{
	struct fixture *fixture = *state;

	assert_text(fixture, "root", "root", "");
	assert_int_equal(write(fixture, "root", READ_A), ERR_INVALID);
	assert_string_equal(sentence, "cannot update \"root\" policy");
	assert_int_equal(delete(fixture, "root"), ERR_INVALID);
	assert_string_equal(sentence, "cannot delete \"root\" policy");
	for (size_t i = 0; i < 4; i++) {
		static const char *const spellings[] = { "Root", " root", "ROOT\t", "rOOt" };

		assert_int_equal(write(fixture, spellings[i], READ_A), ERR_INVALID);
		assert_int_equal(delete(fixture, spellings[i]), ERR_INVALID);
	}
	assert_int_equal(write(fixture, "response-wrapping", READ_A), ERR_INVALID);
	assert_int_equal(write(fixture, "Control-Group", READ_A), ERR_INVALID);
	assert_int_equal(delete(fixture, "default"), ERR_INVALID);
	assert_string_equal(sentence, "cannot delete \"default\" policy");

	put_token(fixture, "plain", "default", 0);
	assert_true(may(fixture, "plain", CAP_READ, "auth/token/lookup-self"));
	assert_false(may(fixture, "plain", CAP_READ, "secret/data/a"));
	assert_int_equal(write(fixture, "Default", READ_A), ERR_OK);
	assert_false(may(fixture, "plain", CAP_READ, "auth/token/lookup-self"));
	assert_true(may(fixture, "plain", CAP_READ, "secret/data/a"));
	assert_names(fixture, "default root");
	assert_text(fixture, "default", "default", READ_A);
}

static void test_refused(void **state)
{
	struct fixture *fixture = *state;
	char *text = malloc(LIMIT_POLICY_TEXT + 1);

	assert_int_equal(write(fixture, "bad", "path \"canary\" {"), ERR_INVALID);
	assert_non_null(strstr(sentence, "line 1, column 16"));
	assert_null(strstr(sentence, "canary"));
	assert_int_equal(write(fixture, "", READ_A), ERR_INVALID);
	assert_int_equal(write(fixture, "a/b", READ_A), ERR_INVALID);
	assert_int_equal(write(fixture, "..", READ_A), ERR_INVALID);
	memset(text, '\n', LIMIT_POLICY_TEXT + 1);
	assert_int_equal(write_n(fixture, "long", text, LIMIT_POLICY_TEXT + 1), ERR_TOO_LARGE);
	assert_int_equal(write_n(fixture, "long", text, LIMIT_POLICY_TEXT), ERR_OK);
	assert_int_equal(delete(fixture, "long"), ERR_OK);
	free(text);
}

static enum error_code table_put(struct policy_table *table, unsigned number, const char *name, const char *text)
{
	cleanup_(secret_buf_freep) struct secret_buf *encoding = secret_buf_new(2u * LIMIT_POLICY_TEXT);
	struct records_change change = { .key = { .len = 17, .bytes = { 'C', (uint8_t)(number >> 8), (uint8_t)number } } };
	const struct policy_record record = {
		.name = { .at = name, .len = (uint32_t)strlen(name) },
		.text = { .at = text, .len = (uint32_t)strlen(text) },
	};
	struct error err = ERROR_INIT;

	encode_policy(encoding, &record);
	change.plain = secret_buf_bytes(encoding);
	change.plain_len = secret_buf_len(encoding);
	return policy_table_change(table, &change, &err);
}

struct hold {
	sem_t holds, go;
};

static void hold_writer(struct vault_action *action, enum error_code outcome, const struct error *err)
{
	struct hold *hold = action->arg;

	(void)err;
	assert_int_equal(outcome, ERR_OK);
	sem_post(&hold->holds);
	sem_wait(&hold->go);
}

#define TOGETHER 40

/* Those that are under way together all find room for one more. What is committed is kept: no token may lose what it has, and
 * the vault opens again. */
static void test_more_than_the_limit_together(void **state)
{
	struct fixture *fixture = *state;
	struct vault_policy_change held = { .name = "held", .name_len = 4, .text = "" }, changes[TOGETHER];
	struct action_wait waits[TOGETHER];
	struct error err = ERROR_INIT;
	char name[8], names[TOGETHER][8];
	struct hold hold;

	assert_int_equal(write(fixture, "reader", READ_A), ERR_OK);
	put_token(fixture, "one", "reader", 0);
	for (unsigned i = 0; i < LIMIT_POLICIES - 3; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(table_put(fixture->vault->policies, i, name, ""), ERR_OK);
	}
	sem_init(&hold.holds, 0, 0);
	sem_init(&hold.go, 0, 0);
	held.action.done = hold_writer;
	held.action.arg = &hold;
	assert_int_equal(vault_policy_write(fixture->vault, &held, &err), ERR_OK);
	/* Those that came into its batch would be in the table before the others ask for room. */
	sem_wait(&hold.holds);
	for (unsigned i = 0; i < TOGETHER; i++) {
		snprintf(names[i], sizeof(names[i]), "x%u", i);
		changes[i] = (struct vault_policy_change){ .name = names[i], .name_len = strlen(names[i]), .text = "" };
		action_wait_begin(&waits[i], &changes[i].action);
		assert_int_equal(vault_policy_write(fixture->vault, &changes[i], &err), ERR_OK);
	}
	sem_post(&hold.go);
	for (unsigned i = 0; i < TOGETHER; i++)
		assert_int_equal(action_wait_end(&waits[i], ERR_OK, &err), ERR_OK);
	sem_destroy(&hold.holds);
	sem_destroy(&hold.go);
	assert_int_equal(write(fixture, "one-more", ""), ERR_TOO_LARGE);
	assert_true(may(fixture, "one", CAP_READ, "secret/data/a"));
}

/* -- what tokens may ----------------------------------------------------------- */

static void test_tokens(void **state)
{
	struct fixture *fixture = *state;

	assert_int_equal(write(fixture, "reader", READ_A), ERR_OK);
	put_token(fixture, "one", "reader", 0);
	put_token(fixture, "two", "reader writer", 0);
	put_token(fixture, "none", "nobody", 0);
	put_token(fixture, "upper", "READER Root", 0);
	put_token(fixture, "rooted", "reader root", 0);
	put_token(fixture, "empty", "", 0);
	assert_true(may(fixture, "one", CAP_READ, "secret/data/a"));
	assert_false(may(fixture, "one", CAP_UPDATE, "secret/data/a"));
	assert_false(may(fixture, "one", CAP_READ, "secret/data/b"));
	assert_false(may(fixture, "none", CAP_READ, "secret/data/a"));
	assert_false(may(fixture, "empty", CAP_READ, "secret/data/a"));
	/* Names in a record count as they stand there. */
	assert_false(may(fixture, "upper", CAP_READ, "secret/data/a"));
	assert_true(may(fixture, "rooted", CAP_SUDO, "sys/seal"));
	/* Each change counts at once, for tokens that were cached before it. */
	assert_false(may(fixture, "two", CAP_UPDATE, "secret/data/a"));
	assert_int_equal(write(fixture, "writer", WRITE_A), ERR_OK);
	assert_true(may(fixture, "two", CAP_CREATE | CAP_UPDATE | CAP_READ, "secret/data/a"));
	assert_int_equal(write(fixture, "writer", DENY_A), ERR_OK);
	assert_false(may(fixture, "two", CAP_READ, "secret/data/a"));
	assert_true(may(fixture, "one", CAP_READ, "secret/data/a"));
	assert_int_equal(delete(fixture, "writer"), ERR_OK);
	assert_true(may(fixture, "two", CAP_READ, "secret/data/a"));
	assert_int_equal(delete(fixture, "reader"), ERR_OK);
	assert_false(may(fixture, "one", CAP_READ, "secret/data/a"));
}

/* What a request began with goes on; the next one sees the change. */
static void test_in_flight(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct caller caller;

	assert_int_equal(write(fixture, "flight", READ_A), ERR_OK);
	put_token(fixture, "flying", "flight", 0);
	assert_int_equal(sign_in(fixture, "flying", &caller), ERR_OK);
	assert_int_equal(delete(fixture, "flight"), ERR_OK);
	assert_int_equal(vault_authorize(fixture->vault, &caller, CAP_READ, "secret/data/a", &err), ERR_OK);
	caller_release(&caller);
	assert_int_equal(vault_authorize(fixture->vault, &caller, CAP_READ, "secret/data/a", &err), ERR_DENIED);
	assert_false(may(fixture, "flying", CAP_READ, "secret/data/a"));
}

/* A thread that looked a token up before a change may put it into the cache after the change emptied it. */
static void test_late_cache(void **state)
{
	struct fixture *fixture = *state;
	struct records_view *view = NULL;
	struct cached_token late = {0};
	struct error err = ERROR_INIT;
	struct record_key key;
	struct caller caller;
	uint8_t pin[PIN_LEN];

	assert_int_equal(write(fixture, "late", READ_A), ERR_OK);
	put_token(fixture, "slow", "late", 0);
	assert_int_equal(sign_in(fixture, "slow", &caller), ERR_OK);
	key = record_key_id(TABLE_TOKEN, caller.token_id);
	assert_int_equal(records_view_begin(fixture->vault->records, &view, &err), ERR_OK);
	assert_int_equal(records_peek(view, &key, pin, &err), ERR_OK);
	records_view_end(view);
	assert_true(token_cache_find(fixture->vault->tokens, caller.token_id, pin, &late));
	assert_int_equal(write(fixture, "late", DENY_A), ERR_OK);
	token_cache_put(fixture->vault->tokens, &late);
	assert_false(may(fixture, "slow", CAP_READ, "secret/data/a"));
	caller_release(&late.caller);
	caller_release(&caller);
}

static void test_environments(void **state)
{
	struct fixture *fixture = *state;
	struct kv_read_result read = {0};
	struct name_list list = {0};
	struct kv_target target = *target_of(fixture, "team/a");
	struct caller caller;
	struct error err = ERROR_INIT;
	struct vault_op op;

	assert_int_equal(write(fixture, "team", "path \"secret/data/team/*\" { capabilities = [\"create\", \"read\"] }\n"
						"path \"secret/metadata/team/\" { capabilities = [\"list\"] }\n"), ERR_OK);
	put_token(fixture, "member", "team", 0);
	assert_int_equal(sign_in(fixture, "member", &caller), ERR_OK);
	op_init(&op, fixture, KV_PUT, "team/a", "{\"A\":\"1\"}", NO_CAS);
	op.caller = &caller;
	target.api_path = "secret/data/team/a";
	op.target = target;
	assert_int_equal(op_run(fixture, &op), ERR_OK);
	/* A second write is an update, which is not given. */
	op_init(&op, fixture, KV_PUT, "team/a", "{\"A\":\"2\"}", NO_CAS);
	op.caller = &caller;
	op.target = target;
	assert_int_equal(op_run(fixture, &op), ERR_DENIED);
	assert_state(fixture, "team/a", "1/1: 1- | A=1#1@1");
	assert_int_equal(kv_read(fixture->vault, &caller, &target, 0, &read, &err), ERR_OK);
	kv_read_result_free(&read);
	assert_int_equal(kv_list(fixture->vault, &caller, &fixture->mount, "team/", "secret/metadata/team", &list, &err), ERR_OK);
	name_list_free(&list);
	assert_int_equal(kv_list(fixture->vault, &caller, &fixture->mount, "", "secret/metadata", &list, &err), ERR_DENIED);
	caller_release(&caller);
}

/* -- across seals ------------------------------------------------------------------ */

static void test_unseal(void **state)
{
	struct fixture *fixture = *state;
	struct error err = ERROR_INIT;
	struct name_list list;

	assert_int_equal(write(fixture, "kept", READ_A), ERR_OK);
	put_token(fixture, "keeper", "kept", 0);
	assert_true(may(fixture, "keeper", CAP_READ, "secret/data/a"));
	assert_int_equal(vault_seal(fixture->vault, &fixture->root, &err), ERR_OK);
	assert_int_equal(vault_policy_list(fixture->vault, &list, &err), ERR_SEALED);
	assert_int_equal(write(fixture, "kept", READ_A), ERR_SEALED);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_true(may(fixture, "keeper", CAP_READ, "secret/data/a"));
	fixture_reopen(fixture);
	assert_int_equal(fixture_unseal(fixture), ERR_OK);
	assert_true(may(fixture, "keeper", CAP_READ, "secret/data/a"));
	assert_text(fixture, "kept", "kept", READ_A);
	assert_int_equal(delete(fixture, "kept"), ERR_OK);
}

/* -- subjects ------------------------------------------------------------------------ */

static void test_subjects(void **state)
{
	struct fixture *fixture = *state;
	struct vault *vault = fixture->vault;
	struct vault_subject subject;
	struct policy_name names[2];
	struct error err = ERROR_INIT;
	struct caller caller;
	char accessor[40];

	assert_int_equal(write(fixture, "subject", READ_A), ERR_OK);
	put_token(fixture, "asked", "subject", 60);
	assert_int_equal(sign_in(fixture, "asked", &caller), ERR_OK);
	snprintf(accessor, sizeof(accessor), "%s", caller.accessor);
	vault_subject_of_caller(&caller, &subject);
	caller_release(&caller);
	assert_int_equal(vault_subject_capabilities(&subject, "secret/data/a"), CAP_READ);
	vault_subject_release(&subject);
	assert_int_equal(vault_subject_of_token(vault, "asked", 5, &subject, &err), ERR_OK);
	assert_int_equal(vault_subject_capabilities(&subject, "secret/data/a"), CAP_READ);
	vault_subject_release(&subject);
	assert_int_equal(vault_subject_of_accessor(vault, accessor, strlen(accessor), &subject, &err), ERR_OK);
	assert_int_equal(vault_subject_capabilities(&subject, "secret/data/a"), CAP_READ);
	vault_subject_release(&subject);
	/* Over. */
	fixture->now += 60 * SECOND;
	assert_int_equal(vault_subject_of_token(vault, "asked", 5, &subject, &err), ERR_INVALID);
	assert_string_equal(err.text, "invalid token");
	error_clear(&err);
	assert_int_equal(vault_subject_of_accessor(vault, accessor, strlen(accessor), &subject, &err), ERR_INVALID);
	assert_string_equal(err.text, "invalid accessor");
	error_clear(&err);
	/* None. */
	assert_int_equal(vault_subject_of_token(vault, "", 0, &subject, &err), ERR_INVALID);
	error_clear(&err);
	assert_int_equal(vault_subject_of_token(vault, "nobody's", 8, &subject, &err), ERR_INVALID);
	error_clear(&err);
	for (size_t i = 0; i < 4; i++) {
		static const char *const wrong[] = { "", "00", "zz00000000000000000000000000000z", "00000000000000000000000000000000" };

		assert_int_equal(vault_subject_of_accessor(vault, wrong[i], strlen(wrong[i]), &subject, &err), ERR_INVALID);
		error_clear(&err);
	}
	/* Policies by name. */
	assert_int_equal(policy_name_normalise("subject", 7, &names[0], &err), ERR_OK);
	assert_int_equal(policy_name_normalise("none", 4, &names[1], &err), ERR_OK);
	assert_int_equal(vault_subject_of_policies(vault, names, 1, &subject, &err), ERR_OK);
	assert_int_equal(vault_subject_capabilities(&subject, "secret/data/a"), CAP_READ);
	vault_subject_release(&subject);
	assert_int_equal(vault_subject_of_policies(vault, names, 2, &subject, &err), ERR_NOT_FOUND);
	error_clear(&err);
	/* The owner of a personal vault has no policies at all, and may everything. */
	caller = (struct caller){ .kind = CALLER_PEER, .root = true };
	vault_subject_of_caller(&caller, &subject);
	assert_int_equal(vault_subject_capabilities(&subject, "x"), 127);
	caller.kind = CALLER_ANONYMOUS;
	vault_subject_of_caller(&caller, &subject);
	assert_int_equal(vault_subject_capabilities(&subject, "x"), 0);
}

/* -- the table by itself ---------------------------------------------------------------- */

/* A text that cannot be read makes every set that holds it fail: it may have denied something. */
static void test_unreadable(void **state)
{
	static const struct text_span bad[] = { { "bad", 3 }, { "good", 4 } }, root[] = { { "root", 4 }, { "bad", 3 } };
	struct policy_table *table = policy_table_new();
	struct error err = ERROR_INIT;
	struct acl *acl = NULL;

	(void)state;
	assert_int_equal(table_put(table, 1, "good", READ_A), ERR_OK);
	assert_int_equal(table_put(table, 2, "bad", "path \"canary\" { future = true }"), ERR_OK);
	assert_int_equal(policy_table_acl(table, bad + 1, 1, &acl, &err), ERR_OK);
	acl_unref(acl);
	assert_int_equal(policy_table_acl(table, bad, 2, &acl, &err), ERR_RECORD);
	assert_null(strstr(err.text, "canary"));
	error_clear(&err);
	assert_int_equal(policy_table_acl(table, root, 2, &acl, &err), ERR_OK);
	assert_true(acl_is_root(acl));
	acl_unref(acl);
	policy_table_free(table);
}

/* So does a record that could not be kept, until the table is filled again. */
static void test_broken(void **state)
{
	static const struct text_span good[] = { { "good", 4 } }, root[] = { { "root", 4 } };
	const struct records_change damaged = { .key = { .len = 17, .bytes = { 'C', 9 } }, .plain = (const uint8_t *)"\1", .plain_len = 1 };
	struct policy_table *table = policy_table_new();
	struct error err = ERROR_INIT;
	struct acl *acl = NULL;

	(void)state;
	assert_int_equal(table_put(table, 1, "good", READ_A), ERR_OK);
	assert_int_equal(policy_table_change(table, &damaged, &err), ERR_RECORD);
	error_clear(&err);
	assert_int_equal(policy_table_acl(table, good, 1, &acl, &err), ERR_NO_MEMORY);
	error_clear(&err);
	assert_int_equal(policy_table_acl(table, root, 1, &acl, &err), ERR_OK);
	acl_unref(acl);
	policy_table_clear(table);
	assert_int_equal(policy_table_acl(table, good, 1, &acl, &err), ERR_OK);
	acl_unref(acl);
	policy_table_free(table);
}

static void test_current(void **state)
{
	static const struct text_span names[] = { { "b", 1 }, { "a", 1 } }, turned[] = { { "a", 1 }, { "b", 1 } };
	struct policy_table *table = policy_table_new();
	struct error err = ERROR_INIT;
	struct acl *first = NULL, *second = NULL;

	(void)state;
	assert_int_equal(policy_table_acl(table, names, 2, &first, &err), ERR_OK);
	assert_int_equal(policy_table_acl(table, turned, 2, &second, &err), ERR_OK);
	assert_ptr_equal(first, second);
	acl_unref(second);
	assert_true(policy_table_current(table, first) && policy_table_current(table, NULL));
	assert_int_equal(table_put(table, 1, "other", READ_A), ERR_OK);
	assert_false(policy_table_current(table, first));
	assert_int_equal(policy_table_acl(table, names, 2, &second, &err), ERR_OK);
	assert_ptr_not_equal(first, second);
	acl_unref(first);
	acl_unref(second);
	policy_table_free(table);
}

/* A set is what it holds, however often a name was written: another set of as many names is another. */
static void test_double_names(void **state)
{
	static const struct text_span both[] = { { "a", 1 }, { "b", 1 } }, twice[] = { { "a", 1 }, { "a", 1 } };
	struct policy_table *table = policy_table_new();
	struct error err = ERROR_INIT;
	struct acl *wide = NULL, *narrow = NULL;

	(void)state;
	assert_int_equal(table_put(table, 1, "b", READ_A), ERR_OK);
	assert_int_equal(policy_table_acl(table, both, 2, &wide, &err), ERR_OK);
	assert_true(acl_allows(wide, CAP_READ, "secret/data/a"));
	assert_int_equal(policy_table_acl(table, twice, 2, &narrow, &err), ERR_OK);
	assert_false(acl_allows(narrow, CAP_READ, "secret/data/a"));
	acl_unref(wide);
	acl_unref(narrow);
	policy_table_free(table);
}

static void test_table_limits(void **state)
{
	struct policy_table *table = policy_table_new();
	struct error err = ERROR_INIT;
	char name[16], *text = malloc(LIMIT_POLICY_TEXT);
	unsigned full = LIMIT_POLICY_TEXTS / (LIMIT_POLICY_TEXT - 1);

	(void)state;
	for (unsigned i = 0; i < LIMIT_POLICIES; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(policy_table_room(table, name, 0, &err), ERR_OK);
		assert_int_equal(table_put(table, i, name, ""), ERR_OK);
	}
	assert_int_equal(policy_table_room(table, "one-more", 0, &err), ERR_TOO_LARGE);
	error_clear(&err);
	assert_int_equal(policy_table_room(table, "p7", 9, &err), ERR_OK);
	policy_table_clear(table);
	memset(text, ' ', LIMIT_POLICY_TEXT - 1);
	text[LIMIT_POLICY_TEXT - 1] = '\0';
	for (unsigned i = 0; i < full; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		assert_int_equal(table_put(table, i, name, text), ERR_OK);
	}
	assert_int_equal(policy_table_room(table, "x", LIMIT_POLICY_TEXTS - full * (LIMIT_POLICY_TEXT - 1), &err), ERR_OK);
	assert_int_equal(policy_table_room(table, "x", LIMIT_POLICY_TEXTS - full * (LIMIT_POLICY_TEXT - 1) + 1, &err), ERR_TOO_LARGE);
	error_clear(&err);
	assert_int_equal(policy_table_room(table, "p3", LIMIT_POLICY_TEXT - 1, &err), ERR_OK);
	free(text);
	policy_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_write_read_delete, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_root_and_default, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_refused, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_more_than_the_limit_together, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_tokens, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_in_flight, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_late_cache, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_environments, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_unseal, fixture_start, fixture_stop),
		cmocka_unit_test_setup_teardown(test_subjects, fixture_start, fixture_stop),
		cmocka_unit_test(test_unreadable),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_current),
		cmocka_unit_test(test_double_names),
		cmocka_unit_test(test_table_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
