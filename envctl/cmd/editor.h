/*
 * A person's editor on a text that never touches a disk.
 *
 * The text lies in a memfd of this process, which the editor opens as
 * /proc/PID/fd/N. vim and neovim are told to keep no swap, backup, undo or
 * history file of it; other editors do as their users have set them up.
 */
#pragma once

#include <stddef.h>

#include "vault/error.h"
#include "vault/secret_buf.h"

/* Runs $VISUAL, $EDITOR, `editor` or `vi` on the text and gives back what was saved. ERR_USAGE when
 * there is none of them, ERR_IO when the editor could not
 * be started or ended with a failure; ERR_TOO_LARGE. */
enum error_code editor_run(const struct secret_buf *text, size_t max, struct secret_buf **ret,
			   struct error *err) must_check;
