/* What connections and endpoints say of themselves, against what the network has seen. */
#include <string.h>

#include "note.h"

static void expect_equal(const struct sim *sim, const char *what, uint64_t said, uint64_t seen)
{
    if (said != seen) {
        SIM_FAIL(sim, "%s: %llu, and not %llu", what, (unsigned long long)said,
                 (unsigned long long)seen);
    }
}

static struct iq_conn_stats conn_stats(const struct sim_node *node)
{
    struct iq_conn_stats stats;

    iq_conn_stats(watch_conn(node, 0), &stats);
    return stats;
}

static struct iq_endpoint_stats endpoint_stats(const struct sim_node *node)
{
    struct iq_endpoint_stats stats;

    iq_endpoint_stats(node->endpoint, &stats);
    return stats;
}

/* Of a node that has one connection only, both say the same. */
static void expect_datagrams(const struct sim_node *node, const struct sim_node *peer)
{
    const struct iq_conn_stats conn = conn_stats(node);
    const struct iq_endpoint_stats endpoint = endpoint_stats(node);

    expect_equal(node->sim, "sent", conn.datagrams_sent, node->sent_count);
    expect_equal(node->sim, "sent bytes", conn.bytes_sent, node->sent_bytes);
    expect_equal(node->sim, "received", conn.datagrams_received, peer->sent_count);
    expect_equal(node->sim, "received bytes", conn.bytes_received, peer->sent_bytes);
    expect_equal(node->sim, "sent", endpoint.datagrams_sent, node->sent_count);
    expect_equal(node->sim, "sent bytes", endpoint.bytes_sent, node->sent_bytes);
    expect_equal(node->sim, "received", endpoint.datagrams_received, peer->sent_count);
    expect_equal(node->sim, "received bytes", endpoint.bytes_received, peer->sent_bytes);
}

static void tell_conn(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 200000, .stay = true};
    uint64_t most_in_flight = 0;
    struct iq_conn_stats stats;
    struct iq_conn *conn;

    app_dial(&task, pair.dials, pair.accepts);
    while (task.echoed == 0 && sim_step(pair.sim)) {
        if (task.conn != NULL) {
            iq_conn_stats(task.conn, &stats);
            most_in_flight =
                stats.bytes_in_flight > most_in_flight ? stats.bytes_in_flight : most_in_flight;
            SIM_EXPECT(pair.sim, stats.bytes_in_flight <= stats.cwnd + UINT64_C(2 * 1452));
        }
    }
    sim_run_for(pair.sim, 2 * SIM_SECOND);
    expect_datagrams(pair.dials, pair.accepts);
    expect_datagrams(pair.accepts, pair.dials);

    conn = watch_conn(pair.dials, 0);
    stats = conn_stats(pair.dials);
    SIM_EXPECT(pair.sim, stats.min_rtt_us >= 20000 && stats.min_rtt_us <= stats.latest_rtt_us);
    SIM_EXPECT(pair.sim, stats.smoothed_rtt_us >= 20000 && stats.smoothed_rtt_us < 60000);
    SIM_EXPECT(pair.sim, stats.cwnd > 12000 && stats.mtu == 1452);
    SIM_EXPECT(pair.sim, most_in_flight > 12000 && stats.bytes_in_flight == 0);
    expect_equal(pair.sim, "lost", stats.packets_lost + stats.bytes_lost, 0);

    iq_conn_close(conn, 0, NULL);
    conn = watch_conn(pair.accepts, 0);
    stats = conn_stats(pair.accepts);
    while (conn->quic != NULL && sim_step(pair.sim)) {
    }
    stats.datagrams_sent++; /* the answer */
    stats.bytes_sent = pair.accepts->sent_bytes;
    stats.datagrams_received++;
    stats.bytes_received = pair.dials->sent_bytes;
    iq_conn_stats(conn, &conn->stats);
    SIM_EXPECT(pair.sim, memcmp(&stats, &conn->stats, sizeof(stats)) == 0);
    sim_free(pair.sim);
}

/* Nothing has come back yet. */
static void tell_no_answer(const struct sim_options *options)
{
    static struct note_pair self;
    struct iq_conn_stats stats;

    note_start(&self, options, NULL, NULL);
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_step(self.pair.sim);
    iq_conn_stats(self.conn, &stats);
    SIM_EXPECT(self.pair.sim, stats.min_rtt_us == 0 && stats.latest_rtt_us == 0);
    SIM_EXPECT(self.pair.sim, stats.smoothed_rtt_us == 333000 && stats.datagrams_sent == 1);
    SIM_EXPECT(self.pair.sim, stats.bytes_in_flight == 1200 && stats.mtu == 1200);
    sim_free(self.pair.sim);
}

/* Probes of the path MTU, which these endpoints do not send, do not count. */
static void tell_lost(const struct sim_options *options)
{
    static const struct iq_endpoint_config config = {.max_datagram_size = 1200};
    struct story_pair pair = story_pair(options, &config, &config);
    struct app_task task = {.len = 100000, .stay = true};
    struct iq_conn_stats stats;

    app_dial(&task, pair.dials, pair.accepts);
    while (!task.connected && sim_step(pair.sim)) {
    }
    sim_run_for(pair.sim, 30 * SIM_MILLISECOND); /* what is left of the handshake */
    pair.dials->link.drop_mask = UINT64_C(7) << pair.dials->sent_count;
    sim_run_for(pair.sim, 10 * SIM_SECOND);
    SIM_EXPECT(pair.sim, task.echoed == 1);
    stats = conn_stats(pair.dials);
    expect_equal(pair.sim, "lost", stats.packets_lost, 3);
    SIM_EXPECT(pair.sim, stats.bytes_lost > 3000 && stats.bytes_lost <= UINT64_C(3 * 1200));
    sim_free(pair.sim);
}

/* Whose connection it is, and between which addresses. */
static void tell_ends(const struct sim_options *options)
{
    static struct note_pair self;
    const struct iq_conn *dials, *accepts;

    note_connect(&self, options, NULL);
    dials = self.conn;
    accepts = watch_conn(self.pair.accepts, 0);
    SIM_EXPECT(self.pair.sim, iq_conn_is_dialled(dials) && !iq_conn_is_dialled(accepts));
    SIM_EXPECT(self.pair.sim,
               iq_socket_addr_equal(iq_conn_local_addr(dials), &self.pair.dials->addrs[0]));
    SIM_EXPECT(self.pair.sim,
               iq_socket_addr_equal(iq_conn_remote_addr(dials), &self.pair.accepts->addrs[0]));
    SIM_EXPECT(self.pair.sim,
               iq_socket_addr_equal(iq_conn_local_addr(accepts), &self.pair.accepts->addrs[0]));
    SIM_EXPECT(self.pair.sim,
               iq_socket_addr_equal(iq_conn_remote_addr(accepts), &self.pair.dials->addrs[0]));
    sim_free(self.pair.sim);
}

/* Of an endpoint: what became of those who came. */

static void retry_first(struct iq_incoming *incoming, void *data)
{
    if (iq_incoming_retry(incoming) != 0) {
        SIM_EXPECT((struct sim *)data, iq_incoming_is_validated(incoming));
        iq_incoming_refuse(incoming);
    }
}

static void expect_conns(const struct sim_node *node, uint64_t open, uint64_t accepted,
                         uint64_t dialled, uint64_t failed)
{
    const struct iq_endpoint_stats stats = endpoint_stats(node);

    expect_equal(node->sim, "open", stats.conns_open, open);
    expect_equal(node->sim, "accepted", stats.conns_accepted, accepted);
    expect_equal(node->sim, "dialled", stats.conns_dialled, dialled);
    expect_equal(node->sim, "failed", stats.handshakes_failed, failed);
}

static void tell_endpoint(const struct sim_options *options)
{
    static const struct iq_acceptor acceptor = {.on_incoming = retry_first};
    static struct note_pair self;
    struct sim_node *dials, *accepts;
    struct iq_conn *first;

    note_connect(&self, options, NULL);
    dials = self.pair.dials;
    accepts = self.pair.accepts;
    first = self.conn;
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    expect_conns(dials, 1, 0, 1, 0); /* the second is not open yet */
    sim_run_for(self.pair.sim, SIM_SECOND);
    expect_conns(dials, 2, 0, 2, 0);
    expect_conns(accepts, 2, 2, 0, 0);

    iq_conn_close(first, 0, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    expect_conns(dials, 1, 0, 2, 0);
    expect_conns(accepts, 1, 2, 0, 0);

    SIM_EXPECT(self.pair.sim, note_dial(&self, "unknown", NULL) == 0);
    sim_run_for(self.pair.sim, SIM_SECOND);
    expect_conns(dials, 1, 0, 2, 1);
    expect_conns(accepts, 1, 2, 0, 1);

    iq_endpoint_listen(accepts->endpoint, &acceptor, self.pair.sim);
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, SIM_SECOND);
    expect_conns(dials, 1, 0, 2, 2);
    expect_conns(accepts, 1, 2, 0, 1);
    expect_equal(self.pair.sim, "retried", endpoint_stats(accepts).incoming_retried, 1);
    expect_equal(self.pair.sim, "refused", endpoint_stats(accepts).incoming_refused, 1);
    sim_free(self.pair.sim);
}

static void tell_strays(const struct sim_options *options)
{
    struct sim *sim = sim_new(options);
    const struct sim_node *node = sim_add_endpoint(sim, NULL);
    const struct sim_node *stranger = sim_add_raw(sim);
    const uint8_t long_enough[100] = {0x40}, too_short[10] = {0x40}, old_version[1200] = {0xc0};

    sim_inject(sim, &stranger->addrs[0], &node->addrs[0], long_enough, sizeof(long_enough));
    sim_inject(sim, &stranger->addrs[0], &node->addrs[0], too_short, sizeof(too_short));
    sim_inject(sim, &stranger->addrs[0], &node->addrs[0], old_version, sizeof(old_version));
    sim_run_for(sim, SIM_SECOND);
    expect_equal(sim, "strays", endpoint_stats(node).strays, 3);
    expect_equal(sim, "resets", endpoint_stats(node).resets_sent, 1);
    expect_equal(sim, "received", endpoint_stats(node).datagrams_received, 3);
    sim_free(sim);
}

const struct story stats_stories[] = {
    {.name = "stats_conn", .run = tell_conn, .weather = STORY_CALM_ONLY},
    {.name = "stats_no_answer", .run = tell_no_answer, .weather = STORY_CALM_ONLY},
    {.name = "stats_lost", .run = tell_lost, .weather = STORY_CALM_ONLY},
    {.name = "stats_ends", .run = tell_ends},
    {.name = "stats_endpoint", .run = tell_endpoint, .weather = STORY_CALM_ONLY},
    {.name = "stats_strays", .run = tell_strays, .weather = STORY_CALM_ONLY},
    {0},
};
