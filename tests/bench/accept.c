/* The accept side: a route for each kind of work. */
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"

/* echo: bytes that cannot be sent on stay unread */
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

/* download: how much is left, in the stream's data */
static uint64_t *start_download(struct iq_stream *stream)
{
    uint64_t *left = NULL;
    uint8_t request[8];
    size_t len;
    int i;

    if (iq_stream_read_to_end(stream, request, sizeof(request), &len) == 0 && len == 8) {
        left = calloc(1, sizeof(*left));
    }
    for (i = 0; left != NULL && i < 8; i++) {
        *left = *left << 8 | request[i];
    }
    iq_stream_set_data(stream, left);
    return left;
}

static void download(struct iq_stream *stream)
{
    static const uint8_t zeros[65536];
    uint64_t *left = iq_stream_data(stream);
    size_t sent;

    if (left == NULL) {
        left = start_download(stream);
    }
    if (left == NULL) {
        return;
    }
    do {
        sent =
            iq_stream_write(stream, zeros, *left < sizeof(zeros) ? (size_t)*left : sizeof(zeros));
        *left -= sent;
    } while (sent > 0);
    if (*left == 0) {
        iq_stream_finish(stream);
    }
}

static void end_download(struct iq_stream *stream) { free(iq_stream_data(stream)); }

static void upload(struct iq_stream *stream)
{
    struct iq_bytes in;

    while ((in = iq_stream_peek(stream)).len > 0) {
        iq_stream_consume(stream, in.len);
    }
    if (iq_stream_at_end(stream)) {
        iq_stream_finish(stream);
    }
}

static const struct iq_protocol_handler echo_handler = {.on_stream_ready = echo};
static const struct iq_protocol_handler download_handler = {.on_stream_ready = download,
                                                            .on_stream_closed = end_download};
static const struct iq_protocol_handler upload_handler = {.on_stream_ready = upload};

static const struct iq_route routes[] = {
    {.alpn = BENCH_ECHO, .handler = &echo_handler},
    {.alpn = BENCH_DOWNLOAD, .handler = &download_handler},
    {.alpn = BENCH_UPLOAD, .handler = &upload_handler},
    {0},
};

/* The dialling side is done: there is nobody left to say goodbye to. */
static void leave(struct ev_loop *loop, ev_io *watcher, int events) { _exit(0); }

void bench_accept(const struct bench_options *options, int in, int out)
{
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_endpoint_config config = {
        .bind = {options->bind},
        /* All the load comes from one peer and one address.  What a flood meets are the limits of
         * handshakes as they are, which is 0. */
        .limits = {.half_open_before_retry = options->flood > 0 ? 0 : IQ_UNLIMITED,
                   .half_open = options->flood > 0 ? 0 : IQ_UNLIMITED,
                   .conns = IQ_UNLIMITED,
                   .conns_per_addr = IQ_UNLIMITED,
                   .conns_per_id = IQ_UNLIMITED},
    };
    struct iq_endpoint *endpoint;
    struct iq_router *router;
    ev_io end_of_input;

    bench_configure(&config, options);
    if (iq_endpoint_bind(&endpoint, loop, &config) != 0 ||
        iq_router_spawn(&router, endpoint, routes) != 0) {
        bench_die("accept side", "cannot bind");
    }
    if (write(out, iq_endpoint_addr(endpoint), sizeof(struct iq_addr)) !=
        (ssize_t)sizeof(struct iq_addr)) {
        bench_die("accept side", "cannot tell its address");
    }
    ev_io_init(&end_of_input, leave, in, EV_READ);
    ev_io_start(loop, &end_of_input);
    ev_run(loop, 0);
}
