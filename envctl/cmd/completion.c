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

/* Whether the i-th verb is the first one of its group ("env …"); the group's length. */
static size_t group_begins(size_t i)
{
	const char *name = command_at(i)->name;
	const char *space = strchr(name, ' ');
	size_t len = space != NULL ? (size_t)(space - name) : 0;

	for (size_t before = 0; len > 0 && before < i; before++)
		if (strncmp(command_at(before)->name, name, len + 1) == 0)
			len = 0;
	return len;
}

static void append_groups(struct secret_buf *out)
{
	const struct command *command;
	size_t len;

	secret_buf_append_text(out, "help\"\n_envctl_groups=\"");
	for (size_t i = 0; command_at(i) != NULL; i++)
		if ((len = group_begins(i)) > 0)
			output_format(out, "|%.*s|", (int)len, command_at(i)->name);
	secret_buf_append_text(out, "\"\n_envctl_group_verbs()\n{\n\tcase \"$1\" in\n");
	for (size_t i = 0; command_at(i) != NULL; i++) {
		if ((len = group_begins(i)) == 0)
			continue;
		output_format(out, "\t%.*s) echo \"", (int)len, command_at(i)->name);
		for (size_t j = i; (command = command_at(j)) != NULL; j++)
			if (strncmp(command->name, command_at(i)->name, len + 1) == 0)
				output_format(out, " %s", command->name + len + 1);
		secret_buf_append_text(out, "\" ;;\n");
	}
	secret_buf_append_text(out, "\tesac\n}\n");
}

static void append_tables(struct secret_buf *out)
{
	const struct command *command;
	const struct dialect *dialect;
	size_t len;

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
		else if ((len = group_begins(i)) > 0)
			output_format(out, "%.*s ", (int)len, command->name);
	append_groups(out);
	secret_buf_append_text(out, "_envctl_takes_environment=\"");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (strncmp(command->words, "ENV", 3) == 0 || strncmp(command->words, "[PREFIX", 7) == 0)
			output_format(out, "|%s|", command->name);
	secret_buf_append_text(out, "\"\n_envctl_takes_policy=\"");
	for (size_t i = 0; (command = command_at(i)) != NULL; i++)
		if (strncmp(command->words, "POLICY", 6) == 0)
			output_format(out, "|%s|", command->name);
	secret_buf_append_text(out, "\"\n_envctl_dialects=\"");
	for (size_t i = 0; (dialect = dialect_at(i)) != NULL; i++)
		output_format(out, "%s ", dialect_name(dialect));
	secret_buf_append_text(out, "\"\n\n");
}

/* Names come from the vault when it answers within a second; a prompt that hangs is worse than one that does not know. */
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
	"\t\t\telif [[ $_envctl_groups == *\"|$verb|\"* ]]; then verb=\"$verb ${COMP_WORDS[i]}\"\n"
	"\t\t\telse words=$((words + 1)); fi ;;\n"
	"\t\tesac\n"
	"\tdone\n"
	"\tcase $verb,$prev in\n"
	"\tconvert,--from|import,--dialect) COMPREPLY=($(compgen -W \"auto $_envctl_dialects\" -- \"$cur\")); return ;;\n"
	"\tconvert,--to) COMPREPLY=($(compgen -W \"$_envctl_dialects\" -- \"$cur\")); return ;;\n"
	"\tesac\n"
	"\tcase $prev in\n"
	"\t--dialect|--format|--print-files) COMPREPLY=($(compgen -W \"$_envctl_dialects\" -- \"$cur\")); return ;;\n"
	"\t--policy) COMPREPLY=($(compgen -W \"$(timeout 1 envctl policy list --quiet 2>/dev/null)\" -- \"$cur\")); return ;;\n"
	"\tesac\n"
	"\tif [ -z \"$verb\" ]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$_envctl_verbs\" -- \"$cur\"))\n"
	"\telif [[ $_envctl_groups == *\"|$verb|\"* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(_envctl_group_verbs \"$verb\")\" -- \"$cur\"))\n"
	"\telif [[ $cur == -* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(_envctl_options \"$verb\")\" -- \"$cur\"))\n"
	"\telif [[ $words -eq 0 && $_envctl_takes_environment == *\"|$verb|\"* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(timeout 1 envctl list --quiet 2>/dev/null)\" -- \"$cur\"))\n"
	"\telif [[ $words -eq 0 && $_envctl_takes_policy == *\"|$verb|\"* ]]; then\n"
	"\t\tCOMPREPLY=($(compgen -W \"$(timeout 1 envctl policy list --quiet 2>/dev/null)\" -- \"$cur\"))\n"
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
