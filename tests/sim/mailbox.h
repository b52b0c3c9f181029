/* Applications that send numbered datagrams, and keep what arrives. */
#ifndef SIM_MAILBOX_H
#define SIM_MAILBOX_H

#include "story.h"

#define MAILBOX_MAX 65536

/* What one side has received, in this order. */
struct mailbox {
    uint32_t numbers[MAILBOX_MAX];
    uint16_t lens[MAILBOX_MAX];
    unsigned count;
    unsigned allowed; /* calls of on_datagrams_allowed */
    unsigned opened, closed;
    unsigned count_at_close;
    unsigned greetings; /* to send as soon as the connection is open, and close it then */
    size_t stream_bytes;
};

extern const struct iq_protocol_handler mailbox_handler; /* its data is a struct mailbox */

/* Two sides that are connected.  `conns` and `boxes` begin with the dialling side. */
struct mailbox_pair {
    struct story_pair pair;
    struct iq_route routes[2];
    struct iq_conn *conns[2];
    struct mailbox boxes[2];
    struct iq_addr addr; /* of the accept side */
};

/* `greetings` of both sides, or NULL. */
struct mailbox_pair *mailbox_start(const struct sim_options *options, const unsigned greetings[2]);
void mailbox_connect(struct mailbox_pair *self);
void mailbox_free(struct mailbox_pair *self);

/* The datagram of that number; its bytes follow from it.  Less than 4 bytes do not hold it. */
struct iq_bytes mailbox_datagram(uint32_t number, size_t len);

/* Sends the datagrams numbered from `first` to `end` - 1. */
void mailbox_send(struct sim *sim, struct iq_conn *conn, uint32_t first, uint32_t end, size_t len);

/* That the box holds these, and nothing else. */
void mailbox_expect(const struct sim *sim, const struct mailbox *box, uint32_t first, uint32_t end,
                    size_t len);

#endif
