/*
 * A flood of Initials, each as if another peer dialled: from an address of 127.0.0.0/8 and with a
 * connection id that are as good as new every time.  Nobody ever answers what the accept side says.
 *
 * It is bounded: so many of them, so many a second, and for no longer than a minute.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <sodium.h>

#include "../initial.h"
#include "bench.h"

#define SECONDS_MAX 60

static volatile sig_atomic_t is_over;

static void end(int signal) { is_over = 1; }

/* A socket at a port of its own; `addr` is where. */
static int open_socket(struct sockaddr_in *addr, uint32_t ip)
{
    socklen_t len = sizeof(*addr);
    const int fd = socket(AF_INET, SOCK_DGRAM, 0);

    *addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(ip)};
    if (fd < 0 || fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
        bind(fd, (const struct sockaddr *)addr, len) != 0 ||
        getsockname(fd, (struct sockaddr *)addr, &len) != 0) {
        bench_die("flood", "no socket");
    }
    return fd;
}

/* An endpoint dials a socket of ours as if it were the accept side. */
static void learn_initial(struct initial *initial, const struct iq_addr *to)
{
    const struct iq_endpoint_config config = {.bind = {"127.0.0.1:0"}};
    static const struct iq_protocol_handler handler = {0};
    struct iq_addr us = {.id = to->id, .count = 1};
    struct ev_loop *loop = ev_loop_new(0);
    struct iq_endpoint *endpoint;
    uint8_t datagram[INITIAL_MAX];
    struct sockaddr_in addr;
    const int fd = open_socket(&addr, INADDR_LOOPBACK);
    char text[32];
    ssize_t len;

    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)ntohs(addr.sin_port));
    if (iq_socket_addr_parse(&us.socket_addrs[0], text) != 0 ||
        iq_endpoint_bind(&endpoint, loop, &config) != 0 ||
        iq_endpoint_connect(endpoint, &us, BENCH_ECHO, &handler, NULL) != 0) {
        bench_die("flood", "cannot dial");
    }
    do {
        (void)ev_run(loop, EVRUN_ONCE);
        len = recv(fd, datagram, sizeof(datagram), 0);
    } while (len < 0);
    (void)close(fd);
    if (!initial_open(initial, datagram, (size_t)len)) {
        bench_die("flood", "an endpoint's first datagram is no Initial");
    }
}

/* Sends one with a random id, from a random address; false if the system has no room. */
static bool send_one(int fd, const struct sockaddr_in *to, struct initial *initial)
{
    uint8_t packet[INITIAL_MAX];
    struct iovec data = {.iov_base = packet, .iov_len = initial->len};
    union {
        char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr msg = {.msg_name = (void *)to,
                         .msg_namelen = sizeof(*to),
                         .msg_iov = &data,
                         .msg_iovlen = 1,
                         .msg_control = control.bytes,
                         .msg_controllen = sizeof(control.bytes)};
    const struct in_pktinfo source = {.ipi_spec_dst.s_addr =
                                          htonl(0x7f000001 + randombytes_uniform(0xfffffd))};
    struct cmsghdr *header = CMSG_FIRSTHDR(&msg);

    header->cmsg_level = IPPROTO_IP;
    header->cmsg_type = IP_PKTINFO;
    header->cmsg_len = CMSG_LEN(sizeof(source));
    memcpy(CMSG_DATA(header), &source, sizeof(source));
    randombytes_buf(initial->packet + INITIAL_DCID_AT, initial->packet[INITIAL_DCID_AT - 1]);
    initial_seal(packet, initial);
    return sendmsg(fd, &msg, 0) >= 0;
}

static uint64_t flood(const struct bench_options *options, const struct sockaddr_in *to,
                      struct initial *initial)
{
    const struct timespec pause = {.tv_nsec = 1000000};
    const uint64_t start_ns = bench_now_ns();
    struct sockaddr_in own;
    const int fd = open_socket(&own, INADDR_ANY);
    uint64_t sent = 0, age_ns;

    while (is_over == 0 && sent < options->flood &&
           (age_ns = bench_now_ns() - start_ns) < SECONDS_MAX * UINT64_C(1000000000)) {
        while (sent < options->flood && sent * 1000000000 < age_ns * options->flood_rate &&
               send_one(fd, to, initial)) {
            sent++;
        }
        (void)nanosleep(&pause, NULL);
    }
    return sent;
}

/* The child: says that it begins, and in the end how many there were. */
static void run(const struct bench *bench, int out)
{
    const struct iq_socket_addr *addr = &bench->to.socket_addrs[0];
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(addr->port)};
    struct initial initial;
    uint64_t sent = 0;

    (void)signal(SIGTERM, end);
    if (sodium_init() < 0 || addr->ip_version != IQ_IPV4) {
        bench_die("flood", "wants libsodium, and an IPv4 address");
    }
    memcpy(&to.sin_addr, addr->ip, sizeof(to.sin_addr));
    learn_initial(&initial, &bench->to);
    if (write(out, &sent, sizeof(sent)) < 0) {
        _exit(1);
    }
    sent = flood(&bench->options, &to, &initial);
    _exit(write(out, &sent, sizeof(sent)) < 0);
}

void bench_flood_start(struct bench *bench)
{
    uint64_t begins;
    int ends[2];

    if (pipe(ends) != 0) {
        bench_die("flood", "no pipe");
    }
    bench->flood_pid = fork();
    if (bench->flood_pid < 0) {
        bench_die("flood", "no process");
    }
    if (bench->flood_pid == 0) {
        run(bench, ends[1]);
    }
    (void)close(ends[1]);
    bench->flood_output = ends[0];
    if (read(ends[0], &begins, sizeof(begins)) != (ssize_t)sizeof(begins)) {
        bench_die("flood", "did not start");
    }
}

uint64_t bench_flood_end(const struct bench *bench)
{
    uint64_t sent;

    (void)kill(bench->flood_pid, SIGTERM);
    if (read(bench->flood_output, &sent, sizeof(sent)) != (ssize_t)sizeof(sent)) {
        bench_die("flood", "did not end well");
    }
    (void)waitpid(bench->flood_pid, NULL, 0);
    return sent;
}
