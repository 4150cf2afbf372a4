/* "# vaultd: rotate=90d owner=payments ...": facts of our own. */
#include "schema/read.h"

#include <stdlib.h>

#include "schema/types.h"
#include "vault/clock.h"

struct fact {
	struct reading *reader;
	struct item *item;
	struct span key;
	const struct node *value;	/* NULL: the key alone */
	struct place place;
};

static void wrong(const struct fact *fact, const char *what)
{
	reading_say(fact->reader, &(struct remark_on){ FINDING_ERROR, "fact", fact->place, LAYER_OWN, fact->item->name,
		   "the facts of a \"# vaultd:\" comment are type, rotate, grace, owner, notify, minEntropy, unique and immutable" }, "%s %s", shown(fact->key).text, what);
}

bool comment_is_own(struct span *text, struct place *place)
{
	static const char mark[] = "vaultd:";
	struct span rest;

	if (!text_starts(text->at, text->len, mark))
		return false;
	rest = span_trim((struct span){ text->at + sizeof(mark) - 1, text->len - (sizeof(mark) - 1) });
	place->column += (unsigned)(rest.at - text->at);
	*text = rest;
	return true;
}

/* -- the facts ---------------------------------------------------------------- */

static bool fact_text(const struct fact *fact, struct span *ret)
{
	return fact->value && node_text(fact->value, ret) && ret->len > 0;
}

static void read_duration(const struct fact *fact, int64_t *ret)
{
	struct span text;
	int64_t seconds;

	if (!fact_text(fact, &text) || !duration_parse(text.at, text.len, &seconds) || seconds <= 0)
		wrong(fact, "wants a time: 90d, 12h, 30m");
	else
		*ret = seconds;
}

static void read_rotate(const struct fact *fact)
{
	read_duration(fact, &fact->item->own->rotate_s);
}

static void read_grace(const struct fact *fact)
{
	read_duration(fact, &fact->item->own->grace_s);
}

static void read_owner(const struct fact *fact)
{
	struct span text;

	if (!fact_text(fact, &text) || text.len > LIMIT_SCHEMA_OWNER)
		wrong(fact, "wants a name: owner=payments");
	else
		fact->item->own->owner = text;
}

/* An address that people or machines are told at; whether it may be called is not decided here. */
static void read_notify(const struct fact *fact)
{
	struct span text;

	if (!fact_text(fact, &text) || text.len > LIMIT_SCHEMA_NOTIFY ||
	    !(text_starts(text.at, text.len, "https://") || text_starts(text.at, text.len, "http://") ||
	      text_starts(text.at, text.len, "mailto:")))
		wrong(fact, "wants an address: notify=https://..., or mailto:...");
	else
		fact->item->own->notify = text;
}

static void read_min_entropy(const struct fact *fact)
{
	struct span text;
	unsigned bits = 0;
	bool ok = fact_text(fact, &text) && text.len <= 4;

	for (size_t i = 0; ok && i < text.len; i++) {
		ok = is_digit(text.at[i]);
		bits = bits * 10 + (unsigned)(text.at[i] - '0');
	}
	if (!ok || bits == 0 || bits > 4096)
		wrong(fact, "wants a number of bits from 1 to 4096: minEntropy=80");
	else
		fact->item->own->min_entropy = bits;
}

static void read_unique(const struct fact *fact)
{
	if (fact->value && !(fact->value->kind == NODE_TEXT && span_is(fact->value->text, "env")))
		wrong(fact, "knows one value: unique=env, different from all other environments");
	else
		fact->item->own->unique = true;
}

static void read_immutable(const struct fact *fact)
{
	if (fact->value && !(fact->value->kind == NODE_TEXT && span_is(fact->value->text, "true")))
		wrong(fact, "stands alone");
	else
		fact->item->own->immutable = true;
}

/* Ours is the finer type, and counts before @type. */
static void read_type(const struct fact *fact)
{
	struct schema_type *type = NULL;
	struct error err = ERROR_INIT;

	if (!fact->value || (fact->value->kind != NODE_TEXT && fact->value->kind != NODE_CALL)) {
		wrong(fact, "names a type: type=hostport");
		return;
	}
	if (schema_type_compile(fact->value, true, &type, &err) == ERR_OK) {
		schema_type_free((struct schema_type *)(uintptr_t)fact->item->type);
		fact->item->type = type;
		reading_count_type(fact->reader, type);
		fact->item->type_said = said_at(LAYER_OWN, fact->place);
	} else if (err.code == ERR_INVALID) {
		reading_say(fact->reader, &(struct remark_on){ FINDING_ERROR, "type", { fact->value->line, fact->value->column },
			   LAYER_OWN, fact->item->name, "docs/schema.md lists the types and their arguments" }, "%s", err.text);
	} else {
		reading_fail(fact->reader, err.code, err.text);
	}
}

static const struct {
	const char *name;
	void (*read)(const struct fact *fact);
} rows[] = {
	{ "rotate", read_rotate }, { "grace", read_grace },	     { "owner", read_owner },	  { "notify", read_notify },
	{ "minEntropy", read_min_entropy }, { "unique", read_unique }, { "immutable", read_immutable }, { "type", read_type },
};

static void apply_fact(const struct fact *fact, unsigned *used)
{
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		if (!span_is(fact->key, rows[i].name))
			continue;
		if (*used & 1u << i)
			wrong(fact, "stands twice");
		else
			rows[i].read(fact);
		*used |= 1u << i;
		return;
	}
	wrong(fact, "is no fact that is known");
}

/* -- reading the line ------------------------------------------------------------ */

/* The cursor of line at the first byte of a fact; after it behind the fact. */
static bool read_fact(struct reading *line, struct fact *fact)
{
	size_t begin = line->at;

	fact->place = reading_place(line, begin);
	while (line->at < line->len && !is_blank(line->text[line->at]) && line->text[line->at] != '=')
		line->at++;
	fact->key = (struct span){ line->text + begin, line->at - begin };
	fact->value = NULL;
	if (line->at == line->len || line->text[line->at] != '=')
		return true;
	line->at++;
	fact->value = read_decorator_value(line, LAYER_OWN);
	return fact->value != NULL;
}

static bool own_new(struct reading *reader, struct item *item, struct place place)
{
	item->own = calloc(1, sizeof(*item->own));
	if (item->own)
		item->own->said = said_at(LAYER_OWN, place);
	else
		reading_fail(reader, ERR_NO_MEMORY, "out of memory while a schema was read");
	return item->own != NULL;
}

void read_own_facts(struct reading *reader, struct item *item, struct span text, struct place place)
{
	/* The line is read with the reader's own tools, as if the text ended where it does; what these allocate goes back. */
	struct reading saved = *reader;
	struct fact fact = { .reader = reader, .item = item };
	unsigned used = 0;

	if (!item->own && !own_new(reader, item, place))
		return;
	reader->at = (size_t)(text.at - reader->text);
	reader->len = reader->at + text.len;
	reader->line = place.line;
	reader->line_start = reader->at - (place.column - 1);
	while (reader->at < reader->len && !reader->failed) {
		if (read_fact(reader, &fact))
			apply_fact(&fact, &used);
		else
			while (reader->at < reader->len && !is_blank(reader->text[reader->at]))
				reader->at++;
		while (reader->at < reader->len && is_one_of(reader->text[reader->at], " \t,;"))
			reader->at++;
		if (reader->at < reader->len && reader->text[reader->at] == '#')
			break;
	}
	reader->at = saved.at;
	reader->len = saved.len;
	reader->line = saved.line;
	reader->line_start = saved.line_start;
}
