#include "cuts.h"

#include <err.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define SECTOR 512u
#define WORD 8u
#define TEARS_MAX 6		/* boundaries of one write that are tried, when it has more */
#define SUBSETS 3		/* of the sectors of one write */
#define RANDOM_AT_BARRIER 16	/* images of one moment in one round */
#define RANDOM_ELSEWHERE 4

struct cutting {
	const struct pending *pending;
	size_t len;
	uint64_t random;
	struct choice *choices;
	size_t number;
	void (*each)(void *arg, const struct choice *choices, size_t number);
	void *arg;
};

static uint64_t next_random(struct cutting *cutting)
{
	uint64_t value = cutting->random += UINT64_C(0x9e3779b97f4a7c15);

	value = (value ^ value >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	value = (value ^ value >> 27) * UINT64_C(0x94d049bb133111eb);
	return value ^ value >> 31;
}

static void set_all(struct cutting *cutting, enum happening happening)
{
	for (size_t i = 0; i < cutting->len; i++)
		cutting->choices[i] = (struct choice){ .happening = happening };
}

static void give(struct cutting *cutting)
{
	cutting->each(cutting->arg, cutting->choices, cutting->number++);
}

static void none_and_all(struct cutting *cutting)
{
	set_all(cutting, HAPPENS_NOT);
	give(cutting);
	set_all(cutting, HAPPENS);
	if (cutting->len > 0)
		give(cutting);
}

static void one_against_the_others(struct cutting *cutting)
{
	for (size_t i = 0; i < cutting->len && cutting->len > 1; i++) {
		set_all(cutting, HAPPENS);
		cutting->choices[i].happening = HAPPENS_NOT;
		give(cutting);
		set_all(cutting, HAPPENS_NOT);
		cutting->choices[i].happening = HAPPENS;
		give(cutting);
	}
}

static size_t units_of(const struct pending *pending, unsigned unit)
{
	return (size_t)((pending->offset + pending->len - 1) / unit - pending->offset / unit + 1);
}

/* With the others all there; and, since that is how a file system that keeps the order of writes fails, those before it only. */
static void give_torn(struct cutting *cutting, size_t at, struct choice torn)
{
	set_all(cutting, HAPPENS);
	cutting->choices[at] = torn;
	give(cutting);
	for (size_t i = at + 1; i < cutting->len; i++)
		cutting->choices[i].happening = HAPPENS_NOT;
	if (at + 1 < cutting->len)
		give(cutting);
}

static void torn_at_boundaries(struct cutting *cutting, size_t at, unsigned unit, size_t most)
{
	const size_t units = units_of(&cutting->pending[at], unit), tears = units - 1 < most ? units - 1 : most;

	for (size_t i = 1; i <= tears; i++)
		give_torn(cutting, at, (struct choice){ .happening = HAPPENS_FIRST_PART, .unit = unit,
							.parts = tears == units - 1 ? i : 1 + next_random(cutting) % (units - 1) });
}

static void each_torn(struct cutting *cutting)
{
	for (size_t at = 0; at < cutting->len; at++) {
		const struct pending *pending = &cutting->pending[at];

		if (!pending->is_write || pending->len == 0)
			continue;
		torn_at_boundaries(cutting, at, SECTOR, TEARS_MAX);
		for (unsigned i = 0; i < SUBSETS && units_of(pending, SECTOR) > 2; i++)
			give_torn(cutting, at, (struct choice){ .happening = HAPPENS_IN_PARTS, .unit = SECTOR,
								.seed = next_random(cutting) });
		if (pending->small_page)
			torn_at_boundaries(cutting, at, WORD, SIZE_MAX);
	}
}

static struct choice random_choice(struct cutting *cutting, const struct pending *pending)
{
	const uint64_t random = next_random(cutting);
	struct choice choice = { .happening = random & 1 ? HAPPENS : HAPPENS_NOT };

	if (!pending->is_write || pending->len == 0 || (random & 6))
		return choice;
	choice.unit = SECTOR;
	choice.seed = next_random(cutting);
	choice.parts = choice.seed % (units_of(pending, SECTOR) + 1);
	choice.happening = random & 8 ? HAPPENS_IN_PARTS : HAPPENS_FIRST_PART;
	return choice;
}

static void at_random(struct cutting *cutting, unsigned images)
{
	for (unsigned n = 0; n < images && cutting->len > 0; n++) {
		for (size_t i = 0; i < cutting->len; i++)
			cutting->choices[i] = random_choice(cutting, &cutting->pending[i]);
		give(cutting);
	}
}

void cuts_at(enum moment moment, const struct pending *pending, size_t len, uint64_t seed, unsigned round,
	     void (*each)(void *arg, const struct choice *choices, size_t number), void *arg)
{
	struct cutting cutting = { .pending = pending, .len = len, .random = seed * UINT64_C(0x2545f4914f6cdd1d) + round, .each = each,
				   .arg = arg };

	cutting.choices = calloc(len + 1, sizeof(*cutting.choices));
	if (!cutting.choices)
		errx(2, "no memory");
	if (round == 0) {
		none_and_all(&cutting);
		if (moment == MOMENT_BARRIER) {
			one_against_the_others(&cutting);
			each_torn(&cutting);
		}
	}
	if (round > 0 || moment == MOMENT_BARRIER)
		at_random(&cutting, moment == MOMENT_BARRIER ? RANDOM_AT_BARRIER : RANDOM_ELSEWHERE);
	free(cutting.choices);
}
