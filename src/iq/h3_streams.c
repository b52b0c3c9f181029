/*
 * The streams of a session: what they say goes to nghttp3 and to the application, and what nghttp3
 * has to say goes to them.
 */
#include <string.h>

#include "h3_state.h"
#include "iq/conn.h"

#define TOO_LARGE_TEXT "The header fields of this request are too large.\n"

/* Out */

static struct iq_h3_request *find_request(const struct iq_h3_session *session, int64_t id)
{
    const struct iq_list *node;

    for (node = session->requests.next; node != &session->requests; node = node->next) {
        struct iq_h3_request *request = IQ_CONTAINER_OF(node, struct iq_h3_request, in_session);

        if (iq_stream_id(request->stream) == id) {
            return request;
        }
    }
    return NULL;
}

static struct iq_stream *find_uni(const struct iq_h3_session *session, int64_t id)
{
    size_t i;

    for (i = 0; i < sizeof(session->uni) / sizeof(session->uni[0]); i++) {
        if (session->uni[i] != NULL && iq_stream_id(session->uni[i]) == id) {
            return session->uni[i];
        }
    }
    return NULL;
}

/* The response is complete, and a server need not hear the rest.  RFC 9114, section 4.1. */
static void note_end_sent(struct iq_h3_request *request)
{
    request->end_sent = true;
    iq_stream_finish(request->stream);
    if (request->session->is_client) {
        return;
    }
    while (iq_h3_request_feed(request)) { /* perhaps there is no rest */
    }
    if (!request->body_ends) {
        iq_h3_request_stop_reading(request, IQ_H3_NO_ERROR);
    }
}

/* Writes what there is room for.  nghttp3 may forget it at once, as if it were acknowledged: the
 * stream has a copy. */
static void write_out(struct iq_h3_session *session, int64_t id, const nghttp3_vec *vec,
                      size_t count, bool end)
{
    struct iq_h3_request *request = find_request(session, id);
    struct iq_stream *stream = request != NULL ? request->stream : find_uni(session, id);
    bool full = stream == NULL;
    size_t taken = 0, i;
    int rc;

    for (i = 0; i < count && !full; i++) {
        const size_t part = iq_stream_write(stream, vec[i].base, vec[i].len);

        taken += part;
        full = part < vec[i].len;
    }
    rc = nghttp3_conn_add_write_offset(session->http, id, taken);
    if (rc == 0) {
        rc = nghttp3_conn_add_ack_offset(session->http, id, taken);
    }
    if (rc != 0) {
        iq_h3_fail(session, rc);
    } else if (full) {
        nghttp3_conn_block_stream(session->http, id); /* until the stream is ready again */
    } else if (end && request != NULL) {
        note_end_sent(request);
    }
}

void iq_h3_pump(struct iq_h3_session *session)
{
    while (!session->failed) {
        nghttp3_vec vec[8];
        int64_t id;
        int end;
        const nghttp3_ssize count =
            nghttp3_conn_writev_stream(session->http, &id, &end, vec, sizeof(vec) / sizeof(vec[0]));

        if (count < 0) {
            iq_h3_fail(session, (int)count);
        } else if (id == -1) {
            return;
        } else {
            write_out(session, id, vec, (size_t)count, end != 0);
        }
    }
}

/* In */

bool iq_h3_read(struct iq_h3_session *session, struct iq_stream *stream, const uint8_t *data,
                size_t len, bool end)
{
    nghttp3_ssize rc;

    if (session->failed) {
        return false;
    }
    session->reading = stream;
    rc = nghttp3_conn_read_stream(session->http, iq_stream_id(stream), data, len, end);
    session->reading = NULL;
    if (rc < 0) {
        iq_h3_fail(session, (int)rc);
        return false;
    }
    return true;
}

void iq_h3_consume(struct iq_stream *stream, size_t len)
{
    if (iq_stream_peek(stream).len >= len) {
        iq_stream_consume(stream, len);
    }
}

static void refuse_too_large(struct iq_h3_request *request)
{
    static const struct iq_h3_field fields[] = {{"content-type", "text/plain"}};

    if (request->session->is_client) {
        iq_h3_request_cancel(request, IQ_H3_EXCESSIVE_LOAD);
    } else if (iq_h3_request_respond(request, 431, fields, 1) == 0) {
        (void)iq_h3_request_write(request, TOO_LARGE_TEXT, strlen(TOO_LARGE_TEXT));
        iq_h3_request_finish(request);
    }
}

/* The application hears of the request, or of its response. */
static void tell_fields(struct iq_h3_request *request)
{
    const struct iq_h3_session *session = request->session;
    void (*tell)(struct iq_h3_request *) =
        session->is_client ? session->handler->on_response : session->handler->on_request;

    if (request->fields_size > IQ_H3_FIELDS_MAX) {
        request->cancelled = true;
        refuse_too_large(request);
        return;
    }
    request->fields_told = true;
    if (tell != NULL) {
        tell(request);
    } else if (!session->is_client) {
        iq_h3_request_cancel(request, IQ_H3_REQUEST_REJECTED);
    }
}

static void tell_ready(struct iq_h3_request *request)
{
    const struct iq_h3_handler *handler = request->session->handler;
    const bool has_body = request->piece_read < request->piece_len;
    const bool has_end = request->body_ends && !request->end_told;
    const bool has_room = request->short_of_room && request->out_taken == request->out_len;

    if (handler->on_ready == NULL || !(has_body || has_end || has_room)) {
        return;
    }
    request->short_of_room = request->short_of_room && !has_room;
    handler->on_ready(request);
    request->end_told = iq_h3_request_at_end(request);
}

static void progress(struct iq_h3_request *request)
{
    struct iq_h3_session *session = request->session;

    while (iq_h3_request_feed(request)) { /* until there is a body to read, or its end */
    }
    if (request->fields_end && !request->fields_told && !request->cancelled && !session->failed) {
        tell_fields(request);
    }
    if ((request->fields_told || session->is_client) && !request->cancelled && !session->failed) {
        tell_ready(request);
    }
}

/* The streams of requests */

static void on_request_stream(struct iq_h3_session *session, struct iq_stream *stream)
{
    struct iq_h3_request *request = iq_stream_data(stream);

    if (request == NULL && session->is_client) { /* RFC 9114, section 6.1 */
        iq_h3_fail(session, NGHTTP3_ERR_H3_STREAM_CREATION_ERROR);
        return;
    }
    if (request == NULL) {
        request = iq_h3_request_create(session, stream);
        if (request == NULL) {
            iq_h3_fail(session, NGHTTP3_ERR_NOMEM);
            return;
        }
    }
    progress(request);
}

void iq_h3_on_stream_ready(struct iq_stream *stream)
{
    struct iq_h3_session *session = iq_conn_data(iq_stream_conn(stream));
    int rc;

    if (session == NULL || session->failed) {
        return;
    }
    rc = nghttp3_conn_unblock_stream(session->http, iq_stream_id(stream));
    if (rc != 0) {
        iq_h3_fail(session, rc);
        return;
    }
    iq_h3_pump(session); /* so that what was written before is out of the way */
    if (iq_stream_is_bi(stream)) {
        on_request_stream(session, stream);
    } else if (!iq_stream_is_ours(stream)) {
        iq_h3_uni_read(session, stream);
    }
    iq_h3_pump(session);
}

/* Some streams must live as long as the connection.  RFC 9114, section 6.2.1. */
static void end_in_http(struct iq_h3_session *session, const struct iq_stream *stream)
{
    int rc;

    if (session->failed) {
        return;
    }
    rc = nghttp3_conn_close_stream(session->http, iq_stream_id(stream), IQ_H3_NO_ERROR);
    if (rc != 0 && rc != NGHTTP3_ERR_STREAM_NOT_FOUND) {
        iq_h3_fail(session, rc);
    }
}

void iq_h3_on_stream_reset(struct iq_stream *stream, uint64_t code)
{
    struct iq_h3_session *session = iq_conn_data(iq_stream_conn(stream));
    struct iq_h3_request *request = iq_stream_data(stream);

    if (session == NULL || !iq_stream_is_bi(stream)) { /* on_stream_closed follows */
        return;
    }
    if (request == NULL) { /* it has said nothing yet */
        iq_stream_reset(stream, IQ_H3_REQUEST_CANCELLED);
        return;
    }
    iq_h3_request_stop_reading(request, code);
    request->code = request->code == 0 ? code : request->code;
    if (request->fields_told && session->handler->on_reset != NULL) {
        session->handler->on_reset(request, code);
    } else if (!request->finished) {
        iq_h3_request_cancel(request, IQ_H3_REQUEST_CANCELLED);
    }
}

void iq_h3_on_stream_stopped(struct iq_stream *stream, uint64_t code)
{
    struct iq_h3_session *session = iq_conn_data(iq_stream_conn(stream));
    struct iq_h3_request *request = iq_stream_data(stream);

    if (session == NULL || request == NULL) { /* one of ours: on_stream_closed follows */
        return;
    }
    request->writing_over = true;
    if (request->code == 0 && code != IQ_H3_NO_ERROR) {
        request->code = code;
    }
}

/* How the request ended. */
static uint64_t code_of(const struct iq_h3_request *request)
{
    const bool complete = request->end_sent && (request->body_ends || request->reading_over);

    if (request->code != 0) {
        return request->code;
    }
    return complete ? IQ_H3_NO_ERROR : IQ_H3_REQUEST_CANCELLED;
}

void iq_h3_on_stream_closed(struct iq_stream *stream)
{
    struct iq_h3_session *session = iq_conn_data(iq_stream_conn(stream));
    struct iq_h3_request *request = iq_stream_is_bi(stream) ? iq_stream_data(stream) : NULL;
    size_t i;

    if (session == NULL) {
        return;
    }
    end_in_http(session, stream);
    for (i = 0; i < sizeof(session->uni) / sizeof(session->uni[0]); i++) {
        session->uni[i] = session->uni[i] == stream ? NULL : session->uni[i];
    }
    if (!iq_stream_is_bi(stream)) {
        iq_h3_uni_free(stream);
    }
    if (request == NULL) {
        return;
    }
    if ((request->fields_told || session->is_client) &&
        session->handler->on_request_closed != NULL) {
        session->handler->on_request_closed(request, code_of(request));
    }
    iq_stream_set_data(stream, NULL);
    iq_h3_request_free(request);
    if (session->is_client && session->going_away && session->request_count == 0) {
        iq_conn_close(session->conn, IQ_H3_NO_ERROR, NULL);
    }
}
