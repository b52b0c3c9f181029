/*
 * An endpoint: an identity and UDP sockets, for any number of connections in both directions.
 *
 *     struct iq_endpoint *endpoint;
 *
 *     if (iq_endpoint_bind(&endpoint, ev_default_loop(0), NULL) != 0) {
 *         return 1;
 *     }
 *
 * It keeps its loop running until it is closed: ev_run() returns when the last endpoint is gone.
 */
#ifndef IQ_ENDPOINT_H
#define IQ_ENDPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/addr.h"
#include "iq/config.h"
#include "iq/error.h"
#include "iq/key.h"
#include "iq/protocol.h"

#pragma GCC visibility push(default)

struct ev_loop;
struct iq_endpoint;
struct iq_incoming;

/*
 * Makes an endpoint on `loop`.  `config` may be NULL.  IQ_ERR_INVALID_ADDR for a `bind` that is no
 * address, IQ_ERR_ADDR_IN_USE, IQ_ERR_ADDR_NOT_OURS, IQ_ERR_PERMISSION, IQ_ERR_SYSTEM,
 * IQ_ERR_INVALID_CERT for a `certificate` that cannot be read, or without its key,
 * IQ_ERR_INVALID_CONFIG for a number out of its range (config.h), IQ_ERR_CRYPTO, IQ_ERR_NOMEM.
 */
IQ_MUST_CHECK int iq_endpoint_bind(struct iq_endpoint **endpoint, struct ev_loop *loop,
                                   const struct iq_endpoint_config *config);

const struct iq_id *iq_endpoint_id(const struct iq_endpoint *endpoint);

/* How to dial this endpoint: its id and where it can be reached now.  A socket that is bound to all
 * addresses is reached at those of the interfaces, and at loopback only if there is nothing else.
 * Valid until the next call, or until the endpoint has closed. */
const struct iq_addr *iq_endpoint_addr(struct iq_endpoint *endpoint);

/* Who decides about incoming connections. */
struct iq_acceptor {
    void (*on_incoming)(struct iq_incoming *incoming, void *data);
    void (*on_closed)(void *data); /* the endpoint is gone; optional */
};

/* From now on `acceptor`, which must outlive the endpoint, decides about every incoming connection
 * (incoming.h).  NULL: all are refused, which is how an endpoint starts.  A router calls this, and
 * stays: an acceptor that waits for on_closed cannot be replaced. */
void iq_endpoint_listen(struct iq_endpoint *endpoint, const struct iq_acceptor *acceptor,
                        void *data);

/* Who decides now; NULL: nobody. */
const struct iq_acceptor *iq_endpoint_acceptor(const struct iq_endpoint *endpoint);

/*
 * Starts to connect to `addr` with `alpn` (both copied).  `data` is the connection's first
 * iq_conn_data().  The handler hears on_connect, or on_closed if that fails.
 *
 * Of several addresses those that have a route from here are tried in their order, each 250 ms
 * after the one before or as soon as that has failed, until the first is proven.  RFC 8305, in
 * spirit.  A dial with early data (on_connect_early in protocol.h) tries one address only: that at
 * which the peer was last.
 *
 * IQ_ERR_CLOSED; IQ_ERR_SELF for our own id; IQ_ERR_INVALID_ALPN; IQ_ERR_INVALID_KEY for an id that
 * nobody can hold; IQ_ERR_NO_ADDR; IQ_ERR_UNREACHABLE if no address has a route from our sockets;
 * IQ_ERR_NOMEM, IQ_ERR_CRYPTO.
 */
IQ_MUST_CHECK int iq_endpoint_connect(struct iq_endpoint *endpoint, const struct iq_addr *addr,
                                      const char *alpn, const struct iq_protocol_handler *handler,
                                      void *data);

struct iq_connect_options {
    uint32_t timeout_ms; /* 0: the endpoint's connect_timeout_ms.  At most the idle time-out. */

    /* Protocols that may be spoken instead, offered behind the dial's own; ends with NULL.  The
     * peer chooses, most often by an order of its own (RFC 7301, section 3.2), and iq_conn_alpn()
     * tells what.  NULL: none. */
    const char *const *more_alpns;
};

/* The same with options, which are copied; NULL means none.  IQ_ERR_INVALID_ALPN also for an empty
 * or too long one of `more_alpns`, and for more than IQ_ALPNS_MAX protocols in all. */
IQ_MUST_CHECK int iq_endpoint_connect_with(struct iq_endpoint *endpoint, const struct iq_addr *addr,
                                           const char *alpn,
                                           const struct iq_protocol_handler *handler, void *data,
                                           const struct iq_connect_options *options);

/*
 * For programs that know that the network has changed: another Wi-Fi, a cable pulled out.  Every
 * connection that this endpoint has dialled, and that would now leave from another address, moves
 * there as soon as a round trip over the new path succeeds (RFC 9000, section 9); its streams
 * notice nothing but the pause.  While there is no way to the peer, or the peer forbids it, or the
 * handshake is not confirmed, the connection stays as it is; it ends by its idle time-out unless
 * the network comes back.
 *
 * On Linux an endpoint that is bound to all addresses notices by itself (netlink), unless the
 * system forbids that: it is then as elsewhere, where programs have to call this.  An endpoint that
 * is bound to certain addresses moves only from one of them to another.  The side that was dialled
 * cannot move: it follows its peer, and iq_conn_remote_addr() with it.
 */
void iq_endpoint_network_changed(struct iq_endpoint *endpoint);

/*
 * Closes the endpoint: every handler hears on_shutdown for each of its connections, those that are
 * still open then are closed with code 0, new ones are refused.  Once every peer has answered that,
 * or had its time to (three probe time-outs, RFC 9000, section 10.2), the endpoint is freed and
 * closed(arg) called, unless it is NULL.  Unsent stream data is lost: read the answers first.
 * IQ_ERR_CLOSED if it is closing already; the first call's callback tells when it is done.
 */
int iq_endpoint_close(struct iq_endpoint *endpoint, void (*closed)(void *arg), void *arg);

#pragma GCC visibility pop

#endif
