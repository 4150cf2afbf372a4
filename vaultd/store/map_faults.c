#include "store/map_faults.h"

#include <link.h>
#include <signal.h>
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

static void on_fault(int number, siginfo_t *info, void *context)
{
	const struct sigaction none = { .sa_handler = SIG_DFL };
	const uintptr_t at = program_counter(context);
	char place[PLACE_MAX];

	if (number == SIGBUS && info->si_code == BUS_ADRERR)
		faults.end(MAP_FAULT_CUT_OFF, sentences[MAP_FAULT_CUT_OFF], "");
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

int map_faults_watch(MDB_env *env)
{
	return faults.end ? mdb_env_set_assert(env, on_assertion) : 0;
}
