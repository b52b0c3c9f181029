/* Close packets: what is one, what it says, and that no byte beyond is touched. */
#include "close_frame.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"
#include "dice.h"

#define PAYLOAD(text) .payload = (text), .len = sizeof(text) - 1

#define LARGEST    "\xff\xff\xff\xff\xff\xff\xff\xff"
#define ACK        "\x02\x0a\x40\x19\x00\x03"
#define ACK_RANGES "\x02\x40\x64\x00\x02\x01\x00\x41\x00\x05\x05"
#define ACK_ECN    "\x03\x0a\x00\x00\x03\x01\x00\x02"
#define CLOSE_BYE                                                                                  \
    "\x1d\x07\x03"                                                                                 \
    "bye"

static const struct {
    const char *name;
    const char *payload;
    size_t len;
    uint64_t code;
    const char *reason;
    bool by_application;
} closes[] = {
    {"application", PAYLOAD(CLOSE_BYE), 7, "bye", true},
    {"application, no reason", PAYLOAD("\x1d\x00\x00"), 0, "", true},
    {"transport", PAYLOAD("\x1c\x0a\x06\x02no"), 10, "no", false},
    {"transport, no reason", PAYLOAD("\x1c\x00\x00\x00"), 0, "", false},
    {"code of two bytes", PAYLOAD("\x1d\x41\x30\x00"), 0x130, "", true},
    {"code of four bytes", PAYLOAD("\x1d\x80\x01\x02\x03\x00"), 0x10203, "", true},
    {"code of eight bytes", PAYLOAD("\x1d" LARGEST "\x00"), (UINT64_C(1) << 62) - 1, "", true},
    {"longer numbers than needed", PAYLOAD("\x1d\x40\x07\x80\x00\x00\x01x"), 7, "x", true},
    {"padding around", PAYLOAD("\0\0\0" CLOSE_BYE "\0\0"), 7, "bye", true},
    {"an acknowledgement before", PAYLOAD(ACK CLOSE_BYE), 7, "bye", true},
    {"an acknowledgement behind", PAYLOAD(CLOSE_BYE ACK), 7, "bye", true},
    {"with ranges", PAYLOAD(ACK_RANGES CLOSE_BYE), 7, "bye", true},
    {"with ECN counts", PAYLOAD(ACK_ECN CLOSE_BYE), 7, "bye", true},
    {"several acknowledgements", PAYLOAD(ACK ACK_RANGES ACK_ECN CLOSE_BYE), 7, "bye", true},
    {"the first of two", PAYLOAD(CLOSE_BYE "\x1d\x08\x00"), 7, "bye", true},
};

#define CLOSE_COUNT (sizeof(closes) / sizeof(closes[0]))

/* In memory that ends with it, so that a sanitizer sees what is read behind. */
static bool read_exactly(struct iq_close_frame *frame, uint8_t **copy, const void *data, size_t len)
{
    *copy = malloc(len == 0 ? 1 : len);
    assert_non_null(*copy);
    memcpy(*copy, data, len);
    return iq_close_frame_read(frame, (struct iq_bytes){.data = *copy, .len = len});
}

static void test_closes_are_read(void **state)
{
    for (size_t i = 0; i < CLOSE_COUNT; i++) {
        struct iq_close_frame frame;
        uint8_t *copy;

        assert_row(read_exactly(&frame, &copy, closes[i].payload, closes[i].len), closes[i].name);
        assert_row(frame.by_application == closes[i].by_application, closes[i].name);
        assert_row(frame.code == closes[i].code, closes[i].name);
        assert_row(frame.reason.len == strlen(closes[i].reason), closes[i].name);
        assert_memory_equal(frame.reason.data, closes[i].reason, frame.reason.len);
        free(copy);
    }
}

static const struct {
    const char *name;
    const char *payload;
    size_t len;
} others[] = {
    {"nothing", PAYLOAD("")},
    {"padding", PAYLOAD("\0\0\0")},
    {"an acknowledgement", PAYLOAD(ACK)},
    {"a ping", PAYLOAD("\x01")},
    {"a ping before", PAYLOAD("\x01" CLOSE_BYE)},
    {"a ping behind", PAYLOAD(CLOSE_BYE "\x01")},
    {"stream data behind", PAYLOAD(CLOSE_BYE "\x08\x00"
                                             "data")},
    {"HANDSHAKE_DONE before", PAYLOAD("\x1e" CLOSE_BYE)},
    {"a type of two bytes", PAYLOAD("\x40\x1d\x07\x03"
                                    "bye")},
    {"an unknown type", PAYLOAD("\x1f" CLOSE_BYE)},
    {"a reason beyond the end", PAYLOAD("\x1d\x07\x04"
                                        "bye")},
    {"the longest reason", PAYLOAD("\x1d\x07" LARGEST "bye")},
    {"more ranges than bytes", PAYLOAD("\x02\x0a\x00" LARGEST "\x00" CLOSE_BYE)},
    {"one range too many", PAYLOAD("\x02\x0a\x00\x05\x00" CLOSE_BYE)},
};

static void expect_no_close(const char *name, const void *data, size_t len)
{
    struct iq_close_frame frame, untouched;
    uint8_t *copy;

    memset(&frame, 0x55, sizeof(frame));
    memset(&untouched, 0x55, sizeof(untouched));
    assert_row(!read_exactly(&frame, &copy, data, len), name);
    assert_memory_equal(&frame, &untouched, sizeof(frame));
    free(copy);
}

static void test_others_are_left_alone(void **state)
{
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        expect_no_close(others[i].name, others[i].payload, others[i].len);
    }
}

/* A close without anything behind it, cut anywhere, is none. */
static void test_cut_anywhere(void **state)
{
    static const struct {
        const char *name;
        const char *payload;
        size_t len;
    } rows[] = {
        {"application", PAYLOAD(CLOSE_BYE)},
        {"transport", PAYLOAD("\x1c" LARGEST "\x40\x08\x40\x02no")},
        {"behind acknowledgements", PAYLOAD(ACK_RANGES ACK_ECN CLOSE_BYE)},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t len = 0; len < rows[i].len; len++) {
            expect_no_close(rows[i].name, rows[i].payload, len);
        }
    }
}

/* Whatever is said to be a close has its reason inside of what was read. */
static void test_random_bytes(void **state)
{
    static const uint8_t types[] = {0x00, 0x02, 0x03, 0x1c, 0x1d};
    struct dice dice = dice_new();
    unsigned found = 0;

    for (int i = 0; i < 100000; i++) {
        uint8_t bytes[40], *copy;
        const size_t len = dice_below(&dice, sizeof(bytes));
        struct iq_close_frame frame;

        dice_fill(&dice, bytes, len);
        for (size_t at = 0; at < len; at += 1 + dice_below(&dice, 8)) {
            bytes[at] = dice_below(&dice, 2) == 0 ? types[dice_below(&dice, sizeof(types))] : 1;
        }
        if (read_exactly(&frame, &copy, bytes, len)) {
            assert_true(frame.reason.data > copy && frame.reason.len < len);
            assert_true(frame.reason.data + frame.reason.len <= copy + len);
            found++;
        }
        free(copy);
    }
    assert_true(found > 100);
}

/* The length that each number takes, up to the last of its kind.  RFC 9000, table 4. */
static void test_what_is_written_is_read(void **state)
{
    static const struct {
        uint64_t code;
        size_t len;
    } codes[] = {
        {0, 1},        {63, 1},
        {64, 2},       {16383, 2},
        {16384, 4},    {(1U << 30) - 1, 4},
        {1U << 30, 8}, {UINT64_MAX >> 2, 8},
    };
    static const uint8_t reason[] = "bye!";
    uint8_t bytes[IQ_CLOSE_FRAME_HEAD_MAX + sizeof(reason)];

    for (size_t i = 0; i < 2 * sizeof(codes) / sizeof(codes[0]); i++) {
        const struct iq_close_frame frame = {.by_application = i % 2 == 0,
                                             .code = codes[i / 2].code,
                                             .reason = {reason, i % 2 == 0 ? 4 : 0}};
        const size_t len = iq_close_frame_write(bytes, &frame);
        struct iq_close_frame read;

        assert_int_equal(len, 2 + codes[i / 2].len + (i % 2 == 0 ? 4 : 1));
        assert_true(iq_close_frame_read(&read, (struct iq_bytes){bytes, len}));
        assert_true(read.by_application == frame.by_application && read.code == frame.code);
        assert_int_equal(read.reason.len, frame.reason.len);
        assert_memory_equal(read.reason.data, reason, read.reason.len);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closes_are_read),
        cmocka_unit_test(test_others_are_left_alone),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_what_is_written_is_read),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
