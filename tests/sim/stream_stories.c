/* Streams: many of them, in both directions, and how they are read. */
#include <string.h>

#include "story.h"

/* Long enough for everything that is lost to be sent again. */
#define A_WHILE (20 * SIM_SECOND)

static void tell_100_at_once(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 20000, .stream_count = 100, .at_once = 100};

    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 120 * SIM_SECOND);
    sim_free(pair.sim);
}

static void tell_2000_in_a_row(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 32, .stream_count = 2000, .at_once = 1};

    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 3600 * SIM_SECOND);
    sim_free(pair.sim);
}

/* More than the peer allows: on_streams_allowed() says when to go on. */
static void tell_more_than_allowed(const struct sim_options *options)
{
    const struct iq_endpoint_config few = {.max_streams_bi = 3};
    struct story_pair pair = story_pair(options, NULL, &few);
    struct app_task task = {.len = 3000, .stream_count = 300, .at_once = 50};

    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 3600 * SIM_SECOND);
    sim_free(pair.sim);
}

/* A peer that sends for ever and never reads */

struct glutton {
    uint64_t sent;
    struct iq_stream *stream;
};

static void glutton_ready(struct iq_stream *stream)
{
    struct glutton *glutton = iq_conn_data(iq_stream_conn(stream));

    app_write(stream, &glutton->sent, UINT64_MAX);
}

static void glutton_connect(struct iq_conn *conn)
{
    struct glutton *glutton = iq_conn_data(conn);

    SIM_EXPECT(sim_node_of(iq_conn_endpoint(conn))->sim,
               watch_open_bi(&glutton->stream, conn) == 0);
    glutton_ready(glutton->stream);
}

static const struct iq_protocol_handler glutton_handler = {.on_connect = glutton_connect,
                                                           .on_stream_ready = glutton_ready};

/* The connection's window is the bound: those of the streams grow up to it. */
static void tell_never_reads(const struct sim_options *options)
{
    static const struct iq_endpoint_config small = {
        .stream_window = 65536, .conn_window = 65536, .stream_send_buffer = 32768};
    struct story_pair pair = story_pair(options, &small, &small);
    struct glutton glutton = {0};
    const struct iq_conn *accepted;
    const size_t live_before = sim_live_bytes();

    (void)story_connect(&pair, &glutton_handler, &glutton);
    sim_run_for(pair.sim, 120 * SIM_SECOND);
    accepted = watch_conn(pair.accepts, 0);
    SIM_EXPECT(pair.sim, accepted != NULL);
    SIM_EXPECT(pair.sim, accepted->streams.sent_unacked <= small.stream_send_buffer);
    /* What is on its way: our window, the echo's send buffer, the dialling side's window and send
     * buffer; and room for chunks, and for the two connections. */
    SIM_EXPECT(pair.sim, glutton.sent <= 2 * (small.stream_window + small.stream_send_buffer));
    SIM_EXPECT(pair.sim, glutton.sent >= 2 * small.stream_window);
    SIM_EXPECT(pair.sim, sim_live_bytes() - live_before <=
                             2 * (small.stream_window + small.stream_send_buffer) + 300000);
    sim_free(pair.sim);
}

static void leave_unread(struct iq_stream *stream) {}

/* Nor does the application on the other side: no window grows that nobody has used. */
static void tell_nobody_reads(const struct sim_options *options)
{
    static const struct iq_protocol_handler asleep = {.on_stream_ready = leave_unread};
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &asleep}, {0}};
    static const struct iq_endpoint_config small = {.stream_window = 65536,
                                                    .stream_send_buffer = 32768};
    struct story_pair pair = {.sim = sim_new(options)};
    struct glutton glutton = {0};

    pair.dials = sim_add_endpoint(pair.sim, &small);
    pair.accepts = sim_add_endpoint(pair.sim, &small);
    watch_listen(pair.accepts, routes);
    (void)story_connect(&pair, &glutton_handler, &glutton);
    sim_run_for(pair.sim, 120 * SIM_SECOND);
    SIM_EXPECT(pair.sim, glutton.sent >= small.stream_window);
    SIM_EXPECT(pair.sim, glutton.sent <= small.stream_window + small.stream_send_buffer);
    sim_free(pair.sim);
}

/* Memory follows what is held, not the window: a byte on each of many streams is little. */
static void tell_one_byte_each(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {
        .len = 1, .stream_count = 100, .at_once = 100, .end_alone = true, .stay = true};
    size_t live_before;

    app_dial(&task, pair.dials, pair.accepts);
    while (!task.connected && sim_step(pair.sim)) {
    }
    live_before = sim_live_bytes();
    while (task.received < 50 && sim_step(pair.sim)) {
    }
    SIM_EXPECT(pair.sim, sim_live_bytes() - live_before < (size_t)100 * 4096);
    sim_free(pair.sim);
}

/* Streams in one direction */

struct one_way {
    uint64_t sent, received;
    unsigned ended;
    struct iq_stream *stream;
};

#define ONE_WAY_LEN 100000

static void one_way_ready(struct iq_stream *stream)
{
    struct one_way *self = iq_conn_data(iq_stream_conn(stream));
    struct sim *sim = sim_node_of(iq_conn_endpoint(iq_stream_conn(stream)))->sim;

    SIM_EXPECT(sim, !iq_stream_is_bi(stream));
    if (iq_stream_is_ours(stream)) {
        app_write(stream, &self->sent, ONE_WAY_LEN);
        if (self->sent == ONE_WAY_LEN) {
            iq_stream_finish(stream);
        }
        return;
    }
    SIM_EXPECT(sim, iq_stream_write(stream, "x", 1) == 0);
    app_read(stream, &self->received);
    self->ended += iq_stream_at_end(stream);
}

static void one_way_open(struct iq_conn *conn)
{
    struct one_way *self = iq_conn_data(conn);

    SIM_EXPECT(sim_node_of(iq_conn_endpoint(conn))->sim, watch_open_uni(&self->stream, conn) == 0);
    one_way_ready(self->stream);
}

static void tell_uni_both_ways(const struct sim_options *options)
{
    static const struct iq_protocol_handler handler = {
        .on_accept = one_way_open, .on_connect = one_way_open, .on_stream_ready = one_way_ready};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct one_way sides[2] = {0};
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &handler, .data = &sides[1]},
                                      {0}};
    unsigned i;

    watch_listen(pair.accepts, routes);
    (void)story_connect(&pair, &handler, &sides[0]);
    sim_run_for(pair.sim, 30 * SIM_SECOND);
    for (i = 0; i < 2; i++) {
        SIM_EXPECT(pair.sim, sides[i].received == ONE_WAY_LEN);
        SIM_EXPECT(pair.sim, sides[i].ended == 1);
    }
    SIM_EXPECT(pair.sim, watch_live_streams(pair.sim) == 0);
    sim_free(pair.sim);
}

/* The use of a stream opens those below it */

struct ids {
    int64_t ids[16];
    unsigned count;
    unsigned ended;
};

static void ids_ready(struct iq_stream *stream)
{
    struct ids *ids = iq_conn_data(iq_stream_conn(stream));
    struct iq_bytes in;

    if (iq_stream_data(stream) == NULL) { /* its first appearance; we are first to speak */
        iq_stream_set_data(stream, ids);
        ids->ids[ids->count++ % 16] = iq_stream_id(stream);
        (void)iq_stream_write(stream, "hello", 5);
        iq_stream_finish(stream);
    }
    while ((in = iq_stream_peek(stream)).len > 0) {
        iq_stream_consume(stream, in.len);
    }
    ids->ended += iq_stream_at_end(stream);
}

static void read_away(struct iq_stream *stream)
{
    iq_stream_consume(stream, iq_stream_peek(stream).len);
}

static void tell_implicit(const struct sim_options *options)
{
    static const struct iq_protocol_handler accepting = {.on_stream_ready = ids_ready};
    static const struct iq_protocol_handler patient = {.on_stream_ready = read_away};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct ids ids = {0};
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &accepting, .data = &ids}, {0}};
    struct iq_stream *streams[4];
    struct iq_conn *conn;
    unsigned i;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &patient, NULL);
    for (i = 0; i < 4; i++) {
        SIM_EXPECT(pair.sim, watch_open_bi(&streams[i], conn) == 0);
    }
    (void)iq_stream_write(streams[3], "x", 1);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, ids.count == 4);
    for (i = 0; i < 4; i++) {
        SIM_EXPECT(pair.sim, ids.ids[i] == (int64_t)i * 4);
    }
    for (i = 0; i < 4; i++) { /* the highest first: each becomes known */
        iq_stream_finish(streams[3 - i]);
        sim_run_for(pair.sim, A_WHILE);
    }
    SIM_EXPECT(pair.sim, ids.count == 4);
    SIM_EXPECT(pair.sim, ids.ended == 4);
    SIM_EXPECT(pair.sim, watch_live_streams(pair.sim) == 0);
    sim_free(pair.sim);
}

/* Who opens a stream and wants no answer, before saying anything: the peer sees a stream whose own
 * side is stopped, and can still hear what comes. */

struct stopped {
    unsigned opened, stopped, ended;
    uint64_t code;
};

static void stopped_ready(struct iq_stream *stream)
{
    struct stopped *stopped = iq_conn_data(iq_stream_conn(stream));

    stopped->opened += iq_stream_data(stream) == NULL;
    iq_stream_set_data(stream, stopped);
    (void)iq_stream_write(stream, "swallowed", 9);
    iq_stream_consume(stream, iq_stream_peek(stream).len);
    stopped->ended += iq_stream_at_end(stream);
}

static void stopped_stopped(struct iq_stream *stream, uint64_t code)
{
    struct stopped *stopped = iq_conn_data(iq_stream_conn(stream));

    stopped->stopped++;
    stopped->code = code;
}

static void tell_stop_opens(const struct sim_options *options)
{
    static const struct iq_protocol_handler accepting = {.on_stream_ready = stopped_ready,
                                                         .on_stream_stopped = stopped_stopped};
    static const struct iq_protocol_handler patient = {.on_stream_ready = read_away};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct stopped stopped = {0};
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &accepting, .data = &stopped},
                                      {0}};
    struct iq_stream *stream;
    struct iq_conn *conn;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &patient, NULL);
    SIM_EXPECT(pair.sim, watch_open_bi(&stream, conn) == 0);
    iq_stream_stop(stream, 42);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, stopped.stopped == 1 && stopped.code == 42 && stopped.ended == 0);
    (void)iq_stream_write(stream, "all the same", 12);
    iq_stream_finish(stream);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, stopped.opened == 1 && stopped.ended == 1 && stopped.stopped == 1);
    SIM_EXPECT(pair.sim, watch_live_streams(pair.sim) == 0);
    sim_free(pair.sim);
}

/* Reading to the end at once */

static const struct read_row {
    const char *name;
    size_t len, size;
    bool is_reset;
    int result;
} read_rows[] = {
    {.name = "nothing, no room", .len = 0, .size = 0},
    {.name = "one byte", .len = 1, .size = 1},
    {.name = "one byte, no room", .len = 1, .size = 0, .result = IQ_ERR_TOO_LONG},
    {.name = "with room left", .len = 1000, .size = 2000},
    {.name = "exactly full", .len = 1000, .size = 1000},
    {.name = "one too many", .len = 1001, .size = 1000, .result = IQ_ERR_TOO_LONG},
    {.name = "the window", .len = 16384, .size = 16384},
    {.name = "the window and one", .len = 16385, .size = 16384, .result = IQ_ERR_TOO_LONG},
    {.name = "more than both windows", .len = 300000, .size = 300000},
    {.name = "more than both windows, and room left", .len = 300000, .size = 400000},
    {.name = "more than both windows, one too many",
     .len = 300001,
     .size = 300000,
     .result = IQ_ERR_TOO_LONG},
    {.name = "reset", .len = 500, .size = 1000, .is_reset = true, .result = IQ_ERR_CLOSED},
};

struct reader {
    const struct read_row *row;
    uint8_t data[400000];
    size_t len;
    uint64_t sent;
    int result;
};

static void reader_sends(struct iq_stream *stream)
{
    struct reader *reader = iq_conn_data(iq_stream_conn(stream));

    app_write(stream, &reader->sent, reader->row->len);
    if (reader->row->is_reset) {
        iq_stream_reset(stream, 77);
    } else if (reader->sent == reader->row->len) {
        iq_stream_finish(stream);
    }
}

static void reader_reads(struct iq_stream *stream)
{
    struct reader *reader = iq_conn_data(iq_stream_conn(stream));

    if (reader->result == IQ_ERR_AGAIN) {
        reader->result =
            iq_stream_read_to_end(stream, reader->data, reader->row->size, &reader->len);
        if (reader->result == IQ_ERR_TOO_LONG) {
            iq_stream_stop(stream, 99);
        }
    }
}

static void reader_is_reset(struct iq_stream *stream, uint64_t code) { reader_reads(stream); }

static void reader_connect(struct iq_conn *conn)
{
    struct iq_stream *stream;

    SIM_EXPECT(sim_node_of(iq_conn_endpoint(conn))->sim, watch_open_bi(&stream, conn) == 0);
    iq_stream_finish(stream);
}

static void read_row(const struct sim_options *options, const struct read_row *row)
{
    static const struct iq_protocol_handler dialling = {
        .on_connect = reader_connect,
        .on_stream_ready = reader_reads,
        .on_stream_reset = reader_is_reset,
    };
    static const struct iq_protocol_handler accepting = {.on_stream_ready = reader_sends};
    static const struct iq_endpoint_config small = {.stream_window = 16384, .conn_window = 32768};
    static struct reader reader;
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &accepting, .data = &reader},
                                      {0}};
    struct story_pair pair = story_pair(options, &small, &small);
    size_t i;

    reader = (struct reader){.row = row, .result = IQ_ERR_AGAIN};
    watch_listen(pair.accepts, routes);
    (void)story_connect(&pair, &dialling, &reader);
    sim_run_for(pair.sim, 60 * SIM_SECOND);
    if (reader.result != row->result || (reader.result == 0 && reader.len != row->len)) {
        SIM_FAIL(pair.sim, "%s: result %d, %zu bytes", row->name, reader.result, reader.len);
    }
    for (i = 0; i < reader.len; i++) {
        SIM_EXPECT(pair.sim, reader.data[i] == app_pattern(0, i));
    }
    SIM_EXPECT(pair.sim, watch_live_streams(pair.sim) == 0);
    sim_free(pair.sim);
}

static void tell_read_to_end(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(read_rows) / sizeof(read_rows[0]); i++) {
        read_row(options, &read_rows[i]);
    }
}

const struct story stream_stories[] = {
    {.name = "streams_100_at_once", .run = tell_100_at_once},
    {.name = "streams_2000_in_a_row", .run = tell_2000_in_a_row},
    {.name = "streams_more_than_allowed", .run = tell_more_than_allowed},
    {.name = "streams_never_read", .run = tell_never_reads},
    {.name = "streams_nobody_reads", .run = tell_nobody_reads},
    {.name = "streams_one_byte_each", .run = tell_one_byte_each},
    {.name = "streams_uni_both_ways", .run = tell_uni_both_ways, .seeds = 5},
    {.name = "streams_stop_opens", .run = tell_stop_opens, .seeds = 3},
    {.name = "streams_implicit", .run = tell_implicit, .seeds = 5},
    {.name = "streams_read_to_end", .run = tell_read_to_end, .seeds = 3},
    {0},
};
