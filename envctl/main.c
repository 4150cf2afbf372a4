/*
 * envctl: global order of things. Parses the command line, calls the verb's
 * handler, prints the error that came back, turns it into an exit code.
 */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "cmd/help.h"
#include "cmd/output.h"
#include "vault/files.h"
#include "vault/json_emit.h"

/* Nobody of the same uid reads secrets out of this process. (The sanitizers have to, in their builds.) */
static void protect_process(void)
{
#if !defined(__SANITIZE_ADDRESS__)
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
}

/* Where 0, 1 or 2 is closed, the vault's socket would get that number: output would be sent there, and input taken from it. What
 * cannot be written to fails as before, and a program that `run` becomes finds them closed. */
static bool guard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			return false;
	} while (fd <= STDERR_FILENO);
	close(fd);
	return true;
}

static enum error_code print_help(const struct invocation *inv, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	help_append(inv->command, inv->group, out);
	return output_flush(out, err);
}

static enum error_code perform(struct invocation *inv, struct error *err)
{
	if (option_is_given(inv, OPT_HELP))
		return print_help(inv, err);
	if (option_is_given(inv, OPT_VERSION))
		return command_version(inv, err);
	return inv->command->handler(inv, err);
}

static enum error_code print_failure_json(const struct error *failure, int exit_code, const char *usage)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(8 * ERROR_TEXT_MAX);
	struct error err = ERROR_INIT;

	if (out == NULL)
		return ERR_NO_MEMORY;
	json_emit_error(out, failure, exit_code, usage);
	enum error_code rc = secret_buf_check(out, "the error", &err);
	return rc == ERR_OK ? fd_write_all(STDERR_FILENO, secret_buf_bytes(out), secret_buf_len(out), &err) : rc;
}

static void print_failure(const struct invocation *inv, const struct error *err, int exit_code, bool json)
{
	char usage[256];

	if (err->code == ERR_USAGE && inv->command != NULL)
		snprintf(usage, sizeof(usage), "envctl %s [options] %s", inv->command->name, inv->command->words);
	else
		snprintf(usage, sizeof(usage), "envctl --help");
	if (json && print_failure_json(err, exit_code, err->code == ERR_USAGE ? usage : NULL) == ERR_OK)
		return;
	warn("%s", err->text);
	if (err->code != ERR_USAGE)
		return;
	if (inv->command != NULL)
		fprintf(stderr, "Usage: %s\nSee envctl %s --help\n", usage, inv->command->name);
	else
		fprintf(stderr, "See envctl --help\n");
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	cleanup_(invocation_free) struct invocation inv;

	protect_process();
	if (!guard_descriptors())
		return error_exit_code(ERR_IO);
	enum error_code rc = invocation_parse(argc, argv, &inv, &err);
	bool json = rc == ERR_OK ? option_is_given(&inv, OPT_JSON) : argc > 0 && json_error_is_asked_for(argv);
	if (json)
		messages_as_json();
	if (rc == ERR_OK)
		rc = perform(&inv, &err);
	if (rc == ERR_OK)
		return inv.exit_status;
	int exit_code = inv.failure_status > 0 ? inv.failure_status : error_exit_code(rc);
	print_failure(&inv, &err, exit_code, json);
	return exit_code;
}
