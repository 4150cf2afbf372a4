/*
 * Signals as events: blocked in all threads, read from one descriptor by main().
 * Nothing of the daemon ever runs in a signal handler.
 */
#pragma once

#include "vault/error.h"

enum signal_event { SIGNAL_STOP, SIGNAL_RELOAD };

/* Before any thread starts. SIGPIPE is ignored. */
enum error_code signals_start(struct error *err) must_check;
/* Waits for the next one. */
enum signal_event signals_wait(void);
