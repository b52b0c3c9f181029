#include "net.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/* Far beyond what any story takes, so that a slow machine does not fail them. */
#define WATCHDOG_S 120.0

#define FDS_MAX 4096

/* The loop */

static void on_watchdog(struct ev_loop *loop, ev_timer *watchdog, int events)
{
    const struct net *net = watchdog->data;

    fail_msg("the loop does not end: %zu calls are open, %zu of %zu endpoints have closed",
             net->calls_open, net->closed_count, net->node_count);
}

void net_start(struct net *net, struct ev_loop *loop)
{
    *net = (struct net){.loop = loop};
    ev_run(loop, EVRUN_NOWAIT); /* opens what it needs itself */
    ev_timer_init(&net->watchdog, on_watchdog, 0.0, WATCHDOG_S);
    net->watchdog.data = net;
    net->fds_before = net_open_fds();
}

int net_set_up(void **state)
{
    struct net *net = calloc(1, sizeof(*net));
    struct ev_loop *loop = ev_loop_new(EVFLAG_AUTO);

    if (net == NULL || loop == NULL) {
        free(net);
        return -1;
    }
    net_start(net, loop);
    *state = net;
    return 0;
}

int net_tear_down(void **state)
{
    struct net *net = *state;
    const size_t left = net_open_fds() - net->fds_before;

    for (size_t i = 0; i < net->node_count; i++) {
        free(net->nodes[i]);
    }
    ev_loop_destroy(net->loop);
    free(net);
    if (left != 0) {
        print_error("%zu files are left open\n", left);
    }
    return left == 0 ? 0 : -1;
}

void net_run(struct net *net)
{
    ev_timer_again(net->loop, &net->watchdog);
    ev_unref(net->loop); /* the watchdog alone does not keep it running */
    ev_run(net->loop, 0);
    ev_ref(net->loop);
    ev_timer_stop(net->loop, &net->watchdog);
    assert_int_equal(net->calls_open, 0);
    assert_int_equal(net->closed_count, net->node_count);
}

void net_turn(struct net *net)
{
    for (int i = 0; i < 10; i++) {
        ev_run(net->loop, EVRUN_NOWAIT);
    }
}

unsigned net_connects(unsigned count)
{
    const char *text = getenv("IQ_TEST_CONNECTS");

    return text == NULL ? count : (unsigned)strtoul(text, NULL, 10);
}

/* Sockets */

size_t net_open_fds(void)
{
    DIR *folder = opendir("/dev/fd");
    size_t count = 0;

    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

static bool is_udp(int fd)
{
    int type = 0;
    socklen_t len = sizeof(type);

    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_DGRAM;
}

/* The system gives the lowest numbers first, so that there are no large gaps. */
static void find_udp(bool found[FDS_MAX])
{
    int gap = 0;

    memset(found, 0, FDS_MAX * sizeof(found[0]));
    for (int fd = 0; fd < FDS_MAX && gap < 64; fd++) {
        found[fd] = is_udp(fd);
        gap = fcntl(fd, F_GETFD) < 0 ? gap + 1 : 0;
    }
}

uint16_t net_port(const struct net_node *node, enum iq_ip_version version)
{
    for (size_t i = 0; i < node->fd_count; i++) {
        struct sockaddr_storage storage;
        struct sockaddr_in6 in6;
        struct sockaddr_in in;
        socklen_t len = sizeof(storage);

        assert_int_equal(getsockname(node->fds[i], (struct sockaddr *)&storage, &len), 0);
        memcpy(&in6, &storage, sizeof(in6));
        memcpy(&in, &storage, sizeof(in));
        if (storage.ss_family == AF_INET6 && version == IQ_IPV6) {
            return ntohs(in6.sin6_port);
        }
        if (storage.ss_family == AF_INET && version == IQ_IPV4) {
            return ntohs(in.sin_port);
        }
    }
    return 0;
}

uint16_t net_plain_socket(int *fd)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(addr);

    *fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_true(*fd >= 0);
    assert_int_equal(bind(*fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
    assert_int_equal(getsockname(*fd, (struct sockaddr *)&addr, &len), 0);
    return ntohs(addr.sin_port);
}

bool net_has_ipv6(void)
{
    const struct sockaddr_in6 addr = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const int fd = socket(AF_INET6, SOCK_DGRAM, 0);
    const bool has =
        fd >= 0 && bind(fd, (const struct sockaddr *)&addr, (socklen_t)sizeof(addr)) == 0;

    if (fd >= 0) {
        close(fd);
    }
    return has;
}

/* Endpoints */

struct net_node *net_bind_config(struct net *net, const struct iq_endpoint_config *config)
{
    struct net_node *node = calloc(1, sizeof(*node));
    static bool before[FDS_MAX], after[FDS_MAX];

    assert_non_null(node);
    assert_true(net->node_count < NET_NODES_MAX);
    find_udp(before);
    node->net = net;
    assert_int_equal(iq_endpoint_bind(&node->endpoint, net->loop, config), 0);
    find_udp(after);
    for (int fd = 0; fd < FDS_MAX; fd++) {
        if (after[fd] && !before[fd]) {
            assert_true(node->fd_count < IQ_BIND_MAX);
            node->fds[node->fd_count++] = fd;
        }
    }
    net->nodes[net->node_count++] = node;
    return node;
}

struct net_node *net_bind(struct net *net, const char *bind)
{
    /* Handshakes may take long when a test makes hundreds of them at the same time. */
    const struct iq_endpoint_config config = {
        .bind = {bind}, .connect_timeout_ms = 60000, .accept_timeout_ms = 60000};

    return net_bind_config(net, bind == NULL ? NULL : &config);
}

void net_closed(void *net) { ((struct net *)net)->closed_count++; }

void net_leave_alone(struct net_node *node) { node->endpoint = NULL; }

static void close_node(struct net_node *node, void (*closed)(void *net))
{
    struct iq_endpoint *endpoint = node->endpoint;

    node->endpoint = NULL;
    if (endpoint != NULL) {
        assert_int_equal(iq_endpoint_close(endpoint, closed, node->net), 0);
    }
}

void net_close(struct net_node *node) { close_node(node, net_closed); }

void net_close_all(struct net *net)
{
    for (size_t i = 0; i < net->node_count; i++) {
        net_close(net->nodes[i]);
    }
}

static void on_closed_before(void *arg)
{
    struct net *net = arg;

    net_closed(net);
    if (--net->waiting_count == 0) {
        net_close_all(net);
    }
}

void net_end(struct net *net)
{
    for (size_t i = 0; i < net->node_count; i++) {
        struct net_node *node = net->nodes[i];

        if (node->endpoint != NULL && !node->is_dialled) {
            net->waiting_count++;
            close_node(node, on_closed_before);
        }
    }
    if (net->waiting_count == 0) {
        net_close_all(net);
    }
}

struct iq_addr net_addr(struct net_node *node, const char *ip)
{
    struct iq_addr addr = {.id = *iq_endpoint_id(node->endpoint), .count = 1};
    char text[IQ_SOCKET_ADDR_STR_SIZE];

    node->is_dialled = true;
    (void)snprintf(text, sizeof(text), "%s:%u", ip,
                   (unsigned)net_port(node, ip[0] == '[' ? IQ_IPV6 : IQ_IPV4));
    assert_int_equal(iq_socket_addr_parse(&addr.socket_addrs[0], text), 0);
    return addr;
}

bool net_is_at(const struct iq_socket_addr *addr, const char *ip, uint16_t port)
{
    char expected[IQ_SOCKET_ADDR_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];

    (void)snprintf(expected, sizeof(expected), "%s:%u", ip, (unsigned)port);
    return strcmp(iq_socket_addr_str(addr, text), expected) == 0;
}
