/*
 * What nghttp3 is told, and what it tells us.
 *
 * Its callbacks take note, nothing else, as those of ngtcp2 do in conn_quic.c.  QPACK's blocked
 * streams are not allowed (RFC 9204, section 2.1.2), so that whatever nghttp3 says while it reads
 * is about the stream whose bytes it was given: no request makes another one's body grow.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "h3_state.h"

#define STATUS_SIZE 4

static struct iq_h3_request *request_that_is_read(const struct iq_h3_session *session)
{
    return iq_stream_data(session->reading);
}

/* Fields */

void iq_h3_http_drop_fields(struct iq_h3_request *request)
{
    size_t i;

    for (i = 0; i < request->field_count; i++) {
        nghttp3_rcbuf_decref(request->fields[i].name);
        nghttp3_rcbuf_decref(request->fields[i].value);
    }
    free(request->fields);
    nghttp3_rcbuf_decref(request->method);
    nghttp3_rcbuf_decref(request->path);
    nghttp3_rcbuf_decref(request->authority);
    request->fields = NULL;
    request->field_count = 0;
    request->fields_size = 0;
    request->method = request->path = request->authority = NULL;
}

static int keep_field(struct iq_h3_request *request, nghttp3_rcbuf *name, nghttp3_rcbuf *value)
{
    const size_t count = request->field_count;

    if ((count & (count - 1)) == 0) { /* a power of two, or none: it is full */
        const size_t room = count == 0 ? 1 : 2 * count;
        struct iq_h3_stored_field *more = realloc(request->fields, room * sizeof(*more));

        if (more == NULL) {
            return NGHTTP3_ERR_CALLBACK_FAILURE;
        }
        request->fields = more;
    }
    nghttp3_rcbuf_incref(name);
    nghttp3_rcbuf_incref(value);
    request->fields[count] = (struct iq_h3_stored_field){.name = name, .value = value};
    request->field_count++;
    return 0;
}

static int keep_pseudo_field(nghttp3_rcbuf **place, nghttp3_rcbuf *value)
{
    nghttp3_rcbuf_incref(value);
    *place = value;
    return 0;
}

/* nghttp3 has seen to it that they are well-formed, and that each comes once.  RFC 9114, 4.3. */
static int note_field(nghttp3_conn *http, int64_t id, int32_t token, nghttp3_rcbuf *name,
                      nghttp3_rcbuf *value, uint8_t flags, void *user_data, void *stream)
{
    struct iq_h3_request *request = request_that_is_read(user_data);

    request->fields_size += nghttp3_rcbuf_get_buf(name).len + nghttp3_rcbuf_get_buf(value).len + 32;
    if (request->fields_size > IQ_H3_FIELDS_MAX) {
        return 0;
    }
    switch (token) {
    case NGHTTP3_QPACK_TOKEN__METHOD:
        return keep_pseudo_field(&request->method, value);
    case NGHTTP3_QPACK_TOKEN__PATH:
        return keep_pseudo_field(&request->path, value);
    case NGHTTP3_QPACK_TOKEN__AUTHORITY:
        return keep_pseudo_field(&request->authority, value);
    case NGHTTP3_QPACK_TOKEN__STATUS:
        request->status = (int)strtol((const char *)nghttp3_rcbuf_get_buf(value).base, NULL, 10);
        return 0; /* three digits */
    case NGHTTP3_QPACK_TOKEN__SCHEME:
        return 0;
    default:
        return keep_field(request, name, value);
    }
}

static int note_fields_begin(nghttp3_conn *http, int64_t id, void *user_data, void *stream)
{
    return nghttp3_conn_set_stream_user_data(http, id, request_that_is_read(user_data));
}

/* An informational response is followed by another one.  RFC 9114, section 4.1. */
static int note_fields_end(nghttp3_conn *http, int64_t id, int fin, void *user_data, void *stream)
{
    struct iq_h3_request *request = request_that_is_read(user_data);

    if (request->session->is_client && request->status < 200) {
        iq_h3_http_drop_fields(request);
        request->status = 0;
        return 0;
    }
    request->fields_end = true;
    return 0;
}

/* The peer's body */

static int note_body(nghttp3_conn *http, int64_t id, const uint8_t *data, size_t len,
                     void *user_data, void *stream)
{
    struct iq_h3_request *request = request_that_is_read(user_data);

    if (request->piece == NULL) {
        request->piece = malloc(IQ_H3_PIECE_MAX);
        if (request->piece == NULL) {
            return NGHTTP3_ERR_CALLBACK_FAILURE;
        }
    }
    assert(len <= IQ_H3_PIECE_MAX - request->piece_len); /* it is part of a piece */
    memcpy(request->piece + request->piece_len, data, len);
    request->piece_len += len;
    return 0;
}

static int note_body_end(nghttp3_conn *http, int64_t id, void *user_data, void *stream)
{
    request_that_is_read(user_data)->body_ends = true;
    return 0;
}

/* What nghttp3 wants of the stream that it reads: that the peer stops, and that we do. */

static int stop_stream(nghttp3_conn *http, int64_t id, uint64_t code, void *user_data, void *stream)
{
    const struct iq_h3_session *session = user_data;
    struct iq_h3_request *request = request_that_is_read(session);

    iq_stream_stop(session->reading, code);
    if (iq_stream_is_bi(session->reading)) {
        request->reading_over = request->cancelled = true;
        request->code = request->code == 0 ? code : request->code;
    }
    return 0;
}

static int reset_stream(nghttp3_conn *http, int64_t id, uint64_t code, void *user_data,
                        void *stream)
{
    const struct iq_h3_session *session = user_data;

    iq_stream_reset(session->reading, code);
    if (iq_stream_is_bi(session->reading)) {
        request_that_is_read(session)->writing_over = true;
    }
    return 0;
}

static int note_goaway(nghttp3_conn *http, int64_t id, void *user_data)
{
    struct iq_h3_session *session = user_data;

    session->peer_leaves = true;
    return 0;
}

/* Our body */

static nghttp3_ssize read_out(nghttp3_conn *http, int64_t id, nghttp3_vec *vec, size_t vec_count,
                              uint32_t *flags, void *user_data, void *stream)
{
    struct iq_h3_request *request = stream;
    const size_t at = request->out_given;

    if (request->finished) {
        *flags |= NGHTTP3_DATA_FLAG_EOF;
    } else if (at == request->out_len) {
        return NGHTTP3_ERR_WOULDBLOCK;
    }
    if (at == request->out_len) {
        return 0;
    }
    vec[0] = (nghttp3_vec){.base = request->out + at, .len = request->out_len - at};
    request->out_given = request->out_len;
    return 1;
}

static int note_out_taken(nghttp3_conn *http, int64_t id, uint64_t len, void *user_data,
                          void *stream)
{
    struct iq_h3_request *request = stream;

    request->out_taken += (size_t)len;
    return 0;
}

/* What it is told */

int iq_h3_http_new(struct iq_h3_session *session)
{
    static const nghttp3_callbacks callbacks = {
        .acked_stream_data = note_out_taken,
        .recv_data = note_body,
        .begin_headers = note_fields_begin,
        .recv_header = note_field,
        .end_headers = note_fields_end,
        .end_stream = note_body_end,
        .stop_sending = stop_stream,
        .reset_stream = reset_stream,
        .shutdown = note_goaway,
    };
    nghttp3_settings settings;
    int rc;

    nghttp3_settings_default(&settings);
    settings.max_field_section_size = IQ_H3_FIELDS_MAX;
    settings.qpack_max_dtable_capacity = IQ_H3_TABLE_SIZE;
    settings.qpack_encoder_max_dtable_capacity = IQ_H3_TABLE_SIZE;
    rc = session->is_client
             ? nghttp3_conn_client_new(&session->http, &callbacks, &settings, NULL, session)
             : nghttp3_conn_server_new(&session->http, &callbacks, &settings, NULL, session);
    if (rc != 0) {
        session->http = NULL;
        return IQ_ERR_NOMEM;
    }
    return 0;
}

static nghttp3_nv as_nv(const char *name, const char *value)
{
    const nghttp3_nv nv = {.name = (const uint8_t *)name,
                           .namelen = strlen(name),
                           .value = (const uint8_t *)value,
                           .valuelen = strlen(value)};

    assert(nghttp3_check_header_value(nv.value, nv.valuelen));
    return nv;
}

/* Appends the application's own to those that begin with a colon. */
static nghttp3_nv *join(const nghttp3_nv *pseudo, size_t pseudo_count,
                        const struct iq_h3_field *fields, size_t count)
{
    nghttp3_nv *all = calloc(pseudo_count + count, sizeof(*all));
    size_t i;

    if (all == NULL) {
        return NULL;
    }
    memcpy(all, pseudo, pseudo_count * sizeof(*all));
    for (i = 0; i < count; i++) {
        all[pseudo_count + i] = as_nv(fields[i].name, fields[i].value);
        assert(
            nghttp3_check_header_name(all[pseudo_count + i].name, all[pseudo_count + i].namelen));
    }
    return all;
}

static const nghttp3_data_reader body_reader = {.read_data = read_out};

int iq_h3_http_submit_question(struct iq_h3_request *request, const struct iq_h3_question *question)
{
    const nghttp3_nv pseudo[] = {
        as_nv(":method", question->method == NULL ? "GET" : question->method),
        as_nv(":scheme", "https"),
        as_nv(":authority", question->authority),
        as_nv(":path", question->path == NULL ? "/" : question->path),
    };
    const size_t count = sizeof(pseudo) / sizeof(pseudo[0]);
    nghttp3_nv *all = join(pseudo, count, question->fields, question->field_count);
    int rc;

    if (all == NULL) {
        return IQ_ERR_NOMEM;
    }
    rc = nghttp3_conn_submit_request(request->session->http, iq_stream_id(request->stream), all,
                                     count + question->field_count, &body_reader, request);
    free(all);
    if (rc == NGHTTP3_ERR_CONN_CLOSING) {
        return IQ_ERR_CLOSED;
    }
    return rc == 0 ? 0 : IQ_ERR_NOMEM;
}

int iq_h3_http_submit_response(struct iq_h3_request *request, int status,
                               const struct iq_h3_field *fields, size_t count)
{
    nghttp3_conn *http = request->session->http;
    const int64_t id = iq_stream_id(request->stream);
    char text[STATUS_SIZE];
    nghttp3_nv pseudo, *all;
    int rc;

    (void)snprintf(text, sizeof(text), "%03u", (unsigned int)status % 1000);
    pseudo = as_nv(":status", text);
    all = join(&pseudo, 1, fields, count);
    if (all == NULL) {
        return IQ_ERR_NOMEM;
    }
    if (status < 200) {
        rc = nghttp3_conn_submit_info(http, id, all, count + 1);
    } else {
        rc = nghttp3_conn_submit_response(http, id, all, count + 1,
                                          request->bodiless ? NULL : &body_reader);
    }
    free(all);
    return rc == 0 ? 0 : IQ_ERR_NOMEM;
}
