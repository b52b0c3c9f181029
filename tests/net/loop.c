/*
 * The loop and the files: endpoints work on any loop, from any callback of it, use one socket for
 * everything, and leave nothing open.
 */
#include "net.h"

#include <unistd.h>

static unsigned closed_count;

static void count_closed(void *arg)
{
    closed_count++;
    assert_ptr_equal(arg, &closed_count);
}

static void test_close_before_the_loop_runs(void **state)
{
    struct net *net = *state;
    struct iq_endpoint *endpoint;

    for (int with_callback = 0; with_callback < 2; with_callback++) {
        closed_count = 0;
        assert_int_equal(iq_endpoint_bind(&endpoint, net->loop, NULL), 0);
        assert_int_equal(
            iq_endpoint_close(endpoint, with_callback ? count_closed : NULL, &closed_count), 0);
        assert_int_equal(iq_endpoint_close(endpoint, count_closed, NULL), IQ_ERR_CLOSED);
        assert_int_equal(closed_count, 0);
        ev_run(net->loop, 0);
        assert_int_equal(closed_count, with_callback);
        assert_int_equal(net_open_fds(), net->fds_before);
        ev_run(net->loop, 0); /* nothing is active any more */
    }
}

/* An endpoint that waits keeps its loop running, until somebody closes it. */
static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    assert_int_equal(iq_endpoint_close(timer->data, count_closed, &closed_count), 0);
}

static void test_close_from_a_timer(void **state)
{
    struct net *net = *state;
    struct iq_endpoint *endpoint;
    ev_timer timer;

    closed_count = 0;
    assert_int_equal(iq_endpoint_bind(&endpoint, net->loop, NULL), 0);
    ev_timer_init(&timer, on_timer, 0.02, 0.0);
    timer.data = endpoint;
    ev_timer_start(net->loop, &timer);
    ev_run(net->loop, 0);
    assert_int_equal(closed_count, 1);
}

/* Everything from a timer: to bind, to dial, and in the end to be closed. */
static struct net_call timer_call;

static void dial_from_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct net *net = timer->data;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");

    net_dial(&timer_call, net_bind(net, "127.0.0.1:0"), &to);
}

static void test_dial_from_a_timer(void **state)
{
    struct net *net = *state;
    ev_timer timer;

    timer_call = (struct net_call){.len = 13};
    ev_timer_init(&timer, dial_from_timer, 0.02, 0.0);
    timer.data = net;
    ev_timer_start(net->loop, &timer);
    net_run(net);
    assert_true(net_is_done(&timer_call));
}

/* An endpoint that has waited long hears a call at once: the peer's time-out is short. */
static void test_dial_while_the_loop_runs(void **state)
{
    static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:0"}};
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind_config(net, &config);
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call call = {.len = 13};

    net_turn(net);
    net_dial(&call, dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
}

static void test_default_loop(void **state)
{
    struct net net;
    struct net_node *accepts;
    struct net_call call = {.len = 13};
    struct iq_addr to;

    net_start(&net, ev_default_loop(0));
    accepts = net_listen(&net, "127.0.0.1:0");
    to = net_addr(accepts, "127.0.0.1");
    net_dial(&call, net_bind(&net, "127.0.0.1:0"), &to);
    net_run(&net);
    assert_true(net_is_done(&call));
    assert_int_equal(net_open_fds(), net.fds_before);
    free(net.nodes[0]);
    free(net.nodes[1]);
}

/* Two loops of one thread, each with one of the ends. */
static void test_two_loops(void **state)
{
    struct net *net = *state;
    struct net other;
    struct net_node *accepts;
    struct net_call call = {.len = 100000};
    struct iq_addr to;

    net_start(&other, ev_loop_new(EVFLAG_AUTO));
    accepts = net_listen(&other, "127.0.0.1:0");
    to = net_addr(accepts, "127.0.0.1");
    net_dial(&call, net_bind(net, "127.0.0.1:0"), &to);
    while (net->closed_count == 0) {
        ev_run(net->loop, EVRUN_NOWAIT);
        ev_run(other.loop, EVRUN_NOWAIT);
    }
    net_close_all(&other);
    net_run(&other);
    net_run(net);
    assert_true(net_is_done(&call));
    ev_loop_destroy(other.loop);
    free(accepts);
}

/* What a closed callback may do: begin again. */
struct chain {
    struct net *net;
    struct net_node *node;
    unsigned left;
};

static void bind_again(void *arg)
{
    struct chain *chain = arg;

    net_closed(chain->net);
    if (chain->left-- > 0) {
        chain->node = net_bind(chain->net, "127.0.0.1:0");
        assert_int_equal(iq_endpoint_close(chain->node->endpoint, bind_again, chain), 0);
        net_leave_alone(chain->node);
    }
}

static void test_bind_when_closed(void **state)
{
    struct chain chain = {.net = *state, .left = 100};

    chain.node = net_bind(chain.net, "127.0.0.1:0");
    assert_int_equal(iq_endpoint_close(chain.node->endpoint, bind_again, &chain), 0);
    net_leave_alone(chain.node);
    net_run(chain.net);
    assert_int_equal(chain.net->node_count, 101);
}

/* One connection after the other, from the end of the one before, all through one socket. */
struct row {
    struct net *net;
    struct net_node *accepts, *dials;
    unsigned left, done;
    size_t fds;
    uint16_t from;
};

static void dial_next(struct net_call *call, void *arg)
{
    struct row *row = arg;
    const struct iq_addr to = net_addr(row->accepts, "127.0.0.1");

    assert_true(net_is_done(call));
    if (row->done % 64 == 0) {
        assert_int_equal(net_open_fds(), row->fds);
        assert_int_equal(row->accepts->accepted_from.port, row->from);
    }
    row->done++;
    if (--row->left > 0) {
        *call = (struct net_call){.len = 13, .closed = dial_next, .arg = row};
        net_dial(call, row->dials, &to);
    }
}

static void test_one_after_the_other(void **state)
{
    struct net *net = *state;
    struct row row = {.net = net, .left = net_connects(500)};
    const unsigned count = row.left;
    struct net_call call = {.len = 13, .closed = dial_next, .arg = &row};
    struct iq_addr to;

    row.accepts = net_listen(net, "127.0.0.1:0");
    row.dials = net_bind(net, "127.0.0.1:0");
    row.fds = net_open_fds();
    row.from = net_port(row.dials, IQ_IPV4);
    to = net_addr(row.accepts, "127.0.0.1");
    net_dial(&call, row.dials, &to);
    net_run(net);
    assert_int_equal(row.done, count);
    assert_int_equal(row.accepts->accepted_count, count);
    assert_int_equal(row.accepts->hung_up_count, count);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_close_before_the_loop_runs, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_close_from_a_timer, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_dial_from_a_timer, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_dial_while_the_loop_runs, net_set_up, net_tear_down),
        cmocka_unit_test(test_default_loop),
        cmocka_unit_test_setup_teardown(test_two_loops, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_bind_when_closed, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_one_after_the_other, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
