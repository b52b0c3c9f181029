/*
 * The world, as an endpoint sees it: something that sends datagrams, knows the time, and wakes it.
 *
 * udp.c is the real one, on sockets and libev.  tests/sim is another, with virtual time.  A path is
 * a pair of addresses; nothing above may assume that a UDP socket stands behind them (a relay can
 * have addresses of its own).  The world calls iq_endpoint_receive(), iq_endpoint_writable(),
 * iq_endpoint_woken() and iq_endpoint_turn() (endpoint_state.h).
 */
#ifndef IQ_WIRE_H
#define IQ_WIRE_H

#include <stdint.h>

#include "iq/addr.h"
#include "iq/error.h"

struct iq_path {
    struct iq_socket_addr local;
    struct iq_socket_addr remote;
};

static inline bool iq_path_equal(const struct iq_path *a, const struct iq_path *b)
{
    return iq_socket_addr_equal(&a->local, &b->local) &&
           iq_socket_addr_equal(&a->remote, &b->remote);
}

/* One datagram, or several at once that go the same way: each has `segment_len` bytes, the last may
 * be shorter.  Kernels take and give them so (GSO, GRO). */
struct iq_datagrams {
    struct iq_path path;
    const uint8_t *data;
    size_t len;
    size_t segment_len;
    uint8_t ecn; /* the two bits of the IP header.  RFC 3168, section 5 */
};

struct iq_wire {
    /* Nanoseconds of a clock that does not go back. */
    uint64_t (*now_ns)(struct iq_wire *wire);

    /* Sends, or drops: datagrams may get lost anyway.  IQ_ERR_AGAIN: these were taken, but no more
     * until iq_endpoint_writable().  IQ_ERR_TOO_LONG: the first link on the way does not carry
     * datagrams of this length; they are lost. */
    int (*send)(struct iq_wire *wire, const struct iq_datagrams *datagrams);

    /* Calls iq_endpoint_woken() and iq_endpoint_turn() when the time has come, instead of when it
     * said before.  IQ_NEVER: not at all. */
    void (*wake_at)(struct iq_wire *wire, uint64_t deadline_ns);

    /* The path that datagrams to `remote` take.  IQ_ERR_UNREACHABLE if there is none. */
    int (*find_path)(struct iq_wire *wire, struct iq_path *path,
                     const struct iq_socket_addr *remote);

    /* Where this end can be reached: fills up to `max` addresses, returns how many. */
    size_t (*addrs)(struct iq_wire *wire, struct iq_socket_addr *addrs, size_t max);

    /* The endpoint is gone.  The last call. */
    void (*close)(struct iq_wire *wire);
};

#endif
