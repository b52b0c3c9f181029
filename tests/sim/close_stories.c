/* Ends: by either side, at any moment, from inside any callback, and with packets lost. */
#include <string.h>

#include "note.h"

/* Long enough for a connection to time out whose peer has gone without a word. */
#define ALL_IS_OVER (100 * SIM_SECOND)

enum closer { CLOSE_CONN, CLOSE_ENDPOINT, CLOSER_COUNT };

static void do_close(struct sim_node *node, enum closer closer)
{
    struct iq_conn *conn = watch_conn(node, 0);

    if (closer == CLOSE_ENDPOINT && node->endpoint != NULL) {
        SIM_EXPECT(node->sim, iq_endpoint_close(node->endpoint, NULL, NULL) == 0);
        SIM_EXPECT(node->sim, iq_endpoint_close(node->endpoint, NULL, NULL) == IQ_ERR_CLOSED);
    } else if (closer == CLOSE_CONN && conn != NULL) {
        iq_conn_close(conn, 5, "enough");
        iq_conn_close(conn, 6, "only the first counts");
    }
}

/* Closes after so many events.  Everything must come to its end: watch.c and sim_free() see to it
 * that each connection is closed once, and that nothing is left. */
static void close_after(const struct sim_options *options, unsigned events, enum closer closer,
                        bool dialling_side)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 20000, .stream_count = 2, .at_once = 2};

    app_dial(&task, pair.dials, pair.accepts);
    while (events > 0 && sim_step(pair.sim)) {
        events--;
    }
    do_close(dialling_side ? pair.dials : pair.accepts, closer);
    sim_run(pair.sim, ALL_IS_OVER);
    SIM_EXPECT(pair.sim, task.closed_count == 1);
    SIM_EXPECT(pair.sim, watch_live_conns(pair.sim) == 0);
    SIM_EXPECT(pair.sim, watch_live_streams(pair.sim) == 0);
    sim_free(pair.sim);
}

static void tell_at_every_event(const struct sim_options *options)
{
    unsigned events, closer;

    for (events = 0; events <= 80; events++) {
        for (closer = 0; closer < CLOSER_COUNT; closer++) {
            close_after(options, events, (enum closer)closer, true);
            close_after(options, events, (enum closer)closer, false);
        }
    }
}

/* What a close looks like to the peer */

static const char long_reason[] = "0123456789";

static const struct code_row {
    const char *name;
    uint64_t code;
    size_t reason_len; /* 0: no reason */
} code_rows[] = {
    {.name = "zero"},
    {.name = "small", .code = 42, .reason_len = 4},
    {.name = "largest", .code = (UINT64_C(1) << 62) - 1, .reason_len = 10},
    {.name = "long reason", .code = 7, .reason_len = 900},
    {.name = "longest reason", .code = 7, .reason_len = IQ_REASON_MAX},
    {.name = "longest reason and largest code",
     .code = (UINT64_C(1) << 62) - 1,
     .reason_len = IQ_REASON_MAX},
    {.name = "too long a reason", .code = 7, .reason_len = IQ_REASON_MAX + 500},
};

static void expect_row(struct sim *sim, const struct code_row *row, const struct note *peer,
                       const char *reason)
{
    const size_t sent = row->reason_len < IQ_REASON_MAX ? row->reason_len : IQ_REASON_MAX;

    if (peer->closed != 1 || peer->how != IQ_CLOSED_BY_PEER || peer->code != row->code ||
        peer->text_len != sent || memcmp(peer->text, reason, sent) != 0) {
        SIM_FAIL(sim, "%s: count %u, how %d, code %#llx, %zu bytes", row->name, peer->closed,
                 (int)peer->how, (unsigned long long)peer->code, peer->text_len);
    }
}

static void close_with(const struct sim_options *options, const struct code_row *row,
                       bool dialling_side)
{
    static struct note_pair self;
    char reason[2000] = "";
    size_t i;

    for (i = 0; i < row->reason_len; i++) {
        reason[i] = long_reason[i % (sizeof(long_reason) - 1)];
    }
    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    iq_conn_close(dialling_side ? self.conn : watch_conn(self.pair.accepts, 0), row->code,
                  row->reason_len == 0 ? NULL : reason);
    sim_run(self.pair.sim, ALL_IS_OVER);
    if (options->weather.loss == 0) { /* else the close may have been lost */
        expect_row(self.pair.sim, row, dialling_side ? &self.accepts : &self.dials, reason);
    }
    SIM_EXPECT(self.pair.sim, self.dials.closed == 1 && self.accepts.closed == 1);
    SIM_EXPECT(self.pair.sim, (dialling_side ? self.dials : self.accepts).how == IQ_CLOSED_BY_US);
    sim_free(self.pair.sim);
}

static void tell_codes(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(code_rows) / sizeof(code_rows[0]); i++) {
        close_with(options, &code_rows[i], true);
        close_with(options, &code_rows[i], false);
    }
}

/* The packet that says it is lost: the peer learns when it says something itself. */
static void lose_close(const struct sim_options *options, unsigned lost, bool dialling_side)
{
    static struct note_pair self;
    struct sim_node *closes, *stays;
    struct iq_conn *conn;
    struct iq_stream *stream;
    const struct note *ending;
    uint64_t start_ns;
    unsigned i;

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    closes = dialling_side ? self.pair.dials : self.pair.accepts;
    stays = dialling_side ? self.pair.accepts : self.pair.dials;
    ending = dialling_side ? &self.accepts : &self.dials;
    closes->sent_count = 0;
    closes->link.drop_mask = (UINT64_C(1) << lost) - 1;
    iq_conn_close(watch_conn(closes, 0), 42, "gone");
    sim_step(self.pair.sim);
    SIM_EXPECT(self.pair.sim, closes->sent_count == 1);
    conn = watch_conn(stays, 0);
    start_ns = self.pair.sim->now_ns;
    for (i = 0; i < 64 && ending->closed == 0; i++) { /* all of it within the closing period */
        SIM_EXPECT(self.pair.sim, watch_open_uni(&stream, conn) == 0);
        (void)iq_stream_write(stream, "are you there?", 14);
        sim_run_for(self.pair.sim, SIM_MILLISECOND);
    }
    sim_run_for(self.pair.sim, SIM_SECOND);
    SIM_EXPECT(self.pair.sim, ending->closed == 1);
    SIM_EXPECT(self.pair.sim, ending->how == IQ_CLOSED_BY_PEER && ending->code == 42);
    SIM_EXPECT(self.pair.sim, ending->closed_at_ns - start_ns <= 60 * SIM_MILLISECOND); /* 3 RTT */
    sim_free(self.pair.sim);
}

static void tell_packet_lost(const struct sim_options *options)
{
    unsigned lost;

    for (lost = 1; lost <= 5; lost++) {
        lose_close(options, lost, true);
        lose_close(options, lost, false);
    }
}

/* However much a peer sends after our close, it hears of it only a few times. */
static void tell_not_too_often(const struct sim_options *options)
{
    static struct note_pair self;
    uint8_t junk[1200] = {0x40};
    const ngtcp2_cid *cid;
    unsigned i;

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    cid = ngtcp2_conn_get_dcid(watch_conn(self.pair.accepts, 0)->quic);
    memcpy(junk + 1, cid->data, cid->datalen); /* a short header for the one that closes */
    iq_conn_close(self.conn, 42, "gone");
    self.pair.dials->link.loss = 10000;
    self.pair.dials->sent_count = 0;
    sim_step(self.pair.sim);
    for (i = 0; i < 1000; i++) {
        sim_inject(self.pair.sim, &self.pair.accepts->addrs[0], &self.pair.dials->addrs[0], junk,
                   sizeof(junk));
        sim_step(self.pair.sim);
    }
    SIM_EXPECT(self.pair.sim, self.pair.dials->sent_count <= 12); /* 1 + log2(1000) + 1 */
    SIM_EXPECT(self.pair.sim, self.pair.dials->sent_count >= 5);
    sim_free(self.pair.sim);
}

/* A peer that goes without a word */
static void tell_peer_vanishes(const struct sim_options *options)
{
    static struct note_pair self;
    uint64_t start_ns;

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, 20 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, self.accepts.closed == 0 && self.dials.closed == 0);
    self.pair.dials->link.loss = self.pair.accepts->link.loss = 10000;
    self.pair.dials->link.burst = self.pair.accepts->link.burst = 0;
    self.pair.accepts->sent_count = 0;
    start_ns = self.pair.sim->now_ns;
    while (self.accepts.closed == 0 && sim_step(self.pair.sim)) {
    }
    SIM_EXPECT(self.pair.sim, self.accepts.how == IQ_CLOSED_TIMED_OUT);
    SIM_EXPECT(self.pair.sim, self.pair.sim->now_ns - start_ns >= 24 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, self.pair.sim->now_ns - start_ns <= 36 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, self.pair.accepts->sent_count <= 40);
    sim_run(self.pair.sim, ALL_IS_OVER);
    SIM_EXPECT(self.pair.sim, self.dials.how == IQ_CLOSED_TIMED_OUT && self.dials.closed == 1);
    sim_free(self.pair.sim);
}

/* Keep-alives hold a silent connection open, and a shorter idle time-out is kept. */
static void tell_idle(const struct sim_options *options)
{
    static struct note_pair self;
    static const struct iq_endpoint_config impatient = {.idle_timeout_ms = 3000,
                                                        .keep_alive_ms = 1000000};

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, 600 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, self.accepts.closed == 0 && self.dials.closed == 0);
    sim_free(self.pair.sim);

    note_connect(&self, options, &impatient);
    sim_run_for(self.pair.sim, 20 * SIM_SECOND);
    SIM_EXPECT(self.pair.sim, self.accepts.closed == 1 && self.dials.closed == 1);
    SIM_EXPECT(self.pair.sim, self.accepts.how == IQ_CLOSED_TIMED_OUT);
    SIM_EXPECT(self.pair.sim, self.dials.how == IQ_CLOSED_TIMED_OUT);
    sim_free(self.pair.sim);
}

/* An endpoint with many connections closes, and each peer hears of it. */

static void shutdown_with_code(struct iq_conn *conn) { iq_conn_close(conn, 9, "shutting down"); }

static void note_endpoint_closed(void *arg) { ++*(unsigned *)arg; }

static void tell_endpoint(const struct sim_options *options)
{
    static const struct iq_protocol_handler accepting = {.on_shutdown = shutdown_with_code};
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &accepting}, {0}};
    struct story_pair pair = story_pair(options, NULL, NULL);
    const struct iq_addr addr = sim_addr(pair.accepts);
    struct note endings[20] = {0};
    struct note late = {0};
    unsigned closed = 0, i;

    watch_listen(pair.accepts, routes);
    for (i = 0; i < 20; i++) {
        SIM_EXPECT(pair.sim, watch_dial(NULL, pair.dials, &addr, APP_ALPN, &note_handler,
                                        &endings[i], NULL) == 0);
    }
    sim_run_for(pair.sim, 10 * SIM_SECOND);
    SIM_EXPECT(pair.sim,
               iq_endpoint_close(pair.accepts->endpoint, note_endpoint_closed, &closed) == 0);
    SIM_EXPECT(pair.sim, closed == 0);
    SIM_EXPECT(pair.sim,
               watch_dial(NULL, pair.dials, &addr, APP_ALPN, &note_handler, &late, NULL) == 0);
    sim_run(pair.sim, ALL_IS_OVER);
    SIM_EXPECT(pair.sim, closed == 1 && pair.accepts->endpoint == NULL);
    SIM_EXPECT(pair.sim, late.closed == 1);
    for (i = 0; i < 20; i++) {
        SIM_EXPECT(pair.sim, endings[i].closed == 1);
        SIM_EXPECT(pair.sim, options->weather.loss > 0 ||
                                 (endings[i].how == IQ_CLOSED_BY_PEER && endings[i].code == 9));
    }
    sim_free(pair.sim);
}

/* A handler without an opinion: the code is 0, and dials are refused. */
static void tell_endpoint_without_words(const struct sim_options *options)
{
    static struct note_pair self;
    unsigned closed = 0;
    struct iq_addr addr;

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    addr = sim_addr(self.pair.accepts);
    SIM_EXPECT(self.pair.sim,
               iq_endpoint_close(self.pair.dials->endpoint, note_endpoint_closed, &closed) == 0);
    SIM_EXPECT(self.pair.sim, watch_dial(NULL, self.pair.dials, &addr, APP_ALPN, &note_handler,
                                         NULL, NULL) == IQ_ERR_CLOSED);
    sim_run(self.pair.sim, ALL_IS_OVER);
    SIM_EXPECT(self.pair.sim, closed == 1);
    SIM_EXPECT(self.pair.sim, self.dials.how == IQ_CLOSED_BY_US);
    SIM_EXPECT(self.pair.sim,
               options->weather.loss > 0 || (self.accepts.how == IQ_CLOSED_BY_PEER &&
                                             self.accepts.code == 0 && self.accepts.text_len == 0));
    sim_free(self.pair.sim);
}

/* What an endpoint that is closing still says, until it is gone. */
static void tell_endpoint_after_close(const struct sim_options *options)
{
    static struct note_pair self;
    struct iq_endpoint *endpoint;
    struct iq_endpoint_stats stats;
    struct note late = {0};
    unsigned closed = 0;

    note_connect(&self, options, NULL);
    sim_run_for(self.pair.sim, SIM_SECOND);
    endpoint = self.pair.accepts->endpoint;
    SIM_EXPECT(self.pair.sim, iq_endpoint_close(endpoint, note_endpoint_closed, &closed) == 0);
    sim_step(self.pair.sim);
    SIM_EXPECT(self.pair.sim, self.accepts.closed == 1 && closed == 0);
    SIM_EXPECT(self.pair.sim, iq_endpoint_close(endpoint, NULL, NULL) == IQ_ERR_CLOSED);
    SIM_EXPECT(self.pair.sim, iq_id_equal(iq_endpoint_id(endpoint), &self.addr.id));
    SIM_EXPECT(self.pair.sim, iq_endpoint_addr(endpoint)->count == 1);
    iq_endpoint_stats(endpoint, &stats);
    SIM_EXPECT(self.pair.sim, stats.conns_open == 0 && stats.conns_accepted == 1);
    watch_listen(self.pair.accepts, self.routes); /* which has no effect any more */
    SIM_EXPECT(self.pair.sim, watch_dial(NULL, self.pair.dials, &self.addr, APP_ALPN, &note_handler,
                                         &late, NULL) == 0);
    sim_run_for(self.pair.sim, 50 * SIM_MILLISECOND);
    note_expect_closed(self.pair.sim, "late", &late, IQ_CLOSED_ABORTED_BY_PEER,
                       IQ_CODE_CONNECTION_REFUSED);
    sim_run(self.pair.sim, ALL_IS_OVER);
    SIM_EXPECT(self.pair.sim, closed == 1);
    sim_free(self.pair.sim);
}

/* The first bytes and the close right behind them: whatever arrives is a prefix, and the peer hears
 * of the close. */
static void tell_right_after_writing(const struct sim_options *options)
{
    static struct note_pair self;
    static const uint8_t bytes[100000];
    struct iq_stream *stream;

    note_connect(&self, options, NULL);
    SIM_EXPECT(self.pair.sim, watch_open_bi(&stream, self.conn) == 0);
    (void)iq_stream_write(stream, bytes, sizeof(bytes));
    iq_stream_finish(stream);
    iq_conn_close(self.conn, 3, "at once");
    SIM_EXPECT(self.pair.sim, iq_stream_write(stream, bytes, 1) == 0);
    SIM_EXPECT(self.pair.sim, watch_open_bi(&stream, self.conn) == IQ_ERR_CLOSED);
    sim_run(self.pair.sim, ALL_IS_OVER);
    SIM_EXPECT(self.pair.sim, options->weather.loss > 0 || self.accepts.code == 3);
    sim_free(self.pair.sim);
}

const struct story close_stories[] = {
    {.name = "close_at_every_event", .run = tell_at_every_event, .seeds = 5},
    {.name = "long_close_at_every_event", .run = tell_at_every_event, .seeds = 100},
    {.name = "close_codes", .run = tell_codes, .seeds = 3},
    {.name = "close_packet_lost", .run = tell_packet_lost, .weather = STORY_CALM_ONLY},
    {.name = "close_not_too_often", .run = tell_not_too_often, .weather = STORY_CALM_ONLY},
    {.name = "close_peer_vanishes", .run = tell_peer_vanishes, .seeds = 5},
    {.name = "close_idle", .run = tell_idle, .seeds = 3},
    {.name = "close_endpoint", .run = tell_endpoint, .seeds = 5},
    {.name = "close_endpoint_without_words", .run = tell_endpoint_without_words, .seeds = 5},
    {.name = "close_endpoint_after_close",
     .run = tell_endpoint_after_close,
     .weather = STORY_CALM_ONLY},
    {.name = "close_right_after_writing", .run = tell_right_after_writing, .seeds = 5},
    {0},
};
