/*
 * A binary heap of deadlines: which of many things wants to be woken first.
 *
 * The entries live inside the things; setting, changing and taking one out costs the logarithm of
 * their number.
 */
#ifndef IQ_HEAP_H
#define IQ_HEAP_H

#include <stddef.h>
#include <stdint.h>

#include "iq/error.h"

#define IQ_NEVER UINT64_MAX /* a deadline that does not come */

struct iq_heap_entry {
    uint64_t deadline_ns; /* read it, and set it with iq_heap_set(); IQ_NEVER once taken out */
    size_t place;         /* 0: not in a heap, as in a new entry; else its index plus one */
};

struct iq_heap {
    struct iq_heap_entry **entries;
    size_t count;
    size_t capacity;
};

void iq_heap_init(struct iq_heap *heap);
void iq_heap_release(struct iq_heap *heap); /* takes its entries out; may be used again */

/* Makes room for `count` entries in all, so that iq_heap_set() cannot fail.  IQ_ERR_NOMEM. */
IQ_MUST_CHECK int iq_heap_reserve(struct iq_heap *heap, size_t count);

/* Puts the entry in, or changes its deadline.  IQ_NEVER takes it out.  A new entry needs reserved
 * room. */
void iq_heap_set(struct iq_heap *heap, struct iq_heap_entry *entry, uint64_t deadline_ns);

/* The entry with the earliest deadline, NULL if there is none. */
struct iq_heap_entry *iq_heap_first(const struct iq_heap *heap);

#endif
