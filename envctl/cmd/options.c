#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/commands.h"
#include "vault/suggestion.h"

struct parser {
	struct invocation *inv;
	char **next; /* the argument at hand; NULL-terminated */
};

void invocation_free(struct invocation *inv)
{
	free(inv->words);
	inv->words = NULL;
}

static const struct option_row *row_of(const struct command *command, size_t i)
{
	if (i < global_options_len)
		return &global_options[i];
	i -= global_options_len;
	return command != NULL && i < command->options_len ? &command->options[i] : NULL;
}

static const struct option_row *find_long(const struct command *command, const char *name, size_t len)
{
	const struct option_row *row;

	for (size_t i = 0; (row = row_of(command, i)) != NULL; i++)
		if (strlen(row->name) == len && memcmp(row->name, name, len) == 0)
			return row;
	return NULL;
}

static const struct option_row *find_letter(const struct command *command, char letter)
{
	const struct option_row *row;

	for (size_t i = 0; (row = row_of(command, i)) != NULL; i++)
		if (row->letter != '\0' && row->letter == letter)
			return row;
	return NULL;
}

static enum error_code unknown_option(const struct command *command, const char *name, size_t len, struct error *err)
{
	struct suggestion best = SUGGESTION_INIT;
	char wanted[64];
	const struct option_row *row;

	/* Printable names only: an argument can hold anything, also a secret behind '='. */
	len = len < sizeof(wanted) ? len : sizeof(wanted) - 1;
	memcpy(wanted, name, len);
	wanted[len] = '\0';
	for (size_t i = 0; i < len; i++)
		if (wanted[i] < 0x21 || wanted[i] > 0x7e)
			wanted[i] = '?';
	for (size_t i = 0; (row = row_of(command, i)) != NULL; i++)
		suggestion_offer(&best, wanted, row->name);
	if (best.text[0] != '\0')
		return error_set(err, ERR_USAGE, "unknown option --%s; did you mean --%s?", wanted, best.text);
	return error_set(err, ERR_USAGE, "unknown option --%s", wanted);
}

static enum error_code add_given(struct invocation *inv, const struct option_row *row, const char *value,
				 struct error *err)
{
	if (!row->repeats && row->value != NULL && option_is_given(inv, row->id))
		return error_set(err, ERR_USAGE, "--%s is given twice", row->name);
	if (inv->given_len == GIVEN_MAX)
		return error_set(err, ERR_USAGE, "more than %d options", GIVEN_MAX);
	inv->given[inv->given_len++] = (struct given_option){.id = row->id, .value = value};
	return ERR_OK;
}

static enum error_code take_value(struct parser *parser, const struct option_row *row, const char *attached,
				  struct error *err)
{
	if (row->value == NULL && attached != NULL)
		return error_set(err, ERR_USAGE, "--%s takes no value", row->name);
	if (row->value == NULL || attached != NULL)
		return add_given(parser->inv, row, attached, err);
	if (parser->next[1] == NULL)
		return error_set(err, ERR_USAGE, "--%s needs a value: --%s %s", row->name, row->name, row->value);
	return add_given(parser->inv, row, *++parser->next, err);
}

/* "--name", "--name=value" */
static enum error_code take_long(struct parser *parser, const char *text, struct error *err)
{
	size_t len = strcspn(text, "=");
	const struct option_row *row = find_long(parser->inv->command, text, len);

	if (row == NULL)
		return unknown_option(parser->inv->command, text, len, err);
	return take_value(parser, row, text[len] == '=' ? text + len + 1 : NULL, err);
}

/* "-q", "-mTEXT", "-qm TEXT" */
static enum error_code take_letters(struct parser *parser, const char *text, struct error *err)
{
	for (; *text != '\0'; text++) {
		const struct option_row *row = find_letter(parser->inv->command, *text);

		if (row == NULL)
			return error_set(err, ERR_USAGE, "unknown option -%c",
					 *text > 0x20 && *text < 0x7f ? *text : '?');
		if (row->value != NULL)
			return take_value(parser, row, text[1] != '\0' ? text + 1 : NULL, err);
		enum error_code rc = add_given(parser->inv, row, NULL, err);
		if (rc != ERR_OK)
			return rc;
	}
	return ERR_OK;
}

static enum error_code unknown_verb(const char *prefix, const char *word, struct error *err)
{
	struct suggestion best = SUGGESTION_INIT;
	char wanted[64];
	const struct command *command;

	int len = snprintf(wanted, sizeof(wanted), "%s%s%s", prefix, prefix[0] != '\0' ? " " : "", word);
	if (len < 0 || (size_t)len >= sizeof(wanted))
		return error_set(err, ERR_USAGE, "unknown verb");
	for (char *c = wanted; *c != '\0'; c++)
		if (*c < 0x20 || *c > 0x7e)
			*c = '?';
	for (size_t i = 0; (command = command_at(i)) != NULL; i++) {
		char group[64];

		suggestion_offer(&best, wanted, command->name);
		/* The first of two words alone: "slot" is rather "slots" than "set". */
		if (prefix[0] == '\0' && strchr(command->name, ' ') != NULL) {
			snprintf(group, sizeof(group), "%.*s", (int)strcspn(command->name, " "), command->name);
			suggestion_offer(&best, wanted, group);
		}
	}
	if (best.text[0] != '\0')
		return error_set(err, ERR_USAGE, "there is no verb '%s'; did you mean '%s'?", wanted, best.text);
	return error_set(err, ERR_USAGE, "there is no verb '%s'", wanted);
}

static enum error_code take_verb(struct invocation *inv, const char *word, struct error *err)
{
	char name[64];

	const struct option_row *help = find_long(NULL, "help", 4);

	if (inv->group == NULL && strcmp(word, "help") == 0 && help != NULL)
		return add_given(inv, help, NULL, err);
	if (inv->group == NULL && command_is_group(word)) {
		inv->group = word;
		return ERR_OK;
	}
	const char *group = inv->group != NULL ? inv->group : "";
	int len = snprintf(name, sizeof(name), "%s%s%s", group, group[0] != '\0' ? " " : "", word);
	inv->command = len > 0 && (size_t)len < sizeof(name) ? command_find(name) : NULL;
	if (inv->command == NULL)
		return unknown_verb(group, word, err);
	inv->group = NULL;
	return ERR_OK;
}

static enum error_code take_word(struct invocation *inv, char *word, struct error *err)
{
	if (inv->command == NULL)
		return take_verb(inv, word, err);
	inv->words[inv->words_len++] = word;
	return ERR_OK;
}

static enum error_code take_argument(struct parser *parser, struct error *err)
{
	char *text = *parser->next;

	if (text[0] != '-' || text[1] == '\0')
		return take_word(parser->inv, text, err);
	if (text[1] == '-')
		return take_long(parser, text + 2, err);
	return take_letters(parser, text + 1, err);
}

/* Behind "--": the program of `run`, plain words of the others. */
static enum error_code take_rest(struct parser *parser, struct error *err)
{
	struct invocation *inv = parser->inv;
	enum error_code rc = ERR_OK;

	if (inv->command != NULL && inv->command->program) {
		inv->program = parser->next[0] != NULL ? parser->next : NULL;
		return ERR_OK;
	}
	for (; rc == ERR_OK && *parser->next != NULL; parser->next++)
		rc = take_word(inv, *parser->next, err);
	return rc;
}

static enum error_code check_words(const struct invocation *inv, struct error *err)
{
	const struct command *command = inv->command;

	if (inv->words_len < command->words_min)
		return error_set(err, ERR_USAGE, "%s needs %s", command->name, command->words);
	if (inv->words_len > command->words_max && command->program)
		return error_set(err, ERR_USAGE, "put -- between the environment and the program: envctl %s %s",
				 command->name, command->words);
	if (inv->words_len > command->words_max)
		return error_set(err, ERR_USAGE, "%s takes %s and no more", command->name,
				 command->words_max > 0 ? command->words : "no words");
	if (command->program && inv->program == NULL)
		return error_set(err, ERR_USAGE, "%s needs a program: envctl %s %s", command->name, command->name,
				 command->words);
	if (option_is_given(inv, OPT_JSON) && !command->json)
		return error_set(err, ERR_USAGE, "--json has no meaning for %s", command->name);
	return ERR_OK;
}

static enum error_code parse_all(struct parser *parser, struct error *err)
{
	enum error_code rc = ERR_OK;

	for (; rc == ERR_OK && *parser->next != NULL; parser->next++) {
		if (strcmp(*parser->next, "--") == 0) {
			parser->next++;
			return take_rest(parser, err);
		}
		rc = take_argument(parser, err);
	}
	return rc;
}

enum error_code invocation_parse(int argc, char **argv, struct invocation *ret, struct error *err)
{
	*ret = (struct invocation){.words = calloc((size_t)argc + 1, sizeof(char *))};
	if (ret->words == NULL)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	struct parser parser = {.inv = ret, .next = argv + (argc > 0)};
	enum error_code rc = parse_all(&parser, err);
	if (rc != ERR_OK || option_is_given(ret, OPT_HELP) || option_is_given(ret, OPT_VERSION))
		return rc;
	if (ret->group != NULL) {
		char words[256];

		command_group_words(ret->group, words, sizeof(words));
		return error_set(err, ERR_USAGE, "%s needs a second word: %s", ret->group, words);
	}
	if (ret->command == NULL)
		return error_set(err, ERR_USAGE, "no verb is given");
	return check_words(ret, err);
}

bool option_is_given(const struct invocation *inv, enum option_id id)
{
	for (size_t i = 0; i < inv->given_len; i++)
		if (inv->given[i].id == id)
			return true;
	return false;
}

const char *option_value(const struct invocation *inv, enum option_id id)
{
	for (size_t i = inv->given_len; i > 0; i--)
		if (inv->given[i - 1].id == id)
			return inv->given[i - 1].value;
	return NULL;
}

static const char *option_name(const struct invocation *inv, enum option_id id)
{
	const struct option_row *row;

	for (size_t i = 0; (row = row_of(inv->command, i)) != NULL; i++)
		if (row->id == id)
			return row->name;
	assert(!"an option that the verb does not have");
	return "";
}

static bool parse_number(const char *text, uint64_t *ret)
{
	char *end;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	unsigned long long number = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || number > INT64_MAX)
		return false;
	*ret = number;
	return true;
}

enum error_code option_number(const struct invocation *inv, enum option_id id, bool zero_too, uint64_t *ret,
			      struct error *err)
{
	const char *text = option_value(inv, id);
	uint64_t number;

	if (text == NULL)
		return ERR_OK;
	if (!parse_number(text, &number) || (number == 0 && !zero_too))
		return error_set(err, ERR_USAGE, "--%s needs a whole number from %d on", option_name(inv, id),
				 zero_too ? 0 : 1);
	*ret = number;
	return ERR_OK;
}
