/* A router on real sockets: which handler gets a connection, and how all of them end. */
#include "net.h"

/* What a handler with a shared state has heard. */
struct guests {
    struct net *net;
    unsigned accepted, closed, shutdowns;
    enum iq_close_how how;
    uint64_t code;
    char reason[64];
};

static void note_accept(struct iq_conn *conn)
{
    struct guests *guests = iq_conn_data(conn);

    guests->accepted++;
}

static void note_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct guests *guests = iq_conn_data(conn);

    guests->closed++;
    guests->how = why->how;
    guests->code = why->code;
    (void)snprintf(guests->reason, sizeof(guests->reason), "%s", why->text);
}

static void close_with_42(struct iq_conn *conn)
{
    struct guests *guests = iq_conn_data(conn);

    guests->shutdowns++;
    iq_conn_close(conn, 42, "shutdown");
}

static const struct iq_protocol_handler echo_handler = {
    .on_accept = note_accept, .on_stream_ready = net_echo_stream, .on_closed = note_closed};

static const struct iq_protocol_handler polite_handler = {.on_accept = note_accept,
                                                          .on_stream_ready = net_echo_stream,
                                                          .on_shutdown = close_with_42,
                                                          .on_closed = note_closed};

/* A router with two routes whose names begin alike, and one that comes twice. */
static struct net_node *listen_on_three(struct net *net, struct guests guests[3])
{
    struct net_node *node = net_bind(net, "127.0.0.1:0");
    const struct iq_route routes[] = {{.alpn = "a", .handler = &echo_handler, .data = &guests[0]},
                                      {.alpn = "ab", .handler = &echo_handler, .data = &guests[1]},
                                      {.alpn = "a", .handler = &echo_handler, .data = &guests[2]},
                                      {0}};
    struct iq_router *router;

    assert_int_equal(iq_router_spawn(&router, node->endpoint, routes), 0);
    return node;
}

static const struct alpn_row {
    const char *name;
    const char *alpn;
    int route; /* -1: none */
} alpn_rows[] = {
    {"short, of which the first counts", "a", 0},
    {"long", "ab", 1},
    {"longer than all", "abc", -1},
    {"upper case", "A", -1},
    {"the end of one", "b", -1},
    {"blank behind", "a ", -1},
    {"two in one", "a,ab", -1},
};

#define ALPN_ROW_COUNT (sizeof(alpn_rows) / sizeof(alpn_rows[0]))

static void assert_alpn_row(const struct alpn_row *row, const struct guests guests[3],
                            const struct net_call *call)
{
    for (int route = 0; route < 3; route++) {
        assert_row(guests[route].accepted == (route == row->route ? 1 : 0), row->name);
        assert_row(guests[route].closed == guests[route].accepted, row->name);
    }
    if (row->route >= 0) {
        assert_row(net_is_done(call), row->name);
        assert_row(guests[row->route].how == IQ_CLOSED_BY_PEER, row->name);
        assert_row(strcmp(guests[row->route].reason, "bye!") == 0, row->name);
    } else {
        assert_row(call->connected_count == 0 && call->closed_count == 1, row->name);
        assert_row(call->how == IQ_CLOSED_ABORTED_BY_PEER, row->name);
        assert_row(call->code == IQ_CODE_NO_ALPN, row->name);
    }
}

static void test_exact_match(void **state)
{
    struct net *net = *state;
    struct guests guests[ALPN_ROW_COUNT][3] = {0};
    struct net_call calls[ALPN_ROW_COUNT] = {0};

    for (size_t i = 0; i < ALPN_ROW_COUNT; i++) {
        struct net_node *accepts = listen_on_three(net, guests[i]);
        const struct net_node *dials = net_bind(net, "127.0.0.1:0");
        const struct iq_addr to = net_addr(accepts, "127.0.0.1");

        calls[i].len = 13;
        net_dial_alpn(&calls[i], dials, &to, alpn_rows[i].alpn);
    }
    net_run(net);
    for (size_t i = 0; i < ALPN_ROW_COUNT; i++) {
        assert_alpn_row(&alpn_rows[i], guests[i], &calls[i]);
    }
}

/* An endpoint has one router, and that one goes on. */
static void test_second_router(void **state)
{
    static const struct iq_route none[] = {{0}};
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct iq_router *const untouched = (void *)net;
    struct iq_router *router = untouched;
    struct net_call call = {.len = 13};

    assert_int_equal(iq_router_spawn(&router, accepts->endpoint, none), IQ_ERR_TAKEN);
    assert_ptr_equal(router, untouched);
    net_dial(&call, dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
}

static void ignore_all(struct iq_incoming *incoming, void *data) { iq_incoming_ignore(incoming); }

/* One that decides itself has to step aside first. */
static void test_router_after_an_acceptor(void **state)
{
    static const struct iq_acceptor acceptor = {.on_incoming = ignore_all};
    static const struct iq_route none[] = {{0}};
    struct net *net = *state;
    struct net_node *accepts = net_bind(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call call = {.len = 13};
    struct iq_router *router;

    assert_null(iq_endpoint_acceptor(accepts->endpoint));
    iq_endpoint_listen(accepts->endpoint, &acceptor, NULL);
    assert_ptr_equal(iq_endpoint_acceptor(accepts->endpoint), &acceptor);
    assert_int_equal(iq_router_spawn(&router, accepts->endpoint, none), IQ_ERR_TAKEN);
    iq_endpoint_listen(accepts->endpoint, NULL, NULL);
    net_echo(accepts);
    net_dial(&call, dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
}

static void test_no_routes(void **state)
{
    static const struct iq_route none[] = {{0}};
    struct net *net = *state;
    struct net_node *accepts = net_bind(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call call = {.len = 13};
    struct iq_router *router;

    assert_int_equal(iq_router_spawn(&router, accepts->endpoint, none), 0);
    net_dial(&call, dials, &to);
    net_run(net);
    assert_int_equal(call.how, IQ_CLOSED_ABORTED_BY_PEER);
    assert_int_equal(call.code, IQ_CODE_NO_ALPN);
}

/* Shared by the connections of a route, until one gets a pointer of its own. */
static void test_shared_data(void **state)
{
    struct net *net = *state;
    struct guests guests[3] = {0};
    struct net_node *accepts = listen_on_three(net, guests);
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call calls[6] = {0};

    for (size_t i = 0; i < 6; i++) {
        calls[i].len = 13;
        net_dial_alpn(&calls[i], net_bind(net, "127.0.0.1:0"), &to, i < 4 ? "a" : "ab");
    }
    net_run(net);
    assert_int_equal(guests[0].accepted, 4);
    assert_int_equal(guests[0].closed, 4);
    assert_int_equal(guests[1].accepted, 2);
    assert_int_equal(guests[1].closed, 2);
    assert_int_equal(guests[2].accepted, 0);
}

/* After an error the endpoint is still the caller's, and as good as before. */
static void test_bad_alpn(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_bind(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    struct iq_router *const untouched = (void *)net;
    struct iq_router *router = untouched;
    char long_alpn[257];
    const char *const bad[] = {"", long_alpn};
    struct net_call call = {.len = 13};
    struct iq_addr to;

    memset(long_alpn, 'a', 256);
    long_alpn[256] = '\0';
    for (size_t i = 0; i < 2; i++) {
        const struct iq_route routes[] = {
            {.alpn = "good", .handler = &echo_handler}, {.alpn = bad[i]}, {0}};

        assert_int_equal(iq_router_spawn(&router, accepts->endpoint, routes), IQ_ERR_INVALID_ALPN);
        assert_ptr_equal(router, untouched);
    }
    net_echo(accepts);
    to = net_addr(accepts, "127.0.0.1");
    net_dial(&call, dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
}

/* Shutting down */

struct party {
    struct net *net;
    struct iq_router *router;
    unsigned talking, expected; /* calls that have had their echo, and that are to */
    unsigned down_count;
};

static void on_down(void *arg)
{
    struct party *party = arg;

    party->down_count++;
    net_closed(party->net);
}

static void shut_down(struct party *party)
{
    assert_int_equal(iq_router_shutdown(party->router, on_down, party), 0);
    assert_int_equal(iq_router_shutdown(party->router, on_down, party), IQ_ERR_CLOSED);
    assert_int_equal(iq_router_shutdown(party->router, NULL, NULL), IQ_ERR_CLOSED);
}

/* A call has had its echo, and waits to be hung up on; the last one ends the party. */
static void talked(struct net_call *call, void *arg)
{
    struct party *party = arg;

    if (++party->talking == party->expected) {
        shut_down(party);
    }
}

static struct net_node *spawn_party(struct party *party, const struct iq_protocol_handler *handler,
                                    struct guests *guests)
{
    struct net_node *node = net_bind(party->net, "127.0.0.1:0");
    const struct iq_route routes[] = {{.alpn = NET_ALPN, .handler = handler, .data = guests}, {0}};

    assert_int_equal(iq_router_spawn(&party->router, node->endpoint, routes), 0);
    return node;
}

static void have_party(struct party *party, const struct iq_protocol_handler *handler,
                       struct guests *guests, struct net_call *calls, unsigned count)
{
    struct net_node *accepts = spawn_party(party, handler, guests);
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");

    net_leave_alone(accepts);
    party->expected = count;
    for (unsigned i = 0; i < count; i++) {
        const struct net_node *dials = net_bind(party->net, "127.0.0.1:0");

        calls[i] = (struct net_call){.len = 13, .stays = true, .echoed = talked, .arg = party};
        net_dial(&calls[i], dials, &to);
    }
    net_run(party->net);
    assert_int_equal(party->down_count, 1);
}

static void test_shutdown_asks_the_handlers(void **state)
{
    struct party party = {.net = *state};
    struct guests guests = {0};
    struct net_call calls[5];

    have_party(&party, &polite_handler, &guests, calls, 5);
    assert_int_equal(guests.accepted, 5);
    assert_int_equal(guests.shutdowns, 5);
    assert_int_equal(guests.closed, 5);
    assert_int_equal(guests.how, IQ_CLOSED_BY_US);
    assert_int_equal(guests.code, 42);
    assert_string_equal(guests.reason, "shutdown");
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(calls[i].closed_count, 1);
        assert_int_equal(calls[i].how, IQ_CLOSED_BY_PEER);
        assert_int_equal(calls[i].code, 42);
        assert_string_equal(calls[i].reason, "shutdown");
    }
}

static void test_shutdown_without_asking(void **state)
{
    struct party party = {.net = *state};
    struct guests guests = {0};
    struct net_call call;

    have_party(&party, &echo_handler, &guests, &call, 1);
    assert_int_equal(call.closed_count, 1);
    assert_int_equal(call.how, IQ_CLOSED_BY_PEER);
    assert_int_equal(call.code, 0);
    assert_string_equal(call.reason, "");
    assert_int_equal(guests.closed, 1);
    assert_int_equal(guests.how, IQ_CLOSED_BY_US);
}

static void test_shutdown_of_an_idle_router(void **state)
{
    struct party party = {.net = *state};
    struct net_node *node = spawn_party(&party, &echo_handler, NULL);

    net_leave_alone(node);
    shut_down(&party);
    assert_int_equal(party.down_count, 0); /* never inside the call */
    net_run(party.net);
    assert_int_equal(party.down_count, 1);
}

/* Both ways to close may come together: each callback is heard once. */
static void test_endpoint_closed_first(void **state)
{
    struct party party = {.net = *state};
    struct net_node *node = spawn_party(&party, &echo_handler, NULL);

    net_close(node);
    assert_int_equal(iq_router_shutdown(party.router, on_down, &party), 0);
    assert_int_equal(iq_router_shutdown(party.router, on_down, &party), IQ_ERR_CLOSED);
    ev_run(party.net->loop, 0);
    assert_int_equal(party.down_count, 1);
    assert_int_equal(party.net->closed_count, 2);
    party.net->closed_count = 1;
}

/* Handlers */

static void close_endpoint_of(struct iq_stream *stream)
{
    struct iq_conn *conn = iq_stream_conn(stream);
    const struct guests *guests = iq_conn_data(conn);

    if (iq_stream_peek(stream).len > 0) {
        assert_int_equal(iq_endpoint_close(iq_conn_endpoint(conn), net_closed, guests->net), 0);
        iq_stream_consume(stream, iq_stream_peek(stream).len);
    }
}

static void test_endpoint_closed_by_a_handler(void **state)
{
    static const struct iq_protocol_handler handler = {
        .on_accept = note_accept, .on_stream_ready = close_endpoint_of, .on_closed = note_closed};
    struct party party = {.net = *state};
    struct guests guests = {.net = *state};
    struct net_node *accepts = spawn_party(&party, &handler, &guests);
    const struct net_node *dials = net_bind(party.net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call call = {.len = 13};

    net_leave_alone(accepts);
    net_dial(&call, dials, &to);
    net_run(party.net); /* the router is gone with its endpoint, or else memory would be left */
    assert_int_equal(guests.accepted, 1);
    assert_int_equal(guests.closed, 1);
    assert_int_equal(call.connected_count, 1);
    assert_int_equal(call.closed_count, 1);
    assert_int_equal(call.how, IQ_CLOSED_BY_PEER);
    assert_int_equal(call.code, 0);
}

static void close_at_once(struct iq_conn *conn)
{
    note_accept(conn);
    iq_conn_close(conn, 7, "not you");
}

/* A handler that throws its guests out, beside one whose guests stay. */
static void test_handlers_are_independent(void **state)
{
    static const struct iq_protocol_handler rude = {.on_accept = close_at_once,
                                                    .on_closed = note_closed};
    struct net *net = *state;
    struct net_node *accepts = net_bind(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    struct guests stay = {0}, leave = {0};
    const struct iq_route routes[] = {{.alpn = "leave", .handler = &rude, .data = &leave},
                                      {.alpn = "stay", .handler = &echo_handler, .data = &stay},
                                      {0}};
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct net_call staying[4] = {0}, leaving[20] = {0};
    struct iq_router *router;

    assert_int_equal(iq_router_spawn(&router, accepts->endpoint, routes), 0);
    for (size_t i = 0; i < 4; i++) {
        staying[i].len = 300000;
        net_dial_alpn(&staying[i], dials, &to, "stay");
    }
    for (size_t i = 0; i < 20; i++) {
        leaving[i].len = 300000;
        net_dial_alpn(&leaving[i], dials, &to, "leave");
    }
    net_run(net);
    for (size_t i = 0; i < 4; i++) {
        assert_true(net_is_done(&staying[i]));
    }
    for (size_t i = 0; i < 20; i++) {
        assert_int_equal(leaving[i].closed_count, 1);
        assert_int_equal(leaving[i].how, IQ_CLOSED_BY_PEER);
        assert_int_equal(leaving[i].code, 7);
        assert_string_equal(leaving[i].reason, "not you");
    }
    assert_int_equal(stay.closed, 4);
    assert_int_equal(leave.closed, 20);
    assert_int_equal(leave.how, IQ_CLOSED_BY_US);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_exact_match, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_second_router, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_router_after_an_acceptor, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_no_routes, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_shared_data, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_bad_alpn, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_shutdown_asks_the_handlers, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_shutdown_without_asking, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_shutdown_of_an_idle_router, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_endpoint_closed_first, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_endpoint_closed_by_a_handler, net_set_up,
                                        net_tear_down),
        cmocka_unit_test_setup_teardown(test_handlers_are_independent, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
