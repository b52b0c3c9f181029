/* What the applications hear, compared with what the model knows. */
#include <string.h>

#include <ngtcp2/ngtcp2.h>

#include "play_state.h"

static struct play_conn_end *end_of_conn(const struct iq_conn *conn) { return iq_conn_data(conn); }

/* A stream that the peer has opened appears. */
static struct play_stream_end *meet(struct iq_stream *stream)
{
    const struct play_conn_end *conn = end_of_conn(iq_stream_conn(stream));
    struct play_stream *found = play_find_stream(conn->conn, iq_stream_id(stream));
    struct play_stream_end *end = &found->ends[conn->side];
    const struct play_stream_end *peer = &found->ends[!conn->side];

    PLAY_EXPECT(conn->conn->play, end->live == NULL && !end->closed);
    PLAY_EXPECT(conn->conn->play, peer->live != NULL || peer->closed);
    end->live = stream;
    iq_stream_set_data(stream, end);
    return end;
}

static struct play_stream_end *end_of(struct iq_stream *stream)
{
    struct play_stream_end *end = iq_stream_data(stream);

    return end == NULL ? meet(stream) : end;
}

static const struct play *play_of(const struct play_stream_end *end)
{
    return end->stream->conn->play;
}

/* Then the application does what it has planned, unless the stream was dropped. */
static void go_on(const struct play_stream_end *end)
{
    play_perform_plan(&end->stream->conn->ends[end->side], end->live);
}

/* Connections */

/* The one that was dialled with this id.  RFC 9000, section 7.2. */
static struct play_conn_end *find_dialled(const struct play *play, const struct iq_conn *conn)
{
    const ngtcp2_cid *name = ngtcp2_conn_get_client_initial_dcid(conn->quic);
    unsigned i;

    for (i = 0; i < play->conn_count; i++) {
        const struct play_conn *dialled = &play->conns[i];

        if (dialled->name_len == name->datalen &&
            memcmp(dialled->name, name->data, name->datalen) == 0) {
            return (struct play_conn_end *)&dialled->ends[1];
        }
    }
    SIM_FAIL(play->sim, "a connection is accepted that nobody has dialled");
}

static struct play_conn_end *note_accepted(struct iq_conn *conn)
{
    struct play_conn_end *end = find_dialled(iq_conn_data(conn), conn);

    PLAY_EXPECT(end->conn->play, end->live == NULL);
    if (end->closed) {
        play_begin_again(end);
    }
    end->live = conn;
    iq_conn_set_data(conn, end);
    return end;
}

static void on_early(struct iq_conn *conn)
{
    if (!iq_conn_is_dialled(conn)) {
        (void)note_accepted(conn);
    }
    end_of_conn(conn)->known = true;
    PLAY_EXPECT(end_of_conn(conn)->conn->play, end_of_conn(conn)->conn->play->early);
    play_perform_plan(end_of_conn(conn), NULL);
}

static void on_open(struct iq_conn *conn)
{
    struct play_conn_end *end = end_of_conn(conn);

    if (!iq_conn_is_dialled(conn) && !iq_conn_early_data_accepted(conn)) {
        end = note_accepted(conn);
    }
    PLAY_EXPECT(end->conn->play, !end->open);
    end->known = end->open = true;
    play_perform_plan(end, NULL);
}

static void on_streams_allowed(struct iq_conn *conn)
{
    PLAY_EXPECT(end_of_conn(conn)->conn->play, end_of_conn(conn)->short_of_streams);
    end_of_conn(conn)->short_of_streams = false;
    play_perform_plan(end_of_conn(conn), NULL);
}

static void on_datagram(struct iq_conn *conn, struct iq_bytes datagram)
{
    struct play_conn_end *end = end_of_conn(conn);
    struct play_conn_end *from = &end->conn->ends[!end->side];
    const struct play *play = end->conn->play;
    const uint8_t *bytes = datagram.data;
    size_t i;

    PLAY_EXPECT(play, datagram.len >= 4 && bytes[2] < from->datagrams_sent);
    PLAY_EXPECT(play, bytes[0] == (uint8_t)end->conn->number && bytes[1] == from->side);
    PLAY_EXPECT(play, datagram.len == from->datagram_lens[bytes[2]]);
    PLAY_EXPECT(play, !from->datagram_told[bytes[2]]);
    for (i = 3; i < datagram.len; i++) {
        PLAY_EXPECT(play, bytes[i] == bytes[2]);
    }
    from->datagram_told[bytes[2]] = true;
    play_perform_plan(end, NULL);
}

static void on_shutdown(struct iq_conn *conn)
{
    const struct play_conn_end *end = end_of_conn(conn);

    PLAY_EXPECT(end->conn->play, end->conn->play->closing[end->node]);
    play_perform_plan(end_of_conn(conn), NULL);
}

/* The application has closed this side with that code, or its whole endpoint. */
static bool has_closed(const struct play_conn_end *end, uint64_t code)
{
    return (end->closes && end->close_code == code) ||
           (code == 0 && end->conn->play->closing[end->node]);
}

/* Without harm nobody is lost, but to a peer that knows nothing of him any more. */
static bool may_be_lost(const struct play_conn_end *end)
{
    const struct play_conn_end *peer = &end->conn->ends[!end->side];

    return end->conn->play->harmed || peer->closed || end->conn->play->closing[peer->node];
}

static bool is_allowed(const struct play_conn_end *end, const struct iq_close_reason *why)
{
    const struct play_conn_end *peer = &end->conn->ends[!end->side];

    switch (why->how) {
    case IQ_CLOSED_BY_US:
        return has_closed(end, why->code);
    case IQ_CLOSED_BY_PEER:
        return has_closed(peer, why->code);
    case IQ_CLOSED_ABORTED_BY_PEER: /* in the handshake the application's code is not shown */
        return (why->code == IQ_CODE_APPLICATION_ERROR && peer->closes) ||
               (why->code == IQ_CODE_APPLICATION_ERROR && has_closed(peer, 0)) ||
               (why->code == IQ_CODE_CONNECTION_REFUSED && has_closed(peer, 0));
    case IQ_CLOSED_TIMED_OUT:
    case IQ_CLOSED_RESET:
        return may_be_lost(end);
    case IQ_CLOSED_TRANSPORT_ERROR:
    case IQ_CLOSED_VERSION_MISMATCH:
        return false;
    }
    return false;
}

static void on_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct play_conn_end *end = iq_conn_data(conn);

    if (!is_allowed(end, why)) {
        SIM_FAIL(end->conn->play->sim, "side %u of connection %u closed: how %d, code %llu, %s",
                 end->side, end->conn->number, (int)why->how, (unsigned long long)why->code,
                 why->text);
    }
    end->live = NULL;
    end->closed = true;
}

/* Streams */

static void on_stream_ready(struct iq_stream *stream)
{
    struct play_stream_end *end = end_of(stream);
    const struct play_conn *conn = end->stream->conn;
    struct play_half *in = play_half_in(end);

    in->told_len = iq_stream_bytes_read(stream) + stream->received.len;
    in->told_end = stream->receive_ended;
    play_half_out(end)->short_of_room = false;
    if (conn->play->reads[conn->ends[end->side].node]) {
        play_read(end, UINT64_MAX);
    }
    go_on(end);
}

static void on_stream_reset(struct iq_stream *stream, uint64_t code)
{
    struct play_stream_end *end = end_of(stream);
    struct play_half *half = play_half_in(end);

    PLAY_EXPECT(play_of(end), half->reset && half->reset_code == code);
    PLAY_EXPECT(play_of(end), !half->reset_told && !half->end_read);
    half->reset_told = true;
    go_on(end);
}

static void on_stream_stopped(struct iq_stream *stream, uint64_t code)
{
    struct play_stream_end *end = end_of(stream);
    struct play_half *half = play_half_out(end);

    PLAY_EXPECT(play_of(end), half->stopped && half->stop_code == code);
    PLAY_EXPECT(play_of(end), !half->stop_told && !half->delivered_told);
    half->stop_told = true;
    go_on(end);
}

/* All of it is there, if somebody wants it. */
static void on_stream_delivered(struct iq_stream *stream)
{
    struct play_stream_end *end = end_of(stream);
    const struct play_stream_end *peer = &end->stream->ends[!end->side];
    struct play_half *half = play_half_out(end);

    PLAY_EXPECT(play_of(end), half->finished && !half->stop_told && !half->delivered_told);
    if (peer->live != NULL && !half->stopped) {
        PLAY_EXPECT(play_of(end), half->read + peer->live->received.len == half->written);
    }
    half->delivered_told = true;
    go_on(end);
}

/* Nothing is left to be heard of the stream, as long as the connection lives. */
static void expect_over(const struct play_stream_end *end)
{
    const struct play_half *in = play_half_in(end), *out = play_half_out(end);

    if (end->dropped) {
        return;
    }
    if (play_can_read(end) && !in->stopped && !in->reset_told) {
        PLAY_EXPECT(play_of(end), in->finished && in->read == in->written);
    }
    if (play_can_write(end) && !out->reset && !out->stop_told) {
        PLAY_EXPECT(play_of(end), out->finished && out->delivered_told);
    }
}

/* Early data that the peer refuses has never been.  RFC 9001, section 4.6.2. */
static void forget(const struct play_stream_end *end, struct play_conn_end *conn)
{
    const struct play_stream_end *peer = &end->stream->ends[!end->side];

    PLAY_EXPECT(conn->conn->play, conn->conn->play->early && conn->side == 0);
    PLAY_EXPECT(conn->conn->play, peer->live == NULL && !peer->closed);
    conn->opened_count[(end->stream->id & 2) != 0]--;
    play_forget_stream(end->stream);
}

static void on_stream_closed(struct iq_stream *stream)
{
    struct play_stream_end *end = end_of(stream);
    struct play_conn_end *conn = &end->stream->conn->ends[end->side];
    const bool lives = conn->live->state < IQ_CONN_CLOSING;

    end->live = NULL;
    end->closed = true;
    if (lives && conn->side == 0 && !conn->open) {
        forget(end, conn);
    } else if (lives) {
        expect_over(end);
    }
    play_perform_plan(conn, NULL);
}

#define PLAYING                                                                                    \
    .on_accept = on_open, .on_connect = on_open, .on_stream_ready = on_stream_ready,               \
    .on_stream_reset = on_stream_reset, .on_stream_stopped = on_stream_stopped,                    \
    .on_stream_delivered = on_stream_delivered, .on_streams_allowed = on_streams_allowed,          \
    .on_datagram = on_datagram, .on_stream_closed = on_stream_closed, .on_closed = on_closed,      \
    .on_shutdown = on_shutdown

const struct iq_protocol_handler play_handler = {PLAYING};

const struct iq_protocol_handler play_early_handler = {PLAYING, .on_accept_early = on_early,
                                                       .on_connect_early = on_early};
