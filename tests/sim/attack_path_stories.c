/*
 * Attacks from the network: a peer with thousands of addresses, and somebody on the path between
 * two honest ones, who sees everything and answers first.
 *
 * Initial packets are protected with keys that everybody can make (RFC 9001, section 5.2).  So who
 * is on the path can end an attempt to connect; nobody can end or change a connection.
 */
#include <string.h>

#include "attack.h"

static void put_ping(struct frames *frames, uint64_t number) { FRAMES_PUT(frames, FRAME_PING); }

/* Addresses */

/* Every second datagram comes from a new port. */
static bool from_everywhere(struct sim_node *node, const struct iq_datagrams *datagram)
{
    static unsigned count;
    struct iq_socket_addr from = node->addrs[0];

    if (++count % 2 == 0) {
        return true;
    }
    from.port = (uint16_t)(10000 + count % 50000);
    sim_inject(node->sim, &from, &datagram->path.remote, datagram->data, datagram->len);
    return false;
}

/* Unless all that is in it are challenges, each moves the connection, until the next one moves it
 * back.  RFC 9000, section 9.3.  What we send to the new addresses is never acknowledged. */
static void wander(const struct sim_options *options, const char *name, attack_put *put,
                   uint64_t limit_ns)
{
    static struct attack self;
    uint64_t end_ns;

    attack_start(&self, options, NULL, NULL);
    end_ns = self.sim->now_ns + limit_ns;
    self.sim->check_every = 16;
    self.raw->tap = from_everywhere;
    while (self.sim->now_ns < end_ns) {
        (void)attack_flood(&self, put, 1, 1);
    }
    self.raw->tap = NULL;
    sim_run_for(self.sim, 2 * SIM_SECOND);
    (void)attack_flood(&self, put_ping, 1, 1);
    attack_expect_open(&self, name);
    SIM_EXPECT(self.sim, iq_socket_addr_equal(iq_conn_remote_addr(watch_conn(self.accepts, 0)),
                                              &self.raw->addrs[0]));
    attack_expect_bytes(&self, name, 32768, 32768);
    attack_end(&self);
}

static void tell_ports(const struct sim_options *options)
{
    const uint64_t limit_ns = story_scale(10) * SIM_SECOND;

    wander(options, "PING from everywhere", put_ping, limit_ns);
    wander(options, "challenges from everywhere", frames_put_challenge, limit_ns);
}

static void tell_ports_for_long(const struct sim_options *options)
{
    wander(options, "PING from everywhere", put_ping, 600 * SIM_SECOND);
    wander(options, "challenges from everywhere", frames_put_challenge, 600 * SIM_SECOND);
}

/* Somebody on the path */

typedef void strike(struct sim_node *dials, const struct iq_datagrams *datagram);

/* To the dialling side, as if from the other one. */
static void answer(struct sim_node *dials, const struct iq_datagrams *datagram, const void *bytes,
                   ngtcp2_ssize len)
{
    SIM_EXPECT(dials->sim, len > 0);
    sim_inject(dials->sim, &datagram->path.remote, &dials->addrs[0], bytes, (size_t)len);
}

static ngtcp2_version_cid read_cids(const struct sim_node *dials,
                                    const struct iq_datagrams *datagram, ngtcp2_cid *dcid,
                                    ngtcp2_cid *scid)
{
    ngtcp2_version_cid header;

    SIM_EXPECT(dials->sim,
               ngtcp2_pkt_decode_version_cid(&header, datagram->data, datagram->len, 8) == 0);
    ngtcp2_cid_init(dcid, header.dcid, header.dcidlen);
    ngtcp2_cid_init(scid, header.scid, header.scidlen);
    return header;
}

static void send_junk(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    uint8_t junk[1200];
    size_t i;

    for (i = 0; i < sizeof(junk); i++) {
        junk[i] = (uint8_t)dice_roll(&dials->sim->workload);
    }
    answer(dials, datagram, junk, sizeof(junk));
    memcpy(junk, datagram->data, 30); /* and looks like one of these */
    sim_inject(dials->sim, &dials->addrs[0], &datagram->path.remote, junk, sizeof(junk));
}

static void send_again(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    unsigned i;

    for (i = 0; i < 3; i++) {
        sim_inject(dials->sim, &dials->addrs[0], &datagram->path.remote, datagram->data,
                   datagram->len);
    }
}

static void send_damaged(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    uint8_t damaged[1500];

    SIM_EXPECT(dials->sim, datagram->len <= sizeof(damaged));
    memcpy(damaged, datagram->data, datagram->len);
    damaged[dice_below(&dials->sim->workload, datagram->len - 30) + 30] ^= 0x10;
    sim_inject(dials->sim, &dials->addrs[0], &datagram->path.remote, damaged, datagram->len);
}

static void negotiate(struct sim_node *dials, const struct iq_datagrams *datagram,
                      const uint32_t *versions)
{
    ngtcp2_cid dcid, scid;
    uint8_t packet[200];

    (void)read_cids(dials, datagram, &dcid, &scid);
    answer(dials, datagram, packet,
           ngtcp2_pkt_write_version_negotiation(packet, sizeof(packet), 7, scid.data, scid.datalen,
                                                dcid.data, dcid.datalen, versions, 2));
}

static void offer_other_versions(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    negotiate(dials, datagram, (const uint32_t[]){0x0a0a0a0a, 2});
}

static void offer_our_version(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    negotiate(dials, datagram, (const uint32_t[]){0x0a0a0a0a, NGTCP2_PROTO_VER_V1});
}

static void retry(struct sim_node *dials, const struct iq_datagrams *datagram, uint8_t flip)
{
    const ngtcp2_cid new_scid = {.datalen = 8, .data = "attacker"};
    ngtcp2_cid dcid, scid;
    uint8_t packet[200];
    ngtcp2_ssize n;

    (void)read_cids(dials, datagram, &dcid, &scid);
    n = ngtcp2_crypto_write_retry(packet, sizeof(packet), NGTCP2_PROTO_VER_V1, &scid, &new_scid,
                                  &dcid, (const uint8_t *)"token", 5);
    SIM_EXPECT(dials->sim, n > 0);
    packet[n - 1] ^= flip;
    answer(dials, datagram, packet, n);
}

static void retry_rightly(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    retry(dials, datagram, 0);
}

static void retry_wrongly(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    retry(dials, datagram, 1);
}

static void say_close(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    ngtcp2_cid dcid, scid;
    uint8_t packet[1200];

    (void)read_cids(dials, datagram, &dcid, &scid);
    answer(dials, datagram, packet,
           ngtcp2_crypto_write_connection_close(packet, sizeof(packet), NGTCP2_PROTO_VER_V1, &scid,
                                                &dcid, NGTCP2_CONNECTION_REFUSED, NULL, 0));
}

/* Another server answers in place of the right one, and begins with an acknowledgement of what was
 * never sent. */
static bool relay(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct sim *sim = node->sim;

    sim_inject(sim, &sim->nodes[1].addrs[0], &sim->nodes[0].addrs[0], datagram->data,
               datagram->len);
    return false;
}

static struct evil impostor;

static void impersonate(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    static const uint8_t ack[] = {FRAME_ACK, 0x40, 100, 0, 0, 0};
    const struct evil_options options = {.alpn = "\x13iroh-example/echo/0",
                                         .seed = "the seed of one that is an enemy",
                                         .first[EVIL_INITIAL] = {.frames = {ack, sizeof(ack)}}};
    struct iq_datagrams seen = *datagram;
    struct sim_node *raw = sim_add_raw(dials->sim);

    raw->tap = relay;
    evil_answer(&impostor, raw, &options);
    seen.path.local = raw->addrs[0];
    seen.path.remote = dials->addrs[0];
    raw->on_datagram(raw, &seen);
}

static const struct mitm_row {
    const char *name;
    strike *strike;
    unsigned from, to; /* the datagrams of the dialling side that are answered so: the first is 0 */
    enum iq_close_how how; /* of the attempt, if it is `inherent` that it fails */
    bool inherent;
} mitm_rows[] = {
    {.name = "junk", .strike = send_junk, .to = 1000},
    {.name = "everything again", .strike = send_again, .to = 1000},
    {.name = "damage", .strike = send_damaged, .to = 1000},
    {.name = "a version negotiation",
     .strike = offer_other_versions,
     .how = IQ_CLOSED_VERSION_MISMATCH,
     .inherent = true},
    {.name = "a version negotiation that makes no sense", .strike = offer_our_version},
    {.name = "a late version negotiation", .strike = offer_other_versions, .from = 1, .to = 1},
    {.name = "a damaged Retry", .strike = retry_wrongly},
    {.name = "a late Retry", .strike = retry_rightly, .from = 1, .to = 1},
    {.name = "a Retry",
     .strike = retry_rightly,
     .how = IQ_CLOSED_TRANSPORT_ERROR,
     .inherent = true},
    {.name = "a close", .strike = say_close, .how = IQ_CLOSED_ABORTED_BY_PEER, .inherent = true},
    {.name = "a late close", .strike = say_close, .from = 1, .to = 1},
    {.name = "an impostor",
     .strike = impersonate,
     .how = IQ_CLOSED_TRANSPORT_ERROR,
     .inherent = true},
};

static const struct mitm_row *mitm; /* who is on the path now; NULL: nobody */
static unsigned mitm_count;

static bool intercept(struct sim_node *dials, const struct iq_datagrams *datagram)
{
    const unsigned number = mitm_count++;

    if (mitm != NULL && number >= mitm->from && number <= mitm->to) {
        mitm->strike(dials, datagram);
    }
    return true;
}

static void mitm_row(const struct sim_options *options, const struct mitm_row *row)
{
    struct story_pair pair = story_pair(options, NULL, NULL);
    struct app_task task = {.len = 20000}, again = {.len = 20000};

    mitm = row;
    mitm_count = 0;
    pair.dials->tap = intercept;
    app_dial(&task, pair.dials, pair.accepts);
    sim_run_for(pair.sim, 60 * SIM_SECOND);
    if (row->inherent ? task.connected || task.how != row->how : !app_is_done(&task)) {
        SIM_FAIL(pair.sim, "%s: connected %d, closed %u, how %d, code %#llx", row->name,
                 task.connected, task.closed_count, (int)task.how, (unsigned long long)task.code);
    }
    mitm = NULL; /* has gone away: all is well again */
    app_dial(&again, pair.dials, pair.accepts);
    story_finish(&pair, &again, 60 * SIM_SECOND);
    if (row->strike == impersonate) {
        evil_free(&impostor);
    }
    sim_free(pair.sim);
}

static void tell_on_path(const struct sim_options *options)
{
    size_t i;

    for (i = 0; i < sizeof(mitm_rows) / sizeof(mitm_rows[0]); i++) {
        mitm_row(options, &mitm_rows[i]);
    }
}

const struct story attack_path_stories[] = {
    {.name = "attack_ports", .run = tell_ports, .weather = STORY_CALM_ONLY},
    {.name = "long_attack_ports", .run = tell_ports_for_long, .weather = STORY_CALM_ONLY},
    {.name = "attack_on_path", .run = tell_on_path, .weather = STORY_CALM_ONLY},
    {0},
};
