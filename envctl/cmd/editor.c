#include "cmd/editor.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vault/files.h"

#define COMMAND_MAX 4096
#define ARGUMENTS_MAX 12
#define SHELL_NOT_FOUND 127 /* how a shell ends that finds no such command */

/* Finds a command's file as the shell will. */
static bool find_command(const char *name, char path[static PATH_MAX])
{
	const char *folders = getenv("PATH");

	if (strchr(name, '/') != NULL)
		return snprintf(path, PATH_MAX, "%s", name) < PATH_MAX && access(path, X_OK) == 0;
	while (folders != NULL && *folders != '\0') {
		size_t len = strcspn(folders, ":");

		if (snprintf(path, PATH_MAX, "%.*s/%s", (int)len, folders, name) < PATH_MAX && access(path, X_OK) == 0)
			return true;
		folders += len + (folders[len] == ':');
	}
	return false;
}

/* NULL: there is none. */
static const char *editor_command(void)
{
	static const char *const variables[] = {"VISUAL", "EDITOR"};
	char path[PATH_MAX];

	for (size_t i = 0; i < ARRAY_LEN(variables); i++) {
		const char *value = getenv(variables[i]);

		if (value != NULL && value[0] != '\0')
			return value;
	}
	return find_command("editor", path) ? "editor" : find_command("vi", path) ? "vi" : NULL;
}

/* Looks through alternatives and links: `vi` and `editor` are often vim. */
static bool command_is_vim(const char *command)
{
	char word[256], path[PATH_MAX], resolved[PATH_MAX];
	size_t len = strcspn(command, " \t");

	if (len >= sizeof(word))
		return false;
	memcpy(word, command, len);
	word[len] = '\0';
	if (!find_command(word, path) || realpath(path, resolved) == NULL)
		return false;
	const char *base = strrchr(resolved, '/') + 1;
	return strncmp(base, "vim", 3) == 0 || strncmp(base, "nvim", 4) == 0;
}

/* The editor's environment has no business with our token. */
static char **environment_without_token(void)
{
	size_t count = 0, at = 0;

	while (environ[count] != NULL)
		count++;
	char **copy = calloc(count + 1, sizeof(char *));
	for (size_t i = 0; copy != NULL && i < count; i++)
		if (strncmp(environ[i], "VAULT_TOKEN=", 12) != 0)
			copy[at++] = environ[i];
	return copy;
}

static enum error_code spawn_editor(const char *command, char *path, pid_t *ret, struct error *err)
{
	static char name[] = "sh", flag[] = "-c", no_swap[] = "-n", info[] = "-i", none[] = "NONE", set[] = "--cmd",
		    settings[] = "set nobackup nowritebackup noundofile";
	char script[COMMAND_MAX + 16];
	char *arguments[ARGUMENTS_MAX] = {name, flag, script, name};
	size_t at = 4;
	posix_spawnattr_t attributes;
	sigset_t defaults;

	if (snprintf(script, sizeof(script), "exec %s \"$@\"", command) >= COMMAND_MAX)
		return error_set(err, ERR_TOO_LARGE, "the editor's command is too long");
	if (command_is_vim(command)) {
		char *const private_flags[] = {no_swap, info, none, set, settings};

		for (size_t i = 0; i < ARRAY_LEN(private_flags); i++)
			arguments[at++] = private_flags[i];
	}
	arguments[at] = path;
	char **environment = environment_without_token();
	if (environment == NULL || posix_spawnattr_init(&attributes) != 0) {
		free(environment);
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	}
	sigemptyset(&defaults);
	sigaddset(&defaults, SIGINT);
	sigaddset(&defaults, SIGQUIT);
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	int failed = posix_spawn(ret, "/bin/sh", NULL, &attributes, arguments, environment);
	posix_spawnattr_destroy(&attributes);
	free(environment);
	return failed == 0 ? ERR_OK : error_set_errno(err, ERR_IO, failed, "cannot start the editor");
}

/* As system(3): the terminal's interrupts are the editor's while it runs. */
static enum error_code run_and_wait(const char *command, char *path, struct error *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN}, saved_int, saved_quit;
	int status = 0;
	pid_t pid = -1;

	sigemptyset(&ignore.sa_mask);
	sigaction(SIGINT, &ignore, &saved_int);
	sigaction(SIGQUIT, &ignore, &saved_quit);
	enum error_code rc = spawn_editor(command, path, &pid, err);
	while (rc == ERR_OK && waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			rc = error_set_errno(err, ERR_IO, errno, "cannot wait for the editor");
	sigaction(SIGINT, &saved_int, NULL);
	sigaction(SIGQUIT, &saved_quit, NULL);
	if (rc == ERR_OK && WIFEXITED(status) && WEXITSTATUS(status) == SHELL_NOT_FOUND)
		rc = error_set(err, ERR_IO, "the editor ended with a failure: what VISUAL or EDITOR names is not there; nothing was changed");
	if (rc == ERR_OK && (!WIFEXITED(status) || WEXITSTATUS(status) != 0))
		rc = error_set(err, ERR_IO, "the editor ended with a failure; nothing was changed");
	return rc;
}

enum error_code editor_run(const struct secret_buf *text, size_t max, struct secret_buf **ret, struct error *err)
{
	const char *command = editor_command();
	char path[64];

	if (command == NULL)
		return error_set(err, ERR_USAGE, "there is no editor here: name one in EDITOR, such as EDITOR=nano");
	cleanup_(fd_closep) int fd = memfd_create("envctl", MFD_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot make a file in memory");
	enum error_code rc = fd_write_all(fd, secret_buf_bytes(text), secret_buf_len(text), err);
	if (rc != ERR_OK)
		return rc;
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), fd);
	/* Our descriptors can be opened through /proc only while we are dumpable; neither we nor the editor leave a core. */
	int before = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
	struct rlimit core = {0};
	if (getrlimit(RLIMIT_CORE, &core) < 0 || setrlimit(RLIMIT_CORE, &(struct rlimit){.rlim_max = core.rlim_max}) < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot switch core dumps off");
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	rc = run_and_wait(command, path, err);
	if (before == 0)
		(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
	(void)setrlimit(RLIMIT_CORE, &core);
	if (rc != ERR_OK)
		return rc;
	if (lseek(fd, 0, SEEK_SET) < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot read what the editor saved");
	return file_read_fd(fd, max, "the edited text", ret, err);
}
