/*
 * What must be there after a power cut, from the notes of the clients in a trace.
 *
 * A note is a line of fields with tabs between:
 *
 *   dir INODE PATH            a directory that was there before (its place in an image)
 *   place WHAT PATH           "data": the vault's directory; "anchor-relaxed", "anchor-strict": its anchor file
 *   secret NAME TYPE HEX      what may open the vault: key_file or passphrase
 *   ask OBJECT STATE [STATE]  from now on the object may be in one of these states, too: a request is about to be sent
 *   ack OBJECT STATE          it was answered: the object is in this state and in no other
 *   no OBJECT                 it was refused: the object is as before
 *
 * Each object has one request under way at most. Before its first "ack" an environment, a policy, a mount, a quota, a schema, a
 * path of a cubbyhole, a directory and a backup are "absent", and everything else is not looked at. The states, as check.c finds them out:
 *
 *   vault        "absent", "there"
 *   env:PATH     "absent", or its revisions: "1:d 2:x 3:0123456789abcdef" (deleted, destroyed, the content's digest: BLAKE2b of
 *                8 bytes over name, NUL, value, NUL of each variable by name); "empty" without any
 *   slots        the names of all secrets that open the vault, sorted, with commas between
 *   keys         the epoch of the key that wraps data keys
 *   attempts:N   how many failed attempts vault.try has counted for slot N; "damaged"
 *   token:TEXT   "valid", "invalid"
 *   policy:NAME  "absent", or the digest of its text
 *   mount:PATH/  "absent", or type and version: "kv 2"
 *   quota:NAME   "absent", or its rate and path: "7 secret/"
 *   schema:PATH  "absent", or the digest of its text and its mode: "0123456789abcdef enforce"
 *   cubbyhole:TOKEN:PATH   "absent", or the digest of its JSON; "no token"
 *   directory    of the vault, where a restore makes it: "absent" (or empty), "there"; then the vault in it is whole
 *   history      "refused": a start refuses the vault, and it can be accepted; "accepted"
 *   backup:PATH  "absent", or the counter of the state that it holds, whole
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace.h"

#define ORACLE_STATES 4		/* at most, of one object at one moment */
#define ORACLE_SECRETS 16
#define ORACLE_TEXT 1024

struct oracle_object {
	char name[192];
	char states[ORACLE_STATES][ORACLE_TEXT];	/* the first is what was acknowledged */
	size_t len;
};

struct oracle_secret {
	char name[64];
	bool is_passphrase;
	uint8_t bytes[256];
	size_t len;
};

struct oracle {
	struct oracle_object *objects;
	size_t len;
	struct oracle_secret secrets[ORACLE_SECRETS];
	size_t secrets_len;
	char data[512], anchor[512];	/* below the image; anchor "": none */
	bool anchor_strict;
	uint64_t notes;			/* how many were followed */
};

/* Follows a note; false for a "dir", which is the disk's. Ends the program for one that it does not understand. */
bool oracle_follow(struct oracle *oracle, const struct trace_event *note);
/* The inode and path of a "dir". */
uint64_t oracle_directory(const struct trace_event *note, char path[static 512]);
/* NULL when nothing was noted of it. */
const struct oracle_object *oracle_find(const struct oracle *oracle, const char *name);
/* True when a state is allowed for the object. */
bool oracle_allows(const struct oracle_object *object, const char *state);
/* Prints what is known as notes, each behind "= ", so that another trace can begin with it. */
void oracle_print(const struct oracle *oracle);
/* The states that are allowed, for a message. */
void oracle_describe(const struct oracle_object *object, char text[static ORACLE_TEXT]);
