/*
 * Base32: a text is one long number of bits, cut into groups of five.
 *
 * The checks and their order are those of Rust's data-encoding crate, which iroh uses: first the
 * length, then the symbols, then the spare bits.
 */
#include "base32.h"

/* RFC 4648, section 6. */
const char iq_base32_rfc4648[] = "abcdefghijklmnopqrstuvwxyz234567";

/* "Human-oriented base-32 encoding", Zooko Wilcox-O'Hearn, section "alphabet". */
const char iq_base32_z[] = "ybndrfg8ejkmcpqxot1uwisza345h769";

void iq_base32_encode(char *text, const uint8_t *data, size_t len, const char *alphabet)
{
    unsigned bits = 0; /* the low `bit_count` of them wait to be written */
    unsigned bit_count = 0;

    for (size_t i = 0; i < len; i++) {
        bits = (bits << 8 | data[i]) & 0xfff; /* at most four bits wait, and eight come */
        bit_count += 8;
        while (bit_count >= 5) {
            bit_count -= 5;
            *text++ = alphabet[bits >> bit_count & 31];
        }
    }
    if (bit_count > 0) {
        *text++ = alphabet[bits << (5 - bit_count) & 31];
    }
    *text = '\0';
}

/* The five bits that `symbol` stands for, or -1.  Written for ASCII, and free of the locale. */
static int symbol_value(char symbol)
{
    if (symbol >= 'a' && symbol <= 'z') {
        return symbol - 'a';
    }
    if (symbol >= 'A' && symbol <= 'Z') {
        return symbol - 'A';
    }
    if (symbol >= '2' && symbol <= '7') {
        return symbol - '2' + 26;
    }
    return -1;
}

/* Finds the first mistake, so that the decoder writes nothing if there is one. */
static enum iq_base32_mistake find_mistake(const char *text, size_t text_len, size_t *where)
{
    unsigned spare_bits = (unsigned)(text_len % 8 * 5 % 8);

    *where = text_len - 1; /* whatever is wrong with the length or the end shows there */
    if (spare_bits >= 5) {
        return IQ_BASE32_LENGTH;
    }
    for (size_t i = 0; i < text_len; i++) {
        if (symbol_value(text[i]) < 0) {
            *where = i;
            return IQ_BASE32_SYMBOL;
        }
    }
    if (text_len > 0 && ((unsigned)symbol_value(text[text_len - 1]) & ((1U << spare_bits) - 1))) {
        return IQ_BASE32_TRAILING_BITS;
    }
    return IQ_BASE32_OK;
}

enum iq_base32_mistake iq_base32_decode(uint8_t *data, const char *text, size_t text_len,
                                        size_t *where)
{
    unsigned bits = 0; /* the low `bit_count` of them wait to be written */
    unsigned bit_count = 0;
    size_t at;
    enum iq_base32_mistake mistake = find_mistake(text, text_len, &at);

    if (mistake != IQ_BASE32_OK) {
        if (where != NULL) {
            *where = at;
        }
        return mistake;
    }
    for (size_t i = 0; i < text_len; i++) {
        bits = (bits << 5 | (unsigned)symbol_value(text[i])) & 0xfff;
        bit_count += 5;
        if (bit_count >= 8) {
            bit_count -= 8;
            *data++ = (uint8_t)(bits >> bit_count);
        }
    }
    return IQ_BASE32_OK;
}
