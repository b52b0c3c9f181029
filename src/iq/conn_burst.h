/* Packets of a connection that are sent together, and what is sent without one. */
#ifndef IQ_CONN_BURST_H
#define IQ_CONN_BURST_H

#include "conn_state.h"

/* Packets in env->packets that are not sent yet. */
struct iq_burst {
    struct iq_conn *conn;
    struct iq_datagrams out;
    bool last_is_short; /* nothing may be added behind it */
};

/* Adds a packet that was written behind those that are there. */
void iq_burst_add(struct iq_burst *burst, const struct iq_datagrams *packet);

/* Whether the call has no room for another packet like the first. */
bool iq_burst_is_full(const struct iq_burst *burst);

void iq_burst_send(struct iq_burst *burst);

#endif
