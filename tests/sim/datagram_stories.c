/* Datagrams: what arrives, what fits, and who takes them.  RFC 9221. */
#include <string.h>

#include "evil.h"
#include "mailbox.h"

#define A_WHILE (20 * SIM_SECOND)

/* With a path of 1200 bytes, and of what discovery finds. */
#define LEN_AT_FIRST 1162
#define LEN_AT_LAST  1414

static void tell_both_ways(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    const struct sim *sim = self->pair.sim;
    unsigned i;

    mailbox_connect(self);
    mailbox_send(self->pair.sim, self->conns[0], 0, 500, 100);
    mailbox_send(self->pair.sim, self->conns[1], 500, 800, 1000);
    sim_run_for(self->pair.sim, A_WHILE);
    if (options->weather.loss == 0) {
        mailbox_expect(sim, &self->boxes[1], 0, 500, 100);
        mailbox_expect(sim, &self->boxes[0], 500, 800, 1000);
    }
    /* What is lost is not sent again, and what is not lost arrives. */
    for (i = 0; i < 2; i++) {
        const unsigned sent = i == 0 ? 300 : 500;

        SIM_EXPECT(sim, self->boxes[i].count <= sent && self->boxes[i].count >= sent / 2);
    }
    mailbox_free(self);
}

static void tell_lost_is_lost(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);

    mailbox_connect(self);
    sim_run_for(self->pair.sim, A_WHILE);
    self->pair.dials->link.loss = 10000;
    mailbox_send(self->pair.sim, self->conns[0], 0, 5, 100);
    sim_run_for(self->pair.sim, SIM_SECOND / 10);
    self->pair.dials->link.loss = 0;
    mailbox_send(self->pair.sim, self->conns[0], 5, 10, 100);
    sim_run_for(self->pair.sim, A_WHILE);
    mailbox_expect(self->pair.sim, &self->boxes[1], 5, 10, 100);
    mailbox_free(self);
}

/* The end of what fits */

static size_t largest_sent;

static bool measure(struct sim_node *node, const struct iq_datagrams *datagram)
{
    largest_sent = datagram->len > largest_sent ? datagram->len : largest_sent;
    return true;
}

/* Exactly what fits does, in a packet that is no longer than the path allows; one more does not. */
static void expect_max_len(struct mailbox_pair *self, unsigned side, size_t max_len, size_t mtu)
{
    struct sim *sim = self->pair.sim;
    struct sim_node *node = side == 0 ? self->pair.dials : self->pair.accepts;
    struct mailbox *box = &self->boxes[!side];
    struct iq_conn *conn = self->conns[side];
    const struct iq_bytes longer = mailbox_datagram(9, max_len + 1);

    if (iq_conn_max_datagram_len(conn) != max_len) {
        SIM_FAIL(sim, "side %u: %zu bytes fit", side, iq_conn_max_datagram_len(conn));
    }
    SIM_EXPECT(sim, iq_conn_send_datagram(conn, longer.data, longer.len) == IQ_ERR_TOO_LONG);
    SIM_EXPECT(sim, iq_conn_offer_datagram(conn, longer.data, longer.len) == IQ_ERR_TOO_LONG);
    box->count = 0;
    largest_sent = 0;
    node->tap = measure;
    mailbox_send(sim, conn, 1, 4, max_len);
    sim_run_for(sim, SIM_SECOND / 20); /* before the next probe of the path */
    mailbox_expect(sim, box, 1, 4, max_len);
    SIM_EXPECT(sim, largest_sent <= mtu && largest_sent > max_len);
    node->tap = NULL;
}

static void tell_longest(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    unsigned side;

    self->pair.dials->link.mtu = self->pair.accepts->link.mtu = 1200;
    mailbox_connect(self);
    sim_run_for(self->pair.sim, A_WHILE); /* discovery has given up */
    for (side = 0; side < 2; side++) {
        expect_max_len(self, side, LEN_AT_FIRST, 1200);
    }
    mailbox_free(self);

    self = mailbox_start(options, NULL);
    mailbox_connect(self);
    SIM_EXPECT(self->pair.sim, iq_conn_max_datagram_len(self->conns[0]) == LEN_AT_FIRST);
    sim_run_for(self->pair.sim, A_WHILE);
    for (side = 0; side < 2; side++) {
        expect_max_len(self, side, LEN_AT_LAST, 1452);
    }
    mailbox_free(self);
}

static void tell_empty(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    unsigned i;

    mailbox_connect(self);
    for (i = 0; i < 3; i++) {
        SIM_EXPECT(self->pair.sim, iq_conn_send_datagram(self->conns[0], NULL, 0) == 0);
        SIM_EXPECT(self->pair.sim, iq_conn_offer_datagram(self->conns[1], "", 0) == 0);
    }
    sim_run_for(self->pair.sim, A_WHILE);
    for (i = 0; i < 2; i++) {
        SIM_EXPECT(self->pair.sim, self->boxes[i].count == 3);
        SIM_EXPECT(self->pair.sim, self->boxes[i].lens[0] == 0 && self->boxes[i].lens[2] == 0);
    }
    mailbox_free(self);
}

/* A handler without on_datagram drops them. */
static void tell_unheard(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    static const struct iq_protocol_handler deaf = {.on_connect = NULL};
    struct iq_conn *conn = story_connect(&pair, &deaf, NULL);

    mailbox_send(pair.sim, conn, 0, 100, 100);
    sim_run_for(pair.sim, A_WHILE);
    SIM_EXPECT(pair.sim, watch_live_conns(pair.sim) == 2);
    SIM_EXPECT(pair.sim, watch_conn(pair.accepts, 0)->datagrams.received.size == 0);
    sim_free(pair.sim);
}

/* Peers that take none, or only short ones */

static const struct limit_row {
    const char *name;
    uint64_t max_frame; /* transport parameter 0x20 */
    size_t max_len;
    int empty, longest, longer; /* what sending returns */
} limit_rows[] = {
    {.name = "none",
     .empty = IQ_ERR_UNSUPPORTED,
     .longest = IQ_ERR_UNSUPPORTED,
     .longer = IQ_ERR_UNSUPPORTED},
    {.name = "less than an empty one",
     .max_frame = 1,
     .empty = IQ_ERR_UNSUPPORTED,
     .longest = IQ_ERR_UNSUPPORTED,
     .longer = IQ_ERR_UNSUPPORTED},
    {.name = "an empty one", .max_frame = 2, .longer = IQ_ERR_TOO_LONG},
    {.name = "the overhead", .max_frame = 9, .longer = IQ_ERR_TOO_LONG},
    {.name = "one byte", .max_frame = 10, .max_len = 1, .longer = IQ_ERR_TOO_LONG},
    {.name = "short ones", .max_frame = 109, .max_len = 100, .longer = IQ_ERR_TOO_LONG},
    {.name = "all", .max_frame = 65535, .max_len = LEN_AT_FIRST, .longer = IQ_ERR_TOO_LONG},
};

static const struct iq_protocol_handler open_handler = {.on_connect = NULL};

static void limit_row(const struct sim_options *options, const struct limit_row *row)
{
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &open_handler}, {0}};
    const struct evil_options peer = {.alpn = "\x13iroh-example/echo/0",
                                      .max_datagram = row->max_frame};
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    static const uint8_t bytes[2000];
    struct evil evil;
    struct iq_conn *conn;

    watch_listen(accepts, routes);
    evil_dial(&evil, raw, accepts, &peer);
    while ((conn = watch_conn(accepts, 0)) == NULL) {
        SIM_EXPECT(sim, sim_step(sim));
    }
    if (iq_conn_max_datagram_len(conn) != row->max_len ||
        iq_conn_send_datagram(conn, bytes, 0) != row->empty ||
        iq_conn_send_datagram(conn, bytes, row->max_len) != row->longest ||
        iq_conn_send_datagram(conn, bytes, row->max_len + 1) != row->longer ||
        iq_conn_offer_datagram(conn, bytes, row->max_len + 1) != row->longer) {
        SIM_FAIL(sim, "%s: %zu bytes fit", row->name, iq_conn_max_datagram_len(conn));
    }
    sim_run_for(sim, SIM_SECOND);
    SIM_EXPECT(sim, conn->datagrams.unsent.size == 0);
    SIM_EXPECT(sim, watch_live_conns(sim) == 1 && evil.closed_count == 0);
    sim_close(accepts);
    evil_free(&evil);
    sim_free(sim);
}

static void tell_peers_limit(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(limit_rows) / sizeof(limit_rows[0]); i++) {
        limit_row(options, &limit_rows[i]);
    }
}

/* The end of the connection */

/* What is sent in one breath with the close still goes out, and is told before it. */
static void tell_then_close(const struct sim_options *options)
{
    static const unsigned greetings[][2] = {{30, 0}, {0, 30}};
    unsigned i;

    for (i = 0; i < 2; i++) {
        struct mailbox_pair *self = mailbox_start(options, greetings[i]);
        struct iq_conn *conn;

        SIM_EXPECT(self->pair.sim, watch_dial(&conn, self->pair.dials, &self->addr, APP_ALPN,
                                              &mailbox_handler, &self->boxes[0], NULL) == 0);
        sim_run_for(self->pair.sim, A_WHILE);
        SIM_EXPECT(self->pair.sim, self->boxes[0].closed == 1 && self->boxes[1].closed == 1);
        SIM_EXPECT(self->pair.sim, self->boxes[!i].count_at_close == 30);
        mailbox_free(self);
    }
}

static void tell_closed(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    struct iq_conn *conn;

    mailbox_connect(self);
    sim_run_for(self->pair.sim, 100 * SIM_MILLISECOND); /* what is left of the handshake */
    conn = self->conns[0];
    mailbox_send(self->pair.sim, self->conns[1], 0, 10, 100);
    sim_run_for(self->pair.sim, 9 * SIM_MILLISECOND); /* they are on their way */
    iq_conn_close(conn, 0, NULL);
    SIM_EXPECT(self->pair.sim, iq_conn_max_datagram_len(conn) == 0);
    SIM_EXPECT(self->pair.sim, iq_conn_send_datagram(conn, "x", 1) == IQ_ERR_CLOSED);
    SIM_EXPECT(self->pair.sim, iq_conn_offer_datagram(conn, "x", 1) == IQ_ERR_CLOSED);
    sim_run_for(self->pair.sim, 5 * SIM_MILLISECOND);
    SIM_EXPECT(self->pair.sim, iq_datagram_queue_is_empty(&conn->datagrams.received));
    sim_run_for(self->pair.sim, A_WHILE);
    SIM_EXPECT(self->pair.sim, self->boxes[0].count == 0); /* it wants to hear no more */
    mailbox_free(self);
}

const struct story datagram_stories[] = {
    {.name = "datagram_both_ways", .run = tell_both_ways, .seeds = 5},
    {.name = "datagram_lost_is_lost", .run = tell_lost_is_lost, .weather = STORY_CALM_ONLY},
    {.name = "datagram_longest", .run = tell_longest, .weather = STORY_CALM_ONLY},
    {.name = "datagram_empty", .run = tell_empty, .weather = STORY_CALM_ONLY},
    {.name = "datagram_unheard", .run = tell_unheard},
    {.name = "datagram_peers_limit", .run = tell_peers_limit, .weather = STORY_CALM_ONLY},
    {.name = "datagram_then_close", .run = tell_then_close, .weather = STORY_CALM_ONLY},
    {.name = "datagram_closed", .run = tell_closed, .weather = STORY_CALM_ONLY},
    {0},
};
