/* Ids and secret keys: an id that is read is valid, and is printed as it is read. */
#include "iq/key.h"

#include "fuzz.h"

static void check_id(const struct iq_id *id)
{
    struct iq_id again;
    char str[IQ_ID_STR_SIZE], short_str[IQ_ID_SHORT_STR_SIZE], z32_str[IQ_ID_Z32_STR_SIZE];

    assert(iq_id_is_valid(id));
    assert(iq_id_parse(&again, iq_id_str(id, str)) == 0);
    assert(iq_id_equal(id, &again));
    assert(strncmp(iq_id_short_str(id, short_str), str, strlen(short_str)) == 0);
    assert(strlen(iq_id_z32_str(id, z32_str)) == IQ_ID_Z32_STR_SIZE - 1);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char *text = fuzz_str(data, len);
    struct iq_id id;
    struct iq_secret_key key;
    int id_rc = iq_id_parse(&id, text);
    int key_rc = iq_secret_key_parse(&key, text);

    assert(id_rc == 0 || id_rc == IQ_ERR_INVALID_KEY);
    assert(key_rc == 0 || key_rc == IQ_ERR_INVALID_KEY);
    assert(id_rc != 0 || key_rc == 0); /* each text of an id is one of a seed too */
    if (id_rc == 0) {
        check_id(&id);
        assert(memcmp(id.key, key.seed, sizeof(id.key)) == 0);
    }
    if (key_rc == 0) {
        check_id(iq_secret_key_id(&key));
    }
    free(text);
    return 0;
}
