#include "udp_control.h"

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

static void read_one(struct iq_datagrams *datagrams, struct cmsghdr *header)
{
    struct iq_socket_addr *local = &datagrams->path.local;
    const void *data = CMSG_DATA(header);

    if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == V4_INFO) {
        v4_info info;

        memcpy(&info, data, sizeof(info));
        memcpy(local->ip, v4_received_at(&info), sizeof(struct in_addr));
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;

        memcpy(&info, data, sizeof(info));
        memcpy(local->ip, &info.ipi6_addr, sizeof(local->ip));
        if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
            local->scope_id = info.ipi6_ifindex;
        }
    } else if (header->cmsg_level == IPPROTO_IP &&
               (header->cmsg_type == IP_TOS || header->cmsg_type == IP_RECVTOS)) {
        datagrams->ecn = *(const uint8_t *)data & ECN_MASK;
    } else if (header->cmsg_level == IPPROTO_IPV6 && header->cmsg_type == IPV6_TCLASS) {
        int tclass;

        memcpy(&tclass, data, sizeof(tclass));
        datagrams->ecn = (uint8_t)(tclass & ECN_MASK);
    } else if (header->cmsg_level == IPPROTO_UDP && header->cmsg_type == UDP_GRO) {
        int segment;

        memcpy(&segment, data, sizeof(segment));
        datagrams->segment_len = segment > 0 ? (size_t)segment : datagrams->len;
    }
}

void iq_udp_control_read(struct msghdr *msg, struct iq_datagrams *datagrams)
{
    struct cmsghdr *header;

    for (header = CMSG_FIRSTHDR(msg); header != NULL; header = CMSG_NXTHDR(msg, header)) {
        read_one(datagrams, header);
    }
}
