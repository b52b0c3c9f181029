/* What the dialling side wants of its streams while the handshake lasts: to stop, and to reset. */
#include "story.h"

#define A_WHILE (5 * SIM_SECOND)

/* When the dialling side opens its stream, and what it wants of it then. */
static struct {
    bool early, writes, stops;
} wish;

/* What the accepting side has heard. */
static struct {
    unsigned resets, stops;
    uint64_t code;
} heard;

static void make_wish(struct iq_conn *conn)
{
    const struct sim *sim = sim_node_of(iq_conn_endpoint(conn))->sim;
    struct iq_stream *stream;

    SIM_EXPECT(sim, watch_open_bi(&stream, conn) == 0);
    if (wish.writes) {
        SIM_EXPECT(sim, iq_stream_write(stream, "wish", 4) == 4);
    }
    if (wish.stops) {
        iq_stream_stop(stream, 5);
    } else {
        iq_stream_reset(stream, 5);
    }
}

static void on_connect_early(struct iq_conn *conn)
{
    if (wish.early) {
        make_wish(conn);
    }
}

static void on_connect(struct iq_conn *conn)
{
    if (iq_conn_is_resumed(conn) && !wish.early) {
        make_wish(conn);
    }
}

static void ignore_conn(struct iq_conn *conn) {}

static void ignore_stream(struct iq_stream *stream) {}

static void note_reset(struct iq_stream *stream, uint64_t code)
{
    heard.resets++;
    heard.code = code;
}

static void note_stopped(struct iq_stream *stream, uint64_t code)
{
    heard.stops++;
    heard.code = code;
}

static const struct iq_protocol_handler wishes = {.on_connect_early = on_connect_early,
                                                  .on_connect = on_connect};

static const struct iq_protocol_handler hears = {
    .on_accept_early = ignore_conn,
    .on_stream_ready = ignore_stream,
    .on_stream_reset = note_reset,
    .on_stream_stopped = note_stopped,
};

static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &hears}, {0}};

static void dial_twice(const struct sim_options *options)
{
    const struct iq_endpoint_config keeps_sessions = {.sessions_max = 2};
    struct story_pair pair = story_pair(options, &keeps_sessions, &keeps_sessions);
    struct iq_conn *first;

    heard.resets = heard.stops = 0;
    watch_listen(pair.accepts, routes);
    first = story_connect(&pair, &wishes, NULL);
    sim_run_for(pair.sim, A_WHILE); /* its session comes */
    iq_conn_close(first, 0, NULL);
    sim_run_for(pair.sim, A_WHILE);
    (void)story_connect(&pair, &wishes, NULL);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, heard.stops == wish.stops && heard.resets == !wish.stops);
    SIM_EXPECT(pair.sim, heard.code == 5);
    sim_free(pair.sim);
}

static void tell_wishes(const struct sim_options *options)
{
    unsigned which;

    for (which = 0; which < 8; which++) {
        wish.early = (which & 1) != 0;
        wish.writes = (which & 2) != 0;
        wish.stops = (which & 4) != 0;
        dial_twice(options);
    }
}

const struct story early_wish_stories[] = {
    {.name = "early_wishes", .run = tell_wishes, .seeds = 5},
    {0},
};
