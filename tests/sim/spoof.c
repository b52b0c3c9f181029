#include "spoof.h"

#include <string.h>

#include <ngtcp2/ngtcp2_crypto.h>
#include <openssl/evp.h>

#define KEY_LEN    16
#define IV_LEN     12
#define TAG_LEN    16
#define SAMPLE_LEN 16
#define NUMBER_LEN 4
#define SECRET_LEN 32

struct keys {
    uint8_t key[KEY_LEN];
    uint8_t iv[IV_LEN];
    uint8_t header_key[KEY_LEN];
};

/* RFC 8446, section 7.1. */
static void expand_label(const struct sim *sim, uint8_t *dest, size_t len, const uint8_t *secret,
                         const char *label)
{
    const size_t label_len = strlen(label);
    uint8_t info[32] = {(uint8_t)(len >> 8), (uint8_t)len, (uint8_t)(6 + label_len)};
    ngtcp2_crypto_md md;

    ngtcp2_crypto_md_init(&md, (void *)EVP_sha256());
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, label_len); /* and an empty context */
    SIM_EXPECT(sim, ngtcp2_crypto_hkdf_expand(dest, len, &md, secret, SECRET_LEN, info,
                                              10 + label_len) == 0);
}

/* RFC 9001, section 5.2. */
static void derive(const struct sim *sim, struct keys *keys, const ngtcp2_cid *dcid)
{
    static const uint8_t salt[] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                   0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
    uint8_t initial[SECRET_LEN], client[SECRET_LEN];
    ngtcp2_crypto_md md;

    ngtcp2_crypto_md_init(&md, (void *)EVP_sha256());
    SIM_EXPECT(sim, ngtcp2_crypto_hkdf_extract(initial, &md, dcid->data, dcid->datalen, salt,
                                               sizeof(salt)) == 0);
    expand_label(sim, client, sizeof(client), initial, "client in");
    expand_label(sim, keys->key, sizeof(keys->key), client, "quic key");
    expand_label(sim, keys->iv, sizeof(keys->iv), client, "quic iv");
    expand_label(sim, keys->header_key, sizeof(keys->header_key), client, "quic hp");
}

/* AES-128-GCM over a payload, in either direction; the tag is neither read nor compared here. */
static void crypt(const struct sim *sim, const struct keys *keys, const struct iq_bytes *header,
                  uint8_t *payload, size_t len, uint8_t *tag)
{
    const uint8_t *number = header->data + header->len - NUMBER_LEN;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t nonce[IV_LEN];
    size_t i;
    int n;

    memcpy(nonce, keys->iv, sizeof(nonce));
    for (i = 0; i < NUMBER_LEN; i++) {
        nonce[IV_LEN - NUMBER_LEN + i] ^= number[i];
    }
    SIM_EXPECT(sim, ctx != NULL &&
                        EVP_CipherInit_ex(ctx, EVP_aes_128_gcm(), NULL, keys->key, nonce,
                                          tag != NULL) == 1 &&
                        EVP_CipherUpdate(ctx, NULL, &n, header->data, (int)header->len) == 1 &&
                        EVP_CipherUpdate(ctx, payload, &n, payload, (int)len) == 1);
    if (tag != NULL) {
        SIM_EXPECT(sim, EVP_CipherFinal_ex(ctx, payload + len, &n) == 1 &&
                            EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, tag) == 1);
    }
    EVP_CIPHER_CTX_free(ctx);
}

/* RFC 9001, section 5.4.3. */
static void make_mask(const struct sim *sim, const struct keys *keys, const uint8_t *sample,
                      uint8_t mask[SAMPLE_LEN])
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n;

    SIM_EXPECT(sim,
               ctx != NULL &&
                   EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, keys->header_key, NULL) == 1 &&
                   EVP_EncryptUpdate(ctx, mask, &n, sample, SAMPLE_LEN) == 1);
    EVP_CIPHER_CTX_free(ctx);
}

static uint8_t *put_cid(uint8_t *at, const ngtcp2_cid *cid)
{
    *at = (uint8_t)cid->datalen;
    memcpy(at + 1, cid->data, cid->datalen);
    return at + 1 + cid->datalen;
}

/* RFC 9000, section 17.2.2.  Returns where the packet number is. */
static uint8_t *put_header(const struct spoof *packet, uint8_t datagram[SPOOF_LEN])
{
    static const uint8_t start[] = {0xc0 | (NUMBER_LEN - 1), 0, 0, 0, 1};
    uint8_t *at = datagram + sizeof(start);
    size_t length, i;

    memcpy(datagram, start, sizeof(start));
    at = put_cid(put_cid(at, &packet->dcid), &packet->scid);
    *at++ = 0; /* no token */
    length = (size_t)(datagram + SPOOF_LEN - (at + 2));
    *at++ = (uint8_t)(0x40 | length >> 8);
    *at++ = (uint8_t)length;
    for (i = 0; i < NUMBER_LEN; i++) {
        at[i] = (uint8_t)(packet->number >> (8 * (NUMBER_LEN - 1 - i)));
    }
    return at;
}

void spoof_seal(const struct sim *sim, const struct spoof *packet, uint8_t datagram[SPOOF_LEN])
{
    uint8_t *number = put_header(packet, datagram);
    uint8_t *payload = number + NUMBER_LEN;
    const size_t len = (size_t)(datagram + SPOOF_LEN - TAG_LEN - payload);
    const struct iq_bytes header = {.data = datagram, .len = (size_t)(payload - datagram)};
    uint8_t mask[SAMPLE_LEN];
    struct keys keys;
    size_t i;

    SIM_EXPECT(sim, packet->frames_len <= len);
    memset(payload, 0, len);
    memcpy(payload, packet->frames, packet->frames_len);
    derive(sim, &keys, &packet->dcid);
    crypt(sim, &keys, &header, payload, len, payload + len);
    make_mask(sim, &keys, number + 4, mask);
    datagram[0] ^= mask[0] & 0x0f;
    for (i = 0; i < NUMBER_LEN; i++) {
        number[i] ^= mask[1 + i];
    }
}

static const uint8_t *get_cid(const uint8_t *at, ngtcp2_cid *cid)
{
    ngtcp2_cid_init(cid, at + 1, at[0]);
    return at + 1 + at[0];
}

/* Where the packet number begins: behind no token, and the length, which has 1 to 8 bytes. */
static size_t find_number(const struct sim *sim, struct spoof *packet,
                          const struct iq_datagrams *datagram)
{
    const uint8_t *at = get_cid(get_cid(datagram->data + 5, &packet->dcid), &packet->scid);

    SIM_EXPECT(sim, at[0] == 0);
    return (size_t)(at + 1 + ((size_t)1 << (at[1] >> 6)) - datagram->data);
}

/* Only the first packet of all, whose number is zero, however long it is written. */
void spoof_open(const struct sim *sim, struct spoof *packet, const struct iq_datagrams *datagram)
{
    static const uint8_t zero[NUMBER_LEN];
    const struct iq_bytes header = {.data = zero, .len = sizeof(zero)};
    size_t number_at, number_len;
    uint8_t mask[SAMPLE_LEN];
    struct keys keys;

    SIM_EXPECT(sim, datagram->len == SPOOF_LEN && (datagram->data[0] & 0xf0) == 0xc0);
    number_at = find_number(sim, packet, datagram);
    derive(sim, &keys, &packet->dcid);
    make_mask(sim, &keys, datagram->data + number_at + 4, mask);
    number_len = (size_t)((datagram->data[0] ^ mask[0]) & 3) + 1;
    SIM_EXPECT(sim, datagram->data[number_at] == mask[1]);
    packet->number = 0;
    packet->frames_len = SPOOF_LEN - TAG_LEN - number_at - number_len;
    memcpy(packet->frames, datagram->data + number_at + number_len, packet->frames_len);
    crypt(sim, &keys, &header, packet->frames, packet->frames_len, NULL);
    while (packet->frames[packet->frames_len - 1] == 0) { /* padding */
        packet->frames_len--;
    }
}
