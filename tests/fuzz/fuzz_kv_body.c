/*
 * Bodies of requests that change an environment, through the real handlers up to vault_submit(), which the linker replaces.
 * Byte 0 chooses the handler, the rest is the body: refused with a sentence, or submitted once as a typed operation. Its spans
 * lie in the body, its lists are bounded, its variables come out sorted, distinct and storable; a revision made from them
 * encodes and decodes to the same; a merge patch leaves what RFC 7396 says, also when it is applied twice.
 */
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "core/json_data.h"
#include "core/revision_kinds.h"
#include "fuzz_expect.h"
#include "http/handlers.h"
#include "http/internal.h"
#include "utf8.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

#define WORK_SECONDS 2
#define ROOM (1u << 22)

static const struct row {
	const char *path;
	route_handler *handle;
	enum kv_change change;
	uint32_t limit;
} rows[] = {
	{ "/v1/secret/data/shop/production", handle_data_write, KV_PUT, LIMIT_BODY_DATA },
	{ "/v1/secret/data/shop/production", handle_data_patch, KV_PATCH, LIMIT_BODY_DATA },
	{ "/v1/secret/rollback/shop/production", handle_rollback, KV_ROLLBACK, LIMIT_BODY_SMALL },
	{ "/v1/secret/delete/shop/production", handle_delete_revisions, KV_DELETE_REVISIONS, LIMIT_BODY_SMALL },
	{ "/v1/secret/undelete/shop/production", handle_undelete, KV_UNDELETE, LIMIT_BODY_SMALL },
	{ "/v1/secret/destroy/shop/production", handle_destroy, KV_DESTROY, LIMIT_BODY_SMALL },
	{ "/v1/secret/metadata/shop/production", handle_metadata_write, KV_METADATA_PUT, LIMIT_BODY_SMALL },
	{ "/v1/secret/metadata/shop/production", handle_metadata_patch, KV_METADATA_PATCH, LIMIT_BODY_SMALL },
};

static struct server server;
static struct request request;
static unsigned submitted;

/* Instead of the vault's: the operation is looked at where it stands. */
enum error_code __wrap_vault_submit(struct vault *vault, struct vault_op *op, struct error *err);
void __wrap_request_suspend(struct request *suspended);

enum error_code __wrap_vault_submit(struct vault *vault, struct vault_op *op, struct error *err)
{
	(void)vault;
	fuzz_expect(op == &request.op && err->code == ERR_OK);
	submitted++;
	return ERR_OK;
}

void __wrap_request_suspend(struct request *suspended)
{
	fuzz_expect(suspended == &request && submitted == 0);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	safe_json_start();
	return 0;
}

/* -- texts ---------------------------------------------------------------- */

static void expect_utf8(const char *text, size_t len)
{
	for (size_t at = 0, step; at < len; at += step) {
		step = utf8_char_len((const unsigned char *)text + at, len - at);
		fuzz_expect(step > 0);
	}
}

static void expect_in_body(const struct json_value *value, enum json_kind kind)
{
	const char *body = secret_buf_text(request.body);
	struct error err = ERROR_INIT;
	struct json_value again;

	fuzz_expect(value->kind == kind && value->raw.at >= body);
	fuzz_expect(value->raw.at + value->raw.len <= body + secret_buf_len(request.body));
	fuzz_expect(json_scan(value->raw.at, value->raw.len, &again, &err) == ERR_OK && again.kind == kind);
}

/* -- variables ------------------------------------------------------------ */

static void expect_variable(const struct variable *variable)
{
	struct error err = ERROR_INIT;
	struct json_value value;

	fuzz_expect(variable_name_is_storable(variable->name.at, variable->name.len));
	expect_utf8(variable->value.at, variable->value.len);
	if (variable->kind == KIND_JSON) {
		fuzz_expect(json_scan(variable->value.at, variable->value.len, &value, &err) == ERR_OK);
		fuzz_expect(value.kind != JSON_SCAN_STRING);
	} else {
		fuzz_expect(variable->kind == KIND_TEXT || variable->kind == KIND_TEMPLATE || variable->kind == KIND_UNSET);
		fuzz_expect(variable->kind != KIND_UNSET || variable->value.len == 0);
	}
}

static void expect_list(const struct variable_list *list)
{
	fuzz_expect(list->len <= LIMIT_VARIABLES && list->len <= list->capacity);
	for (size_t i = 0; i < list->len; i++) {
		fuzz_expect(i == 0 || text_order(&list->items[i - 1].name, &list->items[i].name) < 0);
		expect_variable(&list->items[i]);
	}
}

static bool spans_equal(struct text_span a, struct text_span b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static void expect_equal(const struct variable *a, size_t a_len, const struct variable *b, size_t b_len)
{
	fuzz_expect(a_len == b_len);
	for (size_t i = 0; i < a_len; i++)
		fuzz_expect(a[i].kind == b[i].kind && spans_equal(a[i].name, b[i].name) && spans_equal(a[i].value, b[i].value));
}

static void encode_and_decode(const struct variable_list *list)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(ROOM);
	struct revision_record record = { .revision = 1, .variables = list->items, .variables_len = list->len }, again;
	struct error err = ERROR_INIT;

	record.actor = record.accessor = record.message = (struct text_span){ .at = "", .len = 0 };
	encode_revision(out, &record);
	fuzz_expect(secret_buf_ok(out) && secret_buf_len(out) == revision_encoded_len(&record));
	fuzz_expect(decode_revision(secret_buf_bytes(out), secret_buf_len(out), &again, &err) == ERR_OK);
	expect_equal(list->items, list->len, again.variables, again.variables_len);
	revision_record_free(&again);
}

static void set_kinds(struct variable_list *list, const struct revision_record *before, bool patch)
{
	struct error err = ERROR_INIT;

	if (variables_set_kinds(list, before, &request.op.kinds, patch, &err) != ERR_OK) {
		fuzz_expect((err.code == ERR_INVALID || err.code == ERR_TOO_LARGE) && err.text[0] != '\0');
		return;
	}
	expect_list(list);
	encode_and_decode(list);
}

static void expect_put(void)
{
	cleanup_(variable_list_wipe) struct variable_list list = {0};
	const struct revision_record nothing = {0};
	struct error err = ERROR_INIT;

	if (variables_from_json(&request.op.data, &list, &err) != ERR_OK) {
		fuzz_expect((err.code == ERR_INVALID || err.code == ERR_TOO_LARGE) && err.text[0] != '\0');
		return;
	}
	fuzz_expect(list.len == json_count(&request.op.data));
	expect_list(&list);
	encode_and_decode(&list);
	set_kinds(&list, &nothing, false);
}

#define TEXT(text) { .at = text, .len = sizeof(text) - 1 }

/* What a patch meets: a text, a template, a mask, a number, an object. */
static struct revision_record before(struct variable variables[static 5])
{
	const struct variable old[5] = {
		{ .name = TEXT("HOST"), .kind = KIND_TEXT, .value = TEXT("db") },
		{ .name = TEXT("JSON"), .kind = KIND_JSON, .value = TEXT("{\"a\":1.10,\"b\":{\"c\":[1,2],\"d\":null}}") },
		{ .name = TEXT("MASK"), .kind = KIND_UNSET, .value = TEXT("") },
		{ .name = TEXT("PORT"), .kind = KIND_JSON, .value = TEXT("5432") },
		{ .name = TEXT("URL"), .kind = KIND_TEMPLATE, .value = TEXT("x://${HOST}") },
	};

	memcpy(variables, old, sizeof(old));
	return (struct revision_record){ .revision = 1, .variables = variables, .variables_len = 5 };
}

/* The name of a member without its escapes; false for one that holds a NUL, which cannot be looked for. */
static bool plain_name(const struct json_member *member, struct secret_buf *ret)
{
	secret_buf_reset(ret);
	json_append_unescaped(ret, member->name);
	secret_buf_append_char(ret, '\0');
	return strlen(secret_buf_text(ret)) + 1 == secret_buf_len(ret);
}

/* What RFC 7396 says of each member of a patch that was merged: gone, as it is there, or merged itself. */
static void expect_merged(const struct json_value *patch, const struct json_value *result)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_BODY_DATA + 1);
	struct json_value value;
	struct json_member member;
	size_t cursor = 0;

	while (json_next_member(patch, &cursor, &member)) {
		if (!plain_name(&member, name))
			continue;
		bool found = json_find(result, secret_buf_text(name), &value);

		fuzz_expect(found == (member.value.kind != JSON_SCAN_NULL));
		if (!found)
			continue;
		fuzz_expect(value.kind == member.value.kind);
		if (value.kind == JSON_SCAN_OBJECT)
			expect_merged(&member.value, &value);
		else
			fuzz_expect(value.raw.len == member.value.raw.len &&
				    memcmp(value.raw.at, member.value.raw.at, value.raw.len) == 0);
	}
}

static void expect_patched(const struct revision_record *after)
{
	cleanup_(secret_buf_freep) struct secret_buf *name = secret_buf_new(LIMIT_BODY_DATA + 1);
	struct error err = ERROR_INIT;
	struct json_value value;
	struct json_member member;
	size_t cursor = 0;

	while (json_next_member(&request.op.data, &cursor, &member)) {
		fuzz_expect(plain_name(&member, name));
		const struct variable *variable = revision_find(after, secret_buf_text(name), secret_buf_len(name) - 1);

		fuzz_expect((variable == NULL) == (member.value.kind == JSON_SCAN_NULL));
		if (!variable)
			continue;
		fuzz_expect(variable->kind == (member.value.kind == JSON_SCAN_STRING ? KIND_TEXT : KIND_JSON));
		if (member.value.kind != JSON_SCAN_OBJECT)
			continue;
		fuzz_expect(json_scan(variable->value.at, variable->value.len, &value, &err) == ERR_OK);
		expect_merged(&member.value, &value);
	}
}

static void expect_patch(void)
{
	cleanup_(variable_list_wipe) struct variable_list once = {0};
	cleanup_(variable_list_wipe) struct variable_list twice = {0};
	struct variable variables[5];
	const struct revision_record target = before(variables);
	struct revision_record after;
	struct error err = ERROR_INIT;

	if (variables_merge_patch(&target, &request.op.data, &once, &err) != ERR_OK) {
		fuzz_expect((err.code == ERR_INVALID || err.code == ERR_TOO_LARGE) && err.text[0] != '\0');
		return;
	}
	expect_list(&once);
	after = (struct revision_record){ .revision = 2, .variables = once.items, .variables_len = once.len };
	expect_patched(&after);
	fuzz_expect(variables_merge_patch(&after, &request.op.data, &twice, &err) == ERR_OK);
	expect_equal(once.items, once.len, twice.items, twice.len);
	encode_and_decode(&twice);
	set_kinds(&twice, &target, true);
}

/* -- the operation -------------------------------------------------------- */

static void expect_metadata(void)
{
	const struct kv_metadata_change *change = &request.op.metadata;

	if (change->has_custom)
		expect_in_body(&change->custom, JSON_SCAN_OBJECT);
}

static void expect_revisions(void)
{
	fuzz_expect(request.op.revisions_len >= 1 && request.op.revisions_len <= LIMIT_MAX_VERSIONS);
	fuzz_expect(request.op.revisions == request.revisions && request.revisions);
}

static void expect_operation(const struct row *row)
{
	const struct vault_op *op = &request.op;

	fuzz_expect(request.reply.status == 0 && op->change == row->change && op->done && request.next);
	fuzz_expect(strcmp(op->target.path->text, "shop/production") == 0);
	fuzz_expect(op->message_len <= LIMIT_MESSAGE_LEN && (op->message || op->message_len == 0));
	expect_utf8(op->message, op->message_len);
	if (op->kinds.has_templates)
		expect_in_body(&op->kinds.templates, JSON_SCAN_ARRAY);
	if (op->kinds.has_unset)
		expect_in_body(&op->kinds.unset, JSON_SCAN_ARRAY);
	if (row->change == KV_PUT || row->change == KV_PATCH)
		expect_in_body(&op->data, JSON_SCAN_OBJECT);
	if (row->change == KV_PUT)
		expect_put();
	else if (row->change == KV_PATCH)
		expect_patch();
	else if (row->change == KV_ROLLBACK)
		fuzz_expect(op->revision >= 1 && op->revision <= INT64_MAX);
	else if (row->change == KV_METADATA_PUT || row->change == KV_METADATA_PATCH)
		expect_metadata();
	else
		expect_revisions();
}

static void expect_refusal(void)
{
	struct error err = ERROR_INIT;
	struct json_value value;

	fuzz_expect(request.reply.status >= 400 && request.reply.status < 500 && request.reply.body);
	fuzz_expect(json_scan(secret_buf_text(request.reply.body), secret_buf_len(request.reply.body), &value, &err) == ERR_OK);
}

static void prepare(const struct row *row, const uint8_t *body, size_t len)
{
	memset(&request, 0, sizeof(request));
	submitted = 0;
	request.server = &server;
	request.method = METHOD_POST;
	request.rest = "shop/production";
	request.head.content_type = "application/merge-patch+json";
	memset(request.id, '0', REQUEST_ID_LEN);
	snprintf(request.mount.path, sizeof(request.mount.path), "secret/");
	snprintf(request.path.path, sizeof(request.path.path), "%s", row->path);
	request.path.path_len = (uint16_t)strlen(row->path);
	/* Without a body there is no buffer. */
	request.body = len > 0 ? secret_buf_new(row->limit) : NULL;
	if (len > 0)
		secret_buf_append(request.body, body, len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	double started = fuzz_seconds_used();

	if (len < 1)
		return 0;
	const struct row *row = &rows[data[0] % ARRAY_LEN(rows)];

	if (len - 1 > row->limit)
		return 0;
	prepare(row, data + 1, len - 1);
	row->handle(&request);
	fuzz_expect(submitted <= 1);
	if (submitted == 1)
		expect_operation(row);
	else
		expect_refusal();
	reply_reset(&request.reply);
	secret_buf_free(request.body);
	secret_buf_free(request.scratch);
	free(request.revisions);
	fuzz_expect(fuzz_seconds_used() - started < WORK_SECONDS);
	return 0;
}
