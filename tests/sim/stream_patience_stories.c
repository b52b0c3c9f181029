/* Streams of peers that take their time, never come to an end, or open what nobody asked for. */
#include "story.h"

#define A_WHILE (20 * SIM_SECOND)

/* The peer sends everything at once, and reads nothing of the echo until much later */

struct late {
    struct iq_stream *stream;
    uint64_t sent, received;
    bool reads, ended;
};

static void late_ready(struct iq_stream *stream)
{
    struct late *late = iq_conn_data(iq_stream_conn(stream));
    const uint64_t len = 2000000; /* what fits nowhere on the way, but everywhere together */

    app_write(stream, &late->sent, len);
    if (late->sent == len) {
        iq_stream_finish(stream);
    }
    if (late->reads) {
        app_read(stream, &late->received);
        late->ended = iq_stream_at_end(stream);
    }
}

static const struct iq_protocol_handler late_handler = {.on_stream_ready = late_ready};

static void tell_read_late(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct late late = {0};
    struct iq_conn *conn = story_connect(&pair, &late_handler, &late);

    SIM_EXPECT(pair.sim, watch_open_bi(&late.stream, conn) == 0);
    late_ready(late.stream);
    sim_run_for(pair.sim, 60 * SIM_SECOND);
    SIM_EXPECT(pair.sim, late.sent == 2000000 && watch_live_conns(pair.sim) == 2);
    late.reads = true;
    late_ready(late.stream);
    sim_run_for(pair.sim, 60 * SIM_SECOND);
    SIM_EXPECT(pair.sim, late.received == late.sent && late.ended);
    SIM_EXPECT(pair.sim, watch_live_streams(pair.sim) == 0);
    sim_free(pair.sim);
}

/* The peer opens all the streams that it may, and ends none.  They cost little, the connection
 * lives, and goes with all of them when the peer closes it. */
static void tell_never_ended(const struct sim_options *options)
{
    static const struct iq_protocol_handler silent = {.on_stream_ready = NULL};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct iq_conn *conn = story_connect(&pair, &silent, NULL);
    const size_t live_before = sim_live_bytes();
    struct iq_stream *stream;
    unsigned i;

    for (i = 0; i < 100; i++) {
        SIM_EXPECT(pair.sim, watch_open_bi(&stream, conn) == 0);
        SIM_EXPECT(pair.sim, iq_stream_write(stream, "x", 1) == 1);
    }
    SIM_EXPECT(pair.sim, watch_open_bi(&stream, conn) == IQ_ERR_STREAM_LIMIT);
    sim_run_for(pair.sim, 3600 * SIM_SECOND);
    SIM_EXPECT(pair.sim, watch_live_conns(pair.sim) == 2 && watch_live_streams(pair.sim) == 200);
    SIM_EXPECT(pair.sim, sim_live_bytes() - live_before < (size_t)200 * 4096);
    SIM_EXPECT(pair.sim, watch_open_bi(&stream, conn) == IQ_ERR_STREAM_LIMIT);
    iq_conn_close(conn, 0, NULL);
    sim_run(pair.sim, 100 * SIM_SECOND);
    SIM_EXPECT(pair.sim, watch_live_conns(pair.sim) == 0 && watch_live_streams(pair.sim) == 0);
    sim_free(pair.sim);
}

/* The peer opens streams that an echo cannot answer, and the accept side opens one too; on the same
 * connection an echo comes back. */

static void confused_ready(struct iq_stream *stream)
{
    const struct late *late = iq_conn_data(iq_stream_conn(stream));

    if (stream == late->stream) {
        late_ready(stream);
    }
}

static void tell_confused(const struct sim_options *options)
{
    static const struct iq_protocol_handler handler = {.on_stream_ready = confused_ready};
    static const uint8_t bytes[3000];
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct late late = {.reads = true};
    struct iq_conn *conn = story_connect(&pair, &handler, &late);
    struct iq_stream *stream;
    unsigned i;

    for (i = 0; i < 20; i++) {
        SIM_EXPECT(pair.sim, watch_open_uni(&stream, conn) == 0);
        SIM_EXPECT(pair.sim, iq_stream_write(stream, bytes, sizeof(bytes)) == sizeof(bytes));
        if (i % 2 == 0) {
            iq_stream_finish(stream);
        }
    }
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, watch_open_bi(&stream, watch_conn(pair.accepts, 0)) == 0);
    SIM_EXPECT(pair.sim, iq_stream_write(stream, bytes, sizeof(bytes)) == sizeof(bytes));
    SIM_EXPECT(pair.sim, watch_open_bi(&late.stream, conn) == 0);
    late_ready(late.stream);
    sim_run_for(pair.sim, 60 * SIM_SECOND);
    SIM_EXPECT(pair.sim, late.received == late.sent && late.ended);
    SIM_EXPECT(pair.sim, watch_live_conns(pair.sim) == 2);
    sim_free(pair.sim);
}

/* More bytes than 32 bits can count, in both directions of one stream */
static void tell_5_gb(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = story_scale(500) * UINT64_C(10000000)};

    pair.sim->check_every = 16;
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 100000 * SIM_SECOND);
    sim_free(pair.sim);
}

const struct story stream_patience_stories[] = {
    {.name = "streams_read_late", .run = tell_read_late, .seeds = 3},
    {.name = "streams_never_ended", .run = tell_never_ended},
    {.name = "streams_confused", .run = tell_confused, .seeds = 3},
    {.name = "long_5_gb", .run = tell_5_gb, .weather = STORY_CALM_ONLY},
    {0},
};
