/* Any text as a share, and any bytes as several: refused with a sentence, or what was made from them gives them back. */
#include <sodium.h>
#include <string.h>

#include "crypto/shares.h"
#include "fuzz_expect.h"
#include "vault/limits.h"

static void try_text(const char *text, size_t len)
{
	struct error err = ERROR_INIT;
	struct share_info info;
	uint8_t share[SHARE_LEN], again[SHARE_LEN];
	char canonical[SHARE_TEXT_LEN + 1];
	enum error_code code = share_parse(text, len, share, &err);

	fuzz_expect(code == ERR_OK || (code == ERR_INVALID && err.text[0] != '\0'));
	if (code != ERR_OK)
		return;
	fuzz_expect(share_read(share, &info, &err) == ERR_OK);
	fuzz_expect(info.number >= 1 && info.number <= LIMIT_SHARES && info.threshold >= 1 && info.threshold <= LIMIT_SHARES);
	share_text(share, canonical);
	fuzz_expect(share_parse(canonical, strlen(canonical), again, &err) == ERR_OK);
	fuzz_expect(memcmp(share, again, SHARE_LEN) == 0);
}

static void try_bytes(const uint8_t *data, size_t len)
{
	struct error err = ERROR_INIT;
	struct secret_key secret;
	enum error_code code = shares_combine(data, len / SHARE_LEN, &secret, &err);

	fuzz_expect(code == ERR_OK || (code == ERR_INVALID && err.text[0] != '\0'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	try_text((const char *)data, len);
	try_bytes(data, len);
	return 0;
}
