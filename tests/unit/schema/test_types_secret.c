/*
 * What values say of themselves: when they end, and how easily they are guessed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "schema/types.h"

/* Self-signed; made once with "openssl req -x509 -newkey ed25519 -nodes -subj /CN=a -days ...". */
#define EARLY 1796768805
#define LATE 2055104805
static const char early[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBLDCB36ADAgECAhR5gzoI0a6IVLPtg9iCQ7dEgL2nVjAFBgMrZXAwDDEKMAgG\n"
	"A1UEAwwBYTAeFw0yNjExMjgyMjI2NDVaFw0yNjEyMDgyMjI2NDVaMAwxCjAIBgNV\n"
	"BAMMAWEwKjAFBgMrZXADIQDwcCezL5qbRz59JrX0ARYKMs1csHvjGNeRaUWXbR+S\n"
	"GqNTMFEwHQYDVR0OBBYEFM5STophOVm5y+xXAzqYN5aHGwphMB8GA1UdIwQYMBaA\n"
	"FM5STophOVm5y+xXAzqYN5aHGwphMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA\n"
	"7KGd/LXSgX488ZpTPO+SAduSQjNuBEswiYCwLjDTU/gDtDMG+OqgM08Rm8w+54gz\n"
	"/rSrEMx5UoV8zM6HaWeJBw==\n"
	"-----END CERTIFICATE-----\n";
static const char late[] =
	"-----BEGIN CERTIFICATE-----\n"
	"MIIBLDCB36ADAgECAhRRscba5dIs4Fzi/vAXFo4NMDUoLDAFBgMrZXAwDDEKMAgG\n"
	"A1UEAwwBYTAeFw0yNjExMjgyMjI2NDVaFw0zNTAyMTQyMjI2NDVaMAwxCjAIBgNV\n"
	"BAMMAWEwKjAFBgMrZXADIQAjdLFGUXyUnk4JWrE7gFlRbxyRmFHtfqu45hpHUQr3\n"
	"qqNTMFEwHQYDVR0OBBYEFDFyG7PnLrrOCegIGIW63mYwzlTVMB8GA1UdIwQYMBaA\n"
	"FDFyG7PnLrrOCegIGIW63mYwzlTVMA8GA1UdEwEB/wQFMAMBAf8wBQYDK2VwA0EA\n"
	"Q7MsWWk9EZyk6pwU+lHzL+s8ifxkEjUZIlp/01HnN96R+j/L46yGzKahMytdmtol\n"
	"P+7OVBzZ7U80SiGKwaxaDg==\n"
	"-----END CERTIFICATE-----\n";

static void expires(const char *value, int64_t when, const char *what)
{
	const char *is = NULL;
	int64_t at = 0;

	assert_true(value_expiry(value, strlen(value), &at, &is));
	assert_int_equal(at, when);
	assert_string_equal(is, what);
}

static void certificates_end(void **state)
{
	char chain[4096], broken[1024];

	(void)state;
	expires(early, EARLY, "the certificate");
	expires(late, LATE, "the certificate");
	/* Of a chain the first that ends counts, and words between do not matter. */
	snprintf(chain, sizeof(chain), "subject=a\n%s\nissuer=b\n%s", late, early);
	expires(chain, EARLY, "the certificate");
	snprintf(broken, sizeof(broken), "%s", early);
	memcpy(strstr(broken, "\nMI") + 1, "xx", 2);
	snprintf(chain, sizeof(chain), "%s\n%s", broken, late);
	expires(chain, LATE, "the certificate");
}

/* {"alg":"none"} and a payload. */
#define HEAD "eyJhbGciOiJub25lIn0."

static void tokens_end(void **state)
{
	(void)state;
	expires(HEAD "eyJleHAiOjE3MDAwMDAwMDB9.c2ln", 1700000000, "the JWT");		/* {"exp":1700000000} */
	expires(HEAD "eyJleHAiOjE3MDAwMDAwMDAuNX0.", 1700000000, "the JWT");		/* {"exp":1700000000.5} */
	expires(HEAD "eyJhIjp7ImV4cCI6MX0sImV4cCI6NX0.", 5, "the JWT");		/* {"a":{"exp":1},"exp":5} */
}

static void all_else_does_not_end(void **state)
{
	static const char *const values[] = {
		"", "x", "eyJ", "eyJhbGciOiJub25lIn0", HEAD, HEAD ".", HEAD "e30.x", HEAD "bm8.x", HEAD "W10.x", HEAD "****.x",
		HEAD "eyJleHAiOiJzb29uIn0.x", /* {"exp":"soon"} */
		"-----BEGIN CERTIFICATE-----", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "-----END CERTIFICATE----------BEGIN CERTIFICATE-----",
	};
	const char *what;
	int64_t at;

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (value_expiry(values[i], strlen(values[i]), &at, &what))
			fail_msg("%s ends", values[i]);
}

static void entropy_is_a_rough_lower_bound(void **state)
{
	static const struct {
		const char *value;
		unsigned least, most;
	} rows[] = {
		{ "", 0, 0 },
		{ "a", 0, 5 },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 0, 5 },
		{ "abababababababababababab", 0, 12 },
		{ "abcdefghijklmnopqrstuvwxyz", 0, 24 },
		{ "1234567890", 0, 14 },
		{ "password", 20, 40 },
		/* openssl rand -hex 16, -hex 32, -base64 24, -base64 32; a UUID of version 4; ten letters and digits */
		{ "6f1ed002ab5595859014ebf0951522d9", 120, 128 },
		{ "c1b2a53b4a8e9a9d1cba73da4f4bc1feabbc4c9ab28a3dd48f2e8f0a2cd5f6e1", 240, 256 },
		{ "nNFmSvWoVCE1mBJgHq8L0pZ3yXkTq7cd", 180, 200 },
		{ "m0QkJ6rVn2hY8sXwZ5tLbU1oC9dGfE3aRiPvK7yNqTg=", 245, 270 },
		{ "123e4567-e89b-42d3-a456-426614174000", 90, 160 },
		{ "k3Vq9Zt1Lp", 45, 62 },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		unsigned bits = value_entropy_bits(rows[i].value, strlen(rows[i].value));

		if (bits < rows[i].least || bits > rows[i].most)
			fail_msg("%s: %u bits", rows[i].value, bits);
	}
}

/* Values of 16 random bytes are worth about 128 bits, whatever they are. */
static void random_hexadecimal_keeps_its_worth(void **state)
{
	uint64_t seed = 88172645463325252u;
	unsigned low = 0;

	(void)state;
	for (unsigned i = 0; i < 1000; i++) {
		char value[33];

		for (unsigned j = 0; j < 32; j++) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			value[j] = "0123456789abcdef"[seed % 16];
		}
		value[32] = '\0';
		low += value_entropy_bits(value, 32) < 128;
		assert_true(value_entropy_bits(value, 32) >= 112);
	}
	assert_true(low < 50);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificates_end),
		cmocka_unit_test(tokens_end),
		cmocka_unit_test(all_else_does_not_end),
		cmocka_unit_test(entropy_is_a_rough_lower_bound),
		cmocka_unit_test(random_hexadecimal_keeps_its_worth),
	};

	return cmocka_run_group_tests_name("types_secret", tests, NULL, NULL);
}
