/*
 * A queue of bytes in chunks, for the two directions of a stream.
 *
 * Bytes are appended at the end and dropped from the front, and never move in between: what has
 * been given to ngtcp2 for sending must stay where it is until it is acknowledged.  Chunks are as
 * small as what they hold (a stream with one byte costs little), and grow to 16 KiB when a stream
 * is busy.
 */
#ifndef IQ_BUFFER_H
#define IQ_BUFFER_H

#include <stddef.h>
#include <stdint.h>

#include "iq/bytes.h"
#include "iq/error.h"

struct iq_chunk;

/* Chunks that are not in use, for the buffers of one endpoint.  All zero is an empty one. */
struct iq_chunk_pool {
    struct iq_chunk *first;
    size_t count;
    uint64_t used; /* bytes of chunks that are in use, by all buffers together */
};

#define IQ_CHUNK_POOL_MAX 256 /* 4 MiB */

void iq_chunk_pool_release(struct iq_chunk_pool *pool); /* after the last buffer */

struct iq_buffer {
    struct iq_chunk_pool *pool;
    struct iq_chunk *first;
    struct iq_chunk *last;
    size_t len;            /* bytes held */
    struct iq_chunk *mark; /* where the latest gathering began, NULL: nowhere */
    size_t mark_offset;    /* bytes held before that chunk */
};

void iq_buffer_init(struct iq_buffer *buffer, struct iq_chunk_pool *pool);
void iq_buffer_release(struct iq_buffer *buffer); /* frees all it holds; may be used again */

/* Copies `len` bytes to the end: all or, with IQ_ERR_NOMEM, none. */
IQ_MUST_CHECK int iq_buffer_append(struct iq_buffer *buffer, const void *data, size_t len);

/* The first bytes, as many as lie together; empty if there are none. */
struct iq_bytes iq_buffer_peek(const struct iq_buffer *buffer);

/* Fills up to `count` entries of `pieces` with the bytes from `offset` on, until there are `enough`
 * of them, and returns how many it filled.  They stay valid until they are dropped.  To go on where
 * the call before ended takes no time, however many bytes lie before that. */
size_t iq_buffer_gather(struct iq_buffer *buffer, size_t offset, size_t enough,
                        struct iq_bytes *pieces, size_t count);

/* Drops `len` bytes, at most all, from the front. */
void iq_buffer_drop(struct iq_buffer *buffer, size_t len);

#endif
