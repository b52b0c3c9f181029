/*
 * ngtcp2 does not tell OpenSSL what packets a message has come in: it would take one from an
 * Initial, which anybody can make, that the keys of the handshake have to protect.
 *
 * And OpenSSL keeps the object identifier of each algorithm that it meets and does not know, 296
 * bytes for good: a stranger who names a new one with every handshake could fill our memory.  So it
 * sees no key but those that it knows how to read.
 */
#include "tls_messages.h"

#include <openssl/ssl.h>

#define HEAD_LEN       4 /* of a message: a byte for its type, and three for its length */
#define EMPTY_LIST_LEN 4 /* the body of a Certificate message that lists nothing */

/*
 * How the body of a Certificate message with a raw public key begins.  RFC 8446, section 4.4.2: the
 * context, which is empty during a handshake, the length of the list, and that of its first entry.
 * Then comes the entry, which is a SubjectPublicKeyInfo (RFC 7250, section 3): all of its 44 bytes
 * but the key are the same for every key of ed25519 (RFC 8410, section 4).
 */
#define LIST_LEN_AT  1
#define ENTRY_LEN_AT 4
static const uint8_t beginning[] = {0x00,                         /* no context */
                                    0x00, 0x00, 0x00,             /* any length, for extensions */
                                    0x00, 0x00, 0x2c,             /* 44 */
                                    0x30, 0x2a, 0x30, 0x05, 0x06, /* the sequences, and */
                                    0x03, 0x2b, 0x65, 0x70,       /* the identifier 1.3.101.112 */
                                    0x03, 0x21, 0x00};

static uint8_t type_of(const struct iq_tls_messages *self) { return (uint8_t)(self->head >> 24); }

static uint32_t body_len_of(const struct iq_tls_messages *self) { return self->head & 0xffffff; }

/* The packets that messages of a type come in.  RFC 8446, section 4, and RFC 9001, section 4.1.4.
 */
static ngtcp2_encryption_level level_of(uint8_t type)
{
    switch (type) {
    case SSL3_MT_CLIENT_HELLO:
    case SSL3_MT_SERVER_HELLO:
        return NGTCP2_ENCRYPTION_LEVEL_INITIAL;
    case SSL3_MT_NEWSESSION_TICKET:
        return NGTCP2_ENCRYPTION_LEVEL_1RTT;
    default:
        return NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE;
    }
}

/* Whether a message of this type may begin.  Who may send it in a handshake, and when, is for
 * OpenSSL to say; only the side that dials gets anything later. */
static bool may_begin(uint8_t type, bool dials, ngtcp2_encryption_level level)
{
    return level_of(type) == level && (level != NGTCP2_ENCRYPTION_LEVEL_1RTT || dials);
}

/* Goes on by one byte. */
static void pass(struct iq_tls_messages *self, uint8_t byte)
{
    if (self->at < HEAD_LEN) {
        self->head = self->head << 8 | byte;
    }
    self->at++;
    if (self->at >= HEAD_LEN && self->at == HEAD_LEN + body_len_of(self)) {
        self->at = 0;
    }
}

static bool lists_something(const struct iq_tls_messages *self)
{
    return self->at >= HEAD_LEN && type_of(self) == SSL3_MT_CERTIFICATE &&
           body_len_of(self) > EMPTY_LIST_LEN;
}

/* Whether the next byte of a Certificate message may be this one. */
static bool fits(const struct iq_tls_messages *self, uint8_t byte)
{
    const uint32_t place = self->at - HEAD_LEN;
    const bool is_list_len = place >= LIST_LEN_AT && place < ENTRY_LEN_AT;

    return place >= sizeof(beginning) || is_list_len || byte == beginning[place];
}

uint8_t iq_tls_messages_follow(struct iq_tls_messages *self, bool dials,
                               ngtcp2_encryption_level level, const uint8_t *data, size_t len)
{
    size_t i;

    for (i = 0; i < len; i++) {
        if (self->at == 0 ? !may_begin(data[i], dials, level) : self->level != level) {
            return SSL_AD_UNEXPECTED_MESSAGE;
        }
        self->level = level;
        if (lists_something(self) && !fits(self, data[i])) {
            return SSL_AD_UNSUPPORTED_CERTIFICATE;
        }
        pass(self, data[i]);
    }
    return 0;
}
