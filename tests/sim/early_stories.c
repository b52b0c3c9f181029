/* Early data: what it saves, when it is refused, and how it fails. */
#include <string.h>

#include "clock.h"
#include "early.h"

#define A_WHILE (60 * SIM_SECOND)

/* It is accepted */

static void tell_accepted(const struct sim_options *options)
{
    struct early_pair self;
    int i;

    early_start(&self, options);
    for (i = 2; i < 6; i++) {
        early_ask(&self);
        early_expect(&self, "accepted", EARLY_ACCEPTED);
        SIM_EXPECT(self.sim, self.taker.questions_early == 1 && self.taker.accepted == 1);
    }
    sim_free(self.sim);
}

/* The answer is here after one round trip, and after two without early data. */
static void tell_round_trip(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    SIM_EXPECT(self.sim, self.asker.answered_after_ns >= 40 * SIM_MILLISECOND);
    early_ask(&self);
    early_expect(&self, "accepted", EARLY_ACCEPTED);
    SIM_EXPECT(self.sim, self.asker.answered_after_ns < 21 * SIM_MILLISECOND);
    sim_free(self.sim);
}

/* Much more than fits into a flight, or than the peer allows at first. */
static void tell_large(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    self.asker.len = 3000000;
    early_ask(&self);
    early_expect(&self, "large", EARLY_ACCEPTED);
    sim_free(self.sim);
}

/* Of more early data than congestion control lets out, the first datagram is lost. */
static void tell_lost_hello(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    self.asker.len = 100000;
    self.dials->link.drop_mask = 1;
    self.dials->sent_count = 0;
    early_ask(&self);
    early_expect(&self, "without its ClientHello", EARLY_ACCEPTED);
    sim_free(self.sim);
}

/* The peer allows less than is to be said. */
static void tell_small_window(const struct sim_options *options)
{
    struct early_pair self;

    early_start_with(&self, options, early_routes, 300);
    early_ask(&self);
    early_expect(&self, "a small window", EARLY_ACCEPTED);
    self.asker.len = 5000;
    early_ask(&self);
    early_expect(&self, "more than a small window", EARLY_ACCEPTED);
    SIM_EXPECT(self.sim, self.taker.questions_early == 1);
    sim_free(self.sim);
}

static void demand_retry(struct iq_incoming *incoming, void *data)
{
    const struct sim_node *node = data;

    if (iq_incoming_retry(incoming) == IQ_ERR_VALIDATED) {
        SIM_EXPECT(node->sim, iq_incoming_accept(incoming, node->watched_routes) == 0);
    }
}

static void tell_retry(const struct sim_options *options)
{
    static const struct iq_acceptor acceptor = {.on_incoming = demand_retry};
    struct early_pair self;

    early_start(&self, options);
    iq_endpoint_listen(self.accepts->endpoint, &acceptor, self.accepts);
    early_ask(&self);
    early_expect(&self, "after a Retry", EARLY_ACCEPTED);
    sim_free(self.sim);
}

/* It is not tried */

static void tell_not_asked_for(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options); /* the dial's handler has no such member */
    self.handler = &early_plain_asker;
    early_ask(&self);
    early_expect(&self, "no on_connect_early", EARLY_NOT_TRIED);
    sim_free(self.sim);
    early_start_with(&self, options, early_plain_routes, 0); /* nor has the accept side's */
    early_ask(&self);
    early_expect(&self, "no on_accept_early", EARLY_NOT_TRIED);
    sim_free(self.sim);
}

/* The peer is dialled elsewhere than it was, and perhaps there as well. */
static void tell_other_addrs(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    self.accepts->addrs[1] = sim_socket_addr(60, 6000);
    self.accepts->addr_count = 2;
    self.addr.socket_addrs[0] = self.accepts->addrs[1];
    early_ask(&self);
    early_expect(&self, "elsewhere", EARLY_NOT_TRIED);
    self.addr.socket_addrs[0] = sim_socket_addr(61, 6000); /* where nobody is */
    self.addr.socket_addrs[1] = self.accepts->addrs[1];
    self.addr.count = 2;
    early_ask(&self);
    early_expect(&self, "there as well", EARLY_ACCEPTED);
    sim_free(self.sim);
}

/* It is refused, and said again */

static void tell_refused_by_handler(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    watch_listen(self.accepts, early_plain_routes);
    early_ask(&self);
    early_expect(&self, "no on_accept_early any more", EARLY_REFUSED);
    SIM_EXPECT(self.sim, self.asker.resumed == 1);
    sim_free(self.sim);
}

static void tell_refused_after_restart(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    early_restart(&self);
    early_ask(&self);
    early_expect(&self, "after a restart", EARLY_REFUSED);
    SIM_EXPECT(self.sim, self.asker.resumed == 0);
    early_ask(&self); /* there is one old session left */
    early_expect(&self, "the newest session first", EARLY_ACCEPTED);
    sim_free(self.sim);
}

/* The peer chooses another protocol of those that are offered: the early data was for the first. */
static void tell_refused_for_alpn(const struct sim_options *options)
{
    struct early_pair self;
    struct iq_connect_options more = {.more_alpns = (const char *const[]){"other", NULL}};

    early_start_with(&self, options, early_other_routes, 0);
    self.options = &more;
    early_ask(&self);
    early_expect(&self, "another protocol", EARLY_REFUSED);
    SIM_EXPECT(self.sim, strcmp(self.asker.alpn, "other") == 0);
    sim_free(self.sim);
}

/* Large early data that is refused: ngtcp2 held pointers into it. */
static void tell_refused_large(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    early_restart(&self);
    self.asker.len = 300000;
    early_ask(&self);
    early_expect(&self, "large", EARLY_REFUSED);
    sim_free(self.sim);
}

/* The session grows too old between the dial and the first packet.  What OpenSSL would send then
 * has a key that everybody knows: nothing may go out before the peer is proven. */
static void let_time_pass(struct sim *sim, struct iq_conn *conn, struct iq_stream *stream,
                          void *arg)
{
    if (conn->dials && conn->state == IQ_CONN_EARLY) {
        sim_clock_jump(INT64_C(8) * 24 * 3600);
    }
}

static void tell_too_old(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    watch_each_callback(self.sim, let_time_pass, NULL);
    early_ask(&self);
    early_expect(&self, "too old", EARLY_REFUSED);
    SIM_EXPECT(self.sim, self.asker.resumed == 0);
    SIM_EXPECT(self.sim, self.early_secrets == 0);
    watch_each_callback(self.sim, NULL, NULL);
    early_ask(&self);
    early_expect(&self, "and a new one", EARLY_ACCEPTED);
    SIM_EXPECT(self.sim, self.early_secrets == 1);
    sim_free(self.sim);
}

/* It fails before the handshake is complete */

static void expect_failed(const struct sim_node *node, uint64_t count)
{
    struct iq_endpoint_stats stats;

    iq_endpoint_stats(node->endpoint, &stats);
    SIM_EXPECT(node->sim, stats.handshakes_failed == count);
}

static void tell_nobody_there(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    sim_close(self.accepts);
    early_dial(&self);
    sim_run_for(self.sim, A_WHILE);
    SIM_EXPECT(self.sim, self.asker.early == 1 && self.asker.connected == 0);
    SIM_EXPECT(self.sim, self.asker.streams_closed == 1 && self.asker.closed == 1);
    SIM_EXPECT(self.sim, self.asker.how == IQ_CLOSED_TIMED_OUT);
    expect_failed(self.dials, 1);
    sim_free(self.sim);
}

/* Only the first flight arrives: the accept side has heard, and must hear of the end. */
static void tell_half_open(const struct sim_options *options)
{
    struct early_pair self;

    early_start(&self, options);
    self.accepts->link.drop_mask = ~UINT64_C(0);
    self.accepts->sent_count = 0;
    early_dial(&self);
    sim_run_for(self.sim, 100 * SIM_MILLISECOND);
    self.dials->link.drop_mask = ~UINT64_C(0);
    self.dials->sent_count = 0;
    sim_run_for(self.sim, 2 * A_WHILE);
    SIM_EXPECT(self.sim, self.taker.early == 1 && self.taker.questions_early == 1);
    SIM_EXPECT(self.sim, self.taker.accepted == 0 && self.taker.closed == 1);
    SIM_EXPECT(self.sim, self.asker.closed == 1 && self.asker.streams_closed == 1);
    expect_failed(self.dials, 1);
    expect_failed(self.accepts, 1);
    sim_free(self.sim);
}

/* What early data is not: there is a callback to come that tells when. */
static void try_too_early(struct sim *sim, struct iq_conn *conn, struct iq_stream *stream,
                          void *arg)
{
    unsigned *tried = arg;
    uint8_t key[32];

    if (conn->state != IQ_CONN_EARLY || !conn->is_known || stream != NULL) {
        return;
    }
    SIM_EXPECT(sim, iq_conn_max_datagram_len(conn) == 0);
    SIM_EXPECT(sim, iq_conn_send_datagram(conn, "x", 1) == IQ_ERR_AGAIN);
    SIM_EXPECT(sim, iq_conn_offer_datagram(conn, "x", 1) == IQ_ERR_AGAIN);
    SIM_EXPECT(sim, iq_conn_update_keys(conn) == IQ_ERR_AGAIN);
    SIM_EXPECT(sim, iq_conn_export_keying_material(conn, key, sizeof(key), "x", NULL, 0) ==
                        IQ_ERR_AGAIN);
    (*tried)++;
}

static void tell_too_early(const struct sim_options *options)
{
    struct early_pair self;
    unsigned tried = 0;

    early_start(&self, options);
    watch_each_callback(self.sim, try_too_early, &tried);
    early_ask(&self);
    early_expect(&self, "nothing else is early", EARLY_ACCEPTED);
    SIM_EXPECT(self.sim, tried == 2);
    sim_free(self.sim);
}

/* One side closes in its first callback, or its endpoint does. */
static void close_early(struct sim *sim, struct iq_conn *conn, struct iq_stream *stream, void *arg)
{
    const struct early_pair *self = arg;

    if (conn->state != IQ_CONN_EARLY || !conn->is_known || stream != NULL ||
        conn->dials != self->closer_dials) {
        return;
    }
    if (self->closer_endpoint) {
        (void)iq_endpoint_close(iq_conn_endpoint(conn), NULL, NULL);
    } else {
        iq_conn_close(conn, 7, "early");
    }
}

static void tell_closed(const struct sim_options *options)
{
    unsigned i;

    for (i = 0; i < 4; i++) {
        struct early_pair self;

        early_start(&self, options);
        self.closer_dials = (i & 1) != 0;
        self.closer_endpoint = (i & 2) != 0;
        watch_each_callback(self.sim, close_early, &self);
        early_dial(&self);
        sim_run_for(self.sim, 2 * A_WHILE);
        SIM_EXPECT(self.sim, self.asker.closed == 1 && self.asker.streams_closed == 1);
        SIM_EXPECT(self.sim, self.taker.early == self.taker.closed);
        if (self.closer_dials) {
            SIM_EXPECT(self.sim, self.asker.how == IQ_CLOSED_BY_US);
            SIM_EXPECT(self.sim, self.asker.shutdowns == self.closer_endpoint);
        } else {
            SIM_EXPECT(self.sim, self.taker.early == 1);
            SIM_EXPECT(self.sim, self.taker.shutdowns == self.closer_endpoint);
        }
        sim_free(self.sim);
    }
}

/* Who is turned away is so before its early data is heard. */

static unsigned screened;

static bool welcome_the_first(struct iq_conn *conn) { return screened++ == 0; }

static void tell_screened(const struct sim_options *options)
{
    struct iq_protocol_handler choosy = *early_routes[0].handler;
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &choosy}, {0}};
    struct early_pair self;

    choosy.on_accepting = welcome_the_first;
    screened = 0;
    early_start_with(&self, options, routes, 0);
    early_dial(&self);
    sim_run_for(self.sim, A_WHILE);
    SIM_EXPECT(self.sim, screened == 2);
    SIM_EXPECT(self.sim, self.taker.early == 0 && self.taker.accepted == 0);
    SIM_EXPECT(self.sim, self.taker.questions == 0 && self.taker.closed == 0);
    SIM_EXPECT(self.sim, self.asker.early == 1 && self.asker.closed == 1);
    SIM_EXPECT(self.sim, self.asker.how != IQ_CLOSED_BY_US);
    sim_free(self.sim);
}

/* Any weather: whatever becomes of the early data, the question is heard once and answered. */
static void tell_any(const struct sim_options *options)
{
    struct early_pair self;
    unsigned accepted = 0, i;

    early_start(&self, options);
    for (i = 0; i < 20; i++) {
        self.asker.len = i % 4 == 0 ? 100000 : 0;
        early_ask(&self);
        accepted += self.asker.accepted;
        early_expect(&self, "any weather",
                     self.asker.early == 0
                         ? EARLY_NOT_TRIED
                         : (self.asker.accepted ? EARLY_ACCEPTED : EARLY_REFUSED));
    }
    SIM_EXPECT(self.sim, accepted > 5);
    sim_free(self.sim);
}

const struct story early_stories[] = {
    {.name = "early_any_weather", .run = tell_any, .seeds = 20},
    {.name = "early_accepted", .run = tell_accepted, .weather = STORY_CALM_ONLY, .seeds = 5},
    {.name = "early_round_trip", .run = tell_round_trip, .weather = STORY_CALM_ONLY},
    {.name = "early_large", .run = tell_large, .weather = STORY_CALM_ONLY},
    {.name = "early_lost_hello", .run = tell_lost_hello, .weather = STORY_CALM_ONLY},
    {.name = "early_small_window", .run = tell_small_window, .weather = STORY_CALM_ONLY},
    {.name = "early_retry", .run = tell_retry, .weather = STORY_CALM_ONLY},
    {.name = "early_not_asked_for", .run = tell_not_asked_for},
    {.name = "early_other_addrs", .run = tell_other_addrs, .weather = STORY_CALM_ONLY},
    {.name = "early_refused_by_handler", .run = tell_refused_by_handler, .seeds = 5},
    {.name = "early_refused_after_restart", .run = tell_refused_after_restart, .seeds = 5},
    {.name = "early_refused_for_alpn", .run = tell_refused_for_alpn, .seeds = 5},
    {.name = "early_refused_large", .run = tell_refused_large, .seeds = 5},
    {.name = "early_too_old", .run = tell_too_old, .seeds = 3},
    {.name = "early_nobody_there", .run = tell_nobody_there},
    {.name = "early_half_open", .run = tell_half_open, .weather = STORY_CALM_ONLY},
    {.name = "early_and_nothing_else", .run = tell_too_early, .weather = STORY_CALM_ONLY},
    {.name = "early_closed", .run = tell_closed, .seeds = 5},
    {.name = "early_screened", .run = tell_screened, .seeds = 5},
    {0},
};
