/*
 * One UDP socket.
 *
 * It tells to which of our addresses a datagram came, so that the answer leaves from there; carries
 * the ECN bits both ways; forbids fragments, because path MTU discovery has to see what does not
 * fit (RFC 9000, sections 9.3, 13.4 and 14); and has many datagrams carried by one call.  The last
 * is what the system call costs divided by up to 64: over loopback four times the throughput.
 *
 * What a system does not know gets a number that it refuses, and is then done without.
 */
#include "udp_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sockaddr.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT (-1)
#endif
#ifndef UDP_GRO
#define UDP_GRO (-1)
#endif
#ifndef IP_MTU_DISCOVER
#define IP_MTU_DISCOVER   (-1)
#define IP_PMTUDISC_PROBE 0
#endif
#ifndef IPV6_MTU_DISCOVER
#define IPV6_MTU_DISCOVER   (-1)
#define IPV6_PMTUDISC_PROBE 0
#endif

#define SOCKET_BUFFER_SIZE 4194304 /* bytes; the system may allow less */
#define ECN_MASK           3
#define CONTROL_SIZE       256

/* Room for what the system says beside a datagram, aligned as it wants. */
union control {
    struct cmsghdr align;
    uint8_t bytes[CONTROL_SIZE];
};

/* The address to which an IPv4 datagram came, or from which it is to leave: two forms. */
#ifdef IP_PKTINFO
#define V4_INFO_OPTION IP_PKTINFO
#define V4_INFO        IP_PKTINFO
typedef struct in_pktinfo v4_info;

static struct in_addr *v4_received_at(v4_info *info) { return &info->ipi_addr; }
static struct in_addr *v4_leave_from(v4_info *info) { return &info->ipi_spec_dst; }
#else
#define V4_INFO_OPTION IP_RECVDSTADDR
#define V4_INFO        IP_RECVDSTADDR
typedef struct in_addr v4_info;

static struct in_addr *v4_received_at(v4_info *info) { return info; }
static struct in_addr *v4_leave_from(v4_info *info) { return info; }
#endif

/* Binding */

static bool set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof(value)) == 0;
}

/* What we cannot do without, then what only helps. */
static bool set_options(struct iq_udp_socket *udp)
{
    const int fd = udp->fd;

    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
        return false;
    }
    if (udp->local.ip_version == IQ_IPV6) {
        if (!set_int(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1) ||
            !set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1)) {
            return false;
        }
        (void)set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1);
        (void)set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_PROBE);
    } else {
        if (!set_int(fd, IPPROTO_IP, V4_INFO_OPTION, 1)) {
            return false;
        }
        (void)set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
        (void)set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    }
    (void)set_int(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_SIZE);
    (void)set_int(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_SIZE);
    (void)set_int(fd, IPPROTO_UDP, UDP_GRO, 1);
    udp->can_segment = set_int(fd, IPPROTO_UDP, UDP_SEGMENT, 0);
    return true;
}

static int bind_error(int error)
{
    switch (error) {
    case EADDRINUSE:
        return IQ_ERR_ADDR_IN_USE;
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT:
        return IQ_ERR_ADDR_NOT_OURS;
    case EACCES:
    case EPERM:
        return IQ_ERR_PERMISSION;
    default:
        return IQ_ERR_SYSTEM;
    }
}

static bool is_zero(const struct iq_socket_addr *addr)
{
    static const uint8_t zero[sizeof(addr->ip)];

    return memcmp(addr->ip, zero, sizeof(zero)) == 0;
}

/* Reads back which address the socket has. */
static bool get_local(int fd, struct iq_socket_addr *local)
{
    union iq_sockaddr addr;
    socklen_t len = sizeof(addr);

    if (getsockname(fd, &addr.sa, &len) != 0) {
        return false;
    }
    iq_sockaddr_to(local, &addr.sa);
    return true;
}

static int open_socket(const struct iq_socket_addr *addr)
{
    return socket(addr->ip_version == IQ_IPV6 ? AF_INET6 : AF_INET, SOCK_DGRAM, 0);
}

int iq_udp_socket_bind(struct iq_udp_socket *udp, const struct iq_socket_addr *local)
{
    struct iq_udp_socket self = {.local = *local, .is_wildcard = is_zero(local)};
    union iq_sockaddr addr;
    const socklen_t len = iq_sockaddr_from(&addr, local);
    int rc;

    self.fd = open_socket(local);
    if (self.fd < 0) {
        return bind_error(errno);
    }
    if (!set_options(&self) || bind(self.fd, &addr.sa, len) != 0 ||
        !get_local(self.fd, &self.local)) {
        rc = bind_error(errno);
        iq_udp_socket_close(&self);
        return rc;
    }
    *udp = self;
    return 0;
}

void iq_udp_socket_close(struct iq_udp_socket *udp) { (void)close(udp->fd); }

/* Sending */

static void add_control(struct msghdr *msg, int level, int type, const void *data, size_t len)
{
    struct cmsghdr *header = (struct cmsghdr *)((uint8_t *)msg->msg_control + msg->msg_controllen);

    header->cmsg_level = level;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(len);
    memcpy(CMSG_DATA(header), data, len);
    msg->msg_controllen += CMSG_SPACE(len);
}

static void add_source(struct msghdr *msg, const struct iq_socket_addr *local)
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

static void add_ecn(struct msghdr *msg, const struct iq_datagrams *datagrams)
{
    const int ecn = datagrams->ecn;

    if (datagrams->path.local.ip_version == IQ_IPV6) {
        add_control(msg, IPPROTO_IPV6, IPV6_TCLASS, &ecn, sizeof(ecn));
    } else {
        add_control(msg, IPPROTO_IP, IP_TOS, &ecn, sizeof(ecn));
    }
}

/* One call: `len` bytes from `from` on.  Returns 0 or the system's error. */
static int send_once(const struct iq_udp_socket *udp, const struct iq_datagrams *datagrams,
                     size_t from, size_t len)
{
    union iq_sockaddr remote;
    union control control = {0};
    struct iovec piece = {.iov_base = (uint8_t *)datagrams->data + from, .iov_len = len};
    struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control};
    const uint16_t segment = (uint16_t)datagrams->segment_len;

    msg.msg_name = &remote;
    msg.msg_namelen = iq_sockaddr_from(&remote, &datagrams->path.remote);
    if (udp->is_wildcard) {
        add_source(&msg, &datagrams->path.local);
    }
    add_ecn(&msg, datagrams);
    if (len > datagrams->segment_len) {
        add_control(&msg, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment));
    }
    while (sendmsg(udp->fd, &msg, 0) < 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

int iq_udp_socket_send(struct iq_udp_socket *udp, const struct iq_datagrams *datagrams,
                       size_t *from)
{
    bool was_one_by_one = false;
    int rc = 0;

    while (*from < datagrams->len) {
        const size_t left = datagrams->len - *from;
        const bool many = udp->can_segment && left > datagrams->segment_len;
        const size_t one = left < datagrams->segment_len ? left : datagrams->segment_len;
        const int error = send_once(udp, datagrams, *from, many ? left : one);

        if (error == EAGAIN || error == EWOULDBLOCK) {
            return IQ_ERR_AGAIN;
        }
        if (many && (error == EIO || error == EINVAL)) {
            udp->can_segment = false; /* the device does not: one by one, from here on */
            was_one_by_one = true;
            continue;
        }
        if (error == EMSGSIZE) {
            rc = IQ_ERR_TOO_LONG;
            udp->can_segment |= was_one_by_one; /* it was about the length: Linux before 6.14 */
        }
        *from += many ? left : one;
    }
    return rc;
}

/* Receiving */

static void read_control(struct iq_datagrams *datagrams, struct cmsghdr *header)
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

int iq_udp_socket_receive(const struct iq_udp_socket *udp, uint8_t *buffer, size_t size,
                          struct iq_datagrams *datagrams)
{
    union iq_sockaddr remote;
    union control control;
    struct iovec piece = {.iov_base = buffer, .iov_len = size};
    struct msghdr msg = {
        .msg_name = &remote,
        .msg_namelen = sizeof(remote),
        .msg_iov = &piece,
        .msg_iovlen = 1,
        .msg_control = &control,
        .msg_controllen = sizeof(control),
    };
    const ssize_t len = recvmsg(udp->fd, &msg, 0);
    struct cmsghdr *header;

    *datagrams = (struct iq_datagrams){.data = buffer, .path = {.local = udp->local}};
    if (len < 0) {
        return errno == EAGAIN || errno == EWOULDBLOCK ? IQ_ERR_AGAIN : 0; /* else nothing came */
    }
    if ((msg.msg_flags & MSG_TRUNC) != 0) {
        return 0; /* larger than any datagram of ours, and useless without its end */
    }
    datagrams->len = datagrams->segment_len = (size_t)len;
    iq_sockaddr_to(&datagrams->path.remote, &remote.sa);
    for (header = CMSG_FIRSTHDR(&msg); header != NULL; header = CMSG_NXTHDR(&msg, header)) {
        read_control(datagrams, header);
    }
    return 0;
}

/* Addresses */

/* Asks the system which of our addresses it would use: connecting a UDP socket sends nothing. */
int iq_udp_socket_path(const struct iq_udp_socket *udp, struct iq_path *path,
                       const struct iq_socket_addr *remote)
{
    struct iq_socket_addr local = udp->local;
    union iq_sockaddr from, to;
    socklen_t from_len, to_len;
    bool found;
    int fd;

    if (local.ip_version != remote->ip_version || remote->port == 0 || is_zero(remote)) {
        return IQ_ERR_UNREACHABLE;
    }
    fd = open_socket(remote);
    if (fd < 0) {
        return IQ_ERR_SYSTEM;
    }
    local.port = 0;
    from_len = iq_sockaddr_from(&from, &local);
    to_len = iq_sockaddr_from(&to, remote);
    found = bind(fd, &from.sa, from_len) == 0 && connect(fd, &to.sa, to_len) == 0 &&
            get_local(fd, &local);
    (void)close(fd);
    if (!found) {
        return IQ_ERR_UNREACHABLE;
    }
    local.port = udp->local.port;
    *path = (struct iq_path){.local = local, .remote = *remote};
    return 0;
}

static bool is_link_local(const struct iq_socket_addr *addr)
{
    return addr->ip_version == IQ_IPV6 && addr->ip[0] == 0xfe && (addr->ip[1] & 0xc0) == 0x80;
}

static bool is_wanted(const struct ifaddrs *one, sa_family_t family, bool loopback)
{
    return one->ifa_addr != NULL && one->ifa_addr->sa_family == family &&
           (one->ifa_flags & IFF_UP) != 0 && ((one->ifa_flags & IFF_LOOPBACK) != 0) == loopback;
}

size_t iq_udp_socket_addrs(const struct iq_udp_socket *udp, bool loopback,
                           struct iq_socket_addr *addrs, size_t max)
{
    const sa_family_t family = udp->local.ip_version == IQ_IPV6 ? AF_INET6 : AF_INET;
    struct ifaddrs *all, *one;
    size_t count = 0;

    if (!udp->is_wildcard) {
        if (max > 0) {
            addrs[0] = udp->local;
        }
        return max > 0 ? 1 : 0;
    }
    if (getifaddrs(&all) != 0) {
        return 0;
    }
    for (one = all; one != NULL && count < max; one = one->ifa_next) {
        if (is_wanted(one, family, loopback)) {
            iq_sockaddr_to(&addrs[count], one->ifa_addr);
            addrs[count].port = udp->local.port;
            count += is_link_local(&addrs[count]) ? 0 : 1;
        }
    }
    freeifaddrs(all);
    return count;
}
