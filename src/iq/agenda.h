/*
 * What an endpoint has to do in its next turn.
 *
 * Everything that makes work (a datagram, an expired timer, a call of the application) puts its
 * connection on the agenda and returns; iq_endpoint_turn() does the work.  That is why callbacks
 * never run inside a call that the application makes.
 */
#ifndef IQ_AGENDA_H
#define IQ_AGENDA_H

#include <stdbool.h>
#include <stdint.h>

#include "list.h"
#include "wire.h"

struct iq_agenda {
    struct iq_wire *wire;
    struct iq_list due;  /* connections, by their `on_agenda` */
    uint64_t now_ns;     /* the latest time seen: it never goes back, ngtcp2 asserts that */
    uint64_t ahead_ns;   /* of the clock, which has gone back by so much */
    uint64_t wake_ns;    /* what the wire was asked for last */
    bool turn_will_come; /* a turn is running, or certain to follow: no need to be woken */
};

void iq_agenda_init(struct iq_agenda *agenda, struct iq_wire *wire);

/* Looks at the clock. */
uint64_t iq_agenda_now(struct iq_agenda *agenda);

void iq_agenda_add(struct iq_agenda *agenda, struct iq_list *entry);

/* Makes sure that a turn comes, as soon as may be. */
void iq_agenda_want_turn(struct iq_agenda *agenda);

/* Asks the wire to wake us, unless that is what it knows already. */
void iq_agenda_wake_at(struct iq_agenda *agenda, uint64_t deadline_ns);

#endif
