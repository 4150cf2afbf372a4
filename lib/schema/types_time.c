/*
 * Types that are about time: dates, durations, schedules, zones.
 */
#include <string.h>

#include "schema/type_row.h"

/* -- ISO 8601, as far as dates with a time of day go --------------------------------------- */

struct reader {
	const char *at, *end;
};

static bool peek(const struct reader *r, const char *any)
{
	return r->at < r->end && *r->at != '\0' && strchr(any, *r->at);
}

static bool take(struct reader *r, const char *any)
{
	bool there = peek(r, any);

	r->at += there;
	return there;
}

/* Exactly `digits` digits whose number is between least and most. */
static bool take_number(struct reader *r, int digits, int least, int most, int *ret)
{
	int value = 0;

	if (r->end - r->at < digits)
		return false;
	for (int i = 0; i < digits; i++) {
		if (!is_digit(r->at[i]))
			return false;
		value = 10 * value + (r->at[i] - '0');
	}
	if (value < least || value > most)
		return false;
	r->at += digits;
	*ret = value;
	return true;
}

static int digits_ahead(const struct reader *r)
{
	int count = 0;

	while (r->at + count < r->end && is_digit(r->at[count]))
		count++;
	return count;
}

static int days_of_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* After the year: -MM, -MM-DD, MMDD, -Www, -Www-D, -DDD, or nothing. YYYYMM alone is taken for a mistake, as the standard does. */
static bool take_rest_of_date(struct reader *r, int year)
{
	bool hyphen = take(r, "-");
	int month, other;

	if (take(r, "W")) {
		if (!take_number(r, 2, 1, 53, &other))
			return false;
		if (!peek(r, "-") && digits_ahead(r) == 0)
			return true;
		return take(r, "-") == hyphen && take_number(r, 1, 1, 7, &other);
	}
	if (digits_ahead(r) == 3)
		return take_number(r, 3, 1, days_of_month(year, 2) == 29 ? 366 : 365, &other);
	if (!hyphen && digits_ahead(r) == 0)
		return true;
	if (!take_number(r, 2, 1, 12, &month))
		return false;
	if (hyphen && !peek(r, "-"))
		return true;
	return (!hyphen || take(r, "-")) && take_number(r, 2, 1, days_of_month(year, month), &other);
}

static bool take_fraction(struct reader *r)
{
	int digits;

	if (!take(r, ".,"))
		return true;
	digits = digits_ahead(r);
	r->at += digits;
	return digits > 0;
}

static bool take_zone(struct reader *r)
{
	int number;

	if (r->at == r->end || take(r, "zZ"))
		return true;
	if (!take(r, "+-") || !take_number(r, 2, 0, 23, &number))
		return false;
	if (r->at == r->end)
		return true;
	(void)take(r, ":");
	return take_number(r, 2, 0, 59, &number);
}

static bool take_time(struct reader *r)
{
	int hour, number;
	bool colon;

	if (!take_number(r, 2, 0, 24, &hour))
		return false;
	colon = take(r, ":");
	if (colon || digits_ahead(r) > 0) {
		if (!take_number(r, 2, 0, hour == 24 ? 0 : 59, &number))
			return false;
		if (colon ? take(r, ":") : digits_ahead(r) > 0) {
			if (!take_number(r, 2, 0, hour == 24 ? 0 : 60, &number))
				return false;
		}
	}
	return take_fraction(r) && take_zone(r);
}

bool judge_iso_date(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	struct reader r = { value, value + len };
	int year;

	(void)type;
	(void)take(&r, "+-");
	if (!take_number(&r, 4, 0, 9999, &year) || !take_rest_of_date(&r, year))
		return refuse(verdict, "is no ISO 8601 date: 2026-03-20, 2026-03-20T15:30:00Z");
	if (r.at < r.end && !(take(&r, "T ") && take_time(&r)))
		return refuse(verdict, "is no ISO 8601 date: its time of day is not valid");
	return r.at == r.end || refuse(verdict, "is no ISO 8601 date: something follows it");
}

/* -- durations --------------------------------------------------------------------------------- */

static const struct {
	const char *words;	/* each between spaces */
	int64_t ms;
} units[] = {
	{ " ms millis millisecond milliseconds ", 1 },
	{ " s sec secs second seconds ", 1000 },
	{ " m min mins minute minutes ", 60 * 1000 },
	{ " h hr hrs hour hours ", 3600 * 1000 },
	{ " d day days ", 24 * 3600 * 1000 },
	{ " w wk wks week weeks ", 7 * 24 * 3600 * 1000 },
};

static int64_t unit_ms(struct span unit)
{
	char word[16] = " ";

	if (unit.len == 0 || unit.len > sizeof(word) - 3)
		return unit.len == 0 ? 1 : 0;
	for (size_t i = 0; i < unit.len; i++)
		word[i + 1] = to_lower(unit.at[i]);
	memcpy(word + 1 + unit.len, " ", 2);
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (strstr(units[i].words, word))
			return units[i].ms;
	return 0;
}

bool duration_text_parse(const char *text, size_t len, int64_t *ret_ms)
{
	struct span whole = text_trimmed(text, len), unit;
	size_t number = 0;
	double value;
	int64_t factor;

	while (number < whole.len && (is_digit(whole.at[number]) || whole.at[number] == '.'))
		number++;
	if (number == 0 || whole.at[0] == '.' || whole.at[number - 1] == '.' || !number_parse(whole.at, number, &value))
		return false;
	unit = text_trimmed(whole.at + number, whole.len - number);
	for (size_t i = 0; i < unit.len; i++)
		if (!is_letter(unit.at[i]))
			return false;
	factor = unit_ms(unit);
	value = value * (double)factor;
	if (factor == 0 || value > 3.2e19 / 1000)
		return false;
	*ret_ms = (int64_t)(value + 0.5);
	/* Zero is a duration; what is rounded to zero is none. */
	return *ret_ms > 0 || !(value > 0);
}

bool judge_duration(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	int64_t ms;

	if (!duration_text_parse(value, len, &ms))
		return refuse(verdict, "is no duration: 500ms, 30s, 5m, 1h, 2days");
	if (type->min_time.set && ms < type->min_time.ms)
		return refuse_because(verdict, "is too short", "less than %s", type->min_time.text);
	if (type->max_time.set && ms > type->max_time.ms)
		return refuse_because(verdict, "is too long", "more than %s", type->max_time.text);
	return true;
}

/* -- cron -------------------------------------------------------------------------------------- */

struct cron_field {
	int least, most;
	const char *names;	/* three letters each, from least on */
};

static const struct cron_field cron_fields[] = {
	{ 0, 59, "" },	/* seconds, when there are six */
	{ 0, 59, "" },
	{ 0, 23, "" },
	{ 1, 31, "" },
	{ 1, 12, "janfebmaraprmayjunjulaugsepoctnovdec" },
	{ 0, 7, "sunmontuewedthufrisat" },
};

static bool cron_value(struct reader *r, const struct cron_field *field, int *ret)
{
	int digits = digits_ahead(r);

	if (digits > 0)
		return digits <= 2 && take_number(r, digits, field->least, field->most, ret);
	for (size_t i = 0; field->names[3 * i] != '\0'; i++) {
		if (r->end - r->at >= 3 && to_lower(r->at[0]) == field->names[3 * i] &&
		    to_lower(r->at[1]) == field->names[3 * i + 1] && to_lower(r->at[2]) == field->names[3 * i + 2]) {
			r->at += 3;
			*ret = field->least + (int)i;
			return true;
		}
	}
	return false;
}

/* An asterisk, a value or a range, each of them with a step. */
static bool cron_part(struct reader *r, const struct cron_field *field)
{
	int first, last, step_digits;
	bool range = true;

	if (!take(r, "*?")) {
		if (!cron_value(r, field, &first))
			return false;
		range = take(r, "-");
		if (range && (!cron_value(r, field, &last) || last < first))
			return false;
	}
	if (!take(r, "/"))
		return true;
	step_digits = digits_ahead(r);
	return range && step_digits > 0 && step_digits <= 2 && take_number(r, step_digits, 1, 59, &last);
}

static bool cron_field_is_good(struct reader *r, const struct cron_field *field)
{
	do {
		if (!cron_part(r, field))
			return false;
	} while (take(r, ","));
	return r->at == r->end || peek(r, " \t");
}

static bool is_nickname(const char *value, size_t len)
{
	static const char *const names[] = { "@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly",
					     "@reboot" };
	static const char every[] = "@every ";
	int64_t ms;

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (text_equals_lower(value, len, names[i]))
			return true;
	return len > sizeof(every) && memcmp(value, every, sizeof(every) - 1) == 0 &&
	       duration_text_parse(value + sizeof(every) - 1, len - sizeof(every) + 1, &ms) && ms > 0;
}

static size_t count_fields(const char *value, size_t len)
{
	size_t fields = 0;
	bool inside = false;

	for (size_t i = 0; i < len; i++) {
		bool blank = value[i] == ' ' || value[i] == '\t';

		fields += !blank && !inside;
		inside = !blank;
	}
	return fields;
}

bool judge_cron(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	struct reader r = { value, value + len };
	size_t fields = count_fields(value, len);

	(void)type;
	if (is_nickname(value, len))
		return true;
	if (fields != 5 && fields != 6)
		return refuse(verdict, "is no schedule of cron: five fields, or six with seconds");
	for (size_t i = 6 - fields; i < 6; i++) {
		while (take(&r, " \t"))
			;
		if (!cron_field_is_good(&r, &cron_fields[i]))
			return refuse_because(verdict, "is no schedule of cron", "field %zu is not valid", i + fields - 5);
	}
	return true;
}

/* -- zones: the form of a name. No file is read, so that a new zone needs no new version and a schema means the same everywhere. */

bool judge_tz(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	static const char *const areas[] = { "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia",
					     "Brazil", "Canada", "Chile", "Etc", "Europe", "Indian", "Mexico", "Pacific", "US" };
	static const char alone[] = " CET CST6CDT Cuba EET EST EST5EDT Egypt Eire GB GB-Eire GMT GMT+0 GMT-0 GMT0 Greenwich HST "
				    "Hongkong Iceland Iran Israel Jamaica Japan Kwajalein Libya MET MST MST7MDT NZ NZ-CHAT Navajo "
				    "PRC PST8PDT Poland Portugal ROC ROK Singapore Turkey UCT UTC Universal W-SU WET Zulu ";
	const char *slash = memchr(value, '/', len);
	size_t area = slash ? (size_t)(slash - value) : len;
	bool known = len > 0 && !slash && !memchr(value, ' ', len) && memmem(alone, sizeof(alone) - 1, value, len);

	(void)type;
	if (known) {
		const char *at = memmem(alone, sizeof(alone) - 1, value, len);

		for (known = false; at && !known; at = memmem(at + 1, (size_t)(alone + sizeof(alone) - 2 - at), value, len))
			known = at[-1] == ' ' && at[len] == ' ';
	}
	for (size_t i = 0; i < ARRAY_LEN(areas) && slash && !known; i++)
		known = strlen(areas[i]) == area && memcmp(value, areas[i], area) == 0;
	for (size_t i = area; i < len && known; i++)
		known = is_letter(value[i]) || is_digit(value[i]) || (i + 1 < len && memchr("/_+-", value[i], 4));
	return known || refuse(verdict, "is no time zone: Europe/Berlin, UTC");
}
