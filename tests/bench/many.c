/* connect, small, streams, idle: many small things. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"

#define MESSAGE_LEN 13

static const char message[MESSAGE_LEN + 1] = "Hello, world!";

/* Says hello on a new stream: false if the peer allows none now. */
static bool say_hello(struct iq_conn *conn)
{
    struct iq_stream *stream;

    if (iq_conn_open_bi(&stream, conn) != 0) {
        return false;
    }
    (void)iq_stream_write(stream, message, MESSAGE_LEN);
    iq_stream_finish(stream);
    return true;
}

/* Whether the whole answer is there. */
static bool hear_hello(struct bench *bench, struct iq_stream *stream)
{
    char text[MESSAGE_LEN];
    size_t len;
    const int rc = iq_stream_read_to_end(stream, text, sizeof(text), &len);

    if (rc == IQ_ERR_AGAIN) {
        return false;
    }
    bench->failed += rc != 0 || len != MESSAGE_LEN || memcmp(text, message, len) != 0;
    return true;
}

/* connect: dial, 13 bytes there and back, close; from one dial to the next */

struct attempt {
    struct bench *bench;
    uint64_t start_ns;
};

static void connect_next(struct bench *bench);

static void attempt_connected(struct iq_conn *conn) { (void)say_hello(conn); }

static void attempt_ready(struct iq_stream *stream)
{
    struct attempt *attempt = iq_conn_data(iq_stream_conn(stream));

    if (hear_hello(attempt->bench, stream)) {
        bench_add_sample(attempt->bench, bench_now_ns() - attempt->start_ns);
        iq_conn_close(iq_stream_conn(stream), 0, "bye!");
    }
}

static void attempt_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct attempt *attempt = iq_conn_data(conn);
    struct bench *bench = attempt->bench;

    free(attempt);
    bench->failed += why->how != IQ_CLOSED_BY_US;
    bench->done++;
    if (bench->done == bench->options.count) {
        bench_end(bench);
    } else {
        connect_next(bench);
    }
}

static const struct iq_protocol_handler connect_handler = {
    .on_connect = attempt_connected, .on_stream_ready = attempt_ready, .on_closed = attempt_closed};

static void connect_next(struct bench *bench)
{
    struct attempt *attempt;

    if (bench->started == bench->options.count) {
        return;
    }
    attempt = calloc(1, sizeof(*attempt));
    if (attempt == NULL) {
        bench_die("connect", "out of memory");
    }
    bench->started++;
    attempt->bench = bench;
    attempt->start_ns = bench_now_ns();
    bench_dial(bench, BENCH_ECHO, &connect_handler, attempt);
}

static void start_connect(struct bench *bench)
{
    unsigned i;

    bench_begin(bench);
    for (i = 0; i < bench->options.at_once; i++) {
        connect_next(bench);
    }
}

static void report_rate(struct bench *bench)
{
    printf(",\"count\":%u,\"at_once\":%u,\"per_second\":%.1f", bench->options.count,
           bench->options.at_once, bench->options.count / bench_seconds(bench));
    bench_report_samples(bench);
}

const struct bench_work bench_connect = {.name = "connect",
                                         .defaults = {.count = 500, .at_once = 1},
                                         .start = start_connect,
                                         .report = report_rate};

/* small and streams: the same on one open connection, each on a stream of its own */

static void send_more(struct iq_conn *conn)
{
    struct bench *bench = iq_conn_data(conn);

    while (bench->started < bench->options.count &&
           bench->started - bench->done < bench->options.at_once && say_hello(conn)) {
        bench->started++;
    }
}

static void streams_connected(struct iq_conn *conn)
{
    struct bench *bench = iq_conn_data(conn);

    bench_begin(bench);
    bench->sent_ns = bench->start_ns;
    send_more(conn);
}

static void streams_ready(struct iq_stream *stream)
{
    struct iq_conn *conn = iq_stream_conn(stream);
    struct bench *bench = iq_conn_data(conn);

    if (!hear_hello(bench, stream)) {
        return;
    }
    bench->done++;
    if (bench->options.at_once == 1) {
        const uint64_t now_ns = bench_now_ns();

        bench_add_sample(bench, now_ns - bench->sent_ns);
        bench->sent_ns = now_ns;
    }
    if (bench->done == bench->options.count) {
        bench_end(bench);
    } else {
        send_more(conn);
    }
}

static const struct iq_protocol_handler streams_handler = {.on_connect = streams_connected,
                                                           .on_streams_allowed = send_more,
                                                           .on_stream_ready = streams_ready};

static void start_streams(struct bench *bench)
{
    bench_dial(bench, BENCH_ECHO, &streams_handler, bench);
}

/* idle: connections that stay open; what each costs the accept side */

static uint64_t resident_bytes(int pid)
{
    char name[64], line[256] = "";
    char *rest;
    FILE *file;

    (void)snprintf(name, sizeof(name), "/proc/%d/statm", pid);
    file = fopen(name, "r");
    if (file == NULL || fgets(line, sizeof(line), file) == NULL) {
        bench_die("idle", "cannot read the resident size");
    }
    (void)fclose(file);
    (void)strtoull(line, &rest, 10); /* the whole size comes first */
    return strtoull(rest, NULL, 10) * 4096;
}

struct idle {
    uint64_t first_bytes, first_count; /* after a quarter of the connections */
    uint64_t last_bytes;
};

static void open_idle(struct bench *bench);

static void idle_connected(struct iq_conn *conn)
{

    if (!say_hello(conn)) { /* so that both sides have it */
        bench_die("idle", "cannot open a stream");
    }
}

static void idle_ready(struct iq_stream *stream)
{
    struct bench *bench = iq_conn_data(iq_stream_conn(stream));
    struct idle *idle = bench->state;

    if (!hear_hello(bench, stream)) {
        return;
    }
    bench->done++;
    if (bench->done == bench->options.idle / 4) {
        idle->first_bytes = resident_bytes(bench->accept_side_pid);
        idle->first_count = bench->done;
    }
    if (bench->done < bench->options.idle) {
        open_idle(bench);
        return;
    }
    idle->last_bytes = resident_bytes(bench->accept_side_pid);
    bench->done = bench->started = 0;
    bench_dial(bench, BENCH_ECHO, &streams_handler, bench); /* now `count` echoes beside them */
}

static const struct iq_protocol_handler idle_handler = {.on_connect = idle_connected,
                                                        .on_stream_ready = idle_ready};

static void open_idle(struct bench *bench)
{
    if (bench->started < bench->options.idle) {
        bench->started++;
        bench_dial(bench, BENCH_ECHO, &idle_handler, bench);
    }
}

static void start_idle(struct bench *bench)
{
    unsigned i;

    bench->state = calloc(1, sizeof(struct idle));
    for (i = 0; i < 32; i++) {
        open_idle(bench);
    }
}

static void report_idle(struct bench *bench)
{
    const struct idle *idle = bench->state;
    const double more = (double)(bench->options.idle - idle->first_count);

    printf(",\"idle\":%u,\"bytes_per_connection\":%.0f", bench->options.idle,
           ((double)idle->last_bytes - (double)idle->first_bytes) / more);
    report_rate(bench);
}

const struct bench_work bench_small = {.name = "small",
                                       .defaults = {.count = 10000, .at_once = 1},
                                       .start = start_streams,
                                       .report = report_rate};

const struct bench_work bench_streams = {.name = "streams",
                                         .defaults = {.count = 200000, .at_once = 100},
                                         .start = start_streams,
                                         .report = report_rate};

const struct bench_work bench_idle = {.name = "idle",
                                      .defaults = {.count = 5000, .at_once = 1, .idle = 2000},
                                      .start = start_idle,
                                      .report = report_idle};
