/* Counts the bytes that are allocated, and denies some. */
#include "memory.h"

#include <errno.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The linker sets these names. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
void *__real_malloc(size_t size);
void *__real_calloc(size_t number, size_t size);
void *__real_realloc(void *old, size_t size);
int __real_posix_memalign(void **block, size_t alignment, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void __real_free(void *block);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t number, size_t size);
void *__wrap_realloc(void *old, size_t size);
int __wrap_posix_memalign(void **block, size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void __wrap_free(void *block);
char *__wrap_strdup(const char *text);

static size_t live_bytes;
static size_t live_blocks;

static struct {
    uint64_t count, first, last;
    uint64_t latest_denied;
} asked;

/* Counts one allocation, and tells whether it is one that fails. */
static bool is_denied(void)
{
    const uint64_t number = ++asked.count;

    if (number < asked.first || number > asked.last) {
        return false;
    }
    asked.latest_denied = number;
    errno = ENOMEM;
    return true;
}

static void *count(void *block)
{
    if (block != NULL) {
        live_bytes += malloc_usable_size(block);
        live_blocks++;
    }
    return block;
}

static void discount(void *block)
{
    if (block != NULL) {
        live_bytes -= malloc_usable_size(block);
        live_blocks--;
    }
}

void *__wrap_malloc(size_t size) { return is_denied() ? NULL : count(__real_malloc(size)); }

void *__wrap_calloc(size_t number, size_t size)
{
    return is_denied() ? NULL : count(__real_calloc(number, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (is_denied()) {
        return NULL;
    }
    discount(old);
    return count(__real_realloc(old, size));
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
    const int rc = is_denied() ? ENOMEM : __real_posix_memalign(block, alignment, size);

    if (rc == 0) {
        (void)count(*block);
    }
    return rc;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return is_denied() ? NULL : count(__real_aligned_alloc(alignment, size));
}

void __wrap_free(void *block)
{
    discount(block);
    __real_free(block);
}

char *__wrap_strdup(const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);

    return copy == NULL ? NULL : memcpy(copy, text, size);
}

static void *demand(void *block)
{
    if (block == NULL) {
        perror("the simulator needs memory");
        exit(2);
    }
    return block;
}

void *sim_alloc(size_t size) { return demand(__real_calloc(1, size)); }

void *sim_realloc(void *block, size_t size) { return demand(__real_realloc(block, size)); }

void sim_dealloc(void *block) { __real_free(block); }
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

size_t sim_live_bytes(void) { return live_bytes; }

size_t sim_live_blocks(void) { return live_blocks; }

void sim_deny_memory(uint64_t first, uint64_t last)
{
    asked.count = 0;
    asked.first = first;
    asked.last = first == 0 ? 0 : last;
}

uint64_t sim_allocation_count(void) { return asked.count; }

bool sim_is_memory_denied(void) { return asked.first != 0; }

uint64_t sim_latest_denied(void) { return asked.latest_denied; }
