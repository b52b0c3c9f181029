/*
 * How much may go to an address that a peer has come from, before it has shown that it receives
 * there: three times what has come from there.  RFC 9000, sections 8.1 and 9.3.1.
 *
 * ngtcp2 counts it, too, and would never send more.  But when all of it is spent, ngtcp2 (seen in
 * 1.24) takes down the timer of what is in flight, and never sets it again.  If what is in flight
 * fills the congestion window and has been lost, nothing that asks for an answer can be sent then,
 * not even a PATH_CHALLENGE: the connection hangs for as long as the peer keeps it alive.  While
 * there is a timer, probes go out as soon as the peer is heard again.  So the last byte is never
 * spent.
 *
 * Versions before 1.14 do not tell that a validation begins: with them it can still happen.
 */
#include "conn_state.h"

static bool is_unproven(const struct iq_conn *conn, const struct iq_path *path)
{
    return conn->is_unproven && iq_path_equal(path, &conn->unproven_path);
}

static struct iq_path path_in_use(const struct iq_conn *conn)
{
    struct iq_path path;

    iq_quic_path_to(&path, ngtcp2_conn_get_path(conn->quic));
    return path;
}

void iq_conn_note_proof_wanted(struct iq_conn *conn, const struct iq_path *path)
{
    const struct iq_path used = path_in_use(conn);

    if (!conn->dials && iq_path_equal(path, &used)) {
        conn->is_unproven = true;
        conn->unproven_path = *path;
        conn->unproven_left = 0;
    }
}

void iq_conn_note_proof(struct iq_conn *conn, const struct iq_path *path)
{
    if (is_unproven(conn, path)) {
        conn->is_unproven = false;
    }
}

void iq_conn_note_came_from(struct iq_conn *conn, const struct iq_path *path, size_t len)
{
    if (is_unproven(conn, path)) {
        conn->unproven_left += IQ_UNPROVEN_TIMES * len;
    }
}

void iq_conn_note_went_to(struct iq_conn *conn, const struct iq_path *path, size_t len)
{
    if (is_unproven(conn, path)) {
        conn->unproven_left -= len < conn->unproven_left ? len : conn->unproven_left;
    }
}

size_t iq_conn_may_go(const struct iq_conn *conn, size_t len)
{
    struct iq_path path;

    if (!conn->is_unproven) {
        return len;
    }
    path = path_in_use(conn);
    if (!is_unproven(conn, &path) || len < conn->unproven_left) {
        return len;
    }
    return conn->unproven_left > 0 ? (size_t)conn->unproven_left - 1 : 0;
}
