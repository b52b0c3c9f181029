/* echo, download, upload: one stream, as many bytes as fast as it goes. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"

struct bulk {
    uint64_t sent, received;
};

static const uint8_t zeros[65536];

static void send_zeros(struct bench *bench, struct iq_stream *stream)
{
    struct bulk *bulk = bench->state;
    size_t sent;

    do {
        const uint64_t left = bench->options.size - bulk->sent;

        sent = iq_stream_write(stream, zeros, left < sizeof(zeros) ? (size_t)left : sizeof(zeros));
        bulk->sent += sent;
    } while (sent > 0);
    if (bulk->sent == bench->options.size) {
        iq_stream_finish(stream);
    }
}

static void open_stream(struct iq_conn *conn)
{
    struct bench *bench = iq_conn_data(conn);
    struct iq_stream *stream;
    uint8_t request[8];
    int i;

    if (iq_conn_open_bi(&stream, conn) != 0) {
        bench_die(bench->work->name, "cannot open a stream");
    }
    bench_begin(bench);
    if (bench->work != &bench_download) {
        send_zeros(bench, stream);
        return;
    }
    for (i = 0; i < 8; i++) {
        request[i] = (uint8_t)(bench->options.size >> (56 - 8 * i));
    }
    (void)iq_stream_write(stream, request, sizeof(request));
    iq_stream_finish(stream);
}

static void go_on(struct iq_stream *stream)
{
    struct bench *bench = iq_conn_data(iq_stream_conn(stream));
    struct bulk *bulk = bench->state;
    struct iq_bytes in;

    if (bench->work != &bench_download && bulk->sent < bench->options.size) {
        send_zeros(bench, stream);
    }
    while ((in = iq_stream_peek(stream)).len > 0) {
        bulk->received += in.len;
        iq_stream_consume(stream, in.len);
    }
    if (iq_stream_at_end(stream)) {
        bench->failed = bench->work != &bench_upload && bulk->received != bench->options.size;
        bench_end(bench);
    }
}

static void start(struct bench *bench)
{
    bench->state = calloc(1, sizeof(struct bulk));
    bench_dial(bench, bench->work->alpn, bench->work->handler, bench);
}

static void report(struct bench *bench)
{
    printf(",\"bytes\":%" PRIu64 ",\"gbps\":%.3f", bench->options.size,
           (double)bench->options.size * 8 / bench_seconds(bench) / 1e9);
}

static const struct iq_protocol_handler handler = {.on_connect = open_stream,
                                                   .on_stream_ready = go_on};

const struct bench_work bench_echo = {.name = "echo",
                                      .alpn = BENCH_ECHO,
                                      .handler = &handler,
                                      .defaults = {.size = 500000000},
                                      .start = start,
                                      .report = report};

const struct bench_work bench_download = {.name = "download",
                                          .alpn = BENCH_DOWNLOAD,
                                          .handler = &handler,
                                          .defaults = {.size = 500000000},
                                          .start = start,
                                          .report = report};

const struct bench_work bench_upload = {.name = "upload",
                                        .alpn = BENCH_UPLOAD,
                                        .handler = &handler,
                                        .defaults = {.size = 500000000},
                                        .start = start,
                                        .report = report};
