/* HTTP/3: both sides are ours, and the server is the program's. */
#include <string.h>

#include "ask.h"

#define A_WHILE (60 * SIM_SECOND)

#define POST_ECHO                                                                                  \
    {                                                                                              \
        .method = "POST", .path = "/echo"                                                          \
    }

/* What is answered to what */

static const struct answer {
    const char *method, *path;
    int status;
    bool has_body;
} answers[] = {
    {"GET", "/", 200, true},          {"HEAD", "/", 200, false},
    {"GET", "/?x=1", 200, true},      {"GET", "/metrics", 200, true},
    {"HEAD", "/metrics", 200, false}, {"GET", "/echo", 405, true},
    {"POST", "/", 405, true},         {"DELETE", "/echo", 405, true},
    {"GET", "/nothing", 404, true},   {"POST", "/nothing", 404, true},
    {"HEAD", "/nothing", 404, false}, {"GET", "/echo/", 404, true},
};

static void tell_answers(const struct sim_options *options)
{
    struct ask_pair pair;
    size_t i;

    ask_serve(&pair, options, NULL, NULL);
    for (i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct answer *row = &answers[i];
        struct ask ask = {.question = {.method = row->method, .path = row->path}};

        ask_dial(&ask, &pair);
        sim_run_for(pair.pair.sim, A_WHILE);
        if (ask.status != row->status || ask.code != IQ_H3_NO_ERROR || !ask.session_closed ||
            (ask.received > 0) != row->has_body ||
            (row->has_body && ask.received != ask.field_len) || ask.field_len == 0) {
            SIM_FAIL(pair.pair.sim, "%s %s: status %d, %llu of %llu bytes, code %#llx", row->method,
                     row->path, ask.status, (unsigned long long)ask.received,
                     (unsigned long long)ask.field_len, (unsigned long long)ask.code);
        }
    }
    SIM_EXPECT(pair.pair.sim, pair.echo.request_count == i && pair.echo.failure_count == 0);
    SIM_EXPECT(pair.pair.sim, pair.echo.session_count == i && pair.echo.sessions == NULL);
    sim_free(pair.pair.sim);
}

/* Echoes */

static void echo(const struct sim_options *options, uint64_t len, unsigned count, unsigned at_once)
{
    struct ask_pair pair;
    struct ask ask = {.question = POST_ECHO, .len = len, .count = count, .at_once = at_once};

    ask_serve(&pair, options, NULL, NULL);
    ask_all(&ask, &pair, 7200 * SIM_SECOND);
    SIM_EXPECT(pair.pair.sim, pair.echo.echoed_bytes == len * count);
    SIM_EXPECT(pair.pair.sim, pair.echo.failure_count == 0);
    sim_free(pair.pair.sim);
}

static void tell_sizes(const struct sim_options *options)
{
    static const uint64_t sizes[] = {0, 1, 63, 64, 1200, 16383, 16384, 16385, 100000, 1000000};
    size_t i;

    for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        echo(options, sizes[i], 1, 1);
    }
}

static void tell_10_mb(const struct sim_options *options) { echo(options, 10000000, 1, 1); }

static void tell_100_at_once(const struct sim_options *options) { echo(options, 20000, 100, 100); }

static void tell_1000_in_a_row(const struct sim_options *options)
{
    echo(options, 100, story_scale(1000), 1);
}

/* More than the server allows: on_requests_allowed says when to go on. */
static void tell_more_than_allowed(const struct sim_options *options)
{
    const struct iq_endpoint_config few = {.max_streams_bi = 3};
    struct ask ask = {.question = POST_ECHO, .len = 3000, .count = 100, .at_once = 50};
    struct ask_pair pair;

    ask_serve(&pair, options, NULL, &few);
    ask_all(&ask, &pair, 3600 * SIM_SECOND);
    sim_free(pair.pair.sim);
}

/* Both protocols on one endpoint, one more than the other. */
static void tell_beside_echo(const struct sim_options *options)
{
    struct app_task task = {.len = 50000, .stream_count = 40, .at_once = 20};
    struct ask ask = {.question = POST_ECHO, .len = 50000, .count = 40, .at_once = 20};
    struct ask_pair pair;

    ask_serve(&pair, options, NULL, NULL);
    app_dial(&task, pair.pair.dials, pair.pair.accepts);
    ask_all(&ask, &pair, 3600 * SIM_SECOND);
    sim_run_for(pair.pair.sim, A_WHILE);
    app_expect_done(pair.pair.sim, &task);
    sim_free(pair.pair.sim);
}

/* A client that uploads a gigabyte and reads nothing, until it does: what is on its way is bounded
 * by the windows, and nothing of it gets lost. */
static void tell_slow_reader(const struct sim_options *options)
{
    static const struct iq_endpoint_config small = {
        .stream_window = 65536, .conn_window = 65536, .stream_send_buffer = 32768};
    struct ask ask = {.question = POST_ECHO, .len = 1000000000, .never_read = true, .stay = true};
    const size_t on_its_way = 2 * (65536 + 32768 + (size_t)2 * 16384);
    struct ask_pair pair;
    size_t live_before;
    uint64_t sent;

    ask_serve(&pair, options, &small, &small);
    live_before = sim_live_bytes();
    ask_dial(&ask, &pair);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.sent >= small.stream_window && ask.sent <= on_its_way);
    SIM_EXPECT(pair.pair.sim, sim_live_bytes() - live_before <= on_its_way + 400000);
    sent = ask.sent;
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.sent == sent && ask.received == 0);
    ask.never_read = false;
    ask_go_on(&ask);
    while (ask.received < 3000000 && sim_step(pair.pair.sim)) {
    }
    SIM_EXPECT(pair.pair.sim, sim_live_bytes() - live_before <= on_its_way + 400000);
    sim_free(pair.pair.sim);
}

/* Ends that come too early, or too late */

static void tell_aborted_upload(const struct sim_options *options)
{
    struct ask ask = {
        .question = POST_ECHO, .len = 10000000, .count = 5, .cancel_at = 100000, .stay = true};
    struct ask_pair pair;

    ask_serve(&pair, options, NULL, NULL);
    ask_dial(&ask, &pair);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.closed == 5 && ask.code == IQ_H3_REQUEST_CANCELLED);
    SIM_EXPECT(pair.pair.sim, pair.echo.failure_count == pair.echo.request_count);
    SIM_EXPECT(pair.pair.sim, !h3_echo_is_busy(&pair.echo));
    ask.cancel_at = 0; /* and the connection is as good as before */
    ask.len = 100000;
    ask.count++;
    ask_more(&ask);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.echoed == 1 && ask.code == IQ_H3_NO_ERROR);
    sim_free(pair.pair.sim);
}

/* Nobody keeps a field section of 16 KB; the next request may be smaller. */
static void tell_large_fields(const struct sim_options *options)
{
    static char value[16385];
    const struct iq_h3_field field = {"x-large", value};
    struct ask ask = {
        .question = {.method = "POST", .path = "/echo", .fields = &field, .field_count = 1},
        .len = 3000000,
        .stay = true};
    struct ask_pair pair;

    memset(value, 'x', sizeof(value) - 1);
    ask_serve(&pair, options, NULL, NULL);
    ask_dial(&ask, &pair);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.status == 431 && ask.received > 0 && ask.closed == 1);
    SIM_EXPECT(pair.pair.sim, pair.echo.request_count == 0);
    value[16384 - 1000] = '\0';
    ask.count = 2;
    ask.len = 0;
    ask_more(&ask);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.status == 200 && ask.closed == 2 && ask.code == IQ_H3_NO_ERROR);
    sim_free(pair.pair.sim);
}

/* A server that says more than once that it goes on, and responds once it has heard all. */

static void say_continue(struct iq_h3_request *request)
{
    if (iq_h3_request_respond(request, 100, NULL, 0) != 0 ||
        iq_h3_request_respond(request, 103, NULL, 0) != 0) {
        iq_h3_request_cancel(request, IQ_H3_INTERNAL_ERROR);
    }
}

static void respond_at_end(struct iq_h3_request *request)
{
    struct iq_bytes in;

    for (in = iq_h3_request_peek(request); in.len > 0; in = iq_h3_request_peek(request)) {
        iq_h3_request_consume(request, in.len);
    }
    if (iq_h3_request_at_end(request) && iq_h3_request_respond(request, 200, NULL, 0) == 0) {
        iq_h3_request_finish(request);
    }
}

static void tell_continue(const struct sim_options *options)
{
    static const struct iq_h3_handler patient = {.on_request = say_continue,
                                                 .on_ready = respond_at_end};
    const struct iq_h3_field field = {"expect", "100-continue"};
    struct ask ask = {
        .question = {.method = "POST", .path = "/echo", .fields = &field, .field_count = 1},
        .len = 1000};
    struct ask_pair pair;

    ask_serve(&pair, options, NULL, NULL);
    ask_all(&ask, &pair, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.responded == 1);
    sim_free(pair.pair.sim);

    ask = (struct ask){.question = {.method = "POST"}, .len = 3000000};
    ask_serve_with(&pair, options, &patient, NULL);
    ask_dial(&ask, &pair);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.responded == 1 && ask.status == 200);
    SIM_EXPECT(pair.pair.sim, ask.code == IQ_H3_NO_ERROR && ask.received == 0);
    sim_free(pair.pair.sim);
}

/* A body that is longer or shorter than was said (RFC 9114, section 4.1.2) ends the connection, as
 * section 8 allows: nghttp3 cannot go on behind it. */
static void tell_wrong_length(const struct sim_options *options)
{
    static const char *const lengths[] = {"999", "1001", "0"};
    size_t i;

    for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        const struct iq_h3_field field = {"content-length", lengths[i]};
        struct ask ask = {
            .question = {.method = "POST", .path = "/echo", .fields = &field, .field_count = 1},
            .len = 1000};
        struct ask_pair pair;

        ask_serve(&pair, options, NULL, NULL);
        ask_dial(&ask, &pair);
        sim_run_for(pair.pair.sim, A_WHILE);
        SIM_EXPECT(pair.pair.sim, ask.session_closed && ask.session_code == 0x10e);
        SIM_EXPECT(pair.pair.sim, ask.echoed == 0);
        sim_free(pair.pair.sim);
    }
}

/* Requests that have begun go on after GOAWAY, and no others come; the close is left to the client.
 */
static void tell_goaway(const struct sim_options *options)
{
    struct ask ask = {.question = POST_ECHO, .len = 3000000, .count = 2, .stay = true};
    struct ask_pair pair;
    struct iq_h3_request *request;

    ask_serve(&pair, options, NULL, NULL);
    ask_dial(&ask, &pair);
    while (ask.received < 100000 && sim_step(pair.pair.sim)) {
    }
    SIM_EXPECT(pair.pair.sim, h3_echo_shut_down(&pair.echo));
    while (ask.received < 2000000 && sim_step(pair.pair.sim)) {
    }
    SIM_EXPECT(pair.pair.sim,
               iq_h3_request_new(&request, ask.session, &ask.question) == IQ_ERR_CLOSED);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.echoed == 1 && ask.opened == 1);
    SIM_EXPECT(pair.pair.sim, !ask.session_closed && !h3_echo_is_busy(&pair.echo));
    iq_conn_close(iq_h3_session_conn(ask.session), IQ_H3_NO_ERROR, NULL);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.session_closed && !h3_echo_shut_down(&pair.echo));
    sim_free(pair.pair.sim);
}

/* A server whose handler wants no requests. */
static void tell_rejected(const struct sim_options *options)
{
    static const struct iq_h3_handler nothing = {0};
    struct ask ask = {.question = POST_ECHO, .len = 3000000};
    struct ask_pair pair;

    ask_serve_with(&pair, options, &nothing, NULL);
    ask_dial(&ask, &pair);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.closed == 1 && ask.code == IQ_H3_REQUEST_REJECTED);
    sim_free(pair.pair.sim);
}

/* The server's endpoint closes in the middle. */
static void tell_server_closes(const struct sim_options *options)
{
    struct ask ask = {.question = POST_ECHO, .len = 10000000, .count = 10, .at_once = 10};
    struct ask_pair pair;

    ask_serve(&pair, options, NULL, NULL);
    ask_dial(&ask, &pair);
    while (ask.received < 1000000 && sim_step(pair.pair.sim)) {
    }
    sim_close(pair.pair.accepts);
    SIM_EXPECT(pair.pair.sim, pair.echo.sessions == NULL && pair.echo.failure_count == 10);
    sim_run_for(pair.pair.sim, A_WHILE);
    SIM_EXPECT(pair.pair.sim, ask.session_closed && ask.closed == 10);
    SIM_EXPECT(pair.pair.sim, ask.code == IQ_H3_REQUEST_CANCELLED);
    sim_free(pair.pair.sim);
}

const struct story h3_stories[] = {
    {.name = "h3_answers", .run = tell_answers, .seeds = 3},
    {.name = "h3_sizes", .run = tell_sizes},
    {.name = "h3_10_mb", .run = tell_10_mb},
    {.name = "h3_100_at_once", .run = tell_100_at_once},
    {.name = "h3_1000_in_a_row", .run = tell_1000_in_a_row},
    {.name = "h3_more_than_allowed", .run = tell_more_than_allowed},
    {.name = "h3_beside_echo", .run = tell_beside_echo},
    {.name = "h3_slow_reader", .run = tell_slow_reader},
    {.name = "h3_aborted_upload", .run = tell_aborted_upload, .seeds = 3},
    {.name = "h3_large_fields", .run = tell_large_fields, .seeds = 3},
    {.name = "h3_continue", .run = tell_continue, .seeds = 3},
    {.name = "h3_wrong_length", .run = tell_wrong_length, .seeds = 3},
    {.name = "h3_goaway", .run = tell_goaway, .seeds = 3},
    {.name = "h3_rejected", .run = tell_rejected, .seeds = 3},
    {.name = "h3_server_closes", .run = tell_server_closes, .seeds = 3},
    {0},
};
