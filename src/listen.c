/*
 * echo listen: says how it can be reached, and echoes.
 *
 * The echo itself is echo.c's.  Here is what a service has around it: an acceptor, the end by a
 * signal or after one connection, and events for those who want to hear of them.
 */
#include "listen.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <iq/ticket.h>

#include "echo.h"
#include "h3_echo.h"
#include "setup.h"
#include "signals.h"
#include "trace.h"

/* How long requests may go on after the signal to end, how often to look whether they do, and for
 * how long there must be none: a client that finds the close beside the end of its answer may take
 * the answer for cut off. */
#define DRAIN_SECONDS 10.0
#define DRAIN_TICK    0.1
#define DRAIN_QUIET   5 /* ticks */

struct service {
    const struct options *options;
    struct iq_endpoint *endpoint;
    struct iq_route routes[3];
    struct h3_echo h3; /* with --http3 */
    struct iq_h3_app h3_app;
    ev_timer drain; /* active once the sessions of HTTP/3 are to end */
    int drain_ticks, quiet_ticks;
    const struct iq_conn *only; /* with --once: the connection that it is */
    bool is_over;
    uint64_t streams_begun;
    uint64_t streams_copied;
    int status;
};

static void end(struct service *service, int status)
{
    if (!service->is_over) {
        service->is_over = true;
        service->status = status;
        (void)iq_endpoint_close(service->endpoint, NULL, NULL);
    }
}

/* A line that nobody can read is an error: the next one may be the one that matters. */
static void check_stdout(struct service *service)
{
    if (ferror(stdout) && !service->is_over) {
        report_error(EXIT_LOCAL, "cannot write to standard output: %s", strerror(errno));
        end(service, EXIT_LOCAL);
    }
}

static bool prints_lines(const struct service *service)
{
    return service->options->mode == REPORT_HUMAN || service->options->mode == REPORT_VERBOSE;
}

/* Connections */

static void on_incoming(struct iq_incoming *incoming, void *data)
{
    const struct service *service = data;

    if (service->only != NULL || service->drain_ticks > 0) {
        iq_incoming_refuse(incoming);
    } else if (iq_incoming_accept(incoming, service->routes) != 0) {
        iq_incoming_ignore(incoming); /* no memory: the peer will try again */
    }
}

static void report_accepted(const struct iq_conn *conn)
{
    char id[IQ_ID_STR_SIZE];
    char addr[IQ_SOCKET_ADDR_STR_SIZE];

    (void)iq_id_str(iq_conn_remote_id(conn), id);
    (void)iq_socket_addr_str(iq_conn_remote_addr(conn), addr);
    report_note("%.10s connected from %s", id, addr);
    report_json_begin("accepted");
    report_json_string("id", id);
    report_json_string("address", addr);
    report_json_end();
}

static void on_accept(struct iq_conn *conn)
{
    struct service *service = iq_conn_data(conn);

    if (service->only != NULL) { /* two handshakes went on at once */
        iq_conn_close(conn, 1, "one connection only");
        return;
    }
    if (service->options->once) {
        service->only = conn;
    }
    if (prints_lines(service)) {
        echo_handler.on_accept(conn);
        check_stdout(service);
    }
    report_accepted(conn);
    check_stdout(service);
}

static void on_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct service *service = iq_conn_data(conn);
    char id[IQ_ID_STR_SIZE];
    char reason[IQ_CLOSE_REASON_STR_SIZE];

    (void)iq_id_str(iq_conn_remote_id(conn), id);
    (void)iq_close_reason_str(why, reason, sizeof(reason));
    report_note("%.10s: %s", id, reason);
    report_json_begin("closed");
    report_json_string("id", id);
    report_json_string("reason", reason);
    report_json_end();
    check_stdout(service);
    if (conn != service->only || service->is_over) {
        return;
    }
    if (why->how == IQ_CLOSED_BY_PEER && why->code == 0 &&
        service->streams_copied == service->streams_begun) {
        end(service, EXIT_FINE);
    } else {
        report_error(EXIT_NO_ECHO, "the connection was lost: %s", reason);
        end(service, EXIT_NO_ECHO);
    }
}

static void on_shutdown(struct iq_conn *conn) { iq_conn_close(conn, 0, "bye!"); }

/* Streams */

static void report_copied(const struct iq_stream *stream)
{
    const uint64_t bytes = iq_stream_bytes_read(stream);
    char id[IQ_ID_STR_SIZE];

    (void)iq_id_str(iq_conn_remote_id(iq_stream_conn(stream)), id);
    report_note("%.10s: stream %" PRId64 " copied, %" PRIu64 " bytes", id, iq_stream_id(stream),
                bytes);
    report_json_begin("copied");
    report_json_string("id", id);
    report_json_number("stream", (uint64_t)iq_stream_id(stream));
    report_json_number("bytes", bytes);
    report_json_end();
}

/* Echoes what there is room for.  Whether that was the last of it. */
static bool echo(const struct service *service, struct iq_stream *stream)
{
    if (prints_lines(service)) {
        echo_handler.on_stream_ready(stream);
        return iq_stream_at_end(stream);
    }
    if (!echo_copy(stream)) {
        return false;
    }
    iq_stream_finish(stream);
    return true;
}

static void on_stream_ready(struct iq_stream *stream)
{
    struct service *service = iq_conn_data(iq_stream_conn(stream));

    if (iq_stream_data(stream) == NULL) { /* its first call */
        iq_stream_set_data(stream, service);
        service->streams_begun++;
    }
    if (echo(service, stream)) {
        service->streams_copied++;
        check_stdout(service);
        report_copied(stream);
    }
    check_stdout(service);
}

/* The beginning and the end */

static void report_listening(const struct iq_addr *addr, const char *ticket, bool quiet, bool http3)
{
    char id[IQ_ID_STR_SIZE];
    char texts[IQ_ADDR_MAX][IQ_SOCKET_ADDR_STR_SIZE];
    const char *list[IQ_ADDR_MAX];
    size_t i;

    (void)iq_id_str(&addr->id, id);
    for (i = 0; i < addr->count; i++) {
        list[i] = iq_socket_addr_str(&addr->socket_addrs[i], texts[i]);
    }
    if (report_is_json()) {
        report_json_begin("listening");
        report_json_string("id", id);
        report_json_string("ticket", ticket);
        report_json_list("addresses", list, addr->count);
        report_json_end();
        return;
    }
    (void)printf("endpoint id  %s\nticket       %s\n", id, ticket);
    for (i = 0; i < addr->count && !quiet; i++) {
        (void)printf("address      %s\n", list[i]);
    }
    for (i = 0; i < addr->count && !quiet && http3; i++) {
        (void)printf("http/3       https://%s/\n", list[i]);
    }
}

static int announce(struct service *service)
{
    const struct iq_addr *addr = iq_endpoint_addr(service->endpoint);
    struct iq_ticket *ticket;
    const int rc = iq_ticket_new(&ticket, addr);

    if (rc != 0) {
        report_error(EXIT_LOCAL, "cannot make a ticket: %s", iq_strerror(rc));
        return EXIT_LOCAL;
    }
    report_listening(addr, iq_ticket_str(ticket), service->options->mode == REPORT_QUIET,
                     service->options->http3);
    iq_ticket_free(ticket);
    return EXIT_FINE;
}

/* HTTP/3 */

static void serve_http3(struct service *service)
{
    service->h3.endpoint = service->endpoint;
    service->h3_app = (struct iq_h3_app){.handler = &h3_echo_handler, .data = &service->h3};
    service->routes[1] = (struct iq_route){.alpn = IQ_H3_ALPN,
                                           .handler = &iq_h3_protocol,
                                           .data = &service->h3_app,
                                           .anonymous = true};
}

/* No session is left, or none has anything to do, or it has taken too long. */
static bool has_drained(struct service *service)
{
    service->drain_ticks++;
    service->quiet_ticks = h3_echo_is_busy(&service->h3) ? 0 : service->quiet_ticks + 1;
    return !h3_echo_shut_down(&service->h3) || service->quiet_ticks == DRAIN_QUIET ||
           service->drain_ticks * DRAIN_TICK > DRAIN_SECONDS;
}

static void on_drain_tick(struct ev_loop *loop, ev_timer *timer, int events)
{
    if (has_drained(timer->data)) {
        ev_timer_stop(loop, timer);
        end(timer->data, EXIT_FINE);
    }
}

/* Clients are told to make no more requests, and those that they have made go on for a while. */
static void drain_http3(struct service *service)
{
    service->drain_ticks = 1;
    ev_timer_init(&service->drain, on_drain_tick, DRAIN_TICK, DRAIN_TICK);
    service->drain.data = service;
    ev_timer_start(ev_default_loop(0), &service->drain);
}

/* To be ended so is what a service is for, but not before the one connection that it waits for. */
static void on_signal(void *arg)
{
    struct service *service = arg;

    if (h3_echo_shut_down(&service->h3)) {
        drain_http3(service);
        return;
    }
    end(service, service->options->once ? EXIT_BY_SIGNAL + signals_caught() : (int)EXIT_FINE);
}

int listen_run(const struct options *options)
{
    static const struct iq_protocol_handler handler = {
        .on_accept = on_accept,
        .on_stream_ready = on_stream_ready,
        .on_closed = on_closed,
        .on_shutdown = on_shutdown,
    };
    static const struct iq_acceptor acceptor = {.on_incoming = on_incoming};
    struct ev_loop *loop = ev_default_loop(0);
    struct service service = {.options = options};
    int status = setup_endpoint(&service.endpoint, loop, options);

    if (status != EXIT_FINE) {
        return status;
    }
    service.routes[0] = (struct iq_route){.alpn = ECHO_ALPN, .handler = &handler, .data = &service};
    if (options->http3) {
        serve_http3(&service);
    }
    iq_endpoint_listen(service.endpoint, &acceptor, &service);
    signals_start(loop, on_signal, &service);
    status = announce(&service);
    if (status != EXIT_FINE) {
        end(&service, status);
    }
    check_stdout(&service);
    ev_run(loop, 0); /* returns once the endpoint has closed */
    trace_end();
    if (service.status > EXIT_BY_SIGNAL) {
        signals_raise();
    }
    return service.status;
}
