/*
 * Findings for people, for programs and for GitHub's annotations.
 *
 * They come from a check on this machine (struct findings) or from the daemon
 * (JSON); both are collected here first, so that one order, one count and one
 * form holds for all of them. Texts are cut to what a struct finding holds.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "cmd/commands.h"
#include "vault/attributes.h"
#include "vault/error.h"
#include "vault/finding.h"
#include "vault/json_scan.h"
#include "vault/secret_buf.h"

struct shown_finding {
	struct finding finding;
	char code[48], hint[FINDING_TEXT_MAX];	/* what the finding's own pointers stand for */
	const char *file;	/* not owned; NULL: no file, the daemon's */
};

struct finding_list {
	struct shown_finding *items;	/* malloc'ed */
	size_t len, room;
	size_t errors, warnings, omitted;
};

void finding_list_free(struct finding_list *list);
/* schema_file: of those whose place is in the schema; file: of the others. Both must outlive the list. */
enum error_code finding_list_add(struct finding_list *list, const struct findings *findings, const char *file,
				 const char *schema_file, struct error *err) must_check;
/* An array as findings_emit_json() writes it. Members that are not there are empty. */
enum error_code finding_list_add_json(struct finding_list *list, const struct json_value *array, struct error *err) must_check;
/* Warnings become errors. */
void finding_list_make_strict(struct finding_list *list);

enum finding_format { FINDING_HUMAN, FINDING_JSON, FINDING_GITHUB };
/* --format, or --json. */
enum error_code finding_format_of(const struct invocation *inv, enum finding_format *ret, struct error *err) must_check;

/* Human and GitHub's forms: a line each; JSON: one object with valid, errors, warnings, findings. */
void finding_list_print(const struct finding_list *list, enum finding_format format, struct secret_buf *out);
