/* The answer to a peer's close: one packet, at once, and then silence.  RFC 9000, section 10.2. */
#include <string.h>

#include "evil.h"
#include "note.h"

#define ALL_IS_OVER (100 * SIM_SECOND)

/* Two of ours.  Those that have nothing to say are silent for up to five seconds. */
static void connect_pair(struct note_pair *self, const struct sim_options *options)
{
    note_connect(self, options, NULL);
    sim_run_for(self->pair.sim, SIM_SECOND);
    self->pair.dials->sent_count = self->pair.accepts->sent_count = 0;
}

/* A close, its answer, and not a packet more: who has closed hears that it was heard. */
static void tell_answered(const struct sim_options *options)
{
    static struct note_pair self;
    const struct iq_conn *hears;

    connect_pair(&self, options);
    hears = watch_conn(self.pair.accepts, 0);
    iq_conn_close(self.conn, 42, "gone");
    while (self.accepts.closed == 0 && sim_step(self.pair.sim)) {
    }
    SIM_EXPECT(self.pair.sim, self.pair.dials->sent_count == 1);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->sent_count == 1); /* in the turn that tells */
    SIM_EXPECT(self.pair.sim, hears->state == IQ_CONN_DRAINING && hears->quic == NULL);
    note_expect_closed(self.pair.sim, "answered", &self.accepts, IQ_CLOSED_BY_PEER, 42);
    sim_run(self.pair.sim, ALL_IS_OVER);
    SIM_EXPECT(self.pair.sim, self.pair.dials->sent_count == 1);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->sent_count == 1);
    SIM_EXPECT(self.pair.sim, self.accepts.closed == 1 && self.dials.closed == 1);
    sim_free(self.pair.sim);
}

/* Who closes is done when the answer comes: after one round trip of 20 ms. */
static void tell_heard(const struct sim_options *options)
{
    static struct note_pair self;
    uint64_t start_ns;

    connect_pair(&self, options);
    start_ns = self.pair.sim->now_ns;
    iq_conn_close(self.conn, 42, "gone");
    (void)iq_endpoint_close(self.pair.dials->endpoint, NULL, NULL);
    sim_run_for(self.pair.sim, 20 * SIM_MILLISECOND);
    SIM_EXPECT(self.pair.sim, self.pair.dials->endpoint == NULL);
    SIM_EXPECT(self.pair.sim, self.pair.sim->now_ns == start_ns + 20 * SIM_MILLISECOND);
    sim_free(self.pair.sim);
}

/* Without the answer it waits, and says it again to a peer that still sends, but ever less often.
 */
static void tell_not_heard(const struct sim_options *options)
{
    static struct note_pair self;
    unsigned i;

    connect_pair(&self, options);
    self.pair.dials->link.drop_mask = 1; /* the close does not get there */
    iq_conn_close(self.conn, 42, "gone");
    (void)iq_endpoint_close(self.pair.dials->endpoint, NULL, NULL);
    for (i = 0; i < 4; i++) {
        struct iq_stream *stream;

        SIM_EXPECT(self.pair.sim, watch_open_uni(&stream, watch_conn(self.pair.accepts, 0)) == 0);
        (void)iq_stream_write(stream, "still here", 10);
        sim_run_for(self.pair.sim, SIM_MILLISECOND);
    }
    SIM_EXPECT(self.pair.sim, self.accepts.closed == 0);
    sim_run_for(self.pair.sim, 40 * SIM_MILLISECOND);
    note_expect_closed(self.pair.sim, "again", &self.accepts, IQ_CLOSED_BY_PEER, 42);
    SIM_EXPECT(self.pair.sim, self.pair.dials->endpoint == NULL);
    sim_free(self.pair.sim);
}

/* The datagrams that a node would have sent. */
static struct kept {
    struct iq_datagrams datagrams[8];
    uint8_t bytes[8][1500];
    size_t count;
} kept;

static bool keep(struct sim_node *node, const struct iq_datagrams *datagram)
{
    SIM_EXPECT(node->sim, kept.count < 8 && datagram->len <= sizeof(kept.bytes[0]));
    kept.datagrams[kept.count] = (struct iq_datagrams){
        .path = {.local = datagram->path.remote, .remote = datagram->path.local},
        .data = kept.bytes[kept.count],
        .len = datagram->len,
        .segment_len = datagram->len,
    };
    memcpy(kept.bytes[kept.count++], datagram->data, datagram->len);
    return false;
}

static void start_to_keep(struct sim_node *node)
{
    kept.count = 0;
    node->tap = keep;
}

static void deliver_kept(struct sim_node *to)
{
    size_t i;

    for (i = 0; i < kept.count; i++) {
        iq_endpoint_receive(to->endpoint, &kept.datagrams[i]);
    }
    iq_endpoint_turn(to->endpoint);
}

/* The peer says it again, because the answer was lost: it has had its one packet. */
static void tell_answer_lost(const struct sim_options *options)
{
    static struct note_pair self;
    unsigned i;

    connect_pair(&self, options);
    self.pair.accepts->link.drop_mask = 1;
    start_to_keep(self.pair.dials);
    iq_conn_close(self.conn, 42, "gone");
    sim_step(self.pair.sim);
    SIM_EXPECT(self.pair.sim, kept.count == 1);
    for (i = 0; i < 20; i++) {
        deliver_kept(self.pair.accepts);
        sim_run_for(self.pair.sim, SIM_MILLISECOND);
    }
    SIM_EXPECT(self.pair.sim, self.pair.accepts->sent_count == 1 && self.accepts.closed == 1);
    sim_free(self.pair.sim);
}

/* On a full wire the answer is lost, as it may be: the peer is not owed one. */
static void tell_full_wire(const struct sim_options *options)
{
    static struct note_pair self;
    struct iq_endpoint *accepts;

    connect_pair(&self, options);
    accepts = self.pair.accepts->endpoint;
    start_to_keep(self.pair.dials);
    iq_conn_close(self.conn, 42, "gone");
    sim_step(self.pair.sim);
    accepts->env.wire_is_full = true;
    deliver_kept(self.pair.accepts);
    note_expect_closed(self.pair.sim, "full", &self.accepts, IQ_CLOSED_BY_PEER, 42);
    iq_endpoint_writable(accepts);
    iq_endpoint_turn(accepts);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->sent_count == 0);
    sim_free(self.pair.sim);
}

/* What arrives together with the close is read before it is told; the answer does not wait. */

static struct heard {
    uint64_t bytes;
    bool end, closed;
    uint64_t sent_count; /* datagrams of ours, when the close was told */
} heard;

static void hear(struct iq_stream *stream)
{
    app_read(stream, &heard.bytes);
    heard.end |= iq_stream_at_end(stream);
    SIM_EXPECT(sim_node_of(iq_conn_endpoint(iq_stream_conn(stream)))->sim, !heard.closed);
}

static void hear_close(struct iq_conn *conn, const struct iq_close_reason *why)
{
    heard.closed = true;
    heard.sent_count = sim_node_of(iq_conn_endpoint(conn))->sent_count;
}

static void tell_behind_data(const struct sim_options *options)
{
    static const struct iq_protocol_handler hearing = {.on_stream_ready = hear,
                                                       .on_closed = hear_close};
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &hearing}, {0}};
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct iq_stream *stream;
    struct iq_conn *conn;
    uint64_t sent = 0;

    heard = (struct heard){0};
    watch_listen(pair.accepts, routes);
    conn = story_connect(&pair, &note_handler, &(struct note){0});
    sim_run_for(pair.sim, SIM_SECOND);
    start_to_keep(pair.dials);
    SIM_EXPECT(pair.sim, watch_open_uni(&stream, conn) == 0);
    app_write(stream, &sent, 3000);
    iq_stream_finish(stream);
    iq_conn_close(conn, 0, NULL);
    sim_step(pair.sim);
    SIM_EXPECT(pair.sim, kept.count == 4);
    pair.accepts->sent_count = 0;
    deliver_kept(pair.accepts);
    SIM_EXPECT(pair.sim, heard.bytes == 3000 && heard.end && heard.closed);
    SIM_EXPECT(pair.sim, heard.sent_count == 1);
    sim_free(pair.sim);
}

/* What a close looks like on the wire */

#define FRAMES(text) .frames = (text), .len = sizeof(text) - 1

static const struct form_row {
    const char *name;
    const char *frames;
    size_t len;
    uint64_t code;
    const char *reason;
    enum iq_close_how how;
    bool answered;
} form_rows[] = {
    {.name = "of an application",
     FRAMES("\x1d\x07\x03"
            "bye"),
     .how = IQ_CLOSED_BY_PEER,
     .code = 7,
     .reason = "bye",
     .answered = true},
    {.name = "without a reason",
     FRAMES("\x1d\x00\x00"),
     .how = IQ_CLOSED_BY_PEER,
     .reason = "",
     .answered = true},
    {.name = "of a transport, with the largest code",
     FRAMES("\x1c\xff\xff\xff\xff\xff\xff\xff\xff\x08\x02"
            "no"),
     .how = IQ_CLOSED_ABORTED_BY_PEER,
     .code = (UINT64_C(1) << 62) - 1,
     .reason = "no",
     .answered = true},
    {.name = "behind an acknowledgement and padding",
     FRAMES("\x02\x00\x00\x00\x00"
            "\x00\x00"
            "\x1d\x09\x00"
            "\x00\x00"),
     .how = IQ_CLOSED_BY_PEER,
     .code = 9,
     .reason = "",
     .answered = true},
    {.name = "behind an acknowledgement with ECN counts",
     FRAMES("\x03\x00\x00\x00\x00\x01\x00\x00"
            "\x1d\x09\x00"),
     .how = IQ_CLOSED_BY_PEER,
     .code = 9,
     .reason = "",
     .answered = true},
    {.name = "with a ping, which ngtcp2 is to see",
     FRAMES("\x01"
            "\x1d\x07\x03"
            "bye"),
     .how = IQ_CLOSED_BY_PEER,
     .code = 7,
     .reason = "bye"},
    {.name = "cut off, which is an error",
     FRAMES("\x1d\x09\x44\x00"
            "bye"),
     .how = IQ_CLOSED_TRANSPORT_ERROR,
     .code = 7, /* FRAME_ENCODING_ERROR */
     .answered = true},
};

static void expect_form(const struct sim *sim, const struct form_row *row, const struct note *note,
                        const struct evil *evil)
{
    const bool is_answer = row->how != IQ_CLOSED_TRANSPORT_ERROR;

    note_expect_closed(sim, row->name, note, row->how, row->code);
    if (row->reason != NULL &&
        (note->text_len != strlen(row->reason) || strcmp(note->text, row->reason) != 0)) {
        SIM_FAIL(sim, "%s: \"%s\"", row->name, note->text);
    }
    if (evil->closed_count != row->answered || evil->by_application ||
        evil->code != (is_answer ? 0 : row->code) || evil->reason_len != 0) {
        SIM_FAIL(sim, "%s: answered %u times, code %#llx, reason of %zu bytes", row->name,
                 evil->closed_count, (unsigned long long)evil->code, evil->reason_len);
    }
}

/* A peer with its own ngtcp2, and what our side hears of it. */
struct evil_pair {
    struct sim *sim;
    struct sim_node *accepts;
    struct note note;
    struct iq_route routes[2];
    struct evil evil;
};

static void evil_pair_start(struct evil_pair *self, const struct sim_options *options)
{
    static const struct evil_options wanted = {.alpn = "\x13" APP_ALPN, .seed = "anything"};

    memset(self, 0, sizeof(*self));
    self->sim = sim_new(options);
    self->accepts = sim_add_endpoint(self->sim, NULL);
    self->routes[0] =
        (struct iq_route){.alpn = APP_ALPN, .handler = &note_handler, .data = &self->note};
    watch_listen(self->accepts, self->routes);
    evil_dial(&self->evil, sim_add_raw(self->sim), self->accepts, &wanted);
}

static void evil_pair_end(struct evil_pair *self)
{
    sim_run_for(self->sim, ALL_IS_OVER);
    evil_free(&self->evil);
    sim_free(self->sim);
}

static void close_in_form(const struct sim_options *options, const struct form_row *row)
{
    static struct evil_pair self;

    evil_pair_start(&self, options);
    sim_run_for(self.sim, SIM_SECOND);
    SIM_EXPECT(self.sim, self.note.opened == 1 && self.note.closed == 0);
    self.accepts->sent_count = 0;
    evil_say(&self.evil, row->frames, row->len);
    sim_run_for(self.sim, SIM_SECOND);
    expect_form(self.sim, row, &self.note, &self.evil);
    SIM_EXPECT(self.sim, self.accepts->sent_count == row->answered);
    evil_pair_end(&self);
}

static void tell_forms(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(form_rows) / sizeof(form_rows[0]); i++) {
        close_in_form(options, &form_rows[i]);
    }
}

/* As much of a reason is kept as ngtcp2 keeps of it. */
static void tell_long_reason(const struct sim_options *options)
{
    static struct evil_pair self;
    char frames[4 + 1100] = "\x1d\x07\x44\x4c"; /* 1100 bytes */

    evil_pair_start(&self, options);
    sim_run_for(self.sim, SIM_SECOND);
    memset(frames + 4, 'x', 1100);
    evil_say(&self.evil, frames, sizeof(frames));
    sim_run_for(self.sim, SIM_SECOND);
    note_expect_closed(self.sim, "long", &self.note, IQ_CLOSED_BY_PEER, 7);
    SIM_EXPECT(self.sim, self.note.text_len == IQ_REASON_MAX);
    SIM_EXPECT(self.sim, memcmp(self.note.text, frames + 4, IQ_REASON_MAX) == 0);
    SIM_EXPECT(self.sim, self.evil.closed_count == 1);
    evil_pair_end(&self);
}

/* A close before the peer has proven itself gets no answer. */
static void tell_in_handshake(const struct sim_options *options)
{
    static struct evil_pair self;
    uint64_t sent_count;

    evil_pair_start(&self, options);
    sim_run_for(self.sim, 15 * SIM_MILLISECOND); /* the first flight has arrived here */
    SIM_EXPECT(self.sim, self.accepts->endpoint->env.conn_count == 1);
    sent_count = self.accepts->sent_count;
    evil_close(&self.evil, 0);
    sim_run_for(self.sim, ALL_IS_OVER);
    SIM_EXPECT(self.sim, self.accepts->sent_count == sent_count && self.note.opened == 0);
    SIM_EXPECT(self.sim, self.accepts->endpoint->env.conn_count == 0);
    evil_pair_end(&self);
}

const struct story close_answer_stories[] = {
    {.name = "close_answered", .run = tell_answered, .weather = STORY_CALM_ONLY},
    {.name = "close_heard", .run = tell_heard, .weather = STORY_CALM_ONLY},
    {.name = "close_not_heard", .run = tell_not_heard, .weather = STORY_CALM_ONLY},
    {.name = "close_answer_lost", .run = tell_answer_lost, .weather = STORY_CALM_ONLY},
    {.name = "close_answer_full_wire", .run = tell_full_wire, .weather = STORY_CALM_ONLY},
    {.name = "close_behind_data", .run = tell_behind_data, .weather = STORY_CALM_ONLY},
    {.name = "close_forms", .run = tell_forms, .weather = STORY_CALM_ONLY},
    {.name = "close_long_reason", .run = tell_long_reason, .weather = STORY_CALM_ONLY},
    {.name = "close_in_handshake", .run = tell_in_handshake, .weather = STORY_CALM_ONLY},
    {0},
};
