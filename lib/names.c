#include "vault/names.h"

#include <string.h>

#include "utf8.h"

static bool is_alnum_or_underscore(unsigned char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* NULL, or which rule the segment breaks. */
static const char *segment_fault(const char *segment, size_t len)
{
	if (len == 0)
		return "has an empty segment: segments are separated by one '/', none at the start or end";
	if (len > LIMIT_ENV_SEGMENT_LEN)
		return "has a segment longer than 127 bytes";
	if (!is_alnum_or_underscore((unsigned char)segment[0]))
		return "has a segment that does not begin with a letter, a digit or '_'";
	for (size_t i = 1; i < len; i++) {
		unsigned char c = (unsigned char)segment[i];
		if (!is_alnum_or_underscore(c) && c != '.' && c != '-')
			return "has a character other than letters, digits, '_', '.', '-' and the separator '/'";
	}
	return NULL;
}

enum error_code env_path_parse(const char *text, size_t len, struct env_path *ret, struct error *err)
{
	if (len == 0)
		return error_set(err, ERR_INVALID, "the name of the environment is empty");
	if (len > LIMIT_ENV_PATH_LEN)
		return error_set(err, ERR_INVALID, "the name of the environment is longer than %d bytes",
				 LIMIT_ENV_PATH_LEN);
	unsigned segments = 0;
	const char *end = text + len;
	for (const char *at = text; at <= end; segments++) {
		const char *slash = memchr(at, '/', (size_t)(end - at));
		size_t segment_len = (size_t)((slash ? slash : end) - at);
		const char *fault = segment_fault(at, segment_len);
		if (fault)
			return error_set(err, ERR_INVALID, "the name of the environment %s", fault);
		at += segment_len + 1;
	}
	if (segments > LIMIT_ENV_SEGMENTS)
		return error_set(err, ERR_INVALID, "the name of the environment has more than %d segments",
				 LIMIT_ENV_SEGMENTS);
	memcpy(ret->text, text, len);
	ret->text[len] = '\0';
	ret->len = (uint16_t)len;
	return ERR_OK;
}

bool variable_name_is_portable(const char *name, size_t len)
{
	if (len == 0 || (name[0] >= '0' && name[0] <= '9'))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!is_alnum_or_underscore((unsigned char)name[i]))
			return false;
	return true;
}

bool variable_name_is_storable(const char *name, size_t len)
{
	return len >= 1 && len <= LIMIT_VARIABLE_NAME_LEN && !memchr(name, '\0', len) && utf8_is_valid(name, len);
}

void variable_name_for_print(char *ret, size_t size, const char *name, size_t len)
{
	static const char cut[] = "...";
	size_t kept = len < size ? len : size - sizeof(cut);

	for (size_t i = 0; i < kept; i++)
		ret[i] = name[i] >= ' ' && name[i] <= '~' ? name[i] : '?';
	ret[kept] = '\0';
	if (kept < len)
		memcpy(ret + kept, cut, sizeof(cut));
}

struct danger_row {
	const char *name;
	bool prefix;
	enum name_danger danger;
};

/*
 * Refused: a value would run code of its author's choice in the loader or in any shell, whatever the program is.
 * Warned about: it would in one language's programs, or changes which programs are found, which people do on purpose.
 */
static const struct danger_row dangers[] = {
	{ "LD_", true, NAME_REFUSED },
	{ "GLIBC_TUNABLES", false, NAME_REFUSED },
	{ "GCONV_PATH", false, NAME_REFUSED },
	{ "BASH_ENV", false, NAME_REFUSED },
	{ "BASH_FUNC_", true, NAME_REFUSED },
	{ "ENV", false, NAME_REFUSED },
	{ "IFS", false, NAME_REFUSED },
	{ "SHELLOPTS", false, NAME_REFUSED }, /* "xtrace" makes bash run the commands in PS4 */
	{ "PS4", false, NAME_REFUSED },
	{ "ZDOTDIR", false, NAME_REFUSED },
	{ "PATH", false, NAME_WARN },
	{ "PYTHON", true, NAME_WARN },
	{ "NODE_OPTIONS", false, NAME_WARN },
	{ "PERL5", true, NAME_WARN },
	{ "RUBYOPT", false, NAME_WARN },
	{ "RUBYLIB", false, NAME_WARN },
	{ "GIT_", true, NAME_WARN },
};

enum name_danger variable_name_danger(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_LEN(dangers); i++) {
		size_t row_len = strlen(dangers[i].name);
		if ((dangers[i].prefix ? len >= row_len : len == row_len) && memcmp(name, dangers[i].name, row_len) == 0)
			return dangers[i].danger;
	}
	return NAME_HARMLESS;
}

/* One character of the name, so that '?' stands for a letter and not for half of one. */
static size_t char_len_at(const char *name, size_t len, size_t at)
{
	size_t char_len = utf8_char_len((const unsigned char *)name + at, len - at);
	return char_len > 0 ? char_len : 1;
}

/* When a match fails, only the last '*' needs to take one character more: time is at most glob times name. */
bool name_matches_glob(const char *glob, const char *name, size_t len)
{
	const char *after_star = NULL;
	size_t star_took = 0;
	size_t at = 0;
	while (at < len) {
		if (*glob == '*') {
			after_star = ++glob;
			star_took = at;
		} else if (*glob == '?') {
			glob++;
			at += char_len_at(name, len, at);
		} else if (*glob != '\0' && *glob == name[at]) {
			glob++;
			at++;
		} else if (after_star) {
			star_took += char_len_at(name, len, star_took);
			at = star_took;
			glob = after_star;
		} else {
			return false;
		}
	}
	while (*glob == '*')
		glob++;
	return *glob == '\0';
}

bool utf8_is_valid(const char *text, size_t len)
{
	size_t at = 0;

	while ((at += utf8_ascii_len(text + at, len - at)) < len) {
		size_t char_len = utf8_char_len((const unsigned char *)text + at, len - at);
		if (char_len == 0)
			return false;
		at += char_len;
	}
	return true;
}

size_t utf8_shown_len(const char *text, size_t len, bool *ret_acts)
{
	const unsigned char *at = (const unsigned char *)text;
	size_t char_len = utf8_char_len(at, len);

	*ret_acts = false;
	if (char_len == 1)
		*ret_acts = at[0] < 0x20 || at[0] == 0x7f;
	else if (char_len == 2)
		*ret_acts = at[0] == 0xc2 && at[1] < 0xa0;
	else if (char_len == 3 && at[0] == 0xe2)
		*ret_acts = (at[1] == 0x80 && at[2] >= 0xa8 && at[2] <= 0xae) || (at[1] == 0x81 && at[2] >= 0xa6 && at[2] <= 0xa9);
	return char_len;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;
	return least < c ? least : c;
}

size_t name_distance(const char *a, const char *b)
{
	size_t a_len = strnlen(a, 256);
	size_t b_len = strnlen(b, 256);
	if (a_len > 255 || b_len > 255)
		return SIZE_MAX;
	size_t row[256];
	for (size_t j = 0; j <= b_len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_len; i++) {
		size_t diagonal = row[0];
		row[0] = i;
		for (size_t j = 1; j <= b_len; j++) {
			size_t change = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
			diagonal = row[j];
			row[j] = min3(row[j] + 1, row[j - 1] + 1, change);
		}
	}
	return row[b_len];
}
