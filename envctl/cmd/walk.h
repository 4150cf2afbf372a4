/*
 * All names below a prefix, depth first, in the order of the listings: the
 * environments of the vault, or what another server lists.
 *
 * A server can make up names for ever. A walk ends with ERR_TOO_LARGE at
 * WALK_FOLDERS_MAX folders, WALK_NAMES_MAX names, or when the listings that it
 * has to hold at a time are larger than WALK_HELD_MAX; how long it may take is
 * the client's deadline (client_set_deadline(), WALK_SECONDS).
 */
#pragma once

#include "client/vault_client.h"

#define WALK_FOLDERS_MAX 100000 /* far more than anybody keeps */
#define WALK_NAMES_MAX 1000000
#define WALK_HELD_MAX (64u * 1024 * 1024)
#define WALK_SECONDS 600
#define WALK_DEPTH_MAX 64
#define WALK_PATH_MAX 2048 /* with a NUL */

/* Called with each path, control characters replaced by spaces (a folder whose name has some counts as a leaf); false ends
 * the walk. */
typedef bool walk_visit(void *arg, const char *path);
/* One level below a prefix, "" or ending in '/': data.keys. ERR_NOT_FOUND when there is nothing. */
typedef enum error_code walk_list(void *arg, const char *prefix, struct answer *ret, struct error *err);

struct walk_source {
	walk_list *list;
	void *arg;
	size_t folders; /* how many are looked into at most; fewer than WALK_FOLDERS_MAX: the rest is left out silently */
	size_t depth;	/* deeper ones are left out with their longer paths, as nothing of ours is there; 0: they are
			   ERR_TOO_LARGE beyond WALK_DEPTH_MAX and WALK_PATH_MAX */
};
/* prefix is "" or ends with '/'. Nothing there is ERR_OK without a visit. */
enum error_code walk_tree(const struct walk_source *source, const char *prefix, walk_visit *visit, void *arg,
			  struct error *err) must_check;

/* The environments of the vault; folders as above. */
enum error_code walk_environments(struct vault_client *client, const char *prefix, size_t folders, walk_visit *visit,
				  void *arg, struct error *err) must_check;
