/*
 * The inside of random play: the model, and who uses it.
 *
 * Of two sides, 0 has dialled and 1 was dialled.  The model holds what the applications know, and
 * is compared with what the library says: never is it filled in from there.
 */
#ifndef PLAY_STATE_H
#define PLAY_STATE_H

#include "play.h"
#include "watch.h"

#define PLAY_ALPN          "play/0"
#define PLAY_CONNS_MAX     4
#define PLAY_PLANS_MAX     16
#define PLAY_DATAGRAMS_MAX 64 /* in one direction of a connection */

struct play_op {
    uint8_t kind;   /* which row of the table: play_ops.c */
    uint8_t who;    /* bit 0: the node; 1 and 2: its connection; 7: in a callback */
    uint8_t which;  /* stream, or datagram on its way */
    uint8_t amount; /* how much, how long, which code */
};

/* One direction of a stream. */
struct play_half {
    /* By its writer */
    uint64_t written;
    uint64_t reset_code;
    bool finished, reset;
    bool short_of_room; /* and waits for on_stream_ready */
    bool stop_told, delivered_told;

    /* By its reader */
    uint64_t read;
    uint64_t stop_code;
    bool stopped, reset_told;
    bool end_read;
    uint64_t told_len; /* that was there, or was read, when on_stream_ready last came */
    bool told_end;
};

struct play_stream_end {
    struct play_stream *stream;
    unsigned side;
    struct iq_stream *live; /* NULL: not seen yet, or closed */
    bool closed, dropped;
};

struct play_stream {
    struct play_stream *next;
    struct play_conn *conn;
    int64_t id;
    struct play_half halves[2]; /* by the side that writes */
    struct play_stream_end ends[2];
};

struct play_conn_end {
    struct play_conn *conn;
    unsigned side;
    unsigned node;
    struct iq_conn *live; /* NULL: not accepted yet, or closed */
    bool known;           /* to its application */
    bool open, closed;
    bool closes; /* iq_conn_close() was called, with: */
    uint64_t close_code;
    uint64_t opened_count[2]; /* streams both ways, and one way */
    bool short_of_streams;    /* and waits for on_streams_allowed */
    uint32_t datagrams_sent;  /* their lengths follow */
    uint16_t datagram_lens[PLAY_DATAGRAMS_MAX];
    bool datagram_told[PLAY_DATAGRAMS_MAX]; /* at the other side */
    struct play_op plans[PLAY_PLANS_MAX];   /* for the next callbacks */
    size_t plan_count;
};

struct play_conn {
    struct play *play;
    unsigned number;
    uint8_t name[20]; /* by which the accepted one is known: the id that the first packet goes to */
    size_t name_len;
    struct play_stream *streams;
    struct play_conn_end ends[2];
};

struct play {
    struct sim *sim;
    struct sim_node *nodes[2];
    struct iq_route routes[2];
    bool reads[2];   /* handlers of the node read what comes at once */
    bool early;      /* there is early data */
    bool small;      /* windows and buffers are */
    bool closing[2]; /* iq_endpoint_close() was called */
    bool harmed;     /* the network has done something: connections may be lost */
    bool filled;     /* a wire was full: packets may be kept small, and datagrams not fit */
    struct play_conn conns[PLAY_CONNS_MAX];
    unsigned conn_count;
};

/* play.c: dials once more, unless there were enough. */
void play_dial(struct play *play, unsigned node);

/* play_handler.c */
extern const struct iq_protocol_handler play_handler, play_early_handler;

/* play_op.c */
struct play_op play_decode(const uint8_t bytes[PLAY_OP_SIZE]);
const char *play_op_name(const struct play_op *op);
void play_perform(struct play *play, const struct play_op *op);

/* Carries out what was planned for the next callback of this end; `stream` may be NULL. */
void play_perform_plan(struct play_conn_end *end, struct iq_stream *stream);

/* play_act.c: what an application does, and the model with it. */
void play_open(struct play_conn_end *end, bool both_ways);
void play_close(struct play_conn_end *end, uint64_t code);
void play_send_datagram(struct play_conn_end *end, size_t len, bool offer);
void play_update_keys(struct play_conn_end *end);
void play_write(struct play_stream_end *end, size_t len);
void play_finish(struct play_stream_end *end);
void play_reset(struct play_stream_end *end, uint64_t code);
void play_stop(struct play_stream_end *end, uint64_t code);
void play_read(struct play_stream_end *end, uint64_t len);
void play_read_to_end(struct play_stream_end *end, size_t size);
void play_drop(struct play_stream_end *end);

/* play_model.c */
struct play_stream *play_find_stream(struct play_conn *conn, int64_t id); /* made if need be */
void play_forget_stream(
    struct play_stream *stream); /* early data was refused: its id comes again */

/* The accepting side has lost the connection in the handshake, and answers its first packets a
 * second time: what the first attempt has heard of early data is a replay, and counts for nothing.
 */
void play_begin_again(struct play_conn_end *end);
void play_free_streams(struct play_conn *conn);
struct play_half *play_half_in(const struct play_stream_end *end);
struct play_half *play_half_out(const struct play_stream_end *end);
bool play_is_hushed_up(const struct play_stream_end *end);
bool play_can_read(const struct play_stream_end *end);
bool play_can_write(const struct play_stream_end *end);

/* What the two sides do not agree on yet, for people; NULL if there is nothing. */
const char *play_find_difference(const struct play_conn *conn);

/* The same for what is to close once all streams have ended. */
const char *play_find_live(const struct play_conn *conn);

#define PLAY_EXPECT(play, condition) SIM_EXPECT((play)->sim, condition)

#endif
