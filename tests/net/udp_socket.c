/* One socket of ours, without an endpoint: what goes beside the datagrams, both ways. */
#include "udp_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"

/* The calls to sendmsg() are looked at on their way. */
static struct {
    unsigned count;
    unsigned interrupted; /* the next calls, by a signal */
    size_t len_max;       /* longer datagrams are refused; 0: none */
    int many_error;       /* with which several at once are, if they are longer */
    bool has_source, has_segment, has_ecn;
} seen;

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
ssize_t __real_sendmsg(int fd, const struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);

ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
    struct msghdr copy = *msg;
    size_t len = msg->msg_iov[0].iov_len;
    bool many = false;

    seen.count++;
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&copy); header != NULL;
         header = CMSG_NXTHDR(&copy, header)) {
        const int level = header->cmsg_level, type = header->cmsg_type;

        seen.has_source |= (level == IPPROTO_IP && type == IP_PKTINFO) ||
                           (level == IPPROTO_IPV6 && type == IPV6_PKTINFO);
        seen.has_ecn |= (level == IPPROTO_IP && type == IP_TOS) ||
                        (level == IPPROTO_IPV6 && type == IPV6_TCLASS);
        if (level == IPPROTO_UDP && type == UDP_SEGMENT) {
            uint16_t segment;

            memcpy(&segment, CMSG_DATA(header), sizeof(segment));
            len = segment;
            many = true;
        }
        seen.has_segment |= many;
    }
    if (seen.len_max != 0 && len > seen.len_max) {
        errno = many ? seen.many_error : EMSGSIZE;
        return -1;
    }
    if (seen.interrupted > 0) {
        seen.interrupted--;
        errno = EINTR;
        return -1;
    }
    return __real_sendmsg(fd, msg, flags);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static struct iq_udp_socket bind_at(const char *text)
{
    struct iq_udp_socket udp;
    struct iq_socket_addr addr;

    assert_int_equal(iq_socket_addr_parse(&addr, text), 0);
    assert_int_equal(iq_udp_socket_bind(&udp, &addr), 0);
    assert_int_not_equal(udp.local.port, 0);
    return udp;
}

static void send_all(struct iq_udp_socket *from, const struct iq_datagrams *datagrams)
{
    size_t sent = 0;

    memset(&seen, 0, sizeof(seen));
    assert_int_equal(iq_udp_socket_send(from, datagrams, &sent), 0);
    assert_int_equal(sent, datagrams->len);
}

/* What one call takes, of `size` bytes each at most. */
static void receive_batch(struct iq_udp_socket *at, uint8_t *buffer, size_t size,
                          struct iq_udp_batch *batch)
{
    struct pollfd waits = {.fd = at->fd, .events = POLLIN};

    *batch = (struct iq_udp_batch){.buffer = buffer, .slot_size = size};
    assert_int_equal(poll(&waits, 1, 20000), 1);
    assert_int_equal(iq_udp_socket_receive(at, batch), 0);
}

static void receive(struct iq_udp_socket *at, uint8_t *buffer, size_t size,
                    struct iq_datagrams *datagrams)
{
    struct iq_udp_batch batch;

    receive_batch(at, buffer, size, &batch);
    assert_int_equal(batch.count, 1);
    *datagrams = batch.datagrams[0];
    assert_ptr_equal(datagrams->data, buffer);
}

static const struct way_row {
    const char *name;
    const char *from;
    const char *to;      /* bound at */
    const char *dialled; /* sent to */
} way_rows[] = {
    {"IPv4", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1"},
    {"IPv4 to all", "127.0.0.2:0", "0.0.0.0:0", "127.0.0.3"},
    {"IPv4 from all", "0.0.0.0:0", "127.0.0.1:0", "127.0.0.1"},
    {"IPv6", "[::1]:0", "[::1]:0", "[::1]"},
    {"IPv6 to all", "[::1]:0", "[::]:0", "[::1]"},
    {"IPv6 from all", "[::]:0", "[::1]:0", "[::1]"},
};

#define WAY_COUNT (sizeof(way_rows) / sizeof(way_rows[0]))

static void send_with_every_ecn(const struct way_row *row, struct iq_udp_socket *from,
                                struct iq_udp_socket *to)
{
    struct iq_path path;
    struct iq_socket_addr remote;
    char text[IQ_SOCKET_ADDR_STR_SIZE];

    (void)snprintf(text, sizeof(text), "%s:%u", row->dialled, (unsigned)to->local.port);
    assert_int_equal(iq_socket_addr_parse(&remote, text), 0);
    assert_int_equal(iq_udp_socket_path(from, &path, &remote), 0);
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        const struct iq_datagrams out = {.path = path,
                                         .data = (const uint8_t *)"Hello, world!",
                                         .len = 13,
                                         .segment_len = 13,
                                         .ecn = ecn};
        struct iq_datagrams in;
        uint8_t buffer[100];

        send_all(from, &out);
        assert_row(seen.count == 1 && !seen.has_segment && seen.has_ecn, row->name);
        assert_row(seen.has_source == from->is_wildcard, row->name);
        receive(to, buffer, sizeof(buffer), &in);
        assert_row(in.len == 13 && memcmp(buffer, "Hello, world!", 13) == 0, row->name);
        assert_row(in.segment_len == 13, row->name);
        assert_row(in.ecn == ecn, row->name);
        assert_row(iq_socket_addr_equal(&in.path.remote, &path.local), row->name);
        assert_row(iq_socket_addr_equal(&in.path.local, &remote), row->name);
    }
}

static void test_ecn_and_addresses(void **state)
{
    for (size_t i = 0; i < WAY_COUNT; i++) {
        struct iq_udp_socket from, to;

        if (way_rows[i].dialled[0] == '[' && !net_has_ipv6()) {
            continue;
        }
        from = bind_at(way_rows[i].from);
        to = bind_at(way_rows[i].to);
        send_with_every_ecn(&way_rows[i], &from, &to);
        iq_udp_socket_close(&from);
        iq_udp_socket_close(&to);
    }
}

/* The other six bits of that byte are somebody else's.  RFC 3168, section 5. */
static void test_ecn_beside_dscp(void **state)
{
    struct iq_udp_socket to = bind_at("127.0.0.1:0");
    const int tos = 0xb8 | 1;
    const struct sockaddr_in addr = {.sin_family = AF_INET,
                                     .sin_port = htons(to.local.port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct iq_datagrams in;
    uint8_t buffer[10];
    int fd;

    (void)net_plain_socket(&fd);
    assert_int_equal(setsockopt(fd, IPPROTO_IP, IP_TOS, &tos, sizeof(tos)), 0);
    assert_int_equal(sendto(fd, "x", 1, 0, (const struct sockaddr *)&addr, sizeof(addr)), 1);
    receive(&to, buffer, sizeof(buffer), &in);
    assert_int_equal(in.ecn, 1);
    assert_int_equal(in.len, 1);
    close(fd);
    iq_udp_socket_close(&to);
}

/* Nothing, an empty datagram, and one that does not fit: no error. */
static void test_odd_datagrams(void **state)
{
    struct iq_udp_socket to = bind_at("127.0.0.1:0");
    const struct sockaddr_in addr = {.sin_family = AF_INET,
                                     .sin_port = htons(to.local.port),
                                     .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t buffer[10];
    struct iq_udp_batch batch = {.buffer = buffer, .slot_size = sizeof(buffer)};
    int fd;

    assert_int_equal(iq_udp_socket_receive(&to, &batch), IQ_ERR_AGAIN);
    (void)net_plain_socket(&fd);
    for (size_t len = 0; len <= 11; len += 11) {
        assert_int_equal(
            sendto(fd, "Hello, world!", len, 0, (const struct sockaddr *)&addr, sizeof(addr)), len);
        receive_batch(&to, buffer, sizeof(buffer), &batch);
        assert_int_equal(batch.count, len == 0 ? 1 : 0);
        assert_true(batch.count == 0 || batch.datagrams[0].len == 0);
    }
    assert_int_equal(iq_udp_socket_receive(&to, &batch), IQ_ERR_AGAIN);
    close(fd);
    iq_udp_socket_close(&to);
}

/* Each of a batch has its own bytes, sender and ECN bits; one that does not fit is left out. */
static void expect_batch(struct iq_udp_socket *to, const struct iq_udp_socket *from, size_t first,
                         size_t count)
{
    static uint8_t buffer[IQ_UDP_BATCH_MAX][20];
    struct iq_udp_batch batch;

    receive_batch(to, buffer[0], sizeof(buffer[0]), &batch);
    assert_int_equal(batch.count, count);
    for (size_t i = 0; i < count; i++) {
        const struct iq_datagrams *one = &batch.datagrams[i];

        assert_int_equal(one->len, first + i + 1);
        assert_int_equal(one->segment_len, one->len);
        assert_int_equal(one->data[0], 'a' + first + i);
        assert_int_equal(one->ecn, (first + i) % 3);
        assert_true(iq_socket_addr_equal(&one->path.remote, &from[(first + i) % 2].local));
    }
}

/* A system that joins nothing gives some datagrams in one call, those of several senders too. */
static void test_batches(void **state)
{
    struct iq_udp_socket from[2] = {bind_at("127.0.0.1:0"), bind_at("127.0.0.1:0")};
    struct iq_udp_socket to = bind_at("127.0.0.1:0");
    const int off = 0;

    (void)setsockopt(to.fd, IPPROTO_UDP, UDP_GRO, &off, sizeof(off));
    to.can_batch = true;
    for (size_t i = 0; i < IQ_UDP_BATCH_MAX + 5; i++) {
        uint8_t data[IQ_UDP_BATCH_MAX + 5];
        const struct iq_datagrams out = {.path = {.local = from[i % 2].local, .remote = to.local},
                                         .data = data,
                                         .len = i + 1,
                                         .segment_len = i + 1,
                                         .ecn = (uint8_t)(i % 3)};

        memset(data, (int)('a' + i), sizeof(data));
        send_all(&from[i % 2], &out);
    }
    expect_batch(&to, from, 0, IQ_UDP_BATCH_MAX);
    expect_batch(&to, from, IQ_UDP_BATCH_MAX, 4); /* and one of 21 bytes, which is cut off */
    iq_udp_socket_close(&from[0]);
    iq_udp_socket_close(&from[1]);
    iq_udp_socket_close(&to);
}

static const struct burst {
    const char *name;
    size_t len, segment_len;
    unsigned calls; /* of a socket that sends many at once */
} bursts[] = {
    {"with a shorter last one", 3 * 1200 + 500, 1200, 1},
    {"more bytes than one call takes", 140000, 1200, 3},
    {"more datagrams than one call takes", 1000, 13, 2},
    {"too long for two in a call", 100000, 50000, 2},
};

/* Returns how many calls it took. */
static unsigned carry(struct iq_udp_socket *from, struct iq_udp_socket *to,
                      const struct iq_datagrams *out, const char *name)
{
    static uint8_t buffer[65536];
    unsigned calls;
    size_t received = 0;

    send_all(from, out);
    calls = seen.count;
    while (received < out->len) {
        struct iq_datagrams in;

        receive(to, buffer, sizeof(buffer), &in);
        assert_row(in.len > 0 && in.len <= out->len - received, name);
        assert_row(memcmp(buffer, out->data + received, in.len) == 0, name);
        assert_row(in.segment_len == (in.len < out->segment_len ? in.len : out->segment_len), name);
        received += in.len;
    }
    return calls;
}

/* Several at once, then the same by a socket that cannot. */
static void test_segments(void **state)
{
    static uint8_t data[140000];
    struct iq_udp_socket from = bind_at("127.0.0.1:0"), to = bind_at("127.0.0.1:0");
    const bool can_segment = from.can_segment;

    for (size_t i = 0; i < sizeof(data); i++) {
        data[i] = (uint8_t)(i * 7 + i / 256);
    }
    for (size_t i = 0; i < sizeof(bursts) / sizeof(bursts[0]); i++) {
        const struct burst *burst = &bursts[i];
        const struct iq_datagrams out = {.path = {.local = from.local, .remote = to.local},
                                         .data = data,
                                         .len = burst->len,
                                         .segment_len = burst->segment_len};
        const size_t one_by_one = (burst->len + burst->segment_len - 1) / burst->segment_len;

        from.can_segment = can_segment;
        assert_row(carry(&from, &to, &out, burst->name) ==
                       (can_segment ? burst->calls : one_by_one),
                   burst->name);
        assert_row(seen.has_segment == (can_segment && burst->calls < one_by_one), burst->name);
        from.can_segment = false;
        assert_row(carry(&from, &to, &out, burst->name) == one_by_one, burst->name);
        assert_row(!seen.has_segment, burst->name);
    }
    iq_udp_socket_close(&from);
    iq_udp_socket_close(&to);
}

/* Longer than the interface carries.  To several at once Linux says so only from 6.14 on, and
 * before that the same as a device that cannot segment: which this one can. */
static void test_too_long(void **state)
{
    static const int many_errors[] = {EMSGSIZE, EINVAL};
    static uint8_t data[3 * 1400 + 500];
    struct iq_udp_socket from = bind_at("127.0.0.1:0"), to = bind_at("127.0.0.1:0");
    struct iq_datagrams out = {.path = {.local = from.local, .remote = to.local},
                               .data = data,
                               .len = sizeof(data),
                               .segment_len = 1400};
    const bool can_segment = from.can_segment;

    for (int i = 0; i < 2; i++) {
        size_t sent = 0;

        seen.len_max = 1252;
        seen.many_error = many_errors[i];
        assert_int_equal(iq_udp_socket_send(&from, &out, &sent), IQ_ERR_TOO_LONG);
        assert_int_equal(sent, sizeof(data));
        assert_true(from.can_segment == can_segment);
        out.segment_len = 1200;
        sent = 0;
        assert_int_equal(iq_udp_socket_send(&from, &out, &sent), 0);
        out.segment_len = 1400;
    }
    memset(&seen, 0, sizeof(seen));
    iq_udp_socket_close(&from);
    iq_udp_socket_close(&to);
}

/* A signal is no reason to lose a datagram. */
static void test_interrupted(void **state)
{
    struct iq_udp_socket from = bind_at("127.0.0.1:0"), to = bind_at("127.0.0.1:0");
    const struct iq_datagrams out = {.path = {.local = from.local, .remote = to.local},
                                     .data = (const uint8_t *)"Hello, world!",
                                     .len = 13,
                                     .segment_len = 13};
    struct iq_datagrams in;
    uint8_t buffer[100];
    size_t sent = 0;

    memset(&seen, 0, sizeof(seen));
    seen.interrupted = 2;
    assert_int_equal(iq_udp_socket_send(&from, &out, &sent), 0);
    assert_int_equal(seen.count, 3);
    receive(&to, buffer, sizeof(buffer), &in);
    assert_int_equal(in.len, 13);
    iq_udp_socket_close(&from);
    iq_udp_socket_close(&to);
}

static void test_path(void **state)
{
    struct iq_udp_socket v4 = bind_at("127.0.0.2:0"), any = bind_at("0.0.0.0:0");
    struct iq_socket_addr remote, v6;
    const size_t fds = net_open_fds();
    struct iq_path path;

    assert_int_equal(iq_socket_addr_parse(&remote, "127.0.0.3:4433"), 0);
    assert_int_equal(iq_socket_addr_parse(&v6, "[::1]:4433"), 0);
    assert_int_equal(iq_udp_socket_path(&v4, &path, &remote), 0);
    assert_true(net_is_at(&path.local, "127.0.0.2", v4.local.port));
    assert_true(iq_socket_addr_equal(&path.remote, &remote));
    assert_int_equal(iq_udp_socket_path(&any, &path, &remote), 0);
    assert_int_equal(path.local.port, any.local.port);
    assert_int_equal(path.local.ip[0], 127);
    assert_int_equal(iq_udp_socket_path(&v4, &path, &v6), IQ_ERR_UNREACHABLE);
    assert_int_equal(iq_udp_socket_path(&any, &path, &v6), IQ_ERR_UNREACHABLE);
    assert_int_equal(net_open_fds(), fds);
    iq_udp_socket_close(&v4);
    iq_udp_socket_close(&any);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ecn_and_addresses), cmocka_unit_test(test_ecn_beside_dscp),
        cmocka_unit_test(test_odd_datagrams),     cmocka_unit_test(test_segments),
        cmocka_unit_test(test_interrupted),       cmocka_unit_test(test_path),
        cmocka_unit_test(test_too_long),          cmocka_unit_test(test_batches),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
