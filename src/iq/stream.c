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
    iq_list_init(&streams->perhaps_delivered);
}

/* Whether it is likely a request, which wants an answer. */
static bool is_asked(const struct iq_stream *stream)
{
    return !stream->ours && iq_stream_is_bi(stream);
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
    iq_list_init(&stream->in_perhaps_delivered);
    iq_buffer_init(&stream->received, streams->chunks);
    iq_buffer_init(&stream->unacked, streams->chunks);
    iq_list_append(&streams->all, &stream->in_all);
    streams->asked_count += is_asked(stream);
    return stream;
}

void iq_stream_free(struct iq_stream *stream)
{
    stream->streams->sent_unacked -= stream->unacked.len;
    stream->streams->asked_count -= is_asked(stream);
    iq_list_remove(&stream->in_all);
    iq_list_remove(&stream->in_ready);
    iq_list_remove(&stream->in_sending);
    iq_list_remove(&stream->in_short);
    iq_list_remove(&stream->in_perhaps_delivered);
    iq_buffer_release(&stream->received);
    iq_buffer_release(&stream->unacked);
    free(stream);
}

static bool can_send(const struct iq_stream *stream)
{
    return iq_stream_is_bi(stream) || stream->ours;
}

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
    iq_stream_drop_received(stream, len);
    if (iq_stream_is_done(stream)) {
        iq_stream_make_ready(stream); /* for on_stream_closed, which waited for this */
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
        iq_stream_give_credit(stream, more);
    }
}

int iq_stream_read_to_end(struct iq_stream *stream, void *data, size_t size, size_t *len)
{
    uint8_t *out = data;
    struct iq_bytes in;

    if (stream->received.len > size) {
        return IQ_ERR_TOO_LONG;
    }
    if (stream->receive_over || !iq_stream_can_receive(stream)) {
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
    if (!iq_stream_can_receive(stream) || stream->receive_over || iq_stream_at_end(stream)) {
        return;
    }
    stream->receive_over = true;
    if (!stream->receive_ended) { /* else there is nothing left that the peer could stop */
        stream->wants_stop = true;
        stream->stop_code = code;
    }
    iq_stream_drop_received(stream, stream->received.len);
    if (iq_stream_is_done(stream)) {
        iq_stream_make_ready(stream);
    }
}

uint64_t iq_stream_bytes_read(const struct iq_stream *stream) { return stream->bytes_read; }

/* Writing */

static uint64_t left(uint64_t max, uint64_t used) { return used < max ? max - used : 0; }

static uint64_t min_room(uint64_t a, uint64_t b) { return a < b ? a : b; }

/* How many bytes may be written now: up to the limits of the stream, of the connection and of the
 * endpoint, but never less than the first few, so that every stream gets on. */
static size_t room(const struct iq_stream *stream)
{
    const struct iq_streams *streams = stream->streams;
    const uint64_t held = stream->unacked.len;
    uint64_t free_room;

    free_room = min_room(left(streams->stream_send_buffer, held),
                         left(streams->conn_send_buffer, streams->sent_unacked));
    free_room = min_room(free_room, left(streams->written_max, streams->chunks->used));
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
    iq_stream_make_sending(stream);
    return taken;
}

void iq_stream_finish(struct iq_stream *stream)
{
    if (can_send(stream) && !stream->finished) {
        stream->finished = true;
        iq_list_remove(&stream->in_short);
        iq_stream_make_sending(stream);
    }
}

/* What the peer gets of it is what iroh's sends when both handles are dropped. */
void iq_stream_drop(struct iq_stream *stream)
{
    stream->dropped = true;
    iq_stream_stop(stream, 0);
    iq_stream_finish(stream);
}

void iq_stream_set_priority(struct iq_stream *stream, int32_t priority)
{
    stream->priority = priority;
    if (!iq_list_is_empty(&stream->in_sending)) {
        iq_stream_wait_for_turn(stream);
    }
}

void iq_stream_reset(struct iq_stream *stream, uint64_t code)
{
    assert(code < IQ_CODE_END);
    if (!can_send(stream)) {
        return;
    }
    stream->finished = true; /* also if there is nothing left that the peer could be told */
    if (stream->send_over || stream->delivered || stream->closed) {
        return;
    }
    stream->send_over = true;
    stream->wants_reset = true;
    stream->our_reset_code = code;
    iq_list_remove(&stream->in_short);
    iq_stream_make_sending(stream);
}

bool iq_stream_has_unsent(const struct iq_stream *stream)
{
    if (stream->send_over || stream->closed) {
        return false;
    }
    return stream->sent < stream->unacked.len || (stream->finished && !stream->finish_sent);
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
            iq_stream_make_ready(stream);
        }
    }
}
