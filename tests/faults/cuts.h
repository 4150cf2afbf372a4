/*
 * Where the power is cut, and what of the pending changes happened then: the choices for one moment of a trace.
 *
 * Round 0 is systematic: nothing, everything, everything but one, only one; and each write torn: in its sectors of 512 bytes at
 * each (or some) of their boundaries and in some subsets of them, and, where it is a small record that is written over in place,
 * at each 8 bytes. The rounds behind it are random: each change happens or not, and some of those that do are torn.
 * The seed, the moment and the round decide, so every image can be made again.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "disk.h"

enum moment {
	MOMENT_BARRIER,		/* just before something becomes durable: all that may be pending together */
	MOMENT_BETWEEN,		/* after a change */
	MOMENT_NOTE,		/* after something was asked or acknowledged, or has become durable */
};

/* Calls each() with the choices of each image; they are its own to read until it returns. */
void cuts_at(enum moment moment, const struct pending *pending, size_t len, uint64_t seed, unsigned round,
	     void (*each)(void *arg, const struct choice *choices, size_t number), void *arg);
