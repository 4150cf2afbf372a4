#include "cmd/help.h"

#include <stdio.h>
#include <string.h>

#include "cmd/output.h"
#include "vault/dialect.h"

#define HELP_WIDTH 80
#define OPTION_COLUMN 28

static void pad_to(struct secret_buf *out, size_t from, size_t column)
{
	for (; from < column; from++)
		secret_buf_append_char(out, ' ');
}

/* Breaks between words, and at line feeds; what follows the first line begins at the column. */
static void append_wrapped(struct secret_buf *out, const char *text, size_t column)
{
	size_t at = column;

	while (*text != '\0') {
		size_t len = strcspn(text, " \n");

		if (at > column && at + 1 + len > HELP_WIDTH) {
			secret_buf_append_char(out, '\n');
			pad_to(out, 0, column);
			at = column;
		} else if (at > column) {
			secret_buf_append_char(out, ' ');
			at++;
		}
		secret_buf_append(out, text, len);
		at += len;
		text += len;
		if (*text == '\n') {
			secret_buf_append_char(out, '\n');
			pad_to(out, 0, column);
			at = column;
		}
		text += *text != '\0';
	}
	secret_buf_append_char(out, '\n');
}

static void append_option(struct secret_buf *out, const struct option_row *row)
{
	size_t before = secret_buf_len(out);

	if (row->letter != '\0')
		output_format(out, "  -%c, --%s", row->letter, row->name);
	else
		output_format(out, "      --%s", row->name);
	if (row->value != NULL)
		output_format(out, " %s", row->value);
	size_t len = secret_buf_len(out) - before;
	if (len + 2 > OPTION_COLUMN) {
		secret_buf_append_char(out, '\n');
		len = 0;
	}
	pad_to(out, len, OPTION_COLUMN);
	append_wrapped(out, row->help, OPTION_COLUMN);
}

static void append_verbs(struct secret_buf *out, const char *group)
{
	const struct command *command;
	size_t group_len = group != NULL ? strlen(group) : 0;

	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		if (group != NULL && (strncmp(command->name, group, group_len) != 0 || command->name[group_len] != ' '))
			continue;
		output_format(out, "  %-16s", command->name);
		append_wrapped(out, command->summary, 18);
	}
}

static const char places[] =
	"The vault is at --address, else VAULT_ADDR, else at the socket of your own vaultd, else at the system's "
	"(/run/vaultd/vaultd.sock). The token is that of --token-file, else VAULT_TOKEN, else what `envctl login` has "
	"kept for this address; without one the vault judges by your user id.";

static const char exit_codes[] =
	"Exit codes: 0 done; 1 refused input; 2 sealed; 3 not found; 4 denied; 5 vault not reachable; 6 changed by "
	"somebody else; 64 usage; 65 stored data damaged; 66 of a newer version; 74 input or output; 75 busy; 77 unsafe "
	"file or socket; 78 configuration. "
	"`run`: 125 envctl's own failure, 126 not executable, 127 not found, else the program's.";

static void append_overview(struct secret_buf *out, const char *group)
{
	output_format(out, "Usage: envctl [options] %s%sVERB ...\n\n", group != NULL ? group : "",
		      group != NULL ? " " : "");
	append_wrapped(
		out, "Keeps the environment variables of services in a vault, and puts them where they are needed.", 0);
	secret_buf_append_text(out, "\nVerbs:\n");
	append_verbs(out, group);
	secret_buf_append_text(out, "\nOptions of every verb:\n");
	for (size_t i = 0; i < global_options_len; i++)
		append_option(out, &global_options[i]);
	secret_buf_append_char(out, '\n');
	append_wrapped(out, places, 0);
	secret_buf_append_char(out, '\n');
	append_wrapped(out, exit_codes, 0);
	secret_buf_append_text(out, "\n`envctl VERB --help` explains a verb, with examples.\n");
}

static bool takes_dialect(const struct command *command)
{
	for (size_t i = 0; i < command->options_len; i++)
		if (command->options[i].value != NULL && strcmp(command->options[i].value, "DIALECT") == 0)
			return true;
	return false;
}

static void append_dialects(struct secret_buf *out, const struct command *command)
{
	const struct dialect *dialect;

	secret_buf_append_text(out, "\nDialects:\n");
	for (size_t i = 0; (dialect = dialect_at(i)) != NULL; i++) {
		if (command->takes_dialect != NULL && !command->takes_dialect(dialect))
			continue;
		output_format(out, "  %-20s", dialect_name(dialect));
		append_wrapped(out, dialect_summary(dialect), 22);
	}
}

static void append_command(struct secret_buf *out, const struct command *command)
{
	output_format(out, "Usage: envctl %s [options]%s%s\n\n%s.\n", command->name,
		      command->words[0] != '\0' ? " " : "", command->words, command->summary);
	if (command->details != NULL) {
		secret_buf_append_char(out, '\n');
		append_wrapped(out, command->details, 0);
	}
	secret_buf_append_text(out, "\nOptions:\n");
	for (size_t i = 0; i < command->options_len; i++)
		append_option(out, &command->options[i]);
	for (size_t i = 0; i < global_options_len; i++)
		if (global_options[i].id != OPT_VERSION && (command->json || global_options[i].id != OPT_JSON))
			append_option(out, &global_options[i]);
	if (takes_dialect(command))
		append_dialects(out, command);
	secret_buf_append_text(out, "\nExamples:\n");
	for (size_t i = 0; command->examples[i] != NULL; i++)
		output_format(out, "  %s\n", command->examples[i]);
}

void help_append(const struct command *command, const char *group, struct secret_buf *out)
{
	if (command != NULL)
		append_command(out, command);
	else
		append_overview(out, group);
}
