/* Blocks of addresses. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/cidr.h"

static struct cidr parsed(const char *text)
{
	struct cidr cidr;

	if (!cidr_parse(text, strlen(text), &cidr))
		fail_msg("%s is refused", text);
	return cidr;
}

static void test_forms(void **state)
{
	static const char *const rows[][2] = {
		{ "10.0.0.0/8", "10.0.0.0/8" }, { "10.1.2.3/8", "10.0.0.0/8" }, { "10.1.2.3", "10.1.2.3" }, { "10.1.2.3/32", "10.1.2.3" },
		{ "0.0.0.0/0", "0.0.0.0/0" }, { "255.255.255.255/31", "255.255.255.254/31" }, { "::/0", "::/0" }, { "::1", "::1" },
		{ "fd00::1/8", "fd00::/8" }, { "2001:db8::/33", "2001:db8::/33" }, { "2001:db8:ffff::/33", "2001:db8:8000::/33" },
		{ "::ffff:10.1.2.3", "10.1.2.3" }, { "::ffff:10.1.2.3/104", "10.0.0.0/8" }, { "::1/128", "::1" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct cidr cidr = parsed(rows[i][0]);
		char text[CIDR_TEXT_MAX];

		cidr_format(&cidr, text);
		assert_string_equal(text, rows[i][1]);
	}
}

static void test_refused(void **state)
{
	static const char *const rows[] = { "", "/8", "10.0.0.0/", "10.0.0.0/33", "::/129", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.0/+8",
					    "10.0.0.0/8 ", " 10.0.0.0/8", "10.0.0/8", "010.0.0.0/8", "10.0.0.0/8/8", "x", "::g", "fe80::1%eth0",
					    "10.0.0.0/1000000000000", "1111:2222:3333:4444:5555:6666:7777:8888:9999",
					    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000" };
	struct cidr cidr;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (cidr_parse(rows[i], strlen(rows[i]), &cidr))
			fail_msg("%s is taken", rows[i]);
	assert_false(cidr_parse("10.0.0.0\0/8", 11, &cidr));
}

static bool holds(const char *cidr, const char *address)
{
	struct cidr block = parsed(cidr), one = parsed(address);

	return cidr_holds(&block, one.address);
}

static void test_holding(void **state)
{
	struct cidr small = parsed("10.1.0.0/16"), large = parsed("10.0.0.0/8"), six = parsed("fd00::/8"), all = parsed("::/0");

	(void)state;
	assert_true(holds("10.0.0.0/8", "10.255.0.1"));
	assert_false(holds("10.0.0.0/8", "11.0.0.1"));
	assert_true(holds("10.1.2.3", "::ffff:10.1.2.3"));
	assert_false(holds("10.1.2.3", "10.1.2.2"));
	assert_true(holds("0.0.0.0/0", "203.0.113.9"));
	assert_false(holds("0.0.0.0/0", "::1"));
	assert_true(holds("::/0", "10.0.0.1"));
	assert_true(holds("2001:db8::/33", "2001:db8:7fff::1"));
	assert_false(holds("2001:db8::/33", "2001:db8:8000::1"));
	assert_true(cidr_within(&small, &large));
	assert_false(cidr_within(&large, &small));
	assert_true(cidr_within(&large, &large));
	assert_false(cidr_within(&six, &large));
	assert_true(cidr_within(&six, &all));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_holding),
	};

	return cmocka_run_group_tests_name("cidr", tests, NULL, NULL);
}
