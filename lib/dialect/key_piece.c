#include "dialect/key_piece.h"

#include <string.h>

#include "dialect/text.h"

#define LONG_PIECE 16

struct piece {
	const char *at;
	size_t len;
};

static bool is_base64(struct piece piece)
{
	for (size_t i = 0; i < piece.len; i++)
		if (!is_letter(piece.at[i]) && !is_digit(piece.at[i]) && piece.at[i] != '+' && piece.at[i] != '/')
			return false;
	return piece.len > 0;
}

static bool has_both_cases(struct piece piece)
{
	bool upper = false, lower = false;

	for (size_t i = 0; i < piece.len; i++) {
		upper |= piece.at[i] >= 'A' && piece.at[i] <= 'Z';
		lower |= piece.at[i] >= 'a' && piece.at[i] <= 'z';
	}
	return upper && lower;
}

static bool is_blank_or_cr(char c)
{
	return is_blank(c) || c == '\r';
}

/* The line that ends at `end` (exclusive, its line feed or the text's end) without blanks around. */
static struct piece line_before(const char *text, const char *end)
{
	const char *feed = end > text ? memrchr(text, '\n', (size_t)(end - text)) : NULL;
	struct piece line = { feed ? feed + 1 : text, 0 };

	while (line.at < end && is_blank_or_cr(*line.at))
		line.at++;
	while (end > line.at && is_blank_or_cr(end[-1]))
		end--;
	line.len = (size_t)(end - line.at);
	return line;
}

/* The last line above the one in which `at` is that is not empty. */
static struct piece line_above(const char *text, const char *at)
{
	const char *feed;
	struct piece line = { text, 0 };

	while (line.len == 0 && (feed = at > text ? memrchr(text, '\n', (size_t)(at - text)) : NULL)) {
		line = line_before(text, feed);
		at = feed;
	}
	return line;
}

static bool begins_line(const char *text, const char *at)
{
	while (at > text && is_blank(at[-1]))
		at--;
	return at == text || at[-1] == '\n';
}

bool text_is_last_piece(const char *text, size_t len, const char *name, size_t name_len)
{
	const struct piece piece = { name, name_len };
	const char *end = text + len, *at = name + name_len;
	size_t padding = 0;

	if (name < text || at > end || !is_base64(piece) || !begins_line(text, name))
		return false;
	while (at < end && *at == '=' && padding < 3) {
		at++;
		padding++;
	}
	while (at < end && is_blank_or_cr(*at))
		at++;
	if (padding == 0 || padding > 2 || (at < end && *at != '\n'))
		return false;
	if (padding == 2 || (name_len >= LONG_PIECE && has_both_cases(piece)))
		return true;
	const struct piece above = line_above(text, name);
	return is_base64(above) || (above.len > 0 && memmem(above.at, above.len, "-----BEGIN ", 11) != NULL);
}
