/*
 * Types that are numbers and words for truth.
 */
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "schema/type_row.h"

#define DIGITS_MAX 400	/* beyond, no double is meant */
#define WHOLE 9007199254740992.0	/* 2^53: from here on every double is whole */

static size_t digits_at(const char *text, size_t len, size_t at)
{
	size_t start = at;

	while (at < len && is_digit(text[at]))
		at++;
	return at - start;
}

/* [+-] digits [. digits] [e [+-] digits], at least one digit before the exponent. */
static bool has_number_form(const char *text, size_t len)
{
	size_t at = len > 0 && (text[0] == '+' || text[0] == '-'), whole, fraction = 0, exponent;

	whole = digits_at(text, len, at);
	at += whole;
	if (at < len && text[at] == '.') {
		fraction = digits_at(text, len, at + 1);
		at += 1 + fraction;
	}
	if (whole + fraction == 0)
		return false;
	if (at < len && (text[at] == 'e' || text[at] == 'E')) {
		at++;
		at += at < len && (text[at] == '+' || text[at] == '-');
		exponent = digits_at(text, len, at);
		if (exponent == 0)
			return false;
		at += exponent;
	}
	return at == len;
}

/* Sign and digits alone, as most numbers are; up to fifteen digits any double holds exactly. */
static bool parse_short_whole(const char *text, size_t len, double *ret)
{
	size_t sign = len > 0 && (text[0] == '+' || text[0] == '-');
	int64_t value = 0;

	if (len == sign || len - sign > 15)
		return false;
	for (size_t i = sign; i < len; i++) {
		if (!is_digit(text[i]))
			return false;
		value = 10 * value + (text[i] - '0');
	}
	*ret = text[0] == '-' ? -(double)value : (double)value;
	return true;
}

static bool parse_any(const char *text, size_t len, double *ret)
{
	char copy[DIGITS_MAX + 1];
	double value;

	if (len > DIGITS_MAX || !has_number_form(text, len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	value = strtod(copy, NULL);
	sodium_memzero(copy, len);
	if (!(value > -1e308 * 10 && value < 1e308 * 10))
		return false;
	*ret = value;
	return true;
}

bool number_parse(const char *text, size_t len, double *ret)
{
	return parse_short_whole(text, len, ret) || parse_any(text, len, ret);
}

static double magnitude(double value)
{
	return value < 0 ? -value : value;
}

static double whole_below(double value)
{
	double whole;

	if (magnitude(value) >= WHOLE)
		return value;
	whole = (double)(int64_t)value;
	return whole > value ? whole - 1 : whole;
}

static bool is_whole(double value)
{
	double below = whole_below(value);

	return !(below < value) && !(below > value);
}

/* A double above 0 as an odd number times a power of two. */
static uint64_t odd_part(double value, int *ret_twos)
{
	uint64_t bits, fraction;
	int exponent, zeros;

	memcpy(&bits, &value, sizeof(bits));
	exponent = (int)(bits >> 52 & 0x7ff);
	fraction = bits & ((UINT64_C(1) << 52) - 1);
	if (exponent > 0)
		fraction |= UINT64_C(1) << 52;
	zeros = __builtin_ctzll(fraction);
	/* The smallest doubles have the exponent of the next ones, and no bit of their own in front. */
	*ret_twos = (exponent > 0 ? exponent : 1) + zeros;
	return fraction >> zeros;
}

/* Whether value is a multiple of divisor (not 0), exactly for doubles: an odd number and a power of two divide each for itself. */
static bool is_multiple(double value, double divisor)
{
	int value_twos, divisor_twos;
	uint64_t value_odd, divisor_odd;

	if (!(magnitude(value) > 0))
		return true;
	value_odd = odd_part(magnitude(value), &value_twos);
	divisor_odd = odd_part(magnitude(divisor), &divisor_twos);
	return value_odd % divisor_odd == 0 && value_twos >= divisor_twos;
}

static double rounded(double value, double places)
{
	double power = 1;

	for (; places > 0; places--)
		power *= 10;
	/* There is nothing to round, and the product may be no number any more. */
	if (magnitude(value) >= WHOLE / power)
		return value;
	return whole_below(value * power + 0.5) / power;
}

static bool judge_bounds(const struct schema_type *type, double value, struct verdict *verdict)
{
	if (type->min.set && value < type->min.value)
		return refuse_because(verdict, "is too small", "less than %s", type->min.text);
	if (type->max.set && value > type->max.value)
		return refuse_because(verdict, "is too large", "more than %s", type->max.text);
	return true;
}

static double clamped(const struct schema_type *type, double value)
{
	if (type->clamp && type->min.set && value < type->min.value)
		value = type->min.value;
	if (type->clamp && type->max.set && value > type->max.value)
		value = type->max.value;
	return value;
}

bool judge_number(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	double number;

	if (!number_parse(value, len, &number))
		return refuse(verdict, "is no number");
	number = clamped(type, number);
	if ((type->is_int || (type->precision.set && !(type->precision.value > 0))) && !is_whole(number))
		return refuse(verdict, "is no whole number");
	if (type->precision.set)
		number = rounded(number, type->precision.value);
	if (!judge_bounds(type, number, verdict))
		return false;
	if (type->divisor.set && !is_multiple(number, type->divisor.value))
		return refuse_because(verdict, "is not divisible", "not by %s", type->divisor.text);
	return true;
}

bool judge_int(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	size_t sign = len > 0 && (value[0] == '-' || value[0] == '+');
	double number;

	if (len == sign || digits_at(value, len, sign) != len - sign || !number_parse(value, len, &number))
		return refuse(verdict, "is no whole number");
	return judge_bounds(type, number, verdict);
}

bool is_port(const char *text, size_t len)
{
	unsigned long port = 0;

	if (len == 0 || len > 16 || digits_at(text, len, 0) != len)
		return false;
	for (size_t i = 0; i < len && port <= 65535; i++)
		port = 10 * port + (unsigned long)(text[i] - '0');
	return port <= 65535;
}

bool judge_port(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	double number;

	if (!is_port(value, len) || !number_parse(value, len, &number))
		return refuse(verdict, "is no port: 0 to 65535");
	return judge_bounds(type, number, verdict);
}

bool judge_boolean(const struct schema_type *type, const char *value, size_t len, struct verdict *verdict)
{
	static const char *const words[] = { "t", "true", "yes", "on", "1", "f", "false", "no", "off", "0" };
	struct span word = text_trimmed(value, len);

	(void)type;
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (text_equals_lower(word.at, word.len, words[i]))
			return true;
	return refuse(verdict, "is neither true (t, true, yes, on, 1) nor false (f, false, no, off, 0)");
}
