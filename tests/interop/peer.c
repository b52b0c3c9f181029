/*
 * An endpoint of ours as a command: iroh_peer.mjs, with the same arguments and events, on the
 * public API.
 *
 *     peer accept  --alpn A [--alpn B] [--behaviour echo|close|refuse|retry|ignore|screen|
 *                               return|end]
 *     peer connect --id HEX --addr IP:PORT --alpn A [--behaviour echo|close|wait|hear|end]
 *                  [--size BYTES] [--streams N] [--connections N] [--hold dial|echo]
 *     both         [--code N] [--reason TEXT] [--update-keys BYTES] [--bind IP:PORT]
 *                  [--sessions N] [--early 1]
 *
 * --update-keys, which iroh_peer.mjs has not, changes the keys once so many bytes have arrived on
 * the one stream.
 *
 * With --hold every dial but the first, or every echo, waits for a line of standard input.
 *
 * The end of a connection is told in the fields of struct iq_close_reason.  With --sessions, how
 * many are kept, it is told whether a connection has resumed one, and whether early data was
 * accepted; with --early the echo takes part in that.  A dial of several ALPNs offers them all.
 */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "peer.h"

#define TIME_LIMIT_SECONDS 60

const char *peer_options[PEER_ALPN] = {
    [PEER_ID] = "",
    [PEER_ADDR] = "",
    [PEER_BEHAVIOUR] = "echo",
    [PEER_SIZE] = "13",
    [PEER_STREAMS] = "1",
    [PEER_CONNECTIONS] = "1",
    [PEER_CODE] = "0",
    [PEER_REASON] = "bye!",
    [PEER_UPDATE_KEYS] = "0",
    [PEER_BIND] = "127.0.0.1:0",
    [PEER_SESSIONS] = "0",
    [PEER_EARLY] = "0",
    [PEER_HOLD] = "",
};

const char *peer_alpns[PEER_ALPNS_MAX + 1];

uint64_t peer_number(enum peer_option option) { return strtoull(peer_options[option], NULL, 10); }

bool peer_behaves(const char *behaviour)
{
    return strcmp(peer_options[PEER_BEHAVIOUR], behaviour) == 0;
}

void peer_die(const char *what, const char *why)
{
    (void)fprintf(stderr, "peer: %s: %s\n", what, why);
    exit(1);
}

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"id", required_argument, NULL, PEER_ID},
        {"addr", required_argument, NULL, PEER_ADDR},
        {"behaviour", required_argument, NULL, PEER_BEHAVIOUR},
        {"size", required_argument, NULL, PEER_SIZE},
        {"streams", required_argument, NULL, PEER_STREAMS},
        {"connections", required_argument, NULL, PEER_CONNECTIONS},
        {"code", required_argument, NULL, PEER_CODE},
        {"reason", required_argument, NULL, PEER_REASON},
        {"update-keys", required_argument, NULL, PEER_UPDATE_KEYS},
        {"bind", required_argument, NULL, PEER_BIND},
        {"sessions", required_argument, NULL, PEER_SESSIONS},
        {"early", required_argument, NULL, PEER_EARLY},
        {"hold", required_argument, NULL, PEER_HOLD},
        {"alpn", required_argument, NULL, PEER_ALPN},
        {0},
    };
    size_t alpn_count = 0;
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (name == '?' || (name == PEER_ALPN && alpn_count == PEER_ALPNS_MAX)) {
            exit(2);
        } else if (name == PEER_ALPN) {
            peer_alpns[alpn_count++] = optarg;
        } else {
            peer_options[name] = optarg;
        }
    }
    if (optind + 1 != argc || alpn_count == 0) {
        peer_die("usage", "peer accept|connect --alpn A ...");
    }
}

static struct iq_endpoint *bind_endpoint(struct ev_loop *loop)
{
    const struct iq_endpoint_config config = {.bind = {peer_options[PEER_BIND]},
                                              .sessions_max = (uint32_t)peer_number(PEER_SESSIONS)};
    struct iq_endpoint *endpoint;
    char id[IQ_ID_STR_SIZE], addr[IQ_SOCKET_ADDR_STR_SIZE];
    int rc = iq_endpoint_bind(&endpoint, loop, &config);

    if (rc != 0) {
        peer_die("bind", iq_strerror(rc));
    }
    printf("{\"event\":\"bound\",\"id\":\"%s\",\"addr\":\"%s\",\"pid\":%d}\n",
           iq_id_str(iq_endpoint_id(endpoint), id),
           iq_socket_addr_str(&iq_endpoint_addr(endpoint)->socket_addrs[0], addr), (int)getpid());
    return endpoint;
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_endpoint *endpoint;

    alarm(TIME_LIMIT_SECONDS);
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0) {
        peer_die("stdout", "cannot be line buffered");
    }
    read_options(argc, argv);
    endpoint = bind_endpoint(loop);
    if (strcmp(argv[optind], "accept") == 0) {
        peer_accept(endpoint, loop);
    } else {
        peer_connect(endpoint);
    }
    ev_run(loop, 0);
    return 0;
}
