/* Protocol names, as a dial offers them. */
#include "alpn.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static bool is_valid(const char *alpn)
{
    const size_t len = strlen(alpn);

    return len > 0 && len <= IQ_ALPN_MAX;
}

/* How many bytes of a list the names in `more` take; IQ_ERR_INVALID_ALPN. */
static int measure(size_t *size, const char *const *more)
{
    size_t count = 1; /* the dial's own comes before them */

    *size = 0;
    for (; more != NULL && *more != NULL; more++) {
        if (!is_valid(*more) || ++count > IQ_ALPNS_MAX) {
            return IQ_ERR_INVALID_ALPN;
        }
        *size += strlen(*more) + 1;
    }
    return 0;
}

/* Returns where the next name goes. */
static char *append(char *end, const char *alpn)
{
    const size_t size = strlen(alpn) + 1;

    memcpy(end, alpn, size);
    return end + size;
}

int iq_alpns_join(char **list, const char *first, const char *const *more)
{
    size_t size_of_more;
    char *self, *end;

    if (!is_valid(first) || measure(&size_of_more, more) != 0) {
        return IQ_ERR_INVALID_ALPN;
    }
    self = calloc(1, strlen(first) + 1 + size_of_more + 1);
    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    for (end = append(self, first); more != NULL && *more != NULL; more++) {
        end = append(end, *more);
    }
    *list = self;
    return 0;
}

int iq_alpns_copy(char **copy, const char *list)
{
    const char *end = list;
    char *self;

    while (*end != '\0') {
        end = iq_alpns_next(end);
    }
    self = malloc((size_t)(end - list) + 1);
    if (self == NULL) {
        return IQ_ERR_NOMEM;
    }
    memcpy(self, list, (size_t)(end - list) + 1);
    *copy = self;
    return 0;
}

const char *iq_alpns_next(const char *alpn) { return alpn + strlen(alpn) + 1; }

const char *iq_alpns_find(const char *list, const uint8_t *alpn, size_t len)
{
    for (; *list != '\0'; list = iq_alpns_next(list)) {
        if (strlen(list) == len && memcmp(list, alpn, len) == 0) {
            return list;
        }
    }
    return NULL;
}

size_t iq_alpns_encode(uint8_t *wire, const char *list)
{
    uint8_t *end = wire;

    for (; *list != '\0'; list++) {
        uint8_t *len = end++;

        for (; *list != '\0'; list++) {
            *end++ = (uint8_t)*list;
        }
        *len = (uint8_t)(end - len - 1);
    }
    return (size_t)(end - wire);
}

const uint8_t *iq_alpns_find_on_wire(const uint8_t *wire, size_t len, const char *alpn)
{
    const uint8_t *end = wire + len;
    const size_t alpn_len = strlen(alpn);

    while (wire < end && wire[0] < end - wire) {
        if (wire[0] == alpn_len && memcmp(wire + 1, alpn, alpn_len) == 0) {
            return wire + 1;
        }
        wire += 1 + wire[0];
    }
    return NULL;
}
