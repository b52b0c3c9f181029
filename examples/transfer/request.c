/* Requests from and to bytes. */
#include "request.h"

#define HEADER_LEN 4

/* Seven bits a byte, the lowest first; the top bit says that there are more. */
static size_t write_number(uint8_t *data, uint64_t number)
{
    size_t len = 0;

    for (; number > 0x7f; number >>= 7) {
        data[len++] = (uint8_t)(number | 0x80);
    }
    data[len++] = (uint8_t)number;
    return len;
}

/* A number of at most 64 bits, which ends where the data does. */
static bool read_number(uint64_t *number, const uint8_t *data, size_t len)
{
    *number = 0;
    for (size_t i = 0; i < len && i < 10; i++) {
        const uint64_t bits = data[i] & 0x7f;

        if (i == 9 && bits > 1) {
            return false;
        }
        *number |= bits << (7 * i);
        if (data[i] < 0x80) {
            return i + 1 == len;
        }
    }
    return false;
}

size_t request_write(const struct request *request, uint8_t data[REQUEST_SIZE])
{
    size_t len = HEADER_LEN;

    data[len++] = (uint8_t)request->kind;
    if (request->kind == REQUEST_DOWNLOAD) {
        data[len++] = (uint8_t)request->length.unit;
        len += write_number(data + len, request->length.amount);
    }
    data[0] = data[1] = data[2] = 0;
    data[3] = (uint8_t)(len - HEADER_LEN);
    return len;
}

static enum request_state read_body(struct request *request, const uint8_t *body, size_t len)
{
    uint64_t amount;

    if (len == 1 && body[0] == REQUEST_UPLOAD) {
        *request = (struct request){.kind = REQUEST_UPLOAD};
        return REQUEST_COMPLETE;
    }
    if (len < 3 || body[0] != REQUEST_DOWNLOAD || body[1] > LENGTH_MICROSECONDS ||
        !read_number(&amount, body + 2, len - 2)) {
        return REQUEST_INVALID;
    }
    *request = (struct request){REQUEST_DOWNLOAD, {(enum length_unit)body[1], amount}};
    return REQUEST_COMPLETE;
}

enum request_state request_read(struct request *request, const uint8_t *data, size_t len)
{
    uint32_t body_len;

    if (len < HEADER_LEN) {
        return REQUEST_BEGUN;
    }
    body_len = (uint32_t)data[0] << 24 | (uint32_t)data[1] << 16 | (uint32_t)data[2] << 8 | data[3];
    if (body_len > REQUEST_SIZE - HEADER_LEN) { /* before anybody waits for it, or allocates it */
        return REQUEST_INVALID;
    }
    if (len < HEADER_LEN + body_len) {
        return REQUEST_BEGUN;
    }
    return read_body(request, data + HEADER_LEN, body_len);
}
