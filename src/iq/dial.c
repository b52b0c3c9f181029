/*
 * A dial: several attempts, one for each address of the peer, of which the first that is proven
 * wins.
 *
 * They start 250 ms after one another, or as soon as the one before has failed (RFC 8305, section
 * 5, in spirit), so that a peer with a dead address is reached nearly as fast as one without.  Each
 * attempt is a connection whose handler is the race below; the winner gets the application's, and
 * the others are closed without a word to it.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "alpn.h"
#include "endpoint_state.h"

#define STAGGER_NS (250 * NGTCP2_MILLISECONDS)

struct iq_dial {
    const struct iq_protocol_handler *handler; /* the application's */
    void *data;
    struct iq_conn_env *env;
    size_t running; /* attempts that may still win */
    struct iq_close_reason why;
    char why_text[IQ_REASON_MAX + 1];
};

static void race_won(struct iq_conn *conn);
static void race_lost(struct iq_conn *conn, const struct iq_close_reason *why);

static const struct iq_protocol_handler race = {.on_connect = race_won, .on_closed = race_lost};

/* The attempt behind `node`, NULL if that connection is none of this dial's. */
static struct iq_conn *attempt_of(const struct iq_dial *dial, struct iq_list *node)
{
    struct iq_conn *conn = IQ_CONTAINER_OF(node, struct iq_conn, in_all);

    return conn->handler == &race && conn->data == dial ? conn : NULL;
}

/* Gives the connection to the application. */
static void hand_over(struct iq_conn *conn, struct iq_dial *dial)
{
    conn->handler = dial->handler;
    conn->data = dial->data;
}

static void call_off(struct iq_conn *conn)
{
    conn->handler = NULL;
    iq_conn_close(conn, 0, NULL);
}

static void race_won(struct iq_conn *conn)
{
    struct iq_dial *dial = conn->data;
    struct iq_list *node;

    hand_over(conn, dial);
    for (node = dial->env->conns.next; node != &dial->env->conns; node = node->next) {
        struct iq_conn *other = attempt_of(dial, node);

        if (other != NULL) {
            call_off(other);
        }
    }
    free(dial);
    if (conn->handler->on_connect != NULL) {
        conn->handler->on_connect(conn);
    }
}

/* Starts the attempt that has waited longest, if any waits. */
static void start_next(const struct iq_dial *dial)
{
    struct iq_conn *next = NULL;
    struct iq_list *node;

    for (node = dial->env->conns.next; node != &dial->env->conns; node = node->next) {
        struct iq_conn *conn = attempt_of(dial, node);

        if (conn != NULL && conn->start_ns > dial->env->agenda.now_ns &&
            (next == NULL || conn->start_ns < next->start_ns)) {
            next = conn;
        }
    }
    if (next != NULL) {
        next->start_ns = 0;
        iq_agenda_add(&dial->env->agenda, &next->on_agenda);
    }
}

/* Of several failures the application hears of the first that is more than silence. */
static void keep_reason(struct iq_dial *dial, const struct iq_close_reason *why)
{
    if (dial->why.text == NULL || dial->why.how == IQ_CLOSED_TIMED_OUT) {
        dial->why = *why;
        memcpy(dial->why_text, why->text, why->text_len + 1);
        dial->why.text = dial->why_text;
    }
}

static void race_lost(struct iq_conn *conn, const struct iq_close_reason *why)
{
    struct iq_dial *dial = conn->data;

    keep_reason(dial, why);
    if (--dial->running > 0) {
        conn->handler = NULL;
        start_next(dial);
        return;
    }
    hand_over(conn, dial);
    if (conn->handler->on_closed != NULL) {
        conn->handler->on_closed(conn, &dial->why);
    }
    free(dial);
}

/* What the application has asked for. */
struct request {
    struct iq_endpoint *endpoint;
    const struct iq_addr *addr;
    const char *alpns; /* alpn.h */
    const struct iq_protocol_handler *handler;
    void *data;
    uint32_t timeout_ms;
};

/* Fills `paths` with those that lead to the peer.  Returns their number. */
static size_t find_paths(const struct request *request, struct iq_path *paths)
{
    struct iq_wire *wire = request->endpoint->env.wire;
    const struct iq_addr *addr = request->addr;
    size_t count = 0, i;

    for (i = 0; i < addr->count; i++) {
        if (wire->find_path(wire, &paths[count], &addr->socket_addrs[i]) == 0) {
            count++;
        }
    }
    return count;
}

/* Makes the attempts.  It is enough that there is one. */
static int start_attempts(struct iq_dial *dial, const struct request *request,
                          const struct iq_path *paths, size_t count)
{
    struct iq_conn_env *env = dial->env;
    const uint64_t now_ns = iq_agenda_now(&env->agenda);
    size_t i;

    for (i = 0; i < count; i++) {
        struct iq_conn *conn;
        const int rc = iq_conn_dial(&conn, env, &paths[i], &request->addr->id, request->alpns,
                                    request->timeout_ms);

        if (rc != 0) {
            return dial->running > 0 ? 0 : rc;
        }
        conn->handler = &race;
        conn->data = dial;
        conn->start_ns = now_ns + i * STAGGER_NS;
        dial->running++;
    }
    return 0;
}

static int start_race(const struct request *request)
{
    struct iq_path paths[IQ_ADDR_MAX];
    const size_t count = find_paths(request, paths);
    struct iq_dial *dial;
    int rc;

    if (count == 0) {
        return IQ_ERR_UNREACHABLE;
    }
    dial = calloc(1, sizeof(*dial));
    if (dial == NULL) {
        return IQ_ERR_NOMEM;
    }
    dial->handler = request->handler;
    dial->data = request->data;
    dial->env = &request->endpoint->env;
    rc = start_attempts(dial, request, paths, count);
    if (rc != 0) {
        free(dial);
    }
    return rc;
}

/* Finds the path for a dial with early data, if there is to be one. */
static bool find_early_path(struct iq_path *path, const struct request *request)
{
    const struct iq_conn_env *env = &request->endpoint->env;
    const struct iq_socket_addr *last;
    size_t i;

    if (request->handler->on_connect_early == NULL) {
        return false;
    }
    last = iq_tls_early_addr(env->tls, &request->addr->id, request->alpns);
    for (i = 0; last != NULL && i < request->addr->count; i++) {
        if (iq_socket_addr_equal(&request->addr->socket_addrs[i], last)) {
            return env->wire->find_path(env->wire, path, last) == 0;
        }
    }
    return false;
}

/* There is no race: what the application has heard of must not change under its feet. */
static int start_early(const struct request *request, const struct iq_path *path)
{
    struct iq_conn_env *env = &request->endpoint->env;
    struct iq_conn *conn;
    int rc;

    (void)iq_agenda_now(&env->agenda);
    rc = iq_conn_dial(&conn, env, path, &request->addr->id, request->alpns, request->timeout_ms);
    if (rc == 0) {
        conn->handler = request->handler;
        conn->data = request->data;
        iq_conn_start_early(conn);
    }
    return rc;
}

static int check(const struct iq_endpoint *endpoint, const struct iq_addr *addr)
{
    if (endpoint->closing) {
        return IQ_ERR_CLOSED;
    }
    if (iq_id_equal(&addr->id, &endpoint->id)) {
        return IQ_ERR_SELF;
    }
    if (!iq_id_is_valid(&addr->id)) {
        return IQ_ERR_INVALID_KEY;
    }
    return addr->count == 0 ? IQ_ERR_NO_ADDR : 0;
}

int iq_endpoint_connect_with(struct iq_endpoint *endpoint, const struct iq_addr *addr,
                             const char *alpn, const struct iq_protocol_handler *handler,
                             void *data, const struct iq_connect_options *options)
{
    static const struct iq_connect_options none = {0};
    const struct iq_connect_options *wanted = options == NULL ? &none : options;
    struct request request = {
        .endpoint = endpoint,
        .addr = addr,
        .handler = handler,
        .data = data,
        .timeout_ms =
            wanted->timeout_ms != 0 ? wanted->timeout_ms : endpoint->env.config.connect_timeout_ms,
    };
    struct iq_path path;
    char *alpns;
    int rc;

    assert(handler != NULL && addr->count <= IQ_ADDR_MAX);
    rc = check(endpoint, addr);
    if (rc != 0) {
        return rc;
    }
    rc = iq_alpns_join(&alpns, alpn, wanted->more_alpns);
    if (rc != 0) {
        return rc;
    }
    request.alpns = alpns;
    rc = find_early_path(&path, &request) ? start_early(&request, &path) : start_race(&request);
    free(alpns);
    return rc;
}

int iq_endpoint_connect(struct iq_endpoint *endpoint, const struct iq_addr *addr, const char *alpn,
                        const struct iq_protocol_handler *handler, void *data)
{
    return iq_endpoint_connect_with(endpoint, addr, alpn, handler, data, NULL);
}
