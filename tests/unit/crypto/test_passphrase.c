/* Argon2id: two libraries give the same bytes, and a header cannot make us allocate or wait for what it likes. */
#include "../lib/expect.h"
#include "../records/vectors.h"

#include <argon2.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "crypto/passphrase.h"
#include "vault/limits.h"

#define GIB_KIB (1024u * 1024)

static const struct argon2_cost cheap = { .t = 1, .m_kib = 64, .p = 1 };
static const uint8_t salt[16] = "sixteen bytes...";

static void allow_cheap(bool allow)
{
	if (allow)
		setenv("VAULTD_TEST_KDF", "1", 1);
	else
		unsetenv("VAULTD_TEST_KDF");
}

/* What needs cheap derivation is skipped in a release build, which cannot do it. */
static void allow_cheap_or_skip(void)
{
	if (!VAULT_TEST_KDF)
		skip();
	allow_cheap(true);
}

/* -- derivation ----------------------------------------------------------------- */

static void known_passphrase_gives_its_known_key(void **state)
{
	uint8_t known_salt[16], expected[KEY_LEN];
	struct error err = ERROR_INIT;
	struct secret_key key;

	(void)state;
	allow_cheap_or_skip();
	for (size_t i = 0; i < sizeof(known_salt); i++)
		known_salt[i] = (uint8_t)(0xd0 + i);
	vector_bytes("argon2id_t1_m64", expected, sizeof(expected));
	assert_int_equal(argon2_derive(&cheap, "passphrase", 10, known_salt, &key, &err), ERR_OK);
	assert_memory_equal(key.bytes, expected, KEY_LEN);
}

static void both_libraries_give_the_same_bytes(void **state)
{
	static const size_t lengths[] = { 1, 2, 28, 127, LIMIT_PASSPHRASE_LEN };
	static const struct argon2_cost costs[] = { { 1, 64, 1 }, { 3, 64, 1 }, { 2, 1000, 1 } };
	char passphrase[LIMIT_PASSPHRASE_LEN];

	(void)state;
	allow_cheap_or_skip();
	for (size_t i = 0; i < sizeof(passphrase); i++)
		passphrase[i] = (char)(i * 7);	/* every byte, NUL among them */
	for (size_t i = 0; i < CASES(lengths) * CASES(costs); i++) {
		const struct argon2_cost *cost = &costs[i / CASES(lengths)];
		size_t len = lengths[i % CASES(lengths)];
		struct error err = ERROR_INIT;
		struct secret_key derived;
		uint8_t oracle[KEY_LEN];

		assert_int_equal(argon2_derive(cost, passphrase, len, salt, &derived, &err), ERR_OK);
		assert_int_equal(crypto_pwhash(oracle, sizeof(oracle), passphrase, len, salt, cost->t, (size_t)cost->m_kib * 1024,
					       crypto_pwhash_ALG_ARGON2ID13), 0);
		assert_memory_equal(derived.bytes, oracle, KEY_LEN);
	}
}

static void every_byte_counts(void **state)
{
	struct error err = ERROR_INIT;
	struct secret_key one, other;
	uint8_t another_salt[16];

	(void)state;
	allow_cheap_or_skip();
	memcpy(another_salt, salt, sizeof(salt));
	another_salt[15] ^= 1;
	assert_int_equal(argon2_derive(&cheap, "passphrase", 10, salt, &one, &err), ERR_OK);
	assert_int_equal(argon2_derive(&cheap, "passphrase\n", 11, salt, &other, &err), ERR_OK);
	assert_memory_not_equal(one.bytes, other.bytes, KEY_LEN);
	assert_int_equal(argon2_derive(&cheap, "passphrase", 10, another_salt, &other, &err), ERR_OK);
	assert_memory_not_equal(one.bytes, other.bytes, KEY_LEN);
}

static void length_of_a_passphrase(void **state)
{
	char passphrase[LIMIT_PASSPHRASE_LEN + 1];
	struct error err = ERROR_INIT;
	struct secret_key key = { { 0 } };

	(void)state;
	allow_cheap_or_skip();
	memset(passphrase, 'x', sizeof(passphrase));
	assert_fails(argon2_derive(&cheap, passphrase, 0, salt, &key, &err), &err, ERR_INVALID);
	assert_fails(argon2_derive(&cheap, passphrase, LIMIT_PASSPHRASE_LEN + 1, salt, &key, &err), &err, ERR_INVALID);
	assert_true(sodium_is_zero(key.bytes, KEY_LEN));
	assert_null(strstr(err.text, "xx"));
	error_clear(&err);
	assert_int_equal(argon2_derive(&cheap, passphrase, LIMIT_PASSPHRASE_LEN, salt, &key, &err), ERR_OK);
}

/* -- what a header may ask for ---------------------------------------------------- */

static long peak_kib(void)
{
	char line[256];
	long peak = -1;
	FILE *file = fopen("/proc/self/status", "re");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "VmPeak: %ld", &peak) == 1)
			break;
	fclose(file);
	assert_true(peak > 0);
	return peak;
}

static void costs_out_of_bounds_allocate_nothing(void **state)
{
	static const struct argon2_cost refused[] = {
		{ .t = 3, .m_kib = 65536, .p = 4 }, { .t = 3, .m_kib = 65536, .p = 0 }, { .t = 3, .m_kib = 65536, .p = 2 },
		{ .t = 3, .m_kib = 64 * GIB_KIB, .p = 1 }, { .t = 3, .m_kib = UINT32_MAX, .p = 1 },
		{ .t = 3, .m_kib = 2 * GIB_KIB + 1, .p = 1 }, { .t = UINT32_C(1) << 31, .m_kib = 65536, .p = 1 },
		{ .t = UINT32_MAX, .m_kib = UINT32_MAX, .p = UINT32_MAX }, { .t = 65, .m_kib = 65536, .p = 1 },
		{ .t = 9, .m_kib = 2 * GIB_KIB, .p = 1 },	/* t * m is one step over 2^24 */
		{ .t = 64, .m_kib = 262145, .p = 1 }, { .t = 0, .m_kib = 65536, .p = 1 }, { .t = 3, .m_kib = 0, .p = 1 },
	};

	(void)state;
	for (int allowed = 0; allowed < 2; allowed++) {
		allow_cheap(allowed);
		for (size_t i = 0; i < CASES(refused); i++) {
			struct error err = ERROR_INIT;
			struct secret_key key = { { 0 } };
			long before = peak_kib();

			assert_fails(argon2_cost_check(&refused[i], &err), &err, ERR_INVALID);
			assert_null(strstr(err.text, "memory limit"));
			assert_fails(argon2_derive(&refused[i], "passphrase", 10, salt, &key, &err), &err, ERR_INVALID);
			assert_true(sodium_is_zero(key.bytes, KEY_LEN));
			assert_true(peak_kib() - before < 1024);
		}
	}
	allow_cheap(true);
}

/* The largest that are allowed; only a machine with less memory may say no, and then says so. */
static void costs_at_the_bounds_are_allowed(void **state)
{
	static const struct argon2_cost allowed[] = {
		{ .t = 3, .m_kib = 65536, .p = 1 }, { .t = 64, .m_kib = 65536, .p = 1 }, { .t = 64, .m_kib = 262144, .p = 1 },
		{ .t = 8, .m_kib = 2 * GIB_KIB, .p = 1 },
	};

	(void)state;
	allow_cheap(false);
	for (size_t i = 0; i < CASES(allowed); i++) {
		struct error err = ERROR_INIT;

		if (argon2_cost_check(&allowed[i], &err) != ERR_OK)
			assert_non_null(strstr(err.text, "memory limit"));
	}
	allow_cheap(true);
}

static void weak_costs_are_refused(void **state)
{
	static const struct argon2_cost weak[] = { { .t = 2, .m_kib = 65536, .p = 1 }, { .t = 3, .m_kib = 65535, .p = 1 },
						   { .t = 1, .m_kib = 64, .p = 1 }, { .t = 64, .m_kib = 64, .p = 1 } };

	(void)state;
	allow_cheap(false);
	for (size_t i = 0; i < CASES(weak); i++) {
		struct error err = ERROR_INIT;
		struct secret_key key;

		assert_fails(argon2_cost_check(&weak[i], &err), &err, ERR_INVALID);
		assert_fails(argon2_derive(&weak[i], "passphrase", 10, salt, &key, &err), &err, ERR_INVALID);
	}
	/* Asking for cheap ones helps only in a build that was made for tests. */
	allow_cheap(true);
	for (size_t i = 0; i < CASES(weak); i++) {
		struct error err = ERROR_INIT;

		assert_int_equal(argon2_cost_check(&weak[i], &err), VAULT_TEST_KDF ? ERR_OK : ERR_INVALID);
	}
	struct error err = ERROR_INIT;
	assert_fails(argon2_cost_check(&(struct argon2_cost){ .t = 1, .m_kib = ARGON2_MIN_MEMORY - 1, .p = 1 }, &err), &err,
		     ERR_INVALID);
}

/* In a child, because a limit of the address space cannot be taken back. */
static int child_with_little_memory(void)
{
	struct rlimit limit = { .rlim_cur = 400u << 20, .rlim_max = 400u << 20 };
	struct error err = ERROR_INIT;
	struct argon2_cost over = { .t = 3, .m_kib = 200 * 1024 + 1, .p = 1 }, fits = { .t = 3, .m_kib = 200 * 1024, .p = 1 };
	struct secret_key key;

	if (setrlimit(RLIMIT_AS, &limit) != 0)
		return 1;
	if (argon2_cost_check(&over, &err) != ERR_INVALID || !strstr(err.text, "memory limit"))
		return 2;
	error_clear(&err);
	if (argon2_cost_check(&fits, &err) != ERR_OK)
		return 3;
	if (argon2_derive(&over, "passphrase", 10, salt, &key, &err) != ERR_INVALID)
		return 4;
	return 0;
}

static void half_of_the_memory_limit_is_the_most(void **state)
{
	int status;

	(void)state;
#if defined(__SANITIZE_ADDRESS__)
	skip();	/* the sanitizer's own mappings are larger than any such limit */
#endif
	allow_cheap(false);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(child_with_little_memory());
	assert_int_equal(waitpid(child, &status, 0), child);
	allow_cheap(true);
	assert_int_equal(status, 0);
}

/* -- choosing ------------------------------------------------------------------------ */

static void a_new_slot_costs_what_is_safe(void **state)
{
	struct error err = ERROR_INIT;
	struct argon2_cost cost;

	(void)state;
	allow_cheap(false);
	assert_int_equal(argon2_cost_choose(&cost, &err), ERR_OK);
	assert_int_equal(cost.p, 1);
	assert_true(cost.t >= ARGON2_FLOOR_T);
	assert_true(cost.m_kib >= ARGON2_FLOOR_M_KIB && cost.m_kib <= ARGON2_DEFAULT_M_KIB);
	assert_int_equal(argon2_cost_check(&cost, &err), ERR_OK);
	allow_cheap(true);
	if (VAULT_TEST_KDF) {
		assert_int_equal(argon2_cost_choose(&cost, &err), ERR_OK);
		assert_int_equal(cost.t, 1);
		assert_int_equal(cost.m_kib, 64);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(known_passphrase_gives_its_known_key),
		cmocka_unit_test(both_libraries_give_the_same_bytes),
		cmocka_unit_test(every_byte_counts),
		cmocka_unit_test(length_of_a_passphrase),
		cmocka_unit_test(costs_out_of_bounds_allocate_nothing),
		cmocka_unit_test(costs_at_the_bounds_are_allowed),
		cmocka_unit_test(weak_costs_are_refused),
		cmocka_unit_test(half_of_the_memory_limit_is_the_most),
		cmocka_unit_test(a_new_slot_costs_what_is_safe),
	};

	if (sodium_init() < 0)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
