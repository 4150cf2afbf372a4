/*
 * Makes allocations of the whole process fail, in a daemon that was started with LD_PRELOAD; fault_control.h says how it is told.
 *
 * Every function that hands out memory is taken but realloc() and free(): those are the program's own (wiping_memory.h), and its
 * realloc() asks malloc() when it needs another block. Where they are the C library's or a sanitizer's, realloc() is taken by
 * name as well, which is without effect otherwise: the program's definition comes first.
 *
 * Two libraries of a start do not stand it. libseccomp 2.5.4 crashes, or does not return, when memory is missing in seccomp_load():
 * what that call allocates is not counted. libconfuse 3.3 crashes or ends the process when it is missing for the configuration: from
 * cfg_init() to cfg_free() `inside` is 1.
 *
 * With FAULT_BACKTRACE in the environment each failure writes its stack to standard error.
 */
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fault_control.h"

static struct fault_control *control;
static bool tells;
static _Thread_local bool spared;	/* in seccomp_load() */

#define LOST_BYTES 1000
static void *volatile lost[16];
static _Atomic unsigned lost_len;

static void *(*next_malloc)(size_t);
static void *(*next_calloc)(size_t, size_t);
static void *(*next_realloc)(void *, size_t);
static void *(*next_aligned_alloc)(size_t, size_t);
static int (*next_posix_memalign)(void **, size_t, size_t);

static void find(const char *name, void *ret)
{
	void *found = dlsym(RTLD_NEXT, name);

	if (!found)
		abort();
	memcpy(ret, &found, sizeof(found));
}

/* The dynamic linker allocates before any constructor runs. */
static void find_all(void)
{
	if (next_posix_memalign)
		return;
	find("malloc", &next_malloc);
	find("calloc", &next_calloc);
	find("realloc", &next_realloc);
	find("aligned_alloc", &next_aligned_alloc);
	find("posix_memalign", &next_posix_memalign);
}

__attribute__((constructor)) static void begin(void)
{
	void *frame[1];

	find_all();
	tells = getenv("FAULT_BACKTRACE") != NULL;
	/* Loads what it needs, before a sandbox closes. */
	if (tells)
		(void)backtrace(frame, 1);
	control = fault_control_map();
}

/* Where it was that an allocation failed, for whoever looks into a finding. */
static void tell_who(void)
{
	void *frames[24];

	if (tells)
		backtrace_symbols_fd(frames, backtrace(frames, 24), STDERR_FILENO);
}

/* Whether this allocation fails; errno is set then. */
static bool fails(void)
{
	find_all();
	if (control && atomic_exchange(&control->measure, 0) == 1)
		atomic_store(&control->bytes, (uint32_t)mallinfo2().uordblks + (uint32_t)mallinfo2().hblkhd);
	if (spared || !fault_strikes(control, FAULT_MEMORY))
		return false;
	/* The planted bug of this library: a block that nobody gives back. */
	if (atomic_load(&control->kind) == FAULT_DROPPED) {
		lost[lost_len++ % (sizeof(lost) / sizeof(lost[0]))] = next_malloc(LOST_BYTES);
		return false;
	}
	tell_who();
	errno = ENOMEM;
	return true;
}

void *malloc(size_t size)
{
	return fails() ? NULL : next_malloc(size);
}

void *calloc(size_t count, size_t size)
{
	return fails() ? NULL : next_calloc(count, size);
}

void *realloc(void *block, size_t size)
{
	return fails() ? NULL : next_realloc(block, size);
}

void *aligned_alloc(size_t alignment, size_t size)
{
	return fails() ? NULL : next_aligned_alloc(alignment, size);
}

int posix_memalign(void **ret, size_t alignment, size_t size)
{
	return fails() ? ENOMEM : next_posix_memalign(ret, alignment, size);
}

/* -- libraries that do not stand it ---------------------------------------------------------------- */

/* Their own prototypes, without their headers: this library is not linked with them. */
int seccomp_load(const void *filter);
void *cfg_init(void *options, int flags);
int cfg_free(void *cfg);

int seccomp_load(const void *filter)
{
	int (*next)(const void *);
	int rc;

	find("seccomp_load", &next);
	spared = true;
	rc = next(filter);
	spared = false;
	return rc;
}

static const void *configuration;

static void set_inside(uint32_t inside)
{
	if (control)
		atomic_store(&control->inside, inside);
}

/* It says nothing of a section whose options it has lost, and what is asked of that afterwards follows what is not there. */
void *cfg_init(void *options, int flags)
{
	void *(*next)(void *, int);

	find("cfg_init", &next);
	set_inside(1);
	void *const cfg = next(options, flags);
	configuration = cfg;
	set_inside(cfg != NULL);
	return cfg;
}

int cfg_free(void *cfg)
{
	int (*next)(void *);
	int rc;

	find("cfg_free", &next);
	rc = next(cfg);
	/* It calls itself for each section. */
	if (cfg == configuration)
		set_inside(0);
	return rc;
}
