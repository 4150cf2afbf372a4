/*
 * Signals as events: blocked in all threads, read from one descriptor by main().
 * Nothing of the daemon runs in a signal handler but its last words, when vault.db
 * was damaged under it (store/map_faults.h): a line of the log, and the end with
 * the exit code of a damaged store. Keys are not wiped there: other threads still
 * run, and must not seal anything with what is left of a key.
 */
#pragma once

#include "vault/error.h"

enum signal_event { SIGNAL_STOP, SIGNAL_RELOAD };

/* Before any thread starts. SIGPIPE is ignored. Sanitizers and valgrind keep their own handlers of faults. */
enum error_code signals_start(struct error *err) must_check;
/* Waits for the next one. */
enum signal_event signals_wait(void);
