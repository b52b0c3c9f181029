/* A program that knows iq's HTTP/3 only as it is installed. */
#include <stdio.h>

#include <ev.h>
#include <iq/h3.h>
#include <iq/iq.h>

static int status;

static void on_request(struct iq_h3_request *request)
{
    if (iq_h3_request_respond(request, 204, NULL, 0) != 0) {
        iq_h3_request_cancel(request, IQ_H3_INTERNAL_ERROR);
    }
    iq_h3_request_finish(request);
}

static void on_open(struct iq_h3_session *session)
{
    const struct iq_h3_question question = {.authority = "localhost"};
    struct iq_h3_request *request;

    if (iq_h3_request_new(&request, session, &question) == 0) {
        iq_h3_request_finish(request);
    }
}

static void on_response(struct iq_h3_request *request)
{
    status = iq_h3_request_status(request);
    iq_conn_close(iq_h3_session_conn(iq_h3_request_session(request)), IQ_H3_NO_ERROR, NULL);
}

static void shut_down(void *router) { iq_router_shutdown(router, NULL, NULL); }

static void on_closed(struct iq_h3_session *session, const struct iq_close_reason *why)
{
    iq_endpoint_close(iq_conn_endpoint(iq_h3_session_conn(session)), shut_down,
                      iq_h3_session_data(session));
}

int main(void)
{
    static const struct iq_h3_handler serving = {.on_request = on_request};
    static const struct iq_h3_handler asking = {
        .on_open = on_open, .on_response = on_response, .on_closed = on_closed};
    static struct iq_h3_app app = {.handler = &serving};
    static const struct iq_route routes[] = {
        {.alpn = IQ_H3_ALPN, .handler = &iq_h3_protocol, .data = &app, .anonymous = true}, {0}};
    static const struct iq_endpoint_config config = {.bind = {"127.0.0.1:0"}};
    struct ev_loop *loop = ev_default_loop(0);
    struct iq_endpoint *here, *there;
    struct iq_router *router;

    if (iq_endpoint_bind(&there, loop, &config) != 0 ||
        iq_router_spawn(&router, there, routes) != 0 ||
        iq_endpoint_bind(&here, loop, &config) != 0 ||
        iq_h3_connect(here, iq_endpoint_addr(there), &asking, router) != 0) {
        return 1;
    }
    ev_run(loop, 0);
    puts(status == 204 ? "dialled and closed" : "no response");
    return status == 204 ? 0 : 1;
}
