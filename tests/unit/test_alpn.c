/* alpn.h: lists of protocol names. */
#include "alpn.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "scarce_memory.h"

static void expect_list(const char *list, const char *const *names)
{
    for (; *names != NULL; names++) {
        assert_string_equal(list, *names);
        list = iq_alpns_next(list);
    }
    assert_string_equal(list, "");
}

static void joined_and_copied(void **state)
{
    static const char *const more[] = {"b", "cc", NULL};
    char *list, *copy;

    assert_int_equal(iq_alpns_join(&list, "aaa", more), 0);
    expect_list(list, (const char *const[]){"aaa", "b", "cc", NULL});
    assert_int_equal(iq_alpns_copy(&copy, list), 0);
    free(list);
    expect_list(copy, (const char *const[]){"aaa", "b", "cc", NULL});
    free(copy);
    assert_int_equal(iq_alpns_join(&list, "a", NULL), 0);
    expect_list(list, (const char *const[]){"a", NULL});
    free(list);
}

static void bad_names(void **state)
{
    const char *more[IQ_ALPNS_MAX + 1] = {0};
    char long_name[IQ_ALPN_MAX + 2] = {0};
    char *list = NULL;
    size_t i;

    memset(long_name, 'a', IQ_ALPN_MAX + 1);
    assert_int_equal(iq_alpns_join(&list, "", NULL), IQ_ERR_INVALID_ALPN);
    assert_int_equal(iq_alpns_join(&list, long_name, NULL), IQ_ERR_INVALID_ALPN);
    more[0] = long_name;
    assert_int_equal(iq_alpns_join(&list, "a", more), IQ_ERR_INVALID_ALPN);
    more[0] = "";
    assert_int_equal(iq_alpns_join(&list, "a", more), IQ_ERR_INVALID_ALPN);
    for (i = 0; i < IQ_ALPNS_MAX; i++) {
        more[i] = "b";
    }
    assert_int_equal(iq_alpns_join(&list, "a", more), IQ_ERR_INVALID_ALPN);
    assert_null(list);
    more[IQ_ALPNS_MAX - 1] = NULL;
    long_name[IQ_ALPN_MAX] = '\0';
    assert_int_equal(iq_alpns_join(&list, long_name, more), 0);
    free(list);
}

static void found(void **state)
{
    static const char list[] = "ab\0abc\0b\0";

    assert_ptr_equal(iq_alpns_find(list, (const uint8_t *)"abc", 3), list + 3);
    assert_ptr_equal(iq_alpns_find(list, (const uint8_t *)"b", 1), list + 7);
    assert_null(iq_alpns_find(list, (const uint8_t *)"a", 1));
    assert_null(iq_alpns_find(list, (const uint8_t *)"abcd", 4));
    assert_null(iq_alpns_find(list, (const uint8_t *)"", 0));
}

static void on_wire(void **state)
{
    static const char list[] = "ab\0abc\0b\0";
    uint8_t wire[IQ_ALPNS_WIRE_MAX];
    const size_t len = iq_alpns_encode(wire, list);

    assert_int_equal(len, 9);
    assert_memory_equal(wire, "\2ab\3abc\1b", 9);
    assert_ptr_equal(iq_alpns_find_on_wire(wire, len, "abc"), wire + 4);
    assert_null(iq_alpns_find_on_wire(wire, len, "a"));
    assert_null(iq_alpns_find_on_wire(wire, len, "c"));
    assert_null(iq_alpns_find_on_wire(wire, len - 1, "b")); /* which is cut */
    assert_null(iq_alpns_find_on_wire(wire, 0, "ab"));
    assert_null(iq_alpns_find_on_wire((const uint8_t *)"\377ab", 3, "ab"));
    assert_non_null(iq_alpns_find_on_wire((const uint8_t *)"\0\1b", 3, "b"));
}

static void without_memory(void **state)
{
    char *list = NULL, *copy = NULL;

    memory.allowed_count = 0;
    assert_int_equal(iq_alpns_join(&list, "a", NULL), IQ_ERR_NOMEM);
    assert_int_equal(iq_alpns_copy(&copy, "a\0"), IQ_ERR_NOMEM);
    memory.allowed_count = UINT_MAX;
    assert_null(list);
    assert_null(copy);
    assert_int_equal(memory.live_count, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joined_and_copied),
        cmocka_unit_test(bad_names),
        cmocka_unit_test(found),
        cmocka_unit_test(on_wire),
        cmocka_unit_test(without_memory),
    };

    return cmocka_run_group_tests_name("alpn", tests, NULL, NULL);
}
