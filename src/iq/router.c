/*
 * A router: an acceptor that takes what its filter leaves, and its table of routes.
 *
 * TLS picks the route (tls.c): the first of ours that the peer offers.  Everything else is the
 * endpoint's and the handlers'.
 */
#include "iq/router.h"

#include <assert.h>
#include <stdlib.h>

#include "iq/endpoint.h"
#include "iq/incoming.h"
#include "routes.h"

struct iq_router {
    struct iq_endpoint *endpoint;
    struct iq_route *routes; /* our copy; every handshake has its own */
    void (*filter)(struct iq_incoming *incoming, void *data);
    void *filter_data;
    void (*closed)(void *arg);
    void *closed_arg;
    bool shutting_down;
};

static void on_incoming(struct iq_incoming *incoming, void *data)
{
    const struct iq_router *router = data;

    if (router->filter != NULL) {
        router->filter(incoming, router->filter_data);
    }
    if (iq_incoming_accept(incoming, router->routes) != 0) {
        iq_incoming_ignore(incoming); /* the filter has decided; or no memory: it will come again */
    }
}

static void on_closed(void *data)
{
    struct iq_router *router = data;
    void (*closed)(void *arg) = router->closed;
    void *arg = router->closed_arg;

    free(router->routes);
    free(router);
    if (closed != NULL) {
        closed(arg);
    }
}

int iq_router_spawn(struct iq_router **router, struct iq_endpoint *endpoint,
                    const struct iq_route *routes)
{
    static const struct iq_acceptor acceptor = {.on_incoming = on_incoming, .on_closed = on_closed};
    struct iq_router *self;
    int rc;

    if (iq_endpoint_acceptor(endpoint) != NULL) {
        return IQ_ERR_TAKEN;
    }
    self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    rc = iq_routes_copy(&self->routes, routes, NULL);
    if (rc != 0) {
        free(self);
        return rc;
    }
    self->endpoint = endpoint;
    iq_endpoint_listen(endpoint, &acceptor, self);
    *router = self;
    return 0;
}

static void replace(struct iq_route *known, const struct iq_route *route)
{
    const char *alpn = known->alpn; /* ours, not the caller's */

    *known = *route;
    known->alpn = alpn;
}

int iq_router_add(struct iq_router *router, const struct iq_route *route)
{
    const struct iq_route added[] = {*route, {0}};
    struct iq_route *routes, *known;
    int rc;

    assert(route->alpn != NULL);
    known = iq_routes_find(router->routes, route->alpn);
    if (known != NULL) {
        replace(known, route);
        return 0;
    }
    rc = iq_routes_copy(&routes, router->routes, added);
    if (rc != 0) {
        return rc;
    }
    free(router->routes);
    router->routes = routes;
    return 0;
}

int iq_router_remove(struct iq_router *router, const char *alpn)
{
    return iq_routes_remove(router->routes, alpn) ? 0 : IQ_ERR_UNKNOWN_ALPN;
}

void iq_router_set_filter(struct iq_router *router,
                          void (*filter)(struct iq_incoming *incoming, void *data), void *data)
{
    router->filter = filter;
    router->filter_data = data;
}

struct iq_endpoint *iq_router_endpoint(const struct iq_router *router) { return router->endpoint; }

int iq_router_shutdown(struct iq_router *router, void (*closed)(void *arg), void *arg)
{
    if (router->shutting_down) {
        return IQ_ERR_CLOSED;
    }
    router->shutting_down = true;
    router->closed = closed;
    router->closed_arg = arg;
    (void)iq_endpoint_close(router->endpoint, NULL, NULL); /* perhaps it is closing already */
    return 0;
}
