/* One peer that takes all it can get, among a hundred that want little. */
#include <stdlib.h>

#include "story.h"

#define QUIET_COUNT 99
#define PERIOD_NS   (50 * SIM_MILLISECOND)
#define RTT_NS      (20 * SIM_MILLISECOND)

/* One that says a few words now and then, and waits for the echo. */
struct quiet {
    struct crowd *crowd;
    struct iq_stream *stream;
    uint64_t asked_at_ns;
    uint64_t sent, received;
};

struct crowd {
    struct story_pair pair;
    struct quiet quiet[QUIET_COUNT];
    uint64_t flood_sent, flood_received;
    uint64_t waits_ns[100 * QUIET_COUNT];
    size_t wait_count;
};

static void quiet_ready(struct iq_stream *stream)
{
    struct quiet *quiet = iq_conn_data(iq_stream_conn(stream));
    struct crowd *crowd = quiet->crowd;

    app_read(stream, &quiet->received);
    if (quiet->received == quiet->sent && quiet->asked_at_ns != 0) {
        crowd->waits_ns[crowd->wait_count++] = crowd->pair.sim->now_ns - quiet->asked_at_ns;
        quiet->asked_at_ns = 0;
    }
}

static void quiet_connect(struct iq_conn *conn)
{
    struct quiet *quiet = iq_conn_data(conn);

    SIM_EXPECT(quiet->crowd->pair.sim, watch_open_bi(&quiet->stream, conn) == 0);
}

/* Each asks again, those that have their answer. */
static void ask(struct sim *sim, void *arg)
{
    struct crowd *crowd = arg;
    size_t i;

    for (i = 0; i < QUIET_COUNT; i++) {
        struct quiet *quiet = &crowd->quiet[i];

        if (quiet->stream != NULL && quiet->asked_at_ns == 0) {
            quiet->asked_at_ns = sim->now_ns;
            app_write(quiet->stream, &quiet->sent, quiet->sent + 100);
        }
    }
}

static void flood_ready(struct iq_stream *stream)
{
    struct crowd *crowd = iq_conn_data(iq_stream_conn(stream));

    app_write(stream, &crowd->flood_sent, UINT64_MAX);
    app_read(stream, &crowd->flood_received);
}

static void flood_connect(struct iq_conn *conn)
{
    struct iq_stream *stream;

    SIM_EXPECT(sim_node_of(iq_conn_endpoint(conn))->sim, watch_open_bi(&stream, conn) == 0);
    flood_ready(stream);
}

static int compare(const void *a, const void *b)
{
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void dial_all(struct crowd *crowd, struct sim_node *flooding)
{
    static const struct iq_protocol_handler quiet_handler = {.on_connect = quiet_connect,
                                                             .on_stream_ready = quiet_ready};
    static const struct iq_protocol_handler flood_handler = {.on_connect = flood_connect,
                                                             .on_stream_ready = flood_ready};
    const struct iq_addr addr = sim_addr(crowd->pair.accepts);
    size_t i;

    for (i = 0; i < QUIET_COUNT; i++) {
        crowd->quiet[i].crowd = crowd;
        SIM_EXPECT(crowd->pair.sim, watch_dial(NULL, crowd->pair.dials, &addr, APP_ALPN,
                                               &quiet_handler, &crowd->quiet[i], NULL) == 0);
    }
    SIM_EXPECT(crowd->pair.sim,
               watch_dial(NULL, flooding, &addr, APP_ALPN, &flood_handler, crowd, NULL) == 0);
}

/* The accept side's wire is always full of what it echoes to the one; all the same 99 of 100
 * answers to the others are on their way within 5 ms. */
static void tell_flooding_peer(const struct sim_options *options)
{
    static const struct iq_endpoint_config accepts = {
        .limits = {.conns_per_id = QUIET_COUNT + 1, .half_open_before_retry = IQ_UNLIMITED}};
    static struct crowd crowd;
    uint64_t late_ns;
    unsigned i;

    crowd = (struct crowd){.pair = story_pair(options, NULL, &accepts)};
    crowd.pair.sim->check_every = 32;
    crowd.pair.accepts->wire_bps = 100000000;
    dial_all(&crowd, sim_add_endpoint(crowd.pair.sim, NULL));
    sim_run_for(crowd.pair.sim, 2 * SIM_SECOND);
    for (i = 0; i < 40; i++) {
        ask(crowd.pair.sim, &crowd);
        sim_run_for(crowd.pair.sim, PERIOD_NS);
    }
    SIM_EXPECT(crowd.pair.sim, crowd.flood_received > 20000000); /* it did fill the wire */
    qsort(crowd.waits_ns, crowd.wait_count, sizeof(crowd.waits_ns[0]), compare);
    late_ns = crowd.waits_ns[crowd.wait_count * 99 / 100];
    if (crowd.wait_count < (size_t)39 * QUIET_COUNT || late_ns > RTT_NS + 5 * SIM_MILLISECOND) {
        SIM_FAIL(crowd.pair.sim, "%zu answers, p99 after %g ms", crowd.wait_count,
                 (double)late_ns / 1e6);
    }
    sim_free(crowd.pair.sim);
}

const struct story fair_stories[] = {
    {.name = "crowd_flooding_peer", .run = tell_flooding_peer, .weather = STORY_CALM_ONLY},
    {0},
};
