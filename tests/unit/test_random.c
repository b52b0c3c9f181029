/* Randomness and the keyed hash. */
#include "random.h"

#include <setjmp.h>
#include <sodium.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"

static void test_start_twice(void **state)
{
    assert_int_equal(iq_random_start(), 0);
    assert_int_equal(iq_random_start(), 0);
}

/* Sixteen equal bytes come once in 2^120 times. */
static void test_fill_writes_all(void **state)
{
    static const uint8_t zero[16];
    uint8_t data[48] = {0};

    iq_random_fill(data + 16, 16);
    assert_memory_equal(data, zero, 16);
    assert_memory_not_equal(data + 16, zero, 16);
    assert_memory_equal(data + 32, zero, 16);
    iq_random_fill(data, 0);
    assert_memory_equal(data, zero, 16);
}

/* "SipHash: a fast short-input PRF", Aumasson and Bernstein, appendix A, and neighbours. */
static void test_hash_is_siphash_2_4(void **state)
{
    static const struct {
        const char *name;
        size_t len;
        uint8_t hash[8];
    } rows[] = {
        {.name = "nothing", .len = 0, .hash = {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
        {.name = "one byte", .len = 1, .hash = {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
        {.name = "the paper", .len = 15, .hash = {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}},
    };
    uint8_t bytes[16];

    for (size_t i = 0; i < sizeof(bytes); i++) {
        bytes[i] = (uint8_t)i;
    }
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        uint64_t hash = iq_keyed_hash(bytes, rows[i].len, bytes);

        assert_row(memcmp(&hash, rows[i].hash, sizeof(hash)) == 0, rows[i].name);
    }
}

static void test_secrets_equal(void **state)
{
    uint8_t a[16] = {0}, b[16] = {0};

    for (size_t i = 0; i < sizeof(b); i++) {
        assert_true(iq_secrets_equal(a, b, sizeof(a)));
        b[i] = 0x80;
        assert_false(iq_secrets_equal(a, b, sizeof(a)));
        assert_true(iq_secrets_equal(a, b, i));
        b[i] = 0;
    }
}

static void test_hash_depends_on_key(void **state)
{
    static const uint8_t keys[2][16] = {{1}, {2}};

    assert_true(iq_keyed_hash("abc", 3, keys[0]) == iq_keyed_hash("abc", 3, keys[0]));
    assert_true(iq_keyed_hash("abc", 3, keys[0]) != iq_keyed_hash("abc", 3, keys[1]));
}

static void test_wipe(void **state)
{
    uint8_t data[6] = {1, 2, 3, 4, 5, 6};
    static const uint8_t wiped[6] = {1, 0, 0, 0, 0, 6};

    iq_wipe(data + 1, 4);
    assert_memory_equal(data, wiped, sizeof(data));
}

static const char *source_name(void) { return "test"; }
static uint32_t source_number(void) { return 7; }
static void source_fill(void *data, size_t len) { memset(data, 7, len); }

/* What the simulated network relies on. */
static void test_source_can_be_replaced(void **state)
{
    static randombytes_implementation source = {
        .implementation_name = source_name, .random = source_number, .buf = source_fill};
    static const uint8_t expected[5] = {7, 7, 7, 7, 7};
    uint8_t data[5];

    randombytes_set_implementation(&source);
    assert_int_equal(iq_random_start(), 0);
    iq_random_fill(data, sizeof(data));
    assert_memory_equal(data, expected, sizeof(data));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_twice),
        cmocka_unit_test(test_fill_writes_all),
        cmocka_unit_test(test_hash_is_siphash_2_4),
        cmocka_unit_test(test_hash_depends_on_key),
        cmocka_unit_test(test_secrets_equal),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_source_can_be_replaced),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
