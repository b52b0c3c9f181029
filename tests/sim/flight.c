/* The network's heap holds what is on its way: nothing in it is moved, so that the heap stays one.
 */
#include "flight.h"

#include "event.h"

static bool goes_to(const struct sim_event *event, const struct sim_node *node)
{
    struct iq_socket_addr local;

    return event->kind == SIM_DATAGRAM &&
           sim_find_node(node->sim, &event->datagram.path.local, &local) == node;
}

static bool is_between(const struct sim_event *event, const struct sim_event *low,
                       const struct sim_event *high)
{
    return (low == NULL || sim_event_is_before(low, event)) &&
           (high == NULL || sim_event_is_before(event, high));
}

/* The first that goes to the node behind `before`, NULL: of all. */
static struct sim_event *find_next(const struct sim_node *node, const struct sim_event *before)
{
    const struct sim *sim = node->sim;
    struct sim_event *first = NULL;
    size_t i;

    for (i = 0; i < sim->heap_count; i++) {
        if (goes_to(sim->heap[i], node) && is_between(sim->heap[i], before, first)) {
            first = sim->heap[i];
        }
    }
    return first;
}

static struct sim_event *find(const struct sim_node *node, size_t n)
{
    struct sim_event *event = find_next(node, NULL);

    for (; event != NULL && n > 0; n--) {
        event = find_next(node, event);
    }
    return event;
}

static void do_nothing(struct sim *sim, void *arg) {}

static void lose(struct sim_event *event)
{
    event->kind = SIM_CALL;
    event->function = do_nothing;
}

static void send_again(struct sim *sim, const struct sim_event *event, uint64_t ns)
{
    struct iq_datagrams copy = event->datagram;

    copy.path.remote = event->datagram.path.local;
    sim_deliver_after(sim, event->time_ns - sim->now_ns + ns, &event->datagram.path.remote, &copy);
}

bool flight_drop(struct sim_node *node, size_t n)
{
    struct sim_event *event = find(node, n);

    if (event != NULL) {
        lose(event);
    }
    return event != NULL;
}

bool flight_delay(struct sim_node *node, size_t n, uint64_t ns)
{
    struct sim_event *event = find(node, n);

    if (event != NULL) {
        send_again(node->sim, event, ns);
        lose(event);
    }
    return event != NULL;
}

bool flight_duplicate(struct sim_node *node, size_t n, uint64_t ns)
{
    const struct sim_event *event = find(node, n);

    if (event != NULL) {
        send_again(node->sim, event, ns);
    }
    return event != NULL;
}

bool flight_flip(struct sim_node *node, size_t n, size_t bit)
{
    struct sim_event *event = find(node, n);

    if (event != NULL && event->datagram.len > 0) {
        bit %= event->datagram.len * 8;
        event->bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    return event != NULL;
}

bool flight_cut(struct sim_node *node, size_t n, size_t len)
{
    struct sim_event *event = find(node, n);

    if (event != NULL && len < event->datagram.len) {
        event->datagram.len = event->datagram.segment_len = len;
    }
    return event != NULL;
}
