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

void iq_conn_env_send(struct iq_conn_env *env, const struct iq_datagrams *datagrams)
{
    if (!env->wire_is_full) {
        env->wire_is_full = env->wire->send(env->wire, datagrams) != 0;
    }
}

static void send_burst(struct burst *burst)
{
    if (burst->out.len > 0) {
        iq_conn_env_send(burst->env, &burst->out);
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

/* What a stream has for the next packet. */
struct offer {
    struct iq_stream *stream; /* NULL: no stream has anything */
    ngtcp2_vec pieces[PIECES_MAX];
    size_t count;
    size_t len;
    uint32_t flags;
};

/*
 * Whether ngtcp2 would put stream data into the next packet if it has some.  Before the handshake
 * is complete (seen in 1.24) it leaves the padding of an Initial packet to the early data behind
 * it, and then finds that congestion control forbids that: the peer must drop such an Initial (RFC
 * 9000, section 14.1), however often it is repeated.
 */
static bool may_offer(const struct iq_conn *conn)
{
    return conn->state != IQ_CONN_EARLY || !conn->dials ||
           ngtcp2_conn_get_cwnd_left(conn->quic) >= NGTCP2_MAX_UDP_PAYLOAD_SIZE;
}

/* From the first stream in `sending`. */
static struct offer next_offer(const struct iq_conn *conn)
{
    const struct iq_streams *streams = &conn->streams;
    struct offer offer = {.flags = NGTCP2_WRITE_STREAM_FLAG_NONE};
    struct iq_bytes pieces[PIECES_MAX];
    struct iq_stream *stream;
    size_t i;

    if (iq_list_is_empty(&streams->sending) || !may_offer(conn)) {
        return offer;
    }
    stream = IQ_CONTAINER_OF(streams->sending.next, struct iq_stream, in_sending);
    offer.stream = stream;
    offer.count = iq_buffer_gather(&stream->unacked, stream->sent, pieces, PIECES_MAX);
    offer.flags = NGTCP2_WRITE_STREAM_FLAG_MORE; /* other streams may fill the packet up */
    for (i = 0; i < offer.count; i++) {
        offer.pieces[i] = (ngtcp2_vec){.base = (uint8_t *)pieces[i].data, .len = pieces[i].len};
        offer.len += pieces[i].len;
    }
    if (stream->finished && stream->sent + offer.len == stream->unacked.len) {
        offer.flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
    }
    return offer;
}

/* ngtcp2 has put `taken` bytes of the offer, perhaps none, and with them its end, into a packet. */
static void note_taken(struct iq_conn *conn, const struct offer *offer, size_t taken)
{
    struct iq_stream *stream = offer->stream;

    stream->sent += taken;
    stream->finish_sent = (offer->flags & NGTCP2_WRITE_STREAM_FLAG_FIN) != 0 && taken == offer->len;
    if (iq_stream_has_unsent(stream)) {
        iq_list_append(&conn->streams.sending, &stream->in_sending); /* the others' turn */
    } else {
        iq_list_remove(&stream->in_sending);
    }
}

/* What the packets of one round are written to. */
struct writer {
    ngtcp2_path_storage path;
    ngtcp2_pkt_info info;
    size_t packet_max;
    struct iq_list blocked; /* streams that wait for the peer to allow more */
};

/* Writes one packet to `dest`.  Returns its length, 0 if there is nothing to send now, or an error
 * of ngtcp2. */
static ngtcp2_ssize write_packet(struct iq_conn *conn, struct writer *writer, uint8_t *dest)
{
    for (;;) {
        const struct offer offer = next_offer(conn);
        const int64_t id = offer.stream == NULL ? -1 : offer.stream->id;
        ngtcp2_ssize taken = -1;
        const ngtcp2_ssize n = ngtcp2_conn_writev_stream(
            conn->quic, &writer->path.path, &writer->info, dest, writer->packet_max, &taken,
            offer.flags, id, offer.pieces, offer.count, conn->env->agenda.now_ns);

        if (offer.stream == NULL) {
            return n;
        }
        if (taken >= 0) {
            note_taken(conn, &offer, (size_t)taken);
        }
        switch (n) {
        case NGTCP2_ERR_WRITE_MORE:
            break;
        case NGTCP2_ERR_STREAM_DATA_BLOCKED:
            iq_list_append(&writer->blocked, &offer.stream->in_sending);
            break;
        case NGTCP2_ERR_STREAM_SHUT_WR:
            iq_stream_note_stopped(offer.stream, 0); /* unless we know it */
            iq_list_remove(&offer.stream->in_sending);
            break;
        case NGTCP2_ERR_STREAM_NOT_FOUND:
            iq_list_remove(&offer.stream->in_sending);
            break;
        default:
            return n;
        }
    }
}

/* Writes packets until there is nothing to send, congestion control or pacing says so, or the wire
 * is full.  Returns 0 or an error of ngtcp2. */
static int write_packets(struct iq_conn *conn, struct writer *writer, struct burst *burst)
{
    struct iq_conn_env *env = conn->env;
    const size_t quantum = ngtcp2_conn_get_send_quantum(conn->quic);
    size_t sent = 0;

    while (!env->wire_is_full && sent < quantum) {
        uint8_t *dest = env->packets + burst->out.len;
        const ngtcp2_ssize n = write_packet(conn, writer, dest);
        struct iq_datagrams packet = {.data = dest, .len = (size_t)n};

        if (n <= 0) {
            return (int)n;
        }
        packet.ecn = writer->info.ecn;
        iq_quic_path_to(&packet.path, &writer->path.path);
        add_packet(burst, &packet);
        sent += packet.len;
        if (burst->out.len + writer->packet_max > sizeof(env->packets) ||
            burst->out.len >= IQ_SEGMENTS_MAX * burst->out.segment_len) {
            send_burst(burst);
        }
    }
    return 0;
}

static void send_packets(struct iq_conn *conn)
{
    struct burst burst = {.env = conn->env};
    struct writer writer = {.packet_max = ngtcp2_conn_get_max_tx_udp_payload_size(conn->quic)};
    int rc;

    ngtcp2_path_storage_zero(&writer.path);
    iq_list_init(&writer.blocked);
    send_all_wishes(conn);
    rc = write_packets(conn, &writer, &burst);
    send_burst(&burst);
    iq_list_move_all(&conn->streams.sending, &writer.blocked);
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
        if (env->wire_is_full) {
            return; /* the close has to wait as well */
        }
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

/* Whether a connection that waits for its start has come to it. */
static bool may_send(const struct iq_conn *conn)
{
    return conn->start_ns <= conn->env->agenda.now_ns;
}

/* When the connection must be looked at again. */
static uint64_t next_deadline(const struct iq_conn *conn)
{
    switch (conn->state) {
    case IQ_CONN_HANDSHAKE:
    case IQ_CONN_EARLY:
    case IQ_CONN_OPEN:
        return may_send(conn) ? ngtcp2_conn_get_expiry(conn->quic) : conn->start_ns;
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
        if (may_send(conn)) {
            send_packets(conn);
        }
    } else if (!env->wire_is_full && conn->state == IQ_CONN_CLOSING) {
        send_close(conn);
    }
    if (env->wire_is_full) {
        iq_agenda_add(&env->agenda, &conn->on_agenda); /* for the time when it is not */
    }
    if (conn->state > IQ_CONN_CLOSING && conn->quic != NULL) {
        iq_conn_let_go(conn);
    }
    iq_heap_set(&env->timers, &conn->timer, next_deadline(conn));
}
