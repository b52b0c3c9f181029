/* echo: both sides of the echo protocol, in one process and one event loop. */
#include <ev.h>
#include <stdio.h>
#include <string.h>

#include "cli.h"
#include "echo.h"

static const char hello[] = "Hello, world!";
static bool heard; /* whether the echo has come back as it was sent */

/* The connect side: say hello, hear the echo, hang up */

static void say_hello(struct iq_conn *conn)
{
    struct iq_stream *stream;

    if (iq_conn_open_bi(&stream, conn) != 0) {
        iq_conn_close(conn, 1, "no stream");
        return;
    }
    iq_stream_write(stream, hello, strlen(hello)); /* a new stream has room for 4096 bytes */
    iq_stream_finish(stream);
}

static void hear_echo(struct iq_stream *stream)
{
    char echo[1000];
    size_t len;
    int rc = iq_stream_read_to_end(stream, echo, sizeof(echo), &len);

    if (rc == IQ_ERR_AGAIN) {
        return; /* there is more to come */
    }
    heard = rc == 0 && len == strlen(hello) && memcmp(echo, hello, len) == 0;
    iq_conn_close(iq_stream_conn(stream), 0, "bye!");
}

static void shut_down_accept_side(void *router) { iq_router_shutdown(router, NULL, NULL); }

static void hang_up(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (!heard) {
        fprintf(stderr, "echo: no echo: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    iq_endpoint_close(iq_conn_endpoint(conn), shut_down_accept_side, iq_conn_data(conn));
}

static const struct iq_protocol_handler greeter = {
    .on_connect = say_hello,
    .on_stream_ready = hear_echo,
    .on_closed = hang_up,
};

/* The accept side is a router with one route. */
static const struct iq_route routes[] = {{.alpn = ECHO_ALPN, .handler = &echo_handler}, {0}};

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
    return iq_endpoint_connect(connect_side, iq_endpoint_addr(accept_side), ECHO_ALPN, &greeter,
                               router);
}

static int demo(void)
{
    struct ev_loop *loop = ev_default_loop(0);
    int rc = start(loop);

    if (rc != 0) {
        fprintf(stderr, "echo: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    ev_run(loop, 0); /* returns once both endpoints have closed */

    if (fflush(stdout) != 0) {
        perror("echo: cannot write to standard output");
        return 1;
    }
    return heard ? 0 : 1;
}

/* With arguments the two sides are two programs: listen and connect. */
int main(int argc, char **argv) { return argc > 1 ? cli_main(argc, argv) : demo(); }
