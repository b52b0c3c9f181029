/*
 * Stands between the library and the handlers of a story, and sees that the rules of iq.h hold:
 * nothing is heard of an object after its closed callback, which comes exactly once and last.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "sim.h"

struct watch;

struct watch *watch_new(struct sim *sim);
void watch_free(struct watch *watch); /* demands that everything has closed */

/* Accepts with these routes, which must outlive the simulation. */
void watch_listen(struct sim_node *node, const struct iq_route *routes);

/* The routes as the endpoint is to see them, for a story with its own acceptor. */
const struct iq_route *watch_routes(struct sim_node *node, const struct iq_route *routes);

/* iq_endpoint_connect_with(), watched. */
int watch_dial(struct iq_conn **conn, struct sim_node *node, const struct iq_addr *addr,
               const char *alpn, const struct iq_protocol_handler *handler, void *data,
               const struct iq_connect_options *options);

/* iq_conn_open_bi() or _uni(), watched: handlers of stories call these. */
int watch_open_bi(struct iq_stream **stream, struct iq_conn *conn);
int watch_open_uni(struct iq_stream **stream, struct iq_conn *conn);

/* iq_stream_drop(), watched. */
void watch_drop(struct iq_stream *stream);

/* How many callbacks there have been, and something to do at the end of each: `stream` may be
 * NULL.  Neither is touched in a closed callback after the story's handler has returned. */
typedef void watch_function(struct sim *sim, struct iq_conn *conn, struct iq_stream *stream,
                            void *arg);
void watch_each_callback(struct sim *sim, watch_function *function, void *arg);
uint64_t watch_callback_count(const struct sim *sim);

/* What is live now, and what has closed. */
size_t watch_live_conns(const struct sim *sim);
size_t watch_live_streams(const struct sim *sim);
uint64_t watch_closed_conns(const struct sim *sim);

/* The n-th live connection of a node, in the order of their beginning, or NULL. */
struct iq_conn *watch_conn(const struct sim_node *node, size_t n);

#endif
