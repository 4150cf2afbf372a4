#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vault/files.h"
#include "vault/limits.h"
#include "wiping_memory.h"

/* -- the beginning -------------------------------------------------------------- */

/* 0, 1 and 2 are there, so that no socket gets their numbers; nothing else was inherited. */
static enum error_code tidy_descriptors(struct error *err)
{
	int fd;

	if (syscall(SYS_close_range, 3u, ~0u, 0u) != 0 && errno != ENOSYS)
		return error_set_errno(err, ERR_IO, errno, "cannot close inherited descriptors");
	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd < 0)
			return error_set_errno(err, ERR_IO, errno, "cannot open /dev/null");
	} while (fd <= 2);
	close(fd);
	return ERR_OK;
}

static bool raise_limit(int resource, rlim_t wanted)
{
	struct rlimit limit;

	if (getrlimit(resource, &limit) != 0)
		return false;
	if (limit.rlim_cur >= wanted)
		return true;
	limit.rlim_cur = limit.rlim_max < wanted ? limit.rlim_max : wanted;
	return setrlimit(resource, &limit) == 0 && limit.rlim_cur >= wanted;
}

size_t sandbox_allow_descriptors(size_t wanted)
{
	struct rlimit limit;

	(void)raise_limit(RLIMIT_NOFILE, wanted);
	return getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < wanted ? (size_t)limit.rlim_cur : wanted;
}

enum error_code sandbox_begin(struct sandbox_report *report, struct error *err)
{
	const struct rlimit none = {0};

	umask(077);
	if (tidy_descriptors(err) != ERR_OK)
		return err->code;
	report->core_dumps_off = setrlimit(RLIMIT_CORE, &none) == 0 && prctl(PR_SET_DUMPABLE, 0) == 0;
	report->wiping_memory = wiping_memory_is_on();
	/* Whether the keys could be locked is looked at where they are made. */
	(void)raise_limit(RLIMIT_MEMLOCK, 64u * 1024 * 1024);
	return ERR_OK;
}

/* -- landlock --------------------------------------------------------------------- */

/* Newer rights than Debian 12's headers know; by number, as the kernel's interface is. */
#define FS_REFER (1ULL << 13)
#define FS_TRUNCATE (1ULL << 14)
#define FS_IOCTL_DEV (1ULL << 15)
#define NET_BIND_TCP (1ULL << 0)
#define NET_CONNECT_TCP (1ULL << 1)

struct ruleset_attributes {	/* of ABI 4; earlier kernels read the first member only */
	uint64_t handled_access_fs, handled_access_net;
};

#define RIGHTS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
#define RIGHTS_WRITE \
	(RIGHTS_READ | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | \
	 LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | FS_REFER | FS_TRUNCATE)
/* What makes sense on a file that is not a directory. */
#define RIGHTS_OF_FILES (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_TRUNCATE)

static uint64_t handled_rights(int abi)
{
	uint64_t rights = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;	/* ABI 1: all up to the symbolic link */

	if (abi >= 2)
		rights |= FS_REFER;
	if (abi >= 3)
		rights |= FS_TRUNCATE;
	if (abi >= 5)
		rights |= FS_IOCTL_DEV;
	return rights;
}

static uint64_t rights_of(enum sandbox_access access)
{
	switch (access) {
	case SANDBOX_READ:
		return RIGHTS_READ;
	case SANDBOX_WRITE:
		return RIGHTS_WRITE;
	case SANDBOX_UNLINK:
		return LANDLOCK_ACCESS_FS_REMOVE_FILE;
	case SANDBOX_RMDIR:
		return LANDLOCK_ACCESS_FS_REMOVE_DIR;
	}
	return 0;
}

static enum error_code add_path(int ruleset, uint64_t handled, const struct sandbox_path *path, struct error *err)
{
	cleanup_(fd_closep) int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { .parent_fd = fd, .allowed_access = rights_of(path->access) & handled };
	struct stat st;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? ERR_OK :
							    error_set_errno(err, ERR_IO, errno, "cannot look at %s", path->path);
	if (fstat(fd, &st) == 0 && !S_ISDIR(st.st_mode))
		rule.allowed_access &= RIGHTS_OF_FILES;
	if (rule.allowed_access != 0 && syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0u) != 0)
		return error_set_errno(err, ERR_INTERNAL, errno, "landlock does not take %s", path->path);
	return ERR_OK;
}

static enum error_code enforce_landlock(int abi, const struct sandbox_path *paths, size_t len, struct error *err)
{
	struct ruleset_attributes attributes = {
		.handled_access_fs = handled_rights(abi),
		.handled_access_net = abi >= 4 ? NET_BIND_TCP | NET_CONNECT_TCP : 0,
	};
	size_t size = abi >= 4 ? sizeof(attributes) : sizeof(attributes.handled_access_fs);
	cleanup_(fd_closep) int ruleset = (int)syscall(SYS_landlock_create_ruleset, &attributes, size, 0u);

	if (ruleset < 0)
		return error_set_errno(err, ERR_INTERNAL, errno, "landlock makes no rules");
	for (size_t i = 0; i < len; i++)
		if (add_path(ruleset, attributes.handled_access_fs, &paths[i], err) != ERR_OK)
			return err->code;
	if (syscall(SYS_landlock_restrict_self, ruleset, 0u) != 0)
		return error_set_errno(err, ERR_INTERNAL, errno, "landlock does not close");
	return ERR_OK;
}

/* Sanitizers and valgrind read their own maps and run a checker at the end. */
static bool is_sanitized(void)
{
	return !wiping_memory_is_on();
}

enum error_code sandbox_restrict_files(const struct sandbox_path *paths, size_t len, struct sandbox_report *report,
				       struct error *err)
{
	long abi;

	report->no_new_privileges = prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	if (!report->no_new_privileges)
		return error_set_errno(err, ERR_INTERNAL, errno, "cannot give up new privileges");
	abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1 || is_sanitized())
		return ERR_OK;
	if (enforce_landlock((int)abi, paths, len, err) != ERR_OK)
		return err->code;
	report->landlock_abi = (int)abi;
	return ERR_OK;
}

/* -- seccomp ------------------------------------------------------------------------ */

/* What a daemon that was taken over would reach for: the process ends at once. */
static const int deadly[] = {
	SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(ptrace), SCMP_SYS(process_vm_readv), SCMP_SYS(process_vm_writev),
	SCMP_SYS(bpf), SCMP_SYS(keyctl), SCMP_SYS(add_key), SCMP_SYS(request_key), SCMP_SYS(io_uring_setup),
	SCMP_SYS(io_uring_enter), SCMP_SYS(io_uring_register), SCMP_SYS(userfaultfd), SCMP_SYS(perf_event_open),
	SCMP_SYS(kexec_load), SCMP_SYS(kexec_file_load), SCMP_SYS(init_module), SCMP_SYS(finit_module),
	SCMP_SYS(delete_module), SCMP_SYS(mount), SCMP_SYS(umount2), SCMP_SYS(pivot_root), SCMP_SYS(chroot), SCMP_SYS(setns),
	SCMP_SYS(unshare), SCMP_SYS(swapon), SCMP_SYS(swapoff), SCMP_SYS(reboot), SCMP_SYS(open_by_handle_at),
	SCMP_SYS(pidfd_getfd), SCMP_SYS(personality), SCMP_SYS(iopl), SCMP_SYS(ioperm),
};

/* What the daemon does while it runs. Everything else is refused with EPERM: socket, connect, bind, fork, kill ... */
static const int allowed[] = {
	/* descriptors and files (which files is landlock's) */
	SCMP_SYS(read), SCMP_SYS(write), SCMP_SYS(readv), SCMP_SYS(writev), SCMP_SYS(pread64), SCMP_SYS(pwrite64),
	SCMP_SYS(preadv), SCMP_SYS(pwritev), SCMP_SYS(preadv2), SCMP_SYS(pwritev2), SCMP_SYS(lseek), SCMP_SYS(close),
	SCMP_SYS(close_range), SCMP_SYS(open), SCMP_SYS(openat), SCMP_SYS(stat), SCMP_SYS(lstat), SCMP_SYS(fstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx), SCMP_SYS(statfs), SCMP_SYS(fstatfs), SCMP_SYS(access), SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(getdents64), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(rename),
	SCMP_SYS(renameat), SCMP_SYS(renameat2), SCMP_SYS(unlink), SCMP_SYS(unlinkat), SCMP_SYS(rmdir), SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat), SCMP_SYS(fchmod), SCMP_SYS(ftruncate), SCMP_SYS(fallocate), SCMP_SYS(fsync), SCMP_SYS(fdatasync),
	SCMP_SYS(sync_file_range), SCMP_SYS(fadvise64), SCMP_SYS(flock), SCMP_SYS(fcntl), SCMP_SYS(dup), SCMP_SYS(umask),
	SCMP_SYS(getcwd),
	/* memory (mmap and mprotect have rules of their own) */
	SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(msync), SCMP_SYS(mincore), SCMP_SYS(brk),
	SCMP_SYS(mlock), SCMP_SYS(mlock2), SCMP_SYS(munlock), SCMP_SYS(membarrier),
	/* connections that were accepted */
	SCMP_SYS(accept), SCMP_SYS(accept4), SCMP_SYS(recvfrom), SCMP_SYS(recvmsg), SCMP_SYS(sendto), SCMP_SYS(sendmsg),
	SCMP_SYS(sendmmsg), SCMP_SYS(shutdown), SCMP_SYS(getsockopt), SCMP_SYS(setsockopt), SCMP_SYS(getsockname),
	SCMP_SYS(getpeername), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait),
	SCMP_SYS(poll), SCMP_SYS(ppoll), SCMP_SYS(select), SCMP_SYS(pselect6), SCMP_SYS(eventfd2), SCMP_SYS(pipe2),
	/* threads, signals, time */
	SCMP_SYS(futex), SCMP_SYS(set_robust_list), SCMP_SYS(get_robust_list), SCMP_SYS(rseq), SCMP_SYS(set_tid_address),
	SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack), SCMP_SYS(restart_syscall), SCMP_SYS(tgkill), SCMP_SYS(sched_yield), SCMP_SYS(sched_getaffinity),
	SCMP_SYS(nanosleep), SCMP_SYS(clock_nanosleep), SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres),
	SCMP_SYS(gettimeofday), SCMP_SYS(time), SCMP_SYS(exit), SCMP_SYS(exit_group),
	/* who and what we are */
	SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getppid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid),
	SCMP_SYS(getegid), SCMP_SYS(uname), SCMP_SYS(sysinfo), SCMP_SYS(getrusage), SCMP_SYS(setpriority), SCMP_SYS(getrandom),
};

static int add_list(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t len)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < len; i++)
		rc = seccomp_rule_add(filter, action, calls[i], 0);
	return rc;
}

static int add_conditions(scmp_filter_ctx filter)
{
	const unsigned thread = 0x00010000;	/* CLONE_THREAD */
	int rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));

	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	/* Threads may start, processes may not. clone3 hides its flags behind a pointer; without it glibc takes clone. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1, SCMP_A0(SCMP_CMP_MASKED_EQ, thread, thread));
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prctl), 1, SCMP_A0(SCMP_CMP_EQ, PR_SET_NAME));
	/* Reading limits, not setting them. */
	if (rc == 0)
		rc = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(prlimit64), 1, SCMP_A2(SCMP_CMP_EQ, 0));
	return rc;
}

static int load_filter(scmp_filter_ctx filter)
{
	int rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);

	/* A tree instead of a list of comparisons; older kernels run the filter at each call. */
	if (rc == 0)
		rc = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (rc == 0)
		rc = add_list(filter, SCMP_ACT_KILL_PROCESS, deadly, ARRAY_LEN(deadly));
	if (rc == 0)
		rc = add_list(filter, SCMP_ACT_ALLOW, allowed, ARRAY_LEN(allowed));
	if (rc == 0)
		rc = add_conditions(filter);
	return rc == 0 ? seccomp_load(filter) : rc;
}

enum error_code sandbox_restrict_calls(struct sandbox_report *report, struct error *err)
{
	scmp_filter_ctx filter;
	int rc;

	if (is_sanitized() || prctl(PR_GET_SECCOMP, 0, 0, 0, 0) < 0)
		return ERR_OK;
	filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	if (!filter)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for the filter of system calls");
	rc = load_filter(filter);
	seccomp_release(filter);
	if (rc != 0)
		return error_set_errno(err, ERR_INTERNAL, -rc, "the filter of system calls does not load");
	report->seccomp = true;
	return ERR_OK;
}
