/*
 * Libraries that are loaded when they are needed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "library.h"

#define FUNCTIONS(X) X(cbrt) X(hypot)

static struct {
	LIBRARY_POINTERS(FUNCTIONS)
} functions;

static struct library library = LIBRARY_INIT("libm.so.6", "libc6", FUNCTIONS, &functions);
static struct library absent = LIBRARY_INIT("libabsent.so.9", "libabsent9", FUNCTIONS, &functions);
static struct library other = LIBRARY_INIT("libdl.so.2", "libc6", FUNCTIONS, &functions);

static void functions_are_found(void **state)
{
	struct error err = ERROR_INIT;

	(void)state;
	assert_int_equal(library_load(&library, &err), ERR_OK);
	assert_int_equal(library_load(&library, &err), ERR_OK);
	assert_true(functions.hypot(3, 4) > 4.99 && functions.hypot(3, 4) < 5.01);
	assert_true(functions.cbrt(27) > 2.99);
}

static void what_is_missing_is_named(void **state)
{
	struct error err = ERROR_INIT, again = ERROR_INIT, third = ERROR_INIT;

	(void)state;
	assert_int_equal(library_load(&absent, &err), ERR_IO);
	assert_non_null(strstr(err.text, "apt install libabsent9"));
	assert_int_equal(library_load(&absent, &again), ERR_IO);
	assert_int_equal(library_load(&other, &third), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(functions_are_found),
		cmocka_unit_test(what_is_missing_is_named),
	};

	return cmocka_run_group_tests_name("library", tests, NULL, NULL);
}
