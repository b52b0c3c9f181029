/*
 * The inside of streams: what stream.c keeps, what stream_note.c notes, and what the connection
 * does with both.
 *
 * A stream never calls upward.  What the application wants of it is noted here, and its connection
 * carries it to ngtcp2 in the next turn (`sending`); what ngtcp2 has to say is noted by
 * conn_quic.c, and told to the application in the same turn (`ready`).
 */
#ifndef IQ_STREAM_STATE_H
#define IQ_STREAM_STATE_H

#include "agenda.h"
#include "buffer.h"
#include "iq/stream.h"
#include "list.h"

/* What the streams of one connection share. */
struct iq_streams {
    struct iq_conn *conn; /* whom they belong to */
    struct iq_agenda *agenda;
    struct iq_chunk_pool *chunks;
    struct iq_list *on_agenda; /* the connection's entry */
    struct iq_list all;
    struct iq_list ready;   /* have news for the handler */
    struct iq_list sending; /* have something for ngtcp2, by their priority */
    struct iq_list short_of_room;
    struct iq_list perhaps_delivered; /* all of it acknowledged, perhaps not the end */
    int64_t next_of_peer[2];     /* the lowest id that the peer has not used: both ways, one way */
    uint64_t stream_send_buffer; /* limits, as in struct iq_endpoint_config */
    uint64_t conn_send_buffer;
    uint64_t written_max;  /* of `chunks`: bytes in use with which little more is taken */
    size_t asked_count;    /* streams that the peer has opened both ways */
    uint64_t sent_unacked; /* bytes in all send buffers */
    uint64_t credit;       /* bytes read of all streams, that the peer may send again */
    bool out_of_memory;    /* the connection cannot go on */
    bool closed;           /* the connection is closing: nothing is read or sent any more */
};

struct iq_stream {
    struct iq_streams *streams;
    int64_t id;
    void *data;
    struct iq_list in_all;
    struct iq_list in_ready;
    struct iq_list in_sending;
    struct iq_list in_short;
    struct iq_list in_perhaps_delivered;

    struct iq_buffer received; /* and not consumed */
    uint64_t bytes_read;
    uint64_t credit;       /* bytes that the peer may send again on this stream */
    uint64_t credit_ahead; /* bytes of `received` for which that was given already */
    uint64_t stop_code;
    uint64_t reset_code; /* the peer's */

    struct iq_buffer unacked; /* written and not acknowledged */
    size_t sent;              /* bytes of `unacked` that ngtcp2 has */
    uint64_t waits_from_ns;   /* for the first of them to be acknowledged */
    uint64_t our_reset_code;
    uint64_t stopped_code; /* the peer's */
    int32_t priority;

    bool ours;
    bool unknown_to_quic; /* opened by the peer only by its use of a higher id */
    bool receive_ended;   /* the peer's end has arrived */
    bool receive_over;    /* nothing more will be read: reset, or stopped */
    bool finished;        /* by us: the end follows `unacked` */
    bool finish_sent;
    bool finish_sent_alone; /* after all bytes, in a frame without any */
    bool finish_acked;
    bool delivered; /* all bytes were acknowledged, and the end */
    bool send_over; /* reset by us, or stopped by the peer */
    bool abandoned; /* the peer has reset it, or stopped us, and not because we did */
    bool closed;    /* ngtcp2 has forgotten it */
    bool shown;     /* the handler knows it */
    bool dropped;   /* and wants to hear of it no more, but for its end */

    /* Not yet told to the handler */
    bool end_told; /* on_stream_ready has seen the peer's end */
    bool news_ready;
    bool news_reset;
    bool news_stopped;
    bool news_delivered;

    /* Not yet told to ngtcp2 */
    bool wants_stop;
    bool wants_reset;
};

/* `dials`: whether our side opened the connection, which decides the ids of streams. */
void iq_streams_init(struct iq_streams *streams, bool dials);

/* A new stream at the end of `all`, NULL without memory. */
struct iq_stream *iq_stream_new(struct iq_streams *streams, int64_t id, bool ours);
void iq_stream_free(struct iq_stream *stream);

/* stream_note.c */

void iq_stream_make_ready(struct iq_stream *stream);   /* the handler is to hear of it */
void iq_stream_make_sending(struct iq_stream *stream); /* ngtcp2 is to hear of it */

/* Puts it in `sending`, or moves it there, behind those of the same priority. */
void iq_stream_wait_for_turn(struct iq_stream *stream);

/* Gives the peer back the right to send `len` bytes. */
void iq_stream_give_credit(struct iq_stream *stream, uint64_t len);

/* Drops `len` received bytes, and gives back the credit for them. */
void iq_stream_drop_received(struct iq_stream *stream, size_t len);

bool iq_stream_can_receive(const struct iq_stream *stream);

/* What ngtcp2 has said.  Each puts the stream on `ready` if its handler is to hear of it. */
void iq_stream_note_opened(struct iq_stream *stream);
void iq_stream_note_known(struct iq_stream *stream); /* it was `unknown_to_quic` */
IQ_MUST_CHECK int iq_stream_note_data(struct iq_stream *stream, const void *data, size_t len,
                                      bool end);
void iq_stream_note_reset(struct iq_stream *stream, uint64_t code);
void iq_stream_note_stopped(struct iq_stream *stream, uint64_t code);
void iq_stream_note_acked(struct iq_stream *stream, size_t len);
void iq_stream_note_closed(struct iq_stream *stream, bool cleanly); /* not stopped */
void iq_streams_note_nothing_in_flight(struct iq_streams *streams);

/* Early data was refused: nothing of any stream has ever been heard. */
void iq_streams_note_refused(struct iq_streams *streams);

/* Whether on_stream_closed is due: ngtcp2 has forgotten the stream, and everything was read. */
bool iq_stream_is_done(const struct iq_stream *stream);

/* stream.c */

/* Makes those ready that were short of room, and have enough now. */
void iq_streams_offer_room(struct iq_streams *streams);

/* Whether ngtcp2 is to be given bytes, or the end. */
bool iq_stream_has_unsent(const struct iq_stream *stream);

#endif
