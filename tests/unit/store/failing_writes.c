/*
 * Makes writes and syncs of chosen files fail: linked into a test of the store.
 *
 * The environment variable FAILING_WRITES names a control file. While it exists, each of its lines is a rule:
 *
 *   FILE CALL SKIP TIMES ERROR [after]
 *
 *   FILE    absolute, or beside the control file: vault.db
 *   CALL    data (a write at or behind byte 8192), meta (a write before it: LMDB's meta pages), write (any), sync (also of a
 *           directory: "." is the control file's), rename (of the FILE to another name)
 *   SKIP    so many calls of the kind pass first
 *   TIMES   so many fail then, 0: all
 *   ERROR   EIO, ENOSPC, EDQUOT, EFBIG, EINTR, or SHORT: half of it is written and counted
 *   after   the call is made, then its result is replaced: it happened, but nobody is told
 *
 * The first rule that fires decides. Every rule counts for itself, from the moment its control file was put there.
 * The control file must be replaced by rename, so that no half of it is read.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define RULES_MAX 8
#define META_END 8192

enum call {
	CALL_DATA,
	CALL_META,
	CALL_WRITE,
	CALL_SYNC,
	CALL_RENAME,
};

struct rule {
	char file[256];
	enum call call;
	unsigned skip;
	unsigned times;
	int error;		/* 0: short */
	bool after;
	unsigned seen;
};

struct verdict {
	bool fails;
	int error;
	bool after;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct rule rules[RULES_MAX];
static size_t rules_len;
static struct stat rules_from;

static const struct {
	const char *name;
	enum call call;
} calls[] = { { "data", CALL_DATA }, { "meta", CALL_META }, { "write", CALL_WRITE }, { "sync", CALL_SYNC },
	    { "rename", CALL_RENAME } };

static const struct {
	const char *name;
	int error;
} errors[] = { { "EIO", EIO },	   { "ENOSPC", ENOSPC }, { "EDQUOT", EDQUOT },
	       { "EFBIG", EFBIG }, { "EINTR", EINTR },	 { "SHORT", 0 } };

/* A mistake in a control file must not pass as a test in which nothing failed. */
static void bad_rule(const char *line)
{
	fprintf(stderr, "failing_writes: bad rule: %s\n", line);
	abort();
}

static void parse_rule(const char *line)
{
	struct rule *rule = &rules[rules_len];
	char call[16], error[16], after[8] = "";
	size_t c = 0, e = 0;

	memset(rule, 0, sizeof(*rule));
	if (rules_len == RULES_MAX || sscanf(line, "%255s %15s %u %u %15s %7s", rule->file, call, &rule->skip, &rule->times, error,
					     after) < 5)
		bad_rule(line);
	while (c < sizeof(calls) / sizeof(calls[0]) && strcmp(calls[c].name, call) != 0)
		c++;
	while (e < sizeof(errors) / sizeof(errors[0]) && strcmp(errors[e].name, error) != 0)
		e++;
	if (c == sizeof(calls) / sizeof(calls[0]) || e == sizeof(errors) / sizeof(errors[0]) ||
	    (after[0] && strcmp(after, "after") != 0))
		bad_rule(line);
	rule->call = calls[c].call;
	rule->error = errors[e].error;
	rule->after = after[0] != '\0';
	rules_len++;
}

static void parse_rules(char *text)
{
	char *rest = text;

	rules_len = 0;
	for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"))
		if (*line)
			parse_rule(line);
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* False when there is no control file. */
static bool refresh_rules(const char *control)
{
	struct stat now;
	char text[4096];
	int fd = open(control, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &now) != 0) {
		if (fd >= 0)
			close(fd);
		memset(&rules_from, 0, sizeof(rules_from));
		return false;
	}
	if (!same_file(&now, &rules_from) || now.st_mtim.tv_sec != rules_from.st_mtim.tv_sec ||
	    now.st_mtim.tv_nsec != rules_from.st_mtim.tv_nsec) {
		const ssize_t len = read(fd, text, sizeof(text) - 1);

		text[len > 0 ? len : 0] = '\0';
		rules_from = now;
		parse_rules(text);
	}
	close(fd);
	return true;
}

static bool is_rules_file(const struct rule *rule, const char *control, const struct stat *written)
{
	const char *slash = strrchr(control, '/');
	char path[4096];
	struct stat wanted;

	if (rule->file[0] == '/' || !slash)
		snprintf(path, sizeof(path), "%s", rule->file);
	else
		snprintf(path, sizeof(path), "%.*s/%s", (int)(slash - control), control, rule->file);
	return stat(path, &wanted) == 0 && same_file(&wanted, written);
}

/* made: CALL_WRITE, CALL_SYNC or CALL_RENAME. */
static bool is_rules_call(const struct rule *rule, enum call made, off_t offset)
{
	switch (rule->call) {
	case CALL_DATA:
		return made == CALL_WRITE && offset >= META_END;
	case CALL_META:
		return made == CALL_WRITE && offset < META_END;
	case CALL_WRITE:
	case CALL_SYNC:
	case CALL_RENAME:
		return made == rule->call;
	}
	return false;
}

static struct verdict judge_file(const char *control, const struct stat *written, enum call made, off_t offset)
{
	struct verdict verdict = { false, 0, false };

	pthread_mutex_lock(&lock);
	const bool active = refresh_rules(control);
	for (size_t i = 0; active && i < rules_len; i++) {
		struct rule *rule = &rules[i];

		if (!is_rules_call(rule, made, offset) || !is_rules_file(rule, control, written))
			continue;
		const unsigned number = rule->seen++;

		if (!verdict.fails && number >= rule->skip && (rule->times == 0 || number - rule->skip < rule->times))
			verdict = (struct verdict){ true, rule->error, rule->after };
	}
	pthread_mutex_unlock(&lock);
	return verdict;
}

static struct verdict judge(int fd, bool is_sync, off_t offset)
{
	const char *control = getenv("FAILING_WRITES");
	struct verdict verdict = { false, 0, false };
	const int before = errno;
	struct stat written;

	if (control && fstat(fd, &written) == 0 && (S_ISREG(written.st_mode) || (is_sync && S_ISDIR(written.st_mode))))
		verdict = judge_file(control, &written, is_sync ? CALL_SYNC : CALL_WRITE, offset);
	errno = before;
	return verdict;
}

/* The next definition in the search order: the C library's, or a sanitizer's. */
static void *next_definition(const char *name)
{
	void *function = dlsym(RTLD_NEXT, name);

	if (!function)
		abort();
	return function;
}

#define NEXT(name, ...) \
	static __typeof__(__VA_ARGS__) *next; \
	if (!next) { \
		void *found_ = next_definition(name); \
		memcpy(&next, &found_, sizeof(next)); \
	}

static ssize_t fail_with(int error)
{
	errno = error;
	return -1;
}

/* How much of a write is made, given the verdict. */
static size_t share(const struct verdict *verdict, size_t len)
{
	return verdict->fails && verdict->error == 0 ? len / 2 : len;
}

ssize_t failing_write(int fd, const void *bytes, size_t len);
ssize_t failing_write(int fd, const void *bytes, size_t len)
{
	NEXT("write", ssize_t(int, const void *, size_t));
	const struct verdict verdict = judge(fd, false, lseek(fd, 0, SEEK_CUR));

	if (verdict.fails && verdict.error && !verdict.after)
		return fail_with(verdict.error);
	const ssize_t result = next(fd, bytes, share(&verdict, len));

	return verdict.fails && verdict.error ? fail_with(verdict.error) : result;
}

ssize_t failing_pwrite(int fd, const void *bytes, size_t len, off_t offset);
ssize_t failing_pwrite(int fd, const void *bytes, size_t len, off_t offset)
{
	NEXT("pwrite64", ssize_t(int, const void *, size_t, off_t));
	const struct verdict verdict = judge(fd, false, offset);

	if (verdict.fails && verdict.error && !verdict.after)
		return fail_with(verdict.error);
	const ssize_t result = next(fd, bytes, share(&verdict, len), offset);

	return verdict.fails && verdict.error ? fail_with(verdict.error) : result;
}

/* Half of a vector is its first half, or half of its only part. */
static ssize_t write_parts(int fd, const struct iovec *parts, int count, const struct verdict *verdict,
			   ssize_t (*next)(int, const struct iovec *, int))
{
	if (!verdict->fails || verdict->error)
		return next(fd, parts, count);
	if (count == 1)
		return failing_write(fd, parts[0].iov_base, parts[0].iov_len / 2);
	return next(fd, parts, count / 2);
}

ssize_t failing_writev(int fd, const struct iovec *parts, int count);
ssize_t failing_writev(int fd, const struct iovec *parts, int count)
{
	NEXT("writev", ssize_t(int, const struct iovec *, int));
	const struct verdict verdict = judge(fd, false, lseek(fd, 0, SEEK_CUR));

	if (verdict.fails && verdict.error && !verdict.after)
		return fail_with(verdict.error);
	const ssize_t result = write_parts(fd, parts, count, &verdict, next);

	return verdict.fails && verdict.error ? fail_with(verdict.error) : result;
}

static int sync_or_fail(int fd, int (*next)(int))
{
	const struct verdict verdict = judge(fd, true, 0);
	int result = 0;

	if (!verdict.fails || verdict.after)
		result = next(fd);
	return verdict.fails ? (int)fail_with(verdict.error ? verdict.error : EIO) : result;
}

int failing_fdatasync(int fd);
int failing_fdatasync(int fd)
{
	NEXT("fdatasync", int(int));
	return sync_or_fail(fd, next);
}

int failing_fsync(int fd);
int failing_fsync(int fd)
{
	NEXT("fsync", int(int));
	return sync_or_fail(fd, next);
}

int failing_rename(const char *from, const char *to);
int failing_rename(const char *from, const char *to)
{
	NEXT("rename", int(const char *, const char *));
	const char *control = getenv("FAILING_WRITES");
	struct verdict verdict = { false, 0, false };
	struct stat moved;
	int result = 0;

	if (control && stat(from, &moved) == 0)
		verdict = judge_file(control, &moved, CALL_RENAME, 0);
	if (!verdict.fails || verdict.after)
		result = next(from, to);
	return verdict.fails ? (int)fail_with(verdict.error ? verdict.error : EIO) : result;
}

/* The names under which others call them; with 64-bit offsets the headers rename pwrite(), so its names are given here. */
#define TAKE_NAME(function, name) \
	extern __typeof__(function) taken_##name __asm__(#name) __attribute__((alias(#function), visibility("default")))

TAKE_NAME(failing_write, write);
TAKE_NAME(failing_pwrite, pwrite);
TAKE_NAME(failing_pwrite, pwrite64);
TAKE_NAME(failing_writev, writev);
TAKE_NAME(failing_fdatasync, fdatasync);
TAKE_NAME(failing_fsync, fsync);
TAKE_NAME(failing_rename, rename);
