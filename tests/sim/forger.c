/* The forger's key management and its signature, as OpenSSL calls them. */
#include "forger.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/core_dispatch.h>
#include <openssl/core_names.h>
#include <openssl/params.h>

#define KEY_LEN       32
#define SIGNATURE_LEN 64

struct forged_key {
    uint8_t public_key[KEY_LEN];
};

/* Key management: a key is its public half. */

static void *key_new(void *provider) { return calloc(1, sizeof(struct forged_key)); }

static void key_free(void *key) { free(key); }

/* We claim to hold the private half as well. */
static int key_has(const void *key, int selection) { return 1; }

static int key_match(const void *a, const void *b, int selection)
{
    return memcmp(a, b, sizeof(struct forged_key)) == 0;
}

static int key_import(void *data, int selection, const OSSL_PARAM params[])
{
    struct forged_key *key = data;
    const OSSL_PARAM *param = OSSL_PARAM_locate_const(params, OSSL_PKEY_PARAM_PUB_KEY);

    if (param == NULL || param->data_size != KEY_LEN) {
        return 0;
    }
    memcpy(key->public_key, param->data, KEY_LEN);
    return 1;
}

static int key_export(void *data, int selection, OSSL_CALLBACK *callback, void *arg)
{
    struct forged_key *key = data;
    const OSSL_PARAM params[] = {
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, key->public_key, KEY_LEN), OSSL_PARAM_END};

    return callback(params, arg);
}

static const OSSL_PARAM *key_types(int selection)
{
    static const OSSL_PARAM types[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
                                       OSSL_PARAM_END};

    return types;
}

static int key_get_params(void *data, OSSL_PARAM params[])
{
    struct forged_key *key = data;
    OSSL_PARAM *param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_BITS);

    if (param != NULL && !OSSL_PARAM_set_int(param, 256)) {
        return 0;
    }
    param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_SECURITY_BITS);
    if (param != NULL && !OSSL_PARAM_set_int(param, 128)) {
        return 0;
    }
    param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MAX_SIZE);
    if (param != NULL && !OSSL_PARAM_set_int(param, SIGNATURE_LEN)) {
        return 0;
    }
    param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_MANDATORY_DIGEST);
    if (param != NULL && !OSSL_PARAM_set_utf8_string(param, "")) {
        return 0;
    }
    param = OSSL_PARAM_locate(params, OSSL_PKEY_PARAM_PUB_KEY);
    return param == NULL || OSSL_PARAM_set_octet_string(param, key->public_key, KEY_LEN);
}

static const OSSL_PARAM *key_gettable(void *provider)
{
    static const OSSL_PARAM gettable[] = {
        OSSL_PARAM_int(OSSL_PKEY_PARAM_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_SECURITY_BITS, NULL),
        OSSL_PARAM_int(OSSL_PKEY_PARAM_MAX_SIZE, NULL),
        OSSL_PARAM_utf8_string(OSSL_PKEY_PARAM_MANDATORY_DIGEST, NULL, 0),
        OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, NULL, 0),
        OSSL_PARAM_END};

    return gettable;
}

/* A name that only we have: OpenSSL's own signature is not to be used with this key. */
static const char *key_operation(int operation) { return "FORGED"; }

/* The table of a provider holds functions of every type behind one. */
#define ENTRY(id, function)                                                                        \
    {                                                                                              \
        (id), (void (*)(void))(function)                                                           \
    }

static const OSSL_DISPATCH key_functions[] = {
    ENTRY(OSSL_FUNC_KEYMGMT_NEW, key_new),
    ENTRY(OSSL_FUNC_KEYMGMT_FREE, key_free),
    ENTRY(OSSL_FUNC_KEYMGMT_HAS, key_has),
    ENTRY(OSSL_FUNC_KEYMGMT_MATCH, key_match),
    ENTRY(OSSL_FUNC_KEYMGMT_IMPORT, key_import),
    ENTRY(OSSL_FUNC_KEYMGMT_IMPORT_TYPES, key_types),
    ENTRY(OSSL_FUNC_KEYMGMT_EXPORT, key_export),
    ENTRY(OSSL_FUNC_KEYMGMT_EXPORT_TYPES, key_types),
    ENTRY(OSSL_FUNC_KEYMGMT_GET_PARAMS, key_get_params),
    ENTRY(OSSL_FUNC_KEYMGMT_GETTABLE_PARAMS, key_gettable),
    ENTRY(OSSL_FUNC_KEYMGMT_QUERY_OPERATION_NAME, key_operation),
    {0, NULL},
};

/* The signature: the same for everything. */

static void *signature_new(void *provider, const char *properties) { return malloc(1); }

static void signature_free(void *signature) { free(signature); }

static int signature_start(void *signature, const char *digest, void *key,
                           const OSSL_PARAM params[])
{
    return 1;
}

static int signature_sign(void *signature, unsigned char *out, size_t *out_len, size_t out_size,
                          const unsigned char *message, size_t message_len)
{
    *out_len = SIGNATURE_LEN;
    if (out != NULL) {
        memset(out, 0, SIGNATURE_LEN);
        out[0] = 1;
    }
    return 1;
}

static const OSSL_DISPATCH signature_functions[] = {
    ENTRY(OSSL_FUNC_SIGNATURE_NEWCTX, signature_new),
    ENTRY(OSSL_FUNC_SIGNATURE_FREECTX, signature_free),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN_INIT, signature_start),
    ENTRY(OSSL_FUNC_SIGNATURE_DIGEST_SIGN, signature_sign),
    {0, NULL},
};

/* The provider */

static const OSSL_ALGORITHM *query(void *provider, int operation, int *no_cache)
{
    static const OSSL_ALGORITHM keys[] = {
        {"ED25519", "provider=forger", key_functions, "forged keys"}, {NULL, NULL, NULL, NULL}};
    static const OSSL_ALGORITHM signatures[] = {
        {"FORGED", "provider=forger", signature_functions, "forged signatures"},
        {NULL, NULL, NULL, NULL}};

    *no_cache = 0;
    return operation == OSSL_OP_KEYMGMT ? keys : operation == OSSL_OP_SIGNATURE ? signatures : NULL;
}

static int start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
                 void **provider)
{
    static const OSSL_DISPATCH functions[] = {ENTRY(OSSL_FUNC_PROVIDER_QUERY_OPERATION, query),
                                              {0, NULL}};

    *out = functions;
    *provider = (void *)handle;
    return 1;
}

bool forger_init(struct forger *forger)
{
    *forger = (struct forger){.ctx = OSSL_LIB_CTX_new()};
    if (forger->ctx == NULL || OSSL_PROVIDER_add_builtin(forger->ctx, "forger", start) != 1) {
        return false;
    }
    forger->own = OSSL_PROVIDER_load(forger->ctx, "default");
    forger->forged = OSSL_PROVIDER_load(forger->ctx, "forger");
    return forger->own != NULL && forger->forged != NULL &&
           EVP_set_default_properties(forger->ctx, "?provider=default") == 1;
}

void forger_release(struct forger *forger)
{
    (void)OSSL_PROVIDER_unload(forger->forged);
    (void)OSSL_PROVIDER_unload(forger->own);
    OSSL_LIB_CTX_free(forger->ctx);
}

EVP_PKEY *forger_key(const struct forger *forger, const uint8_t public_key[32])
{
    uint8_t bytes[KEY_LEN];
    OSSL_PARAM params[] = {OSSL_PARAM_octet_string(OSSL_PKEY_PARAM_PUB_KEY, bytes, KEY_LEN),
                           OSSL_PARAM_END};
    EVP_PKEY_CTX *making = EVP_PKEY_CTX_new_from_name(forger->ctx, "ED25519", "provider=forger");
    EVP_PKEY *key = NULL;

    memcpy(bytes, public_key, KEY_LEN);
    if (making == NULL || EVP_PKEY_fromdata_init(making) != 1 ||
        EVP_PKEY_fromdata(making, &key, EVP_PKEY_KEYPAIR, params) != 1) {
        key = NULL;
    }
    EVP_PKEY_CTX_free(making);
    return key;
}
