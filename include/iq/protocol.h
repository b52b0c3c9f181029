/*
 * A protocol: what happens on the connections that speak it.
 *
 * A handler is a constant table, filled by name.  Every member is optional: what is left out does
 * what the comment says.
 *
 *     const struct iq_protocol_handler echo_handler = {
 *         .on_accept = echo_accept,
 *         .on_stream_ready = echo_stream,
 *     };
 *
 * A protocol is named by its ALPN (RFC 7301): the handshake fails unless both sides pass the same.
 * By custom it holds a name and a version: "iroh-example/echo/0".
 */
#ifndef IQ_PROTOCOL_H
#define IQ_PROTOCOL_H

#include <stdbool.h>
#include <stdint.h>

#include "iq/bytes.h"

#define IQ_ALPN_MAX  255 /* bytes, and at least one.  RFC 7301, section 3.1 */
#define IQ_ALPNS_MAX 16  /* protocols that one dial offers */

struct iq_close_reason;
struct iq_conn;
struct iq_stream;

/*
 * Early data (RFC 8446, section 2.3) saves a round trip: a peer that has been here before sends its
 * first bytes together with its first packet.  The price is replay: whoever records such a flight
 * can send it again, and the copy looks as good as the original.  An endpoint accepts a session
 * once, so nothing is heard twice there by itself.  But a copy that arrives first is heard, and the
 * peer, whose own flight is refused then, says everything again.  So early data may only ask for
 * what does no harm when it is done twice: a question, but no payment.  Whether that is so only the
 * protocol knows, which takes part with on_connect_early and on_accept_early.  RFC 8446, section 8;
 * RFC 9001, section 9.2.
 */
struct iq_protocol_handler {
    /*
     * The peer connected to us, and has proven its iq_conn_remote_id(), unless the route is
     * anonymous: may it speak this protocol?  Comes once, before on_accept_early if that comes (the
     * proof is then that of the earlier connection), else before on_accept.
     * False: the connection is closed with code 0, unless iq_conn_close() was called with another,
     * and nothing more is heard of it, not even on_closed; the pointer is valid until this returns.
     * To close it and return true comes to the same.  Streams cannot be opened yet.  The peer may
     * have heard its on_connect and have sent something, which is lost.  Left out: every peer may.
     */
    bool (*on_accepting)(struct iq_conn *conn);

    /* The handshake is complete, and the peer holds the key of iq_conn_remote_id(), unless the
     * route is anonymous. */
    void (*on_accept)(struct iq_conn *conn); /* the peer connected to us */

    /* We connected to the peer, and it holds the key that we dialled.  It comes half a round trip
     * before the peer has seen our own key, and the peer may still refuse it: on_closed tells. */
    void (*on_connect)(struct iq_conn *conn);

    /*
     * We are about to connect to a peer that lets us send early data: what is opened and written
     * from now until on_connect can be replayed.  iq_conn_remote_id() is the id that is dialled,
     * which the peer has proven in the earlier connection.  Whether it has taken the early data is
     * known in on_connect, from iq_conn_early_data_accepted().
     * It comes when there is a session for the dial's own protocol that allows early data, made at
     * one of the addresses that are dialled.  Left out: early data is never sent.
     */
    void (*on_connect_early)(struct iq_conn *conn);

    /*
     * The peer resumes an earlier connection, and may send early data: what its streams bring
     * before on_accept can be a replay, and what is written before then goes to somebody who may
     * have no part in it.  iq_conn_remote_id() is the id that was proven in the earlier connection.
     * on_accept follows when the handshake is complete, unless on_closed comes first.
     * Left out: early data of this protocol is refused, and the peer sends it again later.
     */
    void (*on_accept_early)(struct iq_conn *conn);

    /*
     * The stream can make progress: bytes or their end have arrived, or there is room to write
     * again after iq_stream_write() took less than it was given.  Do what can be done now; the next
     * change calls again.  A stream that the peer opens makes its first appearance here, or, if the
     * peer wants no answer, in on_stream_stopped; one that it has reset before that, never.  Left
     * out: such streams are dropped, see iq_stream_drop().
     */
    void (*on_stream_ready)(struct iq_stream *stream);

    /* The peer gave up sending, with its code; what was not read yet is lost.  Left out: our side
     * is reset with the same code.  RFC 9000, section 19.4. */
    void (*on_stream_reset)(struct iq_stream *stream, uint64_t code);

    /* The peer wants to hear no more on this stream.  What is written from now on is swallowed, so
     * that a handler which ignores this still comes to its end.  With an ngtcp2 before 1.24 the
     * code is 0.  RFC 9000, section 19.5. */
    void (*on_stream_stopped)(struct iq_stream *stream, uint64_t code);

    /* The peer's QUIC has acknowledged all that was written on this stream, and its end; its
     * application may not have read it yet.  Comes once, and not after a reset or a stop. */
    void (*on_stream_delivered)(struct iq_stream *stream);

    /* The peer allows more streams, after iq_conn_open_bi() or _uni() failed for want of them. */
    void (*on_streams_allowed)(struct iq_conn *conn);

    /* A datagram, valid until the callback returns.  They come in the order in which they arrived,
     * and some never: networks lose and reorder them, and when more than 1250000 bytes wait for the
     * turn, the oldest are dropped.  Left out: all are.  RFC 9221. */
    void (*on_datagram)(struct iq_conn *conn, struct iq_bytes datagram);

    /* There is room for more datagrams, after iq_conn_offer_datagram() failed for want of it. */
    void (*on_datagrams_allowed)(struct iq_conn *conn);

    /* The last call about this stream.  Both sides have ended and everything was read, or the
     * connection is gone. */
    void (*on_stream_closed)(struct iq_stream *stream);

    /* The last call about this connection, after on_stream_closed for each of its streams. */
    void (*on_closed)(struct iq_conn *conn, const struct iq_close_reason *why);

    /* The endpoint is closing: the last chance to close this connection with a code of its own.
     * Left out, or not done: it is closed with code 0. */
    void (*on_shutdown)(struct iq_conn *conn);
};

/* A protocol that is accepted. */
struct iq_route {
    const char *alpn;
    const struct iq_protocol_handler *handler;
    void *data; /* the first iq_conn_data() of its connections, shared by them */

    /*
     * Whether clients need no key: it is for protocols such as HTTP/3 whose clients have none. None
     * is asked for, and iq_conn_remote_id() is NULL.  A client that offers raw public keys (RFC
     * 7250) sees ours, every other one an X.509 certificate (config.h).
     */
    bool anonymous;
};

#endif
