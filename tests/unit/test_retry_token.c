/* Tokens of Retry packets: which are taken, and which never. */
#include "retry_token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"
#include "dice.h"
#include "random.h"

#define SECOND     NGTCP2_SECONDS
#define HOUR       (3600 * SECOND)
#define MADE_AT_NS (1000 * SECOND) /* by the clock of the tests */

static struct iq_retry_secrets secrets;
static uint8_t token[IQ_RETRY_TOKEN_LEN + 1]; /* and one byte behind it */

static const struct iq_retry made_for = {
    .remote = {.ip_version = IQ_IPV4, .port = 4433, .ip = {192, 0, 2, 7}},
    .version = NGTCP2_PROTO_VER_V1,
    .original_dcid = {.datalen = 18, .data = {1, 2, 3}},
    .scid = {.datalen = 8, .data = {8, 7, 6, 5, 4, 3, 2, 1}},
};

static int set_up(void **state)
{
    if (iq_random_start() != 0) {
        return 1;
    }
    iq_retry_secrets_init(&secrets, MADE_AT_NS);
    return !iq_retry_token_make(token, &secrets, &made_for, MADE_AT_NS);
}

static int tear_down(void **state)
{
    static const struct iq_retry_secrets nothing;

    iq_retry_secrets_wipe(&secrets);
    return memcmp(&secrets, &nothing, sizeof(secrets));
}

static bool is_good(const uint8_t *bytes, size_t len, struct iq_retry retry, uint64_t now_ns)
{
    bool good;

    retry.original_dcid = (ngtcp2_cid){0};
    good = iq_retry_token_check(&retry, &secrets, bytes, len, now_ns);
    assert_true(!good || ngtcp2_cid_eq(&retry.original_dcid, &made_for.original_dcid));
    return good;
}

static bool is_good_at(uint64_t now_ns)
{
    return is_good(token, IQ_RETRY_TOKEN_LEN, made_for, now_ns);
}

/* Whose packet brings the token */

static void as_it_was(struct iq_retry *retry) { (void)retry; }
static void other_host(struct iq_retry *retry) { retry->remote.ip[3]++; }
static void other_port(struct iq_retry *retry) { retry->remote.port++; }
static void other_version(struct iq_retry *retry) { retry->version = NGTCP2_PROTO_VER_V2; }
static void other_dcid(struct iq_retry *retry) { retry->scid.data[7] ^= 1; }
static void shorter_dcid(struct iq_retry *retry) { retry->scid.datalen--; }
static void longer_dcid(struct iq_retry *retry) { retry->scid.datalen++; }
static void no_dcid(struct iq_retry *retry) { retry->scid.datalen = 0; }

static void other_family(struct iq_retry *retry)
{
    static const uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff, 192, 0, 2, 7};

    retry->remote.ip_version = IQ_IPV6;
    memcpy(retry->remote.ip, mapped, sizeof(mapped));
}

static const struct bearer_row {
    const char *name;
    void (*change)(struct iq_retry *retry);
    uint64_t age_ns;
    bool good;
} bearer_rows[] = {
    {"as it was", as_it_was, 0, true},
    {"in its last moment", as_it_was, IQ_RETRY_TOKEN_NS - 1, true},
    {"too late", as_it_was, IQ_RETRY_TOKEN_NS, false},
    {"an hour later", as_it_was, HOUR, false},
    {"another host", other_host, 0, false},
    {"another port", other_port, 0, false},
    {"another family", other_family, 0, false},
    {"another version", other_version, 0, false},
    {"another connection id", other_dcid, 0, false},
    {"a shorter one", shorter_dcid, 0, false},
    {"a longer one", longer_dcid, 0, false},
    {"none", no_dcid, 0, false},
};

static void test_bearers(void **state)
{
    for (size_t i = 0; i < sizeof(bearer_rows) / sizeof(bearer_rows[0]); i++) {
        const struct bearer_row *row = &bearer_rows[i];
        struct iq_retry retry = made_for;

        assert_int_equal(set_up(state), 0);
        row->change(&retry);
        assert_row(is_good(token, IQ_RETRY_TOKEN_LEN, retry, MADE_AT_NS + row->age_ns) == row->good,
                   row->name);
    }
}

/* Its bytes */

static void test_each_length(void **state)
{
    for (size_t len = 0; len <= sizeof(token); len++) {
        assert_int_equal(is_good(token, len, made_for, MADE_AT_NS), len == IQ_RETRY_TOKEN_LEN);
    }
}

static void test_each_bit(void **state)
{
    for (size_t bit = 0; bit < IQ_RETRY_TOKEN_LEN * (size_t)8; bit++) {
        token[bit / 8] ^= (uint8_t)(1U << bit % 8);
        assert_false(is_good_at(MADE_AT_NS));
        token[bit / 8] ^= (uint8_t)(1U << bit % 8);
    }
    assert_true(is_good_at(MADE_AT_NS));
}

static void test_random_bytes(void **state)
{
    struct dice dice = dice_new();

    for (unsigned i = 0; i < 100000; i++) {
        dice_fill(&dice, token, IQ_RETRY_TOKEN_LEN);
        token[0] = NGTCP2_CRYPTO_TOKEN_MAGIC_RETRY2;
        assert_false(is_good_at(MADE_AT_NS));
    }
}

/* Only what says that it is a token of a Retry is refused for not being a good one. */
static void test_whose_they_are(void **state)
{
    uint8_t other[IQ_RETRY_TOKEN_LEN];

    memcpy(other, token, sizeof(other));
    other[0] = NGTCP2_CRYPTO_TOKEN_MAGIC_REGULAR;
    assert_true(iq_retry_token_is_ours(token, IQ_RETRY_TOKEN_LEN));
    assert_true(iq_retry_token_is_ours(token, 1));
    assert_false(iq_retry_token_is_ours(token, 0));
    assert_false(iq_retry_token_is_ours(NULL, 0));
    assert_false(iq_retry_token_is_ours(other, sizeof(other)));
}

/* Each says something else, so that nobody can tell by one what another holds. */
static void test_no_two_are_equal(void **state)
{
    uint8_t other[IQ_RETRY_TOKEN_LEN];

    assert_true(iq_retry_token_make(other, &secrets, &made_for, MADE_AT_NS));
    assert_memory_not_equal(token, other, sizeof(other));
    assert_true(is_good(other, sizeof(other), made_for, MADE_AT_NS));
}

/* Secrets */

static void test_another_endpoint(void **state)
{
    struct iq_retry_secrets others;
    struct iq_retry retry = made_for;

    iq_retry_secrets_init(&others, MADE_AT_NS);
    assert_false(iq_retry_token_check(&retry, &others, token, IQ_RETRY_TOKEN_LEN, MADE_AT_NS));
}

/* Before anything was replaced there is a previous one, too: not one that everybody knows. */
static void test_secret_of_zeros(void **state)
{
    const struct iq_retry_secrets own = secrets;

    memset(&secrets, 0, sizeof(secrets));
    secrets.since_ns = MADE_AT_NS;
    assert_true(iq_retry_token_make(token, &secrets, &made_for, MADE_AT_NS));
    assert_true(is_good_at(MADE_AT_NS));
    secrets = own;
    assert_false(is_good_at(MADE_AT_NS));
}

/* A token that is made just before its secret is replaced is as good as any other. */
static void test_over_the_change(void **state)
{
    const uint64_t change_ns = MADE_AT_NS + IQ_RETRY_SECRET_NS;
    const struct iq_retry_secrets before = secrets;

    assert_true(iq_retry_token_make(token, &secrets, &made_for, change_ns - 1));
    assert_memory_equal(&before, &secrets, sizeof(before));
    assert_true(is_good_at(change_ns));
    assert_memory_not_equal(before.current, secrets.current, sizeof(before.current));
    assert_true(is_good_at(change_ns + IQ_RETRY_TOKEN_NS - 2));
    assert_false(is_good_at(change_ns + IQ_RETRY_TOKEN_NS - 1));
}

/* Somebody has the secret, and makes tokens with it whenever they like. */
static bool thief_succeeds(const struct iq_retry_secrets *stolen, uint64_t now_ns)
{
    struct iq_retry_secrets copy = *stolen;

    copy.since_ns = now_ns;
    assert_true(iq_retry_token_make(token, &copy, &made_for, now_ns));
    return is_good_at(now_ns);
}

/* It is of use for seventy seconds, whenever somebody has looked at the clock since. */
static void test_stolen_secret(void **state)
{
    static const uint64_t looked_at_s[] = {0, 30, 59, 60, 61, 69, 70, 119, 120, 130, 86400};
    const struct iq_retry_secrets stolen = secrets;

    for (size_t i = 0; i < sizeof(looked_at_s) / sizeof(looked_at_s[0]); i++) {
        const uint64_t age_s = looked_at_s[i];

        secrets = stolen;
        assert_int_equal(thief_succeeds(&stolen, MADE_AT_NS + age_s * SECOND), age_s < 70);
        assert_false(thief_succeeds(&stolen, MADE_AT_NS + (age_s + 70) * SECOND));
    }
}

/* Nobody has come for hours: then they are made as before. */
static void test_after_a_pause(void **state)
{
    uint64_t now_ns = MADE_AT_NS;

    for (uint64_t pause_ns = IQ_RETRY_SECRET_NS; pause_ns < 24 * HOUR; pause_ns += 977 * SECOND) {
        now_ns += pause_ns;
        assert_true(iq_retry_token_make(token, &secrets, &made_for, now_ns));
        assert_true(is_good_at(now_ns + IQ_RETRY_TOKEN_NS - 1));
    }
}

/* For a day, used every second: each token is good, and no secret comes back. */
static void test_a_day(void **state)
{
    uint8_t last[IQ_RETRY_SECRET_BYTES];
    unsigned changes = 0;

    memcpy(last, secrets.current, sizeof(last));
    for (uint64_t second = 1; second <= 24 * HOUR / SECOND; second++) {
        const uint64_t now_ns = MADE_AT_NS + second * SECOND;

        if (second % 60 == 0 || second % 977 == 0) {
            assert_true(iq_retry_token_make(token, &secrets, &made_for, now_ns));
            assert_true(is_good_at(now_ns + SECOND / 2));
        }
        if (memcmp(last, secrets.current, sizeof(last)) != 0) {
            assert_memory_equal(last, secrets.previous, sizeof(last));
            memcpy(last, secrets.current, sizeof(last));
            changes++;
        }
    }
    assert_int_equal(changes, 24 * 60);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_bearers),          TEST(test_each_length),     TEST(test_each_bit),
        TEST(test_random_bytes),     TEST(test_whose_they_are),  TEST(test_no_two_are_equal),
        TEST(test_another_endpoint), TEST(test_secret_of_zeros), TEST(test_over_the_change),
        TEST(test_stolen_secret),    TEST(test_after_a_pause),   TEST(test_a_day),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
