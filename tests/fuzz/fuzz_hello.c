/*
 * Messages of TLS, in packets in the clear: whatever they are, the handshake ends in time.
 *
 * The first byte tells which side reads them (bit 0).  Then come pieces, each with a byte for the
 * packets that carry it (Initial, Handshake, 1-RTT), and its length in two.
 */
#include "fuzz.h"
#include "null_peer.h"

#define PIECE_MAX 1100
#define SEED      7 /* of what the side that answers makes up, whoever has asked */

static const enum null_packet levels[] = {NULL_INITIAL, NULL_HANDSHAKE, NULL_ONE_RTT};
#define LEVEL_COUNT (sizeof(levels) / sizeof(levels[0]))

/* A CRYPTO frame.  RFC 9000, section 19.6. */
static void say(struct null_peer *peer, enum null_packet level, uint64_t offset,
                const uint8_t *data, size_t len)
{
    uint8_t frame[1 + 4 + 2 + PIECE_MAX] = {0x06, (uint8_t)(0x80 | offset >> 24),
                                            (uint8_t)(offset >> 16), (uint8_t)(offset >> 8),
                                            (uint8_t)offset};

    frame[5] = (uint8_t)(0x40 | len >> 8);
    frame[6] = (uint8_t)len;
    memcpy(frame + 7, data, len);
    null_peer_write(peer, level, 0, frame, 7 + len);
    null_peer_send(peer);
}

/* The id of the peer is the one that it names in its transport parameters, if it does: a handshake
 * that was recorded has another.  RFC 9000, section 18.2, initial_source_connection_id. */
static void take_id(struct null_peer *peer, const uint8_t *data, size_t len)
{
    const size_t id_len = peer->own_id.datalen;

    for (; len >= 2 + id_len; data++, len--) {
        if (data[0] == 0x0f && data[1] == id_len) {
            memcpy(peer->own_id.data, data + 2, id_len);
            return;
        }
    }
}

static void play(struct null_peer *peer, const uint8_t *data, size_t len)
{
    uint64_t offsets[LEVEL_COUNT] = {0};

    while (len > 3) {
        const size_t level = data[0] % LEVEL_COUNT;
        const size_t wanted = (size_t)data[1] << 8 | data[2];
        size_t step = wanted < len - 3 ? wanted : len - 3;

        step = step < PIECE_MAX ? step : PIECE_MAX;
        say(peer, levels[level], offsets[level], data + 3, step);
        offsets[level] += step;
        data += 3 + step;
        len -= 3 + step;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const bool dials = len > 0 && (data[0] & 1) != 0;
    struct null_peer peer;
    struct world world;

    if (len == 0) {
        return 0;
    }
    world_begin(&world, &(struct world_options){.sessions_max = 4});
    if (dials) {
        world_dial(&world);
    }
    sim_seed_libraries(SEED);
    null_peer_begin(&peer, &world, !dials);
    take_id(&peer, data + 1, len - 1);
    null_peer_handshake(&peer, 0);
    play(&peer, data + 1, len - 1);
    world_end(&world);
    return 0;
}
