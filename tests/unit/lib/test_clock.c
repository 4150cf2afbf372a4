#include "expect.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "vault/clock.h"

static void time_is_written_as_vault_writes_it(void **state)
{
	(void)state;
	static const struct {
		int64_t us;
		const char *text;
	} cases[] = {
		{ 0, "" },
		{ 1, "1970-01-01T00:00:00.000001Z" },
		{ -1, "1969-12-31T23:59:59.999999Z" },
		{ 1000000, "1970-01-01T00:00:01Z" },
		{ -1000000, "1969-12-31T23:59:59Z" },
		{ 1795600800123456, "2026-11-25T10:00:00.123456Z" },
		{ 1795600800120000, "2026-11-25T10:00:00.12Z" },
		{ 1795600800100000, "2026-11-25T10:00:00.1Z" },
		{ 951782400000000, "2000-02-29T00:00:00Z" },
		{ 951868799999999, "2000-02-29T23:59:59.999999Z" },
		{ 951868800000000, "2000-03-01T00:00:00Z" },
		{ 4107542400000000, "2100-03-01T00:00:00Z" },
		{ 4107456000000000, "2100-02-28T00:00:00Z" },
		{ 253402300799000000, "9999-12-31T23:59:59Z" },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		char text[TIME_TEXT_MAX];
		assert_int_equal(time_format(cases[i].us, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

static void the_ends_of_the_range_fit(void **state)
{
	(void)state;
	static const int64_t ends[] = { INT64_MIN, INT64_MIN + 1, INT64_MAX };
	for (size_t i = 0; i < CASES(ends); i++) {
		char text[TIME_TEXT_MAX];
		size_t len = time_format(ends[i], text);
		assert_int_equal(len, strlen(text));
		assert_true(len < TIME_TEXT_MAX);
		len = duration_format(ends[i], text);
		assert_int_equal(len, strlen(text));
	}
}

static void dates_agree_with_libc(void **state)
{
	(void)state;
	uint64_t random = 0x9e3779b97f4a7c15;
	for (int i = 0; i < 200000; i++) {
		/* 1600 to 2600 */
		int64_t seconds = (int64_t)(next_random(&random) % 31556952000ull) - 11676096000ll;
		if (seconds == 0)
			continue;
		time_t t = (time_t)seconds;
		struct tm tm;
		char wanted[TIME_TEXT_MAX], text[TIME_TEXT_MAX];
		assert_non_null(gmtime_r(&t, &tm));
		strftime(wanted, sizeof(wanted), "%Y-%m-%dT%H:%M:%SZ", &tm);
		time_format(seconds * 1000000, text);
		assert_string_equal(text, wanted);
	}
}

static void duration_is_written_as_go_writes_it(void **state)
{
	(void)state;
	static const struct {
		int64_t seconds;
		const char *text;
	} cases[] = {
		{ 0, "0s" },	     { 1, "1s" },	   { 59, "59s" },	    { 60, "1m0s" },
		{ 1800, "30m0s" },   { 3599, "59m59s" },   { 3600, "1h0m0s" },	    { 3661, "1h1m1s" },
		{ 86400, "24h0m0s" }, { -1, "-1s" },	   { -3600, "-1h0m0s" },    { 2764800, "768h0m0s" },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		char text[TIME_TEXT_MAX];
		assert_int_equal(duration_format(cases[i].seconds, text), strlen(cases[i].text));
		assert_string_equal(text, cases[i].text);
	}
}

static void durations_are_read(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t seconds;
	} cases[] = {
		{ "0", 0 },
		{ "3600", 3600 },
		{ "007", 7 },
		{ "90s", 90 },
		{ "1h30m", 5400 },
		{ "1h0m0s", 3600 },
		{ "7d", 604800 },
		{ "1d2h3m4s", 93784 },
		{ "-1s", -1 },
		{ "-1h30m", -5400 },
		{ "-5", -5 },
		{ "3155760000", 3155760000 },
		{ "36525d", 3155760000 },
		{ "-36525d", -3155760000 },
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		int64_t seconds = 12345;
		assert_true(duration_parse(cases[i].text, strlen(cases[i].text), &seconds));
		assert_int_equal(seconds, cases[i].seconds);
	}
}

static void what_is_no_duration_is_refused(void **state)
{
	(void)state;
	static const char *const cases[] = {
		"",	 "-",	   "s",	   "h1",    "1h30",	  "1x",	   "1.5h",	  "1 h",   " 1",
		"1 ",	 "--1",	   "+1",   "1ms",   "0x10",	  "1e3",   "3155760001",  "36525d1s", "99999999999999999999",
		"36526d", "1h-1m", "infinity",
	};
	for (size_t i = 0; i < CASES(cases); i++) {
		int64_t seconds = 12345;
		assert_false(duration_parse(cases[i], strlen(cases[i]), &seconds));
		assert_int_equal(seconds, 12345);
	}
	int64_t seconds;
	assert_false(duration_parse("1\0s", 3, &seconds));
	/* The length counts, not a NUL. */
	assert_true(duration_parse("12345", 2, &seconds));
	assert_int_equal(seconds, 12);
}

static void the_machines_clocks_run(void **state)
{
	(void)state;
	int64_t first = clock_system.monotonic_us(clock_system.arg);
	int64_t now = clock_system.now_us(clock_system.arg);
	assert_true(now > 1600000000000000);
	assert_in_range((uint64_t)(now - (int64_t)time(NULL) * 1000000 + 5000000), 0, 10000000);
	struct timespec nap = { .tv_nsec = 2000000 };
	nanosleep(&nap, NULL);
	assert_true(clock_system.monotonic_us(clock_system.arg) >= first + 2000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(time_is_written_as_vault_writes_it),
		cmocka_unit_test(the_ends_of_the_range_fit),
		cmocka_unit_test(dates_agree_with_libc),
		cmocka_unit_test(duration_is_written_as_go_writes_it),
		cmocka_unit_test(durations_are_read),
		cmocka_unit_test(what_is_no_duration_is_refused),
		cmocka_unit_test(the_machines_clocks_run),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
