/* Addresses change while a connection lasts: our own, or those that a NAT gives us. */
#include <string.h>

#include "journey.h"

#define OLD_HOST 1 /* of the dialling node, which is made first */
#define NEW_HOST 50

/* A validation, its repetition if something of it is lost, and what has to be sent again. */
#define MOVE_STALL_NS (4 * SIM_SECOND)

/* The dialling side gets another address */

struct move {
    struct sim_node *node;
    unsigned host;  /* the new one; 0: there is no network for now */
    bool old_works; /* beside the new one */
};

static void move(struct sim *sim, void *arg)
{
    const struct move *self = arg;
    struct sim_node *node = self->node;

    if (node->endpoint == NULL) {
        return;
    }
    node->addrs[1] = node->addrs[0];
    node->addrs[0] = sim_socket_addr(self->host, 4433);
    node->addr_count = self->host == 0 ? 0 : self->old_works ? 2 : 1;
    iq_endpoint_network_changed(node->endpoint);
    iq_endpoint_network_changed(node->endpoint); /* once more changes nothing */
}

static void move_after(struct sim_node *node, uint64_t ms, struct move *to)
{
    to->node = node;
    sim_after(node->sim, ms * SIM_MILLISECOND, move, to);
}

static void expect_seen(const struct journey *journey, unsigned host)
{
    const struct iq_socket_addr addr = sim_socket_addr(host, 4433);
    char str[IQ_SOCKET_ADDR_STR_SIZE];

    if (!iq_socket_addr_equal(&journey->seen, &addr)) {
        SIM_FAIL(journey->pair.sim, "seen at %s", iq_socket_addr_str(&journey->seen, str));
    }
}

static void tell_moves(const struct sim_options *options)
{
    unsigned old_works;

    for (old_works = 0; old_works < 2; old_works++) {
        struct move to = {.host = NEW_HOST, .old_works = old_works};
        struct journey journey;

        journey_begin(&journey, options, 3000000);
        journey_connect(&journey);
        move_after(journey.pair.dials, 700, &to);
        sim_run_for(journey.pair.sim, 690 * SIM_MILLISECOND);
        expect_seen(&journey, OLD_HOST);
        sim_run_for(journey.pair.sim, 2 * SIM_SECOND);
        expect_seen(&journey, NEW_HOST);
        journey_end(&journey, MOVE_STALL_NS);
    }
}

/* Who only waits has nothing to send, and still the accept side learns soon where to send to: the
 * next keep-alive would come later. */
static void tell_moves_idle(const struct sim_options *options)
{
    struct move to = {.host = NEW_HOST};
    struct journey journey;

    journey_begin(&journey, options, 1);
    journey_connect(&journey);
    journey.task.stay = true;
    sim_run_for(journey.pair.sim, 7 * SIM_SECOND);
    expect_seen(&journey, OLD_HOST);
    move_after(journey.pair.dials, 0, &to);
    sim_run_for(journey.pair.sim, 2 * SIM_SECOND);
    expect_seen(&journey, NEW_HOST);
    sim_free(journey.pair.sim);
}

/* The address goes and comes back: at once, later, or as another one */
static void tell_returns(const struct sim_options *options)
{
    static const struct return_row {
        unsigned there, back;
        uint64_t after_ms;
    } rows[] = {{0, OLD_HOST, 100},         {0, OLD_HOST, 3000},        {0, NEW_HOST, 3000},
                {NEW_HOST, OLD_HOST, 15},   {NEW_HOST, OLD_HOST, 3000}, {0, NEW_HOST, 20000},
                {NEW_HOST, OLD_HOST, 20000}};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct move away = {.host = rows[i].there}, back = {.host = rows[i].back};
        struct journey journey;

        journey_begin(&journey, options, 5000000);
        journey_connect(&journey);
        move_after(journey.pair.dials, 500, &away);
        move_after(journey.pair.dials, 500 + rows[i].after_ms, &back);
        sim_run_for(journey.pair.sim, (500 + rows[i].after_ms + 6000) * SIM_MILLISECOND);
        if (journey.task.closed_count == 0) {
            expect_seen(&journey, rows[i].back);
        }
        journey_end(&journey, (rows[i].after_ms + 8000) * SIM_MILLISECOND);
    }
}

static void move_early(const struct sim_options *options, uint64_t at_ms, bool old_works)
{
    struct move to = {.host = NEW_HOST, .old_works = old_works};
    struct journey journey;

    journey_begin(&journey, options, 1000000);
    move_after(journey.pair.dials, at_ms, &to);
    while (journey.task.closed_count == 0) {
        SIM_EXPECT(journey.pair.sim, sim_step(journey.pair.sim));
        SIM_EXPECT(journey.pair.sim, journey.pair.sim->now_ns < 100 * SIM_SECOND);
    }
    if (old_works) {
        expect_seen(&journey, NEW_HOST);
        app_expect_done(journey.pair.sim, &journey.task);
    } else if (!app_is_done(&journey.task)) {
        SIM_EXPECT(journey.pair.sim, journey.task.how == IQ_CLOSED_TIMED_OUT);
    }
    sim_free(journey.pair.sim);
}

/* Nobody migrates before the handshake is confirmed (RFC 9000, section 9): that is done after it,
 * or, where the old address is gone, the dial ends in time. */
static void tell_moves_early(const struct sim_options *options)
{
    uint64_t at_ms;

    for (at_ms = 0; at_ms < 80; at_ms += 5) {
        move_early(options, at_ms, true);
        move_early(options, at_ms, false);
    }
}

static void tell_moves_on_a_full_wire(const struct sim_options *options)
{
    struct move to = {.host = NEW_HOST};
    struct journey journey;

    journey_begin(&journey, options, 2000000);
    journey_connect(&journey);
    journey.pair.dials->again_chance = journey.pair.accepts->again_chance = 9000;
    move_after(journey.pair.dials, 500, &to);
    journey_end(&journey, 2 * MOVE_STALL_NS);
}

#define MOVE_COUNT 40

/*
 * The accept side has ended the connection with a CONNECTION_ID_LIMIT_ERROR (RFC 9000, section
 * 20.1).  ngtcp2 up to 1.25 retires the id of a validation that a new move ends, even if that is
 * also the id of the path that it would fall back to: it then counts it once more, beside the one
 * that the peer has given in its place.
 */
static bool ended_for_ids(const struct app_task *task)
{
    return task->closed_count == 1 && task->how == IQ_CLOSED_ABORTED_BY_PEER && task->code == 0x09;
}

/* Faster than any of them can be validated, and than the peer has ids for. */
static void tell_moves_often(const struct sim_options *options)
{
    static const uint64_t pauses_ms[] = {0, 3, 15, 30, 200};
    size_t i, j;

    for (i = 0; i < sizeof(pauses_ms) / sizeof(pauses_ms[0]); i++) {
        struct move to[MOVE_COUNT];
        struct journey journey;

        journey_begin(&journey, options, 5000000);
        journey_connect(&journey);
        for (j = 0; j < MOVE_COUNT; j++) {
            to[j] = (struct move){.host = NEW_HOST + (unsigned)j};
            move_after(journey.pair.dials, 500 + j * pauses_ms[i], &to[j]);
        }
        sim_run_for(journey.pair.sim, (500 + MOVE_COUNT * pauses_ms[i] + 8000) * SIM_MILLISECOND);
        if (options->weather.loss > 0 && ended_for_ids(&journey.task)) {
            sim_free(journey.pair.sim);
            continue;
        }
        if (journey.task.closed_count == 0) {
            expect_seen(&journey, NEW_HOST + MOVE_COUNT - 1);
        }
        journey_end(&journey, MOVE_COUNT * pauses_ms[i] * SIM_MILLISECOND + 2 * MOVE_STALL_NS);
    }
}

/* What leaves from the new address gets nowhere. */
static bool lose_from_new(struct sim_node *node, const struct iq_datagrams *datagram)
{
    const struct iq_socket_addr addr = sim_socket_addr(NEW_HOST, 4433);

    return !iq_socket_addr_equal(&datagram->path.local, &addr);
}

/* Where the old address works beside it, the transfer does not even pause.  Else it goes on when
 * that comes back; or it never does, and the connection ends. */
static void tell_moves_into_nowhere(const struct sim_options *options)
{
    static const struct nowhere_row {
        bool old_works;
        uint64_t back_ms; /* 0: never */
        uint64_t stall_ms;
    } rows[] = {{true, 0, 2000}, {true, 3000, 2000}, {false, 8000, 16000}, {false, 0, 0}};
    size_t i;

    for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct move away = {.host = NEW_HOST, .old_works = rows[i].old_works};
        struct move back = {.host = OLD_HOST};
        struct journey journey;

        journey_begin(&journey, options, 5000000);
        journey_connect(&journey);
        journey.pair.dials->tap = lose_from_new;
        move_after(journey.pair.dials, 500, &away);
        if (rows[i].back_ms != 0) {
            move_after(journey.pair.dials, 500 + rows[i].back_ms, &back);
        }
        if (rows[i].stall_ms != 0) {
            journey_end(&journey, rows[i].stall_ms * SIM_MILLISECOND);
            continue;
        }
        sim_run(journey.pair.sim, 200 * SIM_SECOND);
        SIM_EXPECT(journey.pair.sim, journey.task.closed_count == 1);
        SIM_EXPECT(journey.pair.sim, journey.task.how == IQ_CLOSED_TIMED_OUT);
        sim_free(journey.pair.sim);
    }
}

/* The new path works only after a while, and no change says so: it is tried again. */
static void lose_nothing(struct sim *sim, void *arg)
{
    struct sim_node *node = arg;

    node->tap = NULL;
}

static void tell_moves_too_soon(const struct sim_options *options)
{
    struct move to = {.host = NEW_HOST};
    struct journey journey;

    journey_begin(&journey, options, 3000000);
    journey_connect(&journey);
    journey.pair.dials->tap = lose_from_new;
    move_after(journey.pair.dials, 500, &to);
    sim_after(journey.pair.sim, 10 * SIM_SECOND, lose_nothing, journey.pair.dials);
    journey_end(&journey, 18 * SIM_SECOND);
}

static bool lose_over_old(struct sim_node *node, const struct iq_datagrams *datagram)
{
    const struct iq_socket_addr addr = sim_socket_addr(OLD_HOST, 4433);

    return !iq_socket_addr_equal(&datagram->path.local, &addr) &&
           !iq_socket_addr_equal(&datagram->path.remote, &addr);
}

static void lose_old(struct sim *sim, void *arg)
{
    const struct journey *journey = arg;

    journey->pair.dials->tap = journey->pair.accepts->tap = lose_over_old;
}

/* The new path did not work when it was tried, and the old one did.  Now it is the other way round,
 * and no change says so. */
static void tell_moves_after_all(const struct sim_options *options)
{
    struct move to = {.host = NEW_HOST, .old_works = true};
    struct journey journey;

    journey_begin(&journey, options, 5000000);
    journey_connect(&journey);
    journey.pair.dials->tap = lose_from_new;
    move_after(journey.pair.dials, 500, &to);
    sim_after(journey.pair.sim, 3 * SIM_SECOND, lose_old, &journey);
    journey_end(&journey, 2 * MOVE_STALL_NS);
}

/* A NAT gives the dialling side another port, another address, or both */

enum nat_gives { NAT_PORT = 1, NAT_ADDR = 2 };

struct rebinding {
    struct sim_node *node;
    uint64_t period_ns; /* 0: once */
    uint64_t flap_ns;   /* 0: it stays; else it goes back after this time */
    unsigned gives;
};

static void flap_back(struct sim *sim, void *arg)
{
    struct rebinding *rebinding = arg;

    rebinding->node->external.port = 4433;
}

static void rebind(struct sim *sim, void *arg)
{
    struct rebinding *rebinding = arg;
    struct sim_node *node = rebinding->node;

    if (node->endpoint == NULL || watch_live_conns(sim) == 0) {
        return;
    }
    if (rebinding->flap_ns == 0) {
        node->external.port += (rebinding->gives & NAT_PORT) != 0;
        node->external.ip[1] += (rebinding->gives & NAT_ADDR) != 0;
        sim_after(sim, rebinding->period_ns, rebind, rebinding);
        return;
    }
    node->external.port = 5555;
    sim_after(sim, rebinding->flap_ns, flap_back, rebinding);
}

/* During a flap everything that is sent to the new port is lost. */
static bool lose_replies(struct sim_node *node, const struct iq_datagrams *datagram)
{
    return datagram->path.remote.port != 5555;
}

static void echo_over_nat(const struct sim_options *options, struct rebinding rebinding,
                          uint64_t len, uint64_t start_ns, uint64_t stall_ns)
{
    struct journey journey;

    journey_begin(&journey, options, len);
    journey_connect(&journey);
    rebinding.node = journey.pair.dials;
    rebinding.node->external = rebinding.node->addrs[0];
    if (rebinding.flap_ns != 0) {
        journey.pair.accepts->tap = lose_replies;
    }
    sim_after(journey.pair.sim, start_ns, rebind, &rebinding);
    journey_end(&journey, stall_ns);
}

/* Nobody can tell a side that only waits that its NAT has changed: the other finds it again with
 * its next keep-alive, and if that is lost, or another change is faster, with a later one. */
static void tell_rebinding(const struct sim_options *options)
{
    static const uint64_t periods_ns[] = {7 * SIM_SECOND, SIM_SECOND};
    static const uint64_t stalls_ns[] = {12 * SIM_SECOND, 60 * SIM_SECOND};
    struct sim_options lossy = *options;
    unsigned gives, i;

    if (lossy.weather.loss == 0) {
        lossy.weather.loss = 200; /* once without, once with 2 % */
    }
    for (gives = NAT_PORT; gives <= (NAT_PORT | NAT_ADDR); gives++) {
        for (i = 0; i < 2; i++) {
            const struct rebinding rebinding = {.period_ns = periods_ns[i], .gives = gives};

            echo_over_nat(options, rebinding, 10000000, SIM_SECOND / 10, stalls_ns[i]);
            echo_over_nat(&lossy, rebinding, 10000000, SIM_SECOND / 10, stalls_ns[i]);
        }
    }
}

/* The fallback to the old path leaves what is in flight without a timer, and the transfer would
 * wait for the next keep-alive, or without any for ever (conn_path.c). */
static void tell_flap(const struct sim_options *options)
{
    static const uint64_t flaps_ms[] = {40, 200, 1000};
    size_t i;

    for (i = 0; i < sizeof(flaps_ms) / sizeof(flaps_ms[0]); i++) {
        const uint64_t start_ms = 200 + options->seed * 17;

        echo_over_nat(options, (struct rebinding){.flap_ns = flaps_ms[i] * SIM_MILLISECOND},
                      3000000, start_ms * SIM_MILLISECOND,
                      flaps_ms[i] * SIM_MILLISECOND + SIM_SECOND);
    }
}

/* Every datagram of the handshake comes once more, from another address or to another one: iroh
 * sends to all addresses that it knows of a peer.  That makes one connection. */

static struct {
    struct iq_socket_addr from, to; /* port 0: as it was */
    uint64_t count;
} twice;

static bool send_twice(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct iq_datagrams copy = *datagram;
    const struct iq_socket_addr *from = twice.from.port != 0 ? &twice.from : &datagram->path.local;

    if (twice.to.port != 0) {
        copy.path.remote = twice.to;
    }
    if ((datagram->data[0] & 0x80) != 0) { /* a long header.  RFC 9000, section 17.2 */
        twice.count++;
        sim_deliver_after(node->sim, 11 * SIM_MILLISECOND, from, &copy);
    }
    return true;
}

static void tell_arrives_twice(const struct sim_options *options)
{
    unsigned i;

    for (i = 0; i < 2; i++) {
        struct story_pair pair = story_pair(options, NULL, NULL);
        struct app_task task = {.len = 100000};

        memset(&twice, 0, sizeof(twice));
        pair.accepts->addrs[1] = sim_socket_addr(60, 4433);
        pair.accepts->addr_count = 2;
        if (i == 0) {
            twice.from = sim_socket_addr(70, 4433);
        } else {
            twice.to = pair.accepts->addrs[1];
        }
        pair.dials->tap = send_twice;
        app_dial(&task, pair.dials, pair.accepts);
        story_finish(&pair, &task, 60 * SIM_SECOND);
        SIM_EXPECT(pair.sim, twice.count >= 2);
        sim_run(pair.sim, 60 * SIM_SECOND);
        SIM_EXPECT(pair.sim, watch_closed_conns(pair.sim) == 2); /* one on each side */
        sim_free(pair.sim);
    }
}

const struct story migration_stories[] = {
    {.name = "path_moves", .run = tell_moves, .seeds = 10},
    {.name = "path_moves_idle", .run = tell_moves_idle, .seeds = 10},
    {.name = "path_returns", .run = tell_returns, .seeds = 3},
    {.name = "path_moves_early", .run = tell_moves_early},
    {.name = "path_moves_on_a_full_wire", .run = tell_moves_on_a_full_wire, .seeds = 3},
    {.name = "path_moves_often", .run = tell_moves_often, .seeds = 2},
    {.name = "path_moves_into_nowhere", .run = tell_moves_into_nowhere, .seeds = 3},
    {.name = "path_moves_too_soon", .run = tell_moves_too_soon, .seeds = 3},
    {.name = "path_moves_after_all", .run = tell_moves_after_all, .seeds = 3},
    {.name = "path_rebinding", .run = tell_rebinding},
    {.name = "path_flap", .run = tell_flap, .seeds = 100, .weather = STORY_CALM_ONLY},
    {.name = "path_arrives_twice", .run = tell_arrives_twice, .seeds = 5},
    {0},
};
