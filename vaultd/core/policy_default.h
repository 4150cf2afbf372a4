/* The built-in text of the policy "default". */
#pragma once

extern const char policy_default_text[];
