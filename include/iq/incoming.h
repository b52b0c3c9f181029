/*
 * An incoming connection: somebody's first datagram, before anything is allocated for it.
 *
 * The endpoint shows it to the acceptor (iq_endpoint_listen), which decides at once: accept,
 * refuse, retry or ignore.  One that is left undecided is refused.  What the endpoint's limits turn
 * away (limits.h) is not shown; where they ask for a Retry, it is shown when it comes back.
 *
 *     static const struct iq_route routes[] = {{.alpn = "my/protocol/0", .handler = &mine}, {0}};
 *
 *     static void on_incoming(struct iq_incoming *incoming, void *data)
 *     {
 *         if (iq_incoming_accept(incoming, routes) != 0) {
 *             iq_incoming_ignore(incoming);
 *         }
 *     }
 *
 * The pointer is valid until the callback returns.
 */
#ifndef IQ_INCOMING_H
#define IQ_INCOMING_H

#include <stdbool.h>

#include "iq/addr.h"
#include "iq/error.h"
#include "iq/protocol.h"

#pragma GCC visibility push(default)

struct iq_incoming;

/*
 * Goes on with the handshake.  `routes` ends with a zero entry and is copied with its strings;
 * handlers and data are not, and must outlive the handshake and the connection.  Of the protocols
 * that the peer offers, the first of `routes` is spoken.  If there is none, the peer sees
 * no_application_protocol (RFC 9001, section 8.1).
 * IQ_ERR_INVALID_ALPN, IQ_ERR_NOMEM, IQ_ERR_CRYPTO, IQ_ERR_CLOSED if it is decided already.
 */
IQ_MUST_CHECK int iq_incoming_accept(struct iq_incoming *incoming, const struct iq_route *routes);

/* The peer sees CONNECTION_REFUSED.  RFC 9000, section 20.1. */
void iq_incoming_refuse(struct iq_incoming *incoming);

/* Makes the peer prove its address first: it comes back with a token, validated.  RFC 9000, section
 * 8.1.2.  The token is good for ten seconds; who brings another one sees INVALID_TOKEN, and is not
 * shown.  IQ_ERR_VALIDATED if it has proven it, IQ_ERR_CLOSED if it is decided already. */
IQ_MUST_CHECK int iq_incoming_retry(struct iq_incoming *incoming);

/* No answer at all: the peer times out. */
void iq_incoming_ignore(struct iq_incoming *incoming);

const struct iq_socket_addr *iq_incoming_remote_addr(const struct iq_incoming *incoming);
const struct iq_socket_addr *iq_incoming_local_addr(const struct iq_incoming *incoming);

/* Whether the peer has proven that it receives at its address. */
bool iq_incoming_is_validated(const struct iq_incoming *incoming);

#pragma GCC visibility pop

#endif
