/* The token of a Retry, brought by others, late, in pieces, and more than once. */
#include <string.h>

#include "note.h"
#include "retry_token.h"

#define A_WHILE (60 * SIM_SECOND)

/* An accept side that lets in whoever has proven an address, and counts them. */
struct gate {
    const struct sim_node *node;
    unsigned asked, proven;
};

static void on_incoming(struct iq_incoming *incoming, void *data)
{
    struct gate *gate = data;
    const struct sim *sim = gate->node->sim;

    if (iq_incoming_is_validated(incoming)) {
        gate->proven++;
        SIM_EXPECT(sim, iq_incoming_accept(incoming, gate->node->watched_routes) == 0);
    } else {
        gate->asked++;
        SIM_EXPECT(sim, iq_incoming_retry(incoming) == 0);
    }
}

static void guard(struct gate *gate, const struct sim_node *node)
{
    static const struct iq_acceptor acceptor = {.on_incoming = on_incoming};

    *gate = (struct gate){.node = node};
    iq_endpoint_listen(node->endpoint, &acceptor, gate);
}

/* The Initial that brings the token, as it was on its way.  RFC 9000, section 17.2.2. */
static struct {
    uint8_t bytes[2000];
    size_t len;
    size_t token; /* where it begins, 0: none; the two bytes before are its length */
    uint64_t lost_until_ns;
} seen;

static size_t find_token(void)
{
    size_t at = 6 + (size_t)seen.bytes[5];

    at += 1 + (size_t)seen.bytes[at];
    return seen.bytes[at] == 0x40 && seen.bytes[at + 1] == IQ_RETRY_TOKEN_LEN ? at + 2 : 0;
}

static bool look(struct sim_node *node, const struct iq_datagrams *datagram)
{
    if (seen.token != 0 || datagram->len < 1200 || (datagram->data[0] & 0xf0) != 0xc0) {
        return true;
    }
    memcpy(seen.bytes, datagram->data, datagram->len);
    seen.len = datagram->len;
    seen.token = find_token();
    return true;
}

static bool look_and_lose(struct sim_node *node, const struct iq_datagrams *datagram)
{
    (void)look(node, datagram);
    return seen.token == 0 || node->sim->now_ns >= seen.lost_until_ns;
}

/* Brings an Initial with `token_len` bytes of the token, changed by `flip` at `at`. */
static void bring(const struct note_pair *self, const struct sim_node *to, size_t token_len,
                  size_t at, uint8_t flip)
{
    const size_t behind = seen.token + IQ_RETRY_TOKEN_LEN;
    uint8_t packet[sizeof(seen.bytes)] = {0};

    memcpy(packet, seen.bytes, seen.token + token_len);
    packet[seen.token - 1] = (uint8_t)token_len;
    memcpy(packet + seen.token + token_len, seen.bytes + behind, seen.len - behind);
    packet[seen.token + at] ^= flip;
    sim_inject(self->pair.sim, &self->pair.dials->addrs[0], &to->addrs[0], packet, seen.len);
    sim_run_for(self->pair.sim, SIM_MILLISECOND);
}

/* Connects behind a Retry at whatever time it is, keeps the token, and hangs up. */
static void connect_once(struct note_pair *self, struct gate *gate)
{
    memset(&seen, 0, sizeof(seen));
    guard(gate, self->pair.accepts);
    self->pair.dials->tap = look;
    SIM_EXPECT(self->pair.sim, note_dial(self, APP_ALPN, NULL) == 0);
    sim_run_for(self->pair.sim, SIM_SECOND);
    SIM_EXPECT(self->pair.sim, self->accepts.opened == 1 && seen.token != 0);
    SIM_EXPECT(self->pair.sim, gate->asked == 1 && gate->proven == 1);
    iq_conn_close(self->conn, 0, NULL);
    sim_run_for(self->pair.sim, 2 * SIM_SECOND);
    SIM_EXPECT(self->pair.sim, self->pair.accepts->endpoint->env.conn_count == 0);
}

/* Nobody is asked about a token that is not good, and a short answer says so. */
static void tell_changed(const struct sim_options *options)
{
    struct note_pair self;
    struct gate gate;
    uint64_t sent, sent_bytes;
    size_t i;

    note_start(&self, options, NULL, NULL);
    connect_once(&self, &gate);
    sent = self.pair.accepts->sent_count;
    sent_bytes = self.pair.accepts->sent_bytes;
    for (i = 1; i < IQ_RETRY_TOKEN_LEN; i++) {
        bring(&self, self.pair.accepts, i, 0, 0);
        bring(&self, self.pair.accepts, IQ_RETRY_TOKEN_LEN, i, 1);
    }
    SIM_EXPECT(self.pair.sim, gate.asked == 1 && gate.proven == 1);
    sent = self.pair.accepts->sent_count - sent;
    sent_bytes = self.pair.accepts->sent_bytes - sent_bytes;
    SIM_EXPECT(self.pair.sim, sent == 2 * (IQ_RETRY_TOKEN_LEN - 1));
    SIM_EXPECT(self.pair.sim, sent_bytes < sent * seen.len / 10);
    bring(&self, self.pair.accepts, 0, 0, 0);                  /* none, and */
    bring(&self, self.pair.accepts, IQ_RETRY_TOKEN_LEN, 0, 1); /* none of ours */
    SIM_EXPECT(self.pair.sim, gate.asked == 3 && gate.proven == 1);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->endpoint->env.conn_count == 0);
    sim_free(self.pair.sim);
}

/* Within its time it proves the address once more, and nothing else: no handler hears of it.  To
 * another endpoint it proves nothing. */
static void tell_replayed(const struct sim_options *options)
{
    struct note_pair self;
    struct sim_node *other;
    struct gate gate, other_gate;

    note_start(&self, options, NULL, NULL);
    other = sim_add_endpoint(self.pair.sim, NULL);
    watch_listen(other, self.routes);
    guard(&other_gate, other);
    connect_once(&self, &gate);
    bring(&self, other, IQ_RETRY_TOKEN_LEN, 0, 0);
    SIM_EXPECT(self.pair.sim, other_gate.asked == 0 && other_gate.proven == 0);
    SIM_EXPECT(self.pair.sim, other->endpoint->env.conn_count == 0);
    bring(&self, self.pair.accepts, IQ_RETRY_TOKEN_LEN, 0, 0);
    SIM_EXPECT(self.pair.sim, gate.asked == 1 && gate.proven == 2);
    sim_run_for(self.pair.sim, A_WHILE);
    SIM_EXPECT(self.pair.sim, self.accepts.opened == 1);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->endpoint->env.conn_count == 0);
    bring(&self, self.pair.accepts, IQ_RETRY_TOKEN_LEN, 0, 0);
    SIM_EXPECT(self.pair.sim, gate.asked == 1 && gate.proven == 2);
    sim_free(self.pair.sim);
}

/* The secret is replaced while the token is on its way, by this very packet or another one. */
static void over_the_change(const struct sim_options *options, bool others_come)
{
    const struct iq_retry_secrets *secrets;
    uint8_t before[IQ_RETRY_SECRET_BYTES];
    struct note_pair self;
    struct gate gate;
    uint64_t change_ns;

    note_start(&self, options, NULL, NULL);
    secrets = &self.pair.accepts->endpoint->retry_secrets;
    memcpy(before, secrets->current, sizeof(before));
    change_ns = secrets->since_ns + IQ_RETRY_SECRET_NS;
    memset(&seen, 0, sizeof(seen));
    seen.lost_until_ns = change_ns + 2 * SIM_SECOND;
    guard(&gate, self.pair.accepts);
    self.pair.dials->tap = look_and_lose;
    sim_run_for(self.pair.sim, change_ns - self.pair.sim->now_ns - 3 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, 3 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, seen.token != 0);
    SIM_EXPECT(self.pair.sim, memcmp(before, secrets->current, sizeof(before)) == 0);
    if (others_come) {
        bring(&self, self.pair.accepts, 0, 0, 0);
        SIM_EXPECT(self.pair.sim, memcmp(before, secrets->previous, sizeof(before)) == 0);
    }
    sim_run_for(self.pair.sim, 20 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, self.accepts.opened == 1 && gate.proven == 1);
    SIM_EXPECT(self.pair.sim, memcmp(before, secrets->previous, sizeof(before)) == 0);
    sim_free(self.pair.sim);
}

static void tell_over_the_change(const struct sim_options *options)
{
    over_the_change(options, false);
    over_the_change(options, true);
}

/* Random ones, from everywhere: nobody is asked, and nothing is kept. */
static void tell_random(const struct sim_options *options)
{
    const unsigned count = story_scale(100000);
    struct note_pair self;
    struct gate gate;
    size_t live_before;
    unsigned i;

    note_start(&self, options, NULL, NULL);
    connect_once(&self, &gate);
    self.pair.sim->check_every = 100;
    self.pair.dials->tap = NULL;
    live_before = sim_live_bytes();
    for (i = 0; i < count; i++) {
        const struct iq_socket_addr from = sim_socket_addr(200, (uint16_t)(1 + i % 60000));

        dice_fill(&self.pair.sim->workload, seen.bytes + seen.token + 1, IQ_RETRY_TOKEN_LEN - 1);
        sim_inject(self.pair.sim, &from, &self.pair.accepts->addrs[0], seen.bytes, seen.len);
        sim_run_for(self.pair.sim, SIM_MICROSECOND);
    }
    SIM_EXPECT(self.pair.sim, gate.asked == 1 && gate.proven == 1);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->endpoint->env.conn_count == 0);
    SIM_EXPECT(self.pair.sim, sim_live_bytes() <= live_before + 4096);
    sim_free(self.pair.sim);
}

const struct story token_stories[] = {
    {.name = "incoming_token_changed", .run = tell_changed, .weather = STORY_CALM_ONLY},
    {.name = "incoming_token_replayed", .run = tell_replayed, .weather = STORY_CALM_ONLY},
    {.name = "incoming_token_over_the_change",
     .run = tell_over_the_change,
     .weather = STORY_CALM_ONLY},
    {.name = "incoming_token_random", .run = tell_random, .weather = STORY_CALM_ONLY},
    {0},
};
