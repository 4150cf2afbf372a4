/*
 * The pieces of a comparison that know values and texts. Private to
 * lib/dialect/.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* What tells two readings of the same text apart. */
enum value_trait {
	TRAIT_QUOTED = 1 << 0,	/* begins and ends with the same quote */
	TRAIT_HASH = 1 << 1,
	TRAIT_BACKSLASH = 1 << 2,
	TRAIT_CR = 1 << 3,
	TRAIT_LINES = 1 << 4,	/* holds a line feed */
	TRAIT_DOLLAR = 1 << 5,
	TRAIT_DOLLARS = 1 << 6,	/* two of them in a row */
	TRAIT_EDGE = 1 << 7,	/* begins or ends with a blank */
	TRAIT_TAB = 1 << 8,
};
uint16_t value_traits(const char *value, size_t len);

/* Bit i: dialect_at(i) is to be asked about this text. Never 0. */
uint32_t readers_of(const char *text, size_t len);

/* Line feeds, and carriage returns that none follows: some readers end lines there. */
size_t lines_of(const char *text, size_t len);
