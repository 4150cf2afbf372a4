#include "log.h"

#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "vault/clock.h"

#define LINE_MAX_LEN 2048

struct line {
	char text[LINE_MAX_LEN];
	size_t len;
};

static void put(struct line *line, char c)
{
	if (line->len < sizeof(line->text) - 2)
		line->text[line->len++] = c;
}

static void put_escaped(struct line *line, const char *text)
{
	static const char digits[] = "0123456789abcdef";

	for (; *text != '\0'; text++) {
		unsigned char c = (unsigned char)*text;

		if (c == '"' || c == '\\') {
			put(line, '\\');
			put(line, (char)c);
		} else if (c < ' ' || c == 0x7f) {
			put(line, '\\');
			put(line, 'x');
			put(line, digits[c >> 4]);
			put(line, digits[c & 15]);
		} else {
			put(line, (char)c);
		}
	}
}

static void put_word(struct line *line, const char *name, const char *word)
{
	put_escaped(line, name);
	put_escaped(line, word);
}

static void begin_line(struct line *line, enum log_level level, const char *event)
{
	static const char *const names[] = { "info", "warning", "error" };
	char time[TIME_TEXT_MAX];

	line->len = 0;
	time_format(clock_system.now_us(clock_system.arg), time);
	put_word(line, "time=", time);
	put_word(line, " level=", names[level]);
	put_word(line, " event=", event);
	put_escaped(line, " text=");
	put(line, '"');
}

static void end_line(struct line *line)
{
	put(line, '"');
	line->text[line->len++] = '\n';
	/* One write, so that lines of threads do not mix; a log that cannot be written must not stop the daemon. */
	(void)!write(STDERR_FILENO, line->text, line->len);
}

static void write_line(enum log_level level, const char *event, const char *text)
{
	struct line line;

	begin_line(&line, level, event);
	put_escaped(&line, text);
	end_line(&line);
}

#define LAST_WORDS_MS 1000

void log_last_words(const char *event, const char *text, const char *detail)
{
	struct line line;

	begin_line(&line, LOG_LEVEL_ERROR, event);
	put_escaped(&line, text);
	if (detail[0] != '\0') {
		put_word(&line, " (", detail);
		put(&line, ')');
	}
	/* A log that nobody reads must not keep a daemon that cannot go on. */
	if (poll(&(struct pollfd){ .fd = STDERR_FILENO, .events = POLLOUT }, 1, LAST_WORDS_MS) == 1)
		end_line(&line);
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
	char text[1001];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	write_line(level, event, text);
}

void log_warning_text(const char *event, const char *text)
{
	write_line(LOG_LEVEL_WARNING, event, text);
}
