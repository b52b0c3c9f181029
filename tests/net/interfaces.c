/*
 * Stories that need to know every interface.  They run in a network namespace, which is made by
 * in_namespace; its name is the program's argument.
 */
#include "net.h"

#include <linux/capability.h>
#include <net/if.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static bool lists(const struct iq_addr *addr, const char *ip, uint16_t port)
{
    for (size_t i = 0; i < addr->count; i++) {
        if (net_is_at(&addr->socket_addrs[i], ip, port)) {
            return true;
        }
    }
    return false;
}

/* Only loopback */

static void test_loopback_if_there_is_nothing_else(void **state)
{
    struct net *net = *state;
    const struct net_node *node = net_bind(net, NULL);
    const struct iq_addr *addr = iq_endpoint_addr(node->endpoint);

    assert_int_equal(addr->count, 2);
    assert_true(lists(addr, "127.0.0.1", net_port(node, IQ_IPV4)));
    assert_true(lists(addr, "[::1]", net_port(node, IQ_IPV6)));
    assert_true(iq_id_equal(&addr->id, iq_endpoint_id(node->endpoint)));
    net_close_all(net);
    net_run(net);
}

static void test_no_route(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, NULL);
    struct iq_endpoint *dials = net_bind(net, NULL)->endpoint;
    struct iq_addr to = net_addr(accepts, "127.0.0.1");
    static const char *const nowhere[] = {"192.0.2.1:4433", "[2001:db8:1::1]:4433",
                                          "[fe80::1%99]:4433"};

    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        assert_int_equal(iq_socket_addr_parse(&to.socket_addrs[0], nowhere[i]), 0);
        assert_int_equal(iq_endpoint_connect(dials, &to, NET_ALPN, &net_call_handler, NULL),
                         IQ_ERR_UNREACHABLE);
    }
    net_close_all(net);
    net_run(net);
}

/* Interfaces */

static void test_interfaces_without_loopback(void **state)
{
    struct net *net = *state;
    const struct net_node *node = net_bind(net, NULL);
    const struct iq_addr *addr = iq_endpoint_addr(node->endpoint);

    /* Neither the one that is down nor those that mean nothing elsewhere. */
    assert_int_equal(addr->count, 3);
    assert_true(lists(addr, "198.51.100.7", net_port(node, IQ_IPV4)));
    assert_true(lists(addr, "[2001:db8::7]", net_port(node, IQ_IPV6)));
    assert_true(lists(addr, "[2001:db8::8]", net_port(node, IQ_IPV6)));
    assert_true(iq_id_equal(&addr->id, iq_endpoint_id(node->endpoint)));
    net_close_all(net);
    net_run(net);
}

static void test_one_family(void **state)
{
    struct net *net = *state;
    const struct net_node *v4 = net_bind(net, "0.0.0.0:0"), *v6 = net_bind(net, "[::]:0");
    const struct net_node *one = net_bind(net, "127.0.0.1:0");
    const struct iq_addr *addr = iq_endpoint_addr(v4->endpoint);

    assert_int_equal(addr->count, 1);
    assert_true(lists(addr, "198.51.100.7", net_port(v4, IQ_IPV4)));
    addr = iq_endpoint_addr(v6->endpoint);
    assert_int_equal(addr->count, 2);
    assert_true(lists(addr, "[2001:db8::8]", net_port(v6, IQ_IPV6)));
    addr = iq_endpoint_addr(one->endpoint);
    assert_int_equal(addr->count, 1);
    assert_true(lists(addr, "127.0.0.1", net_port(one, IQ_IPV4)));
    net_close_all(net);
    net_run(net);
}

static void test_answers_from_the_dialled_address(void **state)
{
    static const char *const ips[] = {"[::1]",     "[2001:db8::7]", "[2001:db8::8]",
                                      "127.0.0.1", "198.51.100.7",  "127.0.0.44"};
    static const char *const binds[] = {NULL, "[2001:db8::7]:0", "[2001:db8::8]:0"};
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, NULL);
    struct net_call calls[3][6] = {0};

    for (size_t i = 0; i < 3; i++) {
        const struct net_node *dials = net_bind(net, binds[i]);

        for (size_t j = 0; j < (i == 0 ? 6 : 3); j++) {
            const struct iq_addr to = net_addr(accepts, ips[j]);

            calls[i][j].len = 20000;
            net_dial(&calls[i][j], dials, &to);
        }
    }
    net_run(net);
    for (size_t i = 0; i < 3; i++) {
        for (size_t j = 0; j < (i == 0 ? 6 : 3); j++) {
            const enum iq_ip_version version = ips[j][0] == '[' ? IQ_IPV6 : IQ_IPV4;

            assert_row(net_is_done(&calls[i][j]), ips[j]);
            assert_row(calls[i][j].remote_addr.ip_version == version, ips[j]);
            assert_row(calls[i][j].remote_addr.scope_id == 0, ips[j]);
        }
    }
}

/* RFC 4007: such an address needs its interface. */
static void test_link_local(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, NULL);
    const struct net_node *dials = net_bind(net, NULL);
    struct net_call call = {.len = 20000};
    char ip[IQ_SOCKET_ADDR_STR_SIZE];
    struct iq_addr to;

    (void)snprintf(ip, sizeof(ip), "[fe80::7%%%u]", if_nametoindex("up0"));
    to = net_addr(accepts, ip);
    net_dial(&call, dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
    assert_true(iq_socket_addr_equal(&call.remote_addr, &to.socket_addrs[0]));
    assert_int_equal(accepts->accepted_from.scope_id, if_nametoindex("up0"));
}

/* A port below 1024 wants a capability, which a child gives up. */
static void test_privileged_port(void **state)
{
    struct net *net = *state;
    const pid_t child = fork();
    int status;

    assert_true(child >= 0);
    if (child == 0) {
        static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:1"}};
        struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
        struct __user_cap_data_struct none[2] = {0};
        struct iq_endpoint *endpoint;

        if (syscall(SYS_capset, &header, none) != 0) {
            _exit(2);
        }
        _exit(iq_endpoint_bind(&endpoint, net->loop, &config) == IQ_ERR_PERMISSION ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* A path that carries little: discovery finds out, and nothing gets stuck. */
static void test_small_mtu(void **state)
{
    static const char *const ips[] = {"127.0.0.1", "[::1]"};
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, NULL);
    const struct net_node *dials = net_bind(net, NULL);
    struct net_call calls[2] = {{.len = 1000000}, {.len = 1000000}};

    for (size_t i = 0; i < 2; i++) {
        const struct iq_addr to = net_addr(accepts, ips[i]);

        net_dial(&calls[i], dials, &to);
    }
    net_run(net);
    assert_true(net_is_done(&calls[0]));
    assert_true(net_is_done(&calls[1]));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest loopback[] = {
        cmocka_unit_test_setup_teardown(test_loopback_if_there_is_nothing_else, net_set_up,
                                        net_tear_down),
        cmocka_unit_test_setup_teardown(test_no_route, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_privileged_port, net_set_up, net_tear_down),
    };
    const struct CMUnitTest interfaces[] = {
        cmocka_unit_test_setup_teardown(test_interfaces_without_loopback, net_set_up,
                                        net_tear_down),
        cmocka_unit_test_setup_teardown(test_one_family, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_answers_from_the_dialled_address, net_set_up,
                                        net_tear_down),
        cmocka_unit_test_setup_teardown(test_link_local, net_set_up, net_tear_down),
    };
    const struct CMUnitTest small_mtu[] = {
        cmocka_unit_test_setup_teardown(test_small_mtu, net_set_up, net_tear_down),
    };
    const char *name = argc == 2 ? argv[1] : "";

    if (strcmp(name, "loopback") == 0) {
        return cmocka_run_group_tests(loopback, NULL, NULL);
    }
    if (strcmp(name, "interfaces") == 0) {
        return cmocka_run_group_tests(interfaces, NULL, NULL);
    }
    if (strcmp(name, "small_mtu") == 0) {
        return cmocka_run_group_tests(small_mtu, NULL, NULL);
    }
    print_error("run it with in_namespace\n");
    return 2;
}
