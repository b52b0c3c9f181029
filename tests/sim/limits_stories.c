/* What strangers can make an endpoint do and hold before it knows who they are, and how many. */
#include <string.h>

#include "evil.h"
#include "note.h"
#include "spoof.h"

#define A_WHILE (60 * SIM_SECOND)

static const struct iq_limits *beyond(const struct sim_node *node)
{
    return &node->endpoint->env.stats.beyond;
}

static size_t half_open(const struct sim_node *node)
{
    struct iq_endpoint_stats stats;

    iq_endpoint_stats(node->endpoint, &stats);
    return (size_t)stats.half_open;
}

/* The flood: first packets of clients that are not there */

struct flood {
    struct story_pair pair;
    struct spoof hello; /* of a real client */
    bool has_hello;
    unsigned left; /* packets to come */
    unsigned per_ms;
    size_t live_before, most_live;
    size_t most_half_open;
};

static struct flood flood;

static bool overhear(struct sim_node *node, const struct iq_datagrams *datagram)
{
    if (!flood.has_hello) {
        flood.has_hello = true;
        spoof_open(node->sim, &flood.hello, datagram);
    }
    return true;
}

/* From another address each, to another id each. */
static void forge(struct sim *sim, const struct iq_socket_addr *from)
{
    uint8_t datagram[SPOOF_LEN];

    flood.hello.dcid.datalen = 8;
    dice_fill(&sim->workload, flood.hello.dcid.data, 8);
    spoof_seal(sim, &flood.hello, datagram);
    sim_inject(sim, from, &flood.pair.accepts->addrs[0], datagram, sizeof(datagram));
}

static void pour(struct sim *sim, void *arg)
{
    unsigned i;

    for (i = 0; i < flood.per_ms && flood.left > 0; i++, flood.left--) {
        struct iq_socket_addr from =
            sim_socket_addr(0, (uint16_t)(1024 + dice_below(&sim->workload, 60000)));

        from.ip[0] = 100;
        dice_fill(&sim->workload, from.ip + 1, 3);
        forge(sim, &from);
    }
    if (flood.left > 0) {
        sim_after(sim, SIM_MILLISECOND, pour, NULL);
    }
}

static void measure(struct sim *sim, void *arg)
{
    const size_t live = sim_live_bytes() - flood.live_before;
    size_t now;

    if (flood.pair.accepts->endpoint == NULL) {
        return; /* the story is at its end */
    }
    now = half_open(flood.pair.accepts);

    flood.most_live = live > flood.most_live ? live : flood.most_live;
    flood.most_half_open = now > flood.most_half_open ? now : flood.most_half_open;
}

/* Connects once, to learn what a client says first. */
static void prepare(const struct sim_options *options, const struct iq_endpoint_config *accepts)
{
    struct app_task task = {.len = 100};

    flood = (struct flood){.pair = story_pair(options, NULL, accepts)};
    flood.pair.dials->tap = overhear;
    app_dial(&task, flood.pair.dials, flood.pair.accepts);
    story_finish(&flood.pair, &task, A_WHILE);
    SIM_EXPECT(flood.pair.sim, flood.has_hello);
    sim_run(flood.pair.sim, A_WHILE);
    flood.live_before = sim_live_bytes();
    flood.pair.sim->check_every = 1000;
    flood.pair.sim->after_event = measure;
}

static void begin_flood(unsigned count, unsigned per_ms)
{
    flood.left = count;
    flood.per_ms = per_ms;
    sim_after(flood.pair.sim, 0, pour, NULL);
}

/* An honest client comes in the middle of it.  All of it is over before the first of the forged
 * ones has had its time. */
static void tell_flood_of(const struct sim_options *options, unsigned count)
{
    const unsigned per_ms = count / 10000 + 1;
    struct app_task honest = {.len = 5000};
    struct sim *sim;

    prepare(options, NULL);
    sim = flood.pair.sim;
    begin_flood(count, per_ms);
    sim_run_for(sim, count / per_ms / 2 * SIM_MILLISECOND);
    app_dial(&honest, flood.pair.dials, flood.pair.accepts);
    story_finish(&flood.pair, &honest, 3 * SIM_SECOND);
    while (flood.left > 0 && sim_step(sim)) {
    }
    sim_run_for(sim, SIM_MILLISECOND);
    SIM_EXPECT(sim, flood.most_half_open <= 64 + 1); /* the honest one has proven its address */
    SIM_EXPECT(sim, flood.most_live <= (size_t)100 * 1000 * 1000);
    SIM_EXPECT(sim, beyond(flood.pair.accepts)->half_open_before_retry >= count - 64);
    sim_run(sim, A_WHILE);
    SIM_EXPECT(sim, half_open(flood.pair.accepts) == 0);
    sim_free(sim);
}

static void tell_flood(const struct sim_options *options)
{
    tell_flood_of(options, story_scale(20000));
}

static void tell_long_flood(const struct sim_options *options) { tell_flood_of(options, 100000); }

/* Without Retry there is still an end to it, and it costs what was said; then all is as before. */
static void tell_half_open(const struct sim_options *options)
{
    static const struct iq_endpoint_config trusting = {.limits.half_open_before_retry =
                                                           IQ_UNLIMITED};
    const unsigned extra = 500;
    struct app_task later = {.len = 5000};
    size_t live;
    struct sim *sim;

    prepare(options, &trusting);
    sim = flood.pair.sim;
    begin_flood(1024 + extra, 1);
    while (flood.left > extra && sim_step(sim)) {
    }
    sim_run_for(sim, SIM_MILLISECOND);
    SIM_EXPECT(sim, flood.most_half_open == 1024);
    SIM_EXPECT(sim, flood.most_live <= (size_t)1024 * 96 * 1024);
    SIM_EXPECT(sim, beyond(flood.pair.accepts)->half_open <= 2);
    live = flood.most_live;
    while (flood.left > 0 && sim_step(sim)) {
    }
    SIM_EXPECT(sim, flood.most_half_open == 1024);
    SIM_EXPECT(sim, beyond(flood.pair.accepts)->half_open >= extra - 2);
    SIM_EXPECT(sim, flood.most_live <= live + (size_t)64 * 1024); /* what is on its way */
    sim_run(sim, A_WHILE);
    SIM_EXPECT(sim, half_open(flood.pair.accepts) == 0);
    app_dial(&later, flood.pair.dials, flood.pair.accepts);
    story_finish(&flood.pair, &later, A_WHILE);
    sim_free(sim);
}

/* Those that we dial, and that do not answer, are no strangers. */
static void tell_dials_are_free(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct iq_addr nowhere = sim_addr(pair.dials);
    struct app_task task = {.len = 100};
    unsigned i;

    nowhere.socket_addrs[0] = sim_socket_addr(77, 7);
    for (i = 0; i < 100; i++) {
        SIM_EXPECT(pair.sim,
                   watch_dial(NULL, pair.accepts, &nowhere, APP_ALPN, &app_echo, NULL, NULL) == 0);
    }
    SIM_EXPECT(pair.sim, half_open(pair.accepts) == 0);
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, A_WHILE);
    SIM_EXPECT(pair.sim, beyond(pair.accepts)->half_open_before_retry == 0);
    sim_free(pair.sim);
}

/* One byte of a ClientHello each second, and nothing is wrong with any of the packets. */
static void tell_slow_hello(const struct sim_options *options)
{
    static const uint8_t start[] = {0x01, 0x00, 0x04, 0x00, 0x03, 0x03}; /* of a ClientHello */
    struct spoof drop = {.dcid = {.datalen = 8, .data = {7}}, .scid = {.datalen = 8, .data = {9}}};
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    const struct sim_node *slow = sim_add_raw(sim);
    uint64_t start_ns, i;

    watch_listen(accepts, app_echo_routes);
    start_ns = sim->now_ns;
    for (i = 0; i < 10; i++) {
        const uint8_t crypto[] = {0x06, (uint8_t)i, 1, i < sizeof(start) ? start[i] : 0};
        uint8_t datagram[SPOOF_LEN];

        memcpy(drop.frames, crypto, sizeof(crypto));
        drop.frames_len = sizeof(crypto);
        drop.number = (uint32_t)i;
        spoof_seal(sim, &drop, datagram);
        sim_inject(sim, &slow->addrs[0], &accepts->addrs[0], datagram, sizeof(datagram));
        sim_run_for(sim, SIM_SECOND - SIM_MILLISECOND);
        SIM_EXPECT(sim, half_open(accepts) == 1);
        sim_run_for(sim, SIM_MILLISECOND);
    }
    SIM_EXPECT(sim, sim->now_ns == start_ns + 10 * SIM_SECOND);
    SIM_EXPECT(sim, accepts->endpoint->env.conn_count == 0);
    sim_free(sim);
}

/* How many */

/* A dial that is to be refused: by the first packet, or once the handshake is complete. */
static void expect_refused(struct story_pair *pair, struct sim_node *from, bool late)
{
    struct app_task task = {.len = 100, .stay = true};

    app_dial(&task, from, pair->accepts);
    sim_run_for(pair->sim, SIM_SECOND);
    SIM_EXPECT(pair->sim, task.closed_count == 1 && (late || !task.connected));
    SIM_EXPECT(pair->sim,
               task.how == IQ_CLOSED_ABORTED_BY_PEER && task.code == IQ_CODE_CONNECTION_REFUSED);
}

static void expect_open(const struct story_pair *pair, struct app_task *task, struct sim_node *from)
{
    *task = (struct app_task){.len = 100, .stay = true};
    app_dial(task, from, pair->accepts);
    sim_run_for(pair->sim, SIM_SECOND);
    SIM_EXPECT(pair->sim, task->echoed == 1 && task->closed_count == 0);
}

/* Three are open from `from`, and the fourth is refused, until one of them has closed: its place is
 * free at once, and not only when it is forgotten. */
static void fill_and_replace(struct story_pair *pair, struct sim_node *from, bool late)
{
    static struct app_task tasks[4];
    size_t i;

    for (i = 0; i < 3; i++) {
        expect_open(pair, &tasks[i], from);
    }
    expect_refused(pair, from, late);
    iq_conn_close(tasks[1].conn, 0, NULL);
    expect_open(pair, &tasks[3], from);
    expect_refused(pair, from, late);
}

static void tell_conns_per_addr(const struct sim_options *options)
{
    static const struct iq_endpoint_config three = {.limits.conns_per_addr = 3};
    struct story_pair pair = story_pair(options, NULL, &three);
    struct sim_node *neighbour = sim_add_endpoint(pair.sim, NULL);
    struct app_task other;

    fill_and_replace(&pair, pair.dials, false);
    SIM_EXPECT(pair.sim, beyond(pair.accepts)->conns_per_addr == 2);
    expect_open(&pair, &other, neighbour); /* from there there is none */
    sim_free(pair.sim);
}

/* Somebody who forges the address of another does not use up what that one may have. */
static void tell_forged_addr(const struct sim_options *options)
{
    static const struct iq_endpoint_config one = {.limits.conns_per_addr = 1};
    struct app_task task = {.len = 100};
    unsigned i;

    prepare(options, &one);
    for (i = 0; i < 10; i++) {
        forge(flood.pair.sim, &flood.pair.dials->addrs[0]);
    }
    sim_run_for(flood.pair.sim, SIM_MILLISECOND);
    SIM_EXPECT(flood.pair.sim, half_open(flood.pair.accepts) == 10);
    app_dial(&task, flood.pair.dials, flood.pair.accepts);
    story_finish(&flood.pair, &task, A_WHILE);
    sim_free(flood.pair.sim);
}

/* All that come at once from one address are counted before they are open, too. */
static void tell_all_at_once(const struct sim_options *options)
{
    static const struct iq_endpoint_config three = {.limits.conns_per_addr = 3};
    struct story_pair pair = story_pair(options, NULL, &three);
    struct app_task tasks[8] = {0};
    unsigned open = 0, refused = 0;
    size_t i;

    for (i = 0; i < 8; i++) {
        tasks[i] = (struct app_task){.len = 100, .stay = true};
        app_dial(&tasks[i], pair.dials, pair.accepts);
    }
    sim_run_for(pair.sim, SIM_SECOND);
    for (i = 0; i < 8; i++) {
        open += tasks[i].echoed == 1 && tasks[i].closed_count == 0;
        refused += tasks[i].closed_count == 1 && tasks[i].code == IQ_CODE_CONNECTION_REFUSED;
    }
    SIM_EXPECT(pair.sim, open == 3 && refused == 5);
    sim_free(pair.sim);
}

/* In a /64 everybody is the same. */
static void tell_ipv6(const struct sim_options *options)
{
    static const struct iq_endpoint_config two = {.limits.conns_per_addr = 2};
    static const uint8_t hosts[][2] = {{1, 1}, {1, 2}, {1, 3}, {2, 1}}; /* network, interface */
    static struct evil peers[4];
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, &two);
    size_t i;

    watch_listen(accepts, app_echo_routes);
    for (i = 0; i < 4; i++) {
        const struct evil_options who = {.seed = {(uint8_t)(i + 1)}, .alpn = "\x13" APP_ALPN};
        struct sim_node *node = sim_add_raw(sim);

        node->addrs[0] = (struct iq_socket_addr){
            .ip = {0x20, 1, 0xd, 0xb8, [7] = hosts[i][0]}, .port = 4433, .ip_version = IQ_IPV6};
        node->addrs[0].ip[15] = hosts[i][1];
        evil_dial(&peers[i], node, accepts, &who);
        sim_run_for(sim, SIM_SECOND);
        SIM_EXPECT(sim, peers[i].closed_count == (i == 2 ? 1 : 0));
        SIM_EXPECT(sim, i == 2 || peers[i].completed);
    }
    SIM_EXPECT(sim, peers[2].code == IQ_CODE_CONNECTION_REFUSED && !peers[2].completed);
    for (i = 0; i < 4; i++) {
        evil_free(&peers[i]);
    }
    sim_free(sim);
}

static void tell_conns_per_id(const struct sim_options *options)
{
    static const struct iq_endpoint_config three = {.limits.conns_per_id = 3};
    struct story_pair pair = story_pair(options, NULL, &three);
    struct sim_node *neighbour = sim_add_endpoint(pair.sim, NULL);
    struct app_task other;

    fill_and_replace(&pair, pair.dials, true);
    SIM_EXPECT(pair.sim, beyond(pair.accepts)->conns_per_id == 2);
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.stats.conns_accepted == 4);
    neighbour->external = pair.dials->addrs[0]; /* behind the same NAT, with another key */
    neighbour->external.port = 9;
    expect_open(&pair, &other, neighbour);
    sim_free(pair.sim);
}

/* So many idle ones disturb nobody, until there is no place left. */
static void tell_conns_of(const struct sim_options *options, unsigned count)
{
    const struct iq_endpoint_config accepts = {
        .limits = {.conns = count, .conns_per_addr = IQ_UNLIMITED, .conns_per_id = IQ_UNLIMITED}};
    struct story_pair pair = story_pair(options, NULL, &accepts);
    struct app_task *idle = sim_alloc(count * sizeof(*idle));
    struct app_task last;
    unsigned i;

    pair.sim->check_every = 1000;
    for (i = 0; i + 1 < count; i++) {
        idle[i] = (struct app_task){.len = 1, .stay = true};
        app_dial(&idle[i], pair.dials, pair.accepts);
        sim_run_for(pair.sim, 2 * SIM_MILLISECOND);
    }
    expect_open(&pair, &last, pair.dials);
    expect_refused(&pair, pair.dials, false);
    SIM_EXPECT(pair.sim, beyond(pair.accepts)->conns == 1);
    iq_conn_close(idle[0].conn, 0, NULL);
    sim_run_for(pair.sim, SIM_SECOND); /* until it is forgotten */
    expect_open(&pair, &last, pair.dials);
    sim_free(pair.sim);
    sim_dealloc(idle);
}

static void tell_conns(const struct sim_options *options)
{
    tell_conns_of(options, 20 + story_scale(500));
}

static void tell_long_conns(const struct sim_options *options) { tell_conns_of(options, 10000); }

const struct story limits_stories[] = {
    {.name = "limits_flood", .run = tell_flood, .weather = STORY_CALM_ONLY},
    {.name = "long_limits_flood", .run = tell_long_flood, .weather = STORY_CALM_ONLY},
    {.name = "limits_half_open", .run = tell_half_open, .weather = STORY_CALM_ONLY},
    {.name = "limits_dials_are_free", .run = tell_dials_are_free, .weather = STORY_CALM_ONLY},
    {.name = "limits_slow_hello", .run = tell_slow_hello, .weather = STORY_CALM_ONLY},
    {.name = "limits_conns_per_addr", .run = tell_conns_per_addr, .weather = STORY_CALM_ONLY},
    {.name = "limits_forged_addr", .run = tell_forged_addr, .weather = STORY_CALM_ONLY},
    {.name = "limits_all_at_once", .run = tell_all_at_once, .weather = STORY_CALM_ONLY},
    {.name = "limits_ipv6", .run = tell_ipv6, .weather = STORY_CALM_ONLY},
    {.name = "limits_conns_per_id", .run = tell_conns_per_id, .weather = STORY_CALM_ONLY},
    {.name = "limits_conns", .run = tell_conns, .weather = STORY_CALM_ONLY},
    {.name = "long_limits_conns", .run = tell_long_conns, .weather = STORY_CALM_ONLY},
    {0},
};
