/*
 * iroh's example "transfer": how fast do bytes get from one endpoint to another?
 *
 *     transfer provide             sends and receives what it is asked to, until ^C
 *     transfer fetch TICKET ...    asks, and tells how fast that was
 *
 * Each request has a stream of its own, which the side that fetches opens.  The request comes first
 * (request.h), the data behind it, or the other way (flow.h).
 */
#include <ev.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include <iq/iq.h>

#include "flow.h"
#include "options.h"
#include "request.h"

#define ALPN "n0/iroh/transfer/example/1"

/* How a connection ends: by ^C, or because it has served its purpose. */
#define CODE_SHUTDOWN 0
#define CODE_DONE     1

#define PING_PAUSE_S 1.0

/* A request, on either side. */
struct job {
    struct flow flow;
    uint8_t request[REQUEST_SIZE]; /* what has come of it */
    size_t request_len;
};

static struct options options;
static struct iq_endpoint *endpoint;
static ev_signal interrupt;
static double shutdown_began_s;

/* What belongs to the side that fetches. */
static double dialled_s;
static unsigned running_count, ping_count;
static ev_timer ping_pause, ping_limit; /* their data is the connection */
static bool done;

/* Both sides */

/* Begins a line with its peer, where there may be several. */
static void print_peer(const struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];

    if (options.provides) {
        printf("[%.10s] ", iq_id_str(iq_conn_remote_id(conn), id));
    }
}

/* The job of the stream, which begins when the stream does; NULL if there is no memory. */
static struct job *job_of(struct iq_stream *stream)
{
    if (iq_stream_data(stream) == NULL) {
        iq_stream_set_data(stream, calloc(1, sizeof(struct job)));
    }
    return iq_stream_data(stream);
}

static void job_stopped(struct iq_stream *stream, uint64_t code)
{
    struct job *job = job_of(stream);

    if (job != NULL) {
        flow_stopped(&job->flow, stream);
    }
}

static void report(const struct flow *flow)
{
    const char *mistake = flow->phase == FLOW_SENT ? "nobody confirmed the end" : "it ended early";

    if (flow->phase != FLOW_COMPLETE) {
        printf("Request failed: %s\n", flow->mistake != NULL ? flow->mistake : mistake);
    } else if (options.mode == PING) {
        printf("Round trip: %.3f ms\n", flow->took_s * 1e3);
    } else {
        printf("%s %" PRIu64 " bytes in %.3f s (%.1f MB/s)\n",
               flow->sends ? "Uploaded" : "Downloaded", flow->moved, flow->took_s,
               flow->took_s > 0 ? (double)flow->moved / flow->took_s / 1e6 : 0.0);
    }
}

/* The end of the job and of its stream.  Whether it was complete. */
static bool job_end(struct iq_stream *stream)
{
    struct job *job = iq_stream_data(stream);
    bool is_complete;

    if (job == NULL) {
        return false;
    }
    is_complete = job->flow.phase == FLOW_COMPLETE;
    if (is_complete || !done) { /* not the ping that the time limit cut short */
        print_peer(iq_stream_conn(stream));
        report(&job->flow);
    }
    flow_end(&job->flow);
    free(job);
    return is_complete;
}

static void say_shutdown(struct iq_conn *conn) { iq_conn_close(conn, CODE_SHUTDOWN, "shutdown"); }

static void report_shutdown(void *arg)
{
    printf("Shutdown took %.1f ms\n", (flow_now_s() - shutdown_began_s) * 1e3);
}

static void shut_down(void)
{
    ev_signal_stop(ev_default_loop(0), &interrupt); /* so that the next ^C ends us at once */
    if (iq_endpoint_close(endpoint, report_shutdown, NULL) == 0) {
        shutdown_began_s = flow_now_s();
    }
}

static void on_interrupt(struct ev_loop *loop, ev_signal *watcher, int events) { shut_down(); }

/* provide */

static void welcome(struct iq_conn *conn)
{
    print_peer(conn);
    printf("Accepted connection\n");
}

static void start_job(struct job *job, struct iq_stream *stream, const struct request *request)
{
    print_peer(iq_stream_conn(stream));
    if (request->kind == REQUEST_UPLOAD) {
        printf("Handling Upload\n");
        flow_receive(&job->flow, stream, FLOW_UNLIMITED);
    } else {
        printf("Handling Download of %" PRIu64 " %s\n", request->length.amount,
               request->length.unit == LENGTH_BYTES ? "bytes" : "microseconds");
        flow_send(&job->flow, stream, request->length);
    }
}

/* Byte by byte, because data may come right behind it. */
static void hear_request(struct job *job, struct iq_stream *stream)
{
    enum request_state state = REQUEST_BEGUN;
    struct request request;
    struct iq_bytes in;

    while (state == REQUEST_BEGUN && (in = iq_stream_peek(stream)).len > 0) {
        job->request[job->request_len++] = in.data[0];
        iq_stream_consume(stream, 1);
        state = request_read(&request, job->request, job->request_len);
    }
    if (state == REQUEST_COMPLETE) {
        start_job(job, stream, &request);
    } else if (state == REQUEST_INVALID) {
        flow_fail(&job->flow, stream, "there is no such request");
    } else if (iq_stream_at_end(stream)) {
        flow_fail(&job->flow, stream, "the request is not complete");
    }
}

static void serve(struct iq_stream *stream)
{
    struct job *job = job_of(stream);

    if (job == NULL || !iq_stream_is_bi(stream)) {
        iq_stream_stop(stream, FLOW_CODE_WRONG);
        iq_stream_reset(stream, FLOW_CODE_WRONG);
    } else if (job->flow.phase == FLOW_NEW) {
        hear_request(job, stream);
    } else {
        flow_go_on(&job->flow);
    }
}

static void served(struct iq_stream *stream) { (void)job_end(stream); }

static void see_off(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    print_peer(conn);
    if (why->how == IQ_CLOSED_BY_PEER && why->code == CODE_DONE) {
        printf("Connection closed\n");
    } else {
        printf("Connection closed with error: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
}

static const struct iq_protocol_handler provider = {.on_accept = welcome,
                                                    .on_stream_ready = serve,
                                                    .on_stream_stopped = job_stopped,
                                                    .on_stream_closed = served,
                                                    .on_closed = see_off,
                                                    .on_shutdown = say_shutdown};

static int provide(void)
{
    static const struct iq_route routes[] = {{.alpn = ALPN, .handler = &provider}, {0}};
    const struct iq_addr *addr = iq_endpoint_addr(endpoint);
    char id[IQ_ID_STR_SIZE], text[IQ_SOCKET_ADDR_STR_SIZE];
    struct iq_ticket *ticket;
    struct iq_router *router;
    int rc = iq_ticket_new(&ticket, addr);

    if (rc != 0) {
        return rc;
    }
    printf("endpoint id: %s\nendpoint listening addresses:\n", iq_id_str(&addr->id, id));
    for (size_t i = 0; i < addr->count; i++) {
        printf("\t%s\n", iq_socket_addr_str(&addr->socket_addrs[i], text));
    }
    printf("in a separate terminal run:\n\ttransfer fetch %s\n", iq_ticket_str(ticket));
    iq_ticket_free(ticket);
    return iq_router_spawn(&router, endpoint, routes);
}

/* fetch */

static void ask(struct iq_conn *conn, enum request_kind kind, struct length length)
{
    const struct request request = {kind, length};
    uint8_t data[REQUEST_SIZE];
    struct iq_stream *stream;
    struct job *job;

    if (iq_conn_open_bi(&stream, conn) != 0 || (job = job_of(stream)) == NULL) {
        iq_conn_close(conn, CODE_SHUTDOWN, "cannot open a stream");
        return;
    }
    running_count++;
    iq_stream_write(stream, data, request_write(&request, data));
    if (kind == REQUEST_UPLOAD) {
        flow_send(&job->flow, stream, length);
    } else {
        flow_receive(&job->flow, stream,
                     length.unit == LENGTH_BYTES ? length.amount : FLOW_UNLIMITED);
    }
}

/* A download of nothing takes a round trip, and the time in which the peer thinks about it. */
static void ping(struct ev_loop *loop, ev_timer *pause, int events)
{
    ask(pause->data, REQUEST_DOWNLOAD, (struct length){LENGTH_BYTES, 0});
}

static void end_pings(struct ev_loop *loop, ev_timer *limit, int events)
{
    done = ping_count > 0;
    iq_conn_close(limit->data, CODE_DONE, "done");
}

static void begin(struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];

    printf("Connected to %s in %.1f ms\n", iq_id_str(iq_conn_remote_id(conn), id),
           (flow_now_s() - dialled_s) * 1e3);
    if (options.mode == DOWNLOAD || options.mode == BIDI) {
        ask(conn, REQUEST_DOWNLOAD, options.length);
    }
    if (options.mode == UPLOAD || options.mode == BIDI) {
        ask(conn, REQUEST_UPLOAD, options.length);
    }
    if (options.mode == PING) {
        ping_pause.data = ping_limit.data = conn;
        ev_timer_set(&ping_limit, (double)options.length.amount / 1e6, 0.0);
        ev_timer_start(ev_default_loop(0), &ping_limit);
        ping(ev_default_loop(0), &ping_pause, 0);
    }
}

/* A request that has failed is the end: the peer may take its time to close the stream. */
static void give_up_if_failed(struct iq_stream *stream)
{
    struct job *job = iq_stream_data(stream);

    if (job->flow.phase == FLOW_FAILED) {
        say_shutdown(iq_stream_conn(stream));
    }
}

static void go_on(struct iq_stream *stream)
{
    struct job *job = iq_stream_data(stream);

    if (job != NULL) { /* else the peer has opened it, and nobody reads it */
        flow_go_on(&job->flow);
        give_up_if_failed(stream);
    }
}

static void stopped(struct iq_stream *stream, uint64_t code)
{
    if (iq_stream_is_ours(stream)) {
        job_stopped(stream, code);
        give_up_if_failed(stream);
    }
}

/* Nothing of ours is on its way any more when the last stream has closed. */
static void answered(struct iq_stream *stream)
{
    struct iq_conn *conn = iq_stream_conn(stream);

    if (iq_stream_data(stream) == NULL) {
        return;
    }
    if (!job_end(stream)) {
        say_shutdown(conn);
    } else if (options.mode == PING) {
        ping_count++;
        ev_timer_start(ev_default_loop(0), &ping_pause);
    } else if (--running_count == 0) {
        done = true;
        iq_conn_close(conn, CODE_DONE, "done");
    }
}

static void leave(struct iq_conn *conn, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    ev_timer_stop(ev_default_loop(0), &ping_pause);
    ev_timer_stop(ev_default_loop(0), &ping_limit);
    if (!done) {
        fprintf(stderr, "transfer: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    shut_down();
}

static const struct iq_protocol_handler fetcher = {.on_connect = begin,
                                                   .on_stream_ready = go_on,
                                                   .on_stream_stopped = stopped,
                                                   .on_stream_closed = answered,
                                                   .on_closed = leave,
                                                   .on_shutdown = say_shutdown};

static int fetch(void)
{
    ev_timer_init(&ping_pause, ping, PING_PAUSE_S, 0.0);
    ev_init(&ping_limit, end_pings);
    dialled_s = flow_now_s();
    return iq_endpoint_connect(endpoint, &options.peer, ALPN, &fetcher, NULL);
}

int main(int argc, char **argv)
{
    struct ev_loop *loop = ev_default_loop(0);
    int rc;

    if (!options_read(&options, argc, argv)) {
        return 2;
    }
    (void)setvbuf(stdout, NULL, _IOLBF, 0); /* each line at once, into a pipe too */
    if ((rc = iq_endpoint_bind(&endpoint, loop, NULL)) != 0 ||
        (rc = options.provides ? provide() : fetch()) != 0) {
        fprintf(stderr, "transfer: cannot start: %s\n", iq_strerror(rc));
        return 1;
    }
    ev_signal_init(&interrupt, on_interrupt, SIGINT);
    ev_signal_start(loop, &interrupt);
    ev_run(loop, 0);
    return (done || options.provides) && fflush(stdout) == 0 ? 0 : 1;
}
