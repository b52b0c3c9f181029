/*
 * A binary heap: entries[i] is due no later than entries[2 * i + 1] and entries[2 * i + 2].
 *
 * Each entry knows its place, so that one whose deadline changes need not be searched for.
 */
#include "heap.h"

#include <assert.h>
#include <stdbool.h>
#include <stdlib.h>

void iq_heap_init(struct iq_heap *heap) { *heap = (struct iq_heap){0}; }

static void forget(struct iq_heap_entry *entry)
{
    entry->place = 0;
    entry->deadline_ns = IQ_NEVER;
}

void iq_heap_release(struct iq_heap *heap)
{
    for (size_t i = 0; i < heap->count; i++) {
        forget(heap->entries[i]);
    }
    free(heap->entries);
    iq_heap_init(heap);
}

int iq_heap_reserve(struct iq_heap *heap, size_t count)
{
    size_t capacity = 2 * heap->capacity; /* doubling: one entry more at a time stays cheap */
    struct iq_heap_entry **entries;

    if (count <= heap->capacity) {
        return 0;
    }
    if (capacity < count) {
        capacity = count;
    }
    if (capacity > SIZE_MAX / sizeof(*entries)) {
        return IQ_ERR_NOMEM;
    }
    entries = realloc(heap->entries, capacity * sizeof(*entries));
    if (entries == NULL) {
        return IQ_ERR_NOMEM;
    }
    heap->entries = entries;
    heap->capacity = capacity;
    return 0;
}

static void put(struct iq_heap *heap, struct iq_heap_entry *entry, size_t index)
{
    heap->entries[index] = entry;
    entry->place = index + 1;
}

/* Puts `entry` at the free place `index`, or as far above as it is due earlier. */
static void sift_up(struct iq_heap *heap, struct iq_heap_entry *entry, size_t index)
{
    while (index > 0) {
        size_t parent = (index - 1) / 2;

        if (heap->entries[parent]->deadline_ns <= entry->deadline_ns) {
            break;
        }
        put(heap, heap->entries[parent], index);
        index = parent;
    }
    put(heap, entry, index);
}

/* Puts `entry` at the free place `index`, or as far below as others are due earlier. */
static void sift_down(struct iq_heap *heap, struct iq_heap_entry *entry, size_t index)
{
    for (;;) {
        size_t child = 2 * index + 1;

        if (child + 1 < heap->count &&
            heap->entries[child + 1]->deadline_ns < heap->entries[child]->deadline_ns) {
            child++;
        }
        if (child >= heap->count || heap->entries[child]->deadline_ns >= entry->deadline_ns) {
            break;
        }
        put(heap, heap->entries[child], index);
        index = child;
    }
    put(heap, entry, index);
}

/* Puts `entry` at the free place `index`, above it or below it.  Only one of the two can be. */
static void settle(struct iq_heap *heap, struct iq_heap_entry *entry, size_t index)
{
    sift_up(heap, entry, index);
    sift_down(heap, entry, entry->place - 1);
}

/* The last entry fills the gap. */
static void take_out(struct iq_heap *heap, struct iq_heap_entry *entry)
{
    size_t index = entry->place - 1;
    struct iq_heap_entry *last = heap->entries[--heap->count];

    forget(entry);
    if (last != entry) {
        settle(heap, last, index);
    }
}

void iq_heap_set(struct iq_heap *heap, struct iq_heap_entry *entry, uint64_t deadline_ns)
{
    bool held = entry->place != 0;

    if (deadline_ns == IQ_NEVER) {
        if (held) {
            take_out(heap, entry);
        }
        entry->deadline_ns = IQ_NEVER;
        return;
    }
    entry->deadline_ns = deadline_ns;
    if (held) {
        settle(heap, entry, entry->place - 1);
        return;
    }
    assert(heap->count < heap->capacity);
    heap->count++;
    sift_up(heap, entry, heap->count - 1);
}

struct iq_heap_entry *iq_heap_first(const struct iq_heap *heap)
{
    return heap->count == 0 ? NULL : heap->entries[0];
}
