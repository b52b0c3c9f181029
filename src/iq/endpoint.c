/*
 * An endpoint: gives each datagram to its connection, and each connection its turn.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "config_values.h"
#include "conn_limits.h"
#include "endpoint_state.h"
#include "random.h"

/* While the wire is full timers come late: what they have to send must wait anyway. */
#define FULL_WIRE_WAIT_NS (10 * NGTCP2_MILLISECONDS)

static void fill_config(struct iq_endpoint_config *config)
{
    iq_config_fill_defaults(config);
    config->secret_key = NULL; /* it and the addresses are the caller's, and were used */
    memset(config->bind, 0, sizeof(config->bind));
}

static int start_tls(struct iq_endpoint *endpoint, const struct iq_secret_key *given)
{
    struct iq_secret_key key;
    int rc;

    if (given == NULL) {
        iq_secret_key_generate(&key);
    } else {
        key = *given;
    }
    endpoint->id = key.id;
    rc = iq_tls_new(&endpoint->env.tls, &key, &endpoint->env.config);
    iq_secret_key_wipe(&key);
    return rc;
}

int iq_endpoint_new(struct iq_endpoint **endpoint, struct iq_wire *wire,
                    const struct iq_endpoint_config *config)
{
    struct iq_endpoint *self;
    int rc;

    if (config != NULL && !iq_config_is_in_range(config)) {
        return IQ_ERR_INVALID_CONFIG;
    }
    rc = iq_random_start();
    if (rc != 0) {
        return rc;
    }
    self = calloc(1, sizeof(*self));
    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    self->env.endpoint = self;
    self->env.wire = wire;
    if (config != NULL) {
        self->env.config = *config;
    }
    iq_list_init(&self->env.conns);
    iq_heap_init(&self->env.timers);
    iq_agenda_init(&self->env.agenda, wire);
    iq_random_fill(self->env.reset_secret, sizeof(self->env.reset_secret));
    iq_retry_secrets_init(&self->retry_secrets, self->env.agenda.now_ns);
    rc = iq_cid_map_init(&self->env.cids);
    if (rc == 0) {
        rc = iq_cid_map_init(&self->env.reset_tokens);
    }
    if (rc == 0) {
        rc = iq_tally_init(&self->env.by_addr);
    }
    if (rc == 0) {
        rc = iq_tally_init(&self->env.by_id);
    }
    if (rc == 0) {
        rc = start_tls(self, self->env.config.secret_key);
    }
    if (rc != 0) {
        iq_endpoint_free(self);
        return rc;
    }
    fill_config(&self->env.config);
    *endpoint = self;
    return 0;
}

void iq_endpoint_free(struct iq_endpoint *endpoint)
{
    if (endpoint == NULL) {
        return;
    }
    while (!iq_list_is_empty(&endpoint->env.conns)) {
        iq_conn_free(IQ_CONTAINER_OF(endpoint->env.conns.next, struct iq_conn, in_all));
    }
    iq_tls_free(endpoint->env.tls);
    iq_cid_map_release(&endpoint->env.cids);
    iq_cid_map_release(&endpoint->env.reset_tokens);
    iq_tally_release(&endpoint->env.by_addr);
    iq_tally_release(&endpoint->env.by_id);
    iq_heap_release(&endpoint->env.timers);
    iq_chunk_pool_release(&endpoint->env.chunks);
    iq_retry_secrets_wipe(&endpoint->retry_secrets);
    iq_wipe(endpoint->env.reset_secret, sizeof(endpoint->env.reset_secret));
    free(endpoint);
}

/* The public functions */

const struct iq_id *iq_endpoint_id(const struct iq_endpoint *endpoint) { return &endpoint->id; }

const struct iq_addr *iq_endpoint_addr(struct iq_endpoint *endpoint)
{
    struct iq_wire *wire = endpoint->env.wire;

    endpoint->addr.id = endpoint->id;
    endpoint->addr.count = wire->addrs(wire, endpoint->addr.socket_addrs, IQ_ADDR_MAX);
    return &endpoint->addr;
}

void iq_endpoint_listen(struct iq_endpoint *endpoint, const struct iq_acceptor *acceptor,
                        void *data)
{
    assert(endpoint->acceptor == NULL || endpoint->acceptor->on_closed == NULL);
    endpoint->acceptor = acceptor;
    endpoint->acceptor_data = data;
}

const struct iq_acceptor *iq_endpoint_acceptor(const struct iq_endpoint *endpoint)
{
    return endpoint->acceptor;
}

int iq_endpoint_close(struct iq_endpoint *endpoint, void (*closed)(void *arg), void *arg)
{
    if (endpoint->closing) {
        return IQ_ERR_CLOSED;
    }
    endpoint->closing = true;
    endpoint->closed = closed;
    endpoint->closed_arg = arg;
    iq_agenda_want_turn(&endpoint->env.agenda);
    return 0;
}

void iq_endpoint_stats(const struct iq_endpoint *endpoint, struct iq_endpoint_stats *stats)
{
    const struct iq_list *conns = &endpoint->env.conns;
    const struct iq_list *node;

    *stats = endpoint->env.stats;
    stats->half_open = endpoint->env.half_open_count;
    for (node = conns->next; node != conns; node = node->next) {
        const struct iq_conn *conn = IQ_CONTAINER_OF(node, struct iq_conn, in_all);

        stats->conns_open += conn->opened_told && !conn->closed_told;
    }
}

void iq_endpoint_network_changed(struct iq_endpoint *endpoint)
{
    struct iq_list *node;

    for (node = endpoint->env.conns.next; node != &endpoint->env.conns; node = node->next) {
        iq_conn_doubt_path(IQ_CONTAINER_OF(node, struct iq_conn, in_all));
    }
}

/* What the world calls */

/* The connection for which a datagram is meant.  A stateless reset is known by its last bytes, the
 * rest of it is random.  RFC 9000, section 10.3.1. */
static struct iq_conn *find_conn(const struct iq_endpoint *endpoint,
                                 const struct iq_datagrams *datagram)
{
    const size_t token_len = NGTCP2_STATELESS_RESET_TOKENLEN;
    ngtcp2_version_cid header;
    struct iq_conn *conn = NULL;

    if (ngtcp2_pkt_decode_version_cid(&header, datagram->data, datagram->len, IQ_CID_LEN) == 0) {
        conn = iq_cid_map_find(&endpoint->env.cids, header.dcid, header.dcidlen);
    }
    if (conn == NULL && datagram->len > token_len) {
        conn = iq_cid_map_find(&endpoint->env.reset_tokens,
                               datagram->data + datagram->len - token_len, token_len);
    }
    return conn;
}

/* Whether both have short headers with the same id.  What comes together mostly has: to look for
 * each would be 3 % of the processor's time of a side that receives. */
static bool have_same_id(const struct iq_datagrams *a, const struct iq_datagrams *b)
{
    return a->len > IQ_CID_LEN && b->len > IQ_CID_LEN &&
           ((a->data[0] | b->data[0]) & IQ_FORM_MASK) == 0 &&
           memcmp(a->data + 1, b->data + 1, IQ_CID_LEN) == 0;
}

static void receive_datagram(struct iq_endpoint *endpoint, struct iq_conn *conn,
                             const struct iq_datagrams *datagram)
{
    if (conn == NULL) {
        iq_endpoint_receive_stray(endpoint, datagram);
        return;
    }
    /* A Retry is asked for only while the first packet is read (incoming.c). */
    if (iq_conn_receive(conn, &datagram->path, datagram->ecn, datagram->data, datagram->len) != 0) {
        iq_conn_fail(conn, NGTCP2_ERR_PROTO);
    }
}

void iq_endpoint_receive(struct iq_endpoint *endpoint, const struct iq_datagrams *datagrams)
{
    struct iq_datagrams one = *datagrams, before = {0};
    size_t left = datagrams->len;
    struct iq_conn *conn = NULL;

    endpoint->env.agenda.turn_will_come = true;
    endpoint->env.stats.bytes_received += datagrams->len;
    iq_agenda_now(&endpoint->env.agenda);
    while (left > 0) { /* ngtcp2 asserts that a datagram is not empty */
        one.len = left < datagrams->segment_len ? left : datagrams->segment_len;
        endpoint->env.stats.datagrams_received++;
        if (conn == NULL || !have_same_id(&before, &one)) {
            conn = find_conn(endpoint, &one);
        }
        receive_datagram(endpoint, conn, &one);
        before = one;
        one.data += one.len;
        left -= one.len;
    }
}

void iq_endpoint_writable(struct iq_endpoint *endpoint)
{
    endpoint->env.agenda.turn_will_come = true;
    endpoint->env.wire_is_full = false;
}

void iq_endpoint_woken(struct iq_endpoint *endpoint)
{
    endpoint->env.agenda.turn_will_come = true;
    endpoint->env.agenda.wake_ns = IQ_NEVER; /* if it was too early, the turn asks for another */
}

/* The turn */

static void expire_timers(struct iq_conn_env *env)
{
    struct iq_heap_entry *first = iq_heap_first(&env->timers);

    while (first != NULL && first->deadline_ns <= env->agenda.now_ns) {
        iq_heap_set(&env->timers, first, IQ_NEVER);
        iq_conn_expire(IQ_CONTAINER_OF(first, struct iq_conn, timer));
        first = iq_heap_first(&env->timers);
    }
}

/* Closes what the handlers, who are asked first, have not closed with a code of their own. */
static void shut_down(struct iq_endpoint *endpoint)
{
    struct iq_list *node;

    endpoint->shutdown_told = true;
    for (node = endpoint->env.conns.next; node != &endpoint->env.conns; node = node->next) {
        struct iq_conn *conn = IQ_CONTAINER_OF(node, struct iq_conn, in_all);

        if (conn->is_known && conn->state < IQ_CONN_CLOSING && conn->handler->on_shutdown != NULL) {
            conn->handler->on_shutdown(conn);
        }
        iq_conn_close(conn, 0, NULL);
    }
}

/* Who fills the wire is the last to send when it has room again: otherwise one that always has more
 * would let nobody else send. */
static void give_turns(struct iq_conn_env *env)
{
    struct iq_list due;
    struct iq_list *node, *filler = NULL;

    iq_list_init(&due);
    iq_list_move_all(&due, &env->agenda.due);
    while ((node = iq_list_pop(&due)) != NULL) {
        struct iq_conn *conn = IQ_CONTAINER_OF(node, struct iq_conn, on_agenda);
        const bool was_full = env->wire_is_full;

        iq_conn_deliver(conn);
        iq_conn_send(conn);
        if (conn->state == IQ_CONN_GONE && conn->closed_told) {
            iq_conn_free(conn);
        } else if (!was_full && env->wire_is_full) {
            filler = node;
        }
    }
    if (filler != NULL) {
        iq_list_append(&env->agenda.due, filler);
    }
}

/* Whether no peer can miss us.  Those that closed themselves need no more answers. */
static bool may_go(const struct iq_endpoint *endpoint)
{
    const struct iq_list *node;

    if (!endpoint->shutdown_told) {
        return false;
    }
    for (node = endpoint->env.conns.next; node != &endpoint->env.conns; node = node->next) {
        const struct iq_conn *conn = IQ_CONTAINER_OF(node, struct iq_conn, in_all);

        if (conn->state != IQ_CONN_DRAINING || !conn->closed_told) {
            return false;
        }
    }
    return true;
}

static void go(struct iq_endpoint *endpoint)
{
    struct iq_wire *wire = endpoint->env.wire;
    const struct iq_acceptor *acceptor = endpoint->acceptor;
    void *acceptor_data = endpoint->acceptor_data;
    void (*closed)(void *arg) = endpoint->closed;
    void *closed_arg = endpoint->closed_arg;

    iq_endpoint_free(endpoint);
    wire->close(wire);
    if (acceptor != NULL && acceptor->on_closed != NULL) {
        acceptor->on_closed(acceptor_data);
    }
    if (closed != NULL) {
        closed(closed_arg);
    }
}

static void set_alarm(struct iq_endpoint *endpoint)
{
    struct iq_conn_env *env = &endpoint->env;
    const struct iq_heap_entry *first = iq_heap_first(&env->timers);
    const uint64_t now_ns = env->agenda.now_ns;
    uint64_t deadline_ns = first == NULL ? IQ_NEVER : first->deadline_ns;

    if (env->wire_is_full) {
        if (deadline_ns < now_ns + FULL_WIRE_WAIT_NS) {
            deadline_ns = now_ns + FULL_WIRE_WAIT_NS;
        }
    } else if (!iq_list_is_empty(&env->agenda.due)) {
        deadline_ns = now_ns;
    }
    if (endpoint->closing && !endpoint->shutdown_told) {
        deadline_ns = now_ns;
    }
    iq_agenda_wake_at(&env->agenda, deadline_ns);
}

void iq_endpoint_turn(struct iq_endpoint *endpoint)
{
    struct iq_agenda *agenda = &endpoint->env.agenda;

    agenda->turn_will_come = true;
    if (agenda->wake_ns <= iq_agenda_now(agenda)) {
        agenda->wake_ns = IQ_NEVER; /* that was it */
    }
    expire_timers(&endpoint->env);
    if (endpoint->closing && !endpoint->shutdown_told) {
        shut_down(endpoint);
    }
    iq_limits_shed(&endpoint->env);
    give_turns(&endpoint->env);
    agenda->turn_will_come = false;
    if (may_go(endpoint)) {
        go(endpoint);
    } else {
        set_alarm(endpoint);
    }
}
