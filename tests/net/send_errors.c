/* The system refuses to send: for once, for a while, or some things always.  The echo comes back.
 */
#include "net.h"

#include <netinet/udp.h>

#include "faults.h"

#define CALLS 20

static const struct error_row {
    const char *name;
    int error;
} error_rows[] = {
    {"EAGAIN", EAGAIN}, {"ENOBUFS", ENOBUFS},           {"EMSGSIZE", EMSGSIZE},
    {"EPERM", EPERM},   {"ENETUNREACH", ENETUNREACH},   {"EHOSTUNREACH", EHOSTUNREACH},
    {"EINTR", EINTR},   {"ECONNREFUSED", ECONNREFUSED}, {"EIO", EIO},
    {"EINVAL", EINVAL},
};

#define ERROR_COUNT (sizeof(error_rows) / sizeof(error_rows[0]))

static int set_up(void **state)
{
    faults_clear();
    return net_set_up(state);
}

#define WAYS    2 /* the dialling and the accepting side */
#define AT_ONCE 5 /* errors */

/* Some errors at every one of the first calls of either side, `count` times, all at once. */
static void fail_everywhere(struct net *net, const struct error_row rows[AT_ONCE], unsigned count)
{
    static struct net_call calls[AT_ONCE][CALLS][WAYS];
    const size_t all = sizeof(calls) / sizeof(calls[0][0][0]);
    char name[64];

    memset(calls, 0, sizeof(calls));
    for (size_t i = 0; i < all; i++) {
        struct net_call *call = &calls[i / WAYS / CALLS][i / WAYS % CALLS][i % WAYS];
        const unsigned first = (unsigned)(i / WAYS % CALLS) + faults_first_call();
        const struct faults fault = {
            .error = rows[i / WAYS / CALLS].error, .first = first, .last = first + count - 1};

        call->len = 200000 + (uint64_t)90000 * (faults_first_call() - 1);
        dial_with_fault(net, call, i % WAYS == 1, &fault);
    }
    net_run(net);
    faults_assert_met();
    for (size_t i = 0; i < all; i++) {
        (void)snprintf(name, sizeof(name), "%s at call %zu of side %zu",
                       rows[i / WAYS / CALLS].name, i / WAYS % CALLS + faults_first_call(),
                       i % WAYS);
        assert_row(net_is_done(&calls[i / WAYS / CALLS][i / WAYS % CALLS][i % WAYS]), name);
    }
}

static void test_once(void **state)
{
    fail_everywhere(*state, error_rows, 1);
    fail_everywhere(*state, error_rows + AT_ONCE, 1);
}

static void test_twice(void **state)
{
    fail_everywhere(*state, error_rows, 2);
    fail_everywhere(*state, error_rows + AT_ONCE, 2);
}

static const struct always_row {
    const char *name;
    struct faults fault;
} always_rows[] = {
    {"no segmentation, EIO", {.error = EIO, .no_segments = true}},
    {"no segmentation, EINVAL", {.error = EINVAL, .no_segments = true}},
    {"no more than 1200 bytes", {.error = EMSGSIZE, .len_max = 1200}},
    {"no more than 1300 bytes", {.error = EMSGSIZE, .len_max = 1300}},
};

static void test_some_things_always(void **state)
{
    struct net *net = *state;
    struct net_call calls[sizeof(always_rows) / sizeof(always_rows[0])][2] = {0};

    for (size_t i = 0; i < sizeof(always_rows) / sizeof(always_rows[0]); i++) {
        for (int side = 0; side < 2; side++) {
            calls[i][side].len = 1000000;
            dial_with_fault(net, &calls[i][side], side == 1, &always_rows[i].fault);
        }
    }
    net_run(net);
    for (size_t i = 0; i < sizeof(always_rows) / sizeof(always_rows[0]); i++) {
        assert_row(net_is_done(&calls[i][0]) && net_is_done(&calls[i][1]), always_rows[i].name);
    }
}

/* In the middle of a long conversation there is no room for a while.  What has no buffers gets
 * lost, and each further time it is sent again later. */
static void test_often_full(void **state)
{
    struct net *net = *state;
    struct net_call calls[2] = {{.len = 3000000}, {.len = 3000000}};
    const struct faults full = {.error = EAGAIN, .first = 30, .last = 60};
    const struct faults no_buffers = {.error = ENOBUFS, .first = 30, .last = 34};

    dial_with_fault(net, &calls[0], false, &full);
    dial_with_fault(net, &calls[1], true, &no_buffers);
    net_run(net);
    assert_true(net_is_done(&calls[0]) && net_is_done(&calls[1]));
}

/* Whether the system can say this for ever.  A socket that would block is not writable, so that
 * nobody tries; and there is no end to EINTR. */
static bool can_stay(int error) { return error != EAGAIN && error != EINTR; }

/* Nothing can ever be sent: the dial ends with its time, once, and does not keep the machine busy:
 * a socket that has no buffers may say all the time that it is writable. */
static void test_never(void **state)
{
    static const struct iq_connect_options options_200ms = {.timeout_ms = 200};
    struct net *net = *state;
    struct net_call calls[ERROR_COUNT] = {0};
    int fds[ERROR_COUNT];
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");

    for (size_t i = 0; i < ERROR_COUNT; i++) {
        const struct net_node *dials = net_bind(net, "127.0.0.1:0");
        const int error = can_stay(error_rows[i].error) ? error_rows[i].error : EPERM;

        fds[i] = dials->fds[0];
        faults[fds[i]] = (struct faults){.error = error, .first = 1, .last = (unsigned)-1};
        calls[i].net = net;
        net->calls_open++;
        assert_int_equal(iq_endpoint_connect_with(dials->endpoint, &to, NET_ALPN, &net_call_handler,
                                                  &calls[i], &options_200ms),
                         0);
    }
    net_run(net);
    for (size_t i = 0; i < ERROR_COUNT; i++) {
        assert_row(calls[i].closed_count == 1, error_rows[i].name);
        assert_row(calls[i].how == IQ_CLOSED_TIMED_OUT, error_rows[i].name);
        assert_row(faults[fds[i]].sent < 500, error_rows[i].name);
    }
}

/* An endpoint that can no longer send can still be closed, with all that waits. */
static void close_while_full(struct net_call *call, void *arg)
{
    const struct net_node *dials = arg;

    faults[dials->fds[0]] = (struct faults){.error = EAGAIN, .first = 1, .last = 30};
}

static void test_close_while_full(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call call = {.len = 13, .echoed = close_while_full, .arg = dials};

    net_dial(&call, dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
    assert_int_equal(accepts->hung_up_count, 1);
}

/* What a system may not know */

static bool is_offload(int level, int option)
{
    return level == IPPROTO_UDP && (option == UDP_SEGMENT || option == UDP_GRO);
}

static bool is_segment(int level, int option)
{
    return level == IPPROTO_UDP && option == UDP_SEGMENT;
}

static bool is_gro(int level, int option) { return level == IPPROTO_UDP && option == UDP_GRO; }

static bool only_helps(int level, int option)
{
    return is_offload(level, option) || level == SOL_SOCKET ||
           (level == IPPROTO_IP && (option == IP_RECVTOS || option == IP_MTU_DISCOVER)) ||
           (level == IPPROTO_IPV6 && option == IPV6_MTU_DISCOVER);
}

static void test_refused_options(void **state)
{
    static bool (*const refusals[])(int, int) = {is_offload, is_segment, is_gro, only_helps};
    struct net *net = *state;

    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        struct net_call call = {.len = 1000000};
        struct net_node *accepts;
        const struct net_node *dials;
        struct iq_addr to;

        options.refuses = refusals[i];
        accepts = net_listen(net, i % 2 == 0 ? "127.0.0.1:0" : NULL);
        dials = net_bind(net, "127.0.0.1:0");
        to = net_addr(accepts, "127.0.0.1");
        net_dial(&call, dials, &to);
        net_run(net);
        assert_true(net_is_done(&call));
        assert_true(options.refused_count > 0);
    }
}

/* Without it answers could leave from a wrong address. */
static bool is_packet_info(int level, int option)
{
    return level == IPPROTO_IP && option == IP_PKTINFO;
}

static void test_needed_option(void **state)
{
    struct net *net = *state;
    struct iq_endpoint *endpoint;

    options.refuses = is_packet_info;
    assert_int_equal(iq_endpoint_bind(&endpoint, net->loop, NULL), IQ_ERR_SYSTEM);
    assert_int_equal(net_open_fds(), net->fds_before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_once, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_twice, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_some_things_always, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_often_full, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_never, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_close_while_full, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_refused_options, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_needed_option, set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
