/*
 * The inside of HTTP/3, shared by the files that make it up: h3.c (sessions), h3_streams.c
 * (what goes in and out), h3_request.c (what the application does with requests), h3_uni.c (the
 * peer's streams of one direction), and h3_http.c (what nghttp3 is told, and tells us).
 *
 * nghttp3 sees bytes and makes bytes.  Those of a body stay in QUIC's window until the application
 * has read them: nghttp3 is fed one piece of a request's stream, and the next one only after the
 * first was read.  A piece is copied, since its headings must go.  What the application writes is
 * copied once, too: a frame says how long it is before it is known how much of it the stream takes.
 */
#ifndef IQ_H3_STATE_H
#define IQ_H3_STATE_H

#include <nghttp3/nghttp3.h>

#include "iq/h3.h"
#include "iq/stream.h"
#include "list.h"

#define IQ_H3_PIECE_MAX 16384 /* bytes fed, or framed, at once */

/* The encoder's table, and ours: a few dozen fields that repeat. */
#define IQ_H3_TABLE_SIZE 4096

struct iq_h3_session {
    struct iq_conn *conn; /* NULL before it is open */
    nghttp3_conn *http;   /* likewise */
    const struct iq_h3_handler *handler;
    void *data;
    struct iq_stream *uni[3]; /* ours: control, encoder, decoder */
    struct iq_list requests;
    size_t request_count;
    struct iq_stream *reading; /* whose bytes nghttp3 has now */
    bool is_client;
    bool is_open;     /* and the application knows it */
    bool failed;      /* nghttp3 must not be called any more */
    bool going_away;  /* we have sent GOAWAY */
    bool peer_leaves; /* it has */
};

/* A field that the peer has sent. */
struct iq_h3_stored_field {
    nghttp3_rcbuf *name;
    nghttp3_rcbuf *value;
};

struct iq_h3_request {
    struct iq_h3_session *session;
    struct iq_stream *stream;
    struct iq_list in_session;
    void *data;
    uint64_t code; /* of whoever gave up first, 0: nobody */

    /* What the peer has said */
    struct iq_h3_stored_field *fields;
    size_t field_count;
    size_t fields_size; /* as RFC 9114, section 4.2.2, counts */
    nghttp3_rcbuf *method, *path, *authority;
    int status;
    bool fields_end;
    bool fields_told;

    /* Its body */
    uint8_t *piece;    /* of it, IQ_H3_PIECE_MAX bytes; NULL: nothing has come yet */
    size_t piece_read; /* by the application */
    size_t piece_len;
    size_t fed;     /* bytes of the stream that are in it, which the stream still has */
    bool end_fed;   /* nghttp3 knows that the stream has ended */
    bool body_ends; /* behind the piece */
    bool end_told;
    bool reading_over; /* reset, stopped or cancelled: there is no more */
    bool cancelled;    /* by us: the application hears of nothing but the end */

    /* Ours */
    uint8_t *out;     /* IQ_H3_PIECE_MAX bytes, NULL: nothing was written yet */
    size_t out_len;   /* bytes in it */
    size_t out_given; /* of them to nghttp3 */
    size_t out_taken; /* of them by the stream */
    bool is_head;
    bool begun;    /* the request, or its response */
    bool bodiless; /* what is written is swallowed */
    bool finished;
    bool end_sent; /* the stream has our end */
    bool short_of_room;
    bool writing_over; /* reset or stopped */
};

/* h3.c */

/* Closes the connection for an error of nghttp3, with the code that it stands for. */
void iq_h3_fail(struct iq_h3_session *session, int rc);

/* h3_streams.c */

/* Gives the streams what nghttp3 has for them. */
void iq_h3_pump(struct iq_h3_session *session);

/* Gives nghttp3 bytes that have arrived, or the end.  Whether the session goes on. */
bool iq_h3_read(struct iq_h3_session *session, struct iq_stream *stream, const uint8_t *data,
                size_t len, bool end);

/* Consumes what nghttp3 has read, unless the stream has dropped it meanwhile. */
void iq_h3_consume(struct iq_stream *stream, size_t len);

/* What the connection tells of its streams (protocol.h). */
void iq_h3_on_stream_ready(struct iq_stream *stream);
void iq_h3_on_stream_reset(struct iq_stream *stream, uint64_t code);
void iq_h3_on_stream_stopped(struct iq_stream *stream, uint64_t code);
void iq_h3_on_stream_closed(struct iq_stream *stream);

/* h3_request.c */

/* A request on `stream`, NULL without memory. */
struct iq_h3_request *iq_h3_request_create(struct iq_h3_session *session, struct iq_stream *stream);
void iq_h3_request_free(struct iq_h3_request *request);

/* Feeds nghttp3 the next of what has arrived, unless the application has not read the last of it.
 * Whether it did. */
bool iq_h3_request_feed(struct iq_h3_request *request);

/* Wants to hear no more, and tells the peer `code` unless it has ended already. */
void iq_h3_request_stop_reading(struct iq_h3_request *request, uint64_t code);

/* h3_uni.c */

/* Reads what has arrived on a stream of the peer's that has one direction. */
void iq_h3_uni_read(struct iq_h3_session *session, struct iq_stream *stream);
void iq_h3_uni_free(struct iq_stream *stream); /* what that has kept */

/* h3_http.c */
IQ_MUST_CHECK int iq_h3_http_new(struct iq_h3_session *session);
IQ_MUST_CHECK int iq_h3_http_submit_question(struct iq_h3_request *request,
                                             const struct iq_h3_question *question);
IQ_MUST_CHECK int iq_h3_http_submit_response(struct iq_h3_request *request, int status,
                                             const struct iq_h3_field *fields, size_t count);

/* Forgets what the peer has said so far. */
void iq_h3_http_drop_fields(struct iq_h3_request *request);

#endif
