/* Endpoints that ask the system about changes of its network, or do without. */
#include "network_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#include "net.h"

static struct {
    unsigned asked;
    bool refuses;
} netlink;

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __real_socket(int domain, int type, int protocol);
int __wrap_socket(int domain, int type, int protocol);

int __wrap_socket(int domain, int type, int protocol)
{
    if (domain == AF_NETLINK && protocol == NETLINK_ROUTE) {
        netlink.asked++;
        if (netlink.refuses) {
            errno = EAFNOSUPPORT;
            return -1;
        }
    }
    return __real_socket(domain, type, protocol);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static int set_up(void **state)
{
    memset(&netlink, 0, sizeof(netlink));
    return net_set_up(state);
}

/* A call between two endpoints that are bound there. */
static void call(struct net *net, const char *bind)
{
    struct net_node *accepts = net_listen(net, bind);
    const struct net_node *dials = net_bind(net, bind);
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call call = {.len = 100000};

    iq_endpoint_network_changed(accepts->endpoint); /* with nothing to do */
    net_dial(&call, dials, &to);
    iq_endpoint_network_changed(dials->endpoint);
    net_run(net);
    assert_true(net_is_done(&call));
}

static void test_asked_once(void **state)
{
    call(*state, NULL);
    assert_int_equal(netlink.asked, 2); /* once for each endpoint */
}

static void test_forbidden(void **state)
{
    netlink.refuses = true;
    call(*state, NULL);
    assert_int_equal(netlink.asked, 2);
}

/* One that could not move anyway. */
static void test_not_asked(void **state)
{
    call(*state, "127.0.0.1:0");
    assert_int_equal(netlink.asked, 0);
}

/* All that waits is read at once, and then nothing waits. */
static void test_read(void **state)
{
    const int fd = iq_network_watch_open();
    struct sockaddr_nl self;
    socklen_t len = sizeof(self);
    int i;

    assert_true(fd >= 0);
    assert_false(iq_network_watch_read(fd));
    assert_int_equal(getsockname(fd, (struct sockaddr *)&self, &len), 0);
    self.nl_groups = 0;
    for (i = 0; i < 3; i++) {
        const struct nlmsghdr message = {.nlmsg_len = sizeof(message), .nlmsg_type = NLMSG_NOOP};

        assert_int_equal(
            sendto(fd, &message, sizeof(message), 0, (const struct sockaddr *)&self, sizeof(self)),
            sizeof(message));
    }
    assert_true(iq_network_watch_read(fd));
    assert_false(iq_network_watch_read(fd));
    iq_network_watch_close(fd);
    iq_network_watch_close(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_asked_once, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_forbidden, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_not_asked, set_up, net_tear_down),
        cmocka_unit_test(test_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
