/* An endpoint that echoes, and a peer that attacks it as soon as it is connected. */
#ifndef SIM_ATTACK_H
#define SIM_ATTACK_H

#include "evil.h"
#include "note.h"

struct attack {
    struct sim *sim;
    struct sim_node *accepts, *raw;
    struct evil evil;
    struct iq_protocol_handler handler;
    struct iq_route routes[2];
    struct note heard;                     /* by the endpoint */
    size_t bytes_before, most_bytes;       /* of memory, without the peer's own */
    uint64_t sent_before, received_before; /* datagrams */
};

/* While this is set the endpoint keeps a qlog, which goes nowhere. */
extern bool attack_with_qlog;

/* Begins to connect.  `config` and `peer`, of which alpn and seed are not used, may be NULL. */
void attack_dial(struct attack *self, const struct sim_options *options,
                 const struct iq_endpoint_config *config, const struct evil_options *peer);

/* Connects, lets everything settle, and marks that. */
void attack_start(struct attack *self, const struct sim_options *options,
                  const struct iq_endpoint_config *config, const struct evil_options *peer);
void attack_end(struct attack *self);

/* Opens as many streams as the endpoint allows: ngtcp2 has to know those on which an echo comes
 * back. attack_start() has done it. */
void attack_open_streams(struct attack *self);

/* From here on counts what the endpoint sends, and the bytes of memory that it takes. */
void attack_mark(struct attack *self);

/* Writes the frame of that number, or several. */
typedef void attack_put(struct frames *frames, uint64_t number);

/* Says `count` of them, up to `per_packet` in one packet, or as many as fit if that is 0, until it
 * is closed or all are said: returns how many were. */
uint64_t attack_flood(struct attack *self, attack_put *put, uint64_t count, uint64_t per_packet);

/* That the endpoint has no more bytes of memory than these, beyond what it had at the start: now,
 * and at any time since. */
void attack_expect_bytes(const struct attack *self, const char *name, size_t now_max,
                         size_t ever_max);

/* Both of these let everything settle before they look. */
void attack_expect_open(struct attack *self, const char *name);
void attack_expect_closed(struct attack *self, const char *name, uint64_t code);

#endif
