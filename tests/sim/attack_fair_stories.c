/* Attacks on others through us: acknowledgements of what has not arrived, to make us flood a
 * network; and floods that keep us from our other peers. */
#include "attack.h"

/* Optimistic acknowledgements.  RFC 9000, section 21.4; CVE-2025-4820, CVE-2025-4821 */

static struct {
    uint64_t short_count; /* packets with 1-RTT keys that the endpoint has sent, or a few more */
    uint64_t cwnd_max;
} seen;

static bool count_short(struct sim_node *node, const struct iq_datagrams *datagram)
{
    const struct iq_conn *conn = watch_conn(node, 0);
    ngtcp2_conn_info info = {0};

    if (conn != NULL) {
        ngtcp2_conn_get_conn_info(conn->quic, &info);
    }
    seen.short_count += (datagram->data[0] & 0x80) == 0;
    seen.cwnd_max = info.cwnd > seen.cwnd_max ? info.cwnd : seen.cwnd_max;
    return true;
}

/* A piece to be echoed; and all packets that are on their way have arrived. */
static void put_optimism(struct frames *frames, uint64_t number)
{
    static const uint8_t piece[1000];

    frames_put_stream(frames, 0, number * sizeof(piece), piece, sizeof(piece));
    if (seen.short_count > 0) {
        FRAMES_PUT(frames, FRAME_ACK, seen.short_count - 1, 0, 0, seen.short_count - 1);
    }
}

/* ngtcp2 leaves numbers out: who acknowledges those has not waited for the packets. */
static void tell_optimism(const struct sim_options *options)
{
    const struct evil_options wide = {.window = 10000000};
    static struct attack self;

    attack_dial(&self, options, NULL, &wide);
    seen.short_count = seen.cwnd_max = 0;
    sim_run_for(self.sim, SIM_MILLISECOND);
    self.accepts->tap = count_short;
    sim_run_for(self.sim, SIM_SECOND);
    attack_open_streams(&self);
    (void)attack_flood(&self, put_optimism, 5000, 1);
    attack_expect_closed(&self, "optimism", NGTCP2_PROTOCOL_VIOLATION);
    SIM_EXPECT(self.sim, seen.short_count <= 800);
    SIM_EXPECT(self.sim, seen.cwnd_max <= 120000);
    attack_end(&self);
}

/* A quiet neighbour of one that floods.  Challenges are what we answer most to: four packets for
 * one. The
 * wire is not fast enough for that. */

#define WIRE_BPS 20000000
#define RTT_NS   (20 * SIM_MILLISECOND)

struct neighbour {
    struct sim *sim;
    struct iq_stream *stream;
    uint64_t sent, received, asked_at_ns, longest_ns;
    unsigned answers;
};

static void quiet_ready(struct iq_stream *stream)
{
    struct neighbour *self = iq_conn_data(iq_stream_conn(stream));
    const uint64_t waited_ns = self->sim->now_ns - self->asked_at_ns;

    app_read(stream, &self->received);
    if (self->received == self->sent && self->sent > 0) {
        self->answers++;
        self->longest_ns = waited_ns > self->longest_ns ? waited_ns : self->longest_ns;
    }
}

static void quiet_connect(struct iq_conn *conn)
{
    struct neighbour *self = iq_conn_data(conn);

    SIM_EXPECT(self->sim, watch_open_bi(&self->stream, conn) == 0);
}

static const struct iq_protocol_handler quiet_handler = {.on_connect = quiet_connect,
                                                         .on_stream_ready = quiet_ready};

static void put_ping(struct frames *frames, uint64_t number) { FRAMES_PUT(frames, FRAME_PING); }

static void put_blocked(struct frames *frames, uint64_t number)
{
    FRAMES_PUT(frames, FRAME_STREAMS_BLOCKED_BIDI, 1 + number % 100);
}

static void put_max_data(struct frames *frames, uint64_t number)
{
    FRAMES_PUT(frames, FRAME_MAX_DATA, 100000 + number);
}

static void beside(const struct sim_options *options, const char *name, attack_put *put)
{
    static struct attack self;
    static struct neighbour quiet;
    struct iq_addr addr;
    unsigned i, k;

    attack_start(&self, options, NULL, NULL);
    quiet = (struct neighbour){.sim = self.sim};
    addr = sim_addr(self.accepts);
    SIM_EXPECT(self.sim, watch_dial(NULL, sim_add_endpoint(self.sim, NULL), &addr, APP_ALPN,
                                    &quiet_handler, &quiet, NULL) == 0);
    sim_run_for(self.sim, SIM_SECOND);
    self.accepts->wire_bps = WIRE_BPS;
    self.sim->check_every = 32;
    for (i = 0; i < 20; i++) {
        quiet.asked_at_ns = self.sim->now_ns;
        app_write(quiet.stream, &quiet.sent, quiet.sent + 100);
        for (k = 0; k < 40; k++) {
            (void)attack_flood(&self, put, 1000, 0);
        }
    }
    attack_expect_open(&self, name);
    if (quiet.answers < 20 || quiet.longest_ns > RTT_NS + 5 * SIM_MILLISECOND) {
        SIM_FAIL(self.sim, "%s: %u answers, the last after %g ms", name, quiet.answers,
                 (double)quiet.longest_ns / 1e6);
    }
    attack_end(&self);
}

static void tell_neighbour(const struct sim_options *options)
{
    beside(options, "challenges", frames_put_challenge);
    beside(options, "PING", put_ping);
    beside(options, "STREAMS_BLOCKED", put_blocked);
    beside(options, "MAX_DATA", put_max_data);
}

const struct story attack_fair_stories[] = {
    {.name = "attack_optimism", .run = tell_optimism, .weather = STORY_CALM_ONLY},
    {.name = "attack_neighbour", .run = tell_neighbour, .weather = STORY_CALM_ONLY},
    {0},
};
