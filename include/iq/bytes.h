/* Bytes that belong to someone else, valid as long as the function that returns them says. */
#ifndef IQ_BYTES_H
#define IQ_BYTES_H

#include <stddef.h>
#include <stdint.h>

struct iq_bytes {
    const uint8_t *data;
    size_t len;
};

#endif
