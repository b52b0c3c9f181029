#include "frames.h"

#include <assert.h>
#include <string.h>

void frames_put_bytes(struct frames *frames, const void *data, size_t len)
{
    assert(len <= sizeof(frames->data) - frames->len);
    if (len > 0) {
        memcpy(frames->data + frames->len, data, len);
        frames->len += len;
    }
}

/* RFC 9000, section 16 */
static void put_number(struct frames *frames, uint64_t number)
{
    const unsigned log = number < 1U << 6 ? 0 : number < 1U << 14 ? 1 : number < 1U << 30 ? 2 : 3;
    const size_t len = (size_t)1 << log;
    uint8_t bytes[8];
    size_t i;

    assert(number < UINT64_C(1) << 62);
    for (i = 0; i < len; i++) {
        bytes[i] = (uint8_t)(number >> 8 * (len - 1 - i));
    }
    bytes[0] |= (uint8_t)(log << 6);
    frames_put_bytes(frames, bytes, len);
}

void frames_put_numbers(struct frames *frames, const uint64_t *numbers, size_t count)
{
    size_t i;

    for (i = 0; i < count; i++) {
        put_number(frames, numbers[i]);
    }
}

void frames_put_crypto(struct frames *frames, uint64_t offset, const void *data, size_t len)
{
    FRAMES_PUT(frames, 0x06, offset, len);
    frames_put_bytes(frames, data, len);
}

void frames_put_stream(struct frames *frames, uint64_t id, uint64_t offset, const void *data,
                       size_t len)
{
    FRAMES_PUT(frames, 0x0e, id, offset, len);
    frames_put_bytes(frames, data, len);
}

void frames_put_new_cid(struct frames *frames, uint64_t number, uint64_t retire_prior_to)
{
    uint8_t cid[8] = "evil", token[16] = "token";

    memcpy(cid + 4, &number, 4);
    memcpy(token + 8, &number, sizeof(number));
    FRAMES_PUT(frames, 0x18, number, retire_prior_to, sizeof(cid));
    frames_put_bytes(frames, cid, sizeof(cid));
    frames_put_bytes(frames, token, sizeof(token));
}

void frames_put_challenge(struct frames *frames, uint64_t number)
{
    FRAMES_PUT(frames, 0x1a);
    frames_put_bytes(frames, &number, sizeof(number));
}
