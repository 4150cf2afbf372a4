/*
 * The head of a request as libmicrohttpd holds it, through the gate (gate.h).
 * Internal to http/; on the listener's event thread, in the first call of the
 * access handler: later the bytes may be gone.
 */
#pragma once

#include <microhttpd.h>
#include <stddef.h>

#include "http/gate.h"

/*
 * method is the pointer that libmicrohttpd gave, behind which the whole head stands; target_len was measured before the target
 * was decoded in place. The gate's errors, and ERR_INVALID when its view of the headers and libmicrohttpd's differ.
 */
enum error_code head_check(struct MHD_Connection *mhd, const char *method, size_t target_len, struct gate_head *ret,
			   struct error *err) must_check;
