/*
 * How much strangers can make an endpoint do and hold: what lets it stand on the open internet.
 *
 *     static const struct iq_endpoint_config config = {
 *         .limits = {.conns_per_addr = 4096, .conns_per_id = IQ_UNLIMITED},
 *     };
 *
 * A limit of 0 is its default, which is named here; IQ_UNLIMITED is none.  All of them are about
 * peers that dial us: connections that we dial are our own doing, and do not count.
 *
 * Who comes in is decided in this order, before the acceptor (endpoint.h) hears of it: `half_open`,
 * `conns`, `buffered_bytes`, `conns_per_addr`, and `half_open_before_retry` last.  A datagram that
 * one of them turns away costs no memory.  What remains is the acceptor's to decide, and what it
 * accepts is accepted.
 */
#ifndef IQ_LIMITS_H
#define IQ_LIMITS_H

#include <stdint.h>

#define IQ_UNLIMITED UINT64_MAX

struct iq_limits {
    /* 64 connections whose handshake is not complete.  While there are so many, newcomers must
     * prove their address before they cost us anything (Retry: RFC 9000, section 8.1.2).  The
     * acceptor sees them when they come back, validated. */
    uint64_t half_open_before_retry;

    /* 1024 of them.  Beyond it newcomers hear nothing, and try again on their own.  Each takes up
     * to 96 KB, until it is complete or accept_timeout_ms (config.h) is over. */
    uint64_t half_open;

    /* 10000 connections, complete or not.  Beyond it newcomers are refused (CONNECTION_REFUSED,
     * RFC 9000, section 20.1).  An idle one takes up to 64 KB. */
    uint64_t conns;

    /* 256 connections from one IPv4 address or one IPv6 /64, in which a host makes up as many
     * addresses as it likes (RFC 8981).  Only what has proven to be there counts, so that nobody is
     * locked out by somebody who forges his address.  Beyond it newcomers are refused as above.  A
     * service whose users share addresses (carrier-grade NAT, a large company) needs more. */
    uint64_t conns_per_addr;

    /* 64 connections of one peer id, which is known once the handshake is complete.  The one beyond
     * it is closed as above, and no handler hears of it. */
    uint64_t conns_per_id;

    /* 50 streams a second that a peer opens and then abandons (RESET_STREAM, STOP_SENDING).
     * Beyond it the right to open another in its place comes later, at that rate: a peer that does
     * nothing else gets max_streams (config.h) of them through, and then 50 a second.  Streams
     * that come to their end are not limited. */
    uint64_t abandoned_streams_per_s;

    /* 100 connection ids a second that a peer retires, after the first 1000 of a connection. Beyond
     * it the connection is closed (PROTOCOL_VIOLATION). */
    uint64_t retired_cids_per_s;

    /*
     * 1 GiB (1073741824) that all streams together may hold in their buffers: received and not
     * consumed, written and not acknowledged.  Beyond three quarters of it iq_stream_write() takes
     * no more than the first few bytes of each stream, and newcomers are refused as above.  Beyond
     * all of it the connection that holds the most is closed (INTERNAL_ERROR), as often as it
     * takes.
     */
    uint64_t buffered_bytes;
};

#endif
