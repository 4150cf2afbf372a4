#include "schema/regex.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "library.h"
#include "vault/limits.h"

#define FUNCTIONS(X)                                                                                                   \
	X(pcre2_compile_8)                                                                                             \
	X(pcre2_code_free_8)                                                                                           \
	X(pcre2_pattern_info_8)                                                                                        \
	X(pcre2_compile_context_create_8)                                                                              \
	X(pcre2_compile_context_free_8)                                                                                \
	X(pcre2_set_newline_8)                                                                                         \
	X(pcre2_set_compile_extra_options_8)                                                                           \
	X(pcre2_set_parens_nest_limit_8)                                                                               \
	X(pcre2_match_8)                                                                                               \
	X(pcre2_match_data_create_8)                                                                                   \
	X(pcre2_match_data_free_8)                                                                                     \
	X(pcre2_match_context_create_8)                                                                                \
	X(pcre2_match_context_free_8)                                                                                  \
	X(pcre2_set_callout_8)                                                                                         \
	X(pcre2_set_match_limit_8)                                                                                     \
	X(pcre2_set_heap_limit_8)                                                                                      \
	X(pcre2_get_error_message_8)

static struct {
	LIBRARY_POINTERS(FUNCTIONS)
} pcre;

static struct library library = LIBRARY_INIT("libpcre2-8.so.0", "libpcre2-8-0", FUNCTIONS, &pcre);

struct schema_regex {
	pcre2_code_8 *code;
};

void schema_regex_free(struct schema_regex *regex)
{
	if (!regex)
		return;
	if (regex->code)
		pcre.pcre2_code_free_8(regex->code);
	free(regex);
}

size_t schema_regex_bytes(const struct schema_regex *regex)
{
	size_t size = 0;

	(void)pcre.pcre2_pattern_info_8(regex->code, PCRE2_INFO_SIZE, &size);
	return sizeof(*regex) + size;
}

/* -- from JavaScript's language to PCRE2's ------------------------------------------ */

struct translation {
	const char *in;
	size_t len, at;
	char out[2 * LIMIT_REGEX_LEN + 16];
	size_t out_len;
	bool in_class;
	bool after_quantifier;
	const char *fault;
};

/* A schema goes with a seal: nothing of it stays on a stack. */
static void translation_wipe(struct translation *t)
{
	explicit_bzero(t, sizeof(*t));
}

static void put(struct translation *t, const char *text, size_t len)
{
	memcpy(t->out + t->out_len, text, len);
	t->out_len += len;
}

/* Letters after a backslash that mean the same in both, or are translated. All others mean nothing in JavaScript and, often,
 * something in PCRE2. */
static void translate_escape(struct translation *t)
{
	static const char same[] = "dDwWsSbBnrtf0123456789cxukpP";
	char next = t->at + 1 < t->len ? t->in[t->at + 1] : '\0';

	if (t->at + 1 == t->len) {
		t->fault = "ends with a backslash";
	} else if (next == 'v') {
		put(t, "\\x0b", 4); /* PCRE2's \v is a class of six characters */
	} else if ((next >= 'a' && next <= 'z') || (next >= 'A' && next <= 'Z')) {
		if (!strchr(same, next))
			t->fault = "has an escape that JavaScript does not know";
		else if (t->in_class && next == 'B')
			t->fault = "has \\B in a class";
		else
			put(t, t->in + t->at, 2);
	} else {
		put(t, t->in + t->at, 2);
	}
	t->at += 2;
	t->after_quantifier = false;
}

static void translate_group(struct translation *t)
{
	static const char *const allowed[] = { "(?:", "(?=", "(?!", "(?<=", "(?<!" };
	const char *at = t->in + t->at;
	size_t left = t->len - t->at;
	bool known = left > 3 && at[1] == '?' && at[2] == '<' && at[3] != '=' && at[3] != '!';

	for (size_t i = 0; i < ARRAY_LEN(allowed); i++)
		known = known || (left >= strlen(allowed[i]) && memcmp(at, allowed[i], strlen(allowed[i])) == 0);
	if (left > 1 && ((at[1] == '?' && !known) || at[1] == '*'))
		t->fault = "has a group that JavaScript does not know";
	put(t, at, left > 1 && at[1] == '?' ? 2 : 1);
	t->at += left > 1 && at[1] == '?' ? 2 : 1;
	t->after_quantifier = false;
}

/* {2}, {2,} or {2,5}: its length, or 0 when the brace is only a brace. */
static size_t counted_quantifier(const char *at, size_t left)
{
	size_t i = 1, digits = 0;

	for (; i < left && at[i] >= '0' && at[i] <= '9'; i++)
		digits++;
	if (digits > 0 && i < left && at[i] == ',')
		for (i++; i < left && at[i] >= '0' && at[i] <= '9'; i++)
			;
	return digits > 0 && i < left && at[i] == '}' ? i + 1 : 0;
}

static void translate_outside(struct translation *t)
{
	const char *at = t->in + t->at;
	size_t len = 1;
	bool quantifier = *at == '*' || *at == '+' || *at == '?';

	if (*at == '(') {
		translate_group(t);
		return;
	}
	if (*at == '{') {
		len = counted_quantifier(at, t->len - t->at);
		quantifier = len > 0;
		len = len > 0 ? len : 1;
	}
	if (t->after_quantifier && quantifier && *at != '?')
		t->fault = "repeats a repetition";
	t->in_class = *at == '[';
	put(t, at, len);
	t->at += len;
	/* "a+?" is lazy: what follows it repeats again and is refused likewise. */
	t->after_quantifier = quantifier;
	if (t->in_class && t->at < t->len && t->in[t->at] == '^') {
		put(t, "^", 1);
		t->at++;
	}
}

static void translate_inside(struct translation *t)
{
	char c = t->in[t->at];

	if (c == '[')
		put(t, "\\[", 2); /* a class in a class, [:alpha:], is PCRE2's alone */
	else
		put(t, &c, 1);
	t->in_class = c != ']';
	t->at++;
}

static bool translate(struct translation *t)
{
	while (t->at < t->len && !t->fault) {
		if (t->in[t->at] == '\\')
			translate_escape(t);
		else if (t->in_class)
			translate_inside(t);
		else
			translate_outside(t);
	}
	return !t->fault;
}

static enum error_code read_flags(const char *flags, size_t len, uint32_t *options, struct error *err)
{
	for (size_t i = 0; i < len; i++) {
		switch (flags[i]) {
		case 'i':
			*options |= PCRE2_CASELESS;
			break;
		case 'm':
			*options |= PCRE2_MULTILINE;
			break;
		case 's':
			*options |= PCRE2_DOTALL;
			break;
		case 'y':
			*options |= PCRE2_ANCHORED;
			break;
		case 'd':
		case 'g':
		case 'u':
			break;
		default:
			return error_set(err, ERR_INVALID, "the regular expression has a flag other than d, g, i, m, s, u and y");
		}
	}
	return ERR_OK;
}

static enum error_code compile_failed(int code, size_t at, struct error *err)
{
	unsigned char text[160] = "";

	if (code == PCRE2_ERROR_HEAP_FAILED)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	(void)pcre.pcre2_get_error_message_8(code, text, sizeof(text));
	return error_set(err, ERR_INVALID, "the regular expression is not valid near its character %zu: %s", at + 1,
			 (const char *)text);
}

static enum error_code compile(struct translation *t, uint32_t options, struct schema_regex *regex, struct error *err)
{
	pcre2_compile_context_8 *context = pcre.pcre2_compile_context_create_8(NULL);
	PCRE2_SIZE at = 0;
	int code = PCRE2_ERROR_HEAP_FAILED;

	if (context) {
		pcre.pcre2_set_newline_8(context, PCRE2_NEWLINE_ANYCRLF);
		pcre.pcre2_set_compile_extra_options_8(context, PCRE2_EXTRA_ALT_BSUX);
		pcre.pcre2_set_parens_nest_limit_8(context, LIMIT_REGEX_DEPTH);
		regex->code = pcre.pcre2_compile_8((PCRE2_SPTR8)t->out, t->out_len, options, &code, &at, context);
		pcre.pcre2_compile_context_free_8(context);
	}
	return regex->code ? ERR_OK : compile_failed(code, at, err);
}

enum error_code schema_regex_compile(const char *pattern, size_t len, const char *flags, size_t flags_len,
				     struct schema_regex **ret, struct error *err)
{
	uint32_t options = PCRE2_UTF | PCRE2_ALT_BSUX | PCRE2_DOLLAR_ENDONLY | PCRE2_ALLOW_EMPTY_CLASS |
			   PCRE2_MATCH_UNSET_BACKREF | PCRE2_AUTO_CALLOUT | PCRE2_NEVER_BACKSLASH_C;
	cleanup_(translation_wipe) struct translation translation = { .in = pattern, .len = len };
	cleanup_(schema_regex_freep) struct schema_regex *regex = NULL;
	enum error_code code = read_flags(flags, flags_len, &options, err);

	if (code != ERR_OK)
		return code;
	if (len > LIMIT_REGEX_LEN)
		return error_set(err, ERR_TOO_LARGE, "the regular expression is longer than %d bytes", LIMIT_REGEX_LEN);
	if (!translate(&translation))
		return error_set(err, ERR_INVALID, "the regular expression %s (near its character %zu)", translation.fault,
				 translation.at);
	code = library_load(&library, err);
	if (code != ERR_OK)
		return code;
	regex = calloc(1, sizeof(*regex));
	if (!regex)
		return error_set(err, ERR_NO_MEMORY, "out of memory");
	code = compile(&translation, options, regex, err);
	if (code == ERR_OK)
		*ret = take_ptr(regex);
	return code;
}

/* -- matching within a budget ---------------------------------------------------- */

/* PCRE2's own limit counts anew for each place where a match may begin, so that a long value could take minutes within it. This
 * is called before each item of the pattern, and charges for the characters that were passed as well. */
static int step(pcre2_callout_block_8 *block, void *arg)
{
	struct regex_budget *budget = arg;
	size_t here = block->current_position;
	uint64_t cost = 1 + (here > budget->position ? here - budget->position : budget->position - here) / 32;

	budget->position = here;
	if (cost > budget->left) {
		budget->left = 0;
		return PCRE2_ERROR_MATCHLIMIT;
	}
	budget->left -= cost;
	return 0;
}

static enum regex_result result_of(int code)
{
	if (code >= 0)
		return REGEX_MATCHES;
	if (code == PCRE2_ERROR_NOMATCH)
		return REGEX_DIFFERS;
	if (code <= PCRE2_ERROR_UTF8_ERR1 && code >= PCRE2_ERROR_UTF8_ERR21)
		return REGEX_NOT_TEXT;
	return REGEX_OVER_BUDGET;
}

void regex_budget_end(struct regex_budget *budget)
{
	if (budget->data)
		pcre.pcre2_match_data_free_8(budget->data);
	if (budget->context)
		pcre.pcre2_match_context_free_8(budget->context);
	budget->data = budget->context = NULL;
}

static bool budget_begin(struct regex_budget *budget)
{
	if (!budget->context)
		budget->context = pcre.pcre2_match_context_create_8(NULL);
	if (!budget->data)
		budget->data = pcre.pcre2_match_data_create_8(1, NULL);
	if (!budget->context || !budget->data)
		return false;
	budget->position = 0;
	pcre.pcre2_set_callout_8(budget->context, step, budget);
	pcre.pcre2_set_heap_limit_8(budget->context, LIMIT_REGEX_HEAP / 1024);
	/* Steps between two callouts are few; this only holds what the callouts do not see. */
	pcre.pcre2_set_match_limit_8(budget->context, (uint32_t)(budget->left < 1u << 30 ? 2 * budget->left + 100 : 1u << 31));
	return true;
}

enum regex_result schema_regex_test(const struct schema_regex *regex, const char *text, size_t len,
				    struct regex_budget *budget)
{
	if (budget->left == 0 || !budget_begin(budget))
		return REGEX_OVER_BUDGET;
	return result_of(pcre.pcre2_match_8(regex->code, (PCRE2_SPTR8)text, len, 0, 0, budget->data, budget->context));
}
