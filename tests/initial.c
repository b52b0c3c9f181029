/* Headers of RFC 9000, section 17.2.2, and their protection of RFC 9001, section 5. */
#include "initial.h"

#include <string.h>

#include <openssl/evp.h>
#include <sodium.h>

#define KEY_LEN    16
#define SECRET_LEN crypto_auth_hmacsha256_BYTES
#define SAMPLE_LEN 16

#define DCID_LEN_AT (INITIAL_DCID_AT - 1)

struct keys {
    uint8_t key[KEY_LEN], iv[12], hp[KEY_LEN];
};

static void hmac(uint8_t out[SECRET_LEN], const uint8_t *key, size_t key_len, const uint8_t *data,
                 size_t len)
{
    crypto_auth_hmacsha256_state state;

    (void)crypto_auth_hmacsha256_init(&state, key, key_len);
    (void)crypto_auth_hmacsha256_update(&state, data, len);
    (void)crypto_auth_hmacsha256_final(&state, out);
}

/* HKDF-Expand-Label of RFC 8446, section 7.1, for up to one block. */
static void expand(uint8_t *out, size_t len, const uint8_t secret[SECRET_LEN], const char *label)
{
    uint8_t info[64] = {0, (uint8_t)len, (uint8_t)(6 + strlen(label))}, block[SECRET_LEN];
    size_t info_len = 3;

    memcpy(info + info_len, "tls13 ", 6);
    memcpy(info + info_len + 6, label, strlen(label));
    info_len += 6 + strlen(label);
    info[info_len++] = 0; /* no context */
    info[info_len++] = 1; /* the first block: RFC 5869, section 2.3 */
    hmac(block, secret, SECRET_LEN, info, info_len);
    memcpy(out, block, len);
}

static void derive(struct keys *keys, const struct initial *of)
{
    static const uint8_t salt[] = {0x38, 0x76, 0x2c, 0xf7, 0xf5, 0x59, 0x34, 0xb3, 0x4d, 0x17,
                                   0x9a, 0xe6, 0xa4, 0xc8, 0x0c, 0xad, 0xcc, 0xbb, 0x7f, 0x0a};
    uint8_t initial[SECRET_LEN], client[SECRET_LEN];

    hmac(initial, salt, sizeof(salt), of->packet + INITIAL_DCID_AT, of->packet[DCID_LEN_AT]);
    expand(client, sizeof(client), initial, "client in");
    expand(keys->key, sizeof(keys->key), client, "quic key");
    expand(keys->iv, sizeof(keys->iv), client, "quic iv");
    expand(keys->hp, sizeof(keys->hp), client, "quic hp");
}

/* RFC 9001, section 5.4.3. */
static void make_mask(uint8_t mask[SAMPLE_LEN], const struct keys *keys, const uint8_t *sample)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int len;

    (void)EVP_EncryptInit_ex(ctx, EVP_aes_128_ecb(), NULL, keys->hp, NULL);
    (void)EVP_EncryptUpdate(ctx, mask, &len, sample, SAMPLE_LEN);
    EVP_CIPHER_CTX_free(ctx);
}

/* Encrypts or decrypts what is behind the header in its place, and writes or checks the tag. */
static bool crypt_payload(struct initial *initial, const struct keys *keys, int encrypts)
{
    uint8_t *payload = initial->packet + initial->payload_at;
    const int payload_len = (int)(initial->len - INITIAL_TAG_LEN - initial->payload_at);
    uint8_t *tag = payload + payload_len;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    uint8_t nonce[sizeof(keys->iv)];
    bool done;
    int len;

    memcpy(nonce, keys->iv, sizeof(nonce));
    for (size_t i = initial->number_at; i < initial->payload_at; i++) {
        nonce[sizeof(nonce) - (initial->payload_at - i)] ^= initial->packet[i];
    }
    (void)EVP_CipherInit_ex(ctx, EVP_aes_128_gcm(), NULL, keys->key, nonce, encrypts);
    if (encrypts == 0) {
        (void)EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, INITIAL_TAG_LEN, tag);
    }
    (void)EVP_CipherUpdate(ctx, NULL, &len, initial->packet, (int)initial->payload_at);
    (void)EVP_CipherUpdate(ctx, payload, &len, payload, payload_len);
    done = EVP_CipherFinal_ex(ctx, payload + len, &len) == 1;
    if (encrypts == 1) {
        (void)EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, INITIAL_TAG_LEN, tag);
    }
    EVP_CIPHER_CTX_free(ctx);
    return done;
}

/* Where the packet number is; 0 if this is no Initial without a token. */
static size_t find_number(const uint8_t *packet, size_t len)
{
    const size_t scid_len_at = DCID_LEN_AT + 1 + (len > DCID_LEN_AT ? packet[DCID_LEN_AT] : 0U);
    size_t token_len_at;

    if (len < 1200 || (packet[0] & 0xf0) != 0xc0 || scid_len_at > DCID_LEN_AT + 21) {
        return 0;
    }
    token_len_at = scid_len_at + 1 + packet[scid_len_at];
    if (token_len_at > scid_len_at + 21 || packet[token_len_at] != 0) {
        return 0;
    }
    /* The length is one of 1, 2, 4 or 8 bytes: RFC 9000, section 16. */
    return token_len_at + 1 + ((size_t)1 << (packet[token_len_at + 1] >> 6));
}

bool initial_open(struct initial *initial, const uint8_t *datagram, size_t len)
{
    uint8_t mask[SAMPLE_LEN];
    struct keys keys;
    size_t i;

    if (len > INITIAL_MAX || find_number(datagram, len) == 0) {
        return false;
    }
    *initial = (struct initial){.len = len, .number_at = find_number(datagram, len)};
    memcpy(initial->packet, datagram, len);
    derive(&keys, initial);
    make_mask(mask, &keys, datagram + initial->number_at + 4);
    initial->packet[0] ^= mask[0] & 0x0f;
    initial->payload_at = initial->number_at + (initial->packet[0] & 0x03) + 1;
    for (i = initial->number_at; i < initial->payload_at; i++) {
        initial->packet[i] ^= mask[1 + i - initial->number_at];
    }
    return crypt_payload(initial, &keys, 0);
}

void initial_seal(uint8_t *packet, const struct initial *initial)
{
    struct initial sealed = *initial;
    uint8_t mask[SAMPLE_LEN];
    struct keys keys;
    size_t i;

    derive(&keys, initial);
    (void)crypt_payload(&sealed, &keys, 1);
    make_mask(mask, &keys, sealed.packet + sealed.number_at + 4);
    sealed.packet[0] ^= mask[0] & 0x0f;
    for (i = sealed.number_at; i < sealed.payload_at; i++) {
        sealed.packet[i] ^= mask[1 + i - sealed.number_at];
    }
    memcpy(packet, sealed.packet, sealed.len);
}
