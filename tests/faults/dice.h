/* Numbers that are the same at every run: splitmix64, one stream for each pair of seed and number. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct dice {
	uint64_t state;
};

static inline uint64_t dice_next(struct dice *dice)
{
	uint64_t mixed = dice->state += UINT64_C(0x9e3779b97f4a7c15);

	mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
	return mixed ^ mixed >> 31;
}

static inline struct dice dice_new(uint64_t seed, uint64_t number)
{
	struct dice dice = {seed * UINT64_C(0xd1342543de82ef95) + number};

	dice.state = dice_next(&dice) ^ number;
	return dice;
}

/* 0 to below - 1, for a below that is small against 2^64. */
static inline uint64_t dice_below(struct dice *dice, uint64_t below)
{
	return dice_next(dice) % below;
}

static inline void dice_fill(struct dice *dice, uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(dice_next(dice) >> 32);
}
