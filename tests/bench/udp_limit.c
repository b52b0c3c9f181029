/*
 * What the kernel carries without any QUIC: one sender, one receiver, datagrams of the same size,
 * joined and split by it (GSO, GRO).  The most that anything on top of it can reach, and a peer to
 * compare with on every machine.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

#define BURST_MAX 65000

static void pin(int core)
{
    cpu_set_t set;

    CPU_ZERO(&set);
    CPU_SET((size_t)core, &set);
    (void)sched_setaffinity(0, sizeof(set), &set);
}

static int open_socket(struct sockaddr_in *addr)
{
    const int size = 4194304, on = 1;
    socklen_t len = sizeof(*addr);
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
    (void)setsockopt(fd, IPPROTO_UDP, UDP_GRO, &on, sizeof(on));
    if (fd < 0 || bind(fd, (struct sockaddr *)addr, len) != 0 ||
        getsockname(fd, (struct sockaddr *)addr, &len) != 0) {
        bench_die("udp", "no socket");
    }
    return fd;
}

/* Sends for ever: the receiver decides when it has enough. */
static void send_all(const struct sockaddr_in *to, int segment)
{
    static uint8_t burst[BURST_MAX];
    struct sockaddr_in own;
    const int fd = open_socket(&own);
    const size_t count = BURST_MAX / (size_t)segment < 64 ? BURST_MAX / (size_t)segment : 64;

    if (setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &segment, sizeof(segment)) != 0 ||
        connect(fd, (const struct sockaddr *)to, sizeof(*to)) != 0) {
        bench_die("udp", "cannot send segments");
    }
    for (;;) {
        (void)!write(fd, burst, count * (size_t)segment);
    }
}

int bench_udp_limit(const struct bench_options *options)
{
    static uint8_t buffer[65536];
    const uint64_t size = options->size == 0 ? 2000000000 : options->size;
    struct bench bench = {.options = *options};
    struct sockaddr_in addr;
    uint64_t received = 0;
    const int fd = open_socket(&addr);
    const int child = fork();

    if (child == 0) {
        pin(options->one_core ? 0 : 1);
        send_all(&addr, (int)options->mtu);
    }
    pin(0);
    bench_begin(&bench);
    while (received < size) {
        const ssize_t n = recv(fd, buffer, sizeof(buffer), 0);

        received += n > 0 ? (uint64_t)n : 0;
    }
    bench.end_ns = bench_now_ns();
    (void)kill(child, SIGKILL);
    (void)waitpid(child, NULL, 0);
    printf("{\"work\":\"udp\",\"seconds\":%.6f,\"gbps\":%.3f}\n", bench_seconds(&bench),
           (double)received * 8 / bench_seconds(&bench) / 1e9);
    return 0;
}
