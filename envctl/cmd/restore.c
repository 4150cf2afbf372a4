/* `envctl restore`: only vaultd knows the store, so it becomes `vaultd restore` with the backup as standard input. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "run/exec.h"

#define ARGUMENTS_MAX 24

/* Options that are handed on: paths and words, never a secret. */
static const struct handed {
	enum option_id id;
	const char *name;
	bool has_value;
} handed[] = {
	{OPT_PASSPHRASE, "--passphrase", false},
	{OPT_PASSPHRASE_FILE, "--passphrase-file", true},
	{OPT_KEY_FILE, "--key-file", true},
	{OPT_SHARES_FILE, "--shares-file", true},
	{OPT_CREDENTIAL, "--credential", true},
	{OPT_ANCHOR, "--anchor", true},
	{OPT_MAX_SIZE, "--max-size", true},
	{OPT_KEEP_TOKENS, "--keep-tokens", false},
	{OPT_ACCEPT_LOSS, "--accept-loss", false},
	{OPT_CHECK, "--check", false},
	{OPT_JSON, "--json", false},
	{OPT_QUIET, "--quiet", false},
};

static bool is_program(const char *path)
{
	return access(path, X_OK) == 0;
}

/* Beside envctl's own file, or where a build has it: ../vaultd/vaultd from there. */
static bool find_beside(char ret[static PATH_MAX])
{
	static const char *const places[] = {"vaultd", "../vaultd/vaultd"};
	char own[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", own, sizeof(own) - 1);
	const char *slash;
	struct stat info;

	if (len <= 0)
		return false;
	own[len] = '\0';
	slash = strrchr(own, '/');
	for (size_t i = 0; slash != NULL && i < ARRAY_LEN(places); i++)
		if (snprintf(ret, PATH_MAX, "%.*s/%s", (int)(slash - own), own, places[i]) < PATH_MAX && is_program(ret) &&
		    stat(ret, &info) == 0 && S_ISREG(info.st_mode))
			return true;
	return false;
}

/* PATH is not asked, as it may be anybody's. */
static enum error_code find_vaultd(const struct invocation *inv, char ret[static PATH_MAX], struct error *err)
{
	static const char *const places[] = {"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"};
	const char *given = option_value(inv, OPT_VAULTD);

	if (given != NULL) {
		if (snprintf(ret, PATH_MAX, "%s", given) < PATH_MAX && is_program(ret))
			return ERR_OK;
		return error_set(err, ERR_NOT_FOUND, "--vaultd %s is no program", given);
	}
	if (find_beside(ret))
		return ERR_OK;
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		snprintf(ret, PATH_MAX, "%s/vaultd", places[i]);
		if (is_program(ret))
			return ERR_OK;
	}
	return error_set(err, ERR_NOT_FOUND, "vaultd is neither beside envctl nor in a system's directory: give --vaultd PATH");
}

/* The backup as standard input. */
static enum error_code use_backup(const char *path, struct error *err)
{
	int fd;

	if (strcmp(path, "-") == 0)
		return ERR_OK;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return error_set_errno(err, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, errno, "cannot open %s", path);
	if (dup2(fd, STDIN_FILENO) < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot read %s as standard input", path);
	return ERR_OK;
}

enum error_code command_restore(struct invocation *inv, struct error *err)
{
	char vaultd[PATH_MAX], restore[] = "restore", end_of_options[] = "--", names[ARRAY_LEN(handed)][32], values[ARRAY_LEN(handed)][PATH_MAX];
	char *arguments[ARGUMENTS_MAX + 1] = {NULL};
	size_t len = 0;
	int status = 0;
	enum error_code rc = ERR_OK;

	if (inv->words_len < 2 && !option_is_given(inv, OPT_CHECK))
		return error_set(err, ERR_USAGE, "name the directory that is to be made: envctl restore FILE DIRECTORY");
	rc = find_vaultd(inv, vaultd, err);
	if (rc == ERR_OK)
		rc = use_backup(inv->words[0], err);
	if (rc != ERR_OK)
		return rc;
	arguments[len++] = vaultd;
	arguments[len++] = restore;
	for (size_t i = 0; i < ARRAY_LEN(handed); i++) {
		if (!option_is_given(inv, handed[i].id))
			continue;
		snprintf(names[i], sizeof(names[i]), "%s", handed[i].name);
		arguments[len++] = names[i];
		if (!handed[i].has_value)
			continue;
		if (snprintf(values[i], sizeof(values[i]), "%s", option_value(inv, handed[i].id)) >= (int)sizeof(values[i]))
			return error_set(err, ERR_USAGE, "the value of %s is too long", handed[i].name);
		arguments[len++] = values[i];
	}
	arguments[len++] = end_of_options;
	if (inv->words_len > 1)
		arguments[len++] = inv->words[1];
	/* It needs no token. */
	unsetenv("VAULT_TOKEN");
	return exec_program(arguments, environ, &status, err);
}
