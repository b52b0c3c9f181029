/* Time: what happens next, and what it happens to. */
#include "sim.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "effort.h"
#include "event.h"
#include "memory.h"
#include "watch.h"

/* More events without any time going by are an endless loop. */
#define EVENTS_AT_ONE_TIME_MAX 100000

void sim_after(struct sim *sim, uint64_t ns, sim_function *function, void *arg)
{
    struct sim_event *event = sim_event_new(SIM_CALL, sim->now_ns + ns, 0);

    event->function = function;
    event->arg = arg;
    sim_event_push(sim, event);
}

void sim_deliver_after(struct sim *sim, uint64_t ns, const struct iq_socket_addr *from,
                       const struct iq_datagrams *datagram)
{
    struct sim_event *event = sim_event_new(SIM_DATAGRAM, sim->now_ns + ns, datagram->len);

    if (datagram->len > 0) {
        memcpy(event->bytes, datagram->data, datagram->len);
    }
    event->datagram = *datagram;
    event->datagram.data = event->bytes;
    event->datagram.segment_len = datagram->len;
    event->datagram.path.local = datagram->path.remote;
    event->datagram.path.remote = *from;
    sim_event_push(sim, event);
}

void sim_inject(struct sim *sim, const struct iq_socket_addr *from, const struct iq_socket_addr *to,
                const void *data, size_t len)
{
    const struct iq_datagrams datagram = {.path.remote = *to, .data = data, .len = len};

    sim_deliver_after(sim, 0, from, &datagram);
}

/* What happens */

/* Whether `event` is a datagram that a kernel would hand over together with `first`: same path and
 * marks, and not longer. */
static bool goes_with(const struct sim_event *event, const struct sim_event *first)
{
    return event->kind == SIM_DATAGRAM && event->time_ns == first->time_ns &&
           event->datagram.len > 0 && event->datagram.len <= first->datagram.len &&
           event->datagram.ecn == first->datagram.ecn &&
           iq_socket_addr_equal(&event->datagram.path.local, &first->datagram.path.local) &&
           iq_socket_addr_equal(&event->datagram.path.remote, &first->datagram.path.remote);
}

/* Adds the datagrams that have come with this one, as segments behind it. */
static void gather(struct sim *sim, const struct sim_event *first, struct iq_datagrams *datagrams,
                   uint8_t bytes[SIM_DATAGRAM_MAX])
{
    if (datagrams->len > 0) {
        memcpy(bytes, datagrams->data, datagrams->len);
    }
    datagrams->data = bytes;
    while (sim->heap_count > 0 && goes_with(sim->heap[0], first) &&
           datagrams->len % datagrams->segment_len == 0 &&
           datagrams->len + sim->heap[0]->datagram.len <= SIM_DATAGRAM_MAX) {
        struct sim_event *event = sim_event_pop(sim);

        memcpy(bytes + datagrams->len, event->bytes, event->datagram.len);
        datagrams->len += event->datagram.len;
        sim_dealloc(event);
    }
}

static void receive(struct sim *sim, struct sim_event *event)
{
    static uint8_t bytes[SIM_DATAGRAM_MAX];
    struct iq_datagrams datagrams = event->datagram;
    struct iq_socket_addr local;
    struct sim_node *node = sim_find_node(sim, &datagrams.path.local, &local);

    if (node == NULL) {
        return;
    }
    if (datagrams.len > 0 && node->endpoint != NULL) {
        gather(sim, event, &datagrams, bytes);
    }
    datagrams.path.local = local;
    sim_note_received(node, &datagrams);
    if (node->endpoint != NULL) {
        iq_endpoint_receive(node->endpoint, &datagrams);
        iq_endpoint_turn(node->endpoint);
    } else if (node->on_datagram != NULL) {
        node->on_datagram(node, &datagrams);
    }
}

static void wake(struct sim_event *event)
{
    struct sim_node *node = event->node;

    if (event->version != node->wake_version) {
        return;
    }
    node->wake_ns = IQ_NEVER;
    if (node->endpoint != NULL) {
        iq_endpoint_woken(node->endpoint);
        iq_endpoint_turn(node->endpoint);
    } else if (node->on_wake != NULL) {
        node->on_wake(node);
    }
}

static void make_writable(struct sim_node *node)
{
    node->full = false;
    if (node->endpoint != NULL) {
        iq_endpoint_writable(node->endpoint);
        iq_endpoint_turn(node->endpoint);
    }
}

/* The node to which something is to happen; NULL if it is none. */
static const struct sim_node *node_of_event(struct sim *sim, const struct sim_event *event)
{
    struct iq_socket_addr local;

    return event->kind == SIM_DATAGRAM ? sim_find_node(sim, &event->datagram.path.local, &local)
                                       : event->node;
}

/* What happens to a node that is paused waits, in its order. */
static bool postpone(struct sim *sim, struct sim_event *event)
{
    const struct sim_node *node = node_of_event(sim, event);

    if (node == NULL || node->paused_until_ns <= event->time_ns) {
        return false;
    }
    event->time_ns = node->paused_until_ns;
    sim_event_push(sim, event);
    return true;
}

static void happen(struct sim *sim, struct sim_event *event)
{
    switch (event->kind) {
    case SIM_DATAGRAM:
        receive(sim, event);
        break;
    case SIM_WAKE:
        wake(event);
        break;
    case SIM_WRITABLE:
        make_writable(event->node);
        break;
    case SIM_CALL:
        event->function(sim, event->arg);
        break;
    }
}

bool sim_step(struct sim *sim)
{
    struct sim_event *event;

    if (sim->heap_count == 0) {
        return false;
    }
    event = sim_event_pop(sim);
    SIM_EXPECT(sim, event->time_ns >= sim->now_ns);
    sim->events_at_this_time = event->time_ns == sim->now_ns ? sim->events_at_this_time + 1 : 0;
    SIM_EXPECT(sim, sim->events_at_this_time < EVENTS_AT_ONE_TIME_MAX);
    sim->now_ns = event->time_ns;
    sim->event_count++;
    if (postpone(sim, event)) {
        return true;
    }
    sim_begin_effort();
    happen(sim, event);
    sim_dealloc(event);
    sim_check_effort(sim);
    if (sim->event_count % sim->check_every == 0) {
        sim_check(sim);
    }
    if (sim->after_event != NULL) {
        sim->after_event(sim, sim->after_event_arg);
    }
    return true;
}

void sim_run(struct sim *sim, uint64_t limit_ns)
{
    const uint64_t end_ns = sim->now_ns + limit_ns;

    while (sim_step(sim)) {
        SIM_EXPECT(sim, sim->now_ns <= end_ns);
    }
}

void sim_run_for(struct sim *sim, uint64_t ns)
{
    const uint64_t end_ns = sim->now_ns + ns;

    while (sim->heap_count > 0 && sim->heap[0]->time_ns <= end_ns) {
        sim_step(sim);
    }
    sim->now_ns = end_ns;
}

void sim_close(struct sim_node *node)
{
    struct sim *sim = node->sim;

    if (node->endpoint != NULL) {
        (void)iq_endpoint_close(node->endpoint, NULL, NULL);
    }
    while (node->endpoint != NULL && sim_step(sim)) {
    }
    SIM_EXPECT(sim, node->endpoint == NULL);
}

struct sim *sim_new(const struct sim_options *options)
{
    struct sim *sim = sim_alloc(sizeof(*sim));

    sim->options = *options;
    sim->now_ns = SIM_SECOND; /* so that a time of zero is a mistake */
    sim->check_every = 1;
    sim->network.state = options->seed * 3;
    sim->workload.state = options->seed * 3 + 1;
    sim_forget_errors();
    sim->live_bytes_before = sim_live_bytes();
    sim->watch = watch_new(sim);
    sim_seed_libraries(options->seed * 3 + 2);
    sim_clock_follow(&sim->now_ns);
    return sim;
}

void sim_free(struct sim *sim)
{
    size_t i;

    for (i = 0; i < sim->node_count; i++) {
        sim_close(&sim->nodes[i]);
        sim_dealloc(sim->nodes[i].watched_routes);
    }
    while (sim->heap_count > 0) {
        sim_dealloc(sim_event_pop(sim));
    }
    watch_free(sim->watch);
    sim_forget_errors();
    if (!sim->memory_uncounted && sim_live_bytes() != sim->live_bytes_before) {
        SIM_FAIL(sim, "bytes left over: %ld",
                 (long)sim_live_bytes() - (long)sim->live_bytes_before);
    }
    sim_clock_follow(NULL);
    sim_dealloc(sim->heap);
    sim_dealloc(sim);
}

void sim_fail(const struct sim *sim, const char *file, int line, const char *format, ...)
{
    va_list args;

    fprintf(stderr, "\n%s:%d: ", file, line);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    if (sim->options.aborts) {
        fprintf(stderr, "\n  event %llu, time %.6f s\n", (unsigned long long)sim->event_count,
                (double)sim->now_ns / 1e9);
        abort();
    }
    fprintf(stderr, "\n  weather %s, event %llu, time %.6f s\n  repeat with --seed %llu\n",
            sim->options.weather.name == NULL ? "none" : sim->options.weather.name,
            (unsigned long long)sim->event_count, (double)sim->now_ns / 1e9,
            (unsigned long long)sim->options.seed);
    if (sim_latest_denied() != 0) {
        fprintf(stderr, "  allocation %llu was denied\n", (unsigned long long)sim_latest_denied());
    }
    _fail(file, line); /* jumps out of the test */
    abort();
}
