/* A binary heap of events. */
#include "event.h"

#include "memory.h"

bool sim_event_is_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->time_ns != b->time_ns ? a->time_ns < b->time_ns : a->sequence < b->sequence;
}

void sim_event_push(struct sim *sim, struct sim_event *event)
{
    size_t at = sim->heap_count++;

    if (sim->heap_count > sim->heap_capacity) {
        sim->heap_capacity = sim->heap_capacity * 2 + 64;
        sim->heap = sim_realloc(sim->heap, sim->heap_capacity * sizeof(struct sim_event *));
    }
    event->sequence = sim->sequence++;
    for (; at > 0 && sim_event_is_before(event, sim->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        sim->heap[at] = sim->heap[(at - 1) / 2];
    }
    sim->heap[at] = event;
}

struct sim_event *sim_event_pop(struct sim *sim)
{
    struct sim_event *first = sim->heap[0];
    struct sim_event *last = sim->heap[--sim->heap_count];
    size_t at = 0;

    for (;;) {
        size_t child = 2 * at + 1;

        if (child + 1 < sim->heap_count &&
            sim_event_is_before(sim->heap[child + 1], sim->heap[child])) {
            child++;
        }
        if (child >= sim->heap_count || !sim_event_is_before(sim->heap[child], last)) {
            break;
        }
        sim->heap[at] = sim->heap[child];
        at = child;
    }
    sim->heap[at] = last;
    return first;
}

struct sim_event *sim_event_new(enum sim_event_kind kind, uint64_t time_ns, size_t len)
{
    struct sim_event *event = sim_alloc(sizeof(*event) + len);

    event->kind = kind;
    event->time_ns = time_ns;
    return event;
}
