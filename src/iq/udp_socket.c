/*
 * One UDP socket.
 *
 * It tells to which of our addresses a datagram came, so that the answer leaves from there; carries
 * the ECN bits both ways; forbids fragments, because path MTU discovery has to see what does not
 * fit (RFC 9000, sections 9.3, 13.4 and 14); and has many datagrams carried by one call.  The last
 * is what the system call costs divided by up to 64: over loopback four times the throughput.  A
 * system that does not join datagrams that arrive is asked for some of them in one call.
 */
#include "udp_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "sockaddr.h"
#include "udp_control.h"

#ifndef IP_MTU_DISCOVER
#define IP_MTU_DISCOVER   (-1)
#define IP_PMTUDISC_PROBE 0
#endif
#ifndef IPV6_MTU_DISCOVER
#define IPV6_MTU_DISCOVER   (-1)
#define IPV6_PMTUDISC_PROBE 0
#endif

#define SOCKET_BUFFER_SIZE 4194304 /* bytes; the system may allow less */

/* What one call may carry. */
#define CALL_SIZE_MAX     65507 /* bytes: the most of IPv4 */
#define CALL_SEGMENTS_MAX 64    /* datagrams: UDP_MAX_SEGMENTS of Linux */

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
        if (!set_int(fd, IPPROTO_IP, IQ_V4_INFO_OPTION, 1)) {
            return false;
        }
        (void)set_int(fd, IPPROTO_IP, IP_RECVTOS, 1);
        (void)set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_PROBE);
    }
    (void)set_int(fd, SOL_SOCKET, SO_RCVBUF, SOCKET_BUFFER_SIZE);
    (void)set_int(fd, SOL_SOCKET, SO_SNDBUF, SOCKET_BUFFER_SIZE);
    udp->can_batch = !set_int(fd, IPPROTO_UDP, UDP_GRO, 1);
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

/* One call: `len` bytes from `from` on.  Returns 0 or the system's error. */
static int send_once(const struct iq_udp_socket *udp, const struct iq_datagrams *datagrams,
                     size_t from, size_t len)
{
    union iq_sockaddr remote;
    union iq_udp_control control = {0};
    struct iovec piece = {.iov_base = (uint8_t *)datagrams->data + from, .iov_len = len};
    struct msghdr msg = {.msg_iov = &piece, .msg_iovlen = 1, .msg_control = &control};

    msg.msg_name = &remote;
    msg.msg_namelen = iq_sockaddr_from(&remote, &datagrams->path.remote);
    if (udp->is_wildcard) {
        iq_udp_control_add_source(&msg, &datagrams->path.local);
    }
    iq_udp_control_add_ecn(&msg, datagrams);
    if (len > datagrams->segment_len) {
        iq_udp_control_add_segment(&msg, (uint16_t)datagrams->segment_len);
    }
    while (sendmsg(udp->fd, &msg, 0) < 0) {
        if (errno != EINTR) {
            return errno;
        }
    }
    return 0;
}

/* The bytes of whole datagrams from `from` on that the next call takes. */
static size_t next_len(const struct iq_udp_socket *udp, const struct iq_datagrams *datagrams,
                       size_t from)
{
    const size_t left = datagrams->len - from;
    size_t count = 1;

    if (udp->can_segment && datagrams->segment_len <= CALL_SIZE_MAX) {
        count = CALL_SIZE_MAX / datagrams->segment_len;
        count = count < CALL_SEGMENTS_MAX ? count : CALL_SEGMENTS_MAX;
    }
    return left < count * datagrams->segment_len ? left : count * datagrams->segment_len;
}

int iq_udp_socket_send(struct iq_udp_socket *udp, const struct iq_datagrams *datagrams,
                       size_t *from)
{
    bool was_one_by_one = false;
    int rc = 0;

    while (*from < datagrams->len) {
        const size_t len = next_len(udp, datagrams, *from);
        const bool many = len > datagrams->segment_len;
        const int error = send_once(udp, datagrams, *from, len);

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
        *from += len;
    }
    return rc;
}

/* Receiving */

/* Where the system puts one message, and what it says about it. */
struct slot {
    union iq_sockaddr remote;
    union iq_udp_control control;
    struct iovec piece;
};

static struct msghdr slot_msg(struct slot *slot, const struct iq_udp_batch *batch, size_t i)
{
    slot->piece = (struct iovec){.iov_base = batch->buffer + i * batch->slot_size,
                                 .iov_len = batch->slot_size};
    return (struct msghdr){.msg_name = &slot->remote,
                           .msg_namelen = sizeof(slot->remote),
                           .msg_iov = &slot->piece,
                           .msg_iovlen = 1,
                           .msg_control = &slot->control,
                           .msg_controllen = sizeof(slot->control)};
}

/* Describes the next one of the batch.  One that was cut off is larger than any datagram of ours,
 * and useless without its end. */
static void take(const struct iq_udp_socket *udp, struct iq_udp_batch *batch, struct msghdr *msg,
                 size_t len)
{
    struct iq_datagrams *datagrams = &batch->datagrams[batch->count];

    if ((msg->msg_flags & MSG_TRUNC) != 0) {
        return;
    }
    *datagrams = (struct iq_datagrams){.path = {.local = udp->local},
                                       .data = msg->msg_iov->iov_base,
                                       .len = len,
                                       .segment_len = len};
    iq_sockaddr_to(&datagrams->path.remote, msg->msg_name);
    iq_udp_control_read(msg, datagrams);
    batch->count++;
}

static int receive_one(const struct iq_udp_socket *udp, struct iq_udp_batch *batch)
{
    struct slot slot;
    struct msghdr msg = slot_msg(&slot, batch, 0);
    const ssize_t len = recvmsg(udp->fd, &msg, 0);

    if (len < 0) {
        return errno;
    }
    take(udp, batch, &msg, (size_t)len);
    return 0;
}

#ifdef __linux__
static int receive_many(const struct iq_udp_socket *udp, struct iq_udp_batch *batch)
{
    struct slot slots[IQ_UDP_BATCH_MAX];
    struct mmsghdr msgs[IQ_UDP_BATCH_MAX] = {0};
    int i, count;

    for (i = 0; i < IQ_UDP_BATCH_MAX; i++) {
        msgs[i].msg_hdr = slot_msg(&slots[i], batch, (size_t)i);
    }
    count = recvmmsg(udp->fd, msgs, IQ_UDP_BATCH_MAX, 0, NULL);
    if (count < 0) {
        return errno;
    }
    for (i = 0; i < count; i++) {
        take(udp, batch, &msgs[i].msg_hdr, msgs[i].msg_len);
    }
    return 0;
}
#else
static int receive_many(const struct iq_udp_socket *udp, struct iq_udp_batch *batch)
{
    return ENOSYS;
}
#endif

/* Kernels say ENOSYS, and the filters of some sandboxes EPERM. */
static bool is_unknown_call(int error) { return error == ENOSYS || error == EPERM; }

int iq_udp_socket_receive(struct iq_udp_socket *udp, struct iq_udp_batch *batch)
{
    int error = 0;

    batch->count = 0;
    if (udp->can_batch) {
        error = receive_many(udp, batch);
        udp->can_batch = !is_unknown_call(error);
    }
    if (!udp->can_batch) {
        error = receive_one(udp, batch);
    }
    return error == EAGAIN || error == EWOULDBLOCK ? IQ_ERR_AGAIN : 0; /* else nothing came */
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
