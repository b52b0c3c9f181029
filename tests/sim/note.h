/* Applications that do nothing but note what they hear of a connection. */
#ifndef SIM_NOTE_H
#define SIM_NOTE_H

#include "story.h"

struct note {
    unsigned opened, closed;
    unsigned resumed; /* of those that opened */
    bool anonymous;   /* then there is no remote_id */
    struct iq_id remote_id;
    uint64_t closed_at_ns;
    uint64_t code;
    size_t text_len;
    enum iq_close_how how;
    char alpn[256];
    char text[IQ_REASON_MAX + 1];
};

extern const struct iq_protocol_handler note_handler; /* its data is a struct note */

void note_expect_closed(const struct sim *sim, const char *name, const struct note *note,
                        enum iq_close_how how, uint64_t code);

/* Two sides that take notes. */
struct note_pair {
    struct story_pair pair;
    struct iq_route routes[4];
    struct iq_addr addr; /* of the accept side */
    struct note dials, accepts;
    struct iq_conn *conn; /* of the dialling side */
};

/* `alpns` (three, or less with NULL behind them; NULL for APP_ALPN alone) are accepted. */
void note_start(struct note_pair *self, const struct sim_options *options,
                const struct iq_endpoint_config *config, const char *const alpns[3]);

int note_dial(struct note_pair *self, const char *alpn, const struct iq_connect_options *options);

/* Starts, and runs until both sides have the connection. */
void note_connect(struct note_pair *self, const struct sim_options *options,
                  const struct iq_endpoint_config *config);

#endif
