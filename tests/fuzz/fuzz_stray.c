/*
 * Datagrams to an endpoint that knows nobody: what it says to them is never more than what came.
 *
 * The first byte tells what becomes of those who want a connection.  Then come datagrams, each with
 * its length in two bytes, the first bit of which fills it up to the least that starts a
 * connection.
 */
#include "fuzz.h"
#include "world.h"

#define FILLED 0x8000

enum decision { ACCEPT, REFUSE, RETRY, IGNORE, LEAVE_OPEN, NOBODY_LISTENS, DECISIONS };

struct chooser {
    struct world *world;
    enum decision decision;
};

static void decide(struct iq_incoming *incoming, void *data)
{
    const struct chooser *chooser = data;

    switch (chooser->decision) {
    case ACCEPT:
        assert(iq_incoming_accept(incoming, chooser->world->victim->watched_routes) == 0);
        assert(iq_incoming_retry(incoming) == IQ_ERR_CLOSED);
        return;
    case REFUSE:
        iq_incoming_refuse(incoming);
        return;
    case RETRY:
        assert(!iq_incoming_is_validated(incoming)); /* no token was given */
        assert(iq_incoming_retry(incoming) == 0);
        return;
    case IGNORE:
        iq_incoming_ignore(incoming);
        return;
    case LEAVE_OPEN:
    case NOBODY_LISTENS:
    case DECISIONS:
        return;
    }
}

static void receive(struct world *world, const uint8_t *data, size_t len, bool filled)
{
    uint8_t bytes[2048] = {0};
    struct iq_datagrams datagram = {
        .path = {.local = world->peer->addrs[0], .remote = world->victim->addrs[0]},
        .data = bytes,
        .len = len < sizeof(bytes) ? len : sizeof(bytes),
    };

    memcpy(bytes, data, datagram.len);
    if (filled && datagram.len < NGTCP2_MAX_UDP_PAYLOAD_SIZE) {
        datagram.len = NGTCP2_MAX_UDP_PAYLOAD_SIZE;
    }
    world_receive(world, &datagram);
}

/* A fuzzer finds out ids that are always the same, and then dials them before they are made. */
static uint32_t seed_of(const uint8_t *data, size_t len)
{
    uint32_t hash = 2166136261; /* FNV-1a */
    size_t i;

    for (i = 0; i < len; i++) {
        hash = (hash ^ data[i]) * 16777619;
    }
    return hash;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static const struct iq_acceptor acceptor = {.on_incoming = decide};
    struct world world;
    struct chooser chooser = {.world = &world};

    if (len == 0) {
        return 0;
    }
    world_begin(&world, &(struct world_options){.seed = seed_of(data, len)});
    chooser.decision = (enum decision)(data[0] % DECISIONS);
    iq_endpoint_listen(world.victim->endpoint,
                       chooser.decision == NOBODY_LISTENS ? NULL : &acceptor, &chooser);
    for (data++, len--; len >= 2;) {
        const unsigned head = (unsigned)data[0] << 8 | data[1];
        const size_t wanted = head & (FILLED - 1);
        const size_t step = wanted < len - 2 ? wanted : len - 2;

        receive(&world, data + 2, step, (head & FILLED) != 0);
        data += 2 + step;
        len -= 2 + step;
    }
    world_end(&world);
    return 0;
}
