/* What the words of comments say: hints for people, which become warnings at most. */
#include "schema/read.h"

#include <strings.h>

/* A phrase in the text of a comment. */
struct phrase {
	struct reading *reader;
	struct item *item;
	struct span text;
	size_t begin, end;	/* of the words */
	struct place place;	/* of the text */
	bool beside;
};

static bool is_word_char(char c)
{
	return is_name_char(c) || (unsigned char)c >= 0x80;
}

static struct said said_by(const struct phrase *phrase)
{
	return said_where(LAYER_PLAIN, phrase->place.line, phrase->place.column + (unsigned)phrase->begin);
}

/* -- where a phrase stands ------------------------------------------------------- */

/* The nearest character that is no blank, '\0' at the edge. */
static char before(const struct phrase *phrase)
{
	size_t at = phrase->begin;

	while (at > 0 && is_blank(phrase->text.at[at - 1]))
		at--;
	return at > 0 ? phrase->text.at[at - 1] : '\0';
}

static char after(const struct phrase *phrase)
{
	size_t at = phrase->end;

	while (at < phrase->text.len && is_blank(phrase->text.at[at]))
		at++;
	return at < phrase->text.len ? phrase->text.at[at] : '\0';
}

static bool begins_part(const struct phrase *phrase)
{
	char c = before(phrase);

	return c == '\0' || is_one_of(c, "([{-*>:;,.!#|");
}

/* Nothing but marks up to the end of the text. */
static bool ends_text(const struct phrase *phrase)
{
	size_t at = phrase->end;

	while (at < phrase->text.len && is_one_of(phrase->text.at[at], " \t.!*"))
		at++;
	return at == phrase->text.len;
}

/* Above a variable words count at the start and the end, between commas, and in brackets. */
static bool counts(const struct phrase *phrase)
{
	char c = before(phrase), next = after(phrase);

	if (phrase->beside || c == '\0' || ends_text(phrase) || is_one_of(c, "([{") || is_one_of(next, ")]}"))
		return true;
	return is_one_of(c, "-*>:;,.!#") && is_one_of(next, "-:;,.!");
}

/* The word in front of the phrase, as long as nothing but blanks stands between. */
static bool follows_word(const struct phrase *phrase, const char *word)
{
	size_t at = phrase->begin, len = strlen(word);

	while (at > 0 && is_blank(phrase->text.at[at - 1]))
		at--;
	return at >= len && strncasecmp(phrase->text.at + at - len, word, len) == 0 &&
	       (at == len || !is_word_char(phrase->text.at[at - len - 1]));
}

static bool precedes_word(const struct phrase *phrase, const char *word)
{
	size_t at = phrase->end, len = strlen(word);

	while (at < phrase->text.len && is_blank(phrase->text.at[at]))
		at++;
	return phrase->text.len - at >= len && strncasecmp(phrase->text.at + at, word, len) == 0 &&
	       (phrase->text.len - at == len || !is_word_char(phrase->text.at[at + len]));
}

static bool is_near_any(const struct phrase *phrase, bool (*is_near)(const struct phrase *, const char *),
			const char *const words[])
{
	for (size_t i = 0; words[i]; i++)
		if (is_near(phrase, words[i]))
			return true;
	return false;
}

/* -- what it gives ------------------------------------------------------------------ */

/* A quoted text, or a word. The end of it becomes the end of the phrase. */
static struct span take_value(struct phrase *phrase)
{
	const char *text = phrase->text.at;
	size_t at = phrase->end, len = phrase->text.len, begin;
	char quote;

	while (at < len && is_blank(text[at]))
		at++;
	begin = at;
	if (len > begin + LIMIT_SCHEMA_WORD)
		len = begin + LIMIT_SCHEMA_WORD;
	quote = at < len && is_one_of(text[at], "'\"`") ? text[at] : '\0';
	if (quote != '\0') {
		for (at++; at < len && text[at] != quote; at++)
			;
		phrase->end = at < len ? at + 1 : begin + 1;
		return at < len ? (struct span){ text + begin + 1, at - begin - 1 } : (struct span){ text + begin, 0 };
	}
	while (at < len && !is_one_of(text[at], " \t,;)]}"))
		at++;
	phrase->end = at;
	while (at > begin + 1 && is_one_of(text[at - 1], ".!:"))
		at--;
	return (struct span){ text + begin, at - begin };
}

static bool is_one_word_of(struct span word, const char *const words[])
{
	for (size_t i = 0; words[i]; i++)
		if (word.len == strlen(words[i]) && strncasecmp(word.at, words[i], word.len) == 0)
			return true;
	return false;
}

static void say_required(const struct phrase *phrase, enum condition_kind kind, bool required)
{
	struct item *item = phrase->item;

	if (item->required_said.layer > LAYER_PLAIN)
		return;
	item->required = (struct condition){ .kind = kind, .constant = required };
	item->required_said = said_by(phrase);
}

/* not, none, isn't with either apostrophe, ... */
static bool is_negation(struct span word)
{
	static const char *const words[] = { "not", "no", "non", "none", "never", "neither", "nor", "nothing", "without", "cannot",
					     "isnt", "arent", NULL };
	static const char *const ends[] = { "n't", "n\xe2\x80\x99t", NULL };

	for (size_t i = 0; ends[i]; i++) {
		size_t len = strlen(ends[i]);

		if (word.len > len && strncasecmp(word.at + word.len - len, ends[i], len) == 0)
			return true;
	}
	return is_one_word_of(word, words);
}

/* One of the last few words in front takes the meaning back: "none of these is required". Only blanks and hyphens stand between.
 * The phrase then begins with it. */
static bool take_negation(struct phrase *phrase, unsigned words)
{
	const char *text = phrase->text.at;
	size_t at = phrase->begin;

	while (words-- > 0) {
		size_t end;

		if (at > 0 && text[at - 1] == '-')
			at--;
		else
			while (at > 0 && is_blank(text[at - 1]))
				at--;
		for (end = at; at > 0 && (is_word_char(text[at - 1]) || text[at - 1] == '\''); at--)
			;
		if (at == end)
			return false;
		if (is_negation((struct span){ text + at, end - at })) {
			phrase->begin = at;
			return true;
		}
	}
	return false;
}

static void read_optional(struct phrase *phrase)
{
	bool is_negated;

	/* "[REQUIRED/OPTIONAL]" is a form that nobody filled in. */
	if (!counts(phrase) || before(phrase) == '/' || after(phrase) == '/' || before(phrase) == '|' || after(phrase) == '|')
		return;
	is_negated = take_negation(phrase, 2);
	say_required(phrase, CONDITION_CONSTANT, is_negated);
}

static void read_required(struct phrase *phrase)
{
	static const char *const conditions[] = { "if", "when", "unless", "only", "for", "in", "on", "with", "where", NULL };
	static const char *const conjunctions[] = { "if", "as", "when", "where", "unless", "be", NULL };
	bool is_conditional, is_negated;

	if (before(phrase) == '/' || after(phrase) == '/' || before(phrase) == '|' || after(phrase) == '|' ||
	    is_near_any(phrase, follows_word, conjunctions))
		return;
	is_negated = take_negation(phrase, 5);
	is_conditional = is_near_any(phrase, precedes_word, conditions);
	/* "required when" is plain enough wherever it stands. */
	if (!counts(phrase) && !(is_conditional && is_near_any(phrase, precedes_word, conjunctions)))
		return;
	if (is_negated)
		say_required(phrase, CONDITION_CONSTANT, false);
	else if (is_conditional)
		say_required(phrase, CONDITION_UNKNOWN, false);
	else
		say_required(phrase, CONDITION_CONSTANT, true);
}

static void read_secret(struct phrase *phrase)
{
	static const char *const negated[] = { "not", "non", "no", "isn't", "case", NULL };

	if (!counts(phrase) || is_near_any(phrase, follows_word, negated) || after(phrase) == '/' ||
	    phrase->item->sensitive_said.layer != LAYER_NONE)
		return;
	phrase->item->sensitive = true;
	phrase->item->sensitive_said = said_by(phrase);
}

/* "defaults to X", "default: X", "(default X)". */
static void read_default(struct phrase *phrase)
{
	static const char *const nothing[] = { "none", "empty", "unset", "null", "undefined", "nothing", "blank", "n/a", "no", NULL };
	static const char *const prose[] = { "the", "a", "an", "your", "to", "same", "value", "whatever", "values", "is", NULL };
	struct item *item = phrase->item;
	char last;
	struct item_more *more;
	struct span value;

	if (is_one_of(after(phrase), ":="))
		while (!is_one_of(phrase->text.at[phrase->end++], ":="))
			;
	last = phrase->text.at[phrase->end - 1];
	/* "to" and a colon tell that a value follows; without them only a bracket or the start does. */
	if (item_more(item)->default_said.layer != LAYER_NONE || (is_word_char(last) && strncasecmp(&phrase->text.at[phrase->end - 2], "to", 2) != 0 &&
						       !begins_part(phrase)) || follows_word(phrase, "by"))
		return;
	value = take_value(phrase);
	more = value.len > 0 ? reading_more(phrase->reader, item) : NULL;
	if (!more)
		return;
	more->default_said = said_by(phrase);
	if (!is_one_word_of(value, nothing) && !is_one_word_of(value, prose))
		more->default_text = value;
	if (item->required_said.layer == LAYER_NONE)
		say_required(phrase, CONDITION_CONSTANT, false);
}

static void read_type(struct phrase *phrase)
{
	static const struct {
		const char *word, *type;
	} types[] = {
		{ "number", "number" }, { "int", "number" }, { "integer", "number" }, { "float", "number" }, { "bool", "boolean" },
		{ "boolean", "boolean" }, { "url", "url" }, { "uri", "url" }, { "email", "email" }, { "port", "port" },
		{ "uuid", "uuid" }, { "semver", "semver" },
	};
	struct span value = take_value(phrase);

	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (value.len == strlen(types[i].word) && strncasecmp(value.at, types[i].word, value.len) == 0)
			set_plain_type(phrase->reader, phrase->item, types[i].type,
				       (struct place){ phrase->place.line, phrase->place.column + (unsigned)phrase->begin });
}

/* After "e.g." a sentence may follow as well: only what looks like a value counts. */
static bool looks_like_value(const struct phrase *phrase, struct span value)
{
	bool small_letters = true;

	if (value.len == 0)
		return false;
	for (size_t i = 0; i < value.len; i++)
		small_letters = small_letters && value.at[i] >= 'a' && value.at[i] <= 'z';
	return !small_letters || ends_text(phrase) || is_one_of(after(phrase), ")]}") || is_one_of(value.at[-1], "'\"`");
}

static void read_example(struct phrase *phrase)
{
	struct span value = take_value(phrase);
	struct item_more *more;

	if (item_more(phrase->item)->example_said.layer != LAYER_NONE || !looks_like_value(phrase, value))
		return;
	more = reading_more(phrase->reader, phrase->item);
	if (!more)
		return;
	more->example = value;
	more->example_said = said_by(phrase);
}

/* -- choices --------------------------------------------------------------------------- */

static bool is_choice_char(char c)
{
	return is_word_char(c) || is_one_of(c, "-.+:@/");
}

/* One choice, at the phrase's end: a word of at most 64 bytes, perhaps in quotes. */
static bool take_choice(struct phrase *phrase, struct span *ret)
{
	const char *text = phrase->text.at;
	size_t at = phrase->end, begin;
	bool quoted;

	while (at < phrase->text.len && is_blank(text[at]))
		at++;
	quoted = at < phrase->text.len && is_one_of(text[at], "'\"`");
	begin = at += quoted;
	while (at < phrase->text.len && is_choice_char(text[at]) && at - begin < 64)
		at++;
	*ret = (struct span){ text + begin, at - begin };
	if (quoted && (at == phrase->text.len || text[at] != text[begin - 1]))
		return false;
	phrase->end = at + quoted;
	while (!quoted && ret->len > 1 && is_one_of(ret->at[ret->len - 1], ".:"))
		ret->len--;
	return ret->len > 0;
}

/* A comma, a bar, "or": *ret_more; else the list is over. */
static void take_separator(struct phrase *phrase, bool bars, bool *ret_more)
{
	const char *text = phrase->text.at;
	size_t at = phrase->end, commas = 0;

	while (at < phrase->text.len && is_blank(text[at]))
		at++;
	if (at < phrase->text.len && (text[at] == '|' || (!bars && text[at] == ','))) {
		commas++;
		at++;
		while (at < phrase->text.len && is_blank(text[at]))
			at++;
	}
	if (!bars && phrase->text.len - at > 3 && strncasecmp(text + at, "or ", 3) == 0) {
		commas++;
		at += 3;
	}
	*ret_more = commas > 0;
	if (commas > 0)
		phrase->end = at;
}

static bool is_bool_pair(const struct span *choices, size_t len)
{
	static const char *const words[] = { "true", "false", NULL };

	return len == 2 && is_one_word_of(choices[0], words) && is_one_word_of(choices[1], words);
}

/* The list counts when it is plainly closed, and the schema's own value is in it. */
static bool choices_count(const struct phrase *phrase, const struct span *choices, size_t len)
{
	const struct span value = phrase->item->value;
	static const char *const open[] = { "etc", "more", "others", "other", NULL };

	if (len < 2 || is_one_word_of(choices[len - 1], open) || !(ends_text(phrase) || is_one_of(after(phrase), ")]};,-=(")))
		return false;
	if (value.len == 0 || value_is_placeholder(value))
		return true;
	for (size_t i = 0; i < len; i++)
		if (choices[i].len == value.len && memcmp(choices[i].at, value.at, value.len) == 0)
			return true;
	return false;
}

static void take_choices(struct phrase *phrase, bool bars)
{
	struct span choices[LIMIT_SCHEMA_CHOICES];
	struct item *item = phrase->item;
	struct item_more *kept;
	size_t len = 0;
	bool more = true;

	while (more && len < LIMIT_SCHEMA_CHOICES && take_choice(phrase, &choices[len])) {
		len++;
		take_separator(phrase, bars, &more);
	}
	if (more || item_more(item)->choices_len > 0 || !choices_count(phrase, choices, len))
		return;
	if (is_bool_pair(choices, len)) {
		set_plain_type(phrase->reader, item, "boolean",
			       (struct place){ phrase->place.line, phrase->place.column + (unsigned)phrase->begin });
		return;
	}
	kept = reading_more(phrase->reader, item);
	for (size_t i = 0; kept && i < len; i++)
		if (!spans_add(phrase->reader, &kept->choices, &kept->choices_len, choices[i]))
			return;
	if (kept)
		kept->choices_said = said_by(phrase);
}

static void read_one_of(struct phrase *phrase)
{
	while (phrase->end < phrase->text.len && is_one_of(phrase->text.at[phrase->end], ": "))
		phrase->end++;
	take_choices(phrase, false);
}

/* "json|slack|discord": the phrase is its first word. */
static void read_bars(struct phrase *phrase)
{
	if (!begins_part(phrase) && !phrase->beside)
		return;
	phrase->end = phrase->begin;
	take_choices(phrase, true);
}

/* -- finding phrases ---------------------------------------------------------------- */

static const struct {
	const char *words;	/* small letters; a colon also stands for = */
	void (*read)(struct phrase *phrase);
} phrases[] = {
	{ "optional", read_optional }, { "required", read_required }, { "secret", read_secret }, { "sensitive", read_secret },
	{ "defaults to", read_default }, { "defaulting to", read_default }, { "default:", read_default },
	{ "default is", read_default }, { "default", read_default }, { "type:", read_type }, { "example:", read_example },
	{ "examples:", read_example }, { "e.g.:", read_example }, { "e.g.,", read_example }, { "e.g.", read_example },
	{ "eg:", read_example }, { "ex:", read_example }, { "one of", read_one_of }, { "options:", read_one_of },
	{ "choices:", read_one_of }, { "allowed:", read_one_of }, { "allowed values:", read_one_of },
	{ "possible values:", read_one_of }, { "valid values:", read_one_of }, { "accepted values:", read_one_of },
	{ "values:", read_one_of },
};

static bool phrase_at(struct span text, size_t at, const char *words, size_t *ret_end)
{
	for (; *words; words++, at++) {
		char c = at < text.len ? text.at[at] : '\0';

		if (c >= 'A' && c <= 'Z')
			c = (char)(c - 'A' + 'a');
		if (c != *words && !(*words == ':' && c == '='))
			return false;
	}
	*ret_end = at;
	return at == text.len || !is_word_char(text.at[at - 1]) || !is_word_char(text.at[at]);
}


/* A word with a bar directly behind it, or between blanks. */
static bool bar_follows(struct span text, size_t at)
{
	size_t end = at;

	while (end < text.len && is_choice_char(text.at[end]) && end - at <= 64)
		end++;
	if (end - at > 64)
		return false;
	if (end < text.len && is_blank(text.at[end]))
		end++;
	return end < text.len && text.at[end] == '|' && !(end + 1 < text.len && text.at[end + 1] == '|');
}

/* Returns where the search goes on. */
static size_t read_phrase(struct phrase *phrase)
{
	for (size_t i = 0; i < ARRAY_LEN(phrases); i++) {
		if (!phrase_at(phrase->text, phrase->begin, phrases[i].words, &phrase->end))
			continue;
		phrases[i].read(phrase);
		break;
	}
	return phrase->end;
}

void read_words(struct reading *reader, struct item *item, struct span text, struct place place, bool beside)
{
	size_t at = 0;

	while (at < text.len && !reader->failed) {
		struct phrase phrase = { reader, item, text, at, at, place, beside };
		size_t begin = at;

		if (!is_word_char(text.at[at])) {
			at++;
			continue;
		}
		if (item_more(item)->choices_len == 0 && bar_follows(text, at))
			read_bars(&phrase);
		else
			at = read_phrase(&phrase);
		at = phrase.end > begin ? phrase.end : begin;
		while (at < text.len && is_word_char(text.at[at]))
			at++;
	}
}
