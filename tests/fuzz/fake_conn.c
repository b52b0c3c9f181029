/* Streams in memory. */
#include "fake_conn.h"

#include "fuzz.h"

/* Exactly so much, so that a sanitizer sees its end; and it does not fail when malloc() is to. */
static void *own_memory(size_t len)
{
    void *memory;

    if (posix_memalign(&memory, sizeof(memory), len) != 0) {
        abort();
    }
    return memory;
}

static bool can_receive(const struct iq_stream *stream)
{
    return iq_stream_is_bi(stream) || !stream->ours;
}

static bool can_send(const struct iq_stream *stream)
{
    return iq_stream_is_bi(stream) || stream->ours;
}

static bool is_live(const struct iq_stream *stream)
{
    return stream->conn->open && !stream->conn->closing && !stream->closed;
}

static void drop(struct iq_stream *stream)
{
    free(stream->in);
    stream->in = NULL;
    stream->in_len = 0;
}

static void close_stream(struct iq_stream *stream)
{
    assert(!stream->closed);
    if (stream->shown) {
        stream->conn->handler->on_stream_closed(stream);
    }
    stream->closed = true;
    drop(stream);
}

/* The stream's last call comes when both sides have ended, and all was read. */
static void close_if_done(struct iq_stream *stream)
{
    const bool in_done =
        !can_receive(stream) || stream->in_over || (stream->in_ended && stream->in_len == 0);

    if (is_live(stream) && in_done && (!can_send(stream) || stream->out_ended)) {
        close_stream(stream);
    }
}

static void tell_ready(struct iq_stream *stream)
{
    if (is_live(stream)) {
        stream->shown = true;
        stream->conn->handler->on_stream_ready(stream);
    }
    close_if_done(stream);
}

/* What the peer does */

static struct iq_stream *new_stream(struct iq_conn *conn, bool bi, bool ours)
{
    const int kind = (ours == conn->dials ? 0 : 1) | (bi ? 0 : 2);
    struct iq_stream *stream = &conn->streams[conn->stream_count];

    if (conn->stream_count == FAKE_STREAMS_MAX) {
        return NULL;
    }
    conn->stream_count++;
    *stream = (struct iq_stream){
        .conn = conn, .id = conn->next_id[kind], .ours = ours, .shown = ours, .room = 4096};
    conn->next_id[kind] += 4;
    return stream;
}

struct iq_stream *fake_conn_open(struct iq_conn *conn, bool bi)
{
    return new_stream(conn, bi, false);
}

void fake_stream_receive(struct iq_stream *stream, const uint8_t *data, size_t len, bool end)
{
    uint8_t *more;

    if (!is_live(stream) || !can_receive(stream) || stream->in_ended) {
        return;
    }
    if (!stream->in_over && stream->in_len + len > 0) {
        more = own_memory(stream->in_len + len);
        if (stream->in_len > 0) {
            memcpy(more, stream->in, stream->in_len);
        }
        memcpy(more + stream->in_len, data, len);
        free(stream->in);
        stream->in = more;
        stream->in_len += len;
    }
    stream->in_ended = end;
    tell_ready(stream);
}

void fake_stream_reset(struct iq_stream *stream, uint64_t code)
{
    if (!is_live(stream) || !can_receive(stream) || stream->in_over || stream->in_ended) {
        return;
    }
    stream->in_over = true;
    drop(stream);
    stream->shown = true;
    stream->conn->handler->on_stream_reset(stream, code);
    close_if_done(stream);
}

void fake_stream_stop(struct iq_stream *stream, uint64_t code)
{
    if (!is_live(stream) || !can_send(stream) || stream->out_ended) {
        return;
    }
    stream->out_ended = true;
    stream->shown = true;
    stream->conn->handler->on_stream_stopped(stream, code);
    tell_ready(stream);
}

void fake_stream_make_room(struct iq_stream *stream, size_t room)
{
    if (is_live(stream)) {
        stream->room = room;
        if (stream->short_of_room) {
            stream->short_of_room = false;
            tell_ready(stream);
        }
    }
}

void fake_conn_start(struct iq_conn *conn, const struct iq_protocol_handler *handler, void *data,
                     bool dials)
{
    *conn = (struct iq_conn){
        .handler = handler, .data = data, .dials = dials, .open = true, .next_id = {0, 1, 2, 3}};
    (dials ? handler->on_connect : handler->on_accept)(conn);
}

void fake_conn_end(struct iq_conn *conn)
{
    const struct iq_close_reason why = {.how = IQ_CLOSED_TIMED_OUT, .text = ""};
    size_t i;

    conn->closing = true;
    for (i = 0; i < conn->stream_count; i++) {
        if (!conn->streams[i].closed) {
            close_stream(&conn->streams[i]);
        }
    }
    conn->handler->on_closed(conn, &why);
    conn->open = false;
}

/* The public API */

int64_t iq_stream_id(const struct iq_stream *stream) { return stream->id; }

bool iq_stream_is_bi(const struct iq_stream *stream) { return (stream->id & 2) == 0; }

bool iq_stream_is_ours(const struct iq_stream *stream) { return stream->ours; }

struct iq_conn *iq_stream_conn(const struct iq_stream *stream) { return stream->conn; }

void *iq_stream_data(const struct iq_stream *stream) { return stream->data; }

void iq_stream_set_data(struct iq_stream *stream, void *data)
{
    assert(!stream->closed);
    stream->data = data;
}

struct iq_bytes iq_stream_peek(const struct iq_stream *stream)
{
    assert(!stream->closed);
    return (struct iq_bytes){.data = stream->in, .len = stream->in_len};
}

void iq_stream_consume(struct iq_stream *stream, size_t len)
{
    uint8_t *rest = NULL;

    assert(!stream->closed && len <= stream->in_len);
    if (stream->in_len > len) {
        rest = own_memory(stream->in_len - len);
        memcpy(rest, stream->in + len, stream->in_len - len);
    }
    free(stream->in);
    stream->in = rest;
    stream->in_len -= len;
}

bool iq_stream_at_end(const struct iq_stream *stream)
{
    return stream->in_ended && !stream->in_over && stream->in_len == 0;
}

void iq_stream_stop(struct iq_stream *stream, uint64_t code)
{
    assert(!stream->closed);
    if (can_receive(stream) && !iq_stream_at_end(stream)) {
        stream->in_over = true;
        drop(stream);
    }
}

size_t iq_stream_write(struct iq_stream *stream, const void *data, size_t len)
{
    const size_t taken = len < stream->room ? len : stream->room;

    assert(!stream->closed && can_send(stream));
    if (stream->out_ended || stream->conn->closing) {
        return stream->conn->closing ? 0 : len;
    }
    stream->short_of_room = taken < len;
    stream->room -= taken;
    return taken;
}

void iq_stream_finish(struct iq_stream *stream)
{
    assert(!stream->closed && can_send(stream));
    stream->out_ended = true;
}

void iq_stream_reset(struct iq_stream *stream, uint64_t code)
{
    assert(!stream->closed);
    if (can_send(stream)) {
        stream->out_ended = true;
    }
}

void *iq_conn_data(const struct iq_conn *conn) { return conn->data; }

void iq_conn_set_data(struct iq_conn *conn, void *data) { conn->data = data; }

static int open_stream(struct iq_stream **stream, struct iq_conn *conn, bool bi)
{
    struct iq_stream *self = conn->closing ? NULL : new_stream(conn, bi, true);

    if (self == NULL) {
        return conn->closing ? IQ_ERR_CLOSED : IQ_ERR_STREAM_LIMIT;
    }
    *stream = self;
    return 0;
}

int iq_conn_open_bi(struct iq_stream **stream, struct iq_conn *conn)
{
    return open_stream(stream, conn, true);
}

int iq_conn_open_uni(struct iq_stream **stream, struct iq_conn *conn)
{
    return open_stream(stream, conn, false);
}

void iq_conn_close(struct iq_conn *conn, uint64_t code, const char *reason)
{
    assert(conn->open && code < IQ_CODE_END);
    conn->closing = true;
}
