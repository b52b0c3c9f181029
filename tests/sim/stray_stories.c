/* Datagrams that belong to nothing: junk, pieces, other versions, and what is answered to them. */
#include <string.h>

#include "story.h"

/* Something that stands in the network and counts what reaches it. */
struct catcher {
    unsigned count;
    size_t last_len;
    uint8_t last[1500];
};

static void catch_datagram(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct catcher *catcher = node->data;

    catcher->count++;
    catcher->last_len = datagram->len;
    memcpy(catcher->last, datagram->data,
           datagram->len < sizeof(catcher->last) ? datagram->len : sizeof(catcher->last));
}

struct stray_pair {
    struct sim *sim;
    struct sim_node *endpoint, *stranger;
    struct catcher caught;
};

static void stray_start(struct stray_pair *self, const struct sim_options *options)
{
    *self = (struct stray_pair){.sim = sim_new(options)};
    self->endpoint = sim_add_endpoint(self->sim, NULL);
    self->stranger = sim_add_raw(self->sim);
    self->stranger->on_datagram = catch_datagram;
    self->stranger->data = &self->caught;
    watch_listen(self->endpoint, app_echo_routes);
}

/* The stranger sends, and hears what is answered. */
static void ask(struct stray_pair *self, const void *data, size_t len)
{
    self->caught.count = 0;
    sim_inject(self->sim, &self->stranger->addrs[0], &self->endpoint->addrs[0], data, len);
    sim_run_for(self->sim, SIM_SECOND);
}

/* Stateless resets.  RFC 9000, section 10.3 */

static void tell_reset(const struct sim_options *options)
{
    struct stray_pair self;
    uint8_t packet[1500] = {0x55};
    size_t len;

    stray_start(&self, options);
    for (len = 0; len <= 1500; len += len < 100 ? 1 : 37) {
        ask(&self, packet, len);
        SIM_EXPECT(self.sim, self.caught.count == (len >= 24 ? 1 : 0));
        if (self.caught.count > 0) {
            SIM_EXPECT(self.sim, self.caught.last_len < len);
            SIM_EXPECT(self.sim, self.caught.last_len >= 21);
            SIM_EXPECT(self.sim, (self.caught.last[0] & 0xc0) == 0x40);
        }
    }
    sim_free(self.sim);
}

static void tell_reset_limit(const struct sim_options *options)
{
    struct stray_pair self;
    uint8_t packet[100] = {0x55};
    unsigned second, i;

    stray_start(&self, options);
    for (second = 0; second < 3; second++) {
        for (i = 0; i < 1000; i++) {
            packet[1 + i % 8]++;
            sim_inject(self.sim, &self.stranger->addrs[0], &self.endpoint->addrs[0], packet,
                       sizeof(packet));
        }
        sim_run_for(self.sim, SIM_SECOND);
    }
    SIM_EXPECT(self.sim, self.caught.count >= 100 && self.caught.count <= 130);
    sim_run_for(self.sim, 20 * SIM_SECOND);
    ask(&self, packet, sizeof(packet));
    SIM_EXPECT(self.sim, self.caught.count == 1);
    sim_free(self.sim);
}

/* The accept side forgets a connection, as after a crash that left its secrets: the peer learns it
 * with the next thing it says. */
static void note_reset(struct iq_conn *conn, const struct iq_close_reason *why)
{
    app_note_closed(iq_conn_data(conn), why);
}

static void refuse_nobody(struct iq_incoming *incoming, void *data)
{
    static const struct iq_protocol_handler unwatched = {0};
    static const struct iq_route routes[] = {{.alpn = APP_ALPN, .handler = &unwatched}, {0}};

    if (iq_incoming_accept(incoming, routes) != 0) {
        iq_incoming_ignore(incoming);
    }
}

static void tell_reset_heard(const struct sim_options *options)
{
    static const struct iq_protocol_handler handler = {.on_closed = note_reset};
    static const struct iq_acceptor acceptor = {.on_incoming = refuse_nobody};
    struct story_pair pair = story_pair(options, NULL, NULL);
    const struct iq_addr addr = sim_addr(pair.accepts);
    struct app_task task = {0};
    static const uint8_t long_enough[100];
    struct iq_stream *stream;
    struct iq_conn *conn = NULL;
    struct iq_list *conns = &pair.accepts->endpoint->env.conns;

    iq_endpoint_listen(pair.accepts->endpoint, &acceptor, NULL);
    SIM_EXPECT(pair.sim,
               watch_dial(&conn, pair.dials, &addr, APP_ALPN, &handler, &task, NULL) == 0);
    sim_run_for(pair.sim, 8 * SIM_SECOND);
    SIM_EXPECT(pair.sim, task.closed_count == 0 && !iq_list_is_empty(conns));
    iq_conn_free(IQ_CONTAINER_OF(conns->next, struct iq_conn, in_all));
    SIM_EXPECT(pair.sim, watch_open_uni(&stream, conn) == 0);
    (void)iq_stream_write(stream, long_enough, sizeof(long_enough)); /* to be answered */
    sim_run_for(pair.sim, 20 * SIM_SECOND);
    SIM_EXPECT(pair.sim, task.closed_count == 1 && task.how == IQ_CLOSED_RESET);
    sim_free(pair.sim);
}

/* Two endpoints that get each other's garbage fall silent, after ten datagrams at most: each reset
 * is shorter than the one that it answers. */
static void tell_garbage_dies_out(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    uint8_t garbage[1400];
    unsigned i, k;

    for (i = 0; i < 50; i++) {
        for (k = 0; k < sizeof(garbage); k++) {
            garbage[k] = (uint8_t)dice_roll(&pair.sim->workload);
        }
        garbage[0] = i % 2 == 0 ? (garbage[0] & 0x3f) | 0x40 : garbage[0] | 0xc0;
        pair.dials->sent_count = pair.accepts->sent_count = 0;
        sim_inject(pair.sim, &pair.dials->addrs[0], &pair.accepts->addrs[0], garbage,
                   sizeof(garbage));
        sim_run(pair.sim, 10 * SIM_SECOND);
        SIM_EXPECT(pair.sim, 1 + pair.dials->sent_count + pair.accepts->sent_count <= 10);
    }
    sim_free(pair.sim);
}

/* Version negotiation.  RFC 9000, section 6 */

static void make_long(uint8_t packet[1500], uint32_t version)
{
    static const uint8_t dcid[] = {8, 'd', 'c', 'i', 'd', '4', '5', '6', '7'};
    static const uint8_t scid[] = {5, 's', 'c', 'i', 'd', '4'};

    memset(packet, 0, 1500);
    packet[0] = 0xc0;
    packet[1] = (uint8_t)(version >> 24);
    packet[2] = (uint8_t)(version >> 16);
    packet[3] = (uint8_t)(version >> 8);
    packet[4] = (uint8_t)version;
    memcpy(packet + 5, dcid, sizeof(dcid));
    memcpy(packet + 5 + sizeof(dcid), scid, sizeof(scid));
}

static void tell_version(const struct sim_options *options)
{
    static const uint32_t unknown[] = {2, NGTCP2_PROTO_VER_V2, 0x0a0a0a0a, 0xffffffff, 0xff00001d};
    struct stray_pair self;
    uint8_t packet[1500];
    size_t i;

    stray_start(&self, options);
    for (i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
        make_long(packet, unknown[i]);
        ask(&self, packet, 1199);
        SIM_EXPECT(self.sim, self.caught.count == 0);
        ask(&self, packet, 1200);
        SIM_EXPECT(self.sim, self.caught.count == 1);
        SIM_EXPECT(self.sim, self.caught.last_len < 1200);
        SIM_EXPECT(self.sim, (self.caught.last[0] & 0x80) != 0);
        SIM_EXPECT(self.sim, memcmp(self.caught.last + 1,
                                    "\0\0\0\0\x05"
                                    "scid4\x08"
                                    "dcid4567\0\0\0\1",
                                    23) == 0);
    }
    make_long(packet, 0); /* which is a version negotiation itself */
    ask(&self, packet, 1200);
    SIM_EXPECT(self.sim, self.caught.count == 0);
    make_long(packet, 1); /* our version, but nothing in it that can be read */
    ask(&self, packet, 1200);
    SIM_EXPECT(self.sim, self.endpoint->endpoint->env.conn_count == 0);
    sim_free(self.sim);
}

/* A server of other versions */

static const uint32_t other_versions[] = {0x0a0a0a0a, 2};
static const uint32_t with_ours[] = {0x0a0a0a0a, 1};

static void negotiate(struct sim_node *node, const struct iq_datagrams *datagram)
{
    const uint32_t *versions = node->data;
    const uint8_t *dcid = datagram->data + 6;
    const uint8_t *scid = dcid + dcid[-1] + 1;
    uint8_t packet[200];
    const ngtcp2_ssize n = ngtcp2_pkt_write_version_negotiation(
        packet, sizeof(packet), 7, scid, scid[-1], dcid, dcid[-1], versions, 2);

    SIM_EXPECT(node->sim, n > 0);
    sim_inject(node->sim, &datagram->path.local, &datagram->path.remote, packet, (size_t)n);
}

static void dial_negotiator(const struct sim_options *options, const uint32_t *versions,
                            enum iq_close_how how)
{
    static const struct iq_protocol_handler handler = {.on_closed = note_reset};
    struct sim *sim = sim_new(options);
    struct sim_node *dials = sim_add_endpoint(sim, NULL);
    struct sim_node *raw = sim_add_raw(sim);
    struct iq_addr addr = {.count = 1, .socket_addrs = {raw->addrs[0]}};
    struct app_task task = {0};
    struct iq_secret_key key;

    raw->on_datagram = negotiate;
    raw->data = (void *)versions;
    iq_secret_key_generate(&key);
    addr.id = key.id;
    SIM_EXPECT(sim, watch_dial(NULL, dials, &addr, APP_ALPN, &handler, &task, NULL) == 0);
    sim_run(sim, 60 * SIM_SECOND);
    SIM_EXPECT(sim, task.closed_count == 1 && task.how == how);
    sim_free(sim);
}

static void tell_version_mismatch(const struct sim_options *options)
{
    dial_negotiator(options, other_versions, IQ_CLOSED_VERSION_MISMATCH);
    dial_negotiator(options, with_ours, IQ_CLOSED_TIMED_OUT); /* such a one is to be ignored */
}

/* A version negotiation that comes late, or is forged, changes nothing. */
static bool also_negotiate(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct iq_conn *conn = watch_conn(node, 0);
    struct iq_datagrams seen = {
        .path = {.local = datagram->path.remote, .remote = datagram->path.local},
        .data = datagram->data,
        .len = datagram->len};

    if (node->received_count > 0 && (datagram->data[0] & 0x80) != 0 && conn != NULL) {
        node->data = (void *)other_versions;
        negotiate(node, &seen);
    }
    return true;
}

static void tell_version_late(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 2000};

    pair.dials->tap = also_negotiate;
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 60 * SIM_SECOND);
    sim_free(pair.sim);
}

/* Junk */

static void tell_empty(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 100000};
    unsigned i;

    sim_inject(pair.sim, &pair.dials->addrs[0], &pair.accepts->addrs[0], NULL, 0);
    sim_run_for(pair.sim, SIM_SECOND);
    app_dial(&task, pair.dials, pair.accepts);
    for (i = 0; i < 50; i++) {
        sim_inject(pair.sim, &pair.dials->addrs[0], &pair.accepts->addrs[0], NULL, 0);
        sim_inject(pair.sim, &pair.accepts->addrs[0], &pair.dials->addrs[0], NULL, 0);
        sim_run_for(pair.sim, SIM_MILLISECOND);
    }
    story_finish(&pair, &task, 60 * SIM_SECOND);
    sim_free(pair.sim);
}

static void tell_junk(const struct sim_options *options)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 2000};
    const size_t live_before = sim_live_bytes();
    const unsigned count = story_scale(50000);
    uint8_t junk[1500];
    unsigned i;

    pair.sim->check_every = 100;
    for (i = 0; i < count; i++) {
        struct dice *dice = &pair.sim->workload;
        const size_t len = dice_below(dice, sizeof(junk) + 1);
        size_t k;

        for (k = 0; k < len; k++) {
            junk[k] = (uint8_t)dice_roll(dice);
        }
        if (len > 20 && i % 2 == 0) { /* looks like an Initial of version 1 */
            make_long(junk, 1);
            junk[20] = (uint8_t)(i % 4 == 0 ? 0 : junk[20]);
        }
        sim_inject(pair.sim, &pair.dials->addrs[0], &pair.accepts->addrs[0], junk, len);
        sim_step(pair.sim);
        if (i % 100 == 0) {
            sim_run_for(pair.sim, SIM_MILLISECOND);
        }
    }
    sim_run(pair.sim, 60 * SIM_SECOND);
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.conn_count == 0);
    SIM_EXPECT(pair.sim, pair.accepts->endpoint->env.cids.count == 0);
    SIM_EXPECT(pair.sim, sim_live_bytes() <= live_before + 4096);
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 60 * SIM_SECOND);
    sim_free(pair.sim);
}

/* Real datagrams, cut at every length, come just before the whole. */
static bool cut_everywhere(struct sim_node *node, const struct iq_datagrams *datagram)
{
    size_t len;

    for (len = 0; len < datagram->len; len++) {
        sim_inject(node->sim, &datagram->path.local, &datagram->path.remote, datagram->data, len);
    }
    return true;
}

/* The last bit of version 1 in any of the packets: without it, a packet is a version negotiation,
 * which nothing protects. */
static bool is_version_bit(const uint8_t *bytes, size_t bit)
{
    return bit >= 32 && bit % 8 == 0 && memcmp(bytes + bit / 8 - 3, "\0\0\0\1", 4) == 0;
}

static bool is_negotiation(const struct iq_datagrams *datagram)
{
    return (datagram->data[0] & 0x80) != 0 && memcmp(datagram->data + 1, "\0\0\0\0", 4) == 0;
}

/* Or every bit of them is wrong, one at a time. */
static bool flip_everything(struct sim_node *node, const struct iq_datagrams *datagram)
{
    uint8_t bytes[2000];
    size_t bit;

    memcpy(bytes, datagram->data, datagram->len);
    for (bit = 0; bit < datagram->len * 8; bit += bit < 1000 ? 1 : 61) {
        if (!is_negotiation(datagram) && !is_version_bit(bytes, bit)) {
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
            sim_inject(node->sim, &datagram->path.local, &datagram->path.remote, bytes,
                       datagram->len);
            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    return true;
}

static void echo_with_tap(const struct sim_options *options,
                          bool (*tap)(struct sim_node *, const struct iq_datagrams *))
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 1000};

    pair.sim->check_every = 50;
    pair.dials->tap = pair.accepts->tap = tap;
    app_dial(&task, pair.dials, pair.accepts);
    story_finish(&pair, &task, 120 * SIM_SECOND);
    pair.dials->tap = pair.accepts->tap = NULL;
    sim_free(pair.sim);
}

static void tell_cut(const struct sim_options *options) { echo_with_tap(options, cut_everywhere); }

static void tell_flipped(const struct sim_options *options)
{
    echo_with_tap(options, flip_everything);
}

const struct story stray_stories[] = {
    {.name = "stray_reset", .run = tell_reset, .weather = STORY_CALM_ONLY},
    {.name = "stray_reset_limit", .run = tell_reset_limit, .weather = STORY_CALM_ONLY},
    {.name = "stray_reset_heard", .run = tell_reset_heard, .seeds = 5},
    {.name = "stray_garbage_dies_out", .run = tell_garbage_dies_out, .weather = STORY_CALM_ONLY},
    {.name = "stray_version", .run = tell_version, .weather = STORY_CALM_ONLY},
    {.name = "stray_version_mismatch", .run = tell_version_mismatch, .seeds = 3},
    {.name = "stray_version_late", .run = tell_version_late, .seeds = 5},
    {.name = "stray_empty", .run = tell_empty, .seeds = 3},
    {.name = "stray_junk", .run = tell_junk, .weather = STORY_CALM_ONLY},
    {.name = "stray_cut", .run = tell_cut},
    {.name = "stray_flipped", .run = tell_flipped},
    {0},
};
