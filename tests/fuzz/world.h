/*
 * What the programs here fuzz that need a connection: an endpoint in the simulator, whose
 * invariants are checked after every event, and a raw node in the place of its peer.
 *
 * Every run is the same: the random numbers follow from one seed, and time is virtual.  The
 * endpoint's application can be played by the peer: what it does on a stream follows from the
 * stream's id, and a datagram's first byte may be a wish (world.c).
 */
#ifndef WORLD_H
#define WORLD_H

#include "watch.h"

#define WORLD_ALPN "fuzz/0"

struct world {
    struct sim *sim;
    struct sim_node *victim; /* the endpoint */
    struct sim_node *peer;   /* raw, with two addresses */
};

struct world_options {
    bool qlog;
    bool bbr;
    uint32_t sessions_max;
    uint32_t seed; /* of all that is random; 0: the same as ever */
};

/* Sees to it that what the libraries keep for ever is there before anything counts.  world_begin()
 * does so itself. */
void world_warm_up(void);

/* The endpoint accepts whoever wants to speak one of its protocols. */
void world_begin(struct world *world, const struct world_options *options);

/* It dials the peer. */
void world_dial(struct world *world);

/* What the peer that is dialled has to have as the first byte of its secret key, before zeros. */
#define WORLD_PEER_SEED 2

/* The endpoint accepts, or dials, and there is another in the place of the raw node, which is
 * returned and does the opposite. */
struct sim_node *world_begin_pair(struct world *world, bool accepts);

/* Closes the endpoint, and demands that nothing is left over. */
void world_end(struct world *world);

/* The oldest connection of the endpoint, NULL if there is none that ngtcp2 still serves. */
struct iq_conn *world_conn(const struct world *world);

/* Gives the endpoint a datagram from the peer, and the time that it takes to answer. */
void world_receive(struct world *world, const struct iq_datagrams *datagram);

#endif
