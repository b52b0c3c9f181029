/*
 * An endpoint of ours that plays its part in one of the acts of acts.mjs: iroh_acts.mjs, with the
 * same arguments and events, on the public API.
 *
 *     acts accept ACT               ends with its standard input
 *     acts connect ACT ID ADDR
 */
#include <ev.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "iq/iq.h"

#define TIME_LIMIT_SECONDS 60
#define ALPN               "iq/acts/0"
#define TEXT_MAX           1000

static const char *act;

static bool plays(const char *name) { return strcmp(act, name) == 0; }

static void die(const char *what, int rc)
{
    (void)fprintf(stderr, "acts: %s: %s\n", what, iq_strerror(rc));
    exit(1);
}

static void must(const char *what, int rc)
{
    if (rc != 0) {
        die(what, rc);
    }
}

/* What both sides do with streams */

static void send_text(struct iq_stream *stream, const char *text)
{
    (void)iq_stream_write(stream, text, strlen(text));
    iq_stream_finish(stream);
}

/* Whether the whole stream is there now; then `text` is what it said. */
static bool hear_all(struct iq_stream *stream, char text[TEXT_MAX + 1])
{
    size_t len;

    if (iq_stream_read_to_end(stream, text, TEXT_MAX, &len) != 0) {
        return false;
    }
    text[len] = '\0';
    return true;
}

/* Whether something has come; then `text` is that. */
static bool hear_some(struct iq_stream *stream, char text[TEXT_MAX + 1])
{
    const struct iq_bytes in = iq_stream_peek(stream);
    const size_t len = in.len < TEXT_MAX ? in.len : TEXT_MAX;

    if (len == 0) {
        return false;
    }
    memcpy(text, in.data, len);
    text[len] = '\0';
    iq_stream_consume(stream, len);
    return true;
}

static void say_heard(const char *text)
{
    printf("{\"event\":\"heard\",\"texts\":[\"%s\"]}\n", text);
}

static void say_both_heard(const char *first, const char *second)
{
    printf("{\"event\":\"heard\",\"texts\":[\"%s\",\"%s\"]}\n", first, second);
}

/* The accept side */

/* The texts of the first and the second stream, by the order in which they appeared. */
static char texts[2][TEXT_MAX + 1];
static struct iq_stream *appeared[2];
static unsigned heard_count;

static void accept_two(struct iq_stream *stream)
{
    unsigned place = 0;

    while (place < 2 && appeared[place] != stream && appeared[place] != NULL) {
        place++;
    }
    if (place == 2) {
        return;
    }
    appeared[place] = stream;
    if (hear_all(stream, texts[place])) {
        send_text(stream, texts[place]);
        if (++heard_count == 2) {
            say_both_heard(texts[0], texts[1]);
        }
    }
}

static void accept_one(struct iq_stream *stream)
{
    char text[TEXT_MAX + 1];
    struct iq_stream *answer;
    const bool in_the_middle = plays("stop_7") || plays("dropped");

    if (!(in_the_middle ? hear_some(stream, text) : hear_all(stream, text))) {
        return;
    }
    say_heard(text);
    if (plays("stop_7")) {
        iq_stream_stop(stream, 7);
    } else if (plays("reset_9")) {
        (void)iq_stream_write(stream, "abc", 3);
        iq_stream_reset(stream, 9);
    } else if (plays("dropped")) {
        (void)iq_stream_write(stream, "bye", 3);
        iq_stream_drop(stream);
    } else if (plays("uni_both_ways")) {
        must("open", iq_conn_open_uni(&answer, iq_stream_conn(stream)));
        send_text(answer, "from the accept side");
    } else if (plays("delivered")) {
        iq_stream_finish(stream);
    }
}

static void accept_stream(struct iq_stream *stream)
{
    if (!iq_stream_is_ours(stream)) {
        (plays("second_first") ? accept_two : accept_one)(stream);
    }
}

static void echo_datagram(struct iq_conn *conn, struct iq_bytes datagram)
{
    must("answer", iq_conn_send_datagram(conn, datagram.data, datagram.len));
}

static const struct iq_protocol_handler accept_handler = {.on_stream_ready = accept_stream,
                                                          .on_datagram = echo_datagram};
static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &accept_handler}, {0}};

/* The connect side */

static struct iq_stream *streams[2];

static void done(struct iq_conn *conn) { iq_conn_close(conn, 0, NULL); }

/* Two things have to happen, in any order. */
static void half_done(struct iq_conn *conn)
{
    static unsigned halves;

    if (++halves == 2) {
        done(conn);
    }
}

static const size_t lens[] = {0, 13, 1162, 100, 100, 100, 100, 100};
#define LEN_COUNT     (sizeof(lens) / sizeof(lens[0]))
#define ONE_AT_A_TIME 3
static unsigned back_count, differ_count;

static struct iq_bytes payload(unsigned number)
{
    static uint8_t bytes[1162];

    for (size_t i = 0; i < lens[number]; i++) {
        bytes[i] = (uint8_t)((size_t)number * 3 + i * 7);
    }
    return (struct iq_bytes){.data = bytes, .len = lens[number]};
}

static void send_datagrams(struct iq_conn *conn, unsigned from, unsigned end)
{
    for (; from < end; from++) {
        must("datagram", iq_conn_send_datagram(conn, payload(from).data, lens[from]));
    }
}

static void hear_datagram(struct iq_conn *conn, struct iq_bytes datagram)
{
    const struct iq_bytes sent = payload(back_count);

    differ_count += datagram.len != sent.len || memcmp(datagram.data, sent.data, sent.len) != 0;
    printf("%s%zu", back_count == 0 ? "{\"event\":\"datagrams\",\"lens\":[" : ",", datagram.len);
    back_count++;
    if (back_count < ONE_AT_A_TIME) {
        send_datagrams(conn, back_count, back_count + 1);
    } else if (back_count == ONE_AT_A_TIME) {
        send_datagrams(conn, back_count, LEN_COUNT);
    } else if (back_count == LEN_COUNT) {
        printf("],\"equal\":%s}\n", differ_count == 0 ? "true" : "false");
        done(conn);
    }
}

static void send_too_much(struct iq_conn *conn)
{
    static const uint8_t bytes[1415];

    printf("{\"event\":\"refused\",\"error\":\"%s\"}\n",
           iq_strerror(iq_conn_send_datagram(conn, bytes, sizeof(bytes))));
    done(conn);
}

static void begin(struct iq_conn *conn)
{
    if (plays("datagrams")) {
        send_datagrams(conn, 0, 1);
    } else if (plays("datagram_too_long")) {
        send_too_much(conn);
    } else if (plays("uni_both_ways")) {
        must("open", iq_conn_open_uni(&streams[0], conn));
        send_text(streams[0], "from the connect side");
    } else {
        must("open", iq_conn_open_bi(&streams[0], conn));
        if (plays("second_first")) {
            must("open", iq_conn_open_bi(&streams[1], conn));
            send_text(streams[1], "two");
        } else if (plays("stop_7") || plays("dropped")) {
            (void)iq_stream_write(streams[0], "x", 1);
        } else {
            send_text(streams[0], plays("delivered") ? "all of it" : "x");
        }
    }
}

static void hear_answer(struct iq_stream *stream)
{
    char text[TEXT_MAX + 1];

    if (plays("delivered") && iq_stream_at_end(stream)) {
        half_done(iq_stream_conn(stream));
    }
    if (plays("reset_9") || !hear_all(stream, text)) {
        return;
    }
    if (plays("second_first") && stream == streams[1]) {
        memcpy(texts[0], text, sizeof(text));
        send_text(streams[0], "one");
    } else if (plays("second_first")) {
        say_both_heard(texts[0], text);
        done(iq_stream_conn(stream));
    } else if (plays("uni_both_ways")) {
        say_heard(text);
        done(iq_stream_conn(stream));
    } else if (plays("dropped")) {
        say_heard(text);
        half_done(iq_stream_conn(stream));
    }
}

static void say_code(struct iq_stream *stream, const char *event, uint64_t code)
{
    printf("{\"event\":\"%s\",\"code\":%u}\n", event, (unsigned)code);
    (plays("dropped") ? half_done : done)(iq_stream_conn(stream));
}

static void say_reset(struct iq_stream *stream, uint64_t code) { say_code(stream, "reset", code); }

static void say_stopped(struct iq_stream *stream, uint64_t code)
{
    say_code(stream, "stopped", code);
}

static void say_delivered(struct iq_stream *stream)
{
    if (plays("delivered")) {
        printf("{\"event\":\"delivered\"}\n");
        half_done(iq_stream_conn(stream));
    }
}

static void closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    iq_endpoint_close(iq_conn_endpoint(conn), NULL, NULL);
}

static const struct iq_protocol_handler connect_handler = {
    .on_connect = begin,
    .on_stream_ready = hear_answer,
    .on_stream_reset = say_reset,
    .on_stream_stopped = say_stopped,
    .on_stream_delivered = say_delivered,
    .on_datagram = hear_datagram,
    .on_closed = closed,
};

/* The command */

static void read_stdin(struct ev_loop *loop, ev_io *watcher, int events)
{
    char ignored[64];

    if (read(watcher->fd, ignored, sizeof(ignored)) <= 0) {
        ev_io_stop(loop, watcher);
        iq_endpoint_close(watcher->data, NULL, NULL);
    }
}

static void start_to_accept(struct iq_endpoint *endpoint, struct ev_loop *loop)
{
    static ev_io end_of_stdin;
    struct iq_router *router;

    must("listen", iq_router_spawn(&router, endpoint, routes));
    ev_io_init(&end_of_stdin, read_stdin, STDIN_FILENO, EV_READ);
    end_of_stdin.data = endpoint;
    ev_io_start(loop, &end_of_stdin);
}

static void start_to_connect(struct iq_endpoint *endpoint, const char *id, const char *socket_addr)
{
    struct iq_addr addr = {.count = 1};

    must("id", iq_id_parse(&addr.id, id));
    must("addr", iq_socket_addr_parse(&addr.socket_addrs[0], socket_addr));
    must("connect", iq_endpoint_connect(endpoint, &addr, ALPN, &connect_handler, NULL));
}

int main(int argc, char **argv)
{
    static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:0"}};
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_endpoint *endpoint;
    char id[IQ_ID_STR_SIZE], addr[IQ_SOCKET_ADDR_STR_SIZE];

    alarm(TIME_LIMIT_SECONDS);
    if (argc != 3 && argc != 5) {
        (void)fprintf(stderr, "usage: acts accept ACT | acts connect ACT ID ADDR\n");
        return 2;
    }
    act = argv[2];
    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    must("bind", iq_endpoint_bind(&endpoint, loop, &config));
    printf("{\"event\":\"bound\",\"id\":\"%s\",\"addr\":\"%s\"}\n",
           iq_id_str(iq_endpoint_id(endpoint), id),
           iq_socket_addr_str(&iq_endpoint_addr(endpoint)->socket_addrs[0], addr));
    if (argc == 3) {
        start_to_accept(endpoint, loop);
    } else {
        start_to_connect(endpoint, argv[3], argv[4]);
    }
    ev_run(loop, 0);
    return 0;
}
