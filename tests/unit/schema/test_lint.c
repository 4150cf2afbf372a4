/*
 * How env files are written: the documented cases of dotenv-linter, one by one, what is better here, and what --fix does.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "vault/dialect.h"
#include "vault/schema.h"

/* "Check:line" for each finding, in order, or "" for a clean text. */
struct lint_row {
	const char *text;
	const char *found;
};

static void describe(const char *text, size_t len, char *ret, size_t size)
{
	cleanup_(findings_free) struct findings findings = { .len = 0 };
	struct error err = ERROR_INIT;
	size_t used = 0;

	assert_int_equal(env_lint(text, len, &findings, &err), ERR_OK);
	ret[0] = '\0';
	for (size_t i = 0; i < findings.len && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s:%u", i > 0 ? " " : "", findings.items[i].code,
					 findings.items[i].line);
}

static void check_rows(const struct lint_row *rows, size_t len)
{
	char found[512];

	for (size_t i = 0; i < len; i++) {
		describe(rows[i].text, strlen(rows[i].text), found, sizeof(found));
		if (strcmp(found, rows[i].found) != 0)
			fail_msg("<%s> gives <%s>, not <%s>", rows[i].text, found, rows[i].found);
	}
}

/* The lines of a key without quotes: the last has the padding of base64, which reads like NAME=. */
static void pieces_of_values_are_no_names(void **state)
{
	static const char text[] = "A=1\nKEY=-----BEGIN KEY-----\nMIIEvQIBADAN\nab/cd+ef==\nU0VDUkVU\nabcdefgh=\nZGVmZ2hp\nijklmnop==\n"
				   "-----END KEY-----\nlower-case=1\nempty=\n";
	cleanup_(findings_free) struct findings findings = { .len = 0 };
	struct error err = ERROR_INIT;
	bool shows_names = false;

	(void)state;
	assert_int_equal(env_lint(text, strlen(text), &findings, &err), ERR_OK);
	for (size_t i = 0; i < findings.len; i++) {
		const char *name = findings.items[i].name;

		if (findings.items[i].line > 2 && findings.items[i].line < 10)
			assert_string_equal(name, "");
		shows_names |= strcmp(name, "lower-case") == 0 || strcmp(name, "empty") == 0;
	}
	assert_true(shows_names);
}

/* What is shown without a line above that is a piece: two = are always padding, a long one of both cases is no name. */
static void single_pieces_are_no_names(void **state)
{
	static const char *const texts[] = {
		"KEY=-----BEGIN KEY-----\nMC4Csecret==\n-----END KEY-----\n",
		"WG_KEY=\nyAnz5TFlXXJte14tji3zlMNqahdsecretIgJBgB3fBmk=\n",
		"MIIBabc\n\n \nlmnopsecret=\n",
		"A=b\nxsecret==\n",
	};

	(void)state;
	for (size_t t = 0; t < sizeof(texts) / sizeof(texts[0]); t++) {
		cleanup_(findings_free) struct findings findings = { .len = 0 };
		struct error err = ERROR_INIT;

		assert_int_equal(env_lint(texts[t], strlen(texts[t]), &findings, &err), ERR_OK);
		for (size_t i = 0; i < findings.len; i++)
			assert_null(strstr(findings.items[i].name, "secret"));
	}
}

static void documented_cases(void **state)
{
	static const struct lint_row rows[] = {
		{ "", "" },
		{ "FOO=BAR\n", "" },
		{ "# Comment = 'Value'\n", "" },
		/* DuplicatedKey */
		{ "FOO=BAR\nFOO=BAR\n", "DuplicatedKey:2" },
		{ "FOO=BAR\n\nFOO=BAR\n\nFOO=C\n", "DuplicatedKey:3 DuplicatedKey:5" },
		{ "FOO=BAR\n#FOO=BAR\n", "" },
		/* EndingBlankLine */
		{ "FOO=BAR", "EndingBlankLine:1" },
		{ "# Simple comment", "EndingBlankLine:1" },
		/* ExtraBlankLine */
		{ "A=B\n\nC=D\n", "" },
		{ "A=B\n\n\nC=D\n", "ExtraBlankLine:3" },
		{ "A=B\n\n\n\nC=D\n", "ExtraBlankLine:3 ExtraBlankLine:4" },
		/* IncorrectDelimiter */
		{ "FOO_BAR=FOOBAR\n", "" },
		{ "F100=BAR\n", "" },
		{ "export FOO=BAR\n", "" },
		{ "FOO-BAR=FOOBAR\n", "IncorrectDelimiter:1" },
		{ "FOO BAR=FOOBAR\n", "IncorrectDelimiter:1" },
		{ "FOO*=BAR\n", "IncorrectDelimiter:1" },
		{ "*FOO=BAR\n", "LeadingCharacter:1" },
		{ "***F-OOBAR=BAZ\n", "LeadingCharacter:1 IncorrectDelimiter:1" },
		/* InvisibleCharacter */
		{ "QWERTY=ba\xc2\xa0r\n", "InvisibleCharacter:1" },
		{ "QWERTY=ba\xe2\x80\x8br\n", "InvisibleCharacter:1" },
		{ "QWERTY=\xc3\xa9\n", "" },
		{ "FOO='hello world!'\n", "" },
		/* KeyWithoutValue */
		{ "FOO\n", "KeyWithoutValue:1" },
		{ "FOO=\n", "" },
		/* LeadingCharacter */
		{ "_FOO=BAR\n", "" },
		{ ".FOO=BAR\n", "LeadingCharacter:1" },
		{ "1FOO=BAR\n", "LeadingCharacter:1" },
		{ " FOO=BAR\n", "LeadingCharacter:1" },
		{ "\tFOO=BAR\n", "LeadingCharacter:1" },
		/* LowercaseKey */
		{ "foo_bar=FOOBAR\n", "LowercaseKey:1" },
		{ "FOo_BAR=FOOBAR\n", "LowercaseKey:1" },
		{ "export Foo=BAR\n", "LowercaseKey:1" },
		/* QuoteCharacter */
		{ "FOO='BAR'\n", "QuoteCharacter:1" },
		{ "FOO=\"Bar\"\n", "QuoteCharacter:1" },
		{ "FOO='B\"AR'\n", "QuoteCharacter:1" },
		{ "FOO='BAR BAR'\n", "" },
		{ "FOO=\"TLS&SSL\"\n", "" },
		{ "FOO='authSource=admin'\n", "" },
		{ "BAR=\"$ABC\"\n", "" },
		{ "FOO='${BAR}BAR'\n", "" },
		{ "FOO=\"#only-comment\"\n", "" },
		{ "FOO=\"a\\nb\"\n", "" },
		/* SpaceCharacter */
		{ "DEBUG_HTTP = true\n", "SpaceCharacter:1" },
		{ "DEBUG_HTTP =true\n", "SpaceCharacter:1" },
		{ "DEBUG_HTTP= true\n", "SpaceCharacter:1" },
		{ "DEBUG_HTTP true\n", "KeyWithoutValue:1 IncorrectDelimiter:1 LowercaseKey:1" },
		/* SubstitutionKey */
		{ "ABC=$BAR\n", "" },
		{ "FOO=${BAR}\n", "" },
		{ "ABC=${BAR\n", "SubstitutionKey:1" },
		{ "FOO=${BAR!}\n", "SubstitutionKey:1" },
		{ "XYZ=$BAR}\n", "SubstitutionKey:1" },
		{ "BIZ=$FOO-$ABC\n", "" },
		{ "FOO=$ABC{${BAR}\n", "" },
		{ "ABC=${BAR$XYZ}\n", "SubstitutionKey:1" },
		{ "XYZ=${FOO${BAR}\n", "SubstitutionKey:1" },
		{ "ABC=\\${BAR\n", "" },
		{ "FOO='${BAR'\n", "" },
		/* TrailingWhitespace */
		{ "FOO=BAR \n", "TrailingWhitespace:1" },
		{ "FOO=BAR\t\n", "TrailingWhitespace:1" },
		{ "FOO=BAR\n  \n", "TrailingWhitespace:2" },
		/* UnorderedKey */
		{ "FOO=BAR\nBAR=FOO\n", "UnorderedKey:2" },
		{ "FOO=BAR\nBAR=FOO\nABC=BAR\n", "UnorderedKey:2 UnorderedKey:3" },
		{ "FOO=BAR\nBAR=FOO\nDDD=BAR\nZOO=BAR\n", "UnorderedKey:2 UnorderedKey:3" },
		{ "FOO=BAR\n\nBAR=FOO\n", "" },
		{ "FOO=BAR\n# comment\nBAR=FOO\n", "UnorderedKey:3" },
		{ "FOO=BAR\n# dotenv-linter:off LowercaseKey\nBar=FOO\n", "" },
		{ "ABC=XYZ\nKEY=VALUE\nFOO=$KEY\nBAR=FOO\nBOO=$FOO\nXYZ=ABC\n", "" },
		{ "HHH=VAL\nZZZ=VALUE\nBBB=$XYZ\nCCC=$HHH\nTTT=BIG\nXYZ=G\nGGG=JJJ\nAAA=$ZZZ\n",
		  "UnorderedKey:3 UnorderedKey:7 UnorderedKey:8" },
		/* ValueWithoutQuotes */
		{ "FOO=BAR BAZ\n", "ValueWithoutQuotes:1" },
		{ "FOO=\"BAR BAZ\"\n", "" },
		/* control comments */
		{ "# dotenv-linter:off KeyWithoutValue\nFOO\n1FOO\n", "LeadingCharacter:3 UnorderedKey:3" },
		{ "# dotenv-linter:off KeyWithoutValue, LeadingCharacter\nFOO\n# dotenv-linter:on LeadingCharacter\n1FOO\n",
		  "LeadingCharacter:4" },
		{ "# dotenv-linter:off\nfoo\n1x\n# dotenv-linter:on\nb=1\n", "LowercaseKey:5" },
		{ "#dotenv-linter:off LowercaseKey\nfoo=1\n", "" },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

/* Where the linter is known to complain without reason. */
static void no_false_alarms(void **state)
{
	static const struct lint_row rows[] = {
		{ "KEY=\"-----BEGIN KEY-----\nMIIB+/==\n foo = bar\n-----END KEY-----\"\nZ=1\n", "" },
		{ "KEY='a\n\n\nb'\n", "" },
		{ "FOO=bar # a comment\n", "" },
		{ "FOO=\"a b\" # 'quoted' comment\n", "" },
		{ "FOO='{\"a\":1}'\n", "" },
		{ "FOO='a;b'\n", "" },
		{ "FOO=\"\"\n", "" },
		{ "FOO=bar\r\nZED=1\r\n", "" },
		{ "URL=https://a/?b=c\n", "" },
		{ "# trailing \n", "" },
		{ "A=' x'\n", "" },
		{ "A='unclosed\nB=1\n", "" },
	};

	(void)state;
	check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void places_and_names(void **state)
{
	cleanup_(findings_free) struct findings findings = { .len = 0 };
	static const char text[] = "# c\nFOO-BAR=x\nMIIBsecretpiece\nX=a b\n";
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(env_lint(text, strlen(text), &findings, &err), ERR_OK);
	assert_int_equal(findings.items[0].column, 4);
	assert_string_equal(findings.items[0].name, "FOO-BAR");
	for (size_t i = 0; i < findings.len; i++) {
		assert_null(strstr(findings.items[i].name, "MIIB"));
		assert_null(strstr(findings.items[i].text, "MIIB"));
	}
	assert_int_equal(findings.items[findings.len - 1].line, 4);
	assert_int_equal(findings.items[findings.len - 1].column, 3);
}

/* -- mending --------------------------------------------------------------------- */

struct fix_row {
	const char *text, *mended;
};

static void mended_texts(void **state)
{
	static const struct fix_row rows[] = {
		{ "", "" },
		{ "FOO=BAR", "FOO=BAR\n" },
		{ "A=B\n\n\n\nC=D\n", "A=B\n\nC=D\n" },
		{ "A=B\n  \nC=D\n", "A=B\n\nC=D\n" },
		{ "  FOO = BAR  \n", "FOO=BAR\n" },
		{ "FOO= #c\n", "FOO= #c\n" },
		{ "FOO = 'a b'  # c  \n", "FOO='a b'  # c\n" },
		{ "FOO=\"BAR\"\n", "FOO=BAR\n" },
		{ "FOO='B\"AR'\n", "FOO='B\"AR'\n" },
		{ "FOO=BAR BAZ\n", "FOO=\"BAR BAZ\"\n" },
		{ "FOO=BAR BAZ # c\n", "FOO=\"BAR BAZ\" # c\n" },
		{ "FOO=BAR BAZ # \"c\"\n", "FOO=BAR BAZ # \"c\"\n" },
		{ "FOO=it's me\n", "FOO=it's me\n" },
		{ "FOO=a $B\n", "FOO=a $B\n" },
		{ "B=1\nA=2\n", "A=2\nB=1\n" },
		{ "B=1\nA=2", "A=2\nB=1\n" },
		{ "B=1\n# of A\nA=2\n", "B=1\n# of A\nA=2\n" },
		{ "B=1\nA=$B\n", "B=1\nA=$B\n" },
		{ "A=1\nA=2\n", "# duplicate: A=1\nA=2\n" },
		{ "A='\xe2\x80\xa8'\nA=2\n", "A='\xe2\x80\xa8'\nA=2\n" },
		{ "A=\"q\"\n #B='2'\n", "A=\"q\"\n #B='2'\n" },
		{ "A = 1\nFOO\n", "A = 1\nFOO\n" },
		{ "A = 1\nB= ", "A = 1\nB= " },
		{ "A = 1\nB='x\\'\nC='\n", "A = 1\nB='x\\'\nC='\n" },
		{ "foo=1\n", "foo=1\n" },
		{ "FOO\n", "FOO\n" },
		{ "FOO-BAR=1 \n", "FOO-BAR=1 \n" },
		{ "A=1\r\n\r\n\r\nB=2", "A=1\r\n\r\nB=2\n" },
		{ "# dotenv-linter:off UnorderedKey\nB=1\nA=2\n", "# dotenv-linter:off UnorderedKey\nB=1\nA=2\n" },
		{ "# dotenv-linter:off\nA=1 \n\n\nA=2", "# dotenv-linter:off\nA=1 \n\n\nA=2" },
		{ "A=1\r", "A=1\r" },
		{ "X=\"\nA=\"x\" \n", "X=\"\nA=\"x\" \n" },
		{ "K='x\n\n\ny'\nA=1\n", "A=1\nK='x\n\n\ny'\n" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4096);
		struct error err = ERROR_INIT;
		size_t fixed = 0;

		if (env_lint_fix(rows[i].text, strlen(rows[i].text), out, &fixed, &err) != ERR_OK)
			fail_msg("%s: <%s>", err.text, rows[i].text);
		secret_buf_append_char(out, '\0');
		assert_string_equal(secret_buf_text(out), rows[i].mended);
		assert_int_equal(fixed > 0, strcmp(rows[i].text, rows[i].mended) != 0);
	}
}

/* The same texts in each run (xorshift32). */
static uint32_t pick_below(size_t limit)
{
	static uint32_t state = 2026;

	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state % (uint32_t)limit;
}

/* Mending is a no-op the second time, and no dialect that read the file before reads something else after. */
static void meaning_stays(void **state)
{
	static const char *const pieces[] = { "A", "B", "C_1", "=", "=", "=", " ", "'", "\"", "\n", "\n", "\n", "#", " #", "x",
					      "y z", "$A", "${B}", "\\", "\r\n", "export ", "\t", "`", "\n\n\n", "A=1\n",
					      "B='2'\n", "a=\"q r\"\n", "-", "\xc3\xa9" };
	static const char *const starts[] = { "\nA=", "\nB = ", "\nC_1= x", "\n A=", "\nB='x y'", "\nA=\"q\"", "\nZ=1\nY=2\n",
					      "\n# c\nD=", "\n\n\nE=x y", "\nA='1\n2'\n" };
	static const char *const readers[] = { "dotenv", "motdotla", "python-dotenv", "godotenv", "ruby-dotenv", "node" };
	size_t compared = 0;

	(void)state;
	for (unsigned round = 0; round < 4000; round++) {
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(8192), *again = secret_buf_new(8192);
		struct error err = ERROR_INIT;
		char text[256] = "";
		size_t fixed, count = 1 + pick_below(12);

		for (size_t i = 0; i < count; i++) {
			bool starts_line = i % 3 == 0 && pick_below(8) > 0;

			strncat(text, starts_line ? starts[pick_below(sizeof(starts) / sizeof(starts[0]))] :
						    pieces[pick_below(sizeof(pieces) / sizeof(pieces[0]))],
				sizeof(text) - strlen(text) - 1);
		}
		if (env_lint_fix(text, strlen(text), out, &fixed, &err) != ERR_OK)
			fail_msg("%s: <%s>", err.text, text);
		assert_int_equal(env_lint_fix(secret_buf_text(out), secret_buf_len(out), again, &fixed, &err), ERR_OK);
		if (secret_buf_len(out) != secret_buf_len(again) ||
		    memcmp(secret_buf_text(out), secret_buf_text(again), secret_buf_len(out)) != 0)
			fail_msg("mended twice: <%s>", text);
		for (size_t i = 0; i < sizeof(readers) / sizeof(readers[0]); i++) {
			cleanup_(notes_free) struct notes notes = { .len = 0 };
			cleanup_(env_set_freep) struct env_set *before = env_set_new(4096), *after = env_set_new(4096);
			struct error ignored = ERROR_INIT;
			const struct dialect *dialect = dialect_find(readers[i]);

			if (!dialect || dialect_decode(dialect, text, strlen(text), before, &notes, &ignored) != ERR_OK)
				continue;
			compared++;
			if (dialect_decode(dialect, secret_buf_text(out), secret_buf_len(out), after, &notes, &ignored) != ERR_OK ||
			    !env_set_equal(before, after))
				fail_msg("%s reads <%.*s> otherwise than <%s>", readers[i], (int)secret_buf_len(out),
					 secret_buf_text(out), text);
		}
	}
	assert_true(compared > 1000);
}

static void big_texts_take_linear_time(void **state)
{
	static const char *const units[] = { "A=b\n", "A='x\n", "A=\"x\n", "A=\"\\\"\n", "'", "\n", " ", "A=$A\n", "A=${", "$", "#\n",
					     "# dotenv-linter:off X\n", "\xc2\xa0", "a b c=\n", "A", "A=\\\\\\" };
	const size_t len = 2 * 1024 * 1024;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		cleanup_(findings_free) struct findings findings = { .len = 0 };
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(6 * len);
		struct error err = ERROR_INIT;
		size_t unit = strlen(units[i]), fixed;

		for (size_t at = 0; at < len; at++)
			text[at] = units[i][at % unit];
		assert_int_equal(env_lint(text, len, &findings, &err), ERR_OK);
		assert_int_equal(env_lint_fix(text, len, out, &fixed, &err), ERR_OK);
	}
	for (size_t at = 0; at + 8 <= len; at += 8) {	/* names in descending order */
		char line[16];

		snprintf(line, sizeof(line), "A%05zx=\n", (len - at) / 8 & 0xfffff);
		memcpy(text + at, line, 8);
	}
	cleanup_(findings_free) struct findings findings = { .len = 0 };
	struct error err = ERROR_INIT;
	assert_int_equal(env_lint(text, len / 8 * 8, &findings, &err), ERR_OK);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pieces_of_values_are_no_names),
		cmocka_unit_test(single_pieces_are_no_names),
		cmocka_unit_test(documented_cases),	cmocka_unit_test(no_false_alarms),
		cmocka_unit_test(places_and_names),	cmocka_unit_test(mended_texts),
		cmocka_unit_test(meaning_stays),	cmocka_unit_test(big_texts_take_linear_time),
	};

	return sodium_init() < 0 ? 1 : cmocka_run_group_tests_name("lint", tests, NULL, NULL);
}
