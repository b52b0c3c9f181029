/*
 * An HTTP/3 client: gets a page from an endpoint that is known by its id, and prints it.
 *     h3_get TICKET [PATH]
 * The ticket is what `echo listen --http3` prints. No certificate says who the server is, and no
 * name: it proves that it holds the key of the id, or the dial fails.
 */
#include <ev.h>
#include <stdio.h>
#include <stdlib.h>

#include <iq/h3.h>
#include <iq/iq.h>

static const char *path = "/";
static bool complete;

static void ask(struct iq_h3_session *session)
{
    const struct iq_h3_question question = {.authority = "localhost", .path = path};
    struct iq_h3_request *request;

    if (iq_h3_request_new(&request, session, &question) != 0) {
        iq_conn_close(iq_h3_session_conn(session), IQ_H3_INTERNAL_ERROR, "no request");
        return;
    }
    iq_h3_request_finish(request); /* it has no body */
}

static void hear_response(struct iq_h3_request *request)
{
    const char *type = iq_h3_request_field(request, "content-type");

    fprintf(stderr, "%d %s\n", iq_h3_request_status(request), type == NULL ? "" : type);
}

static void print_body(struct iq_h3_request *request)
{
    struct iq_bytes in;

    for (in = iq_h3_request_peek(request); in.len > 0; in = iq_h3_request_peek(request)) {
        fwrite(in.data, 1, in.len, stdout);
        iq_h3_request_consume(request, in.len);
    }
}

static void end(struct iq_h3_request *request, uint64_t code)
{
    struct iq_h3_session *session = iq_h3_request_session(request);

    complete = code == IQ_H3_NO_ERROR && iq_h3_request_status(request) == 200;
    iq_conn_close(iq_h3_session_conn(session), IQ_H3_NO_ERROR, NULL);
}

static void close_endpoint(struct iq_h3_session *session, const struct iq_close_reason *why)
{
    char text[IQ_CLOSE_REASON_STR_SIZE];

    if (!complete) {
        fprintf(stderr, "h3_get: %s\n", iq_close_reason_str(why, text, sizeof(text)));
    }
    iq_endpoint_close(iq_conn_endpoint(iq_h3_session_conn(session)), NULL, NULL);
}

static const struct iq_h3_handler getting = {
    .on_open = ask,
    .on_response = hear_response,
    .on_ready = print_body,
    .on_request_closed = end,
    .on_closed = close_endpoint,
};

static int dial(const char *text)
{
    struct iq_endpoint *endpoint;
    struct iq_ticket *ticket;
    int rc = iq_ticket_parse(&ticket, text, NULL);

    if (rc != 0) {
        return rc;
    }
    rc = iq_endpoint_bind(&endpoint, ev_default_loop(0), NULL);
    if (rc == 0) {
        rc = iq_h3_connect(endpoint, iq_ticket_addr(ticket), &getting, NULL);
        if (rc != 0) {
            iq_endpoint_close(endpoint, NULL, NULL);
        }
    }
    iq_ticket_free(ticket);
    return rc;
}

int main(int argc, char **argv)
{
    int rc;

    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: h3_get TICKET [PATH]\n");
        return 2;
    }
    if (argc == 3) {
        path = argv[2];
    }
    rc = dial(argv[1]);
    if (rc != 0) {
        fprintf(stderr, "h3_get: %s\n", iq_strerror(rc));
    }
    ev_run(ev_default_loop(0), 0); /* returns once the endpoint has closed, if there is one */
    return complete ? 0 : 1;
}
