/*
 * Datagrams to a connection: it ends as connections end, whatever they are.
 *
 * The first byte tells which side the connection has (bit 0), whether its events are written (bit
 * 1), how far the handshake has come (bits 2 and 3), and how congestion is controlled (bit 4). Then
 * come steps: a byte with what happens (bits 0 to 2) and how (bits 3 to 6), one with a length, or
 * two if bit 7 is set, and so many bytes.
 */
#include "fuzz.h"
#include "null_peer.h"

#define BYTES_MAX 1400 /* of a step */

enum act { RAW, ONE_RTT, HANDSHAKE, INITIAL, ZERO_RTT, WAIT, SLEEP, LONG_HEADER };

/* How */
#define KEY_PHASE 0x08
#define ELSEWHERE 0x10
#define CONGESTED 0x20 /* marked on the way.  RFC 3168, section 5 */
#define MORE      0x40 /* the next step is for the same datagram */

static void wait_for(struct null_peer *peer, uint64_t unit_ns, size_t len)
{
    null_peer_send(peer);
    sim_run_for(peer->world->sim, len * unit_ns);
}

static void act(struct null_peer *peer, uint8_t what, const uint8_t *data, size_t len)
{
    peer->elsewhere = (what & ELSEWHERE) != 0;
    peer->ecn = (what & CONGESTED) != 0 ? 3 : 0;
    switch ((enum act)(what & 7)) {
    case RAW:
        null_peer_add(peer, data, len);
        break;
    case ONE_RTT: /* bit 2 of the first byte */
        null_peer_write(peer, NULL_ONE_RTT, (what & KEY_PHASE) != 0 ? 4 : 0, data, len);
        break;
    case HANDSHAKE:
        null_peer_write(peer, NULL_HANDSHAKE, 0, data, len);
        break;
    case INITIAL:
        null_peer_write(peer, NULL_INITIAL, 0, data, len);
        break;
    case ZERO_RTT:
        null_peer_write(peer, NULL_ZERO_RTT, 0, data, len);
        break;
    case LONG_HEADER:
        null_peer_write_long(peer, data, len);
        break;
    case WAIT:
        wait_for(peer, SIM_MILLISECOND, len);
        break;
    case SLEEP:
        wait_for(peer, SIM_SECOND, len % 64);
        break;
    }
    if ((what & MORE) == 0) {
        null_peer_send(peer);
    }
}

static void play(struct null_peer *peer, const uint8_t *data, size_t len)
{
    while (len >= 3) {
        const uint8_t what = data[0];
        const size_t head = (what & 0x80) != 0 ? 3 : 2;
        const size_t wanted = head == 3 ? (size_t)data[1] << 8 | data[2] : data[1];
        size_t step = wanted < len - head ? wanted : len - head;

        step = step < BYTES_MAX ? step : BYTES_MAX;
        act(peer, what, data + head, step);
        data += head + step;
        len -= head + step;
    }
    null_peer_send(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    const bool dials = len > 0 && (data[0] & 1) != 0;
    struct world_options options = {0};
    struct world world;
    struct null_peer peer;

    if (len == 0) {
        return 0;
    }
    options.qlog = (data[0] & 2) != 0;
    options.bbr = (data[0] & 16) != 0;
    world_begin(&world, &options);
    if (dials) {
        world_dial(&world);
    }
    null_peer_begin(&peer, &world, !dials);
    null_peer_handshake(&peer, data[0] / 4 % NULL_PEER_STAGES);
    play(&peer, data + 1, len - 1);
    world_end(&world);
    return 0;
}
