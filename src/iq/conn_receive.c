/*
 * What arrives at a connection: datagrams, and its timer.
 *
 * ngtcp2 takes them in and calls conn_quic.c back, which takes notes.  Here is also what becomes of
 * the errors that it returns: each is one of the ends that a connection can have.
 */
#include <stdlib.h>
#include <string.h>

#include "conn_limits.h"
#include "conn_state.h"

/* The end that the peer is not told of. */
static void end_silently(struct iq_conn *conn, enum iq_close_how how)
{
    const struct iq_close_reason why = {.how = how, .text = ""};

    iq_conn_end(conn, IQ_CONN_GONE, &why);
}

/* We found an error: the peer is told the code in conn->error, and `text`. */
static void end_with_error(struct iq_conn *conn, const char *text)
{
    const struct iq_close_reason why = {
        .how = IQ_CLOSED_TRANSPORT_ERROR,
        .code = conn->error.error_code,
        .text = text,
        .text_len = strlen(text),
    };

    iq_conn_end(conn, IQ_CONN_CLOSING, &why);
}

static void end_with_alert(struct iq_conn *conn, uint8_t alert)
{
    const char *text = iq_transport_code_str(IQ_CODE_TLS_ALERT + alert);

    ngtcp2_ccerr_set_tls_alert(&conn->error, alert, (const uint8_t *)text, strlen(text));
    end_with_error(conn, text);
}

void iq_conn_abort(struct iq_conn *conn, uint64_t code, const char *text)
{
    ngtcp2_ccerr_set_transport_error(&conn->error, code, (const uint8_t *)text, strlen(text));
    end_with_error(conn, text);
}

/* Enters the draining period.  RFC 9000, section 10.2.2. */
static void drain(struct iq_conn *conn, const struct iq_close_reason *why)
{
    conn->gone_at_ns = conn->env->agenda.now_ns + 3 * ngtcp2_conn_get_pto(conn->quic);
    iq_conn_end(conn, IQ_CONN_DRAINING, why);
}

/* The peer has closed, and ngtcp2 lets us say nothing more. */
static void drain_unanswered(struct iq_conn *conn)
{
    const ngtcp2_ccerr *error = ngtcp2_conn_get_ccerr(conn->quic);
    const struct iq_close_reason why = {
        .how = error->type == NGTCP2_CCERR_TYPE_APPLICATION ? IQ_CLOSED_BY_PEER
                                                            : IQ_CLOSED_ABORTED_BY_PEER,
        .code = error->error_code,
        .text = (const char *)error->reason,
        .text_len = error->reasonlen,
    };

    if (conn->was_reset) {
        end_silently(conn, IQ_CLOSED_RESET);
    } else {
        drain(conn, &why);
    }
}

/* The answer goes out before the application hears of the close, which may take its time. */
static void drain_answered(struct iq_conn *conn, const struct iq_close_reason *why)
{
    if (conn->state < IQ_CONN_CLOSING) {
        drain(conn, why);
        iq_conn_answer_close(conn);
    }
}

void iq_conn_fail(struct iq_conn *conn, int rc)
{
    if (conn->state >= IQ_CONN_CLOSING) {
        return; /* it has ended for another reason already */
    }
    switch (rc) {
    case NGTCP2_ERR_DRAINING:
        drain_unanswered(conn);
        return;
    case NGTCP2_ERR_CLOSING: /* cannot be: what has written a close reads no more */
    case NGTCP2_ERR_DROP_CONN:
        end_silently(conn, IQ_CLOSED_TRANSPORT_ERROR);
        return;
    case NGTCP2_ERR_IDLE_CLOSE:
    case NGTCP2_ERR_HANDSHAKE_TIMEOUT:
        end_silently(conn, IQ_CLOSED_TIMED_OUT);
        return;
    case NGTCP2_ERR_RECV_VERSION_NEGOTIATION:
        end_silently(conn, IQ_CLOSED_VERSION_MISMATCH);
        return;
    case NGTCP2_ERR_CALLBACK_FAILURE:
        if (conn->wants_too_many_cids) {
            iq_conn_abort(conn, NGTCP2_PROTOCOL_VIOLATION, "connection ids retired too often");
            return;
        }
        break;
    case NGTCP2_ERR_CRYPTO:
        end_with_alert(conn, iq_tls_session_alert(conn->tls));
        return;
    default:
        break;
    }
    ngtcp2_ccerr_set_liberr(&conn->error, rc, NULL, 0);
    end_with_error(conn, ngtcp2_strerror(rc));
}

/* Who is it, and what do we speak?  False: that was the end of the connection. */
static bool meet(struct iq_conn *conn)
{
    struct iq_tls_peer peer;
    const uint8_t alert = iq_tls_session_peer(conn->tls, &peer);

    if (alert != 0) {
        end_with_alert(conn, alert);
        return false;
    }
    conn->remote_id = peer.id;
    conn->id_is_proven = peer.has_id;
    conn->is_resumed = iq_tls_session_is_resumed(conn->tls);
    if (conn->dials) {
        conn->alpn = peer.alpn;
    } else if (conn->alpns == NULL) { /* else it is known since the early data */
        conn->alpn = conn->alpns = strdup(peer.route->alpn);
        if (conn->alpns == NULL) {
            iq_conn_fail(conn, NGTCP2_ERR_NOMEM);
            return false;
        }
        conn->handler = peer.route->handler;
        conn->data = peer.route->data;
    }
    return true;
}

/* Goes on to the next state, if the handshake has come so far. */
static void establish(struct iq_conn *conn)
{
    if (conn->state >= IQ_CONN_OPEN) {
        return;
    }
    if (conn->handshake_completed && meet(conn) && iq_conn_admit(conn)) {
        conn->state = IQ_CONN_OPEN;
        conn->news_open = true;
        conn->early_accepted = iq_tls_session_early_accepted(conn->tls);
        iq_tls_session_free_routes(conn->tls); /* if it has some */
    } else if (!conn->handshake_completed && !conn->dials && conn->state == IQ_CONN_HANDSHAKE &&
               iq_tls_session_early_accepted(conn->tls) && meet(conn)) {
        conn->state = IQ_CONN_EARLY;
        conn->news_early = true;
    }
}

/* After a machine has stood still, what waits in its sockets is read before the timers.  A silence
 * that was longer than the idle time-out is the end all the same (RFC 9000, section 10.1); ngtcp2
 * would take it for the time that a packet needs, and then wait for answers three times as long. */
static bool is_overdue(const struct iq_conn *conn)
{
    const struct iq_conn_env *env = conn->env;
    const uint64_t late_ns = env->config.idle_timeout_ms * NGTCP2_MILLISECONDS;

    return conn->state < IQ_CONN_CLOSING && conn->timer.deadline_ns < env->agenda.now_ns &&
           env->agenda.now_ns - conn->timer.deadline_ns > late_ns;
}

int iq_conn_receive(struct iq_conn *conn, const struct iq_path *path, uint8_t ecn,
                    const uint8_t *data, size_t len)
{
    const ngtcp2_pkt_info info = {.ecn = ecn};
    struct iq_quic_path quic_path;
    struct iq_peer_close close;
    int rc;

    conn->stats.datagrams_received++;
    conn->stats.bytes_received += len;
    if (is_overdue(conn)) {
        iq_conn_expire(conn);
    }
    iq_quic_path_from(&quic_path, path);
    if (conn->state == IQ_CONN_LINGERING) {
        iq_conn_linger(conn, &quic_path.path, &info, data, len);
        return 0;
    }
    if (conn->state >= IQ_CONN_CLOSING) {
        return 0;
    }
    if (!iq_conn_may_come_from(conn, path)) {
        return 0;
    }
    rc = iq_conn_read(conn, &quic_path.path, &info, data, len, &close);
    iq_conn_note_came_from(conn, path, len);
    if (rc == NGTCP2_ERR_RETRY) {
        return IQ_ERR_AGAIN;
    }
    establish(conn);
    if (conn->confirmed_too_early) {
        rc = NGTCP2_ERR_PROTO;
    } else if (conn->state == IQ_CONN_OPEN && conn->handshake_confirmed) {
        iq_tls_session_let_go(conn->tls);
    }
    if (close.seen) {
        drain_answered(conn, &close.why);
    } else if (rc != 0) {
        iq_conn_fail(conn, rc);
    } else {
        conn->heard_ns = conn->env->agenda.now_ns;
        iq_conn_note_path(conn);
    }
    iq_agenda_add(&conn->env->agenda, &conn->on_agenda);
    return 0;
}

void iq_conn_expire(struct iq_conn *conn)
{
    if (conn->state >= IQ_CONN_LINGERING) {
        conn->state = IQ_CONN_GONE;
        conn->hears_answer = false;
    } else if (conn->state < IQ_CONN_CLOSING) {
        const int rc = ngtcp2_conn_handle_expiry(conn->quic, conn->env->agenda.now_ns);

        if (rc != 0) {
            iq_conn_fail(conn, rc);
        } else {
            iq_conn_check_sizes(conn);
            iq_conn_doubt_silent_path(conn);
        }
    }
    iq_agenda_add(&conn->env->agenda, &conn->on_agenda);
}
