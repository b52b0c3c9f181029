/*
 * The size of packets where a path begins to carry less than it did.  RFC 8899, section 4.3.
 *
 * ngtcp2 finds the largest packet that a path carries (RFC 9000, section 14.3), but not that this
 * has become less: it would send large packets into a black hole until the connection times out.
 * So if bytes of a stream are not acknowledged for three probe time-outs, or the system itself
 * refuses a packet as too long, packets are kept to the least size that every path must carry.
 * After a minute, which is noq's pause as well, larger ones are tried again.
 *
 * A path that was dead for a while looks the same.  That costs little: a fifth more packets.
 */
#include "conn_state.h"

#define SMALL_FOR_NS   (60 * NGTCP2_SECONDS)
#define STALLED_PTOS   3
#define LEAST_MAX_SIZE NGTCP2_MAX_UDP_PAYLOAD_SIZE /* 1200.  RFC 9000, section 14 */

static bool is_small(const struct iq_conn *conn)
{
    return conn->small_until_ns > conn->env->agenda.now_ns;
}

size_t iq_conn_packet_max(const struct iq_conn *conn)
{
    return is_small(conn) ? LEAST_MAX_SIZE : ngtcp2_conn_get_max_tx_udp_payload_size(conn->quic);
}

size_t iq_conn_mtu(const struct iq_conn *conn)
{
    return is_small(conn) ? LEAST_MAX_SIZE
                          : ngtcp2_conn_get_path_max_tx_udp_payload_size(conn->quic);
}

static void make_small(struct iq_conn *conn)
{
    conn->small_until_ns = conn->env->agenda.now_ns + SMALL_FOR_NS;
}

static bool is_stalled(const struct iq_conn *conn, uint64_t pto_ns)
{
    const struct iq_list *node;

    for (node = conn->streams.all.next; node != &conn->streams.all; node = node->next) {
        const struct iq_stream *stream = IQ_CONTAINER_OF(node, struct iq_stream, in_all);

        if (stream->sent > 0 && !stream->send_over &&
            conn->env->agenda.now_ns - stream->waits_from_ns >= STALLED_PTOS * pto_ns) {
            return true;
        }
    }
    return false;
}

/* All streams are looked at, so once in a probe time-out is enough. */
void iq_conn_check_sizes(struct iq_conn *conn)
{
    const uint64_t now_ns = conn->env->agenda.now_ns;
    uint64_t pto_ns;

    if (conn->state != IQ_CONN_OPEN || iq_conn_mtu(conn) <= LEAST_MAX_SIZE) {
        return;
    }
    pto_ns = ngtcp2_conn_get_pto(conn->quic);
    if (now_ns - conn->sizes_checked_ns < pto_ns) {
        return;
    }
    conn->sizes_checked_ns = now_ns;
    if (is_stalled(conn, pto_ns)) {
        make_small(conn);
    }
}

/* A probe of discovery may be too long: then ngtcp2 finds that out. */
void iq_conn_note_too_long(struct iq_conn *conn, size_t len)
{
    if (len > LEAST_MAX_SIZE && len <= ngtcp2_conn_get_path_max_tx_udp_payload_size(conn->quic)) {
        make_small(conn);
    }
}
