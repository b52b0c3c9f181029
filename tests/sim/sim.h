/*
 * A simulated network: endpoints, virtual time, and links that lose, delay and damage.
 *
 * Nothing here looks at a clock or at pointers' order, and every random number comes from the seed:
 * a run repeats byte for byte, and its trace is one 64-bit number.
 *
 *     struct sim *sim = sim_new(&(struct sim_options){.seed = 1});
 *     struct sim_node *accepts = sim_add_endpoint(sim, NULL);
 *     struct sim_node *dials = sim_add_endpoint(sim, NULL);
 *
 *     watch_listen(accepts, routes);
 *     watch_dial(dials, &(struct watch_dial){.to = accepts, ...});
 *     sim_run(sim, 60 * SIM_SECOND);
 *     sim_free(sim);
 *
 * After every event check.c looks at everything that must always hold.
 */
#ifndef SIM_H
#define SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_state.h"
#include "iq/iq.h"
#include "seed.h"
#include "wire.h"

#define SIM_MICROSECOND UINT64_C(1000)
#define SIM_MILLISECOND UINT64_C(1000000)
#define SIM_SECOND      UINT64_C(1000000000)

#define SIM_NODES_MAX    8
#define SIM_ADDRS_MAX    3
#define SIM_PEERS_MAX    64 /* addresses of which one node keeps account */
#define SIM_DATAGRAM_MAX 65535

/* What happens to the datagrams that a node sends.  Chances are per 10,000; zero means a perfect
 * link without delay. */
struct sim_link {
    const char *name;
    uint32_t delay_ms;
    uint32_t jitter_ms; /* a random part of it comes on top, and reorders */
    uint64_t delay_ns;  /* beside delay_ms */
    uint64_t rate_bps;  /* 0: without limit */
    size_t queue_bytes; /* waiting for their turn; 0: 64 KB */
    uint32_t loss;
    uint32_t burst; /* how many a loss takes on average (Gilbert and Elliott); 0: one */
    uint32_t duplicate;
    uint32_t reorder;       /* delayed by up to twice the delay more */
    uint32_t corrupt;       /* one to three bits flipped */
    uint32_t truncate;      /* cut anywhere */
    uint32_t ecn_mark;      /* ECT becomes CE.  RFC 3168, section 5 */
    size_t mtu;             /* of the UDP payload; larger ones are dropped.  0: any */
    uint32_t on_ms, off_ms; /* works so long, is dead so long; 0: always on */
    uint64_t drop_mask;     /* bit k: the k-th datagram is lost */
};

/* How a story is run: main.c fills it in. */
struct sim_options {
    uint64_t seed;
    struct sim_link weather; /* of every node, unless the story has its own */
    bool aborts;             /* what fails ends the process, for the one that watches it */
};

struct sim;
struct sim_node;

typedef void sim_function(struct sim *sim, void *arg);

/* Bytes to and from an address, while it has not shown that it receives.  RFC 9000, section 8.1. */
struct sim_peer {
    struct iq_socket_addr addr;
    uint64_t received, sent;
    bool dialled; /* we wrote first: no limit */
    bool heard;   /* something of ours got there */
    bool validated;
};

struct sim_node {
    struct iq_wire wire; /* first: the endpoint's way back to us */
    struct sim *sim;
    const char *name;
    struct iq_endpoint *endpoint;               /* NULL once it has closed, and for a raw node */
    struct iq_socket_addr addrs[SIM_ADDRS_MAX]; /* the system sends from the first */
    size_t addr_count;                          /* 0: there is no network */
    struct iq_socket_addr external; /* what others see instead of addrs[0], behind a NAT */
    size_t interface_mtu;           /* longer datagrams are refused by the system; 0: none are */
    struct sim_link link;
    uint64_t link_busy_until_ns;
    uint64_t link_used_ns;
    bool link_in_burst;
    uint64_t sent_count, sent_bytes, received_count;
    uint64_t send_calls; /* of its wire */
    size_t longest_call; /* bytes */
    uint64_t fails_at;   /* that one of them; 0: none */
    int fails_with;      /* IQ_ERR_AGAIN, IQ_ERR_TOO_LONG, or 0: it is lost */
    uint64_t lost_count;
    uint64_t wake_ns;
    uint64_t wake_version; /* tells the latest wake-up from those before */
    uint32_t again_chance; /* per 10,000: the wire says that it is full */
    uint64_t wire_bps;     /* the wire is full until so much has gone; 0: without limit */
    bool full;
    int64_t clock_ahead_ns;   /* what its clock shows more than sim->now_ns */
    uint64_t paused_until_ns; /* nothing happens to it before */
    struct sim_peer peers[SIM_PEERS_MAX];
    size_t peer_count;
    struct iq_route *watched_routes;
    const struct iq_route *routes;

    /* A raw node: what tests put in the place of an endpoint. */
    void (*on_datagram)(struct sim_node *node, const struct iq_datagrams *datagram);
    void (*on_wake)(struct sim_node *node);
    void *data;

    /* Sees every datagram that the node sends; false loses it. */
    bool (*tap)(struct sim_node *node, const struct iq_datagrams *datagram);
};

struct sim {
    struct sim_options options;
    uint64_t now_ns;
    uint64_t event_count;
    uint64_t sequence;
    struct sim_event **heap;
    size_t heap_count, heap_capacity;
    struct sim_node nodes[SIM_NODES_MAX];
    size_t node_count;
    struct dice network;
    struct dice workload;
    uint64_t trace; /* hash of time, path and bytes of everything sent so far */
    uint64_t events_at_this_time;
    uint32_t check_every; /* events from one look at the invariants to the next; 1 */
    struct watch *watch;
    size_t live_bytes_before;
    bool memory_uncounted; /* what foreign code keeps hides what we do */

    sim_function *after_event; /* optional: a story's own look at every event */
    void *after_event_arg;
};

struct sim *sim_new(const struct sim_options *options);

/* Closes the endpoints that are open, runs to the end, and demands that no byte is left over. */
void sim_free(struct sim *sim);

/* A node at 10.0.0.k:4433 with an endpoint. */
struct sim_node *sim_add_endpoint(struct sim *sim, const struct iq_endpoint_config *config);

/* A node without one. */
struct sim_node *sim_add_raw(struct sim *sim);

struct sim_node *sim_node_of(const struct iq_endpoint *endpoint);

/* How to dial the endpoint of this node. */
struct iq_addr sim_addr(const struct sim_node *node);

struct iq_socket_addr sim_socket_addr(unsigned host, uint16_t port);

/* Whether `addr` is one of the node's own now. */
bool sim_owns(const struct sim_node *node, const struct iq_socket_addr *addr);

/* The node that datagrams to `addr` reach now, and which of its own addresses that is. */
struct sim_node *sim_find_node(struct sim *sim, const struct iq_socket_addr *addr,
                               struct iq_socket_addr *local);

/* Runs until nothing is left to happen.  It is an error if that takes longer than `limit_ns`. */
void sim_run(struct sim *sim, uint64_t limit_ns);

/* Runs for a time. */
void sim_run_for(struct sim *sim, uint64_t ns);

/* Runs one event: false if there is none. */
bool sim_step(struct sim *sim);

/* The clock of the node jumps: forward, or backward if `ns` is negative. */
void sim_shift_clock(struct sim_node *node, int64_t ns);

/* What the node's clock shows. */
uint64_t sim_node_now(const struct sim_node *node);

/* Stops the node for a time, like a machine that does not run: what arrives waits. */
void sim_pause(struct sim_node *node, uint64_t ns);

/* Calls `function` after a time. */
void sim_after(struct sim *sim, uint64_t ns, sim_function *function, void *arg);

/* Closes the endpoint of the node, unless it is closed, and runs on until it is gone. */
void sim_close(struct sim_node *node);

/* Sends a datagram as if from `from`, wherever that is; it takes no link and no time. */
void sim_inject(struct sim *sim, const struct iq_socket_addr *from, const struct iq_socket_addr *to,
                const void *data, size_t len);

/* Sends from a raw node. */
void sim_send(struct sim_node *node, const struct iq_datagrams *datagrams);
void sim_wake_at(struct sim_node *node, uint64_t deadline_ns);

/* link.c: what becomes of one datagram. */
void sim_transmit(struct sim_node *node, const struct iq_datagrams *datagram);

/* For link.c: it arrives after a time. */
void sim_deliver_after(struct sim *sim, uint64_t ns, const struct iq_socket_addr *from,
                       const struct iq_datagrams *datagram);

/* check.c */
void sim_check(struct sim *sim);
void sim_note_sent(struct sim_node *node, const struct iq_datagrams *datagram);
void sim_note_received(struct sim_node *node, const struct iq_datagrams *datagram);

/* Fails the test, and says how to repeat it. */
#define SIM_FAIL(sim, ...) sim_fail((sim), __FILE__, __LINE__, __VA_ARGS__)
void sim_fail(const struct sim *sim, const char *file, int line, const char *format, ...)
    __attribute__((noreturn, format(printf, 4, 5)));

#define SIM_EXPECT(sim, condition)                                                                 \
    ((condition) ? (void)0 : SIM_FAIL((sim), "expected %s", #condition))

#endif
