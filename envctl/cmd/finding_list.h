/*
 * Findings of a check, wherever they come from.
 *
 * They come from a check on this machine (struct findings) or from the daemon
 * (JSON); both are collected here first, so that one order, one count and one
 * form (finding_print.h) holds for all of them. Texts are cut to what a struct
 * finding holds. File names are not owned and must outlive the list, but for those
 * that it keeps.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/attributes.h"
#include "vault/env_set.h"
#include "vault/error.h"
#include "vault/finding.h"
#include "vault/json_scan.h"
#include "vault/names.h"

struct shown_finding {
	struct finding finding;
	char code[48], hint[FINDING_TEXT_MAX];	/* what the finding's own pointers stand for */
	const char *file;	/* where the finding's line is; NULL: no file, the daemon's */
	const char *variable_file;	/* where the variable itself stands; NULL: in no file, or not known */
	unsigned variable_line;
	size_t number;		/* before the list was sorted */
};

struct finding_list {
	struct shown_finding *items;	/* malloc'ed */
	size_t len, room;
	size_t errors, warnings, omitted;
	char **names;		/* files whose names are its own */
	size_t names_len;
};

const char *finding_severity_name(enum finding_severity severity);	/* "info", "warning", "error" */
/* About how a file is written, not about a variable: the names of these checks, dotenv-linter's, begin with a capital letter. */
bool shown_finding_is_style(const struct shown_finding *item);

/* Where to look first: the variable's own line when it is known, else the finding's. line and column 0: not known. */
struct finding_place {
	const char *file;	/* or NULL */
	unsigned line, column;
};
struct finding_place shown_finding_place(const struct shown_finding *item);

void finding_list_free(struct finding_list *list);
/* A copy of a file's name that lives as long as the list. NULL when memory is out. */
const char *finding_list_keep(struct finding_list *list, const char *name, struct error *err) must_check;
/* schema_file: of those whose place is in the schema; file: of the others. */
enum error_code finding_list_add(struct finding_list *list, const struct findings *findings, const char *file,
				 const char *schema_file, struct error *err) must_check;
/* An array as findings_emit_json() writes it. Members that are not there are empty. */
enum error_code finding_list_add_json(struct finding_list *list, const struct json_value *array, struct error *err) must_check;
/*
 * The variables were read from a file: those that stand in it get their line there, and hints say what to do with the file.
 * sorted: its variables (env_set_sort()); NULL: none was read. schema_file (may be NULL): the file of the environment's own
 * schema, for findings that have no file yet.
 */
void finding_list_place(struct finding_list *list, const struct env_set *sorted, const char *file, const char *schema_file);
/* Hints of the daemon name no environment: "envctl set ENV NAME" becomes "envctl set shop/production NAME". */
void finding_list_name_environment(struct finding_list *list, const struct env_path *env);
/* Warnings become errors. */
void finding_list_make_strict(struct finding_list *list);
/* Errors, warnings, what is good to know, how files are written; of each file by line. */
void finding_list_sort(struct finding_list *list);
