/*
 * The protocols that a ClientHello offers: what is found lies inside, and is what was looked for.
 *
 * The first byte is the length of the name that is looked for, which comes next; the rest is the
 * offer.
 */
#include "alpn.h"

#include "fuzz.h"

/* The first name in the offer that is `alpn`, as simple as can be (RFC 7301, section 3.1). */
static const uint8_t *find(const uint8_t *wire, size_t len, const char *alpn)
{
    const size_t alpn_len = strlen(alpn);
    size_t at;

    for (at = 0; at < len && wire[at] < len - at; at += 1 + (size_t)wire[at]) {
        if (wire[at] == alpn_len && memcmp(wire + at + 1, alpn, alpn_len) == 0) {
            return wire + at + 1;
        }
    }
    return NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    size_t name_len;
    uint8_t *offer;
    char *name;

    if (len < 1 || data[0] == 0 || data[0] >= len) {
        return 0;
    }
    name_len = data[0];
    name = fuzz_str(data + 1, name_len);
    offer = (uint8_t *)fuzz_str(data + 1 + name_len, len - 1 - name_len);
    if (name[0] != '\0') {
        assert(iq_alpns_find_on_wire(offer, len - 1 - name_len, name) ==
               find(offer, len - 1 - name_len, name));
    }
    free(offer);
    free(name);
    return 0;
}
