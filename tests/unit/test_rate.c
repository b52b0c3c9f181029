/* How often something may happen. */
#include "rate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)

/* How often in a row, at this time. */
static unsigned take_all(struct iq_rate *rate, uint64_t per_s, uint64_t at_once, uint64_t now_ns)
{
    unsigned taken = 0;

    while (taken < 10000 && iq_rate_take(rate, per_s, at_once, now_ns)) {
        taken++;
    }
    return taken;
}

static void test_at_once_and_then_a_second(void **state)
{
    struct iq_rate rate = {0};
    const uint64_t start_ns = 77 * MS;

    assert_int_equal(take_all(&rate, 100, 20, start_ns), 20);
    assert_int_equal(take_all(&rate, 100, 20, start_ns + 9 * MS), 0);
    assert_int_equal(take_all(&rate, 100, 20, start_ns + 10 * MS), 1);
    assert_int_equal(take_all(&rate, 100, 20, start_ns + 60 * MS), 5);
    assert_int_equal(take_all(&rate, 100, 20, start_ns + 60000 * MS), 20); /* no more is saved */
}

static void test_one_at_a_time(void **state)
{
    struct iq_rate rate = {0};
    unsigned taken = 0;

    for (uint64_t now_ns = 0; now_ns < 1000 * MS; now_ns += MS) {
        taken += take_all(&rate, 50, 1, now_ns);
    }
    assert_int_equal(taken, 50);
}

static void test_without_a_limit(void **state)
{
    struct iq_rate rate = {0};

    assert_int_equal(take_all(&rate, UINT64_MAX, 1, 5), 10000);
    assert_int_equal(take_all(&rate, UINT64_MAX, 1000, 5), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_at_once_and_then_a_second),
        cmocka_unit_test(test_one_at_a_time),
        cmocka_unit_test(test_without_a_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
