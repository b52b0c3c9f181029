/* The queue of datagrams against a plain table, and what it does when there is too much of it. */
#include "datagram_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "scarce_memory.h"

#define SIZE_MAX_HERE 1000

static struct iq_datagram_queue queue;

static int set_up(void **state)
{
    memory.allowed_count = UINT_MAX;
    memory.live_count = 0;
    iq_datagram_queue_init(&queue, SIZE_MAX_HERE);
    return 0;
}

static int tear_down(void **state)
{
    memory.allowed_count = UINT_MAX;
    iq_datagram_queue_release(&queue);
    assert_int_equal(memory.live_count, 0);
    return 0;
}

/* A datagram that is known by its number: `len` bytes of it. */
static void add(uint8_t number, size_t len)
{
    uint8_t bytes[SIZE_MAX_HERE];

    memset(bytes, number, sizeof(bytes));
    assert_int_equal(iq_datagram_queue_add(&queue, bytes, len), 0);
}

static void take(uint8_t number, size_t len)
{
    const struct iq_bytes first = iq_datagram_queue_first(&queue);

    assert_int_equal(first.len, len);
    for (size_t i = 0; i < len; i++) {
        assert_int_equal(first.data[i], number);
    }
    iq_datagram_queue_drop_first(&queue);
}

static void test_keeps_order(void **state)
{
    assert_true(iq_datagram_queue_is_empty(&queue));
    add(1, 10);
    add(2, 0);
    add(3, 100);
    assert_int_equal(queue.size, 110 + 3 * IQ_DATAGRAM_COST);
    take(1, 10);
    add(4, 1);
    take(2, 0);
    take(3, 100);
    assert_false(iq_datagram_queue_is_empty(&queue));
    take(4, 1);
    assert_true(iq_datagram_queue_is_empty(&queue));
    assert_int_equal(queue.size, 0);
}

static void test_empty_needs_no_data(void **state)
{
    assert_int_equal(iq_datagram_queue_add(&queue, NULL, 0), 0);
    take(0, 0);
}

static void test_drops_oldest(void **state)
{
    const size_t half = SIZE_MAX_HERE / 2 - IQ_DATAGRAM_COST;

    add(1, half);
    add(2, half); /* exactly full */
    assert_int_equal(queue.size, SIZE_MAX_HERE);
    assert_false(iq_datagram_queue_has_room(&queue, 0));
    add(3, 0);
    take(2, half);
    assert_true(iq_datagram_queue_has_room(&queue, half + half));
    assert_false(iq_datagram_queue_has_room(&queue, half + half + 1));
    take(3, 0);
    add(4, 1);
    add(5, SIZE_MAX_HERE - IQ_DATAGRAM_COST); /* all others make room */
    take(5, SIZE_MAX_HERE - IQ_DATAGRAM_COST);
    assert_true(iq_datagram_queue_is_empty(&queue));
}

static void test_empty_ones_are_bounded(void **state)
{
    for (unsigned i = 0; i < 10000; i++) {
        add(0, 0);
    }
    assert_int_equal(memory.live_count, SIZE_MAX_HERE / IQ_DATAGRAM_COST);
}

static void test_without_memory_nothing_is_lost(void **state)
{
    const size_t half = SIZE_MAX_HERE / 2 - IQ_DATAGRAM_COST;
    const uint8_t bytes[SIZE_MAX_HERE] = {0};

    add(1, half);
    add(2, half);
    memory.allowed_count = 0;
    assert_int_equal(iq_datagram_queue_add(&queue, bytes, half), IQ_ERR_NOMEM);
    memory.allowed_count = UINT_MAX;
    take(1, half);
    take(2, half);
    assert_true(iq_datagram_queue_is_empty(&queue));
}

static void test_release_and_again(void **state)
{
    add(1, 10);
    add(2, 20);
    iq_datagram_queue_release(&queue);
    assert_int_equal(queue.size, 0);
    assert_int_equal(memory.live_count, 0);
    add(3, 30);
    take(3, 30);
}

/* Any order of adding and taking, against a table of what should be there. */
static void test_model(void **state)
{
    struct dice dice = {.state = 1};
    size_t lens[SIZE_MAX_HERE], first = 0, count = 0, size = 0;

    for (unsigned i = 0; i < 20000; i++) {
        const size_t len = dice_below(&dice, 200);

        if (count > 0 && dice_below(&dice, 5) < 2) {
            size -= lens[first % SIZE_MAX_HERE] + IQ_DATAGRAM_COST;
            take((uint8_t)first, lens[first % SIZE_MAX_HERE]);
            first++;
            count--;
            continue;
        }
        for (; size + len + IQ_DATAGRAM_COST > SIZE_MAX_HERE; first++, count--) {
            size -= lens[first % SIZE_MAX_HERE] + IQ_DATAGRAM_COST;
        }
        add((uint8_t)(first + count), len);
        lens[(first + count) % SIZE_MAX_HERE] = len;
        count++;
        size += len + IQ_DATAGRAM_COST;
        assert_int_equal(queue.size, size);
    }
}

int main(void)
{
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_keeps_order),
        TEST(test_empty_needs_no_data),
        TEST(test_drops_oldest),
        TEST(test_empty_ones_are_bounded),
        TEST(test_without_memory_nothing_is_lost),
        TEST(test_release_and_again),
        TEST(test_model),
    };
#undef TEST

    return cmocka_run_group_tests(tests, NULL, NULL);
}
