/*
 * free() and realloc() of the whole process wipe what they give back.
 *
 * Libraries copy what passes through them: the HTTP library's connection
 * memory, TLS records, JSON texts. Defining the two functions in the program
 * makes every library in the process use them, so that no secret stays behind
 * in memory that nobody owns. realloc() asks malloc() for what it needs, so
 * that a library of the tests, which makes malloc() fail, reaches all
 * allocations. Off under sanitizers and valgrind (meson's
 * memory_checker), which have their own.
 */
#pragma once

#include <stdbool.h>

bool wiping_memory_is_on(void);
