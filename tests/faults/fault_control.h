/*
 * What a story and a library in the daemon say to each other while the daemon runs: 32-bit words in a file that both map.
 *
 * The environment variable FAULT_CONTROL names the file (FAULT_CONTROL_LEN bytes, made by the story). It is mapped before
 * main(), so that descriptors that are closed and a sandbox do not matter. The story writes the words below `seen`, and `kind`
 * last: with it the fault is armed. faults.py has the same layout.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FAULT_CONTROL_LEN 65536
#define FAULT_LOG_LEN 8192

enum fault_kind {
	FAULT_OFF,
	FAULT_BEFORE,	/* the call is not made and fails */
	FAULT_SHORT,	/* half of a write is made and counted */
	FAULT_AFTER,	/* the call is made, then it fails: it happened, but nobody is told */
	FAULT_DROPPED,	/* the call is not made and succeeds: a planted bug, which a harness must find */
	FAULT_COUNT,	/* nothing fails; calls are counted and logged */
};

/* Classes of calls, and bits of `classes`. */
enum fault_class {
	FAULT_WRITE,	/* write, pwrite, writev, pwritev */
	FAULT_SYNC,	/* fsync, fdatasync */
	FAULT_SIZE,	/* ftruncate, fallocate */
	FAULT_RENAME,
	FAULT_UNLINK,	/* unlink, rmdir */
	FAULT_CREATE,	/* open with O_CREAT, mkdir */
	FAULT_MEMORY,	/* malloc and its like */
};

struct fault_control {
	_Atomic uint32_t loaded;	/* 1: the library has mapped it */
	_Atomic uint32_t kind;
	_Atomic uint32_t error;		/* an errno */
	_Atomic uint32_t first;		/* number of the first call that fails, from 1 */
	_Atomic uint32_t times;		/* so many fail, 0: all that follow */
	_Atomic uint32_t classes;	/* bits: which calls are counted */
	_Atomic uint32_t seen;		/* calls that were counted */
	_Atomic uint32_t fired;		/* calls that failed */
	_Atomic uint32_t measure;	/* 1: the next allocation fills `bytes` and sets this to 0 */
	_Atomic uint32_t bytes;		/* that malloc has handed out and not got back */
	_Atomic uint32_t last_class;	/* of the call that failed last */
	_Atomic uint32_t inside;	/* in a library that does not stand it when memory is missing: see failing_memory.c */
	uint32_t spare[4];
	_Atomic uint8_t log[FAULT_LOG_LEN];	/* classes of the first calls that were counted */
};

/* NULL when no story asks for faults. */
struct fault_control *fault_control_map(void);

/* Counts a call; whether it is one that fails. */
static inline bool fault_strikes(struct fault_control *control, enum fault_class class)
{
	const uint32_t kind = control ? atomic_load(&control->kind) : FAULT_OFF;

	if (kind == FAULT_OFF || !(atomic_load(&control->classes) & (1u << class)))
		return false;
	const uint32_t number = atomic_fetch_add(&control->seen, 1) + 1;
	const uint32_t first = atomic_load(&control->first), times = atomic_load(&control->times);

	if (number <= FAULT_LOG_LEN)
		atomic_store(&control->log[number - 1], (uint8_t)(class + 1));
	if (kind == FAULT_COUNT || number < first || (times != 0 && number - first >= times))
		return false;
	atomic_store(&control->last_class, class);
	atomic_fetch_add(&control->fired, 1);
	return true;
}
