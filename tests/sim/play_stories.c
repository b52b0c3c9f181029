/*
 * Random play: applications that do whatever comes to their mind, on a network that does the same.
 *
 * There is no plot.  What must hold is what check.c and watch.c see to, and that everything comes
 * to its end and leaves nothing behind.
 */
#include <string.h>

#include "story.h"

#define ACTS_MAX 120 /* between which the network goes on for a while */

static struct sim *sim_of(const struct iq_conn *conn)
{
    return sim_node_of(iq_conn_endpoint(conn))->sim;
}

static void play_on_stream(struct iq_stream *stream)
{
    static const uint8_t bytes[5000];
    struct dice *dice = &sim_of(iq_stream_conn(stream))->workload;
    const struct iq_bytes in = iq_stream_peek(stream);

    switch (dice_below(dice, 14)) {
    case 0:
        iq_stream_reset(stream, dice_below(dice, 1000));
        break;
    case 1:
        iq_stream_stop(stream, dice_below(dice, 1000));
        break;
    case 2:
    case 3:
        iq_stream_finish(stream);
        break;
    case 4:
        iq_stream_consume(stream, (size_t)dice_below(dice, in.len + 1));
        break;
    case 5:
    case 6:
        (void)iq_stream_write(stream, bytes, (size_t)dice_below(dice, sizeof(bytes)));
        break;
    case 7:
        watch_drop(stream);
        break;
    case 8:
        iq_stream_set_priority(stream, (int32_t)dice_below(dice, 3));
        break;
    default: /* mostly an echo */
        iq_stream_consume(stream, iq_stream_write(stream, in.data, in.len));
        if (iq_stream_at_end(stream)) {
            iq_stream_finish(stream);
        }
        break;
    }
}

/* Before the handshake is complete they have to wait. */
static void play_send(struct iq_conn *conn, const void *data, size_t len)
{
    const bool is_early = conn->state < IQ_CONN_OPEN;
    const int rc = iq_conn_send_datagram(conn, data, len);

    SIM_EXPECT(sim_of(conn), is_early ? rc == IQ_ERR_AGAIN
                                      : rc == 0 || rc == IQ_ERR_TOO_LONG || rc == IQ_ERR_CLOSED);
}

static void play_with_datagrams(struct iq_conn *conn)
{
    static const uint8_t bytes[1452];
    struct dice *dice = &sim_of(conn)->workload;
    uint64_t count = dice_below(dice, 30);

    for (; count > 0; count--) {
        play_send(conn, bytes, (size_t)dice_below(dice, sizeof(bytes)));
    }
}

/* Now and then one is answered. */
static void play_on_datagram(struct iq_conn *conn, struct iq_bytes datagram)
{
    if (dice_below(&sim_of(conn)->workload, 10) == 0) {
        play_send(conn, datagram.data, datagram.len);
    }
}

static void play_on_conn(struct iq_conn *conn)
{
    struct dice *dice = &sim_of(conn)->workload;
    struct iq_stream *stream;

    switch (dice_below(dice, 30)) {
    case 0:
        iq_conn_close(conn, dice_below(dice, 1000), "enough of this");
        break;
    case 1:
    case 2:
    case 3:
        if (watch_open_uni(&stream, conn) == 0) {
            play_on_stream(stream);
        }
        break;
    case 4:
    case 5:
        play_with_datagrams(conn);
        break;
    default:
        if (watch_open_bi(&stream, conn) == 0) {
            play_on_stream(stream);
        }
        break;
    }
}

static void play_reset(struct iq_stream *stream, uint64_t code) { play_on_stream(stream); }

static const struct iq_protocol_handler playing = {
    .on_accept_early = play_on_conn,
    .on_connect_early = play_on_conn,
    .on_accept = play_on_conn,
    .on_connect = play_on_conn,
    .on_stream_ready = play_on_stream,
    .on_stream_reset = play_reset,
    .on_stream_stopped = play_reset,
    .on_stream_delivered = play_on_stream,
    .on_streams_allowed = play_on_conn,
    .on_datagram = play_on_datagram,
};

static void play_on_network(struct sim *sim, struct sim_node *node)
{
    struct dice *dice = &sim->network;

    switch (dice_below(dice, 5)) {
    case 0: /* the NAT thinks of another port */
        node->external = node->addrs[0];
        node->external.port = (uint16_t)(1024 + dice_below(dice, 60000));
        break;
    case 1:
        node->link.loss = (uint32_t)dice_below(dice, 3) * 1500;
        break;
    case 2:
        node->again_chance = (uint32_t)dice_below(dice, 3) * 1000;
        break;
    case 3:
        node->link.mtu = 1200 + (size_t)dice_below(dice, 300);
        break;
    default:
        node->link.delay_ms = (uint32_t)dice_below(dice, 100);
        break;
    }
}

static void act(struct sim *sim)
{
    static const uint64_t pauses_ns[] = {0, SIM_MILLISECOND, 30 * SIM_MILLISECOND, SIM_SECOND,
                                         12 * SIM_SECOND};
    struct dice *dice = &sim->workload;
    struct sim_node *node = &sim->nodes[dice_below(dice, 2)];
    struct sim_node *other = &sim->nodes[node == &sim->nodes[0]];
    struct iq_conn *conn = watch_conn(node, (size_t)dice_below(dice, 4));
    const struct iq_addr addr = sim_addr(other);

    switch (dice_below(dice, 8)) {
    case 0:
        (void)watch_dial(NULL, node, &addr, APP_ALPN, &playing, NULL, NULL);
        break;
    case 1:
        play_on_network(sim, node);
        break;
    default:
        if (conn != NULL) {
            play_on_conn(conn);
        }
        break;
    }
    sim_run_for(sim, pauses_ns[dice_below(dice, sizeof(pauses_ns) / sizeof(pauses_ns[0]))]);
}

static void tell_play(const struct sim_options *options)
{
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &playing}, {0}};
    const struct iq_endpoint_config small = {.max_streams_bi = 5,
                                             .max_streams_uni = 2,
                                             .stream_window = 6000,
                                             .conn_window = 12000,
                                             .stream_send_buffer = 5000,
                                             .sessions_max = 4};
    struct sim *sim = sim_new(options);
    unsigned acts = (unsigned)dice_below(&sim->workload, ACTS_MAX);
    struct sim_node *node;

    for (node = sim->nodes; node < sim->nodes + 2; node++) {
        (void)sim_add_endpoint(sim, &small);
        watch_listen(node, routes);
    }
    for (; acts > 0; acts--) {
        act(sim);
    }
    for (node = sim->nodes; node < sim->nodes + 2; node++) { /* a network in which all can end */
        node->link = (struct sim_link){.delay_ms = 10};
        node->again_chance = 0;
    }
    sim_free(sim);
}

const struct story play_stories[] = {
    {.name = "play_at_random", .run = tell_play, .seeds = 300},
    {0},
};
