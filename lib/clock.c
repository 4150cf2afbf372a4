#include "vault/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#define US_PER_SECOND 1000000
#define SECONDS_PER_DAY 86400
#define DURATION_MAX_SECONDS (100ll * 36525 * 864) /* 100 years of 365.25 days */

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;
	/* Fails only for a clock that the kernel does not have; both are older than any kernel we run on. */
	if (clock_gettime(id, &ts) != 0)
		return 0;
	return (int64_t)ts.tv_sec * US_PER_SECOND + ts.tv_nsec / 1000;
}

static int64_t system_now(void *arg)
{
	(void)arg;
	return read_clock(CLOCK_REALTIME);
}

static int64_t system_monotonic(void *arg)
{
	(void)arg;
	return read_clock(CLOCK_BOOTTIME);
}

const struct clock_source clock_system = { .now_us = system_now, .monotonic_us = system_monotonic, .arg = NULL };

struct civil_date {
	int64_t year;
	unsigned month;
	unsigned day;
};

/*
 * Days since 1970 to year, month, day of the Gregorian calendar, counted in eras of 400 years that begin in March.
 * Our own instead of gmtime_r(), which opens the time zone files at its first use: the sandbox has no files by then.
 */
static struct civil_date civil_from_days(int64_t days)
{
	days += 719468;
	int64_t era = (days >= 0 ? days : days - 146096) / 146097;
	unsigned day_of_era = (unsigned)(days - era * 146097);
	unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
	unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
	unsigned month_from_march = (5 * day_of_year + 2) / 153;
	unsigned month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
	return (struct civil_date){
		.year = (int64_t)year_of_era + era * 400 + (month <= 2 ? 1 : 0),
		.month = month,
		.day = day_of_year - (153 * month_from_march + 2) / 5 + 1,
	};
}

static char *put_digits(char *at, unsigned value, unsigned digits)
{
	for (unsigned i = digits; i > 0; i--) {
		at[i - 1] = (char)('0' + value % 10);
		value /= 10;
	}
	return at + digits;
}

static char *put_year(char *at, int64_t year)
{
	if (year >= 0 && year <= 9999)
		return put_digits(at, (unsigned)year, 4);
	int len = snprintf(at, 12, "%lld", (long long)year);
	return at + (len > 0 ? len : 0);
}

static char *put_fraction(char *at, unsigned us)
{
	if (us == 0)
		return at;
	*at++ = '.';
	at = put_digits(at, us, 6);
	while (at[-1] == '0')
		at--;
	return at;
}

size_t time_format(int64_t us, char text[static TIME_TEXT_MAX])
{
	text[0] = '\0';
	if (us == 0)
		return 0;
	int64_t seconds = us / US_PER_SECOND - (us % US_PER_SECOND < 0 ? 1 : 0);
	int64_t days = seconds / SECONDS_PER_DAY - (seconds % SECONDS_PER_DAY < 0 ? 1 : 0);
	unsigned of_day = (unsigned)(seconds - days * SECONDS_PER_DAY);
	unsigned fraction = (unsigned)((us % US_PER_SECOND + US_PER_SECOND) % US_PER_SECOND);
	struct civil_date date = civil_from_days(days);

	char *at = put_year(text, date.year);
	*at++ = '-';
	at = put_digits(at, date.month, 2);
	*at++ = '-';
	at = put_digits(at, date.day, 2);
	*at++ = 'T';
	at = put_digits(at, of_day / 3600, 2);
	*at++ = ':';
	at = put_digits(at, of_day / 60 % 60, 2);
	*at++ = ':';
	at = put_digits(at, of_day % 60, 2);
	at = put_fraction(at, fraction);
	*at++ = 'Z';
	*at = '\0';
	return (size_t)(at - text);
}

size_t duration_format(int64_t seconds, char text[static TIME_TEXT_MAX])
{
	const char *sign = seconds < 0 ? "-" : "";
	uint64_t left = seconds < 0 ? 0 - (uint64_t)seconds : (uint64_t)seconds;
	unsigned long long hours = left / 3600;
	unsigned minutes = (unsigned)(left / 60 % 60);
	unsigned rest = (unsigned)(left % 60);
	int len;
	if (hours > 0)
		len = snprintf(text, TIME_TEXT_MAX, "%s%lluh%um%us", sign, hours, minutes, rest);
	else if (minutes > 0)
		len = snprintf(text, TIME_TEXT_MAX, "%s%um%us", sign, minutes, rest);
	else
		len = snprintf(text, TIME_TEXT_MAX, "%s%us", sign, rest);
	return len > 0 ? (size_t)len : 0;
}

static int64_t unit_seconds(char unit)
{
	switch (unit) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return SECONDS_PER_DAY;
	default:
		return 0;
	}
}

/* Reads digits at *at. False without a digit or over the maximum. */
static bool read_number(const char **at, const char *end, int64_t *ret)
{
	const char *start = *at;
	int64_t value = 0;
	while (*at < end && **at >= '0' && **at <= '9') {
		value = value * 10 + (**at - '0');
		if (value > DURATION_MAX_SECONDS)
			return false;
		(*at)++;
	}
	*ret = value;
	return *at > start;
}

bool duration_parse(const char *text, size_t len, int64_t *ret_seconds)
{
	const char *at = text;
	const char *end = text + len;
	bool negative = len > 0 && *at == '-';
	if (negative)
		at++;
	if (at == end)
		return false;
	int64_t total = 0;
	bool has_units = false;
	while (at < end) {
		int64_t number;
		if (!read_number(&at, end, &number))
			return false;
		/* A bare number counts seconds, but only when it stands alone: "1h30" is a typing error. */
		int64_t unit = at < end ? unit_seconds(*at++) : has_units ? 0 : 1;
		if (unit == 0)
			return false;
		has_units = true;
		/* Both are below 2^37, so this cannot overflow. */
		total += number * unit;
		if (total > DURATION_MAX_SECONDS)
			return false;
	}
	*ret_seconds = negative ? -total : total;
	return true;
}
