#include "signals.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "log.h"
#include "store/map_faults.h"
#include "wiping_memory.h"

static int signal_fd = -1;

static void end_damaged(enum map_fault fault, const char *text, const char *detail)
{
	static atomic_flag said = ATOMIC_FLAG_INIT;

	(void)fault;
	/* The process ends with the first of the threads that come here. */
	while (atomic_flag_test_and_set(&said))
		(void)pause();
	log_last_words("damaged_while_open", text, detail);
	_exit(error_exit_code(ERR_STORE_DAMAGED));
}

void signals_name_damage(void)
{
	if (wiping_memory_is_on())
		map_faults_start(end_damaged);
}

enum error_code signals_start(struct error *err)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signal(SIGPIPE, SIG_IGN);
	signals_name_damage();
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return error_set(err, ERR_INTERNAL, "cannot block signals");
	signal_fd = signalfd(-1, &set, SFD_CLOEXEC);
	return signal_fd >= 0 ? ERR_OK : error_set_errno(err, ERR_IO, errno, "cannot make a descriptor of signals");
}

enum signal_event signals_wait(void)
{
	struct signalfd_siginfo info;

	for (;;) {
		ssize_t len = read(signal_fd, &info, sizeof(info));

		if (len == (ssize_t)sizeof(info))
			return info.ssi_signo == SIGHUP ? SIGNAL_RELOAD : SIGNAL_STOP;
		if (len >= 0 || errno != EINTR)
			return SIGNAL_STOP;	/* cannot be: without signals there would be no way to end */
	}
}
