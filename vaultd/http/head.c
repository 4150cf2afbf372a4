#include "http/head.h"

#include <stdbool.h>

struct comparison {
	const struct gate_head *head;
	size_t at;
	bool differs;
};

static enum MHD_Result compare_header(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct comparison *comparison = arg;
	const struct gate_header *header = &comparison->head->headers[comparison->at];

	(void)kind;
	if (comparison->at >= comparison->head->headers_len || name != header->name || value != header->value)
		comparison->differs = true;
	comparison->at++;
	return comparison->differs ? MHD_NO : MHD_YES;
}

/* The gate's view of the headers and libmicrohttpd's must be one and the same. */
static bool views_agree(struct MHD_Connection *mhd, const struct gate_head *head)
{
	struct comparison comparison = { .head = head };

	MHD_get_connection_values(mhd, MHD_HEADER_KIND, compare_header, &comparison);
	return !comparison.differs && comparison.at == head->headers_len;
}

enum error_code head_check(struct MHD_Connection *mhd, const char *method, size_t target_len, struct gate_head *ret,
			   struct error *err)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	struct gate_input input = { .head = method, .head_len = info ? info->header_size : 0, .target_len = target_len };

	if (gate_check(&input, ret, err) != ERR_OK)
		return err->code;
	if (!views_agree(mhd, ret))
		return error_set(err, ERR_INVALID, "malformed request: the headers can be read in two ways");
	return ERR_OK;
}
