/*
 * The daemon's log: one line an event on standard error, as key=value pairs.
 *
 *   time=2026-11-25T10:00:00Z level=info event=started text="listening on ..."
 *
 * Control characters and quotes are escaped, so that no text from outside makes
 * a line of its own. Nothing secret is ever logged: no values, no tokens, no
 * bodies, no header texts. Safe for use by several threads.
 */
#pragma once

#include "vault/attributes.h"

enum log_level { LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };

/* event is a word of ours. A line is cut at 1,000 characters. */
void log_event(enum log_level level, const char *event, const char *format, ...) printf_like(3, 4);
/*
 * An error with two texts, the second in parentheses when it is not "", for a signal handler: it takes no lock, allocates
 * nothing and calls only what signal-safety(7) allows.
 */
void log_last_words(const char *event, const char *text, const char *detail);
/* For the server's hook: a warning with this text. */
void log_warning_text(const char *event, const char *text);
