/* An accept side behind a router, whose three routes take notes, and somebody who dials it. */
#ifndef SIM_DESK_H
#define SIM_DESK_H

#include "note.h"

#define DESK_ROUTES 3 /* "a", "b" and "c" */

struct desk {
    struct sim *sim;
    struct sim_node *dials, *accepts;
    struct iq_router *router;
    struct iq_route routes[DESK_ROUTES + 1];
    const struct iq_route *watched; /* the same, as the router is to see them */
    struct iq_addr addr;            /* of the accept side */
    struct note heard[DESK_ROUTES]; /* by the accept side */
};

/* Every route has `handler`; its data is its note, or `data` unless that is NULL.  The first
 * `spawned` of them are there from the beginning. */
void desk_start(struct desk *self, const struct sim_options *options,
                const struct iq_protocol_handler *handler, void *data, size_t spawned);

/* Dials, and keeps notes. */
void desk_dial(struct desk *self, const char *alpn, struct note *note);

/* Dials, waits, and expects that this route is spoken and nobody has hung up. */
void desk_expect_spoken(struct desk *self, const char *alpn, const struct note *heard);

/* Dials, waits, and expects that there is no such protocol. */
void desk_expect_unknown(struct desk *self, const char *alpn);

#endif
