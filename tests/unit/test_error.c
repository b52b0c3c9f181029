/* Error codes: each has its number and its own words. */
#include "iq/error.h"

#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct {
    const char *name;
    int value;
    int code;
    const char *text;
} rows[] = {
#define X(name, value, text) {#name, value, name, text},
    IQ_ERRORS(X)
#undef X
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void test_every_code_has_its_text(void **state)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        assert_int_equal(rows[i].code, rows[i].value);
        assert_true(rows[i].code < 0);
        assert_string_equal(iq_strerror(rows[i].code), rows[i].text);
        assert_true(strlen(rows[i].text) > 0);
        assert_int_not_equal(rows[i].text[strlen(rows[i].text) - 1], '.');
    }
}

static void test_texts_differ(void **state)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        for (size_t k = 0; k < i; k++) {
            assert_string_not_equal(rows[i].text, rows[k].text);
        }
    }
}

/* Programs that were built earlier keep the numbers that they know. */
static void test_numbers_stay(void **state)
{
    assert_int_equal(IQ_ERR_NOMEM, -1);
    assert_int_equal(IQ_ERR_AGAIN, -2);
    assert_int_equal(IQ_ERR_VALIDATED, -17);
    assert_int_equal(IQ_ERR_INVALID_TICKET, -18);
    assert_int_equal(IQ_ERR_UNKNOWN_ALPN, -19);
    assert_int_equal(IQ_ERR_UNSUPPORTED, -20);
}

static void test_other_numbers_have_a_text(void **state)
{
    assert_string_equal(iq_strerror(0), "no error");
    assert_string_equal(iq_strerror(1), "unknown error");
    assert_string_equal(iq_strerror(-1000), "unknown error");
    assert_string_equal(iq_strerror(INT_MIN), "unknown error");
    assert_string_equal(iq_strerror(INT_MAX), "unknown error");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_code_has_its_text),
        cmocka_unit_test(test_texts_differ),
        cmocka_unit_test(test_numbers_stay),
        cmocka_unit_test(test_other_numbers_have_a_text),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
