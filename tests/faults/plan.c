#include "plan.h"

#include <assert.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dice.h"
#include "pages.h"

const char *const damage_class_names[DAMAGE_CLASSES] = {
	[FLIP_ANY] = "bit-any-used-page",
	[FLIP_META] = "bit-meta-page",
	[FLIP_BRANCH] = "bit-branch-page",
	[FLIP_LEAF_HEADER] = "bit-leaf-header",
	[FLIP_NODE] = "bit-node-header",
	[FLIP_VALUE_HEADER] = "bit-value-header",
	[FLIP_OVERFLOW_HEADER] = "bit-overflow-header",
	[FLIP_OVERFLOW_BODY] = "bit-overflow-body",
	[FLIP_FREE_LIST] = "bit-free-list",
	[CUT_OFF] = "cut-off",
	[ZEROED] = "zeroed-page",
	[DUPLICATED] = "duplicated-page",
	[MISDIRECTED] = "misdirected-page",
	[SWAPPED] = "swapped-pages",
	[OLD_PAGE] = "old-page",
	[OLD_VALUE] = "old-value",
};

#define META_BYTES 160 /* of each meta page: a header, and what LMDB keeps there */
#define VALUE_HEADER 112
#define PAGE_PAIRS 1000

/* A value of an older copy that can stand in the place of the newest. */
struct old_value {
	const uint8_t *bytes;
	size_t at, len; /* in the newest file */
};

struct plan {
	const struct sample *sample;
	uint64_t seed;
	uint64_t counts[DAMAGE_CLASSES];
	uint64_t pages;
	struct pages *now;
	struct {
		unsigned copy;
		uint64_t page;
	} * old_pages;
	struct old_value *old_values;
	size_t old_pages_len, old_values_len;
};

/* -- making ----------------------------------------------------------------------------------------------- */

static void *room(size_t count, size_t size)
{
	void *memory = calloc(count + 1, size);

	if (!memory)
		errx(2, "no memory");
	return memory;
}

static void find_old_pages(struct plan *plan)
{
	const struct sample *sample = plan->sample;

	plan->old_pages = room(SAMPLE_COPIES * plan->pages, sizeof(plan->old_pages[0]));
	for (unsigned copy = 0; copy < SAMPLE_COPIES; copy++)
		for (uint64_t page = 0; page < plan->pages && page < sample->old[copy].len / PLAN_PAGE; page++) {
			const size_t at = page * PLAN_PAGE;

			if (memcmp(sample->now.bytes + at, sample->old[copy].bytes + at, PLAN_PAGE) == 0)
				continue;
			plan->old_pages[plan->old_pages_len].copy = copy;
			plan->old_pages[plan->old_pages_len++].page = page;
		}
}

static void find_old_values(struct plan *plan)
{
	plan->old_values = room(SAMPLE_COPIES * plan->now->nodes_len, sizeof(plan->old_values[0]));
	for (unsigned copy = 0; copy < SAMPLE_COPIES; copy++) {
		const uint8_t *bytes = plan->sample->old[copy].bytes;
		struct pages *old = pages_survey(bytes, plan->sample->old[copy].len);

		for (size_t i = 0; i < plan->now->nodes_len; i++) {
			const struct page_node *now = &plan->now->nodes[i];
			const struct page_node *before =
				pages_find(old, plan->sample->now.bytes + now->key_at, now->key_len);

			if (!before || now->is_free_list || before->value_len != now->value_len ||
			    memcmp(bytes + before->value_at, plan->sample->now.bytes + now->value_at, now->value_len) ==
				    0 ||
			    now->value_at % PLAN_PAGE + now->value_len > (DAMAGE_PATCHES - 1) * PLAN_PAGE)
				continue;
			plan->old_values[plan->old_values_len++] =
				(struct old_value){bytes + before->value_at, now->value_at, now->value_len};
		}
		pages_free(old);
	}
}

static void share_flips(struct plan *plan, uint64_t flips)
{
	static const unsigned percent[DAMAGE_CLASSES] = {
		[FLIP_BRANCH] = 8,	    [FLIP_LEAF_HEADER] = 8,   [FLIP_NODE] = 14,	   [FLIP_VALUE_HEADER] = 14,
		[FLIP_OVERFLOW_HEADER] = 6, [FLIP_OVERFLOW_BODY] = 8, [FLIP_FREE_LIST] = 2};
	uint64_t rest = flips;

	plan->counts[FLIP_META] = 2 * META_BYTES * 8 < flips / 4 ? 2 * META_BYTES * 8 : flips / 4;
	rest -= plan->counts[FLIP_META];
	for (unsigned class = 0; class < DAMAGE_CLASSES; class ++) {
		const uint64_t share = flips * percent[class] / 100;

		if (percent[class] == 0)
			continue;
		plan->counts[class] = share < rest ? share : rest;
		rest -= plan->counts[class];
	}
	plan->counts[FLIP_ANY] = rest;
}

struct plan *plan_new(const struct sample *sample, uint64_t seed, uint64_t flips)
{
	struct plan *plan = room(1, sizeof(*plan));

	plan->sample = sample;
	plan->seed = seed;
	plan->pages = sample->now.len / PLAN_PAGE;
	plan->now = pages_survey(sample->now.bytes, sample->now.len);
	share_flips(plan, flips);
	if (flips == 0)
		return plan;
	find_old_pages(plan);
	find_old_values(plan);
	plan->counts[CUT_OFF] = plan->pages * 2;
	plan->counts[ZEROED] = plan->pages;
	plan->counts[DUPLICATED] = plan->pages;
	plan->counts[MISDIRECTED] = plan->counts[SWAPPED] = PAGE_PAIRS;
	plan->counts[OLD_PAGE] = plan->old_pages_len;
	plan->counts[OLD_VALUE] = plan->old_values_len;
	return plan;
}

uint64_t plan_count(const struct plan *plan, enum damage_class class)
{
	return plan->counts[class];
}

uint64_t plan_total(const struct plan *plan)
{
	uint64_t total = 0;

	for (unsigned class = 0; class < DAMAGE_CLASSES; class ++)
		total += plan->counts[class];
	return total;
}

bool plan_only(struct plan *plan, const char *class_name)
{
	bool is_there = false;

	for (unsigned class = 0; class < DAMAGE_CLASSES; class ++) {
		if (strcmp(class_name, damage_class_names[class]) == 0)
			is_there = true;
		else
			plan->counts[class] = 0;
	}
	return is_there;
}

void plan_pages(const struct plan *plan, uint64_t *ret_used, uint64_t *ret_free)
{
	*ret_used = plan->now->used_len;
	*ret_free = plan->pages - plan->now->used_len;
}

/* -- one damage ------------------------------------------------------------------------------------------- */

/* The patch of a page, with what it holds so far. */
static uint8_t *patch_of(const struct plan *plan, struct damage *damage, uint64_t page)
{
	for (size_t i = 0; i < damage->patches; i++)
		if (damage->patch[i].page == page)
			return damage->patch[i].bytes;
	assert(damage->patches < DAMAGE_PATCHES && page < plan->pages);
	damage->patch[damage->patches].page = page;
	memcpy(damage->patch[damage->patches].bytes, plan->sample->now.bytes + page * PLAN_PAGE, PLAN_PAGE);
	return damage->patch[damage->patches++].bytes;
}

static void flip(const struct plan *plan, struct damage *damage, size_t at, unsigned bit)
{
	patch_of(plan, damage, at / PLAN_PAGE)[at % PLAN_PAGE] ^= (uint8_t)(1u << bit);
	snprintf(damage->text, sizeof(damage->text), "bit %u of byte %zu of page %zu", bit, at % PLAN_PAGE,
		 at / PLAN_PAGE);
}

static uint64_t one_of(struct dice *dice, const uint64_t *pages, size_t len)
{
	assert(len > 0);
	return pages[dice_below(dice, len)];
}

/* -- where a bit of a class is: an offset in the file ---------------------------------------------------------- */

static size_t in_one_of(struct dice *dice, const uint64_t *pages, size_t len, size_t first_bytes)
{
	return one_of(dice, pages, len) * PLAN_PAGE + dice_below(dice, first_bytes);
}

static size_t in_any(const struct plan *plan, struct dice *dice)
{
	return in_one_of(dice, plan->now->used, plan->now->used_len, PLAN_PAGE);
}

static size_t in_branch(const struct plan *plan, struct dice *dice)
{
	return in_one_of(dice, plan->now->branches, plan->now->branches_len, PLAN_PAGE);
}

static size_t in_leaf_header(const struct plan *plan, struct dice *dice)
{
	const uint64_t page = one_of(dice, plan->now->leaves, plan->now->leaves_len);

	return page * PLAN_PAGE + dice_below(dice, pages_lower(plan->sample->now.bytes, page));
}

static const struct page_node *some_node(const struct plan *plan, struct dice *dice)
{
	return &plan->now->nodes[dice_below(dice, plan->now->nodes_len)];
}

static size_t in_node(const struct plan *plan, struct dice *dice)
{
	const struct page_node *node = some_node(plan, dice);

	return node->at + dice_below(dice, node->key_at - node->at + node->key_len);
}

static size_t in_value_header(const struct plan *plan, struct dice *dice)
{
	const struct page_node *node = some_node(plan, dice);

	return node->value_at + dice_below(dice, node->value_len < VALUE_HEADER ? node->value_len : VALUE_HEADER);
}

static size_t in_overflow_header(const struct plan *plan, struct dice *dice)
{
	return in_one_of(dice, plan->now->overflow_heads, plan->now->overflow_heads_len, PAGES_HEADER);
}

static size_t in_overflow_body(const struct plan *plan, struct dice *dice)
{
	return in_one_of(dice, plan->now->overflows, plan->now->overflows_len, PLAN_PAGE);
}

static size_t in_free_list(const struct plan *plan, struct dice *dice)
{
	return in_one_of(dice, plan->now->free_list, plan->now->free_list_len, PLAN_PAGE);
}

static size_t (*const places[DAMAGE_CLASSES])(const struct plan *plan, struct dice *dice) = {
	[FLIP_ANY] = in_any,
	[FLIP_BRANCH] = in_branch,
	[FLIP_LEAF_HEADER] = in_leaf_header,
	[FLIP_NODE] = in_node,
	[FLIP_VALUE_HEADER] = in_value_header,
	[FLIP_OVERFLOW_HEADER] = in_overflow_header,
	[FLIP_OVERFLOW_BODY] = in_overflow_body,
	[FLIP_FREE_LIST] = in_free_list,
};

/* -- each kind of damage ------------------------------------------------------------------------------------------ */

static void flip_meta(const struct plan *plan, struct damage *damage, uint64_t number, struct dice *dice)
{
	(void)dice;
	flip(plan, damage, number / 8 % META_BYTES + number / 8 / META_BYTES * PLAN_PAGE, number % 8);
}

static void flip_some(const struct plan *plan, struct damage *damage, uint64_t number, struct dice *dice)
{
	const size_t at = places[damage->class](plan, dice);

	(void)number;
	flip(plan, damage, at, (unsigned)dice_below(dice, 8));
}

static void cut_off(const struct plan *plan, struct damage *damage, uint64_t number, struct dice *dice)
{
	damage->len = number < plan->pages ? number * PLAN_PAGE
					   : (number - plan->pages) * PLAN_PAGE + 1 + dice_below(dice, PLAN_PAGE - 1);
	snprintf(damage->text, sizeof(damage->text), "cut off at %zu of %zu bytes", damage->len, plan->sample->now.len);
}

static void zero(const struct plan *plan, struct damage *damage, uint64_t number, struct dice *dice)
{
	(void)dice;
	memset(patch_of(plan, damage, number), 0, PLAN_PAGE);
	snprintf(damage->text, sizeof(damage->text), "page %llu is zero", (unsigned long long)number);
}

static void duplicate(const struct plan *plan, struct damage *damage, uint64_t number, struct dice *dice)
{
	(void)plan;
	(void)dice;
	damage->shift_from = number + 1;
	damage->len += PLAN_PAGE;
	snprintf(damage->text, sizeof(damage->text), "page %llu is there twice", (unsigned long long)number);
}

static void move_page(const struct plan *plan, struct damage *damage, uint64_t from, uint64_t to, bool right_number)
{
	uint8_t *bytes = patch_of(plan, damage, to);

	memcpy(bytes, plan->sample->now.bytes + from * PLAN_PAGE, PLAN_PAGE);
	if (right_number)
		memcpy(bytes, &to, sizeof(to));
}

static void move_pages(const struct plan *plan, struct damage *damage, uint64_t number, struct dice *dice)
{
	const bool both = damage->class == SWAPPED, right_number = number % 2;
	const struct pages *now = plan->now;
	const uint64_t one = one_of(dice, now->used, now->used_len);
	uint64_t other = one;

	while (other == one)
		other = one_of(dice, now->used, now->used_len);
	move_page(plan, damage, one, other, right_number);
	if (both)
		move_page(plan, damage, other, one, right_number);
	snprintf(damage->text, sizeof(damage->text), "page %llu stands at %llu%s%s", (unsigned long long)one,
		 (unsigned long long)other, both ? " and the other way round" : "",
		 right_number ? ", with the number of the place" : "");
}

static void old_page(const struct plan *plan, struct damage *damage, uint64_t number, struct dice *dice)
{
	const unsigned copy = plan->old_pages[number].copy;
	const uint64_t page = plan->old_pages[number].page;

	(void)dice;
	memcpy(patch_of(plan, damage, page), plan->sample->old[copy].bytes + page * PLAN_PAGE, PLAN_PAGE);
	snprintf(damage->text, sizeof(damage->text), "page %llu of copy %u", (unsigned long long)page, copy);
}

static void old_value(const struct plan *plan, struct damage *damage, uint64_t number, struct dice *dice)
{
	const struct old_value *value = &plan->old_values[number];

	(void)dice;
	for (size_t i = 0; i < value->len; i++)
		patch_of(plan, damage, (value->at + i) / PLAN_PAGE)[(value->at + i) % PLAN_PAGE] = value->bytes[i];
	snprintf(damage->text, sizeof(damage->text), "an older value of table %c at byte %zu",
		 value->bytes[2] >= 'A' ? value->bytes[2] : '0', value->at);
}

static void (*const doers[DAMAGE_CLASSES])(const struct plan *plan, struct damage *damage, uint64_t number,
					   struct dice *dice) = {
	[FLIP_ANY] = flip_some,
	[FLIP_META] = flip_meta,
	[FLIP_BRANCH] = flip_some,
	[FLIP_LEAF_HEADER] = flip_some,
	[FLIP_NODE] = flip_some,
	[FLIP_VALUE_HEADER] = flip_some,
	[FLIP_OVERFLOW_HEADER] = flip_some,
	[FLIP_OVERFLOW_BODY] = flip_some,
	[FLIP_FREE_LIST] = flip_some,
	[CUT_OFF] = cut_off,
	[ZEROED] = zero,
	[DUPLICATED] = duplicate,
	[MISDIRECTED] = move_pages,
	[SWAPPED] = move_pages,
	[OLD_PAGE] = old_page,
	[OLD_VALUE] = old_value,
};

void plan_damage(const struct plan *plan, uint64_t number, struct damage *ret)
{
	struct dice dice = dice_new(plan->seed, number);
	unsigned class = 0;

	for (; number >= plan->counts[class]; class ++)
		number -= plan->counts[class];
	ret->class = (enum damage_class) class;
	ret->len = plan->sample->now.len;
	ret->shift_from = 0;
	ret->patches = 0;
	doers[class](plan, ret, number, &dice);
}

/* -- doing it --------------------------------------------------------------------------------------------- */

static void write_at(int fd, const uint8_t *bytes, size_t len, size_t at)
{
	if (len > 0 && pwrite(fd, bytes, len, (off_t)at) != (ssize_t)len)
		err(2, "write the image");
}

void damage_apply(const struct plan *plan, const struct damage *damage, int fd)
{
	const uint8_t *now = plan->sample->now.bytes;
	const size_t from = damage->shift_from * PLAN_PAGE;

	if (damage->shift_from)
		write_at(fd, now + from - PLAN_PAGE, plan->sample->now.len - from + PLAN_PAGE, from);
	for (size_t i = 0; i < damage->patches; i++)
		write_at(fd, damage->patch[i].bytes, PLAN_PAGE, damage->patch[i].page * PLAN_PAGE);
	if (ftruncate(fd, (off_t)damage->len) != 0)
		err(2, "cut the image");
}

void damage_undo(const struct plan *plan, const struct damage *damage, int fd)
{
	const struct sample *sample = plan->sample;
	const size_t cut = damage->len < sample->now.len ? damage->len : sample->now.len;

	if (damage->shift_from)
		write_at(fd, sample->now.bytes + damage->shift_from * PLAN_PAGE,
			 sample->now.len - damage->shift_from * PLAN_PAGE, damage->shift_from * PLAN_PAGE);
	for (size_t i = 0; i < damage->patches; i++)
		write_at(fd, sample->now.bytes + damage->patch[i].page * PLAN_PAGE, PLAN_PAGE,
			 damage->patch[i].page * PLAN_PAGE);
	write_at(fd, sample->now.bytes + cut, sample->now.len - cut, cut);
	if (ftruncate(fd, (off_t)sample->now.len) != 0)
		err(2, "mend the image");
}
