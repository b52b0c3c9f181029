/*
 * Memory that runs out when a test says so, and that is counted.
 *
 * The program is linked with --wrap for the four functions, which leads the library's calls here.
 * Include it in one file of a program only.
 */
#ifndef SCARCE_MEMORY_H
#define SCARCE_MEMORY_H

#include <limits.h>
#include <stddef.h>

static struct {
    unsigned allowed_count; /* allocations that succeed from now on; UINT_MAX for all */
    unsigned made_count;    /* allocations that have succeeded */
    unsigned live_count;    /* of these, the ones that were not freed */
    size_t largest_size;    /* of all allocations by malloc() */
} memory = {.allowed_count = UINT_MAX};

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __wrap_free(void *block);

static inline int memory_is_left(void)
{
    if (memory.allowed_count == 0) {
        return 0;
    }
    if (memory.allowed_count != UINT_MAX) {
        memory.allowed_count--;
    }
    memory.made_count++;
    return 1;
}

void *__wrap_malloc(size_t size)
{
    if (!memory_is_left()) {
        return NULL;
    }
    memory.live_count++;
    memory.largest_size = size > memory.largest_size ? size : memory.largest_size;
    return __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    if (!memory_is_left()) {
        return NULL;
    }
    memory.live_count++;
    return __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    if (!memory_is_left()) {
        return NULL;
    }
    memory.live_count += old == NULL;
    return __real_realloc(old, size);
}

void __wrap_free(void *block)
{
    memory.live_count -= block != NULL;
    __real_free(block);
}

/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

#endif
