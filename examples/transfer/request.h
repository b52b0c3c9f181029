/*
 * The request of the example "transfer", as iroh's writes it: a length of four bytes, big-endian,
 * then an enum of Rust in postcard (https://postcard.jamesmunns.com/wire-format):
 *
 *     Download(Size(bytes)) | Download(Duration(microseconds)) | Upload
 */
#ifndef REQUEST_H
#define REQUEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Both in the order in which postcard numbers them. */
enum request_kind { REQUEST_DOWNLOAD, REQUEST_UPLOAD };
enum length_unit { LENGTH_BYTES, LENGTH_MICROSECONDS };

/* How much data, or for how long. */
struct length {
    enum length_unit unit;
    uint64_t amount;
};

struct request {
    enum request_kind kind;
    struct length length; /* of a download; who uploads knows it, and does not say */
};

#define REQUEST_SIZE 16 /* bytes at most: the length, two tags and a number of 64 bits */

/* Returns how many bytes it wrote. */
size_t request_write(const struct request *request, uint8_t data[REQUEST_SIZE]);

enum request_state { REQUEST_BEGUN, REQUEST_COMPLETE, REQUEST_INVALID };

/* What the first `len` bytes of a stream are, at most REQUEST_SIZE: a request, the beginning of
 * one, or neither.  `request` is written only if it is complete. */
enum request_state request_read(struct request *request, const uint8_t *data, size_t len);

#endif
