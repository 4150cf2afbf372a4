#include "oracle.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS 6

struct fields {
	char text[8192];
	const char *at[FIELDS];
	size_t len;
};

static void split(const struct trace_event *note, struct fields *ret)
{
	char *rest = ret->text;

	if (note->head.len >= sizeof(ret->text))
		errx(2, "a note is longer than %zu bytes", sizeof(ret->text));
	memcpy(ret->text, note->bytes, note->head.len);
	ret->text[note->head.len] = '\0';
	for (ret->len = 0; rest && ret->len < FIELDS; ret->len++)
		ret->at[ret->len] = strsep(&rest, "\t");
	if (rest)
		errx(2, "a note has more than %d fields", FIELDS);
}

static void copy(char *to, size_t room, const char *text)
{
	if (strlen(text) >= room)
		errx(2, "a text in a note is longer than %zu bytes", room);
	memcpy(to, text, strlen(text) + 1);
}

/* -- objects ----------------------------------------------------------------------------------------- */

/* What is not there before somebody has made it. */
static void begin_as(struct oracle_object *object, const char *name)
{
	static const char *const made[] = { "vault", "env:", "policy:", "mount:", "quota:", "schema:", "cubbyhole:", "directory", "backup:" };

	copy(object->name, sizeof(object->name), name);
	object->len = 0;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		if (strncmp(name, made[i], strlen(made[i])) == 0)
			copy(object->states[object->len++], ORACLE_TEXT, "absent");
}

static struct oracle_object *object_of(struct oracle *oracle, const char *name)
{
	for (size_t i = 0; i < oracle->len; i++)
		if (strcmp(oracle->objects[i].name, name) == 0)
			return &oracle->objects[i];
	oracle->objects = reallocarray(oracle->objects, oracle->len + 1, sizeof(*oracle->objects));
	if (!oracle->objects)
		errx(2, "no memory");
	begin_as(&oracle->objects[oracle->len], name);
	return &oracle->objects[oracle->len++];
}

static void ask(struct oracle *oracle, const struct fields *fields)
{
	struct oracle_object *object = object_of(oracle, fields->at[1]);

	if (object->len > 1)
		errx(2, "%s has a request under way already", object->name);
	if (object->len == 0)
		return;	/* nobody knows what it was, so nobody can tell what it must be */
	for (size_t i = 2; i < fields->len && object->len < ORACLE_STATES; i++)
		copy(object->states[object->len++], ORACLE_TEXT, fields->at[i]);
}

static void acknowledge(struct oracle *oracle, const struct fields *fields)
{
	struct oracle_object *object = object_of(oracle, fields->at[1]);

	copy(object->states[0], ORACLE_TEXT, fields->at[2]);
	object->len = 1;
}

static void refuse(struct oracle *oracle, const struct fields *fields)
{
	struct oracle_object *object = object_of(oracle, fields->at[1]);

	if (object->len > 1)
		object->len = 1;
}

/* -- the rest of the notes ------------------------------------------------------------------------------ */

static void add_secret(struct oracle *oracle, const struct fields *fields)
{
	struct oracle_secret *secret = &oracle->secrets[oracle->secrets_len];
	const char *hex = fields->at[3];

	if (oracle->secrets_len == ORACLE_SECRETS || strlen(hex) / 2 > sizeof(secret->bytes))
		errx(2, "too many secrets, or too long");
	copy(secret->name, sizeof(secret->name), fields->at[1]);
	secret->is_passphrase = strcmp(fields->at[2], "passphrase") == 0;
	for (secret->len = 0; hex[0] && hex[1]; hex += 2, secret->len++) {
		const char digits[3] = { hex[0], hex[1], '\0' };

		secret->bytes[secret->len] = (uint8_t)strtoul(digits, NULL, 16);
	}
	oracle->secrets_len++;
}

static void set_place(struct oracle *oracle, const struct fields *fields)
{
	if (strcmp(fields->at[1], "data") == 0) {
		copy(oracle->data, sizeof(oracle->data), fields->at[2]);
		return;
	}
	oracle->anchor_strict = strcmp(fields->at[1], "anchor-strict") == 0;
	copy(oracle->anchor, sizeof(oracle->anchor), fields->at[2]);
}

static const struct {
	const char *word;
	size_t fields;
	void (*follow)(struct oracle *oracle, const struct fields *fields);
} words[] = {
	{ "place", 3, set_place }, { "secret", 4, add_secret }, { "ask", 3, ask }, { "ack", 3, acknowledge }, { "no", 2, refuse },
};

bool oracle_follow(struct oracle *oracle, const struct trace_event *note)
{
	struct fields fields;

	if (note->head.len == 0)
		return true;	/* what a mutant dropped */
	split(note, &fields);
	if (strcmp(fields.at[0], "dir") == 0)
		return false;
	oracle->notes++;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(words[i].word, fields.at[0]) == 0 && fields.len >= words[i].fields) {
			words[i].follow(oracle, &fields);
			return true;
		}
	errx(2, "a note is not understood: %.*s", (int)note->head.len, (const char *)note->bytes);
}

uint64_t oracle_directory(const struct trace_event *note, char path[static 512])
{
	struct fields fields;

	split(note, &fields);
	if (fields.len != 3)
		errx(2, "a \"dir\" has an inode and a path");
	copy(path, 512, fields.at[2]);
	return strtoull(fields.at[1], NULL, 10);
}

const struct oracle_object *oracle_find(const struct oracle *oracle, const char *name)
{
	for (size_t i = 0; i < oracle->len; i++)
		if (strcmp(oracle->objects[i].name, name) == 0)
			return &oracle->objects[i];
	return NULL;
}

bool oracle_allows(const struct oracle_object *object, const char *state)
{
	for (size_t i = 0; i < object->len; i++)
		if (strcmp(object->states[i], state) == 0)
			return true;
	return object->len == 0;
}

void oracle_describe(const struct oracle_object *object, char text[static ORACLE_TEXT])
{
	size_t at = 0;

	text[0] = '\0';
	for (size_t i = 0; i < object->len && at < ORACLE_TEXT; i++) {
		const int n = snprintf(text + at, ORACLE_TEXT - at, "%s\"%.200s\"", i == 0 ? "" : " or ", object->states[i]);

		at += n > 0 ? (size_t)n : 0;
	}
}

void oracle_print(const struct oracle *oracle)
{
	for (size_t i = 0; i < oracle->secrets_len; i++) {
		const struct oracle_secret *secret = &oracle->secrets[i];

		printf("= secret\t%s\t%s\t", secret->name, secret->is_passphrase ? "passphrase" : "key_file");
		for (size_t k = 0; k < secret->len; k++)
			printf("%02x", secret->bytes[k]);
		putchar('\n');
	}
	for (size_t i = 0; i < oracle->len; i++) {
		const struct oracle_object *object = &oracle->objects[i];

		if (object->len > 0)
			printf("= ack\t%s\t%s\n", object->name, object->states[0]);
		if (object->len > 1)
			printf("= ask\t%s", object->name);
		for (size_t k = 1; k < object->len; k++)
			printf("\t%s%s", object->states[k], k + 1 == object->len ? "\n" : "");
	}
}
