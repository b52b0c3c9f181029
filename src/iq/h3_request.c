/*
 * Requests, as the application sees them: what the peer has said, and the two bodies.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "h3_state.h"
#include "iq/conn.h"

struct iq_h3_request *iq_h3_request_create(struct iq_h3_session *session, struct iq_stream *stream)
{
    struct iq_h3_request *request = calloc(1, sizeof(*request));

    if (request == NULL) {
        return NULL;
    }
    request->session = session;
    request->stream = stream;
    iq_list_init(&request->in_session);
    iq_list_append(&session->requests, &request->in_session);
    session->request_count++;
    iq_stream_set_data(stream, request);
    return request;
}

void iq_h3_request_free(struct iq_h3_request *request)
{
    iq_h3_http_drop_fields(request);
    iq_list_remove(&request->in_session);
    request->session->request_count--;
    free(request->piece);
    free(request->out);
    free(request);
}

/* Reading */

static bool piece_is_read(const struct iq_h3_request *request)
{
    return request->piece_read == request->piece_len;
}

/* The stream may have as many bytes more as the piece had, with the headings of its frames. */
static void drop_piece(struct iq_h3_request *request)
{
    const size_t fed = request->fed;

    request->fed = 0;
    request->piece_read = request->piece_len = 0;
    iq_h3_consume(request->stream, fed);
}

bool iq_h3_request_feed(struct iq_h3_request *request)
{
    struct iq_bytes in = iq_stream_peek(request->stream);
    const size_t len = in.len < IQ_H3_PIECE_MAX ? in.len : IQ_H3_PIECE_MAX;

    if (request->reading_over || request->end_fed || !piece_is_read(request)) {
        return false;
    }
    if (len == 0) {
        request->end_fed = iq_stream_at_end(request->stream);
        return request->end_fed && iq_h3_read(request->session, request->stream, NULL, 0, true);
    }
    if (!iq_h3_read(request->session, request->stream, in.data, len, false)) {
        return false;
    }
    request->fed = len;
    if (piece_is_read(request)) { /* it was of frames only */
        drop_piece(request);
    }
    return true;
}

struct iq_bytes iq_h3_request_peek(struct iq_h3_request *request)
{
    while (iq_h3_request_feed(request)) {
    }
    if (piece_is_read(request)) {
        return (struct iq_bytes){0};
    }
    return (struct iq_bytes){.data = request->piece + request->piece_read,
                             .len = request->piece_len - request->piece_read};
}

void iq_h3_request_consume(struct iq_h3_request *request, size_t len)
{
    assert(len <= request->piece_len - request->piece_read);
    if (len == 0) {
        return;
    }
    request->piece_read += len;
    if (piece_is_read(request)) {
        drop_piece(request);
    }
}

bool iq_h3_request_at_end(struct iq_h3_request *request)
{
    while (iq_h3_request_feed(request)) {
    }
    return request->body_ends && !request->reading_over && piece_is_read(request);
}

void iq_h3_request_stop_reading(struct iq_h3_request *request, uint64_t code)
{
    struct iq_h3_session *session = request->session;
    int rc;

    if (request->reading_over || session->failed) {
        return;
    }
    request->reading_over = true;
    request->fed = 0;
    request->piece_read = request->piece_len = 0;
    iq_stream_stop(request->stream, code);
    rc = nghttp3_conn_shutdown_stream_read(session->http, iq_stream_id(request->stream));
    if (rc != 0) {
        iq_h3_fail(session, rc);
    }
}

/* Writing */

/* A request that could not begin: nghttp3 may have kept some of it. */
static void give_back(struct iq_h3_session *session, struct iq_stream *stream,
                      struct iq_h3_request *request)
{
    (void)nghttp3_conn_close_stream(session->http, iq_stream_id(stream), IQ_H3_INTERNAL_ERROR);
    iq_stream_set_data(stream, NULL);
    iq_stream_reset(stream, IQ_H3_REQUEST_CANCELLED);
    iq_stream_stop(stream, IQ_H3_REQUEST_CANCELLED);
    if (request != NULL) {
        iq_h3_request_free(request);
    }
}

int iq_h3_request_new(struct iq_h3_request **request, struct iq_h3_session *session,
                      const struct iq_h3_question *question)
{
    struct iq_h3_request *self;
    struct iq_stream *stream;
    int rc;

    assert(session->is_client && question->authority != NULL);
    if (session->failed || session->http == NULL || session->going_away || session->peer_leaves) {
        return IQ_ERR_CLOSED;
    }
    rc = iq_conn_open_bi(&stream, session->conn);
    if (rc != 0) {
        return rc;
    }
    self = iq_h3_request_create(session, stream);
    rc = self == NULL ? IQ_ERR_NOMEM : iq_h3_http_submit_question(self, question);
    if (rc != 0) {
        give_back(session, stream, self);
        return rc;
    }
    self->begun = true;
    iq_h3_pump(session);
    *request = self;
    return 0;
}

static bool has_no_body(const struct iq_h3_request *request, int status)
{
    const char *method = iq_h3_request_method(request);

    return (method != NULL && strcmp(method, "HEAD") == 0) || status == 204 || status == 304;
}

int iq_h3_request_respond(struct iq_h3_request *request, int status,
                          const struct iq_h3_field *fields, size_t field_count)
{
    struct iq_h3_session *session = request->session;
    int rc;

    assert(!session->is_client && status >= 100 && status <= 599);
    if (request->begun || request->finished || session->failed) {
        return IQ_ERR_CLOSED;
    }
    request->bodiless = has_no_body(request, status);
    rc = iq_h3_http_submit_response(request, status, fields, field_count);
    if (rc != 0) { /* nghttp3 may have kept some of it */
        iq_h3_request_cancel(request, IQ_H3_INTERNAL_ERROR);
        return rc;
    }
    if (status >= 200) {
        request->begun = true;
        request->finished = request->bodiless;
    }
    iq_h3_pump(session);
    return 0;
}

/* Lets nghttp3 ask for the body again. */
static void resume(struct iq_h3_request *request)
{
    const int rc =
        nghttp3_conn_resume_stream(request->session->http, iq_stream_id(request->stream));

    if (rc != 0) {
        iq_h3_fail(request->session, rc);
    }
    iq_h3_pump(request->session);
}

static bool make_out(struct iq_h3_request *request)
{
    if (request->out == NULL) {
        request->out = malloc(IQ_H3_PIECE_MAX);
        if (request->out == NULL) {
            iq_h3_fail(request->session, NGHTTP3_ERR_NOMEM);
        }
    }
    return request->out != NULL;
}

size_t iq_h3_request_write(struct iq_h3_request *request, const void *data, size_t len)
{
    const uint8_t *from = data;
    size_t written = 0;

    if (request->begun && (request->bodiless || request->writing_over)) {
        return len;
    }
    if (!request->begun || request->finished || request->session->failed || !make_out(request)) {
        return 0;
    }
    while (written < len && request->out_taken == request->out_len && !request->session->failed) {
        const size_t left = len - written;

        request->out_len = left < IQ_H3_PIECE_MAX ? left : IQ_H3_PIECE_MAX;
        request->out_given = request->out_taken = 0;
        memcpy(request->out, from + written, request->out_len);
        written += request->out_len;
        resume(request);
    }
    request->short_of_room = written < len;
    return written;
}

void iq_h3_request_finish(struct iq_h3_request *request)
{
    if (request->begun && !request->finished && !request->session->failed) {
        request->finished = true;
        request->short_of_room = false;
        resume(request);
    }
}

void iq_h3_request_cancel(struct iq_h3_request *request, uint64_t code)
{
    if (request->session->failed) {
        return;
    }
    if (request->code == 0) {
        request->code = code;
    }
    request->finished = request->cancelled = true;
    request->short_of_room = false;
    iq_h3_request_stop_reading(request, code);
    iq_stream_reset(request->stream, code);
    nghttp3_conn_shutdown_stream_write(request->session->http, iq_stream_id(request->stream));
    iq_h3_pump(request->session);
}

/* Getters */

struct iq_h3_session *iq_h3_request_session(const struct iq_h3_request *request)
{
    return request->session;
}

int64_t iq_h3_request_id(const struct iq_h3_request *request)
{
    return iq_stream_id(request->stream);
}

void *iq_h3_request_data(const struct iq_h3_request *request) { return request->data; }

void iq_h3_request_set_data(struct iq_h3_request *request, void *data) { request->data = data; }

/* nghttp3 ends every string with a NUL. */
static const char *text_of(const nghttp3_rcbuf *text)
{
    return text == NULL ? NULL : (const char *)nghttp3_rcbuf_get_buf(text).base;
}

const char *iq_h3_request_method(const struct iq_h3_request *request)
{
    return text_of(request->method);
}

const char *iq_h3_request_path(const struct iq_h3_request *request)
{
    return text_of(request->path);
}

/* RFC 9114, section 4.3.1: what says it in HTTP/1.1 may say it here, too. */
const char *iq_h3_request_authority(const struct iq_h3_request *request)
{
    return request->authority != NULL ? text_of(request->authority)
                                      : iq_h3_request_field(request, "host");
}

int iq_h3_request_status(const struct iq_h3_request *request) { return request->status; }

const char *iq_h3_request_field(const struct iq_h3_request *request, const char *name)
{
    size_t i;

    for (i = 0; i < request->field_count; i++) {
        if (strcmp(text_of(request->fields[i].name), name) == 0) {
            return text_of(request->fields[i].value);
        }
    }
    return NULL;
}

size_t iq_h3_request_field_count(const struct iq_h3_request *request)
{
    return request->field_count;
}

struct iq_h3_field iq_h3_request_field_at(const struct iq_h3_request *request, size_t index)
{
    assert(index < request->field_count);
    return (struct iq_h3_field){.name = text_of(request->fields[index].name),
                                .value = text_of(request->fields[index].value)};
}
