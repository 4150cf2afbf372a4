/* The route table as JSON, a line for each row and method, for the story that tries every one of them: {"pattern", "method",
 * "capability" (enum capability), "flags" (enum route_flags)}. */
#include <stdio.h>

#include "http/routes.h"

int main(void)
{
	static const enum http_method methods[] = { METHOD_GET,	  METHOD_POST,	 METHOD_PUT, METHOD_PATCH,
						    METHOD_DELETE, METHOD_LIST };
	const struct route *route;

	for (size_t i = 0; (route = route_at(i)) != NULL; i++)
		for (size_t k = 0; k < sizeof(methods) / sizeof(methods[0]); k++)
			if (route->methods & methods[k])
				printf("{\"pattern\": \"%s\", \"method\": \"%s\", \"capability\": %u, \"flags\": %u}\n", route->pattern,
				       http_method_name(methods[k]), route->capability, route->flags);
	return 0;
}
