#include "expect.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "vault/template.h"

/* Values by name; an environment's variables stand under "path:NAME". */
static const struct {
	const char *name, *value;
} values[] = {
	{ "A", "1" },
	{ "EMPTY", "" },
	{ "DIRTY", "p@ss word/\xc3\xbc\"\\\n" },
	{ "SIGNS", "$${A} ${A}" },
	{ "shop/common:A", "other" },
	{ "_x9", "low" },
};

static enum error_code look_up(void *arg, const struct template_piece *reference, const char **ret_value,
			       size_t *ret_len, struct error *err)
{
	char name[256];
	int len = reference->environment_len == 0
			  ? snprintf(name, sizeof(name), "%.*s", (int)reference->name_len, reference->name)
			  : snprintf(name, sizeof(name), "%.*s:%.*s", (int)reference->environment_len,
				     reference->environment, (int)reference->name_len, reference->name);

	(void)arg;
	assert_true(len > 0 && (size_t)len < sizeof(name));
	for (size_t i = 0; i < CASES(values); i++) {
		if (strcmp(values[i].name, name) != 0)
			continue;
		*ret_value = values[i].value;
		*ret_len = strlen(values[i].value);
		return ERR_OK;
	}
	return error_set(err, ERR_NOT_FOUND, "there is no such variable");
}

static enum error_code expand(const char *text, size_t len, struct secret_buf *out, struct error *err)
{
	error_clear(err);
	secret_buf_reset(out);
	return template_expand(text, len, look_up, NULL, out, err);
}

static void texts_expand(void **state)
{
	static const struct {
		const char *text, *expected;
	} cases[] = {
		{ "", "" },
		{ "plain", "plain" },
		{ "${A}", "1" },
		{ "x${A}y${A}z", "x1y1z" },
		{ "${EMPTY}", "" },
		{ "${_x9}", "low" },
		{ "${shop/common:A}", "other" },
		{ "${shop/common:A|base64}", "b3RoZXI=" },
		{ "${DIRTY|urlencode}", "p%40ss%20word%2F%C3%BC%22%5C%0A" },
		{ "${DIRTY|json}", "\"p@ss word/\xc3\xbc\\\"\\\\\\n\"" },
		{ "${A|base64}", "MQ==" },
		{ "${EMPTY|base64}|${EMPTY|json}", "|\"\"" },
		{ "${A|base64|urlencode}", "MQ%3D%3D" },
		{ "${A|json|json|json}", "\"\\\"\\\\\\\"1\\\\\\\"\\\"\"" },
		/* dollar signs */
		{ "$", "$" },
		{ "$$", "$$" },
		{ "a$b$$c", "a$b$$c" },
		{ "$A {A} }", "$A {A} }" },
		{ "$${A}", "${A}" },
		{ "$$${A}", "$1" },
		{ "$$$${A}", "$${A}" },
		{ "$$$$${A}", "$$1" },
		{ "$${", "${" },
		{ "$$$$$", "$$$$$" },
		/* What a value holds is not looked at again. */
		{ "${SIGNS}", "$${A} ${A}" },
	};
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		if (expand(cases[i].text, strlen(cases[i].text), out, &err) != ERR_OK)
			fail_msg("%s: %s", cases[i].text, err.text);
		if (secret_buf_len(out) != strlen(cases[i].expected) ||
		    memcmp(secret_buf_text(out), cases[i].expected, secret_buf_len(out)) != 0)
			fail_msg("%s: %.*s", cases[i].text, (int)secret_buf_len(out), secret_buf_text(out));
	}
}

static void other_texts_are_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} cases[] = {
		{ "${", "byte 0 is not closed" },
		{ "abc${A", "byte 3 is not closed" },
		{ "$$${A", "byte 2 is not closed" },
		{ "${}", "variable's name" },
		{ "${ A}", "variable's name" },
		{ "${A }", "variable's name" },
		{ "${1A}", "variable's name" },
		{ "${A-B}", "variable's name" },
		{ "${A.B}", "variable's name" },
		{ "${A${B}}", "variable's name" },
		{ "${\xc3\xbc}", "variable's name" },
		{ "${A:-default}", "variable's name" },
		{ "${A:}", "variable's name" },
		{ "${a:b:C}", "variable's name" },
		{ "${:A}", "path of an environment" },
		{ "${/x:A}", "path of an environment" },
		{ "${x//y:A}", "path of an environment" },
		{ "${../x:A}", "path of an environment" },
		{ "${a/b/c/d/e/f/g/h/i:A}", "path of an environment" },
		{ "${A|}", "none of urlencode" },
		{ "${A||json}", "none of urlencode" },
		{ "${A|upper}", "none of urlencode" },
		{ "${A|Json}", "none of urlencode" },
		{ "${A| json}", "none of urlencode" },
		{ "${A|json|json|json|json|json}", "too many filters" },
		{ "fine ${A} ${|json}", "byte 10 does not hold" },
	};
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);
	struct error err = ERROR_INIT;

	(void)state;
	for (size_t i = 0; i < CASES(cases); i++) {
		assert_fails(template_check(cases[i].text, strlen(cases[i].text), &err), &err, ERR_INVALID);
		if (!strstr(err.text, cases[i].says))
			fail_msg("%s: %s", cases[i].text, err.text);
		assert_int_equal(expand(cases[i].text, strlen(cases[i].text), out, &err), ERR_INVALID);
	}
	assert_int_equal(expand("${A}\0${A", 8, out, &err), ERR_INVALID);
	assert_int_equal(expand("${MISSING}", 10, out, &err), ERR_NOT_FOUND);
}

static void sizes_have_their_limits(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4);
	struct error err = ERROR_INIT;
	char name[LIMIT_VARIABLE_NAME_LEN + 8] = "${";

	(void)state;
	assert_int_equal(expand("${A}${A}${A}${A}", 16, out, &err), ERR_OK);
	assert_int_equal(expand("${A}${A}${A}${A}${A}", 20, out, &err), ERR_TOO_LARGE);
	assert_int_equal(expand("${A|base64}", 11, out, &err), ERR_TOO_LARGE);	/* room for a NUL is asked for */
	assert_int_equal(expand("12345", 5, out, &err), ERR_TOO_LARGE);
	memset(name + 2, 'N', LIMIT_VARIABLE_NAME_LEN);
	name[2 + LIMIT_VARIABLE_NAME_LEN] = '}';
	assert_int_equal(template_check(name, LIMIT_VARIABLE_NAME_LEN + 3, &err), ERR_OK);
	memcpy(name + 2 + LIMIT_VARIABLE_NAME_LEN, "N}", 2);
	assert_fails(template_check(name, LIMIT_VARIABLE_NAME_LEN + 4, &err), &err, ERR_INVALID);
	error_clear(&err);
	assert_int_equal(template_check("${A|json|json|json|json}", 24, &err), ERR_OK);
}

static enum error_code give_much(void *arg, const struct template_piece *reference, const char **ret_value,
				 size_t *ret_len, struct error *err)
{
	(void)reference;
	(void)err;
	*ret_value = arg;
	*ret_len = LIMIT_RESOLVED / 2;
	return ERR_OK;
}

static void filters_cannot_make_much_of_little(void **state)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(16u * LIMIT_RESOLVED);
	char *much = calloc(1, LIMIT_RESOLVED / 2);
	static const char text[] = "${A|urlencode|base64}";
	struct error err = ERROR_INIT;

	(void)state;
	assert_non_null(much);
	assert_fails(template_expand(text, sizeof(text) - 1, give_much, much, out, &err), &err, ERR_TOO_LARGE);
	free(much);
}

/* Texts of the characters that mean something: check and expand agree, an escaped text comes back. */
static void random_texts_behave(void **state)
{
	static const char alphabet[] = "$${{}}|:A/_1jsonbase64 ";
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1u << 16);
	cleanup_(secret_buf_freep) struct secret_buf *escaped = secret_buf_new(1u << 10);
	struct error err = ERROR_INIT;
	uint64_t seed = 20261128;
	size_t good = 0;

	(void)state;
	for (size_t round = 0; round < 100000; round++) {
		char text[24];
		size_t len = next_random(&seed) % sizeof(text);
		enum error_code checked, expanded;

		for (size_t i = 0; i < len; i++)
			text[i] = alphabet[next_random(&seed) % (sizeof(alphabet) - 1)];
		error_clear(&err);
		checked = template_check(text, len, &err);
		expanded = expand(text, len, out, &err);
		if (checked == ERR_OK)
			assert_true(expanded == ERR_OK || expanded == ERR_NOT_FOUND);
		else
			assert_true(expanded == ERR_INVALID || expanded == ERR_NOT_FOUND);
		good += checked == ERR_OK;
		secret_buf_reset(escaped);
		template_escape(escaped, text, len);
		assert_int_equal(expand(secret_buf_text(escaped), secret_buf_len(escaped), out, &err), ERR_OK);
		assert_int_equal(secret_buf_len(out), len);
		if (len > 0)
			assert_memory_equal(secret_buf_text(out), text, len);
	}
	assert_true(good > 1000 && good < 99000);
}

static int setup(void **state)
{
	(void)state;
	return sodium_init() < 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_expand),
		cmocka_unit_test(other_texts_are_refused),
		cmocka_unit_test(sizes_have_their_limits),
		cmocka_unit_test(filters_cannot_make_much_of_little),
		cmocka_unit_test(random_texts_behave),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
