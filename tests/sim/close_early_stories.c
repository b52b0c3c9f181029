/* Ends that come too early: in the middle of a transfer, by one side's will or by its death. */
#include "story.h"

#define ALL_IS_OVER (100 * SIM_SECOND)

/* A close that overtakes what was written: the peer sees an error, and never an end of the data
 * that is not the end. */

#define LEN    50000
#define PLACES 60

struct taker {
    uint64_t taken;
    unsigned ends, closes;
};

static void take(struct iq_stream *stream)
{
    struct taker *taker = iq_conn_data(iq_stream_conn(stream));
    const struct sim *sim = sim_node_of(iq_conn_endpoint(iq_stream_conn(stream)))->sim;

    app_read(stream, &taker->taken);
    if (iq_stream_at_end(stream)) {
        SIM_EXPECT(sim, taker->taken == LEN);
        taker->ends++;
    }
}

static void taker_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct taker *taker = iq_conn_data(conn);

    taker->closes++;
}

static void close_early(const struct sim_options *options, unsigned events)
{
    static const struct iq_protocol_handler taking = {.on_stream_ready = take,
                                                      .on_closed = taker_closed};
    static const struct iq_protocol_handler silent = {.on_connect = NULL};
    struct taker taker = {0};
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &taking, .data = &taker}, {0}};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct iq_stream *stream;
    struct iq_conn *conn;
    uint64_t sent = 0;

    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &silent, NULL);
    SIM_EXPECT(pair.sim, watch_open_bi(&stream, conn) == 0);
    app_write(stream, &sent, LEN);
    iq_stream_finish(stream);
    for (; events > 0 && sim_step(pair.sim); events--) {
    }
    iq_conn_close(conn, 3, "too early");
    sim_run(pair.sim, ALL_IS_OVER);
    SIM_EXPECT(pair.sim, sent == LEN && taker.closes == 1 && taker.ends <= 1);
    sim_free(pair.sim);
}

static void tell_too_early(const struct sim_options *options)
{
    unsigned events;

    for (events = 0; events < PLACES; events++) {
        close_early(options, events);
    }
}

/* A peer that vanishes in the middle of an echo is not probed madly, and both sides hear of it once
 * in time: after 30 s, and a little for what was on its way. */
static void tell_vanishes_in_transfer(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 100000000};
    uint64_t sent_before[2], start_ns;

    pair.dials->link.rate_bps = pair.accepts->link.rate_bps = 10000000;
    app_dial(&task, pair.dials, pair.accepts);
    sim_run_for(pair.sim, 3 * SIM_SECOND);
    pair.dials->link = pair.accepts->link = (struct sim_link){.loss = 10000};
    start_ns = pair.sim->now_ns;
    sim_run_for(pair.sim, SIM_SECOND); /* what congestion control still allows */
    sent_before[0] = pair.dials->sent_count;
    sent_before[1] = pair.accepts->sent_count;
    while (watch_live_conns(pair.sim) > 0 && sim_step(pair.sim)) {
    }
    SIM_EXPECT(pair.sim, pair.sim->now_ns - start_ns <= 36 * SIM_SECOND);
    SIM_EXPECT(pair.sim, pair.dials->sent_count - sent_before[0] <= 40);
    SIM_EXPECT(pair.sim, pair.accepts->sent_count - sent_before[1] <= 40);
    SIM_EXPECT(pair.sim, task.closed_count == 1 && task.how == IQ_CLOSED_TIMED_OUT);
    sim_free(pair.sim);
}

const struct story close_early_stories[] = {
    {.name = "close_too_early", .run = tell_too_early, .seeds = 5},
    {.name = "close_vanishes_in_transfer", .run = tell_vanishes_in_transfer, .seeds = 3},
    {0},
};
