/* Packets as RFC 9000, section 17, has them, with nothing to protect them. */
#include "null_peer.h"

#include <string.h>

#include "fake_tls.h"
#include "fuzz.h"

#define TAG_LEN    16
#define NUMBER_LEN 4
#define HEAD_MAX   (7 + 2 * NGTCP2_MAX_CIDLEN + 1 + 2 + NUMBER_LEN)

void null_peer_begin(struct null_peer *peer, struct world *world, bool dials)
{
    *peer = (struct null_peer){.world = world, .dials = dials};
    ngtcp2_cid_init(&peer->victim_id, (const uint8_t *)"whatever", 8);
    ngtcp2_cid_init(&peer->own_id, (const uint8_t *)"nullpeer", 8);
}

static uint8_t *add_number(uint8_t *at, uint32_t number)
{
    size_t i;

    for (i = NUMBER_LEN; i > 0; i--) {
        *at++ = (uint8_t)(number >> 8 * (i - 1));
    }
    return at;
}

static uint8_t *add_id(uint8_t *at, const ngtcp2_cid *id)
{
    memcpy(at, id->data, id->datalen);
    return at + id->datalen;
}

static uint8_t *add_ids(uint8_t *at, const struct null_peer *peer)
{
    *at++ = (uint8_t)peer->victim_id.datalen;
    at = add_id(at, &peer->victim_id);
    *at++ = (uint8_t)peer->own_id.datalen;
    return add_id(at, &peer->own_id);
}

static uint8_t *add_head(uint8_t *at, struct null_peer *peer, enum null_packet type, uint8_t flags,
                         size_t len)
{
    const size_t behind = NUMBER_LEN + len + TAG_LEN;

    if (type == NULL_ONE_RTT) {
        *at++ = (uint8_t)(0x40 | (flags & 0x3c) | (NUMBER_LEN - 1));
        at = add_id(at, &peer->victim_id);
    } else {
        *at++ = (uint8_t)(0xc0 | (unsigned)type << 4 | (NUMBER_LEN - 1));
        at = add_number(at, NGTCP2_PROTO_VER_V1);
        at = add_ids(at, peer);
        if (type == NULL_INITIAL) {
            *at++ = 0; /* no token */
        }
        *at++ = (uint8_t)(0x40 | behind >> 8);
        *at++ = (uint8_t)behind;
    }
    /* 0-RTT and 1-RTT packets share a packet number space.  RFC 9000, section 12.3. */
    return add_number(at, peer->next_number[type == NULL_ZERO_RTT ? NULL_ONE_RTT : type]++);
}

static size_t room(const struct null_peer *peer)
{
    return sizeof(peer->datagram) - peer->datagram_len;
}

void null_peer_write(struct null_peer *peer, enum null_packet type, uint8_t flags,
                     const void *frames, size_t len)
{
    uint8_t *at = peer->datagram + peer->datagram_len;

    if (room(peer) < HEAD_MAX + len + TAG_LEN) {
        return;
    }
    at = add_head(at, peer, type, flags, len);
    if (len > 0) {
        memcpy(at, frames, len);
    }
    memset(at + len, 0, TAG_LEN);
    peer->datagram_len = (size_t)(at - peer->datagram) + len + TAG_LEN;
}

void null_peer_write_long(struct null_peer *peer, const uint8_t *data, size_t len)
{
    uint8_t *at = peer->datagram + peer->datagram_len;

    if (len < 5 || room(peer) < HEAD_MAX + len) {
        return;
    }
    memcpy(at, data, 5);
    at[0] |= 0x80;
    at = add_ids(at + 5, peer);
    memcpy(at, data + 5, len - 5);
    peer->datagram_len = (size_t)(at - peer->datagram) + len - 5;
}

void null_peer_add(struct null_peer *peer, const void *data, size_t len)
{
    if (len > 0 && len <= room(peer)) {
        memcpy(peer->datagram + peer->datagram_len, data, len);
        peer->datagram_len += len;
    }
}

/* The id by which the endpoint wants to be known. */
static void learn_id(struct null_peer *peer)
{
    const struct iq_conn *conn = world_conn(peer->world);
    ngtcp2_cid ids[32];

    if (conn != NULL && ngtcp2_conn_get_scid(conn->quic, NULL) <= sizeof(ids) / sizeof(ids[0]) &&
        ngtcp2_conn_get_scid(conn->quic, ids) > 0) {
        peer->victim_id = ids[0];
    }
}

void null_peer_send(struct null_peer *peer)
{
    struct world *world = peer->world;
    const bool is_initial = (peer->datagram[0] & 0xf0) == 0xc0;
    struct iq_datagrams datagram = {.data = peer->datagram, .ecn = peer->ecn};

    if (peer->datagram_len == 0 || world->victim->endpoint == NULL) {
        return;
    }
    if (is_initial && peer->datagram_len < NGTCP2_MAX_UDP_PAYLOAD_SIZE) {
        memset(peer->datagram + peer->datagram_len, 0,
               NGTCP2_MAX_UDP_PAYLOAD_SIZE - peer->datagram_len);
        peer->datagram_len = NGTCP2_MAX_UDP_PAYLOAD_SIZE;
    }
    datagram.len = peer->datagram_len;
    datagram.path.local = world->peer->addrs[peer->elsewhere ? 1 : 0];
    datagram.path.remote = world->victim->addrs[0];
    world_receive(world, &datagram);
    peer->datagram_len = 0;
    learn_id(peer);
}

/* The handshake */

static size_t encode_params(const struct null_peer *peer, uint8_t *dest, size_t size)
{
    ngtcp2_transport_params params;
    ngtcp2_ssize n;

    ngtcp2_transport_params_default(&params);
    params.initial_scid = peer->own_id;
    params.initial_scid_present = 1;
    params.initial_max_data = params.initial_max_stream_data_bidi_local = 100000;
    params.initial_max_stream_data_bidi_remote = params.initial_max_stream_data_uni = 100000;
    params.initial_max_streams_bidi = params.initial_max_streams_uni = 10;
    params.max_idle_timeout = 10 * NGTCP2_SECONDS;
    params.max_datagram_frame_size = 65535;
    params.active_connection_id_limit = 4;
    if (!peer->dials) {
        params.original_dcid = *ngtcp2_conn_get_client_initial_dcid(world_conn(peer->world)->quic);
        params.original_dcid_present = 1;
        params.stateless_reset_token_present = 1;
    }
    n = ngtcp2_transport_params_encode(dest, size, &params);
    assert(n > 0);
    return (size_t)n;
}

/* A message of fake_tls.h in a CRYPTO frame (RFC 9000, section 19.6), in a packet. */
static void write_message(struct null_peer *peer, enum null_packet packet, uint8_t type,
                          bool with_params)
{
    uint8_t frame[600] = {0x06, 0, 0, 0, type};
    uint8_t *body = frame + 4 + FAKE_TLS_HEAD_LEN;
    size_t len = type == FAKE_TLS_CLIENT_HELLO ? 1 : 0;

    if (with_params) {
        len += encode_params(peer, body + len, (size_t)(frame + sizeof(frame) - body) - len);
    }
    frame[2] = (uint8_t)(0x40 | (len + FAKE_TLS_HEAD_LEN) >> 8);
    frame[3] = (uint8_t)(len + FAKE_TLS_HEAD_LEN);
    frame[5] = (uint8_t)(len >> 8);
    frame[6] = (uint8_t)len;
    null_peer_write(peer, packet, 0, frame, 4 + FAKE_TLS_HEAD_LEN + len);
}

static void say_hello(struct null_peer *peer)
{
    if (peer->dials) {
        write_message(peer, NULL_INITIAL, FAKE_TLS_CLIENT_HELLO, true);
    } else {
        write_message(peer, NULL_INITIAL, FAKE_TLS_SERVER_HELLO, false);
    }
    null_peer_send(peer);
}

static void finish(struct null_peer *peer)
{
    if (peer->dials) {
        write_message(peer, NULL_HANDSHAKE, FAKE_TLS_FINISHED, false);
    } else {
        write_message(peer, NULL_HANDSHAKE, FAKE_TLS_EXTENSIONS, true);
    }
    null_peer_send(peer);
    SIM_EXPECT(peer->world->sim, world_conn(peer->world)->state == IQ_CONN_OPEN);
}

/* By HANDSHAKE_DONE, which only the side that answers sends; it itself needs none.  RFC 9001,
 * section 4.1.2. */
static void confirm(struct null_peer *peer)
{
    static const uint8_t handshake_done[] = {0x1e};

    sim_run_for(peer->world->sim,
                100 * SIM_MILLISECOND); /* pacing may keep the client's end back */
    if (!peer->dials) {
        null_peer_write(peer, NULL_ONE_RTT, 0, handshake_done, sizeof(handshake_done));
        null_peer_send(peer);
    }
    SIM_EXPECT(peer->world->sim, world_conn(peer->world)->handshake_confirmed);
}

void null_peer_handshake(struct null_peer *peer, unsigned stage)
{
    learn_id(peer);
    if (stage >= 1) {
        say_hello(peer);
    }
    if (stage >= 2) {
        finish(peer);
    }
    if (stage >= 3) {
        confirm(peer);
    }
}
