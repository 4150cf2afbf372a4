/*
 * Becoming the program: no fork, no parent left behind.
 *
 * The program is looked for in the PATH of its own environment, as env(1) does.
 * Signal mask, ignored signals and descriptors that envctl was started with
 * pass through unchanged (nohup, socket activation, redirections); envctl
 * itself blocks and ignores nothing, and every descriptor that it opens is
 * close-on-exec.
 */
#pragma once

#include "vault/error.h"

#define EXEC_OWN_FAILURE 125 /* envctl could not do its part; the program was not started */
#define EXEC_NOT_EXECUTABLE 126
#define EXEC_NOT_FOUND 127

/* Returns only on failure: ERR_NOT_FOUND or ERR_PERMISSION or ERR_IO with a sentence, and the exit code. */
enum error_code exec_program(char **program, char **environment, int *ret_status, struct error *err);
