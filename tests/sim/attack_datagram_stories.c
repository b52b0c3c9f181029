/* Datagrams in which nothing is right, or too much: they cost us no memory and get no answer. */
#include <string.h>

#include "attack.h"

/* What one datagram is made of. */
struct pile {
    uint8_t bytes[SIM_DATAGRAM_MAX];
    size_t len;
};

static void put_random(struct pile *pile, struct sim *sim, size_t len)
{
    for (; len > 0; len--) {
        pile->bytes[pile->len++] = (uint8_t)dice_roll(&sim->workload);
    }
}

static void put_cid(struct pile *pile, struct sim *sim, const ngtcp2_cid *cid)
{
    pile->bytes[pile->len++] = 8;
    if (cid == NULL) {
        put_random(pile, sim, 8);
    } else {
        memcpy(pile->bytes + pile->len, cid->data, 8);
        pile->len += 8;
    }
}

/* RFC 9000, section 17.2: the types of long headers, as the first byte has them. */
enum { INITIAL = 0xc0, ZERO_RTT = 0xd0, HANDSHAKE = 0xe0 };

/* A packet whose header is right, and whose payload of `len` bytes is junk.  `to` is NULL for
 * somebody whom nobody knows. */
static void put_long(struct pile *pile, struct sim *sim, uint8_t type, const ngtcp2_cid *to,
                     size_t len)
{
    static const uint8_t version[] = {0, 0, 0, 1};

    pile->bytes[pile->len++] = type | (uint8_t)dice_below(&sim->workload, 16);
    memcpy(pile->bytes + pile->len, version, sizeof(version));
    pile->len += sizeof(version);
    put_cid(pile, sim, to);
    put_cid(pile, sim, NULL);
    if (type == INITIAL) {
        pile->bytes[pile->len++] = 0; /* no token */
    }
    pile->bytes[pile->len++] = (uint8_t)(0x40 | len >> 8);
    pile->bytes[pile->len++] = (uint8_t)len;
    put_random(pile, sim, len);
}

static void put_short(struct pile *pile, struct sim *sim, const ngtcp2_cid *to, size_t len)
{
    pile->bytes[pile->len++] = 0x40 | (uint8_t)dice_below(&sim->workload, 64);
    memcpy(pile->bytes + pile->len, to->data, 8);
    pile->len += 8;
    put_random(pile, sim, len);
}

static void inject(struct attack *self, struct pile *pile)
{
    sim_inject(self->sim, &self->raw->addrs[0], &self->accepts->addrs[0], pile->bytes, pile->len);
    sim_run_for(self->sim, SIM_MICROSECOND);
    pile->len = 0;
}

/* Strangers */

static void junk(const struct sim_options *options, unsigned random, unsigned initials)
{
    static struct attack self;
    static struct pile pile;
    struct iq_endpoint_stats stats;
    unsigned i;

    attack_start(&self, options, NULL, NULL);
    self.sim->check_every = 100;
    for (i = 0; i < random; i++) {
        put_random(&pile, self.sim, dice_below(&self.sim->workload, 1500));
        inject(&self, &pile);
    }
    attack_expect_bytes(&self, "random datagrams", 0, 0);
    for (i = 0; i < initials; i++) {
        put_long(&pile, self.sim, INITIAL, NULL, 1200);
        inject(&self, &pile);
        SIM_EXPECT(self.sim, self.accepts->endpoint->env.conn_count == 1);
    }
    attack_expect_open(&self, "junk");
    iq_endpoint_stats(self.accepts->endpoint, &stats);
    SIM_EXPECT(self.sim, stats.handshakes_failed == initials); /* each was looked into */
    /* One at a time has memory; OpenSSL keeps a few bytes for them all. */
    attack_expect_bytes(&self, "Initials of junk", 16, 102400);
    attack_end(&self);
}

static void tell_junk(const struct sim_options *options)
{
    junk(options, story_scale(5000), story_scale(1000));
}

static void tell_much_junk(const struct sim_options *options) { junk(options, 500000, 100000); }

/* Sizes: every first byte alone, and the longest datagram of IPv4, also behind a good packet */

#define LONGEST ((size_t)65507)

static bool lengthen(struct sim_node *node, const struct iq_datagrams *datagram)
{
    static uint8_t bytes[LONGEST];
    struct iq_datagrams longer = *datagram;

    memcpy(bytes, datagram->data, datagram->len);
    longer.data = bytes;
    longer.len = longer.segment_len = sizeof(bytes);
    sim_transmit(node, &longer);
    return false;
}

static void tell_sizes(const struct sim_options *options)
{
    static struct attack self;
    static struct pile pile;
    unsigned first;

    attack_dial(&self, options, NULL, NULL);
    self.raw->tap = lengthen; /* zeros behind packets are to be ignored */
    sim_run_for(self.sim, SIM_SECOND);
    SIM_EXPECT(self.sim, self.heard.opened == 1);
    attack_mark(&self);
    for (first = 0; first < 256; first++) {
        pile.bytes[pile.len++] = (uint8_t)first;
        inject(&self, &pile);
        pile.bytes[pile.len++] = (uint8_t)first;
        put_random(&pile, self.sim, LONGEST - 1);
        inject(&self, &pile);
    }
    put_long(&pile, self.sim, HANDSHAKE, ngtcp2_conn_get_dcid(self.evil.quic), 100);
    put_random(&pile, self.sim, LONGEST - pile.len);
    inject(&self, &pile);
    put_short(&pile, self.sim, ngtcp2_conn_get_dcid(self.evil.quic), LONGEST - 9);
    inject(&self, &pile);
    attack_expect_open(&self, "sizes");
    attack_expect_bytes(&self, "sizes", 2 * LONGEST, 4 * LONGEST);
    attack_end(&self);
}

/* Many packets in one datagram, to a connection and to others, with padding between */

static void put_crowd(struct attack *self, struct pile *pile, uint8_t type, bool to_others)
{
    const ngtcp2_cid *to = ngtcp2_conn_get_dcid(self->evil.quic);
    unsigned i;

    for (i = 0; i < 32; i++) {
        put_long(pile, self->sim, type, to_others && i % 3 == 1 ? NULL : to, 20);
        if (to_others && i % 3 == 2) {
            pile->bytes[pile->len++] = 0;
        }
    }
    put_short(pile, self->sim, to, 20);
}

static void coalesce(const struct sim_options *options, const struct evil_options *peer,
                     const char *name)
{
    static const uint8_t types[] = {INITIAL, ZERO_RTT, HANDSHAKE};
    static struct attack self;
    static struct pile pile;
    unsigned i, count = story_scale(300);

    attack_dial(&self, options, NULL, peer);
    sim_run_for(self.sim, 100 * SIM_MILLISECOND);
    attack_mark(&self);
    for (i = 0; i < 3 * count; i++) {
        put_crowd(&self, &pile, types[i % 3], i % 2 == 0);
        inject(&self, &pile);
        put_short(&pile, self.sim, ngtcp2_conn_get_dcid(self.evil.quic), 1400);
        inject(&self, &pile);
    }
    SIM_EXPECT(self.sim, self.accepts->sent_count == self.sent_before);
    attack_expect_bytes(&self, name, 8192, 8192);
    attack_expect_open(&self, name);
    attack_end(&self);
}

static void tell_coalesced(const struct sim_options *options)
{
    static const struct evil_options unfinished = {
        .first[EVIL_HANDSHAKE] = {.frames = {.data = (const uint8_t *)"\1", .len = 1}}};

    coalesce(options, &unfinished, "in the handshake");
    coalesce(options, NULL, "after the handshake");
}

const struct story attack_datagram_stories[] = {
    {.name = "attack_junk", .run = tell_junk, .weather = STORY_CALM_ONLY},
    {.name = "long_attack_junk", .run = tell_much_junk, .weather = STORY_CALM_ONLY},
    {.name = "attack_sizes", .run = tell_sizes, .weather = STORY_CALM_ONLY},
    {.name = "attack_coalesced", .run = tell_coalesced, .weather = STORY_CALM_ONLY},
    {0},
};
