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
struct iq_incoming;
struct iq_router;

/*
 * Takes the endpoint over, unless it fails, and accepts connections.  `routes` ends with a zero
 * entry and is copied with its strings; what outlives what says iq_router_remove().  An ALPN
 * matches exactly, byte for byte; of several that a peer offers, the first of `routes` is spoken.
 * IQ_ERR_TAKEN for an endpoint that has a router or another acceptor already, IQ_ERR_NOMEM,
 * IQ_ERR_INVALID_ALPN.
 */
IQ_MUST_CHECK int iq_router_spawn(struct iq_router **router, struct iq_endpoint *endpoint,
                                  const struct iq_route *routes);

/*
 * Adds a route (copied, as above) behind the others; one with the same ALPN is replaced where it
 * is, as iroh does it.  Handshakes that have begun keep the routes of their beginning: this, and
 * iq_router_remove(), concern those that are accepted afterwards.  Both may be called in callbacks.
 * IQ_ERR_NOMEM, IQ_ERR_INVALID_ALPN.
 */
IQ_MUST_CHECK int iq_router_add(struct iq_router *router, const struct iq_route *route);

/*
 * Peers that dial with `alpn` from now on see no_application_protocol; the connections that speak
 * it live on.  So the route's handler and data must outlive them, until on_closed, and the
 * handshakes that have begun, of which nobody tells: each ends within accept_timeout_ms
 * (config.h).  The same holds for a route that is replaced.  IQ_ERR_UNKNOWN_ALPN.
 */
int iq_router_remove(struct iq_router *router, const char *alpn);

/*
 * From now on `filter` sees every incoming connection first (incoming.h), and may refuse or ignore
 * it, or have the peer prove its address; what it leaves undecided the router accepts.  A retry
 * that fails leaves it undecided too: iroh's router then refuses.
 *
 *     if (!iq_incoming_is_validated(incoming) && iq_incoming_retry(incoming) != 0) {
 *         iq_incoming_refuse(incoming);
 *     }
 *
 * It knows an address and no id: for that there is on_accepting (protocol.h).  NULL removes it.
 */
void iq_router_set_filter(struct iq_router *router,
                          void (*filter)(struct iq_incoming *incoming, void *data), void *data);

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
