/*
 * Collects texts into a struct name_list (core/vault.h). Texts must be free of
 * NUL. Failure is sticky and shows at the end.
 */
#pragma once

#include <stddef.h>

#include "core/vault.h"
#include "vault/error.h"
#include "vault/secret_buf.h"

struct name_collector {
	struct secret_buf *texts;	/* made by the first text */
	size_t count, limit;		/* limit: bytes in all */
	bool failed;
};

#define NAME_COLLECTOR_INIT(bytes) { .limit = (bytes) }

void name_collector_add(struct name_collector *collector, const char *text, size_t len);
/* Hands the texts over as one malloc'ed block. The collector is empty afterwards, also behind a failure. */
enum error_code name_collector_finish(struct name_collector *collector, struct name_list *ret,
				      struct error *err) must_check;
void name_collector_wipe(struct name_collector *collector);
