/*
 * What is noted of a stream: for its handler what ngtcp2 has said, and for ngtcp2 that there is
 * something to be said.
 */
#include "stream_state.h"

#include <assert.h>

void iq_stream_make_ready(struct iq_stream *stream)
{
    struct iq_streams *streams = stream->streams;

    if (iq_list_is_empty(&stream->in_ready)) {
        iq_list_append(&streams->ready, &stream->in_ready);
    }
    iq_agenda_add(streams->agenda, streams->on_agenda);
}

/* Where most have the same priority, the first look is at the right place. */
void iq_stream_wait_for_turn(struct iq_stream *stream)
{
    struct iq_list *sending = &stream->streams->sending;
    struct iq_list *place = sending; /* in front of which it goes */

    iq_list_remove(&stream->in_sending);
    while (place->prev != sending &&
           IQ_CONTAINER_OF(place->prev, struct iq_stream, in_sending)->priority <
               stream->priority) {
        place = place->prev;
    }
    iq_list_append(place, &stream->in_sending);
}

void iq_stream_make_sending(struct iq_stream *stream)
{
    struct iq_streams *streams = stream->streams;

    if (streams->closed) {
        return;
    }
    if (iq_list_is_empty(&stream->in_sending)) {
        iq_stream_wait_for_turn(stream);
    }
    iq_agenda_add(streams->agenda, streams->on_agenda);
}

void iq_stream_give_credit(struct iq_stream *stream, uint64_t len)
{
    stream->credit += len;
    stream->streams->credit += len;
    iq_stream_make_sending(stream);
}

void iq_stream_drop_received(struct iq_stream *stream, size_t len)
{
    const uint64_t ahead = len < stream->credit_ahead ? len : stream->credit_ahead;

    iq_buffer_drop(&stream->received, len);
    stream->credit_ahead -= ahead;
    iq_stream_give_credit(stream, len - ahead);
}

bool iq_stream_can_receive(const struct iq_stream *stream)
{
    return iq_stream_is_bi(stream) || !stream->ours;
}

bool iq_stream_is_done(const struct iq_stream *stream)
{
    return stream->closed && (stream->receive_over || stream->received.len == 0);
}

/* What ngtcp2 has said */

void iq_stream_note_opened(struct iq_stream *stream)
{
    stream->news_ready = true;
    iq_stream_make_ready(stream);
}

void iq_stream_note_known(struct iq_stream *stream)
{
    stream->unknown_to_quic = false;
    iq_stream_make_sending(stream); /* what the handler has wanted of it so far */
}

int iq_stream_note_data(struct iq_stream *stream, const void *data, size_t len, bool end)
{
    if (stream->receive_over || stream->streams->closed) { /* it crossed our stop, or our close */
        stream->streams->credit += len;
        return 0;
    }
    if (iq_buffer_append(&stream->received, data, len) != 0) {
        return IQ_ERR_NOMEM;
    }
    stream->receive_ended = end;
    stream->news_ready = true;
    iq_stream_make_ready(stream);
    return 0;
}

void iq_stream_note_reset(struct iq_stream *stream, uint64_t code)
{
    if (stream->receive_over || stream->receive_ended) { /* we have, or want, nothing to lose */
        return;
    }
    stream->receive_over = true;
    stream->abandoned = true;
    stream->reset_code = code;
    stream->news_reset = true;
    iq_stream_drop_received(stream, stream->received.len);
    iq_stream_make_ready(stream);
}

void iq_stream_note_stopped(struct iq_stream *stream, uint64_t code)
{
    if (stream->send_over || stream->delivered) { /* nothing is left that it could stop */
        return;
    }
    stream->send_over = true;
    stream->abandoned = true;
    stream->stopped_code = code;
    stream->news_stopped = true;
    stream->news_ready = true; /* what did not fit before is swallowed now */
    iq_list_remove(&stream->in_short);
    iq_stream_make_ready(stream);
}

static void note_delivered(struct iq_stream *stream)
{
    if (!stream->delivered && !stream->send_over) {
        stream->delivered = true;
        stream->news_delivered = true;
        iq_list_remove(&stream->in_perhaps_delivered);
        iq_stream_make_ready(stream);
    }
}

/*
 * Whether the end is among what was acknowledged, ngtcp2 tells only by `len` being 0: the frame had
 * the end, and no bytes that are new.  If the end was sent with the last bytes then it is in every
 * frame that has these.  If it was sent alone, a frame that was lost and sent again may have both,
 * and then nobody tells.
 */
void iq_stream_note_acked(struct iq_stream *stream, size_t len)
{
    assert(len <= stream->sent);
    iq_buffer_drop(&stream->unacked, len);
    stream->sent -= len;
    stream->waits_from_ns = stream->streams->agenda->now_ns;
    stream->streams->sent_unacked -= len;
    if (!stream->finish_sent) {
        return;
    }
    stream->finish_acked = stream->finish_acked || len == 0;
    if (stream->unacked.len > 0) {
        return;
    }
    if (stream->finish_acked || !stream->finish_sent_alone) {
        note_delivered(stream);
    } else {
        iq_list_append(&stream->streams->perhaps_delivered, &stream->in_perhaps_delivered);
    }
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
        iq_stream_make_ready(stream);
    }
}

void iq_streams_note_nothing_in_flight(struct iq_streams *streams)
{
    struct iq_list *node;

    while ((node = iq_list_pop(&streams->perhaps_delivered)) != NULL) {
        note_delivered(IQ_CONTAINER_OF(node, struct iq_stream, in_perhaps_delivered));
    }
}

void iq_stream_note_closed(struct iq_stream *stream, bool cleanly)
{
    stream->closed = true;
    if (cleanly && stream->finish_sent) {
        note_delivered(stream);
    }
    if (iq_stream_can_receive(stream) && !stream->receive_ended) {
        stream->receive_over = true;
    }
    iq_stream_make_ready(stream);
}
