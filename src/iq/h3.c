/*
 * HTTP/3 sessions: how they begin and end with their connections.
 */
#include <stdlib.h>

#include "h3_state.h"
#include "iq/addr.h"
#include "iq/conn.h"
#include "iq/endpoint.h"

void iq_h3_fail(struct iq_h3_session *session, int rc)
{
    if (!session->failed) {
        session->failed = true;
        iq_conn_close(session->conn, nghttp3_err_infer_quic_app_error_code(rc),
                      nghttp3_strerror(rc));
    }
}

static struct iq_h3_session *new_session(const struct iq_h3_handler *handler, void *data)
{
    struct iq_h3_session *session = calloc(1, sizeof(*session));

    if (session != NULL) {
        session->handler = handler;
        session->data = data;
        iq_list_init(&session->requests);
    }
    return session;
}

/* Ours are three: the control stream, and QPACK's two.  RFC 9114, section 6.2, lets every peer have
 * them. */
static int open_streams(struct iq_h3_session *session)
{
    size_t i;
    int rc;

    for (i = 0; i < sizeof(session->uni) / sizeof(session->uni[0]); i++) {
        rc = iq_conn_open_uni(&session->uni[i], session->conn);
        if (rc != 0) {
            return rc == IQ_ERR_STREAM_LIMIT ? NGHTTP3_ERR_H3_STREAM_CREATION_ERROR
                                             : NGHTTP3_ERR_NOMEM;
        }
    }
    rc = nghttp3_conn_bind_control_stream(session->http, iq_stream_id(session->uni[0]));
    if (rc != 0) {
        return rc;
    }
    return nghttp3_conn_bind_qpack_streams(session->http, iq_stream_id(session->uni[1]),
                                           iq_stream_id(session->uni[2]));
}

/* The handshake is complete. */
static void begin(struct iq_h3_session *session, struct iq_conn *conn)
{
    int rc;

    session->conn = conn;
    if (iq_h3_http_new(session) != 0) {
        iq_h3_fail(session, NGHTTP3_ERR_NOMEM);
        return;
    }
    rc = open_streams(session);
    if (rc != 0) {
        iq_h3_fail(session, rc);
        return;
    }
    iq_h3_pump(session);
    session->is_open = true;
    if (session->handler->on_open != NULL) {
        session->handler->on_open(session);
    }
}

static void on_accept(struct iq_conn *conn)
{
    const struct iq_h3_app *app = iq_conn_data(conn);
    struct iq_h3_session *session = new_session(app->handler, app->data);

    iq_conn_set_data(conn, session);
    if (session == NULL) {
        iq_conn_close(conn, IQ_H3_INTERNAL_ERROR, NULL);
        return;
    }
    begin(session, conn);
}

static void on_connect(struct iq_conn *conn) { begin(iq_conn_data(conn), conn); }

static void on_streams_allowed(struct iq_conn *conn)
{
    struct iq_h3_session *session = iq_conn_data(conn);

    if (session != NULL && session->handler->on_requests_allowed != NULL) {
        session->handler->on_requests_allowed(session);
    }
}

static void on_closed(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct iq_h3_session *session = iq_conn_data(conn);

    if (session == NULL) {
        return;
    }
    session->conn = conn; /* a dial that failed has not told it before */
    if ((session->is_open || session->is_client) && session->handler->on_closed != NULL) {
        session->handler->on_closed(session, why);
    }
    iq_conn_set_data(conn, NULL);
    nghttp3_conn_del(session->http);
    free(session);
}

static void on_shutdown(struct iq_conn *conn) { iq_conn_close(conn, IQ_H3_NO_ERROR, NULL); }

const struct iq_protocol_handler iq_h3_protocol = {
    .on_accept = on_accept,
    .on_stream_ready = iq_h3_on_stream_ready,
    .on_stream_reset = iq_h3_on_stream_reset,
    .on_stream_stopped = iq_h3_on_stream_stopped,
    .on_stream_closed = iq_h3_on_stream_closed,
    .on_closed = on_closed,
    .on_shutdown = on_shutdown,
};

int iq_h3_connect(struct iq_endpoint *endpoint, const struct iq_addr *addr,
                  const struct iq_h3_handler *handler, void *data)
{
    static const struct iq_protocol_handler client = {
        .on_connect = on_connect,
        .on_stream_ready = iq_h3_on_stream_ready,
        .on_stream_reset = iq_h3_on_stream_reset,
        .on_stream_stopped = iq_h3_on_stream_stopped,
        .on_streams_allowed = on_streams_allowed,
        .on_stream_closed = iq_h3_on_stream_closed,
        .on_closed = on_closed,
        .on_shutdown = on_shutdown,
    };
    struct iq_h3_session *session = new_session(handler, data);
    int rc;

    if (session == NULL) {
        return IQ_ERR_NOMEM;
    }
    session->is_client = true;
    rc = iq_endpoint_connect(endpoint, addr, IQ_H3_ALPN, &client, session);
    if (rc != 0) {
        free(session);
    }
    return rc;
}

struct iq_conn *iq_h3_session_conn(const struct iq_h3_session *session) { return session->conn; }

void *iq_h3_session_data(const struct iq_h3_session *session) { return session->data; }

void iq_h3_session_set_data(struct iq_h3_session *session, void *data) { session->data = data; }

size_t iq_h3_session_request_count(const struct iq_h3_session *session)
{
    return session->request_count;
}

void iq_h3_session_shut_down(struct iq_h3_session *session)
{
    int rc;

    if (session->failed || session->going_away || session->http == NULL) {
        return;
    }
    session->going_away = true;
    rc = nghttp3_conn_shutdown(session->http);
    if (rc != 0) {
        iq_h3_fail(session, rc);
        return;
    }
    iq_h3_pump(session);
}
