/* Datagrams: too many of them, together with streams, and on paths that change. */
#include <string.h>

#include "evil.h"
#include "mailbox.h"

#define A_WHILE (20 * SIM_SECOND)

#define UNSENT_MAX   1048576
#define RECEIVED_MAX 1250000

/* The wire takes nothing, for as long as the story likes. */

static void stop_wire(struct sim_node *node)
{
    node->full = true;
    node->endpoint->env.wire_is_full = true;
}

static void open_wire(struct sim_node *node)
{
    node->full = false;
    iq_endpoint_writable(node->endpoint);
    iq_endpoint_turn(node->endpoint);
}

/* Of what is too much the newest are sent. */
static void tell_drop_unsent(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    const uint32_t fit = UNSENT_MAX / (1000 + IQ_DATAGRAM_COST);
    const uint32_t sent = 3 * fit;

    mailbox_connect(self);
    mailbox_send(self->pair.sim, self->conns[0], 0, sent, 1000);
    sim_run_for(self->pair.sim, A_WHILE);
    mailbox_expect(self->pair.sim, &self->boxes[1], sent - fit, sent, 1000);
    mailbox_free(self);
}

/* A full wire delays them, and then the newest are sent. */
static void tell_full_wire(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    const uint32_t fit = UNSENT_MAX / (100 + IQ_DATAGRAM_COST);
    uint32_t sent = 0;

    mailbox_connect(self);
    stop_wire(self->pair.dials);
    for (; sent < 2 * fit; sent += 100) {
        mailbox_send(self->pair.sim, self->conns[0], sent, sent + 100, 100);
        sim_run_for(self->pair.sim, SIM_MILLISECOND);
    }
    SIM_EXPECT(self->pair.sim, self->boxes[1].count == 0);
    open_wire(self->pair.dials);
    sim_run_for(self->pair.sim, A_WHILE);
    mailbox_expect(self->pair.sim, &self->boxes[1], sent - fit, sent, 100);
    mailbox_free(self);
}

/* The polite way: nothing is dropped, and the application is told when to go on. */
static void tell_offered(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    const uint32_t fit = UNSENT_MAX / (1000 + IQ_DATAGRAM_COST), wanted = 5 * fit;
    struct mailbox *box = &self->boxes[0];
    uint32_t number = 0;
    unsigned refused = 0;

    mailbox_connect(self);
    while (number < wanted) {
        const struct iq_bytes datagram = mailbox_datagram(number, 1000);
        const int rc = iq_conn_offer_datagram(self->conns[0], datagram.data, datagram.len);

        if (rc == 0) {
            number++;
            continue;
        }
        SIM_EXPECT(self->pair.sim, rc == IQ_ERR_AGAIN);
        SIM_EXPECT(self->pair.sim, refused > 0 || number == fit);
        SIM_EXPECT(self->pair.sim, box->allowed == refused); /* told once for each refusal */
        refused++;
        while (box->allowed < refused && sim_step(self->pair.sim)) {
            SIM_EXPECT(self->pair.sim, self->pair.sim->now_ns < 120 * SIM_SECOND);
        }
        SIM_EXPECT(self->pair.sim, self->conns[0]->datagrams.unsent.size <= UNSENT_MAX / 2);
    }
    sim_run_for(self->pair.sim, A_WHILE);
    SIM_EXPECT(self->pair.sim, refused > 2 && box->allowed == refused);
    SIM_EXPECT(self->pair.sim, self->boxes[1].allowed == 0);
    if (options->weather.loss == 0) {
        mailbox_expect(self->pair.sim, &self->boxes[1], 0, wanted, 1000);
    }
    mailbox_free(self);
}

/* What arrives between two turns */

static struct {
    uint8_t bytes[2000][1500];
    size_t lens[2000];
    size_t count;
    bool keeps;
} post_office;

static bool keep_post(struct sim_node *node, const struct iq_datagrams *datagram)
{
    if (post_office.keeps) {
        SIM_EXPECT(node->sim, post_office.count < 2000);
        memcpy(post_office.bytes[post_office.count], datagram->data, datagram->len);
        post_office.lens[post_office.count++] = datagram->len;
    }
    return !post_office.keeps;
}

/* Hands out all that was kept, and only then a turn. */
static void deliver_post(struct mailbox_pair *self)
{
    const struct iq_path path = {.local = self->pair.accepts->addrs[0],
                                 .remote = self->pair.dials->addrs[0]};
    size_t i;

    for (i = 0; i < post_office.count; i++) {
        const struct iq_datagrams one = {.path = path,
                                         .data = post_office.bytes[i],
                                         .len = post_office.lens[i],
                                         .segment_len = post_office.lens[i]};

        sim_note_received(self->pair.accepts, &one);
        iq_endpoint_receive(self->pair.accepts->endpoint, &one);
    }
    iq_endpoint_turn(self->pair.accepts->endpoint);
}

static void warm_up_congestion_window(struct mailbox_pair *self)
{
    unsigned i;

    for (i = 0; i < 10; i++) {
        mailbox_send(self->pair.sim, self->conns[0], 0, 900, 1000);
        sim_run_for(self->pair.sim, SIM_SECOND);
        self->boxes[1].count = 0;
    }
}

/* Memory is bounded, and the newest are told. */
static void tell_drop_received(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    const uint32_t fit = RECEIVED_MAX / (4 + IQ_DATAGRAM_COST), half = 20000;

    mailbox_connect(self);
    warm_up_congestion_window(self);
    post_office.count = 0;
    post_office.keeps = true;
    self->pair.dials->tap = keep_post;
    mailbox_send(self->pair.sim, self->conns[0], 0, half, 4);
    sim_run_for(self->pair.sim, 5 * SIM_MILLISECOND);
    mailbox_send(self->pair.sim, self->conns[0], half, 2 * half, 4);
    sim_run_for(self->pair.sim, 5 * SIM_MILLISECOND);
    SIM_EXPECT(self->pair.sim, self->conns[0]->datagrams.unsent.size == 0);
    post_office.keeps = false;
    deliver_post(self);
    mailbox_expect(self->pair.sim, &self->boxes[1], 2 * half - fit, 2 * half, 4);
    mailbox_free(self);
}

/* They and the peer's close arrive together: they are told before it. */
static void tell_before_close(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);

    mailbox_connect(self);
    sim_run_for(self->pair.sim, SIM_SECOND);
    post_office.count = 0;
    post_office.keeps = true;
    self->pair.dials->tap = keep_post;
    mailbox_send(self->pair.sim, self->conns[0], 0, 5, 1000);
    sim_run_for(self->pair.sim, SIM_MILLISECOND);
    iq_conn_close(self->conns[0], 0, "bye!");
    sim_run_for(self->pair.sim, SIM_MILLISECOND);
    post_office.keeps = false;
    deliver_post(self);
    SIM_EXPECT(self->pair.sim, self->boxes[1].closed == 1);
    SIM_EXPECT(self->pair.sim, self->boxes[1].count_at_close == 5);
    mailbox_free(self);
}

/* Together with streams */

/* Keeps the queue of datagrams full. */
static void flood(struct sim *sim, void *arg)
{
    struct mailbox_pair *self = arg;
    static const uint8_t bytes[1000];

    if (watch_live_conns(sim) == 2) {
        while (iq_conn_offer_datagram(self->conns[0], bytes, sizeof(bytes)) == 0) {
        }
        sim_after(sim, 5 * SIM_MILLISECOND, flood, self);
    }
}

static void keep_nothing(struct iq_conn *conn, struct iq_bytes datagram)
{
    struct mailbox *box = iq_conn_data(conn);

    box->count++;
}

/* Where both have more than the path carries, both get on, and neither gets less than a quarter. */
static void tell_with_streams(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    struct iq_protocol_handler handler = mailbox_handler;
    struct iq_stream *stream;
    uint64_t sent = 0;
    size_t of_streams, of_datagrams;
    unsigned i;

    handler.on_datagram = keep_nothing;
    self->routes[0].handler = &handler;
    self->pair.dials->link.rate_bps = 10000000;
    mailbox_connect(self);
    SIM_EXPECT(self->pair.sim, watch_open_uni(&stream, self->conns[0]) == 0);
    flood(self->pair.sim, self);
    for (i = 0; i < 1000; i++) {
        app_write(stream, &sent, UINT64_MAX);
        sim_run_for(self->pair.sim, 10 * SIM_MILLISECOND);
    }
    of_streams = self->boxes[1].stream_bytes;
    of_datagrams = self->boxes[1].count * (size_t)1000;
    if (of_streams < (of_streams + of_datagrams) / 4 ||
        of_datagrams < (of_streams + of_datagrams) / 4 || of_streams < 200000) {
        SIM_FAIL(self->pair.sim, "%zu bytes of streams, %zu of datagrams", of_streams,
                 of_datagrams);
    }
    iq_conn_close(self->conns[0], 0, NULL);
    sim_run_for(self->pair.sim, A_WHILE);
    mailbox_free(self);
}

static void read_nothing(struct iq_stream *stream) {}

/* What the streams must wait for does not hold the datagrams up: the peer's window is full. */
static void tell_blocked_streams(const struct sim_options *options)
{
    struct mailbox_pair *self = mailbox_start(options, NULL);
    struct iq_protocol_handler handler = mailbox_handler;
    struct iq_stream *stream;
    uint64_t sent = 0;
    unsigned i;

    handler.on_stream_ready = read_nothing;
    self->routes[0].handler = &handler;
    mailbox_connect(self);
    SIM_EXPECT(self->pair.sim, watch_open_uni(&stream, self->conns[0]) == 0);
    for (i = 0; i < 50; i++) {
        app_write(stream, &sent, UINT64_MAX);
        mailbox_send(self->pair.sim, self->conns[0], i, i + 1, 1000);
        sim_run_for(self->pair.sim, SIM_SECOND);
    }
    mailbox_expect(self->pair.sim, &self->boxes[1], 0, 50, 1000);
    mailbox_free(self);
}

/* The peer moves to another path, which is narrower as far as we know: of what waits, that which no
 * longer fits is dropped, and the rest is not held up by it. */
static void tell_narrower_path(const struct sim_options *options)
{
    static const struct iq_protocol_handler nothing = {.on_connect = NULL};
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &nothing}, {0}};
    static const struct evil_options peer = {.alpn = "\x13iroh-example/echo/0",
                                             .max_datagram = 65535};
    struct sim *sim = sim_new(options);
    struct sim_node *accepts = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct evil evil;
    struct iq_conn *conn;
    unsigned i;

    raw->addrs[raw->addr_count++] = sim_socket_addr(77, 7777);
    watch_listen(accepts, routes);
    evil_dial(&evil, raw, accepts, &peer);
    sim_run_for(sim, A_WHILE);
    conn = watch_conn(accepts, 0);
    SIM_EXPECT(sim, conn != NULL && iq_conn_max_datagram_len(conn) == 1414);
    stop_wire(accepts);
    for (i = 0; i < 50; i++) {
        mailbox_send(sim, conn, 2 * i, 2 * i + 1, 1414);
        mailbox_send(sim, conn, 2 * i + 1, 2 * i + 2, 50);
    }
    evil_migrate(&evil);
    sim_run_for(sim, SIM_SECOND / 10);
    SIM_EXPECT(sim, iq_conn_max_datagram_len(conn) == 1162);
    SIM_EXPECT(sim, evil.datagram_count == 0);
    open_wire(accepts);
    sim_run_for(sim, A_WHILE);
    SIM_EXPECT(sim, evil.datagram_count == 50 && evil.longest_datagram == 50);
    SIM_EXPECT(sim, conn->datagrams.unsent.size == 0);
    SIM_EXPECT(sim, iq_conn_max_datagram_len(conn) == 1414); /* found again */
    sim_close(accepts);
    evil_free(&evil);
    sim_free(sim);
}

const struct story datagram_flow_stories[] = {
    {.name = "datagram_drop_unsent", .run = tell_drop_unsent, .weather = STORY_CALM_ONLY},
    {.name = "datagram_full_wire", .run = tell_full_wire, .weather = STORY_CALM_ONLY},
    {.name = "datagram_offered", .run = tell_offered},
    {.name = "datagram_drop_received", .run = tell_drop_received, .weather = STORY_CALM_ONLY},
    {.name = "datagram_before_close", .run = tell_before_close, .weather = STORY_CALM_ONLY},
    {.name = "datagram_with_streams", .run = tell_with_streams, .weather = STORY_CALM_ONLY},
    {.name = "datagram_blocked_streams", .run = tell_blocked_streams, .weather = STORY_CALM_ONLY},
    {.name = "datagram_narrower_path", .run = tell_narrower_path, .weather = STORY_CALM_ONLY},
    {0},
};
