/* Postcard: what its numbers, arrays and texts look like, and that no byte beyond is touched. */
#include "postcard.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"
#include "dice.h"

#define TOO_LARGE "too large"
#define TOO_EARLY "it ends too early"

/* The ports are those of iroh's vectors; the others are the edges of each length. */
static const struct {
    const char *name;
    uint64_t number;
    uint8_t bytes[10];
    size_t len;
} numbers[] = {
    {.name = "0", .number = 0, .bytes = {0}, .len = 1},
    {.name = "1", .number = 1, .bytes = {1}, .len = 1},
    {.name = "127", .number = 127, .bytes = {0x7f}, .len = 1},
    {.name = "128", .number = 128, .bytes = {0x80, 1}, .len = 2},
    {.name = "1024", .number = 1024, .bytes = {0x80, 8}, .len = 2},
    {.name = "1234", .number = 1234, .bytes = {0xd2, 9}, .len = 2},
    {.name = "4433", .number = 4433, .bytes = {0xd1, 0x22}, .len = 2},
    {.name = "11204", .number = 11204, .bytes = {0xc4, 0x57}, .len = 2},
    {.name = "16383", .number = 16383, .bytes = {0xff, 0x7f}, .len = 2},
    {.name = "16384", .number = 16384, .bytes = {0x80, 0x80, 1}, .len = 3},
    {.name = "65535", .number = 65535, .bytes = {0xff, 0xff, 3}, .len = 3},
    {.name = "65536", .number = 65536, .bytes = {0x80, 0x80, 4}, .len = 3},
    {.name = "2^32 - 1", .number = UINT32_MAX, .bytes = {0xff, 0xff, 0xff, 0xff, 15}, .len = 5},
    {.name = "2^32", .number = 1ULL << 32, .bytes = {0x80, 0x80, 0x80, 0x80, 16}, .len = 5},
    {.name = "2^64 - 1",
     .number = UINT64_MAX,
     .bytes = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1},
     .len = 10},
};

#define NUMBER_COUNT (sizeof(numbers) / sizeof(numbers[0]))

static void test_numbers_are_written(void **state)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        uint8_t bytes[16];
        struct iq_postcard_writer writer = iq_postcard_writer(bytes, sizeof(bytes));

        iq_postcard_write_varint(&writer, numbers[i].number);
        assert_row(writer.len == numbers[i].len, numbers[i].name);
        assert_memory_equal(bytes, numbers[i].bytes, numbers[i].len);
    }
}

static bool fits(uint64_t number, unsigned bits) { return bits == 64 || number >> bits == 0; }

static void read_number(size_t row, unsigned bits)
{
    struct iq_postcard_reader reader = iq_postcard_reader(numbers[row].bytes, numbers[row].len);
    uint64_t number = iq_postcard_read_varint(&reader, bits, TOO_LARGE);

    if (fits(numbers[row].number, bits)) {
        assert_row(number == numbers[row].number && reader.mistake == NULL, numbers[row].name);
        assert_int_equal(reader.pos, numbers[row].len);
    } else {
        assert_row(number == 0 && reader.mistake != NULL, numbers[row].name);
        assert_string_equal(reader.mistake, TOO_LARGE);
        assert_int_equal(reader.pos, 0);
    }
}

static void test_numbers_are_read(void **state)
{
    for (size_t i = 0; i < NUMBER_COUNT; i++) {
        read_number(i, 16);
        read_number(i, 32);
        read_number(i, 64);
    }
}

/* Longer than it must be is fine, longer than the largest one is not. */
static const struct {
    const char *name;
    size_t len;
    uint64_t number;
    const char *mistake;
    unsigned bits;
    uint8_t bytes[12];
} odd_numbers[] = {
    {.name = "1 in two", .bytes = {0x81, 0}, .len = 2, .bits = 16, .number = 1},
    {.name = "10 in three", .bytes = {0x8a, 0x80, 0}, .len = 3, .bits = 16, .number = 10},
    {.name = "four for 16 bits",
     .bytes = {0x8a, 0x80, 0x80, 0},
     .len = 4,
     .bits = 16,
     .mistake = TOO_LARGE},
    {.name = "five for 32 bits",
     .bytes = {0x8a, 0x80, 0x80, 0x80, 0},
     .len = 5,
     .bits = 32,
     .number = 10},
    {.name = "six for 32 bits",
     .bytes = {0x8a, 0x80, 0x80, 0x80, 0x80, 0},
     .len = 6,
     .bits = 32,
     .mistake = TOO_LARGE},
    {.name = "ten for 64 bits",
     .bytes = {0x8a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0},
     .len = 10,
     .bits = 64,
     .number = 10},
    {.name = "2^64",
     .bytes = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 2},
     .len = 10,
     .bits = 64,
     .mistake = TOO_LARGE},
    {.name = "eleven for 64 bits",
     .bytes = {0x8a, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0},
     .len = 11,
     .bits = 64,
     .mistake = TOO_LARGE},
    {.name = "nothing", .len = 0, .bits = 64, .mistake = TOO_EARLY},
    {.name = "no end", .bytes = {0x80, 0x80}, .len = 2, .bits = 16, .mistake = TOO_EARLY},
};

static void test_odd_numbers(void **state)
{
    for (size_t i = 0; i < sizeof(odd_numbers) / sizeof(odd_numbers[0]); i++) {
        struct iq_postcard_reader reader =
            iq_postcard_reader(odd_numbers[i].bytes, odd_numbers[i].len);
        uint64_t number = iq_postcard_read_varint(&reader, odd_numbers[i].bits, TOO_LARGE);

        assert_row(number == odd_numbers[i].number, odd_numbers[i].name);
        if (odd_numbers[i].mistake == NULL) {
            assert_row(reader.mistake == NULL, odd_numbers[i].name);
            assert_int_equal(reader.pos, odd_numbers[i].len);
        } else {
            assert_row(reader.mistake != NULL, odd_numbers[i].name);
            assert_string_equal(reader.mistake, odd_numbers[i].mistake);
        }
    }
}

static void test_count_must_fit(void **state)
{
    static const uint8_t bytes[] = {3, 0, 0, 0, 0, 0, 0, 0, 0, 0};
    static const uint8_t huge[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0};
    struct iq_postcard_reader reader = iq_postcard_reader(bytes, sizeof(bytes));

    assert_int_equal(iq_postcard_read_count(&reader, 3), 3);
    assert_null(reader.mistake);
    reader = iq_postcard_reader(bytes, sizeof(bytes) - 1);
    assert_int_equal(iq_postcard_read_count(&reader, 3), 0);
    assert_string_equal(reader.mistake, TOO_EARLY);
    assert_int_equal(reader.pos, sizeof(bytes) - 1);
    reader = iq_postcard_reader(huge, sizeof(huge));
    assert_int_equal(iq_postcard_read_count(&reader, 1), 0);
    assert_string_equal(reader.mistake, TOO_EARLY);
    reader = iq_postcard_reader(huge, sizeof(huge));
    assert_int_equal(iq_postcard_read_bytes(&reader).len, 0);
    assert_string_equal(reader.mistake, TOO_EARLY);
}

static void test_arrays_and_bytes(void **state)
{
    static const uint8_t data[] = {1, 2, 2, 8, 9, 0};
    struct iq_postcard_reader reader = iq_postcard_reader(data, sizeof(data));
    struct iq_bytes got = iq_postcard_read_array(&reader, 2);

    assert_ptr_equal(got.data, data);
    assert_int_equal(got.len, 2);
    got = iq_postcard_read_bytes(&reader);
    assert_ptr_equal(got.data, data + 3);
    assert_int_equal(got.len, 2);
    got = iq_postcard_read_bytes(&reader);
    assert_int_equal(got.len, 0);
    assert_int_equal(reader.pos, sizeof(data));
    got = iq_postcard_read_array(&reader, 0);
    assert_int_equal(got.len, 0);
    assert_null(reader.mistake);
    got = iq_postcard_read_array(&reader, 1);
    assert_int_equal(got.len, 0);
    assert_string_equal(reader.mistake, TOO_EARLY);
}

static void test_first_mistake_stays(void **state)
{
    static const uint8_t data[] = {0xff, 0xff, 0x7f, 1, 1};
    struct iq_postcard_reader reader = iq_postcard_reader(data, sizeof(data));

    assert_int_equal(iq_postcard_read_varint(&reader, 16, TOO_LARGE), 0);
    iq_postcard_refuse(&reader, 3, "another");
    assert_int_equal(iq_postcard_read_varint(&reader, 16, "another"), 0);
    assert_int_equal(iq_postcard_read_count(&reader, 1), 0);
    assert_int_equal(iq_postcard_read_array(&reader, 1).len, 0);
    assert_int_equal(iq_postcard_read_str(&reader).len, 0);
    assert_string_equal(reader.mistake, TOO_LARGE);
    assert_int_equal(reader.pos, 0);
}

/* The edges of the table in RFC 3629, section 4. */
static const struct {
    const char *name;
    const char *text;
    int wrong_at; /* -1: it is UTF-8 */
} texts[] = {
    {.name = "empty", .text = "", .wrong_at = -1},
    {.name = "ASCII", .text = "a~\x7f", .wrong_at = -1},
    {.name = "two bytes", .text = "\xc2\x80\xdf\xbf", .wrong_at = -1},
    {.name = "three bytes", .text = "\xe0\xa0\x80\xef\xbf\xbf", .wrong_at = -1},
    {.name = "before and after surrogates", .text = "\xed\x9f\xbf\xee\x80\x80", .wrong_at = -1},
    {.name = "four bytes", .text = "\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", .wrong_at = -1},
    {.name = "lone continuation", .text = "a\x80", .wrong_at = 1},
    {.name = "over-long two", .text = "ab\xc1\xbf", .wrong_at = 2},
    {.name = "over-long three", .text = "\xe0\x9f\xbf", .wrong_at = 0},
    {.name = "over-long four", .text = "\xf0\x8f\xbf\xbf", .wrong_at = 0},
    {.name = "surrogate", .text = "\xed\xa0\x80", .wrong_at = 0},
    {.name = "beyond U+10FFFF", .text = "\xf4\x90\x80\x80", .wrong_at = 0},
    {.name = "f5", .text = "\xf5\x80\x80\x80", .wrong_at = 0},
    {.name = "ff", .text = "\xff", .wrong_at = 0},
    {.name = "cut two", .text = "abc\xc2", .wrong_at = 3},
    {.name = "cut three", .text = "\xe1\x80", .wrong_at = 0},
    {.name = "cut four", .text = "\xf1\x80\x80", .wrong_at = 0},
    {.name = "second byte", .text = "\xc2\x41", .wrong_at = 0},
    {.name = "third byte", .text = "\xe1\x80\xc0", .wrong_at = 0},
    {.name = "fourth byte", .text = "\xf1\x80\x80\x7f", .wrong_at = 0},
};

static void test_texts(void **state)
{
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        size_t len = strlen(texts[i].text);
        uint8_t *bytes = malloc(len + 1); /* so that a sanitizer sees what is read behind it */
        struct iq_postcard_reader reader = iq_postcard_reader(bytes, len + 1);
        struct iq_bytes str;

        assert_non_null(bytes);
        bytes[0] = (uint8_t)len;
        memcpy(bytes + 1, texts[i].text, len);
        str = iq_postcard_read_str(&reader);
        if (texts[i].wrong_at < 0) {
            assert_row(reader.mistake == NULL && str.len == len, texts[i].name);
        } else {
            assert_row(reader.mistake != NULL && str.len == 0, texts[i].name);
            assert_string_equal(reader.mistake, "a text is not UTF-8");
            assert_row(reader.pos == 1 + (size_t)texts[i].wrong_at, texts[i].name);
        }
        free(bytes);
    }
}

static void write_all(struct iq_postcard_writer *writer)
{
    static const uint8_t data[] = {1, 2, 3, 4, 5, 6, 7, 8};

    iq_postcard_write_varint(writer, 300);
    iq_postcard_write_array(writer, data, sizeof(data));
    iq_postcard_write_bytes(writer, (struct iq_bytes){.data = data, .len = 3});
    iq_postcard_write_bytes(writer, (struct iq_bytes){0});
}

static void test_what_does_not_fit_is_counted(void **state)
{
    static const uint8_t expected[] = {0xac, 2, 1, 2, 3, 4, 5, 6, 7, 8, 3, 1, 2, 3, 0};
    struct iq_postcard_writer writer = iq_postcard_writer(NULL, 0);

    write_all(&writer);
    assert_int_equal(writer.len, sizeof(expected));
    for (size_t size = 0; size <= sizeof(expected); size++) {
        uint8_t *data = malloc(size + 1);

        assert_non_null(data);
        memset(data, 0x55, size + 1);
        writer = iq_postcard_writer(data, size);
        write_all(&writer);
        assert_int_equal(writer.len, sizeof(expected));
        assert_int_equal(data[size], 0x55);
        if (size == sizeof(expected)) {
            assert_memory_equal(data, expected, size);
        }
        free(data);
    }
}

static void test_what_is_written_is_read(void **state)
{
    struct dice dice = dice_new();

    for (int round = 0; round < 20000; round++) {
        uint64_t number = dice_roll(&dice) >> dice_below(&dice, 64);
        uint8_t data[10], text[40];
        struct iq_postcard_writer writer = iq_postcard_writer(text, sizeof(text));
        struct iq_postcard_reader reader;
        struct iq_bytes bytes = {.data = data, .len = dice_below(&dice, sizeof(data) + 1)}, got;

        dice_fill(&dice, data, sizeof(data));
        iq_postcard_write_varint(&writer, number);
        iq_postcard_write_bytes(&writer, bytes);
        reader = iq_postcard_reader(text, writer.len);
        assert_true(iq_postcard_read_varint(&reader, 64, TOO_LARGE) == number);
        got = iq_postcard_read_bytes(&reader);
        assert_null(reader.mistake);
        assert_int_equal(reader.pos, reader.len);
        assert_int_equal(got.len, bytes.len);
        assert_memory_equal(got.data, data, got.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_are_written),
        cmocka_unit_test(test_numbers_are_read),
        cmocka_unit_test(test_odd_numbers),
        cmocka_unit_test(test_count_must_fit),
        cmocka_unit_test(test_arrays_and_bytes),
        cmocka_unit_test(test_first_mistake_stays),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_what_does_not_fit_is_counted),
        cmocka_unit_test(test_what_is_written_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
