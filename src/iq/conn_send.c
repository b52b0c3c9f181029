/*
 * What a connection sends: packets of ngtcp2, filled from the streams that have something.
 *
 * Packets are written one behind the other and given to the wire together, as long as they go the
 * same way and have the same length: to the kernel that is one call (udp.c).
 */
#include <stdlib.h>
#include <string.h>

#include "conn_state.h"

/* Packets in env->packets that are not sent yet. */
struct burst {
    struct iq_conn_env *env;
    struct iq_datagrams out;
    bool last_is_short; /* nothing may be added behind it */
};

static void send_burst(struct burst *burst)
{
    struct iq_conn_env *env = burst->env;

    if (burst->out.len > 0 && env->wire->send(env->wire, &burst->out) != 0) {
        env->wire_is_full = true;
    }
    burst->out.len = 0;
    burst->last_is_short = false;
}

static bool fits(const struct burst *burst, const struct iq_datagrams *packet)
{
    return burst->out.len == 0 ||
           (!burst->last_is_short && packet->len <= burst->out.segment_len &&
            packet->ecn == burst->out.ecn &&
            iq_socket_addr_equal(&packet->path.remote, &burst->out.path.remote) &&
            iq_socket_addr_equal(&packet->path.local, &burst->out.path.local));
}

/* Adds a packet that was written behind those that are there. */
static void add_packet(struct burst *burst, const struct iq_datagrams *packet)
{
    uint8_t *start = burst->env->packets;

    if (!fits(burst, packet)) {
        send_burst(burst);
        memmove(start, packet->data, packet->len);
    }
    if (burst->out.len == 0) {
        burst->out = *packet;
        burst->out.data = start;
        burst->out.segment_len = packet->len;
        return;
    }
    burst->out.len += packet->len;
    burst->last_is_short = packet->len < burst->out.segment_len;
}

/* Tells ngtcp2 what the application wants of the stream, but for its bytes. */
static void send_wishes(struct iq_conn *conn, struct iq_stream *stream)
{
    if (stream->wants_stop) {
        stream->wants_stop = false;
        (void)ngtcp2_conn_shutdown_stream_read(conn->quic, 0, stream->id, stream->stop_code);
    }
    if (stream->wants_reset) {
        stream->wants_reset = false;
        (void)ngtcp2_conn_shutdown_stream_write(conn->quic, 0, stream->id, stream->our_reset_code);
    }
    if (stream->credit > 0 && !stream->closed) {
        (void)ngtcp2_conn_extend_max_stream_offset(conn->quic, stream->id, stream->credit);
        stream->credit = 0;
    }
}

/* Leaves in `sending` the streams that have bytes, or their end, for the peer. */
static void send_all_wishes(struct iq_conn *conn)
{
    struct iq_streams *streams = &conn->streams;
    struct iq_list *node = streams->sending.next;

    while (node != &streams->sending) {
        struct iq_stream *stream = IQ_CONTAINER_OF(node, struct iq_stream, in_sending);

        node = node->next;
        if (!stream->unknown_to_quic) {
            send_wishes(conn, stream);
        }
        if (stream->unknown_to_quic || !iq_stream_has_unsent(stream)) {
            iq_list_remove(&stream->in_sending);
        }
    }
    ngtcp2_conn_extend_max_offset(conn->quic, streams->credit);
    streams->credit = 0;
}

#define PIECES_MAX 8

/* Writes one packet, or a part of one, from the first stream in `sending`. */
static ngtcp2_ssize write_packet(struct iq_conn *conn, ngtcp2_path_storage *path,
                                 ngtcp2_pkt_info *info, uint8_t *dest, size_t size,
                                 struct iq_list *blocked)
{
    struct iq_streams *streams = &conn->streams;
    struct iq_stream *stream = NULL;
    struct iq_bytes pieces[PIECES_MAX];
    ngtcp2_vec vec[PIECES_MAX];
    size_t count = 0, len = 0, i;
    uint32_t flags = NGTCP2_WRITE_STREAM_FLAG_NONE;
    ngtcp2_ssize taken = -1, written;

    if (!iq_list_is_empty(&streams->sending)) {
        stream = IQ_CONTAINER_OF(streams->sending.next, struct iq_stream, in_sending);
        count = iq_buffer_gather(&stream->unacked, stream->sent, pieces, PIECES_MAX);
        flags = NGTCP2_WRITE_STREAM_FLAG_MORE;
    }
    for (i = 0; i < count; i++) {
        vec[i] = (ngtcp2_vec){.base = (uint8_t *)pieces[i].data, .len = pieces[i].len};
        len += pieces[i].len;
    }
    if (stream != NULL && stream->finished && stream->sent + len == stream->unacked.len) {
        flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
    }
    written = ngtcp2_conn_writev_stream(conn->quic, &path->path, info, dest, size, &taken, flags,
                                        stream == NULL ? -1 : stream->id, vec, count,
                                        conn->env->agenda.now_ns);
    if (stream == NULL) {
        return written;
    }
    if (taken >= 0) {
        stream->sent += (size_t)taken;
        stream->finish_sent = (flags & NGTCP2_WRITE_STREAM_FLAG_FIN) != 0 && (size_t)taken == len;
        if (iq_stream_has_unsent(stream)) {
            iq_list_append(&streams->sending, &stream->in_sending); /* the others' turn */
        } else {
            iq_list_remove(&stream->in_sending);
        }
    }
    if (written == NGTCP2_ERR_STREAM_DATA_BLOCKED) {
        iq_list_append(blocked, &stream->in_sending);
        return NGTCP2_ERR_WRITE_MORE;
    }
    if (written == NGTCP2_ERR_STREAM_SHUT_WR) {
        iq_stream_note_stopped(stream, 0); /* unless we know */
    }
    if (written == NGTCP2_ERR_STREAM_SHUT_WR || written == NGTCP2_ERR_STREAM_NOT_FOUND) {
        iq_list_remove(&stream->in_sending);
        return NGTCP2_ERR_WRITE_MORE;
    }
    return written;
}

/* Writes packets until there is nothing to send, congestion control or pacing says so, or the wire
 * is full.  Returns 0 or an error of ngtcp2. */
static int write_burst(struct iq_conn *conn, struct burst *burst, struct iq_list *blocked)
{
    struct iq_conn_env *env = conn->env;
    const size_t packet_max = ngtcp2_conn_get_max_tx_udp_payload_size(conn->quic);
    const size_t quantum = ngtcp2_conn_get_send_quantum(conn->quic);
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    size_t sent = 0;

    ngtcp2_path_storage_zero(&path);
    while (!env->wire_is_full && sent < quantum) {
        uint8_t *dest = env->packets + burst->out.len;
        ngtcp2_ssize n;
        struct iq_datagrams packet;

        do {
            n = write_packet(conn, &path, &info, dest, packet_max, blocked);
        } while (n == NGTCP2_ERR_WRITE_MORE);
        if (n <= 0) {
            return (int)n;
        }
        packet = (struct iq_datagrams){.data = dest, .len = (size_t)n, .ecn = info.ecn};
        iq_quic_path_to(&packet.path, &path.path);
        add_packet(burst, &packet);
        sent += (size_t)n;
        if (burst->out.len + packet_max > sizeof(env->packets) ||
            burst->out.len >= IQ_SEGMENTS_MAX * burst->out.segment_len) {
            send_burst(burst);
        }
    }
    return 0;
}

static void send_packets(struct iq_conn *conn)
{
    struct burst burst = {.env = conn->env};
    struct iq_list blocked;
    int rc;

    iq_list_init(&blocked);
    send_all_wishes(conn);
    rc = write_burst(conn, &burst, &blocked);
    send_burst(&burst);
    iq_list_move_all(&conn->streams.sending, &blocked); /* until the peer allows more */
    if (rc != 0) {
        iq_conn_fail(conn, rc);
        return;
    }
    ngtcp2_conn_update_pkt_tx_time(conn->quic, conn->env->agenda.now_ns);
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
static void send_close(struct iq_conn *conn)
{
    struct iq_conn_env *env = conn->env;
    struct burst burst = {.env = env};
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    ngtcp2_ssize n;

    if (conn->why.how == IQ_CLOSED_BY_US) {
        /* The end of the handshake may still be unsent, and without it the peer cannot read a close
         * that has the application's code. */
        send_packets(conn);
    }
    ngtcp2_path_storage_zero(&path);
    conn->gone_at_ns = env->agenda.now_ns + 3 * ngtcp2_conn_get_pto(conn->quic);
    n = ngtcp2_conn_write_connection_close(conn->quic, &path.path, &info, env->packets,
                                           IQ_CLOSE_PACKET_MAX, &conn->error, env->agenda.now_ns);
    conn->state = IQ_CONN_GONE; /* unless there is a packet */
    if (n > 0) {
        struct iq_datagrams packet = {.data = env->packets, .len = (size_t)n, .ecn = info.ecn};

        iq_quic_path_to(&packet.path, &path.path);
        packet.segment_len = packet.len;
        keep_close_packet(conn, &packet);
        add_packet(&burst, &packet);
        send_burst(&burst);
        conn->state = IQ_CONN_LINGERING;
    }
}

/* A connection that has ended needs neither QUIC nor TLS any more. */
static void let_go(struct iq_conn *conn)
{
    iq_tls_session_free(conn->tls);
    conn->tls = NULL;
    ngtcp2_conn_del(conn->quic);
    conn->quic = NULL;
}

/* When the connection must be looked at again. */
static uint64_t next_deadline(const struct iq_conn *conn)
{
    switch (conn->state) {
    case IQ_CONN_HANDSHAKE:
    case IQ_CONN_OPEN:
        return ngtcp2_conn_get_expiry(conn->quic);
    case IQ_CONN_CLOSING: /* when the wire has room */
    case IQ_CONN_GONE:
        return IQ_NEVER;
    case IQ_CONN_LINGERING:
    case IQ_CONN_DRAINING:
        return conn->gone_at_ns;
    }
    return IQ_NEVER;
}

void iq_conn_send(struct iq_conn *conn)
{
    struct iq_conn_env *env = conn->env;

    if (!env->wire_is_full && conn->state < IQ_CONN_CLOSING) {
        send_packets(conn);
    } else if (!env->wire_is_full && conn->state == IQ_CONN_CLOSING) {
        send_close(conn);
    }
    if (env->wire_is_full) {
        iq_agenda_add(&env->agenda, &conn->on_agenda); /* for the time when it is not */
    }
    if (conn->state > IQ_CONN_CLOSING && conn->quic != NULL) {
        let_go(conn);
    }
    iq_heap_set(&env->timers, &conn->timer, next_deadline(conn));
}
