/*
 * Compiler words used everywhere, in one place: who frees what, which result
 * must be looked at, and cleanup at the end of a scope.
 *
 *   cleanup_(fn)     run fn(&variable) when the variable leaves its scope
 *   must_check       the result may not be ignored
 *   owned_by(fn)     a constructor whose result fn() frees (gcc checks it)
 *   printf_like(f,a) argument f is a printf format, its values begin at a
 *   take_ptr(p)      the value of p, which becomes NULL: ownership moves on
 */
#pragma once

#define cleanup_(fn) __attribute__((cleanup(fn)))
#define must_check __attribute__((warn_unused_result))
#define printf_like(f, a) __attribute__((format(printf, f, a)))

#if defined(__GNUC__) && !defined(__clang__)
#define owned_by(fn) __attribute__((malloc, malloc(fn, 1), warn_unused_result))
#else
#define owned_by(fn) __attribute__((malloc, warn_unused_result))
#endif

#define take_ptr(p) \
	__extension__({ \
		__typeof__(p) *take_from_ = &(p); \
		__typeof__(p) taken_ = *take_from_; \
		*take_from_ = NULL; \
		taken_; \
	})

/* Defines name##p(): a cleanup function for a pointer whose destructor is name(). */
#define DEFINE_CLEANUP(type, name) \
	static inline void name##p(type *owned) \
	{ \
		name(*owned); \
	} \
	struct cleanup_needs_semicolon_

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))
