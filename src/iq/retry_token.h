/*
 * The tokens of Retry packets, which a peer brings back to prove that it receives at its address.
 * RFC 9000, section 8.1.2.
 *
 * A token is good for ten seconds, from the address and port that it was sent to, for the version
 * and the connection ids of that exchange.  Who brings it twice in that time proves the same twice:
 * nothing is allowed with it but to be heard.  It is sealed with a secret that serves nothing else
 * and is replaced every minute; one that gets out is of no use to anybody soon after.
 */
#ifndef IQ_RETRY_TOKEN_H
#define IQ_RETRY_TOKEN_H

#include <stdbool.h>

#include <ngtcp2/ngtcp2_crypto.h>

#include "iq/addr.h"

#define IQ_RETRY_TOKEN_LEN    NGTCP2_CRYPTO_MAX_RETRY_TOKENLEN2
#define IQ_RETRY_TOKEN_NS     (10 * NGTCP2_SECONDS) /* how long one is good */
#define IQ_RETRY_SECRET_NS    (60 * NGTCP2_SECONDS) /* and how long its secret makes them */
#define IQ_RETRY_SECRET_BYTES 32

struct iq_retry_secrets {
    uint8_t current[IQ_RETRY_SECRET_BYTES];
    uint8_t previous[IQ_RETRY_SECRET_BYTES]; /* whose tokens may still be good */
    uint64_t since_ns;                       /* when the current one has become it */
};

/* What a token vouches for. */
struct iq_retry {
    struct iq_socket_addr remote;
    uint32_t version;
    ngtcp2_cid original_dcid; /* that the peer's first packet was sent to */
    ngtcp2_cid scid;          /* of the Retry: what the peer sends its packets to from then on */
};

/* All times are those of one clock that does not go back.  After iq_random_start(). */
void iq_retry_secrets_init(struct iq_retry_secrets *secrets, uint64_t now_ns);
void iq_retry_secrets_wipe(struct iq_retry_secrets *secrets);

/* False if the cryptographic library fails. */
bool iq_retry_token_make(uint8_t token[IQ_RETRY_TOKEN_LEN], struct iq_retry_secrets *secrets,
                         const struct iq_retry *retry, uint64_t now_ns);

/* Whether the token is one of ours: as one of a Retry it asks to be looked at.  Others are as good
 * as none.  RFC 9000, section 8.1.3. */
bool iq_retry_token_is_ours(const uint8_t *token, size_t len);

/* Whether the token is good for what `retry` says, and then what it was made for:
 * `original_dcid`, which is not looked at before. */
bool iq_retry_token_check(struct iq_retry *retry, struct iq_retry_secrets *secrets,
                          const uint8_t *token, size_t len, uint64_t now_ns);

#endif
