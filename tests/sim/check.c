/*
 * What must hold after every event.
 *
 * I1: an address that has not shown that it receives gets at most three times what came from there.
 * I3: nobody waits for nothing: each connection has a deadline, and the wire knows the first.
 * I5: the connection ids of an endpoint are those of its connections.
 *
 * I2 (credit) is checked by credit.c, I4 (bytes) by app.c, I6 (memory) by sim_free() and stories,
 * I7 and I8 (callbacks) by watch.c, I10 (time) by sim_step(), and I11 (effort) by effort.c.
 */
#include <string.h>

#include "credit.h"
#include "memory.h"

/* No deadline of a connection is further away: the idle time-out, and something for rounding. */
#define DEADLINE_FAR_NS (NGTCP2_MILLISECONDS * 100)

/* I1 */

/* The one that was looked for longest ago makes room. */
static struct sim_peer *find_peer(struct sim_node *node, const struct iq_socket_addr *addr)
{
    struct sim_peer found = {.addr = *addr};
    size_t at = 0;

    while (at < node->peer_count && !iq_socket_addr_equal(&node->peers[at].addr, addr)) {
        at++;
    }
    if (at < node->peer_count) {
        found = node->peers[at];
    } else if (node->peer_count == SIM_PEERS_MAX) {
        at = 0;
    } else {
        node->peer_count++;
    }
    memmove(node->peers + at, node->peers + at + 1,
            (node->peer_count - 1 - at) * sizeof(*node->peers));
    node->peers[node->peer_count - 1] = found;
    return &node->peers[node->peer_count - 1];
}

/* Whether a connection of this node is being dialled there. */
static bool is_dialling(const struct sim_node *node, const struct iq_socket_addr *addr)
{
    const struct iq_list *conns, *entry;

    if (node->endpoint == NULL) {
        return false;
    }
    conns = &node->endpoint->env.conns;
    for (entry = conns->next; entry != conns; entry = entry->next) {
        const struct iq_conn *conn = IQ_CONTAINER_OF(entry, struct iq_conn, in_all);

        if (conn->dials && !conn->handshake_completed &&
            iq_socket_addr_equal(&conn->path.remote, addr)) {
            return true;
        }
    }
    return false;
}

void sim_note_sent(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct sim_peer *peer = find_peer(node, &datagram->path.remote);

    peer->sent += datagram->len;
    if (!peer->dialled && !peer->validated &&
        (peer->received == 0 || is_dialling(node, &datagram->path.remote))) {
        peer->dialled = true;
    }
    if (!peer->dialled && !peer->validated && peer->sent > 3 * peer->received) {
        SIM_FAIL(node->sim, "I1: %llu bytes sent for %llu received", (unsigned long long)peer->sent,
                 (unsigned long long)peer->received);
    }
}

/* Whether a datagram of a client can prove its address: it has a Handshake or a short header, or an
 * Initial with a token.  Looks past Initials, which come first in a datagram. */
static bool can_prove(const uint8_t *data, size_t len)
{
    size_t at, length_bytes;

    while (len > 7 && (data[0] & 0xf0) == 0xc0) { /* Initial.  RFC 9000, section 17.2.2 */
        uint64_t length = 0;

        at = 6 + (size_t)data[5];
        at += at < len ? 1 + (size_t)data[at] : 0;
        if (at + 1 >= len || data[at] != 0) {
            return at + 1 < len;
        }
        at++;
        for (length_bytes = (size_t)1 << (data[at] >> 6); length_bytes > 0 && at < len;
             length_bytes--) {
            length = length << 8 | data[at++];
        }
        length &= length > 0x3fff ? 0x3fffffff : length > 0x3f ? 0x3fff : 0x3f;
        if (length >= len - at) {
            return false;
        }
        data += at + length;
        len -= at + length;
    }
    return len > 0 && data[0] != 0; /* zeros are padding behind the packets */
}

/* The sender has a record of the node that has received, under one of its addresses. */
static void note_heard(struct sim_node *sender, const struct sim_node *node,
                       const struct iq_socket_addr *local)
{
    size_t i;

    for (i = 0; i < sender->peer_count; i++) {
        struct sim_peer *peer = &sender->peers[i];

        if (iq_socket_addr_equal(&peer->addr, local) ||
            iq_socket_addr_equal(&peer->addr, &node->external)) {
            peer->heard = true;
        }
    }
}

void sim_note_received(struct sim_node *node, const struct iq_datagrams *datagram)
{
    struct sim_peer *peer = find_peer(node, &datagram->path.remote);
    size_t i;

    node->received_count++;
    peer->received += datagram->len;
    if (peer->heard && can_prove(datagram->data, datagram->len)) {
        peer->validated = true;
    }
    for (i = 0; i < node->sim->node_count; i++) {
        if (&node->sim->nodes[i] != node) {
            note_heard(&node->sim->nodes[i], node, &datagram->path.local);
        }
    }
}

/* I3 */

/* For an endpoint time never goes back. */
static uint64_t now_of(const struct sim_node *node)
{
    const struct iq_agenda *agenda = &node->endpoint->env.agenda;
    const uint64_t now_ns = sim_node_now(node) + agenda->ahead_ns, latest_ns = agenda->now_ns;

    return now_ns > latest_ns ? now_ns : latest_ns;
}

static void check_deadline(const struct sim_node *node, const struct iq_conn *conn)
{
    const struct sim *sim = node->sim;
    const uint64_t now_ns = now_of(node);
    const uint64_t deadline_ns = conn->timer.deadline_ns;
    uint64_t longest_ns = conn->env->config.idle_timeout_ms * SIM_MILLISECOND;

    if (conn->state == IQ_CONN_OPEN && longest_ns < 3 * ngtcp2_conn_get_pto(conn->quic)) {
        longest_ns = 3 * ngtcp2_conn_get_pto(conn->quic); /* RFC 9000, section 10.1 */
    }
    longest_ns += DEADLINE_FAR_NS;
    if (!iq_list_is_empty(&conn->on_agenda) || conn->env->wire_is_full) {
        return; /* a turn comes */
    }
    if (conn->state == IQ_CONN_OPEN && deadline_ns > now_ns + longest_ns) {
        SIM_FAIL(sim, "I3: an open connection with a deadline in %g s",
                 (double)(deadline_ns - now_ns) / 1e9);
    }
    if (deadline_ns == IQ_NEVER) {
        SIM_FAIL(sim, "I3: a connection in state %d without a deadline", (int)conn->state);
    }
}

static void check_wake(const struct sim_node *node)
{
    const struct iq_conn_env *env = &node->endpoint->env;
    const struct iq_heap_entry *first = iq_heap_first(&env->timers);
    const uint64_t now_ns = now_of(node);
    uint64_t wanted_ns = first == NULL ? IQ_NEVER : first->deadline_ns;

    if (env->wire_is_full) { /* it says itself when it is not */
        SIM_EXPECT(node->sim, node->full);
        return;
    }
    if (!iq_list_is_empty(&env->agenda.due)) {
        wanted_ns = now_ns;
    }
    if (wanted_ns < now_ns) {
        wanted_ns = now_ns;
    }
    if (node->wake_ns == IQ_NEVER ? wanted_ns != IQ_NEVER
                                  : node->wake_ns + env->agenda.ahead_ns > wanted_ns) {
        SIM_FAIL(node->sim, "I3: node %ld sleeps past its deadline",
                 (long)(node - node->sim->nodes));
    }
}

/* I5 */

/* How many ids a connection has to have in the map.  Those without ngtcp2 keep what they had. */
static size_t check_cids(const struct sim *sim, const struct iq_conn *conn)
{
    ngtcp2_cid cids[32];
    size_t count = ngtcp2_conn_get_scid(conn->quic, NULL), i;

    SIM_EXPECT(sim, count <= sizeof(cids) / sizeof(cids[0]));
    count = ngtcp2_conn_get_scid(conn->quic, cids);
    for (i = 0; i < count; i++) {
        SIM_EXPECT(sim, iq_cid_map_find(&conn->env->cids, cids[i].data, cids[i].datalen) == conn);
    }
    /* The accept side is also known by the id that the peer has made up for it. */
    return count + (conn->dials ? 0 : 1);
}

/* Every entry leads to a connection of this endpoint. */
static void check_map(const struct sim *sim, const struct iq_cid_map *map,
                      const struct iq_conn_env *env)
{
    size_t count = 0, i;

    for (i = 0; i < map->bucket_count; i++) {
        const struct iq_cid_entry *entry;

        for (entry = map->buckets[i]; entry != NULL; entry = entry->next) {
            SIM_EXPECT(sim, ((const struct iq_conn *)entry->owner)->env == env);
            count++;
        }
    }
    SIM_EXPECT(sim, count == map->count);
}

/* The callback that made an id may have succeeded before ngtcp2 itself failed to keep it. */
static bool fails_for_want_of_memory(const struct iq_conn *conn)
{
    return sim_is_memory_denied() && conn->state == IQ_CONN_CLOSING;
}

static void check_node(const struct sim_node *node)
{
    const struct iq_conn_env *env = &node->endpoint->env;
    const struct iq_list *entry;
    size_t conn_count = 0, cid_count = 0;
    bool some_linger = false;

    for (entry = env->conns.next; entry != &env->conns; entry = entry->next) {
        const struct iq_conn *conn = IQ_CONTAINER_OF(entry, struct iq_conn, in_all);

        check_deadline(node, conn);
        if (conn->quic != NULL) {
            cid_count += check_cids(node->sim, conn);
            sim_check_credit(node->sim, conn);
        }
        some_linger = some_linger || conn->quic == NULL || fails_for_want_of_memory(conn);
        conn_count++;
    }
    SIM_EXPECT(node->sim,
               cid_count == env->cids.count || (some_linger && cid_count < env->cids.count));
    SIM_EXPECT(node->sim, conn_count == env->conn_count);
    check_map(node->sim, &env->cids, env);
    check_map(node->sim, &env->reset_tokens, env);
    check_wake(node);
}

void sim_check(struct sim *sim)
{
    size_t i;

    for (i = 0; i < sim->node_count; i++) {
        if (sim->nodes[i].endpoint != NULL) {
            check_node(&sim->nodes[i]);
        }
    }
}
