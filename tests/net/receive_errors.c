/* What recvmsg() and recvmmsg() may say beside the usual: errors, datagrams cut off, and nothing
 * about them; and systems that cannot do all that ours can. */
#include "net.h"

#include <netinet/udp.h>

#include "faults.h"

#define CALLS 20

static int set_up(void **state)
{
    faults_clear();
    return net_set_up(state);
}

static const struct error_row {
    const char *name;
    struct faults fault;
} error_rows[] = {
    {"EAGAIN", {.error = EAGAIN}},
    {"ENOBUFS", {.error = ENOBUFS}},
    {"ENOMEM", {.error = ENOMEM}},
    {"EMSGSIZE", {.error = EMSGSIZE}},
    {"EPERM", {.error = EPERM}},
    {"ENETUNREACH", {.error = ENETUNREACH}},
    {"EHOSTUNREACH", {.error = EHOSTUNREACH}},
    {"EINTR", {.error = EINTR}},
    {"ECONNREFUSED", {.error = ECONNREFUSED}},
    {"EIO", {.error = EIO}},
    {"EINVAL", {.error = EINVAL}},
    {"cut off", {.is_truncated = true}},
};

#define ERROR_COUNT (sizeof(error_rows) / sizeof(error_rows[0]))

static void fail_everywhere(struct net *net, bool accepts_has_it)
{
    static struct net_call calls[ERROR_COUNT][CALLS];
    char name[64];

    memset(calls, 0, sizeof(calls));
    for (size_t i = 0; i < ERROR_COUNT * CALLS; i++) {
        struct faults fault = error_rows[i / CALLS].fault;

        fault.receives = true;
        fault.first = (unsigned)(i % CALLS) + faults_first_call();
        calls[i / CALLS][i % CALLS].len = 100000 + (uint64_t)60000 * (faults_first_call() - 1);
        dial_with_fault(net, &calls[i / CALLS][i % CALLS], accepts_has_it, &fault);
    }
    net_run(net);
    faults_assert_met();
    for (size_t i = 0; i < ERROR_COUNT * CALLS; i++) {
        (void)snprintf(name, sizeof(name), "%s at call %zu", error_rows[i / CALLS].name,
                       i % CALLS + faults_first_call());
        assert_row(net_is_done(&calls[i / CALLS][i % CALLS]), name);
    }
}

static bool is_gro(int level, int option) { return level == IPPROTO_UDP && option == UDP_GRO; }

/* Later calls need a system that hands over one datagram at a time. */
static void make_calls_many(void)
{
    if (faults_first_call() > 1) {
        options.refuses = is_gro;
        options.no_batches = ENOSYS;
    }
}

static void test_dialling_side(void **state)
{
    make_calls_many();
    fail_everywhere(*state, false);
}

static void test_accepting_side(void **state)
{
    make_calls_many();
    fail_everywhere(*state, true);
}

/* EPERM is what a sandbox says that forbids recvmmsg(): there one at a time is read from then on.
 */
static void test_batches(void **state)
{
    options.refuses = is_gro;
    fail_everywhere(*state, false);
    fail_everywhere(*state, true);
    assert_int_not_equal(options.batch_count, 0);
}

/* Nothing is said about the datagrams */

static void say_nothing(struct msghdr *msg) { msg->msg_controllen = 0; }

static void say_too_little(struct msghdr *msg)
{
    msg->msg_controllen = 0;
    msg->msg_flags |= MSG_CTRUNC;
}

/* As if the kernel had joined datagrams of this length, which it has not. */
static void add_segments_of(struct msghdr *msg, int len)
{
    struct cmsghdr *header = (struct cmsghdr *)((uint8_t *)msg->msg_control + msg->msg_controllen);

    header->cmsg_level = IPPROTO_UDP;
    header->cmsg_type = UDP_GRO;
    header->cmsg_len = CMSG_LEN(sizeof(len));
    memcpy(CMSG_DATA(header), &len, sizeof(len));
    msg->msg_controllen += CMSG_SPACE(sizeof(len));
}

static void add_segments_of_zero(struct msghdr *msg) { add_segments_of(msg, 0); }
static void add_segments_of_less(struct msghdr *msg) { add_segments_of(msg, -1); }
static void add_segments_of_more(struct msghdr *msg) { add_segments_of(msg, 1 << 30); }

static void hide_packet_info(struct msghdr *msg)
{
    struct cmsghdr *header;

    for (header = CMSG_FIRSTHDR(msg); header != NULL; header = CMSG_NXTHDR(msg, header)) {
        if (header->cmsg_level == IPPROTO_IP && header->cmsg_type == IP_PKTINFO) {
            header->cmsg_type = -1;
        }
    }
}

static const struct change_row {
    const char *name;
    const char *bind;
    void (*change)(struct msghdr *msg);
    bool dialling_too;
} change_rows[] = {
    {"no packet info", "127.0.0.1:0", hide_packet_info, true},
    {"no packet info, bound to all", "0.0.0.0:0", hide_packet_info, false},
    {"segments of 0", "127.0.0.1:0", add_segments_of_zero, true},
    {"segments of -1", "127.0.0.1:0", add_segments_of_less, true},
    {"segments of more than there is", "127.0.0.1:0", add_segments_of_more, true},
};

/* An endpoint that is bound to all addresses and hears nothing of them answers from where the
 * system likes; here that is right by luck. */
static void test_changed(void **state)
{
    struct net *net = *state;
    struct net_call calls[sizeof(change_rows) / sizeof(change_rows[0])] = {0};

    options.refuses = is_gro;
    for (size_t i = 0; i < sizeof(change_rows) / sizeof(change_rows[0]); i++) {
        struct net_node *accepts = net_listen(net, change_rows[i].bind);
        const struct net_node *dials = net_bind(net, "127.0.0.1:0");
        const struct iq_addr to = net_addr(accepts, "127.0.0.1");

        faults[accepts->fds[0]].change = change_rows[i].change;
        faults[dials->fds[0]].change = change_rows[i].dialling_too ? change_rows[i].change : NULL;
        calls[i].len = 300000;
        net_dial(&calls[i], dials, &to);
    }
    net_run(net);
    for (size_t i = 0; i < sizeof(change_rows) / sizeof(change_rows[0]); i++) {
        assert_row(net_is_done(&calls[i]), change_rows[i].name);
    }
}

/* Nothing at all is said, by a system that joins no datagrams. */
static void test_silent(void **state)
{
    static void (*const changes[])(struct msghdr *) = {say_nothing, say_too_little};
    struct net *net = *state;

    options.refuses = is_gro;
    for (size_t i = 0; i < 2; i++) {
        struct net_node *accepts = net_listen(net, "127.0.0.1:0");
        const struct net_node *dials = net_bind(net, "127.0.0.1:0");
        const struct iq_addr to = net_addr(accepts, "127.0.0.1");
        struct net_call call = {.len = 300000};

        faults[accepts->fds[0]].change = faults[dials->fds[0]].change = changes[i];
        net_dial(&call, dials, &to);
        net_run(net);
        assert_true(net_is_done(&call));
    }
}

/* Systems that cannot do all that ours can: the next best is done, and once it is known no more is
 * tried. */

static bool is_segment(int level, int option)
{
    return level == IPPROTO_UDP && option == UDP_SEGMENT;
}

static bool is_either(int level, int option)
{
    return is_gro(level, option) || is_segment(level, option);
}

static const struct system_row {
    const char *name;
    bool (*refuses)(int level, int option);
    int no_batches;
} system_rows[] = {
    {"all", NULL, 0},
    {"no GRO", is_gro, 0},
    {"no GRO, no recvmmsg", is_gro, ENOSYS},
    {"no GRO, recvmmsg forbidden", is_gro, EPERM},
    {"no GSO", is_segment, 0},
    {"no GRO, no GSO", is_either, 0},
    {"nothing", is_either, ENOSYS},
};

static void echo_on(struct net *net, const struct system_row *row)
{
    struct net_call call = {.len = 1000000};
    struct net_node *accepts;
    const struct net_node *dials;
    struct iq_addr to;

    faults_clear();
    options.refuses = row->refuses;
    options.no_batches = row->no_batches;
    accepts = net_listen(net, "127.0.0.1:0");
    dials = net_bind(net, "127.0.0.1:0");
    to = net_addr(accepts, "127.0.0.1");
    net_dial(&call, dials, &to);
    net_run(net);
    assert_row(net_is_done(&call), row->name);
}

static void test_systems(void **state)
{
    for (size_t i = 0; i < sizeof(system_rows) / sizeof(system_rows[0]); i++) {
        const struct system_row *row = &system_rows[i];
        const bool gro = row->refuses == NULL || !row->refuses(IPPROTO_UDP, UDP_GRO);

        echo_on(*state, row);
        assert_row((options.refused_count > 0) == (row->refuses != NULL), row->name);
        if (gro) {
            assert_row(options.batch_count == 0 && options.single_count > 0, row->name);
        } else if (row->no_batches == 0) {
            assert_row(options.batch_count > 0 && options.single_count == 0, row->name);
        } else {
            assert_row(options.batch_count == 2, row->name); /* each socket has tried once */
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_dialling_side, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_accepting_side, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_batches, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_systems, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_changed, set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_silent, set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
