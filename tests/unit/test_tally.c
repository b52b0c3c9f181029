/* How many there are of each kind. */
#include "tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "random.h"
#include "scarce_memory.h"

#define KINDS 100
#define STEPS 20000

static struct iq_tally tally;

static int set_up(void **state)
{
    memory.allowed_count = UINT_MAX;
    return iq_random_start() != 0 || iq_tally_init(&tally) != 0;
}

static int tear_down(void **state)
{
    memory.allowed_count = UINT_MAX;
    iq_tally_release(&tally);
    return memory.live_count != 0;
}

/* The kinds are texts of different lengths, some of which begin with others. */
static size_t kind_of(uint8_t bytes[IQ_CID_MAX], size_t i)
{
    memset(bytes, (int)(i / 10), IQ_CID_MAX);
    return 5 + i % 10;
}

static uint64_t count(size_t i)
{
    uint8_t bytes[IQ_CID_MAX];
    const size_t len = kind_of(bytes, i);

    return iq_tally_count(&tally, bytes, len);
}

/* Against plain numbers. */
static void test_counts(void **state)
{
    static struct iq_tally_entry *entries[KINDS][STEPS];
    size_t counts[KINDS] = {0};
    struct dice dice = {.state = 1};
    uint8_t bytes[IQ_CID_MAX];
    size_t i;

    for (unsigned step = 0; step < STEPS; step++) {
        i = dice_below(&dice, KINDS);
        if (dice_below(&dice, 2) == 0) {
            const size_t len = kind_of(bytes, i);

            assert_int_equal(iq_tally_add(&entries[i][counts[i]], &tally, bytes, len), 0);
            counts[i]++;
        } else if (counts[i] > 0) {
            iq_tally_remove(&tally, entries[i][--counts[i]]);
        }
        assert_int_equal(count(i), counts[i]);
    }
    for (i = 0; i < KINDS; i++) {
        assert_int_equal(count(i), counts[i]);
        while (counts[i] > 0) {
            iq_tally_remove(&tally, entries[i][--counts[i]]);
        }
        assert_int_equal(count(i), 0);
    }
    iq_tally_remove(&tally, NULL);
}

/* A second one of a kind needs none. */
static void test_without_memory(void **state)
{
    const uint8_t first[] = "first", other[] = "other";
    struct iq_tally_entry *entries[3];

    assert_int_equal(iq_tally_add(&entries[0], &tally, first, 5), 0);
    memory.allowed_count = 0;
    assert_int_equal(iq_tally_add(&entries[1], &tally, first, 5), 0);
    assert_int_equal(iq_tally_add(&entries[2], &tally, other, 5), IQ_ERR_NOMEM);
    assert_int_equal(iq_tally_count(&tally, other, 5), 0);
    assert_int_equal(iq_tally_count(&tally, first, 5), 2);
    iq_tally_remove(&tally, entries[0]);
    iq_tally_remove(&tally, entries[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_counts, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_memory, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
