/* The client, and how both sides begin. */
#include "ask.h"

#include <stdlib.h>
#include <string.h>

struct ask_body {
    uint64_t sent, received;
};

static struct ask *ask_of(const struct iq_h3_request *request)
{
    return iq_h3_session_data(iq_h3_request_session(request));
}

static void write_body(struct ask *ask, struct iq_h3_request *request)
{
    struct ask_body *body = iq_h3_request_data(request);
    uint8_t block[10000]; /* no multiple of anything in the library */
    size_t taken, wanted, i;

    do {
        wanted =
            ask->len - body->sent < sizeof(block) ? (size_t)(ask->len - body->sent) : sizeof(block);
        for (i = 0; i < wanted; i++) {
            block[i] = app_pattern(iq_h3_request_id(request), body->sent + i);
        }
        taken = iq_h3_request_write(request, block, wanted);
        body->sent += taken;
        ask->sent += taken;
    } while (taken > 0 && body->sent < ask->len);
    if (body->sent == ask->len) {
        iq_h3_request_finish(request);
    }
}

static void expect_pattern(const struct ask *ask, const struct iq_h3_request *request,
                           struct iq_bytes in, uint64_t offset)
{
    size_t i;

    for (i = 0; i < in.len; i++) {
        if (in.data[i] != app_pattern(iq_h3_request_id(request), offset + i)) {
            SIM_FAIL(ask->sim, "wrong byte at %llu", (unsigned long long)(offset + i));
        }
    }
}

static void read_body(struct ask *ask, struct iq_h3_request *request)
{
    struct ask_body *body = iq_h3_request_data(request);
    const bool echoes = iq_h3_request_status(request) == 200 && ask->len > 0;
    struct iq_bytes in;

    for (in = iq_h3_request_peek(request); in.len > 0; in = iq_h3_request_peek(request)) {
        if (echoes) {
            expect_pattern(ask, request, in, body->received);
        }
        body->received += in.len;
        ask->received += in.len;
        iq_h3_request_consume(request, in.len);
    }
}

static void on_ready(struct iq_h3_request *request)
{
    struct ask *ask = ask_of(request);
    const struct ask_body *body = iq_h3_request_data(request);

    write_body(ask, request);
    if (!ask->never_read) {
        read_body(ask, request);
    }
    if (ask->cancel_at > 0 && body->received >= ask->cancel_at) {
        iq_h3_request_cancel(request, IQ_H3_REQUEST_CANCELLED);
    }
}

void ask_go_on(struct ask *ask)
{
    if (ask->request != NULL) {
        on_ready(ask->request);
    }
}

void ask_more(struct ask *ask)
{
    const unsigned count = ask->count == 0 ? 1 : ask->count;
    const unsigned at_once = ask->at_once == 0 ? 1 : ask->at_once;

    while (ask->opened < count && ask->open_now < at_once) {
        struct iq_h3_request *request;

        if (iq_h3_request_new(&request, ask->session, &ask->question) != 0) {
            return; /* on_requests_allowed comes */
        }
        iq_h3_request_set_data(request, sim_alloc(sizeof(struct ask_body)));
        ask->request = request;
        ask->opened++;
        ask->open_now++;
        write_body(ask, request);
    }
}

static void on_open(struct iq_h3_session *session)
{
    struct ask *ask = iq_h3_session_data(session);

    ask->session = session;
    ask_more(ask);
}

static void on_requests_allowed(struct iq_h3_session *session)
{
    ask_more(iq_h3_session_data(session));
}

static void on_response(struct iq_h3_request *request)
{
    struct ask *ask = ask_of(request);
    const char *length = iq_h3_request_field(request, "content-length");

    ask->responded++;
    ask->status = iq_h3_request_status(request);
    ask->field_len = length == NULL ? 0 : strtoull(length, NULL, 10);
}

static void on_request_closed(struct iq_h3_request *request, uint64_t code)
{
    struct ask *ask = ask_of(request);
    struct ask_body *body = iq_h3_request_data(request);

    ask->code = code;
    ask->closed++;
    ask->open_now--;
    ask->echoed += code == IQ_H3_NO_ERROR && body->received == ask->len;
    ask->request = ask->request == request ? NULL : ask->request;
    sim_dealloc(body);
    if (ask->closed == (ask->count == 0 ? 1 : ask->count) && !ask->stay) {
        iq_conn_close(iq_h3_session_conn(ask->session), IQ_H3_NO_ERROR, NULL);
    } else {
        ask_more(ask);
    }
}

static void on_closed(struct iq_h3_session *session, const struct iq_close_reason *why)
{
    struct ask *ask = iq_h3_session_data(session);

    SIM_EXPECT(ask->sim, !ask->session_closed && ask->open_now == 0);
    ask->session = NULL;
    ask->session_closed = true;
    ask->how = why->how;
    ask->session_code = why->code;
}

static const struct iq_h3_handler asking = {
    .on_open = on_open,
    .on_response = on_response,
    .on_ready = on_ready,
    .on_requests_allowed = on_requests_allowed,
    .on_request_closed = on_request_closed,
    .on_closed = on_closed,
};

void ask_dial(struct ask *ask, struct ask_pair *pair)
{
    const struct iq_addr addr = sim_addr(pair->pair.accepts);

    ask->sim = pair->pair.sim;
    if (ask->question.authority == NULL) {
        ask->question.authority = "localhost";
    }
    SIM_EXPECT(ask->sim, iq_h3_connect(pair->pair.dials->endpoint, &addr, &asking, ask) == 0);
}

void ask_expect_done(const struct ask *ask)
{
    const unsigned count = ask->count == 0 ? 1 : ask->count;

    if (ask->echoed != count || ask->status != 200 || !ask->session_closed ||
        ask->how != IQ_CLOSED_BY_US) {
        SIM_FAIL(ask->sim,
                 "%u of %u echoes, %u responses, the latest %d, code %#llx; %llu bytes sent, %llu "
                 "received; session closed %d, how %d, code %#llx",
                 ask->echoed, count, ask->responded, ask->status, (unsigned long long)ask->code,
                 (unsigned long long)ask->sent, (unsigned long long)ask->received,
                 ask->session_closed, (int)ask->how, (unsigned long long)ask->session_code);
    }
}

void ask_all(struct ask *ask, struct ask_pair *pair, uint64_t limit_ns)
{
    const uint64_t end_ns = pair->pair.sim->now_ns + limit_ns;

    ask_dial(ask, pair);
    while (!ask->session_closed && pair->pair.sim->now_ns < end_ns && sim_step(pair->pair.sim)) {
    }
    ask_expect_done(ask);
}

/* The server */

static void accept_http3(struct iq_incoming *incoming, void *data)
{
    const struct ask_pair *pair = data;

    SIM_EXPECT(pair->pair.sim, iq_incoming_accept(incoming, pair->routes) == 0);
}

void ask_serve(struct ask_pair *self, const struct sim_options *options,
               const struct iq_endpoint_config *dials, const struct iq_endpoint_config *accepts)
{
    static const struct iq_acceptor acceptor = {.on_incoming = accept_http3};

    *self = (struct ask_pair){.pair = {.sim = sim_new(options)}};
    self->pair.dials = sim_add_endpoint(self->pair.sim, dials);
    self->pair.accepts = sim_add_endpoint(self->pair.sim, accepts);
    self->echo.endpoint = self->pair.accepts->endpoint;
    self->app = (struct iq_h3_app){.handler = &h3_echo_handler, .data = &self->echo};
    self->routes[0] = app_echo_routes[0];
    self->routes[1] = (struct iq_route){
        .alpn = IQ_H3_ALPN, .handler = &iq_h3_protocol, .data = &self->app, .anonymous = true};
    iq_endpoint_listen(self->pair.accepts->endpoint, &acceptor, self);
}

void ask_serve_with(struct ask_pair *self, const struct sim_options *options,
                    const struct iq_h3_handler *handler, void *data)
{
    ask_serve(self, options, NULL, NULL);
    self->app = (struct iq_h3_app){.handler = handler, .data = data};
}
