/*
 * The public API of one connection without a network: streams that hold what a test puts into them,
 * and take what there is room for.  What is written on iq's public headers alone runs on it.
 *
 * It asserts what the headers demand of a handler: nobody consumes more than there is, and nothing
 * is called about an object that has closed.
 */
#ifndef FAKE_CONN_H
#define FAKE_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "iq/conn.h"
#include "iq/protocol.h"
#include "iq/stream.h"

#define FAKE_STREAMS_MAX 64

struct iq_stream {
    struct iq_conn *conn;
    int64_t id;
    void *data;
    uint8_t *in; /* not consumed */
    size_t in_len;
    bool ours, shown, closed;
    bool in_ended, in_over, out_ended;
    size_t room;
    bool short_of_room;
};

struct iq_conn {
    const struct iq_protocol_handler *handler;
    void *data;
    struct iq_stream streams[FAKE_STREAMS_MAX];
    size_t stream_count;
    int64_t next_id[4]; /* of each kind */
    bool dials, open, closing;
};

/* `dials`: whether it is our side that has. */
void fake_conn_start(struct iq_conn *conn, const struct iq_protocol_handler *handler, void *data,
                     bool dials);

/* Closes what is open: every handler hears its last. */
void fake_conn_end(struct iq_conn *conn);

/* The peer's next stream; NULL if there are too many. */
struct iq_stream *fake_conn_open(struct iq_conn *conn, bool bi);

/* What the peer does on a stream, and what follows. */
void fake_stream_receive(struct iq_stream *stream, const uint8_t *data, size_t len, bool end);
void fake_stream_reset(struct iq_stream *stream, uint64_t code);
void fake_stream_stop(struct iq_stream *stream, uint64_t code);
void fake_stream_make_room(struct iq_stream *stream, size_t room);

#endif
