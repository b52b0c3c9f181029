/* What the stories of peers that break a rule have in common: a rule is a row of a table. */
#ifndef SIM_RULE_H
#define SIM_RULE_H

#include "evil.h"
#include "note.h"

#define RULE_ALPN "rule"

/* How long it takes until everything is over. */
#define RULE_A_WHILE (20 * SIM_SECOND)

#define BYTES(text)                                                                                \
    {                                                                                              \
        .data = (const uint8_t *)(text), .len = sizeof(text) - 1                                   \
    }
#define FRAMES(text)                                                                               \
    {                                                                                              \
        .frames = BYTES(text)                                                                      \
    }

#define TOKEN "a token of reset" /* any 16 bytes */

struct rule {
    const char *name; /* with its section, of RFC 9000 if no other is named */
    uint64_t code;
    uint64_t instead; /* another that the RFC allows; section 11: PROTOCOL_VIOLATION for any */
    struct evil_options options; /* what is wrong with its handshake */
    struct evil_packet says;     /* when it is connected, with 1-RTT keys */
    struct evil_packet early;    /* with 0-RTT keys, in a connection that it resumes */
};

bool rule_is_said(const struct evil_packet *packet);

/* With the protocol that our routes know, unless the rule is about that. */
struct evil_options rule_options(const struct rule *rule, const struct iq_secret_key *key);

/* The peer has learned the code, and our handler of the peer if the connection `opens`. */
void rule_expect_told(const struct sim *sim, const struct rule *rule, const struct evil *evil,
                      const struct note *heard, bool opens);

/* All goes on for those who break none. */
void rule_expect_served(struct sim_node *dials, struct sim_node *accepts);

#endif
