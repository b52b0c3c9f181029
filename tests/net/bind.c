/* Binding, and what can be wrong with it: each error is told, and leaves nothing behind. */
#include "net.h"

#include <fcntl.h>
#include <unistd.h>

static const struct error_row {
    const char *name;
    struct iq_endpoint_config config;
    int error;
} error_rows[] = {
    {"not ours", {.bind = {"203.0.113.1:0"}}, IQ_ERR_ADDR_NOT_OURS},
    {"IPv6, not ours", {.bind = {"[2001:db8::1]:0"}}, IQ_ERR_ADDR_NOT_OURS},
    {"the second is not ours", {.bind = {"127.0.0.1:0", "203.0.113.1:0"}}, IQ_ERR_ADDR_NOT_OURS},
    {"the fourth is no address",
     {.bind = {"127.0.0.1:0", "127.0.0.2:0", "127.0.0.3:0", "localhost:0"}},
     IQ_ERR_INVALID_ADDR},
    {"nothing", {.bind = {""}}, IQ_ERR_INVALID_ADDR},
    {"a colon", {.bind = {":"}}, IQ_ERR_INVALID_ADDR},
    {"a port alone", {.bind = {"4433"}}, IQ_ERR_INVALID_ADDR},
    {"no address", {.bind = {":4433"}}, IQ_ERR_INVALID_ADDR},
    {"no port", {.bind = {"127.0.0.1"}}, IQ_ERR_INVALID_ADDR},
    {"empty port", {.bind = {"127.0.0.1:"}}, IQ_ERR_INVALID_ADDR},
    {"port too high", {.bind = {"127.0.0.1:65536"}}, IQ_ERR_INVALID_ADDR},
    {"negative port", {.bind = {"127.0.0.1:-1"}}, IQ_ERR_INVALID_ADDR},
    {"named port", {.bind = {"127.0.0.1:http"}}, IQ_ERR_INVALID_ADDR},
    {"any port as a star", {.bind = {"127.0.0.1:*"}}, IQ_ERR_INVALID_ADDR},
    {"a name", {.bind = {"localhost:0"}}, IQ_ERR_INVALID_ADDR},
    {"three bytes", {.bind = {"127.0.1:0"}}, IQ_ERR_INVALID_ADDR},
    {"five bytes", {.bind = {"127.0.0.0.1:0"}}, IQ_ERR_INVALID_ADDR},
    {"byte too high", {.bind = {"127.0.0.256:0"}}, IQ_ERR_INVALID_ADDR},
    {"octal", {.bind = {"0177.0.0.1:0"}}, IQ_ERR_INVALID_ADDR},
    {"IPv6 without brackets", {.bind = {"::1:0"}}, IQ_ERR_INVALID_ADDR},
    {"IPv6 without port", {.bind = {"[::1]"}}, IQ_ERR_INVALID_ADDR},
    {"IPv6 without its end", {.bind = {"[::1:0"}}, IQ_ERR_INVALID_ADDR},
    {"two gaps", {.bind = {"[1::2::3]:0"}}, IQ_ERR_INVALID_ADDR},
    {"a scope by name", {.bind = {"[fe80::1%lo]:0"}}, IQ_ERR_INVALID_ADDR},
    {"blank before", {.bind = {" 127.0.0.1:0"}}, IQ_ERR_INVALID_ADDR},
    {"blank after", {.bind = {"127.0.0.1:0 "}}, IQ_ERR_INVALID_ADDR},
    {"a URL", {.bind = {"udp://127.0.0.1:0"}}, IQ_ERR_INVALID_ADDR},
    {"two in one", {.bind = {"127.0.0.1:0,127.0.0.2:0"}}, IQ_ERR_INVALID_ADDR},
};

/* Numbers that no endpoint can have, and halves. */
static const struct iq_qlog qlog_of_nothing = {0};

static const struct error_row range_rows[] = {
    {"streams that are counted in 61 bits",
     {.max_streams_bi = (UINT64_C(1) << 60) + 1},
     IQ_ERR_INVALID_CONFIG},
    {"of one direction", {.max_streams_uni = UINT64_MAX}, IQ_ERR_INVALID_CONFIG},
    {"a window of 2^62", {.stream_window = UINT64_C(1) << 62}, IQ_ERR_INVALID_CONFIG},
    {"of a connection", {.conn_window = UINT64_MAX}, IQ_ERR_INVALID_CONFIG},
    {"datagrams below QUIC's least", {.max_datagram_size = 1199}, IQ_ERR_INVALID_CONFIG},
    {"of one byte", {.max_datagram_size = 1}, IQ_ERR_INVALID_CONFIG},
    {"beyond IPv4's most", {.max_datagram_size = 65508}, IQ_ERR_INVALID_CONFIG},
    {"a control nobody knows",
     {.congestion_control = (enum iq_congestion_control)2},
     IQ_ERR_INVALID_CONFIG},
    {"more sessions than can be counted",
     {.sessions_max = (UINT32_C(1) << 30) + 1},
     IQ_ERR_INVALID_CONFIG},
    {"a qlog without functions", {.qlog = &qlog_of_nothing}, IQ_ERR_INVALID_CONFIG},
    {"a certificate without a key", {.certificate = "?"}, IQ_ERR_INVALID_CERT},
    {"a key without a certificate", {.certificate_key = "?"}, IQ_ERR_INVALID_CERT},
};

static const struct iq_endpoint_config extremes[] = {
    {.max_streams_bi = UINT64_C(1) << 60,
     .max_streams_uni = UINT64_C(1) << 60,
     .stream_window = (UINT64_C(1) << 62) - 1,
     .conn_window = (UINT64_C(1) << 62) - 1,
     .stream_send_buffer = UINT64_MAX,
     .conn_send_buffer = UINT64_MAX,
     .idle_timeout_ms = UINT32_MAX,
     .keep_alive_ms = UINT32_MAX,
     .connect_timeout_ms = UINT32_MAX,
     .accept_timeout_ms = UINT32_MAX,
     .max_datagram_size = 65507,
     .sessions_max = UINT32_C(1) << 30,
     .congestion_control = IQ_BBR,
     .bind = {"127.0.0.1:0"}},
    {.max_streams_bi = 1,
     .max_streams_uni = 1,
     .stream_window = 1,
     .conn_window = 1,
     .stream_send_buffer = 1,
     .conn_send_buffer = 1,
     .accept_timeout_ms = 5000,
     .connect_timeout_ms = 5000,
     .keep_alive_ms = 1,
     .max_datagram_size = 1200,
     .sessions_max = 1,
     .bind = {"127.0.0.1:0"}},
};

#define EXTREME_COUNT (sizeof(extremes) / sizeof(extremes[0]))

/* The endpoint's pointer stays as it was, and so does the number of open files. */
static void assert_fails(struct net *net, const char *name, const struct iq_endpoint_config *config,
                         int error)
{
    struct iq_endpoint *const untouched = (void *)net;
    struct iq_endpoint *endpoint = untouched;
    const size_t fds = net_open_fds();
    const int rc = iq_endpoint_bind(&endpoint, net->loop, config);

    if (rc != error) {
        fail_msg("row: %s: %d (%s)", name, rc, iq_strerror(rc));
    }
    assert_row(endpoint == untouched, name);
    assert_row(net_open_fds() == fds, name);
}

static void test_errors(void **state)
{
    struct net *net = *state;

    for (size_t i = 0; i < sizeof(error_rows) / sizeof(error_rows[0]); i++) {
        assert_fails(net, error_rows[i].name, &error_rows[i].config, error_rows[i].error);
    }
    net_run(net); /* nothing of them keeps the loop running */
}

static void test_out_of_range(void **state)
{
    struct net *net = *state;

    for (size_t i = 0; i < sizeof(range_rows) / sizeof(range_rows[0]); i++) {
        assert_fails(net, range_rows[i].name, &range_rows[i].config, range_rows[i].error);
    }
    net_run(net);
}

/* Of what can be set, all works. */
static void test_extremes(void **state)
{
    struct net *net = *state;

    struct net_call calls[EXTREME_COUNT] = {0};

    for (size_t i = 0; i < EXTREME_COUNT; i++) {
        struct net_node *accepts = net_bind_config(net, &extremes[i]);
        const struct net_node *dials = net_bind_config(net, &extremes[i]);
        const struct iq_addr to = net_addr(accepts, "127.0.0.1");

        net_echo(accepts);
        calls[i].len = 13;
        net_dial(&calls[i], dials, &to);
    }
    net_run(net);
    for (size_t i = 0; i < EXTREME_COUNT; i++) {
        assert_true(net_is_done(&calls[i]));
    }
}

static void test_port_in_use(void **state)
{
    struct net *net = *state;
    const struct net_node *first = net_bind(net, "127.0.0.1:0");
    char taken[IQ_SOCKET_ADDR_STR_SIZE];
    const struct iq_endpoint_config same = {.bind = {taken}};
    const struct iq_endpoint_config second_is_same = {.bind = {"127.0.0.2:0", taken}};
    const struct iq_endpoint_config other = {.bind = {"127.0.0.1:0"}};
    struct net_node *neighbour;

    iq_socket_addr_str(&iq_endpoint_addr(first->endpoint)->socket_addrs[0], taken);
    assert_fails(net, "the same", &same, IQ_ERR_ADDR_IN_USE);
    assert_fails(net, "the second is the same", &second_is_same, IQ_ERR_ADDR_IN_USE);
    neighbour = net_bind_config(net, &other);
    assert_int_not_equal(net_port(first, IQ_IPV4), net_port(neighbour, IQ_IPV4));
    net_close_all(net);
    net_run(net);
}

/* As soon as an endpoint has closed, its port is free. */
static void test_port_is_free_again(void **state)
{
    struct net *net = *state;
    char text[IQ_SOCKET_ADDR_STR_SIZE];
    const struct net_node *first = net_bind(net, "127.0.0.1:0");

    iq_socket_addr_str(&iq_endpoint_addr(first->endpoint)->socket_addrs[0], text);
    net_close_all(net);
    net_run(net);
    (void)net_bind(net, text);
    net_close_all(net);
    net_run(net);
}

/* IPv4 inside IPv6 is not an address to bind: the socket is one for IPv6 only. */
static void test_mapped(void **state)
{
    static const struct iq_endpoint_config mapped = {.bind = {"[::ffff:127.0.0.1]:0"}};
    struct net *net = *state;
    struct iq_endpoint *endpoint;
    const size_t fds = net_open_fds();

    assert_true(iq_endpoint_bind(&endpoint, net->loop, &mapped) < 0);
    assert_int_equal(net_open_fds(), fds);
}

static void test_sockets(void **state)
{
    static const char *const binds[] = {"127.0.0.1:0", "0.0.0.0:0", NULL};
    struct net *net = *state;

    for (size_t i = 0; i < sizeof(binds) / sizeof(binds[0]); i++) {
        const struct net_node *node = net_bind(net, binds[i]);

        assert_true(node->fd_count == 1 || (binds[i] == NULL && node->fd_count == 2));
        for (size_t j = 0; j < node->fd_count; j++) {
            assert_true((fcntl(node->fds[j], F_GETFD) & FD_CLOEXEC) != 0);
            assert_true((fcntl(node->fds[j], F_GETFL) & O_NONBLOCK) != 0);
        }
    }
    net_close_all(net);
    net_run(net);
}

static void test_given_port_and_key(void **state)
{
    struct net *net = *state;
    struct iq_secret_key key;
    struct iq_endpoint_config config = {.secret_key = &key};
    char text[IQ_SOCKET_ADDR_STR_SIZE];
    struct net_node *node;
    struct iq_id id;
    int fd;
    const uint16_t port = net_plain_socket(&fd);

    iq_secret_key_generate(&key);
    id = *iq_secret_key_id(&key);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)port);
    config.bind[0] = text;
    close(fd); /* the port is free now */
    node = net_bind_config(net, &config);
    iq_secret_key_wipe(&key); /* it was copied */
    memset(text, 'x', sizeof(text) - 1);
    assert_true(iq_id_equal(iq_endpoint_id(node->endpoint), &id));
    assert_true(iq_id_equal(&iq_endpoint_addr(node->endpoint)->id, &id));
    assert_int_equal(iq_endpoint_addr(node->endpoint)->count, 1);
    assert_true(net_is_at(&iq_endpoint_addr(node->endpoint)->socket_addrs[0], "127.0.0.1", port));
    net_close_all(net);
    net_run(net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_errors, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_out_of_range, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_extremes, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_port_in_use, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_port_is_free_again, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_mapped, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_sockets, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_given_port_and_key, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
