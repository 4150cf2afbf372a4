#include <stdint.h>
#include <string.h>

#include "schema/types.h"

/*
 * Each byte of the value is worth the logarithm of how many kinds of characters it draws from, but no more than what the
 * distribution of the bytes that are there says (Shannon), and less when the value repeats itself. Fixed point: logarithms in
 * 1/1024 bit.
 */
#define UNIT 1024u

static uint64_t log2_fixed(uint64_t value)
{
	uint64_t whole = 63u - (unsigned)__builtin_clzll(value), result = whole * UNIT;
	/* The mantissa in [1, 2) with 30 bits after the point; squaring gives one bit of the logarithm after another. */
	uint64_t mantissa = whole <= 30 ? value << (30 - whole) : value >> (whole - 30);

	if ((value & (value - 1)) == 0)
		return result;

	for (uint64_t bit = UNIT / 2; bit > 0; bit /= 2) {
		mantissa = mantissa * mantissa >> 30;
		if (mantissa >> 31) {
			result += bit;
			mantissa >>= 1;
		}
	}
	return result;
}

/* How many characters the value seems to be drawn from: of digits and letters the whole kind, of all others those that are
 * there. Letters that are hexadecimal digits in one case are only six. */
static unsigned alphabet(const uint32_t counts[static 256])
{
	unsigned size = 0, letters;
	bool digits = false;

	for (unsigned c = 0; c < 256; c++) {
		bool plain = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');

		size += counts[c] > 0 && !plain;
		digits = digits || (counts[c] > 0 && c >= '0' && c <= '9');
	}
	for (unsigned char first = 'A'; first <= 'a'; first += 'a' - 'A') {
		letters = 0;
		for (unsigned i = 0; i < 26; i++)
			if (counts[first + i] > 0)
				letters = i < 6 && letters < 26 ? 6 : 26;
		size += letters;
	}
	size += digits ? 10 : 0;
	return size > 1 ? size : 2;
}

/* How many bytes are not foretold: by a run of equal ones, of one more each, of one less each, or by the period of the whole. */
static size_t surprising(const char *value, size_t len)
{
	size_t fresh = 0, run = 0;
	int before = 2;

	for (size_t i = 0; i < len; i++) {
		int step = i > 0 ? (unsigned char)value[i] - (unsigned char)value[i - 1] : 2;

		run = step == before && step >= -1 && step <= 1 ? run + 1 : 0;
		before = step;
		fresh += run < 2;
	}
	for (size_t period = 2; period <= 16 && period <= len / 2; period++)
		if (memcmp(value, value + period, len - period) == 0)
			return fresh < period ? fresh : period;
	return fresh;
}

unsigned value_entropy_bits(const char *value, size_t len)
{
	uint32_t counts[256] = { 0 };
	uint64_t shannon = 0, drawn;
	size_t counted = len < UINT32_MAX ? len : UINT32_MAX;
	uint64_t fresh;

	if (len == 0)
		return 0;
	for (size_t i = 0; i < counted; i++)
		counts[(unsigned char)value[i]]++;
	for (size_t i = 0; i < 256; i++)
		if (counts[i] > 0)
			shannon += counts[i] * (log2_fixed(counted) - log2_fixed(counts[i]));
	fresh = surprising(value, counted);
	drawn = fresh * log2_fixed(alphabet(counts));
	/* A short value shows each of its characters about once: Shannon's sum undervalues what was drawn from many. */
	shannon = counted <= 128 ? shannon + shannon / 2 : shannon;
	drawn = drawn < shannon ? drawn : shannon;
	return (unsigned)(drawn / UNIT < 1000000 ? drawn / UNIT : 1000000);
}
