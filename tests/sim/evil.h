/*
 * A peer that does not use our library, and does what it should not: OpenSSL and ngtcp2 in a raw
 * node.  It dials or answers, with the key and the protocols that a test gives it.
 */
#ifndef SIM_EVIL_H
#define SIM_EVIL_H

#include <ngtcp2/ngtcp2.h>
#include <ngtcp2/ngtcp2_crypto.h>
#include <ngtcp2/ngtcp2_crypto_ossl.h>
#include <openssl/ssl.h>

#include "forger.h"
#include "frames.h"
#include "sim.h"

enum evil_key {
    EVIL_KEY_GOOD, /* ed25519, of `seed` */
    EVIL_KEY_NONE,
    EVIL_KEY_P256,
    EVIL_KEY_SMALL_ORDER, /* 01 00 .. 00, with forged signatures */
};

enum evil_level { EVIL_INITIAL, EVIL_ZERO_RTT, EVIL_HANDSHAKE, EVIL_ONE_RTT, EVIL_LEVELS };

/* What is different in a packet from what ngtcp2 has for it: all that is not zero. */
struct evil_packet {
    struct iq_bytes frames; /* up to FRAMES_MAX, and padding, instead of its own */
    struct iq_bytes find;   /* the first place of its own that has these bytes */
    struct iq_bytes put;    /* gets these, which are as many */
    bool no_frames;         /* not even padding; with 1-RTT keys */
    uint8_t header_bits;    /* flipped: of the first byte, those that header protection covers (the
                               reserved ones are 0x0c of a long header, 0x18 of a short one) */
};

struct evil_options {
    enum evil_key key;
    uint8_t seed[IQ_KEY_LEN];
    const char *alpn;        /* offered, or chosen: as in RFC 7301, with length bytes; NULL: none */
    bool no_raw_keys;        /* knows only certificates */
    bool default_groups;     /* OpenSSL's, with the large post-quantum ones */
    const char *server_name; /* asked for in the ClientHello (RFC 6066, section 3); NULL: none */
    const char *ciphers;     /* OpenSSL's names, in this order; NULL: its own */
    SSL_SESSION *resume;     /* not ours */
    uint64_t max_datagram;   /* transport parameter 0x20 (RFC 9221); 0: takes none */
    size_t tickets;          /* how many to send; 0: OpenSSL's two */
    uint64_t window;         /* bytes of each stream, and of all; 0: 100,000 */

    /* The first packet of each level that has room for the frames.  What would have been in it
     * comes when it is found lost, since the peer acknowledges the packet. */
    struct evil_packet first[EVIL_LEVELS];

    /* Transport parameters (RFC 9000, section 18), which come behind ngtcp2's. */
    struct iq_bytes params;
    uint64_t without_params; /* bit k: those of ngtcp2's without the one with id k */
    bool no_params;          /* answering: none, not even the extension of TLS */

    /* Messages of TLS in CRYPTO behind the last that OpenSSL has: if it dials, that is Finished,
     * with Handshake keys; if it answers, tickets, with 1-RTT keys. */
    struct iq_bytes behind_tls;
    struct iq_bytes early_params; /* with `resume`: early data can be said, by these parameters */
};

struct evil {
    ngtcp2_crypto_conn_ref ref; /* first: it is what OpenSSL gives back to us */
    struct evil_options options;
    struct sim_node *node;
    struct iq_socket_addr remote;
    struct forger forger;
    SSL_CTX *ctx;
    SSL *ssl;
    ngtcp2_crypto_ossl_ctx *crypto;
    ngtcp2_conn *quic;
    SSL_SESSION *ticket; /* the latest that the peer has given us, ours */
    struct evil_packet wanted[EVIL_LEVELS];
    uint8_t params[1024];
    size_t own_bytes;          /* of memory (memory.h), which are not the library's */
    uint8_t early_params[256]; /* the peer's, to be remembered with the ticket */
    size_t early_params_len;
    size_t packet_len; /* of the packet that is made; 0: as ngtcp2 says */

    /* What became of it */
    uint8_t hello[2000]; /* the peer's ClientHello, as everybody can read it on the way */
    size_t hello_len;
    size_t own_hello_len; /* of the ClientHello that it has sent itself */
    size_t longest_datagram;
    uint64_t closed_at_ns;
    uint64_t code; /* that the peer has closed with */
    size_t reason_len;
    unsigned datagram_count; /* that it has received */
    unsigned closed_count;
    int failed; /* with this error of ngtcp2, instead */
    bool dials; /* which it was from the beginning */
    bool completed;
    bool was_resumed;
    bool was_retried;
    bool has_heard_hello;   /* the peer's ClientHello, and */
    bool heard_server_name; /* a server's name in it */
    bool heard_key;         /* the peer has shown its own */
    bool by_application;
};

/* In `node`, which is raw. */
void evil_dial(struct evil *self, struct sim_node *node, const struct sim_node *to,
               const struct evil_options *options);
void evil_answer(struct evil *self, struct sim_node *node, const struct evil_options *options);
void evil_migrate(struct evil *self);     /* goes on from the node's second address */
void evil_fall_silent(struct evil *self); /* hears and says nothing any more */

/* Sends one packet that is different, with the keys of that level, which have to be there.  Runs
 * the simulation while congestion control holds it back; nothing is sent once the connection has
 * ended. */
void evil_say_at(struct evil *self, enum evil_level level, const struct evil_packet *packet);

/* These frames with 1-RTT keys. */
void evil_say(struct evil *self, const void *frames, size_t len);

/* Closes, whatever it has keys for, and falls silent. */
void evil_close(struct evil *self, uint64_t code);

void evil_free(struct evil *self);

/* Of evil_tls.c: the TLS of `self->options`, before there is a connection. */
void evil_start_tls(struct evil *self);

/* Of evil_say.c: callbacks of ngtcp2, and whose packet it is, of which they are not told. */
int evil_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                 const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *plain, size_t len,
                 const uint8_t *nonce, size_t nonce_len, const uint8_t *header, size_t header_len);
int evil_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *cipher,
                 const ngtcp2_crypto_cipher_ctx *cipher_ctx, const uint8_t *sample);
void evil_note_speaking(struct evil *self);

/* Of evil.c */
void evil_send(struct evil *self, const ngtcp2_path *path, const uint8_t *packet, size_t len);
void evil_fail(struct evil *self, int rc);

#endif
