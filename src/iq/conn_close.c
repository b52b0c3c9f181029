/*
 * How a connection is closed, and how a peer's close is answered.  RFC 9000, section 10.2.
 */
#include <stdlib.h>
#include <string.h>

#include "conn_state.h"

/* Writes what conn->error says, with ngtcp2's way or behind its back.  False if there is nothing to
 * send. */
static bool write_close(struct iq_conn *conn, struct iq_datagrams *packet)
{
    struct iq_conn_env *env = conn->env;
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_ssize n;

    ngtcp2_path_storage_zero(&path);
    conn->hears_answer = conn->state == IQ_CONN_CLOSING && conn->why.how == IQ_CLOSED_BY_US &&
                         conn->handshake_confirmed &&
                         iq_conn_write_goodbye(conn, &path.path, &info, env->packets, &n);
    if (!conn->hears_answer) {
        n = ngtcp2_conn_write_connection_close(conn->quic, &path.path, &info, env->packets,
                                               IQ_CLOSE_PACKET_MAX, &conn->error,
                                               env->agenda.now_ns);
    }
    if (n <= 0) {
        return false;
    }
    *packet = (struct iq_datagrams){
        .data = env->packets, .len = (size_t)n, .segment_len = (size_t)n, .ecn = info.ecn};
    iq_quic_path_to(&packet->path, &path.path);
    return true;
}

/* What the closing period needs: the packet, and where it went. */
static void keep_close_packet(struct iq_conn *conn, const struct iq_datagrams *packet)
{
    conn->close_packet = malloc(packet->len);
    if (conn->close_packet != NULL) {
        memcpy(conn->close_packet, packet->data, packet->len);
        conn->close_packet_len = packet->len;
        conn->close_path = packet->path;
    }
}

/* Tells the peer, and keeps what RFC 9000, section 10.2.1 needs. */
void iq_conn_send_close(struct iq_conn *conn)
{
    struct iq_datagrams packet;

    if (conn->dials && conn->stats.datagrams_sent == 0) {
        conn->state = IQ_CONN_GONE; /* its peer has never heard of us */
        return;
    }
    if (conn->why.how == IQ_CLOSED_BY_US) {
        /* The end of the handshake may still be unsent, and without it the peer cannot read a close
         * that has the application's code. */
        iq_conn_send_packets(conn);
        if (conn->env->wire_is_full) {
            return; /* the close has to wait as well */
        }
    }
    conn->gone_at_ns = conn->env->agenda.now_ns + 3 * ngtcp2_conn_get_pto(conn->quic);
    if (!write_close(conn, &packet)) {
        conn->state = IQ_CONN_GONE;
        return;
    }
    keep_close_packet(conn, &packet);
    iq_conn_send_datagrams(conn, &packet);
    conn->state = IQ_CONN_LINGERING;
}

/* One packet is allowed, so a peer that loses it hears nothing more.  RFC 9000, section 10.2.2. */
void iq_conn_answer_close(struct iq_conn *conn)
{
    struct iq_datagrams packet;

    if (write_close(conn, &packet)) {
        iq_conn_send_datagrams(conn, &packet);
    }
}

/* Notes what has come since our close.  The peer may have moved to an address just before, and not
 * shown that it receives there: it gets no more than three times as much again.  RFC 9000, section
 * 8.1. */
static void note_since_close(struct iq_conn *conn, const ngtcp2_path *path, size_t len)
{
    struct iq_path from;

    iq_quic_path_to(&from, path);
    conn->received_since_close++;
    if (iq_socket_addr_equal(&from.remote, &conn->close_path.remote)) {
        conn->close_credit += IQ_UNPROVEN_TIMES * len;
    }
}

/* The peer has not heard our close yet.  RFC 9000, section 10.2.1: answer, but ever less often. */
static void repeat_close(struct iq_conn *conn)
{
    const uint32_t count = conn->received_since_close;
    const struct iq_datagrams out = {
        .path = conn->close_path,
        .data = conn->close_packet,
        .len = conn->close_packet_len,
        .segment_len = conn->close_packet_len,
    };

    if ((count & (count - 1)) != 0 || conn->close_packet == NULL ||
        (!conn->dials && conn->close_credit < out.len)) {
        return;
    }
    conn->close_credit -= conn->dials ? 0 : out.len;
    (void)iq_conn_env_send(conn->env, &out);
}

/* We have closed: is this the peer's own close, with which it tells that it knows?  Then we drain,
 * so that nothing that is still on its way seems to belong to nobody. */
void iq_conn_linger(struct iq_conn *conn, const ngtcp2_path *path, const ngtcp2_pkt_info *info,
                    const uint8_t *data, size_t len)
{
    struct iq_peer_close close;
    int rc;

    note_since_close(conn, path, len);
    if (conn->hears_answer) {
        rc = iq_conn_read(conn, path, info, data, len, &close);
        if (close.seen || rc == NGTCP2_ERR_DRAINING) {
            conn->state = IQ_CONN_DRAINING;
        }
        if (close.seen || rc != 0) {
            conn->hears_answer = false; /* ngtcp2 is of no more use */
            iq_agenda_add(&conn->env->agenda, &conn->on_agenda);
        }
    }
    if (conn->state == IQ_CONN_LINGERING) {
        repeat_close(conn);
    }
}
