/* Strangers send nonsense, also none at all, at both ends of a conversation. */
#include "net.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "../unit/dice.h"

#define JUNK_MAX 1500

/* Sends something new to both ends at each turn of the loop. */
struct stranger {
    int fd;
    uint16_t ports[2];
    struct dice dice;
    unsigned sent;
    ev_prepare prepare;
};

static void fill(struct stranger *stranger, uint8_t junk[JUNK_MAX], size_t *len)
{
    static const uint8_t version_0[4] = {0}, version_1[4] = {0, 0, 0, 1},
                         version_x[4] = {0x1a, 0x2a, 0x3a, 0x4a};
    const size_t lens[] = {0, 1, 20, 21, 22, 43, 1199, 1200, 1201, 1452, JUNK_MAX};

    *len = lens[dice_below(&stranger->dice, sizeof(lens) / sizeof(lens[0]))];
    dice_fill(&stranger->dice, junk, *len);
    if (*len < 7) {
        return;
    }
    switch (dice_below(&stranger->dice, 4)) { /* what is left of the first bytes, RFC 8999 */
    case 0:                                   /* a long header of version 1 */
        junk[0] |= 0xc0;
        memcpy(junk + 1, version_1, sizeof(version_1));
        junk[5] = 8; /* of the destination's id */
        break;
    case 1: /* of no version, and of one that nobody knows */
        junk[0] |= 0x80;
        memcpy(junk + 1, dice_below(&stranger->dice, 2) == 0 ? version_0 : version_x, 4);
        break;
    case 2: /* a short header */
        junk[0] = (uint8_t)((junk[0] & 0x3f) | 0x40);
        break;
    default: /* as it fell */
        break;
    }
}

static void send_junk(struct ev_loop *loop, ev_prepare *prepare, int events)
{
    struct stranger *stranger = prepare->data;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    uint8_t junk[JUNK_MAX];
    size_t len;

    for (int i = 0; i < 8; i++) {
        fill(stranger, junk, &len);
        to.sin_port = htons(stranger->ports[i % 2]);
        (void)sendto(stranger->fd, junk, len, MSG_DONTWAIT, (struct sockaddr *)&to, sizeof(to));
        stranger->sent++;
    }
}

static void stop(struct net_call *call, void *stranger)
{
    ev_ref(call->net->loop);
    ev_prepare_stop(call->net->loop, &((struct stranger *)stranger)->prepare);
}

static void test_junk(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct stranger stranger = {.dice = dice_new(),
                                .ports = {net_port(accepts, IQ_IPV4), net_port(dials, IQ_IPV4)}};
    struct net_call call = {.len = 3000000, .closed = stop, .arg = &stranger};

    (void)net_plain_socket(&stranger.fd);
    ev_prepare_init(&stranger.prepare, send_junk);
    stranger.prepare.data = &stranger;
    ev_prepare_start(net->loop, &stranger.prepare);
    ev_unref(net->loop);
    net_dial(&call, dials, &to);
    net_run(net);
    close(stranger.fd);
    assert_true(net_is_done(&call));
    assert_int_equal(accepts->accepted_count, 1);
    assert_true(stranger.sent > 100);
}

/* Nothing but empty datagrams, before anything else: they are no reason to stop reading. */
static void test_empty(void **state)
{
    struct net *net = *state;
    struct net_node *accepts = net_listen(net, "127.0.0.1:0");
    const struct net_node *dials = net_bind(net, "127.0.0.1:0");
    const struct iq_addr to = net_addr(accepts, "127.0.0.1");
    struct sockaddr_in in = {.sin_family = AF_INET,
                             .sin_port = htons(net_port(accepts, IQ_IPV4)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct net_call call = {.len = 13};
    int fd;

    (void)net_plain_socket(&fd);
    for (int i = 0; i < 200; i++) {
        (void)sendto(fd, "", 0, MSG_DONTWAIT, (struct sockaddr *)&in, sizeof(in));
    }
    net_turn(net);
    net_dial(&call, dials, &to);
    net_run(net);
    close(fd);
    assert_true(net_is_done(&call));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_junk, net_set_up, net_tear_down),
        cmocka_unit_test_setup_teardown(test_empty, net_set_up, net_tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
