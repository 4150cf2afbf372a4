/*
 * Lines of a key that somebody wrote without quotes. The last one of base64 reads like a name and its =, which is padding. Such a
 * "name" is shown in no message: readers of env files, their comparison and the checks of how a file is written ask here.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * Whether a name, which is a piece of the text, may be a piece of a value: it begins its line, consists of what base64 consists of, and
 * behind it is nothing but padding. A single = may as well be an empty value: then it is a piece when it has 16 characters
 * or more, of upper and lower case, or when the next line above that is not empty is base64, or begins a key
 * (-----BEGIN). Linear in the length of these lines.
 */
bool text_is_last_piece(const char *text, size_t len, const char *name, size_t name_len);
