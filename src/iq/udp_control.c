#include "udp_control.h"

#include <stdbool.h>
#include <string.h>

#define ECN_MASK 3

/* The address to which an IPv4 datagram came, or from which it is to leave: two forms. */
#ifdef IP_PKTINFO
#define V4_INFO IP_PKTINFO
typedef struct in_pktinfo v4_info;

static struct in_addr *v4_received_at(v4_info *info) { return &info->ipi_addr; }
static struct in_addr *v4_leave_from(v4_info *info) { return &info->ipi_spec_dst; }
#else
#define V4_INFO IP_RECVDSTADDR
typedef struct in_addr v4_info;

static struct in_addr *v4_received_at(v4_info *info) { return info; }
static struct in_addr *v4_leave_from(v4_info *info) { return info; }
#endif

/* To the system */

static void add_control(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *header = (struct cmsghdr *)((uint8_t *)msg->msg_control + msg->msg_controllen);

    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(header), data, len);
    msg->msg_controllen += CMSG_SPACE(len);
}

void iq_udp_control_add_source(struct msghdr *msg, const struct iq_socket_addr *local)
{
    if (local->ip_version == IQ_IPV6) {
        struct in6_pktinfo info = {.ipi6_ifindex = local->scope_id};

        memcpy(&info.ipi6_addr, local->ip, sizeof(info.ipi6_addr));
        add_control(msg, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    } else {
        v4_info info = {0};

        memcpy(v4_leave_from(&info), local->ip, sizeof(struct in_addr));
        add_control(msg, IPPROTO_IP, V4_INFO, &info, sizeof(info));
    }
}

void iq_udp_control_add_ecn(struct msghdr *msg, const struct iq_datagrams *datagrams)
{
    const int ecn = datagrams->ecn;

    if (datagrams->path.local.ip_version == IQ_IPV6) {
        add_control(msg, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof(ecn));
    } else {
        add_control(msg, IPPROTO_IP, IP_TOS, &ecn, sizeof(ecn));
    }
}

void iq_udp_control_add_segment(struct msghdr *msg, uint16_t segment_len)
{
    add_control(msg, IPPROTO_UDP, UDP_SEGMENT, &segment_len, sizeof(segment_len));
}

/* From it */

static bool is(const struct cmsghdr *header, int level, int type)
{
    return header->cmsg_level == level && header->cmsg_type == type;
}

/* Copies what a message says, all of it or nothing: the system cuts the last one if there is no
 * room for it.  recvmsg(2), MSG_CTRUNC. */
static bool copy(void *value, size_t len, const struct cmsghdr *header)
{
    if (header->cmsg_len < CMSG_LEN(len)) {
        return false;
    }
    memcpy(value, CMSG_DATA(header), len);
    return true;
}

static void read_one(struct iq_datagrams *datagrams, const struct cmsghdr *header)
{
    struct iq_socket_addr *local = &datagrams->path.local;
    struct in6_pktinfo v6;
    v4_info v4;
    uint8_t tos;
    int number;

    if (is(header, IPPROTO_IP, V4_INFO) && copy(&v4, sizeof(v4), header)) {
        memcpy(local->ip, v4_received_at(&v4), sizeof(struct in_addr));
    } else if (is(header, IPPROTO_IPV6, IPV6_PKTINFO) && copy(&v6, sizeof(v6), header)) {
        memcpy(local->ip, &v6.ipi6_addr, sizeof(local->ip));
        if (IN6_IS_ADDR_LINKLOCAL(&v6.ipi6_addr)) {
            local->scope_id = v6.ipi6_ifindex;
        }
    } else if ((is(header, IPPROTO_IP, IP_TOS) || is(header, IPPROTO_IP, IP_RECVTOS)) &&
               copy(&tos, sizeof(tos), header)) {
        datagrams->ecn = tos & ECN_MASK;
    } else if (is(header, IPPROTO_IPV6, IPV6_TCLASS) && copy(&number, sizeof(number), header)) {
        datagrams->ecn = (uint8_t)(number & ECN_MASK);
    } else if (is(header, IPPROTO_UDP, UDP_GRO) && copy(&number, sizeof(number), header)) {
        datagrams->segment_len = number > 0 ? (size_t)number : datagrams->len;
    }
}

/* Whether the message lies within what the system has filled in. */
static bool is_whole(const struct msghdr *msg, const struct cmsghdr *header)
{
    const size_t at = (size_t)((const uint8_t *)header - (const uint8_t *)msg->msg_control);

    return header->cmsg_len <= msg->msg_controllen - at;
}

void iq_udp_control_read(struct msghdr *msg, struct iq_datagrams *datagrams)
{
    struct cmsghdr *header;

    for (header = CMSG_FIRSTHDR(msg); header != NULL && is_whole(msg, header);
         header = CMSG_NXTHDR(msg, header)) {
        read_one(datagrams, header);
    }
}
