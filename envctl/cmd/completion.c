#include <string.h>

#include "cmd/output.h"
#include "vault/dialect.h"

static void append_options(struct secret_buf *out, const struct command *command)
{
	for (size_t i = 0; i < command->options_len; i++)
		output_format(out, " --%s", command->options[i].name);
	for (size_t i = 0; i < global_options_len; i++)
		if (global_options[i].id != OPT_VERSION && (command->json || global_options[i].id != OPT_JSON))
			output_format(out, " --%s", global_options[i].name);
}

static void append_tables(struct secret_buf *out)
{
	const struct command *command;
	const struct dialect *dialect;

	secret_buf_append_text(out, "_envctl_options()\n{\n\tcase \"$1\" in\n");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		output_format(out, "\t\"%s\") echo \"", command->name);
		append_options(out, command);
		secret_buf_append_text(out, "\" ;;\n");
	}
	secret_buf_append_text(out, "\tesac\n}\n\n_envctl_verbs=\"");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (strchr(command->name, ' ') == NULL)
			output_format(out, "%s ", command->name);
	secret_buf_append_text(out, "env help\"\n_envctl_env_verbs=\"");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (strncmp(command->name, "env ", 4) == 0)
			output_format(out, "%s ", command->name + 4);
	secret_buf_append_text(out, "\"\n_envctl_takes_environment=\"");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (strncmp(command->words, "ENV", 3) == 0 || strncmp(command->words, "[PREFIX", 7) == 0)
			output_format(out, "|%s|", command->name);
	secret_buf_append_text(out, "\"\n_envctl_dialects=\"");
	for (size_t i = 0; (dialect = dialect_at(i)) != NULL; i++)
		output_format(out, "%s ", dialect_name(dialect));
	secret_buf_append_text(out, "\"\n\n");
}

static const char function[] =
	"_envctl()\n"
	"{\n"
	"\tlocal cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} verb= words=0 i\n"
	"\tCOMPREPLY=()\n"
	"\tfor ((i = 1; i < COMP_CWORD; i++)); do\n"
	"\t\tcase ${COMP_WORDS[i]} in\n"
	"\t\t--) return ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*)\n"
	"\t\t\tif [ -z \"$verb\" ]; then verb=${COMP_WORDS[i]}\n"
	"\t\t\telif [ \"$verb\" = env ]; then verb=\"env ${COMP_WORDS[i]}\"\n"
	"\t\t\telse words=$((words + 1)); fi ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tcase $prev in\n"
	"\t--dialect|--format) COMPREPLY=($(compgen -W \"$_envctl_dialects\" -- \"$cur\")); return ;;\n"
	"\tesac\n"
	"\tif [ -z \"$verb\" ]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$_envctl_verbs\" -- \"$cur\"))\n"
	"\telif [ \"$verb\" = env ]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$_envctl_env_verbs\" -- \"$cur\"))\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(_envctl_options \"$verb\")\" -- \"$cur\"))\n"
	"\telif [[ $words -eq 0 && $_envctl_takes_environment == *\"|$verb|\"* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(envctl list --quiet 2>/dev/null)\" -- \"$cur\"))\n"
	"\tfi\n"
	"}\n"
	"\n"
	"complete -o default -F _envctl envctl\n";

enum error_code command_completion(struct invocation *inv, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	if (strcmp(inv->words[0], "bash") != 0)
		return error_set(err, ERR_USAGE, "there is completion for bash only");
	secret_buf_append_text(out, "# bash completion for envctl, made by `envctl completion bash`.\n\n");
	append_tables(out);
	secret_buf_append_text(out, function);
	return output_flush(out, err);
}
