/* Keys: the vectors of RFC 8032 and of iroh, and the keys that nobody may have. */
#include "iq/key.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "assert_row.h"
#include "random.h"

#define HEX_0 "00000000"
#define HEX_F "ffffffff"

static int set_up(void **state) { return iq_random_start(); }

static uint8_t hex_digit(char digit)
{
    return (uint8_t)(digit <= '9' ? digit - '0' : digit - 'a' + 10);
}

static void read_hex(uint8_t *data, const char *hex)
{
    for (; *hex != '\0'; hex += 2) {
        *data++ = (uint8_t)(hex_digit(hex[0]) << 4 | hex_digit(hex[1]));
    }
}

static struct iq_secret_key key_from_hex(const char *hex)
{
    struct iq_secret_key key;
    uint8_t seed[IQ_KEY_LEN];

    read_hex(seed, hex);
    iq_secret_key_from_seed(&key, seed);
    return key;
}

static struct iq_id id_from_hex(const char *hex)
{
    struct iq_id id;

    read_hex(id.key, hex);
    return id;
}

static const char *upper(const char *text, char copy[80])
{
    size_t i;

    for (i = 0; text[i] != '\0'; i++) {
        copy[i] = (char)toupper((unsigned char)text[i]);
    }
    copy[i] = '\0';
    return copy;
}

static const struct {
    const char *name;
    const char *seed; /* NULL if it is not known */
    const char *id;
    const char *short_id;
    const char *base32;
    const char *z32;
} vectors[] = {
    {.name = "zeros",
     .seed = "0000000000000000000000000000000000000000000000000000000000000000",
     .id = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29",
     .short_id = "3b6a27bcce",
     .base32 = "hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iuq",
     .z32 = "8pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo"},
    {.name = "ones",
     .seed = "0101010101010101010101010101010101010101010101010101010101010101",
     .id = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c",
     .short_id = "8a88e3dd74",
     .base32 = "rkeohxlubhyzl7ks3mwtzos5olfgocn7dwkbeg7toseadnapn5oa",
     .z32 = "tkrq8zmwb8a3m9k15csu3q17qmfgqnp9dskbrg9uq1rydpyxp7qy"},
    {.name = "counted",
     .seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .id = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8",
     .short_id = "03a107bff3",
     .base32 = "aoqqpp7tzyil4hlq3umoos6atft6jvrqtosq2xy53sdgiesvgg4a",
     .z32 = "yqooxx9u3aemh8mo5wcqq16yufu6jitouq1o4za751dger1igghy"},
    {.name = "RFC 8032, section 7.1, test 1",
     .seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     .id = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
     .short_id = "d75a980182",
     .base32 = "25njqamcweflpvkl73j4szahhihoc4xt3ktcgjnpaingr5yhkena",
     .z32 = "47pjoycnsrfmxikm95jh13y88e8qnhzu5kungjpxyepgt7a8krpy"},
    {.name = "the id of iroh's tests",
     .id = "ae58ff8833241ac82d6ff7611046ed67b5072d142c588d0063e942d9a75502b6",
     .short_id = "ae58ff8833",
     .base32 = "vzmp7cbteqnmqllp65qrarxnm62qoliufrmi2add5fbntj2vak3a",
     .z32 = "i3cx9nburopcommx67otytzpc64oqmewftce4ydd7fbpuj4iyk5y"},
};

#define VECTOR_COUNT (sizeof(vectors) / sizeof(vectors[0]))

static void test_id_of_a_seed(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct iq_id id = id_from_hex(vectors[i].id);

        if (vectors[i].seed != NULL) {
            struct iq_secret_key key = key_from_hex(vectors[i].seed);
            struct iq_id seed = id_from_hex(vectors[i].seed);

            assert_true(iq_id_equal(iq_secret_key_id(&key), &id));
            assert_memory_equal(key.seed, seed.key, IQ_KEY_LEN);
        }
        assert_true(iq_id_is_valid(&id));
    }
}

/* RFC 8032, section 7.1, test 2. */
static void test_second_seed_of_the_rfc(void **state)
{
    struct iq_secret_key key =
        key_from_hex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb");
    char str[IQ_ID_STR_SIZE];

    assert_string_equal(iq_id_str(iq_secret_key_id(&key), str),
                        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
}

static void test_seed_may_lie_in_the_key(void **state)
{
    struct iq_secret_key key = key_from_hex(vectors[2].seed);
    struct iq_id id = id_from_hex(vectors[2].id);

    memset(&key.id, 0, sizeof(key.id));
    iq_secret_key_from_seed(&key, key.seed);
    assert_true(iq_id_equal(iq_secret_key_id(&key), &id));
}

static void test_id_texts(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        struct iq_id id = id_from_hex(vectors[i].id);
        char str[IQ_ID_STR_SIZE];
        char short_str[IQ_ID_SHORT_STR_SIZE];
        char z32[IQ_ID_Z32_STR_SIZE];

        assert_string_equal(iq_id_str(&id, str), vectors[i].id);
        assert_string_equal(iq_id_short_str(&id, short_str), vectors[i].short_id);
        assert_string_equal(iq_id_z32_str(&id, z32), vectors[i].z32);
    }
}

static void assert_id_is_read(const char *text, const char *hex)
{
    struct iq_id expected = id_from_hex(hex);
    struct iq_id id = {{0}};

    assert_int_equal(iq_id_parse(&id, text), 0);
    assert_true(iq_id_equal(&id, &expected));
}

static void test_id_is_read(void **state)
{
    for (size_t i = 0; i < VECTOR_COUNT; i++) {
        char copy[80];

        assert_id_is_read(vectors[i].id, vectors[i].id);
        assert_id_is_read(vectors[i].base32, vectors[i].id);
        assert_id_is_read(upper(vectors[i].base32, copy), vectors[i].id);
        copy[0] = vectors[i].base32[0]; /* mixed case */
        assert_id_is_read(copy, vectors[i].id);
    }
}

static const struct {
    const char *name;
    const char *text;
    const char *seed;
    const char *id;
} secret_rows[] = {
    {.name = "hex",
     .text = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .seed = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
     .id = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"},
    {.name = "base32",
     .text = "aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaq",
     .seed = "0101010101010101010101010101010101010101010101010101010101010101",
     .id = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"},
    {.name = "upper case base32",
     .text = "AEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQCAIBAEAQ",
     .seed = "0101010101010101010101010101010101010101010101010101010101010101",
     .id = "8a88e3dd7409f195fd52db2d3cba5d72ca6709bf1d94121bf3748801b40f6f5c"},
    {.name = "base32 of iroh's tests",
     .text = "vpnk377obfvzlipnsfbqba7ywkkenc4xlpmovt5tsfujoa75zqia",
     .seed = "abdaadffee096b95a1ed91430083f8b294468b975bd8eacfb391689703fdcc10",
     .id = "3cf359f65ae705eb279a5750eec57f4ac6efc635e04d92d60eadcca87d250f18"},
    {.name = "a seed that is no point",
     .text = "0200000000000000000000000000000000000000000000000000000000000000",
     .seed = "0200000000000000000000000000000000000000000000000000000000000000",
     .id = "6b79c57e6a095239282c04818e96112f3f03a4001ba97a564c23852a3f1ea5fc"},
};

static void test_secret_is_read(void **state)
{
    for (size_t i = 0; i < sizeof(secret_rows) / sizeof(secret_rows[0]); i++) {
        struct iq_id seed = id_from_hex(secret_rows[i].seed);
        struct iq_id id = id_from_hex(secret_rows[i].id);
        struct iq_secret_key key;

        assert_int_equal(iq_secret_key_parse(&key, secret_rows[i].text), 0);
        assert_memory_equal(key.seed, seed.key, IQ_KEY_LEN);
        assert_true(iq_id_equal(iq_secret_key_id(&key), &id));
    }
}

/* Right lengths and wrong symbols, right symbols and wrong lengths. */
static const struct {
    const char *name;
    const char *text;
} bad_texts[] = {
    {.name = "nothing", .text = ""},
    {.name = "one digit", .text = "3"},
    {.name = "upper-case hex",
     .text = "3B6A27BCCEB6A42D62A3A8D02A6F0D73653215771DE243A63AC048A18B59DA29"},
    {.name = "one upper-case digit first",
     .text = "3B6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"},
    {.name = "one upper-case digit in the middle",
     .text = "3b6a27bcceb6a42d62a3a8d02a6f0D73653215771de243a63ac048a18b59da29"},
    {.name = "63 digits",
     .text = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da2"},
    {.name = "65 digits",
     .text = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da290"},
    {.name = "no hex digit",
     .text = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da2g"},
    {.name = "neighbours of the digits",
     .text = "/:`g27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"},
    {.name = "0x before",
     .text = "0x3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"},
    {.name = "0x in 64",
     .text = "0x6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"},
    {.name = "blank before",
     .text = " 3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"},
    {.name = "blank after",
     .text = "3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29 "},
    {.name = "blank in 64",
     .text = " b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29"},
    {.name = "colons", .text = "3b:6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da2"},
    {.name = "padded base32", .text = "hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iuq===="},
    {.name = "base32 with a blank before",
     .text = " hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iuq"},
    {.name = "base32 with a line feed after",
     .text = "hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iuq\n"},
    {.name = "51 symbols", .text = "hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iu"},
    {.name = "53 symbols", .text = "hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iuqa"},
    {.name = "symbol 1", .text = "1nvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iuq"},
    {.name = "symbol =", .text = "hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iu="},
    {.name = "lowest spare bit", .text = "hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iur"},
    {.name = "highest spare bit", .text = "hnvcppgow2sc2yvdvdicu3ynonsteflxdxrehjr2ybekdc2z3iuy"},
    {.name = "z-base-32", .text = "8pinxxgqs41n4aididenw5apqp1urfmzdztr8jt4abrkdn435ewo"},
    {.name = "Debug form of iroh",
     .text = "PublicKey(3b6a27bcceb6a42d62a3a8d02a6f0d73653215771de243a63ac048a18b59da29)"},
};

static void test_bad_texts(void **state)
{
    for (size_t i = 0; i < sizeof(bad_texts) / sizeof(bad_texts[0]); i++) {
        struct iq_id id = id_from_hex(vectors[3].id), id_before = id;
        struct iq_secret_key key = key_from_hex(vectors[3].seed), key_before = key;

        assert_row(iq_id_parse(&id, bad_texts[i].text) == IQ_ERR_INVALID_KEY, bad_texts[i].name);
        assert_row(iq_secret_key_parse(&key, bad_texts[i].text) == IQ_ERR_INVALID_KEY,
                   bad_texts[i].name);
        assert_memory_equal(&id, &id_before, sizeof(id));
        assert_memory_equal(&key, &key_before, sizeof(key));
    }
}

/* 32 bytes that nobody can have a secret for.  iroh reads all but the third. */
static const struct {
    const char *name;
    const char *id;
} invalid_rows[] = {
    {.name = "y = 0, order 4", .id = HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0},
    {.name = "y = 1, the neutral point",
     .id = "01000000" HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0},
    {.name = "y = 2, not on the curve", .id = "02000000" HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0},
    {.name = "y = 0 with the sign bit", .id = HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 "00000080"},
    {.name = "y = 1 with the sign bit",
     .id = "01000000" HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 HEX_0 "00000080"},
    {.name = "y = -1, order 2", .id = "ecffffff" HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F "ffffff7f"},
    {.name = "y = -1 with the sign bit",
     .id = "ecffffff" HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F "ffffffff"},
    {.name = "y = p, not canonical",
     .id = "edffffff" HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F "ffffff7f"},
    {.name = "y = p + 1, not canonical",
     .id = "eeffffff" HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F "ffffff7f"},
    {.name = "y = 2^255 - 1, not canonical",
     .id = HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F "ffffff7f"},
    {.name = "all ones", .id = HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F HEX_F},
    {.name = "order 8", .id = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"},
    {.name = "order 8 with the sign bit",
     .id = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85"},
    {.name = "the other order 8",
     .id = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"},
    {.name = "the other order 8 with the sign bit",
     .id = "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa"},
};

static void test_invalid_ids(void **state)
{
    for (size_t i = 0; i < sizeof(invalid_rows) / sizeof(invalid_rows[0]); i++) {
        struct iq_id id = id_from_hex(invalid_rows[i].id);
        struct iq_id parsed = id_from_hex(vectors[0].id), before = parsed;

        assert_row(!iq_id_is_valid(&id), invalid_rows[i].name);
        assert_row(iq_id_parse(&parsed, invalid_rows[i].id) == IQ_ERR_INVALID_KEY,
                   invalid_rows[i].name);
        assert_true(iq_id_equal(&parsed, &before));
    }
}

/* A point of the curve that is in no subgroup of small order, and not in the prime-order one
 * either: whoever holds its secret can hold it, and iroh takes it. */
static void test_mixed_order(void **state)
{
    const struct iq_id id =
        id_from_hex("0b6a27bcceb6a42d62a0a8d02a6f0d70650215771de240a60ac048a18b59da29");

    assert_true(iq_id_is_valid(&id));
}

static const struct {
    const char *name;
    const char *seed;
    const char *message;
    const char *signature;
} signature_rows[] = {
    {.name = "zeros, nothing",
     .seed = "0000000000000000000000000000000000000000000000000000000000000000",
     .message = "",
     .signature = "8f895b3cafe2c9506039d0e2a66382568004674fe8d237785092e40d6aaf483e"
                  "4fc60168705f31f101596138ce21aa357c0d32a064f423dc3ee4aa3abf53f803"},
    {.name = "ones, hello world",
     .seed = "0101010101010101010101010101010101010101010101010101010101010101",
     .message = "hello world",
     .signature = "1b11b54888ee61743d072f36ce1ffdcde233b39ace8754db41cd299af9d8a63f"
                  "5ccda750aa6316da57e8f2617811a21e612a6deb6d4408894a89f1a4ec3fc004"},
    {.name = "RFC 8032, section 7.1, test 1",
     .seed = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     .message = "",
     .signature = "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
                  "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"},
    {.name = "RFC 8032, section 7.1, test 2",
     .seed = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     .message = "\x72",
     .signature = "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                  "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"},
};

#define SIGNATURE_COUNT (sizeof(signature_rows) / sizeof(signature_rows[0]))

static void test_signatures(void **state)
{
    for (size_t i = 0; i < SIGNATURE_COUNT; i++) {
        struct iq_secret_key key = key_from_hex(signature_rows[i].seed);
        const char *message = signature_rows[i].message;
        uint8_t signature[IQ_SIGNATURE_LEN], expected[IQ_SIGNATURE_LEN];

        read_hex(expected, signature_rows[i].signature);
        iq_secret_key_sign(&key, message, strlen(message), signature);
        assert_memory_equal(signature, expected, IQ_SIGNATURE_LEN);
        assert_true(iq_id_verify(&key.id, message, strlen(message), signature));
    }
}

static void test_damaged_signatures(void **state)
{
    struct iq_secret_key key = key_from_hex(vectors[1].seed);
    struct iq_id other = id_from_hex(vectors[0].id);
    uint8_t signature[IQ_SIGNATURE_LEN];

    iq_secret_key_sign(&key, "hello world", 11, signature);
    assert_false(iq_id_verify(&other, "hello world", 11, signature));
    assert_false(iq_id_verify(&key.id, "hello worle", 11, signature));
    assert_false(iq_id_verify(&key.id, "hello world", 10, signature));
    assert_false(iq_id_verify(&key.id, "hello world", 0, signature));
    for (size_t bit = 0; bit < 8 * sizeof(signature); bit++) {
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_false(iq_id_verify(&key.id, "hello world", 11, signature));
        signature[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_true(iq_id_verify(&key.id, "hello world", 11, signature));
}

/* S + L would make a second signature of every one.  RFC 8032, section 5.1.7. */
static void test_scalar_must_be_reduced(void **state)
{
    struct iq_secret_key key = key_from_hex(vectors[1].seed);
    uint8_t order[IQ_KEY_LEN];
    uint8_t signature[IQ_SIGNATURE_LEN];
    unsigned carry = 0;

    read_hex(order, "edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
    iq_secret_key_sign(&key, "hello world", 11, signature);
    for (size_t i = 0; i < IQ_KEY_LEN; i++) {
        carry += (unsigned)signature[32 + i] + order[i];
        signature[32 + i] = (uint8_t)carry;
        carry >>= 8;
    }
    assert_false(iq_id_verify(&key.id, "hello world", 11, signature));
}

/* With a key of small order a constant signature fits any message, unless the check is strict. */
static void test_forged_signature_of_small_order(void **state)
{
    static const uint8_t forged[IQ_SIGNATURE_LEN] = {1};
    static const struct iq_id neutral = {{1}};

    assert_false(iq_id_verify(&neutral, "hello world", 11, forged));
}

static void test_generated_keys(void **state)
{
    static const uint8_t zero[IQ_KEY_LEN];
    struct iq_secret_key one, other, again;

    iq_secret_key_generate(&one);
    iq_secret_key_generate(&other);
    assert_memory_not_equal(one.seed, zero, IQ_KEY_LEN);
    assert_memory_not_equal(one.seed, other.seed, IQ_KEY_LEN);
    assert_false(iq_id_equal(&one.id, &other.id));
    assert_true(iq_id_is_valid(&one.id));
    iq_secret_key_from_seed(&again, one.seed);
    assert_memory_equal(&again, &one, sizeof(one));
}

static void test_wipe(void **state)
{
    static const struct iq_secret_key wiped;
    struct iq_secret_key key;

    iq_secret_key_generate(&key);
    iq_secret_key_wipe(&key);
    assert_memory_equal(&key, &wiped, sizeof(key));
}

static void test_every_byte_of_an_id_counts(void **state)
{
    struct iq_id id = id_from_hex(vectors[0].id);

    for (size_t i = 0; i < IQ_KEY_LEN; i++) {
        struct iq_id other = id;

        assert_true(iq_id_equal(&id, &other));
        other.key[i] ^= 1;
        assert_false(iq_id_equal(&id, &other));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_id_of_a_seed),
        cmocka_unit_test(test_second_seed_of_the_rfc),
        cmocka_unit_test(test_seed_may_lie_in_the_key),
        cmocka_unit_test(test_id_texts),
        cmocka_unit_test(test_id_is_read),
        cmocka_unit_test(test_secret_is_read),
        cmocka_unit_test(test_bad_texts),
        cmocka_unit_test(test_invalid_ids),
        cmocka_unit_test(test_mixed_order),
        cmocka_unit_test(test_signatures),
        cmocka_unit_test(test_damaged_signatures),
        cmocka_unit_test(test_scalar_must_be_reduced),
        cmocka_unit_test(test_forged_signature_of_small_order),
        cmocka_unit_test(test_generated_keys),
        cmocka_unit_test(test_wipe),
        cmocka_unit_test(test_every_byte_of_an_id_counts),
    };

    return cmocka_run_group_tests(tests, set_up, NULL);
}
