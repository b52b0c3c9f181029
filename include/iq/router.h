/*
 * A router hands the incoming connections of an endpoint to the protocols that they speak.
 *
 *     static const struct iq_route routes[] = {
 *         {.alpn = "iroh-example/echo/0", .handler = &echo_handler},
 *         {0},
 *     };
 *
 *     iq_router_spawn(&router, endpoint, routes);
 *
 * It uses nothing but the public API of endpoints, so that you can write another one.
 */
#ifndef IQ_ROUTER_H
#define IQ_ROUTER_H

#include "iq/error.h"
#include "iq/protocol.h"

#pragma GCC visibility push(default)

struct iq_endpoint;
struct iq_router;

/*
 * Takes the endpoint over, unless it fails, and accepts connections.  `routes` ends with a zero
 * entry and is copied with its strings; handlers and data are not.  An ALPN matches exactly, byte
 * for byte; of several that a peer offers, the first of `routes` is spoken.  IQ_ERR_NOMEM,
 * IQ_ERR_INVALID_ALPN.
 */
IQ_MUST_CHECK int iq_router_spawn(struct iq_router **router, struct iq_endpoint *endpoint,
                                  const struct iq_route *routes);

struct iq_endpoint *iq_router_endpoint(const struct iq_router *router);

/*
 * Closes the endpoint (iq_endpoint_close): every handler hears on_shutdown for its connections,
 * then they are closed.  Frees the endpoint and the router, and then calls closed(arg) unless it is
 * NULL. A router whose endpoint is closed by somebody else is freed with it.  IQ_ERR_CLOSED if it
 * is shutting down already; the first call's callback tells when it is done.
 */
int iq_router_shutdown(struct iq_router *router, void (*closed)(void *arg), void *arg);

#pragma GCC visibility pop

#endif
