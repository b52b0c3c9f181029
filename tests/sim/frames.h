/* Writes the frames of RFC 9000, section 19, or what looks like them. */
#ifndef SIM_FRAMES_H
#define SIM_FRAMES_H

#include <stddef.h>
#include <stdint.h>

#include "iq/bytes.h"

#define FRAMES_MAX                                                                                 \
    1150 /* bytes: so many are in a packet of 1,200 together with everything else                  \
          */

struct frames {
    uint8_t data[FRAMES_MAX];
    size_t len;
};

/* Each ends the program if there is no room for it. */
void frames_put_bytes(struct frames *frames, const void *data, size_t len);
void frames_put_numbers(struct frames *frames, const uint64_t *numbers, size_t count);

/* A frame of nothing but variable-length integers, the first of which is its type. */
#define FRAMES_PUT(frames, ...)                                                                    \
    frames_put_numbers((frames), (const uint64_t[]){__VA_ARGS__},                                  \
                       sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

void frames_put_crypto(struct frames *frames, uint64_t offset, const void *data, size_t len);

/* With an offset and a length. */
void frames_put_stream(struct frames *frames, uint64_t id, uint64_t offset, const void *data,
                       size_t len);

/* NEW_CONNECTION_ID whose id of 8 bytes, and its token, follow from the number. */
void frames_put_new_cid(struct frames *frames, uint64_t number, uint64_t retire_prior_to);

/* PATH_CHALLENGE whose data follow from the number. */
void frames_put_challenge(struct frames *frames, uint64_t number);

static inline struct iq_bytes frames_bytes(const struct frames *frames)
{
    return (struct iq_bytes){.data = frames->data, .len = frames->len};
}

#endif
