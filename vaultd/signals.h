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

/* A vault.db that is damaged while it is open, or was not written as its disk said, ends the process as above from now on. Sanitizers
 * and valgrind keep their own handlers of faults. For programs that use no other signals; signals_start() does it. */
void signals_name_damage(void);
/* Before any thread starts. SIGPIPE is ignored. */
enum error_code signals_start(struct error *err) must_check;
/* Waits for the next one. */
enum signal_event signals_wait(void);
