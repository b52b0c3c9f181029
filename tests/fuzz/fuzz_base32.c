/* Base32: what is read is written as the same text, and every byte string has one. */
#include "base32.h"

#include <strings.h>

#include "fuzz.h"

static void check_same(const char *text, size_t len, const uint8_t *bytes)
{
    char *again = malloc(len + 2);

    assert(again != NULL);
    iq_base32_encode(again, bytes, len * 5 / 8, iq_base32_rfc4648);
    assert(strlen(again) == len && strncasecmp(again, text, len) == 0);
    free(again);
}

static void check_text(const char *text, size_t len)
{
    uint8_t *bytes = malloc(len * 5 / 8 + 1);
    size_t where = len;

    assert(bytes != NULL);
    if (iq_base32_decode(bytes, text, len, &where) == IQ_BASE32_OK) {
        check_same(text, len, bytes);
    } else {
        assert(where <= len);
    }
    free(bytes);
}

static void check_bytes(const uint8_t *data, size_t len)
{
    const size_t text_len = IQ_BASE32_LEN(len);
    char *text = malloc(text_len + 1);
    uint8_t *again = malloc(len + 1);

    assert(text != NULL && again != NULL);
    iq_base32_encode(text, data, len, iq_base32_rfc4648);
    assert(strlen(text) == text_len);
    assert(iq_base32_decode(again, text, text_len, NULL) == IQ_BASE32_OK);
    assert(memcmp(again, data, len) == 0);
    free(again);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *copy = fuzz_str(data, len);

    check_text(copy, len);
    check_bytes((const uint8_t *)copy, len);
    free(copy);
    return 0;
}
