/* Base32: the vectors of RFC 4648, and every kind of mistake. */
#include "base32.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"
#include "dice.h"

/* RFC 4648, section 10, without padding; z-base-32 is the same with other symbols. */
static const struct {
    const char *name;
    const char *text;
    const char *z;
} good_rows[] = {
    {.name = "", .text = "", .z = ""},
    {.name = "f", .text = "my", .z = "ca"},
    {.name = "fo", .text = "mzxq", .z = "c3zo"},
    {.name = "foo", .text = "mzxw6", .z = "c3zs6"},
    {.name = "foob", .text = "mzxw6yq", .z = "c3zs6ao"},
    {.name = "fooba", .text = "mzxw6ytb", .z = "c3zs6aub"},
    {.name = "foobar", .text = "mzxw6ytboi", .z = "c3zs6aubqe"},
    {.name = "\xff\xff\xff\xff\xff", .text = "77777777", .z = "99999999"},
};

static void test_encode(void **state)
{
    for (size_t i = 0; i < sizeof(good_rows) / sizeof(good_rows[0]); i++) {
        const uint8_t *data = (const uint8_t *)good_rows[i].name;
        size_t len = strlen(good_rows[i].name);
        char text[IQ_BASE32_LEN(6) + 1];

        assert_int_equal(IQ_BASE32_LEN(len), strlen(good_rows[i].text));
        iq_base32_encode(text, data, len, iq_base32_rfc4648);
        assert_string_equal(text, good_rows[i].text);
        iq_base32_encode(text, data, len, iq_base32_z);
        assert_string_equal(text, good_rows[i].z);
    }
}

static void test_decode_in_either_case(void **state)
{
    for (size_t i = 0; i < sizeof(good_rows) / sizeof(good_rows[0]); i++) {
        size_t text_len = strlen(good_rows[i].text);
        char upper[16] = "";
        uint8_t data[6];

        for (size_t k = 0; k < text_len; k++) {
            upper[k] = (char)toupper((unsigned char)good_rows[i].text[k]);
        }
        assert_int_equal(iq_base32_decode(data, good_rows[i].text, text_len, NULL), IQ_BASE32_OK);
        assert_memory_equal(data, good_rows[i].name, strlen(good_rows[i].name));
        memset(data, 0, sizeof(data));
        assert_int_equal(iq_base32_decode(data, upper, text_len, NULL), IQ_BASE32_OK);
        assert_memory_equal(data, good_rows[i].name, strlen(good_rows[i].name));
    }
}

static const struct {
    const char *name;
    const char *text;
    enum iq_base32_mistake mistake;
    size_t where;
} bad_rows[] = {
    {.name = "one", .text = "a", .mistake = IQ_BASE32_LENGTH, .where = 0},
    {.name = "three", .text = "aaa", .mistake = IQ_BASE32_LENGTH, .where = 2},
    {.name = "six", .text = "aaaaaa", .mistake = IQ_BASE32_LENGTH, .where = 5},
    {.name = "nine", .text = "aaaaaaaaa", .mistake = IQ_BASE32_LENGTH, .where = 8},
    {.name = "eleven", .text = "aaaaaaaaaaa", .mistake = IQ_BASE32_LENGTH, .where = 10},
    {.name = "fourteen", .text = "aaaaaaaaaaaaaa", .mistake = IQ_BASE32_LENGTH, .where = 13},
    {.name = "length first", .text = "1aa", .mistake = IQ_BASE32_LENGTH, .where = 2},
    {.name = "zero", .text = "0aaaaaaa", .mistake = IQ_BASE32_SYMBOL, .where = 0},
    {.name = "one", .text = "a1aaaaaa", .mistake = IQ_BASE32_SYMBOL, .where = 1},
    {.name = "eight", .text = "aa8aaaaa", .mistake = IQ_BASE32_SYMBOL, .where = 2},
    {.name = "nine", .text = "aaa9aaaa", .mistake = IQ_BASE32_SYMBOL, .where = 3},
    {.name = "padding", .text = "my======", .mistake = IQ_BASE32_SYMBOL, .where = 2},
    {.name = "blank before", .text = " aaaaaaa", .mistake = IQ_BASE32_SYMBOL, .where = 0},
    {.name = "blank after", .text = "aaaaaaa ", .mistake = IQ_BASE32_SYMBOL, .where = 7},
    {.name = "line feed", .text = "aaaa\naaa", .mistake = IQ_BASE32_SYMBOL, .where = 4},
    {.name = "hyphen", .text = "aaaa-aaa", .mistake = IQ_BASE32_SYMBOL, .where = 4},
    {.name = "before a", .text = "aaaa`aaa", .mistake = IQ_BASE32_SYMBOL, .where = 4},
    {.name = "after z", .text = "aaaa{aaa", .mistake = IQ_BASE32_SYMBOL, .where = 4},
    {.name = "before A", .text = "aaaa@aaa", .mistake = IQ_BASE32_SYMBOL, .where = 4},
    {.name = "after Z", .text = "aaaa[aaa", .mistake = IQ_BASE32_SYMBOL, .where = 4},
    {.name = "UTF-8",
     .text = "aaaaa\xc3\xa4"
             "a",
     .mistake = IQ_BASE32_SYMBOL,
     .where = 5},
    {.name = "symbol before bits", .text = "a!ab", .mistake = IQ_BASE32_SYMBOL, .where = 1},
    {.name = "two spare", .text = "mz", .mistake = IQ_BASE32_TRAILING_BITS, .where = 1},
    {.name = "top spare bit", .text = "ac", .mistake = IQ_BASE32_TRAILING_BITS, .where = 1},
    {.name = "four spare", .text = "mzxr", .mistake = IQ_BASE32_TRAILING_BITS, .where = 3},
    {.name = "five", .text = "mzxw7", .mistake = IQ_BASE32_TRAILING_BITS, .where = 4},
    {.name = "seven", .text = "mzxw6yr", .mistake = IQ_BASE32_TRAILING_BITS, .where = 6},
    {.name = "ten", .text = "mzxw6ytboj", .mistake = IQ_BASE32_TRAILING_BITS, .where = 9},
};

static void test_mistakes(void **state)
{
    for (size_t i = 0; i < sizeof(bad_rows) / sizeof(bad_rows[0]); i++) {
        uint8_t data[16] = {0x55, 0x55};
        size_t text_len = strlen(bad_rows[i].text);
        size_t where = 99;
        enum iq_base32_mistake mistake = iq_base32_decode(data, bad_rows[i].text, text_len, &where);

        assert_row(mistake == bad_rows[i].mistake, bad_rows[i].name);
        assert_row(where == bad_rows[i].where, bad_rows[i].name);
        assert_int_equal(data[0], 0x55);
        assert_int_equal(iq_base32_decode(data, bad_rows[i].text, text_len, NULL), mistake);
    }
}

/* A NUL inside the text is a symbol like others, not the end. */
static void test_nul_is_no_symbol(void **state)
{
    uint8_t data[5];
    size_t where = 99;

    assert_int_equal(iq_base32_decode(data, "aa\0aaaaa", 8, &where), IQ_BASE32_SYMBOL);
    assert_int_equal(where, 2);
}

/* The other 224 bytes are told apart from the symbols, wherever `char` is signed or not. */
static void test_all_bytes(void **state)
{
    for (int byte = 0; byte < 256; byte++) {
        char text[8] = "aaaaaaa";
        uint8_t data[5];
        bool is_symbol = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                         (byte >= '2' && byte <= '7');

        text[7] = (char)byte;
        assert_int_equal(iq_base32_decode(data, text, 8, NULL),
                         is_symbol ? IQ_BASE32_OK : IQ_BASE32_SYMBOL);
    }
}

static void test_what_is_written_is_read(void **state)
{
    struct dice dice = dice_new();

    for (int round = 0; round < 20000; round++) {
        uint8_t data[64], read[64];
        char text[IQ_BASE32_LEN(64) + 1];
        size_t len = dice_below(&dice, sizeof(data) + 1);

        dice_fill(&dice, data, len);
        iq_base32_encode(text, data, len, iq_base32_rfc4648);
        assert_int_equal(strlen(text), IQ_BASE32_LEN(len));
        memset(read, 0, sizeof(read));
        assert_int_equal(iq_base32_decode(read, text, strlen(text), NULL), IQ_BASE32_OK);
        assert_memory_equal(read, data, len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_encode),    cmocka_unit_test(test_decode_in_either_case),
        cmocka_unit_test(test_mistakes),  cmocka_unit_test(test_nul_is_no_symbol),
        cmocka_unit_test(test_all_bytes), cmocka_unit_test(test_what_is_written_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
