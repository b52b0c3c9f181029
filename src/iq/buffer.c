/*
 * A queue of bytes: a chain of chunks, filled at the last and emptied at the first.
 *
 * A chunk that is empty is given up at once, so that a stream which waits holds no memory.  The
 * largest ones go to a pool: malloc() gives the pages of a busy stream back to the system and
 * fetches them again all the time, which took a tenth of an echo's time.
 */
#include "buffer.h"

#include <stdlib.h>
#include <string.h>

struct iq_chunk {
    struct iq_chunk *next;
    size_t size;  /* of `data` */
    size_t begin; /* data[begin] to data[end - 1] are held */
    size_t end;
    uint8_t data[];
};

/* What one allocation takes, the head of the chunk included: a quiet stream costs little, and a
 * busy one has few chunks. */
#define MIN_ALLOCATION 256
#define MAX_ALLOCATION 16384
#define GROWTH         4

static size_t min_size(size_t a, size_t b) { return a < b ? a : b; }

/* The pool */

static void *take(struct iq_chunk_pool *pool, size_t allocation)
{
    struct iq_chunk *chunk = pool->first;

    if (allocation != MAX_ALLOCATION || chunk == NULL) {
        return malloc(allocation);
    }
    pool->first = chunk->next;
    pool->count--;
    return chunk;
}

static void give_up(struct iq_chunk_pool *pool, struct iq_chunk *chunk)
{
    pool->used -= sizeof(*chunk) + chunk->size;
    if (sizeof(*chunk) + chunk->size != MAX_ALLOCATION || pool->count == IQ_CHUNK_POOL_MAX) {
        free(chunk);
        return;
    }
    chunk->next = pool->first;
    pool->first = chunk;
    pool->count++;
}

static void give_up_chain(struct iq_chunk_pool *pool, struct iq_chunk *chunk)
{
    while (chunk != NULL) {
        struct iq_chunk *next = chunk->next;

        give_up(pool, chunk);
        chunk = next;
    }
}

void iq_chunk_pool_release(struct iq_chunk_pool *pool)
{
    while (pool->first != NULL) {
        struct iq_chunk *next = pool->first->next;

        free(pool->first);
        pool->first = next;
    }
    pool->count = 0;
}

/* Buffers */

void iq_buffer_init(struct iq_buffer *buffer, struct iq_chunk_pool *pool)
{
    *buffer = (struct iq_buffer){.pool = pool};
}

void iq_buffer_release(struct iq_buffer *buffer)
{
    give_up_chain(buffer->pool, buffer->first);
    iq_buffer_init(buffer, buffer->pool);
}

/* A chunk for `len` bytes or the first of them.  It is larger than `last`, because a buffer that
 * gets a second chunk will likely get more. */
static struct iq_chunk *new_chunk(struct iq_chunk_pool *pool, const struct iq_chunk *last,
                                  size_t len)
{
    struct iq_chunk *chunk;
    size_t allocation = last == NULL
                            ? MIN_ALLOCATION
                            : min_size(GROWTH * (sizeof(*last) + last->size), MAX_ALLOCATION);

    while (allocation < MAX_ALLOCATION && allocation - sizeof(*chunk) < len) {
        allocation *= 2;
    }
    chunk = take(pool, allocation);
    if (chunk != NULL) {
        *chunk = (struct iq_chunk){.size = allocation - sizeof(*chunk)};
        pool->used += allocation;
    }
    return chunk;
}

/* Chunks with room for `len` bytes, to follow `last`; NULL without memory. */
static struct iq_chunk *new_chain(struct iq_chunk_pool *pool, const struct iq_chunk *last,
                                  size_t len)
{
    struct iq_chunk *chain = NULL;
    struct iq_chunk **link = &chain;

    while (len > 0) {
        *link = new_chunk(pool, last, len);
        if (*link == NULL) {
            give_up_chain(pool, chain);
            return NULL;
        }
        last = *link;
        len -= min_size(len, last->size);
        link = &(*link)->next;
    }
    return chain;
}

/* Makes the buffer's chunks, the free end of the last included, have room for `len` bytes more.
 * Returns the first chunk to fill. */
static struct iq_chunk *make_room(struct iq_buffer *buffer, size_t len)
{
    struct iq_chunk *last = buffer->last;
    size_t room = last == NULL ? 0 : last->size - last->end;
    struct iq_chunk *chain;

    if (len <= room) {
        return last;
    }
    chain = new_chain(buffer->pool, last, len - room);
    if (chain == NULL) {
        return NULL;
    }
    if (last == NULL) {
        buffer->first = chain;
        return chain;
    }
    last->next = chain;
    return last;
}

int iq_buffer_append(struct iq_buffer *buffer, const void *data, size_t len)
{
    const uint8_t *from = data;
    struct iq_chunk *chunk;

    if (len == 0) {
        return 0;
    }
    chunk = make_room(buffer, len);
    if (chunk == NULL) {
        return IQ_ERR_NOMEM;
    }
    buffer->len += len;
    for (; len > 0; chunk = chunk->next) {
        size_t count = min_size(len, chunk->size - chunk->end);

        memcpy(chunk->data + chunk->end, from, count);
        chunk->end += count;
        from += count;
        len -= count;
        buffer->last = chunk;
    }
    return 0;
}

struct iq_bytes iq_buffer_peek(const struct iq_buffer *buffer)
{
    const struct iq_chunk *first = buffer->first;

    if (first == NULL) {
        return (struct iq_bytes){0};
    }
    return (struct iq_bytes){.data = first->data + first->begin, .len = first->end - first->begin};
}

/* Where the byte at `offset` is: in the chunk that the mark is set to, or behind it. */
static void set_mark(struct iq_buffer *buffer, size_t offset)
{
    if (buffer->mark == NULL || offset < buffer->mark_offset) {
        buffer->mark = buffer->first;
        buffer->mark_offset = 0;
    }
    while (buffer->mark != buffer->last &&
           offset - buffer->mark_offset >= buffer->mark->end - buffer->mark->begin) {
        buffer->mark_offset += buffer->mark->end - buffer->mark->begin;
        buffer->mark = buffer->mark->next;
    }
}

size_t iq_buffer_gather(struct iq_buffer *buffer, size_t offset, size_t enough,
                        struct iq_bytes *pieces, size_t count)
{
    const struct iq_chunk *chunk;
    size_t filled = 0, len = 0, skip;

    if (offset >= buffer->len) {
        return 0;
    }
    set_mark(buffer, offset);
    skip = offset - buffer->mark_offset;
    for (chunk = buffer->mark; chunk != NULL && filled < count && len < enough;
         chunk = chunk->next) {
        pieces[filled].data = chunk->data + chunk->begin + skip;
        pieces[filled].len = chunk->end - chunk->begin - skip;
        len += pieces[filled++].len;
        skip = 0;
    }
    return filled;
}

void iq_buffer_drop(struct iq_buffer *buffer, size_t len)
{
    len = min_size(len, buffer->len);
    buffer->len -= len;
    buffer->mark_offset -= min_size(len, buffer->mark_offset);
    while (len > 0) {
        struct iq_chunk *first = buffer->first;
        size_t count = min_size(len, first->end - first->begin);

        first->begin += count;
        len -= count;
        if (first->begin == first->end) {
            buffer->first = first->next;
            buffer->mark = buffer->mark == first ? NULL : buffer->mark;
            give_up(buffer->pool, first);
        }
    }
    if (buffer->first == NULL) {
        buffer->last = NULL;
    }
}
