/*
 * All environments below a prefix, depth first, in the order of their names.
 */
#pragma once

#include "client/vault_client.h"

/* Called with each environment's path; false ends the walk. */
typedef bool walk_visit(void *arg, const char *path);

/* prefix is "" or ends with '/'. requests: how many folders are looked into at most; the rest is left out silently.
 * Nothing there is ERR_OK without a visit. */
enum error_code walk_environments(struct vault_client *client, const char *prefix, size_t requests, walk_visit *visit,
				  void *arg, struct error *err) must_check;
