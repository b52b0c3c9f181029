/* A transfer, and how it fares. */
#include "journey.h"

static void look(struct sim *sim, void *arg)
{
    struct journey *self = arg;
    const struct iq_conn *accepted = watch_conn(self->pair.accepts, 0);

    if (accepted != NULL) {
        self->seen = *iq_conn_remote_addr(accepted);
    }
    if (!self->task.connected || self->task.received != self->received) {
        self->received = self->task.received;
        self->progress_ns = sim->now_ns;
    } else if (self->task.closed_count == 0 && self->task.echoed == 0 &&
               sim->now_ns - self->progress_ns > self->longest_stall_ns) {
        self->longest_stall_ns = sim->now_ns - self->progress_ns;
    }
}

void journey_begin(struct journey *journey, const struct sim_options *options, uint64_t len)
{
    const struct iq_endpoint_config small = {.stream_window = 65536, .conn_window = 65536};

    *journey = (struct journey){.pair = story_pair(options, &small, &small), .task = {.len = len}};
    journey->pair.dials->link.rate_bps = journey->pair.accepts->link.rate_bps = 10000000;
    journey->pair.sim->after_event = look;
    journey->pair.sim->after_event_arg = journey;
    app_dial(&journey->task, journey->pair.dials, journey->pair.accepts);
}

void journey_connect(struct journey *journey)
{
    while (!journey->task.connected) {
        SIM_EXPECT(journey->pair.sim, sim_step(journey->pair.sim));
        SIM_EXPECT(journey->pair.sim, journey->task.closed_count == 0);
    }
}

void journey_end(struct journey *journey, uint64_t stall_ns)
{
    story_finish(&journey->pair, &journey->task, 600 * SIM_SECOND);
    if (journey->longest_stall_ns > stall_ns) {
        SIM_FAIL(journey->pair.sim, "a stall of %g s", (double)journey->longest_stall_ns / 1e9);
    }
    sim_free(journey->pair.sim);
}
