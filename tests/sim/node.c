/* Nodes, and the wire of the endpoint in each. */
#include <string.h>

#include "event.h"
#include "sim.h"

/* How long a wire is full that is to fail with IQ_ERR_AGAIN. */
#define FULL_NS (50 * SIM_MILLISECOND)

/* The wire of an endpoint */

static struct sim_node *node_of(struct iq_wire *wire) { return (struct sim_node *)wire; }

uint64_t sim_node_now(const struct sim_node *node)
{
    return node->sim->now_ns + (uint64_t)node->clock_ahead_ns;
}

static uint64_t wire_now(struct iq_wire *wire) { return sim_node_now(node_of(wire)); }

/* Everything that is sent leaves its mark in the trace.  FNV-1a, eight bytes at a time. */
static void trace(struct sim *sim, const struct sim_node *node, const struct iq_datagrams *datagram)
{
    uint64_t hash = sim->trace;
    uint64_t word = sim->now_ns;
    size_t i;

    hash = (hash ^ word) * 0x100000001b3;
    word = (uint64_t)(node - sim->nodes) << 32 | datagram->path.remote.port;
    hash = (hash ^ word) * 0x100000001b3;
    for (i = 0; i < datagram->len; i += 8) {
        word = 0;
        memcpy(&word, datagram->data + i, datagram->len - i < 8 ? datagram->len - i : 8);
        hash = (hash ^ word) * 0x100000001b3;
        hash ^= hash >> 29;
    }
    sim->trace = hash;
}

void sim_send(struct sim_node *node, const struct iq_datagrams *datagrams)
{
    struct iq_datagrams one = *datagrams;
    size_t left = datagrams->len;

    do { /* a raw node may send an empty one */
        one.len = left < datagrams->segment_len ? left : datagrams->segment_len;
        trace(node->sim, node, &one);
        sim_note_sent(node, &one);
        if (node->tap == NULL || node->tap(node, &one)) {
            sim_transmit(node, &one);
        }
        one.data += one.len;
        left -= one.len;
    } while (left > 0);
}

/* How long the wire is full after so many bytes; 0: it is not. */
static uint64_t time_until_writable(struct sim_node *node, size_t len)
{
    if (node->wire_bps > 0) {
        return len * 8 * SIM_SECOND / node->wire_bps;
    }
    return sim_happens(&node->sim->network, node->again_chance)
               ? 1 + dice_below(&node->sim->network, 5 * SIM_MILLISECOND)
               : 0;
}

static void fill(struct sim_node *node, uint64_t wait_ns)
{
    struct sim_event *event = sim_event_new(SIM_WRITABLE, node->sim->now_ns + wait_ns, 0);

    node->full = true;
    event->node = node;
    sim_event_push(node->sim, event);
}

static int wire_send(struct iq_wire *wire, const struct iq_datagrams *datagrams)
{
    struct sim_node *node = node_of(wire);
    const bool fails = ++node->send_calls == node->fails_at;
    uint64_t wait_ns;

    SIM_EXPECT(node->sim, !node->full);
    SIM_EXPECT(node->sim, datagrams->len > 0 && datagrams->segment_len > 0);
    SIM_EXPECT(node->sim, datagrams->segment_len <= SIM_DATAGRAM_MAX);
    SIM_EXPECT(node->sim, datagrams->len <= IQ_BURST_MAX);
    if (datagrams->len > node->longest_call) {
        node->longest_call = datagrams->len;
    }
    if (node->interface_mtu != 0 && datagrams->segment_len > node->interface_mtu) {
        return IQ_ERR_TOO_LONG;
    }
    if (fails && node->fails_with != IQ_ERR_AGAIN) {
        return node->fails_with;
    }
    sim_send(node, datagrams);
    wait_ns = fails ? FULL_NS : time_until_writable(node, datagrams->len);
    if (wait_ns == 0) {
        return 0;
    }
    fill(node, wait_ns);
    return IQ_ERR_AGAIN;
}

void sim_wake_at(struct sim_node *node, uint64_t deadline_ns)
{
    const uint64_t now_ns = sim_node_now(node);
    struct sim *sim = node->sim;
    struct sim_event *event;

    node->wake_ns = deadline_ns;
    node->wake_version++;
    if (deadline_ns == IQ_NEVER) {
        return;
    }
    event =
        sim_event_new(SIM_WAKE, sim->now_ns + (deadline_ns < now_ns ? 0 : deadline_ns - now_ns), 0);
    event->node = node;
    event->version = node->wake_version;
    sim_event_push(sim, event);
}

void sim_shift_clock(struct sim_node *node, int64_t ns)
{
    node->clock_ahead_ns += ns;
    sim_wake_at(node, node->wake_ns);
}

void sim_pause(struct sim_node *node, uint64_t ns)
{
    node->paused_until_ns = node->sim->now_ns + ns;
}

static void wire_wake_at(struct iq_wire *wire, uint64_t deadline_ns)
{
    sim_wake_at(node_of(wire), deadline_ns);
}

static int wire_find_path(struct iq_wire *wire, struct iq_path *path,
                          const struct iq_socket_addr *remote)
{
    if (remote->ip_version != IQ_IPV4 || node_of(wire)->addr_count == 0) {
        return IQ_ERR_UNREACHABLE;
    }
    path->local = node_of(wire)->addrs[0];
    path->remote = *remote;
    return 0;
}

static size_t wire_addrs(struct iq_wire *wire, struct iq_socket_addr *addrs, size_t max)
{
    const struct sim_node *node = node_of(wire);
    const size_t count = node->addr_count < max ? node->addr_count : max;

    memcpy(addrs, node->addrs, count * sizeof(*addrs));
    return count;
}

static void wire_close(struct iq_wire *wire)
{
    struct sim_node *node = node_of(wire);

    SIM_EXPECT(node->sim, node->endpoint != NULL);
    node->endpoint = NULL;
    sim_wake_at(node, IQ_NEVER);
}

static const struct iq_wire simulated_wire = {
    .now_ns = wire_now,
    .send = wire_send,
    .wake_at = wire_wake_at,
    .find_path = wire_find_path,
    .addrs = wire_addrs,
    .close = wire_close,
};

/* Nodes */

struct iq_socket_addr sim_socket_addr(unsigned host, uint16_t port)
{
    return (struct iq_socket_addr){
        .ip = {10, 0, (uint8_t)(host >> 8), (uint8_t)host}, .port = port, .ip_version = IQ_IPV4};
}

struct sim_node *sim_add_raw(struct sim *sim)
{
    struct sim_node *node = &sim->nodes[sim->node_count++];

    SIM_EXPECT(sim, sim->node_count <= SIM_NODES_MAX);
    node->sim = sim;
    node->wire = simulated_wire;
    node->addrs[0] = sim_socket_addr((unsigned)sim->node_count, 4433);
    node->addr_count = 1;
    node->link = sim->options.weather;
    node->wake_ns = IQ_NEVER;
    return node;
}

struct sim_node *sim_add_endpoint(struct sim *sim, const struct iq_endpoint_config *config)
{
    struct sim_node *node = sim_add_raw(sim);
    struct iq_endpoint_config own = {0};
    int rc;

    if (config != NULL) {
        own = *config;
    }
    if (own.max_datagram_size == 0) {
        own.max_datagram_size = 1452; /* most stories are told of the network that most have */
    }
    rc = iq_endpoint_new(&node->endpoint, &node->wire, &own);
    SIM_EXPECT(sim, rc == 0);
    return node;
}

struct sim_node *sim_node_of(const struct iq_endpoint *endpoint)
{
    return node_of(endpoint->env.wire);
}

struct iq_addr sim_addr(const struct sim_node *node)
{
    struct iq_addr addr = {.id = node->endpoint->id, .count = 1};

    addr.socket_addrs[0] = node->external.port != 0 ? node->external : node->addrs[0];
    return addr;
}

bool sim_owns(const struct sim_node *node, const struct iq_socket_addr *addr)
{
    size_t i;

    for (i = 0; i < node->addr_count; i++) {
        if (iq_socket_addr_equal(&node->addrs[i], addr)) {
            return true;
        }
    }
    return false;
}

static bool has_addr(const struct sim_node *node, const struct iq_socket_addr *addr,
                     struct iq_socket_addr *local)
{
    size_t i;

    for (i = 0; i < node->addr_count; i++) {
        const bool translated = i == 0 && node->external.port != 0;

        *local = node->addrs[i];
        if (iq_socket_addr_equal(translated ? &node->external : local, addr)) {
            return true;
        }
    }
    return false;
}

struct sim_node *sim_find_node(struct sim *sim, const struct iq_socket_addr *addr,
                               struct iq_socket_addr *local)
{
    size_t i;

    for (i = 0; i < sim->node_count; i++) {
        if (has_addr(&sim->nodes[i], addr, local)) {
            return &sim->nodes[i];
        }
    }
    return NULL;
}
