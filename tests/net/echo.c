/* The round trip over real sockets: which addresses, how much, and how many at once. */
#include "net.h"

#define MANY 50

static const struct family_row {
    const char *name;
    const char *accepts_at;
    const char *dials_from;
    const char *dialled;
} family_rows[] = {
    {"IPv4", "127.0.0.1:0", "127.0.0.1:0", "127.0.0.1"},
    {"IPv4 to all addresses", "0.0.0.0:0", "127.0.0.1:0", "127.0.0.1"},
    {"IPv4 from all addresses", "127.0.0.1:0", "0.0.0.0:0", "127.0.0.1"},
    {"IPv4 by default", NULL, NULL, "127.0.0.1"},
    {"IPv6", "[::1]:0", "[::1]:0", "[::1]"},
    {"IPv6 to all addresses", "[::]:0", "[::1]:0", "[::1]"},
    {"IPv6 from all addresses", "[::1]:0", "[::]:0", "[::1]"},
    {"IPv6 by default", NULL, NULL, "[::1]"},
};

static void test_families(void **state)
{
    struct net *net = *state;

    for (size_t i = 0; i < sizeof(family_rows) / sizeof(family_rows[0]); i++) {
        const struct family_row *row = &family_rows[i];
        struct net_call call = {.len = 1000};
        struct net_node *accepts, *dials;
        struct iq_addr to;

        if (row->dialled[0] == '[' && !net_has_ipv6()) {
            print_message("no IPv6 here: left out: %s\n", row->name);
            continue;
        }
        accepts = net_listen(net, row->accepts_at);
        dials = net_bind(net, row->dials_from);
        to = net_addr(accepts, row->dialled);
        net_dial(&call, dials, &to);
        net_run(net);
        assert_row(net_is_done(&call), row->name);
        assert_row(iq_socket_addr_equal(&call.remote_addr, &to.socket_addrs[0]), row->name);
        assert_row(accepts->accepted_count == 1 && accepts->hung_up_count == 1, row->name);
    }
}

static void test_both_families_of_one_endpoint(void **state)
{
    static const struct iq_endpoint_config both = {.bind = {"127.0.0.1:0", "[::1]:0"}};
    struct net *net = *state;
    struct net_node *accepts, *dials;
    struct net_call calls[2] = {{.len = 5000}, {.len = 5000}};
    struct iq_addr to;

    if (!net_has_ipv6()) {
        skip();
    }
    accepts = net_bind_config(net, &both);
    net_echo(accepts);
    dials = net_bind_config(net, &both);
    assert_int_equal(iq_endpoint_addr(accepts->endpoint)->count, 2);
    to = net_addr(accepts, "127.0.0.1");
    net_dial(&calls[0], dials, &to);
    to = net_addr(accepts, "[::1]");
    net_dial(&calls[1], dials, &to);
    net_run(net);
    assert_true(net_is_done(&calls[0]) && net_is_done(&calls[1]));
    assert_int_equal(calls[0].remote_addr.ip_version, IQ_IPV4);
    assert_int_equal(calls[1].remote_addr.ip_version, IQ_IPV6);
}

/* What iq_endpoint_addr() says can be dialled as it is. */
static void test_the_address_that_it_tells(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, NULL);
    const struct net_node *dials = net_bind(net, NULL);
    struct net_call call = {.len = 13};

    net_dial(&call, dials, iq_endpoint_addr(accepts->endpoint));
    net_run(net);
    assert_true(net_is_done(&call));
}

static void test_lengths(void **state)
{
    static const uint64_t lens[] = {0, 1, 13, 4096, 4097, 65536, 1000000, 20000000};
    struct net *net = *state;

    for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
        struct net_node *accepts = net_listen(net, "127.0.0.1:0");
        const struct net_node *dials = net_bind(net, "127.0.0.1:0");
        const struct iq_addr to = net_addr(accepts, "127.0.0.1");
        struct net_call call = {.len = lens[i]};

        net_dial(&call, dials, &to);
        net_run(net);
        assert_true(net_is_done(&call));
        assert_int_equal(call.received, lens[i]);
    }
}

static void test_many_at_once(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call calls[MANY] = {0};

    for (size_t i = 0; i < MANY; i++) {
        calls[i].len = 1000 * i;
        net_dial(&calls[i], dials, &to);
    }
    net_run(net);
    for (size_t i = 0; i < MANY; i++) {
        assert_true(net_is_done(&calls[i]));
    }
    assert_int_equal(accepts->accepted_count, MANY);
    assert_int_equal(accepts->hung_up_count, MANY);
}

static void test_many_endpoints(void **state)
{
    struct net *net = *state;
    struct net_node *nodes[8];
    struct net_call calls[8][8] = {0};

    for (size_t i = 0; i < 8; i++) {
        nodes[i] = net_listen(net, "127.0.0.1:0");
    }
    for (size_t i = 0; i < 64; i++) { /* everybody calls everybody else */
        const struct iq_addr to = net_addr(nodes[i % 8], "127.0.0.1");

        if (i / 8 != i % 8) {
            calls[i / 8][i % 8].len = 2000;
            net_dial(&calls[i / 8][i % 8], nodes[i / 8], &to);
        }
    }
    net_run(net);
    for (size_t i = 0; i < 64; i++) {
        assert_true(i / 8 == i % 8 || net_is_done(&calls[i / 8][i % 8]));
        assert_int_equal(nodes[i / 8]->accepted_count, 7);
    }
}

static void test_both_ways(void **state)
{
    struct net *net = *state;
    struct net_node *one = net_listen(net, "127.0.0.1:0");
    struct net_node *other = net_listen(net, "127.0.0.1:0");
    const struct iq_addr to_one = net_addr(one, "127.0.0.1");
    const struct iq_addr to_other = net_addr(other, "127.0.0.1");
    struct net_call there = {.len = 300000}, back = {.len = 300000};

    net_dial(&there, one, &to_other);
    net_dial(&back, other, &to_one);
    net_run(net);
    assert_true(net_is_done(&there) && net_is_done(&back));
    assert_int_equal(one->accepted_count, 1);
    assert_int_equal(other->accepted_count, 1);
}

/* An endpoint that polls before it sleeps also comes to its end. */
static void test_busy_poll(void **state)
{
    static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:0"}, .busy_poll_us = 2000};
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind_config(net, &config);
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call call = {.len = 300000};

    net_dial(&call, dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_families, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_both_families_of_one_endpoint, net_set_up,
                                        net_tear_down),
        cmocka_unit_test_setup_teardown(test_the_address_that_it_tells, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_lengths, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_many_at_once, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_many_endpoints, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_both_ways, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_busy_poll, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
