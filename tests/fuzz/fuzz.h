/* What each of these programs has: libFuzzer, or replay.c, calls it with one input after another.
 */
#ifndef FUZZ_H
#define FUZZ_H

#undef NDEBUG /* the assertions are what these programs are for */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Returns 0; what must not be fails an assertion. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* The input as a string, in memory that ends with it so that a sanitizer sees what is read behind.
 * Free it. */
static inline char *fuzz_str(const uint8_t *data, size_t len)
{
    char *str = malloc(len + 1);

    assert(str != NULL);
    if (len > 0) {
        memcpy(str, data, len);
    }
    str[len] = '\0';
    return str;
}

#endif
