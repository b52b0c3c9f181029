/* Tickets by the dice: what is printed is read as the same, in whatever order it was. */
#include "iq/ticket.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "postcard.h"
#include "ticket_text.h"

static struct iq_bytes random_bytes(struct dice *dice, uint8_t *data, size_t max_len)
{
    struct iq_bytes bytes = {.data = data, .len = dice_below(dice, max_len + 1)};

    dice_fill(dice, data, bytes.len);
    return bytes;
}

static void write_relay(struct iq_postcard_writer *writer, struct dice *dice, size_t number)
{
    char url[40];
    size_t start = (size_t)snprintf(url, sizeof(url), "https://%zu.", number);
    size_t len = start + dice_below(dice, 20);

    for (size_t i = start; i < len; i++) {
        url[i] = (char)('a' + dice_below(dice, 26));
    }
    iq_postcard_write_varint(writer, 0);
    iq_postcard_write_bytes(writer, (struct iq_bytes){.data = (uint8_t *)url, .len = len});
}

static void write_ip(struct iq_postcard_writer *writer, struct dice *dice, size_t number)
{
    uint8_t ip[16];
    size_t tag = dice_below(dice, 2);

    dice_fill(dice, ip, sizeof(ip));
    iq_postcard_write_varint(writer, 1);
    iq_postcard_write_varint(writer, tag);
    iq_postcard_write_array(writer, ip, tag == 0 ? 4 : 16);
    iq_postcard_write_varint(writer, dice_below(dice, 256) << 8 | number);
}

static void write_custom(struct iq_postcard_writer *writer, struct dice *dice, size_t number,
                         bool is_old)
{
    uint8_t data[60] = {0};
    struct iq_bytes bytes = random_bytes(dice, data + 1, sizeof(data) - 1);

    iq_postcard_write_varint(writer, 2);
    iq_postcard_write_varint(writer, dice_roll(dice) >> dice_below(dice, 64) << 8 | number);
    if (!is_old) {
        iq_postcard_write_bytes(writer, bytes);
        return;
    }
    iq_postcard_write_varint(writer, bytes.len > 30);
    if (bytes.len > 30) {
        iq_postcard_write_bytes(writer, bytes);
    } else {
        data[0] = (uint8_t)bytes.len;
        iq_postcard_write_array(writer, data, 31);
    }
}

struct piece {
    uint8_t bytes[128];
    size_t len;
};

/* Differs from those with other numbers. */
static void random_piece(struct piece *piece, struct dice *dice, size_t number, bool is_old)
{
    struct iq_postcard_writer writer = iq_postcard_writer(piece->bytes, sizeof(piece->bytes));

    switch (dice_below(dice, 3)) {
    case 0:
        write_relay(&writer, dice, number);
        break;
    case 1:
        write_ip(&writer, dice, number);
        break;
    default:
        write_custom(&writer, dice, number, is_old);
        break;
    }
    assert_true(writer.len <= sizeof(piece->bytes));
    piece->len = writer.len;
}

static void text_of_pieces(char text[TEXT_SIZE], const struct piece *pieces, size_t count)
{
    uint8_t bytes[BYTES_MAX];
    size_t len = bytes_of_hex(bytes, "00" ID);

    bytes[len++] = (uint8_t)count;
    for (size_t i = 0; i < count; i++) {
        assert_true(len + pieces[i].len <= sizeof(bytes));
        memcpy(bytes + len, pieces[i].bytes, pieces[i].len);
        len += pieces[i].len;
    }
    text_of_bytes(text, bytes, len);
}

/* The same addresses in another order, and some of them twice. */
static size_t shuffle(struct piece *pieces, size_t count, struct dice *dice)
{
    for (size_t added = dice_below(dice, count + 1); added > 0; added--) {
        pieces[count] = pieces[dice_below(dice, count)];
        count++;
    }
    for (size_t i = 1; i < count; i++) {
        size_t other = dice_below(dice, i + 1);
        struct piece swapped = pieces[i];

        pieces[i] = pieces[other];
        pieces[other] = swapped;
    }
    return count;
}

static void test_random_tickets(void **state)
{
    struct dice dice = dice_new();

    for (int round = 0; round < 1500; round++) {
        bool is_old = dice_below(&dice, 2) == 0;
        struct piece pieces[24];
        size_t count = dice_below(&dice, 13);
        char text[TEXT_SIZE], shuffled[TEXT_SIZE];
        struct iq_ticket *one, *other;

        for (size_t i = 0; i < count; i++) {
            random_piece(&pieces[i], &dice, i, is_old);
        }
        text_of_pieces(text, pieces, count);
        count = shuffle(pieces, count, &dice);
        text_of_pieces(shuffled, pieces, count);
        assert_true(read_twice(text));
        one = parse(text, "as rolled");
        other = parse(shuffled, "shuffled");
        assert_string_equal(iq_ticket_str(one), iq_ticket_str(other));
        assert_int_equal(strlen(iq_ticket_str(one)), strlen(text)); /* nothing is lost */
        iq_ticket_free(one);
        iq_ticket_free(other);
    }
}

/* Random bytes behind the id and a count: whatever can be read is read twice as the same. */
static void test_random_bytes(void **state)
{
    struct dice dice = dice_new();

    for (int round = 0; round < 8000; round++) {
        uint8_t bytes[BYTES_MAX];
        size_t len = bytes_of_hex(bytes, "00" ID);
        size_t end = len + 1 + dice_below(&dice, 80);
        char text[TEXT_SIZE];

        bytes[len++] = (uint8_t)dice_below(&dice, 4);
        for (; len < end; len++) { /* mostly tags and short lengths */
            bytes[len] =
                (uint8_t)(dice_below(&dice, 3) > 0 ? dice_below(&dice, 3) : dice_below(&dice, 50));
        }
        text_of_bytes(text, bytes, end);
        read_twice(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_tickets),
        cmocka_unit_test(test_random_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
