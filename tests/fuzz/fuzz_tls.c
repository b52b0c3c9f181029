/*
 * Datagrams to a connection with ciphers and TLS: those that its peer has sent, damaged, again, in
 * any order, and others.
 *
 * The first byte tells which side hears them (bit 0), and how many of the peer's datagrams reach it
 * as they are (the other bits); the later ones are kept.  Then come steps: a byte with what
 * happens, one with a length, and so many bytes.
 */
#include "fuzz.h"
#include "world.h"

#define KEPT_MAX 64

enum act { OWN_BYTES, DAMAGED, CUT, WAIT, ACTS };

struct kept {
    uint8_t data[1500];
    size_t len;
};

static struct {
    struct kept kept[KEPT_MAX]; /* all that the peer has sent */
    size_t kept_count;
    size_t passing;
} post;

/* The peer is an endpoint, too. */
static bool keep(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct kept *kept = &post.kept[post.kept_count];

    if (post.kept_count == KEPT_MAX || datagram->len > sizeof(kept->data)) {
        return false;
    }
    memcpy(kept->data, datagram->data, datagram->len);
    kept->len = datagram->len;
    return post.kept_count++ < post.passing;
}

static void give(struct world *world, const struct sim_node *from, const uint8_t *data, size_t len)
{
    const struct iq_datagrams datagram = {
        .path = {.local = from->addrs[0], .remote = world->victim->addrs[0]},
        .data = data,
        .len = len,
    };

    world_receive(world, &datagram);
}

/* The first byte is the number of the datagram, the next two are a place in it; what follows is
 * changed there. */
static struct kept damage(const uint8_t *data, size_t len, bool cut)
{
    struct kept copy = {.len = 0};
    size_t at, i;

    if (post.kept_count == 0 || len < 3) {
        return copy;
    }
    copy = post.kept[data[0] % post.kept_count];
    at = (size_t)data[1] << 8 | data[2];
    for (i = 0; i < len - 3 && at + i < copy.len; i++) {
        copy.data[at + i] ^= data[3 + i];
    }
    copy.len = cut && at < copy.len ? at : copy.len;
    return copy;
}

static void act(struct world *world, const struct sim_node *peer, enum act what,
                const uint8_t *data, size_t len)
{
    const struct kept kept = damage(data, len, what == CUT);

    switch (what) {
    case OWN_BYTES:
        give(world, peer, data, len);
        return;
    case DAMAGED:
    case CUT:
        give(world, peer, kept.data, kept.len);
        return;
    case WAIT:
    case ACTS:
        sim_run_for(world->sim, len * len * SIM_MILLISECOND);
        return;
    }
}

static void play(struct world *world, const struct sim_node *peer, const uint8_t *data, size_t len)
{
    while (len >= 2) {
        const size_t step = data[1] < len - 2 ? data[1] : len - 2;

        act(world, peer, (enum act)(data[0] % ACTS), data + 2, step);
        data += 2 + step;
        len -= 2 + step;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct sim_node *peer;
    struct world world;

    if (len == 0) {
        return 0;
    }
    post.kept_count = 0;
    post.passing = data[0] >> 1;
    peer = world_begin_pair(&world, (data[0] & 1) == 0);
    peer->tap = keep;
    sim_run_for(world.sim, SIM_SECOND / 10);
    play(&world, peer, data + 1, len - 1);
    peer->tap = NULL;
    world_end(&world);
    return 0;
}
