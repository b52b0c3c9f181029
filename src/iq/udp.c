/*
 * The real world (wire.h): UDP sockets, and libev, which has its one home here.
 *
 * One round of the loop: all that waits on the sockets is given to the endpoint (on_readable), and
 * before the loop sleeps again the endpoint has its turn (on_prepare).  So a burst of datagrams is
 * answered at once.  Only an open endpoint has active watchers: with the last one ev_run() returns.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <ev.h>

#include "endpoint_state.h"
#include "network_watch.h"
#include "udp_socket.h"

#define RECEIVE_SIZE      65536 /* the largest datagram, or many that the system has joined */
#define RECEIVE_CALLS_MAX 64    /* in one round: others have their turn too */

struct udp;

struct udp_port {
    struct udp *udp;
    struct iq_udp_socket socket;
    ev_io readable;
    ev_io writable; /* active while something waits */
    struct iq_datagrams waiting;
    size_t waiting_from; /* what is before it is sent */
    uint8_t *waiting_data;
};

struct udp {
    struct iq_wire wire; /* first: the endpoint knows us by it */
    struct ev_loop *loop;
    struct iq_endpoint *endpoint;
    ev_prepare prepare;
    ev_timer timer;
    ev_io network; /* readable: it has changed */
    ev_idle busy;  /* active: the loop does not sleep */
    uint64_t busy_poll_ns;
    uint64_t busy_until_ns;
    struct udp_port ports[IQ_BIND_MAX];
    size_t port_count;
    uint8_t received[IQ_UDP_BATCH_MAX][RECEIVE_SIZE]; /* no memory until something comes there */
};

/* What the endpoint calls */

static struct udp *udp_of(struct iq_wire *wire) { return (struct udp *)wire; }

static uint64_t now_ns(struct iq_wire *wire)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static struct udp_port *port_for(struct udp *udp, const struct iq_socket_addr *local)
{
    size_t i;

    for (i = 0; i < udp->port_count; i++) {
        const struct iq_socket_addr *own = &udp->ports[i].socket.local;

        if (own->ip_version == local->ip_version && own->port == local->port &&
            (udp->ports[i].socket.is_wildcard || iq_socket_addr_equal(own, local))) {
            return &udp->ports[i];
        }
    }
    return NULL; /* the peer has made up an address of ours */
}

/* Keeps what the system has no room for until it has. */
static void keep(struct udp_port *port, const struct iq_datagrams *datagrams, size_t from)
{
    if (port->waiting_data == NULL) {
        port->waiting_data = malloc(IQ_BURST_MAX);
    }
    if (port->waiting_data == NULL) {
        return; /* then it is lost, as datagrams may be */
    }
    memcpy(port->waiting_data, datagrams->data, datagrams->len);
    port->waiting = *datagrams;
    port->waiting.data = port->waiting_data;
    port->waiting_from = from;
}

static int send_datagrams(struct iq_wire *wire, const struct iq_datagrams *datagrams)
{
    struct udp *udp = udp_of(wire);
    struct udp_port *port = port_for(udp, &datagrams->path.local);
    size_t from = 0;
    int rc;

    if (port == NULL || ev_is_active(&port->writable)) {
        return 0;
    }
    rc = iq_udp_socket_send(&port->socket, datagrams, &from);
    if (rc != IQ_ERR_AGAIN) {
        return rc;
    }
    keep(port, datagrams, from);
    ev_io_start(udp->loop, &port->writable);
    return IQ_ERR_AGAIN;
}

static void wake_at(struct iq_wire *wire, uint64_t deadline_ns)
{
    struct udp *udp = udp_of(wire);
    const uint64_t now = now_ns(wire);

    ev_timer_stop(udp->loop, &udp->timer);
    if (deadline_ns == IQ_NEVER) {
        return;
    }
    ev_now_update(udp->loop); /* libev counts from its own idea of now */
    ev_timer_set(&udp->timer, deadline_ns <= now ? 0.0 : (double)(deadline_ns - now) / 1e9, 0.0);
    ev_timer_start(udp->loop, &udp->timer);
}

static int find_path(struct iq_wire *wire, struct iq_path *path,
                     const struct iq_socket_addr *remote)
{
    struct udp *udp = udp_of(wire);
    size_t i;

    for (i = 0; i < udp->port_count; i++) {
        if (iq_udp_socket_path(&udp->ports[i].socket, path, remote) == 0) {
            return 0;
        }
    }
    return IQ_ERR_UNREACHABLE;
}

static size_t list_kind(const struct udp *udp, bool loopback, struct iq_socket_addr *addrs,
                        size_t max)
{
    size_t count = 0, i;

    for (i = 0; i < udp->port_count; i++) {
        count += iq_udp_socket_addrs(&udp->ports[i].socket, loopback, addrs + count, max - count);
    }
    return count;
}

/* Nobody else can dial loopback, so it counts only where there is nothing else. */
static size_t list_addrs(struct iq_wire *wire, struct iq_socket_addr *addrs, size_t max)
{
    const size_t count = list_kind(udp_of(wire), false, addrs, max);

    return count > 0 ? count : list_kind(udp_of(wire), true, addrs, max);
}

static void close_udp(struct iq_wire *wire)
{
    struct udp *udp = udp_of(wire);
    size_t i;

    ev_prepare_stop(udp->loop, &udp->prepare);
    ev_timer_stop(udp->loop, &udp->timer);
    ev_io_stop(udp->loop, &udp->network);
    iq_network_watch_close(udp->network.fd);
    ev_idle_stop(udp->loop, &udp->busy);
    for (i = 0; i < udp->port_count; i++) {
        ev_io_stop(udp->loop, &udp->ports[i].readable);
        ev_io_stop(udp->loop, &udp->ports[i].writable);
        iq_udp_socket_close(&udp->ports[i].socket);
        free(udp->ports[i].waiting_data);
    }
    free(udp);
}

/* What the loop calls */

/* More is likely to come soon. */
static void stay_busy(struct udp *udp)
{
    if (udp->busy_poll_ns > 0) {
        udp->busy_until_ns = now_ns(&udp->wire) + udp->busy_poll_ns;
        ev_idle_start(udp->loop, &udp->busy);
    }
}

static void on_busy(struct ev_loop *loop, ev_idle *watcher, int events)
{
    struct udp *udp = watcher->data;

    if (now_ns(&udp->wire) >= udp->busy_until_ns) {
        ev_idle_stop(loop, watcher);
    }
}

static void on_readable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct udp_port *port = watcher->data;
    struct udp *udp = port->udp;
    struct iq_udp_batch batch = {.buffer = udp->received[0], .slot_size = RECEIVE_SIZE};
    size_t i;
    int calls;

    stay_busy(udp);
    for (calls = 0; calls < RECEIVE_CALLS_MAX; calls++) {
        if (iq_udp_socket_receive(&port->socket, &batch) != 0) {
            return;
        }
        for (i = 0; i < batch.count; i++) {
            iq_endpoint_receive(udp->endpoint, &batch.datagrams[i]);
        }
    }
}

static bool something_waits(const struct udp *udp)
{
    size_t i;

    for (i = 0; i < udp->port_count; i++) {
        if (ev_is_active(&udp->ports[i].writable)) {
            return true;
        }
    }
    return false;
}

static void on_writable(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct udp_port *port = watcher->data;

    if (iq_udp_socket_send(&port->socket, &port->waiting, &port->waiting_from) == IQ_ERR_AGAIN) {
        return;
    }
    ev_io_stop(loop, watcher);
    if (!something_waits(port->udp)) {
        iq_endpoint_writable(port->udp->endpoint);
    }
}

static void on_network(struct ev_loop *loop, ev_io *watcher, int events)
{
    const struct udp *udp = watcher->data;

    if (iq_network_watch_read(watcher->fd)) {
        iq_endpoint_network_changed(udp->endpoint);
    }
}

/* Ends the loop's sleep: the turn comes before the next one.  libev has a clock of its own, so that
 * this may be too early by ours. */
static void on_timer(struct ev_loop *loop, ev_timer *watcher, int events)
{
    struct udp *udp = watcher->data;

    iq_endpoint_woken(udp->endpoint);
}

static void on_prepare(struct ev_loop *loop, ev_prepare *watcher, int events)
{
    struct udp *udp = watcher->data;

    iq_endpoint_turn(udp->endpoint); /* may free all this */
}

/* The beginning */

static int bind_port(struct udp *udp, const struct iq_socket_addr *local)
{
    struct udp_port *port = &udp->ports[udp->port_count];
    const int rc = iq_udp_socket_bind(&port->socket, local);

    if (rc != 0) {
        return rc;
    }
    port->udp = udp;
    ev_io_init(&port->readable, on_readable, port->socket.fd, EV_READ);
    ev_io_init(&port->writable, on_writable, port->socket.fd, EV_WRITE);
    port->readable.data = port->writable.data = port;
    ev_io_start(udp->loop, &port->readable);
    udp->port_count++;
    return 0;
}

/* IPv4 is needed; of IPv6 it is enough that there is some, or none. */
static int bind_everything(struct udp *udp)
{
    const struct iq_socket_addr any_v4 = {.ip_version = IQ_IPV4};
    const struct iq_socket_addr any_v6 = {.ip_version = IQ_IPV6};
    const int rc = bind_port(udp, &any_v4);

    if (rc == 0) {
        (void)bind_port(udp, &any_v6);
    }
    return rc;
}

static int bind_ports(struct udp *udp, const struct iq_endpoint_config *config)
{
    size_t i;

    if (config == NULL || config->bind[0] == NULL) {
        return bind_everything(udp);
    }
    for (i = 0; i < IQ_BIND_MAX && config->bind[i] != NULL; i++) {
        struct iq_socket_addr local;
        int rc = iq_socket_addr_parse(&local, config->bind[i]);

        if (rc == 0) {
            rc = bind_port(udp, &local);
        }
        if (rc != 0) {
            return rc;
        }
    }
    return 0;
}

static bool has_wildcard(const struct udp *udp)
{
    size_t i;

    for (i = 0; i < udp->port_count; i++) {
        if (udp->ports[i].socket.is_wildcard) {
            return true;
        }
    }
    return false;
}

/* Other sockets cannot send from new addresses anyway. */
static void watch_network(struct udp *udp)
{
    const int fd = has_wildcard(udp) ? iq_network_watch_open() : -1;

    if (fd >= 0) {
        ev_io_set(&udp->network, fd, EV_READ);
        ev_io_start(udp->loop, &udp->network);
    }
}

int iq_endpoint_bind(struct iq_endpoint **endpoint, struct ev_loop *loop,
                     const struct iq_endpoint_config *config)
{
    struct udp *udp = calloc(1, sizeof(*udp));
    int rc;

    if (udp == NULL) {
        return IQ_ERR_NOMEM;
    }
    udp->wire = (struct iq_wire){.now_ns = now_ns,
                                 .send = send_datagrams,
                                 .wake_at = wake_at,
                                 .find_path = find_path,
                                 .addrs = list_addrs,
                                 .close = close_udp};
    udp->loop = loop;
    ev_prepare_init(&udp->prepare, on_prepare);
    ev_timer_init(&udp->timer, on_timer, 0.0, 0.0);
    ev_io_init(&udp->network, on_network, -1, EV_READ);
    ev_idle_init(&udp->busy, on_busy);
    udp->prepare.data = udp->timer.data = udp->network.data = udp->busy.data = udp;
    rc = bind_ports(udp, config);
    if (rc == 0) {
        rc = iq_endpoint_new(&udp->endpoint, &udp->wire, config);
    }
    if (rc != 0) {
        close_udp(&udp->wire);
        return rc;
    }
    watch_network(udp);
    udp->busy_poll_ns = config == NULL ? 0 : config->busy_poll_us * UINT64_C(1000);
    ev_prepare_start(loop, &udp->prepare);
    *endpoint = udp->endpoint;
    return 0;
}
