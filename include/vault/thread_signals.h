/* Signals of threads that are not the main one. */
#pragma once

#include <signal.h>

/*
 * For the maker of a thread: blocks every signal for what it makes now, but those of faults: a fault whose signal is blocked ends the
 * process past every handler. *ret_before: what to set again with pthread_sigmask(SIG_SETMASK).
 */
void thread_signals_block(sigset_t *ret_before);
