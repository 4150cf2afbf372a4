#include "cmd/output.h"

enum error_code command_version(struct invocation *inv, struct error *err)
{
	cleanup_(secret_buf_freep) struct secret_buf *out = output_new(err);

	if (out == NULL)
		return err->code;
	if (option_is_given(inv, OPT_JSON))
		output_format(out, "{\"version\":\"%s\"}\n", VAULT_VERSION);
	else
		output_format(out, "envctl %s\n", VAULT_VERSION);
	return output_flush(out, err);
}
