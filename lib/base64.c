#include "vault/base64.h"

#include <sodium.h>

bool base64_read(const char *text, size_t len, const char *ignored, int variant, uint8_t *ret, size_t max, size_t *ret_len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] >= 0x80)
			return false;
	return sodium_base642bin(ret, max, text, len, ignored, ret_len, NULL, variant) == 0;
}
