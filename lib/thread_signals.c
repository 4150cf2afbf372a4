#include "vault/thread_signals.h"

#include <stddef.h>

void thread_signals_block(sigset_t *ret_before)
{
	static const int of_faults[] = { SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGABRT, SIGTRAP };
	sigset_t set;

	(void)sigfillset(&set);
	for (size_t i = 0; i < sizeof(of_faults) / sizeof(of_faults[0]); i++)
		(void)sigdelset(&set, of_faults[i]);
	(void)pthread_sigmask(SIG_SETMASK, &set, ret_before);
}
