/*
 * A connection: a peer that has proven its id, unless the route asks for none; a protocol; and any
 * number of streams.
 *
 * It begins with the handler's on_accept or on_connect, or with on_accept_early or on_connect_early
 * if there can be early data (protocol.h), and ends with on_closed, unless the handler's
 * on_accepting refuses it.  Streams that nobody writes on do not exist for the peer: two sides that
 * both wait to read first wait for ever.
 *
 * Beside its streams it carries datagrams: messages of one packet at most, each whole or not at
 * all, without order and without repetition.  Nobody tells the sender which have arrived.
 */
#ifndef IQ_CONN_H
#define IQ_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/addr.h"
#include "iq/error.h"
#include "iq/key.h"

#pragma GCC visibility push(default)

struct iq_conn;
struct iq_endpoint;
struct iq_stream;

enum iq_close_how {
    IQ_CLOSED_BY_US,            /* iq_conn_close() or iq_endpoint_close() */
    IQ_CLOSED_BY_PEER,          /* its application closed, with its code */
    IQ_CLOSED_ABORTED_BY_PEER,  /* its QUIC or TLS closed, with a transport code */
    IQ_CLOSED_TRANSPORT_ERROR,  /* our QUIC or TLS closed, with a transport code */
    IQ_CLOSED_TIMED_OUT,        /* no answer to the dial, or silence for the idle time-out */
    IQ_CLOSED_RESET,            /* the peer has forgotten us.  RFC 9000, section 10.3 */
    IQ_CLOSED_VERSION_MISMATCH, /* the peer speaks no QUIC version 1 */
};

#define IQ_REASON_MAX 1024 /* a longer reason is cut */

/* Transport codes that a program may want to know.  RFC 9000, section 20.1. */
#define IQ_CODE_CONNECTION_REFUSED 0x02
#define IQ_CODE_APPLICATION_ERROR  0x0c  /* closed by the application, but during the handshake */
#define IQ_CODE_TLS_ALERT          0x100 /* plus an alert of RFC 8446, section 6: */
#define IQ_CODE_WRONG_ID           0x130 /* the peer's key is not the one that was dialled */
#define IQ_CODE_BAD_SIGNATURE      0x133 /* the peer does not hold the key that it shows */
#define IQ_CODE_NO_KEY             0x174 /* the peer shows no key */
#define IQ_CODE_NO_ALPN            0x178 /* no protocol in common */

/* Why a connection ended.  RFC 9000, section 10. */
struct iq_close_reason {
    enum iq_close_how how;
    uint64_t code; /* the application's when closed by us or by the peer, else a transport code */
    const char *text; /* may hold anything that the peer likes; `text_len` bytes and a NUL */
    size_t text_len;
};

/* One line for people, with the peer's text made safe to print: "closed by peer (code 0): bye!".
 * Cut to fit `size`, which includes the NUL.  Returns `str`. */
const char *iq_close_reason_str(const struct iq_close_reason *why, char *str, size_t size);

#define IQ_CLOSE_REASON_STR_SIZE 512 /* enough for all but the longest texts */

/* The peer's id: a valid key that the peer has proven to hold, on the connect side the one that was
 * dialled.  NULL where nobody has proven anything: on the accept side of an anonymous route, and in
 * the on_closed of a dial that failed, unless there was an on_connect_early.  Valid as long as the
 * connection. */
const struct iq_id *iq_conn_remote_id(const struct iq_conn *conn);

/* Where the peer is now: it may move (RFC 9000, section 9).  Valid until the next callback. */
const struct iq_socket_addr *iq_conn_remote_addr(const struct iq_conn *conn);

/* Our own address on the way there.  Valid until the next callback. */
const struct iq_socket_addr *iq_conn_local_addr(const struct iq_conn *conn);

/* Whether we dialled the peer; else it dialled us. */
bool iq_conn_is_dialled(const struct iq_conn *conn);

/* The protocol that both sides speak: not empty, valid as long as the connection.  Of a dial that
 * offers several the first of them, until on_connect. */
const char *iq_conn_alpn(const struct iq_conn *conn);

/* Whether the handshake has resumed the session of an earlier connection (sessions_max). */
bool iq_conn_is_resumed(const struct iq_conn *conn);

/*
 * From on_connect or on_accept on: whether early data was allowed by both sides.  If on the connect
 * side it was not, nothing of it has arrived, and the streams of on_connect_early are gone: each
 * has had its on_stream_closed, and before on_connect.  New streams have the same ids again, from
 * the first of these calls on.  So a protocol with early data begins like this:
 *
 *     static void connected(struct iq_conn *conn)
 *     {
 *         if (!iq_conn_early_data_accepted(conn)) {
 *             ask(conn);
 *         }
 *     }
 *
 *     static const struct iq_protocol_handler asker = {
 *         .on_connect_early = ask, .on_connect = connected, ...
 *     };
 */
bool iq_conn_early_data_accepted(const struct iq_conn *conn);

struct iq_endpoint *iq_conn_endpoint(const struct iq_conn *conn);

/* The application's own pointer.  Starts as the route's or the dial's. */
void *iq_conn_data(const struct iq_conn *conn);
void iq_conn_set_data(struct iq_conn *conn, void *data);

/* Opens a stream in both directions, or one that only we write on.  The peer sees it with the first
 * byte, or the end.  IQ_ERR_STREAM_LIMIT: as many are open as the peer allows; wait for
 * on_streams_allowed.  IQ_ERR_AGAIN in on_accepting; IQ_ERR_CLOSED, IQ_ERR_NOMEM. */
IQ_MUST_CHECK int iq_conn_open_bi(struct iq_stream **stream, struct iq_conn *conn);
IQ_MUST_CHECK int iq_conn_open_uni(struct iq_stream **stream, struct iq_conn *conn);

/*
 * Sends a datagram of `len` bytes, perhaps none (RFC 9221); the peer hears on_datagram, unless it
 * gets lost.  It waits for congestion control and for room in packets, which datagrams and streams
 * fill by turns.  Up to 1048576 bytes wait, where each counts 32 more than it has: beyond that the
 * oldest are dropped.  Dropped is also what no longer fits when the path has become narrower.
 *
 * IQ_ERR_AGAIN before on_connect or on_accept: datagrams are never early data.  IQ_ERR_TOO_LONG for
 * more than iq_conn_max_datagram_len(), IQ_ERR_UNSUPPORTED if the peer takes no datagrams,
 * IQ_ERR_CLOSED, IQ_ERR_NOMEM.
 */
IQ_MUST_CHECK int iq_conn_send_datagram(struct iq_conn *conn, const void *data, size_t len);

/* The same for those who would rather wait: drops no other one.  IQ_ERR_AGAIN also if there is no
 * room, and then on_datagrams_allowed follows when half of it is free. */
IQ_MUST_CHECK int iq_conn_offer_datagram(struct iq_conn *conn, const void *data, size_t len);

/* The longest datagram that fits now: with iroh's peers 1162 bytes at first, and up to 1414 when
 * the path has been found to carry more.  It shrinks when the peer moves to another path.  0 if the
 * peer takes none, and while none can be sent: before on_connect or on_accept, and after the close.
 */
size_t iq_conn_max_datagram_len(const struct iq_conn *conn);

/*
 * Fills `out` with `len` bytes that the other end gets too for the same label and context, and
 * nobody else for anything: keys of a protocol's own, or a proof that both ends are those of this
 * one connection.  `label` is the protocol's, up to 249 characters; `context` may be empty, which
 * NULL is as well.  RFC 8446, section 7.5.
 * IQ_ERR_AGAIN before on_connect or on_accept; IQ_ERR_CLOSED; IQ_ERR_CRYPTO, also for a `len` above
 * 8160.
 */
IQ_MUST_CHECK int iq_conn_export_keying_material(const struct iq_conn *conn, void *out, size_t len,
                                                 const char *label, const void *context,
                                                 size_t context_len);

/*
 * Changes the keys of the packets, both sides', from the next packet on.  Keys also change when the
 * peer wants it, and in time before they are worn out, so that few need this.  RFC 9001, section 6.
 * IQ_ERR_AGAIN: the handshake is not confirmed, the last change is not, or it was less than three
 * probe time-outs ago; no callback tells when to try again.  IQ_ERR_CLOSED.
 */
IQ_MUST_CHECK int iq_conn_update_keys(struct iq_conn *conn);

/*
 * Closes the connection, and tells the peer `code` (below IQ_CODE_END) and `reason` (NULL: none; at
 * most IQ_REASON_MAX bytes are sent).  Bytes that the peer has not acknowledged are lost: read its
 * answer before you close.  on_closed follows.  Only the first close counts.
 */
void iq_conn_close(struct iq_conn *conn, uint64_t code, const char *reason);

#pragma GCC visibility pop

#endif
