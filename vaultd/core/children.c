#include "core/children.h"

#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "core/name_list.h"

#define CHAINS 1024	/* a power of two */

/* A child among those of one parent. */
struct parent_link {
	struct parent_link *next, **at;
	struct child *child;
	const char *parent;
};

struct child {
	struct child *next;
	struct record_key key;
	uint8_t mount[ID_LEN];
	size_t size;		/* of the block that all of this is */
	size_t parents_len;
	char *path;		/* NUL-terminated, behind the links, and behind it its parents, each with its NUL */
	struct parent_link links[];
};

/* Each write asks for the children of its environment: what it finds must not depend on how many others have parents. */
struct children {
	pthread_mutex_t lock;
	struct child *chains[CHAINS];
	struct parent_link *by_parent[CHAINS];
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
};

struct children *children_new(void)
{
	struct children *children = calloc(1, sizeof(*children));

	if (!children)
		return NULL;
	pthread_mutex_init(&children->lock, NULL);
	randombytes_buf(children->hash_key, sizeof(children->hash_key));
	return children;
}

static void child_free(struct child *child)
{
	sodium_memzero(child, child->size);
	free(child);
}

/* The keys are keyed hashes: their bytes need no mixing. */
static struct child **chain_of(struct children *children, const struct record_key *key)
{
	size_t hash;

	memcpy(&hash, key->bytes + 1, sizeof(hash));
	return &children->chains[hash & (CHAINS - 1)];
}

/* Names are chosen by clients, who must not be able to put them all into one chain. */
static struct parent_link **chain_of_parent(struct children *children, const char *parent)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t number;

	crypto_shorthash(hash, (const uint8_t *)parent, strlen(parent), children->hash_key);
	memcpy(&number, hash, sizeof(number));
	return &children->by_parent[number & (CHAINS - 1)];
}

static void link_to_parents(struct children *children, struct child *child)
{
	for (size_t i = 0; i < child->parents_len; i++) {
		struct parent_link *link = &child->links[i];

		link->at = chain_of_parent(children, link->parent);
		link->next = *link->at;
		if (link->next)
			link->next->at = &link->next;
		*link->at = link;
	}
}

static void unlink_from_parents(struct child *child)
{
	for (size_t i = 0; i < child->parents_len; i++) {
		struct parent_link *link = &child->links[i];

		*link->at = link->next;
		if (link->next)
			link->next->at = link->at;
	}
}

static void remove_locked(struct children *children, const struct record_key *key)
{
	struct child **link = chain_of(children, key), *child;

	while (*link && memcmp((*link)->key.bytes, key->bytes, key->len) != 0)
		link = &(*link)->next;
	child = *link;
	if (!child)
		return;
	*link = child->next;
	unlink_from_parents(child);
	child_free(child);
}

static struct child *child_new(const struct record_key *key, const struct head_record *head)
{
	size_t size = sizeof(struct child) + head->parents_len * sizeof(struct parent_link) + head->path.len + 1u;
	struct child *child;
	char *at;

	for (size_t i = 0; i < head->parents_len; i++)
		size += head->parents[i].len + 1u;
	child = calloc(1, size);
	if (!child)
		return NULL;
	child->key = *key;
	child->size = size;
	child->parents_len = head->parents_len;
	memcpy(child->mount, head->mount, ID_LEN);
	child->path = (char *)(child->links + head->parents_len);
	at = mempcpy(child->path, head->path.at, head->path.len);
	for (size_t i = 0; i < head->parents_len; i++) {
		child->links[i] = (struct parent_link){ .child = child, .parent = at + 1 };
		at = mempcpy(at + 1, head->parents[i].at, head->parents[i].len);
	}
	return child;
}

enum error_code children_put(struct children *children, const struct record_key *head_key,
			     const struct head_record *head, struct error *err)
{
	struct child *child = NULL;

	if (head->parents_len > 0) {
		child = child_new(head_key, head);
		if (!child)
			error_set(err, ERR_NO_MEMORY, "no memory is left for an environment's parents");
	}
	pthread_mutex_lock(&children->lock);
	remove_locked(children, head_key);
	if (child) {
		child->next = *chain_of(children, head_key);
		*chain_of(children, head_key) = child;
		link_to_parents(children, child);
	}
	pthread_mutex_unlock(&children->lock);
	return child || head->parents_len == 0 ? ERR_OK : ERR_NO_MEMORY;
}

void children_remove(struct children *children, const struct record_key *head_key)
{
	pthread_mutex_lock(&children->lock);
	remove_locked(children, head_key);
	pthread_mutex_unlock(&children->lock);
}

void children_clear(struct children *children)
{
	pthread_mutex_lock(&children->lock);
	for (size_t i = 0; i < CHAINS; i++)
		while (children->chains[i]) {
			struct child *child = children->chains[i];

			children->chains[i] = child->next;
			child_free(child);
		}
	memset(children->by_parent, 0, sizeof(children->by_parent));
	pthread_mutex_unlock(&children->lock);
}

void children_free(struct children *children)
{
	if (!children)
		return;
	children_clear(children);
	pthread_mutex_destroy(&children->lock);
	free(children);
}

/* -- looking up ------------------------------------------------------------ */

/* Environments that were found, each to be looked at in its turn. */
struct search {
	const struct child **found;
	size_t len, limit;
	bool more;
};

static bool is_found(const struct search *search, const struct child *child)
{
	for (size_t i = 0; i < search->len; i++)
		if (search->found[i] == child)
			return true;
	return false;
}

static void add_children(struct children *children, const uint8_t *mount, const char *path, const char *root,
			 struct search *search)
{
	for (const struct parent_link *link = *chain_of_parent(children, path); link && !search->more; link = link->next) {
		const struct child *child = link->child;

		if (memcmp(child->mount, mount, ID_LEN) != 0 || strcmp(link->parent, path) != 0 ||
		    strcmp(child->path, root) == 0 || is_found(search, child))
			continue;
		if (search->len == search->limit)
			search->more = true;
		else
			search->found[search->len++] = child;
	}
}

static void search_wipe(struct search *search)
{
	free(search->found);	/* pointers only */
}

enum error_code children_of(struct children *children, const uint8_t mount[static ID_LEN], const struct env_path *path,
			    size_t limit, struct name_list *ret, bool *ret_more, struct error *err)
{
	cleanup_(search_wipe) struct search search = {
		.found = calloc(limit + 1, sizeof(struct child *)),
		.limit = limit,
	};
	struct name_collector names = NAME_COLLECTOR_INIT((limit + 1) * (LIMIT_ENV_PATH_LEN + 1));
	enum error_code code;

	if (!search.found)
		return error_set(err, ERR_NO_MEMORY, "no memory is left for a list of environments");
	pthread_mutex_lock(&children->lock);
	add_children(children, mount, path->text, path->text, &search);
	for (size_t i = 0; i < search.len; i++)
		add_children(children, mount, search.found[i]->path, path->text, &search);
	for (size_t i = 0; i < search.len; i++)
		name_collector_add(&names, search.found[i]->path, strlen(search.found[i]->path));
	pthread_mutex_unlock(&children->lock);
	code = name_collector_finish(&names, ret, err);
	name_collector_wipe(&names);
	if (code == ERR_OK)
		*ret_more = search.more;
	return code;
}
