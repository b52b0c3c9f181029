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

/* What is written with 1-RTT keys overtakes the end of the handshake, which proves who writes: it
 * has to wait for it.  RFC 9001, section 5.7. */

/* A long header is one of the handshake.  The first is the ClientHello. */
static bool delay_finished(struct sim_node *node, const struct iq_datagrams *datagram)
{
    node->link.delay_ms = node->sent_count > 0 && (datagram->data[0] & 0x80) != 0 ? 500 : 10;
    return true;
}

static unsigned before_accept;

static void count_accept(struct iq_conn *conn) { *(bool *)iq_conn_data(conn) = true; }

static void count_ready(struct iq_stream *stream)
{
    before_accept += !*(bool *)iq_conn_data(iq_stream_conn(stream));
    app_echo.on_stream_ready(stream);
}

static void tell_before_finished(const struct sim_options *options)
{
    static const struct iq_protocol_handler handler = {.on_accept = count_accept,
                                                       .on_stream_ready = count_ready};
    bool accepted = false;
    const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &handler, .data = &accepted},
                                      {0}};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 50000};

    before_accept = 0;
    watch_listen(pair.accepts, routes);
    pair.dials->tap = delay_finished;
    app_dial(&task, pair.dials, pair.accepts);
    sim_run_for(pair.sim, 200 * SIM_MILLISECOND);
    SIM_EXPECT(pair.sim, task.connected && pair.accepts->received_count > 2 && !accepted);
    story_finish(&pair, &task, 60 * SIM_SECOND);
    SIM_EXPECT(pair.sim, accepted && before_accept == 0);
    sim_free(pair.sim);
}

/* Initials that promise more than they hold, or are sent to an id that nobody would make up (RFC
 * 9000, section 7.2: at least 8 bytes) */

#define HEAD(text) .head = (text), .head_len = sizeof(text) - 1
#define TO_8_BYTES                                                                                 \
    "\xc0\0\0\0\x01\x08"                                                                           \
    "8 bytes."
#define FROM_NOBODY "\0"
#define NO_TOKEN    "\0"
#define LENGTH      "\x44\x90" /* 1168 */

static const struct bad_row {
    const char *name;
    const char *head;
    size_t head_len, len;
} bad_rows[] = {
    {.name = "nothing behind the length of a token",
     HEAD(TO_8_BYTES FROM_NOBODY "\x7f\xff"),
     .len = 17},
    {.name = "a token that is longer", HEAD(TO_8_BYTES FROM_NOBODY "\x7f\xff"), .len = 1200},
    {.name = "a token of 2^62 bytes",
     HEAD(TO_8_BYTES FROM_NOBODY "\xff\xff\xff\xff\xff\xff\xff\xff"),
     .len = 1200},
    {.name = "a payload that is longer",
     HEAD(TO_8_BYTES FROM_NOBODY NO_TOKEN "\x7f\xff"),
     .len = 1200},
    {.name = "an id of no bytes",
     HEAD("\xc0\0\0\0\x01\0" FROM_NOBODY NO_TOKEN LENGTH),
     .len = 1200},
    {.name = "an id of 7 bytes",
     HEAD("\xc0\0\0\0\x01\x07"
          "7 bytes" FROM_NOBODY NO_TOKEN LENGTH),
     .len = 1200},
    {.name = "an id of 21 bytes",
     HEAD("\xc0\0\0\0\x01\x15"
          "twenty-one bytes here" FROM_NOBODY NO_TOKEN LENGTH),
     .len = 1200},
};

static void tell_bad_initials(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 5000};
    size_t i;

    for (i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
        uint8_t datagram[1200] = {0};

        memcpy(datagram, bad_rows[i].head, bad_rows[i].head_len);
        sim_inject(pair.sim, &pair.dials->addrs[0], &pair.accepts->addrs[0], datagram,
                   bad_rows[i].len);
        sim_run_for(pair.sim, SIM_SECOND);
        if (pair.accepts->sent_count != 0 || pair.accepts->endpoint->env.conn_count != 0) {
            SIM_FAIL(pair.sim, "%s: answered", bad_rows[i].name);
        }
    }
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 60 * SIM_SECOND);
    sim_free(pair.sim);
}

const struct story incoming_stories[] = {
    {.name = "incoming_answers", .run = tell_incoming, .seeds = 5},
    {.name = "incoming_not_listening", .run = tell_not_listening, .seeds = 5},
    {.name = "incoming_retry", .run = tell_retry, .seeds = 100},
    {.name = "incoming_bad_token", .run = tell_bad_token},
    {.name = "incoming_late_token", .run = tell_late_token},
    {.name = "incoming_before_finished", .run = tell_before_finished, .weather = STORY_CALM_ONLY},
    {.name = "incoming_bad_initials", .run = tell_bad_initials, .weather = STORY_CALM_ONLY},
    {0},
};
