#include "spoof.h"

#include <string.h>

#include "../initial.h"

#define NUMBER_LEN 4

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
    struct initial initial = {.len = SPOOF_LEN};

    initial.number_at = (size_t)(put_header(packet, initial.packet) - initial.packet);
    initial.payload_at = initial.number_at + NUMBER_LEN;
    SIM_EXPECT(sim, initial.payload_at + packet->frames_len + INITIAL_TAG_LEN <= SPOOF_LEN);
    memcpy(initial.packet + initial.payload_at, packet->frames, packet->frames_len);
    initial_seal(datagram, &initial);
}

static const uint8_t *get_cid(const uint8_t *at, ngtcp2_cid *cid)
{
    ngtcp2_cid_init(cid, at + 1, at[0]);
    return at + 1 + at[0];
}

void spoof_open(const struct sim *sim, struct spoof *packet, const struct iq_datagrams *datagram)
{
    struct initial initial;
    size_t i;

    SIM_EXPECT(sim,
               datagram->len == SPOOF_LEN && initial_open(&initial, datagram->data, datagram->len));
    (void)get_cid(get_cid(initial.packet + INITIAL_DCID_AT - 1, &packet->dcid), &packet->scid);
    packet->number = 0;
    for (i = initial.number_at; i < initial.payload_at; i++) {
        packet->number = packet->number << 8 | initial.packet[i];
    }
    packet->frames_len = initial.len - INITIAL_TAG_LEN - initial.payload_at;
    memcpy(packet->frames, initial.packet + initial.payload_at, packet->frames_len);
    while (packet->frames[packet->frames_len - 1] == 0) { /* padding */
        packet->frames_len--;
    }
}
