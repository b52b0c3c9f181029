/* Tables of routes. */
#include "routes.h"

#include <stdlib.h>
#include <string.h>

/* What a copy needs. */
struct extent {
    size_t count; /* entries without the zero one */
    size_t text_size;
};

static int measure(struct extent *extent, const struct iq_route *route)
{
    for (; route->alpn != NULL; route++) {
        const size_t len = strlen(route->alpn);

        if (len == 0 || len > IQ_ALPN_MAX) {
            return IQ_ERR_INVALID_ALPN;
        }
        extent->count++;
        extent->text_size += len + 1;
    }
    return 0;
}

/* Copies a table to `end`, its strings to `*text`; returns the end of both together. */
static struct iq_route *append(struct iq_route *end, char **text, const struct iq_route *route)
{
    for (; route->alpn != NULL; route++) {
        const size_t size = strlen(route->alpn) + 1;

        *end = *route;
        end->alpn = memcpy(*text, route->alpn, size);
        *text += size;
        end++;
    }
    return end;
}

int iq_routes_copy(struct iq_route **copy, const struct iq_route *routes,
                   const struct iq_route *more)
{
    static const struct iq_route none[] = {{0}};
    struct extent extent = {0};
    struct iq_route *self, *end;
    char *text;
    int rc;

    more = more == NULL ? none : more;
    rc = measure(&extent, routes);
    if (rc == 0) {
        rc = measure(&extent, more);
    }
    if (rc != 0) {
        return rc;
    }
    self = malloc((extent.count + 1) * sizeof(*self) + extent.text_size);
    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    text = (char *)(self + extent.count + 1);
    end = append(append(self, &text, routes), &text, more);
    *end = (struct iq_route){0};
    *copy = self;
    return 0;
}

struct iq_route *iq_routes_find(struct iq_route *routes, const char *alpn)
{
    for (; routes->alpn != NULL; routes++) {
        if (strcmp(routes->alpn, alpn) == 0) {
            return routes;
        }
    }
    return NULL;
}

bool iq_routes_remove(struct iq_route *routes, const char *alpn)
{
    struct iq_route *kept = routes;
    const struct iq_route *route;

    for (route = routes; route->alpn != NULL; route++) {
        if (strcmp(route->alpn, alpn) != 0) {
            *kept++ = *route;
        }
    }
    *kept = (struct iq_route){0};
    return kept != route;
}
