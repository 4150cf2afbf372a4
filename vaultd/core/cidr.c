#include "core/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define IPV4_BITS 96	/* before the last four bytes */

static const uint8_t ipv4_prefix[12] = { [10] = 0xff, [11] = 0xff };

/* Decimal, without sign or leading zeros. */
static bool parse_bits(const char *text, unsigned max, unsigned *ret)
{
	unsigned value = 0;

	if (text[0] == '\0' || strlen(text) > 3 || strspn(text, "0123456789") != strlen(text) || (text[0] == '0' && text[1] != '\0'))
		return false;
	for (; *text; text++)
		value = value * 10 + (unsigned)(*text - '0');
	*ret = value;
	return value <= max;
}

static void mask(struct cidr *cidr)
{
	for (unsigned i = 0; i < ADDRESS_LEN; i++) {
		unsigned kept = cidr->bits > 8 * i ? cidr->bits - 8 * i : 0;

		if (kept < 8)
			cidr->address[i] &= (uint8_t)(0xff00u >> kept);
	}
}

bool cidr_parse(const char *text, size_t len, struct cidr *ret)
{
	struct cidr cidr = { .bits = 128 };
	char copy[CIDR_TEXT_MAX];
	unsigned bits, max = 128;
	char *slash;

	if (len == 0 || len >= sizeof(copy) || memchr(text, '\0', len))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	slash = strchr(copy, '/');
	if (slash)
		*slash = '\0';
	if (inet_pton(AF_INET, copy, cidr.address + 12) == 1) {
		memcpy(cidr.address, ipv4_prefix, sizeof(ipv4_prefix));
		max = 32;
	} else if (inet_pton(AF_INET6, copy, cidr.address) != 1) {
		return false;
	}
	bits = max;
	if (slash && !parse_bits(slash + 1, max, &bits))
		return false;
	cidr.bits = (uint8_t)(max == 32 ? IPV4_BITS + bits : bits);
	mask(&cidr);
	*ret = cidr;
	return true;
}

void cidr_format(const struct cidr *cidr, char ret[static CIDR_TEXT_MAX])
{
	bool ipv4 = cidr->bits >= IPV4_BITS && memcmp(cidr->address, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
	unsigned bits = ipv4 ? cidr->bits - IPV4_BITS : cidr->bits;
	char address[INET6_ADDRSTRLEN] = "";

	if (ipv4)
		inet_ntop(AF_INET, cidr->address + 12, address, sizeof(address));
	else
		inet_ntop(AF_INET6, cidr->address, address, sizeof(address));
	if (bits == (ipv4 ? 32u : 128u))
		snprintf(ret, CIDR_TEXT_MAX, "%s", address);
	else
		snprintf(ret, CIDR_TEXT_MAX, "%s/%u", address, bits);
}

bool cidr_holds(const struct cidr *cidr, const uint8_t address[static ADDRESS_LEN])
{
	struct cidr masked = { .bits = cidr->bits };

	memcpy(masked.address, address, ADDRESS_LEN);
	mask(&masked);
	return memcmp(masked.address, cidr->address, ADDRESS_LEN) == 0;
}

bool cidr_within(const struct cidr *cidr, const struct cidr *other)
{
	return cidr->bits >= other->bits && cidr_holds(other, cidr->address);
}
