#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <dirent.h>
#include <unistd.h>

#include <cmocka.h>

#include "../lib/memory_folder.h"
#include "vault/json_scan.h"

static int64_t fixture_now(void *arg)
{
	return __atomic_load_n((int64_t *)arg, __ATOMIC_RELAXED);
}

static struct vault *open_vault(struct fixture *fixture)
{
	const struct vault_options options = {
		.records = {
			.directory = fixture->directory,
			.max_size = 1u << 30,
			.skip_walk = true,
			.clock = { .now_us = fixture_now, .monotonic_us = fixture_now, .arg = &fixture->now },
		},
		.personal = true,
		.owner = FIXTURE_OWNER,
	};
	struct error err = ERROR_INIT;
	struct vault *vault = NULL;

	if (vault_open(&options, &vault, &err) != ERR_OK)
		fail_msg("vault_open: %s", err.text);
	return vault;
}

static void fill(struct fixture *fixture)
{
	struct error err = ERROR_INIT;
	const char *token = fixture->init.root_token;

	caller_release(&fixture->root);	/* of before a seal */
	if (vault_authenticate(fixture->vault, token, strlen(token), NULL, &fixture->root, &err) != ERR_OK ||
	    vault_mount_of(fixture->vault, "secret", &fixture->mount, &err) != ERR_OK)
		fail_msg("fixture: %s", err.text);
}

int fixture_start(void **state)
{
	struct fixture *fixture = calloc(1, sizeof(*fixture));
	struct error err = ERROR_INIT;
	static bool arena;

	if (!fixture || (!arena && secret_arena_start(&err) != ERR_OK))
		return -1;
	arena = true;
	fixture->now = START_TIME;
	if (!memory_folder(fixture->directory, sizeof(fixture->directory), "vault-core"))
		return -1;
	fixture->vault = open_vault(fixture);
	if (vault_init(fixture->vault, NULL, NULL, &fixture->init, &err) != ERR_OK)
		fail_msg("vault_init: %s", err.text);
	fill(fixture);
	*state = fixture;
	return 0;
}

void fixture_reopen(struct fixture *fixture)
{
	vault_close(fixture->vault);
	fixture->vault = open_vault(fixture);
}

enum error_code fixture_unseal(struct fixture *fixture)
{
	const struct slot_secret slot = {
		.type = SLOT_KEY_FILE,
		.key = fixture->init.key,
		.key_len = sizeof(fixture->init.key),
	};
	struct error err = ERROR_INIT;
	enum error_code code = vault_unseal(fixture->vault, &slot, &err);

	if (code == ERR_OK)
		fill(fixture);
	return code;
}

static void remove_directory(const char *path)
{
	DIR *directory = opendir(path);
	const struct dirent *entry;
	char file[512];

	while (directory && (entry = readdir(directory))) {
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		if (entry->d_name[0] != '.')
			unlink(file);
	}
	if (directory)
		closedir(directory);
	rmdir(path);
}

int fixture_stop(void **state)
{
	struct fixture *fixture = *state;

	if (!fixture)
		return -1;
	caller_release(&fixture->root);
	vault_close(fixture->vault);
	remove_directory(fixture->directory);
	vault_init_result_wipe(&fixture->init);
	free(fixture);
	return 0;
}

/* -- operations ----------------------------------------------------------- */

const struct kv_target *target_of(const struct fixture *fixture, const char *path)
{
	static _Thread_local struct {
		struct kv_target target;
		struct env_path path;
		char api_path[1200];
	} places[8];
	static _Thread_local unsigned next;
	struct error err = ERROR_INIT;

	next = (next + 1) % 8;
	if (env_path_parse(path, strlen(path), &places[next].path, &err) != ERR_OK)
		fail_msg("%s: %s", path, err.text);
	snprintf(places[next].api_path, sizeof(places[next].api_path), "secret/data/%s", path);
	places[next].target = (struct kv_target){
		.mount = &fixture->mount,
		.path = &places[next].path,
		.api_path = places[next].api_path,
	};
	return &places[next].target;
}

static struct json_value scan(const char *text)
{
	struct error err = ERROR_INIT;
	struct json_value value;

	if (json_scan(text, strlen(text), &value, &err) != ERR_OK)
		fail_msg("not JSON: %s", err.text);
	return value;
}

void op_init(struct vault_op *op, const struct fixture *fixture, enum kv_change kind, const char *path,
	     const char *data, int64_t cas)
{
	*op = (struct vault_op){
		.change = kind,
		.caller = &fixture->root,
		.target = *target_of(fixture, path),
		.has_cas = cas != NO_CAS,
		.cas = cas,
	};
	if (data)
		op->data = scan(data);
}

enum error_code op_run(const struct fixture *fixture, struct vault_op *op)
{
	struct error err = ERROR_INIT;
	enum error_code code = vault_submit_wait(fixture->vault, op, &err);

	assert_int_equal(code, err.code);
	if (code == ERR_OK)
		vault_op_release(op);
	return code;
}

enum error_code put_cas(const struct fixture *fixture, const char *path, const char *data, int64_t cas)
{
	struct vault_op op;

	op_init(&op, fixture, KV_PUT, path, data, cas);
	return op_run(fixture, &op);
}

enum error_code put(const struct fixture *fixture, const char *path, const char *data)
{
	return put_cas(fixture, path, data, NO_CAS);
}

enum error_code change(const struct fixture *fixture, enum kv_change kind, const char *path, const char *data)
{
	struct vault_op op;

	op_init(&op, fixture, kind, path, data, NO_CAS);
	return op_run(fixture, &op);
}

enum error_code change_listed(const struct fixture *fixture, enum kv_change kind, const char *path, const char *list)
{
	struct vault_op op;
	int64_t revisions[16];

	op_init(&op, fixture, kind, path, NULL, NO_CAS);
	op.revisions = revisions;
	for (char *end; *list; list = *end == ',' ? end + 1 : end)
		revisions[op.revisions_len++] = strtoll(list, &end, 10);
	return op_run(fixture, &op);
}

enum error_code metadata(const struct fixture *fixture, enum kv_change kind, const char *path, const char *json)
{
	struct json_value object = scan(json), value;
	struct kv_metadata_change *want;
	struct vault_op op;

	op_init(&op, fixture, kind, path, NULL, NO_CAS);
	want = &op.metadata;
	want->has_max_versions = json_find(&object, "max_versions", &value) && json_as_int(&value, &want->max_versions);
	want->has_cas_required =
		json_find(&object, "cas_required", &value) && json_as_bool(&value, &want->cas_required);
	want->has_delete_after = json_find(&object, "delete_version_after", &value) &&
				 json_as_int(&value, &want->delete_after_s);
	want->has_custom = json_find(&object, "custom_metadata", &want->custom);
	return op_run(fixture, &op);
}

/* -- descriptions ---------------------------------------------------------- */

static size_t describe_content(const struct revision_record *record, char *text, size_t size)
{
	size_t len = 0;

	text[0] = '\0';
	for (size_t i = 0; i < record->variables_len && len < size; i++) {
		const struct variable *variable = &record->variables[i];

		len += (size_t)snprintf(text + len, size - len, "%s%.*s%c%.*s#%u@%u", i > 0 ? " " : "",
					(int)variable->name.len, variable->name.at, "=:~!"[variable->kind & 3],
					(int)variable->value.len, variable->value.at, variable->version,
					(unsigned)variable->changed_revision);
	}
	return len;
}

static size_t describe_head(const struct fixture *fixture, const struct head_record *head, char *text, size_t size)
{
	size_t len = (size_t)snprintf(text, size, "%u/%u:", (unsigned)head->current, (unsigned)head->oldest);

	for (size_t i = 0; i < head->revisions_len && len < size; i++) {
		const struct head_revision *entry = &head->revisions[i];
		char mark = entry->flags & REVISION_DESTROYED    ? 'x'
			    : entry->deletion == 0		 ? '-'
			    : entry->deletion > fixture->now ? 'f'
							      : 'd';

		len += (size_t)snprintf(text + len, size - len, " %u%c", (unsigned)(head->oldest + i), mark);
	}
	return len;
}

void describe(const struct fixture *fixture, const char *path, char *text, size_t size)
{
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;
	enum error_code code =
		kv_read_metadata(fixture->vault, &fixture->root, target_of(fixture, path), &result, &err);
	size_t len;

	if (code == ERR_NOT_FOUND) {
		snprintf(text, size, "none");
		return;
	}
	assert_int_equal(code, ERR_OK);
	len = describe_head(fixture, &result.head, text, size);
	kv_read_result_free(&result);
	len += (size_t)snprintf(text + len, size - len, " | ");
	code = kv_read(fixture->vault, &fixture->root, target_of(fixture, path), 0, &result, &err);
	if (code == ERR_NOT_FOUND) {
		snprintf(text + len, size - len, "missing");
		return;
	}
	assert_int_equal(code, ERR_OK);
	if (result.readable)
		describe_content(&result.revision, text + len, size - len);
	else
		snprintf(text + len, size - len, "gone");
	kv_read_result_free(&result);
}

void assert_state(const struct fixture *fixture, const char *path, const char *expected)
{
	char text[2048];

	describe(fixture, path, text, sizeof(text));
	assert_string_equal(text, expected);
}

void assert_content(const struct fixture *fixture, const char *path, uint64_t revision, const char *expected)
{
	struct kv_read_result result = {0};
	struct error err = ERROR_INIT;
	enum error_code code =
		kv_read(fixture->vault, &fixture->root, target_of(fixture, path), revision, &result, &err);
	char text[2048] = "gone";

	if (code == ERR_NOT_FOUND) {
		assert_string_equal("missing", expected);
		return;
	}
	assert_int_equal(code, ERR_OK);
	if (result.readable)
		describe_content(&result.revision, text, sizeof(text));
	assert_string_equal(text, expected);
	if (revision > 0)
		assert_int_equal(result.version.revision, revision);
	kv_read_result_free(&result);
}
