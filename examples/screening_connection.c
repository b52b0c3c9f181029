/*
 * iroh's example "screening-connection": an echo that turns every second peer away.
 *
 * A protocol may have reasons of its own not to take a connection: it is starting up, in
 * maintenance, or serves as many as it can.  Here it is the number of the connection.
 */
#include <ev.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN          "iroh-example/screening-connection/0"
#define ATTEMPT_COUNT 3

static const char hello[] = "Hello, world!";
static unsigned attempts, echoes; /* of the connect side: the second attempt has no echo */

/* The accept side */

static bool screen(struct iq_conn *conn)
{
    unsigned *count = iq_conn_data(conn);

    if (++*count % 2 == 0) {
        printf("rejecting connection\n");
        return false; /* nothing more is heard of it */
    }
    return true;
}

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

/* The connect side: one connection after the other */

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
    echoes += rc == 0 && len == strlen(hello) && memcmp(text, hello, len) == 0;
    iq_conn_close(iq_stream_conn(stream), 0, "bye!");
}

static void shut_down(void *router) { iq_router_shutdown(router, NULL, NULL); }

static int dial(struct iq_endpoint *endpoint, struct iq_router *router);

/* We were connected, and had said hello, before the other side knew who we are: that it does not
 * want us comes as the end of the connection. */
static void go_on(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct iq_endpoint *endpoint = iq_conn_endpoint(conn);
    struct iq_router *router = iq_conn_data(conn);
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (why->how != IQ_CLOSED_BY_US) {
        printf("Error connecting: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    if (++attempts == ATTEMPT_COUNT || dial(endpoint, router) != 0) {
        iq_endpoint_close(endpoint, shut_down, router);
    }
}

static int dial(struct iq_endpoint *endpoint, struct iq_router *router)
{
    static const struct iq_protocol_handler greeter = {
        .on_connect = say_hello, .on_stream_ready = hear_echo, .on_closed = go_on};

    return iq_endpoint_connect(endpoint, iq_endpoint_addr(iq_router_endpoint(router)), ALPN,
                               &greeter, router);
}

static int start(struct ev_loop *loop)
{
    static const struct iq_endpoint_config on_loopback = {.bind = {"127.0.0.1:0"}};
    static const struct iq_protocol_handler screened = {
        .on_accepting = screen, .on_accept = on_accept, .on_stream_ready = echo};
    static unsigned count;
    const struct iq_route routes[] = {{.alpn = ALPN, .handler = &screened, .data = &count}, {0}};
    struct iq_endpoint *accept_side, *connect_side;
    struct iq_router *router;
    int rc;

    if ((rc = iq_endpoint_bind(&accept_side, loop, &on_loopback)) != 0 ||
        (rc = iq_router_spawn(&router, accept_side, routes)) != 0 ||
        (rc = iq_endpoint_bind(&connect_side, loop, &on_loopback)) != 0) {
        return rc;
    }
    return dial(connect_side, router);
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
    return echoes == ATTEMPT_COUNT - 1 && fflush(stdout) == 0 ? 0 : 1;
}
