/*
 * Many echoes over one connection.
 *
 * A connection costs a handshake; a stream costs nothing.  So there is one connection, and a stream
 * for every echo: as many at once as the peer allows, and the others as soon as it allows more.
 */
#include <ev.h>
#include <stdio.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN       "iroh-example/echo/0"
#define ECHO_COUNT 1000

static unsigned connections, opened, heard, right;

/* The accept side */

static void count_connection(struct iq_conn *conn) { connections++; }

static void echo(struct iq_stream *stream)
{
    size_t sent;

    do {
        struct iq_bytes in = iq_stream_peek(stream);
        sent = iq_stream_write(stream, in.data, in.len);
        iq_stream_consume(stream, sent);
    } while (sent > 0);

    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

static const struct iq_protocol_handler echo_handler = {.on_accept = count_connection,
                                                        .on_stream_ready = echo};
static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &echo_handler}, {0}};

/* The connect side: every stream says its own id */

static int say_id(char text[32], const struct iq_stream *stream)
{
    return snprintf(text, 32, "echo on stream %lld", (long long)iq_stream_id(stream));
}

/* Runs again whenever the peer allows more streams than it did when this came to its limit. */
static void open_streams(struct iq_conn *conn)
{
    struct iq_stream *stream;
    int rc = 0;

    while (opened < ECHO_COUNT && (rc = iq_conn_open_bi(&stream, conn)) == 0) {
        char text[32];

        opened++;
        iq_stream_write(stream, text, (size_t)say_id(text, stream));
        iq_stream_finish(stream);
    }
    if (rc != 0 && rc != IQ_ERR_STREAM_LIMIT) {
        iq_conn_close(conn, 1, iq_strerror(rc));
    }
}

static void hear_echo(struct iq_stream *stream)
{
    char text[32], sent[32];
    size_t len;
    int rc = iq_stream_read_to_end(stream, text, sizeof(text), &len);

    if (rc == IQ_ERR_AGAIN) {
        return;
    }
    right += rc == 0 && (size_t)say_id(sent, stream) == len && memcmp(text, sent, len) == 0;
    if (++heard == ECHO_COUNT) {
        iq_conn_close(iq_stream_conn(stream), 0, "bye!");
    }
}

static void shut_down_accept_side(void *router) { iq_router_shutdown(router, NULL, NULL); }

static void hang_up(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (heard < ECHO_COUNT) {
        fprintf(stderr, "lost some: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    iq_endpoint_close(iq_conn_endpoint(conn), shut_down_accept_side, iq_conn_data(conn));
}

static const struct iq_protocol_handler asker = {
    .on_connect = open_streams,
    .on_streams_allowed = open_streams,
    .on_stream_ready = hear_echo,
    .on_closed = hang_up,
};

static int start(struct ev_loop *loop)
{
    static const struct iq_endpoint_config on_loopback = {.bind = {"127.0.0.1:0"}};
    struct iq_endpoint *accept_side, *connect_side;
    struct iq_router *router;
    int rc;

    if ((rc = iq_endpoint_bind(&accept_side, loop, &on_loopback)) != 0 ||
        (rc = iq_router_spawn(&router, accept_side, routes)) != 0 ||
        (rc = iq_endpoint_bind(&connect_side, loop, &on_loopback)) != 0) {
        return rc;
    }
    return iq_endpoint_connect(connect_side, iq_endpoint_addr(accept_side), ALPN, &asker, router);
}

int main(void)
{
    struct ev_loop *loop = ev_default_loop(0);
    int rc = start(loop);

    if (rc != 0) {
        fprintf(stderr, "cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    ev_run(loop, 0);
    printf("%u echoes, %u connection\n", right, connections);
    return right == ECHO_COUNT && fflush(stdout) == 0 ? 0 : 1;
}
