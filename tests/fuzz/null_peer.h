/*
 * A peer whose packets are in the clear (null_protection.c) and whose TLS is none (fake_tls.c): it
 * writes whatever it likes, and does not listen.
 */
#ifndef NULL_PEER_H
#define NULL_PEER_H

#include "world.h"

/* RFC 9000, section 17.2, and the short header of section 17.3. */
enum null_packet { NULL_INITIAL, NULL_ZERO_RTT, NULL_HANDSHAKE, NULL_RETRY, NULL_ONE_RTT };

#define NULL_PEER_DATAGRAM_MAX 1500

struct null_peer {
    struct world *world;
    bool dials;
    ngtcp2_cid victim_id, own_id;
    uint32_t next_number[NULL_ONE_RTT + 1];
    uint8_t datagram[NULL_PEER_DATAGRAM_MAX]; /* packets that wait to go out together */
    size_t datagram_len;
    uint8_t ecn;
    bool elsewhere; /* at its second address */
};

void null_peer_begin(struct null_peer *peer, struct world *world, bool dials);

/* Adds a packet with these frames to the datagram, if there is room.  `flags` are those bits of a
 * short header that may be set: RFC 9000, section 17.3.1. */
void null_peer_write(struct null_peer *peer, enum null_packet type, uint8_t flags,
                     const void *frames, size_t len);

/* Adds a packet with a long header whose version and type are the first five bytes of `data`, with
 * both ids, and with the rest of it behind them. */
void null_peer_write_long(struct null_peer *peer, const uint8_t *data, size_t len);

/* Adds any bytes. */
void null_peer_add(struct null_peer *peer, const void *data, size_t len);

/* Sends the datagram, if there is something in it.  One that has an Initial first is padded. */
void null_peer_send(struct null_peer *peer);

/* The handshake, up to a stage: 0 nothing, 1 the hello, 2 all, 3 its confirmation. */
#define NULL_PEER_STAGES 4
void null_peer_handshake(struct null_peer *peer, unsigned stage);

#endif
