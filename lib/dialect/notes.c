#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dialect/row.h"
#include "vault/names.h"

void notes_free(struct notes *notes)
{
	free(notes->items);
	*notes = (struct notes){ .items = NULL };
}

static bool make_room(struct notes *notes)
{
	size_t room = notes->room > 0 ? 2 * notes->room : 16;
	struct note *items;
	if (notes->len < notes->room)
		return true;
	items = reallocarray(notes->items, room, sizeof(*items));
	if (!items)
		return false;
	notes->items = items;
	notes->room = room;
	return true;
}

/* Takes out what is no error, in time that is paid by what had been put in. */
static void drop_remarks(struct notes *notes)
{
	size_t kept = 0;
	for (size_t i = 0; i < notes->len; i++)
		if (notes->items[i].severity == NOTE_ERROR)
			notes->items[kept++] = notes->items[i];
	notes->omitted += notes->len - kept;
	notes->len = kept;
}

/* Place for one more note, or NULL. Errors matter more than what was merely remarked on before them: when the notes are
 * full, remarks make room for an error. */
static struct note *notes_place(struct notes *notes, enum note_severity severity)
{
	if (notes->len == NOTES_MAX && severity == NOTE_ERROR && notes->errors <= NOTES_MAX)
		drop_remarks(notes);
	if (notes->len < NOTES_MAX && make_room(notes))
		return &notes->items[notes->len++];
	notes->omitted++;
	return NULL;
}

void notes_add(struct notes *notes, enum note_severity severity, unsigned line, const char *name, size_t name_len,
	       const char *reason, const char *hint)
{
	if (severity == NOTE_ERROR)
		notes->errors++;
	struct note *note = notes_place(notes, severity);
	if (!note)
		return;
	*note = (struct note){ .severity = severity, .line = line, .reason = reason, .hint = hint };
	variable_name_for_print(note->name, sizeof(note->name), name, name_len);
}

bool note_is_of_line_ends(const struct note *note)
{
	return strncmp(note->reason, NOTE_LINE_ENDS, strlen(NOTE_LINE_ENDS)) == 0;
}

void note_holders(const struct note *note, char *ret, size_t size)
{
	const char *names[3];
	size_t len = 0, used = 0;
	for (int directories = 0; directories < 2; directories++)
		for (size_t i = 0; dialect_at(i) && len < ARRAY_LEN(names); i++)
			if (note->holders & 1u << i && dialect_is_directory(dialect_at(i)) == (directories == 1))
				names[len++] = dialect_name(dialect_at(i));
	ret[0] = '\0';
	for (size_t i = 0; i < len && used < size; i++)
		used += (size_t)snprintf(ret + used, size - used, "%s%s", i == 0 ? "" : i + 1 == len ? " or " : ", ",
					 names[i]);
}
