/* How to send and receive more than fits into memory. */
#include "flow.h"

#include <time.h>

double flow_now_s(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void complete(struct flow *flow)
{
    flow->phase = FLOW_COMPLETE;
    flow->took_s = flow_now_s() - flow->began_s;
}

void flow_fail(struct flow *flow, struct iq_stream *stream, const char *mistake)
{
    flow->phase = FLOW_FAILED;
    flow->mistake = mistake;
    iq_stream_reset(stream, FLOW_CODE_WRONG);
    iq_stream_stop(stream, FLOW_CODE_WRONG);
}

/* What is written from now on is swallowed, and so a stream takes all that there is: a sender that
 * waits for it to be full waits for ever. */
void flow_stopped(struct flow *flow, struct iq_stream *stream)
{
    if (flow->phase == FLOW_NEW || flow->phase == FLOW_SENDING || flow->phase == FLOW_SENT) {
        flow_fail(flow, stream, "the peer does not want the data");
    }
}

static void await_confirmation(struct flow *flow)
{
    if (iq_stream_peek(flow->stream).len > 0) {
        flow_fail(flow, flow->stream, "there is data where only the end may be");
    } else if (iq_stream_at_end(flow->stream)) {
        complete(flow);
    }
}

/* Back-pressure for a sender: write until the stream takes no more, and go on when the library
 * calls.  However much there is to send, never more waits in memory than a send buffer holds. */
static void send_data(struct flow *flow)
{
    static const uint8_t data[64 * 1024];
    size_t sent;

    do {
        const uint64_t left = flow->size - flow->moved;

        sent =
            iq_stream_write(flow->stream, data, left < sizeof(data) ? (size_t)left : sizeof(data));
        flow->moved += sent;
    } while (sent > 0);

    if (flow->moved == flow->size) {
        iq_stream_finish(flow->stream);
        flow->phase = FLOW_SENT;
        await_confirmation(flow);
    }
}

/* Back-pressure for a receiver: the peer may send as much again as is consumed.  Here the data is
 * of no use; a program that writes it to a file consumes as much as it has written. */
static void receive_data(struct flow *flow)
{
    struct iq_bytes in;

    while ((in = iq_stream_peek(flow->stream)).len > 0) {
        flow->moved += in.len;
        iq_stream_consume(flow->stream, in.len);
    }
    if (!iq_stream_at_end(flow->stream)) {
        return;
    }
    if (flow->size != FLOW_UNLIMITED && flow->size != flow->moved) {
        flow_fail(flow, flow->stream, "it is not as much as was asked for");
        return;
    }
    iq_stream_finish(flow->stream);
    complete(flow);
}

static void stop_in_time(struct ev_loop *loop, ev_timer *time_limit, int events)
{
    struct flow *flow = time_limit->data;

    if (flow->phase == FLOW_SENDING) {
        flow->size = flow->moved;
        send_data(flow);
    }
}

/* If the peer does not read, on_stream_ready does not come: the end needs a timer. */
static void start_time_limit(struct flow *flow, double seconds)
{
    ev_timer_init(&flow->time_limit, stop_in_time, seconds, 0.0);
    flow->time_limit.data = flow;
    ev_timer_start(ev_default_loop(0), &flow->time_limit);
}

static void start(struct flow *flow, struct iq_stream *stream, enum flow_phase phase, uint64_t size)
{
    flow->stream = stream;
    flow->phase = phase;
    flow->sends = phase == FLOW_SENDING;
    flow->size = size;
    flow->began_s = flow_now_s();
    flow_go_on(flow);
}

void flow_send(struct flow *flow, struct iq_stream *stream, struct length length)
{
    if (length.unit == LENGTH_MICROSECONDS) {
        start_time_limit(flow, (double)length.amount / 1e6);
    }
    start(flow, stream, FLOW_SENDING, length.unit == LENGTH_BYTES ? length.amount : FLOW_UNLIMITED);
}

void flow_receive(struct flow *flow, struct iq_stream *stream, uint64_t size)
{
    start(flow, stream, FLOW_RECEIVING, size);
}

void flow_go_on(struct flow *flow)
{
    switch (flow->phase) {
    case FLOW_SENDING:
        send_data(flow);
        break;
    case FLOW_SENT:
        await_confirmation(flow);
        break;
    case FLOW_RECEIVING:
        receive_data(flow);
        break;
    case FLOW_NEW:
    case FLOW_COMPLETE:
    case FLOW_FAILED:
        break;
    }
}

void flow_end(struct flow *flow) { ev_timer_stop(ev_default_loop(0), &flow->time_limit); }
