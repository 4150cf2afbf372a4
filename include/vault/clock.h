/*
 * Time as a parameter, so that tests decide what time it is.
 *
 * now_us() is UTC in microseconds since 1970 and may jump; monotonic_us()
 * (CLOCK_BOOTTIME) never goes back and is for deadlines.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct clock_source {
	int64_t (*now_us)(void *arg);
	int64_t (*monotonic_us)(void *arg);
	void *arg;
};

/* The machine's clocks. */
extern const struct clock_source clock_system;

#define TIME_TEXT_MAX 40

/* RFC 3339 in UTC as Vault writes it: "2026-11-25T10:00:00.123456Z"; trailing zeros of the
 * fraction are left out. 0 gives the empty string. Returns the length. */
size_t time_format(int64_t us, char text[static TIME_TEXT_MAX]);

/* Go's duration text from seconds: "0s", "30m0s", "1h0m0s". Returns the length. */
size_t duration_format(int64_t seconds, char text[static TIME_TEXT_MAX]);

/* Reads "3600", "90s", "1h30m", "7d", "-1s" into whole seconds. False when it is none of these
 * or over 100 years. */
bool duration_parse(const char *text, size_t len, int64_t *ret_seconds);
