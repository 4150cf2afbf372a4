#include "core/acl.h"

#include <sodium.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "core/acl_build.h"

struct acl {
	atomic_uint references;
	bool root;
	size_t policies_len, size;
	const char *policies[];	/* and behind them the texts */
};

void acl_unref(struct acl *acl)
{
	if (!acl || atomic_fetch_sub(&acl->references, 1) != 1)
		return;
	sodium_memzero(acl, acl->size);
	free(acl);
}

struct acl *acl_ref(struct acl *acl)
{
	if (acl)
		atomic_fetch_add(&acl->references, 1);
	return acl;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

struct acl *acl_new(const struct text_span *names, size_t len)
{
	size_t size = sizeof(struct acl) + len * sizeof(char *);
	struct acl *acl;
	char *text;

	for (size_t i = 0; i < len; i++)
		size += names[i].len + 1u;
	acl = calloc(1, size);
	if (!acl)
		return NULL;
	acl->references = 1;
	acl->size = size;
	acl->policies_len = len;
	text = (char *)(acl->policies + len);
	for (size_t i = 0; i < len; i++) {
		memcpy(text, names[i].at, names[i].len);
		acl->policies[i] = text;
		acl->root |= strcmp(text, "root") == 0;
		text += names[i].len + 1u;
	}
	if (len > 0)
		qsort(acl->policies, len, sizeof(*acl->policies), by_text);
	return acl;
}

bool acl_is_root(const struct acl *acl)
{
	return acl && acl->root;
}

const char *const *acl_policies(const struct acl *acl, size_t *ret_len)
{
	*ret_len = acl ? acl->policies_len : 0;
	return acl ? acl->policies : NULL;
}

bool acl_allows(const struct acl *acl, unsigned capability, const char *path)
{
	(void)capability;
	(void)path;
	return acl_is_root(acl);
}

bool acl_any_below(const struct acl *acl, const char *prefix)
{
	(void)prefix;
	return acl_is_root(acl);
}
