#include "http/rights.h"

#include <stdio.h>
#include <string.h>

#include "http/internal.h"
#include "vault/limits.h"

static bool is_below_a_mount(const struct route *route)
{
	return strncmp(route->pattern, "/v1/{", 5) == 0 && strncmp(route->pattern + 4, ROUTE_RESOLVED, strlen(ROUTE_RESOLVED)) != 0;
}

static enum error_code authorize_any(const struct request *request, const char *path, struct error *err)
{
	unsigned left = request->route->capability;
	enum error_code code = ERR_DENIED;

	for (; left != 0 && code == ERR_DENIED; left &= left - 1) {
		error_clear(err);
		code = vault_authorize(request->server->vault, &request->caller, left & -left, path, err);
	}
	return code;
}

static enum error_code authorize(const struct request *request, struct error *err)
{
	const char *path = request->path.path + strlen("/v1/");
	char data_path[LIMIT_TARGET_LEN + LIMIT_MOUNT_PATH_LEN];

	if ((request->route->flags & ROUTE_AUTHORIZE) != 0)
		return vault_authorize(request->server->vault, &request->caller, request->route->capability, path, err);
	if (!is_below_a_mount(request->route) || authorize_any(request, path, err) != ERR_DENIED)
		return err->code;
	snprintf(data_path, sizeof(data_path), "%sdata/%s", request->mount.path, request->rest);
	return authorize_any(request, data_path, err);
}

bool rights_of_route(struct request *request)
{
	struct error err = ERROR_INIT;

	if (authorize(request, &err) == ERR_OK)
		return true;
	reply_error(request, &err, false);
	return false;
}

bool rights_again(struct request *request)
{
	struct error err = ERROR_INIT;

	if (vault_authenticate_again(request->server->vault, request->head.token, request->head.token_len,
				     &request->connection->peer, &request->caller, &err) == ERR_OK)
		return rights_of_route(request);
	reply_error(request, &err, false);
	return false;
}
