/*
 * A network that is against us, on a real system (place.h): packets are lost, answered with ICMP,
 * or carried for one version of IP only.
 *
 * The rules count bytes and packets and know no time: a story waits for nothing but its own end.
 */
#include "place.h"

#define TRANSFER_LEN UINT64_C(1000000)
#define CLOSED_PORT  4433 /* nobody else is in the namespace */

static const char *const addrs[] = {"192.0.2.9", "[2001:db8:9::9]"};

/* Installs `rules`, a chain or more in a table of its own, in that namespace. */
static void rule(int namespace, const char *rules)
{
    char commands[2048];

    assert_true((size_t)snprintf(commands, sizeof(commands),
                                 "nft -f - <<EOF\n"
                                 "table inet rules\n"
                                 "delete table inet rules\n"
                                 "table inet rules {\n counter hits {}\n%s}\nEOF\n",
                                 rules) < sizeof(commands));
    place_enter(namespace);
    place_run(commands);
    place_enter(place.here);
}

/* How many packets the rules there counted. */
static unsigned long hits(int namespace)
{
    static const char command[] =
        "nft list counter inet rules hits | sed -n 's/.*packets \\([0-9]*\\).*/\\1/p'";
    char line[64] = "";
    FILE *output;

    place_enter(namespace);
    output = popen(command, "r"); /* NOLINT(cert-env33-c): the command is ours */
    assert_non_null(output);
    assert_non_null(fgets(line, sizeof(line), output));
    assert_int_equal(pclose(output), 0);
    place_enter(place.here);
    return strtoul(line, NULL, 10);
}

static struct net_node *bind_in(struct net *net, int namespace,
                                const struct iq_endpoint_config *more)
{
    struct iq_endpoint_config config = more == NULL ? (struct iq_endpoint_config){0} : *more;
    struct net_node *node;

    /* So long that losing the same packet again and again fails no story. */
    config.connect_timeout_ms = config.accept_timeout_ms = 90000;
    place_enter(namespace);
    node = net_bind_config(net, &config);
    place_enter(place.here);
    return node;
}

/* One endpoint there, that echoes, and one here. */
struct pair {
    struct net_node *accepts, *dials;
};

static struct pair bind_pair(struct net *net)
{
    const struct pair pair = {.accepts = bind_in(net, place.there, NULL),
                              .dials = bind_in(net, place.here, NULL)};

    net_echo(pair.accepts);
    return pair;
}

/* A tenth of the packets is lost, each way */

struct lossy_call {
    struct net_call call;
    struct iq_conn_stats stats;
};

static void keep_stats(struct net_call *call, void *arg)
{
    struct lossy_call *lossy = arg;

    iq_conn_stats(call->conn, &lossy->stats);
}

static void lose(struct net *net, const char *ip)
{
    static const char rules[] = " chain in { type filter hook input priority 0;\n"
                                "  meta l4proto udp numgen random mod 100 < 10"
                                " counter name hits drop; }\n";
    struct lossy_call lossy = {.call = {.len = TRANSFER_LEN, .echoed = keep_stats}};
    struct pair pair;
    struct iq_addr to;

    place_need_nft();
    rule(place.here, rules);
    rule(place.there, rules);
    pair = bind_pair(net);
    to = net_addr(pair.accepts, ip);
    lossy.call.arg = &lossy;
    net_dial(&lossy.call, pair.dials, &to);
    net_run(net);
    assert_true(net_is_done(&lossy.call));
    assert_true(hits(place.here) > 0 && hits(place.there) > 0);
    /* What is lost is sent again, and not everything twice. */
    assert_true(lossy.stats.bytes_sent < 2 * TRANSFER_LEN);
    assert_true(lossy.stats.datagrams_sent < 4 * TRANSFER_LEN / 1200);
}

static void test_lossy_v4(void **state) { lose(*state, addrs[0]); }
static void test_lossy_v6(void **state) { lose(*state, addrs[1]); }

/* ICMP says that there is nobody.  RFC 9000, section 14.2.1, and RFC 8085, section 5.2: it may be a
 * lie, and ends nothing. */

/* Accepts 200,000 bytes to the port, answers the next 3,000 with ICMP, and lets the rest pass. More
 * might outlast the connection: when a few packets are lost in a row, few are sent. */
static void reject_for_a_while(int namespace, uint16_t port, const char *kind)
{
    char rules[1024];

    (void)snprintf(rules, sizeof(rules),
                   " chain in { type filter hook input priority 0;\n"
                   "  udp dport %u quota until 200000 bytes accept\n"
                   "  udp dport %u quota until 3000 bytes counter name hits"
                   " reject with icmpx %s; }\n",
                   (unsigned)port, (unsigned)port, kind);
    rule(namespace, rules);
}

struct two_calls {
    struct net_call first, second;
    const struct pair *pair;
    struct iq_addr to;
};

static void dial_second(struct net_call *call, void *arg)
{
    struct two_calls *calls = arg;

    net_dial(&calls->second, calls->pair->dials, &calls->to);
}

/* The connection goes on, and so do both endpoints. */
static void reject(struct net *net, const char *ip, const char *kind)
{
    const enum iq_ip_version version = ip[0] == '[' ? IQ_IPV6 : IQ_IPV4;
    const struct pair pair = bind_pair(net);
    struct two_calls calls = {.first = {.len = TRANSFER_LEN, .closed = dial_second},
                              .second = {.len = 1000},
                              .pair = &pair,
                              .to = net_addr(pair.accepts, ip)};

    calls.first.arg = &calls;
    reject_for_a_while(place.there, net_port(pair.accepts, version), kind);
    reject_for_a_while(place.here, net_port(pair.dials, version), kind);
    net_dial(&calls.first, pair.dials, &calls.to);
    net_run(net);
    assert_row(net_is_done(&calls.first), kind);
    assert_row(net_is_done(&calls.second), kind);
    assert_row(hits(place.here) > 0 && hits(place.there) > 0, kind);
}

static void reject_all_kinds(struct net *net, const char *ip)
{
    static const char *const kinds[] = {"port-unreachable", "host-unreachable", "no-route",
                                        "admin-prohibited"};

    place_need_nft();
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        reject(net, ip, kinds[i]);
    }
}

static void test_rejected_v4(void **state) { reject_all_kinds(*state, addrs[0]); }
static void test_rejected_v6(void **state) { reject_all_kinds(*state, addrs[1]); }

/* The port is closed when it is dialled, and opened when the system has said so. */
struct opening {
    struct net *net;
    const struct iq_endpoint_config *config;
    ev_prepare looks;
};

static void open_when_told(struct ev_loop *loop, ev_prepare *looks, int events)
{
    struct opening *opening = looks->data;

    if (hits(place.here) > 0) {
        ev_ref(loop);
        ev_prepare_stop(loop, looks);
        net_echo(bind_in(opening->net, place.there, opening->config));
        opening->net->nodes[opening->net->node_count - 1]->is_dialled = true;
    }
}

static void reopen(struct net *net, const char *ip)
{
    struct iq_secret_key key;
    char at[IQ_SOCKET_ADDR_STR_SIZE];
    const struct iq_endpoint_config config = {.secret_key = &key, .bind = {at}};
    struct opening opening = {.net = net, .config = &config};
    struct net_call call = {.len = 1000};
    struct iq_addr to = {.count = 1};

    place_need_nft();
    iq_secret_key_generate(&key);
    (void)snprintf(at, sizeof(at), "%s:%d", ip, CLOSED_PORT);
    to.id = *iq_secret_key_id(&key);
    assert_int_equal(iq_socket_addr_parse(&to.socket_addrs[0], at), 0);
    rule(place.here, " chain in { type filter hook input priority 0;\n"
                     "  icmp type destination-unreachable counter name hits\n"
                     "  icmpv6 type destination-unreachable counter name hits; }\n");
    net_dial(&call, bind_in(net, place.here, NULL), &to);
    ev_prepare_init(&opening.looks, open_when_told);
    opening.looks.data = &opening;
    ev_prepare_start(net->loop, &opening.looks);
    ev_unref(net->loop);
    net_run(net);
    assert_true(net_is_done(&call));
}

static void test_reopened_v4(void **state) { reopen(*state, addrs[0]); }
static void test_reopened_v6(void **state) { reopen(*state, addrs[1]); }

/* Of two addresses the system knows no way to the first. */
static void test_no_way_to_the_first(void **state)
{
    struct net *net = *state;
    const struct pair pair = bind_pair(net);
    struct net_call call = {.len = 1000};
    struct iq_addr to = net_addr(pair.accepts, addrs[0]);

    place_run("ip route add unreachable 192.0.2.77");
    to.socket_addrs[1] = to.socket_addrs[0];
    assert_int_equal(iq_socket_addr_parse(&to.socket_addrs[0], "192.0.2.77:4433"), 0);
    to.count = 2;
    net_dial(&call, pair.dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
}

/* One version of IP is missing, or dead */

static bool lists_only(struct iq_endpoint *endpoint, enum iq_ip_version version)
{
    const struct iq_addr *addr = iq_endpoint_addr(endpoint);

    for (size_t i = 0; i < addr->count; i++) {
        if (addr->socket_addrs[i].ip_version != version) {
            return false;
        }
    }
    return addr->count > 0;
}

/* `without` takes the other version from a namespace; not one packet of it is seen. */
static void use_only(struct net *net, enum iq_ip_version version, const char *without)
{
    const int namespaces[] = {place.there, place.here};
    struct net_call call = {.len = TRANSFER_LEN};
    struct pair pair;
    struct iq_addr to;
    char rules[256];

    place_need_nft();
    (void)snprintf(rules, sizeof(rules),
                   " chain out { type filter hook output priority 0;\n"
                   "  meta nfproto %s counter name hits; }\n",
                   version == IQ_IPV6 ? "ipv4" : "ipv6 meta l4proto udp");
    for (size_t i = 0; i < 2; i++) {
        place_enter(namespaces[i]);
        place_run(without);
        rule(namespaces[i], rules);
    }
    pair = bind_pair(net);
    assert_true(lists_only(pair.accepts->endpoint, version));
    assert_true(lists_only(pair.dials->endpoint, version));
    to = net_addr(pair.accepts, addrs[version == IQ_IPV6]);
    net_dial(&call, pair.dials, &to);
    net_run(net);
    assert_true(net_is_done(&call));
    assert_int_equal(hits(place.here) + hits(place.there), 0);
}

static void test_only_v6(void **state)
{
    use_only(*state, IQ_IPV6, "ip -4 addr flush scope global; ip -4 addr flush dev lo");
}

static void test_only_v4(void **state)
{
    use_only(*state, IQ_IPV4, "echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6");
}

/* Both addresses are dialled, the dead one first. */
static void dial_both(struct net *net, enum iq_ip_version dead, const char *verdict)
{
    struct net_call call = {.len = TRANSFER_LEN};
    struct pair pair;
    struct iq_addr to;
    char rules[256];

    place_need_nft();
    (void)snprintf(rules, sizeof(rules),
                   " chain in { type filter hook input priority 0;\n"
                   "  meta nfproto %s meta l4proto udp counter name hits %s; }\n",
                   dead == IQ_IPV6 ? "ipv6" : "ipv4", verdict);
    rule(place.there, rules);
    pair = bind_pair(net);
    to = net_addr(pair.accepts, addrs[dead == IQ_IPV6]);
    to.socket_addrs[1] = net_addr(pair.accepts, addrs[dead != IQ_IPV6]).socket_addrs[0];
    to.count = 2;
    net_dial(&call, pair.dials, &to);
    net_run(net);
    assert_row(net_is_done(&call), verdict);
    assert_row(iq_socket_addr_equal(&call.remote_addr, &to.socket_addrs[1]), verdict);
    assert_row(hits(place.there) > 0, verdict);
}

static void test_dead_v4(void **state) { dial_both(*state, IQ_IPV4, "drop"); }
static void test_dead_v6(void **state) { dial_both(*state, IQ_IPV6, "drop"); }

static void test_refused_v4(void **state)
{
    dial_both(*state, IQ_IPV4, "reject with icmpx admin-prohibited");
}

static void test_refused_v6(void **state)
{
    dial_both(*state, IQ_IPV6, "reject with icmpx admin-prohibited");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, place_set_up, place_tear_down)

int main(int argc, char **argv)
{
    const struct CMUnitTest lossy[] = {TEST(test_lossy_v4), TEST(test_lossy_v6)};
    const struct CMUnitTest unreachable[] = {
        TEST(test_rejected_v4), TEST(test_rejected_v6),         TEST(test_reopened_v4),
        TEST(test_reopened_v6), TEST(test_no_way_to_the_first),
    };
    const struct CMUnitTest families[] = {
        TEST(test_only_v6), TEST(test_only_v4),    TEST(test_dead_v4),
        TEST(test_dead_v6), TEST(test_refused_v4), TEST(test_refused_v6),
    };
    const char *name = argc == 2 ? argv[1] : "";

    if (strcmp(name, "lossy") == 0) {
        return cmocka_run_group_tests(lossy, NULL, NULL);
    }
    if (strcmp(name, "unreachable") == 0) {
        return cmocka_run_group_tests(unreachable, NULL, NULL);
    }
    if (strcmp(name, "families") == 0) {
        return cmocka_run_group_tests(families, NULL, NULL);
    }
    print_error("run it with in_namespace\n");
    return 2;
}
