/*
 * Postcard, the binary format of iroh's tickets: numbers are little-endian base-128 varints, a
 * sequence is a count and its items.  https://postcard.jamesmunns.com/wire-format
 *
 * Both cursors may be driven without a look at each step: a mistake stays, the first one counts,
 * and every later read yields zeros.
 */
#ifndef IQ_POSTCARD_H
#define IQ_POSTCARD_H

#include <stddef.h>
#include <stdint.h>

#include "iq/bytes.h"

/* Reads bytes that belong to the caller. */
struct iq_postcard_reader {
    const uint8_t *data;
    size_t len;
    size_t pos;          /* of the next byte; of what is wrong, once something is */
    const char *mistake; /* NULL if all is well; else one clause for a person, valid for ever */
};

struct iq_postcard_reader iq_postcard_reader(const uint8_t *data, size_t len);

/* Makes `what` the reader's mistake, at the index `where`, unless it has one. */
void iq_postcard_refuse(struct iq_postcard_reader *reader, size_t where, const char *what);

/*
 * A number of `bits` bits, which are 16, 32 or 64.  It may be written longer than it must be, but
 * never longer than the largest one.  `what_if_larger` is the mistake if it is larger.
 */
uint64_t iq_postcard_read_varint(struct iq_postcard_reader *reader, unsigned bits,
                                 const char *what_if_larger);

/* The number of items that follow, of at least `min_item_len` bytes each.  Refuses a number that
 * the remaining bytes cannot hold, so that memory for the items may be allocated. */
size_t iq_postcard_read_count(struct iq_postcard_reader *reader, size_t min_item_len);

/* The next `len` bytes; empty after a mistake.  They stay those of the caller. */
struct iq_bytes iq_postcard_read_array(struct iq_postcard_reader *reader, size_t len);

/* The same with the length in front; the second one refuses what is not UTF-8. */
struct iq_bytes iq_postcard_read_bytes(struct iq_postcard_reader *reader);
struct iq_bytes iq_postcard_read_str(struct iq_postcard_reader *reader);

/* Writes to `size` bytes of the caller's.  What does not fit is counted, but not written: with a
 * size of 0 a writer measures. */
struct iq_postcard_writer {
    uint8_t *data;
    size_t size;
    size_t len; /* bytes that all took so far */
};

struct iq_postcard_writer iq_postcard_writer(uint8_t *data, size_t size);

void iq_postcard_write_varint(struct iq_postcard_writer *writer, uint64_t number);
void iq_postcard_write_array(struct iq_postcard_writer *writer, const uint8_t *data, size_t len);
void iq_postcard_write_bytes(struct iq_postcard_writer *writer, struct iq_bytes bytes);

#endif
