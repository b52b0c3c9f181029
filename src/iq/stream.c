/*
 * A stream's two buffers, and what the application does with them.
 *
 * Received bytes wait in `received` until they are consumed, and only then the peer may send as
 * many more: that is the whole of back-pressure.  Written bytes wait in `unacked` until the peer
 * has acknowledged them, because ngtcp2 sends from there again when they get lost.
 */
#include "stream_state.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

void iq_streams_init(struct iq_streams *streams, bool dials)
{
    streams->next_of_peer[0] = dials ? 1 : 0;
    streams->next_of_peer[1] = dials ? 3 : 2;
    iq_list_init(&streams->all);
    iq_list_init(&streams->ready);
    iq_list_init(&streams->sending);
    iq_list_init(&streams->short_of_room);
}

struct iq_stream *iq_stream_new(struct iq_streams *streams, int64_t id, bool ours)
{
    struct iq_stream *stream = calloc(1, sizeof(*stream));

    if (stream == NULL) {
        return NULL;
    }
    stream->streams = streams;
    stream->id = id;
    stream->ours = ours;
    iq_list_init(&stream->in_all);
    iq_list_init(&stream->in_ready);
    iq_list_init(&stream->in_sending);
    iq_list_init(&stream->in_short);
    iq_buffer_init(&stream->received);
    iq_buffer_init(&stream->unacked);
    iq_list_append(&streams->all, &stream->in_all);
    return stream;
}

void iq_stream_free(struct iq_stream *stream)
{
    stream->streams->sent_unacked -= stream->unacked.len;
    iq_list_remove(&stream->in_all);
    iq_list_remove(&stream->in_ready);
    iq_list_remove(&stream->in_sending);
    iq_list_remove(&stream->in_short);
    iq_buffer_release(&stream->received);
    iq_buffer_release(&stream->unacked);
    free(stream);
}

/* The handler is to hear of the stream. */
static void make_ready(struct iq_stream *stream)
{
    struct iq_streams *streams = stream->streams;

    if (iq_list_is_empty(&stream->in_ready)) {
        iq_list_append(&streams->ready, &stream->in_ready);
    }
    iq_agenda_add(streams->agenda, streams->on_agenda);
}

/* ngtcp2 is to hear of the stream. */
static void make_sending(struct iq_stream *stream)
{
    struct iq_streams *streams = stream->streams;

    if (streams->closed) {
        return;
    }
    if (iq_list_is_empty(&stream->in_sending)) {
        iq_list_append(&streams->sending, &stream->in_sending);
    }
    iq_agenda_add(streams->agenda, streams->on_agenda);
}

/* Gives the peer back the right to send `len` bytes. */
static void give_credit(struct iq_stream *stream, uint64_t len)
{
    stream->credit += len;
    stream->streams->credit += len;
    make_sending(stream);
}

static void drop_received(struct iq_stream *stream, size_t len)
{
    const uint64_t ahead = len < stream->credit_ahead ? len : stream->credit_ahead;

    iq_buffer_drop(&stream->received, len);
    stream->credit_ahead -= ahead;
    give_credit(stream, len - ahead);
}

static bool can_receive(const struct iq_stream *stream)
{
    return iq_stream_is_bi(stream) || !stream->ours;
}

static bool can_send(const struct iq_stream *stream)
{
    return iq_stream_is_bi(stream) || stream->ours;
}

bool iq_stream_is_done(const struct iq_stream *stream)
{
    return stream->closed && (stream->receive_over || stream->received.len == 0);
}

/* Reading */

int64_t iq_stream_id(const struct iq_stream *stream) { return stream->id; }

bool iq_stream_is_bi(const struct iq_stream *stream) { return (stream->id & 2) == 0; }

bool iq_stream_is_ours(const struct iq_stream *stream) { return stream->ours; }

struct iq_conn *iq_stream_conn(const struct iq_stream *stream) { return stream->streams->conn; }

void *iq_stream_data(const struct iq_stream *stream) { return stream->data; }

void iq_stream_set_data(struct iq_stream *stream, void *data) { stream->data = data; }

struct iq_bytes iq_stream_peek(const struct iq_stream *stream)
{
    return iq_buffer_peek(&stream->received);
}

void iq_stream_consume(struct iq_stream *stream, size_t len)
{
    assert(len <= stream->received.len);
    if (len == 0) {
        return;
    }
    stream->bytes_read += len;
    drop_received(stream, len);
    if (iq_stream_is_done(stream)) {
        make_ready(stream); /* for on_stream_closed, which waited for this */
    }
}

bool iq_stream_at_end(const struct iq_stream *stream)
{
    return stream->receive_ended && !stream->receive_over && stream->received.len == 0;
}

/* Lets the peer send until `size` bytes and one more are here, even if none is consumed before. */
static void give_credit_ahead(struct iq_stream *stream, size_t size)
{
    const uint64_t wanted = stream->received.len < size ? stream->received.len : size;

    if (wanted > stream->credit_ahead) {
        const uint64_t more = wanted - stream->credit_ahead;

        stream->credit_ahead = wanted;
        give_credit(stream, more);
    }
}

int iq_stream_read_to_end(struct iq_stream *stream, void *data, size_t size, size_t *len)
{
    uint8_t *out = data;
    struct iq_bytes in;

    if (stream->received.len > size) {
        return IQ_ERR_TOO_LONG;
    }
    if (stream->receive_over || !can_receive(stream)) {
        return IQ_ERR_CLOSED;
    }
    if (!stream->receive_ended) {
        give_credit_ahead(stream, size);
        return IQ_ERR_AGAIN;
    }
    for (in = iq_stream_peek(stream); in.len > 0; in = iq_stream_peek(stream)) {
        memcpy(out, in.data, in.len);
        out += in.len;
        iq_stream_consume(stream, in.len);
    }
    *len = (size_t)(out - (uint8_t *)data);
    return 0;
}

void iq_stream_stop(struct iq_stream *stream, uint64_t code)
{
    assert(code < IQ_CODE_END);
    if (!can_receive(stream) || stream->receive_over || iq_stream_at_end(stream)) {
        return;
    }
    stream->receive_over = true;
    if (!stream->receive_ended) { /* else there is nothing left that the peer could stop */
        stream->wants_stop = true;
        stream->stop_code = code;
    }
    drop_received(stream, stream->received.len);
    if (iq_stream_is_done(stream)) {
        make_ready(stream);
    }
}

uint64_t iq_stream_bytes_read(const struct iq_stream *stream) { return stream->bytes_read; }

/* Writing */

/* How many bytes may be written now: up to the limits of the stream and of the connection, but
 * never less than the first few, so that every stream gets on. */
static size_t room(const struct iq_stream *stream)
{
    const struct iq_streams *streams = stream->streams;
    const uint64_t held = stream->unacked.len;
    uint64_t free_room = 0;

    if (held < streams->stream_send_buffer && streams->sent_unacked < streams->conn_send_buffer) {
        const uint64_t of_stream = streams->stream_send_buffer - held;
        const uint64_t of_conn = streams->conn_send_buffer - streams->sent_unacked;

        free_room = of_stream < of_conn ? of_stream : of_conn;
    }
    if (held < IQ_STREAM_ROOM_MIN && free_room < IQ_STREAM_ROOM_MIN - held) {
        free_room = IQ_STREAM_ROOM_MIN - held;
    }
    return (size_t)free_room;
}

size_t iq_stream_write(struct iq_stream *stream, const void *data, size_t len)
{
    struct iq_streams *streams = stream->streams;
    size_t taken = room(stream);

    if (!can_send(stream) || stream->finished || streams->closed) {
        return 0;
    }
    if (stream->send_over) { /* stopped by the peer */
        return len;
    }
    if (len > taken) {
        iq_list_append(&streams->short_of_room, &stream->in_short);
    } else {
        iq_list_remove(&stream->in_short);
        taken = len;
    }
    if (taken == 0) {
        return 0;
    }
    if (iq_buffer_append(&stream->unacked, data, taken) != 0) {
        streams->out_of_memory = true;
        iq_agenda_add(streams->agenda, streams->on_agenda);
        return 0;
    }
    streams->sent_unacked += taken;
    make_sending(stream);
    return taken;
}

void iq_stream_finish(struct iq_stream *stream)
{
    if (can_send(stream) && !stream->finished) {
        stream->finished = true;
        iq_list_remove(&stream->in_short);
        make_sending(stream);
    }
}

void iq_stream_reset(struct iq_stream *stream, uint64_t code)
{
    assert(code < IQ_CODE_END);
    if (!can_send(stream) || stream->send_over || stream->closed) {
        return;
    }
    stream->finished = true;
    stream->send_over = true;
    stream->wants_reset = true;
    stream->our_reset_code = code;
    iq_list_remove(&stream->in_short);
    make_sending(stream);
}

bool iq_stream_has_unsent(const struct iq_stream *stream)
{
    if (stream->send_over || stream->closed) {
        return false;
    }
    return stream->sent < stream->unacked.len || (stream->finished && !stream->finish_sent);
}

/* What ngtcp2 has said */

void iq_stream_note_opened(struct iq_stream *stream)
{
    stream->news_ready = true;
    make_ready(stream);
}

void iq_stream_note_known(struct iq_stream *stream)
{
    stream->unknown_to_quic = false;
    make_sending(stream); /* what the handler has wanted of it so far */
}

int iq_stream_note_data(struct iq_stream *stream, const void *data, size_t len, bool end)
{
    if (stream->receive_over) { /* it crossed our stop on the way */
        stream->streams->credit += len;
        return 0;
    }
    if (iq_buffer_append(&stream->received, data, len) != 0) {
        return IQ_ERR_NOMEM;
    }
    stream->receive_ended = end;
    stream->news_ready = true;
    make_ready(stream);
    return 0;
}

void iq_stream_note_reset(struct iq_stream *stream, uint64_t code)
{
    if (stream->receive_over || stream->receive_ended) { /* we have, or want, nothing to lose */
        return;
    }
    stream->receive_over = true;
    stream->reset_code = code;
    stream->news_reset = true;
    drop_received(stream, stream->received.len);
    make_ready(stream);
}

void iq_stream_note_stopped(struct iq_stream *stream, uint64_t code)
{
    if (stream->send_over) {
        return;
    }
    stream->send_over = true;
    stream->stopped_code = code;
    stream->news_stopped = true;
    stream->news_ready = true; /* what did not fit before is swallowed now */
    iq_list_remove(&stream->in_short);
    make_ready(stream);
}

void iq_stream_note_acked(struct iq_stream *stream, size_t len)
{
    assert(len <= stream->sent);
    iq_buffer_drop(&stream->unacked, len);
    stream->sent -= len;
    stream->streams->sent_unacked -= len;
}

void iq_stream_note_closed(struct iq_stream *stream)
{
    stream->closed = true;
    if (can_receive(stream) && !stream->receive_ended) {
        stream->receive_over = true;
    }
    make_ready(stream);
}

void iq_streams_note_refused(struct iq_streams *streams)
{
    struct iq_list *node;

    for (node = streams->all.next; node != &streams->all; node = node->next) {
        struct iq_stream *stream = IQ_CONTAINER_OF(node, struct iq_stream, in_all);

        stream->send_over = true;
        stream->receive_over = true;
        stream->closed = true;
        stream->news_ready = stream->news_reset = stream->news_stopped = false;
        iq_list_remove(&stream->in_sending);
        iq_list_remove(&stream->in_short);
        make_ready(stream);
    }
}

void iq_streams_offer_room(struct iq_streams *streams)
{
    const size_t enough = (size_t)(streams->stream_send_buffer / 4);
    struct iq_list *node = streams->short_of_room.next;

    while (node != &streams->short_of_room) {
        struct iq_stream *stream = IQ_CONTAINER_OF(node, struct iq_stream, in_short);

        node = node->next;
        if (stream->unacked.len == 0 || room(stream) >= enough) {
            iq_list_remove(&stream->in_short);
            stream->news_ready = true;
            make_ready(stream);
        }
    }
}
