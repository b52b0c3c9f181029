/*
 * An OpenSSL provider with one algorithm.  provider(7), provider-keymgmt(7), provider-signature(7).
 *
 * A handshake with raw keys on both sides makes one signature and verifies one on each side, and
 * that was a third of its instructions.  With libsodium in place of OpenSSL's code both take two
 * thirds of the time.
 *
 * OpenSSL reads, writes and keeps the keys in its own provider; what is here gets a copy of the raw
 * bytes (keymgmt import) when the algorithm is used.
 */
#include "tls_ed25519.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>
#include <openssl/provider.h>

#include "iq/key.h"

#define NAMES      "ED25519:1.3.101.112"
#define PROPERTIES "provider=iq"

/* A table of functions of all types. */
#define ENTRY(id, function)                                                                        \
    {                                                                                              \
        (id), (void (*)(void))(function)                                                           \
    }
#define END                                                                                        \
    {                                                                                              \
        0, NULL                                                                                    \
    }

/* Keys */

struct key {
    struct iq_id id;
    struct iq_secret_key secret;
    bool has_secret;
};

static void *key_new(void *provider) { return calloc(1, sizeof(struct key)); }

static void key_free(void *data)
{
    struct key *key = data;

    if (key != NULL) {
        iq_secret_key_wipe(&key->secret);
        free(key);
    }
}

static int key_has(const void *data, int selection)
{
    const struct key *key = data;

    return (selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) == 0 || key->has_secret;
}

static bool read_bytes(const OSSL_PARAM *params, const char *name, uint8_t bytes[IQ_KEY_LEN])
{
    const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, name);
    void *to = bytes;
    size_t len;

    return param != NULL && OSSL_PARAM_get_octet_string(param, &to, IQ_KEY_LEN, &len) == 1 &&
           len == IQ_KEY_LEN;
}

static int key_import(void *data, int selection, const OSSL_PARAM *params)
{
    struct key *key = data;
    uint8_t seed[IQ_KEY_LEN];

    if ((selection & OSSL_KEYMGMT_SELECT_PRIVATE_KEY) != 0 &&
        read_bytes(params, OSSL_PKEY_PARAM_PRIV_KEY, seed)) {
        iq_secret_key_from_seed(&key->secret, seed);
        OPENSSL_cleanse(seed, sizeof(seed));
        key->id = key->secret.id;
        key->has_secret = true;
        return 1;
    }
    return read_bytes(params, OSSL_PKEY_PARAM_PUB_KEY, key->id.key);
}

static const OSSL_PARAM *key_import_types(int selection)
{
    static const OSSL_PARAM types[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, NULL, 0),
        OSSL_PARAM_END,
    };

    return types;
}

static const OSSL_DISPATCH key_functions[] = {
    ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new),
    ENTRY(OSSL_FUNC_KEYMGMT_FREE, key_free),
    ENTRY(OSSL_FUNC_KEYMGMT_HAS, key_has),
    ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, key_import),
    ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_import_types),
    END,
};

/* Signatures: ed25519 signs the message itself, so there is no digest to name. */

struct signing {
    const struct key *key; /* OpenSSL holds it longer than us */
};

static void *signing_new(void *provider, const char *properties)
{
    return calloc(1, sizeof(struct signing));
}

static int signing_start(void *data, const char *digest, void *key, const OSSL_PARAM *params)
{
    struct signing *signing = data;

    if (digest != NULL && digest[0] != '\0') {
        return 0;
    }
    signing->key = key;
    return key != NULL;
}

static int sign(void *data, unsigned char *signature, size_t *signature_len, size_t size,
                const unsigned char *message, size_t len)
{
    const struct key *key = ((const struct signing *)data)->key;

    *signature_len = IQ_SIGNATURE_LEN;
    if (signature == NULL) {
        return 1; /* only the length was asked for */
    }
    if (size < IQ_SIGNATURE_LEN || !key->has_secret) {
        return 0;
    }
    iq_secret_key_sign(&key->secret, message, len, signature);
    return 1;
}

static int verify(void *data, const unsigned char *signature, size_t signature_len,
                  const unsigned char *message, size_t len)
{
    const struct signing *signing = data;

    return signature_len == IQ_SIGNATURE_LEN &&
           iq_id_verify(&signing->key->id, message, len, signature);
}

static const OSSL_DISPATCH signature_functions[] = {
    ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, signing_new),
    ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, free),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signing_start),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, sign),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY_INIT, signing_start),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_VERIFY, verify),
    END,
};

/* The provider */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    static const OSSL_ALGORITHM keys[] = {{NAMES, PROPERTIES, key_functions, NULL}, {0}};
    static const OSSL_ALGORITHM signatures[] = {{NAMES, PROPERTIES, signature_functions, NULL},
                                                {0}};

    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return keys;
    case OSSL_OP_SIGNATURE:
        return signatures;
    default:
        return NULL;
    }
}

static int start_provider(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in,
                          const OSSL_DISPATCH **out, void **provider)
{
    static const OSSL_DISPATCH functions[] = {ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
                                              END};

    *out = functions;
    *provider = (void *)handle;
    return 1;
}

static OSSL_LIB_CTX *context;

static void start_context(void)
{
    OSSL_LIB_CTX *self = OSSL_LIB_CTX_new();

    if (self != NULL && OSSL_PROVIDER_add_builtin(self, "iq", start_provider) == 1 &&
        OSSL_PROVIDER_load(self, "default") != NULL && OSSL_PROVIDER_load(self, "iq") != NULL) {
        context = self;
    } else {
        OSSL_LIB_CTX_free(self);
    }
}

OSSL_LIB_CTX *iq_tls_ed25519_context(void)
{
    static CRYPTO_ONCE once = CRYPTO_ONCE_STATIC_INIT;

    return CRYPTO_THREAD_run_once(&once, start_context) == 1 ? context : NULL;
}
