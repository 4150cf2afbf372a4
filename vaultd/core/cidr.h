/*
 * Blocks of network addresses that a token is bound to. Pure functions.
 *
 * Every address has 16 bytes; one of IPv4 stands as ::ffff:a.b.c.d, so that it
 * is the same whichever family the listener has.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ADDRESS_LEN 16
#define CIDR_TEXT_MAX 64

struct cidr {
	uint8_t address[ADDRESS_LEN];	/* bits behind the prefix are 0 */
	uint8_t bits;			/* 0 to 128 */
};

/* "10.0.0.0/8", "fd00::/8", or one address. Bits behind the prefix are dropped. */
bool cidr_parse(const char *text, size_t len, struct cidr *ret);
/* The one form that is stored and shown: without "/32" or "/128" for one address. */
void cidr_format(const struct cidr *cidr, char ret[static CIDR_TEXT_MAX]);
bool cidr_holds(const struct cidr *cidr, const uint8_t address[static ADDRESS_LEN]);
/* Every address of the one is in the other. */
bool cidr_within(const struct cidr *cidr, const struct cidr *other);
