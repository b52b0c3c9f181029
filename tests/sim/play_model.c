/* What both sides must know of each stream once the network has had its time. */
#include <stdio.h>

#include "play_state.h"

#include "memory.h"

/* RFC 9000, section 2.1: bit 0 of the id tells the side that opened it. */
static unsigned opener(const struct play_stream *stream) { return (unsigned)(stream->id & 1); }

static bool is_both_ways(const struct play_stream *stream) { return (stream->id & 2) == 0; }

static void init_end(struct play_stream *stream, unsigned side)
{
    stream->ends[side].stream = stream;
    stream->ends[side].side = side;
}

struct play_stream *play_find_stream(struct play_conn *conn, int64_t id)
{
    struct play_stream **place = &conn->streams;

    while (*place != NULL && (*place)->id != id) {
        place = &(*place)->next;
    }
    if (*place == NULL) {
        *place = sim_alloc(sizeof(**place));
        (*place)->conn = conn;
        (*place)->id = id;
        init_end(*place, 0);
        init_end(*place, 1);
    }
    return *place;
}

void play_forget_stream(struct play_stream *stream)
{
    struct play_stream **place = &stream->conn->streams;

    while (*place != stream) {
        place = &(*place)->next;
    }
    *place = stream->next;
    sim_dealloc(stream);
}

void play_free_streams(struct play_conn *conn)
{
    while (conn->streams != NULL) {
        play_forget_stream(conn->streams);
    }
}

/* What side 0 has written stays to be said, and so does that it wants to hear no more. */
static struct play_half forget_writer(const struct play_half *half)
{
    return (struct play_half){.stopped = half->stopped, .stop_code = half->stop_code};
}

static struct play_half forget_reader(const struct play_half *half)
{
    return (struct play_half){
        .written = half->written,
        .reset_code = half->reset_code,
        .finished = half->finished,
        .reset = half->reset,
        .short_of_room = half->short_of_room,
    };
}

void play_begin_again(struct play_conn_end *end)
{
    struct play_stream *stream = end->conn->streams, *next;

    PLAY_EXPECT(end->conn->play, end->side == 1 && end->conn->play->harmed);
    for (; stream != NULL; stream = next) {
        next = stream->next;
        if (opener(stream) == 1) {
            PLAY_EXPECT(end->conn->play, stream->ends[0].live == NULL && !stream->ends[0].closed);
            play_forget_stream(stream);
            continue;
        }
        stream->halves[0] = forget_reader(&stream->halves[0]);
        stream->halves[1] = forget_writer(&stream->halves[1]);
        stream->ends[1] = (struct play_stream_end){.stream = stream, .side = 1};
    }
    *end = (struct play_conn_end){.conn = end->conn, .side = 1, .node = end->node};
}

struct play_half *play_half_in(const struct play_stream_end *end)
{
    return &end->stream->halves[!end->side];
}

struct play_half *play_half_out(const struct play_stream_end *end)
{
    return &end->stream->halves[end->side];
}

bool play_can_read(const struct play_stream_end *end)
{
    return is_both_ways(end->stream) || opener(end->stream) != end->side;
}

bool play_can_write(const struct play_stream_end *end)
{
    return is_both_ways(end->stream) || opener(end->stream) == end->side;
}

/* Whether the side that opened the stream has said anything on it. */
static bool is_begun(const struct play_stream *stream)
{
    const struct play_stream_end *end = &stream->ends[opener(stream)];
    const struct play_half *out = play_half_out(end);

    return out->written > 0 || out->finished || out->reset || play_half_in(end)->stopped;
}

/* Reset before the other side has seen it: there nobody hears of it, and its answer is a reset with
 * the same code (protocol.h). */
bool play_is_hushed_up(const struct play_stream_end *end)
{
    const struct play_stream_end *other = &end->stream->ends[!end->side];

    return opener(end->stream) == end->side && play_half_out(end)->reset && other->live == NULL &&
           !other->closed;
}

/* The reader's view of a half */

static const char *find_unread(const struct play_stream_end *end)
{
    const struct play_half *half = play_half_in(end);
    const struct iq_stream *stream = end->live;
    const uint64_t there = iq_stream_bytes_read(stream) + stream->received.len;

    if (half->stopped || half->reset_told) {
        return NULL;
    }
    if (play_is_hushed_up(end)) {
        return "a stream that was hushed up was not reset";
    }
    if (half->reset && !(half->end_read && half->read == half->written)) {
        return "a reset was not told";
    }
    if (half->read != half->written) {
        return "bytes have not come";
    }
    if (half->finished != iq_stream_at_end(stream)) {
        return "the end has not come";
    }
    if (there != half->told_len || half->finished != half->told_end) {
        return "on_stream_ready has not come for bytes, or for the end";
    }
    return NULL;
}

/* The writer's view of a half */

static const char *find_untold(const struct play_stream_end *end)
{
    const struct play_half *half = play_half_out(end);

    if (half->reset || half->stop_told || half->delivered_told || end->dropped) {
        return NULL;
    }
    if (half->stopped) {
        return "a stop was not told";
    }
    if (half->finished) {
        return "on_stream_delivered has not come";
    }
    return half->short_of_room ? "on_stream_ready has not come for room" : NULL;
}

static const char *find_in_end(const struct play_stream_end *end)
{
    const char *found = NULL;

    if (end->closed) {
        return NULL;
    }
    if (!is_begun(end->stream)) { /* the other side may see it, and wait */
        return NULL;
    }
    if (end->live == NULL && play_is_hushed_up(&end->stream->ends[!end->side])) {
        return NULL;
    }
    if (end->live == NULL || end->live->unknown_to_quic) {
        return "a stream has not appeared";
    }
    if (play_can_read(end) && !end->dropped) {
        found = find_unread(end);
    }
    return found == NULL && play_can_write(end) ? find_untold(end) : found;
}

static const char *find_datagram(const struct play_conn_end *end)
{
    uint32_t i;

    for (i = 0; i < end->datagrams_sent; i++) {
        if (!end->datagram_told[i]) {
            return "a datagram has not come";
        }
    }
    return NULL;
}

static const char *describe(const char *what, const struct play_stream_end *end)
{
    static char text[128];

    (void)snprintf(text, sizeof(text), "%s: stream %lld of connection %u, side %u", what,
                   (long long)end->stream->id, end->stream->conn->number, end->side);
    return text;
}

static const char *find_at_side(const struct play_conn *conn, unsigned side)
{
    const struct play_stream *stream;

    for (stream = conn->streams; stream != NULL; stream = stream->next) {
        const char *found = find_in_end(&stream->ends[side]);

        if (found != NULL) {
            return describe(found, &stream->ends[side]);
        }
    }
    return conn->play->harmed || conn->play->filled ? NULL : find_datagram(&conn->ends[side]);
}

const char *play_find_difference(const struct play_conn *conn)
{
    const char *found = find_at_side(conn, 0);

    return found != NULL ? found : find_at_side(conn, 1);
}

/*
 * ngtcp2 (seen in 1.24) drops what has come out of order when a stream is stopped.  If the peer,
 * who has finished, hears of the stop only when all of it is acknowledged, it has no reason to send
 * a reset, or anything again: for ngtcp2 the stream never ends on this side.
 */
static bool is_lost(const struct play_stream_end *end)
{
    const struct play_half *in = play_half_in(end);

    return end->stream->conn->play->harmed && in->stopped && in->finished && !in->reset &&
           end->stream->ends[!end->side].closed;
}

/* The end at one side that is live and not lost, or NULL; notes whether one is lost. */
static const struct play_stream_end *find_live_at(const struct play_conn *conn, unsigned side,
                                                  bool *some_are_lost)
{
    const struct play_stream *stream;

    for (stream = conn->streams; stream != NULL; stream = stream->next) {
        const struct play_stream_end *end = &stream->ends[side];

        if (end->live != NULL && !is_lost(end)) {
            return end;
        }
        *some_are_lost = *some_are_lost || end->live != NULL;
    }
    return NULL;
}

const char *play_find_live(const struct play_conn *conn)
{
    bool some_are_lost = false;
    const struct play_stream_end *end = find_live_at(conn, 0, &some_are_lost);

    if (end == NULL) {
        end = find_live_at(conn, 1, &some_are_lost);
    }
    if (end != NULL) {
        return describe("it has not closed", end);
    }
    return !some_are_lost && (conn->ends[0].short_of_streams || conn->ends[1].short_of_streams)
               ? "on_streams_allowed has not come"
               : NULL;
}
