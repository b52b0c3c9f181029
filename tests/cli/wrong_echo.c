/*
 * Peers that answer wrongly, for tests/cli/wrong_peers: each way is a handler.
 *
 *     wrong_echo WAY        prints ID@ADDR:PORT, and serves until it is ended
 */
#include <ev.h>
#include <stdio.h>
#include <string.h>

#include <iq/iq.h>

#define ALPN "iroh-example/echo/0"

static void echo_some(struct iq_stream *stream, uint8_t flip)
{
    struct iq_bytes in;

    for (in = iq_stream_peek(stream); in.len > 0; in = iq_stream_peek(stream)) {
        const uint8_t first = in.data[0] ^ flip;

        if (iq_stream_write(stream, &first, 1) == 0) {
            return;
        }
        iq_stream_consume(stream, 1);
    }
}

static void differ(struct iq_stream *stream)
{
    echo_some(stream, 1);
    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

static void say_more(struct iq_stream *stream)
{
    echo_some(stream, 0);
    if (iq_stream_at_end(stream)) {
        (void)iq_stream_write(stream, "!", 1);
        iq_stream_finish(stream);
    }
}

static void say_nothing(struct iq_stream *stream) { iq_stream_finish(stream); }

static void give_up(struct iq_stream *stream) { iq_stream_reset(stream, 7); }

static void refuse_to_hear(struct iq_stream *stream) { iq_stream_stop(stream, 7); }

static void hang_up(struct iq_stream *stream)
{
    iq_conn_close(iq_stream_conn(stream), 5, "\033[31mred\nline\\");
}

static const struct {
    const char *name;
    struct iq_protocol_handler handler;
} ways[] = {
    {"differ", {.on_stream_ready = differ}},
    {"say_more", {.on_stream_ready = say_more}},
    {"say_nothing", {.on_stream_ready = say_nothing}},
    {"give_up", {.on_stream_ready = give_up}},
    {"refuse_to_hear", {.on_stream_ready = refuse_to_hear}},
    {"hang_up", {.on_stream_ready = hang_up}},
};

static const struct iq_protocol_handler *find_way(const char *name)
{
    size_t i;

    for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
        if (strcmp(ways[i].name, name) == 0) {
            return &ways[i].handler;
        }
    }
    return NULL;
}

static void end(struct ev_loop *loop, ev_signal *watcher, int events)
{
    ev_signal_stop(loop, watcher);
    (void)iq_router_shutdown(watcher->data, NULL, NULL);
}

int main(int argc, char **argv)
{
    static const struct iq_endpoint_config on_loopback = {.bind = {"127.0.0.1:0"}};
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_route routes[] = {{.alpn = ALPN}, {0}};
    struct iq_endpoint *endpoint;
    struct iq_router *router;
    const struct iq_addr *addr;
    char id[IQ_ID_STR_SIZE];
    char socket_addr[IQ_SOCKET_ADDR_STR_SIZE];
    ev_signal terminate;

    routes[0].handler = argc == 2 ? find_way(argv[1]) : NULL;
    if (routes[0].handler == NULL || iq_endpoint_bind(&endpoint, loop, &on_loopback) != 0 ||
        iq_router_spawn(&router, endpoint, routes) != 0) {
        return 2;
    }
    addr = iq_endpoint_addr(endpoint);
    (void)printf("%s@%s\n", iq_id_str(&addr->id, id),
                 iq_socket_addr_str(&addr->socket_addrs[0], socket_addr));
    (void)fflush(stdout);
    ev_signal_init(&terminate, end, SIGTERM);
    terminate.data = router;
    ev_signal_start(loop, &terminate);
    ev_run(loop, 0);
    return 0;
}
