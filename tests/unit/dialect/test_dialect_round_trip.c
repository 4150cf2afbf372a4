/*
 * Properties over generated sets and texts, with a fixed seed:
 *   - what a dialect writes reads back the same, and it refuses exactly what
 *     the rules below (written down a second time, independently) say it
 *     cannot hold;
 *   - any text that reads well can be written again and reads the same;
 *   - hostile big inputs take time in proportion to their size.
 */
#include "dialect_test.h"

#include <stdlib.h>
#include <time.h>

#define TEXTS 20000
#define BIG (10u * 1024 * 1024)
#define BIG_SECONDS 20
/* What every repetition is given, and what it may take: a hundred times what it does. What is not linear in its length takes
 * longer than that at this length already. */
#ifdef __SANITIZE_ADDRESS__
#define SETS 500
#define REPETITION (256u * 1024)
#define REPETITION_SECONDS 20
#else
#define SETS 5000
#define REPETITION (512u * 1024)
#define REPETITION_SECONDS 2
#endif

static const char *const fragments[] = {
	"'", "\"", "`", "\\", "\\\\", "$", "$$", "${", "${A}", "$(", ")", "}", "#", " #", "a", "B", "x y", "=", ":", ";", "!",
	"%", "~", "*", "?", "[", "{", "&", "|", "<", " ", "  ", "\t", "\v", "\f", "\n", "\r", "\r\n", "\\n", "\\r", "\\t",
	"\\0", "\\0044", "\x1b", "\x01", "\x7f", "\xc2\xa0", "\xc2\x85", "\xe2\x80\xa8", "\xe3\x80\x80", "\xef\xbb\xbf",
	"\xc3\xa9", "\xf0\x9f\x98\x80", "-----BEGIN KEY-----\nMIIB+/=\n-----END KEY-----\n", "export ", "A=b", "0",
	"\xef\xbf\xbe", "\xef\xb7\x90",
};
/* Rare, because they make most dialects refuse. */
static const char *const bad_fragments[] = { "\xe9", "\xed\xa0\x80", "\xc0\x80", "\xf4\x90\x80\x80", "" };

/* xorshift: the same numbers everywhere. */
static uint64_t random_state;

static uint32_t random_below(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 32) % n;
}

struct text {
	char bytes[2048];
	size_t len;
};

static void text_add(struct text *text, const char *bytes, size_t len)
{
	assert_true(text->len + len <= sizeof(text->bytes));
	memcpy(text->bytes + text->len, bytes, len);
	text->len += len;
}

static void generate_value(struct text *ret)
{
	uint32_t pieces = random_below(8);
	ret->len = 0;
	for (uint32_t i = 0; i < pieces; i++) {
		if (random_below(60) == 0) {
			const char *bad = bad_fragments[random_below(ARRAY_LEN(bad_fragments))];
			text_add(ret, bad, bad[0] ? strlen(bad) : 1);
			continue;
		}
		const char *fragment = fragments[random_below(ARRAY_LEN(fragments))];
		text_add(ret, fragment, strlen(fragment));
	}
}

static bool has_byte(const struct text *text, char c)
{
	return text->len > 0 && memchr(text->bytes, c, text->len);
}

static bool has_text(const struct text *text, const char *part)
{
	return memmem(text->bytes, text->len, part, strlen(part)) != NULL;
}

/* UTF-8 by decoding to numbers, unlike the code under test. */
static bool is_unicode(const struct text *text, bool noncharacters_too)
{
	for (size_t at = 0; at < text->len;) {
		unsigned char lead = (unsigned char)text->bytes[at];
		size_t size = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
		uint32_t c = size == 1 ? lead : lead & (0xffu >> (size + 1));
		if ((lead >= 0x80 && lead < 0xc0) || lead >= 0xf8 || at + size > text->len)
			return false;
		for (size_t i = 1; i < size; i++) {
			unsigned char next = (unsigned char)text->bytes[at + i];
			if (next >> 6 != 2)
				return false;
			c = c << 6 | (next & 0x3f);
		}
		static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
		if (c < least[size] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
			return false;
		if (!noncharacters_too && ((c >= 0xfdd0 && c <= 0xfdef) || (c & 0xfffe) == 0xfffe))
			return false;
		at += size;
	}
	return true;
}

static bool systemd_can_hold(const struct text *value)
{
	return !has_byte(value, '\0') && is_unicode(value, false);
}

static bool docker_can_hold(const struct text *value)
{
	return !has_byte(value, '\0') && !has_byte(value, '\n') && is_unicode(value, true);
}

static bool compose_can_hold(const struct text *value)
{
	return !has_byte(value, '\0') && is_unicode(value, true);
}

static bool dotenv_can_hold(const struct text *value)
{
	if (has_byte(value, '\0') || has_byte(value, '\r') || !is_unicode(value, true))
		return false;
	bool single = !has_byte(value, '\'') && !has_text(value, "\\\\") && !has_text(value, "${") &&
		      (value->len == 0 || value->bytes[value->len - 1] != '\\');
	bool plain = !has_byte(value, '"') && !has_byte(value, '\\') && !has_byte(value, '$') && !has_byte(value, '`');
	return single || plain;
}

/* As Go has it for one character: a blank, a control character that is white space, U+0085, U+00A0. */
static bool has_space_at(const struct text *value, size_t at)
{
	static const char *const spaces[] = { " ", "\t", "\v", "\f", "\r", "\xc2\x85", "\xc2\xa0" };
	for (size_t i = 0; i < ARRAY_LEN(spaces); i++)
		if (value->len - at >= strlen(spaces[i]) && memcmp(value->bytes + at, spaces[i], strlen(spaces[i])) == 0)
			return true;
	return false;
}

static bool godotenv_can_hold(const struct text *value)
{
	char first = value->len > 0 ? value->bytes[0] : 'x';
	char last = value->len > 0 ? value->bytes[value->len - 1] : 'x';
	if (has_byte(value, '\0') || !is_unicode(value, true))
		return false;
	if ((last != '"' && last != '\\') || (last == '"' && !has_byte(value, '\'')))
		return true;
	bool has_comment = has_text(value, " #") || has_text(value, "\t#") || has_text(value, "\v#") ||
			   has_text(value, "\f#") || has_text(value, "\xc2\x85#") || has_text(value, "\xc2\xa0#");
	return !has_byte(value, '\n') && !has_byte(value, '\r') && first != '"' && first != '\'' && first != '#' &&
	       !has_comment && !has_space_at(value, 0);
}

static bool ends_in(const struct text *value, char c)
{
	return value->len > 0 && value->bytes[value->len - 1] == c;
}

static bool starts_with_one_of(const struct text *value, const char *set)
{
	return value->len > 0 && value->bytes[0] != '\0' && strchr(set, value->bytes[0]);
}

/* What JavaScript trims, as far as the fragments have it. */
static bool has_js_space_at_an_edge(const struct text *value)
{
	static const char *const spaces[] = { " ", "\t", "\v", "\f", "\xc2\xa0", "\xe2\x80\xa8", "\xe3\x80\x80", "\xef\xbb\xbf" };
	for (size_t i = 0; i < ARRAY_LEN(spaces); i++) {
		size_t len = strlen(spaces[i]);
		if (value->len >= len && (memcmp(value->bytes, spaces[i], len) == 0 ||
					  memcmp(value->bytes + value->len - len, spaces[i], len) == 0))
			return true;
	}
	return false;
}

static bool motdotla_can_hold(const struct text *value)
{
	if (has_byte(value, '\0') || !is_unicode(value, true))
		return false;
	bool closes = !ends_in(value, '\\');
	bool raw = closes && !has_byte(value, '\r') && (!has_byte(value, '\'') || !has_byte(value, '`'));
	bool expanded = closes && !has_byte(value, '"') && !has_text(value, "\\n") && !has_text(value, "\\r");
	bool alone = !has_byte(value, '\n') && !has_byte(value, '\r') && !has_byte(value, '#') &&
		     !starts_with_one_of(value, "'\"`") && !has_js_space_at_an_edge(value) &&
		     !has_text(value, "\xe2\x80\xa8'") && !has_text(value, "\xe2\x80\xa8\"") &&
		     !has_text(value, "\xe2\x80\xa8`");
	return raw || expanded || alone;
}

static bool node_can_hold(const struct text *value)
{
	if (has_byte(value, '\0') || has_byte(value, '\r') || !is_unicode(value, true))
		return false;
	bool quoted = !has_byte(value, '\'') || !has_byte(value, '`') || (!has_byte(value, '"') && !has_text(value, "\\n"));
	bool alone = !has_byte(value, '\n') && !has_byte(value, '#') && !starts_with_one_of(value, "'\"` \t") &&
		     !ends_in(value, ' ') && !ends_in(value, '\t');
	return quoted || alone;
}

static bool ruby_can_hold(const struct text *value)
{
	if (has_byte(value, '\0') || has_byte(value, '\r') || has_byte(value, '\n') || !is_unicode(value, true))
		return false;
	if (!ends_in(value, '\\'))
		return !has_byte(value, '\'') || (!has_text(value, "\\n") && !has_text(value, "\\r"));
	return memchr(value->bytes, '\\', value->len) == value->bytes + value->len - 1 && !has_byte(value, '#') &&
	       !has_byte(value, '$') && !starts_with_one_of(value, "'\" \t\v\f");
}

static bool shell_can_hold(const struct text *value)
{
	return !has_byte(value, '\0');
}

static bool json_can_hold(const struct text *value)
{
	return is_unicode(value, true);
}

static bool has_prefix(const struct text *text, const char *set)
{
	return text->len > 0 && text->bytes[0] != '\0' && strchr(set, text->bytes[0]);
}

static bool has_suffix(const struct text *text, const char *set)
{
	return text->len > 0 && text->bytes[text->len - 1] != '\0' && strchr(set, text->bytes[text->len - 1]);
}

static bool envdir_can_hold(const struct text *value)
{
	return !has_byte(value, '\0') && !has_suffix(value, " \t");
}

static bool directory_can_hold(const struct text *value)
{
	return value->len <= sizeof(value->bytes);
}

static bool github_can_hold(const struct text *value)
{
	return !has_byte(value, '\0') && is_unicode(value, true) && !has_suffix(value, "\r");
}

static bool gitlab_can_hold(const struct text *value)
{
	static const char space[] = " \t\n\v\f\r";
	return !has_byte(value, '\0') && !has_byte(value, '\n') && is_unicode(value, true) && !has_prefix(value, space) &&
	       !has_suffix(value, space);
}

struct property {
	const char *dialect;
	bool (*can_hold)(const struct text *value);
};

static const struct property properties[] = {
	{ "systemd", systemd_can_hold }, { "docker", docker_can_hold },	  { "podman", docker_can_hold },
	{ "kubectl", docker_can_hold },	 { "compose", compose_can_hold }, { "dotenv", dotenv_can_hold },
	{ "python-dotenv", compose_can_hold }, { "godotenv", godotenv_can_hold },
	{ "shell", shell_can_hold },	 { "json", json_can_hold },	  { "fish", shell_can_hold },
	{ "envdir", envdir_can_hold },	 { "github", github_can_hold },	  { "gitlab", gitlab_can_hold },
	{ "yaml", json_can_hold },	 { "directory", directory_can_hold },
	{ "kubernetes", directory_can_hold }, { "compose-environment", compose_can_hold },
	{ "motdotla", motdotla_can_hold }, { "node", node_can_hold }, { "ruby-dotenv", ruby_can_hold },
};

static void put(struct env_set *set, const char *name, const struct text *value)
{
	struct error err = ERROR_INIT;
	assert_int_equal(env_set_put(set, name, strlen(name), value->bytes, value->len, 0, NULL, &err), ERR_OK);
}

static enum error_code encode(const struct dialect *dialect, const struct env_set *set, struct secret_buf *out,
			      struct notes *notes)
{
	struct error err = ERROR_INIT;
	return dialect_is_directory(dialect) ? dialect_check(dialect, set, NULL, notes, &err) :
					       dialect_encode(dialect, set, NULL, out, notes, &err);
}

/* Each variable's file, written and read again. */
static void check_files(const struct dialect *dialect, const struct env_set *set, struct env_set *decoded,
			struct secret_buf *out)
{
	for (size_t i = 0; i < env_set_count(set); i++) {
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		struct env_entry entry = env_set_at(set, i);
		bool present = false;
		if (dialect_encode_file(dialect, &entry, out, &present, &err) != ERR_OK)
			fail_msg("%s: %s", dialect_name(dialect), err.text);
		assert_true(present);
		assert_int_equal(dialect_decode_file(dialect, entry.name, entry.name_len, secret_buf_text(out),
						     secret_buf_len(out), decoded, &notes, &err), ERR_OK);
	}
	assert_true(env_set_equal(set, decoded));
}

static void check_round_trip(const struct dialect *dialect, const struct env_set *set, struct secret_buf *out)
{
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *decoded = env_set_new(2u * BIG);
	if (dialect_is_directory(dialect)) {
		check_files(dialect, set, decoded, out);
		return;
	}
	if (dialect_encode(dialect, set, NULL, out, &notes, &err) != ERR_OK)
		fail_msg("%s: %s", dialect_name(dialect), err.text);
	if (dialect_decode(dialect, secret_buf_text(out), secret_buf_len(out), decoded, &notes, &err) != ERR_OK)
		fail_msg("%s: %s", dialect_name(dialect), err.text);
	assert_true(env_set_equal(set, decoded));
}

/* One generated set: the whole is refused, with the right names, or written; then what can be held is written. */
static size_t check_generated_set(const struct property *property, struct secret_buf *out)
{
	const struct dialect *dialect = must_find(property->dialect);
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	size_t expected = 0;
	cleanup_(env_set_freep) struct env_set *all = env_set_new(1u << 20);
	cleanup_(env_set_freep) struct env_set *held = env_set_new(1u << 20);
	uint32_t count = random_below(8);
	for (uint32_t i = 0; i < count; i++) {
		char name[8];
		struct text value;
		snprintf(name, sizeof(name), "V%u", (unsigned)i);
		generate_value(&value);
		put(all, name, &value);
		if (property->can_hold(&value))
			put(held, name, &value);
		else
			expected++;
	}
	enum error_code code = encode(dialect, all, out, &notes);
	assert_int_equal(code, expected > 0 ? ERR_UNREPRESENTABLE : ERR_OK);
	assert_int_equal(notes.errors, expected);
	for (size_t i = 0; i < notes.len; i++) {
		struct env_entry entry;
		if (notes.items[i].severity == NOTE_ERROR)
			assert_false(env_set_find(held, notes.items[i].name, strlen(notes.items[i].name), &entry));
	}
	check_round_trip(dialect, held, out);
	return expected;
}

static void sets_read_back_the_same(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(properties); i++) {
		size_t refused = 0;
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1u << 20);
		random_state = 20260131;
		for (size_t n = 0; n < SETS; n++)
			refused += check_generated_set(&properties[i], out);
		/* The generator reaches both sides of each rule. */
		assert_int_equal(refused > 0, properties[i].can_hold != directory_can_hold);
	}
}

static const char *const text_fragments[] = {
	"A=", "B =", "\nC=", "\nexport D=", "\n", "\n", "\n", "\r\n", "\\\n", "# c", "\n; d", " #", "'", "'", "\"", "\"",
	"x", " y ", "\\", "\\\"", "$$", "\\$", "${A}", "1", "_", ":", ";", "{\"A\":\"b\"}", "{", "}", ",", "\"E\":\"f\"",
};
/* What is no NAME=VALUE. Each begins a line, so that there is something to read. */
static const char *const other_fragments[] = {
	"G: ", "H: \"x\"\n", "- I=", "- \"J=x\"\n", "set -gx K ", "set L 'x'\n", "M<<E\n", "E\n", "x\n", "? N\n", ": x\n", "|\n",
	"  x\n", "set -x P \"", "\"\n", "Q: eHk=\n", "{\"S\":\"x\"}",
};

/* A Secret is not met by chance. */
static const char *opening_of(const struct dialect *dialect)
{
	return strcmp(dialect_name(dialect), "kubernetes") == 0 ? "apiVersion: v1\nkind: Secret\nstringData:\n R: x\ndata:\n " :
								 "";
}

static void generate_text(const struct dialect *dialect, struct text *ret)
{
	bool others = !dialect_is_env_file(dialect) && random_below(4) > 0;
	uint32_t pieces = random_below(others ? 8 : 24);
	ret->len = 0;
	text_add(ret, opening_of(dialect), strlen(opening_of(dialect)));
	for (uint32_t i = 0; i < pieces; i++) {
		const char *fragment = random_below(8) == 0 ? fragments[random_below(ARRAY_LEN(fragments))] :
				       others		     ? other_fragments[random_below(ARRAY_LEN(other_fragments))] :
							       text_fragments[random_below(ARRAY_LEN(text_fragments))];
		text_add(ret, fragment, strlen(fragment));
	}
}

static bool check_generated_text(const struct dialect *dialect, struct secret_buf *out)
{
	struct text text;
	struct error err = ERROR_INIT;
	cleanup_(notes_free) struct notes notes = { .len = 0 };
	cleanup_(env_set_freep) struct env_set *set = env_set_new(1u << 20);
	generate_text(dialect, &text);
	enum error_code code = dialect_is_directory(dialect) ?
				       dialect_decode_file(dialect, "A", 1, text.bytes, text.len, set, &notes, &err) :
				       dialect_decode(dialect, text.bytes, text.len, set, &notes, &err);
	assert_true(code == ERR_OK || code == ERR_INVALID);
	assert_int_equal(code == ERR_OK, notes.errors == 0);
	if (code != ERR_OK)
		return false;
	code = encode(dialect, set, out, &notes);
	assert_true(code == ERR_OK || code == ERR_UNREPRESENTABLE);
	if (code == ERR_OK)
		check_round_trip(dialect, set, out);
	return code == ERR_OK && env_set_count(set) > 0;
}

static void texts_that_read_well_can_be_written(void **state)
{
	(void)state;
	for (size_t i = 0; dialect_at(i); i++) {
		size_t good = 0;
		cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(1u << 20);
		random_state = 77;
		for (size_t n = 0; n < TEXTS; n++)
			good += check_generated_text(dialect_at(i), out);
		if (good <= 20)
			fail_msg("%s: %zu texts read well", dialect_name(dialect_at(i)), good);
	}
}

static double seconds_now(void)
{
	struct timespec now;
	/* Of processor time: how busy the machine is says nothing about a reader. */
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void check_big_text(const char *unit, char *text, size_t len, double seconds)
{
	size_t unit_len = strlen(unit);
	for (size_t at = 0; at < len; at++)
		text[at] = unit[at % unit_len];
	for (size_t i = 0; dialect_at(i); i++) {
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		cleanup_(env_set_freep) struct env_set *set = env_set_new(2u * BIG);
		double start = seconds_now();
		enum error_code code = dialect_is_directory(dialect_at(i)) ?
					       dialect_decode_file(dialect_at(i), "A", 1, text, len, set, &notes, &err) :
					       dialect_decode(dialect_at(i), text, len, set, &notes, &err);
		double took = seconds_now() - start;
		if (took > seconds)
			fail_msg("%s took %.1f s for %zu bytes of <%s>", dialect_name(dialect_at(i)), took, len, unit);
		assert_true(code == ERR_OK || code == ERR_INVALID);
	}
}

static void big_texts_take_linear_time(void **state)
{
	static const char *const units[] = {
		"A=b\n", "A='x\n", "A=\"x\n", "A=\"\\\"\n", "A='\\'\n", "A=\"\\", "'", "\"", "\\", " ", "\n", "\t=", "A", "#",
		"#\\\n", "A=b #", "A=$$", "A=${", "A=' #", "export ", ";", "A=1;", "{\"a\":", "[", "\xe9", "A=\xe2\x80\x8a",
		"A=\r\n", "\\\n", "A: b\n", "- A=b\n", "A: \"x\n", "A: >\n  ", "&a ", "!", "? ", "{A: ", "# c\n", "--- \n", "set -gx A 'x\n",
		"A<<B\n",
	};
	char *text = malloc(BIG);
	(void)state;
	assert_non_null(text);
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		check_big_text(units[i], text, REPETITION, REPETITION_SECONDS);
	if (REPETITION > 256 * 1024)
		check_big_text(units[0], text, BIG, BIG_SECONDS);
	free(text);
}

/* Ten values of 1 MB, each on a line of its own, written and read again. */
static void lines_of_a_megabyte(void **state)
{
	const size_t len = 1024 * 1024;
	char *value = malloc(len);
	cleanup_(env_set_freep) struct env_set *set = env_set_new(2u * BIG);
	cleanup_(secret_buf_freep) struct secret_buf *out = secret_buf_new(4u * BIG);
	(void)state;
	assert_non_null(value);
	for (unsigned i = 0; i < 10; i++) {
		struct error err = ERROR_INIT;
		char name[8];
		snprintf(name, sizeof(name), "V%u", i);
		memset(value, "x$\"\\ #;`'="[i], len);
		value[0] = value[len - 1] = 'a';
		assert_int_equal(env_set_put(set, name, strlen(name), value, len, 0, NULL, &err), ERR_OK);
	}
	free(value);
	for (size_t i = 0; dialect_at(i); i++) {
		const char *name = dialect_name(dialect_at(i));
		struct error err = ERROR_INIT;
		cleanup_(notes_free) struct notes notes = { .len = 0 };
		double start = seconds_now();
		if (strcmp(name, "docker") == 0 || strcmp(name, "podman") == 0 || strcmp(name, "kubectl") == 0) {
			assert_int_equal(dialect_encode(dialect_at(i), set, NULL, out, &notes, &err), ERR_UNREPRESENTABLE);
			assert_int_equal(notes.errors, 10);
		} else if (strcmp(name, "dotenv") == 0 || strcmp(name, "kubernetes") == 0) {
			assert_int_equal(dialect_encode(dialect_at(i), set, NULL, out, &notes, &err), ERR_UNREPRESENTABLE);
			assert_int_equal(notes.errors, 1);
		} else {
			check_round_trip(dialect_at(i), set, out);
		}
		assert_true(seconds_now() - start < BIG_SECONDS);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sets_read_back_the_same),
		cmocka_unit_test(texts_that_read_well_can_be_written),
		cmocka_unit_test(big_texts_take_linear_time),
		cmocka_unit_test(lines_of_a_megabyte),
	};
	return cmocka_run_group_tests_name("dialect_round_trip", tests, NULL, NULL);
}
