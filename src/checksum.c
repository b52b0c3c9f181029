/* Takes eight bytes at a time, wherever pieces begin and end: an echo comes back in other ones. */
#include "checksum.h"

#include <string.h>

#define MULTIPLIER UINT64_C(0x9e3779b97f4a7c15) /* odd: no step loses anything */

static void add_word(struct checksum *checksum, const uint8_t *data)
{
    uint64_t word;

    memcpy(&word, data, sizeof(word));
    checksum->sum = (checksum->sum ^ word) * MULTIPLIER;
    checksum->sum ^= checksum->sum >> 32;
}

/* Fills up the eight bytes that began before.  Returns how many it took. */
static size_t add_to_tail(struct checksum *checksum, const uint8_t *data, size_t len)
{
    const size_t at = checksum->len % sizeof(checksum->tail);
    const size_t room = sizeof(checksum->tail) - at;
    const size_t taken = len < room ? len : room;

    memcpy(checksum->tail + at, data, taken);
    if (taken == room) {
        add_word(checksum, checksum->tail);
    }
    checksum->len += taken;
    return taken;
}

void checksum_add(struct checksum *checksum, const uint8_t *data, size_t len)
{
    const uint8_t *const end = data + len;

    while (data < end) {
        if (checksum->len % 8 == 0 && end - data >= 8) {
            add_word(checksum, data);
            checksum->len += 8;
            data += 8;
        } else {
            data += add_to_tail(checksum, data, (size_t)(end - data));
        }
    }
}

bool checksum_equal(const struct checksum *a, const struct checksum *b)
{
    return a->len == b->len && a->sum == b->sum && memcmp(a->tail, b->tail, a->len % 8) == 0;
}
