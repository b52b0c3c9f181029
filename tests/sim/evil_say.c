/*
 * Packets of a raw peer that are not as ngtcp2 makes them.
 *
 * ngtcp2 numbers the packet, protects it and hears of its acknowledgement, but what it puts into it
 * is replaced on the way into the cipher.
 */
#include <assert.h>
#include <string.h>

#include "evil.h"

#define TRIES_MAX 1000

/* A story has one thread, and a packet is made in one call. */
static struct evil *speaking;
static uint8_t mask_bits; /* of the packet that has just been encrypted */

void evil_note_speaking(struct evil *self) { speaking = self; }

/* RFC 9000, section 17 */
static enum evil_level level_of(uint8_t first_byte)
{
    if ((first_byte & 0x80) == 0) {
        return EVIL_ONE_RTT;
    }
    return (first_byte & 0x30) == 0x20 ? EVIL_HANDSHAKE : EVIL_INITIAL;
}

static bool is_wanted(const struct evil *self, enum evil_level level)
{
    const struct evil_packet *wanted = &self->wanted[level];

    return wanted->frames.len > 0 || wanted->find.len > 0 || wanted->header_bits != 0;
}

static uint8_t *find(uint8_t *bytes, size_t len, const struct iq_bytes *wanted)
{
    for (; len >= wanted->len; bytes++, len--) {
        if (memcmp(bytes, wanted->data, wanted->len) == 0) {
            return bytes;
        }
    }
    return NULL;
}

/* False, and all is as it was, if that cannot be done to this payload. */
static bool change(uint8_t *payload, size_t len, const struct evil_packet *wanted)
{
    uint8_t *place;

    if (wanted->frames.len > len) {
        return false;
    }
    if (wanted->frames.len > 0) {
        memset(payload, 0, len);
        memcpy(payload, wanted->frames.data, wanted->frames.len);
    }
    if (wanted->find.len > 0) {
        place = find(payload, len, &wanted->find);
        if (place == NULL) {
            return false;
        }
        memcpy(place, wanted->put.data, wanted->find.len);
    }
    return true;
}

int evil_encrypt(uint8_t *dest, const ngtcp2_crypto_aead *aead,
                 const ngtcp2_crypto_aead_ctx *aead_ctx, const uint8_t *plain, size_t len,
                 const uint8_t *nonce, size_t nonce_len, const uint8_t *header, size_t header_len)
{
    const enum evil_level level = level_of(header[0]);
    uint8_t payload[1452], flipped[1452];

    assert(len <= sizeof(payload) && header_len <= sizeof(flipped));
    memcpy(payload, plain, len);
    memcpy(flipped, header, header_len);
    /* The integrity tag of a Retry is made of no payload. */
    if (len > 0 && is_wanted(speaking, level) && change(payload, len, &speaking->wanted[level])) {
        mask_bits = speaking->wanted[level].header_bits;
        flipped[0] ^= mask_bits; /* it is authenticated as it will be read */
        speaking->wanted[level] = (struct evil_packet){0};
    }
    return ngtcp2_crypto_encrypt_cb(dest, aead, aead_ctx, payload, len, nonce, nonce_len, flipped,
                                    header_len);
}

/* Follows the encryption of the packet at once. */
int evil_hp_mask(uint8_t *dest, const ngtcp2_crypto_cipher *cipher,
                 const ngtcp2_crypto_cipher_ctx *cipher_ctx, const uint8_t *sample)
{
    const int rc = ngtcp2_crypto_hp_mask_cb(dest, cipher, cipher_ctx, sample);

    dest[0] ^= mask_bits;
    mask_bits = 0;
    return rc;
}

/* Lets ngtcp2 make a packet of that level, with at least so many bytes: returns its length, or what
 * ngtcp2 returns for want of one.  A DATAGRAM is sent once; bytes of CRYPTO that are found lost
 * would follow. */
static ngtcp2_ssize write_packet(struct evil *self, enum evil_level level, ngtcp2_path *path,
                                 uint8_t packet[1200], size_t len)
{
    static const uint8_t filler[FRAMES_MAX];
    const uint64_t now_ns = self->node->sim->now_ns;
    ngtcp2_pkt_info info;
    int taken;

    evil_note_speaking(self);
    if (level != EVIL_ONE_RTT) {
        return ngtcp2_conn_write_pkt(self->quic, path, &info, packet, 1200, now_ns);
    }
    return ngtcp2_conn_write_datagram(self->quic, path, &info, packet, 1200, &taken, 0, 0, filler,
                                      len, now_ns);
}

static void submit_crypto(struct evil *self, enum evil_level level, size_t len)
{
    static const uint8_t filler[FRAMES_MAX];
    const ngtcp2_encryption_level of_quic =
        level == EVIL_INITIAL ? NGTCP2_ENCRYPTION_LEVEL_INITIAL : NGTCP2_ENCRYPTION_LEVEL_HANDSHAKE;

    if (level != EVIL_ONE_RTT) {
        SIM_EXPECT(self->node->sim,
                   ngtcp2_conn_submit_crypto_data(self->quic, of_quic, filler, len) == 0);
    }
}

void evil_say_at(struct evil *self, enum evil_level level, const struct evil_packet *packet)
{
    const size_t len = packet->frames.len == 0 ? 1 : packet->frames.len;
    struct sim *sim = self->node->sim;
    ngtcp2_path_storage path;
    uint8_t bytes[1200];
    unsigned tries;

    SIM_EXPECT(sim, len <= FRAMES_MAX && !is_wanted(self, level));
    if (self->closed_count > 0) {
        return;
    }
    self->wanted[level] = *packet;
    submit_crypto(self, level, len);
    ngtcp2_path_storage_zero(&path);
    for (tries = 0; is_wanted(self, level) && self->closed_count == 0; tries++) {
        const ngtcp2_ssize n = write_packet(self, level, &path.path, bytes, len);

        SIM_EXPECT(sim, tries < TRIES_MAX);
        if (n > 0) {
            evil_send(self, &path.path, bytes, (size_t)n);
        } else if (n < 0) {
            evil_fail(self, (int)n);
        } else {
            sim_run_for(sim, SIM_MILLISECOND);
        }
    }
}

void evil_say(struct evil *self, const void *frames, size_t len)
{
    const struct evil_packet packet = {.frames = {.data = frames, .len = len}};

    evil_say_at(self, EVIL_ONE_RTT, &packet);
}
