/* Who may come in: accepted, refused, ignored, and sent for a token. */
#include <string.h>

#include "note.h"

#define A_WHILE (60 * SIM_SECOND)

/* Who may come in */

struct door {
    const struct sim_node *node;
    int (*answer)(const struct door *door, struct iq_incoming *incoming);
    unsigned shown;
};

static int refuse(const struct door *door, struct iq_incoming *incoming)
{
    iq_incoming_refuse(incoming);
    return 0;
}

static int ignore(const struct door *door, struct iq_incoming *incoming)
{
    iq_incoming_ignore(incoming);
    return 0;
}

static int leave_undecided(const struct door *door, struct iq_incoming *incoming) { return 0; }

static int retry_then_accept(const struct door *door, struct iq_incoming *incoming)
{
    if (!iq_incoming_is_validated(incoming)) {
        return iq_incoming_retry(incoming);
    }
    SIM_EXPECT(door->node->sim, iq_incoming_retry(incoming) == IQ_ERR_VALIDATED);
    return iq_incoming_accept(incoming, door->node->watched_routes);
}

/* What accept is given may be gone as soon as it returns. */
static int accept_then_forget(const struct door *door, struct iq_incoming *incoming)
{
    char alpn[] = APP_ALPN;
    struct iq_route bad[] = {door->node->watched_routes[0], {.alpn = ""}, {0}};
    struct iq_route good[] = {door->node->watched_routes[0], {0}};
    int rc;

    SIM_EXPECT(door->node->sim, iq_incoming_accept(incoming, bad) == IQ_ERR_INVALID_ALPN);
    good[0].alpn = alpn;
    rc = iq_incoming_accept(incoming, good);
    memset(alpn, 'x', sizeof(alpn) - 1);
    memset(good, 0, sizeof(good));
    return rc;
}

static int retry_then_refuse(const struct door *door, struct iq_incoming *incoming)
{
    if (!iq_incoming_is_validated(incoming)) {
        return iq_incoming_retry(incoming);
    }
    return refuse(door, incoming);
}

static void on_incoming(struct iq_incoming *incoming, void *data)
{
    struct door *door = data;
    const struct iq_socket_addr *remote = iq_incoming_remote_addr(incoming);

    door->shown++;
    SIM_EXPECT(door->node->sim, remote->ip[2] == 0 && remote->ip[3] == 1);
    SIM_EXPECT(door->node->sim,
               iq_socket_addr_equal(iq_incoming_local_addr(incoming), &door->node->addrs[0]));
    SIM_EXPECT(door->node->sim, door->answer(door, incoming) == 0);
    if (door->answer != leave_undecided) { /* the first decision counts */
        SIM_EXPECT(door->node->sim,
                   iq_incoming_accept(incoming, door->node->watched_routes) == IQ_ERR_CLOSED);
        SIM_EXPECT(door->node->sim, iq_incoming_retry(incoming) == IQ_ERR_CLOSED);
        iq_incoming_refuse(incoming);
        iq_incoming_ignore(incoming);
    }
}

static const struct iq_acceptor door_acceptor = {.on_incoming = on_incoming};

static void door_start(struct note_pair *self, struct door *door, const struct sim_options *options)
{
    note_start(self, options, NULL, NULL);
    door->node = self->pair.accepts;
    iq_endpoint_listen(self->pair.accepts->endpoint, &door_acceptor, door);
}

static const struct door_row {
    const char *name;
    int (*answer)(const struct door *door, struct iq_incoming *incoming);
    uint64_t code;
    enum iq_close_how how;
    bool opens;
} door_rows[] = {
    {.name = "refused",
     .answer = refuse,
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = IQ_CODE_CONNECTION_REFUSED},
    {.name = "undecided",
     .answer = leave_undecided,
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = IQ_CODE_CONNECTION_REFUSED},
    {.name = "ignored", .answer = ignore, .how = IQ_CLOSED_TIMED_OUT},
    {.name = "accepted and forgotten", .answer = accept_then_forget, .opens = true},
    {.name = "retried and accepted", .answer = retry_then_accept, .opens = true},
    {.name = "retried and refused",
     .answer = retry_then_refuse,
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = IQ_CODE_CONNECTION_REFUSED},
};

static void tell_incoming(const struct sim_options *options)
{
    struct note_pair self;
    size_t i;

    for (i = 0; i < sizeof(door_rows) / sizeof(door_rows[0]); i++) {
        const struct door_row *row = &door_rows[i];
        struct door door = {.answer = row->answer};

        door_start(&self, &door, options);
        SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
        sim_run_for(self.pair.sim, A_WHILE);
        SIM_EXPECT(self.pair.sim, door.shown > 0);
        if (row->opens) {
            SIM_EXPECT(self.pair.sim, self.accepts.opened == 1 && self.dials.closed == 0);
        } else {
            note_expect_closed(self.pair.sim, row->name, &self.dials, row->how, row->code);
            SIM_EXPECT(self.pair.sim, self.pair.accepts->endpoint->env.conn_count == 0);
        }
        sim_free(self.pair.sim);
    }
}

/* An endpoint that listens to nobody refuses, and says so. */
static void tell_not_listening(const struct sim_options *options)
{
    struct note_pair self;

    note_start(&self, options, NULL, NULL);
    iq_endpoint_listen(self.pair.accepts->endpoint, NULL, NULL);
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    note_expect_closed(self.pair.sim, "not listening", &self.dials, IQ_CLOSED_ABORTED_BY_PEER,
                       IQ_CODE_CONNECTION_REFUSED);
    sim_free(self.pair.sim);
}

/* Tokens that are not good: an Initial with one is changed, delayed, or comes from elsewhere */

/* Where the token of an Initial begins; 0 if there is none.  RFC 9000, section 17.2.2. */
static size_t find_token(const struct iq_datagrams *datagram)
{
    size_t at;

    if (datagram->len < 1200 || (datagram->data[0] & 0xf0) != 0xc0) {
        return 0;
    }
    at = 6 + (size_t)datagram->data[5];
    at += 1 + (size_t)datagram->data[at];
    if (datagram->data[at] == 0) {
        return 0;
    }
    return at + 1 + ((datagram->data[at] & 0xc0) == 0x40 ? 1 : 0);
}

static struct {
    size_t flipped_byte;
    uint64_t until_ns;
    bool other_port;
} token_trouble;

static bool trouble_token(struct sim_node *node, const struct iq_datagrams *datagram)
{
    const size_t token = find_token(datagram);
    struct iq_datagrams copy = *datagram;
    uint8_t bytes[2000];

    if (token == 0) {
        return true;
    }
    if (node->sim->now_ns < token_trouble.until_ns) {
        return false;
    }
    if (token_trouble.other_port && node->external.port == 0) {
        node->external = node->addrs[0];
        node->external.port = 9;
    }
    memcpy(bytes, datagram->data, datagram->len);
    bytes[token + token_trouble.flipped_byte] ^= token_trouble.flipped_byte > 0 ? 0x10 : 0;
    copy.data = bytes;
    sim_transmit(node, &copy);
    return false;
}

static void bad_token(const struct sim_options *options, const char *name)
{
    const struct iq_connect_options patient = {.timeout_ms = 50000};
    struct door door = {.answer = retry_then_accept};
    struct note_pair self;

    door_start(&self, &door, options);
    self.pair.dials->tap = trouble_token;
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, &patient) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    note_expect_closed(self.pair.sim, name, &self.dials, IQ_CLOSED_ABORTED_BY_PEER,
                       NGTCP2_INVALID_TOKEN);
    SIM_EXPECT(self.pair.sim, self.accepts.opened == 0);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->endpoint->env.conn_count == 0);
    sim_free(self.pair.sim);
}

static void tell_bad_token(const struct sim_options *options)
{
    size_t i;

    for (i = 1; i < 60; i += 3) { /* the first byte says that it is a token of a Retry */
        memset(&token_trouble, 0, sizeof(token_trouble));
        token_trouble.flipped_byte = i;
        bad_token(options, "forged");
    }
    memset(&token_trouble, 0, sizeof(token_trouble));
    token_trouble.until_ns = 13 * SIM_SECOND;
    bad_token(options, "expired");
    memset(&token_trouble, 0, sizeof(token_trouble));
    token_trouble.other_port = true;
    bad_token(options, "other address");
}

/* A token within its time is good, however late. */
static void tell_late_token(const struct sim_options *options)
{
    struct door door = {.answer = retry_then_accept};
    struct note_pair self;

    door_start(&self, &door, options);
    memset(&token_trouble, 0, sizeof(token_trouble));
    token_trouble.until_ns = 4 * SIM_SECOND;
    self.pair.dials->tap = trouble_token;
    SIM_EXPECT(self.pair.sim, note_dial(&self, APP_ALPN, NULL) == 0);
    sim_run_for(self.pair.sim, A_WHILE);
    SIM_EXPECT(self.pair.sim, self.accepts.opened == 1);
    sim_free(self.pair.sim);
}

/* Echoes behind a Retry */
static void tell_retry(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct door door = {.node = pair.accepts, .answer = retry_then_accept};
    struct app_task task = {.len = 5000};

    iq_endpoint_listen(pair.accepts->endpoint, &door_acceptor, &door);
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 120 * SIM_SECOND);
    sim_free(pair.sim);
}

const struct story incoming_stories[] = {
    {.name = "incoming_answers", .run = tell_incoming, .seeds = 5},
    {.name = "incoming_not_listening", .run = tell_not_listening, .seeds = 5},
    {.name = "incoming_retry", .run = tell_retry, .seeds = 100},
    {.name = "incoming_bad_token", .run = tell_bad_token},
    {.name = "incoming_late_token", .run = tell_late_token},
    {0},
};
