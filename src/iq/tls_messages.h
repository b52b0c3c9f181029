/*
 * The messages of TLS that a peer sends (RFC 8446, section 4), looked at before OpenSSL sees them.
 *
 * CRYPTO frames cut them anywhere, so they are followed byte by byte, and nothing of them is kept.
 */
#ifndef IQ_TLS_MESSAGES_H
#define IQ_TLS_MESSAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <ngtcp2/ngtcp2.h>

/* How far they have come; all zero at the start. */
struct iq_tls_messages {
    uint32_t head; /* of the latest one, as far as it is there: its type, and its length */
    uint32_t at;   /* so many bytes of it have come; 0: the next one is about to begin */
    ngtcp2_encryption_level level; /* of the packets of its bytes */
};

/*
 * Follows `len` more bytes that have come in packets of one level, in the order in which OpenSSL
 * will read them.  Returns 0, or the alert (RFC 8446, section 6) with which the connection must
 * end:
 *
 * - Each message comes as a whole in the packets that are for its type.  After the handshake these
 *   are nothing but session tickets, to the side that dials.
 * - A Certificate message that lists something holds one raw public key, of ed25519.
 */
uint8_t iq_tls_messages_follow(struct iq_tls_messages *self, bool dials,
                               ngtcp2_encryption_level level, const uint8_t *data, size_t len);

#endif
