/*
 * iroh's example "0rtt", and it understands iroh's: a number goes to and fro, in as many
 * connections as there are rounds, and with early data from the second on.
 *
 *     zero_rtt                                               answers; IROH_SECRET may hold its key
 *     zero_rtt ID ADDR:PORT [--rounds 100] [--disable-0rtt]  asks
 *
 * Early data goes out before the peer has said anything, so a recorded copy of it looks as good as
 * the original.  To answer the same ping twice does no harm: that is what makes it fit for this.
 */
#include <ev.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN     "0rtt-pingpong"
#define PING_LEN 8 /* a number, the most significant byte first */

/* The side that answers */

static void expect_early(struct iq_conn *conn) { (void)conn; } /* that we have it is what counts */

static void answer(struct iq_stream *stream)
{
    unsigned char ping[PING_LEN];
    size_t len;

    if (iq_stream_read_to_end(stream, ping, sizeof(ping), &len) == 0) {
        iq_stream_write(stream, ping, len); /* a new stream has room for so few bytes */
        iq_stream_finish(stream);
    }
}

static const struct iq_protocol_handler answerer = {.on_accept_early = expect_early,
                                                    .on_stream_ready = answer};

/* The side that asks */

static struct {
    struct iq_endpoint *endpoint;
    struct iq_addr peer;
    const struct iq_protocol_handler *handler;
    unsigned long rounds, round, early_rounds;
    ev_tstamp start, round_start;
    bool answered; /* in this round */
} asker;

static unsigned long microseconds(ev_tstamp since)
{
    return (unsigned long)((ev_time() - since) * 1e6);
}

static void write_ping(unsigned char ping[PING_LEN])
{
    for (int i = 0; i < PING_LEN; i++) {
        ping[i] = (unsigned char)((unsigned long long)asker.round >> (8 * (PING_LEN - 1 - i)));
    }
}

static void ask(struct iq_conn *conn)
{
    unsigned char ping[PING_LEN];
    struct iq_stream *stream;

    if (iq_conn_open_bi(&stream, conn) != 0) {
        iq_conn_close(conn, 1, "no stream");
        return;
    }
    write_ping(ping);
    iq_stream_write(stream, ping, sizeof(ping));
    iq_stream_finish(stream);
}

/* Nothing was asked early, or the peer has not taken it. */
static void ask_again(struct iq_conn *conn)
{
    if (iq_conn_early_data_accepted(conn)) {
        asker.early_rounds++;
    } else {
        ask(conn);
    }
}

static void hear_answer(struct iq_stream *stream)
{
    unsigned char ping[PING_LEN], pong[PING_LEN];
    size_t len;
    int rc = iq_stream_read_to_end(stream, pong, sizeof(pong), &len);

    if (rc == IQ_ERR_AGAIN) {
        return;
    }
    write_ping(ping);
    if (rc != 0 || len != PING_LEN || memcmp(ping, pong, PING_LEN) != 0) {
        iq_conn_close(iq_stream_conn(stream), 1, "not what was asked");
        return;
    }
    asker.answered = true;
    printf("round %lu: %lu us\n", asker.round, microseconds(asker.round_start));
}

/* Not as soon as the answer is there: what the next round resumes comes a little later. */
static void hang_up(struct iq_stream *stream)
{
    if (asker.answered) {
        iq_conn_close(iq_stream_conn(stream), 0, NULL);
    }
}

static void start_round(void)
{
    int rc;

    asker.answered = false;
    asker.round_start = ev_time();
    rc = iq_endpoint_connect(asker.endpoint, &asker.peer, ALPN, asker.handler, NULL);
    if (rc != 0) {
        fprintf(stderr, "zero_rtt: cannot connect: %s\n", iq_strerror(rc));
        iq_endpoint_close(asker.endpoint, NULL, NULL);
    }
}

static void end_round(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (!asker.answered) {
        fprintf(stderr, "zero_rtt: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    } else if (++asker.round < asker.rounds) {
        start_round();
        return;
    }
    iq_endpoint_close(asker.endpoint, NULL, NULL);
}

static const struct iq_protocol_handler early_asker = {.on_connect_early = ask,
                                                       .on_connect = ask_again,
                                                       .on_stream_ready = hear_answer,
                                                       .on_stream_closed = hang_up,
                                                       .on_closed = end_round};
static const struct iq_protocol_handler late_asker = {.on_connect = ask_again,
                                                      .on_stream_ready = hear_answer,
                                                      .on_stream_closed = hang_up,
                                                      .on_closed = end_round};

/* The command */

static bool read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"rounds", required_argument, NULL, 'r'}, {"disable-0rtt", no_argument, NULL, 'd'}, {0}};
    char *end = "";
    int name;

    opterr = 0; /* the usage says enough */
    asker.rounds = 100;
    asker.handler = &early_asker;
    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1 && *end == '\0') {
        if (name == 'r') {
            asker.rounds = strtoul(optarg, &end, 10);
        } else if (name == 'd') {
            asker.handler = &late_asker;
        } else {
            return false;
        }
    }
    asker.peer.count = 1;
    return *end == '\0' && asker.rounds > 0 &&
           (argc == 1 ||
            (optind + 2 == argc && iq_id_parse(&asker.peer.id, argv[optind]) == 0 &&
             iq_socket_addr_parse(&asker.peer.socket_addrs[0], argv[optind + 1]) == 0));
}

/* The secret, as iroh prints it: whoever has it can pass for this endpoint. */
static bool get_key(struct iq_secret_key *key)
{
    const char *secret = getenv("IROH_SECRET");

    if (secret != NULL) {
        return iq_secret_key_parse(key, secret) == 0;
    }
    iq_secret_key_generate(key);
    printf("Generated new secret key: ");
    for (size_t i = 0; i < sizeof(key->seed); i++) {
        printf("%02x", key->seed[i]);
    }
    printf("\nTo reuse this key, set the IROH_SECRET environment variable to this value\n");
    return true;
}

static void leave(struct ev_loop *loop, ev_signal *interrupt, int events)
{
    ev_signal_stop(loop, interrupt);
    iq_router_shutdown(interrupt->data, NULL, NULL);
}

static int run_answerer(struct ev_loop *loop)
{
    static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &answerer}, {0}};
    struct iq_secret_key key;
    const struct iq_endpoint_config config = {.secret_key = &key, .sessions_max = 256};
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];
    struct iq_endpoint *endpoint;
    struct iq_router *router;
    ev_signal interrupt;
    int rc;

    if (!get_key(&key)) {
        fprintf(stderr, "zero_rtt: IROH_SECRET is not a secret key: 64 hex digits\n");
        return 2;
    }
    rc = iq_endpoint_bind(&endpoint, loop, &config);
    iq_secret_key_wipe(&key);
    if (rc != 0 || (rc = iq_router_spawn(&router, endpoint, routes)) != 0) {
        fprintf(stderr, "zero_rtt: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    printf("endpoint id: %s\n", iq_id_str(iq_endpoint_id(endpoint), id));
    for (size_t i = 0; i < iq_endpoint_addr(endpoint)->count; i++) {
        printf("address: %s\n",
               iq_socket_addr_str(&iq_endpoint_addr(endpoint)->socket_addrs[i], text));
    }
    (void)fflush(stdout);
    ev_signal_init(&interrupt, leave, SIGINT);
    interrupt.data = router;
    ev_signal_start(loop, &interrupt);
    ev_run(loop, 0);
    return 0;
}

static int run_asker(struct ev_loop *loop)
{
    static const struct iq_endpoint_config config = {.sessions_max = 256};
    int rc = iq_endpoint_bind(&asker.endpoint, loop, &config);

    if (rc != 0) {
        fprintf(stderr, "zero_rtt: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    asker.start = ev_time();
    start_round();
    ev_run(loop, 0);
    if (asker.round < asker.rounds) {
        return 1;
    }
    printf("total time: %lu us\n", microseconds(asker.start));
    printf("time per round: %lu us\n", microseconds(asker.start) / asker.rounds);
    printf("rounds with early data: %lu\n", asker.early_rounds);
    return fflush(stdout) == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);

    if (!read_options(argc, argv)) {
        fprintf(stderr, "usage: zero_rtt [ID ADDR:PORT [--rounds 100] [--disable-0rtt]]\n");
        return 2;
    }
    return argc == 1 ? run_answerer(loop) : run_asker(loop);
}
