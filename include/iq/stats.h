/*
 * What a connection and an endpoint have done so far, for those who look after them.
 *
 * All numbers count from the beginning and never go back, unless they say "now".  Datagrams are
 * those of UDP, and their bytes are its payload, without the headers of IP and UDP.
 */
#ifndef IQ_STATS_H
#define IQ_STATS_H

#include <stdint.h>

#include "iq/limits.h"

#pragma GCC visibility push(default)

struct iq_conn;
struct iq_endpoint;

struct iq_conn_stats {
    /* The round trip.  RFC 9002, section 5. */
    uint64_t smoothed_rtt_us; /* what iroh calls the rtt; 333,000 before the first sample */
    uint64_t min_rtt_us;      /* 0 before the first sample */
    uint64_t latest_rtt_us;   /* 0 before the first sample */

    /* Now.  RFC 9002, section 7, and RFC 9000, section 14. */
    uint64_t cwnd;            /* bytes that may be in flight */
    uint64_t bytes_in_flight; /* sent, and neither acknowledged nor lost */
    uint64_t mtu;             /* bytes of the largest datagram that we send */

    uint64_t datagrams_sent;
    uint64_t datagrams_received; /* also those that turned out to be useless */
    uint64_t bytes_sent;
    uint64_t bytes_received;

    /* QUIC packets, of which a datagram can have several, but no probes of the path MTU.  With an
     * ngtcp2 before 1.16 always 0. */
    uint64_t packets_lost;
    uint64_t bytes_lost;
};

/* May be called as long as the connection exists, also in its on_closed. */
void iq_conn_stats(const struct iq_conn *conn, struct iq_conn_stats *stats);

struct iq_endpoint_stats {
    uint64_t datagrams_sent;
    uint64_t datagrams_received;
    uint64_t bytes_sent;
    uint64_t bytes_received;

    uint64_t conns_open;     /* now: on_accept or on_connect was called, on_closed was not */
    uint64_t conns_accepted; /* on_accept was called */
    uint64_t conns_dialled;  /* on_connect was called */

    /* Connections that ended before that, but for those that we gave up ourselves.  Each address
     * of a dial counts for itself. */
    uint64_t handshakes_failed;

    uint64_t incoming_refused; /* iq_incoming_refuse(), and what was left undecided */
    uint64_t incoming_retried; /* iq_incoming_retry() */
    uint64_t resets_sent;      /* stateless resets.  RFC 9000, section 10.3 */
    uint64_t strays;           /* datagrams that belonged to no connection and began none */

    uint64_t half_open; /* handshakes of peers that are not complete, or failed just now */

    /* How often each of the limits (limits.h) has done what it does.  `half_open_before_retry`:
     * sent a Retry.  `half_open`, `conns`, `conns_per_addr`: turned away somebody's first datagram,
     * which may be a repeated one.  `conns_per_id`, `retired_cids_per_s`: closed a connection.
     * `abandoned_streams_per_s`: made the successor of a stream wait.  `buffered_bytes`: turned
     * away a first datagram, or closed a connection. */
    struct iq_limits beyond;
};

void iq_endpoint_stats(const struct iq_endpoint *endpoint, struct iq_endpoint_stats *stats);

#pragma GCC visibility pop

#endif
