/* How an acl is made; for policy_table.c alone. */
#pragma once

#include "core/acl.h"
#include "records/tables.h"

/* With one reference; NULL when memory is out. */
struct acl *acl_new(const struct text_span *names, size_t len) owned_by(acl_unref);
