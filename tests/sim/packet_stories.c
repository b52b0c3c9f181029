/* What happens to the packets themselves: how large they may be, and their ECN marks. */
#include <string.h>

#include "journey.h"

/* Sizes of packets */

static size_t largest_sent;

static bool measure(struct sim_node *node, const struct iq_datagrams *datagram)
{
    if (datagram->len > largest_sent) {
        largest_sent = datagram->len;
    }
    return true;
}

static const struct mtu_row {
    const char *name;
    size_t mtu;            /* of the UDP payload */
    uint16_t max_datagram; /* of the configuration */
    size_t found;          /* by discovery; 0: not looked at */
} mtu_rows[] = {
    {.name = "loopback", .mtu = 65507, .found = 65507},
    {.name = "jumbo frames", .mtu = 8972, .found = 8952},
    {.name = "ethernet", .mtu = 1472, .found = 1452},
    {.name = "exactly the largest", .mtu = 1452, .found = 1452},
    {.name = "one less", .mtu = 1451, .found = 1406},
    {.name = "the least of IPv6", .mtu = 1252, .found = 1252},
    {.name = "the least of QUIC", .mtu = 1200, .found = 1200},
    {.name = "in between", .mtu = 1300, .found = 1252},
    {.name = "configured", .mtu = 1472, .max_datagram = 1200, .found = 1200},
    {.name = "configured between", .mtu = 1472, .max_datagram = 1400, .found = 1342},
};

static void expect_mtu(const struct sim *sim, const struct mtu_row *row,
                       const struct app_task *task)
{
    const size_t found = ngtcp2_conn_get_path_max_tx_udp_payload_size(task->conn->quic);

    if (found != row->found) {
        SIM_FAIL(sim, "%s: found %zu", row->name, found);
    }
}

static void mtu_row(const struct sim_options *options, const struct mtu_row *row)
{
    const struct iq_endpoint_config config = {
        .max_datagram_size = row->max_datagram == 0 ? 65507 : row->max_datagram};
    struct story_pair pair = story_pair(options, &config, &config);
    struct app_task task = {.len = 1000000, .stay = true};
    const uint64_t end_ns = pair.sim->now_ns + 120 * SIM_SECOND;

    largest_sent = 0;
    pair.dials->link.mtu = pair.accepts->link.mtu = row->mtu;
    pair.dials->tap = pair.accepts->tap = measure;
    app_dial(&task, pair.dials, pair.accepts);
    while (task.echoed == 0 && pair.sim->now_ns < end_ns && sim_step(pair.sim)) {
    }
    SIM_EXPECT(pair.sim, task.echoed == 1);
    sim_run_for(pair.sim, 60 * SIM_SECOND); /* discovery goes on */
    if (options->weather.loss == 0) {       /* lost probes look like a small path */
        expect_mtu(pair.sim, row, &task);
    }
    SIM_EXPECT(pair.sim, row->max_datagram == 0 || largest_sent <= row->max_datagram);
    sim_free(pair.sim);
}

static void tell_mtu(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(mtu_rows) / sizeof(mtu_rows[0]); i++) {
        mtu_row(options, &mtu_rows[i]);
    }
}

/* A call to the wire carries many packets, however much larger the ones may be that discovery has
 * in mind. */
static void tell_many_in_a_call(const struct sim_options *options)
{
    static const uint16_t max_datagrams[] = {1200, 1452, 65507};
    size_t i;

    for (i = 0; i < sizeof(max_datagrams) / sizeof(max_datagrams[0]); i++) {
        const struct iq_endpoint_config config = {.max_datagram_size = max_datagrams[i]};
        struct story_pair pair = story_pair(options, &config, &config);
        struct app_task task = {.len = 10000000};

        pair.dials->link.mtu = pair.accepts->link.mtu = 1472;
        app_dial(&task, pair.dials, pair.accepts);
        sim_run(pair.sim, 60 * SIM_SECOND);
        SIM_EXPECT(pair.sim, task.echoed == 1);
        SIM_EXPECT(pair.sim, pair.dials->sent_count > 8 * pair.dials->send_calls);
        sim_free(pair.sim);
    }
}

/* Only a fast path gets more than 64 KiB in a call. */
static void tell_length_of_calls(const struct sim_options *options)
{
    static const struct speed {
        uint64_t rate_bps, delay_ns;
        bool is_fast;
    } speeds[] = {
        {.delay_ns = SIM_MILLISECOND / 20, .is_fast = true},
        {.delay_ns = 5 * SIM_MILLISECOND, .rate_bps = 400000000},
    };
    size_t i;

    for (i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
        const struct sim_options way = {.seed = options->seed,
                                        .weather = {.rate_bps = speeds[i].rate_bps,
                                                    .delay_ns = speeds[i].delay_ns,
                                                    .queue_bytes = 1000000}};
        struct story_pair pair = story_pair(&way, NULL, NULL);
        struct app_task task = {.len = 20000000};

        app_dial(&task, pair.dials, pair.accepts);
        sim_run(pair.sim, 60 * SIM_SECOND);
        SIM_EXPECT(pair.sim, task.echoed == 1);
        SIM_EXPECT(pair.sim, (pair.dials->longest_call > 65536) == speeds[i].is_fast);
        sim_free(pair.sim);
    }
}

/* The path begins to carry less in the middle of a transfer */

/* Nobody says so: three probe time-outs until it is noticed, and what is lost until then. */
#define HOLE_STALL_NS (4 * SIM_SECOND)

enum narrow_side { NARROW_DIALS = 1, NARROW_ACCEPTS = 2 };

static void narrow_links(struct sim *sim, size_t mtu, unsigned sides)
{
    unsigned i;

    for (i = 0; i < 2; i++) {
        if ((sides & 1U << i) != 0) {
            sim->nodes[i].link.mtu = mtu;
        }
    }
}

static void mtu_falls(const struct sim_options *options, size_t mtu, unsigned sides, uint32_t loss)
{
    struct journey journey;

    journey_begin(&journey, options, 5000000);
    journey_connect(&journey);
    sim_run_for(journey.pair.sim, SIM_SECOND);
    narrow_links(journey.pair.sim, mtu, sides);
    journey.pair.dials->link.loss += loss;
    journey.pair.accepts->link.loss += loss;
    journey_end(&journey, HOLE_STALL_NS);
}

static void tell_mtu_falls(const struct sim_options *options)
{
    static const size_t mtus[] = {1280, 1200};
    size_t i;
    unsigned sides;

    for (i = 0; i < sizeof(mtus) / sizeof(mtus[0]); i++) {
        for (sides = NARROW_DIALS; sides <= (NARROW_DIALS | NARROW_ACCEPTS); sides++) {
            mtu_falls(options, mtus[i], sides, 0);
            mtu_falls(options, mtus[i], sides, 200); /* 2 % */
        }
    }
}

/* A minute after the fall larger packets are tried again, and now they get there. */
static void tell_mtu_rises(const struct sim_options *options)
{
    struct journey journey;

    journey_begin(&journey, options, 5000000);
    journey_connect(&journey);
    sim_run_for(journey.pair.sim, SIM_SECOND);
    narrow_links(journey.pair.sim, 1280, NARROW_DIALS);
    sim_run_for(journey.pair.sim, 2 * SIM_SECOND);
    SIM_EXPECT(journey.pair.sim, journey.task.conn != NULL);
    SIM_EXPECT(journey.pair.sim, iq_conn_packet_max(journey.task.conn) == 1200);
    narrow_links(journey.pair.sim, 0, NARROW_DIALS);
    journey.task.stay = true;
    sim_run_for(journey.pair.sim, 70 * SIM_SECOND);
    SIM_EXPECT(journey.pair.sim, iq_conn_packet_max(journey.task.conn) == 1452);
    sim_free(journey.pair.sim);
}

/* The system itself refuses the large ones: nothing has to be waited for. */
static void tell_mtu_falls_here(const struct sim_options *options)
{
    struct journey journey;

    journey_begin(&journey, options, 5000000);
    journey_connect(&journey);
    sim_run_for(journey.pair.sim, SIM_SECOND);
    journey.pair.dials->interface_mtu = 1252;
    sim_run_for(journey.pair.sim, 50 * SIM_MILLISECOND);
    SIM_EXPECT(journey.pair.sim, iq_conn_packet_max(journey.task.conn) == 1200);
    journey_end(&journey, SIM_SECOND);
}

/* ECN.  RFC 9000, section 13.4 */

/* What a link does to the marks of those that it carries. */
static struct {
    uint8_t becomes[4]; /* not ECT, ECT(1), ECT(0), CE */
    uint64_t sent[4];   /* as they were */
} marks;

static bool remark(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct iq_datagrams copy = *datagram;

    marks.sent[datagram->ecn & 3]++;
    copy.ecn = marks.becomes[datagram->ecn & 3];
    sim_transmit(node, &copy);
    return false; /* this one has gone in its place */
}

static const struct ecn_row {
    const char *name;
    uint8_t becomes[4];
    bool marked_to_the_end; /* validation succeeds: marks are used for as long as it lasts */
} ecn_rows[] = {
    {.name = "carried", .becomes = {0, 1, 2, 3}, .marked_to_the_end = true},
    {.name = "bleached", .becomes = {0, 0, 0, 0}},
    {.name = "ECT(0) becomes ECT(1)", .becomes = {0, 1, 1, 3}},
    {.name = "all CE", .becomes = {0, 3, 3, 3}, .marked_to_the_end = true},
};

static void ecn_row(const struct sim_options *options, const struct ecn_row *row)
{
    struct journey journey;
    uint64_t marked;

    memset(&marks, 0, sizeof(marks));
    memcpy(marks.becomes, row->becomes, sizeof(marks.becomes));
    journey_begin(&journey, options, 3000000);
    journey.pair.dials->tap = journey.pair.accepts->tap = remark;
    journey_connect(&journey);
    SIM_EXPECT(journey.pair.sim, marks.sent[2] > 0); /* ECT(0) */
    sim_run_for(journey.pair.sim, SIM_SECOND);
    marked = marks.sent[2];
    sim_run_for(journey.pair.sim, SIM_SECOND / 4);
    if ((marks.sent[2] > marked) != row->marked_to_the_end) {
        SIM_FAIL(journey.pair.sim, "%s: %llu marked, %llu not", row->name,
                 (unsigned long long)marks.sent[2], (unsigned long long)marks.sent[0]);
    }
    SIM_EXPECT(journey.pair.sim, marks.sent[1] == 0 && marks.sent[3] == 0);
    journey_end(&journey, HOLE_STALL_NS);
}

static void tell_ecn_validation(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(ecn_rows) / sizeof(ecn_rows[0]); i++) {
        ecn_row(options, &ecn_rows[i]);
    }
}

static void tell_ecn(const struct sim_options *options)
{
    static const uint32_t chances[] = {300, 10000};
    size_t i;

    for (i = 0; i < sizeof(chances) / sizeof(chances[0]); i++) {
        struct story_pair pair = story_pair(options, NULL, NULL);
        struct app_task task = {.len = 300000};

        pair.dials->link.ecn_mark = pair.accepts->link.ecn_mark = chances[i];
        app_dial(&task, pair.dials, pair.accepts);
        story_finish(&pair, &task, 600 * SIM_SECOND);
        sim_free(pair.sim);
    }
}

const struct story packet_stories[] = {
    {.name = "path_mtu", .run = tell_mtu},
    {.name = "path_many_in_a_call", .run = tell_many_in_a_call, .weather = STORY_CALM_ONLY},
    {.name = "path_length_of_calls", .run = tell_length_of_calls, .weather = STORY_CALM_ONLY},
    {.name = "path_mtu_falls", .run = tell_mtu_falls, .seeds = 2},
    {.name = "path_mtu_rises", .run = tell_mtu_rises},
    {.name = "path_mtu_falls_here", .run = tell_mtu_falls_here, .seeds = 3},
    {.name = "path_ecn_validation", .run = tell_ecn_validation},
    {.name = "path_ecn", .run = tell_ecn, .seeds = 3},
    {0},
};
