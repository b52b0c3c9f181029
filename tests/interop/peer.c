/*
 * An endpoint of ours as a command: iroh_peer.mjs, with the same arguments and events, on the
 * public API.
 *
 *     peer accept  --alpn A [--alpn B] [--behaviour echo|close|refuse|retry|ignore|screen]
 *     peer connect --id HEX --addr IP:PORT --alpn A [--behaviour echo|close|wait]
 *                  [--size BYTES] [--streams N] [--connections N]
 *     both         [--code N] [--reason TEXT] [--update-keys BYTES] [--bind IP:PORT]
 *                  [--sessions N] [--early 1]
 *
 * --update-keys, which iroh_peer.mjs has not, changes the keys once so many bytes have arrived on
 * the one stream.
 *
 * The end of a connection is told in the fields of struct iq_close_reason.  With --sessions, how
 * many are kept, it is told whether a connection has resumed one, and whether early data was
 * accepted; with --early the echo takes part in that.  A dial of several ALPNs offers them all.
 */
#include <ev.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iq/iq.h"

#define TIME_LIMIT_SECONDS 60
#define ALPN_COUNT_MAX     4

enum option_name {
    ID,
    ADDR,
    BEHAVIOUR,
    SIZE,
    STREAMS,
    CONNECTIONS,
    CODE,
    REASON,
    UPDATE_KEYS,
    BIND,
    SESSIONS,
    EARLY,
    ALPN
};

/* What each option says; ALPN is in the routes. */
static const char *options[] = {
    [ID] = "",
    [ADDR] = "",
    [BEHAVIOUR] = "echo",
    [SIZE] = "13",
    [STREAMS] = "1",
    [CONNECTIONS] = "1",
    [CODE] = "0",
    [REASON] = "bye!",
    [UPDATE_KEYS] = "0",
    [BIND] = "127.0.0.1:0",
    [SESSIONS] = "0",
    [EARLY] = "0",
};

static struct iq_route routes[ALPN_COUNT_MAX + 1]; /* one for each ALPN, and the zero entry */

static uint64_t number(enum option_name name) { return strtoull(options[name], NULL, 10); }

static bool behaves(const char *behaviour) { return strcmp(options[BEHAVIOUR], behaviour) == 0; }

static void die(const char *what, const char *why)
{
    (void)fprintf(stderr, "peer: %s: %s\n", what, why);
    exit(1);
}

/* Events */

static void say_string(const char *name, const char *text, size_t len)
{
    printf(",\"%s\":\"", name);
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];

        printf(c < ' ' || c == '"' || c == '\\' ? "\\u%04x" : "%c", c);
    }
    printf("\"");
}

static void say_conn(const char *event, struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];

    printf("{\"event\":\"%s\",\"remote\":\"%s\"", event, iq_id_str(iq_conn_remote_id(conn), id));
    say_string("alpn", iq_conn_alpn(conn), strlen(iq_conn_alpn(conn)));
    if (number(SESSIONS) > 0) {
        printf(",\"resumed\":%s,\"early\":%s", iq_conn_is_resumed(conn) ? "true" : "false",
               iq_conn_early_data_accepted(conn) ? "true" : "false");
    }
    printf("}\n");
}

static void say_end(const char *event, const struct iq_close_reason *why)
{
    static const char *const how[] = {
        [IQ_CLOSED_BY_US] = "closed by us",
        [IQ_CLOSED_BY_PEER] = "closed by peer",
        [IQ_CLOSED_ABORTED_BY_PEER] = "aborted by peer",
        [IQ_CLOSED_TRANSPORT_ERROR] = "transport error",
        [IQ_CLOSED_TIMED_OUT] = "timed out",
        [IQ_CLOSED_RESET] = "reset",
        [IQ_CLOSED_VERSION_MISMATCH] = "version mismatch",
    };

    printf("{\"event\":\"%s\",\"how\":\"%s\",\"code\":%" PRIu64, event, how[why->how], why->code);
    say_string("reason", why->text, why->text_len);
    printf("}\n");
}

/*
 * Key updates.  iroh changes the keys by itself at some time in its first thousand packets, and
 * then ours has to wait, so that the stream ends only when it is done: its end has the new keys.
 */

static uint64_t received_count; /* bytes */
static bool keys_are_new;
static ev_timer next_try; /* its data is the stream that is to end */

static void update_keys(struct iq_conn *conn)
{
    if (keys_are_new || received_count < number(UPDATE_KEYS)) {
        return;
    }
    keys_are_new = iq_conn_update_keys(conn) == 0;
    if (keys_are_new) {
        printf("{\"event\":\"keys updated\"}\n");
    }
}

static void count_received(struct iq_conn *conn, size_t len)
{
    received_count += len;
    if (number(UPDATE_KEYS) > 0) {
        update_keys(conn);
    }
}

static void try_again(struct ev_loop *loop, ev_timer *timer, int events)
{
    struct iq_stream *stream = timer->data;

    update_keys(iq_stream_conn(stream));
    if (keys_are_new) {
        ev_timer_stop(loop, timer);
        iq_stream_finish(stream);
    }
}

static void start_to_try(struct iq_stream *stream)
{
    ev_timer_init(&next_try, try_again, 0.01, 0.01);
    next_try.data = stream;
    ev_timer_start(ev_default_loop(0), &next_try);
}

static void finish(struct iq_stream *stream)
{
    if (number(UPDATE_KEYS) == 0 || keys_are_new) {
        iq_stream_finish(stream);
    } else if (!ev_is_active(&next_try)) {
        start_to_try(stream);
    }
}

static void stop_trying(void) { ev_timer_stop(ev_default_loop(0), &next_try); }

/* The accept side */

/* The router's filter.  What is ignored comes again and again, so nothing is said of it. */
static void decide(struct iq_incoming *incoming, void *data)
{
    if (behaves("refuse")) {
        iq_incoming_refuse(incoming);
        printf("{\"event\":\"refused\"}\n");
    } else if (behaves("ignore")) {
        iq_incoming_ignore(incoming);
    } else if (behaves("retry") && !iq_incoming_is_validated(incoming)) {
        if (iq_incoming_retry(incoming) == 0) {
            printf("{\"event\":\"retried\"}\n");
        }
    }
}

static bool screen(struct iq_conn *conn)
{
    if (!behaves("screen")) {
        return true;
    }
    say_conn("screened", conn);
    if (number(CODE) != 0) {
        iq_conn_close(conn, number(CODE), options[REASON]);
    }
    return false;
}

static void greet(struct iq_conn *conn)
{
    say_conn("accepted", conn);
    if (behaves("close")) {
        iq_conn_close(conn, number(CODE), options[REASON]);
    }
}

/* The echo of what comes early may come early as well. */
static void take_early(struct iq_conn *conn) { (void)conn; }

static void echo_stream(struct iq_stream *stream)
{
    size_t sent;

    do {
        struct iq_bytes in = iq_stream_peek(stream);
        sent = iq_stream_write(stream, in.data, in.len);
        iq_stream_consume(stream, sent);
        count_received(iq_stream_conn(stream), sent);
    } while (sent > 0);
    if (iq_stream_at_end(stream)) {
        finish(stream);
    }
}

static void accepted_conn_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    stop_trying();
    say_end("closed", why);
}

static struct iq_protocol_handler accept_handler = {
    .on_accepting = screen,
    .on_accept = greet,
    .on_stream_ready = echo_stream,
    .on_closed = accepted_conn_closed,
};

static void read_stdin(struct ev_loop *loop, ev_io *watcher, int events)
{
    char ignored[64];

    if (read(watcher->fd, ignored, sizeof(ignored)) <= 0) {
        ev_io_stop(loop, watcher);
        iq_router_shutdown(watcher->data, NULL, NULL);
    }
}

static void start_to_accept(struct iq_endpoint *endpoint, struct ev_loop *loop)
{
    static ev_io end_of_stdin;
    struct iq_router *router;
    int rc = iq_router_spawn(&router, endpoint, routes);

    if (rc != 0) {
        die("accept", iq_strerror(rc));
    }
    iq_router_set_filter(router, decide, NULL);
    ev_io_init(&end_of_stdin, read_stdin, STDIN_FILENO, EV_READ);
    end_of_stdin.data = router;
    ev_io_start(loop, &end_of_stdin);
}

/* The connect side: one connection after the other, on each the streams as credit allows. */

struct dial {
    struct iq_endpoint *endpoint;
    struct iq_addr addr;
    unsigned left; /* connections to make after this one */
    bool connected;
    unsigned opened, done, equal; /* streams of this connection */
};

/* What we have written and read on a stream that is to be echoed. */
struct echo {
    size_t sent, received;
    bool differs, ended;
};

static uint8_t *payload;
static size_t payload_len;

static void send_payload(struct iq_stream *stream)
{
    struct echo *echo = iq_stream_data(stream);

    echo->sent += iq_stream_write(stream, payload + echo->sent, payload_len - echo->sent);
    if (echo->sent == payload_len) {
        finish(stream);
    }
}

static void open_streams(struct iq_conn *conn)
{
    struct dial *dial = iq_conn_data(conn);
    struct iq_stream *stream;

    while (dial->opened < number(STREAMS) && iq_conn_open_bi(&stream, conn) == 0) {
        struct echo *echo = calloc(1, sizeof(*echo));

        if (echo == NULL) {
            die("connect", "out of memory");
        }
        dial->opened++;
        iq_stream_set_data(stream, echo);
        send_payload(stream);
    }
}

static void hear_echo(struct iq_stream *stream)
{
    struct echo *echo = iq_stream_data(stream);
    struct iq_bytes in;

    send_payload(stream);
    while ((in = iq_stream_peek(stream)).len > 0) {
        echo->differs |= in.len > payload_len - echo->received ||
                         memcmp(in.data, payload + echo->received, in.len) != 0;
        if (echo->differs) {
            iq_stream_stop(stream, 1);
            return;
        }
        echo->received += in.len;
        iq_stream_consume(stream, in.len);
        count_received(iq_stream_conn(stream), in.len);
    }
    echo->ended = iq_stream_at_end(stream);
}

static void stream_closed(struct iq_stream *stream)
{
    struct iq_conn *conn = iq_stream_conn(stream);
    struct dial *dial = iq_conn_data(conn);
    struct echo *echo = iq_stream_data(stream);

    if (!dial->connected) { /* refused early data: all is said again */
        dial->opened--;
        free(echo);
        return;
    }
    dial->equal += echo->ended && !echo->differs && echo->received == payload_len;
    dial->done++;
    free(echo);
    if (dial->done < number(STREAMS)) {
        return;
    }
    printf("{\"event\":\"echoed\",\"streams\":%u,\"bytes\":%zu,\"equal\":%s}\n", dial->done,
           payload_len, dial->equal == dial->done ? "true" : "false");
    iq_conn_close(conn, number(CODE), options[REASON]);
}

static void connected(struct iq_conn *conn)
{
    struct dial *dial = iq_conn_data(conn);

    say_conn("connected", conn);
    dial->connected = true;
    if (behaves("echo")) {
        open_streams(conn); /* unless they are open since the early data */
    } else if (behaves("close")) {
        iq_conn_close(conn, number(CODE), options[REASON]);
    }
}

static void start_to_connect(struct dial *dial);

static void dialled_conn_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct dial *dial = iq_conn_data(conn);

    stop_trying();
    say_end(dial->connected ? "closed" : "failed", why);
    start_to_connect(dial);
}

static void start_to_connect(struct dial *dial)
{
    static struct iq_protocol_handler handler = {
        .on_connect = connected,
        .on_streams_allowed = open_streams,
        .on_stream_ready = hear_echo,
        .on_stream_closed = stream_closed,
        .on_closed = dialled_conn_closed,
    };
    const char *alpns[ALPN_COUNT_MAX + 1] = {0};
    const struct iq_connect_options more = {.more_alpns = alpns + 1};
    int rc;

    for (size_t i = 0; routes[i].alpn != NULL; i++) {
        alpns[i] = routes[i].alpn;
    }
    handler.on_connect_early = number(EARLY) != 0 ? open_streams : NULL;
    if (dial->left == 0) {
        iq_endpoint_close(dial->endpoint, NULL, NULL);
        return;
    }
    *dial = (struct dial){.endpoint = dial->endpoint, .addr = dial->addr, .left = dial->left - 1};
    rc = iq_endpoint_connect_with(dial->endpoint, &dial->addr, alpns[0], &handler, dial, &more);
    if (rc != 0) {
        die("connect", iq_strerror(rc));
    }
}

static void prepare_dial(struct dial *dial, struct iq_endpoint *endpoint)
{
    dial->endpoint = endpoint;
    dial->left = (unsigned)number(CONNECTIONS);
    dial->addr.count = 1;
    if (iq_id_parse(&dial->addr.id, options[ID]) != 0) {
        die("--id", "expected 64 hex digits");
    }
    if (iq_socket_addr_parse(&dial->addr.socket_addrs[0], options[ADDR]) != 0) {
        die("--addr", "expected IP:PORT");
    }
    payload_len = number(SIZE);
    payload = malloc(payload_len + 1);
    if (payload == NULL) {
        die("--size", "out of memory");
    }
    for (size_t i = 0; i < payload_len; i++) {
        payload[i] = (uint8_t)(i * 7 + (i >> 8));
    }
}

/* The command */

static void read_options(int argc, char **argv)
{
    static const struct option names[] = {
        {"id", required_argument, NULL, ID},
        {"addr", required_argument, NULL, ADDR},
        {"behaviour", required_argument, NULL, BEHAVIOUR},
        {"size", required_argument, NULL, SIZE},
        {"streams", required_argument, NULL, STREAMS},
        {"connections", required_argument, NULL, CONNECTIONS},
        {"code", required_argument, NULL, CODE},
        {"reason", required_argument, NULL, REASON},
        {"update-keys", required_argument, NULL, UPDATE_KEYS},
        {"bind", required_argument, NULL, BIND},
        {"sessions", required_argument, NULL, SESSIONS},
        {"early", required_argument, NULL, EARLY},
        {"alpn", required_argument, NULL, ALPN},
        {0},
    };
    size_t alpn_count = 0;
    int name;

    while ((name = getopt_long(argc, argv, "", names, NULL)) != -1) {
        if (name == '?' || (name == ALPN && alpn_count == ALPN_COUNT_MAX)) {
            exit(2);
        } else if (name == ALPN) {
            routes[alpn_count++] = (struct iq_route){.alpn = optarg, .handler = &accept_handler};
        } else {
            options[name] = optarg;
        }
    }
    if (optind + 1 != argc || alpn_count == 0) {
        die("usage", "peer accept|connect --alpn A ...");
    }
}

static struct iq_endpoint *bind_endpoint(struct ev_loop *loop)
{
    const struct iq_endpoint_config config = {.bind = {options[BIND]},
                                              .sessions_max = (uint32_t)number(SESSIONS)};
    struct iq_endpoint *endpoint;
    char id[IQ_ID_STR_SIZE], addr[IQ_SOCKET_ADDR_STR_SIZE];
    int rc = iq_endpoint_bind(&endpoint, loop, &config);

    if (rc != 0) {
        die("bind", iq_strerror(rc));
    }
    printf("{\"event\":\"bound\",\"id\":\"%s\",\"addr\":\"%s\"}\n",
           iq_id_str(iq_endpoint_id(endpoint), id),
           iq_socket_addr_str(&iq_endpoint_addr(endpoint)->socket_addrs[0], addr));
    return endpoint;
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_endpoint *endpoint;
    struct dial dial = {0};

    alarm(TIME_LIMIT_SECONDS);
    if (setvbuf(stdout, NULL, _IOLBF, 0) != 0) {
        die("stdout", "cannot be line buffered");
    }
    read_options(argc, argv);
    accept_handler.on_accept_early = number(EARLY) != 0 ? take_early : NULL;
    endpoint = bind_endpoint(loop);
    if (strcmp(argv[optind], "accept") == 0) {
        start_to_accept(endpoint, loop);
    } else {
        prepare_dial(&dial, endpoint);
        start_to_connect(&dial);
    }
    ev_run(loop, 0);
    free(payload);
    return 0;
}
