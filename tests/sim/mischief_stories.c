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
    uint64_t at; /* which callback */
    struct sim_node *accepts;
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

static void open_stream(struct iq_conn *conn, bool reset)
{
    struct iq_stream *stream;

    if (iq_conn_data(conn) == NULL && watch_open_uni(&stream, conn) == 0) {
        (void)iq_stream_write(stream, "more", 4); /* the accept side, which has no task */
        reset_and_stop(stream, reset, reset);
    }
}

static void dial_again(struct sim_node *node, struct mischief_maker *maker, bool close)
{
    const struct iq_addr addr =
        maker->accepts->endpoint == NULL ? (struct iq_addr){0} : sim_addr(maker->accepts);

    maker->other = (struct app_task){.len = 10};
    if (addr.count > 0 && node != maker->accepts &&
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
        open_stream(conn, maker->mischief == OPEN_AND_RESET);
        break;
    case DIAL:
    case DIAL_AND_CLOSE:
        dial_again(node, maker, maker->mischief == DIAL_AND_CLOSE);
        break;
    case MISCHIEF_COUNT:
        break;
    }
}

/* A task whose streams may end in any way. */
struct loose_task {
    unsigned opened;
};

static void loose_open(struct iq_conn *conn)
{
    struct loose_task *task = iq_conn_data(conn);
    struct iq_stream *stream;

    for (; task->opened < 6 && watch_open_bi(&stream, conn) == 0; task->opened++) {
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

    if (iq_stream_is_ours(stream) && ++task->opened == 12) { /* six were opened, six closed */
        iq_conn_close(conn, 0, "done");
    }
}

/* With early data: the same again, if it was refused. */
static void loose_open_early(struct iq_conn *conn)
{
    struct loose_task *task = iq_conn_data(conn);

    if (!iq_conn_early_data_accepted(conn)) {
        task->opened = 0;
        loose_open(conn);
    }
}

static const struct iq_protocol_handler loose_handler = {
    .on_connect = loose_open,
    .on_stream_ready = loose_stream,
    .on_stream_closed = loose_stream_closed,
};

static const struct iq_protocol_handler loose_early_handler = {
    .on_connect_early = loose_open,
    .on_connect = loose_open_early,
    .on_stream_ready = loose_stream,
    .on_stream_closed = loose_stream_closed,
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

static void mischief_once(const struct sim_options *options, struct mischief_maker maker,
                          enum prelude prelude)
{
    const struct iq_endpoint_config keeps_sessions = {.sessions_max = 10};
    const struct iq_endpoint_config few = {.max_streams_bi = 4, /* so that some are waited for */
                                           .sessions_max = 10};
    struct story_pair pair = story_pair(options, &keeps_sessions, &few);
    const struct iq_addr addr = sim_addr(pair.accepts);
    const struct iq_protocol_handler *handler =
        prelude == NOTHING ? &loose_handler : &loose_early_handler;
    struct loose_task task = {0};

    if (prelude != NOTHING) {
        play_prelude(&pair, prelude);
    }
    maker.accepts = pair.accepts;
    maker.at += watch_callback_count(pair.sim);
    watch_each_callback(pair.sim, make_mischief, &maker);
    SIM_EXPECT(pair.sim, watch_dial(NULL, pair.dials, &addr, APP_ALPN, handler, &task, NULL) == 0);
    sim_run_for(pair.sim, 10 * SIM_SECOND);
    sim_close(pair.dials);
    sim_close(pair.accepts);
    sim_run(pair.sim, ALL_IS_OVER);
    sim_free(pair.sim);
}

static void in_every_callback(const struct sim_options *options, enum prelude prelude)
{
    struct mischief_maker maker = {0};
    unsigned mischief;

    for (mischief = 0; mischief < MISCHIEF_COUNT; mischief++) {
        for (maker.at = 1; maker.at <= 60; maker.at++) {
            maker.mischief = (enum mischief)mischief;
            mischief_once(options, maker, prelude);
        }
    }
}

static void tell_in_every_callback(const struct sim_options *options)
{
    in_every_callback(options, NOTHING);
}

static void tell_with_early_data(const struct sim_options *options)
{
    in_every_callback(options, EARLY_DATA_IS_TAKEN);
}

static void tell_with_refused_data(const struct sim_options *options)
{
    in_every_callback(options, EARLY_DATA_IS_REFUSED);
}

const struct story mischief_stories[] = {
    {.name = "close_in_every_callback", .run = tell_in_every_callback},
    {.name = "early_in_every_callback", .run = tell_with_early_data},
    {.name = "early_refused_in_every_callback", .run = tell_with_refused_data},
    {0},
};
