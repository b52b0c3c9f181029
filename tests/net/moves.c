/*
 * The network changes in the middle of a transfer, on a real system: addresses and routes go, links
 * carry less, a NAT changes its mind.  Nobody tells the endpoints.
 *
 * The dialling endpoint lives here, the other one there (place.h).
 */
#include <netinet/in.h>
#include <sys/socket.h>

#include "place.h"

#define TRANSFER_LEN 4000000

/* A transfer, and what is done in the middle of it */

struct transfer {
    struct net_call call;
    struct net_node *accepts, *dials;
    ev_prepare looks;
    const char *commands; /* run here when a quarter is back; NULL: nothing */
    bool there;           /* or run there */
    const char *moves_to; /* the call hangs up when it is seen to come from there; NULL: at once */
};

static void stop_looking(struct ev_loop *loop, ev_prepare *looks)
{
    ev_ref(loop);
    ev_prepare_stop(loop, looks);
}

static void look_for_quarter(struct ev_loop *loop, struct transfer *transfer)
{
    if (transfer->call.received < TRANSFER_LEN / 4) {
        return;
    }
    assert_true(transfer->call.received < TRANSFER_LEN);
    place_enter(transfer->there ? place.there : place.here);
    place_run(transfer->commands);
    place_enter(place.here);
    transfer->commands = NULL;
    if (transfer->moves_to == NULL) {
        stop_looking(loop, &transfer->looks);
    }
}

static void look_for_move(struct ev_loop *loop, struct transfer *transfer)
{
    const enum iq_ip_version version = transfer->moves_to[0] == '[' ? IQ_IPV6 : IQ_IPV4;

    if (transfer->call.is_equal &&
        net_is_at(iq_conn_remote_addr(transfer->accepts->conn), transfer->moves_to,
                  net_port(transfer->dials, version))) {
        stop_looking(loop, &transfer->looks);
        iq_conn_close(transfer->call.conn, 0, "bye!");
    }
}

static void look(struct ev_loop *loop, ev_prepare *looks, int events)
{
    struct transfer *transfer = looks->data;

    if (transfer->commands != NULL) {
        look_for_quarter(loop, transfer);
    } else {
        look_for_move(loop, transfer);
    }
}

/* Does not keep the loop running. */
static void look_on(struct net *net, struct transfer *transfer)
{
    ev_prepare_init(&transfer->looks, look);
    transfer->looks.data = transfer;
    ev_prepare_start(net->loop, &transfer->looks);
    ev_unref(net->loop);
}

static void begin(struct net *net, struct transfer *transfer, const char *bind)
{
    place_enter(place.there);
    transfer->accepts = net_listen(net, NULL);
    place_enter(place.here);
    transfer->dials = net_bind(net, bind);
}

/* To `ip`, which is there.  Everything must come back. */
static void finish(struct net *net, struct transfer *transfer, const char *ip, const char *name)
{
    const struct iq_addr to = net_addr(transfer->accepts, ip);

    transfer->call.len = TRANSFER_LEN;
    transfer->call.stays = transfer->moves_to != NULL;
    net_dial(&transfer->call, transfer->dials, &to);
    if (transfer->commands != NULL) {
        look_on(net, transfer);
    }
    net_run(net);
    assert_row(net_is_done(&transfer->call), name);
}

/* The way goes, and there is another one.  RFC 9000, section 9 */

static void move(struct net *net, const char *ip, const char *commands, const char *from,
                 const char *to)
{
    const enum iq_ip_version version = ip[0] == '[' ? IQ_IPV6 : IQ_IPV4;
    struct transfer transfer = {.commands = commands, .moves_to = to};
    uint16_t port;

    begin(net, &transfer, NULL);
    port = net_port(transfer.dials, version);
    finish(net, &transfer, ip, commands);
    assert_row(net_is_at(&transfer.accepts->accepted_from, from, port), commands);
    assert_row(net_is_at(&transfer.accepts->hung_up_from, to, port), commands);
}

static void move_v4(struct net *net, const char *commands)
{
    move(net, "192.0.2.9", commands, "198.51.100.1", "203.0.113.1");
}

static void move_v6(struct net *net, const char *commands)
{
    move(net, "[2001:db8:9::9]", commands, "[2001:db8:100::1]", "[2001:db8:101::1]");
}

static void test_link_goes_v4(void **state) { move_v4(*state, "ip link set near0 down"); }
static void test_link_goes_v6(void **state) { move_v6(*state, "ip link set near0 down"); }

static void test_addr_goes_v4(void **state)
{
    move_v4(*state, "ip addr del 198.51.100.1/24 dev near0");
}

static void test_addr_goes_v6(void **state)
{
    move_v6(*state, "ip -6 addr del 2001:db8:100::1/64 dev near0;"
                    "ip -6 route del 2001:db8:9::9 metric 10");
}

/* The old address stays, and works. */
static void test_route_goes_v4(void **state)
{
    move_v4(*state, "ip route del 192.0.2.9 metric 10");
}

static void test_route_goes_v6(void **state)
{
    move_v6(*state, "ip -6 route del 2001:db8:9::9 metric 10");
}

/* An endpoint on one address has no other. */
static void test_stays(void **state)
{
    struct net *net = *state;
    struct transfer transfer = {.commands = "ip route del 192.0.2.9 metric 10"};
    uint16_t port;

    begin(net, &transfer, "198.51.100.1:0");
    port = net_port(transfer.dials, IQ_IPV4);
    finish(net, &transfer, "192.0.2.9", "stays");
    assert_true(net_is_at(&transfer.accepts->hung_up_from, "198.51.100.1", port));
}

/* Links that carry less.  RFC 9000, section 14 */

static void narrow(struct net *net, const char *ip, const char *commands, bool there)
{
    struct transfer transfer = {.commands = commands, .there = there};

    begin(net, &transfer, NULL);
    finish(net, &transfer, ip, commands);
}

/* The system here refuses what is too long: EMSGSIZE. */
static void test_narrows_here_v4(void **state)
{
    narrow(*state, "192.0.2.9", "ip link set near0 mtu 1280", false);
}

static void test_narrows_here_v6(void **state)
{
    narrow(*state, "[2001:db8:9::9]", "ip link set near0 mtu 1280", false);
}

/* What is too long is lost without a word. */
static void test_narrows_there_v4(void **state)
{
    narrow(*state, "192.0.2.9", "ip link set far0 mtu 1280", true);
}

static void test_narrows_there_v6(void **state)
{
    narrow(*state, "[2001:db8:9::9]", "ip link set far0 mtu 1280", true);
}

static int option_of(int fd, int level, int option)
{
    int value = -1;
    socklen_t len = sizeof(value);

    assert_int_equal(getsockopt(fd, level, option, &value, &len), 0);
    return value;
}

/* Nothing is fragmented, and what the system has heard of the path does not matter either. */
static void test_no_fragments(void **state)
{
    struct net *net = *state;
    const struct net_node *v4 = net_bind(net, "0.0.0.0:0"), *v6 = net_bind(net, "[::]:0");

    assert_int_equal(option_of(v4->fds[0], IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
    assert_int_equal(option_of(v6->fds[0], IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_PROBE);
    net_close_all(net);
    net_run(net);
}

/* A NAT */

#define NAT_RULES                                                                                  \
    "nft -f - <<EOF\n"                                                                             \
    "table ip nat\n"                                                                               \
    "flush table ip nat\n"                                                                         \
    "table ip nat {\n"                                                                             \
    " chain out { type filter hook postrouting priority 0;\n"                                      \
    "  ip daddr 192.0.2.9 udp sport %u ip saddr set %s udp sport set %u; }\n"                      \
    " chain in { type filter hook prerouting priority -300;\n"                                     \
    "  ip saddr 192.0.2.9 udp dport %u ip daddr set 198.51.100.1 udp dport set %u; }\n"            \
    "}\nEOF\n"

static void translate(struct net *net, const char *to_ip)
{
    struct transfer transfer = {0};
    char first[1024], then[1024];
    uint16_t port;

    place_need_nft();
    place_run("ip addr add 198.51.100.77/24 dev near0");
    begin(net, &transfer, NULL);
    port = net_port(transfer.dials, IQ_IPV4);
    (void)snprintf(first, sizeof(first), NAT_RULES, port, "198.51.100.1", 5555, 5555, port);
    (void)snprintf(then, sizeof(then), NAT_RULES, port, to_ip, 6666, 6666, port);
    place_run(first);
    transfer.commands = then;
    finish(net, &transfer, "192.0.2.9", to_ip);
    assert_true(net_is_at(&transfer.accepts->accepted_from, "198.51.100.1", 5555));
    assert_true(net_is_at(&transfer.accepts->hung_up_from, to_ip, 6666));
}

static void test_nat_changes_port(void **state) { translate(*state, "198.51.100.1"); }
static void test_nat_changes_both(void **state) { translate(*state, "198.51.100.77"); }

/* ECN.  RFC 9000, section 13.4: only what has ECT(0) gets through, both ways; the last packets,
 * that say goodbye, have none. */

#define ECN_RULES                                                                                  \
    "nft -f - <<EOF\n"                                                                             \
    "table inet marks {\n"                                                                         \
    " chain out { type filter hook output priority 0;\n"                                           \
    "  meta l4proto udp ip ecn != ect0 drop\n"                                                     \
    "  meta l4proto udp ip6 ecn != ect0 drop; }\n"                                                 \
    "}\nEOF\n"

static void mark(struct net *net, const char *ip)
{
    struct transfer transfer = {0};

    place_need_nft();
    place_run(ECN_RULES);
    place_enter(place.there);
    place_run(ECN_RULES);
    begin(net, &transfer, NULL);
    finish(net, &transfer, ip, ip);
}

static void test_marked_v4(void **state) { mark(*state, "192.0.2.9"); }
static void test_marked_v6(void **state) { mark(*state, "[2001:db8:9::9]"); }

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest moves[] = {
        TEST(test_link_goes_v4), TEST(test_link_goes_v6),  TEST(test_addr_goes_v4),
        TEST(test_addr_goes_v6), TEST(test_route_goes_v4), TEST(test_route_goes_v6),
        TEST(test_stays),
    };
    const struct CMUnitTest narrows[] = {
        TEST(test_narrows_here_v4),  TEST(test_narrows_here_v6), TEST(test_narrows_there_v4),
        TEST(test_narrows_there_v6), TEST(test_no_fragments),
    };
    const struct CMUnitTest translated[] = {
        TEST(test_nat_changes_port),
        TEST(test_nat_changes_both),
    };
    const struct CMUnitTest marked[] = {TEST(test_marked_v4), TEST(test_marked_v6)};
    const char *name = argc == 2 ? argv[1] : "";

    if (strcmp(name, "moves") == 0) {
        return cmocka_run_group_tests(moves, NULL, NULL);
    }
    if (strcmp(name, "narrows") == 0) {
        return cmocka_run_group_tests(narrows, NULL, NULL);
    }
    if (strcmp(name, "translated") == 0) {
        return cmocka_run_group_tests(translated, NULL, NULL);
    }
    if (strcmp(name, "marked") == 0) {
        return cmocka_run_group_tests(marked, NULL, NULL);
    }
    print_error("run it with in_namespace\n");
    return 2;
}
