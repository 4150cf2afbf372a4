/* Pieces of answers that several resources share. Internal to http/. */
#pragma once

#include "core/vault_tokens.h"
#include "http/request.h"

/* "created_time":…,"custom_metadata":…,"deletion_time":…,"destroyed":…,"version":… without braces */
void emit_version(struct secret_buf *out, const struct kv_version *version, const struct head_record *head);
/* {"k":"v"} or null */
void emit_custom_metadata(struct secret_buf *out, const struct head_record *head);
/* {"NAME":value,…} of all variables that are not masked */
void emit_variables(struct secret_buf *out, const struct variable *variables, size_t len);
/* {"keys":["a","b/"]}: the answer of a listing. */
void reply_keys(struct request *request, const struct name_list *list);
/* The whole metadata of an environment. */
void reply_metadata(struct request *request, const struct head_record *head);
/* {"data":null,"metadata":{…}} with 404, as Vault answers for a revision that is deleted. */
void reply_deleted(struct request *request, const struct kv_version *version, const struct head_record *head);

/* The whole answer that gives a token: the envelope with data null, the warnings and the auth block. Also for logins. */
void reply_auth(struct request *request, const struct token_grant *grant);
/* ["a","b"] */
void emit_texts(struct secret_buf *out, const struct text_span *texts, size_t len);
/* {"k":"v"}; null when there is none */
void emit_pairs(struct secret_buf *out, const struct text_pair *pairs, size_t len);
