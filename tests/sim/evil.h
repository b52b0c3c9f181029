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
#include "sim.h"

enum evil_key {
    EVIL_KEY_GOOD, /* ed25519, of `seed` */
    EVIL_KEY_NONE,
    EVIL_KEY_P256,
    EVIL_KEY_SMALL_ORDER, /* 01 00 .. 00, with forged signatures */
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
};

struct evil {
    ngtcp2_crypto_conn_ref ref; /* first: it is what OpenSSL gives back to us */
    struct evil_options options;
    struct sim_node *node;
    struct iq_socket_addr remote;
    bool dials;
    struct forger forger;
    SSL_CTX *ctx;
    SSL *ssl;
    ngtcp2_crypto_ossl_ctx *crypto;
    ngtcp2_conn *quic;
    SSL_SESSION *ticket; /* the latest that the peer has given us, ours */

    /* What became of it */
    bool completed;
    bool was_resumed;
    bool was_retried;
    bool has_heard_hello;   /* the peer's ClientHello, and */
    bool heard_server_name; /* a server's name in it */
    uint8_t hello[2000];    /* the same, as everybody can read it on the way */
    size_t hello_len;
    bool heard_key;          /* the peer has shown its own */
    unsigned datagram_count; /* that it has received */
    size_t longest_datagram;
    unsigned closed_count;
    uint64_t closed_at_ns;
    uint64_t code; /* that the peer has closed with */
    bool by_application;
    size_t reason_len;
    int failed; /* with this error of ngtcp2, instead */
};

/* In `node`, which is raw. */
void evil_dial(struct evil *self, struct sim_node *node, const struct sim_node *to,
               const struct evil_options *options);
void evil_answer(struct evil *self, struct sim_node *node, const struct evil_options *options);
void evil_migrate(struct evil *self);     /* goes on from the node's second address */
void evil_fall_silent(struct evil *self); /* hears and says nothing any more */

/* Sends a packet with 1-RTT keys that holds these frames, up to 1,150 bytes, and padding. */
void evil_say(struct evil *self, const void *frames, size_t len);

/* Closes, whatever it has keys for, and falls silent. */
void evil_close(struct evil *self, uint64_t code);

void evil_free(struct evil *self);

/* Of evil_tls.c: the TLS of `self->options`, before there is a connection. */
void evil_start_tls(struct evil *self);

#endif
