/* What becomes of a datagram on its way. */
#include <string.h>

#include "memory.h"
#include "sim.h"

#define QUEUE_BYTES_DEFAULT 65536

/* A burst of losses is over when nothing was sent for so long. */
#define BURST_PAUSE_NS (300 * SIM_MILLISECOND)

static bool is_on(const struct sim *sim, const struct sim_link *link)
{
    const uint64_t period_ns = (link->on_ms + (uint64_t)link->off_ms) * SIM_MILLISECOND;

    return link->off_ms == 0 || sim->now_ns % period_ns < link->on_ms * SIM_MILLISECOND;
}

/* Losses come alone, or in bursts: a link is good or bad, and in the bad state everything is lost
 * (Gilbert and Elliott).  The two chances follow from the mean loss and the mean burst. */
static bool is_lost(struct sim_node *node)
{
    struct dice *dice = &node->sim->network;
    const struct sim_link *link = &node->link;

    if (link->loss == 0 || link->burst < 2) {
        return sim_happens(dice, link->loss);
    }
    if (node->sim->now_ns - node->link_used_ns > BURST_PAUSE_NS) {
        node->link_in_burst = false;
    }
    node->link_used_ns = node->sim->now_ns;
    if (node->link_in_burst) {
        node->link_in_burst = dice_below(dice, link->burst) != 0;
    } else {
        node->link_in_burst =
            dice_below(dice, (uint64_t)link->burst * (10000 - link->loss)) < link->loss;
    }
    return node->link_in_burst;
}

static bool is_dropped(struct sim_node *node, const struct iq_datagrams *datagram)
{
    const struct sim_link *link = &node->link;
    const uint64_t number = node->sent_count++;

    node->sent_bytes += datagram->len;
    if (number < 64 && (link->drop_mask >> number & 1) != 0) {
        return true;
    }
    return (link->mtu != 0 && datagram->len > link->mtu) || !is_on(node->sim, link) ||
           is_lost(node);
}

/* The time until a datagram has left the queue; UINT64_MAX if it does not fit. */
static uint64_t queue(struct sim_node *node, size_t len)
{
    const struct sim_link *link = &node->link;
    const uint64_t now_ns = node->sim->now_ns;
    const size_t room = link->queue_bytes == 0 ? QUEUE_BYTES_DEFAULT : link->queue_bytes;
    uint64_t start_ns = node->link_busy_until_ns > now_ns ? node->link_busy_until_ns : now_ns;

    if (link->rate_bps == 0) {
        return 0;
    }
    if ((start_ns - now_ns) * link->rate_bps / 8 / SIM_SECOND > room) {
        return UINT64_MAX;
    }
    node->link_busy_until_ns = start_ns + len * 8 * SIM_SECOND / link->rate_bps;
    return node->link_busy_until_ns - now_ns;
}

/* Flips one to three bits, or cuts. */
static void damage(struct sim_node *node, struct iq_datagrams *datagram, uint8_t *bytes)
{
    struct dice *dice = &node->sim->network;

    if (datagram->len > 0 && sim_happens(dice, node->link.corrupt)) {
        uint64_t flips = 1 + dice_below(dice, 3);

        for (; flips > 0; flips--) {
            const uint64_t bit = dice_below(dice, datagram->len * 8);

            bytes[bit / 8] ^= (uint8_t)(1U << bit % 8);
        }
    }
    if (sim_happens(dice, node->link.truncate)) {
        datagram->len = dice_below(dice, datagram->len + 1);
    }
    if ((datagram->ecn & 3) != 0 && sim_happens(dice, node->link.ecn_mark)) {
        datagram->ecn = 3;
    }
}

static uint64_t travel_time(struct sim_node *node)
{
    struct dice *dice = &node->sim->network;
    const uint64_t delay_ns = node->link.delay_ms * SIM_MILLISECOND;
    uint64_t ns = delay_ns + node->link.delay_ns +
                  dice_below(dice, node->link.jitter_ms * SIM_MILLISECOND + 1);

    if (sim_happens(dice, node->link.reorder)) {
        ns += dice_below(dice, 2 * delay_ns + SIM_MILLISECOND);
    }
    return ns;
}

void sim_transmit(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct sim *sim = node->sim;
    static uint8_t bytes[SIM_DATAGRAM_MAX];
    struct iq_datagrams copy = *datagram;
    struct iq_socket_addr from = datagram->path.local;
    uint64_t waits_ns;

    if (node->external.port != 0 && iq_socket_addr_equal(&from, &node->addrs[0])) {
        from = node->external;
    }
    /* No system sends from an address that it has not, or no more. */
    if ((node->endpoint != NULL && !sim_owns(node, &datagram->path.local)) ||
        is_dropped(node, datagram)) {
        node->lost_count++;
        return;
    }
    waits_ns = queue(node, datagram->len);
    if (waits_ns == UINT64_MAX) {
        node->lost_count++;
        return;
    }
    if (datagram->len > 0) {
        memcpy(bytes, datagram->data, datagram->len);
    }
    copy.data = bytes;
    damage(node, &copy, bytes);
    sim_deliver_after(sim, waits_ns + travel_time(node), &from, &copy);
    if (sim_happens(&sim->network, node->link.duplicate)) {
        sim_deliver_after(sim, waits_ns + travel_time(node), &from, &copy);
    }
}
