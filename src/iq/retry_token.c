/*
 * The tokens of Retry packets, and the secrets that seal them.
 *
 * No timer replaces a secret: whoever uses them first looks at the clock.  A secret ends on time
 * even if nobody has looked for a while, so that one which got out does not wait for its moment.
 */
#include "retry_token.h"

#include <string.h>

#include "random.h"
#include "sockaddr.h"

void iq_retry_secrets_init(struct iq_retry_secrets *secrets, uint64_t now_ns)
{
    iq_random_fill(secrets->current, sizeof(secrets->current));
    iq_random_fill(secrets->previous, sizeof(secrets->previous)); /* zeros would be a known one */
    secrets->since_ns = now_ns;
}

void iq_retry_secrets_wipe(struct iq_retry_secrets *secrets) { iq_wipe(secrets, sizeof(*secrets)); }

static void replace_when_due(struct iq_retry_secrets *secrets, uint64_t now_ns)
{
    const uint64_t age_ns = now_ns - secrets->since_ns;

    if (age_ns >= 2 * IQ_RETRY_SECRET_NS) {
        iq_retry_secrets_init(secrets, now_ns);
    } else if (age_ns >= IQ_RETRY_SECRET_NS) {
        memcpy(secrets->previous, secrets->current, sizeof(secrets->previous));
        iq_random_fill(secrets->current, sizeof(secrets->current));
        secrets->since_ns += IQ_RETRY_SECRET_NS;
    }
}

bool iq_retry_token_make(uint8_t token[IQ_RETRY_TOKEN_LEN], struct iq_retry_secrets *secrets,
                         const struct iq_retry *retry, uint64_t now_ns)
{
    union iq_sockaddr remote;
    const socklen_t remote_len = iq_sockaddr_from(&remote, &retry->remote);

    replace_when_due(secrets, now_ns);
    return ngtcp2_crypto_generate_retry_token2(token, secrets->current, sizeof(secrets->current),
                                               retry->version, &remote.sa, remote_len, &retry->scid,
                                               &retry->original_dcid, now_ns) == IQ_RETRY_TOKEN_LEN;
}

bool iq_retry_token_is_ours(const uint8_t *token, size_t len)
{
    return len > 0 && token[0] == NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2;
}

static bool was_sealed_with(const uint8_t secret[IQ_RETRY_SECRET_BYTES], struct iq_retry *retry,
                            const uint8_t *token, size_t len, uint64_t now_ns)
{
    union iq_sockaddr remote;
    const socklen_t remote_len = iq_sockaddr_from(&remote, &retry->remote);

    return ngtcp2_crypto_verify_retry_token2(
               &retry->original_dcid, token, len, secret, IQ_RETRY_SECRET_BYTES, retry->version,
               &remote.sa, remote_len, &retry->scid, IQ_RETRY_TOKEN_NS, now_ns) == 0;
}

bool iq_retry_token_check(struct iq_retry *retry, struct iq_retry_secrets *secrets,
                          const uint8_t *token, size_t len, uint64_t now_ns)
{
    replace_when_due(secrets, now_ns);
    if (was_sealed_with(secrets->current, retry, token, len, now_ns)) {
        return true;
    }
    /* Later all tokens of the one before have grown too old. */
    return now_ns - secrets->since_ns < IQ_RETRY_TOKEN_NS &&
           was_sealed_with(secrets->previous, retry, token, len, now_ns);
}
