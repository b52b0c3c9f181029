/*
 * An endpoint that is bound to all addresses answers from the one that was dialled.
 *
 * The peer would drop what comes from elsewhere: it knows nobody there.
 */
#include "net.h"

static const struct addr_row {
    const char *name;
    const char *dials_from;
    const char *dialled;
    const char *seen_from; /* NULL: as the system likes */
} addr_rows[] = {
    {"the usual one", "127.0.0.1:0", "127.0.0.1", "127.0.0.1"},
    {"the second", "127.0.0.1:0", "127.0.0.2", "127.0.0.1"},
    {"the third", "127.0.0.1:0", "127.0.0.3", "127.0.0.1"},
    {"the second from everywhere", "0.0.0.0:0", "127.0.0.2", NULL},
    {"the third from everywhere", NULL, "127.0.0.3", NULL},
    {"from the ninth to the second", "127.0.0.9:0", "127.0.0.2", "127.0.0.9"},
    {"from the second to the second", "127.0.0.2:0", "127.0.0.2", "127.0.0.2"},
};

static void test_answers_from_there(void **state)
{
    struct net *net = *state;

    for (size_t i = 0; i < sizeof(addr_rows) / sizeof(addr_rows[0]); i++) {
        const struct addr_row *row = &addr_rows[i];
        struct net_node *accepts = net_listen(net, i % 2 == 0 ? "0.0.0.0:0" : NULL);
        const struct net_node *dials = net_bind(net, row->dials_from);
        const struct iq_addr to = net_addr(accepts, row->dialled);
        const uint16_t port = net_port(accepts, IQ_IPV4), from_port = net_port(dials, IQ_IPV4);
        struct net_call call = {.len = 100000};

        net_dial(&call, dials, &to);
        net_run(net);
        assert_row(net_is_done(&call), row->name);
        assert_row(net_is_at(&call.remote_addr, row->dialled, port), row->name);
        assert_row(accepts->accepted_from.port == from_port, row->name);
        assert_row(net_is_at(&accepts->accepted_at, row->dialled, port), row->name);
        assert_row(iq_socket_addr_equal(&call.local_addr, &accepts->accepted_from), row->name);
        if (row->seen_from != NULL) {
            assert_row(net_is_at(&accepts->accepted_from, row->seen_from, from_port), row->name);
        }
    }
}

/* One endpoint, several of its addresses at the same time. */
static void test_several_at_once(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, NULL);
    const struct net_node *dials = net_bind(net, NULL);
    const uint16_t port = net_port(accepts, IQ_IPV4);
    struct net_call calls[10] = {0};
    char ips[10][16];

    for (size_t i = 0; i < 10; i++) {
        struct iq_addr to;

        (void)snprintf(ips[i], sizeof(ips[i]), "127.0.0.%u", (unsigned)i + 1);
        to = net_addr(accepts, ips[i]);
        calls[i].len = 50000;
        net_dial(&calls[i], dials, &to);
    }
    net_run(net);
    for (size_t i = 0; i < 10; i++) {
        assert_true(net_is_done(&calls[i]));
        assert_true(net_is_at(&calls[i].remote_addr, ips[i], port));
    }
}

static struct {
    const char *local_ip;
    uint16_t local_port, remote_port;
    unsigned count;
} incoming_expected;

static void on_incoming(struct iq_incoming *incoming, void *data)
{
    static const struct iq_protocol_handler handler = {.on_stream_ready = net_echo_stream};
    static const struct iq_route routes[] = {{.alpn = NET_ALPN, .handler = &handler}, {0}};

    assert_true(net_is_at(iq_incoming_local_addr(incoming), incoming_expected.local_ip,
                          incoming_expected.local_port));
    assert_true(
        net_is_at(iq_incoming_remote_addr(incoming), "127.0.0.5", incoming_expected.remote_port));
    assert_false(iq_incoming_is_validated(incoming));
    incoming_expected.count++;
    assert_int_equal(iq_incoming_accept(incoming, routes), 0);
}

/* The acceptor sees which address it was. */
static void test_incoming(void **state)
{
    static const struct iq_acceptor acceptor = {.on_incoming = on_incoming};
    static const char *const binds[] = {"0.0.0.0:0", "127.0.0.7:0"};
    struct net *net = *state;

    for (size_t i = 0; i < 2; i++) {
        struct net_node *accepts = net_bind(net, binds[i]);
        const struct net_node *dials = net_bind(net, "127.0.0.5:0");
        const struct iq_addr to = net_addr(accepts, "127.0.0.7");
        struct net_call call = {.len = 13};

        incoming_expected.local_ip = "127.0.0.7";
        incoming_expected.local_port = net_port(accepts, IQ_IPV4);
        incoming_expected.remote_port = net_port(dials, IQ_IPV4);
        incoming_expected.count = 0;
        iq_endpoint_listen(accepts->endpoint, &acceptor, NULL);
        net_dial(&call, dials, &to);
        net_run(net);
        assert_true(net_is_done(&call));
        assert_int_equal(incoming_expected.count, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_answers_from_there, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_several_at_once, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_incoming, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
