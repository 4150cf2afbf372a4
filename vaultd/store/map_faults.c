#include "store/map_faults.h"

#include <link.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <ucontext.h>

#include "store/engine.h"

static const char *const sentences[MAP_FAULT_COUNT] = {
	[MAP_FAULT_CUT_OFF] = "a page of vault.db is not there any more: the file was cut off while it was open, or its disk does not "
			      "read it",
	[MAP_FAULT_INSIDE] = "LMDB was led astray while it read vault.db: the file was damaged while it was open",
	[MAP_FAULT_ASSERTION] = "LMDB met what cannot be in vault.db: the file was damaged while it was open",
};

/* Written before the handler is there, read-only from then on. */
static struct {
	void (*end)(enum map_fault fault, const char *text, const char *detail);
	uintptr_t base, code, code_end;	/* of LMDB; all 0 when it is a part of the program */
} faults;

/* The map of vault.db that was opened last. A daemon has one. */
static struct {
	atomic_bool is_open;
	atomic_uintptr_t begin;		/* 0: not known, because there was no record yet */
	atomic_size_t size;
} map;

struct object {
	uintptr_t of, other;		/* an address in LMDB, and one of our own */
	uintptr_t base, code, code_end;
};

static bool is_within(uintptr_t address, uintptr_t begin, uintptr_t end)
{
	return address >= begin && address < end;
}

/* dl_iterate_phdr() calls this for each object in memory, until it returns something else than 0. */
static int look_at_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct object *object = arg;

	(void)size;
	for (size_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *part = &info->dlpi_phdr[i];
		const uintptr_t begin = info->dlpi_addr + part->p_vaddr, end = begin + part->p_memsz;

		if (part->p_type != PT_LOAD || !is_within(object->of, begin, end))
			continue;
		if (!is_within(object->other, begin, end)) {
			object->base = info->dlpi_addr;
			object->code = begin;
			object->code_end = end;
		}
		return 1;
	}
	return 0;
}

static uintptr_t program_counter(const void *context)
{
#if defined(__x86_64__)
	return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
	return (uintptr_t)((const ucontext_t *)context)->uc_mcontext.pc;
#else
	(void)context;
	return 0;
#endif
}

#define PLACE_MAX 32

/* "liblmdb+0x3a1c", so that a mistake of ours, should it look like damage, can be found. */
static void name_place(uintptr_t address, char ret[static PLACE_MAX])
{
	static const char digits[] = "0123456789abcdef", name[] = "liblmdb+0x";
	unsigned shift = 8 * sizeof(address);
	size_t len = sizeof(name) - 1;

	memcpy(ret, name, len);
	while (shift > 4 && address >> (shift - 4) == 0)
		shift -= 4;
	for (; shift > 0; shift -= 4)
		ret[len++] = digits[address >> (shift - 4) & 15];
	ret[len] = '\0';
}

/* "page 17" */
static void name_page(uint64_t page, char ret[static PLACE_MAX])
{
	char digits[20];
	size_t len = 0, at = sizeof("page ") - 1;

	memcpy(ret, "page ", at);
	do
		digits[len++] = (char)('0' + page % 10);
	while ((page /= 10) > 0);
	while (len > 0)
		ret[at++] = digits[--len];
	ret[at] = '\0';
}

/* Whether a page that is not there is one of vault.db's; its name as far as it is known. */
static bool is_in_map(uintptr_t address, char place[static PLACE_MAX])
{
	const uintptr_t begin = atomic_load(&map.begin);

	place[0] = '\0';
	if (!atomic_load(&map.is_open))
		return false;
	if (begin == 0)
		return true;
	if (!is_within(address, begin, begin + atomic_load(&map.size)))
		return false;
	name_page((address - begin) / STORE_PAGE, place);
	return true;
}

static void on_fault(int number, siginfo_t *info, void *context)
{
	const struct sigaction none = { .sa_handler = SIG_DFL };
	const uintptr_t at = program_counter(context);
	char place[PLACE_MAX];

	if (number == SIGBUS && info->si_code == BUS_ADRERR && is_in_map((uintptr_t)info->si_addr, place))
		faults.end(MAP_FAULT_CUT_OFF, sentences[MAP_FAULT_CUT_OFF], place);
	if (number == SIGSEGV && info->si_code > 0 && is_within(at, faults.code, faults.code_end)) {
		name_place(at - faults.base, place);
		faults.end(MAP_FAULT_INSIDE, sentences[MAP_FAULT_INSIDE], place);
	}
	/* Not ours. The instruction runs again and faults again; a signal that somebody sent has to be sent again. */
	(void)sigaction(number, &none, NULL);
	if (info->si_code <= 0)
		(void)raise(number);
}

static void on_assertion(MDB_env *env, const char *what)
{
	(void)env;
	faults.end(MAP_FAULT_ASSERTION, sentences[MAP_FAULT_ASSERTION], what);
}

void map_faults_start(void (*end)(enum map_fault fault, const char *text, const char *detail))
{
	struct sigaction action = { .sa_sigaction = on_fault, .sa_flags = SA_SIGINFO };
	struct object object = { .of = (uintptr_t)mdb_env_create, .other = (uintptr_t)map_faults_start };

	(void)dl_iterate_phdr(look_at_object, &object);
	faults.end = end;
	faults.base = object.base;
	faults.code = object.code;
	faults.code_end = object.code_end;
	(void)sigemptyset(&action.sa_mask);
	(void)sigaction(SIGBUS, &action, NULL);
	(void)sigaction(SIGSEGV, &action, NULL);
}

/* Where page 0 is: LMDB does not tell, but each page knows its number. A value is in its leaf, or behind the head of pages of its own. */
static uintptr_t first_page(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_cursor *cursor;
	MDB_val key, value;
	uintptr_t begin = 0;
	uint64_t number;

	if (mdb_cursor_open(txn, dbi, &cursor) != 0)
		return 0;
	if (mdb_cursor_get(cursor, &key, &value, MDB_FIRST) == 0) {
		begin = (uintptr_t)key.mv_data & ~(uintptr_t)(STORE_PAGE - 1);
		memcpy(&number, (const void *)begin, sizeof(number));
		begin -= number * STORE_PAGE;
	}
	mdb_cursor_close(cursor);
	return begin;
}

void map_faults_expect(void)
{
	atomic_store(&map.begin, 0);
	atomic_store(&map.is_open, true);
}

void map_faults_add(MDB_txn *txn, MDB_dbi dbi)
{
	MDB_envinfo info;

	if (mdb_env_info(mdb_txn_env(txn), &info) != 0)
		return;
	const uintptr_t begin = first_page(txn, dbi);

	atomic_store(&map.size, info.me_mapsize);
	atomic_store(&map.begin, begin);
	atomic_store(&map.is_open, true);
}

void map_faults_remove(void)
{
	atomic_store(&map.is_open, false);
}

int map_faults_watch(MDB_env *env)
{
	return faults.end ? mdb_env_set_assert(env, on_assertion) : 0;
}
