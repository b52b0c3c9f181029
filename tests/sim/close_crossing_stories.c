/* Closes that cross something: each other, an error, a new address, or the handshake. */
#include <string.h>

#include "evil.h"
#include "note.h"

#define ALL_IS_OVER (100 * SIM_SECOND)
#define REASON      "nothing that a stranger may read"

/* Both sides close at the same moment: each has closed, and neither says more than its close, and
 * its answer to the other's. */
static void tell_each_other(const struct sim_options *options)
{
    static struct note_pair self;

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    self.pair.dials->sent_count = self.pair.accepts->sent_count = 0;
    iq_conn_close(self.conn, 1, "the one");
    iq_conn_close(watch_conn(self.pair.accepts, 0), 2, "the other");
    sim_run(self.pair.sim, ALL_IS_OVER);
    note_expect_closed(self.pair.sim, "dials", &self.dials, IQ_CLOSED_BY_US, 1);
    note_expect_closed(self.pair.sim, "accepts", &self.accepts, IQ_CLOSED_BY_US, 2);
    SIM_EXPECT(self.pair.sim, self.pair.dials->sent_count <= 2);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->sent_count <= 2);
    sim_free(self.pair.sim);
}

/* A peer that we accept, and what we hear of it. */
struct scene {
    struct sim *sim;
    struct sim_node *accepts;
    struct note heard;
    struct iq_route routes[2];
    struct evil evil;
};

static void begin(struct scene *self, const struct sim_options *options)
{
    static const struct evil_options wanted = {.alpn = "\x13" APP_ALPN, .seed = "anything"};

    memset(self, 0, sizeof(*self));
    self->sim = sim_new(options);
    self->accepts = sim_add_endpoint(self->sim, NULL);
    self->routes[0] =
        (struct iq_route){.alpn = APP_ALPN, .handler = &note_handler, .data = &self->heard};
    watch_listen(self->accepts, self->routes);
    evil_dial(&self->evil, sim_add_raw(self->sim), self->accepts, &wanted);
    sim_run_for(self->sim, SIM_SECOND);
    SIM_EXPECT(self->sim, self->heard.opened == 1);
}

static void end(struct scene *self)
{
    sim_run_for(self->sim, ALL_IS_OVER);
    SIM_EXPECT(self->sim, self->heard.closed == 1);
    SIM_EXPECT(self->sim, self->accepts->endpoint->env.conn_count == 0);
    evil_free(&self->evil);
    sim_free(self->sim);
}

/* What breaks a rule arrives when we have just closed: the close counts, and is told once. */
static void tell_error(const struct sim_options *options)
{
    static struct scene self;

    begin(&self, options);
    evil_say(&self.evil, "\x1e", 1); /* HANDSHAKE_DONE */
    sim_run_for(self.sim, 5 * SIM_MILLISECOND);
    iq_conn_close(watch_conn(self.accepts, 0), 42, "gone");
    sim_run_for(self.sim, SIM_SECOND);
    note_expect_closed(self.sim, "crossed", &self.heard, IQ_CLOSED_BY_US, 42);
    SIM_EXPECT(self.sim, self.evil.by_application && self.evil.code == 42);
    end(&self);
}

/* A NAT has just given the side that closes another address: nothing has to be validated before the
 * close is believed, and one packet at most goes there as an answer. */
static void tell_new_address(const struct sim_options *options)
{
    static struct note_pair self;
    struct sim_node *dials;

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    dials = self.pair.dials;
    dials->external = dials->addrs[0];
    dials->external.port = 5555;
    self.pair.accepts->sent_count = 0;
    iq_conn_close(self.conn, 42, "gone");
    sim_run(self.pair.sim, ALL_IS_OVER);
    note_expect_closed(self.pair.sim, "moved", &self.accepts, IQ_CLOSED_BY_PEER, 42);
    note_expect_closed(self.pair.sim, "closed", &self.dials, IQ_CLOSED_BY_US, 42);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->sent_count <= 1);
    sim_free(self.pair.sim);
}

/* Before its first packet a dial leaves no trace.  After that, what the application says of the end
 * cannot be protected as it has to be, so that the peer learns nothing of it but that there was
 * one. RFC 9000, section 10.2.3. */
static void close_dial(const struct sim_options *options, uint64_t after_ns, bool is_told)
{
    const struct evil_options wanted = {.alpn = "\x13" APP_ALPN, .seed = "anything"};
    struct sim *sim = sim_new(options);
    struct sim_node *dials = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct iq_addr addr = {.count = 1, .socket_addrs = {raw->addrs[0]}};
    struct note heard = {0};
    struct iq_secret_key key;
    struct iq_conn *conn;
    static struct evil evil;

    iq_secret_key_from_seed(&key, wanted.seed);
    addr.id = key.id;
    evil_answer(&evil, raw, &wanted);
    SIM_EXPECT(sim, watch_dial(&conn, dials, &addr, APP_ALPN, &note_handler, &heard, NULL) == 0);
    if (after_ns > 0) {
        sim_run_for(sim, after_ns);
    }
    iq_conn_close(conn, 42, REASON);
    sim_run_for(sim, ALL_IS_OVER);
    SIM_EXPECT(sim, heard.opened == 0);
    note_expect_closed(sim, "in the handshake", &heard, IQ_CLOSED_BY_US, 42);
    SIM_EXPECT(sim, evil.closed_count == is_told && (dials->sent_count > 0) == is_told);
    SIM_EXPECT(sim, !evil.by_application && evil.reason_len == 0);
    SIM_EXPECT(sim, !is_told || evil.code == IQ_CODE_APPLICATION_ERROR);
    evil_free(&evil);
    sim_free(sim);
}

static void tell_handshake(const struct sim_options *options)
{
    close_dial(options, 0, false);
    close_dial(options, SIM_MILLISECOND, true);      /* the first packet is on its way */
    close_dial(options, 15 * SIM_MILLISECOND, true); /* and the first answer */
}

const struct story close_crossing_stories[] = {
    {.name = "close_crosses_close", .run = tell_each_other, .seeds = 3},
    {.name = "close_crosses_error", .run = tell_error, .weather = STORY_CALM_ONLY},
    {.name = "close_from_new_address", .run = tell_new_address, .weather = STORY_CALM_ONLY},
    {.name = "close_dial", .run = tell_handshake, .weather = STORY_CALM_ONLY},
    {0},
};
