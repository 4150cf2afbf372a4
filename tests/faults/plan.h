/*
 * What is done to a database file: which damages there are, and which of them has a number.
 *
 * A plan is made from a sound file and older copies of it. It finds every page and entry that the newest state uses,
 * and counts for each class of damage how many there are; damage number n is always the same one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sample.h"

#define PLAN_PAGE 4096u

enum damage_class {
	/* one bit, somewhere in: */
	FLIP_ANY,    /* a page that is used */
	FLIP_META,   /* what LMDB reads of the two meta pages: each bit once, when there are four times as many flips */
	FLIP_BRANCH, /* a branch page */
	FLIP_LEAF_HEADER,     /* header and table of entries of a leaf */
	FLIP_NODE,	      /* header and key of an entry */
	FLIP_VALUE_HEADER,    /* the first 112 bytes of a value: what stands in clear, salt, commitment, tag */
	FLIP_OVERFLOW_HEADER, /* the header of a value of several pages */
	FLIP_OVERFLOW_BODY,
	FLIP_FREE_LIST, /* the list of free pages */
	/* whole pages: */
	CUT_OFF,     /* at each page's border, then at places within */
	ZEROED,	     /* each page in turn */
	DUPLICATED,  /* each page in turn stands there twice, and all behind it one further */
	MISDIRECTED, /* a page's content at another's place; every second time with the right number in it */
	SWAPPED,     /* two pages; every second time with the right numbers */
	OLD_PAGE,    /* a page as it was in an older copy */
	OLD_VALUE,   /* a record's value as it was in an older copy */
	DAMAGE_CLASSES
};

extern const char *const damage_class_names[DAMAGE_CLASSES];

struct plan;

/* flips: how many single bits in all. The sample must stay. Exits when there is no memory. */
struct plan *plan_new(const struct sample *sample, uint64_t seed, uint64_t flips);
uint64_t plan_count(const struct plan *plan, enum damage_class class);
uint64_t plan_total(const struct plan *plan);
/* Leaves only the damages of one class, by its name; false when there is none. */
bool plan_only(struct plan *plan, const char *class_name);
/* Pages in use, and free ones. */
void plan_pages(const struct plan *plan, uint64_t *ret_used, uint64_t *ret_free);

#define DAMAGE_PATCHES 8

struct damage {
	enum damage_class class;
	char text[120];	     /* "bit 3 of byte 17 of page 5" */
	size_t len;	     /* of the file */
	uint64_t shift_from; /* DUPLICATED: from this page on each is the one before; 0: none */
	size_t patches;
	struct {
		uint64_t page;
		uint8_t bytes[PLAN_PAGE];
	} patch[DAMAGE_PATCHES];
};

/* Number 0 to plan_total() - 1. */
void plan_damage(const struct plan *plan, uint64_t number, struct damage *ret);
/* Does it to the open file, which is the sample's; and undoes it, when nobody else wrote. */
void damage_apply(const struct plan *plan, const struct damage *damage, int fd);
void damage_undo(const struct plan *plan, const struct damage *damage, int fd);
