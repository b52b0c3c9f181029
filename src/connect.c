/*
 * echo connect: standard input goes out on one stream, and its echo comes to standard output, both
 * at once.
 *
 * Memory stays bounded because nothing is read before the last of it was taken: input waits while
 * the stream is full, and what cannot be printed yet stays unread in the stream, where QUIC's flow
 * control makes the peer wait.  The echo counts only once all of it was printed, and is the same.
 */
#include "connect.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "checksum.h"
#include "echo.h"
#include "progress.h"
#include "setup.h"
#include "signals.h"
#include "std_fds.h"
#include "trace.h"

#define INPUT_SIZE 65536 /* what a pipe holds */

struct call {
    const struct options *options;
    struct ev_loop *loop;
    struct iq_endpoint *endpoint;
    struct iq_conn *conn;     /* NULL before it is open, and after its end */
    struct iq_stream *stream; /* likewise */
    struct progress progress;
    ev_tstamp start;

    ev_io readable;         /* active while input is wanted */
    struct iq_bytes unsent; /* input that the stream has not taken yet */
    bool input_ended;
    struct checksum sent;

    ev_io writable; /* active while output waits */
    struct std_out out;
    bool line_ended; /* whether the newline after TEXT is out, too */
    struct checksum echoed;

    bool is_over; /* and `status` tells how */
    int status;
    uint8_t input[INPUT_SIZE];
};

static void end(struct call *call, int status)
{
    call->is_over = true;
    call->status = status;
    ev_io_stop(call->loop, &call->readable);
    ev_io_stop(call->loop, &call->writable);
    progress_end(&call->progress);
}

/* The end of an echo that goes wrong here, not at the peer. */
static void fail(struct call *call, int status, const char *what)
{
    const int error = errno;

    end(call, status);
    report_error(status, "%s: %s", what, strerror(error));
    iq_conn_close(call->conn, 1, what);
}

static void fail_by_peer(struct call *call, const char *what)
{
    end(call, EXIT_NO_ECHO);
    report_error(EXIT_NO_ECHO, "%s: sent %" PRIu64 " bytes, got %" PRIu64 " back", what,
                 call->sent.len, call->echoed.len);
    iq_conn_close(call->conn, 1, what);
}

/* Out */

static void send_more(struct call *call)
{
    const size_t taken = iq_stream_write(call->stream, call->unsent.data, call->unsent.len);

    checksum_add(&call->sent, call->unsent.data, taken);
    call->unsent.data += taken;
    call->unsent.len -= taken;
    if (call->unsent.len > 0) {
        ev_io_stop(call->loop, &call->readable); /* on_stream_ready goes on */
    } else if (call->input_ended) {
        ev_io_stop(call->loop, &call->readable);
        iq_stream_finish(call->stream);
    } else {
        ev_io_start(call->loop, &call->readable);
    }
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct call *call = watcher->data;
    const ssize_t got = std_fds_read(call->input, sizeof(call->input));

    if (got == -1 && errno == EAGAIN) {
        return;
    }
    if (got == -1) {
        fail(call, EXIT_LOCAL, "cannot read standard input");
        return;
    }
    call->unsent = (struct iq_bytes){.data = call->input, .len = (size_t)got};
    call->input_ended = got == 0;
    send_more(call);
}

/* Back */

static void report_echoed(const struct call *call)
{
    const uint64_t bytes = call->echoed.len;

    report_note("stream %" PRId64 ": all %" PRIu64 " bytes came back", iq_stream_id(call->stream),
                bytes);
    report_json_begin("echoed");
    report_json_number("bytes", bytes);
    report_json_number("ms", (uint64_t)((ev_time() - call->start) * 1000));
    report_json_end();
}

static void judge_echo(struct call *call)
{
    if (!call->input_ended || call->unsent.len > 0 || call->sent.len != call->echoed.len) {
        fail_by_peer(call, "the echo has another length");
    } else if (!checksum_equal(&call->sent, &call->echoed)) {
        fail_by_peer(call, "the echo differs");
    } else if (std_out_close(&call->out) != 0) {
        fail(call, EXIT_LOCAL, "cannot write to standard output");
    } else {
        end(call, EXIT_FINE);
        report_echoed(call);
        iq_conn_close(call->conn, 0, "bye!");
    }
}

/* Prints some of `data`.  Returns how much; 0 if that must wait, or has failed. */
static size_t print(struct call *call, const void *data, size_t len)
{
    const ssize_t wrote = std_out_write(&call->out, data, len);

    if (wrote >= 0) {
        return (size_t)wrote;
    }
    if (errno == EAGAIN) {
        ev_io_start(call->loop, &call->writable);
    } else {
        fail(call, EXIT_LOCAL, "cannot write to standard output");
    }
    return 0;
}

static void print_more(struct call *call)
{
    struct iq_bytes in;

    ev_io_stop(call->loop, &call->writable);
    for (in = iq_stream_peek(call->stream); in.len > 0; in = iq_stream_peek(call->stream)) {
        const size_t printed = print(call, in.data, in.len);

        if (printed == 0) {
            return;
        }
        checksum_add(&call->echoed, in.data, printed);
        iq_stream_consume(call->stream, printed);
    }
    if (!iq_stream_at_end(call->stream)) {
        return;
    }
    if (!call->line_ended && print(call, "\n", 1) == 0) {
        return;
    }
    call->line_ended = true;
    judge_echo(call);
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    print_more(watcher->data);
}

/* The connection */

static void report_connected(const struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];
    char addr[IQ_SOCKET_ADDR_STR_SIZE];

    (void)iq_id_str(iq_conn_remote_id(conn), id);
    (void)iq_socket_addr_str(iq_conn_remote_addr(conn), addr);
    report_note("connected to %.10s at %s", id, addr);
    report_json_begin("connected");
    report_json_string("id", id);
    report_json_string("address", addr);
    report_json_end();
}

static void on_connect(struct iq_conn *conn)
{
    struct call *call = iq_conn_data(conn);
    int rc;

    call->conn = conn;
    report_connected(conn);
    rc = iq_conn_open_bi(&call->stream, conn);
    if (rc != 0) {
        end(call, EXIT_NO_ECHO);
        report_error(EXIT_NO_ECHO, "cannot open a stream: %s", iq_strerror(rc));
        iq_conn_close(conn, 1, "no stream");
        return;
    }
    call->start = ev_time();
    if (call->options->text == NULL && call->options->mode == REPORT_HUMAN) {
        progress_start(&call->progress, call->loop, &call->echoed.len);
    }
    send_more(call);
}

static void on_stream_ready(struct iq_stream *stream)
{
    struct call *call = iq_conn_data(iq_stream_conn(stream));

    if (stream != call->stream) { /* a peer that only echoes opens none */
        iq_stream_stop(stream, 0);
        iq_stream_reset(stream, 0);
        return;
    }
    send_more(call);
    print_more(call);
}

static void on_stream_reset(struct iq_stream *stream, uint64_t code)
{
    struct call *call = iq_conn_data(iq_stream_conn(stream));

    if (stream == call->stream) {
        fail_by_peer(call, "the peer has given up the echo");
    }
}

static void on_stream_stopped(struct iq_stream *stream, uint64_t code)
{
    struct call *call = iq_conn_data(iq_stream_conn(stream));

    if (stream == call->stream) {
        fail_by_peer(call, "the peer wants to hear no more");
    }
}

/* A peer that refuses our key may say so only after it was called open. */
static bool was_refused(const struct call *call, const struct iq_close_reason *why)
{
    return call->conn == NULL || (why->how == IQ_CLOSED_ABORTED_BY_PEER && call->echoed.len == 0);
}

static void on_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct call *call = iq_conn_data(conn);
    char id[IQ_ID_SHORT_STR_SIZE];
    char reason[IQ_CLOSE_REASON_STR_SIZE];

    (void)iq_close_reason_str(why, reason, sizeof(reason));
    report_note("%s", reason);
    report_json_begin("closed");
    report_json_string("reason", reason);
    report_json_end();
    if (!call->is_over && was_refused(call, why)) {
        end(call, EXIT_NO_CONNECT);
        report_error(EXIT_NO_CONNECT, "cannot connect to %s: %s",
                     iq_id_short_str(&call->options->peer.id, id), reason);
    } else if (!call->is_over) {
        end(call, EXIT_NO_ECHO);
        report_error(EXIT_NO_ECHO,
                     "the connection was lost: %s; sent %" PRIu64 " bytes, got %" PRIu64 " back",
                     reason, call->sent.len, call->echoed.len);
    }
    (void)iq_endpoint_close(call->endpoint, NULL, NULL); /* perhaps a signal has done so */
}

static void on_shutdown(struct iq_conn *conn) { iq_conn_close(conn, 0, "bye!"); }

static void on_signal(void *arg)
{
    struct call *call = arg;

    if (call->is_over) {
        return; /* the echo is complete, or has failed: that stands */
    }
    end(call, EXIT_BY_SIGNAL + signals_caught());
    report_error(call->status, "interrupted: sent %" PRIu64 " bytes, got %" PRIu64 " back",
                 call->sent.len, call->echoed.len);
    (void)iq_endpoint_close(call->endpoint, NULL, NULL);
}

/* The beginning */

static void report_calling(const struct iq_addr *peer)
{
    char id[IQ_ID_SHORT_STR_SIZE];
    char addr[IQ_SOCKET_ADDR_STR_SIZE];
    size_t i;

    for (i = 0; i < peer->count; i++) {
        report_note("calling %s at %s", iq_id_short_str(&peer->id, id),
                    iq_socket_addr_str(&peer->socket_addrs[i], addr));
    }
}

static void dial(struct call *call)
{
    static const struct iq_protocol_handler handler = {
        .on_connect = on_connect,
        .on_stream_ready = on_stream_ready,
        .on_stream_reset = on_stream_reset,
        .on_stream_stopped = on_stream_stopped,
        .on_closed = on_closed,
        .on_shutdown = on_shutdown,
    };
    const struct iq_addr *peer = &call->options->peer;
    const struct iq_connect_options options = {.timeout_ms = call->options->connect_timeout_ms};
    char id[IQ_ID_SHORT_STR_SIZE];
    int rc;

    report_calling(peer);
    rc = iq_endpoint_connect_with(call->endpoint, peer, ECHO_ALPN, &handler, call, &options);
    if (rc != 0) {
        end(call, EXIT_NO_CONNECT);
        report_error(EXIT_NO_CONNECT, "cannot connect to %s: %s", iq_id_short_str(&peer->id, id),
                     iq_strerror(rc));
        (void)iq_endpoint_close(call->endpoint, NULL, NULL);
    }
}

/* A text is input that was read already. */
static void prepare(struct call *call, const char *text)
{
    std_out_open(&call->out);
    ev_io_init(&call->readable, on_readable, STDIN_FILENO, EV_READ);
    ev_io_init(&call->writable, on_writable, call->out.fd, EV_WRITE);
    call->readable.data = call->writable.data = call;
    call->unsent.data = call->input;
    call->line_ended = text == NULL;
    if (text != NULL) {
        call->unsent = (struct iq_bytes){.data = (const uint8_t *)text, .len = strlen(text)};
        call->input_ended = true;
    }
}

int connect_run(const struct options *options)
{
    struct call call = {.options = options, .loop = ev_default_loop(0)};
    const int status = setup_endpoint(&call.endpoint, call.loop, options);

    if (status != EXIT_FINE) {
        return status;
    }
    prepare(&call, options->text);
    signals_start(call.loop, on_signal, &call);
    dial(&call);
    ev_run(call.loop, 0); /* returns once the endpoint has closed */
    trace_end();
    if (call.status > EXIT_BY_SIGNAL) {
        signals_raise();
    }
    return call.status;
}
