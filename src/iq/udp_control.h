/*
 * What goes beside a datagram, as control messages: our address, the ECN bits, and how long the
 * datagrams are that one call carries together.  RFC 3542, section 6, and ip(7), udp(7) of Linux.
 */
#ifndef IQ_UDP_CONTROL_H
#define IQ_UDP_CONTROL_H

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include "wire.h"

/* What a system does not know gets a number that it refuses, and is then done without. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT (-1)
#endif
#ifndef UDP_GRO
#define UDP_GRO (-1)
#endif

/* The option with which an IPv4 socket says to which address a datagram came. */
#ifdef IP_PKTINFO
#define IQ_V4_INFO_OPTION IP_PKTINFO
#else
#define IQ_V4_INFO_OPTION IP_RECVDSTADDR
#endif

#define IQ_UDP_CONTROL_SIZE 256

/* Room for what is said beside one call, aligned as struct cmsghdr is (which, with its open end,
 * may not be a member of what arrays are made of). */
union iq_udp_control {
    size_t align;
    uint8_t bytes[IQ_UDP_CONTROL_SIZE];
};

/* The three add to `msg`, whose control is such a union, all zero at first. */
void iq_udp_control_add_source(struct msghdr *msg, const struct iq_socket_addr *local);
void iq_udp_control_add_ecn(struct msghdr *msg, const struct iq_datagrams *datagrams);
void iq_udp_control_add_segment(struct msghdr *msg, uint16_t segment_len);

/* Fills in what the system has said; the rest of `datagrams` stays as it is. */
void iq_udp_control_read(struct msghdr *msg, struct iq_datagrams *datagrams);

#endif
