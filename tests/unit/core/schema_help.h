/* Schemas, and writes that they judge, for the tests. */
#pragma once

#include "core/vault_schema.h"
#include "fixture.h"

/* A caller with these rights: see acl_notation.h; NULL: root. Released by the caller. */
struct caller schema_caller(const struct fixture *fixture, const char *rules);

/* text NULL: as it is; mode "warn", "enforce" or NULL. */
enum error_code schema_set(const struct fixture *fixture, const char *rules, const char *path, const char *text,
			   const char *mode, struct error *err);
void schema_must(const struct fixture *fixture, const char *path, const char *text, const char *mode);
enum error_code schema_drop(const struct fixture *fixture, const char *rules, const char *path, struct error *err);

/* What a write was answered: "code errors warnings hidden: NAME/code NAME/code …", sorted as they came. */
struct outcome {
	enum error_code code;
	size_t errors, warnings, hidden;
	char codes[1024];	/* "PORT/type DB/missing " */
	char texts[8192];	/* all sentences, names and origins */
	char warning[ERROR_TEXT_MAX];
};
struct outcome write_judged(const struct fixture *fixture, const char *rules, enum kv_change kind, const char *path,
			    const char *data, uint64_t revision);
/* kv_schema_findings() in the same form. */
struct outcome findings_now(const struct fixture *fixture, const char *rules, const char *path);
/* kv_check(): data, schema may be NULL. */
struct outcome check_with(const struct fixture *fixture, const char *rules, const char *path, const char *data,
			  const char *schema, bool strict, enum schema_required required);

bool has(const struct outcome *outcome, const char *name_and_code);
