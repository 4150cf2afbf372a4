#include "vault/terminal.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "vault/files.h"
#include "vault/limits.h"

static const int caught_signals[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGTSTP};

static volatile sig_atomic_t caught;

static void remember_signal(int number)
{
	caught = number;
}

bool terminal_is_there(void)
{
	return isatty(STDIN_FILENO) == 1;
}

static enum error_code open_terminal(int *ret, struct error *err)
{
	int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);

	if (fd < 0)
		return error_set(err, ERR_USAGE,
				 "there is no terminal to ask at; give it on standard input or in a file");
	*ret = fd;
	return ERR_OK;
}

/* How the reading of a line came to its end, other than by its line feed. */
struct line_end {
	int signal; /* that interrupted it, or 0 */
	bool is_input_end;
};

/* Reads up to and without the line feed. Signals that are held back are let in while it waits, and never between a look and the
 * waiting, where they would be forgotten (allowed NULL: none is held back). */
static enum error_code read_line(int fd, const sigset_t *allowed, struct secret_buf *line, struct line_end *ret,
				 struct error *err)
{
	struct pollfd readable = {.fd = fd, .events = POLLIN};

	*ret = (struct line_end){.signal = 0};
	for (;;) {
		char c;
		ssize_t got = ppoll(&readable, 1, NULL, allowed);

		if (got < 0 && errno == EINTR && allowed != NULL && caught != 0) {
			ret->signal = caught;
			return ERR_OK;
		}
		if (got > 0)
			got = read(fd, &c, 1);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return error_set_errno(err, ERR_IO, errno, "cannot read from the terminal");
		ret->is_input_end = got == 0;
		if (got == 0 || c == '\n')
			return ERR_OK;
		secret_buf_append_char(line, c);
		explicit_bzero(&c, sizeof(c));
	}
}

struct dispositions {
	struct sigaction actions[ARRAY_LEN(caught_signals)];
	sigset_t mask;
};

/* They are held back as well: read_line() lets them in. */
static void catch_signals(struct dispositions *before)
{
	struct sigaction action = {.sa_handler = remember_signal};
	sigset_t held;

	caught = 0;
	sigemptyset(&action.sa_mask);
	sigemptyset(&held);
	for (size_t i = 0; i < ARRAY_LEN(caught_signals); i++)
		sigaddset(&held, caught_signals[i]);
	pthread_sigmask(SIG_BLOCK, &held, &before->mask);
	for (size_t i = 0; i < ARRAY_LEN(caught_signals); i++) {
		sigaction(caught_signals[i], NULL, &before->actions[i]);
		if (before->actions[i].sa_handler != SIG_IGN)
			sigaction(caught_signals[i], &action, NULL);
	}
}

/* What came while nobody waited is for those who handled it before. */
static void release_signals(const struct dispositions *before)
{
	for (size_t i = 0; i < ARRAY_LEN(caught_signals); i++)
		sigaction(caught_signals[i], &before->actions[i], NULL);
	pthread_sigmask(SIG_SETMASK, &before->mask, NULL);
}

/* One attempt, with the echo off in between. */
static enum error_code read_hidden(int fd, const char *prompt, struct secret_buf *line, struct line_end *ret,
				   struct error *err)
{
	struct dispositions saved;
	struct termios before, hidden;

	if (tcgetattr(fd, &before) < 0)
		return error_set_errno(err, ERR_IO, errno, "cannot switch the terminal's echo off");
	hidden = before;
	hidden.c_lflag &= ~(tcflag_t)(ECHO | ECHOE | ECHOK);
	hidden.c_lflag |= ECHONL | ICANON | ISIG;
	catch_signals(&saved);
	enum error_code rc = ERR_OK;
	if (tcsetattr(fd, TCSAFLUSH, &hidden) < 0)
		rc = error_set_errno(err, ERR_IO, errno, "cannot switch the terminal's echo off");
	if (rc == ERR_OK)
		rc = fd_write_all(fd, prompt, strlen(prompt), err);
	if (rc == ERR_OK)
		rc = read_line(fd, &saved.mask, line, ret, err);
	while (tcsetattr(fd, TCSAFLUSH, &before) < 0 && errno == EINTR)
		;
	release_signals(&saved);
	return rc;
}

static enum error_code refuse_input_end(int fd, struct error *err)
{
	struct error ignored = ERROR_INIT;

	(void)!fd_write_all(fd, "\n", 1, &ignored); /* nobody typed one */
	return error_set(err, ERR_INVALID, "cancelled: the input ended at the prompt; nothing was done");
}

enum error_code terminal_read_secret(const char *prompt, struct secret_buf **ret, struct error *err)
{
	cleanup_(fd_closep) int fd = -1;
	cleanup_(secret_buf_freep) struct secret_buf *line = secret_buf_new(PROMPT_MAX + 1);
	enum error_code rc = open_terminal(&fd, err);
	struct line_end end = {.signal = 0};

	if (rc == ERR_OK && line == NULL)
		rc = error_set(err, ERR_NO_MEMORY, "out of memory");
	while (rc == ERR_OK) {
		secret_buf_reset(line);
		rc = read_hidden(fd, prompt, line, &end, err);
		if (rc != ERR_OK || end.signal == 0)
			break;
		/* Now with the old disposition: ends the process, or stops it until the prompt is asked again. */
		(void)raise(end.signal);
		/* The program has a handler of its own, and wants to end what it does. */
		if (end.signal != SIGTSTP)
			rc = error_set(err, ERR_CONFLICT, "interrupted");
	}
	if (rc == ERR_OK && end.is_input_end)
		rc = refuse_input_end(fd, err);
	if (rc == ERR_OK && (!secret_buf_ok(line) || secret_buf_len(line) >= PROMPT_MAX))
		rc = error_set(err, ERR_TOO_LARGE,
			       "a terminal cannot take lines over %d bytes; give it with --file or on standard input",
			       PROMPT_MAX - 1);
	if (rc == ERR_OK)
		*ret = take_ptr(line);
	return rc;
}

enum error_code terminal_read_line(const char *prompt, char *ret, size_t size, struct error *err)
{
	cleanup_(fd_closep) int fd = -1;
	cleanup_(secret_buf_freep) struct secret_buf *line = secret_buf_new(size - 1);
	enum error_code rc = open_terminal(&fd, err);
	struct line_end end = {.signal = 0};

	if (rc == ERR_OK && line == NULL)
		rc = error_set(err, ERR_NO_MEMORY, "out of memory");
	if (rc == ERR_OK)
		rc = fd_write_all(fd, prompt, strlen(prompt), err);
	if (rc == ERR_OK)
		rc = read_line(fd, NULL, line, &end, err);
	if (rc == ERR_OK && end.is_input_end)
		rc = refuse_input_end(fd, err);
	if (rc == ERR_OK)
		rc = secret_buf_check(line, "the line", err);
	if (rc != ERR_OK)
		return rc;
	memcpy(ret, secret_buf_text(line), secret_buf_len(line));
	ret[secret_buf_len(line)] = '\0';
	return ERR_OK;
}

static enum error_code ask_passphrase(bool confirm, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *first = NULL, *second = NULL;
	enum error_code rc = terminal_read_secret("Passphrase: ", &first, err);

	if (rc == ERR_OK && confirm)
		rc = terminal_read_secret("The same again: ", &second, err);
	if (rc != ERR_OK)
		return rc;
	if (confirm && (secret_buf_len(first) != secret_buf_len(second) ||
			memcmp(secret_buf_bytes(first), secret_buf_bytes(second), secret_buf_len(first)) != 0))
		return error_set(err, ERR_INVALID, "the two passphrases are not the same; nothing was done");
	*ret = take_ptr(first);
	return ERR_OK;
}

/* Only the first line counts, as at a prompt. */
static enum error_code read_passphrase(const char *file, struct secret_buf **ret, struct error *err)
{
	bool is_stdin = file == NULL || strcmp(file, "-") == 0;
	cleanup_(secret_buf_freep) struct secret_buf *text = NULL;
	enum error_code rc = file_read_secret(is_stdin ? "-" : file, is_stdin ? FILE_ANY_MODE : FILE_PRIVATE, is_stdin,
					      LIMIT_PASSPHRASE_LEN + 2, &text, err);

	if (rc != ERR_OK)
		return rc;
	const char *end = memchr(secret_buf_text(text), '\n', secret_buf_len(text));
	if (end != NULL)
		secret_buf_truncate(text, (size_t)(end - secret_buf_text(text)));
	*ret = take_ptr(text);
	return ERR_OK;
}

enum error_code terminal_passphrase(const char *file, bool confirm, struct secret_buf **ret, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *passphrase = NULL;
	enum error_code rc;

	if (file == NULL && terminal_is_there())
		rc = ask_passphrase(confirm, &passphrase, err);
	else
		rc = read_passphrase(file, &passphrase, err);
	if (rc != ERR_OK)
		return rc;
	if (secret_buf_len(passphrase) == 0)
		return error_set(err, ERR_INVALID, "the passphrase is empty");
	if (secret_buf_len(passphrase) > LIMIT_PASSPHRASE_LEN)
		return error_set(err, ERR_TOO_LARGE, "the passphrase is longer than %d bytes", LIMIT_PASSPHRASE_LEN);
	*ret = take_ptr(passphrase);
	return ERR_OK;
}
