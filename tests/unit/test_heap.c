/* The heap against a plain table of deadlines. */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "dice.h"
#include "scarce_memory.h"

#define ENTRY_COUNT 300

static struct iq_heap heap;
static struct iq_heap_entry entries[ENTRY_COUNT];

static int set_up(void **state)
{
    iq_heap_init(&heap);
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        entries[i] = (struct iq_heap_entry){0};
    }
    memory.allowed_count = UINT_MAX;
    return iq_heap_reserve(&heap, ENTRY_COUNT);
}

static int tear_down(void **state)
{
    memory.allowed_count = UINT_MAX;
    iq_heap_release(&heap);
    return 0;
}

/* Takes all out, and checks that they come in order and that there are `count`. */
static void assert_comes_in_order(size_t count)
{
    uint64_t before = 0;

    for (; count > 0; count--) {
        struct iq_heap_entry *first = iq_heap_first(&heap);

        assert_non_null(first);
        assert_true(first->deadline_ns >= before);
        before = first->deadline_ns;
        iq_heap_set(&heap, first, IQ_NEVER);
        assert_int_equal(first->place, 0);
        assert_true(first->deadline_ns == IQ_NEVER);
    }
    assert_null(iq_heap_first(&heap));
}

static void test_empty(void **state)
{
    assert_null(iq_heap_first(&heap));
    iq_heap_set(&heap, &entries[0], IQ_NEVER);
    assert_int_equal(entries[0].place, 0);
    assert_true(entries[0].deadline_ns == IQ_NEVER);
    assert_null(iq_heap_first(&heap));
}

static void test_orders(void **state)
{
    static const struct {
        const char *name;
        uint64_t first;
        uint64_t step;
    } rows[] = {
        {.name = "rising", .first = 0, .step = 1},
        {.name = "falling", .first = ENTRY_COUNT, .step = UINT64_MAX},
        {.name = "equal", .first = 7, .step = 0},
        {.name = "up to the last", .first = UINT64_MAX - ENTRY_COUNT, .step = 1},
        {.name = "scattered", .first = 5, .step = 0x9e3779b97f4a7c15},
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (size_t k = 0; k < ENTRY_COUNT; k++) {
            iq_heap_set(&heap, &entries[k], rows[i].first + k * rows[i].step);
        }
        assert_comes_in_order(ENTRY_COUNT);
    }
}

/* Every held entry knows its place, is due no earlier than its parent, and all are held. */
static void assert_sound(const uint64_t *deadlines)
{
    size_t held_count = 0;
    uint64_t earliest = IQ_NEVER;

    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        assert_true(entries[i].deadline_ns == deadlines[i]);
        assert_int_equal(entries[i].place != 0, deadlines[i] != IQ_NEVER);
        held_count += entries[i].place != 0;
        earliest = deadlines[i] < earliest ? deadlines[i] : earliest;
    }
    assert_int_equal(heap.count, held_count);
    for (size_t i = 0; i < heap.count; i++) {
        assert_int_equal(heap.entries[i]->place, i + 1);
        assert_true(heap.entries[i]->deadline_ns >=
                    heap.entries[i > 0 ? (i - 1) / 2 : 0]->deadline_ns);
    }
    if (held_count == 0) {
        assert_null(iq_heap_first(&heap));
    } else {
        assert_true(iq_heap_first(&heap)->deadline_ns == earliest);
    }
}

static void test_against_a_table(void **state)
{
    struct dice dice = dice_new();
    uint64_t deadlines[ENTRY_COUNT];

    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        entries[i].deadline_ns = deadlines[i] = IQ_NEVER;
    }
    for (int round = 0; round < 100000; round++) {
        /* By turns the heap fills and empties. */
        bool fills = round / 1000 % 2 == 0;
        size_t i = dice_below(&dice, ENTRY_COUNT);
        bool takes_out = dice_below(&dice, 10) < (fills ? 1 : 8);

        deadlines[i] = takes_out ? IQ_NEVER : dice_below(&dice, 1000);
        iq_heap_set(&heap, &entries[i], deadlines[i]);
        if (round % 7 == 0) {
            assert_sound(deadlines);
        }
    }
    assert_comes_in_order(heap.count);
}

static void test_release_forgets_the_entries(void **state)
{
    iq_heap_set(&heap, &entries[0], 5);
    iq_heap_set(&heap, &entries[1], 4);
    iq_heap_release(&heap);
    assert_int_equal(entries[0].place, 0);
    assert_int_equal(entries[1].place, 0);
    assert_true(entries[1].deadline_ns == IQ_NEVER);
    assert_null(iq_heap_first(&heap));

    assert_int_equal(iq_heap_reserve(&heap, 1), 0);
    iq_heap_set(&heap, &entries[1], 3);
    assert_ptr_equal(iq_heap_first(&heap), &entries[1]);
}

static void test_without_memory(void **state)
{
    iq_heap_set(&heap, &entries[0], 5);
    memory.allowed_count = 0;
    assert_int_equal(iq_heap_reserve(&heap, ENTRY_COUNT), 0);
    assert_int_equal(iq_heap_reserve(&heap, ENTRY_COUNT + 1), IQ_ERR_NOMEM);
    assert_int_equal(iq_heap_reserve(&heap, SIZE_MAX), IQ_ERR_NOMEM);
    for (size_t i = 1; i < ENTRY_COUNT; i++) {
        iq_heap_set(&heap, &entries[i], i * 31 % 101);
    }
    assert_comes_in_order(ENTRY_COUNT);
}

/* The size in bytes must not wrap around to a small one. */
static void test_reserve_too_much(void **state)
{
    assert_int_equal(iq_heap_reserve(&heap, SIZE_MAX / sizeof(void *) + 2), IQ_ERR_NOMEM);
    assert_true(heap.capacity < SIZE_MAX / sizeof(void *));
}

static void test_room_grows_in_few_steps(void **state)
{
    unsigned made_before = memory.made_count;

    for (size_t i = 1; i <= 100000; i++) {
        assert_int_equal(iq_heap_reserve(&heap, i), 0);
    }
    assert_true(memory.made_count - made_before < 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_orders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_against_a_table, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_release_forgets_the_entries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_reserve_too_much, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_room_grows_in_few_steps, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
