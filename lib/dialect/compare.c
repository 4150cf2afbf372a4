#include "vault/dialect_compare.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/compare.h"
#include "dialect/key_piece.h"
#include "dialect/row.h"
#include "dialect/text.h"
#include "vault/limits.h"
#include "vault/names.h"
#include "vault/plural.h"

#define READERS_MAX 32

/* What one reader makes of one variable. */
struct outcome {
	unsigned char print[crypto_shorthash_siphashx24_BYTES];
	const char *reason, *hint;
	uint32_t len;
	unsigned line;
	uint16_t traits;
	bool known;	/* else nothing was found out yet */
	uint8_t kind;	/* of enum compared_kind */
};

/* A line that a reader refuses, and no variable of it is known. */
struct loose {
	unsigned line;
	unsigned reader;
	const struct note *note;
};

struct place {
	unsigned line;
	uint32_t variable;
};

struct table {
	const char *text;
	size_t len;
	uint32_t ids[READERS_MAX];	/* dialects that are asked */
	size_t readers;
	struct notes notes[READERS_MAX];
	struct env_set *names;		/* the union; each value is the variable's number */
	struct outcome *outcomes;	/* readers of them for each variable */
	size_t variables, room;
	unsigned char *inside;		/* a bit for each line: it is inside a value of several lines for some reader, or may be */
	unsigned char *begins;		/* the same: something begins there for the reader that is being asked */
	size_t lines;
	struct place *places;		/* where variables stand, by line */
	size_t places_len;
	struct loose *loose;
	size_t loose_len, loose_room;
	unsigned char key[crypto_shorthash_siphashx24_KEYBYTES];
};

static void table_wipe(struct table *table)
{
	for (size_t i = 0; i < table->readers; i++)
		notes_free(&table->notes[i]);
	env_set_free(table->names);
	free(table->outcomes);
	free(table->inside);
	free(table->begins);
	free(table->places);
	free(table->loose);
	sodium_memzero(table->key, sizeof(table->key));
}

static struct outcome *outcome_at(const struct table *table, size_t variable, size_t reader)
{
	return &table->outcomes[variable * table->readers + reader];
}

static enum error_code no_memory(struct error *err)
{
	return error_set(err, ERR_NO_MEMORY, "out of memory while comparing the readers of an env file");
}

/* -- one reader ---------------------------------------------------------------- */

static bool make_room(struct table *table)
{
	size_t room = table->room > 0 ? 2 * table->room : 64;
	struct outcome *outcomes;

	if (table->variables < table->room)
		return true;
	outcomes = reallocarray(table->outcomes, room * table->readers, sizeof(*outcomes));
	if (!outcomes)
		return false;
	memset(outcomes + table->room * table->readers, 0, (room - table->room) * table->readers * sizeof(*outcomes));
	table->outcomes = outcomes;
	table->room = room;
	return true;
}

/* The variable's number; a new one for a name that no reader saw before. */
static enum error_code number_of(struct table *table, const struct env_entry *entry, uint32_t *ret, struct error *err)
{
	uint32_t number = (uint32_t)table->variables;
	struct env_entry found;

	if (env_set_find(table->names, entry->name, entry->name_len, &found)) {
		memcpy(ret, found.value, sizeof(*ret));
		return ERR_OK;
	}
	if (!make_room(table))
		return no_memory(err);
	if (env_set_put(table->names, entry->name, entry->name_len, (const char *)&number, sizeof(number), 0, NULL, err) != ERR_OK)
		return err->code;
	table->variables++;
	*ret = number;
	return ERR_OK;
}

static void set_line(unsigned char *map, size_t lines, size_t line)
{
	if (line < lines)
		map[line / 8] |= (unsigned char)(1u << line % 8);
}

static bool has_line(const unsigned char *map, size_t lines, size_t line)
{
	return line < lines && (map[line / 8] >> line % 8 & 1) != 0;
}

/* The lines behind the value's first one belong to it, up to where this reader sees something else begin: line feeds of the
 * value may be none in the text. */
static void mark_inside(struct table *table, const struct env_entry *entry)
{
	const char *at = entry->value, *end = at + entry->value_len;
	size_t line = entry->line;

	while (at < end && (at = memchr(at, '\n', (size_t)(end - at))) && !has_line(table->begins, table->lines, ++line)) {
		at++;
		set_line(table->inside, table->lines, line);
	}
}

/* Where this reader sees a variable, or something to say, begin. */
static void mark_begins(struct table *table, size_t reader, const struct env_set *set)
{
	const struct notes *notes = &table->notes[reader];

	memset(table->begins, 0, table->lines / 8 + 1);
	for (size_t i = 0; i < env_set_count(set); i++)
		set_line(table->begins, table->lines, env_set_at(set, i).line);
	for (size_t i = 0; i < notes->len; i++)
		set_line(table->begins, table->lines, notes->items[i].line);
}

static enum error_code take_entry(struct table *table, size_t reader, const struct env_entry *entry, struct error *err)
{
	struct outcome *outcome;
	uint32_t number;

	if (number_of(table, entry, &number, err) != ERR_OK)
		return err->code;
	outcome = outcome_at(table, number, reader);
	*outcome = (struct outcome){
		.len = (uint32_t)entry->value_len,
		.line = entry->line,
		.traits = value_traits(entry->value, entry->value_len),
		.known = true,
		.kind = COMPARED_VALUE,
	};
	crypto_shorthash_siphashx24(outcome->print, (const unsigned char *)entry->value, entry->value_len, table->key);
	if ((outcome->traits & TRAIT_LINES) != 0)
		mark_inside(table, entry);
	return ERR_OK;
}

/* ERR_OK also when the reader refuses lines: they are in its notes. */
static enum error_code ask_reader(struct table *table, size_t reader, struct error *err)
{
	cleanup_(env_set_freep) struct env_set *set = env_set_new(2 * table->len + LIMIT_VARIABLES);
	struct error found = ERROR_INIT;
	enum error_code code;

	if (!set)
		return no_memory(err);
	code = dialect_decode(dialect_at(table->ids[reader]), table->text, table->len, set, &table->notes[reader], &found);
	if (code != ERR_OK && code != ERR_INVALID)
		return error_set(err, code, "%s", found.text);
	mark_begins(table, reader, set);
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct env_entry entry = env_set_at(set, i);

		if (take_entry(table, reader, &entry, err) != ERR_OK)
			return err->code;
	}
	return ERR_OK;
}

/* -- what was refused, and which variable it was ------------------------------- */

static int compare_places(const void *a, const void *b)
{
	const struct place *left = a, *right = b;

	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	return (left->variable > right->variable) - (left->variable < right->variable);
}

/* Every line on which a variable stands for some reader. */
static bool find_places(struct table *table)
{
	size_t len = 0;

	table->places = reallocarray(NULL, table->variables * table->readers + 1, sizeof(*table->places));
	if (!table->places)
		return false;
	for (size_t v = 0; v < table->variables; v++) {
		for (size_t r = 0; r < table->readers; r++) {
			const struct outcome *outcome = outcome_at(table, v, r);
			bool again = len > 0 && table->places[len - 1].variable == v && table->places[len - 1].line == outcome->line;

			if (outcome->known && !again)
				table->places[len++] = (struct place){ outcome->line, (uint32_t)v };
		}
	}
	if (len > 0)
		qsort(table->places, len, sizeof(*table->places), compare_places);
	table->places_len = len;
	return true;
}

static size_t first_place(const struct table *table, unsigned line)
{
	size_t low = 0, high = table->places_len;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (table->places[middle].line < line)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* False: it says nothing about this variable. Who refuses a variable by its name has no value for it, whatever was read before. */
static bool explain(struct table *table, size_t variable, size_t reader, const struct note *note, bool by_name)
{
	struct outcome *outcome = outcome_at(table, variable, reader);
	enum compared_kind kind = note->severity == NOTE_ERROR ? COMPARED_REFUSED : COMPARED_ABSENT;

	if (outcome->known && (kind == COMPARED_ABSENT || !by_name || outcome->kind != COMPARED_VALUE))
		return outcome->kind != COMPARED_VALUE;
	*outcome = (struct outcome){
		.reason = note->reason,
		.hint = note->hint,
		.line = note->line,
		.known = true,
		.kind = kind,
	};
	return true;
}

static bool add_loose(struct table *table, size_t reader, const struct note *note)
{
	size_t room = table->loose_room > 0 ? 2 * table->loose_room : 64;
	struct loose *loose = table->loose;

	if (table->loose_len == table->loose_room) {
		loose = reallocarray(loose, room, sizeof(*loose));
		if (!loose)
			return false;
		table->loose = loose;
		table->loose_room = room;
	}
	loose[table->loose_len++] = (struct loose){ note->line, (unsigned)reader, note };
	return true;
}

/* By its name, and where others see another variable on its line, by that. */
static bool place_note(struct table *table, size_t reader, const struct note *note)
{
	struct env_entry found;
	bool placed = false;
	uint32_t number;

	if (note->name[0] && env_set_find(table->names, note->name, strlen(note->name), &found)) {
		memcpy(&number, found.value, sizeof(number));
		placed = explain(table, number, reader, note, true);
	}
	for (size_t i = first_place(table, note->line);
	     note->line > 0 && i < table->places_len && table->places[i].line == note->line; i++)
		placed |= explain(table, table->places[i].variable, reader, note, false);
	return placed || note->severity != NOTE_ERROR || add_loose(table, reader, note);
}

static bool place_notes(struct table *table)
{
	for (size_t r = 0; r < table->readers; r++)
		for (size_t i = 0; i < table->notes[r].len; i++)
			if (!place_note(table, r, &table->notes[r].items[i]))
				return false;
	return true;
}

/* -- disagreements ---------------------------------------------------------------- */

/* NULL: full, which is counted, or no memory. */
static struct disagreement *add_item(struct comparison *comparison, size_t groups, struct error *err)
{
	size_t room = comparison->room > 0 ? 2 * comparison->room : 16;
	struct disagreement *items = comparison->items;

	if (comparison->len == COMPARED_MAX) {
		comparison->omitted++;
		return NULL;
	}
	if (comparison->len == comparison->room) {
		items = reallocarray(items, room, sizeof(*items));
		if (!items) {
			no_memory(err);
			return NULL;
		}
		comparison->items = items;
		comparison->room = room;
	}
	items[comparison->len] = (struct disagreement){ .groups = calloc(groups, sizeof(*items->groups)) };
	if (!items[comparison->len].groups) {
		no_memory(err);
		return NULL;
	}
	return &items[comparison->len++];
}

static bool is_same(const struct outcome *a, const struct outcome *b)
{
	if (a->known != b->known || a->kind != b->kind)
		return false;
	if (!a->known || a->kind != COMPARED_VALUE)
		return a->reason == b->reason;
	return a->len == b->len && memcmp(a->print, b->print, sizeof(a->print)) == 0;
}

/* The first reader that makes the same of it as reader r. */
static size_t first_same(const struct table *table, size_t variable, size_t r)
{
	for (size_t i = 0; i < r; i++)
		if (is_same(outcome_at(table, variable, i), outcome_at(table, variable, r)))
			return i;
	return r;
}

static void fill_group(struct compared_group *group, const struct outcome *outcome)
{
	*group = (struct compared_group){
		.kind = outcome->known ? (enum compared_kind)outcome->kind : COMPARED_ABSENT,
		.len = outcome->len,
		.line = outcome->line,
		.traits = outcome->traits,
		.reason = outcome->reason,
		.hint = outcome->hint,
	};
}

static int compare_groups(const void *a, const void *b)
{
	const struct compared_group *left = a, *right = b;

	if (left->kind != right->kind)
		return left->kind < right->kind ? -1 : 1;
	/* The first reader of each decides: bits of the lowest dialects. */
	uint32_t x = left->readers & -left->readers, y = right->readers & -right->readers;
	return (x > y) - (x < y);
}

static void finish_item(struct disagreement *item)
{
	qsort(item->groups, item->groups_len, sizeof(*item->groups), compare_groups);
	for (size_t i = 0; i < item->groups_len; i++)
		if (item->groups[i].line > 0 && (item->line == 0 || item->groups[i].line < item->line))
			item->line = item->groups[i].line;
}

/* Text that some reader takes for a name, as far as it looks like one. */
static bool is_showable(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!is_name_char(name[i]) && !is_one_of(name[i], ".-"))
			return false;
	return true;
}

/* Where no reader that has a name for it takes the line for a piece of a value. */
static void name_item(const struct table *table, struct disagreement *item, const char *name, size_t name_len)
{
	for (size_t i = 0; i < item->groups_len; i++)
		if (item->groups[i].line > 0 && has_line(table->inside, table->lines, item->groups[i].line))
			return;
	if (is_showable(name, name_len))
		variable_name_for_print(item->name, sizeof(item->name), name, name_len);
}

static enum error_code report_variable(const struct table *table, size_t variable, struct comparison *ret, struct error *err)
{
	size_t group_of[READERS_MAX] = { 0 }, groups = 0;
	struct env_entry entry;
	struct disagreement *item;

	for (size_t r = 0; r < table->readers; r++) {
		size_t first = first_same(table, variable, r);

		group_of[r] = first < r ? group_of[first] : groups++;
	}
	if (groups == 1 && outcome_at(table, variable, 0)->kind == COMPARED_VALUE && outcome_at(table, variable, 0)->known)
		return ERR_OK;
	item = add_item(ret, groups, err);
	if (!item)
		return err->code;
	for (size_t r = table->readers; r-- > 0;) {
		struct compared_group *group = &item->groups[group_of[r]];
		uint32_t readers = group->readers | 1u << table->ids[r];

		fill_group(group, outcome_at(table, variable, r));
		group->readers = readers;
	}
	item->groups_len = groups;
	entry = env_set_at(table->names, variable);
	finish_item(item);
	name_item(table, item, entry.name, entry.name_len);
	return ERR_OK;
}

static int compare_loose(const void *a, const void *b)
{
	const struct loose *left = a, *right = b;

	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	return (left->reader > right->reader) - (left->reader < right->reader);
}

static void add_refusal(struct disagreement *item, uint32_t reader, const struct note *note)
{
	size_t i = 0;

	while (i < item->groups_len && item->groups[i].reason != note->reason)
		i++;
	if (i == item->groups_len)
		item->groups[item->groups_len++] = (struct compared_group){
			.kind = COMPARED_REFUSED, .line = note->line, .reason = note->reason, .hint = note->hint,
		};
	item->groups[i].readers |= reader;
}

/* All that is refused on one line. */
static enum error_code report_line(const struct table *table, const struct loose *loose, size_t len, struct comparison *ret,
				   struct error *err)
{
	struct disagreement *item = add_item(ret, len + 1, err);
	uint32_t silent = ret->readers;

	if (!item)
		return err->code;
	item->line = loose->line;
	for (size_t i = 0; i < len; i++) {
		uint32_t reader = 1u << table->ids[loose[i].reader];

		silent &= ~reader;
		add_refusal(item, reader, loose[i].note);
		if (item->name[0] == '\0')
			name_item(table, item, loose[i].note->name, strlen(loose[i].note->name));
	}
	if (silent != 0)
		item->groups[item->groups_len++] = (struct compared_group){ .readers = silent, .kind = COMPARED_SILENT };
	finish_item(item);
	return ERR_OK;
}

static enum error_code report_lines(struct table *table, struct comparison *ret, struct error *err)
{
	enum error_code code = ERR_OK;
	size_t len;

	if (table->loose_len > 0)
		qsort(table->loose, table->loose_len, sizeof(*table->loose), compare_loose);
	for (size_t i = 0; code == ERR_OK && i < table->loose_len; i += len) {
		for (len = 1; i + len < table->loose_len && table->loose[i + len].line == table->loose[i].line; len++)
			;
		code = report_line(table, table->loose + i, len, ret, err);
	}
	return code;
}

static int compare_items(const void *a, const void *b)
{
	const struct disagreement *left = a, *right = b;

	if (left->line != right->line)
		return left->line < right->line ? -1 : 1;
	return strcmp(left->name, right->name);
}

static enum error_code report(struct table *table, struct comparison *ret, struct error *err)
{
	enum error_code code = ERR_OK;

	if (!find_places(table) || !place_notes(table))
		return no_memory(err);
	for (size_t v = 0; code == ERR_OK && v < table->variables; v++)
		code = report_variable(table, v, ret, err);
	if (code == ERR_OK)
		code = report_lines(table, ret, err);
	if (ret->len > 0)
		qsort(ret->items, ret->len, sizeof(*ret->items), compare_items);
	return code;
}

/* -- all readers ------------------------------------------------------------------- */

/* Nobody takes the last line of a key without quotes for a piece of a value, but it is one. */
static void mark_last_pieces(struct table *table)
{
	unsigned line = 1;

	for (const char *at = table->text, *end = at + table->len; at && at < end; line++) {
		const char *next = memchr(at, '\n', (size_t)(end - at));
		const char *equals = memchr(at, '=', (size_t)((next ? next : end) - at));

		if (equals && text_is_last_piece(table->text, table->len, at, (size_t)(equals - at)))
			set_line(table->inside, table->lines, line);
		at = next ? next + 1 : NULL;
	}
}

static bool table_open(struct table *table, uint32_t readers)
{
	for (uint32_t i = 0; dialect_at(i); i++)
		if (readers & 1u << i)
			table->ids[table->readers++] = i;
	table->lines = lines_of(table->text, table->len) + 2;	/* they count from 1, and one may follow the last */
	randombytes_buf(table->key, sizeof(table->key));
	table->names = env_set_new(SIZE_MAX);
	table->inside = calloc(table->lines / 8 + 1, 1);
	table->begins = calloc(table->lines / 8 + 1, 1);
	if (!table->names || !table->inside || !table->begins)
		return false;
	mark_last_pieces(table);
	return true;
}

static enum error_code ask_all(struct table *table, struct comparison *ret, struct error *err)
{
	for (size_t r = 0; r < table->readers; r++) {
		if (ask_reader(table, r, err) != ERR_OK)
			return err->code;
		if (table->notes[r].errors == 0)
			ret->whole |= 1u << table->ids[r];
	}
	return report(table, ret, err);
}

static enum error_code fail(const struct comparison *comparison, struct error *err)
{
	size_t count = comparison->len + comparison->omitted;

	if (comparison->whole == 0)
		return error_set(err, ERR_INVALID, "no reader of env files can read it all: %zu %s", count,
				 plural(count, "problem", "problems"));
	return error_set(err, ERR_INVALID, "readers of env files disagree about %zu %s; name the one that it is written for", count,
			 plural(count, "variable", "variables"));
}

enum error_code dialect_compare(const char *text, size_t len, struct env_set *set, struct comparison *ret, struct error *err)
{
	cleanup_(table_wipe) struct table table = { .text = text, .len = len };

	if (len > LIMIT_ENV_FILE)
		return error_set(err, ERR_TOO_LARGE, "the env file is larger than %u bytes", LIMIT_ENV_FILE);
	if (lines_of(text, len) > LIMIT_COMPARED_LINES)
		return error_set(err, ERR_TOO_LARGE, "the env file has more than %u lines, which is too long to ask every reader; name the one that "
				 "it is written for", LIMIT_COMPARED_LINES);
	ret->readers = readers_of(text, len);
	if (!table_open(&table, ret->readers))
		return no_memory(err);
	if (ask_all(&table, ret, err) != ERR_OK)
		return err->code;
	if (ret->len + ret->omitted > 0 || ret->whole != ret->readers)
		return fail(ret, err);
	ret->dialect = dialect_at(table.ids[0]);
	return dialect_decode(ret->dialect, text, len, set, &ret->notes, err);
}
