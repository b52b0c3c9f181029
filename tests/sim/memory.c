/* Counts the bytes that are allocated. */
#include "memory.h"

#include <malloc.h>
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

void *__wrap_malloc(size_t size) { return count(__real_malloc(size)); }

void *__wrap_calloc(size_t number, size_t size) { return count(__real_calloc(number, size)); }

void *__wrap_realloc(void *old, size_t size)
{
    discount(old);
    return count(__real_realloc(old, size));
}

int __wrap_posix_memalign(void **block, size_t alignment, size_t size)
{
    const int rc = __real_posix_memalign(block, alignment, size);

    if (rc == 0) {
        (void)count(*block);
    }
    return rc;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return count(__real_aligned_alloc(alignment, size));
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
