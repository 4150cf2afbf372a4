/*
 * Findings of schemas in answers. Internal to http/.
 *
 * As sentences at most LIMIT_FINDINGS_TOLD, errors first; the rest is counted.
 */
#pragma once

#include <stddef.h>

#include "http/request.h"
#include "vault/finding.h"
#include "vault/secret_buf.h"

/* The sentences as JSON texts, with commas between and before (when out is not empty). hidden: errors that the caller may not
 * be told of, counted in a sentence. */
void findings_emit_sentences(const struct findings *findings, size_t hidden, struct secret_buf *out);

/* 400 with Vault's list of errors, and data.findings; summary is the first sentence when there is no other. */
void reply_findings(struct request *request, const char *summary, const struct findings *findings, size_t hidden);

/* "findings":[…],"hidden_errors":n */
void findings_emit_members(const struct findings *findings, size_t hidden, struct secret_buf *out);
