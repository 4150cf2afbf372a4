#include "crypto/passphrase.h"

#include <argon2.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>

#include "vault/limits.h"

#define MAX_M_KIB 2097152
#define MAX_T 64
#define MAX_M_TIMES_T 16777216
#define SALT_LEN 16
#define TARGET_NS INT64_C(1000000000)

static pthread_mutex_t one_at_a_time = PTHREAD_MUTEX_INITIALIZER;

/* Cheap derivation needs both a build that knows it and a process that asks for it. */
static bool test_cost_allowed(void)
{
	return VAULT_TEST_KDF && secure_getenv("VAULTD_TEST_KDF") != NULL;
}

static uint64_t read_limit(const char *path)
{
	unsigned long long limit = UINT64_MAX;
	FILE *file = fopen(path, "re");

	if (!file)
		return UINT64_MAX;
	if (fscanf(file, "%llu", &limit) != 1)	/* "max" */
		limit = UINT64_MAX;
	fclose(file);
	return limit;
}

/* The least memory.max of our control group and of those above it; none that we cannot read. */
static uint64_t cgroup_limit(void)
{
	char line[1024], path[1280];
	uint64_t least = UINT64_MAX;
	FILE *file = fopen("/proc/self/cgroup", "re");

	if (!file)
		return UINT64_MAX;
	bool found = false;
	while (!found && fgets(line, sizeof(line), file))
		found = strncmp(line, "0::/", 4) == 0;
	fclose(file);
	if (!found)
		return UINT64_MAX;
	char *group = line + 3;
	group[strcspn(group, "\n")] = '\0';
	for (;;) {
		snprintf(path, sizeof(path), "/sys/fs/cgroup%s/memory.max", group);
		uint64_t limit = read_limit(path);
		least = limit < least ? limit : least;
		char *last = strrchr(group, '/');
		if (!last)
			return least;
		*last = '\0';
	}
}

/* Half of what this process may have. */
static uint64_t memory_allowance_kib(void)
{
	uint64_t least = cgroup_limit();
	struct rlimit space;

	if (getrlimit(RLIMIT_AS, &space) == 0 && space.rlim_cur != RLIM_INFINITY && space.rlim_cur < least)
		least = space.rlim_cur;
	return least / 2 / 1024;
}

enum error_code argon2_cost_check(const struct argon2_cost *cost, struct error *err)
{
	uint32_t floor_m = test_cost_allowed() ? ARGON2_MIN_MEMORY : ARGON2_FLOOR_M_KIB;
	uint32_t floor_t = test_cost_allowed() ? ARGON2_MIN_TIME : ARGON2_FLOOR_T;

	if (cost->p != 1)
		return error_set(err, ERR_INVALID, "the cost of Argon2id has p = %u; only p = 1 is used", cost->p);
	if (cost->m_kib > MAX_M_KIB || cost->t > MAX_T || (uint64_t)cost->m_kib * cost->t > MAX_M_TIMES_T)
		return error_set(err, ERR_INVALID, "the cost of Argon2id (t = %u, m = %u KiB) is over the limit of t = %d, m = %d"
				 " KiB, t * m = %d", cost->t, cost->m_kib, MAX_T, MAX_M_KIB, MAX_M_TIMES_T);
	if (cost->m_kib < floor_m || cost->t < floor_t)
		return error_set(err, ERR_INVALID, "the cost of Argon2id (t = %u, m = %u KiB) is below the least that is safe (t ="
				 " %u, m = %u KiB)", cost->t, cost->m_kib, floor_t, floor_m);
	uint64_t allowance = memory_allowance_kib();
	if (cost->m_kib > allowance)
		return error_set(err, ERR_INVALID, "Argon2id needs %u KiB, which is over half of the memory limit of this process"
				 " (%llu KiB): raise MemoryMax= or the address space limit", cost->m_kib,
				 (unsigned long long)allowance * 2);
	return ERR_OK;
}

/* Mapped for the call, so that it leaves with munmap() and never stands in a core dump or in the heap's free lists. */
static int working_memory_map(uint8_t **ret, size_t len)
{
	void *at = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return ARGON2_MEMORY_ALLOCATION_ERROR;
	madvise(at, len, MADV_DONTDUMP);
	*ret = at;
	return 0;
}

static void working_memory_unmap(uint8_t *at, size_t len)
{
	sodium_memzero(at, len);
	munmap(at, len);
}

struct passphrase_copy {
	uint8_t bytes[LIMIT_PASSPHRASE_LEN];
};

static void passphrase_copy_wipe(struct passphrase_copy *copy)
{
	sodium_memzero(copy, sizeof(*copy));
}

static int derive(const struct argon2_cost *cost, const void *passphrase, size_t len, const uint8_t *salt,
		  struct secret_key *ret)
{
	/* libargon2 takes no pointers to const. */
	cleanup_(passphrase_copy_wipe) struct passphrase_copy copy;
	uint8_t salt_copy[SALT_LEN];

	memcpy(copy.bytes, passphrase, len);
	memcpy(salt_copy, salt, SALT_LEN);
	argon2_context context = {
		.out = ret->bytes, .outlen = KEY_LEN,
		.pwd = copy.bytes, .pwdlen = (uint32_t)len,
		.salt = salt_copy, .saltlen = SALT_LEN,
		.t_cost = cost->t, .m_cost = cost->m_kib, .lanes = 1, .threads = 1,
		.version = ARGON2_VERSION_13,
		.allocate_cbk = working_memory_map, .free_cbk = working_memory_unmap,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	pthread_mutex_lock(&one_at_a_time);
	int result = argon2id_ctx(&context);
	pthread_mutex_unlock(&one_at_a_time);
	return result;
}

enum error_code argon2_derive(const struct argon2_cost *cost, const void *passphrase, size_t len,
			      const uint8_t salt[static 16], struct secret_key *ret, struct error *err)
{
	if (len == 0 || len > LIMIT_PASSPHRASE_LEN)
		return error_set(err, ERR_INVALID, "a passphrase has 1 to %d bytes", LIMIT_PASSPHRASE_LEN);
	enum error_code code = argon2_cost_check(cost, err);
	if (code != ERR_OK)
		return code;
	key_scope derived;
	int result = derive(cost, passphrase, len, salt, &derived);
	if (result == ARGON2_MEMORY_ALLOCATION_ERROR)
		return error_set(err, ERR_NO_MEMORY, "no memory for Argon2id: it needs %u KiB", cost->m_kib);
	if (result != ARGON2_OK)
		return error_set(err, ERR_INTERNAL, "Argon2id: %s", argon2_error_message(result));
	*ret = derived;
	return ERR_OK;
}

static int64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static enum error_code measure(const struct argon2_cost *cost, int64_t *ret_ns, struct error *err)
{
	static const uint8_t salt[SALT_LEN];
	key_scope ignored;
	int64_t begin = monotonic_ns();
	enum error_code code = argon2_derive(cost, "cost", 4, salt, &ignored, err);

	*ret_ns = monotonic_ns() - begin;
	return code;
}

/* As much memory as half of the limit holds, but never below the floor. */
static uint32_t affordable_m_kib(void)
{
	uint64_t allowance = memory_allowance_kib();
	uint32_t m_kib = ARGON2_DEFAULT_M_KIB;

	while (m_kib > ARGON2_FLOOR_M_KIB && m_kib > allowance)
		m_kib /= 2;
	return m_kib;
}

enum error_code argon2_cost_choose(struct argon2_cost *ret, struct error *err)
{
	if (test_cost_allowed()) {
		*ret = (struct argon2_cost){ .t = 1, .m_kib = 64, .p = 1 };
		return ERR_OK;
	}
	struct argon2_cost cost = { .t = ARGON2_FLOOR_T, .m_kib = affordable_m_kib(), .p = 1 };
	for (;;) {
		int64_t ns;
		enum error_code code = measure(&cost, &ns, err);
		if (code != ERR_OK)
			return code;
		if (ns >= TARGET_NS || cost.t == MAX_T)
			break;
		int64_t t = (cost.t * TARGET_NS + ns - 1) / (ns > 0 ? ns : 1);	/* rounded up: more than cost.t */
		cost.t = t > MAX_T ? MAX_T : (uint32_t)t;
	}
	*ret = cost;
	return ERR_OK;
}
