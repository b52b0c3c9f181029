/*
 * The path of a connection, and how it moves to another one.  RFC 9000, section 9.
 *
 * Only the side that has dialled migrates, when the system would now send from another address than
 * the one in use.  While the old path may still work the new one is validated first, and nothing is
 * lost if that fails.  Once the old path has fallen silent the connection moves at once: ngtcp2
 * lets a validation wait for room in the congestion window, which what is lost on a dead path
 * fills. There is one attempt at a time, because each takes an id that only a working path can
 * replace.  One that fails while the old path works is not repeated before the old path falls
 * silent, too: links come up slowly, and die without a word.
 *
 * When the path has changed, on either side, a PING follows.  The peer of one that only receives
 * learns by it where to send now.  And ngtcp2 up to 1.25 takes down the timer of what is in flight
 * when it changes the path, so that two sides that have nothing new to say would both wait.
 * The PING is a keep-alive that comes early: ngtcp2 sends no other on demand.
 */
#include "conn_limits.h"
#include "conn_state.h"

#define SILENT_PTOS 2

#define ROOM_FOR_ANSWERS ((size_t)3 * IQ_ANSWER_LEN)

/* How often a peer may come from another address. */
#define MOVES_PER_S   1
#define MOVES_AT_ONCE 20

/*
 * With every move ngtcp2 (here 1.24) begins congestion control anew, and until something that was
 * sent since then is acknowledged it takes nothing for lost: if each packet came from another
 * address, all that we have sent would be remembered for ever.  What comes from elsewhere too early
 * is as good as lost on its way.
 */
bool iq_conn_may_come_from(const struct iq_conn *conn, const struct iq_path *path)
{
    return conn->dials || iq_path_equal(path, &conn->path) ||
           iq_rate_allows(&conn->moves, MOVES_PER_S, MOVES_AT_ONCE, conn->env->agenda.now_ns);
}

void iq_conn_doubt_path(struct iq_conn *conn)
{
    if (conn->dials && conn->state < IQ_CONN_CLOSING) {
        conn->path_in_doubt = true;
        iq_agenda_add(&conn->env->agenda, &conn->on_agenda);
    }
}

static bool is_used(const struct iq_conn *conn, const struct iq_socket_addr *local)
{
    return iq_socket_addr_equal(local, &conn->path.local);
}

/* Where there is no path at all now, the next change of the network may bring one. */
static void look_for_path(struct iq_conn *conn)
{
    struct iq_wire *wire = conn->env->wire;

    conn->path_in_doubt = false;
    conn->wants_path = wire->find_path(wire, &conn->wanted_path, &conn->path.remote) == 0 &&
                       !is_used(conn, &conn->wanted_path.local);
}

/* What we have sent is not answered. */
static bool is_silent(const struct iq_conn *conn)
{
    const uint64_t silence_ns = conn->env->agenda.now_ns - conn->heard_ns;

    return iq_conn_bytes_in_flight(conn) > 0 &&
           silence_ns > SILENT_PTOS * ngtcp2_conn_get_pto(conn->quic);
}

void iq_conn_doubt_silent_path(struct iq_conn *conn)
{
    if (is_silent(conn)) {
        iq_conn_doubt_path(conn);
    }
}

static void try_path(struct iq_conn *conn)
{
    const uint64_t now_ns = conn->env->agenda.now_ns;
    struct iq_quic_path path;
    int rc;

    iq_quic_path_from(&path, &conn->wanted_path);
    rc = is_silent(conn) ? ngtcp2_conn_initiate_immediate_migration(conn->quic, &path.path, now_ns)
                         : ngtcp2_conn_initiate_migration(conn->quic, &path.path, now_ns);
    if (rc == NGTCP2_ERR_CONN_ID_BLOCKED) {
        return; /* the peer has to give us another id first */
    }
    conn->wants_path = false;
    conn->path_tried_ns = now_ns;
    if (rc == NGTCP2_ERR_NOMEM || rc == NGTCP2_ERR_CALLBACK_FAILURE) {
        iq_conn_fail(conn, rc);
        return;
    }
    iq_conn_note_path(conn);
    conn->path_is_tried = rc == 0 && !is_used(conn, &conn->wanted_path.local);
}

void iq_conn_follow_path(struct iq_conn *conn)
{
    if (!conn->handshake_confirmed) {
        return;
    }
    if (conn->path_in_doubt) {
        look_for_path(conn);
    }
    if (conn->wants_path && !conn->path_is_tried) {
        try_path(conn);
    }
}

void iq_conn_note_path_tried(struct iq_conn *conn, bool works)
{
    conn->path_is_tried = false;
    /* While nothing comes the old way either, the new one is tried again. */
    if (works || conn->wants_path || conn->heard_ns <= conn->path_tried_ns) {
        iq_conn_doubt_path(conn); /* the network may have changed once more */
    }
}

static void want_ping(struct iq_conn *conn)
{
    conn->wants_ping = true;
    ngtcp2_conn_set_keep_alive_timeout(conn->quic, 1); /* ns: as soon as may be */
}

void iq_conn_note_path(struct iq_conn *conn)
{
    struct iq_path path;

    iq_quic_path_to(&path, ngtcp2_conn_get_path(conn->quic));
    if (iq_path_equal(&path, &conn->path)) {
        return;
    }
    conn->path = path;
    iq_rate_count(&conn->moves, MOVES_PER_S, conn->env->agenda.now_ns);
    conn->small_until_ns = 0; /* sizes are found out anew */
    want_ping(conn);
}

/*
 * ngtcp2 (seen in 1.25) sets no timer for its answers to PATH_CHALLENGE.  If they fill a congestion
 * window that has become small, and are lost, nothing can be sent any more by which that would be
 * noticed: the connection hangs for as long as the peer keeps it alive.  So a PING, for which there
 * is a timer, follows while there is room; one does for all that is in flight.
 */
static void guard_answers(struct iq_conn *conn, uint64_t in_flight)
{
    if (in_flight < conn->guarded) {
        conn->guarded = 0;
    }
    if (conn->handshake_confirmed && in_flight > 0 && conn->guarded == 0 &&
        conn->streams.sent_unacked == 0 &&
        ngtcp2_conn_get_cwnd_left(conn->quic) < ROOM_FOR_ANSWERS) {
        conn->guarded = in_flight;
        want_ping(conn);
    }
}

/* The next answer may leave no room for the PING: so a frame with a timer shares its packet. */
void iq_conn_note_answer(struct iq_conn *conn)
{
    const uint64_t left = ngtcp2_conn_get_cwnd_left(conn->quic);

    if (conn->handshake_confirmed && left > 0 && left <= IQ_ANSWER_LEN &&
        conn->streams.sent_unacked == 0) {
        iq_conn_allow_stream_ahead(conn);
    }
}

void iq_conn_end_ping(struct iq_conn *conn)
{
    const uint64_t in_flight = iq_conn_bytes_in_flight(conn);

    /* Pacing may put it off.  It is sent, or something for it, when something is in flight. */
    if (conn->wants_ping && in_flight > 0) {
        conn->wants_ping = false;
        ngtcp2_conn_set_keep_alive_timeout(conn->quic, iq_conn_keep_alive_ns(conn));
    }
    guard_answers(conn, in_flight);
}
