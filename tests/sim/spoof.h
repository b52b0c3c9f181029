/* Initial packets, by what is in them. */
#ifndef SIM_SPOOF_H
#define SIM_SPOOF_H

#include <ngtcp2/ngtcp2.h>

#include "sim.h"

#define SPOOF_LEN 1200 /* of a datagram.  RFC 9000, section 14.1 */

/* A client's Initial packet. */
struct spoof {
    ngtcp2_cid dcid, scid;
    uint32_t number;
    uint8_t frames[SPOOF_LEN]; /* what is behind `frames_len` is padding */
    size_t frames_len;
};

/* Writes the packet, alone in its datagram, without a token. */
void spoof_seal(const struct sim *sim, const struct spoof *packet, uint8_t datagram[SPOOF_LEN]);

/* Reads such a datagram: a real one shows what a ClientHello has to hold. */
void spoof_open(const struct sim *sim, struct spoof *packet, const struct iq_datagrams *datagram);

#endif
