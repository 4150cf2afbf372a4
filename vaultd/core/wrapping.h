/* Wrapped answers, for housekeeping; what callers ask is in vault_wrapping.h. */
#pragma once

struct vault;

/* Removes what has expired, a bounded batch in one commit, and waits for it. Called by vault_tick(). */
void wrapping_sweep(struct vault *vault);
