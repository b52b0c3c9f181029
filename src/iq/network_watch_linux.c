/*
 * What Linux tells of its addresses and routes: rtnetlink(7).
 *
 * What exactly has changed is of no interest: the routing table is asked again for every path
 * (udp_socket.c).  So the messages are not even read, only counted.
 */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>
#include <unistd.h>

#include "network_watch.h"

#define READ_MAX 1000 /* messages at once: others have their turn too */

int iq_network_watch_open(void)
{
    const struct sockaddr_nl addr = {
        .nl_family = AF_NETLINK,
        .nl_groups =
            RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE,
    };
    const int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd >= 0 && bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

void iq_network_watch_close(int fd)
{
    if (fd >= 0) {
        (void)close(fd);
    }
}

bool iq_network_watch_read(int fd)
{
    char cut; /* what is longer is lost, and may be */
    int count;

    for (count = 0; count < READ_MAX; count++) {
        const ssize_t len = recv(fd, &cut, sizeof(cut), 0);

        if (len < 0 && errno != ENOBUFS && errno != EINTR) { /* ENOBUFS: more than it could keep */
            break;
        }
    }
    return count > 0;
}
