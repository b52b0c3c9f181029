/*
 * What a connection sends: packets of ngtcp2, filled from the streams that have something and with
 * datagrams.
 */
#include "conn_burst.h"
#include "conn_limits.h"
#include "conn_state.h"

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
        if (!stream->unknown_to_quic && !conn->client_in_handshake) {
            send_wishes(conn, stream);
        }
        if (stream->unknown_to_quic || !iq_stream_has_unsent(stream)) {
            iq_list_remove(&stream->in_sending);
        }
    }
    ngtcp2_conn_extend_max_offset(conn->quic, streams->credit);
    streams->credit = 0;
}

/* Those that were held back. */
static void make_wishes_sending(struct iq_conn *conn)
{
    struct iq_list *node;

    for (node = conn->streams.all.next; node != &conn->streams.all; node = node->next) {
        struct iq_stream *stream = IQ_CONTAINER_OF(node, struct iq_stream, in_all);

        if (stream->wants_stop || stream->wants_reset || stream->credit > 0) {
            iq_stream_make_sending(stream);
        }
    }
}

#define PIECES_MAX       8
#define QUIC_QUANTUM_MAX 65536 /* ngtcp2's, in bytes */

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

/* From the first stream in `sending`, for a packet of up to so many bytes. */
static void make_offer(struct offer *offer, const struct iq_conn *conn, size_t packet_max)
{
    const struct iq_streams *streams = &conn->streams;
    struct iq_bytes pieces[PIECES_MAX];
    struct iq_stream *stream;
    size_t i;

    offer->stream = NULL;
    offer->count = offer->len = 0;
    offer->flags = NGTCP2_WRITE_STREAM_FLAG_NONE;
    if (iq_list_is_empty(&streams->sending) || !may_offer(conn)) {
        return;
    }
    stream = IQ_CONTAINER_OF(streams->sending.next, struct iq_stream, in_sending);
    offer->stream = stream;
    offer->count = iq_buffer_gather(&stream->unacked, stream->sent, packet_max, pieces, PIECES_MAX);
    offer->flags = NGTCP2_WRITE_STREAM_FLAG_MORE; /* other streams may fill the packet up */
    for (i = 0; i < offer->count; i++) {
        offer->pieces[i] = (ngtcp2_vec){.base = (uint8_t *)pieces[i].data, .len = pieces[i].len};
        offer->len += pieces[i].len;
    }
    if (stream->finished && stream->sent + offer->len == stream->unacked.len) {
        offer->flags |= NGTCP2_WRITE_STREAM_FLAG_FIN;
    }
}

/* ngtcp2 has put `taken` bytes of the offer, perhaps none, and with them its end, into a packet. */
static void note_taken(struct iq_conn *conn, const struct offer *offer, size_t taken)
{
    struct iq_stream *stream = offer->stream;

    if (stream->sent == 0) {
        stream->waits_from_ns = conn->env->agenda.now_ns;
    }
    stream->sent += taken;
    stream->finish_sent = (offer->flags & NGTCP2_WRITE_STREAM_FLAG_FIN) != 0 && taken == offer->len;
    stream->finish_sent_alone = stream->finish_sent && taken == 0;
    if (iq_stream_has_unsent(stream)) {
        iq_stream_wait_for_turn(stream); /* the others are first */
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
    bool has_stream;        /* what is in the packet that is being written */
    bool has_datagram;
};

/* Adds what the first stream has to the packet, or completes the packet if none has anything.
 * Returns NGTCP2_ERR_WRITE_MORE, or what write_packet() is to return. */
static ngtcp2_ssize write_stream(struct iq_conn *conn, struct writer *writer, uint8_t *dest)
{
    ngtcp2_ssize n, taken = -1;
    struct offer offer;

    make_offer(&offer, conn, writer->packet_max);
    n = ngtcp2_conn_writev_stream(conn->quic, &writer->path.path, &writer->info, dest,
                                  writer->packet_max, &taken, offer.flags,
                                  offer.stream == NULL ? -1 : offer.stream->id, offer.pieces,
                                  offer.count, conn->env->agenda.now_ns);
    if (offer.stream == NULL) {
        return n;
    }
    if (taken >= 0) {
        note_taken(conn, &offer, (size_t)taken);
        writer->has_stream = true;
    }
    switch (n) {
    case NGTCP2_ERR_STREAM_DATA_BLOCKED:
        iq_list_append(&writer->blocked, &offer.stream->in_sending);
        return NGTCP2_ERR_WRITE_MORE;
    case NGTCP2_ERR_STREAM_SHUT_WR:
        iq_stream_note_stopped(offer.stream, 0); /* unless we know it */
        iq_list_remove(&offer.stream->in_sending);
        return NGTCP2_ERR_WRITE_MORE;
    case NGTCP2_ERR_STREAM_NOT_FOUND:
        iq_list_remove(&offer.stream->in_sending);
        return NGTCP2_ERR_WRITE_MORE;
    default:
        return n;
    }
}

/* Adds the first datagram to the packet, or completes the packet if it has no room for that.
 * Returns as write_stream() does. */
static ngtcp2_ssize write_datagram(struct iq_conn *conn, struct writer *writer, uint8_t *dest)
{
    const struct iq_bytes datagram = iq_datagram_queue_first(&conn->datagrams.unsent);
    const ngtcp2_vec vec = {.base = (uint8_t *)datagram.data, .len = datagram.len};
    int accepted;
    const ngtcp2_ssize n = ngtcp2_conn_writev_datagram(
        conn->quic, &writer->path.path, &writer->info, dest, writer->packet_max, &accepted,
        NGTCP2_WRITE_DATAGRAM_FLAG_MORE, 0, &vec, 1, conn->env->agenda.now_ns);

    if (accepted) {
        iq_conn_drop_unsent_datagram(conn);
        writer->has_datagram = true;
    }
    return n;
}

/*
 * Writes one packet to `dest`.  Returns its length, 0 if there is nothing to send now, or an error
 * of ngtcp2.
 *
 * Packets begin with datagrams and with streams by turns, and the others get the room that is left:
 * neither can starve the other, whatever the application has of them.
 */
static ngtcp2_ssize write_packet(struct iq_conn *conn, struct writer *writer, uint8_t *dest)
{
    const bool streams_first = conn->datagrams.streams_next;
    ngtcp2_ssize n = NGTCP2_ERR_WRITE_MORE;

    writer->packet_max = iq_conn_may_go(conn, iq_conn_packet_max(conn));
    writer->has_stream = writer->has_datagram = false;
    while (n == NGTCP2_ERR_WRITE_MORE) {
        const bool streams_turn = streams_first && !iq_list_is_empty(&conn->streams.sending);

        n = !streams_turn && iq_conn_has_datagram(conn) ? write_datagram(conn, writer, dest)
                                                        : write_stream(conn, writer, dest);
    }
    if (streams_first ? writer->has_stream : writer->has_datagram) {
        conn->datagrams.streams_next = !streams_first;
    }
    return n;
}

/*
 * How many bytes may go at once.  For ngtcp2 that is what pacing allows in a millisecond, at most
 * 64 KiB.  A connection that is much faster than that, as on one machine or in one rack, goes on
 * for up to a quarter of a millisecond.  Its peer sleeps and is woken less often, and a longer run
 * of the same code stays in the caches: over loopback a tenth more throughput.
 */
static size_t send_quantum(const struct iq_conn *conn)
{
    const size_t quantum = ngtcp2_conn_get_send_quantum(conn->quic);
    ngtcp2_conn_info info;
    uint64_t fast;

    if (quantum < QUIC_QUANTUM_MAX) {
        return quantum;
    }
    ngtcp2_conn_get_conn_info(conn->quic, &info);
    fast = info.cwnd * (NGTCP2_MILLISECONDS / 4) / (info.smoothed_rtt + 1);
    if (fast > IQ_BURST_MAX) {
        return IQ_BURST_MAX;
    }
    return fast > quantum ? (size_t)fast : quantum;
}

/*
 * Writes packets until there is nothing to send, congestion control or pacing says so, or the wire
 * is full.  Returns 0 or an error of ngtcp2.
 *
 * They are as many as fit into the quantum.  One packet more would have to go by itself: that was a
 * twentieth of the sender's time.
 */
static int write_packets(struct iq_conn *conn, struct writer *writer, struct iq_burst *burst)
{
    struct iq_conn_env *env = conn->env;
    const size_t quantum = send_quantum(conn);
    size_t sent = 0, latest = 0;

    while (!env->wire_is_full && sent + latest <= quantum) {
        uint8_t *dest = env->packets + burst->out.len;
        const ngtcp2_ssize n = write_packet(conn, writer, dest);
        struct iq_datagrams packet = {.data = dest, .len = (size_t)n};

        if (n <= 0) {
            return (int)n;
        }
        packet.ecn = writer->info.ecn;
        iq_quic_path_to(&packet.path, &writer->path.path);
        iq_conn_note_went_to(conn, &packet.path, packet.len);
        iq_burst_add(burst, &packet);
        if (packet.len == IQ_ANSWER_LEN && !writer->has_stream && !writer->has_datagram) {
            iq_conn_note_answer(conn);
        }
        latest = packet.len;
        sent += latest;
        if (iq_burst_is_full(burst)) {
            iq_burst_send(burst);
        }
    }
    return 0;
}

/*
 * Tells ngtcp2 of everything, and writes packets.
 *
 * As long as its client side is in the handshake, ngtcp2 (seen in 1.24) forgets what a stream wants
 * but for its bytes: looking for early data that a Retry makes it send again, it takes streams
 * without any from its queue.  It leaves the handshake not when that is complete but with the next
 * packets, in the middle of this; what streams have wanted until then is for the packets after.
 */
static int write_all(struct iq_conn *conn, struct writer *writer, struct iq_burst *burst)
{
    const bool lost_wishes = conn->client_in_handshake;
    int rc;

    send_all_wishes(conn);
    rc = write_packets(conn, writer, burst);
    if (rc == 0 && lost_wishes && !conn->client_in_handshake) {
        make_wishes_sending(conn);
        send_all_wishes(conn);
        rc = write_packets(conn, writer, burst);
    }
    return rc;
}

/* Whether everything that was sent has been acknowledged, for which what is lost does not wait to
 * be sent again: that was done just now, if the wire has taken it. */
static bool has_nothing_in_flight(const struct iq_conn *conn)
{
    return iq_conn_bytes_in_flight(conn) == 0 && !conn->env->wire_is_full;
}

void iq_conn_send_packets(struct iq_conn *conn)
{
    struct iq_burst burst = {.conn = conn};
    struct writer writer = {0};
    struct iq_list *node;
    int rc;

    ngtcp2_path_storage_zero(&writer.path);
    iq_list_init(&writer.blocked);
    rc = write_all(conn, &writer, &burst);
    iq_burst_send(&burst);
    iq_conn_end_ping(conn);
    while ((node = iq_list_pop(&writer.blocked)) != NULL) {
        iq_stream_wait_for_turn(IQ_CONTAINER_OF(node, struct iq_stream, in_sending));
    }
    if (rc != 0) {
        iq_conn_fail(conn, rc);
        return;
    }
    iq_conn_note_path(conn);
    if (!iq_list_is_empty(&conn->streams.perhaps_delivered) && has_nothing_in_flight(conn)) {
        iq_streams_note_nothing_in_flight(&conn->streams);
    }
}

/* Whether a connection that waits for its start has come to it. */
static bool may_send(const struct iq_conn *conn)
{
    return conn->start_ns <= conn->env->agenda.now_ns;
}

static uint64_t quic_deadline(const struct iq_conn *conn)
{
    const uint64_t expiry_ns = ngtcp2_conn_get_expiry(conn->quic);
    const uint64_t owed_ns = iq_conn_owed_streams_at(conn);

    return owed_ns < expiry_ns ? owed_ns : expiry_ns;
}

/* When the connection must be looked at again. */
static uint64_t next_deadline(const struct iq_conn *conn)
{
    switch (conn->state) {
    case IQ_CONN_HANDSHAKE:
    case IQ_CONN_EARLY:
    case IQ_CONN_OPEN:
        return may_send(conn) ? quic_deadline(conn) : conn->start_ns;
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
        iq_conn_follow_path(conn);
        iq_conn_keep_alive(conn);
        iq_conn_give_owed_streams(conn);
        if (may_send(conn)) {
            iq_conn_send_packets(conn);
            ngtcp2_conn_update_pkt_tx_time(conn->quic, env->agenda.now_ns); /* for its pacing */
        }
    } else if (!env->wire_is_full && conn->state == IQ_CONN_CLOSING) {
        iq_conn_send_close(conn);
    }
    if (env->wire_is_full) {
        iq_agenda_add(&env->agenda, &conn->on_agenda); /* for the time when it is not */
    }
    if (conn->state > IQ_CONN_CLOSING && !conn->hears_answer && conn->quic != NULL) {
        iq_conn_let_go(conn);
    }
    iq_heap_set(&env->timers, &conn->timer, next_deadline(conn));
}
