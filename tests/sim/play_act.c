/* What the applications do: each call into the library, and what the model has to say of it. */
#include <string.h>

#include "app.h"
#include "play_state.h"

static struct play *play_of(const struct play_stream_end *end) { return end->stream->conn->play; }

static struct play_conn_end *conn_end(const struct play_stream_end *end)
{
    return &end->stream->conn->ends[end->side];
}

/* The bytes of a half are its own, so that none can take the place of another's. */
static uint8_t pattern(const struct play_stream *stream, unsigned writer, uint64_t offset)
{
    return app_pattern(stream->id * 2 + writer + stream->conn->number * INT64_C(37), offset);
}

/* Connections */

/* An application that is told to wait must not be told so without a reason. */
static void expect_limit(const struct play_conn_end *end, bool both_ways)
{
    const struct iq_endpoint_config *config = &end->live->env->config; /* the peer's is the same */
    const uint64_t limit = both_ways ? config->max_streams_bi : config->max_streams_uni;

    PLAY_EXPECT(end->conn->play, end->opened_count[!both_ways] >= limit);
}

/* Early data is refused, and the application has not been told yet that this stream of it is gone:
 * its id is free again, but for the bits that tell what it was. */
static void set_aside(const struct play_conn_end *end, const struct play_stream_end *refused)
{
    PLAY_EXPECT(end->conn->play, end->conn->play->early && end->side == 0 && !end->open);
    PLAY_EXPECT(end->conn->play, refused->live->closed);
    refused->stream->id |= INT64_C(1) << 60;
}

void play_open(struct play_conn_end *end, bool both_ways)
{
    const struct play *play = end->conn->play;
    const bool usable = end->live->state == IQ_CONN_OPEN || end->live->state == IQ_CONN_EARLY;
    struct play_stream_end *opened;
    struct iq_stream *stream;
    const int rc =
        both_ways ? watch_open_bi(&stream, end->live) : watch_open_uni(&stream, end->live);

    PLAY_EXPECT(play, usable ? rc == 0 || rc == IQ_ERR_STREAM_LIMIT : rc == IQ_ERR_CLOSED);
    if (rc == IQ_ERR_STREAM_LIMIT) {
        expect_limit(end, both_ways);
        end->short_of_streams = true;
    }
    if (rc != 0) {
        return;
    }
    PLAY_EXPECT(play, iq_stream_is_bi(stream) == both_ways);
    opened = &play_find_stream(end->conn, iq_stream_id(stream))->ends[end->side];
    if (opened->live != NULL) {
        set_aside(end, opened);
        opened = &play_find_stream(end->conn, iq_stream_id(stream))->ends[end->side];
    }
    PLAY_EXPECT(play, opened->live == NULL && !opened->closed);
    opened->live = stream;
    end->opened_count[!both_ways]++;
    iq_stream_set_data(stream, opened);
}

void play_close(struct play_conn_end *end, uint64_t code)
{
    if (!end->closes && end->live->state < IQ_CONN_CLOSING) {
        end->closes = true;
        end->close_code = code;
    }
    iq_conn_close(end->live, code, "enough of this");
}

/* The first bytes tell which it is, so that each is known when it comes, and whole. */
void play_send_datagram(struct play_conn_end *end, size_t len, bool offer)
{
    const uint32_t number = end->datagrams_sent;
    const bool early = end->live->state < IQ_CONN_OPEN;
    uint8_t bytes[2048];
    int rc;

    if (number == PLAY_DATAGRAMS_MAX) {
        return;
    }
    len = len < 4 ? 4 : len;
    memset(bytes, (int)number, len);
    bytes[0] = (uint8_t)end->conn->number;
    bytes[1] = (uint8_t)end->side;
    bytes[2] = (uint8_t)number;
    rc = offer ? iq_conn_offer_datagram(end->live, bytes, len)
               : iq_conn_send_datagram(end->live, bytes, len);
    PLAY_EXPECT(end->conn->play, early ? rc == IQ_ERR_AGAIN
                                       : rc == 0 || rc == IQ_ERR_CLOSED || rc == IQ_ERR_TOO_LONG);
    if (rc == 0) {
        end->datagram_lens[number] = (uint16_t)len;
        end->datagrams_sent++;
    }
}

void play_update_keys(struct play_conn_end *end)
{
    const int rc = iq_conn_update_keys(end->live);

    PLAY_EXPECT(end->conn->play, end->live->state < IQ_CONN_CLOSING ? rc == 0 || rc == IQ_ERR_AGAIN
                                                                    : rc == IQ_ERR_CLOSED);
}

/* Writing */

static bool is_conn_closing(const struct play_stream_end *end)
{
    return conn_end(end)->live->state >= IQ_CONN_CLOSING;
}

/* The application hears of streams that were refused one by one. */
static bool may_be_refused(const struct play_stream_end *end)
{
    return play_of(end)->early && end->side == 0 && !conn_end(end)->open;
}

void play_write(struct play_stream_end *end, size_t len)
{
    const struct play *play = play_of(end);
    struct play_half *half = play_half_out(end);
    const bool is_over = !play_can_write(end) || half->finished || half->reset;
    static uint8_t bytes[65536];
    size_t taken, i;

    for (i = 0; i < len; i++) {
        bytes[i] = pattern(end->stream, end->side, half->written + i);
    }
    taken = iq_stream_write(end->live, bytes, len);
    if (is_over || is_conn_closing(end)) {
        PLAY_EXPECT(play, taken == 0);
    } else if (end->live->send_over) { /* the peer has stopped it, or refused it as early data */
        PLAY_EXPECT(play, taken == len && (half->stopped || may_be_refused(end)));
    } else {
        PLAY_EXPECT(play, taken <= len && !half->stop_told);
        half->written += taken;
        half->short_of_room = taken < len;
    }
}

void play_finish(struct play_stream_end *end)
{
    if (play_can_write(end)) {
        play_half_out(end)->finished = true;
    }
    iq_stream_finish(end->live);
}

void play_reset(struct play_stream_end *end, uint64_t code)
{
    struct play_half *half = play_half_out(end);

    if (play_can_write(end) && !half->reset && !half->stop_told && !half->delivered_told &&
        !end->dropped) {
        half->reset = true;
        half->reset_code = code;
    }
    if (play_can_write(end)) {
        half->finished = true;
    }
    iq_stream_reset(end->live, code);
}

/* Reading */

static bool may_stop(const struct play_stream_end *end)
{
    const struct play_half *half = play_half_in(end);

    return play_can_read(end) && !half->stopped && !half->reset_told &&
           !iq_stream_at_end(end->live);
}

void play_stop(struct play_stream_end *end, uint64_t code)
{
    struct play_half *half = play_half_in(end);

    if (may_stop(end)) {
        half->stopped = true;
        half->stop_code = code;
    }
    iq_stream_stop(end->live, code);
}

static void note_read(struct play_stream_end *end, const uint8_t *bytes, size_t len)
{
    struct play_half *half = play_half_in(end);
    size_t i;

    for (i = 0; i < len; i++) {
        if (bytes[i] != pattern(end->stream, !end->side, half->read + i)) {
            SIM_FAIL(play_of(end)->sim, "I4: wrong byte at %llu of stream %lld",
                     (unsigned long long)(half->read + i), (long long)end->stream->id);
        }
    }
    half->read += len;
    PLAY_EXPECT(play_of(end), half->read <= half->written);
}

static void note_end(struct play_stream_end *end)
{
    struct play_half *half = play_half_in(end);

    if (iq_stream_at_end(end->live)) {
        PLAY_EXPECT(play_of(end), half->finished && half->read == half->written);
        PLAY_EXPECT(play_of(end), !half->stopped && !half->reset_told);
        half->end_read = true;
    }
}

void play_read(struct play_stream_end *end, uint64_t len)
{
    struct iq_bytes in = iq_stream_peek(end->live);

    PLAY_EXPECT(play_of(end),
                in.len == 0 || !(play_half_in(end)->stopped || play_half_in(end)->reset_told));
    for (; in.len > 0 && len > 0; in = iq_stream_peek(end->live)) {
        const size_t part = in.len < len ? in.len : (size_t)len;

        note_read(end, in.data, part);
        iq_stream_consume(end->live, part);
        len -= part;
    }
    PLAY_EXPECT(play_of(end), iq_stream_bytes_read(end->live) == play_half_in(end)->read);
    note_end(end);
}

void play_read_to_end(struct play_stream_end *end, size_t size)
{
    const struct play_half *half = play_half_in(end);
    static uint8_t bytes[65536];
    size_t len;
    const int rc = iq_stream_read_to_end(end->live, bytes, size, &len);

    switch (rc) {
    case 0:
        note_read(end, bytes, len);
        PLAY_EXPECT(play_of(end), iq_stream_at_end(end->live));
        note_end(end);
        break;
    case IQ_ERR_TOO_LONG:
        PLAY_EXPECT(play_of(end), half->written - half->read > size);
        break;
    case IQ_ERR_CLOSED:
        PLAY_EXPECT(play_of(end), half->stopped || half->reset || play_is_hushed_up(end) ||
                                      !play_can_read(end) || is_conn_closing(end) ||
                                      may_be_refused(end));
        break;
    default:
        PLAY_EXPECT(play_of(end), rc == IQ_ERR_AGAIN && !half->end_read);
        break;
    }
}

void play_drop(struct play_stream_end *end)
{
    if (may_stop(end)) {
        play_half_in(end)->stopped = true;
        play_half_in(end)->stop_code = 0;
    }
    if (play_can_write(end)) {
        play_half_out(end)->finished = true;
    }
    end->dropped = true;
    watch_drop(end->live);
}
