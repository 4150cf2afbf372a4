/* One thread that calls vault_tick() each second. */
#pragma once

#include "core/vault.h"
#include "vault/error.h"

struct housekeeping;
enum error_code housekeeping_start(struct vault *vault, struct housekeeping **ret, struct error *err) must_check;
/* Ends the thread, after a tick that is under way. NULL is allowed. */
void housekeeping_stop(struct housekeeping *housekeeping);
