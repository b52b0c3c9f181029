/*
 * A clock that trembles: what the library is told lies up to two milliseconds behind, never twice
 * as much.  A timer of libev, which has its own idea of now, then comes too early, and must not be
 * the last.
 */
#include "net.h"

#include <time.h>
#include <unistd.h>

#define LAG_MAX_NS 2000000

static unsigned asked_count;

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __real_clock_gettime(clockid_t clock, struct timespec *now);
int __wrap_clock_gettime(clockid_t clock, struct timespec *now);

int __wrap_clock_gettime(clockid_t clock, struct timespec *now)
{
    const int rc = __real_clock_gettime(clock, now);
    const long lag_ns = (long)(asked_count++ * 7919 % 1000) * (LAG_MAX_NS / 1000);

    now->tv_nsec -= lag_ns;
    if (now->tv_nsec < 0) {
        now->tv_nsec += 1000000000;
        now->tv_sec--;
    }
    return rc;
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* Nobody answers, so that there is nothing but timers; and nobody else wakes the loop. */
static void test_time_out(void **state)
{
    static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:0"},
                                                     .connect_timeout_ms = 30};
    struct net *net = *state;
    struct iq_secret_key key;
    struct iq_addr to = {.count = 1};
    char text[IQ_SOCKET_ADDR_STR_SIZE];
    int fd;

    iq_secret_key_generate(&key);
    to.id = *iq_secret_key_id(&key);
    (void)snprintf(text, sizeof(text), "127.0.0.1:%u", (unsigned)net_plain_socket(&fd));
    assert_int_equal(iq_socket_addr_parse(&to.socket_addrs[0], text), 0);
    for (int i = 0; i < 20; i++) {
        struct net_call call = {0};

        net_dial(&call, net_bind_config(net, &config), &to);
        net_run(net);
        assert_int_equal(call.closed_count, 1);
        assert_int_equal(call.how, IQ_CLOSED_TIMED_OUT);
    }
    close(fd);
    assert_true(asked_count > 0);
}

static void test_echo(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call call = {.len = 1000000};

    net_dial(&call, dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_time_out, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_echo, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
