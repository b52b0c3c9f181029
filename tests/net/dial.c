/* Dialling, and what can be wrong with it: an error is the last that is heard of it. */
#include "net.h"

#include <unistd.h>

static unsigned heard_count; /* callbacks of a handler that must hear nothing */

static void hear_conn(struct iq_conn *conn) { heard_count++; }

static void hear_closed(struct iq_conn *conn, const struct iq_close_reason *why) { heard_count++; }

static const struct iq_protocol_handler never_called = {
    .on_accept = hear_conn,
    .on_connect = hear_conn,
    .on_closed = hear_closed,
    .on_shutdown = hear_conn,
};

/* Dials both ways that there are, and expects the same error from each. */
static void assert_fails(const char *name, struct iq_endpoint *from, const struct iq_addr *to,
                         const char *alpn, int error)
{
    const size_t fds = net_open_fds();
    int rc = iq_endpoint_connect(from, to, alpn, &never_called, NULL);

    if (rc != error) {
        fail_msg("row: %s: %d (%s)", name, rc, iq_strerror(rc));
    }
    rc = iq_endpoint_connect_with(from, to, alpn, &never_called, NULL, NULL);
    assert_row(rc == error, name);
    assert_row(net_open_fds() == fds, name);
}

static struct iq_addr with_addr(const struct iq_addr *addr, const char *text)
{
    struct iq_addr other = *addr;

    other.count = 1;
    assert_int_equal(iq_socket_addr_parse(&other.socket_addrs[0], text), 0);
    return other;
}

static void test_errors(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    struct iq_endpoint *dials = net_bind(net, "127.0.0.1:0")->endpoint;
    const struct iq_addr good = net_addr(accepts, "127.0.0.1");
    struct iq_addr self = *iq_endpoint_addr(dials), zero_id = good, small_order = good,
                   nowhere = good, v6, mapped;
    char long_alpn[257];

    memset(long_alpn, 'a', 256);
    long_alpn[256] = '\0';
    memset(&zero_id.id, 0, sizeof(zero_id.id));
    memset(&small_order.id, 0, sizeof(small_order.id));
    small_order.id.key[0] = 1;
    nowhere.count = 0;
    v6 = with_addr(&good, "[::1]:4433");
    mapped = with_addr(&good, "[::ffff:127.0.0.1]:4433");

    assert_fails("own id", dials, &self, NET_ALPN, IQ_ERR_SELF);
    self = with_addr(&self, "192.0.2.7:4433");
    assert_fails("own id elsewhere", dials, &self, NET_ALPN, IQ_ERR_SELF);
    assert_fails("empty ALPN", dials, &good, "", IQ_ERR_INVALID_ALPN);
    assert_fails("ALPN of 256 bytes", dials, &good, long_alpn, IQ_ERR_INVALID_ALPN);
    assert_fails("zero id", dials, &zero_id, NET_ALPN, IQ_ERR_INVALID_KEY);
    assert_fails("id of small order", dials, &small_order, NET_ALPN, IQ_ERR_INVALID_KEY);
    assert_fails("no address", dials, &nowhere, NET_ALPN, IQ_ERR_NO_ADDR);
    assert_fails("IPv6 from IPv4", dials, &v6, NET_ALPN, IQ_ERR_UNREACHABLE);
    assert_fails("IPv4 in IPv6 from IPv4", dials, &mapped, NET_ALPN, IQ_ERR_UNREACHABLE);
    net_turn(net);
    net_close_all(net);
    assert_fails("after close", dials, &good, NET_ALPN, IQ_ERR_CLOSED);
    net_run(net);
    assert_int_equal(heard_count, 0);
    assert_int_equal(accepts->accepted_count, 0);
}

/* No datagram can go to port 0. */
static void test_port_zero(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    struct iq_endpoint *dials = net_bind(net, "127.0.0.1:0")->endpoint;
    const struct iq_addr good = net_addr(accepts, "127.0.0.1");
    const struct iq_addr to = with_addr(&good, "127.0.0.1:0");

    assert_fails("port 0", dials, &to, NET_ALPN, IQ_ERR_UNREACHABLE);
    net_close_all(net);
    net_run(net);
}

static void test_longest_alpn(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_bind(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    static const struct iq_protocol_handler handler = {.on_stream_ready = net_echo_stream};
    char alpn[256];
    const struct iq_route routes[] = {{.alpn = alpn, .handler = &handler}, {0}};
    struct net_call call = {.len = 13};
    struct iq_router *router;
    struct iq_addr to;

    memset(alpn, 'a', 255);
    alpn[255] = '\0';
    assert_int_equal(iq_router_spawn(&router, accepts->endpoint, routes), 0);
    to = net_addr(accepts, "127.0.0.1");
    net_dial_alpn(&call, dials, &to, alpn);
    net_run(net);
    assert_true(net_is_done(&call));
}

/* The addresses for which there is no socket are passed over, and the id and ALPN are copied. */
static void test_first_address_with_a_route(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    struct iq_addr to = net_addr(accepts, "127.0.0.1");
    char alpn[] = NET_ALPN;
    struct net_call call = {.len = 13};

    to.socket_addrs[2] = to.socket_addrs[0];
    to.count = 3;
    assert_int_equal(iq_socket_addr_parse(&to.socket_addrs[0], "[::1]:4433"), 0);
    assert_int_equal(iq_socket_addr_parse(&to.socket_addrs[1], "[2001:db8::1]:4433"), 0);
    net_dial_alpn(&call, dials, &to, alpn);
    memset(&to, 0xff, sizeof(to));
    memset(alpn, 'x', sizeof(alpn) - 1);
    net_run(net);
    assert_true(net_is_done(&call));
}

static void dial_with_timeout(struct net_call *call, const struct net_node *from,
                              const struct iq_addr *to)
{
    static const struct iq_connect_options options = {.timeout_ms = 50};

    call->net = from->net;
    call->net->calls_open++;
    assert_int_equal(
        iq_endpoint_connect_with(from->endpoint, to, NET_ALPN, &net_call_handler, call, &options),
        0);
}

static void assert_timed_out(const struct net_call *call)
{
    assert_int_equal(call->connected_count, 0);
    assert_int_equal(call->closed_count, 1);
    assert_int_equal(call->how, IQ_CLOSED_TIMED_OUT);
}

static struct iq_addr somebody_at(uint16_t port)
{
    struct iq_addr to = {.count = 1};
    struct iq_secret_key key;
    char text[IQ_SOCKET_ADDR_STR_SIZE];

    iq_secret_key_generate(&key);
    to.id = *iq_secret_key_id(&key);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)port);
    assert_int_equal(iq_socket_addr_parse(&to.socket_addrs[0], text), 0);
    return to;
}

static void test_nobody_answers(void **state)
{
    struct net *net = *state;
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    struct net_call calls[3] = {0};
    int fd;
    const struct iq_addr to = somebody_at(net_plain_socket(&fd));

    for (size_t i = 0; i < 3; i++) {
        dial_with_timeout(&calls[i], dials, &to);
    }
    net_run(net);
    close(fd);
    for (size_t i = 0; i < 3; i++) {
        assert_timed_out(&calls[i]);
    }
}

/* The system tells of a closed port by ICMP, which anybody can forge: it is silence too. */
static void test_nobody_is_there(void **state)
{
    struct net *net = *state;
    const struct net_node *dials = net_bind(net, NULL);
    struct net_call call = {0};
    int fd;
    const struct iq_addr to = somebody_at(net_plain_socket(&fd));

    close(fd);
    dial_with_timeout(&call, dials, &to);
    net_run(net);
    assert_timed_out(&call);
}

static void test_timeout_of_the_endpoint(void **state)
{
    static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:0"},
                                                     .connect_timeout_ms = 50};
    struct net *net = *state;
    const struct net_node *dials = net_bind_config(net, &config);
    struct net_call call = {0};
    int fd;
    const struct iq_addr to = somebody_at(net_plain_socket(&fd));

    net_dial(&call, dials, &to);
    net_run(net);
    close(fd);
    assert_timed_out(&call);
}

/* Somebody else is at the address: no byte and no callback before the end. */
static void test_wrong_id(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    struct net_call call = {.len = 13};
    struct iq_addr to = net_addr(accepts, "127.0.0.1");

    to.id = somebody_at(0).id;
    net_dial(&call, dials, &to);
    net_run(net);
    assert_int_equal(call.connected_count, 0);
    assert_int_equal(call.closed_count, 1);
    assert_int_equal(call.how, IQ_CLOSED_TRANSPORT_ERROR);
    assert_int_equal(call.code, IQ_CODE_WRONG_ID);
    assert_int_equal(accepts->accepted_count, 0);
}

/* An endpoint without a router refuses. */
static void test_refused(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_bind(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    struct net_call call = {.len = 13};
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");

    net_dial(&call, dials, &to);
    net_run(net);
    assert_int_equal(call.connected_count, 0);
    assert_int_equal(call.closed_count, 1);
    assert_int_equal(call.how, IQ_CLOSED_ABORTED_BY_PEER);
    assert_int_equal(call.code, IQ_CODE_CONNECTION_REFUSED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_errors, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_port_zero, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_longest_alpn, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_first_address_with_a_route, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_answers, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_nobody_is_there, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_timeout_of_the_endpoint, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_wrong_id, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_refused, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
