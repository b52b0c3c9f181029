/* The buffer against a plain array of bytes, and what it costs. */
#include "buffer.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "dice.h"
#include "scarce_memory.h"

#define NOISE_LEN  65536
#define MODEL_SIZE ((size_t)4 * NOISE_LEN)

static uint8_t noise[NOISE_LEN];
static struct iq_chunk_pool pool;
static struct iq_buffer buffer;

/* The bytes that the buffer should hold: begin to end - 1. */
static struct {
    uint8_t bytes[MODEL_SIZE];
    size_t begin;
    size_t end;
} model;

static int set_up(void **state)
{
    struct dice dice = {.state = 1};

    dice_fill(&dice, noise, sizeof(noise));
    iq_buffer_init(&buffer, &pool);
    model.begin = model.end = 0;
    memory.allowed_count = UINT_MAX;
    return 0;
}

static int tear_down(void **state)
{
    memory.allowed_count = UINT_MAX;
    iq_buffer_release(&buffer);
    iq_chunk_pool_release(&pool);
    return 0;
}

static size_t model_len(void) { return model.end - model.begin; }

static void append(const uint8_t *data, size_t len)
{
    assert_int_equal(iq_buffer_append(&buffer, data, len), 0);
    if (model.end + len > MODEL_SIZE) {
        memmove(model.bytes, model.bytes + model.begin, model_len());
        model.end -= model.begin;
        model.begin = 0;
    }
    assert_true(model.end + len <= MODEL_SIZE);
    memcpy(model.bytes + model.end, data, len);
    model.end += len;
}

static void drop(size_t len)
{
    iq_buffer_drop(&buffer, len);
    model.begin += len < model_len() ? len : model_len();
}

static void assert_peek_is_right(void)
{
    struct iq_bytes front = iq_buffer_peek(&buffer);

    assert_int_equal(buffer.len, model_len());
    assert_true(front.len <= model_len());
    assert_int_equal(front.len > 0, model_len() > 0);
    if (front.len > 0) {
        assert_memory_equal(front.data, model.bytes + model.begin, front.len);
    }
}

/* Gathers at most `count` pieces, and checks that nothing is missing between or after them, and
 * that there are no more than it takes. */
static void assert_gather_is_right(size_t offset, size_t enough, size_t count)
{
    struct iq_bytes pieces[8];
    size_t filled = iq_buffer_gather(&buffer, offset, enough, pieces, count);
    const size_t end = offset + enough < model_len() ? offset + enough : model_len();

    assert_true(filled <= count);
    for (size_t i = 0; i < filled; i++) {
        assert_true(offset < end);
        assert_true(pieces[i].len > 0);
        assert_true(pieces[i].len <= model_len() - offset);
        assert_memory_equal(pieces[i].data, model.bytes + model.begin + offset, pieces[i].len);
        offset += pieces[i].len;
    }
    if (filled < count) {
        assert_true(offset >= end);
    }
}

static void assert_holds_the_model(void)
{
    size_t offset = 0;
    struct iq_bytes piece;

    assert_peek_is_right();
    while (iq_buffer_gather(&buffer, offset, 1, &piece, 1) == 1) {
        assert_true(offset + piece.len <= model_len());
        assert_memory_equal(piece.data, model.bytes + model.begin + offset, piece.len);
        offset += piece.len;
    }
    assert_int_equal(offset, model_len());
}

static size_t random_len(struct dice *dice)
{
    static const size_t limits[] = {2, 20, 20, 300, 300, 1500, 1500, 40000};

    return dice_below(dice, limits[dice_below(dice, sizeof(limits) / sizeof(limits[0]))]);
}

static void random_append(struct dice *dice)
{
    const uint8_t *front = iq_buffer_peek(&buffer).data;
    size_t len = random_len(dice);

    if (model_len() + len > MODEL_SIZE / 2) {
        return;
    }
    append(noise + dice_below(dice, NOISE_LEN - len), len);
    if (front != NULL) {
        assert_ptr_equal(iq_buffer_peek(&buffer).data, front);
    }
}

static void random_operation(struct dice *dice)
{
    switch (dice_below(dice, 8)) {
    case 0:
    case 1:
    case 2:
        random_append(dice);
        break;
    case 3:
    case 4:
        drop(random_len(dice));
        break;
    case 5: /* what a reader does who takes all */
        drop(iq_buffer_peek(&buffer).len);
        break;
    case 6:
        assert_gather_is_right(dice_below(dice, model_len() + 2), random_len(dice),
                               dice_below(dice, 9));
        break;
    case 7:
        assert_peek_is_right();
        break;
    }
}

static void test_against_an_array(void **state)
{
    struct dice dice = dice_new();
    size_t longest = 0;

    for (int round = 0; round < 1000000; round++) {
        random_operation(&dice);
        longest = model_len() > longest ? model_len() : longest;
        if (round % 1000 == 0) {
            assert_holds_the_model();
        }
    }
    assert_holds_the_model();
    assert_true(longest > NOISE_LEN); /* or the dice never made it grow */
}

static void test_empty(void **state)
{
    struct iq_bytes piece;

    assert_int_equal(iq_buffer_peek(&buffer).len, 0);
    assert_int_equal(iq_buffer_gather(&buffer, 0, 1, &piece, 1), 0);
    iq_buffer_drop(&buffer, 10);
    assert_int_equal(iq_buffer_append(&buffer, NULL, 0), 0);
    assert_int_equal(buffer.len, 0);
    assert_int_equal(memory.live_count, 0);
}

static void test_drop_takes_at_most_all(void **state)
{
    append(noise, 1000);
    drop(SIZE_MAX);
    assert_holds_the_model();
    assert_int_equal(buffer.len, 0);
    append(noise, 3);
    assert_holds_the_model();
}

static void test_release_empties(void **state)
{
    append(noise, NOISE_LEN);
    iq_buffer_release(&buffer);
    assert_int_equal(memory.live_count, pool.count);
    model.begin = model.end = 0;
    assert_holds_the_model();
    append(noise, 3);
    assert_holds_the_model();
}

/* ngtcp2 keeps pointers to what it has sent until that is acknowledged. */
static void test_bytes_never_move(void **state)
{
    struct iq_bytes pieces[8], later[8];
    size_t filled;

    append(noise, 300);
    append(noise, 10000);
    filled = iq_buffer_gather(&buffer, 0, SIZE_MAX, pieces, 8);
    assert_true(filled >= 2);
    for (int i = 0; i < 20; i++) {
        append(noise, 5000);
    }
    assert_int_equal(iq_buffer_gather(&buffer, 0, SIZE_MAX, later, 8), 8);
    for (size_t i = 0; i < filled; i++) {
        assert_ptr_equal(later[i].data, pieces[i].data);
        assert_true(later[i].len >= pieces[i].len);
    }

    drop(pieces[0].len); /* what is left of them must not move either */
    iq_buffer_gather(&buffer, 0, SIZE_MAX, later, 1);
    assert_true(later[0].data == pieces[1].data || later[0].data == pieces[0].data + pieces[0].len);
}

static void test_quiet_stream_costs_little(void **state)
{
    memory.largest_size = 0;
    append(noise, 1);
    assert_true(memory.largest_size <= 512);
    for (int i = 0; i < 99; i++) {
        append(noise, 1);
    }
    assert_int_equal(memory.live_count, 1);
    drop(99);
    assert_int_equal(memory.live_count, 1);
    drop(1);
    assert_int_equal(memory.live_count, 0);
}

static void test_busy_stream_has_few_chunks(void **state)
{
    memory.largest_size = 0;
    append(noise, NOISE_LEN);
    assert_true(memory.live_count <= 5);
    assert_true(memory.largest_size <= 16384);
    iq_buffer_release(&buffer);
    iq_chunk_pool_release(&pool);
    model.begin = model.end = 0;

    for (size_t i = 0; i < NOISE_LEN; i += 16) {
        append(noise + i, 16);
    }
    assert_true(memory.live_count <= 8);
    assert_true(memory.largest_size <= 16384);
    assert_true(memory.largest_size > 8192);
    assert_holds_the_model();
}

static void test_dropped_chunks_are_given_up_at_once(void **state)
{
    unsigned live_before;

    append(noise, NOISE_LEN);
    live_before = memory.live_count;
    drop(iq_buffer_peek(&buffer).len - 1);
    assert_int_equal(memory.live_count - pool.count, live_before);
    drop(1);
    assert_int_equal(memory.live_count - pool.count, live_before - 1);
    assert_holds_the_model();
}

static void test_large_chunks_are_used_again(void **state)
{
    unsigned made_before;

    append(noise, NOISE_LEN);
    drop(NOISE_LEN);
    assert_true(pool.count > 0);
    assert_int_equal(memory.live_count, pool.count);
    made_before = memory.made_count;
    append(noise, NOISE_LEN);
    assert_int_equal(memory.made_count, made_before);
    assert_holds_the_model();
}

static void test_pool_has_an_end(void **state)
{
    for (int i = 0; i < 2 * IQ_CHUNK_POOL_MAX; i++) {
        assert_int_equal(iq_buffer_append(&buffer, noise, 16384), 0);
    }
    iq_buffer_release(&buffer);
    assert_int_equal(pool.count, IQ_CHUNK_POOL_MAX);
    assert_int_equal(memory.live_count, IQ_CHUNK_POOL_MAX);
}

/* Fails each allocation of one append in turn, on an empty buffer or one with `held` bytes. */
static void append_without_memory(size_t held)
{
    unsigned allowed_count = 0;
    unsigned live_before;

    append(noise, held);
    live_before = memory.live_count;
    for (;;) {
        memory.allowed_count = allowed_count;
        if (iq_buffer_append(&buffer, noise, 60000) == 0) {
            break;
        }
        assert_int_equal(memory.allowed_count, 0);
        iq_chunk_pool_release(&pool);
        assert_int_equal(memory.live_count, live_before);
        assert_holds_the_model();
        allowed_count++;
    }
    assert_true(allowed_count >= 3);
    assert_int_equal(memory.live_count, live_before + allowed_count);
    assert_int_equal(buffer.len, held + 60000);

    memory.allowed_count = UINT_MAX;
    memcpy(model.bytes + model.end, noise, 60000);
    model.end += 60000;
    assert_holds_the_model();
}

static void test_append_is_all_or_nothing(void **state)
{
    append_without_memory(0);
    tear_down(state);
    set_up(state);
    append_without_memory(100);
}

static void test_nomem_is_the_error(void **state)
{
    memory.allowed_count = 0;
    assert_int_equal(iq_buffer_append(&buffer, noise, 1), IQ_ERR_NOMEM);
    assert_int_equal(buffer.len, 0);
    memory.allowed_count = 1;
    append(noise, 1);
    append(noise, 10); /* there is room in the chunk */
    assert_holds_the_model();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_against_an_array, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_drop_takes_at_most_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_release_empties, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_never_move, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_quiet_stream_costs_little, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_busy_stream_has_few_chunks, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_dropped_chunks_are_given_up_at_once, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_large_chunks_are_used_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_pool_has_an_end, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_append_is_all_or_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_nomem_is_the_error, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
