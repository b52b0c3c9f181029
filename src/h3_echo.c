/*
 * A resource is a path with the methods that it has; a request for anything else gets a body that
 * says so.  The echo itself is the loop of echo.c, on a request instead of a stream: what cannot be
 * sent back yet stays unread, and the client waits.
 */
#include "h3_echo.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <iq/ticket.h>

#define PAGE_SIZE 4096

/* Of the list of open sessions; the session's own data. */
struct h3_echo_session {
    struct h3_echo *echo;
    struct iq_h3_session *session;
    struct h3_echo_session *next;
};

static struct h3_echo *echo_of(const struct iq_h3_request *request)
{
    const struct h3_echo_session *own = iq_h3_session_data(iq_h3_request_session(request));

    return own->echo;
}

/* Pages: bodies that are known at once */

__attribute__((format(printf, 5, 6))) static void respond(struct iq_h3_request *request, int status,
                                                          const char *type, const char *allow,
                                                          const char *format, ...)
{
    char body[PAGE_SIZE], length[24];
    struct iq_h3_field fields[3] = {{"content-type", type}, {"content-length", length}};
    size_t field_count = 2;
    va_list arguments;
    int len;

    va_start(arguments, format);
    len = vsnprintf(body, sizeof(body), format, arguments);
    va_end(arguments);
    (void)snprintf(length, sizeof(length), "%d", len);
    if (allow != NULL) {
        fields[field_count++] = (struct iq_h3_field){"allow", allow};
    }
    if (len < 0 || (size_t)len >= sizeof(body) ||
        iq_h3_request_respond(request, status, fields, field_count) != 0) {
        iq_h3_request_cancel(request, IQ_H3_INTERNAL_ERROR);
        return;
    }
    (void)iq_h3_request_write(request, body, (size_t)len); /* a new stream has room for a page */
    iq_h3_request_finish(request);
}

static void get_page(struct iq_h3_request *request)
{
    const struct h3_echo *echo = echo_of(request);
    struct iq_ticket *ticket;
    char id[IQ_ID_STR_SIZE];

    if (iq_ticket_new(&ticket, iq_endpoint_addr(echo->endpoint)) != 0) {
        iq_h3_request_cancel(request, IQ_H3_INTERNAL_ERROR);
        return;
    }
    respond(request, 200, "text/html; charset=utf-8", NULL,
            "<!doctype html>\n<html lang=\"en\">\n<title>echo</title>\n<h1>echo</h1>\n"
            "<p>This endpoint sends back what it gets: on <code>POST /echo</code> over HTTP/3,\n"
            "and on any stream of <code>iroh-example/echo/0</code>.\n"
            "<dl>\n<dt>endpoint id<dd><code>%s</code>\n<dt>ticket<dd><code>%s</code>\n"
            "<dt>HTTP/3 connections<dd>%" PRIu64 "\n<dt>requests<dd>%" PRIu64 "\n"
            "<dt>bytes echoed<dd>%" PRIu64 "\n</dl>\n"
            "<p>The same for programs: <a href=\"/metrics\">/metrics</a>\n",
            iq_id_str(iq_endpoint_id(echo->endpoint), id), iq_ticket_str(ticket),
            echo->session_count, echo->request_count, echo->echoed_bytes);
    iq_ticket_free(ticket);
}

struct metric {
    const char *name;
    const char *type;
    const char *help;
    uint64_t value;
};

/* In the text format of Prometheus, version 0.0.4.  Returns the length. */
static size_t print_metrics(char *text, size_t size, const struct metric *metrics, size_t count)
{
    size_t len = 0, i;

    for (i = 0; i < count && len < size; i++) {
        const struct metric *metric = &metrics[i];

        len += (size_t)snprintf(
            text + len, size - len, "# HELP %s %s\n# TYPE %s %s\n%s %" PRIu64 "\n", metric->name,
            metric->help, metric->name, metric->type, metric->name, metric->value);
    }
    return len;
}

static struct iq_endpoint_stats stats_of(const struct iq_endpoint *endpoint)
{
    struct iq_endpoint_stats stats;

    iq_endpoint_stats(endpoint, &stats);
    return stats;
}

static void get_metrics(struct iq_h3_request *request)
{
    const struct h3_echo *echo = echo_of(request);
    const struct iq_endpoint_stats stats = stats_of(echo->endpoint);
    const struct metric metrics[] = {
        {"echo_h3_connections_total", "counter", "HTTP/3 connections accepted.",
         echo->session_count},
        {"echo_h3_requests_total", "counter", "Requests, this one included.", echo->request_count},
        {"echo_h3_failed_requests_total", "counter", "Requests that one side gave up.",
         echo->failure_count},
        {"echo_h3_echoed_bytes_total", "counter", "Bytes of bodies sent back.", echo->echoed_bytes},
        {"echo_connections", "gauge", "Connections of all protocols now.", stats.conns_open},
        {"echo_connections_total", "counter", "Connections of all protocols accepted.",
         stats.conns_accepted},
        {"echo_failed_handshakes_total", "counter", "Handshakes that came to nothing.",
         stats.handshakes_failed},
        {"echo_received_bytes_total", "counter", "Bytes of UDP received.", stats.bytes_received},
        {"echo_sent_bytes_total", "counter", "Bytes of UDP sent.", stats.bytes_sent},
    };
    char text[PAGE_SIZE];
    const size_t len =
        print_metrics(text, sizeof(text), metrics, sizeof(metrics) / sizeof(metrics[0]));

    assert(len < sizeof(text));
    respond(request, 200, "text/plain; version=0.0.4; charset=utf-8", NULL, "%s", text);
}

/* The echo */

/* Marks, as its data, a request whose body comes back. */
static char echoes;

static void begin_echo(struct iq_h3_request *request)
{
    const char *type = iq_h3_request_field(request, "content-type");
    const char *length = iq_h3_request_field(request, "content-length");
    const char *expect = iq_h3_request_field(request, "expect");
    struct iq_h3_field fields[2] = {
        {"content-type", type == NULL ? "application/octet-stream" : type}};
    size_t count = 1;

    if (length != NULL) { /* nghttp3 sees to it that the body has it */
        fields[count++] = (struct iq_h3_field){"content-length", length};
    }
    if (expect != NULL && strcmp(expect, "100-continue") == 0 &&
        iq_h3_request_respond(request, 100, NULL, 0) != 0) {
        iq_h3_request_cancel(request, IQ_H3_INTERNAL_ERROR);
        return;
    }
    if (iq_h3_request_respond(request, 200, fields, count) != 0) {
        iq_h3_request_cancel(request, IQ_H3_INTERNAL_ERROR);
        return;
    }
    iq_h3_request_set_data(request, &echoes); /* on_ready goes on */
}

static void on_ready(struct iq_h3_request *request)
{
    struct h3_echo *echo = echo_of(request);
    size_t sent;

    if (iq_h3_request_data(request) != &echoes) {
        return;
    }
    do {
        struct iq_bytes in = iq_h3_request_peek(request);

        sent = iq_h3_request_write(request, in.data, in.len);
        iq_h3_request_consume(request, sent);
        echo->echoed_bytes += sent;
    } while (sent > 0);
    if (iq_h3_request_at_end(request)) {
        iq_h3_request_finish(request);
    }
}

/* Resources */

struct resource {
    const char *path;
    const char *allow;
    void (*get)(struct iq_h3_request *request); /* for HEAD, too: then the body is swallowed */
    void (*post)(struct iq_h3_request *request);
};

static const struct resource resources[] = {
    {"/", "GET, HEAD", get_page, NULL},
    {"/metrics", "GET, HEAD", get_metrics, NULL},
    {"/echo", "POST", NULL, begin_echo},
};

static const struct resource *find_resource(const char *path)
{
    const size_t len = strcspn(path, "?");
    size_t i;

    for (i = 0; i < sizeof(resources) / sizeof(resources[0]); i++) {
        if (strlen(resources[i].path) == len && memcmp(resources[i].path, path, len) == 0) {
            return &resources[i];
        }
    }
    return NULL;
}

static void on_request(struct iq_h3_request *request)
{
    const char *method = iq_h3_request_method(request);
    const char *path = iq_h3_request_path(request); /* CONNECT has none */
    const struct resource *resource = path == NULL ? NULL : find_resource(path);
    void (*serve)(struct iq_h3_request *) = NULL;

    echo_of(request)->request_count++;
    if (resource == NULL) {
        respond(request, 404, "text/plain", NULL, "There is nothing here: try / or /echo.\n");
        return;
    }
    if (strcmp(method, "GET") == 0 || strcmp(method, "HEAD") == 0) {
        serve = resource->get;
    } else if (strcmp(method, "POST") == 0) {
        serve = resource->post;
    }
    if (serve == NULL) {
        respond(request, 405, "text/plain", resource->allow, "%s takes %s only.\n", resource->path,
                resource->allow);
        return;
    }
    serve(request);
}

static void on_request_closed(struct iq_h3_request *request, uint64_t code)
{
    echo_of(request)->failure_count += code != IQ_H3_NO_ERROR;
}

/* Sessions */

static void on_open(struct iq_h3_session *session)
{
    struct h3_echo *echo = iq_h3_session_data(session);
    struct h3_echo_session *own = malloc(sizeof(*own));

    echo->session_count++;
    iq_h3_session_set_data(session, own);
    if (own == NULL) {
        iq_conn_close(iq_h3_session_conn(session), IQ_H3_INTERNAL_ERROR, "out of memory");
        return;
    }
    *own = (struct h3_echo_session){.echo = echo, .session = session, .next = echo->sessions};
    echo->sessions = own;
}

static void on_closed(struct iq_h3_session *session, const struct iq_close_reason *why)
{
    struct h3_echo_session *own = iq_h3_session_data(session);
    struct h3_echo_session **place;

    if (own == NULL) {
        return;
    }
    place = &own->echo->sessions;
    while (*place != own) {
        place = &(*place)->next;
    }
    *place = own->next;
    free(own);
}

bool h3_echo_is_busy(const struct h3_echo *echo)
{
    const struct h3_echo_session *own = echo->sessions;

    while (own != NULL && iq_h3_session_request_count(own->session) == 0) {
        own = own->next;
    }
    return own != NULL;
}

bool h3_echo_shut_down(struct h3_echo *echo)
{
    const struct h3_echo_session *own;

    for (own = echo->sessions; own != NULL; own = own->next) {
        iq_h3_session_shut_down(own->session);
    }
    return echo->sessions != NULL;
}

const struct iq_h3_handler h3_echo_handler = {
    .on_open = on_open,
    .on_request = on_request,
    .on_ready = on_ready,
    .on_request_closed = on_request_closed,
    .on_closed = on_closed,
};
