/* The list: order, and nodes that are in no list. */
#include "list.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct item {
    int number; /* the node does not come first, so that IQ_CONTAINER_OF() has work */
    struct iq_list node;
};

#define ITEM_COUNT 5

static struct iq_list list;
static struct iq_list other;
static struct item items[ITEM_COUNT];

static int set_up(void **state)
{
    iq_list_init(&list);
    iq_list_init(&other);
    for (int i = 0; i < ITEM_COUNT; i++) {
        items[i].number = i;
        iq_list_init(&items[i].node);
    }
    return 0;
}

/* Takes all out of `from` and checks that they are the items with the digits of `numbers`. */
static void assert_items(struct iq_list *from, const char *numbers)
{
    for (; *numbers != '\0'; numbers++) {
        struct iq_list *node = iq_list_pop(from);

        assert_non_null(node);
        assert_int_equal(IQ_CONTAINER_OF(node, struct item, node)->number, *numbers - '0');
        assert_true(iq_list_is_empty(node));
    }
    assert_null(iq_list_pop(from));
    assert_true(iq_list_is_empty(from));
}

static void append_all(void)
{
    for (int i = 0; i < ITEM_COUNT; i++) {
        iq_list_append(&list, &items[i].node);
        assert_false(iq_list_is_empty(&list));
    }
}

static void test_first_in_first_out(void **state)
{
    append_all();
    assert_items(&list, "01234");
}

static void test_walks_both_ways(void **state)
{
    int count = 0;

    append_all();
    for (struct iq_list *node = list.prev; node != &list; node = node->prev) {
        count++;
        assert_int_equal(IQ_CONTAINER_OF(node, struct item, node)->number, ITEM_COUNT - count);
    }
    assert_int_equal(count, ITEM_COUNT);
}

static void test_remove_anywhere_and_twice(void **state)
{
    append_all();
    iq_list_remove(&items[0].node);
    iq_list_remove(&items[2].node);
    iq_list_remove(&items[4].node);
    iq_list_remove(&items[2].node);
    assert_true(iq_list_is_empty(&items[2].node));
    assert_items(&list, "13");
}

static void test_append_moves(void **state)
{
    append_all();
    iq_list_append(&list, &items[1].node);
    iq_list_append(&other, &items[3].node);
    assert_items(&other, "3");
    assert_items(&list, "0241");
}

static void test_move_all(void **state)
{
    append_all();
    iq_list_append(&other, &items[3].node);
    iq_list_move_all(&other, &list);
    assert_true(iq_list_is_empty(&list));
    iq_list_move_all(&other, &list);
    assert_items(&other, "30124");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_first_in_first_out, set_up),
        cmocka_unit_test_setup(test_walks_both_ways, set_up),
        cmocka_unit_test_setup(test_remove_anywhere_and_twice, set_up),
        cmocka_unit_test_setup(test_append_moves, set_up),
        cmocka_unit_test_setup(test_move_all, set_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
