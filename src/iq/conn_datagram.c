/*
 * Datagrams of a connection: messages of one packet at most, that may get lost.  RFC 9221.
 *
 * Both directions have a queue.  What has arrived waits for the turn (conn_deliver.c), and what is
 * to be sent waits for the wire and for congestion control (conn_send.c).
 */
#include "conn_state.h"

/* iroh's bounds. */
#define RECEIVED_SIZE_MAX 1250000
#define UNSENT_SIZE_MAX   1048576

/* What a packet with one datagram has besides its bytes: the header with the peer's connection id
 * and the longest packet number (RFC 9000, section 17.3.1), the tag of the cipher (RFC 9001,
 * section 5.3), and the frame's type and length.  iroh counts the longest form of the last two as
 * well. */
#define FIRST_BYTE_LEN        1
#define PACKET_NUMBER_LEN_MAX 4
#define TAG_LEN               16
#define FRAME_OVERHEAD_MAX    9

/* Type and length, which ngtcp2 always writes.  RFC 9221, section 4. */
#define EMPTY_FRAME_LEN 2

void iq_conn_datagrams_init(struct iq_conn_datagrams *datagrams)
{
    iq_datagram_queue_init(&datagrams->received, RECEIVED_SIZE_MAX);
    iq_datagram_queue_init(&datagrams->unsent, UNSENT_SIZE_MAX);
}

void iq_conn_datagrams_release(struct iq_conn_datagrams *datagrams)
{
    iq_datagram_queue_release(&datagrams->received);
    iq_datagram_queue_release(&datagrams->unsent);
}

static size_t less(uint64_t limit, size_t overhead)
{
    return limit > overhead ? (size_t)limit - overhead : 0;
}

/* Of a whole frame, as the peer has said in the handshake.  RFC 9221, section 3. */
static uint64_t peers_limit(const struct iq_conn *conn)
{
    return ngtcp2_conn_get_remote_transport_params(conn->quic)->max_datagram_frame_size;
}

static size_t max_len(const struct iq_conn *conn)
{
    const size_t of_peer = less(peers_limit(conn), FRAME_OVERHEAD_MAX);
    const size_t of_path =
        less(iq_conn_mtu(conn), FIRST_BYTE_LEN + ngtcp2_conn_get_dcid(conn->quic)->datalen +
                                    PACKET_NUMBER_LEN_MAX + TAG_LEN + FRAME_OVERHEAD_MAX);

    return of_peer < of_path ? of_peer : of_path;
}

/* The public functions */

size_t iq_conn_max_datagram_len(const struct iq_conn *conn)
{
    return conn->state == IQ_CONN_OPEN ? max_len(conn) : 0;
}

static int check_datagram(const struct iq_conn *conn, size_t len)
{
    const int rc = iq_conn_check_open(conn);

    if (rc != 0) {
        return rc;
    }
    if (peers_limit(conn) < EMPTY_FRAME_LEN) {
        return IQ_ERR_UNSUPPORTED;
    }
    return len > max_len(conn) ? IQ_ERR_TOO_LONG : 0;
}

static int queue_datagram(struct iq_conn *conn, const void *data, size_t len)
{
    const int rc = iq_datagram_queue_add(&conn->datagrams.unsent, data, len);

    if (rc == 0) {
        iq_agenda_add(&conn->env->agenda, &conn->on_agenda);
    }
    return rc;
}

int iq_conn_send_datagram(struct iq_conn *conn, const void *data, size_t len)
{
    const int rc = check_datagram(conn, len);

    return rc != 0 ? rc : queue_datagram(conn, data, len);
}

int iq_conn_offer_datagram(struct iq_conn *conn, const void *data, size_t len)
{
    const int rc = check_datagram(conn, len);

    if (rc != 0) {
        return rc;
    }
    if (!iq_datagram_queue_has_room(&conn->datagrams.unsent, len)) {
        conn->datagrams.short_of_room = true;
        return IQ_ERR_AGAIN;
    }
    return queue_datagram(conn, data, len);
}

/* What conn_send.c does with those that wait */

/* Half of the queue is free before the application is told: it has more to offer than one. */
static void note_room(struct iq_conn *conn)
{
    struct iq_conn_datagrams *datagrams = &conn->datagrams;

    if (datagrams->short_of_room && datagrams->unsent.size <= UNSENT_SIZE_MAX / 2) {
        datagrams->short_of_room = false;
        datagrams->news_allowed = true;
        iq_agenda_add(&conn->env->agenda, &conn->on_agenda);
    }
}

void iq_conn_drop_unsent_datagram(struct iq_conn *conn)
{
    iq_datagram_queue_drop_first(&conn->datagrams.unsent);
    note_room(conn);
}

bool iq_conn_has_datagram(struct iq_conn *conn)
{
    struct iq_datagram_queue *unsent = &conn->datagrams.unsent;

    while (!iq_datagram_queue_is_empty(unsent)) {
        if (iq_datagram_queue_first(unsent).len <= max_len(conn)) {
            return true;
        }
        iq_conn_drop_unsent_datagram(conn);
    }
    return false;
}
