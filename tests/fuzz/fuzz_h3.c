/*
 * HTTP/3: whatever a peer sends, in whichever order, both sides keep their promises.
 *
 * The first byte tells which side we are, and which allocation fails.  Then come steps: a byte with
 * the stream (bits 0 to 2) and what happens on it (bits 3 to 5), one with a length, and so many
 * bytes.
 */
#include "iq/h3.h"

#include "fake_conn.h"
#include "fuzz.h"
#include "iq/endpoint.h"

static unsigned requests_open, sessions_open;
static uint64_t body_read, body_written;

/* Memory that fails once */

static long allocations_left; /* until one fails; negative: none does */

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool fails(void) { return allocations_left >= 0 && allocations_left-- == 0; }

void *__wrap_malloc(size_t size) { return fails() ? NULL : __real_malloc(size); }

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return fails() ? NULL : __real_realloc(block, size);
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

/* The application: it echoes, or asks for an echo */

static void look_at_fields(struct iq_h3_request *request)
{
    size_t size = 0, i;

    for (i = 0; i < iq_h3_request_field_count(request); i++) {
        const struct iq_h3_field field = iq_h3_request_field_at(request, i);

        assert(iq_h3_request_field(request, field.name) != NULL);
        size += strlen(field.name) + strlen(field.value) + 32;
    }
    assert(size <= IQ_H3_FIELDS_MAX);
    (void)iq_h3_request_authority(request);
}

static void on_request(struct iq_h3_request *request)
{
    const struct iq_h3_field field = {"content-type", "text/plain"};
    const char *path = iq_h3_request_path(request);

    requests_open++;
    assert(iq_h3_request_method(request) != NULL);
    look_at_fields(request);
    if ((path != NULL && path[1] == 'c') || iq_h3_request_respond(request, 100, NULL, 0) != 0 ||
        iq_h3_request_respond(request, 200, &field, 1) != 0) {
        iq_h3_request_cancel(request, IQ_H3_INTERNAL_ERROR);
    }
}

static void on_response(struct iq_h3_request *request)
{
    assert(iq_h3_request_status(request) >= 200 && iq_h3_request_status(request) <= 999);
    look_at_fields(request);
}

static void on_ready(struct iq_h3_request *request)
{
    size_t sent;

    do {
        const struct iq_bytes in = iq_h3_request_peek(request);

        sent = iq_h3_request_write(request, in.data, in.len);
        assert(sent <= in.len);
        iq_h3_request_consume(request, sent);
        body_read += sent;
        body_written += sent;
    } while (sent > 0);
    if (iq_h3_request_at_end(request)) {
        assert(iq_h3_request_peek(request).len == 0);
        iq_h3_request_finish(request);
    }
}

static void on_request_closed(struct iq_h3_request *request, uint64_t code)
{
    assert(requests_open > 0 && code != 0);
    requests_open--;
}

static void on_open(struct iq_h3_session *session)
{
    static const struct iq_h3_question question = {
        .method = "POST", .authority = "a", .path = "/echo"};
    struct iq_h3_request *request;

    sessions_open++;
    while (requests_open < 3 && iq_h3_session_data(session) != NULL &&
           iq_h3_request_new(&request, session, &question) == 0) {
        requests_open++;
        (void)iq_h3_request_write(request, "hello", 5);
    }
}

static void on_closed(struct iq_h3_session *session, const struct iq_close_reason *why)
{
    assert(requests_open == 0 && iq_h3_session_request_count(session) == 0);
    sessions_open = 0;
}

static const struct iq_h3_handler handler = {
    .on_open = on_open,
    .on_request = on_request,
    .on_response = on_response,
    .on_ready = on_ready,
    .on_request_closed = on_request_closed,
    .on_closed = on_closed,
};

/* iq_h3_connect() leads here. */
static struct iq_conn conn;

int iq_endpoint_connect(struct iq_endpoint *endpoint, const struct iq_addr *addr, const char *alpn,
                        const struct iq_protocol_handler *dials, void *data)
{
    assert(strcmp(alpn, IQ_H3_ALPN) == 0);
    fake_conn_start(&conn, dials, data, true);
    return 0;
}

/* The peer */

enum act { RECEIVE, RECEIVE_END, RESET, STOP, ROOM, OPEN_BI, OPEN_UNI, GO_AWAY };

static struct iq_h3_session *session_of(const struct iq_conn *of) { return of->data; }

static void act(enum act what, size_t which, const uint8_t *data, size_t len)
{
    struct iq_stream *stream = which < conn.stream_count ? &conn.streams[which] : NULL;

    switch (what) {
    case OPEN_BI:
    case OPEN_UNI:
        stream = fake_conn_open(&conn, what == OPEN_BI);
        if (stream != NULL) {
            fake_stream_receive(stream, data, len, false);
        }
        return;
    case GO_AWAY:
        if (session_of(&conn) != NULL && sessions_open > 0 && !conn.closing) {
            iq_h3_session_shut_down(session_of(&conn));
        }
        return;
    case RECEIVE:
    case RECEIVE_END:
        if (stream != NULL) {
            fake_stream_receive(stream, data, len, what == RECEIVE_END);
        }
        return;
    case RESET:
        if (stream != NULL) {
            fake_stream_reset(stream, 0x10c);
        }
        return;
    case STOP:
        if (stream != NULL) {
            fake_stream_stop(stream, 0x10c);
        }
        return;
    case ROOM:
        if (stream != NULL) {
            fake_stream_make_room(stream, len * 64);
        }
        return;
    }
}

static void play(const uint8_t *data, size_t len)
{
    while (len >= 2 && !conn.closing) {
        const size_t wanted = data[1], step = wanted < len - 2 ? wanted : len - 2;
        const size_t which = (data[0] & 7) + (size_t)(data[0] >> 6) * 8;

        act((enum act)(data[0] >> 3 & 7), which, data + 2, step);
        data += 2 + step;
        len -= 2 + step;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static struct iq_h3_app app = {.handler = &handler};
    const bool dials = len > 0 && (data[0] & 1) != 0;

    if (len == 0) {
        return 0;
    }
    requests_open = sessions_open = 0;
    allocations_left = (data[0] >> 1) == 0 ? -1 : data[0] >> 1;
    if (!dials) {
        fake_conn_start(&conn, &iq_h3_protocol, &app, false);
    } else if (iq_h3_connect(NULL, NULL, &handler, &app) != 0) {
        return 0;
    }
    play(data + 1, len - 1);
    allocations_left = -1;
    fake_conn_end(&conn);
    assert(requests_open == 0);
    return 0;
}
