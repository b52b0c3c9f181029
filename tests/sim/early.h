/* An application that asks as early as it can, and one that answers as early as it can. */
#ifndef SIM_EARLY_H
#define SIM_EARLY_H

#include "story.h"

/* What the asking side has heard of its latest connection. */
struct early_asker {
    uint64_t len; /* of the question; 0: a short one */
    unsigned early, connected, accepted, resumed;
    unsigned answers, streams_closed, closed, shutdowns;
    uint64_t dialled_at_ns, answered_after_ns;
    enum iq_close_how how;
    uint64_t code;
    char alpn[256];
};

/* What the answering side has heard, of all connections since the latest dial. */
struct early_taker {
    unsigned early, accepted, closed, shutdowns;
    unsigned questions;       /* streams that have begun */
    unsigned questions_early; /* those of them before on_accept */
};

struct early_pair {
    struct sim *sim;
    struct sim_node *dials, *accepts;
    struct iq_secret_key key; /* of the accept side */
    uint64_t window;
    struct iq_addr addr;
    const struct iq_protocol_handler *handler; /* that dials */
    const struct iq_connect_options *options;
    struct iq_conn *conn;
    struct early_asker asker;
    struct early_taker taker;
    unsigned early_secrets; /* that the dialling side has made since its latest dial */

    bool closer_dials, closer_endpoint; /* for a story */
};

/* Routes of APP_ALPN: whose handler takes early data; whose does not; and behind another protocol,
 * that only a dial which offers both speaks. */
extern const struct iq_route early_routes[], early_plain_routes[], early_other_routes[];

/* A handler that asks without early data.  The usual one is early_asker. */
extern const struct iq_protocol_handler early_asker, early_plain_asker;

/* Connects once, so that the two know each other.  `window`: what the accept side lets a stream
 * send ahead, 0 for the default. */
void early_start(struct early_pair *self, const struct sim_options *options);
void early_start_with(struct early_pair *self, const struct sim_options *options,
                      const struct iq_route *routes, uint64_t window);

/* The accept side begins anew, with the same key. */
void early_restart(struct early_pair *self);

/* Dials, and perhaps until the question is answered and the connection is closed. */
void early_dial(struct early_pair *self);
void early_ask(struct early_pair *self);

/* How the latest question went. */
enum early_outcome { EARLY_NOT_TRIED, EARLY_REFUSED, EARLY_ACCEPTED };

void early_expect(const struct early_pair *self, const char *name, enum early_outcome outcome);

#endif
