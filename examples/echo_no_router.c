/*
 * The echo without a router: the endpoint shows every incoming connection to an acceptor of ours,
 * which decides what becomes of it.  A router is nothing else (src/iq/router.c).
 */
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN "iroh-example/echo/0"

static const char hello[] = "Hello, world!";
static bool heard; /* whether the echo has come back as it was sent */

/* The accept side */

static void on_accept(struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];

    printf("accepted connection from %s\n", iq_id_str(iq_conn_remote_id(conn), id));
}

static void echo(struct iq_stream *stream)
{
    size_t sent;

    do {
        struct iq_bytes in = iq_stream_peek(stream);
        sent = iq_stream_write(stream, in.data, in.len);
        iq_stream_consume(stream, sent);
    } while (sent > 0);

    if (iq_stream_at_end(stream)) {
        printf("Copied over %" PRIu64 " byte(s)\n", iq_stream_bytes_read(stream));
        iq_stream_finish(stream);
    }
}

/* Not a word was exchanged yet: the peer has sent one datagram.  Here one could refuse it, ignore
 * it, or have it prove its address first. */
static void on_incoming(struct iq_incoming *incoming, void *data)
{
    static const struct iq_protocol_handler handler = {.on_accept = on_accept,
                                                       .on_stream_ready = echo};
    static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &handler}, {0}};

    if (iq_incoming_accept(incoming, routes) != 0) {
        iq_incoming_refuse(incoming);
    }
}

/* The connect side */

static void say_hello(struct iq_conn *conn)
{
    struct iq_stream *stream;

    if (iq_conn_open_bi(&stream, conn) != 0) {
        iq_conn_close(conn, 1, "no stream");
        return;
    }
    iq_stream_write(stream, hello, strlen(hello));
    iq_stream_finish(stream);
}

static void hear_echo(struct iq_stream *stream)
{
    char text[1000];
    size_t len;
    int rc = iq_stream_read_to_end(stream, text, sizeof(text), &len);

    if (rc == IQ_ERR_AGAIN) {
        return;
    }
    heard = rc == 0 && len == strlen(hello) && memcmp(text, hello, len) == 0;
    iq_conn_close(iq_stream_conn(stream), 0, "bye!");
}

static void close_accept_side(void *accept_side) { iq_endpoint_close(accept_side, NULL, NULL); }

static void hang_up(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (!heard) {
        fprintf(stderr, "no echo: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    iq_endpoint_close(iq_conn_endpoint(conn), close_accept_side, iq_conn_data(conn));
}

static int start(struct ev_loop *loop)
{
    static const struct iq_endpoint_config on_loopback = {.bind = {"127.0.0.1:0"}};
    static const struct iq_acceptor acceptor = {.on_incoming = on_incoming};
    static const struct iq_protocol_handler greeter = {
        .on_connect = say_hello, .on_stream_ready = hear_echo, .on_closed = hang_up};
    struct iq_endpoint *accept_side, *connect_side;
    int rc;

    if ((rc = iq_endpoint_bind(&accept_side, loop, &on_loopback)) != 0 ||
        (rc = iq_endpoint_bind(&connect_side, loop, &on_loopback)) != 0) {
        return rc;
    }
    iq_endpoint_listen(accept_side, &acceptor, NULL);
    return iq_endpoint_connect(connect_side, iq_endpoint_addr(accept_side), ALPN, &greeter,
                               accept_side);
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

    if (fflush(stdout) != 0) {
        perror("cannot write to standard output");
        return 1;
    }
    return heard ? 0 : 1;
}
