/* Handlers that do the most awkward things, in every callback that they get. */
#include "story.h"

#define ALL_IS_OVER (100 * SIM_SECOND)

/* Handlers that do the most awkward things in their k-th callback */

enum mischief {
    CLOSE_OWN_CONN,
    CLOSE_EVERY_CONN,
    CLOSE_OWN_ENDPOINT,
    CLOSE_BOTH_ENDPOINTS,
    RESET_STREAM,
    STOP_STREAM,
    RESET_AND_STOP,
    FINISH_STREAM,
    OPEN_STREAM,
    OPEN_AND_RESET,
    DIAL,
    DIAL_AND_CLOSE,
    MISCHIEF_COUNT
};

struct mischief_maker {
    enum mischief mischief;
    uint64_t at;           /* which callback */
    struct app_task other; /* of the connection that is dialled */
};

static void close_every_conn(struct sim *sim)
{
    struct iq_conn *conn;
    size_t i, k;

    for (i = 0; i < sim->node_count; i++) {
        for (k = 0; (conn = watch_conn(&sim->nodes[i], k)) != NULL; k++) {
            iq_conn_close(conn, 1, "all");
        }
    }
}

static void reset_and_stop(struct iq_stream *stream, bool reset, bool stop)
{
    if (stream != NULL && reset) {
        iq_stream_reset(stream, 3);
        iq_stream_reset(stream, 4);
    }
    if (stream != NULL && stop) {
        iq_stream_stop(stream, 3);
        iq_stream_stop(stream, 4);
    }
}

/* One of each kind, as far as the peer allows. */
static void open_streams(struct iq_conn *conn, bool reset)
{
    struct iq_stream *stream;

    if (watch_open_uni(&stream, conn) == 0) {
        (void)iq_stream_write(stream, "more", 4);
        reset_and_stop(stream, reset, reset);
    }
    if (watch_open_bi(&stream, conn) == 0) {
        (void)iq_stream_write(stream, "more", 4);
        reset_and_stop(stream, reset, reset);
    }
}

/* Either side dials the other. */
static void dial_again(struct sim_node *node, struct mischief_maker *maker, bool close)
{
    struct sim *sim = node->sim;
    const struct sim_node *other = node == &sim->nodes[0] ? &sim->nodes[1] : &sim->nodes[0];
    const struct iq_addr addr = other->endpoint == NULL ? (struct iq_addr){0} : sim_addr(other);

    maker->other = (struct app_task){.len = 10};
    if (addr.count > 0 &&
        watch_dial(&maker->other.conn, node, &addr, APP_ALPN, &app_task_handler, &maker->other,
                   NULL) == 0 &&
        close) {
        iq_conn_close(maker->other.conn, 0, NULL);
    }
}

static void close_endpoint(struct sim_node *node)
{
    if (node->endpoint != NULL) {
        (void)iq_endpoint_close(node->endpoint, NULL, NULL);
    }
}

static void make_mischief(struct sim *sim, struct iq_conn *conn, struct iq_stream *stream,
                          void *arg)
{
    struct mischief_maker *maker = arg;
    struct sim_node *node = sim_node_of(iq_conn_endpoint(conn));

    if (watch_callback_count(sim) != maker->at) {
        return;
    }
    switch (maker->mischief) {
    case CLOSE_OWN_CONN:
        iq_conn_close(conn, 1, "mischief");
        break;
    case CLOSE_EVERY_CONN:
        close_every_conn(sim);
        break;
    case CLOSE_OWN_ENDPOINT:
        close_endpoint(node);
        break;
    case CLOSE_BOTH_ENDPOINTS:
        close_endpoint(&sim->nodes[0]);
        close_endpoint(&sim->nodes[1]);
        break;
    case RESET_STREAM:
    case STOP_STREAM:
    case RESET_AND_STOP:
        reset_and_stop(stream, maker->mischief != STOP_STREAM, maker->mischief != RESET_STREAM);
        break;
    case FINISH_STREAM:
        if (stream != NULL) {
            iq_stream_finish(stream);
        }
        break;
    case OPEN_STREAM:
    case OPEN_AND_RESET:
        open_streams(conn, maker->mischief == OPEN_AND_RESET);
        break;
    case DIAL:
    case DIAL_AND_CLOSE:
        dial_again(node, maker, maker->mischief == DIAL_AND_CLOSE);
        break;
    case MISCHIEF_COUNT:
        break;
    }
}

/* A conversation whose streams may end in any way: it has more callbacks than there are places for
 * mischief. */
#define LOOSE_STREAMS 40
#define PLACES        200

struct loose_task {
    unsigned opened, closed;
};

static void loose_open(struct iq_conn *conn)
{
    struct loose_task *task = iq_conn_data(conn);
    struct iq_stream *stream;

    for (; task->opened < LOOSE_STREAMS && watch_open_bi(&stream, conn) == 0; task->opened++) {
        (void)iq_stream_write(stream, "some bytes to be echoed", 23);
        if (task->opened % 2 == 0) {
            iq_stream_finish(stream);
        }
    }
}

static void loose_stream(struct iq_stream *stream)
{
    iq_stream_consume(stream, iq_stream_peek(stream).len);
    iq_stream_finish(stream);
}

static void loose_stream_closed(struct iq_stream *stream)
{
    struct iq_conn *conn = iq_stream_conn(stream);
    struct loose_task *task = iq_conn_data(conn);

    if (iq_stream_is_ours(stream) && iq_stream_is_bi(stream) && ++task->closed == LOOSE_STREAMS) {
        iq_conn_close(conn, 0, "done");
    }
}

/* With early data: the same again, if it was refused. */
static void loose_open_early(struct iq_conn *conn)
{
    struct loose_task *task = iq_conn_data(conn);

    if (!iq_conn_early_data_accepted(conn)) {
        task->opened = task->closed = 0;
        loose_open(conn);
    }
}

static const struct iq_protocol_handler loose_handler = {
    .on_connect = loose_open,
    .on_stream_ready = loose_stream,
    .on_stream_closed = loose_stream_closed,
    .on_streams_allowed = loose_open,
};

static const struct iq_protocol_handler loose_early_handler = {
    .on_connect_early = loose_open,
    .on_connect = loose_open_early,
    .on_stream_ready = loose_stream,
    .on_stream_closed = loose_stream_closed,
    .on_streams_allowed = loose_open,
};

static void hear_early(struct iq_conn *conn) { (void)iq_conn_remote_id(conn); }

/* What is done once before the mischief begins. */
enum prelude { NOTHING, EARLY_DATA_IS_TAKEN, EARLY_DATA_IS_REFUSED };

static void play_prelude(struct story_pair *pair, enum prelude prelude)
{
    static struct iq_protocol_handler early_echo;
    static const struct iq_route early_routes[] = {{.alpn = APP_ALPN, .handler = &early_echo}, {0}};
    struct app_task task = {.len = 1};

    early_echo = app_echo;
    early_echo.on_accept_early = hear_early;
    watch_listen(pair->accepts, early_routes);
    app_dial(&task, pair->dials, pair->accepts);
    sim_run_for(pair->sim, 10 * SIM_SECOND);
    app_expect_done(pair->sim, &task);
    if (prelude == EARLY_DATA_IS_REFUSED) {
        watch_listen(pair->accepts, app_echo_routes);
    }
}

/* Returns how many callbacks there were. */
static uint64_t mischief_once(const struct sim_options *options, struct mischief_maker maker,
                              enum prelude prelude)
{
    const struct iq_endpoint_config few = {.max_streams_bi = 8, /* so that some are waited for */
                                           .sessions_max = 10};
    struct story_pair pair = story_pair(options, &few, &few);
    const struct iq_addr addr = sim_addr(pair.accepts);
    const struct iq_protocol_handler *handler =
        prelude == NOTHING ? &loose_handler : &loose_early_handler;
    struct loose_task task = {0};
    uint64_t count;

    watch_listen(pair.dials, app_echo_routes); /* so that both can be dialled */
    if (prelude != NOTHING) {
        play_prelude(&pair, prelude);
    }
    maker.at += watch_callback_count(pair.sim);
    watch_each_callback(pair.sim, make_mischief, &maker);
    SIM_EXPECT(pair.sim, watch_dial(NULL, pair.dials, &addr, APP_ALPN, handler, &task, NULL) == 0);
    sim_run_for(pair.sim, 10 * SIM_SECOND);
    sim_close(pair.dials);
    sim_close(pair.accepts);
    sim_run(pair.sim, ALL_IS_OVER);
    count = watch_callback_count(pair.sim);
    sim_free(pair.sim);
    return count;
}

static void in_every_callback(const struct sim_options *options, enum prelude prelude,
                              unsigned places)
{
    const unsigned step = places / story_scale(places);
    struct mischief_maker maker = {0};
    unsigned mischief;

    assert_true(mischief_once(options, maker, prelude) > places);
    for (mischief = 0; mischief < MISCHIEF_COUNT; mischief++) {
        for (maker.at = 1 + mischief % step; maker.at <= places; maker.at += step) {
            maker.mischief = (enum mischief)mischief;
            (void)mischief_once(options, maker, prelude);
        }
    }
}

static void tell_in_every_callback(const struct sim_options *options)
{
    in_every_callback(options, NOTHING, PLACES);
}

static void tell_with_early_data(const struct sim_options *options)
{
    in_every_callback(options, EARLY_DATA_IS_TAKEN, PLACES / 4);
}

static void tell_with_refused_data(const struct sim_options *options)
{
    in_every_callback(options, EARLY_DATA_IS_REFUSED, PLACES / 4);
}

const struct story mischief_stories[] = {
    {.name = "close_in_every_callback", .run = tell_in_every_callback},
    {.name = "early_in_every_callback", .run = tell_with_early_data},
    {.name = "early_refused_in_every_callback", .run = tell_with_refused_data},
    {0},
};
