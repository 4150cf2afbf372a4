/*
 * Questions to the person at the terminal. They are asked on /dev/tty, so that
 * standard input and output stay free for data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

#define PROMPT_MAX 4094 /* what a terminal's line discipline delivers as one line, less its end */

/* Whether standard input is a terminal, so that somebody can answer. */
bool terminal_is_there(void);

/* Reads one line without echo; the echo is restored also when a signal arrives. ERR_TOO_LARGE at PROMPT_MAX,
 * ERR_USAGE when there is no terminal, ERR_CONFLICT after a signal that the program catches, ERR_INVALID when the input ends
 * (Ctrl-D) before the line does: who ends it has changed his mind, and an empty line is something else. */
enum error_code terminal_read_secret(const char *prompt, struct secret_buf **ret, struct error *err) must_check;

/* One line with echo, without its end. ERR_INVALID when the input ends before the line does, as above. */
enum error_code terminal_read_line(const char *prompt, char *ret, size_t size, struct error *err) must_check;

/* A passphrase: of the file ("-": standard input), else of the prompt (asked twice with confirm), else, without a
 * terminal, the first line of standard input. ERR_INVALID: empty, or the two do not match. */
enum error_code terminal_passphrase(const char *file, bool confirm, struct secret_buf **ret,
				    struct error *err) must_check;
