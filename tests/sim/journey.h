/* A transfer, and how it fares while somebody changes the network under it. */
#ifndef SIM_JOURNEY_H
#define SIM_JOURNEY_H

#include "story.h"

struct journey {
    struct story_pair pair;
    struct app_task task;
    uint64_t progress_ns; /* when the dialling side has last received something of the echo */
    uint64_t received;
    uint64_t longest_stall_ns;
    struct iq_socket_addr seen; /* where the accept side has seen its peer last */
};

/* Dials, and begins to send `len` bytes at 10 Mbit/s; both ends have 64 KB windows. */
void journey_begin(struct journey *journey, const struct sim_options *options, uint64_t len);

/* Runs until the dialling side is connected. */
void journey_connect(struct journey *journey);

/* Expects that all comes back with no stall longer than this, and frees the simulation. */
void journey_end(struct journey *journey, uint64_t stall_ns);

#endif
