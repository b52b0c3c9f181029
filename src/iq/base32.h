/* Base32 without padding, five bits a character, first bit first.  RFC 4648, section 6. */
#ifndef IQ_BASE32_H
#define IQ_BASE32_H

#include <stddef.h>
#include <stdint.h>

#include "iq/error.h"

extern const char iq_base32_rfc4648[]; /* a-z 2-7, written in lower case */
extern const char iq_base32_z[];       /* z-base-32: easier for people */

#define IQ_BASE32_LEN(data_len) (((data_len)*8 + 4) / 5)

/* Writes IQ_BASE32_LEN(len) characters of `alphabet` and a NUL to `text`. */
void iq_base32_encode(char *text, const uint8_t *data, size_t len, const char *alphabet);

/* Why a text is not base32, and where. */
enum iq_base32_mistake {
    IQ_BASE32_OK = 0,
    IQ_BASE32_SYMBOL,       /* a character that is not in the alphabet */
    IQ_BASE32_LENGTH,       /* a length that no number of bytes has */
    IQ_BASE32_TRAILING_BITS /* spare bits in the last character that are not zero */
};

/* Reads `text_len` characters of RFC 4648 base32 in either case.  Writes text_len * 5 / 8 bytes.
 * On a mistake it writes no bytes, and `where` (may be NULL) is the index of the character at
 * fault. */
enum iq_base32_mistake iq_base32_decode(uint8_t *data, const char *text, size_t text_len,
                                        size_t *where);

#endif
