/*
 * What the handler of a connection hears, and in which order: that there may be early data, that
 * the connection is open, what it may send again, the datagrams, the news of the streams, then
 * their end and its own.
 *
 * Only iq_endpoint_turn() gets here.  A handler may call whatever it likes: what it wants is noted,
 * and nothing that it can hold a pointer to is freed before it was told so.
 */
#include "conn_state.h"

/* After its own close the application hears of nothing but the end. */
static bool wants_news(const struct iq_conn *conn)
{
    return conn->handler != NULL &&
           (conn->state < IQ_CONN_CLOSING || conn->why.how != IQ_CLOSED_BY_US);
}

/* Asks, once, whether the peer may speak the protocol.  If not, its handler forgets the connection.
 */
static bool is_welcome(struct iq_conn *conn)
{
    if (conn->dials || conn->is_known || conn->handler->on_accepting == NULL) {
        return true;
    }
    if (conn->handler->on_accepting(conn) && wants_news(conn)) {
        return true;
    }
    iq_conn_close(conn, 0, NULL); /* unless it is closed */
    conn->handler = NULL;
    return false;
}

/* Without this callback there is no early data. */
static void tell_early(struct iq_conn *conn)
{
    conn->news_early = false;
    conn->is_known = true;
    if (conn->dials) {
        conn->handler->on_connect_early(conn);
    } else {
        conn->handler->on_accept_early(conn);
    }
}

static void tell_open(struct iq_conn *conn)
{
    void (*tell)(struct iq_conn *) =
        conn->dials ? conn->handler->on_connect : conn->handler->on_accept;

    conn->news_open = false;
    conn->is_known = true;
    conn->opened_told = true;
    if (conn->dials) {
        conn->env->stats.conns_dialled++;
    } else {
        conn->env->stats.conns_accepted++;
    }
    if (tell != NULL) {
        tell(conn);
    }
}

static void tell_streams_allowed(struct iq_conn *conn)
{
    conn->news_streams_allowed = conn->short_of_streams = false;
    if (conn->handler->on_streams_allowed != NULL) {
        conn->handler->on_streams_allowed(conn);
    }
}

static void tell_datagrams_allowed(struct iq_conn *conn)
{
    conn->datagrams.news_allowed = false;
    if (conn->handler->on_datagrams_allowed != NULL) {
        conn->handler->on_datagrams_allowed(conn);
    }
}

/* They are few enough for one turn: no more arrive while they are told. */
static void tell_datagrams(struct iq_conn *conn)
{
    struct iq_datagram_queue *received = &conn->datagrams.received;

    while (wants_news(conn) && !iq_datagram_queue_is_empty(received)) {
        if (conn->handler->on_datagram != NULL) {
            conn->handler->on_datagram(conn, iq_datagram_queue_first(received));
        }
        iq_datagram_queue_drop_first(received);
    }
}

static void tell_stopped(struct iq_conn *conn, struct iq_stream *stream)
{
    stream->news_stopped = false;
    if (conn->handler->on_stream_stopped != NULL) {
        conn->handler->on_stream_stopped(stream, stream->stopped_code);
    }
}

static void tell_reset(struct iq_conn *conn, struct iq_stream *stream)
{
    stream->news_reset = false;
    if (conn->handler->on_stream_reset != NULL) {
        conn->handler->on_stream_reset(stream, stream->reset_code);
    } else {
        iq_stream_reset(stream, stream->reset_code);
    }
}

/* A handler that has seen the peer's end, and has finished, is done with the stream. */
static void tell_ready(struct iq_conn *conn, struct iq_stream *stream)
{
    const bool at_end = iq_stream_at_end(stream);

    stream->news_ready = false;
    if (stream->end_told && stream->finished) {
        return;
    }
    if (conn->handler->on_stream_ready != NULL) {
        conn->handler->on_stream_ready(stream);
    } else if (!stream->ours) {
        iq_stream_drop(stream);
    }
    stream->end_told = at_end || iq_stream_at_end(stream);
}

static void tell_delivered(struct iq_conn *conn, struct iq_stream *stream)
{
    stream->news_delivered = false;
    if (conn->handler->on_stream_delivered != NULL) {
        conn->handler->on_stream_delivered(stream);
    }
}

static void tell_stream_closed(const struct iq_conn *conn, struct iq_stream *stream)
{
    if (stream->shown && conn->handler != NULL && conn->handler->on_stream_closed != NULL) {
        conn->handler->on_stream_closed(stream);
    }
}

/* Each of the calls may be the one in which the handler drops it, or closes the connection. */
static bool wants_stream_news(const struct iq_conn *conn, const struct iq_stream *stream)
{
    return wants_news(conn) && !stream->dropped;
}

/* The peer has opened it and thought better of it, or it wants to keep us busy with streams that
 * come to nothing.  Nobody hears of it; it is given up both ways. */
static void hush_up(struct iq_stream *stream)
{
    stream->dropped = true;
    iq_stream_reset(stream, stream->reset_code);
}

static void tell_stream(struct iq_conn *conn, struct iq_stream *stream)
{
    if (stream->news_reset && !stream->shown) {
        hush_up(stream);
    } else {
        stream->shown = true;
    }
    if (stream->news_stopped && wants_stream_news(conn, stream)) {
        tell_stopped(conn, stream);
    }
    if (stream->news_reset && wants_stream_news(conn, stream)) {
        tell_reset(conn, stream);
    }
    if (stream->news_ready && wants_stream_news(conn, stream)) {
        tell_ready(conn, stream);
    }
    if (stream->news_delivered && wants_stream_news(conn, stream)) {
        tell_delivered(conn, stream);
    }
    if (iq_stream_is_done(stream) && wants_news(conn)) {
        tell_stream_closed(conn, stream);
        iq_stream_free(stream);
    }
}

/* Those that become ready meanwhile are told in the next turn: a handler that always makes more
 * news holds nobody up. */
static void tell_streams(struct iq_conn *conn)
{
    struct iq_list batch;
    struct iq_list *node;

    iq_list_init(&batch);
    iq_list_move_all(&batch, &conn->streams.ready);
    while (wants_news(conn) && (node = iq_list_pop(&batch)) != NULL) {
        tell_stream(conn, IQ_CONTAINER_OF(node, struct iq_stream, in_ready));
    }
    iq_list_move_all(&conn->streams.ready, &batch);
    iq_list_remove(&batch);
}

/* The streams themselves live on with ngtcp2, which may send from their buffers once more. */
static void tell_closed(struct iq_conn *conn)
{
    struct iq_list *node;

    conn->closed_told = true;
    if (!conn->dials && !conn->is_known) {
        conn->handler = NULL; /* it has never heard of this connection */
    }
    for (node = conn->streams.all.next; node != &conn->streams.all; node = node->next) {
        tell_stream_closed(conn, IQ_CONTAINER_OF(node, struct iq_stream, in_all));
    }
    if (conn->handler != NULL && conn->handler->on_closed != NULL) {
        conn->handler->on_closed(conn, &conn->why);
    }
    conn->handler = NULL; /* the application knows this connection no more */
}

void iq_conn_deliver(struct iq_conn *conn)
{
    if (conn->streams.out_of_memory) {
        iq_conn_fail(conn, NGTCP2_ERR_NOMEM);
    }
    if (conn->news_early && wants_news(conn) && is_welcome(conn)) {
        tell_early(conn);
    }
    if (conn->news_early_refused && wants_news(conn)) {
        conn->news_early_refused = false;
        tell_streams(conn); /* that they are gone, all that there are */
    }
    if (conn->news_open && wants_news(conn) && is_welcome(conn)) {
        tell_open(conn);
    }
    if (conn->news_streams_allowed && wants_news(conn)) {
        tell_streams_allowed(conn);
    }
    if (conn->datagrams.news_allowed && wants_news(conn)) {
        tell_datagrams_allowed(conn);
    }
    tell_datagrams(conn);
    iq_streams_offer_room(&conn->streams);
    tell_streams(conn);
    if (conn->state >= IQ_CONN_CLOSING && !conn->closed_told) {
        tell_closed(conn);
    }
}
