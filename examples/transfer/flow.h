/*
 * A lot of data on a stream, in one direction, and how long that takes.
 *
 * The sender ends its direction behind the data, and the receiver then ends the other one.  Only
 * this tells the sender that nothing is on its way any more: what was merely written may still be
 * in our memory, in the network, or in the peer's.  So only then its clock stops.
 */
#ifndef FLOW_H
#define FLOW_H

#include <ev.h>
#include <stdbool.h>
#include <stdint.h>

#include <iq/iq.h>

#include "request.h"

#define FLOW_UNLIMITED UINT64_MAX

/* The code for a peer that does not keep to this. */
#define FLOW_CODE_WRONG 2

enum flow_phase { FLOW_NEW, FLOW_SENDING, FLOW_SENT, FLOW_RECEIVING, FLOW_COMPLETE, FLOW_FAILED };

/* All zero is a new one. */
struct flow {
    struct iq_stream *stream;
    enum flow_phase phase;
    bool sends;
    uint64_t size, moved; /* bytes: all that there will be, and those so far */
    double began_s, took_s;
    ev_timer time_limit;
    const char *mistake; /* why it failed, if that is known */
};

/* Seconds since some time in the past, which no change of the time of day disturbs. */
double flow_now_s(void);

/* Starts to send. */
void flow_send(struct flow *flow, struct iq_stream *stream, struct length length);

/* Starts to receive `size` bytes, or if FLOW_UNLIMITED as many as will come. */
void flow_receive(struct flow *flow, struct iq_stream *stream, uint64_t size);

/* Does what can be done now; on_stream_ready tells when to call. */
void flow_go_on(struct flow *flow);

/* Gives up, in both directions of the stream.  `mistake` must be valid for ever. */
void flow_fail(struct flow *flow, struct iq_stream *stream, const char *mistake);

/* For on_stream_stopped: the peer does not want the rest. */
void flow_stopped(struct flow *flow, struct iq_stream *stream);

/* The stream has closed: no timer will look at the flow any more. */
void flow_end(struct flow *flow);

#endif
