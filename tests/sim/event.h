/* Things that will happen, in the order of time. */
#ifndef SIM_EVENT_H
#define SIM_EVENT_H

#include "sim.h"

enum sim_event_kind { SIM_DATAGRAM, SIM_WAKE, SIM_WRITABLE, SIM_CALL };

struct sim_event {
    uint64_t time_ns;
    uint64_t sequence; /* of two at the same time, the one that was made first comes first */
    enum sim_event_kind kind;
    struct sim_node *node;
    uint64_t version; /* of a wake-up: old ones do not count */
    sim_function *function;
    void *arg;
    struct iq_datagrams datagram; /* its path as the receiver sees it */
    uint8_t bytes[];
};

/* Whether it happens earlier: of two at the same time, the one that was pushed first. */
bool sim_event_is_before(const struct sim_event *a, const struct sim_event *b);

/* Of length `len`: its `bytes`. */
struct sim_event *sim_event_new(enum sim_event_kind kind, uint64_t time_ns, size_t len);

void sim_event_push(struct sim *sim, struct sim_event *event); /* takes it over */
struct sim_event *sim_event_pop(struct sim *sim);              /* the first; there must be one */

#endif
