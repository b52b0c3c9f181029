/* Copies of tables of routes: what is in them, whose memory that is, and what is refused. */
#include "routes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"
#include "scarce_memory.h"

static const struct iq_protocol_handler handlers[4];
static int data[4];

static int tear_down(void **state)
{
    memory.allowed_count = UINT_MAX;
    assert_int_equal(memory.live_count, 0);
    return 0;
}

/* The entries of a table are told apart by the index of their handler and data. */
static struct iq_route route(const char *alpn, int index)
{
    return (struct iq_route){.alpn = alpn, .handler = &handlers[index], .data = &data[index]};
}

/* `expected` names each entry by a letter and the index: "a0 b1". */
static void assert_routes(const struct iq_route *routes, const char *expected)
{
    for (; *expected != '\0'; routes++) {
        const int index = expected[1] - '0';

        assert_non_null(routes->alpn);
        assert_int_equal(strlen(routes->alpn), 1);
        assert_int_equal(routes->alpn[0], expected[0]);
        assert_ptr_equal(routes->handler, &handlers[index]);
        assert_ptr_equal(routes->data, &data[index]);
        expected += expected[2] == ' ' ? 3 : 2;
    }
    assert_null(routes->alpn);
    assert_null(routes->handler);
    assert_null(routes->data);
}

static struct iq_route *copy_of(const struct iq_route *routes, const struct iq_route *more)
{
    struct iq_route *copy;

    assert_int_equal(iq_routes_copy(&copy, routes, more), 0);
    return copy;
}

static void test_copy(void **state)
{
    char names[] = "a\0b\0c";
    struct iq_route routes[] = {route(names, 0), route(names + 2, 1), {0}};
    struct iq_route more[] = {route(names + 4, 2), {0}};
    const struct iq_route none[] = {{0}};
    struct iq_route *both, *first, *second, *neither;

    both = copy_of(routes, more);
    assert_int_equal(memory.live_count, 1); /* one block, whatever is in it */
    first = copy_of(routes, NULL);
    second = copy_of(none, more);
    neither = copy_of(none, NULL);
    memset(names, 'x', sizeof(names) - 1); /* the copies do not see it */
    memset(routes, 0, sizeof(routes));
    memset(more, 0, sizeof(more));
    assert_routes(both, "a0 b1 c2");
    assert_routes(first, "a0 b1");
    assert_routes(second, "c2");
    assert_routes(neither, "");
    free(both);
    free(first);
    free(second);
    free(neither);
}

static void test_find(void **state)
{
    const struct iq_route routes[] = {route("a", 0), route("b", 1), route("a", 2), {0}};
    struct iq_route *copy = copy_of(routes, NULL);

    assert_ptr_equal(iq_routes_find(copy, "a"), &copy[0]);
    assert_ptr_equal(iq_routes_find(copy, "b"), &copy[1]);
    assert_null(iq_routes_find(copy, "ab"));
    assert_null(iq_routes_find(copy, "A"));
    assert_null(iq_routes_find(copy, ""));
    free(copy);
}

static const struct {
    const char *name;
    const char *alpn;
    const char *left;
    bool found;
} removal_rows[] = {
    {"the first", "a", "b1 c2 b3", true},          {"all of a name", "b", "a0 c2", true},
    {"one between others", "c", "a0 b1 b3", true}, {"unknown", "d", "a0 b1 c2 b3", false},
    {"a longer name", "ab", "a0 b1 c2 b3", false}, {"no name", "", "a0 b1 c2 b3", false},
};

static void test_remove(void **state)
{
    const struct iq_route routes[] = {
        route("a", 0), route("b", 1), route("c", 2), route("b", 3), {0}};

    for (size_t i = 0; i < sizeof(removal_rows) / sizeof(removal_rows[0]); i++) {
        struct iq_route *copy = copy_of(routes, NULL);

        assert_row(iq_routes_remove(copy, removal_rows[i].alpn) == removal_rows[i].found,
                   removal_rows[i].name);
        assert_routes(copy, removal_rows[i].left);
        free(copy);
    }
}

static void test_remove_until_empty(void **state)
{
    const struct iq_route routes[] = {route("a", 0), route("b", 1), {0}};
    struct iq_route *copy = copy_of(routes, NULL);

    assert_true(iq_routes_remove(copy, "b"));
    assert_true(iq_routes_remove(copy, "a"));
    assert_false(iq_routes_remove(copy, "a"));
    assert_routes(copy, "");
    free(copy);
}

/* RFC 7301, section 3.1: 1 to 255 bytes. */
static void test_lengths(void **state)
{
    char alpn[IQ_ALPN_MAX + 2];
    const struct iq_route good[] = {route("a", 0), {0}};
    const struct iq_route tested[] = {route("b", 1), route(alpn, 2), {0}};

    for (size_t len = 0; len <= IQ_ALPN_MAX + 1; len++) {
        struct iq_route *const untouched = (struct iq_route *)data;
        struct iq_route *copy = untouched;
        const int expected = len == 0 || len > IQ_ALPN_MAX ? IQ_ERR_INVALID_ALPN : 0;

        memset(alpn, 'x', len);
        alpn[len] = '\0';
        assert_int_equal(iq_routes_copy(&copy, tested, NULL), expected);
        if (expected == 0) {
            assert_string_equal(copy[1].alpn, alpn);
            free(copy);
            copy = untouched;
        }
        assert_int_equal(iq_routes_copy(&copy, good, tested), expected);
        if (expected == 0) {
            assert_string_equal(copy[2].alpn, alpn);
            free(copy);
        } else {
            assert_ptr_equal(copy, untouched);
        }
    }
}

static void test_no_memory(void **state)
{
    const struct iq_route routes[] = {route("a", 0), {0}};
    struct iq_route *copy = NULL;

    memory.allowed_count = 0;
    assert_int_equal(iq_routes_copy(&copy, routes, NULL), IQ_ERR_NOMEM);
    assert_null(copy);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_copy, tear_down),
        cmocka_unit_test_teardown(test_find, tear_down),
        cmocka_unit_test_teardown(test_remove, tear_down),
        cmocka_unit_test_teardown(test_remove_until_empty, tear_down),
        cmocka_unit_test_teardown(test_lengths, tear_down),
        cmocka_unit_test_teardown(test_no_memory, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
