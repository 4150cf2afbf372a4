/*
 * envctl: global order of things. Parses the command line, calls the verb's
 * handler, prints the error that came back, turns it into an exit code.
 */
#include <stdio.h>
#include <sys/prctl.h>

#include "cmd/commands.h"
#include "cmd/help.h"
#include "cmd/output.h"

/* Nobody of the same uid reads secrets out of this process. (The sanitizers have to, in their builds.) */
static void protect_process(void)
{
#if !defined(__SANITIZE_ADDRESS__)
	(void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
#endif
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

static void print_failure(const struct invocation *inv, const struct error *err)
{
	warn("%s", err->text);
	if (err->code != ERR_USAGE)
		return;
	if (inv->command != NULL)
		fprintf(stderr, "Usage: envctl %s [options] %s\nSee envctl %s --help\n", inv->command->name,
			inv->command->words, inv->command->name);
	else
		fprintf(stderr, "See envctl --help\n");
}

int main(int argc, char **argv)
{
	struct error err = ERROR_INIT;
	cleanup_(invocation_free) struct invocation inv;

	protect_process();
	enum error_code rc = invocation_parse(argc, argv, &inv, &err);
	if (rc == ERR_OK)
		rc = perform(&inv, &err);
	if (rc == ERR_OK)
		return inv.exit_status;
	print_failure(&inv, &err);
	return inv.failure_status > 0 ? inv.failure_status : error_exit_code(rc);
}
