/*
 * What the stories here have in common: one libev loop, endpoints on real sockets, and calls.
 *
 * A call is a connection as its dialling side sees it: it sends a pattern on one stream, compares
 * what comes back, and hangs up with code 0 and "bye!".  When the last call has ended, all
 * endpoints are closed, those that were dialled after the others, so that they hear of the end; and
 * the loop has to end by itself.  A watchdog fails what does not end;
 * otherwise nothing here knows the time.
 */
#ifndef NET_H
#define NET_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <ev.h>
#include <iq/iq.h>

#include "../unit/assert_row.h"

#define NET_ALPN      "net/echo/0"
#define NET_NODES_MAX 1024

struct net;

/* An endpoint, and the sockets that came with it. */
struct net_node {
    struct net *net;
    struct iq_endpoint *endpoint; /* NULL as soon as it is told to close */
    int fds[IQ_BIND_MAX];
    size_t fd_count;
    bool is_dialled;         /* its address was asked for: it closes after the others */
    unsigned accepted_count; /* connections of those that echo */
    struct iq_conn *conn;    /* the last of them, until it or another closes */
    unsigned hung_up_count;  /* of these, the ones that have closed */
    struct iq_socket_addr accepted_from, accepted_at;
    struct iq_socket_addr hung_up_from; /* where the last that has closed was then */
};

struct net {
    struct ev_loop *loop;
    ev_timer watchdog;
    struct net_node *nodes[NET_NODES_MAX];
    size_t node_count;
    size_t closed_count;  /* of the nodes: heard that they have closed */
    size_t waiting_count; /* for these to close, before those are closed that were dialled */
    size_t calls_open;
    size_t fds_before; /* open files before the first node */
};

/* For cmocka: a net in `*state`.  In the end no file may be left open. */
int net_set_up(void **state);
int net_tear_down(void **state);

/* A net on another loop, without these. */
void net_start(struct net *net, struct ev_loop *loop);

/* A new endpoint; fails the test if there is none.  `bind` is one address, or NULL for all. */
struct net_node *net_bind(struct net *net, const char *bind);
struct net_node *net_bind_config(struct net *net, const struct iq_endpoint_config *config);

/* The same, with a router that echoes. */
struct net_node *net_listen(struct net *net, const char *bind);
void net_echo(struct net_node *node);

/* The stream of one that echoes, for handlers with more to them. */
void net_echo_stream(struct iq_stream *stream);

/* Closes the endpoint, or all that are open, or all as at the end of the last call. */
void net_close(struct net_node *node);
void net_close_all(struct net *net);
void net_end(struct net *net);

/* Keeps net_close_all() away: somebody else closes it.  net_closed(), with the net, has to be heard
 * then. */
void net_leave_alone(struct net_node *node);
void net_closed(void *net);

/* Runs the loop until it ends, and checks that every endpoint has closed. */
void net_run(struct net *net);

/* A few turns of the loop, which do not wait for anything. */
void net_turn(struct net *net);

/* How to reach the node at `ip`, "127.0.0.2" or "[::1]", on its port. */
struct iq_addr net_addr(struct net_node *node, const char *ip);

/* The port of the node's socket for this version, 0 if there is none. */
uint16_t net_port(const struct net_node *node, enum iq_ip_version version);

/* Whether `addr` is `ip` and `port`. */
bool net_is_at(const struct iq_socket_addr *addr, const char *ip, uint16_t port);

size_t net_open_fds(void);

/* A UDP socket of nobody's, on 127.0.0.1: its port. */
uint16_t net_plain_socket(int *fd);

bool net_has_ipv6(void);

/* The environment variable IQ_TEST_CONNECTS, or `count`: how often the long stories go on. */
unsigned net_connects(unsigned count);

struct net_call {
    uint64_t len;                                 /* bytes to send */
    void (*echoed)(struct net_call *, void *arg); /* everything has come back */
    void (*closed)(struct net_call *, void *arg); /* at the end, before endpoints are closed */
    void *arg;

    /* What became of it */
    struct net *net;
    struct iq_conn *conn; /* while it is open */
    uint64_t sent, received;
    uint64_t code;
    struct iq_socket_addr local_addr, remote_addr;
    unsigned connected_count, closed_count;
    enum iq_close_how how;
    char reason[64];
    bool is_equal; /* all came back as it was, and then the end */

    bool stays; /* to be set: it does not hang up when everything is back */
};

extern const struct iq_protocol_handler net_call_handler;

/* Dials; fails the test if that is an error.  The call must live as long as the connection. */
void net_dial(struct net_call *call, const struct net_node *from, const struct iq_addr *to);
void net_dial_alpn(struct net_call *call, const struct net_node *from, const struct iq_addr *to,
                   const char *alpn);

/* Keeps how a connection of a call ended. */
void net_note_end(struct net_call *call, const struct iq_close_reason *why);

/* Whether everything came back, and it was hung up once, by the call itself. */
bool net_is_done(const struct net_call *call);

#endif
