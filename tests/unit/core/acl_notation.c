#include "acl_notation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/acl_build.h"
#include "core/caller.h"
#include "vault/limits.h"

#define MOST_POLICIES 8

static const char letters[] = "crupdls!";
static const unsigned bits[] = { CAP_CREATE, CAP_READ, CAP_UPDATE, CAP_PATCH, CAP_DELETE, CAP_LIST, CAP_SUDO, POLICY_DENY };

unsigned capability_of_letter(char letter)
{
	const char *found = strchr(letters, letter);

	return found && letter != '\0' ? bits[found - letters] : 0;
}

void letters_of(unsigned capabilities, char ret[static 9])
{
	size_t len = 0;

	for (size_t i = 0; i < ARRAY_LEN(bits); i++)
		if ((capabilities & bits[i]) != 0)
			ret[len++] = letters[i];
	if (len == 0)
		ret[len++] = '-';
	ret[len] = '\0';
}

static const char *word_of(unsigned bit)
{
	unsigned other;
	const char *name;

	for (size_t i = 0; (name = capability_name(i, &other)); i++)
		if (other == bit)
			return name;
	return "deny";
}

/* One rule of the short form, as HCL. */
static size_t write_rule(const char *rule, size_t len, char *text, size_t size)
{
	const char *equals = memrchr(rule, '=', len);
	const char *before = "";
	size_t used = (size_t)snprintf(text, size, "path \"%.*s\" { capabilities = [", (int)(equals - rule), rule);

	for (const char *at = equals + 1; at < rule + len; at++) {
		if (*at == '-')
			continue;
		used += (size_t)snprintf(text + used, size - used, "%s\"%s\"", before, word_of(capability_of_letter(*at)));
		before = ", ";
	}
	used += (size_t)snprintf(text + used, size - used, "] }\n");
	return used;
}

static void parse(const char *rules, size_t len, struct policy_text *ret)
{
	static char text[LIMIT_POLICY_TEXT];
	struct error err = ERROR_INIT;
	size_t used = 0;

	for (const char *at = rules; at < rules + len;) {
		size_t word = strcspn(at, " ");

		word = at + word > rules + len ? (size_t)(rules + len - at) : word;
		if (word > 0)
			used += write_rule(at, word, text + used, sizeof(text) - used);
		at += word + 1;
	}
	if (policy_text_parse(text, used, ret, &err) != ERR_OK)
		fail_msg("%s: %s", rules, err.text);
}

struct acl *acl_of(const char *rules)
{
	struct policy_text texts[MOST_POLICIES] = {0};
	struct acl_source sources[MOST_POLICIES] = {0};
	static const char *const names[MOST_POLICIES] = { "p1", "p2", "p3", "p4", "p5", "p6", "p7", "p8" };
	struct acl *acl = NULL;
	struct error err = ERROR_INIT;
	size_t count = 0;

	for (const char *at = rules; at; count++) {
		const char *bar = strchr(at, '|');

		parse(at, bar ? (size_t)(bar - at) : strlen(at), &texts[count]);
		sources[count] = (struct acl_source){ .name = { names[count], 2 }, .text = &texts[count] };
		at = bar ? bar + 1 : NULL;
	}
	if (acl_new(sources, count, 1, &acl, &err) != ERR_OK)
		fail_msg("%s: %s", rules, err.text);
	for (size_t i = 0; i < count; i++)
		policy_text_free(&texts[i]);
	return acl;
}
