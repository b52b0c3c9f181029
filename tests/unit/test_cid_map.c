/* The table of connection ids: what it finds, what it costs, and what strangers can do to it. */
#include "cid_map.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"
#include "dice.h"
#include "random.h"
#include "scarce_memory.h"

#define ENTRY_COUNT 100000

/* With random ids and as many buckets as entries a chain of 20 comes once in 10^13 times. */
#define LONGEST_CHAIN 20

static struct iq_cid_map map;
static struct iq_cid_entry entries[ENTRY_COUNT];

static int set_up(void **state)
{
    memory.allowed_count = UINT_MAX;
    memset(entries, 0, sizeof(entries));
    return iq_random_start() != 0 || iq_cid_map_init(&map) != 0;
}

static int tear_down(void **state)
{
    memory.allowed_count = UINT_MAX;
    iq_cid_map_release(&map);
    return memory.live_count != 0;
}

/* Writes the low `len` bytes of `number`, the lowest last. */
static void write_number(uint8_t *bytes, size_t number, size_t len)
{
    while (len > 0) {
        bytes[--len] = (uint8_t)number;
        number >>= 8;
    }
}

static void random_id(struct iq_cid *cid, size_t i)
{
    struct dice dice = {.state = i + 1};

    cid->len = 8;
    dice_fill(&dice, cid->bytes, cid->len);
}

static void counted_id(struct iq_cid *cid, size_t i)
{
    cid->len = 8;
    write_number(cid->bytes, i, 8);
}

static void id_with_equal_end(struct iq_cid *cid, size_t i)
{
    cid->len = IQ_CID_MAX;
    write_number(cid->bytes, i, 4);
}

static void id_with_equal_start(struct iq_cid *cid, size_t i)
{
    cid->len = IQ_CID_MAX;
    memset(cid->bytes, 0xff, IQ_CID_MAX);
    write_number(cid->bytes + IQ_CID_MAX - 4, i, 4);
}

/* All collide for a hash that adds or xors its bytes or words. */
static void id_with_equal_sum(struct iq_cid *cid, size_t i)
{
    cid->len = 16;
    write_number(cid->bytes, i, 8);
    write_number(cid->bytes + 8, (size_t)0 - i, 8);
}

static void short_id(struct iq_cid *cid, size_t i)
{
    cid->len = 3;
    write_number(cid->bytes, i, 3);
}

static const struct {
    const char *name;
    void (*make_id)(struct iq_cid *cid, size_t i);
} families[] = {
    {.name = "random", .make_id = random_id},
    {.name = "counted", .make_id = counted_id},
    {.name = "equal end", .make_id = id_with_equal_end},
    {.name = "equal start", .make_id = id_with_equal_start},
    {.name = "equal sum", .make_id = id_with_equal_sum},
    {.name = "short", .make_id = short_id},
};

static void add(struct iq_cid_entry *entry)
{
    entry->owner = entry;
    iq_cid_map_add(&map, entry);
}

static void *find(const struct iq_cid *cid) { return iq_cid_map_find(&map, cid->bytes, cid->len); }

static size_t chain_len(const struct iq_cid_map *of, size_t bucket)
{
    size_t len = 0;

    for (const struct iq_cid_entry *entry = of->buckets[bucket]; entry != NULL;
         entry = entry->next) {
        len++;
    }
    return len;
}

static void assert_chains_are_short(const char *name)
{
    size_t total = 0;

    for (size_t i = 0; i < map.bucket_count; i++) {
        const size_t len = chain_len(&map, i);

        total += len;
        assert_row(len <= LONGEST_CHAIN, name);
    }
    assert_int_equal(total, map.count);
    assert_true(map.bucket_count >= map.count);
}

static void add_find_and_remove(const char *name)
{
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        assert_null(find(&entries[i].cid));
        add(&entries[i]);
    }
    assert_int_equal(map.count, ENTRY_COUNT);
    assert_chains_are_short(name);
    for (size_t i = 0; i < ENTRY_COUNT; i += 2) {
        iq_cid_map_remove(&map, &entries[i]);
    }
    for (size_t i = 0; i < ENTRY_COUNT; i++) {
        assert_ptr_equal(find(&entries[i].cid), i % 2 == 0 ? NULL : &entries[i]);
    }
    for (size_t i = 1; i < ENTRY_COUNT; i += 2) {
        iq_cid_map_remove(&map, &entries[i]);
    }
    assert_int_equal(map.count, 0);
}

static void test_many_entries(void **state)
{
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++) {
        tear_down(state);
        set_up(state);
        for (size_t k = 0; k < ENTRY_COUNT; k++) {
            families[i].make_id(&entries[k].cid, k);
        }
        add_find_and_remove(families[i].name);
    }
}

/*
 * A million ids that are all the same to a table of 2^20 buckets which hashes by FNV-1a, as many
 * tables of connection ids did (CVE-2025-24946, CVE-2025-23020).  They are strings of five blocks,
 * of which there are 16 for each place that lead the hash from one state to the same next one: any
 * hash without a key that takes in its bytes one after the other falls to this (Joux, 2004).
 */

#define BLOCK_LEN  4
#define CHOICES    16
#define PLACES     5
#define HOSTILE    1048576 /* CHOICES to the power of PLACES */
#define STATE_MASK (HOSTILE - 1)

/* The bytes of a million ids in a million buckets: with this key, no more than that. */
#define LONGEST_HOSTILE_CHAIN 12

static uint32_t fnv_1a(uint32_t state, const uint8_t *bytes, size_t len)
{
    while (len-- > 0) {
        state = (state ^ *bytes++) * 0x01000193;
    }
    return state & STATE_MASK; /* the low bits follow from the low bits alone */
}

static void find_blocks(uint8_t blocks[PLACES][CHOICES][BLOCK_LEN], uint32_t state)
{
    for (size_t place = 0; place < PLACES; place++) {
        size_t found = 0;

        for (size_t number = 0; found < CHOICES; number++) {
            write_number(blocks[place][found], number, BLOCK_LEN);
            found += fnv_1a(state, blocks[place][found], BLOCK_LEN) == place;
        }
        state = (uint32_t)place;
    }
}

static void test_hostile_ids(void **state)
{
    static struct iq_cid_entry hostile[HOSTILE];
    static uint8_t blocks[PLACES][CHOICES][BLOCK_LEN];
    const uint32_t start = 0x811c9dc5 & STATE_MASK;
    size_t longest = 0;

    memset(map.hash_key, 0x2a, sizeof(map.hash_key));
    find_blocks(blocks, start);
    for (size_t i = 0; i < HOSTILE; i++) {
        struct iq_cid *cid = &hostile[i].cid;

        for (size_t place = 0; place < PLACES; place++) {
            memcpy(cid->bytes + place * BLOCK_LEN, blocks[place][(i >> (4 * place)) % CHOICES],
                   BLOCK_LEN);
        }
        cid->len = PLACES * BLOCK_LEN;
        assert_int_equal(fnv_1a(start, cid->bytes, cid->len), PLACES - 1);
        add(&hostile[i]);
    }
    assert_int_equal(map.bucket_count, HOSTILE);
    for (size_t i = 0; i < map.bucket_count; i++) {
        const size_t len = chain_len(&map, i);

        longest = len > longest ? len : longest;
    }
    assert_in_range(longest, 1, LONGEST_HOSTILE_CHAIN);
}

static void test_length_is_part_of_an_id(void **state)
{
    static const uint8_t zeros[IQ_CID_MAX + 1];

    for (uint8_t len = 0; len <= IQ_CID_MAX; len++) {
        entries[len].cid.len = len;
        assert_null(iq_cid_map_find(&map, zeros, len));
        add(&entries[len]);
    }
    for (size_t len = 0; len <= IQ_CID_MAX; len++) {
        assert_ptr_equal(iq_cid_map_find(&map, zeros, len), &entries[len]);
    }
    assert_ptr_equal(iq_cid_map_find(&map, NULL, 0), &entries[0]);
    assert_null(iq_cid_map_find(&map, zeros, IQ_CID_MAX + 1));
}

/* What lies behind the id does not matter. */
static void test_bytes_behind_an_id(void **state)
{
    static const uint8_t id[3] = {1, 2, 3};

    entries[0].cid = (struct iq_cid){.len = 3, .bytes = {1, 2, 3, 4, 5}};
    add(&entries[0]);
    assert_ptr_equal(iq_cid_map_find(&map, id, sizeof(id)), &entries[0]);
}

/* The oldest is found, also after the table has grown around it. */
static void test_equal_ids(void **state)
{
    struct iq_cid_entry equal[3] = {{.cid = {.len = 4, .bytes = {9, 9, 9, 9}}}};

    equal[1] = equal[2] = equal[0];
    for (int i = 0; i < 3; i++) {
        add(&equal[i]);
        assert_ptr_equal(find(&equal[0].cid), &equal[0]);
    }
    for (size_t i = 0; i < 1000; i++) {
        counted_id(&entries[i].cid, i);
        add(&entries[i]);
        assert_ptr_equal(find(&equal[0].cid), &equal[0]);
    }
    iq_cid_map_remove(&map, &equal[1]);
    assert_ptr_equal(find(&equal[0].cid), &equal[0]);
    iq_cid_map_remove(&map, &equal[0]);
    assert_ptr_equal(find(&equal[0].cid), &equal[2]);
    iq_cid_map_remove(&map, &equal[2]);
    assert_null(find(&equal[0].cid));
    assert_int_equal(map.count, 1000);
}

static void test_entry_can_come_back(void **state)
{
    counted_id(&entries[0].cid, 1);
    add(&entries[0]);
    iq_cid_map_remove(&map, &entries[0]);
    counted_id(&entries[0].cid, 2);
    add(&entries[0]);
    assert_ptr_equal(find(&entries[0].cid), &entries[0]);
    assert_int_equal(map.count, 1);
}

/* Whoever knows one table's chains knows nothing about another's. */
static void test_tables_have_their_own_keys(void **state)
{
    struct iq_cid_map other;

    assert_int_equal(iq_cid_map_init(&other), 0);
    assert_memory_not_equal(map.hash_key, other.hash_key, sizeof(map.hash_key));
    iq_cid_map_release(&other);
}

static void test_init_without_memory(void **state)
{
    struct iq_cid_map other = {.count = 77};

    memory.allowed_count = 0;
    assert_int_equal(iq_cid_map_init(&other), IQ_ERR_NOMEM);
    assert_int_equal(other.count, 77);
}

static void test_without_memory_it_gets_slower(void **state)
{
    size_t bucket_count = map.bucket_count;

    memory.allowed_count = 0;
    for (size_t i = 0; i < 1000; i++) {
        counted_id(&entries[i].cid, i);
        add(&entries[i]);
    }
    assert_int_equal(map.bucket_count, bucket_count);
    for (size_t i = 0; i < 1000; i++) {
        assert_ptr_equal(find(&entries[i].cid), &entries[i]);
    }

    memory.allowed_count = UINT_MAX; /* and it recovers with the next entries */
    for (size_t i = 1000; i < 1010; i++) {
        counted_id(&entries[i].cid, i);
        add(&entries[i]);
    }
    assert_chains_are_short("after recovery");
    for (size_t i = 0; i < 1010; i++) {
        assert_ptr_equal(find(&entries[i].cid), &entries[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_many_entries, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_hostile_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_length_is_part_of_an_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bytes_behind_an_id, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_equal_ids, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_entry_can_come_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_tables_have_their_own_keys, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_init_without_memory, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_without_memory_it_gets_slower, set_up, tear_down),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
