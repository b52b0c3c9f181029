/* What networks do: losses in every place, damage, and dead times. */
#include <string.h>

#include "story.h"

/* Every one of the first datagrams lost, in every combination; those of both sides are counted
 * together, in the order in which they are sent. */

#define MASK_BITS 12

/* With each loss the next try comes twice as late, so that time-outs must not be in the way. */
#define DAY_MS 86400000

static struct {
    unsigned count;
    unsigned mask;
} first_lost;

static bool lose_first(struct sim_node *node, const struct iq_datagrams *datagram)
{
    const unsigned number = first_lost.count++;

    return number >= MASK_BITS || (first_lost.mask >> number & 1) == 0;
}

static void tell_first_lost(const struct sim_options *options)
{
    const unsigned step = (1U << MASK_BITS) / story_scale(1U << MASK_BITS) | 1; /* reaches bit 0 */
    const struct iq_endpoint_config patient = {
        .idle_timeout_ms = DAY_MS, .connect_timeout_ms = DAY_MS, .accept_timeout_ms = DAY_MS};
    unsigned mask;

    for (mask = 0; mask < 1U << MASK_BITS; mask += step) {
        struct story_pair pair = story_pair(options, &patient, &patient);
        struct app_task task = {.len = 3000};

        first_lost.count = 0;
        first_lost.mask = mask;
        pair.dials->tap = pair.accepts->tap = lose_first;
        app_dial(&task, pair.dials, pair.accepts);
        while (task.closed_count == 0 && sim_step(pair.sim)) {
        }
        if (!app_is_done(&task)) {
            SIM_FAIL(pair.sim, "mask %#x: connected %d, closed %u, how %d, code %#llx", mask,
                     task.connected, task.closed_count, (int)task.how,
                     (unsigned long long)task.code);
        }
        SIM_EXPECT(pair.sim, first_lost.count >= MASK_BITS); /* there were so many */
        sim_free(pair.sim);
    }
}

/* An address that never answers gets three times what came from there and no more: the check is in
 * every story (I1), here something tries. */
static void spoof(struct sim *sim, void *arg)
{
    struct sim_node *node = arg;
    const struct iq_socket_addr victim = sim_socket_addr(99, 99);

    node->external = victim;
}

static void tell_victim(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 5000000};

    app_dial(&task, pair.dials, pair.accepts);
    sim_after(pair.sim, 200 * SIM_MILLISECOND, spoof, pair.dials);
    while (pair.dials->external.port == 0) { /* then all answers to the victim are lost */
        SIM_EXPECT(pair.sim, sim_step(pair.sim));
    }
    pair.accepts->link.loss = 10000;
    pair.accepts->link.burst = 0;
    sim_run(pair.sim, 200 * SIM_SECOND);
    SIM_EXPECT(pair.sim, task.closed_count == 1);
    sim_free(pair.sim);
}

/* What carries stream data, and not what only acknowledges. */
static bool lose_large(struct sim_node *node, const struct iq_datagrams *datagram)
{
    return datagram->len < 200;
}

static bool lose_everything(struct sim_node *node, const struct iq_datagrams *datagram)
{
    return false;
}

/* A NAT rebinds, and little comes from the new address, while all that was sent is lost and fills
 * the congestion window: what may go there is spent on probes that are lost as well.  Once the
 * network has healed only the keep-alives of the dialling side come, and they must be enough for
 * the transfer to go on.  How much comes decides whether what may go is spent to the last byte, so
 * several lengths are tried. */
static void rebind_unheard(const struct sim_options *options, size_t len)
{
    static const uint8_t message[64];
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 200000};

    app_dial(&task, pair.dials, pair.accepts);
    while (!task.connected) {
        SIM_EXPECT(pair.sim, sim_step(pair.sim));
    }
    pair.accepts->tap = lose_large;
    sim_run_for(pair.sim, SIM_SECOND);
    pair.dials->external = pair.dials->addrs[0];
    pair.dials->external.port++;
    pair.accepts->tap = lose_everything;
    SIM_EXPECT(pair.sim, iq_conn_send_datagram(task.conn, message, len) == 0);
    sim_run_for(pair.sim, 3 * SIM_SECOND);
    pair.accepts->tap = NULL;
    story_finish(&pair, &task, 30 * SIM_SECOND);
    sim_free(pair.sim);
}

static void tell_rebinds_unheard(const struct sim_options *options)
{
    size_t len;

    for (len = 0; len <= 64; len++) {
        rebind_unheard(options, len);
    }
}

/* Wires that are full now and then */
static void tell_full_wire(const struct sim_options *options)
{
    static const uint32_t chances[] = {100, 3000, 9000};
    size_t i;

    for (i = 0; i < sizeof(chances) / sizeof(chances[0]); i++) {
        struct story_pair pair = story_pair(options, NULL, NULL);
        struct app_task task = {.len = 30000, .stream_count = 20, .at_once = 10};

        pair.dials->again_chance = pair.accepts->again_chance = chances[i];
        app_dial(&task, pair.dials, pair.accepts);
        story_finish(&pair, &task, 600 * SIM_SECOND);
        sim_free(pair.sim);
    }
}

/* A link that works for five seconds, and is dead for two */
static void tell_dead_times(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 10000000};

    pair.dials->link.rate_bps = pair.accepts->link.rate_bps = 10000000;
    pair.dials->link.on_ms = pair.accepts->link.on_ms = 5000;
    pair.dials->link.off_ms = pair.accepts->link.off_ms = 2000;
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 600 * SIM_SECOND);
    sim_free(pair.sim);
}

/* Damage of every kind at once */
static void tell_damage(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 300000};

    pair.dials->link.corrupt = pair.accepts->link.corrupt = 500;
    pair.dials->link.truncate = pair.accepts->link.truncate = 500;
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 600 * SIM_SECOND);
    sim_free(pair.sim);
}

/* Round trips of an hour, which nobody's time-outs allow by default, of a microsecond, and of no
 * time at all */
static void tell_far_and_near(const struct sim_options *options)
{
    const struct iq_endpoint_config patient = {
        .idle_timeout_ms = DAY_MS, .connect_timeout_ms = DAY_MS, .accept_timeout_ms = DAY_MS};
    static const uint64_t delays_ns[] = {1800 * SIM_SECOND, SIM_MICROSECOND / 2, 0};
    size_t i;

    for (i = 0; i < sizeof(delays_ns) / sizeof(delays_ns[0]); i++) {
        struct story_pair pair = story_pair(options, &patient, &patient);
        struct app_task task = {.len = 100000};

        pair.dials->link.delay_ms = pair.accepts->link.delay_ms = 0;
        pair.dials->link.delay_ns = pair.accepts->link.delay_ns = delays_ns[i];
        app_dial(&task, pair.dials, pair.accepts);
        story_finish(&pair, &task, (i == 0 ? 1000000 : 60) * SIM_SECOND);
        sim_free(pair.sim);
    }
}

/* The ladder of networks on which iroh is tried.  Delays are one way. */
const struct sim_link story_ladder[STORY_RUNGS] = {
    {.name = "good-wifi", .rate_bps = 100000000, .delay_ms = 8, .loss = 10},
    {.name = "congested-wifi",
     .rate_bps = 25000000,
     .delay_ms = 20,
     .jitter_ms = 12,
     .loss = 100,
     .burst = 6},
    {.name = "weak-4g",
     .rate_bps = 8000000,
     .delay_ms = 45,
     .jitter_ms = 15,
     .loss = 200,
     .burst = 8},
    {.name = "slow-3g",
     .rate_bps = 3000000,
     .delay_ms = 100,
     .jitter_ms = 30,
     .loss = 300,
     .burst = 10},
    {.name = "congested-cellular",
     .rate_bps = 1500000,
     .delay_ms = 150,
     .jitter_ms = 40,
     .loss = 500,
     .burst = 12},
    {.name = "very-bad-cellular",
     .rate_bps = 800000,
     .delay_ms = 225,
     .jitter_ms = 60,
     .loss = 800,
     .burst = 20},
    {.name = "satellite",
     .rate_bps = 25000000,
     .delay_ms = 300,
     .jitter_ms = 40,
     .loss = 150,
     .burst = 6},
    {.name = "barely-usable",
     .rate_bps = 500000,
     .delay_ms = 225,
     .jitter_ms = 80,
     .loss = 1200,
     .burst = 25},
    {.name = "absurd",
     .rate_bps = 256000,
     .delay_ms = 400,
     .jitter_ms = 150,
     .loss = 2500,
     .burst = 40},
};

/* Dials up to `attempts` times until one connects. */
static void dial_and_echo(const struct sim_options *options, uint64_t len, unsigned attempts,
                          const struct iq_endpoint_config *config)
{
    struct story_pair pair = story_pair(options, config, config);
    struct app_task task;

    do {
        task = (struct app_task){.len = len};
        app_dial(&task, pair.dials, pair.accepts);
        while (task.closed_count == 0 && sim_step(pair.sim)) {
        }
    } while (!task.connected && --attempts > 0);
    app_expect_done(pair.sim, &task);
    sim_free(pair.sim);
}

static void tell_ladder(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < STORY_RUNGS; i++) {
        const struct sim_options on_rung = {.seed = options->seed, .weather = story_ladder[i]};

        dial_and_echo(&on_rung, 200000, 3, NULL);
    }
}

/* RFC 9000's handshakes have to get through even where every third packet is lost, in bursts. */
static void tell_bursts(const struct sim_options *options)
{
    const struct sim_options bursts = {
        .seed = options->seed,
        .weather = {.name = "bursts", .delay_ms = 15, .loss = 3000, .burst = 3}};

    dial_and_echo(&bursts, 1000, 3, NULL);
}

/* How long 3 MB take over a path on which one packet in 50 is lost, but not for congestion. */
static uint64_t lossy_ns(uint64_t seed, enum iq_congestion_control control)
{
    const struct sim_options options = {
        .seed = seed,
        .weather = {.name = "lossy", .delay_ms = 25, .rate_bps = 20000000, .loss = 200}};
    const struct iq_endpoint_config config = {.congestion_control = control};
    struct story_pair pair = story_pair(&options, &config, &config);
    struct app_task task = {.len = 3000000};
    const uint64_t start_ns = pair.sim->now_ns;
    uint64_t took_ns;

    app_dial(&task, pair.dials, pair.accepts);
    while (task.closed_count == 0 && sim_step(pair.sim)) {
    }
    took_ns = pair.sim->now_ns - start_ns;
    app_expect_done(pair.sim, &task);
    sim_free(pair.sim);
    return took_ns;
}

/* Cubic takes every loss for congestion, BBR looks at the rate. */
static void tell_bbr(const struct sim_options *options)
{
    assert_true(2 * lossy_ns(options->seed, IQ_BBR) < lossy_ns(options->seed, IQ_CUBIC));
}

/* Whatever a system says of a datagram, the wire has three words for it: each is heard at every one
 * of the first calls of either side, and costs nothing but time. */

#define CALLS 100

static bool fail_at(const struct sim_options *options, uint64_t call, int error, bool accepts)
{
    const struct iq_endpoint_config small = {.stream_window = 4000};
    struct story_pair pair = story_pair(options, &small, &small);
    struct sim_node *node = accepts ? pair.accepts : pair.dials;
    struct app_task task = {.len = 400000};
    bool failed;

    node->fails_at = call;
    node->fails_with = error;
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 60 * SIM_SECOND);
    failed = node->send_calls >= call;
    sim_free(pair.sim);
    return failed;
}

static void tell_each_send_fails(const struct sim_options *options)
{
    static const int errors[] = {IQ_ERR_AGAIN, IQ_ERR_TOO_LONG, 0};
    const unsigned step = CALLS / story_scale(CALLS);
    unsigned call, i;

    for (i = 0; i < 6; i++) {
        for (call = 1; call <= CALLS; call += step) {
            assert_true(fail_at(options, call, errors[i / 2], i % 2 == 1) || call > CALLS / 2);
        }
    }
}

const struct story path_stories[] = {
    {.name = "path_each_send_fails", .run = tell_each_send_fails, .weather = STORY_CALM_ONLY},
    {.name = "path_bbr", .run = tell_bbr, .weather = STORY_CALM_ONLY},
    {.name = "path_first_lost", .run = tell_first_lost, .weather = STORY_CALM_ONLY},
    {.name = "path_victim", .run = tell_victim, .seeds = 5},
    {.name = "path_rebinds_unheard", .run = tell_rebinds_unheard, .weather = STORY_CALM_ONLY},
    {.name = "path_full_wire", .run = tell_full_wire, .seeds = 3},
    {.name = "path_dead_times", .run = tell_dead_times},
    {.name = "path_damage", .run = tell_damage, .seeds = 3},
    {.name = "path_far_and_near", .run = tell_far_and_near},
    {.name = "path_ladder", .run = tell_ladder, .seeds = 3, .weather = STORY_CALM_ONLY},
    {.name = "path_bursts", .run = tell_bursts, .seeds = 200, .weather = STORY_CALM_ONLY},
    {0},
};
