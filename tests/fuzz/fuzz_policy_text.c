/*
 * Any text as a policy: what is taken holds only patterns that a request can have, is the same when its rules are written
 * down again in either form, and compiles; each rule decides about a path that was made from it, or one of higher priority.
 */
#include <sodium.h>
#include <string.h>

#include "core/acl_build.h"
#include "core/caller.h"
#include "fuzz_expect.h"
#include "vault/canon_path.h"
#include "vault/json_emit.h"
#include "vault/limits.h"
#include "vault/safe_json.h"

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	if (sodium_init() < 0)
		abort();
	safe_json_start();
	return 0;
}

static void emit_list(struct secret_buf *out, unsigned capabilities)
{
	const char *name, *before = "";
	unsigned bit;

	secret_buf_append_text(out, "[");
	for (size_t i = 0; (name = capability_name(i, &bit)); i++) {
		if ((capabilities & bit) == 0)
			continue;
		secret_buf_append_text(out, before);
		json_emit_cstring(out, name);
		before = ",";
	}
	secret_buf_append_text(out, capabilities == POLICY_DENY ? "\"deny\"]" : "]");
}

static struct secret_buf *as_hcl(const struct policy_text *text)
{
	struct secret_buf *out = secret_buf_new(64u * LIMIT_POLICY_TEXT);

	for (size_t i = 0; i < text->rules_len; i++) {
		secret_buf_append_text(out, "path ");
		json_emit_cstring(out, text->rules[i].pattern);
		secret_buf_append_text(out, "{capabilities=");
		emit_list(out, text->rules[i].capabilities);
		secret_buf_append_text(out, "}");
	}
	return out;
}

/* A list of objects, because a pattern may be there twice. */
static struct secret_buf *as_json(const struct policy_text *text)
{
	struct secret_buf *out = secret_buf_new(64u * LIMIT_POLICY_TEXT);

	secret_buf_append_text(out, "{\"path\":[");
	for (size_t i = 0; i < text->rules_len; i++) {
		secret_buf_append_text(out, i > 0 ? ",{" : "{");
		json_emit_cstring(out, text->rules[i].pattern);
		secret_buf_append_text(out, ":{\"capabilities\":");
		emit_list(out, text->rules[i].capabilities);
		secret_buf_append_text(out, "}}");
	}
	secret_buf_append_text(out, "]}");
	return out;
}

static void compare(const struct policy_text *text, struct secret_buf *written)
{
	cleanup_(policy_text_freep) struct policy_text again = {0};
	struct error err = ERROR_INIT;

	fuzz_expect(written && secret_buf_ok(written));
	if (secret_buf_len(written) <= LIMIT_POLICY_TEXT) {
		fuzz_expect(policy_text_parse(secret_buf_text(written), secret_buf_len(written), &again, &err) == ERR_OK);
		fuzz_expect(again.rules_len == text->rules_len);
		for (size_t i = 0; i < text->rules_len; i++)
			fuzz_expect(strcmp(again.rules[i].pattern, text->rules[i].pattern) == 0 &&
				    again.rules[i].capabilities == text->rules[i].capabilities);
	}
	secret_buf_free(written);
}

static void check_patterns(const struct acl *acl, const struct policy_text *text)
{
	for (size_t i = 0; i < text->rules_len; i++) {
		const struct policy_rule *rule = &text->rules[i];
		char path[LIMIT_POLICY_PATH_LEN + 1];
		uint32_t decided;

		fuzz_expect(rule->len > 0 && strlen(rule->pattern) == rule->len);
		fuzz_expect((rule->capabilities & POLICY_DENY) == 0 || rule->capabilities == POLICY_DENY);
		memcpy(path, rule->pattern, rule->len + 1);
		if (path[rule->len - 1] == '*')
			path[rule->len - 1] = 'x';
		fuzz_expect(canon_path_is_plain(path, rule->len));
		decided = acl_decide(acl, path);
		fuzz_expect(decided != ACL_NONE);
		(void)acl_decide_list(acl, path);
		(void)acl_any_below(acl, path);
	}
}

/* The same bytes as a policy's name: it has one form, and only "root" itself is root. */
static void check_name(const char *name, size_t len)
{
	struct policy_name once, twice;
	struct error err = ERROR_INIT;

	if (policy_name_normalise(name, len, &once, &err) != ERR_OK) {
		fuzz_expect(err.code == ERR_INVALID && err.text[0] != '\0');
		return;
	}
	fuzz_expect(once.len >= 1 && once.len <= LIMIT_POLICY_NAME_LEN && strlen(once.text) == once.len);
	fuzz_expect(strspn(once.text, "abcdefghijklmnopqrstuvwxyz0123456789._-") == once.len);
	fuzz_expect(policy_name_normalise(once.text, once.len, &twice, &err) == ERR_OK);
	fuzz_expect(twice.len == once.len && strcmp(once.text, twice.text) == 0);
	fuzz_expect(strcmp(once.text, "root") != 0 || (len == 4 && memcmp(name, "root", 4) == 0));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	cleanup_(policy_text_freep) struct policy_text text = {0};
	const struct acl_source source = { .name = { "fuzz", 4 }, .text = &text };
	struct error err = ERROR_INIT;
	struct acl *acl = NULL;

	check_name((const char *)data, len);
	if (policy_text_parse((const char *)data, len, &text, &err) != ERR_OK) {
		fuzz_expect(err.code != ERR_OK && err.text[0] != '\0' && !text.rules && !text.pool.blocks);
		return 0;
	}
	fuzz_expect(acl_new(&source, 1, 1, &acl, &err) == ERR_OK);
	check_patterns(acl, &text);
	acl_unref(acl);
	compare(&text, as_hcl(&text));
	compare(&text, as_json(&text));
	return 0;
}
